// ata_cmd.c: the command tables and the commands that move no sectors.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "base/compiler.h"
#include "hw/storage/ata_dev.h"

enum power_mode { POWER_STANDBY = 0x00, POWER_IDLE = 0x80, POWER_ACTIVE = 0xff };

#define MODE_UDMA2 0x42                 // what the firmware of a VMware VM leaves behind

// --- settings ----------------------------------------------------------------------------------------

void ata_settings_reset(struct ata_dev *d, bool power_on)
{
	struct ata_dev_regs *r = d->r;
	struct ata_geometry g = ata_default_geometry(&d->drive);

	r->multiple = 0;
	r->write_cache = 1;
	r->look_ahead = 1;
	r->keep_settings = 0;
	r->power = POWER_ACTIVE;
	r->chs_cylinders = (uint16_t)g.cylinders;
	r->chs_heads = (uint8_t)g.heads;
	r->chs_sectors = (uint8_t)g.sectors;
	if (!power_on)
		return;
	r->transfer_mode = MODE_UDMA2;
	r->smart = 1;                   // a disk remembers this; VMware's come with it on
	r->smart_autosave = 1;
	r->smart_offline = 0;
}

// --- small commands ----------------------------------------------------------------------------------

static void cmd_done(struct ata_dev *d, unsigned arg)
{
	(void)arg;
	ata_finish(d);
}

static void cmd_identify(struct ata_dev *d, unsigned arg)
{
	(void)arg;
	ata_identify_disk(d, d->r->buf);
	ata_reply(d, ATA_SECTOR);
}

static void cmd_identify_packet(struct ata_dev *d, unsigned arg)
{
	(void)arg;
	ata_identify_packet(d, d->r->buf);
	ata_reply(d, ATA_SECTOR);
}

// A packet device refuses the disk's commands and shows its signature, which is how it is told from a disk.
static void cmd_not_a_disk(struct ata_dev *d, unsigned arg)
{
	(void)arg;
	ata_signature(d);
	ata_abort(d);
}

static void cmd_device_reset(struct ata_dev *d, unsigned arg)
{
	(void)arg;
	ata_device_reset(d);
}

static void cmd_flush(struct ata_dev *d, unsigned arg)
{
	(void)arg;
	ata_flush(d);
}

static void cmd_recalibrate(struct ata_dev *d, unsigned arg)
{
	(void)arg;
	ata_store_lba(d, false, 0);
	ata_finish(d);
}

static void cmd_set_multiple(struct ata_dev *d, unsigned arg)
{
	unsigned n = d->r->count[0];

	(void)arg;
	if (n > ATA_BUF_SECTORS || (n & (n - 1))) {
		ata_abort(d);
		return;
	}
	d->r->multiple = (uint8_t)n;
	ata_finish(d);
}

// The guest chooses a translation; its cylinders follow from the capacity.
static void cmd_init_parameters(struct ata_dev *d, unsigned arg)
{
	struct ata_dev_regs *r = d->r;
	unsigned heads = (r->device & 0xfu) + 1, sectors = r->count[0];
	uint64_t cylinders;

	(void)arg;
	if (!sectors) {
		ata_abort(d);
		return;
	}
	cylinders = MIN(d->drive.sectors, 16514064ull) / (heads * sectors);
	if (!cylinders) {
		ata_abort(d);
		return;
	}
	r->chs_cylinders = (uint16_t)MIN(cylinders, 65535u);
	r->chs_heads = (uint8_t)heads;
	r->chs_sectors = (uint8_t)sectors;
	ata_finish(d);
}

static void cmd_native_max(struct ata_dev *d, unsigned arg)
{
	uint64_t last = d->drive.sectors ? d->drive.sectors - 1 : 0;

	if (!(d->r->device & ATA_LBA)) {
		ata_abort(d);
		return;
	}
	ata_store_lba(d, arg & ATA_RW_EXT, arg & ATA_RW_EXT ? last : MIN(last, 0x0fffffffull));
	ata_finish(d);
}

static void cmd_read_buffer(struct ata_dev *d, unsigned arg)
{
	(void)arg;
	memcpy(d->r->buf, d->r->scratch, ATA_SECTOR);
	ata_reply(d, ATA_SECTOR);
}

static void cmd_write_buffer(struct ata_dev *d, unsigned arg)
{
	(void)arg;
	d->r->job = ATA_JOB_WRITE_BUFFER;
	d->r->pos = d->r->fill = 0;
	ata_offer(d, ATA_SECTOR, false, false);
}

static void write_buffer_block(struct ata_dev *d)
{
	memcpy(d->r->scratch, d->r->buf, ATA_SECTOR);
	ata_finish(d);
}

const struct ata_job_ops ata_write_buffer_ops = { .block = write_buffer_block };

// --- power -------------------------------------------------------------------------------------------

static void cmd_check_power(struct ata_dev *d, unsigned arg)
{
	(void)arg;
	d->r->count[0] = d->r->power;
	ata_finish(d);
}

static void cmd_idle(struct ata_dev *d, unsigned arg)
{
	d->r->power = (uint8_t)arg;
	ata_finish(d);
}

// A disk that spins down has emptied its cache before.
static void cmd_standby(struct ata_dev *d, unsigned arg)
{
	d->r->power = (uint8_t)arg;
	if (d->drive.kind == ATA_KIND_DISK)
		ata_flush(d);
	else
		ata_finish(d);
}

static void cmd_sleep(struct ata_dev *d, unsigned arg)
{
	d->r->asleep = 1;
	cmd_standby(d, arg);
}

// --- SET FEATURES ------------------------------------------------------------------------------------

static bool valid_transfer_mode(unsigned mode)
{
	unsigned number = mode & 7;

	switch (mode >> 3) {
	case 0: return number <= 1;             // PIO default, with or without IORDY
	case 1: return number <= 4;             // PIO with flow control
	case 4: return number <= 2;             // multiword DMA
	case 8: return number <= 2;             // Ultra DMA/33
	default: return false;
	}
}

static void feature_transfer_mode(struct ata_dev *d)
{
	uint8_t mode = d->r->count[0];

	if (!valid_transfer_mode(mode)) {
		ata_abort(d);
		return;
	}
	// A PIO mode leaves the DMA mode as it is.
	if (mode >= 0x20)
		d->r->transfer_mode = mode;
	ata_finish(d);
}

static void feature_cache_on(struct ata_dev *d)
{
	d->r->write_cache = 1;
	ata_finish(d);
}

// What is in the cache goes to the disk first; later writes go through.
static void feature_cache_off(struct ata_dev *d)
{
	d->r->write_cache = 0;
	ata_flush(d);
}

static void feature_look_ahead_on(struct ata_dev *d)
{
	d->r->look_ahead = 1;
	ata_finish(d);
}

static void feature_look_ahead_off(struct ata_dev *d)
{
	d->r->look_ahead = 0;
	ata_finish(d);
}

static void feature_keep(struct ata_dev *d)
{
	d->r->keep_settings = 1;
	ata_finish(d);
}

static void feature_revert(struct ata_dev *d)
{
	d->r->keep_settings = 0;
	ata_finish(d);
}

static const struct { uint8_t code; bool packet; void (*run)(struct ata_dev *d); } features[] = {
	{ 0x02, false, feature_cache_on },
	{ 0x03, true, feature_transfer_mode },
	{ 0x55, false, feature_look_ahead_off },
	{ 0x66, true, feature_keep },
	{ 0x82, false, feature_cache_off },
	{ 0xaa, false, feature_look_ahead_on },
	{ 0xcc, true, feature_revert },
};

void ata_cmd_set_features(struct ata_dev *d, unsigned arg)
{
	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		if (features[i].code != d->r->feature[0])
			continue;
		if (d->drive.kind == ATA_KIND_CDROM && !features[i].packet)
			break;
		features[i].run(d);
		return;
	}
	ata_abort(d);
}

// --- tables ------------------------------------------------------------------------------------------
// What is absent is refused with ABRT: security, SET MAX, long sectors, CFA, microcode, queued DMA.

#define W ATA_RW_WRITE
#define M ATA_RW_MULTIPLE
#define D ATA_RW_DMA
#define X ATA_RW_EXT

const struct ata_command ata_disk_commands[256] = {
	[0x06] = { ata_cmd_trim, 0 },
	[0x10 ... 0x1f] = { cmd_recalibrate, 0 },
	[0x20] = { ata_cmd_rw, 0 },
	[0x21] = { ata_cmd_rw, 0 },                     // without retries
	[0x24] = { ata_cmd_rw, X },
	[0x25] = { ata_cmd_rw, D | X },
	[0x27] = { cmd_native_max, X },
	[0x29] = { ata_cmd_rw, M | X },
	[0x30] = { ata_cmd_rw, W },
	[0x31] = { ata_cmd_rw, W },
	[0x34] = { ata_cmd_rw, W | X },
	[0x35] = { ata_cmd_rw, W | D | X },
	[0x39] = { ata_cmd_rw, W | M | X },
	[0x3c] = { ata_cmd_rw, W | ATA_RW_FUA },        // WRITE VERIFY: on the medium at the end
	[0x3d] = { ata_cmd_rw, W | D | X | ATA_RW_FUA },
	[0x40] = { ata_cmd_rw, ATA_RW_VERIFY },
	[0x41] = { ata_cmd_rw, ATA_RW_VERIFY },
	[0x42] = { ata_cmd_rw, ATA_RW_VERIFY | X },
	[0x70 ... 0x7f] = { ata_cmd_seek, 0 },
	[0x91] = { cmd_init_parameters, 0 },
	[0x94] = { cmd_standby, POWER_STANDBY },
	[0x95] = { cmd_idle, POWER_IDLE },
	[0x96] = { cmd_standby, POWER_STANDBY },
	[0x97] = { cmd_idle, POWER_IDLE },
	[0x98] = { cmd_check_power, 0 },
	[0x99] = { cmd_sleep, POWER_STANDBY },
	[0xb0] = { ata_cmd_smart, 0 },
	[0xc4] = { ata_cmd_rw, M },
	[0xc5] = { ata_cmd_rw, W | M },
	[0xc6] = { cmd_set_multiple, 0 },
	[0xc8] = { ata_cmd_rw, D },
	[0xc9] = { ata_cmd_rw, D },
	[0xca] = { ata_cmd_rw, W | D },
	[0xcb] = { ata_cmd_rw, W | D },
	[0xce] = { ata_cmd_rw, W | M | X | ATA_RW_FUA },
	[0xe0] = { cmd_standby, POWER_STANDBY },
	[0xe1] = { cmd_idle, POWER_IDLE },
	[0xe2] = { cmd_standby, POWER_STANDBY },
	[0xe3] = { cmd_idle, POWER_IDLE },
	[0xe4] = { cmd_read_buffer, 0 },
	[0xe5] = { cmd_check_power, 0 },
	[0xe6] = { cmd_sleep, POWER_STANDBY },
	[0xe7] = { cmd_flush, 0 },
	[0xe8] = { cmd_write_buffer, 0 },
	[0xea] = { cmd_flush, 0 },
	[0xec] = { cmd_identify, 0 },
	[0xef] = { ata_cmd_set_features, 0 },
	[0xf8] = { cmd_native_max, 0 },
};

const struct ata_command ata_packet_commands[256] = {
	[0x08] = { cmd_device_reset, 0 },
	[0x20] = { cmd_not_a_disk, 0 },
	[0x21] = { cmd_not_a_disk, 0 },
	[0xa0] = { ata_cmd_packet, 0 },
	[0xa1] = { cmd_identify_packet, 0 },
	[0xe0] = { cmd_standby, POWER_STANDBY },
	[0xe1] = { cmd_idle, POWER_IDLE },
	[0xe5] = { cmd_check_power, 0 },
	[0xe6] = { cmd_sleep, POWER_STANDBY },
	[0xe7] = { cmd_done, 0 },                       // nothing is cached on the way to a CD
	[0xec] = { cmd_not_a_disk, 0 },
	[0xef] = { ata_cmd_set_features, 0 },
};
