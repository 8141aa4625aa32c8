// formats_fixture.h: ESX images written by hand, from what is known of their layout, for the tests of those formats.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_TESTS_FORMATS_FIXTURE_H
#define BERTH_TESTS_FORMATS_FIXTURE_H

#include "block_fixture.h"

// --- COWD ------------------------------------------------------------------------------------------------
// Header in sectors 0 to 3, the directory at 4, nothing else: as ESX makes a new one.

struct cowd_layout {
	uint32_t sectors, grain, tables;
	uint32_t free;                  // first sector behind the directory
};

static inline void cowd_text(const struct fixture *f, const char *name, const char *data, uint64_t sectors)
{
	char text[512];

	snprintf(text, sizeof(text), DESC_HEAD "createType=\"vmfsSparse\"\nRW %llu VMFSSPARSE \"%s\"\n",
		 (unsigned long long)sectors, data);
	put_text(f, name, text);
}

static inline void cowd_header_bytes(const struct cowd_layout *l, uint8_t raw[2048])
{
	memset(raw, 0, 2048);
	memcpy(raw, "COWD", 4);
	put_le32(raw + 4, 1);
	put_le32(raw + 8, 3);
	put_le32(raw + 12, l->sectors);
	put_le32(raw + 16, l->grain);
	put_le32(raw + 20, 4);
	put_le32(raw + 24, l->tables);
	put_le32(raw + 28, l->free);
	put_le32(raw + 32, 17);         // a root's geometry
	put_le32(raw + 36, 16);
	put_le32(raw + 40, 63);
}

static inline struct cowd_layout make_cowd(const struct fixture *f, const char *data, uint32_t sectors, uint32_t grain)
{
	uint64_t cover = 4096ull * grain;
	struct cowd_layout l = { .sectors = sectors, .grain = grain, .tables = (uint32_t)((sectors + cover - 1) / cover) };
	uint8_t *raw;

	l.free = 4 + (l.tables * 4 + 511) / 512;
	raw = calloc(1, l.free * 512);
	cowd_header_bytes(&l, raw);
	put_file(f, data, raw, l.free * 512);
	free(raw);
	return l;
}

// --- seSparse --------------------------------------------------------------------------------------------

enum { SE_DIRECTORY = 2, SE_TABLES = 64 };

struct se_layout {
	uint64_t sectors;
	uint32_t tables;                // that the file has room for
	uint64_t grains;                // sector
};

static inline void se_area(uint8_t *raw, unsigned at, uint64_t sector, uint64_t sectors)
{
	put_le64(raw + at, sector);
	put_le64(raw + at + 8, sectors);
}

// The first two sectors: both headers.
static inline void se_header_bytes(const struct se_layout *l, uint8_t raw[1024])
{
	memset(raw, 0, 1024);
	put_le64(raw, 0xcafebabe);
	put_le64(raw + 8, 0x200000001);
	put_le64(raw + 16, l->sectors);
	put_le64(raw + 24, 8);
	put_le64(raw + 32, 64);
	se_area(raw, 80, 1, 1);
	se_area(raw, 96, 0, 0);
	se_area(raw, 128, SE_DIRECTORY, 1);
	se_area(raw, 144, SE_TABLES, 64ull * l->tables);
	se_area(raw, 192, l->grains, 8 * 4096);
	put_le64(raw + 512, 0xcafecafe);
	put_le64(raw + 520, l->tables);
}

// GRAINS of space behind the tables; no table is used.
static inline struct se_layout make_sesparse(const struct fixture *f, const char *data, uint64_t sectors, uint32_t tables,
					     uint32_t grains)
{
	struct se_layout l = { sectors, tables, SE_TABLES + 64ull * tables };
	size_t size = (l.grains + 8ull * grains) * 512;
	uint8_t *raw = calloc(1, size);

	se_header_bytes(&l, raw);
	put_file(f, data, raw, size);
	free(raw);
	return l;
}

static inline void se_text(const struct fixture *f, const char *name, const char *data, uint64_t sectors)
{
	char text[512];

	snprintf(text, sizeof(text), DESC_HEAD "createType=\"seSparse\"\nRW %llu SESPARSE \"%s\"\n",
		 (unsigned long long)sectors, data);
	put_text(f, name, text);
}

static inline void poke64(const struct fixture *f, const char *name, uint64_t at, uint64_t v)
{
	uint8_t raw[8];

	put_le64(raw, v);
	poke(f, name, at, raw, sizeof(raw));
}

// The entry of a table for grain number GRAIN: the low twelve bits of the number stand above the others.
static inline uint64_t se_entry(uint64_t grain)
{
	return 3ull << 60 | (grain & 0xfff) << 48 | grain >> 12;
}

// --- refusals --------------------------------------------------------------------------------------------

static inline void expect_refusal(struct fixture *f, const char *name, struct disk_open_args args, int code,
				  const char *needle)
{
	struct disk *disk;
	char text[1200];
	int r = try_open(f, name, args, &disk);

	err_sentence(&f->err, text, sizeof(text));
	ck_assert_msg(r == -code, "%d instead of %d: %s", r, -code, text);
	ck_assert_msg(strstr(text, needle) != NULL, "no \"%s\" in: %s", needle, text);
}

static inline int run_suite(const char *name, void (*add)(TCase *tc), void (*setup)(void), void (*teardown)(void))
{
	Suite *suite = suite_create(name);
	TCase *tc = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	add(tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
