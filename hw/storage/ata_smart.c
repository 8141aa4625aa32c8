// ata_smart.c: SMART of the disk: one healthy drive with the usual attributes and empty logs.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "hw/storage/ata_dev.h"

enum smart_command {
	SMART_READ_DATA = 0xd0,
	SMART_READ_THRESHOLDS = 0xd1,
	SMART_AUTOSAVE = 0xd2,
	SMART_SAVE = 0xd3,
	SMART_OFFLINE = 0xd4,
	SMART_READ_LOG = 0xd5,
	SMART_ENABLE = 0xd8,
	SMART_DISABLE = 0xd9,
	SMART_STATUS = 0xda,
	SMART_AUTO_OFFLINE = 0xdb,
};

#define KEY_MID  0x4f
#define KEY_HIGH 0xc2

#define REVISION 0x0010u

static const struct { uint8_t id, flags, value, worst, threshold; } attributes[] = {
	{ 0x01, 0x03, 100, 100, 6 },            // raw read error rate
	{ 0x03, 0x03, 100, 100, 0 },            // spin-up time
	{ 0x04, 0x02, 100, 100, 20 },           // start/stop count
	{ 0x05, 0x03, 100, 100, 36 },           // reallocated sectors
	{ 0x09, 0x03, 100, 100, 0 },            // power-on hours
	{ 0x0c, 0x03, 100, 100, 0 },            // power cycles
	{ 0xbe, 0x03, 69, 69, 50 },             // airflow temperature: 100 minus degrees
};

static void checksum(uint8_t *out)
{
	uint8_t sum = 0;

	for (unsigned i = 0; i < ATA_SECTOR - 1; i++)
		sum = (uint8_t)(sum + out[i]);
	out[ATA_SECTOR - 1] = (uint8_t)-sum;
}

static uint8_t *blank(struct ata_dev *d)
{
	return memset(d->r->buf, 0, ATA_SECTOR);
}

static void send(struct ata_dev *d)
{
	checksum(d->r->buf);
	ata_reply(d, ATA_SECTOR);
}

static void read_data(struct ata_dev *d)
{
	uint8_t *out = blank(d);

	put_le16(out, REVISION);
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		uint8_t *at = out + 2 + i * 12;

		at[0] = attributes[i].id;
		at[1] = attributes[i].flags;
		at[3] = attributes[i].value;
		at[4] = attributes[i].worst;
		if (attributes[i].id == 0xbe)
			at[5] = (uint8_t)(100 - attributes[i].value);
	}
	out[362] = d->r->smart_offline ? 0x82 : 0x02;   // off-line collection completed
	put_le16(out + 364, 10);                        // seconds for it
	out[367] = 0x13;                                // execute at once, automatic, self-test
	put_le16(out + 368, 3);                         // attributes are saved
	out[370] = 1;                                   // error logging
	out[372] = 1;                                   // minutes of the short and the extended self-test
	out[373] = 1;
	send(d);
}

static void read_thresholds(struct ata_dev *d)
{
	uint8_t *out = blank(d);

	put_le16(out, REVISION);
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		out[2 + i * 12] = attributes[i].id;
		out[3 + i * 12] = attributes[i].threshold;
	}
	send(d);
}

static void read_log(struct ata_dev *d)
{
	uint8_t *out;

	if (d->r->count[0] != 1) {
		ata_abort(d);
		return;
	}
	switch (d->r->lba_low[0]) {
	case 0:                                         // directory: one sector each of logs 1 and 6
		out = blank(d);
		out[0] = 1;
		out[2] = 1;
		out[12] = 1;
		ata_reply(d, ATA_SECTOR);
		return;
	case 1:                                         // summary of errors: none
		out = blank(d);
		out[0] = 1;
		send(d);
		return;
	case 6:                                         // self-tests: none
		out = blank(d);
		put_le16(out, 1);
		send(d);
		return;
	default:
		ata_abort(d);
		return;
	}
}

// Off-line collection and self-tests have nothing to find and end at once.
static void execute(struct ata_dev *d)
{
	switch (d->r->lba_low[0]) {
	case 0x00: case 0x01: case 0x02: case 0x7f: case 0x81: case 0x82:
		ata_finish(d);
		return;
	default:
		ata_abort(d);
		return;
	}
}

static void auto_setting(struct ata_dev *d, uint8_t *setting, uint8_t on)
{
	uint8_t value = d->r->count[0];

	if (value != 0 && value != on) {
		ata_abort(d);
		return;
	}
	*setting = value == on;
	ata_finish(d);
}

static void return_status(struct ata_dev *d)
{
	d->r->lba_mid[0] = KEY_MID;             // no threshold exceeded
	d->r->lba_high[0] = KEY_HIGH;
	ata_finish(d);
}

static void set_enabled(struct ata_dev *d, bool on)
{
	d->r->smart = on;
	ata_finish(d);
}

void ata_cmd_smart(struct ata_dev *d, unsigned arg)
{
	struct ata_dev_regs *r = d->r;

	(void)arg;
	if (r->lba_mid[0] != KEY_MID || r->lba_high[0] != KEY_HIGH ||
	    (!r->smart && r->feature[0] != SMART_ENABLE)) {
		ata_abort(d);
		return;
	}
	switch (r->feature[0]) {
	case SMART_READ_DATA: read_data(d); break;
	case SMART_READ_THRESHOLDS: read_thresholds(d); break;
	case SMART_AUTOSAVE: auto_setting(d, &r->smart_autosave, 0xf1); break;
	case SMART_SAVE: ata_finish(d); break;
	case SMART_OFFLINE: execute(d); break;
	case SMART_READ_LOG: read_log(d); break;
	case SMART_ENABLE: set_enabled(d, true); break;
	case SMART_DISABLE: set_enabled(d, false); break;
	case SMART_STATUS: return_status(d); break;
	case SMART_AUTO_OFFLINE: auto_setting(d, &r->smart_offline, 0xf8); break;
	default: ata_abort(d); break;
	}
}
