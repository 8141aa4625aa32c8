// test_sesparse.c: ESXi space-efficient sparse extents: headers field by field, entries, reading, what is refused.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "formats_fixture.h"

#include "block/sesparse_header.h"

#define TABLE_SECTORS (4096ull * 8)     // of the disk, that a table covers

static struct fixture f;
static const struct disk_open_args rw = { 0 }, ro = { .readonly = true }, rehearsal = { .readonly = true, .rehearse = true };
static const struct se_layout plain = { .sectors = 3 * TABLE_SECTORS - 40, .tables = 2, .grains = SE_TABLES + 128 };

static void setup(void)
{
	fixture_setup(&f);
}

static void teardown(void)
{
	fixture_teardown(&f);
}

static struct se_layout make(uint32_t grains)
{
	se_text(&f, "d.vmdk", "d-sesparse.vmdk", plain.sectors);
	return make_sesparse(&f, "d-sesparse.vmdk", plain.sectors, plain.tables, grains);
}

// --- headers and entries -----------------------------------------------------------------------------------

START_TEST(good_headers)
{
	struct sesparse_header h;
	uint8_t raw[1024];

	se_header_bytes(&plain, raw);
	ck_assert_int_eq(sesparse_header_parse(raw, 1 << 20, "t", &h, NULL), 0);
	ck_assert_int_eq(sesparse_volatile_parse(raw + 512, "t", &h, NULL), 0);
	ck_assert_uint_eq(h.capacity, plain.sectors);
	ck_assert_uint_eq(h.tables, 3);
	ck_assert_uint_eq(h.directory.at, SE_DIRECTORY);
	ck_assert_uint_eq(h.grains.at, plain.grains);
	ck_assert_uint_eq(h.free_table, 2);
}
END_TEST

static const struct {
	const char *what;
	unsigned at;                    // from 512 on: of the volatile header
	uint64_t value;
	int code;
} breaks[] = {
	{ "magic", 0, 0xcafebabf, EINVAL },
	{ "version", 8, 0x200000002, ENOTSUP },
	{ "capacity 0", 16, 0, EINVAL },
	{ "capacity huge", 16, UINT64_MAX, EINVAL },
	{ "capacity beyond the directory", 16, 65 * TABLE_SECTORS, EINVAL },
	{ "grain size", 24, 16, ENOTSUP },
	{ "table size", 32, 128, ENOTSUP },
	{ "flags", 40, 1, ENOTSUP },
	{ "reserved", 48, 1, ENOTSUP },
	{ "last reserved", 72, 1ull << 63, ENOTSUP },
	{ "volatile header at 0", 80, 0, EINVAL },
	{ "volatile header beyond the file", 80, 2049, EINVAL },
	{ "volatile header without size", 88, 0, EINVAL },
	{ "directory beyond the file", 128, UINT64_MAX, EINVAL },
	{ "directory that ends beyond", 128, 2048, EINVAL },
	{ "directory too small", 136, 0, EINVAL },
	{ "tables beyond the file", 144, 4096, EINVAL },
	{ "grains beyond the file", 192, 1ull << 60, EINVAL },
	{ "padding", 208, 1, ENOTSUP },
	{ "last byte of padding", 504, 1ull << 56, ENOTSUP },
	{ "volatile magic", 512, 0xcafebabe, EINVAL },
	{ "journal to replay", 512 + 24, 1, ENOTSUP },
	{ "volatile padding", 512 + 32, 1, ENOTSUP },
};

START_TEST(one_field_broken)
{
	struct sesparse_header h;
	struct err err = { 0 };
	uint8_t raw[1024];
	int r;

	se_header_bytes(&plain, raw);
	put_le64(raw + breaks[_i].at, breaks[_i].value);
	r = sesparse_header_parse(raw, 1 << 20, "t", &h, &err);
	if (!r)
		r = sesparse_volatile_parse(raw + 512, "t", &h, &err);
	ck_assert_msg(r == -breaks[_i].code, "%s: %d", breaks[_i].what, r);
	ck_assert(err.has_offset || breaks[_i].at == 0);
}
END_TEST

START_TEST(entries)
{
	uint64_t grain = 0;

	ck_assert_int_eq(sesparse_entry(0, &grain), SESPARSE_ABSENT);
	ck_assert_int_eq(sesparse_entry(1, &grain), SESPARSE_BAD);
	ck_assert_int_eq(sesparse_entry(0x1000000000000005, &grain), SESPARSE_UNMAPPED);
	ck_assert_int_eq(sesparse_entry(0x2000000000000000, &grain), SESPARSE_ZERO);
	ck_assert_int_eq(sesparse_entry(0x4000000000000000, &grain), SESPARSE_BAD);
	ck_assert_int_eq(sesparse_entry(UINT64_MAX, &grain), SESPARSE_BAD);
	ck_assert_int_eq(sesparse_entry(0x3005000000000000, &grain), SESPARSE_DATA);
	ck_assert_uint_eq(grain, 5);
	ck_assert_int_eq(sesparse_entry(0x3fff000000000002, &grain), SESPARSE_DATA);
	ck_assert_uint_eq(grain, 0x2fff);
	for (uint64_t n = 1; n < 1ull << 60; n = n * 7 + 3) {
		ck_assert_int_eq(sesparse_entry(se_entry(n), &grain), SESPARSE_DATA);
		ck_assert_uint_eq(grain, n);
	}
	ck_assert_int_eq(sesparse_table_number(0), -1);
	ck_assert_int_eq(sesparse_table_number(0x1000000000000000), 0);
	ck_assert_int_eq(sesparse_table_number(0x10000000ffffffff), 0xffffffff);
	ck_assert_int_eq(sesparse_table_number(0x1000000100000000), -2);
	ck_assert_int_eq(sesparse_table_number(7), -2);
}
END_TEST

// --- reading ---------------------------------------------------------------------------------------------

static uint64_t gte_at(uint32_t table, uint32_t entry)
{
	return (SE_TABLES + 64ull * table) * 512 + 8ull * entry;
}

static void fill_grain(const struct se_layout *l, uint64_t grain, int byte)
{
	uint8_t data[4096];

	memset(data, byte, sizeof(data));
	poke(&f, "d-sesparse.vmdk", (l->grains + 8 * grain) * 512, data, sizeof(data));
}

// The second table of the file serves the first of the disk; grain numbers above 4095 use the turned bits.
START_TEST(reads_by_the_map)
{
	struct se_layout l = make(4100);
	struct disk *d;

	poke64(&f, "d-sesparse.vmdk", SE_DIRECTORY * 512, 0x1000000000000001);
	poke64(&f, "d-sesparse.vmdk", SE_DIRECTORY * 512 + 16, 0x1000000000000000);
	fill_grain(&l, 0, 'a');
	fill_grain(&l, 1, 'b');
	fill_grain(&l, 4099, 'c');
	poke64(&f, "d-sesparse.vmdk", gte_at(1, 0), se_entry(0));
	poke64(&f, "d-sesparse.vmdk", gte_at(1, 1), se_entry(1));
	poke64(&f, "d-sesparse.vmdk", gte_at(1, 2), 0x1000000000000001);
	poke64(&f, "d-sesparse.vmdk", gte_at(1, 3), 0x2000000000000000);
	poke64(&f, "d-sesparse.vmdk", gte_at(1, 4), se_entry(4099));
	poke64(&f, "d-sesparse.vmdk", gte_at(0, 4090), se_entry(1));
	d = must_open(&f, "d.vmdk", ro);
	ck_assert_str_eq(d->kind, "seSparse");
	expect_byte(d, 0, 4096, 'a');
	expect_byte(d, 4096, 4096, 'b');
	expect_byte(d, 512, 1024, 'a');
	expect_byte(d, 8192, 8192, 0);
	expect_byte(d, 4 * 4096 + 512, 4096 - 512, 'c');
	expect_byte(d, 5 * 4096, 1 << 20, 0);
	expect_byte(d, TABLE_SECTORS * 512, 1 << 20, 0);
	expect_byte(d, (2 * TABLE_SECTORS + 4090 * 8) * 512, 4096, 'b');
	must_close(&f, d);
}
END_TEST

START_TEST(many_tables)
{
	enum { TABLES = 300 };
	struct se_layout l;
	struct disk *d;

	se_text(&f, "d.vmdk", "d-sesparse.vmdk", TABLES * TABLE_SECTORS);
	l = make_sesparse(&f, "d-sesparse.vmdk", TABLES * TABLE_SECTORS, TABLES, TABLES);
	poke64(&f, "d-sesparse.vmdk", 136, 5);
	for (uint32_t i = 0; i < TABLES; i++) {
		poke64(&f, "d-sesparse.vmdk", SE_DIRECTORY * 512 + 8 * i, 0x1000000000000000 | i);
		poke64(&f, "d-sesparse.vmdk", gte_at(i, i), se_entry(i));
		fill_grain(&l, i, (int)(i % 250) + 1);
	}
	d = must_open(&f, "d.vmdk", ro);
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < TABLES; i++)
			expect_byte(d, (i * TABLE_SECTORS + i * 8) * 512, 4096, (int)(i % 250) + 1);
	}
	must_close(&f, d);
}
END_TEST

// --- refusals --------------------------------------------------------------------------------------------

static const uint64_t bad_tables[] = { 2, 0x1000000000000002, 0x2000000000000000, UINT64_MAX };
static const uint64_t bad_entries[] = { 1, 0x4000000000000000, UINT64_MAX, 0x3010000000000000, 0x3000000000000001 };

START_TEST(hostile_maps)
{
	char buf[4096];
	struct disk *d;

	make(16);
	for (size_t i = 0; i < ARRAY_SIZE(bad_tables); i++) {
		poke64(&f, "d-sesparse.vmdk", SE_DIRECTORY * 512 + 8, bad_tables[i]);
		expect_refusal(&f, "d.vmdk", ro, EINVAL, "entry 1 of the grain directory");
	}
	poke64(&f, "d-sesparse.vmdk", SE_DIRECTORY * 512 + 8, 0x1000000000000000);
	for (size_t i = 0; i < ARRAY_SIZE(bad_entries); i++) {
		poke64(&f, "d-sesparse.vmdk", gte_at(0, 7), bad_entries[i]);
		d = must_open(&f, "d.vmdk", ro);
		ck_assert_int_eq(do_rw(d, BLOCK_READ, TABLE_SECTORS * 512, buf, 4096, 0), -EIO);
		expect_byte(d, 0, 4096, 0);
		must_close(&f, d);
	}
	// The part of a table behind the disk's end is never used.
	poke64(&f, "d-sesparse.vmdk", gte_at(0, 7), 0);
	poke64(&f, "d-sesparse.vmdk", SE_DIRECTORY * 512 + 16, 0x1000000000000001);
	poke64(&f, "d-sesparse.vmdk", gte_at(1, 4091), UINT64_MAX);
	d = must_open(&f, "d.vmdk", ro);
	expect_byte(d, 2 * TABLE_SECTORS * 512, (TABLE_SECTORS - 40) * 512, 0);
	must_close(&f, d);
}
END_TEST

START_TEST(refusals)
{
	struct disk *d;
	char buf[512] = "";

	make(16);
	expect_refusal(&f, "d.vmdk", rw, ENOTSUP, "can be read but not written");
	expect_refusal(&f, "d.vmdk", rehearsal, ENOTSUP, "can be read but not written");
	ck_assert_ptr_nonnull(strstr(f.err.remedy, "convert"));
	expect_refusal(&f, "d-sesparse.vmdk", ro, EINVAL, "without -delta or -sesparse");
	poke64(&f, "d-sesparse.vmdk", 512 + 24, 1);
	expect_refusal(&f, "d.vmdk", ro, ENOTSUP, "journal");
	ck_assert_ptr_nonnull(strstr(f.err.remedy, "ESXi host"));
	poke64(&f, "d-sesparse.vmdk", 512 + 24, 0);
	se_text(&f, "d.vmdk", "d-sesparse.vmdk", plain.sectors + 1);
	expect_refusal(&f, "d.vmdk", ro, EINVAL, "the descriptor says");
	put_text(&f, "d.vmdk", DESC_HEAD "createType=seSparse\nRDONLY 100 SESPARSE \"d-sesparse.vmdk\"\n");
	d = must_open(&f, "d.vmdk", rw);
	ck_assert_int_eq(do_rw(d, BLOCK_WRITE, 0, buf, 512, 0), -EROFS);
	must_close(&f, d);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, good_headers);
	tcase_add_loop_test(tc, one_field_broken, 0, ARRAY_SIZE(breaks));
	tcase_add_test(tc, entries);
	tcase_add_test(tc, reads_by_the_map);
	tcase_add_test(tc, many_tables);
	tcase_add_test(tc, hostile_maps);
	tcase_add_test(tc, refusals);
}

int main(void)
{
	return run_suite("sesparse", add, setup, teardown);
}
