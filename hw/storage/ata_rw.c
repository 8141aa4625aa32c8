// ata_rw.c: commands that move sectors: PIO, multiple, DMA; verify, flush and TRIM.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "hw/storage/ata_dev.h"

#define TRIM_BLOCKS 8u                          // of ranges, in one TRIM: word 105 of the identify data

// --- addresses ---------------------------------------------------------------------------------------

static bool chs_to_lba(const struct ata_dev_regs *r, uint64_t *lba)
{
	uint32_t cylinder = r->lba_mid[0] | (uint32_t)r->lba_high[0] << 8;
	uint32_t head = r->device & 0xf, sector = r->lba_low[0];

	if (!sector || sector > r->chs_sectors || head >= r->chs_heads || cylinder >= r->chs_cylinders)
		return false;
	*lba = ((uint64_t)cylinder * r->chs_heads + head) * r->chs_sectors + sector - 1;
	return true;
}

static uint64_t lba28(const struct ata_dev_regs *r)
{
	return r->lba_low[0] | (uint64_t)r->lba_mid[0] << 8 | (uint64_t)r->lba_high[0] << 16 |
	       (uint64_t)(r->device & 0xf) << 24;
}

static uint64_t lba48(const struct ata_dev_regs *r)
{
	return r->lba_low[0] | (uint64_t)r->lba_mid[0] << 8 | (uint64_t)r->lba_high[0] << 16 |
	       (uint64_t)r->lba_low[1] << 24 | (uint64_t)r->lba_mid[1] << 32 | (uint64_t)r->lba_high[1] << 40;
}

static void store_chs(struct ata_dev_regs *r, uint64_t lba)
{
	uint64_t track, cylinder;

	if (!r->chs_sectors || !r->chs_heads)
		return;
	track = lba / r->chs_sectors;
	cylinder = track / r->chs_heads;
	r->lba_low[0] = (uint8_t)(lba % r->chs_sectors + 1);
	r->lba_mid[0] = (uint8_t)cylinder;
	r->lba_high[0] = (uint8_t)(cylinder >> 8);
	r->device = (uint8_t)((r->device & 0xf0) | (track % r->chs_heads));
}

void ata_store_lba(struct ata_dev *d, bool ext, uint64_t lba)
{
	struct ata_dev_regs *r = d->r;

	if (!ext && !(r->device & ATA_LBA)) {
		store_chs(r, lba);
		return;
	}
	r->lba_low[0] = (uint8_t)lba;
	r->lba_mid[0] = (uint8_t)(lba >> 8);
	r->lba_high[0] = (uint8_t)(lba >> 16);
	if (ext) {
		r->lba_low[1] = (uint8_t)(lba >> 24);
		r->lba_mid[1] = (uint8_t)(lba >> 32);
		r->lba_high[1] = (uint8_t)(lba >> 40);
	} else {
		r->device = (uint8_t)((r->device & 0xf0) | (lba >> 24 & 0xf));
	}
}

// Reads address and count from the task file. False when the command has ended with an error.
static bool take_address(struct ata_dev *d, bool ext)
{
	struct ata_dev_regs *r = d->r;

	if (ext && !(r->device & ATA_LBA)) {
		ata_abort(d);
		return false;
	}
	if (!(r->device & ATA_LBA)) {
		if (!chs_to_lba(r, &r->lba)) {
			ata_fail(d, ATA_IDNF, 0);
			return false;
		}
	} else {
		r->lba = ext ? lba48(r) : lba28(r);
	}
	r->left = ext ? r->count[0] | (uint32_t)r->count[1] << 8 : r->count[0];
	if (!r->left)
		r->left = ext ? 65536 : 256;
	return true;
}

static bool in_range(struct ata_dev *d, bool ext)
{
	struct ata_dev_regs *r = d->r;

	if (r->lba < d->drive.sectors && r->left <= d->drive.sectors - r->lba)
		return true;
	if (r->lba < d->drive.sectors)
		ata_store_lba(d, ext, d->drive.sectors);
	ata_fail(d, ATA_IDNF, 0);
	return false;
}

// --- common to reads and writes ----------------------------------------------------------------------

static bool is_ext(const struct ata_dev *d) { return d->r->rw & ATA_RW_EXT; }
static bool is_dma(const struct ata_dev *d) { return d->r->rw & ATA_RW_DMA; }

static uint32_t block_bytes(const struct ata_dev_regs *r)
{
	return (r->rw & ATA_RW_MULTIPLE && r->multiple ? r->multiple : 1u) * ATA_SECTOR;
}

static void rw_error(struct ata_dev *d)
{
	bool write = d->r->job == ATA_JOB_WRITE;

	ata_store_lba(d, is_ext(d), d->r->lba);
	if (write)
		ata_fail(d, ATA_ABRT, ATA_DF);
	else
		ata_fail(d, ATA_UNC, 0);
}

// CHUNK sectors are done. The task file ends with the last sector's address and a count of 0.
static void advance(struct ata_dev *d)
{
	struct ata_dev_regs *r = d->r;
	uint64_t n = MIN(r->chunk, r->left);

	r->lba += n;
	r->left -= n;
	if (r->left)
		return;
	ata_store_lba(d, is_ext(d), r->lba - 1);
	r->count[0] = r->count[1] = 0;
}

static void start_chunk(struct ata_dev *d, enum ata_io_op op, bool dma)
{
	struct ata_dev_regs *r = d->r;
	struct ata_io io = {
		.op = op,
		.fua = op == ATA_IO_WRITE && (r->rw & ATA_RW_FUA || !r->write_cache),
		.dma = dma,
		.offset = r->lba * ATA_SECTOR,
		.length = (uint64_t)r->chunk * ATA_SECTOR,
		.buf = dma ? NULL : r->buf,
	};

	ata_start_io(d, &io);
}

static void dma_step(struct ata_dev *d)
{
	struct ata_dev_regs *r = d->r;
	bool write = r->job == ATA_JOB_WRITE;
	int64_t n = d->ch->host.dma_map(d->ch->host.arg, d->unit, r->left * ATA_SECTOR, !write);

	if (n < 0) {
		ata_abort(d);
		return;
	}
	if (!n)
		return;
	r->chunk = (uint32_t)MIN((uint64_t)n / ATA_SECTOR, r->left);
	start_chunk(d, write ? ATA_IO_WRITE : ATA_IO_READ, true);
}

static void dma_chunk_done(struct ata_dev *d, int result)
{
	d->ch->host.dma_end(d->ch->host.arg, d->unit);
	if (result) {
		rw_error(d);
		return;
	}
	advance(d);
	if (!d->r->left) {
		ata_finish(d);
		return;
	}
	ata_wait_dma(d);
	dma_step(d);
}

// --- read --------------------------------------------------------------------------------------------

static void fetch(struct ata_dev *d)
{
	d->r->chunk = (uint32_t)MIN(d->r->left, ATA_BUF_SECTORS);
	start_chunk(d, ATA_IO_READ, false);
}

static void offer_read_block(struct ata_dev *d)
{
	ata_offer(d, MIN(block_bytes(d->r), d->r->fill - d->r->pos), true, true);
}

static void read_block(struct ata_dev *d)
{
	if (d->r->pos < d->r->fill) {
		offer_read_block(d);
		return;
	}
	advance(d);
	if (d->r->left)
		fetch(d);
	else
		ata_finish_quiet(d);
}

static void read_done(struct ata_dev *d, int result)
{
	if (is_dma(d)) {
		dma_chunk_done(d, result);
		return;
	}
	if (result) {
		rw_error(d);
		return;
	}
	d->r->pos = 0;
	d->r->fill = d->r->chunk * ATA_SECTOR;
	offer_read_block(d);
}

const struct ata_job_ops ata_rw_read_ops = { .block = read_block, .dma = dma_step, .done = read_done };

// --- write -------------------------------------------------------------------------------------------

static void offer_write_block(struct ata_dev *d, bool interrupt)
{
	struct ata_dev_regs *r = d->r;
	uint64_t rest = r->left * ATA_SECTOR - r->pos;

	ata_offer(d, (uint32_t)MIN(block_bytes(r), rest), false, interrupt);
}

// Blocks are gathered until the buffer is full or the command's data complete.
static void write_block(struct ata_dev *d)
{
	struct ata_dev_regs *r = d->r;

	if (r->pos < ATA_BUF_SIZE && r->pos < r->left * ATA_SECTOR) {
		offer_write_block(d, true);
		return;
	}
	r->chunk = r->pos / ATA_SECTOR;
	if (r->chunk)
		start_chunk(d, ATA_IO_WRITE, false);
	else
		ata_abort(d);           // only restored registers can say so
}

static void write_done(struct ata_dev *d, int result)
{
	if (is_dma(d)) {
		dma_chunk_done(d, result);
		return;
	}
	if (result) {
		rw_error(d);
		return;
	}
	advance(d);
	if (!d->r->left) {
		ata_finish(d);
		return;
	}
	d->r->pos = 0;
	offer_write_block(d, true);
}

const struct ata_job_ops ata_rw_write_ops = { .block = write_block, .dma = dma_step, .done = write_done };

static void verify_done(struct ata_dev *d, int result)
{
	if (result) {
		rw_error(d);
		return;
	}
	advance(d);
	if (d->r->left)
		fetch(d);
	else
		ata_finish(d);
}

const struct ata_job_ops ata_rw_verify_ops = { .done = verify_done };

void ata_cmd_rw(struct ata_dev *d, unsigned arg)
{
	struct ata_dev_regs *r = d->r;
	bool write = arg & ATA_RW_WRITE;

	if ((arg & ATA_RW_MULTIPLE && !r->multiple) || (write && d->drive.readonly)) {
		ata_abort(d);
		return;
	}
	r->rw = (uint8_t)arg;
	if (!take_address(d, arg & ATA_RW_EXT) || !in_range(d, arg & ATA_RW_EXT))
		return;
	r->pos = r->fill = 0;
	r->job = arg & ATA_RW_VERIFY ? ATA_JOB_VERIFY : write ? ATA_JOB_WRITE : ATA_JOB_READ;
	if (arg & ATA_RW_DMA) {
		ata_wait_dma(d);
		dma_step(d);
	} else if (write) {
		offer_write_block(d, false);
	} else {
		fetch(d);
	}
}

void ata_cmd_seek(struct ata_dev *d, unsigned arg)
{
	(void)arg;
	if (!take_address(d, false))
		return;
	d->r->left = 1;
	if (in_range(d, false))
		ata_finish(d);
}

// --- flush -------------------------------------------------------------------------------------------

void ata_flush(struct ata_dev *d)
{
	struct ata_io io = { .op = ATA_IO_FLUSH };

	d->r->job = ATA_JOB_FLUSH;
	ata_start_io(d, &io);
}

static void flush_done(struct ata_dev *d, int result)
{
	if (result)
		ata_fail(d, ATA_ABRT, ATA_DF);
	else
		ata_finish(d);
}

const struct ata_job_ops ata_flush_ops = { .done = flush_done };

// --- TRIM --------------------------------------------------------------------------------------------

// Takes the next range with a length into lba and chunk; pos counts the bytes of ranges used.
static bool next_range(struct ata_dev *d)
{
	struct ata_dev_regs *r = d->r;

	while (r->pos + 8 <= r->fill) {
		uint64_t entry = get_le64(r->buf + r->pos);

		r->pos += 8;
		if (entry >> 48) {
			r->lba = entry & 0xffffffffffffull;
			r->left = entry >> 48;
			return true;
		}
	}
	return false;
}

static void trim_step(struct ata_dev *d)
{
	struct ata_io io = { .op = ATA_IO_DISCARD };

	if (!next_range(d)) {
		ata_finish(d);
		return;
	}
	if (!in_range(d, true))
		return;
	io.offset = d->r->lba * ATA_SECTOR;
	io.length = d->r->left * ATA_SECTOR;
	ata_start_io(d, &io);
}

// A range beyond the end refuses the whole command, before anything is discarded.
static bool ranges_fit(const struct ata_dev *d)
{
	for (uint32_t at = 0; at + 8 <= d->r->fill; at += 8) {
		uint64_t entry = get_le64(d->r->buf + at);
		uint64_t lba = entry & 0xffffffffffffull, count = entry >> 48;

		if (count && (lba >= d->drive.sectors || count > d->drive.sectors - lba))
			return false;
	}
	return true;
}

static void trim_dma(struct ata_dev *d)
{
	if (!ata_dma_buf(d, false, ata_abort))
		return;
	if (!ranges_fit(d)) {
		ata_fail(d, ATA_IDNF | ATA_ABRT, 0);
		return;
	}
	d->r->pos = 0;
	trim_step(d);
}

static void trim_done(struct ata_dev *d, int result)
{
	if (result)
		ata_fail(d, ATA_ABRT, ATA_DF);
	else
		trim_step(d);
}

const struct ata_job_ops ata_trim_ops = { .dma = trim_dma, .done = trim_done };

void ata_cmd_trim(struct ata_dev *d, unsigned arg)
{
	struct ata_dev_regs *r = d->r;
	uint32_t blocks = r->count[0] | (uint32_t)r->count[1] << 8;

	(void)arg;
	if (!d->drive.discard || d->drive.readonly || !(r->feature[0] & 1) || !blocks ||
	    blocks > TRIM_BLOCKS) {
		ata_abort(d);
		return;
	}
	r->job = ATA_JOB_TRIM;
	r->pos = 0;
	r->fill = blocks * ATA_SECTOR;
	ata_wait_dma(d);
	trim_dma(d);
}
