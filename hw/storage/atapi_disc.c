// atapi_disc.c: what the drive tells about the disc: table of contents, sub-channel, disc and tracks.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "hw/storage/atapi.h"

// The discs we show have one session with one data track from block 0.
#define TRACK_CONTROL 0x14              // ADR 1, data track
#define LEAD_OUT 0xaa
#define FRAMES_BEFORE_0 150u            // block 0 is at 00:02:00

void atapi_msf(uint32_t block, uint8_t out[3])
{
	uint64_t frames = (uint64_t)block + FRAMES_BEFORE_0;
	uint64_t minutes = frames / (75 * 60);

	out[0] = (uint8_t)MIN(minutes, 255u);
	out[1] = (uint8_t)(frames / 75 % 60);
	out[2] = (uint8_t)(frames % 75);
}

static void put_address(uint8_t *out, uint32_t block, bool msf)
{
	if (!msf) {
		put_be32(out, block);
		return;
	}
	out[0] = 0;
	atapi_msf(block, out + 1);
}

static void toc_entry(uint8_t *out, uint8_t track, uint32_t block, bool msf)
{
	out[1] = TRACK_CONTROL;
	out[2] = track;
	put_address(out + 4, block, msf);
}

// Format 0: tracks from CDB byte 6 on.
static uint32_t toc_tracks(struct ata_dev *d, uint8_t *out, uint8_t from, bool msf)
{
	uint32_t len = 4;

	if (from <= 1) {
		toc_entry(out + len, 1, 0, msf);
		len += 8;
	}
	toc_entry(out + len, LEAD_OUT, atapi_blocks(d), msf);
	return len + 8;
}

// Format 1: the first track of the last session.
static uint32_t toc_session(uint8_t *out, bool msf)
{
	toc_entry(out + 4, 1, 0, msf);
	return 12;
}

// Format 2: points A0h, A1h, A2h of the lead-in and the track itself. Addresses are always in minutes.
static uint32_t toc_full(struct ata_dev *d, uint8_t *out)
{
	static const uint8_t points[] = { 0xa0, 0xa1, 0xa2, 1 };
	uint32_t len = 4;

	for (size_t i = 0; i < ARRAY_SIZE(points); i++, len += 11) {
		uint8_t *at = out + len;

		at[0] = 1;
		at[1] = TRACK_CONTROL;
		at[3] = points[i];
		if (points[i] == 0xa0 || points[i] == 0xa1)
			at[8] = 1;              // first and last track
		else
			atapi_msf(points[i] == 1 ? 0 : atapi_blocks(d), at + 8);
	}
	return len;
}

void atapi_cmd_read_toc(struct ata_dev *d, const uint8_t *cdb)
{
	// Older drivers put the format into the top bits of the control byte.
	unsigned format = (cdb[2] & 0xf) ? cdb[2] & 0xfu : cdb[9] >> 6;
	bool msf = cdb[1] & 2;
	uint8_t from = cdb[6], *out = atapi_blank(d, 64);
	uint32_t len;

	if (format > 2 || (format == 0 && from > 1 && from != LEAD_OUT) || (format == 2 && from > 1)) {
		atapi_illegal(d, ASC_INVALID_FIELD);
		return;
	}
	if (format == 0)
		len = toc_tracks(d, out, from, msf);
	else
		len = format == 1 ? toc_session(out, msf) : toc_full(d, out);
	put_be16(out, (uint16_t)(len - 2));
	out[2] = out[3] = 1;                            // first and last track, or session
	atapi_reply(d, len, get_be16(cdb + 7));
}

void atapi_cmd_read_subchannel(struct ata_dev *d, const uint8_t *cdb)
{
	uint8_t *out = atapi_blank(d, 24);
	uint32_t len = 4;

	out[1] = 0x15;                                  // no audio status
	if (cdb[2] & 0x40) {
		if (cdb[3] < 1 || cdb[3] > 3) {
			atapi_illegal(d, ASC_INVALID_FIELD);
			return;
		}
		out[4] = cdb[3];
		len = cdb[3] == 1 ? 16 : 24;            // position, or numbers that are not there
		if (cdb[3] != 2)
			out[5] = TRACK_CONTROL;
		if (cdb[3] == 1) {
			out[6] = out[7] = 1;            // track and index
			put_address(out + 8, 0, cdb[1] & 2);
			put_address(out + 12, 0, cdb[1] & 2);
		}
	}
	put_be16(out + 2, (uint16_t)(len - 4));
	atapi_reply(d, len, get_be16(cdb + 7));
}

void atapi_cmd_disc_information(struct ata_dev *d, const uint8_t *cdb)
{
	uint8_t *out;

	if (cdb[1] & 7) {                               // track and POW resources are of recorders
		atapi_illegal(d, ASC_INVALID_FIELD);
		return;
	}
	out = atapi_blank(d, 34);
	put_be16(out, 32);
	out[2] = 0x0e;                                  // finalised disc, complete session
	out[3] = out[4] = out[5] = out[6] = 1;          // tracks and sessions
	out[7] = 0x20;                                  // unrestricted use
	memset(out + 16, 0xff, 8);                      // nowhere to append
	atapi_reply(d, 34, get_be16(cdb + 7));
}

void atapi_cmd_track_information(struct ata_dev *d, const uint8_t *cdb)
{
	uint32_t address = get_be32(cdb + 2), blocks = atapi_blocks(d);
	unsigned type = cdb[1] & 3;
	uint8_t *out;

	// By block, by track, by session.
	if (type == 3 || (type == 0 && address >= blocks) || (type != 0 && address != 1)) {
		atapi_illegal(d, ASC_INVALID_FIELD);
		return;
	}
	out = atapi_blank(d, 36);
	put_be16(out, 34);
	out[2] = out[3] = 1;                            // track and session
	out[5] = 0x04;                                  // data, not copied
	out[6] = 0x01;                                  // mode 1
	put_be32(out + 24, blocks);
	atapi_reply(d, 36, get_be16(cdb + 7));
}

// --- DVD structures ----------------------------------------------------------------------------------

// Layer descriptor: a single-layer DVD-ROM of the medium's size.
static uint32_t dvd_physical(struct ata_dev *d, uint8_t *out)
{
	uint32_t blocks = atapi_blocks(d);

	out[0] = 0x01;                                  // DVD-ROM, version 1
	out[1] = 0x0f;                                  // 120 mm, no maximum rate given
	out[2] = 0x01;                                  // one layer, embossed
	put_be32(out + 4, 0x30000);                     // where data starts
	put_be32(out + 8, 0x30000 + (blocks ? blocks - 1 : 0));
	return 2048;
}

static uint32_t dvd_list(uint8_t *out)
{
	static const uint8_t formats[] = { 0x00, 0x01, 0x04, 0xff };
	static const uint16_t lengths[] = { 2048 + 4, 4 + 4, 2048 + 4, sizeof(formats) * 4 + 4 };

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		out[i * 4] = formats[i];
		out[i * 4 + 1] = 0x40;                  // can be read
		put_be16(out + i * 4 + 2, lengths[i]);
	}
	return sizeof(formats) * 4;
}

void atapi_cmd_dvd_structure(struct ata_dev *d, const uint8_t *cdb)
{
	uint8_t format = cdb[7], *out = atapi_blank(d, 2048 + 4);
	uint32_t len;

	if (format != 0xff && !atapi_ready(d)) {
		atapi_no_medium(d);
		return;
	}
	if (format != 0xff && !atapi_is_dvd(d)) {
		atapi_illegal(d, ASC_INCOMPATIBLE_MEDIUM);
		return;
	}
	switch (format) {
	case 0x00: len = cdb[6] ? 0 : dvd_physical(d, out + 4); break;
	case 0x01: len = 4; break;                      // no copy protection, all regions
	case 0x04: len = 2048; break;                   // nothing from the manufacturer
	case 0xff: len = dvd_list(out + 4); break;
	default: len = 0; break;
	}
	if (!len) {
		atapi_illegal(d, ASC_INVALID_FIELD);
		return;
	}
	put_be16(out, (uint16_t)(len + 2));
	atapi_reply(d, len + 4, get_be16(cdb + 8));
}
