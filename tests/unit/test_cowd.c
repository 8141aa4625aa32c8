// test_cowd.c: ESX sparse extents: the header field by field, reading, writing, what is on the disk and when.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "formats_fixture.h"

#include "block/cowd_extent.h"

#define TABLE_BYTES 16384u

static struct fixture f;
static const struct disk_open_args rw = { 0 }, ro = { .readonly = true };

static void setup(void)
{
	fixture_setup(&f);
}

static void teardown(void)
{
	fixture_teardown(&f);
}

static struct cowd_layout make(uint32_t sectors, uint32_t grain)
{
	cowd_text(&f, "d.vmdk", "d-delta.vmdk", sectors);
	return make_cowd(&f, "d-delta.vmdk", sectors, grain);
}

// --- the header ------------------------------------------------------------------------------------------

static const struct cowd_layout plain = { .sectors = 10000, .grain = 1, .tables = 3, .free = 5 };

START_TEST(good_headers)
{
	struct cowd_header h;
	uint8_t raw[2048];

	cowd_header_bytes(&plain, raw);
	put_le32(raw + 1060, 7);
	put_le32(raw + 1636, 6);
	ck_assert_int_eq(cowd_header_parse(raw, 4096, "t", &h, NULL), 0);
	ck_assert_uint_eq(h.capacity, 10000);
	ck_assert_uint_eq(h.tables, 3);
	ck_assert_uint_eq(h.free, 5);
	ck_assert(h.root && !h.unclean);
	ck_assert_uint_eq(h.cylinders, 17);
	ck_assert_uint_eq(h.track_sectors, 63);
	ck_assert_uint_eq(h.generation, 7);
	ck_assert_uint_eq(h.saved_generation, 6);
	put_le32(raw + 8, 2);
	put_le32(raw + 24, 99);         // more tables than are needed do no harm
	put_le32(raw + 1648, 1);
	memset(raw + 32, 'p', 1024);
	put_le32(raw + 1056, 5);
	ck_assert_int_eq(cowd_header_parse(raw, 4096, "t", &h, NULL), 0);
	ck_assert(!h.root && h.unclean);
	ck_assert_uint_eq(strlen(h.parent), 1024);
	ck_assert_uint_eq(h.parent_generation, 5);
	ck_assert_uint_eq(h.cylinders, 0);
}
END_TEST

static const struct {
	const char *what;
	unsigned at;
	uint32_t value;
	int code;
} breaks[] = {
	{ "magic", 0, 0x564d444b, EINVAL },
	{ "version", 4, 2, EINVAL },
	{ "inconsistent", 8, 7, ENOTSUP },
	{ "unknown flag", 8, 0x13, EINVAL },
	{ "capacity", 12, 0, EINVAL },
	{ "grain 0", 16, 0, EINVAL },
	{ "grain 3", 16, 3, EINVAL },
	{ "grain huge", 16, 1u << 31, EINVAL },
	{ "grain 128 Ki", 16, 1u << 17, EINVAL },
	{ "directory on the header", 20, 3, EINVAL },
	{ "directory beyond the file", 20, 9, EINVAL },
	{ "directory far beyond", 20, UINT32_MAX, EINVAL },
	{ "too few tables", 24, 2, EINVAL },
};

START_TEST(one_field_broken)
{
	struct cowd_header h;
	uint8_t raw[2048];
	struct err err = { 0 };

	cowd_header_bytes(&plain, raw);
	put_le32(raw + breaks[_i].at, breaks[_i].value);
	ck_assert_msg(cowd_header_parse(raw, 4096, "t", &h, &err) == -breaks[_i].code, "%s", breaks[_i].what);
	ck_assert_int_eq(err.code, breaks[_i].code);
	ck_assert_str_eq(err.object, "t");
}
END_TEST

START_TEST(huge_disk)
{
	const struct cowd_layout l = { .sectors = UINT32_MAX, .grain = 1, .tables = 1u << 20, .free = 0 };
	struct cowd_header h;
	uint8_t raw[2048];

	cowd_header_bytes(&l, raw);
	ck_assert_int_eq(cowd_header_parse(raw, 5u << 20, "t", &h, NULL), 0);
	ck_assert_uint_eq(h.tables, 1u << 20);
	ck_assert_int_eq(cowd_header_parse(raw, 4u << 20, "t", &h, NULL), -EINVAL);
}
END_TEST

// --- reading and writing ---------------------------------------------------------------------------------

// A hand-made table: grains in reverse order, with a gap.
START_TEST(reads_by_the_map)
{
	struct cowd_layout l = make(10000, 1);
	uint8_t sector[512];
	struct disk *d;

	poke32(&f, "d-delta.vmdk", 4 * 512 + 4, l.free);        // the second table
	for (uint32_t i = 0; i < 3; i++) {
		memset(sector, 'a' + (int)i, sizeof(sector));
		shell("truncate -s %u %s/d-delta.vmdk", (l.free + 35) * 512, f.dir);
		poke(&f, "d-delta.vmdk", (l.free + 32 + i) * 512ull, sector, sizeof(sector));
		poke32(&f, "d-delta.vmdk", l.free * 512ull + 4 * (10 - 2 * i), l.free + 32 + i);
	}
	d = must_open(&f, "d.vmdk", ro);
	ck_assert_str_eq(d->kind, "vmfsSparse");
	ck_assert_uint_eq(d->size, 10000 * 512);
	expect_byte(d, 0, (4096 + 6) * 512, 0);
	expect_byte(d, (4096 + 6) * 512, 512, 'c');
	expect_byte(d, (4096 + 7) * 512, 512, 0);
	expect_byte(d, (4096 + 8) * 512, 512, 'b');
	expect_byte(d, (4096 + 10) * 512, 512, 'a');
	expect_byte(d, (4096 + 11) * 512, (10000 - 4096 - 11) * 512, 0);
	must_close(&f, d);
}
END_TEST

static const uint32_t grains[] = { 1, 8, 128, 1024 };

START_TEST(writes_come_back)
{
	uint32_t sectors = 4096 * grains[_i] + 77;
	uint64_t edge = 4096ull * grains[_i] * 512;
	struct disk *d;

	make(sectors, grains[_i]);
	d = must_open(&f, "d.vmdk", rw);
	write_byte(d, 0, 512, 1);
	write_byte(d, 1024, 65536, 2);
	write_byte(d, edge - 8192, 16384, 3);
	write_byte(d, edge + 76 * 512, 512, 4);
	expect_byte(d, 0, 512, 1);
	expect_byte(d, 512, 512, 0);
	expect_byte(d, 1024, 65536, 2);
	expect_byte(d, edge - 8192, 16384, 3);
	must_close(&f, d);
	d = must_open(&f, "d.vmdk", ro);
	expect_byte(d, 0, 512, 1);
	expect_byte(d, 512, 512, 0);
	expect_byte(d, 1024, 65536, 2);
	expect_byte(d, 66560, 4096, 0);
	expect_byte(d, edge - 8192, 16384, 3);
	expect_byte(d, edge + 76 * 512, 512, 4);
	must_close(&f, d);
}
END_TEST

// Holes in place: the table stays as it is, on the disk too, and no grain comes back from below.
START_TEST(discard_frees_blocks)
{
	struct cowd_layout l = make(20000, 1);
	struct block_req req = { .op = BLOCK_DISCARD, .offset = 512, .length = 6u << 20 };
	uint32_t entry = l.free + 32;
	struct disk *d;
	struct stat st;
	char path[256];

	d = must_open(&f, "d.vmdk", rw);
	ck_assert(d->discard);
	write_byte(d, 0, 8u << 20, 0x55);
	ck_assert_int_eq(do_flush(d), 0);
	ck_assert_int_eq(wait_req(d, &req), 0);
	ck_assert_int_eq(stat(path_in(&f, "d-delta.vmdk", path, sizeof(path)), &st), 0);
	ck_assert_int_lt(st.st_blocks, 3 << 11);
	must_close(&f, d);
	ck_assert_uint_eq(peek32(&f, "d-delta.vmdk", l.free * 512ull + 4), entry + 1);
	d = must_open(&f, "d.vmdk", ro);
	ck_assert(!d->discard);
	expect_byte(d, 0, 512, 0x55);
	expect_byte(d, 512, 6u << 20, 0);
	expect_byte(d, (6u << 20) + 512, (2u << 20) - 512, 0x55);
	must_close(&f, d);
}
END_TEST

// What ESX needs: free space that begins behind all that is used, and the mark while the disk is open.
START_TEST(header_follows)
{
	struct cowd_layout l = make(10000, 1);
	struct disk *d = must_open(&f, "d.vmdk", rw);
	size_t len;

	write_byte(d, 0, 4096, 9);
	ck_assert_uint_eq(peek32(&f, "d-delta.vmdk", 28), l.free);
	ck_assert_uint_eq(peek32(&f, "d-delta.vmdk", 4 * 512), 0);
	ck_assert_int_eq(do_flush(d), 0);
	ck_assert_uint_eq(peek32(&f, "d-delta.vmdk", 28), l.free + 32 + 8);
	ck_assert_uint_eq(peek32(&f, "d-delta.vmdk", 1648), 1);
	ck_assert_uint_eq(peek32(&f, "d-delta.vmdk", 4 * 512), l.free);
	ck_assert_uint_eq(peek32(&f, "d-delta.vmdk", l.free * 512ull), l.free + 32);
	write_byte(d, 4096, 512, 8);
	must_close(&f, d);
	ck_assert_uint_eq(peek32(&f, "d-delta.vmdk", 28), l.free + 32 + 9);
	ck_assert_uint_eq(peek32(&f, "d-delta.vmdk", 1648), 0);
	free(get_file(&f, "d-delta.vmdk", &len));
	ck_assert_uint_eq(len, (l.free + 32 + 9 + 1) * 512ull);
	// A session that only writes over what is there changes no metadata.
	d = must_open(&f, "d.vmdk", rw);
	write_byte(d, 0, 4096, 7);
	must_close(&f, d);
	ck_assert_uint_eq(peek32(&f, "d-delta.vmdk", 28), l.free + 32 + 9);
}
END_TEST

// New space comes from behind everything, whatever the header says of free space.
START_TEST(stale_free_space)
{
	struct cowd_layout l = make(10000, 1);
	struct disk *d = must_open(&f, "d.vmdk", rw);

	write_byte(d, 0, 4096, 1);
	must_close(&f, d);
	poke32(&f, "d-delta.vmdk", 28, l.free);
	poke32(&f, "d-delta.vmdk", 1648, 1);
	d = must_open(&f, "d.vmdk", rw);
	write_byte(d, 8192, 4096, 2);
	expect_byte(d, 0, 4096, 1);
	must_close(&f, d);
	d = must_open(&f, "d.vmdk", rw);
	expect_byte(d, 0, 4096, 1);
	expect_byte(d, 8192, 4096, 2);
	write_byte(d, 0, 512, 3);
	must_close(&f, d);
	ck_assert_uint_eq(peek32(&f, "d-delta.vmdk", 1648), 0);
	ck_assert_uint_eq(peek32(&f, "d-delta.vmdk", 28), l.free + 32 + 8 + 1 + 8);
}
END_TEST

// More tables than the cache holds, all of them dirty: flushes make room, and the memory stays bounded.
START_TEST(more_tables_than_fit)
{
	uint32_t count = COWD_CACHE_TABLES * 2 + 50;
	struct disk *d;

	make(count * 4096, 1);
	d = must_open(&f, "d.vmdk", rw);
	for (uint32_t i = 0; i < count; i++)
		write_byte(d, i * 4096ull * 512, 512, (int)(i % 250) + 1);
	for (uint32_t i = 0; i < count; i++)
		expect_byte(d, i * 4096ull * 512, 512, (int)(i % 250) + 1);
	must_close(&f, d);
	d = must_open(&f, "d.vmdk", ro);
	for (uint32_t i = count; i-- > 0;)
		expect_byte(d, i * 4096ull * 512, 512, (int)(i % 250) + 1);
	must_close(&f, d);
}
END_TEST

struct flight {
	struct block_req req;
	struct iovec iov;
	int result;
	char buf[512];
};

// The same, all at once: requests wait for room and none is forgotten.
START_TEST(many_tables_at_once)
{
	uint32_t count = COWD_CACHE_TABLES * 2 + 50;
	struct flight *all = calloc(count, sizeof(*all));
	struct disk *d;

	make(count * 4096, 1);
	d = must_open(&f, "d.vmdk", rw);
	for (uint32_t i = 0; i < count; i++) {
		memset(all[i].buf, (int)(i % 250) + 1, sizeof(all[i].buf));
		all[i].iov = (struct iovec){ all[i].buf, sizeof(all[i].buf) };
		all[i].result = NOT_DONE;
		all[i].req = (struct block_req){ .op = BLOCK_WRITE, .offset = i * 4096ull * 512, .length = 512, .iov = &all[i].iov,
						 .iovcnt = 1, .done = note_done, .owner = &all[i].result };
		disk_submit(d, &all[i].req);
	}
	for (uint32_t i = 0; i < count; i++) {
		while (all[i].result == NOT_DONE)
			ck_assert_int_eq(loop_turn(f.loop), 0);
		ck_assert_int_eq(all[i].result, 0);
	}
	for (uint32_t i = 0; i < count; i++)
		expect_byte(d, i * 4096ull * 512, 512, (int)(i % 250) + 1);
	must_close(&f, d);
	free(all);
}
END_TEST

// Many random writes against a copy in memory.
START_TEST(random_writes)
{
	enum { SECTORS = 20000 };
	uint8_t *copy = calloc(SECTORS, 512), *back = malloc(SECTORS * 512);
	uint64_t seed = (uint64_t)_i + 5;
	struct disk *d;

	make(SECTORS, _i ? 8 : 1);
	for (int session = 0; session < 3; session++) {
		d = must_open(&f, "d.vmdk", rw);
		for (int i = 0; i < 150; i++) {
			uint64_t first, count;

			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			first = (seed >> 33) % SECTORS;
			count = 1 + (seed >> 20) % 100;
			count = MIN(count, SECTORS - first);
			memset(copy + first * 512, i + session, count * 512);
			ck_assert_int_eq(do_rw(d, BLOCK_WRITE, first * 512, copy + first * 512, count * 512,
					       i % 30 ? 0 : BLOCK_FUA), 0);
		}
		ck_assert_int_eq(do_rw(d, BLOCK_READ, 0, back, SECTORS * 512, 0), 0);
		ck_assert(!memcmp(copy, back, SECTORS * 512));
		must_close(&f, d);
	}
	d = must_open(&f, "d.vmdk", ro);
	ck_assert_int_eq(do_rw(d, BLOCK_READ, 0, back, SECTORS * 512, 0), 0);
	ck_assert(!memcmp(copy, back, SECTORS * 512));
	must_close(&f, d);
	free(copy);
	free(back);
}
END_TEST

// --- hostile maps ----------------------------------------------------------------------------------------

START_TEST(hostile_directory)
{
	struct cowd_layout l = make(10000, 1);
	static const uint32_t places[] = { 3, 4, 100000, UINT32_MAX, 1 };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		poke32(&f, "d-delta.vmdk", 4 * 512 + 4, places[i]);
		expect_refusal(&f, "d.vmdk", ro, EINVAL, "grain table 1 lies at sector");
	}
	shell("truncate -s %u %s/d-delta.vmdk", (l.free + 100) * 512, f.dir);
	poke32(&f, "d-delta.vmdk", 4 * 512, l.free);
	poke32(&f, "d-delta.vmdk", 4 * 512 + 4, l.free + 31);
	expect_refusal(&f, "d.vmdk", rw, EINVAL, "on top of each other");
	must_close(&f, must_open(&f, "d.vmdk", ro));
}
END_TEST

// Each of these entries would let the guest write where it must not, or read what is not there.
START_TEST(hostile_entries)
{
	struct cowd_layout l = make(10000, 1);
	const uint32_t bad[] = { 1, 3, 4, l.free, l.free + 31, l.free + 40, UINT32_MAX };
	char buf[512];

	shell("truncate -s %u %s/d-delta.vmdk", (l.free + 40) * 512, f.dir);
	poke32(&f, "d-delta.vmdk", 4 * 512, l.free);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct disk *d;

		poke32(&f, "d-delta.vmdk", l.free * 512ull + 8, bad[i]);
		d = must_open(&f, "d.vmdk", rw);
		ck_assert_int_eq(do_rw(d, BLOCK_WRITE, 1024, buf, 512, 0), -EIO);
		ck_assert_int_eq(do_rw(d, BLOCK_READ, 0, buf, 512, 0), -EIO);
		write_byte(d, 4096 * 512, 512, 1);      // another table: it goes on
		must_close(&f, d);
		make(10000, 1);
		shell("truncate -s %u %s/d-delta.vmdk", (l.free + 40) * 512, f.dir);
		poke32(&f, "d-delta.vmdk", 4 * 512, l.free);
	}
}
END_TEST

// An entry that points behind the file must stay bad when the file has grown under it.
START_TEST(entry_beyond_the_file)
{
	struct cowd_layout l = make(10000, 1);
	struct disk *d;
	char buf[512];

	shell("truncate -s %u %s/d-delta.vmdk", (l.free + 32) * 512, f.dir);
	poke32(&f, "d-delta.vmdk", 4 * 512, l.free);
	poke32(&f, "d-delta.vmdk", l.free * 512ull, l.free + 32);       // where the next table will lie
	d = must_open(&f, "d.vmdk", rw);
	write_byte(d, 4096 * 512, 65536, 5);
	ck_assert_int_eq(do_flush(d), 0);
	ck_assert_int_eq(do_rw(d, BLOCK_WRITE, 0, buf, 512, 0), -EIO);
	expect_byte(d, 4096 * 512, 65536, 5);
	must_close(&f, d);
}
END_TEST

START_TEST(refusals)
{
	make(10000, 1);
	expect_refusal(&f, "d-delta.vmdk", ro, EINVAL, "without -delta");
	cowd_text(&f, "d.vmdk", "d-delta.vmdk", 10001);
	expect_refusal(&f, "d.vmdk", ro, EINVAL, "10001");
	put_text(&f, "d.vmdk", DESC_HEAD "createType=custom\nRW 100 VMFSSPARSE \"d-delta.vmdk\"\n"
		 "RW 100 VMFSSPARSE \"d-delta.vmdk\"\n");
	expect_refusal(&f, "d.vmdk", ro, EINVAL, "in one file");
	put_text(&f, "x", "COWD");
	cowd_text(&f, "d.vmdk", "x", 100);
	expect_refusal(&f, "d.vmdk", ro, EIO, "ends too early");
}
END_TEST

static struct disk *open_readonly_extent(void)
{
	put_text(&f, "d.vmdk", DESC_HEAD "createType=vmfsSparse\nRDONLY 10000 VMFSSPARSE \"d-delta.vmdk\"\n");
	return must_open(&f, "d.vmdk", rw);
}

START_TEST(read_only_extent)
{
	char buf[512] = "";
	struct disk *d;

	make(10000, 1);
	d = open_readonly_extent();
	ck_assert_int_eq(do_rw(d, BLOCK_WRITE, 0, buf, 512, 0), -EROFS);
	expect_byte(d, 0, 512, 0);
	must_close(&f, d);
}
END_TEST

// No more sectors can be named: the write fails, the disk goes on, nothing points to nowhere.
START_TEST(end_of_the_numbers)
{
	struct cowd_layout l = make(10000, 1);
	struct disk *d;

	d = must_open(&f, "d.vmdk", rw);
	write_byte(d, 0, 512, 1);
	ck_assert_int_eq(do_flush(d), 0);
	must_close(&f, d);
	// Free space at the end of what 32 bits can name.
	poke32(&f, "d-delta.vmdk", 28, UINT32_MAX - 20);
	d = must_open(&f, "d.vmdk", rw);
	write_byte(d, 512, 512, 2);
	ck_assert_int_eq(do_rw(d, BLOCK_WRITE, 4096 * 512, (char[512]){ 0 }, 512, 0), -ENOSPC);
	expect_byte(d, 512, 512, 2);
	expect_byte(d, 4096 * 512, 512, 0);
	expect_byte(d, 0, 512, 1);
	must_close(&f, d);
	ck_assert_uint_eq(peek32(&f, "d-delta.vmdk", 4 * 512 + 4), 0);
	ck_assert_uint_eq(peek32(&f, "d-delta.vmdk", 4 * 512), l.free);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, good_headers);
	tcase_add_loop_test(tc, one_field_broken, 0, ARRAY_SIZE(breaks));
	tcase_add_test(tc, huge_disk);
	tcase_add_test(tc, reads_by_the_map);
	tcase_add_loop_test(tc, writes_come_back, 0, ARRAY_SIZE(grains));
	tcase_add_test(tc, discard_frees_blocks);
	tcase_add_test(tc, header_follows);
	tcase_add_test(tc, stale_free_space);
	tcase_add_test(tc, more_tables_than_fit);
	tcase_add_test(tc, many_tables_at_once);
	tcase_add_loop_test(tc, random_writes, 0, 2);
	tcase_add_test(tc, hostile_directory);
	tcase_add_test(tc, hostile_entries);
	tcase_add_test(tc, entry_beyond_the_file);
	tcase_add_test(tc, refusals);
	tcase_add_test(tc, read_only_extent);
	tcase_add_test(tc, end_of_the_numbers);
}

int main(void)
{
	return run_suite("cowd", add, setup, teardown);
}
