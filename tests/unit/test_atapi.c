// test_atapi.c: the CD-ROM: packet protocol, commands, sense, media changes, tray and lock.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "ata_fixture.h"

#define READY (ATA_DRDY | ATA_DSC)
#define TABLE 0x1000u
#define DATA  0x10000u
#define BLOCKS 1000u

static const struct ata_drive cd = {
	.kind = ATA_KIND_CDROM, .number = 2, .sectors = BLOCKS * 4, .medium = true};
static const struct ata_drive empty = { .kind = ATA_KIND_CDROM, .number = 3 };

// Issues PACKET with the command bytes; feature 1 = DMA.
static void packet(struct fixture *f, const uint8_t *cdb, unsigned limit, uint8_t feature)
{
	unsigned irqs = f->irqs;

	out(f, ATA_REG_ERROR, feature);
	out(f, ATA_REG_LBA_MID, (uint8_t)limit);
	out(f, ATA_REG_LBA_HIGH, (uint8_t)(limit >> 8));
	out(f, ATA_REG_STATUS, 0xa0);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY | ATA_DRQ);
	ck_assert_int_eq(in(f, ATA_REG_COUNT), 1);
	ck_assert_int_eq(f->irqs, irqs);
	ata_data_write(&f->ata, cdb, 12);
	fx_run(f);
}

// Collects what the device sends by PIO; checks the protocol at each block.
static size_t collect(struct fixture *f, uint8_t *to, size_t max)
{
	size_t n = 0;

	for (;;) {
		unsigned len;

		fx_run(f);
		ck_assert(f->level);
		if (!(in(f, ATA_REG_STATUS) & ATA_DRQ))
			break;
		ck_assert_int_eq(in(f, ATA_REG_COUNT), 2);
		len = in(f, ATA_REG_LBA_MID) | (unsigned)in(f, ATA_REG_LBA_HIGH) << 8;
		ck_assert_uint_gt(len, 0);
		ck_assert_uint_le(n + len + 1, max);
		ata_data_read(&f->ata, to + n, (len + 1) & ~1u);
		n += len;
	}
	ck_assert_int_eq(in(f, ATA_REG_COUNT), 3);
	return n;
}

static size_t run(struct fixture *f, const uint8_t *cdb, uint8_t *to, size_t max)
{
	packet(f, cdb, 0xfffe, 0);
	return collect(f, to, max);
}

#define CDB(...) ((const uint8_t[12]){ __VA_ARGS__ })

// Ends with CHECK CONDITION and this sense (key, code, qualifier).
static void expect_sense(struct fixture *f, unsigned key, unsigned code)
{
	uint8_t s[32];

	ck_assert_int_eq(ata_alt_status(&f->ata), READY | ATA_ERR);
	ck_assert_int_eq(in(f, ATA_REG_ERROR), key << 4 | ATA_ABRT);
	ck_assert_int_eq(in(f, ATA_REG_COUNT), 3);
	ck_assert_uint_eq(run(f, CDB(0x03, 0, 0, 0, 18), s, sizeof(s)), 18);
	ck_assert_int_eq(s[0] & 0x7f, 0x70);
	ck_assert_int_eq(s[2], key);
	ck_assert_int_eq(s[12] << 8 | s[13], code);
}

static void expect_good(struct fixture *f)
{
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	ck_assert_int_eq(in(f, ATA_REG_COUNT), 3);
}

static void test_unit_ready(struct fixture *f) { packet(f, CDB(0), 0xfffe, 0); }

// A drive that has already told that it was switched on.
static struct fixture *drive(const struct ata_drive *d)
{
	struct fixture *f = fx_new(d, NULL);

	test_unit_ready(f);
	expect_sense(f, 6, 0x2900);
	return f;
}

START_TEST(inquiry_and_attention)
{
	struct fixture *f = fx_new(&cd, NULL);
	uint8_t r[64];

	ck_assert_uint_eq(run(f, CDB(0x12, 0, 0, 0, 36), r, sizeof(r)), 36);
	ck_assert_int_eq(r[0], 5);
	ck_assert_int_eq(r[1], 0x80);
	ck_assert_mem_eq(r + 8, "NECVMWarVMware IDE CDR101.00", 28);
	test_unit_ready(f);                             // still waiting
	expect_sense(f, 6, 0x2900);
	test_unit_ready(f);
	expect_good(f);
	ck_assert_uint_eq(run(f, CDB(0x12, 0, 0, 0, 5), r, sizeof(r)), 5);
	packet(f, CDB(0x12, 1, 0x83, 0, 36), 0xfffe, 0);
	expect_sense(f, 5, 0x2400);
	ck_assert_uint_eq(run(f, CDB(0x12), r, sizeof(r)), 0);
	fx_free(f);
}
END_TEST

START_TEST(request_sense_takes_attention)
{
	struct fixture *f = fx_new(&cd, NULL);
	uint8_t s[32];

	ck_assert_uint_eq(run(f, CDB(0x03, 0, 0, 0, 255), s, sizeof(s)), 18);
	ck_assert_int_eq(s[2], 6);
	ck_assert_int_eq(s[12], 0x29);
	run(f, CDB(0x03, 0, 0, 0, 18), s, sizeof(s));
	ck_assert_int_eq(s[2], 0);
	test_unit_ready(f);
	expect_good(f);
	fx_free(f);
}
END_TEST

START_TEST(unknown_and_overlapped)
{
	static const uint8_t codes[] = { 0x01, 0x04, 0x0a, 0x2a, 0x2e, 0x5c, 0xa0, 0xa4, 0xaa, 0xff };
	struct fixture *f = drive(&cd);

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		packet(f, CDB(codes[i]), 0xfffe, 0);
		expect_sense(f, 5, 0x2000);
	}
	command(f, 0xa0, 2, 0);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY | ATA_ERR);
	fx_free(f);
}
END_TEST

START_TEST(capacity_and_read)
{
	struct fixture *f = drive(&cd);
	uint8_t r[16], *data = malloc(40 * 2048 + 2);

	run(f, CDB(0x25), r, sizeof(r));
	ck_assert_uint_eq(get_be32(r), BLOCKS - 1);
	ck_assert_uint_eq(get_be32(r + 4), 2048);
	ck_assert_uint_eq(run(f, CDB(0x28, 0, 0, 0, 0, 16, 0, 0, 1), data, 4096), 2048);
	ck_assert_mem_eq(data, f->medium[0] + 16 * 2048, 2048);
	ck_assert_uint_eq(run(f, CDB(0xa8, 0, 0, 0, 3, 0xc0, 0, 0, 0, 40), data, 40 * 2048 + 2), 40 * 2048);
	ck_assert_mem_eq(data, f->medium[0] + 960 * 2048, 40 * 2048);
	packet(f, CDB(0x28), 0xfffe, 0);                // nothing to read is fine
	expect_good(f);
	packet(f, CDB(0x28, 0, 0, 0, 3, 0xe8, 0, 0, 1), 0xfffe, 0);
	expect_sense(f, 5, 0x2100);
	packet(f, CDB(0xa8, 0, 0, 0, 3, 0xe7, 0xff, 0xff, 0xff, 0xff), 0xfffe, 0);
	expect_sense(f, 5, 0x2100);
	packet(f, CDB(0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 2), 0xfffe, 0);
	expect_sense(f, 5, 0x2100);
	packet(f, CDB(0x2b, 0, 0, 0, 3, 0xe7), 0xfffe, 0);
	expect_good(f);
	packet(f, CDB(0x2b, 0, 0, 0, 3, 0xe8), 0xfffe, 0);
	expect_sense(f, 5, 0x2100);
	free(data);
	fx_free(f);
}
END_TEST

START_TEST(byte_count_limits)
{
	static const struct { unsigned limit, first; } cases[] = {
		{ 0, 4096 }, { 0xffff, 4096 }, { 2048, 2048 }, { 2047, 2046 }, { 100, 100 }, { 1, 2 },
	};
	struct fixture *f = drive(&cd);
	uint8_t data[4100];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		packet(f, CDB(0x28, 0, 0, 0, 0, 30, 0, 0, 2), cases[i].limit, 0);
		ck_assert_uint_eq(in(f, ATA_REG_LBA_MID) | (unsigned)in(f, ATA_REG_LBA_HIGH) << 8,
				  cases[i].first);
		ck_assert_uint_eq(collect(f, data, sizeof(data)), 4096);
		ck_assert_mem_eq(data, f->medium[0] + 30 * 2048, 4096);
	}
	fx_free(f);
}
END_TEST

START_TEST(read_errors)
{
	struct fixture *f = drive(&cd);
	uint8_t s[32];

	f->fail = -EIO;
	packet(f, CDB(0x28, 0, 0, 0, 0, 30, 0, 0, 2), 0xfffe, 0);
	ck_assert_int_eq(ata_alt_status(&f->ata), READY | ATA_ERR);
	run(f, CDB(0x03, 0, 0, 0, 18), s, sizeof(s));
	ck_assert_int_eq(s[0], 0xf0);
	ck_assert_int_eq(s[2], 3);
	ck_assert_int_eq(s[12], 0x11);
	ck_assert_uint_eq(get_be32(s + 3), 30);
	fx_free(f);
}
END_TEST

START_TEST(dma)
{
	struct fixture *f = drive(&cd);

	prd(f, TABLE, DATA, 8192, false);
	prd(f, TABLE + 8, DATA + 8192, 8192, true);
	packet(f, CDB(0x28, 0, 0, 0, 0, 99, 0, 0, 8), 0, 1);
	ck_assert(!f->pending[0].set);
	master_start(f, TABLE, true);
	fx_run(f);
	expect_good(f);
	ck_assert_int_eq(master_status(f), BMIDE_INTERRUPT);
	ck_assert_mem_eq(f->ram + DATA, f->medium[0] + 99 * 2048, 16384);

	prd(f, TABLE, DATA, 36, true);                  // small answers go the same way
	packet(f, CDB(0x12, 0, 0, 0, 36), 0, 1);
	master_start(f, TABLE, true);
	expect_good(f);
	ck_assert_mem_eq(f->ram + DATA + 8, "NECVMWar", 8);

	prd(f, TABLE, 0xfff00000, 2048, true);
	packet(f, CDB(0x28, 0, 0, 0, 0, 99, 0, 0, 1), 0, 1);
	master_start(f, TABLE, true);
	expect_sense(f, 11, 0);
	ck_assert_int_eq(master_status(f) & BMIDE_ERROR, BMIDE_ERROR);
	fx_free(f);
}
END_TEST

START_TEST(read_cd)
{
	struct fixture *f = drive(&cd);
	uint8_t *data = malloc(30 * 2352 + 2);

	ck_assert_uint_eq(run(f, CDB(0xbe, 0, 0, 0, 0, 7, 0, 0, 30, 0xf8), data, 30 * 2352 + 2), 30 * 2352);
	for (unsigned i = 0; i < 30; i++) {
		const uint8_t *s = data + i * 2352;

		ck_assert_mem_eq(s, "\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0", 12);
		ck_assert_int_eq(s[12], 0);
		ck_assert_int_eq(s[13], 2);
		ck_assert_int_eq(s[14], (7 + i) / 10 << 4 | (7 + i) % 10);
		ck_assert_int_eq(s[15], 1);
		ck_assert_mem_eq(s + 16, f->medium[0] + (7 + i) * 2048, 2048);
	}
	ck_assert_uint_eq(run(f, CDB(0xbe, 0, 0, 0, 0, 7, 0, 0, 2, 0x10), data, 4100), 4096);
	ck_assert_mem_eq(data, f->medium[0] + 7 * 2048, 4096);
	ck_assert_uint_eq(run(f, CDB(0xb9, 0, 0, 0, 2, 7, 0, 2, 8, 0x20), data, 100), 4);
	packet(f, CDB(0xbe, 0, 0, 0, 0, 7, 0, 0, 1, 0), 0xfffe, 0);
	expect_good(f);
	packet(f, CDB(0xbe, 4, 0, 0, 0, 7, 0, 0, 1, 0x10), 0xfffe, 0);
	expect_sense(f, 5, 0x6400);
	packet(f, CDB(0xbe, 0, 0, 0, 0, 7, 0, 0, 1, 0x12), 0xfffe, 0);
	expect_sense(f, 5, 0x2400);
	packet(f, CDB(0xbe, 0, 0, 0, 3, 0xe8, 0, 0, 1, 0xf8), 0xfffe, 0);
	expect_sense(f, 5, 0x2100);
	packet(f, CDB(0xb9, 0, 0, 0, 0, 7, 0, 2, 8, 0x10), 0xfffe, 0);
	expect_sense(f, 5, 0x2400);
	free(data);
	fx_free(f);
}
END_TEST

START_TEST(toc)
{
	struct fixture *f = drive(&cd);
	uint8_t r[128];

	ck_assert_uint_eq(run(f, CDB(0x43, 0, 0, 0, 0, 0, 0, 0, 100), r, sizeof(r)), 20);
	ck_assert_int_eq(get_be16(r), 18);
	ck_assert_int_eq(r[6], 1);
	ck_assert_int_eq(r[5], 0x14);
	ck_assert_int_eq(r[14], 0xaa);
	ck_assert_uint_eq(get_be32(r + 16), BLOCKS);
	ck_assert_uint_eq(run(f, CDB(0x43, 2, 0, 0, 0, 0, 0xaa, 0, 100), r, sizeof(r)), 12);
	ck_assert_int_eq(r[9] * 4500 + r[10] * 75 + r[11], BLOCKS + 150);
	ck_assert_uint_eq(run(f, CDB(0x43, 0, 0, 0, 0, 0, 0, 0, 100, 0x40), r, sizeof(r)), 12);
	ck_assert_uint_eq(run(f, CDB(0x43, 2, 2, 0, 0, 0, 0, 0, 100), r, sizeof(r)), 48);
	ck_assert_int_eq(r[7], 0xa0);
	ck_assert_int_eq(r[40], 1);
	ck_assert_uint_eq(run(f, CDB(0x43, 0, 0, 0, 0, 0, 0, 0, 4), r, sizeof(r)), 4);
	packet(f, CDB(0x43, 0, 5, 0, 0, 0, 0, 0, 100), 0xfffe, 0);
	expect_sense(f, 5, 0x2400);
	packet(f, CDB(0x43, 0, 0, 0, 0, 0, 2, 0, 100), 0xfffe, 0);
	expect_sense(f, 5, 0x2400);
	fx_free(f);
}
END_TEST

START_TEST(information)
{
	struct fixture *f = drive(&cd);
	uint8_t r[256];

	ck_assert_uint_eq(run(f, CDB(0x51, 0, 0, 0, 0, 0, 0, 0, 100), r, sizeof(r)), 34);
	ck_assert_int_eq(r[2], 0x0e);
	ck_assert_uint_eq(run(f, CDB(0x52, 1, 0, 0, 0, 1, 0, 0, 100), r, sizeof(r)), 36);
	ck_assert_uint_eq(get_be32(r + 24), BLOCKS);
	packet(f, CDB(0x52, 1, 0, 0, 0, 2, 0, 0, 100), 0xfffe, 0);
	expect_sense(f, 5, 0x2400);
	ck_assert_uint_eq(run(f, CDB(0x42, 2, 0x40, 1, 0, 0, 0, 0, 100), r, sizeof(r)), 16);
	ck_assert_int_eq(r[1], 0x15);
	ck_assert_uint_eq(run(f, CDB(0x42, 0, 0, 0, 0, 0, 0, 0, 100), r, sizeof(r)), 4);
	packet(f, CDB(0x42, 0, 0x40, 9, 0, 0, 0, 0, 100), 0xfffe, 0);
	expect_sense(f, 5, 0x2400);
	ck_assert_uint_eq(run(f, CDB(0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 100), r, sizeof(r)), 8);
	ck_assert_int_eq(r[1], 0);
	packet(f, CDB(0xad, 0, 0, 0, 0, 0, 0, 0, 8), 0xfffe, 0);
	expect_sense(f, 5, 0x3002);
	packet(f, CDB(0xbb, 0, 2, 0), 0xfffe, 0);
	expect_good(f);
	packet(f, CDB(0x35), 0xfffe, 0);
	expect_good(f);
	packet(f, CDB(0x47), 0xfffe, 0);
	expect_sense(f, 5, 0x6400);
	fx_free(f);
}
END_TEST

START_TEST(configuration)
{
	struct ata_drive dvd = { .kind = ATA_KIND_CDROM, .sectors = 2000000ull * 4, .medium = true };
	struct fixture *f = drive(&cd);
	uint8_t r[4096];
	size_t n = run(f, CDB(0x46, 0, 0, 0, 0, 0, 0, 1, 0), r, sizeof(r));

	ck_assert_uint_eq(get_be32(r) + 4, n);
	ck_assert_int_eq(get_be16(r + 6), 0x0008);
	for (size_t at = 8, last = 0; at < n; at += 4u + r[at + 3]) {
		ck_assert_int_eq(r[at + 3] % 4, 0);
		ck_assert(at == 8 || get_be16(r + at) > last);
		last = get_be16(r + at);
	}
	ck_assert_uint_eq(run(f, CDB(0x46, 2, 0, 0x1f, 0, 0, 0, 1, 0), r, sizeof(r)), 12);
	ck_assert_int_eq(r[10] & 1, 0);
	packet(f, CDB(0x46, 3, 0, 0, 0, 0, 0, 1, 0), 0xfffe, 0);
	expect_sense(f, 5, 0x2400);
	fx_free(f);

	f = drive(&dvd);
	run(f, CDB(0x46, 1, 0, 0, 0, 0, 0, 1, 0), r, sizeof(r));
	ck_assert_int_eq(get_be16(r + 6), 0x0010);
	ck_assert_uint_eq(run(f, CDB(0xad, 0, 0, 0, 0, 0, 0, 0, 16), r, sizeof(r)), 2052);
	ck_assert_uint_eq(get_be32(r + 12) - get_be32(r + 8), 1999999);
	ck_assert_uint_eq(run(f, CDB(0xad, 0, 0, 0, 0, 0, 0, 0xff, 16), r, sizeof(r)), 20);
	packet(f, CDB(0xad, 0, 0, 0, 0, 0, 0, 0x77, 16), 0xfffe, 0);
	expect_sense(f, 5, 0x2400);
	fx_free(f);

	f = drive(&empty);
	run(f, CDB(0x46, 0, 0, 0, 0, 0, 0, 1, 0), r, sizeof(r));
	ck_assert_int_eq(get_be16(r + 6), 0);
	fx_free(f);
}
END_TEST

START_TEST(mode_pages)
{
	static const struct {
		uint8_t page;
		unsigned len;
	} pages[] = {{0x01, 8}, {0x0d, 8}, {0x0e, 16}, {0x1a, 12}, {0x2a, 22}};
	struct fixture *f = drive(&cd);
	uint8_t r[256];
	unsigned all = 8;

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		ck_assert_uint_eq(run(f, CDB(0x5a, 0, pages[i].page, 0, 0, 0, 0, 1, 0), r, sizeof(r)),
				  8 + pages[i].len);
		ck_assert_int_eq(get_be16(r), 6 + pages[i].len);
		ck_assert_int_eq(r[8], pages[i].page);
		ck_assert_int_eq(r[9], pages[i].len - 2);
		all += pages[i].len;
	}
	ck_assert_uint_eq(run(f, CDB(0x5a, 0, 0x3f, 0, 0, 0, 0, 1, 0), r, sizeof(r)), all);
	ck_assert_uint_eq(run(f, CDB(0x1a, 0, 0x2a, 0, 255), r, sizeof(r)), 26);
	ck_assert_int_eq(r[0], 25);
	ck_assert_int_eq(r[1], 1);
	ck_assert_int_eq(get_be16(r + 4 + 8), 176);
	packet(f, CDB(0x5a, 0, 0xff, 0, 0, 0, 0, 1, 0), 0xfffe, 0);
	expect_sense(f, 5, 0x3900);
	packet(f, CDB(0x5a, 0, 0x08, 0, 0, 0, 0, 1, 0), 0xfffe, 0);
	expect_sense(f, 5, 0x2400);
	fx_free(f);
}
END_TEST

static void mode_select(struct fixture *f, const uint8_t *list, unsigned len)
{
	packet(f, CDB(0x55, 0x10, 0, 0, 0, 0, 0, 0, (uint8_t)len), 8, 0);
	for (unsigned at = 0; at < len; at += 8) {
		if (!(in(f, ATA_REG_STATUS) & ATA_DRQ))
			break;
		ck_assert_int_eq(in(f, ATA_REG_COUNT), 0);
		ata_data_write(&f->ata, list + at, MIN(8u, len - at));
	}
}

START_TEST(mode_select_pages)
{
	struct fixture *f = drive(&cd);
	uint8_t list[32] = { [8] = 0x01, 6, 0x20, 9 }, r[64];

	mode_select(f, list, 16);
	expect_good(f);
	run(f, CDB(0x5a, 0, 0x01, 0, 0, 0, 0, 0, 64), r, sizeof(r));
	ck_assert_int_eq(r[10], 0x20);
	ck_assert_int_eq(r[11], 9);
	list[9] = 200;                                  // longer than the list
	mode_select(f, list, 16);
	expect_sense(f, 5, 0x1a00);
	list[8] = 0x08;
	list[9] = 6;
	mode_select(f, list, 16);
	expect_sense(f, 5, 0x2600);
	mode_select(f, list, 6);
	expect_sense(f, 5, 0x1a00);
	put_be16(list + 6, 0xffff);                     // block descriptors beyond the end
	mode_select(f, list, 16);
	expect_good(f);
	packet(f, CDB(0x55), 0xfffe, 0);
	expect_good(f);
	packet(f, CDB(0x15, 1, 0, 0, 16), 0xfffe, 0);
	expect_sense(f, 5, 0x2400);
	fx_free(f);
}
END_TEST

static uint8_t event(struct fixture *f, uint8_t *status)
{
	uint8_t r[16];

	ck_assert_uint_eq(run(f, CDB(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), r, sizeof(r)), 8);
	ck_assert_int_eq(r[2], 4);
	*status = r[5];
	return r[4];
}

START_TEST(media_change)
{
	struct fixture *f = drive(&cd);
	uint8_t status, r[16];

	ck_assert_int_eq(event(f, &status), 0);
	ck_assert_int_eq(status, 2);
	ck_assert_int_eq(ata_medium_change(&f->ata, 0, true, 800, false), 0);
	ck_assert_int_eq(event(f, &status), 3);         // removed, then new
	ck_assert_int_eq(event(f, &status), 2);
	ck_assert_int_eq(event(f, &status), 0);
	test_unit_ready(f);
	expect_sense(f, 2, 0x3a02);
	test_unit_ready(f);
	expect_sense(f, 6, 0x2800);
	test_unit_ready(f);
	expect_good(f);
	run(f, CDB(0x25), r, sizeof(r));
	ck_assert_uint_eq(get_be32(r), 199);
	ck_assert_int_eq(ata_medium_change(&f->ata, 0, false, 0, false), 0);
	test_unit_ready(f);
	expect_sense(f, 2, 0x3a01);
	ck_assert_int_eq(event(f, &status), 3);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(ata_medium_change(&f->ata, 0, true, 400, false), 0);
	test_unit_ready(f);
	expect_sense(f, 6, 0x2800);
	test_unit_ready(f);
	expect_good(f);
	ck_assert_int_eq(ata_medium_change(&f->ata, 1, true, 400, false), -ENODEV);
	run(f, CDB(0x4a, 1, 0, 0, 0x04, 0, 0, 0, 8), r, sizeof(r));
	ck_assert_int_eq(r[2], 0x80);
	packet(f, CDB(0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8), 0xfffe, 0);
	expect_sense(f, 5, 0x2400);
	fx_free(f);
}
END_TEST

START_TEST(media_change_in_flight)
{
	struct fixture *f = drive(&cd);

	out(f, ATA_REG_ERROR, 0);
	out(f, ATA_REG_STATUS, 0xa0);
	ata_data_write(&f->ata, CDB(0x28, 0, 0, 0, 0, 30, 0, 0, 2), 12);
	ck_assert(f->pending[0].set);
	ck_assert_int_eq(ata_medium_change(&f->ata, 0, true, 4, false), 0);
	fx_complete(f, 0);
	expect_sense(f, 2, 0x3a02);
	fx_free(f);
}
END_TEST

START_TEST(tray_and_lock)
{
	struct fixture *f = drive(&cd);
	uint8_t status, r[64];

	packet(f, CDB(0x1e, 0, 0, 0, 1), 0xfffe, 0);
	expect_good(f);
	packet(f, CDB(0x1b, 0, 0, 0, 2), 0xfffe, 0);
	expect_sense(f, 5, 0x5302);
	ck_assert_int_eq(ata_medium_change(&f->ata, 0, true, 800, false), -EBUSY);
	ck_assert_int_eq(event(f, &status), 1);         // somebody wants the disc
	test_unit_ready(f);
	expect_good(f);
	packet(f, CDB(0x1e), 0xfffe, 0);
	packet(f, CDB(0x1b, 0, 0, 0, 2), 0xfffe, 0);
	expect_good(f);
	ck_assert_int_eq(f->trays, 1);
	ck_assert_int_eq(event(f, &status), 3);
	ck_assert_int_eq(status, 1);
	test_unit_ready(f);
	expect_sense(f, 2, 0x3a02);
	ck_assert_uint_eq(run(f, CDB(0x1a, 0, 0x0d, 0, 64), r, sizeof(r)), 12);
	ck_assert_int_eq(r[1], 0x71);
	ata_power_on(&f->ata);                          // a reset does not close it
	test_unit_ready(f);
	expect_sense(f, 6, 0x2900);
	test_unit_ready(f);
	expect_sense(f, 2, 0x3a02);
	packet(f, CDB(0x1b, 0, 0, 0, 3), 0xfffe, 0);
	expect_good(f);
	ck_assert_int_eq(f->trays, 2);
	test_unit_ready(f);
	expect_sense(f, 6, 0x2800);
	test_unit_ready(f);
	expect_good(f);
	packet(f, CDB(0x1e, 0, 0, 0, 1), 0xfffe, 0);
	ck_assert_int_eq(ata_medium_change(&f->ata, 0, false, 0, true), 0);     // by force
	test_unit_ready(f);
	expect_sense(f, 2, 0x3a01);
	fx_free(f);
}
END_TEST

START_TEST(empty_drive)
{
	static const uint8_t codes[] = { 0x00, 0x25, 0x28, 0x2b, 0x42, 0x43, 0x51, 0x52, 0xa8, 0xb9, 0xbe };
	struct fixture *f = drive(&empty);
	uint8_t r[64];

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		packet(f, CDB(codes[i]), 0xfffe, 0);
		expect_sense(f, 2, 0x3a01);
	}
	ck_assert_uint_eq(run(f, CDB(0x12, 0, 0, 0, 36), r, sizeof(r)), 36);
	ck_assert_mem_eq(r + 16, "VMware IDE CDR11", 16);
	fx_free(f);
}
END_TEST

START_TEST(device_reset_in_flight)
{
	struct fixture *f = drive(&cd);

	out(f, ATA_REG_ERROR, 0);
	out(f, ATA_REG_STATUS, 0xa0);
	ata_data_write(&f->ata, CDB(0x28, 0, 0, 0, 0, 30, 0, 0, 2), 12);
	out(f, ATA_REG_STATUS, 0x08);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), ATA_BSY);
	fx_complete(f, 0);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), 0);
	ck_assert_int_eq(in(f, ATA_REG_LBA_HIGH), 0xeb);
	ck_assert(!f->level);
	test_unit_ready(f);
	expect_good(f);
	fx_free(f);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		inquiry_and_attention,
		request_sense_takes_attention,
		unknown_and_overlapped,
		capacity_and_read,
		byte_count_limits,
		read_errors,
		dma,
		read_cd,
		toc,
		information,
		configuration,
		mode_pages,
		mode_select_pages,
		media_change,
		media_change_in_flight,
		tray_and_lock,
		empty_drive,
		device_reset_in_flight,
	};
	Suite *s = suite_create("atapi");
	TCase *c = tcase_create("core");

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(c, tests[i]);
	suite_add_tcase(s, c);
	return run_suite(s);
}
