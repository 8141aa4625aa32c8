// piix4_ide_io.c: between the channels and the disks: requests, scatter lists, interrupts, media.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/storage/piix4_ide_dev.h"

#include <errno.h>
#include <stdlib.h>

#include "base/compiler.h"

// --- requests ----------------------------------------------------------------------------------------

bool ide_channels_idle(const struct piix4_ide *ide)
{
	for (unsigned i = 0; i < CHANNELS * 2; i++)
		if (ide->channel[i / 2].slot[i % 2].state != SLOT_IDLE)
			return false;
	return true;
}

bool piix4_ide_idle(struct piix4_ide *ide)
{
	bool idle;

	pthread_mutex_lock(&ide->lock);
	idle = ide_channels_idle(ide);
	pthread_mutex_unlock(&ide->lock);
	return idle;
}

void ide_release_when_quiet(struct piix4_ide *ide)
{
	if (!ide->destroyed || !piix4_ide_idle(ide))
		return;
	pthread_mutex_destroy(&ide->lock);
	free(ide->regs);
	free(ide);
}

static void slot_end(struct slot *s, int result)
{
	s->state = SLOT_IDLE;
	s->cancelled = false;
	ata_io_done(&s->ide->channel[s->channel].ata, s->unit, result);
}

static void slot_done(struct block_req *req, int result)
{
	struct slot *s = req->owner;
	struct piix4_ide *ide = s->ide;

	pthread_mutex_lock(&ide->lock);
	slot_end(s, result);
	pthread_mutex_unlock(&ide->lock);
	ide_release_when_quiet(ide);
}

// Loop thread. The disk is looked up here: a medium may have been taken out since the request was posted.
static void slot_submit(void *arg)
{
	struct slot *s = arg;
	struct piix4_ide *ide = s->ide;
	struct disk *disk = NULL;

	pthread_mutex_lock(&ide->lock);
	if (ide->stopped) {
		s->state = SLOT_IDLE;           // nobody is left to be told
	} else if (!s->disk || s->cancelled) {
		slot_end(s, s->disk ? -ECANCELED : -ENOMEDIUM);
	} else {
		s->state = SLOT_SUBMITTED;
		disk = s->disk;
	}
	pthread_mutex_unlock(&ide->lock);
	if (disk)
		disk_submit(disk, &s->req);
	ide_release_when_quiet(ide);
}

static const enum block_op block_ops[] = {
	[ATA_IO_READ] = BLOCK_READ,
	[ATA_IO_WRITE] = BLOCK_WRITE,
	[ATA_IO_FLUSH] = BLOCK_FLUSH,
	[ATA_IO_DISCARD] = BLOCK_DISCARD,
};

static void host_io(void *arg, unsigned unit, const struct ata_io *io)
{
	struct channel *c = arg;
	struct slot *s = &c->slot[unit];
	bool data = io->op == ATA_IO_READ || io->op == ATA_IO_WRITE;

	s->buffer = (struct iovec){ io->buf, (size_t)io->length };
	s->req = (struct block_req){
		.op = block_ops[io->op],
		.flags = io->fua ? BLOCK_FUA : 0,
		.offset = io->offset,
		.length = io->length,
		.iov = !data ? NULL : io->dma ? s->iov : &s->buffer,
		.iovcnt = !data ? 0 : io->dma ? s->map.count : 1,
		.done = slot_done,
		.owner = s,
	};
	s->state = SLOT_POSTED;
	loop_post(c->ide->platform->loop, &s->call);
}

// --- what the channel's cores ask for ----------------------------------------------------------------

static void host_irq(void *arg, bool level)
{
	struct channel *c = arg;

	bmide_irq(&c->bm, level);
	irq_line_set(&c->irq, level);
}

static int64_t host_dma_map(void *arg, unsigned unit, uint64_t want, bool to_memory)
{
	struct channel *c = arg;

	return bmide_map(&c->bm, want, to_memory, &c->slot[unit].map);
}

static int64_t host_dma_copy(void *arg, unsigned unit, void *buf, size_t len, bool to_memory)
{
	struct channel *c = arg;

	(void)unit;
	return bmide_copy(&c->bm, buf, len, to_memory);
}

static void host_dma_end(void *arg, unsigned unit)
{
	struct channel *c = arg;

	(void)unit;
	bmide_end(&c->bm);
}

static void host_tray(void *arg, unsigned unit, bool open)
{
	struct channel *c = arg;

	if (c->ide->tray_moved)
		c->ide->tray_moved(c->ide->tray_arg, c->number, unit, open);
}

static int master_read(void *arg, gpa_t addr, void *buf, size_t len)
{
	struct channel *c = arg;

	return gmem_read(c->ide->platform->mem, addr, buf, len);
}

static int master_write(void *arg, gpa_t addr, const void *buf, size_t len)
{
	struct channel *c = arg;

	return gmem_write(c->ide->platform->mem, addr, buf, len);
}

static int master_iov(void *arg, gpa_t addr, size_t len, bool writable, struct iovec *iov, int max)
{
	struct channel *c = arg;

	return gmem_iov(c->ide->platform->mem, addr, len, writable, iov, max);
}

static bool master_granted(void *arg)
{
	struct channel *c = arg;

	return pci_bus_master(&c->ide->pci);
}

static void master_started(void *arg)
{
	struct channel *c = arg;

	ata_dma_ready(&c->ata);
}

// --- channels ----------------------------------------------------------------------------------------

static void plug(struct channel *c, unsigned unit, const struct piix4_ide_drive *from)
{
	struct disk *disk = from->disk;
	struct ata_drive drive = { .kind = from->kind, .number = c->number * 2 + unit };

	if (disk) {
		drive.sectors = disk->size / ATA_SECTOR;
		drive.medium = true;
		drive.readonly = disk->readonly;
		drive.discard = disk->discard;
		drive.cylinders = disk->geometry.cylinders;
		drive.heads = disk->geometry.heads;
		drive.sectors_per_track = disk->geometry.sectors;
	}
	c->slot[unit].disk = disk;
	c->populated |= drive.kind != ATA_KIND_NONE;
	ata_plug(&c->ata, unit, &drive);
}

static void init_slots(struct channel *c)
{
	for (unsigned i = 0; i < 2; i++) {
		struct slot *s = &c->slot[i];

		s->ide = c->ide;
		s->channel = c->number;
		s->unit = i;
		s->call = (struct loop_call){ .fn = slot_submit, .arg = s };
		s->map = (struct bmide_map){ .iov = s->iov, .max = PIECES };
	}
}

void ide_init_channel(struct channel *c, const struct piix4_ide_drive drive[2])
{
	const struct ata_host host = {
		.irq = host_irq, .io = host_io, .dma_map = host_dma_map, .dma_copy = host_dma_copy,
		.dma_end = host_dma_end, .tray = host_tray, .arg = c,
	};
	const struct bmide_host master = {
		.read = master_read, .write = master_write, .iov = master_iov, .granted = master_granted,
		.started = master_started, .arg = c,
	};

	init_slots(c);
	ata_init(&c->ata, &c->ide->regs->ata[c->number], &host);
	bmide_init(&c->bm, &c->ide->regs->bm[c->number], &master);
	for (unsigned i = 0; i < 2; i++)
		plug(c, i, &drive[i]);
}

void ide_reset_channel(struct channel *c)
{
	uint8_t capable = 0;

	// As VMware's firmware leaves them: set where a drive is.
	if (c->ata.dev[0].drive.kind != ATA_KIND_NONE)
		capable |= BMIDE_CAPABLE_0;
	if (c->ata.dev[1].drive.kind != ATA_KIND_NONE)
		capable |= BMIDE_CAPABLE_1;
	for (unsigned i = 0; i < 2; i++)
		c->slot[i].cancelled = c->slot[i].state == SLOT_POSTED;
	ata_power_on(&c->ata);
	bmide_reset(&c->bm, capable);
}

// --- media -------------------------------------------------------------------------------------------

int piix4_ide_cd_change(struct piix4_ide *ide, struct piix4_ide_medium *m, struct err *err)
{
	uint64_t sectors = m->disk ? m->disk->size / ATA_SECTOR : 0;
	struct slot *s;
	int rc;

	if (m->channel >= CHANNELS || m->unit >= 2)
		return err_set(err, ENODEV, "ide", "there is no ide%u:%u", m->channel, m->unit);
	s = &ide->channel[m->channel].slot[m->unit];
	pthread_mutex_lock(&ide->lock);
	rc = ata_medium_change(&ide->channel[m->channel].ata, m->unit, m->disk, sectors, m->force);
	if (!rc) {
		m->old = s->disk;
		s->disk = m->disk;
	}
	pthread_mutex_unlock(&ide->lock);
	if (rc == -EBUSY) {
		err_set(err, EBUSY, "ide", "the guest has locked the tray of ide%u:%u", m->channel, m->unit);
		err_remedy(err, "Unmount the disc in the guest, or change it by force");
	} else if (rc) {
		err_set(err, -rc, "ide", "ide%u:%u is not a CD-ROM drive", m->channel, m->unit);
	}
	return rc;
}
