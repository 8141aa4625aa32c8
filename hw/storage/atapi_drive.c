// atapi_drive.c: the CD-ROM drive as a mechanism: features, tray, lock, media events, resets.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "hw/storage/atapi.h"

bool atapi_ready(const struct ata_dev *d)
{
	return d->drive.medium && !d->r->packet.tray_open;
}

uint32_t atapi_blocks(const struct ata_dev *d)
{
	return (uint32_t)MIN(d->drive.sectors / CD_BLOCK_SECTORS, UINT32_MAX);
}

bool atapi_is_dvd(const struct ata_dev *d)
{
	return d->drive.medium && atapi_blocks(d) > CD_MAX_BLOCKS;
}

// --- GET CONFIGURATION -------------------------------------------------------------------------------

#define PROFILE_CD  0x0008
#define PROFILE_DVD 0x0010

enum when_current { ALWAYS, WITH_MEDIUM, WITH_CD, WITH_DVD };

// Persistent and version bits as the third byte of a feature has them, without the current bit.
static const struct {
	uint16_t code;
	uint8_t flags, when, len;
	uint8_t data[8];
} features[] = {
	{ 0x0000, 0x02, ALWAYS, 8, { 0 } },                             // profiles, filled in below
	{ 0x0001, 0x0a, ALWAYS, 8, { 0, 0, 0, 2, 0, 0, 0, 0 } },        // core: ATAPI
	{ 0x0002, 0x06, ALWAYS, 4, { 0x02, 0, 0, 0 } },                 // morphing: events by GESN
	{ 0x0003, 0x02, ALWAYS, 4, { 0x29, 0, 0, 0 } },                 // removable: tray, eject, lock
	{ 0x0010, 0x00, WITH_MEDIUM, 8, { 0, 0, 0x08, 0, 0, 1, 0, 0 } },// random read, 2048-byte blocks
	{ 0x001d, 0x00, WITH_MEDIUM, 0, { 0 } },                        // multi-read
	{ 0x001e, 0x00, WITH_CD, 4, { 0, 0, 0, 0 } },                   // CD read
	{ 0x001f, 0x00, WITH_DVD, 0, { 0 } },                           // DVD read
	{ 0x0100, 0x02, ALWAYS, 0, { 0 } },                             // power management
	{ 0x0105, 0x02, ALWAYS, 0, { 0 } },                             // timeouts
};

static unsigned current_profile(const struct ata_dev *d)
{
	if (!atapi_ready(d))
		return 0;
	return atapi_is_dvd(d) ? PROFILE_DVD : PROFILE_CD;
}

static bool is_current(const struct ata_dev *d, unsigned when)
{
	unsigned profile = current_profile(d);

	switch (when) {
	case ALWAYS: return true;
	case WITH_CD: return profile == PROFILE_CD;
	case WITH_DVD: return profile == PROFILE_DVD;
	default: return profile != 0;
	}
}

static void put_profiles(const struct ata_dev *d, uint8_t *out)
{
	unsigned profile = current_profile(d);

	put_be16(out, PROFILE_DVD);
	out[2] = profile == PROFILE_DVD;
	put_be16(out + 4, PROFILE_CD);
	out[6] = profile == PROFILE_CD;
}

static uint32_t put_feature(const struct ata_dev *d, size_t i, uint8_t *out)
{
	put_be16(out, features[i].code);
	out[2] = (uint8_t)(features[i].flags | (is_current(d, features[i].when) ? 1 : 0));
	out[3] = features[i].len;
	memcpy(out + 4, features[i].data, features[i].len);
	if (features[i].code == 0)
		put_profiles(d, out + 4);
	return 4 + (uint32_t)features[i].len;
}

void atapi_cmd_get_configuration(struct ata_dev *d, const uint8_t *cdb)
{
	enum { ALL = 0, CURRENT = 1, ONE = 2 };
	unsigned wanted = cdb[1] & 3, first = get_be16(cdb + 2);
	uint8_t *out = atapi_blank(d, 256);
	uint32_t len = 8;

	if (wanted > ONE) {
		atapi_illegal(d, ASC_INVALID_FIELD);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		if (wanted == ONE ? features[i].code != first : features[i].code < first)
			continue;
		if (wanted == CURRENT && !is_current(d, features[i].when))
			continue;
		len += put_feature(d, i, out + len);
	}
	put_be32(out, len - 4);
	put_be16(out + 6, (uint16_t)current_profile(d));
	atapi_reply(d, len, get_be16(cdb + 7));
}

void atapi_cmd_mechanism_status(struct ata_dev *d, const uint8_t *cdb)
{
	uint8_t *out = atapi_blank(d, 8);

	out[1] = d->r->packet.tray_open ? 0x10 : 0;
	out[5] = 1;                                     // one slot, without a table
	atapi_reply(d, 8, get_be16(cdb + 8));
}

// --- media events ------------------------------------------------------------------------------------

#define EVENT_CLASS_MEDIA 4u

static void add_event(struct atapi_regs *p, enum media_event event)
{
	if (p->media_event == MEDIA_NO_CHANGE)
		p->media_event = (uint8_t)event;
	else
		p->media_event_next = (uint8_t)event;
}

static uint8_t take_event(struct atapi_regs *p)
{
	uint8_t event = p->media_event;

	p->media_event = p->media_event_next;
	p->media_event_next = MEDIA_NO_CHANGE;
	return event;
}

void atapi_cmd_event_status(struct ata_dev *d, const uint8_t *cdb)
{
	uint8_t *out = atapi_blank(d, 8);
	uint32_t allocation = get_be16(cdb + 7);

	if (!(cdb[1] & 1)) {                            // no waiting for events
		atapi_illegal(d, ASC_INVALID_FIELD);
		return;
	}
	out[3] = 1u << EVENT_CLASS_MEDIA;
	if (!(cdb[4] & 1u << EVENT_CLASS_MEDIA)) {
		put_be16(out, 2);
		out[2] = 0x80;                          // none of these classes
		atapi_reply(d, 4, allocation);
		return;
	}
	put_be16(out, 6);
	out[2] = EVENT_CLASS_MEDIA;
	if (allocation > 4)
		out[4] = take_event(&d->r->packet);
	out[5] = d->r->packet.tray_open ? 1 : d->drive.medium ? 2 : 0;
	atapi_reply(d, 8, allocation);
}

// --- tray and lock -----------------------------------------------------------------------------------

static void move_tray(struct ata_dev *d, bool open)
{
	struct atapi_regs *p = &d->r->packet;

	if (p->tray_open == open)
		return;
	p->tray_open = open;
	p->swapped = 0;
	if (open) {
		p->ua_medium = 0;
		add_event(p, MEDIA_REMOVAL);
	} else if (d->drive.medium) {
		p->ua_medium = 1;
		add_event(p, MEDIA_NEW);
	}
	if (d->ch->host.tray)
		d->ch->host.tray(d->ch->host.arg, d->unit, open);
}

void atapi_cmd_start_stop(struct ata_dev *d, const uint8_t *cdb)
{
	bool load_eject = cdb[4] & 2, start = cdb[4] & 1;

	if (cdb[4] >> 4 || !load_eject) {               // power and spin: nothing moves
		atapi_good(d);
		return;
	}
	if (!start && d->r->packet.locked) {
		atapi_illegal(d, ASC_REMOVAL_PREVENTED);
		return;
	}
	move_tray(d, !start);
	atapi_good(d);
}

void atapi_cmd_prevent_allow(struct ata_dev *d, const uint8_t *cdb)
{
	d->r->packet.locked = cdb[4] & 1;
	atapi_good(d);
}

void atapi_eject_request(struct ata_dev *d)
{
	add_event(&d->r->packet, MEDIA_EJECT_REQUEST);
}

void atapi_medium(struct ata_dev *d, bool medium, uint64_t sectors)
{
	struct atapi_regs *p = &d->r->packet;
	bool had = atapi_ready(d);

	d->drive.medium = medium;
	d->drive.sectors = medium ? sectors : 0;
	p->tray_open = 0;
	p->locked = 0;
	p->swapped = had && medium;
	p->ua_medium = medium;
	p->media_event = p->media_event_next = MEDIA_NO_CHANGE;
	if (had)
		add_event(p, MEDIA_REMOVAL);
	if (medium)
		add_event(p, MEDIA_NEW);
}

// --- resets ------------------------------------------------------------------------------------------

void atapi_reset(struct ata_dev *d, bool power_on)
{
	struct atapi_regs *p = &d->r->packet;

	p->sense_key = p->asc = p->ascq = 0;
	p->sense_info_valid = 0;
	p->locked = 0;
	if (!power_on)
		return;
	p->ua_power_on = 1;
	p->read_retries = 5;
	memcpy(p->audio, (const uint8_t[8]){ 0x01, 0xff, 0x02, 0xff }, sizeof(p->audio));
}

void atapi_sanitize(struct atapi_regs *p)
{
	p->limit = MIN(p->limit & 0xfffeu, 0xfffeu);
	if (!p->limit)
		p->limit = 2;
	if (p->media_event > MEDIA_CHANGED)
		p->media_event = MEDIA_NO_CHANGE;
	if (p->media_event_next > MEDIA_CHANGED)
		p->media_event_next = MEDIA_NO_CHANGE;
	p->raw_parts &= 0xf8;
	p->tray_open = !!p->tray_open;
}
