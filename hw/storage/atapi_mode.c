// atapi_mode.c: mode pages of the CD-ROM, read and written.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "hw/storage/atapi.h"

enum page_control { PC_CURRENT, PC_CHANGEABLE, PC_DEFAULT, PC_SAVED };

#define PAGE_ALL 0x3f
#define PAGE_MAX 32u
#define SPEED 176u                      // KB/s: VMware's drive calls itself 1x

static const uint8_t default_audio[8] = { 0x01, 0xff, 0x02, 0xff, 0x00, 0x00, 0x00, 0x00 };

// Each puts its page without the two bytes of header and returns their number.
static unsigned page_error_recovery(const struct ata_dev *d, enum page_control pc, uint8_t *out)
{
	const struct atapi_regs *p = &d->r->packet;

	out[0] = pc == PC_CHANGEABLE ? 0x37 : pc == PC_CURRENT ? p->error_recovery : 0;
	out[1] = pc == PC_CHANGEABLE ? 0xff : pc == PC_CURRENT ? p->read_retries : 5;
	return 6;
}

static unsigned page_device_parameters(const struct ata_dev *d, enum page_control pc, uint8_t *out)
{
	(void)d;
	if (pc == PC_CHANGEABLE)
		return 6;
	out[3] = 60;                    // seconds of a minute, frames of a second
	out[5] = 75;
	return 6;
}

static unsigned page_audio(const struct ata_dev *d, enum page_control pc, uint8_t *out)
{
	if (pc == PC_CHANGEABLE)
		memset(out + 6, 0xff, 4);
	else
		memcpy(out + 6, pc == PC_CURRENT ? d->r->packet.audio : default_audio, 8);
	if (pc != PC_CHANGEABLE)
		out[0] = 4;             // commands end at once
	return 14;
}

static unsigned page_power(const struct ata_dev *d, enum page_control pc, uint8_t *out)
{
	(void)d;
	(void)pc;
	(void)out;
	return 10;
}

static unsigned page_capabilities(const struct ata_dev *d, enum page_control pc, uint8_t *out)
{
	if (pc == PC_CHANGEABLE)
		return 20;
	out[0] = 0x08;                  // reads DVD-ROM
	out[2] = 0x71;                  // audio play, mode 2 forms 1 and 2, multi-session
	out[3] = 0x01;                  // CD-DA commands
	out[4] = (uint8_t)(0x29 | (d->r->packet.locked ? 2 : 0));      // tray, eject, lock
	put_be16(out + 6, SPEED);
	put_be16(out + 8, 2);           // volume levels
	put_be16(out + 10, 128);        // KiB of buffer
	put_be16(out + 12, SPEED);
	return 20;
}

static const struct {
	uint8_t code;
	unsigned (*put)(const struct ata_dev *d, enum page_control pc, uint8_t *out);
} pages[] = {
	{ 0x01, page_error_recovery },
	{ 0x0d, page_device_parameters },
	{ 0x0e, page_audio },
	{ 0x1a, page_power },
	{ 0x2a, page_capabilities },
};

static uint8_t medium_type(const struct ata_dev *d)
{
	if (d->r->packet.tray_open)
		return 0x71;
	if (!d->drive.medium)
		return 0x70;
	return atapi_is_dvd(d) ? 0x00 : 0x01;
}

// Puts the wanted pages behind HEADER bytes. Returns the length in all, 0 when there is no such page.
static uint32_t put_pages(struct ata_dev *d, const uint8_t *cdb, uint32_t header)
{
	uint8_t code = cdb[2] & 0x3f, *out = atapi_blank(d, 256);
	enum page_control pc = cdb[2] >> 6;
	uint32_t len = header;

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		if (code != PAGE_ALL && code != pages[i].code)
			continue;
		out[len] = pages[i].code;
		out[len + 1] = (uint8_t)pages[i].put(d, pc, out + len + 2);
		len += 2 + (uint32_t)out[len + 1];
	}
	return len == header ? 0 : len;
}

static uint32_t mode_sense(struct ata_dev *d, const uint8_t *cdb, uint32_t header)
{
	uint32_t len = 0;

	if (cdb[2] >> 6 == PC_SAVED) {
		atapi_illegal(d, ASC_SAVING_UNSUPPORTED);
		return 0;
	}
	len = put_pages(d, cdb, header);
	if (!len)
		atapi_illegal(d, ASC_INVALID_FIELD);
	return len;
}

void atapi_cmd_mode_sense6(struct ata_dev *d, const uint8_t *cdb)
{
	uint32_t len = mode_sense(d, cdb, 4);

	if (!len)
		return;
	d->r->buf[0] = (uint8_t)(len - 1);
	d->r->buf[1] = medium_type(d);
	atapi_reply(d, len, cdb[4]);
}

void atapi_cmd_mode_sense10(struct ata_dev *d, const uint8_t *cdb)
{
	uint32_t len = mode_sense(d, cdb, 8);

	if (!len)
		return;
	put_be16(d->r->buf, (uint16_t)(len - 2));
	d->r->buf[2] = medium_type(d);
	atapi_reply(d, len, get_be16(cdb + 7));
}

// --- MODE SELECT -------------------------------------------------------------------------------------

static void select_start(struct ata_dev *d, const uint8_t *cdb, uint32_t len)
{
	if (cdb[1] & 1) {                               // nothing can be saved
		atapi_illegal(d, ASC_INVALID_FIELD);
		return;
	}
	if (!len)
		atapi_good(d);
	else
		atapi_parameters(d, MIN(len, 4096u));
}

void atapi_cmd_mode_select6(struct ata_dev *d, const uint8_t *cdb)
{
	select_start(d, cdb, cdb[4]);
}

void atapi_cmd_mode_select10(struct ata_dev *d, const uint8_t *cdb)
{
	select_start(d, cdb, get_be16(cdb + 7));
}

// Takes one page, LEN bytes after its header. False for a page that is unknown or has another length.
static bool take_page(struct atapi_regs *p, uint8_t code, const uint8_t *data, uint32_t len)
{
	switch (code) {
	case 0x01:
		if (len != 6 && len != 10)
			return false;
		p->error_recovery = data[0] & 0x37;
		p->read_retries = data[1];
		return true;
	case 0x0e:
		if (len != 14)
			return false;
		memcpy(p->audio, data + 6, 4);
		return true;
	case 0x0d: return len == 6;
	case 0x1a: return len == 10;
	case 0x2a: return len >= 12;
	default: return false;
	}
}

// The parameter list is in buf[0, fill).
void atapi_mode_select(struct ata_dev *d)
{
	struct atapi_regs *p = &d->r->packet, taken = *p;
	bool ten = p->cdb[0] == 0x55;
	const uint8_t *list = d->r->buf;
	uint32_t fill = d->r->fill, header = ten ? 8 : 4, at;

	if (fill < header) {
		atapi_illegal(d, ASC_PARAMETER_LENGTH);
		return;
	}
	at = header + (ten ? get_be16(list + 6) : list[3]);     // block descriptors are passed over
	while (at + 2 <= fill) {
		uint32_t len = list[at + 1];

		if (len > fill - at - 2) {
			atapi_illegal(d, ASC_PARAMETER_LENGTH);
			return;
		}
		if (!take_page(&taken, list[at] & 0x3f, list + at + 2, len)) {
			atapi_illegal(d, ASC_INVALID_PARAMETER);
			return;
		}
		at += 2 + len;
	}
	*p = taken;
	atapi_good(d);
}
