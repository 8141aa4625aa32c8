// atapi.c: the packet protocol of the CD-ROM: command bytes, data blocks, sense data, unit attention.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/storage/atapi.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"

enum reason { REASON_COMMAND = 1, REASON_TO_HOST = 2 };  // interrupt reason, in the count register

#define FEATURE_DMA     0x01u
#define FEATURE_OVERLAP 0x02u

// --- outcomes ----------------------------------------------------------------------------------------

static void status_phase(struct ata_dev *d)
{
	d->r->count[0] = REASON_COMMAND | REASON_TO_HOST;
}

static void clear_sense(struct atapi_regs *p)
{
	p->sense_key = p->asc = p->ascq = 0;
	p->sense_info = 0;
	p->sense_info_valid = 0;
}

void atapi_good(struct ata_dev *d)
{
	clear_sense(&d->r->packet);
	status_phase(d);
	ata_finish(d);
}

void atapi_check(struct ata_dev *d, enum sense_key key, enum sense_code code)
{
	struct atapi_regs *p = &d->r->packet;

	p->sense_key = (uint8_t)key;
	p->asc = (uint8_t)(code >> 8);
	p->ascq = (uint8_t)code;
	p->sense_info_valid = 0;
	status_phase(d);
	ata_fail(d, (unsigned)key << 4 | ATA_ABRT, 0);
}

void atapi_no_medium(struct ata_dev *d)
{
	bool open = d->r->packet.tray_open || d->r->packet.swapped;

	atapi_check(d, SENSE_NOT_READY, open ? ASC_NO_MEDIUM_OPEN : ASC_NO_MEDIUM_CLOSED);
}

void atapi_memory_fault(struct ata_dev *d)
{
	atapi_check(d, SENSE_ABORTED, ASC_NONE);
}

uint8_t *atapi_blank(struct ata_dev *d, uint32_t len)
{
	return memset(d->r->buf, 0, MIN(len, ATA_BUF_SIZE));
}

// --- data to the host --------------------------------------------------------------------------------

static void set_byte_count(struct ata_dev *d, uint32_t n, unsigned reason)
{
	d->r->lba_mid[0] = (uint8_t)n;
	d->r->lba_high[0] = (uint8_t)(n >> 8);
	d->r->count[0] = (uint8_t)reason;
}

void atapi_offer_in(struct ata_dev *d)
{
	uint32_t n = MIN(d->r->packet.limit, d->r->fill - d->r->pos);

	set_byte_count(d, n, REASON_TO_HOST);
	ata_offer(d, n, true, true);
}

static void reply_block(struct ata_dev *d)
{
	if (d->r->pos < d->r->fill)
		atapi_offer_in(d);
	else
		atapi_good(d);
}

static void reply_dma(struct ata_dev *d)
{
	if (ata_dma_buf(d, true, atapi_memory_fault))
		atapi_good(d);
}

const struct ata_job_ops atapi_reply_ops = { .block = reply_block, .dma = reply_dma };

void atapi_reply(struct ata_dev *d, uint32_t len, uint32_t allocation)
{
	struct ata_dev_regs *r = d->r;

	r->pos = 0;
	r->fill = MIN(MIN(len, allocation), ATA_BUF_SIZE);
	if (!r->fill) {
		atapi_good(d);
		return;
	}
	r->job = ATA_JOB_CD_REPLY;
	if (r->packet.dma) {
		ata_wait_dma(d);
		reply_dma(d);
	} else {
		atapi_offer_in(d);
	}
}

// --- data from the host ------------------------------------------------------------------------------

static void offer_out(struct ata_dev *d)
{
	uint32_t n = MIN(d->r->packet.limit, d->r->fill - d->r->pos);

	set_byte_count(d, n, 0);
	ata_offer(d, n, false, true);
}

static void parameters_block(struct ata_dev *d)
{
	if (d->r->pos < d->r->fill)
		offer_out(d);
	else
		atapi_mode_select(d);
}

static void parameters_dma(struct ata_dev *d)
{
	if (ata_dma_buf(d, false, atapi_memory_fault))
		atapi_mode_select(d);
}

const struct ata_job_ops atapi_parameters_ops = { .block = parameters_block, .dma = parameters_dma };

void atapi_parameters(struct ata_dev *d, uint32_t len)
{
	struct ata_dev_regs *r = d->r;

	r->pos = 0;
	r->fill = MIN(len, ATA_BUF_SIZE);
	r->job = ATA_JOB_CD_PARAMETERS;
	if (r->packet.dma) {
		ata_wait_dma(d);
		parameters_dma(d);
	} else {
		offer_out(d);
	}
}

// --- the command packet ------------------------------------------------------------------------------

// Blocks have an even length unless one takes all of the data. 0 and FFFFh mean the most there can be.
static uint32_t byte_count_limit(const struct ata_dev_regs *r)
{
	uint32_t limit = (r->lba_mid[0] | (uint32_t)r->lba_high[0] << 8) & 0xfffeu;
	bool most = !r->lba_mid[0] && !r->lba_high[0];

	return most ? 0xfffe : MAX(limit, 2u);
}

void ata_cmd_packet(struct ata_dev *d, unsigned arg)
{
	struct ata_dev_regs *r = d->r;

	(void)arg;
	if (r->feature[0] & FEATURE_OVERLAP) {
		ata_abort(d);
		return;
	}
	r->packet.dma = r->feature[0] & FEATURE_DMA;
	r->packet.limit = byte_count_limit(r);
	r->job = ATA_JOB_PACKET;
	r->pos = r->fill = 0;
	r->count[0] = REASON_COMMAND;
	ata_offer(d, ATAPI_CDB_SIZE, false, false);
}

// A unit attention waits: told once, then gone. True when the command has ended with it.
static bool attention(struct ata_dev *d, bool needs_medium)
{
	struct atapi_regs *p = &d->r->packet;

	if (p->ua_power_on) {
		p->ua_power_on = 0;
		atapi_check(d, SENSE_UNIT_ATTENTION, ASC_POWER_ON);
		return true;
	}
	// Guests that do not ask for events learn of a new medium by seeing none first.
	if (p->swapped) {
		if (!needs_medium)
			return false;
		atapi_no_medium(d);
		p->swapped = 0;
		return true;
	}
	if (p->ua_medium) {
		p->ua_medium = 0;
		atapi_check(d, SENSE_UNIT_ATTENTION, ASC_MEDIUM_CHANGED);
		return true;
	}
	return false;
}

static void packet_block(struct ata_dev *d)
{
	struct ata_dev_regs *r = d->r;
	const struct atapi_command *c;

	memcpy(r->packet.cdb, r->buf, ATAPI_CDB_SIZE);
	r->job = ATA_JOB_NONE;
	r->wait = ATA_WAIT_NONE;
	ata_busy(d);
	c = &atapi_commands[r->packet.cdb[0]];
	if (!c->run) {
		atapi_illegal(d, ASC_INVALID_OPCODE);
		return;
	}
	if (!c->attention && attention(d, c->medium))
		return;
	if (c->medium && !atapi_ready(d)) {
		atapi_no_medium(d);
		return;
	}
	c->run(d, r->packet.cdb);
}

const struct ata_job_ops atapi_packet_ops = { .block = packet_block };

// --- the simplest commands ---------------------------------------------------------------------------

static void cmd_good(struct ata_dev *d, const uint8_t *cdb)
{
	(void)cdb;
	atapi_good(d);
}

static void cmd_request_sense(struct ata_dev *d, const uint8_t *cdb)
{
	struct atapi_regs *p = &d->r->packet;
	uint8_t *out = atapi_blank(d, 18);

	if (p->sense_key == SENSE_NONE && (p->ua_power_on || (p->ua_medium && !p->swapped))) {
		p->sense_key = SENSE_UNIT_ATTENTION;
		p->asc = p->ua_power_on ? ASC_POWER_ON >> 8 : ASC_MEDIUM_CHANGED >> 8;
		p->ascq = 0;
		if (p->ua_power_on)
			p->ua_power_on = 0;
		else
			p->ua_medium = 0;
	}
	out[0] = p->sense_info_valid ? 0xf0 : 0x70;
	out[2] = p->sense_key;
	put_be32(out + 3, p->sense_info);
	out[7] = 10;
	out[12] = p->asc;
	out[13] = p->ascq;
	atapi_reply(d, 18, cdb[4]);
}

static void put_text(uint8_t *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(*text ? *text++ : ' ');
}

static void cmd_inquiry(struct ata_dev *d, const uint8_t *cdb)
{
	char product[] = "VMware IDE CDR00";
	uint8_t *out;

	if ((cdb[1] & 3) || cdb[2]) {                   // no vital product data
		atapi_illegal(d, ASC_INVALID_FIELD);
		return;
	}
	product[14] = (char)('0' + (d->drive.number >> 1 & 1));
	product[15] = (char)('0' + (d->drive.number & 1));
	out = atapi_blank(d, 36);
	out[0] = 0x05;                                  // CD-ROM
	out[1] = 0x80;                                  // removable
	out[3] = 0x21;                                  // ATAPI, response format of MMC
	out[4] = 31;
	put_text(out + 8, "NECVMWar", 8);
	put_text(out + 16, product, 16);
	put_text(out + 32, "1.00", 4);
	atapi_reply(d, 36, (uint32_t)cdb[3] << 8 | cdb[4]);
}

static void cmd_read_capacity(struct ata_dev *d, const uint8_t *cdb)
{
	uint8_t *out = atapi_blank(d, 8);
	uint32_t blocks = atapi_blocks(d);

	(void)cdb;
	put_be32(out, blocks ? blocks - 1 : 0);
	put_be32(out + 4, CD_BLOCK);
	atapi_reply(d, 8, 8);
}

// There is no audio on the discs we show.
static void cmd_play(struct ata_dev *d, const uint8_t *cdb)
{
	(void)cdb;
	atapi_illegal(d, ASC_ILLEGAL_TRACK_MODE);
}

static void cmd_pause(struct ata_dev *d, const uint8_t *cdb)
{
	(void)cdb;
	atapi_illegal(d, ASC_SEQUENCE_ERROR);
}

const struct atapi_command atapi_commands[256] = {
	[0x00] = { cmd_good, .medium = true },                                  // TEST UNIT READY
	[0x03] = { cmd_request_sense, .attention = true },
	[0x12] = { cmd_inquiry, .attention = true },
	[0x15] = { atapi_cmd_mode_select6 },
	[0x1a] = { atapi_cmd_mode_sense6 },
	[0x1b] = { atapi_cmd_start_stop },
	[0x1e] = { atapi_cmd_prevent_allow },
	[0x25] = { cmd_read_capacity, .medium = true },
	[0x28] = { atapi_cmd_read10, .medium = true },
	[0x2b] = { atapi_cmd_seek, .medium = true },
	[0x2f] = { atapi_cmd_verify, .medium = true },
	[0x35] = { cmd_good, .medium = true },                                  // SYNCHRONIZE CACHE
	[0x42] = { atapi_cmd_read_subchannel, .medium = true },
	[0x43] = { atapi_cmd_read_toc, .medium = true },
	[0x45] = { cmd_play, .medium = true },                                  // PLAY AUDIO (10)
	[0x46] = { atapi_cmd_get_configuration, .attention = true },
	[0x47] = { cmd_play, .medium = true },                                  // PLAY AUDIO MSF
	[0x4a] = { atapi_cmd_event_status, .attention = true },
	[0x4b] = { cmd_pause, .medium = true },                                 // PAUSE/RESUME
	[0x4e] = { cmd_good, .medium = true },                                  // STOP PLAY/SCAN
	[0x51] = { atapi_cmd_disc_information, .medium = true },
	[0x52] = { atapi_cmd_track_information, .medium = true },
	[0x55] = { atapi_cmd_mode_select10 },
	[0x5a] = { atapi_cmd_mode_sense10 },
	[0xa5] = { cmd_play, .medium = true },                                  // PLAY AUDIO (12)
	[0xa8] = { atapi_cmd_read12, .medium = true },
	[0xad] = { atapi_cmd_dvd_structure },
	[0xb9] = { atapi_cmd_read_cd_msf, .medium = true },
	[0xba] = { cmd_play, .medium = true },                                  // SCAN
	[0xbb] = { cmd_good },                                                  // SET CD SPEED
	[0xbd] = { atapi_cmd_mechanism_status },
	[0xbe] = { atapi_cmd_read_cd, .medium = true },
};
