// ata_identify.c: what IDENTIFY DEVICE and IDENTIFY PACKET DEVICE say, as VMware's IDE devices do.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "hw/storage/ata_dev.h"

#define CHS_MAX_CYLINDERS 16383u
#define CHS_HEADS         16u
#define CHS_SECTORS       63u
#define LBA28_MAX         0x0fffffffu           // sectors that 28 bits can count

static void put_word(uint8_t *out, unsigned word, unsigned value)
{
	put_le16(out + word * 2, (uint16_t)value);
}

void ata_string(uint8_t *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i ^ 1] = (uint8_t)(*text ? *text++ : ' ');
}

static bool plausible(const struct ata_drive *drive)
{
	uint64_t cylinders = drive->cylinders, heads = drive->heads, sectors = drive->sectors_per_track;

	return cylinders && cylinders <= CHS_MAX_CYLINDERS && heads && heads <= CHS_HEADS && sectors &&
	       sectors <= CHS_SECTORS && cylinders * heads * sectors <= drive->sectors;
}

struct ata_geometry ata_default_geometry(const struct ata_drive *drive)
{
	struct ata_geometry g = { .heads = CHS_HEADS, .sectors = CHS_SECTORS };

	if (drive->kind != ATA_KIND_DISK)
		return (struct ata_geometry){ 0 };
	if (plausible(drive))
		return (struct ata_geometry){ drive->cylinders, drive->heads, drive->sectors_per_track };
	g.cylinders = (uint32_t)MIN(drive->sectors / (CHS_HEADS * CHS_SECTORS), CHS_MAX_CYLINDERS);
	if (!g.cylinders)
		g.cylinders = 1;
	return g;
}

// Words that disk and CD-ROM share: names, transfer modes.
static void put_names(const struct ata_dev *d, uint8_t *out, const char *model)
{
	char serial[24];

	snprintf(serial, sizeof(serial), "%020u", d->drive.number + 1);
	ata_string(out + 20, serial, 20);
	ata_string(out + 46, "00000001", 8);
	ata_string(out + 54, model, 40);
}

// Bit n of the upper byte: mode n is chosen; lower byte: modes 0 to 2 are there.
static unsigned dma_modes(const struct ata_dev *d, unsigned family)
{
	unsigned mode = d->r->transfer_mode;

	return 7u | ((mode & 0xf8) == family ? 0x100u << (mode & 7) : 0);
}

static void put_modes(const struct ata_dev *d, uint8_t *out)
{
	put_word(out, 51, 0x0200);              // PIO timing mode of old
	put_word(out, 52, 0x0200);
	put_word(out, 53, 7);                   // words 54-58, 64-70 and 88 are valid
	put_word(out, 63, dma_modes(d, 0x20));
	put_word(out, 64, 3);                   // PIO 3 and 4
	put_word(out, 65, 120);                 // ns: DMA cycle, recommended; PIO cycle without, with IORDY
	put_word(out, 66, 120);
	put_word(out, 67, 120);
	put_word(out, 68, 120);
	put_word(out, 88, dma_modes(d, 0x40));
}

static void put_geometry(const struct ata_dev *d, uint8_t *out)
{
	struct ata_geometry g = ata_default_geometry(&d->drive);
	uint32_t current = (uint32_t)d->r->chs_cylinders * d->r->chs_heads * d->r->chs_sectors;

	put_word(out, 1, g.cylinders);
	put_word(out, 3, g.heads);
	put_word(out, 4, g.sectors * ATA_SECTOR);
	put_word(out, 5, ATA_SECTOR);
	put_word(out, 6, g.sectors);
	put_word(out, 54, d->r->chs_cylinders);
	put_word(out, 55, d->r->chs_heads);
	put_word(out, 56, d->r->chs_sectors);
	put_le32(out + 57 * 2, current);
	put_le32(out + 60 * 2, (uint32_t)MIN(d->drive.sectors, LBA28_MAX));
}

// Words 82 to 87: SMART, power management, caches, device buffers, flush; 48-bit where needed.
static void put_feature_sets(const struct ata_dev *d, uint8_t *out)
{
	bool large = d->drive.sectors > LBA28_MAX;
	unsigned second = 0x5000u | (large ? 0x2400u : 0);      // FLUSH CACHE; 48-bit, FLUSH CACHE EXT
	unsigned enabled = 0x3008u | (d->r->write_cache ? 0x20u : 0) | (d->r->look_ahead ? 0x40u : 0) |
			   (d->r->smart ? 1u : 0);

	put_word(out, 80, 0x001e);              // ATA-1 to ATA-4
	put_word(out, 81, 0x0017);
	put_word(out, 82, 0x3069);
	put_word(out, 83, second);
	put_word(out, 84, 0x4000);
	put_word(out, 85, enabled);
	put_word(out, 86, second & 0x3fffu);
	put_word(out, 87, 0x4000);
	if (large)
		put_le64(out + 100 * 2, d->drive.sectors);
}

void ata_identify_disk(const struct ata_dev *d, uint8_t *out)
{
	memset(out, 0, ATA_SECTOR);
	put_word(out, 0, 0x0040);               // a fixed disk
	put_geometry(d, out);
	put_word(out, 20, 3);                   // dual-ported buffer with look-ahead
	put_word(out, 21, 64);                  // 32 KiB
	put_word(out, 22, 4);
	put_names(d, out, "VMware Virtual IDE Hard Drive");
	put_word(out, 47, 0x8000u | ATA_BUF_SECTORS);
	put_word(out, 48, 1);                   // 32-bit I/O works
	put_word(out, 49, 0x2f00);              // standby timers as in the standard, IORDY, LBA, DMA
	put_word(out, 50, 0x4000);
	put_modes(d, out);
	put_word(out, 59, d->r->multiple ? 0x100u | d->r->multiple : 0);
	put_feature_sets(d, out);
	put_word(out, 93, d->unit ? 0x4b00 : 0x400b);   // device number jumpered, no 80-wire cable
	if (d->drive.discard && !d->drive.readonly) {
		put_word(out, 105, 8);          // blocks of TRIM ranges
		put_word(out, 169, 1);
	}
}

void ata_identify_packet(const struct ata_dev *d, uint8_t *out)
{
	memset(out, 0, ATA_SECTOR);
	put_word(out, 0, 0x85c0);               // CD-ROM, removable, DRQ within 50 us, 12-byte packets
	put_names(d, out, "VMware Virtual IDE CDROM Drive");
	put_word(out, 48, 1);
	put_word(out, 49, 0x0f00);
	put_word(out, 50, 0x4000);
	put_modes(d, out);
	put_word(out, 53, 6);
	put_word(out, 71, 30);                  // ns from PACKET to bus release, from SERVICE to BSY clear
	put_word(out, 72, 30);
	put_word(out, 80, 0x001e);
	put_word(out, 81, 0x0017);
	put_word(out, 82, 0x4218);              // PACKET, power management, DEVICE RESET, NOP
	put_word(out, 83, 0x4000);
	put_word(out, 84, 0x4000);
	put_word(out, 85, 0x4218);
	put_word(out, 87, 0x4000);
	put_word(out, 93, d->unit ? 0x4b00 : 0x400b);
}
