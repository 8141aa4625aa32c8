// atapi_read.c: reading the disc: user data straight through, raw sectors put together in the buffer.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "hw/storage/atapi.h"

#define RAW_CHUNK 13u                   // blocks whose raw form fits in the buffer, see expand()

// Byte 9 of READ CD. A mode 1 sector has no subheader (40h).
enum raw_part { RAW_SYNC = 0x80, RAW_HEADER = 0x20, RAW_USER = 0x10, RAW_CHECK = 0x08, RAW_C2 = 0x06 };

#define RAW_CHECK_SIZE 288u             // EDC, reserved bytes and ECC of a mode 1 sector

// --- user data ---------------------------------------------------------------------------------------

static void read_error(struct ata_dev *d, int result)
{
	uint32_t block = (uint32_t)(d->r->lba / CD_BLOCK_SECTORS);

	if (result == -ENOMEDIUM) {
		atapi_no_medium(d);
		return;
	}
	atapi_check(d, SENSE_MEDIUM_ERROR, ASC_READ_ERROR);
	d->r->packet.sense_info = block;
	d->r->packet.sense_info_valid = 1;
}

static void start_read(struct ata_dev *d, uint8_t *buf)
{
	struct ata_io io = {
		.op = ATA_IO_READ,
		.dma = !buf,
		.offset = d->r->lba * ATA_SECTOR,
		.length = (uint64_t)d->r->chunk * ATA_SECTOR,
		.buf = buf,
	};

	ata_start_io(d, &io);
}

static void read_fetch(struct ata_dev *d)
{
	d->r->chunk = (uint32_t)MIN(d->r->left, ATA_BUF_SECTORS);
	start_read(d, d->r->buf);
}

static void advance(struct ata_dev *d)
{
	uint64_t n = MIN(d->r->chunk, d->r->left);

	d->r->lba += n;
	d->r->left -= n;
}

static void read_block(struct ata_dev *d)
{
	if (d->r->pos < d->r->fill) {
		atapi_offer_in(d);
		return;
	}
	advance(d);
	if (d->r->left)
		read_fetch(d);
	else
		atapi_good(d);
}

static void read_dma(struct ata_dev *d)
{
	int64_t n = d->ch->host.dma_map(d->ch->host.arg, d->unit, d->r->left * ATA_SECTOR, true);

	if (n < 0) {
		atapi_memory_fault(d);
		return;
	}
	if (!n)
		return;
	d->r->chunk = (uint32_t)MIN((uint64_t)n / ATA_SECTOR, d->r->left);
	start_read(d, NULL);
}

static void read_dma_done(struct ata_dev *d, int result)
{
	d->ch->host.dma_end(d->ch->host.arg, d->unit);
	if (result) {
		read_error(d, result);
		return;
	}
	advance(d);
	if (!d->r->left) {
		atapi_good(d);
		return;
	}
	ata_wait_dma(d);
	read_dma(d);
}

static void read_done(struct ata_dev *d, int result)
{
	if (d->r->packet.dma) {
		read_dma_done(d, result);
		return;
	}
	if (result) {
		read_error(d, result);
		return;
	}
	d->r->pos = 0;
	d->r->fill = d->r->chunk * ATA_SECTOR;
	atapi_offer_in(d);
}

const struct ata_job_ops atapi_read_ops = { .block = read_block, .dma = read_dma, .done = read_done };

static bool in_range(struct ata_dev *d, uint32_t block, uint32_t count)
{
	uint32_t blocks = atapi_blocks(d);

	if (block <= blocks && count <= blocks - block)
		return true;
	atapi_illegal(d, ASC_BLOCK_OUT_OF_RANGE);
	return false;
}

static void set_range(struct ata_dev *d, uint32_t block, uint32_t count)
{
	d->r->lba = (uint64_t)block * CD_BLOCK_SECTORS;
	d->r->left = (uint64_t)count * CD_BLOCK_SECTORS;
	d->r->pos = d->r->fill = 0;
}

static void read_blocks(struct ata_dev *d, uint32_t block, uint32_t count)
{
	if (!in_range(d, block, count))
		return;
	if (!count) {
		atapi_good(d);
		return;
	}
	set_range(d, block, count);
	d->r->job = ATA_JOB_CD_READ;
	if (d->r->packet.dma) {
		ata_wait_dma(d);
		read_dma(d);
	} else {
		read_fetch(d);
	}
}

void atapi_cmd_read10(struct ata_dev *d, const uint8_t *cdb)
{
	read_blocks(d, get_be32(cdb + 2), get_be16(cdb + 7));
}

void atapi_cmd_read12(struct ata_dev *d, const uint8_t *cdb)
{
	read_blocks(d, get_be32(cdb + 2), get_be32(cdb + 6));
}

void atapi_cmd_seek(struct ata_dev *d, const uint8_t *cdb)
{
	if (in_range(d, get_be32(cdb + 2), 1))
		atapi_good(d);
}

void atapi_cmd_verify(struct ata_dev *d, const uint8_t *cdb)
{
	if (cdb[1] & 2)                                 // comparing with data of the host
		atapi_illegal(d, ASC_INVALID_FIELD);
	else if (in_range(d, get_be32(cdb + 2), get_be16(cdb + 7)))
		atapi_good(d);
}

// --- raw sectors -------------------------------------------------------------------------------------

static uint8_t bcd(unsigned v)
{
	return (uint8_t)(v / 10 % 10 << 4 | v % 10);
}

static uint32_t raw_size(uint8_t parts)
{
	return (parts & RAW_SYNC ? 12 : 0) + (parts & RAW_HEADER ? 4 : 0) +
	       (parts & RAW_USER ? CD_BLOCK : 0) + (parts & RAW_CHECK ? RAW_CHECK_SIZE : 0);
}

static uint8_t *put_sync(uint8_t *out)
{
	memset(out, 0xff, 12);
	out[0] = out[11] = 0;
	return out + 12;
}

static uint8_t *put_header(uint8_t *out, uint32_t block)
{
	uint8_t msf[3];

	atapi_msf(block, msf);
	for (unsigned i = 0; i < 3; i++)
		out[i] = bcd(msf[i]);
	out[3] = 1;                                     // mode 1
	return out + 4;
}

// A mode 1 sector from its user data. The check bytes are zero: no drive hands on what it has corrected with.
static void put_raw(uint8_t *out, uint8_t parts, uint32_t block, const uint8_t *user)
{
	if (parts & RAW_SYNC)
		out = put_sync(out);
	if (parts & RAW_HEADER)
		out = put_header(out, block);
	if (parts & RAW_USER) {
		memcpy(out, user, CD_BLOCK);
		out += CD_BLOCK;
	}
	if (parts & RAW_CHECK)
		memset(out, 0, RAW_CHECK_SIZE);
}

// The user data was read to the end of buf; the sectors grow from its start and never reach data not yet
// taken: RAW_CHUNK * (CD_RAW_MAX - CD_BLOCK) is less than what is free in front of it.
static void expand(struct ata_dev *d, uint32_t blocks)
{
	struct ata_dev_regs *r = d->r;
	uint32_t size = raw_size(r->packet.raw_parts);
	const uint8_t *from = r->buf + ATA_BUF_SIZE - blocks * CD_BLOCK;
	uint32_t first = (uint32_t)(r->lba / CD_BLOCK_SECTORS);
	uint8_t user[CD_BLOCK];

	_Static_assert(RAW_CHUNK * CD_RAW_MAX <= ATA_BUF_SIZE, "raw sectors fit in the buffer");
	for (uint32_t i = 0; i < blocks; i++) {
		memcpy(user, from + i * CD_BLOCK, CD_BLOCK);
		put_raw(r->buf + i * size, r->packet.raw_parts, first + i, user);
	}
	r->pos = 0;
	r->fill = blocks * size;
}

static void raw_fetch(struct ata_dev *d)
{
	d->r->chunk = (uint32_t)MIN(d->r->left, RAW_CHUNK * CD_BLOCK_SECTORS);
	start_read(d, d->r->buf + ATA_BUF_SIZE - d->r->chunk * ATA_SECTOR);
}

static void raw_next(struct ata_dev *d)
{
	advance(d);
	if (d->r->left)
		raw_fetch(d);
	else
		atapi_good(d);
}

static void raw_block(struct ata_dev *d)
{
	if (d->r->pos < d->r->fill)
		atapi_offer_in(d);
	else
		raw_next(d);
}

static void raw_dma(struct ata_dev *d)
{
	if (!ata_dma_buf(d, true, atapi_memory_fault))
		return;
	raw_next(d);
}

static void raw_done(struct ata_dev *d, int result)
{
	if (result) {
		read_error(d, result);
		return;
	}
	expand(d, MIN(d->r->chunk / CD_BLOCK_SECTORS, RAW_CHUNK));
	if (d->r->packet.dma) {
		ata_wait_dma(d);
		raw_dma(d);
	} else {
		atapi_offer_in(d);
	}
}

const struct ata_job_ops atapi_raw_ops = { .block = raw_block, .dma = raw_dma, .done = raw_done };

static void read_raw(struct ata_dev *d, uint32_t block, uint32_t count, const uint8_t *cdb)
{
	unsigned type = cdb[1] >> 2 & 7;
	uint8_t parts = cdb[9] & 0xf8;

	if (type > 5 || (cdb[9] & RAW_C2) || (cdb[10] & 7)) {
		atapi_illegal(d, ASC_INVALID_FIELD);
		return;
	}
	if (type != 0 && type != 2) {                   // every sector is of mode 1
		atapi_illegal(d, ASC_ILLEGAL_TRACK_MODE);
		return;
	}
	if (parts == RAW_USER || !raw_size(parts)) {
		read_blocks(d, block, raw_size(parts) ? count : 0);
		return;
	}
	if (!in_range(d, block, count))
		return;
	if (!count) {
		atapi_good(d);
		return;
	}
	set_range(d, block, count);
	d->r->packet.raw_parts = parts;
	d->r->job = ATA_JOB_CD_RAW;
	raw_fetch(d);
}

void atapi_cmd_read_cd(struct ata_dev *d, const uint8_t *cdb)
{
	read_raw(d, get_be32(cdb + 2), (uint32_t)cdb[6] << 16 | get_be16(cdb + 7), cdb);
}

static uint32_t msf_to_frames(const uint8_t *msf)
{
	return ((uint32_t)msf[0] * 60 + msf[1]) * 75 + msf[2];
}

void atapi_cmd_read_cd_msf(struct ata_dev *d, const uint8_t *cdb)
{
	uint32_t first = msf_to_frames(cdb + 3), end = msf_to_frames(cdb + 6);

	if (first < 150 || end < first) {
		atapi_illegal(d, ASC_INVALID_FIELD);
		return;
	}
	read_raw(d, first - 150, end - first, cdb);
}
