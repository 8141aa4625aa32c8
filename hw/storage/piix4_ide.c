// piix4_ide.c: the PIIX4's IDE function: configuration, legacy ports, bus master ports, requests to the disks.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/storage/piix4_ide.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/log.h"
#include "block/disk.h"
#include "bus/platform.h"
#include "hw/pci/pci.h"
#include "hw/storage/bmide.h"

#define CHANNELS 2u
#define PIECES 512                      // of one scatter list

#define CONFIG_COMMAND 0x04u
#define COMMAND_IO     0x01u
#define CONFIG_IDETIM  0x40u            // two bytes for each channel
#define IDETIM_DECODE  0x80u            // in the upper byte
#define CONFIG_SIDETIM 0x44u
#define CONFIG_UDMACTL 0x48u
#define CONFIG_UDMATIM 0x4au

#define BAR_MASTER 4

static const struct { uint16_t command, control; uint8_t irq; const char *name, *control_name; } legacy[CHANNELS] = {
	{ 0x1f0, 0x3f6, 14, "ide0", "ide0-control" },
	{ 0x170, 0x376, 15, "ide1", "ide1-control" },
};

enum slot_state { SLOT_IDLE, SLOT_POSTED, SLOT_SUBMITTED };

// The one request that a drive may have under way.
struct slot {
	struct piix4_ide *ide;
	unsigned channel, unit;
	struct disk *disk;              // lock
	enum slot_state state;          // lock
	struct loop_call call;
	struct block_req req;           // filled under the lock before it is posted, then the loop's
	struct iovec buffer;            // of a request without DMA
	struct iovec iov[PIECES];
	struct bmide_map map;
};

struct channel {
	struct piix4_ide *ide;
	unsigned number;
	struct ata ata;
	struct bmide bm;
	struct irq_line irq;
	struct bus_range command, control;
	bool decoded;                   // root lock
	bool populated;
	struct slot slot[2];
};

struct piix4_ide_regs {
	struct ata_regs ata[CHANNELS];
	struct bmide_regs bm[CHANNELS];
};

struct piix4_ide {
	pthread_mutex_t lock;           // all registers and slots; taken after pci_root.lock, before irq pin and loop
	const struct platform *platform;
	struct pci_dev pci;
	struct piix4_ide_regs *regs;    // lock
	struct channel channel[CHANNELS];
	void (*tray_moved)(void *arg, unsigned channel, unsigned unit, bool open);
	void *tray_arg;
	bool stopped;                   // lock
	bool destroyed;                 // loop thread: freed when the last posted call has run
};

// --- requests ------------------------------------------------------------------------------------------------

static void slot_end(struct slot *s, int result)
{
	s->state = SLOT_IDLE;
	ata_io_done(&s->ide->channel[s->channel].ata, s->unit, result);
}

static void slot_done(struct block_req *req, int result)
{
	struct slot *s = req->owner;

	pthread_mutex_lock(&s->ide->lock);
	slot_end(s, result);
	pthread_mutex_unlock(&s->ide->lock);
}

static void destroy_when_quiet(struct piix4_ide *ide);

// Loop thread. The disk is looked up here: a medium may have been taken out since the request was posted.
static void slot_submit(void *arg)
{
	struct slot *s = arg;
	struct piix4_ide *ide = s->ide;
	struct disk *disk = NULL;

	pthread_mutex_lock(&ide->lock);
	if (ide->stopped) {
		s->state = SLOT_IDLE;           // nobody is left to be told
	} else if (!s->disk) {
		slot_end(s, -ENOMEDIUM);
	} else {
		s->state = SLOT_SUBMITTED;
		disk = s->disk;
	}
	pthread_mutex_unlock(&ide->lock);
	if (disk)
		disk_submit(disk, &s->req);
	destroy_when_quiet(ide);
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

// --- what the channel's cores ask for ---------------------------------------------------------------------------

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

// --- ports -----------------------------------------------------------------------------------------------------

// The data port takes 16 bits at a time; a byte access still moves a whole item.
static uint64_t data_read(struct channel *c, unsigned size)
{
	uint8_t raw[8];

	ata_data_read(&c->ata, raw, size < 2 ? 2 : size);
	return get_le(raw, size);
}

static uint64_t command_read(void *dev, uint64_t offset, unsigned size)
{
	struct channel *c = dev;
	uint64_t value = 0;

	if (offset == ATA_REG_DATA)
		return data_read(c, size);
	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)ata_read(&c->ata, (unsigned)offset + i) << i * 8;
	return value;
}

static void command_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct channel *c = dev;
	uint8_t raw[8] = { 0 };

	if (offset == ATA_REG_DATA) {
		put_le(raw, size, value);
		ata_data_write(&c->ata, raw, size < 2 ? 2 : size);
		return;
	}
	for (unsigned i = 0; i < size; i++)
		ata_write(&c->ata, (unsigned)offset + i, (uint8_t)(value >> i * 8));
}

static void command_read_string(void *dev, uint64_t offset, unsigned size, void *buf, size_t count)
{
	struct channel *c = dev;
	uint8_t *to = buf;

	if (offset == ATA_REG_DATA && size > 1) {
		ata_data_read(&c->ata, to, count * size);
		return;
	}
	for (size_t i = 0; i < count; i++)
		put_le(to + i * size, size, command_read(dev, offset, size));
}

static void command_write_string(void *dev, uint64_t offset, unsigned size, const void *buf, size_t count)
{
	struct channel *c = dev;
	const uint8_t *from = buf;

	if (offset == ATA_REG_DATA && size > 1) {
		ata_data_write(&c->ata, from, count * size);
		return;
	}
	for (size_t i = 0; i < count; i++)
		command_write(dev, offset, size, get_le(from + i * size, size));
}

static const struct bus_ops command_ops = {
	.read = command_read,
	.write = command_write,
	.max_size = 4,
	.read_string = command_read_string,
	.write_string = command_write_string,
};

static uint64_t control_read(void *dev, uint64_t offset, unsigned size)
{
	struct channel *c = dev;

	(void)offset;
	(void)size;
	return ata_alt_status(&c->ata);
}

static void control_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct channel *c = dev;

	(void)offset;
	(void)size;
	ata_control_write(&c->ata, (uint8_t)value);
}

static const struct bus_ops control_ops = { .read = control_read, .write = control_write, .max_size = 1 };

// The bus master registers of both channels, 8 bytes each.
static uint64_t master_port_read(void *dev, uint64_t offset, unsigned size)
{
	struct piix4_ide *ide = dev;
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++) {
		unsigned at = (unsigned)(offset + i) & 15;

		value |= (uint64_t)bmide_read(&ide->channel[at / BMIDE_SIZE].bm, at % BMIDE_SIZE) << i * 8;
	}
	return value;
}

static void master_port_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct piix4_ide *ide = dev;
	unsigned at = (unsigned)offset & 15;

	bmide_write(&ide->channel[at / BMIDE_SIZE].bm, at % BMIDE_SIZE, size, (uint32_t)value);
}

static const struct bus_ops master_ops = { .read = master_port_read, .write = master_port_write, .max_size = 4 };

// --- configuration -------------------------------------------------------------------------------------------------

static void decode(struct channel *c, bool on)
{
	struct bus *ports = c->ide->platform->ports;

	if (on == c->decoded)
		return;
	c->decoded = false;
	if (!on) {
		bus_remove(ports, &c->command);
		bus_remove(ports, &c->control);
		return;
	}
	if (bus_insert(ports, &c->command, NULL)) {
		log_guest("ide%u: its ports are taken by another device", c->number);
		return;
	}
	if (bus_insert(ports, &c->control, NULL)) {
		bus_remove(ports, &c->command);
		log_guest("ide%u: its control port is taken by another device", c->number);
		return;
	}
	c->decoded = true;
}

// Root lock held.
static void update_decode(struct piix4_ide *ide)
{
	const uint8_t *config = ide->pci.config;

	for (unsigned i = 0; i < CHANNELS; i++)
		decode(&ide->channel[i], (config[CONFIG_COMMAND] & COMMAND_IO) &&
						 (config[CONFIG_IDETIM + i * 2 + 1] & IDETIM_DECODE));
}

static void config_written(struct pci_dev *pci, unsigned off, unsigned size)
{
	struct piix4_ide *ide = pci->owner;

	(void)off;
	(void)size;
	update_decode(ide);
	if (!pci_bus_master(pci))
		return;
	pthread_mutex_lock(&ide->lock);
	for (unsigned i = 0; i < CHANNELS; i++)
		ata_dma_ready(&ide->channel[i].ata);
	pthread_mutex_unlock(&ide->lock);
}

static const struct pci_ops pci_ops = { .config_written = config_written };

static void init_config(struct piix4_ide *ide)
{
	static const struct pci_id id = {
		.vendor = 0x8086, .device = 0x7111, .subsystem_vendor = 0x15ad, .subsystem_device = 0x1976,
		.class_code = 0x01018a, .revision = 1,
	};
	uint8_t *wmask = ide->pci.wmask;

	pci_dev_init(&ide->pci, "piix4-ide", &id, &pci_ops, ide);
	pci_bar_registers(&ide->pci, BAR_MASTER, PCI_BAR_IO, 2 * BMIDE_SIZE, &master_ops, ide, &ide->lock);
	for (unsigned i = 0; i < CHANNELS; i++) {
		wmask[CONFIG_IDETIM + i * 2] = 0xff;
		wmask[CONFIG_IDETIM + i * 2 + 1] = ide->channel[i].populated ? 0xf3 : 0x73;
	}
	wmask[CONFIG_SIDETIM] = 0xff;
	wmask[CONFIG_UDMACTL] = 0x0f;
	put_le16(wmask + CONFIG_UDMATIM, 0x3333);
}

// --- creation --------------------------------------------------------------------------------------------------------

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

static void init_channel(struct piix4_ide *ide, unsigned number, const struct piix4_ide_args *args)
{
	struct channel *c = &ide->channel[number];
	const struct ata_host host = {
		.irq = host_irq, .io = host_io, .dma_map = host_dma_map, .dma_copy = host_dma_copy,
		.dma_end = host_dma_end, .tray = host_tray, .arg = c,
	};
	const struct bmide_host master = {
		.read = master_read, .write = master_write, .iov = master_iov, .granted = master_granted,
		.started = master_started, .arg = c,
	};
	unsigned command = legacy[number].command, control = legacy[number].control;

	c->ide = ide;
	c->number = number;
	irq_line_connect(&c->irq, &ide->platform->isa_irq[legacy[number].irq]);
	c->command = (struct bus_range){ command, command + 7, legacy[number].name, &command_ops, c, &ide->lock };
	c->control = (struct bus_range){ control, control, legacy[number].control_name, &control_ops, c, &ide->lock };
	init_slots(c);
	ata_init(&c->ata, &ide->regs->ata[number], &host);
	bmide_init(&c->bm, &ide->regs->bm[number], &master);
	for (unsigned i = 0; i < 2; i++)
		plug(c, i, &args->drive[number][i]);
}

static void reset_channel(struct channel *c)
{
	uint8_t capable = 0;

	// As VMware's firmware leaves them: set where a drive is.
	if (c->ata.dev[0].drive.kind != ATA_KIND_NONE)
		capable |= BMIDE_CAPABLE_0;
	if (c->ata.dev[1].drive.kind != ATA_KIND_NONE)
		capable |= BMIDE_CAPABLE_1;
	ata_power_on(&c->ata);
	bmide_reset(&c->bm, capable);
}

static int check_args(const struct piix4_ide_args *args, struct err *err)
{
	for (unsigned i = 0; i < 4; i++) {
		const struct piix4_ide_drive *drive = &args->drive[i / 2][i % 2];

		if (drive->kind == ATA_KIND_DISK && !drive->disk)
			return err_set(err, EINVAL, "ide", "ide%u:%u is a disk without an image", i / 2, i % 2);
	}
	return 0;
}

static void release(struct piix4_ide *ide)
{
	pthread_mutex_destroy(&ide->lock);
	free(ide->regs);
	free(ide);
}

int piix4_ide_create(const struct platform *platform, const struct piix4_ide_args *args, struct piix4_ide **out, struct err *err)
{
	struct piix4_ide *ide;
	int rc = check_args(args, err);

	if (rc)
		return rc;
	ide = calloc(1, sizeof(*ide));
	if (ide)
		ide->regs = calloc(1, sizeof(*ide->regs));
	if (!ide || !ide->regs) {
		free(ide);
		return err_set(err, ENOMEM, "ide", "not enough memory");
	}
	pthread_mutex_init(&ide->lock, NULL);
	ide->platform = platform;
	ide->tray_moved = args->tray_moved;
	ide->tray_arg = args->arg;
	for (unsigned i = 0; i < CHANNELS; i++)
		init_channel(ide, i, args);
	init_config(ide);
	rc = pci_attach(args->bus, &ide->pci, args->devfn, err);
	if (rc) {
		release(ide);
		return rc;
	}
	for (unsigned i = 0; i < CHANNELS; i++)
		reset_channel(&ide->channel[i]);
	*out = ide;
	return 0;
}

// --- media -----------------------------------------------------------------------------------------------------------

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

// --- the machine's table -----------------------------------------------------------------------------------------------

static bool idle_locked(const struct piix4_ide *ide)
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
	idle = idle_locked(ide);
	pthread_mutex_unlock(&ide->lock);
	return idle;
}

static void lock_root(struct piix4_ide *ide) { pthread_mutex_lock(pci_root_lock(ide->platform->pci)); }
static void unlock_root(struct piix4_ide *ide) { pthread_mutex_unlock(pci_root_lock(ide->platform->pci)); }

static void ide_reset(void *dev)
{
	struct piix4_ide *ide = dev;

	pci_dev_reset(&ide->pci);
	lock_root(ide);
	update_decode(ide);
	unlock_root(ide);
	pthread_mutex_lock(&ide->lock);
	for (unsigned i = 0; i < CHANNELS; i++)
		reset_channel(&ide->channel[i]);
	pthread_mutex_unlock(&ide->lock);
}

static void ide_stop(void *dev)
{
	struct piix4_ide *ide = dev;

	pthread_mutex_lock(&ide->lock);
	ide->stopped = true;
	pthread_mutex_unlock(&ide->lock);
}

// Loop thread: the last posted call frees what ide_destroy() could not.
static void destroy_when_quiet(struct piix4_ide *ide)
{
	if (ide->destroyed && piix4_ide_idle(ide))
		release(ide);
}

static void ide_destroy(void *dev)
{
	struct piix4_ide *ide = dev;

	lock_root(ide);
	for (unsigned i = 0; i < CHANNELS; i++)
		decode(&ide->channel[i], false);
	unlock_root(ide);
	ide_stop(ide);
	ide->destroyed = true;
	destroy_when_quiet(ide);
}

static void *ide_regs(void *dev)
{
	struct piix4_ide *ide = dev;

	return ide->regs;
}

static void ide_loaded(void *dev)
{
	struct piix4_ide *ide = dev;

	lock_root(ide);
	update_decode(ide);
	unlock_root(ide);
	pthread_mutex_lock(&ide->lock);
	for (unsigned i = 0; i < CHANNELS; i++)
		ata_loaded(&ide->channel[i].ata);
	pthread_mutex_unlock(&ide->lock);
}

static void sanitize(void *regs)
{
	struct piix4_ide_regs *r = regs;

	for (unsigned i = 0; i < CHANNELS; i++) {
		ata_regs_sanitize(&r->ata[i]);
		bmide_regs_sanitize(&r->bm[i]);
	}
}

static const struct field field_list[] = {
	ATA_FIELDS(struct piix4_ide_regs, ata[0]),
	ATA_FIELDS(struct piix4_ide_regs, ata[1]),
	BMIDE_FIELDS(struct piix4_ide_regs, bm[0]),
	BMIDE_FIELDS(struct piix4_ide_regs, bm[1]),
};

static const struct fields fields = {
	.name = "piix4-ide",
	.version = 1,
	.struct_size = sizeof(struct piix4_ide_regs),
	.list = field_list,
	.count = ARRAY_SIZE(field_list),
	.sanitize = sanitize,
};

const struct device_class piix4_ide_class = {
	.name = "piix4-ide",
	.reset = ide_reset,
	.stop = ide_stop,
	.destroy = ide_destroy,
	.fields = &fields,
	.regs = ide_regs,
	.loaded = ide_loaded,
};
