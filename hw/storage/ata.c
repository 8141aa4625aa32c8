// ata.c: the ATA channel: task file, device selection, resets, interrupts, and how commands go on.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/storage/ata.h"

#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "hw/storage/ata_dev.h"
#include "hw/storage/atapi.h"

#define FLOATING 0x7fu                  // an empty cable: only DD7 is pulled, downwards

enum ata_reset {
	ATA_RESET_NONE,
	ATA_RESET_POWER_ON,
	ATA_RESET_SOFT,
	ATA_RESET_DIAGNOSTIC,
	ATA_RESET_DEVICE,
	ATA_RESET_COUNT
};

#define CMD_DEVICE_RESET 0x08
#define CMD_DIAGNOSTIC   0x90

static const struct ata_job_ops no_job;

static const struct ata_job_ops *const job_ops[ATA_JOB_COUNT] = {
	[ATA_JOB_NONE] = &no_job,
	[ATA_JOB_DATA_IN] = &ata_data_in_ops,
	[ATA_JOB_WRITE_BUFFER] = &ata_write_buffer_ops,
	[ATA_JOB_READ] = &ata_rw_read_ops,
	[ATA_JOB_WRITE] = &ata_rw_write_ops,
	[ATA_JOB_VERIFY] = &ata_rw_verify_ops,
	[ATA_JOB_FLUSH] = &ata_flush_ops,
	[ATA_JOB_TRIM] = &ata_trim_ops,
	[ATA_JOB_PACKET] = &atapi_packet_ops,
	[ATA_JOB_CD_REPLY] = &atapi_reply_ops,
	[ATA_JOB_CD_PARAMETERS] = &atapi_parameters_ops,
	[ATA_JOB_CD_READ] = &atapi_read_ops,
	[ATA_JOB_CD_RAW] = &atapi_raw_ops,
};

static bool present(const struct ata_dev *d)
{
	return d->drive.kind != ATA_KIND_NONE;
}

static struct ata_dev *selected(struct ata *ch)
{
	struct ata_dev *d = &ch->dev[ch->r->select & 1];

	return present(d) ? d : NULL;
}

// --- interrupts and outcomes -------------------------------------------------------------------------

// Only the selected device drives INTRQ.
static void update_irq(struct ata *ch)
{
	struct ata_dev *d = selected(ch);
	bool level = d && d->r->intrq && !(ch->r->control & ATA_NIEN);

	if (level == ch->level)
		return;
	ch->level = level;
	ch->host.irq(ch->host.arg, level);
}

void ata_intrq(struct ata_dev *d, bool level)
{
	d->r->intrq = level;
	update_irq(d->ch);
}

void ata_busy(struct ata_dev *d)
{
	d->r->status = ATA_BSY | ATA_READY;
}

static void end_job(struct ata_dev *d)
{
	d->r->job = ATA_JOB_NONE;
	d->r->wait = ATA_WAIT_NONE;
	d->r->pos = d->r->drq_end = d->r->fill = 0;
}

void ata_finish_quiet(struct ata_dev *d)
{
	end_job(d);
	d->r->status = ATA_READY;
	d->r->error = 0;
}

void ata_finish(struct ata_dev *d)
{
	ata_finish_quiet(d);
	ata_intrq(d, true);
}

void ata_fail(struct ata_dev *d, unsigned error, unsigned more)
{
	end_job(d);
	d->r->status = (uint8_t)(ATA_READY | ATA_ERR | more);
	d->r->error = (uint8_t)error;
	ata_intrq(d, true);
}

void ata_offer(struct ata_dev *d, uint32_t len, bool in, bool interrupt)
{
	struct ata_dev_regs *r = d->r;

	r->data_in = in;
	r->drq_end = r->pos + MIN(len, ATA_BUF_SIZE - r->pos);
	r->status = ATA_READY | ATA_DRQ;
	r->wait = ATA_WAIT_HOST;
	if (interrupt)
		ata_intrq(d, true);
}

void ata_reply(struct ata_dev *d, uint32_t len)
{
	d->r->job = ATA_JOB_DATA_IN;
	d->r->error = 0;
	d->r->pos = 0;
	d->r->fill = len;
	ata_offer(d, len, true, true);
}

static void data_in_block(struct ata_dev *d)
{
	ata_finish_quiet(d);
}

const struct ata_job_ops ata_data_in_ops = { .block = data_in_block };

void ata_start_io(struct ata_dev *d, const struct ata_io *io)
{
	d->r->wait = ATA_WAIT_IO;
	d->io_busy = true;
	d->stale = false;
	ata_busy(d);
	d->ch->host.io(d->ch->host.arg, d->unit, io);
}

void ata_wait_dma(struct ata_dev *d)
{
	d->r->wait = ATA_WAIT_DMA;
	ata_busy(d);
}

bool ata_dma_buf(struct ata_dev *d, bool to_memory, void (*fault)(struct ata_dev *d))
{
	struct ata_dev_regs *r = d->r;
	int64_t n = 0;

	if (r->pos < r->fill)
		n = d->ch->host.dma_copy(d->ch->host.arg, d->unit, r->buf + r->pos, r->fill - r->pos,
					 to_memory);
	if (n < 0) {
		fault(d);
		return false;
	}
	r->pos += MIN((uint32_t)n, r->fill - r->pos);
	return r->pos >= r->fill;
}

// --- resets ------------------------------------------------------------------------------------------

void ata_signature(struct ata_dev *d)
{
	struct ata_dev_regs *r = d->r;
	bool packet = d->drive.kind == ATA_KIND_CDROM;

	r->count[0] = r->lba_low[0] = 1;
	r->lba_mid[0] = packet ? 0x14 : 0;
	r->lba_high[0] = packet ? 0xeb : 0;
	r->count[1] = r->lba_low[1] = r->lba_mid[1] = r->lba_high[1] = 0;
}

static void finish_reset(struct ata_dev *d)
{
	struct ata_dev_regs *r = d->r;
	uint8_t kind = r->reset;

	r->reset = ATA_RESET_NONE;
	if (kind == ATA_RESET_POWER_ON || (kind == ATA_RESET_SOFT && !r->keep_settings))
		ata_settings_reset(d, kind == ATA_RESET_POWER_ON);
	r->asleep = 0;
	ata_signature(d);
	r->device = kind == ATA_RESET_DEVICE ? r->device & ATA_DEV : 0;
	r->error = 1;                   // passed
	r->status = d->drive.kind == ATA_KIND_CDROM ? 0 : ATA_READY;
	if (kind == ATA_RESET_DIAGNOSTIC && (d->unit == 0 || !present(&d->ch->dev[0])))
		ata_intrq(d, true);
}

static void try_finish_reset(struct ata_dev *d)
{
	if (d->r->reset == ATA_RESET_NONE || d->io_busy || (d->ch->r->control & ATA_SRST))
		return;
	finish_reset(d);
}

static void begin_reset(struct ata_dev *d, enum ata_reset kind)
{
	if (!present(d))
		return;
	end_job(d);
	// A reset still waiting keeps its rank: power-on does more than the others.
	if (d->r->reset != ATA_RESET_POWER_ON)
		d->r->reset = (uint8_t)kind;
	d->r->status = ATA_BSY;
	ata_intrq(d, false);
	if (d->drive.kind == ATA_KIND_CDROM)
		atapi_reset(d, kind == ATA_RESET_POWER_ON);
	try_finish_reset(d);
}

static void reset_both(struct ata *ch, enum ata_reset kind)
{
	ch->r->select = 0;
	for (unsigned i = 0; i < 2; i++)
		begin_reset(&ch->dev[i], kind);
	update_irq(ch);
}

void ata_device_reset(struct ata_dev *d)
{
	begin_reset(d, ATA_RESET_DEVICE);
}

void ata_power_on(struct ata *ch)
{
	for (unsigned i = 0; i < 2; i++) {
		struct ata_dev_regs *r = ch->dev[i].r;
		uint8_t tray_open = r->packet.tray_open;        // a reset does not move the tray

		memset(r, 0, offsetof(struct ata_dev_regs, buf));
		r->packet.tray_open = tray_open;
	}
	ch->r->control = 0;
	reset_both(ch, ATA_RESET_POWER_ON);
}

bool ata_idle(const struct ata *ch)
{
	return !ch->dev[0].io_busy && !ch->dev[1].io_busy;
}

// --- reading registers -------------------------------------------------------------------------------

static uint8_t command_block(const struct ata_dev_regs *r, unsigned reg, unsigned previous)
{
	switch (reg) {
	case ATA_REG_ERROR: return r->error;
	case ATA_REG_COUNT: return r->count[previous];
	case ATA_REG_LBA_LOW: return r->lba_low[previous];
	case ATA_REG_LBA_MID: return r->lba_mid[previous];
	case ATA_REG_LBA_HIGH: return r->lba_high[previous];
	case ATA_REG_DEVICE: return r->device;
	default: return r->status;
	}
}

// A lone device 0 answers for device 1: status 0; a disk shows its own registers, a packet device zeros.
static uint8_t absent_device(const struct ata *ch, unsigned reg, unsigned previous)
{
	const struct ata_dev *other = &ch->dev[0];

	if (!(ch->r->select & 1) || !present(other))
		return FLOATING;
	if (reg == ATA_REG_STATUS || other->drive.kind == ATA_KIND_CDROM)
		return 0;
	return command_block(other->r, reg, previous);
}

uint8_t ata_read(struct ata *ch, unsigned reg)
{
	struct ata_dev *d = selected(ch);
	unsigned previous = ch->r->control & ATA_HOB ? 1 : 0;

	if (!d)
		return absent_device(ch, reg, previous);
	if (reg == ATA_REG_STATUS)
		ata_intrq(d, false);
	return command_block(d->r, reg, previous);
}

uint8_t ata_alt_status(const struct ata *ch)
{
	const struct ata_dev *d = &ch->dev[ch->r->select & 1];

	return present(d) ? d->r->status : absent_device(ch, ATA_REG_STATUS, 0);
}

// --- writing registers -------------------------------------------------------------------------------

static void push(uint8_t pair[2], uint8_t value)
{
	pair[1] = pair[0];
	pair[0] = value;
}

static void task_file_write(struct ata_dev_regs *r, unsigned reg, uint8_t value)
{
	switch (reg) {
	case ATA_REG_ERROR: push(r->feature, value); break;
	case ATA_REG_COUNT: push(r->count, value); break;
	case ATA_REG_LBA_LOW: push(r->lba_low, value); break;
	case ATA_REG_LBA_MID: push(r->lba_mid, value); break;
	case ATA_REG_LBA_HIGH: push(r->lba_high, value); break;
	case ATA_REG_DEVICE: r->device = value; break;
	default: break;
	}
}

void ata_run(struct ata_dev *d, uint8_t command)
{
	const struct ata_command *c =
		d->drive.kind == ATA_KIND_CDROM ? &ata_packet_commands[command] : &ata_disk_commands[command];

	d->r->command = command;
	d->r->error = 0;
	ata_busy(d);
	if (c->run)
		c->run(d, c->arg);
	else
		ata_abort(d);
}

static void command_write(struct ata *ch, uint8_t value)
{
	struct ata_dev *d = selected(ch);
	bool reset_device = d && d->drive.kind == ATA_KIND_CDROM && value == CMD_DEVICE_RESET;

	if (value == CMD_DIAGNOSTIC && !(ch->r->control & ATA_SRST)) {
		reset_both(ch, ATA_RESET_DIAGNOSTIC);
		return;
	}
	if (!d || (!reset_device && (d->r->status & (ATA_BSY | ATA_DRQ))) || (d->r->asleep && !reset_device))
		return;
	ata_intrq(d, false);
	ata_run(d, value);
}

// Both devices see every write; one that is busy does not take it. The DEV bit is seen by both all the time.
void ata_write(struct ata *ch, unsigned reg, uint8_t value)
{
	ch->r->control &= (uint8_t)~ATA_HOB;
	if (reg == ATA_REG_STATUS) {
		command_write(ch, value);
		return;
	}
	for (unsigned i = 0; i < 2; i++)
		if (present(&ch->dev[i]) && !(ch->dev[i].r->status & ATA_BSY))
			task_file_write(ch->dev[i].r, reg, value);
	if (reg != ATA_REG_DEVICE)
		return;
	ch->r->select = value & ATA_DEV ? 1 : 0;
	update_irq(ch);
	ata_dma_ready(ch);
}

void ata_control_write(struct ata *ch, uint8_t value)
{
	uint8_t old = ch->r->control;

	ch->r->control = value & (ATA_NIEN | ATA_SRST | ATA_HOB);
	if (value & ~old & ATA_SRST)
		reset_both(ch, ATA_RESET_SOFT);
	if (old & ~value & ATA_SRST) {
		try_finish_reset(&ch->dev[0]);
		try_finish_reset(&ch->dev[1]);
	}
	update_irq(ch);
}

// --- data register -----------------------------------------------------------------------------------

static struct ata_dev *transferring(struct ata *ch, bool in)
{
	struct ata_dev *d = selected(ch);

	if (!d || d->r->wait != ATA_WAIT_HOST || !d->r->data_in == in || d->r->pos >= d->r->drq_end)
		return NULL;
	return d;
}

// The block may end with half a 16-bit item. Returns the bytes to pass over: 0 or 1.
static size_t block_end(struct ata_dev *d, size_t len)
{
	size_t pad = (d->r->pos & 1) && len ? 1 : 0;

	if (job_ops[d->r->job]->block)
		job_ops[d->r->job]->block(d);
	else
		ata_abort(d);
	return pad;
}

void ata_data_read(struct ata *ch, uint8_t *buf, size_t len)
{
	while (len) {
		struct ata_dev *d = transferring(ch, true);
		size_t n;

		if (!d) {
			memset(buf, 0xff, len);
			return;
		}
		n = MIN(len, (size_t)(d->r->drq_end - d->r->pos));
		memcpy(buf, d->r->buf + d->r->pos, n);
		d->r->pos += (uint32_t)n;
		buf += n;
		len -= n;
		if (d->r->pos == d->r->drq_end && block_end(d, len)) {
			*buf++ = 0;
			len--;
		}
	}
}

void ata_data_write(struct ata *ch, const uint8_t *buf, size_t len)
{
	while (len) {
		struct ata_dev *d = transferring(ch, false);
		size_t n;

		if (!d)
			return;
		n = MIN(len, (size_t)(d->r->drq_end - d->r->pos));
		memcpy(d->r->buf + d->r->pos, buf, n);
		d->r->pos += (uint32_t)n;
		buf += n;
		len -= n;
		if (d->r->pos == d->r->drq_end && block_end(d, len)) {
			buf++;
			len--;
		}
	}
}

// --- the outside world -------------------------------------------------------------------------------

void ata_dma_ready(struct ata *ch)
{
	struct ata_dev *d = selected(ch);

	if (d && d->r->wait == ATA_WAIT_DMA && job_ops[d->r->job]->dma)
		job_ops[d->r->job]->dma(d);
}

void ata_io_done(struct ata *ch, unsigned unit, int result)
{
	struct ata_dev *d = &ch->dev[unit & 1];

	if (!d->io_busy)
		return;
	d->io_busy = false;
	if (d->r->reset != ATA_RESET_NONE) {
		try_finish_reset(d);
		return;
	}
	if (d->r->wait == ATA_WAIT_IO && job_ops[d->r->job]->done)
		job_ops[d->r->job]->done(d, d->stale ? -ENOMEDIUM : result);
}

void ata_loaded(struct ata *ch)
{
	update_irq(ch);
	ata_dma_ready(ch);
}

int ata_medium_change(struct ata *ch, unsigned unit, bool medium, uint64_t sectors, bool force)
{
	struct ata_dev *d = &ch->dev[unit & 1];

	if (d->drive.kind != ATA_KIND_CDROM)
		return -ENODEV;
	if (d->r->packet.locked && d->drive.medium && !force) {
		atapi_eject_request(d);
		return -EBUSY;
	}
	atapi_medium(d, medium, sectors);
	d->stale = d->io_busy;
	return 0;
}

void ata_init(struct ata *ch, struct ata_regs *regs, const struct ata_host *host)
{
	memset(ch, 0, sizeof(*ch));
	memset(regs, 0, sizeof(*regs));
	ch->host = *host;
	ch->r = regs;
	for (unsigned i = 0; i < 2; i++)
		ch->dev[i] = (struct ata_dev){ .ch = ch, .r = &regs->dev[i], .unit = i };
}

void ata_plug(struct ata *ch, unsigned unit, const struct ata_drive *drive)
{
	struct ata_drive *to = &ch->dev[unit & 1].drive;

	*to = *drive;
	if (to->sectors > 1ull << 48)
		to->sectors = 1ull << 48;
}

static void sanitize_dev(struct ata_dev_regs *r)
{
	bool whole = r->job < ATA_JOB_COUNT && r->wait < ATA_WAIT_COUNT && r->pos <= r->drq_end &&
		     r->drq_end <= ATA_BUF_SIZE && r->fill <= ATA_BUF_SIZE && r->chunk <= ATA_BUF_SECTORS;

	if (r->reset >= ATA_RESET_COUNT)
		r->reset = ATA_RESET_NONE;
	if (r->multiple > ATA_BUF_SECTORS || (r->multiple & (r->multiple - 1)))
		r->multiple = 0;
	if (r->chs_heads > 16)
		r->chs_heads = 16;
	if (r->reset != ATA_RESET_NONE || !whole || r->wait == ATA_WAIT_IO) {
		bool failed = r->job != ATA_JOB_NONE;

		r->job = ATA_JOB_NONE;
		r->wait = ATA_WAIT_NONE;
		r->pos = r->drq_end = r->fill = r->chunk = 0;
		r->status = (uint8_t)(ATA_READY | (failed ? ATA_ERR : 0));
		r->error = failed ? ATA_ABRT : 1;
		r->reset = ATA_RESET_NONE;
	}
	atapi_sanitize(&r->packet);
}

void ata_regs_sanitize(struct ata_regs *regs)
{
	regs->select &= 1;
	regs->control &= ATA_NIEN | ATA_HOB;
	sanitize_dev(&regs->dev[0]);
	sanitize_dev(&regs->dev[1]);
}
