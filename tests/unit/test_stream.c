// test_stream.c: streamOptimized: what we write we read, what is damaged fails alone, header and footer field by field.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "formats_fixture.h"

#include <sys/stat.h>
#include <zlib.h>

#include "block/stream_write.h"
#include "block/vmdk_header.h"

#define GRAIN STREAM_GRAIN_BYTES

static struct fixture f;
static const struct disk_open_args rw = { 0 }, ro = { .readonly = true }, rehearsal = { .readonly = true, .rehearse = true };

static void setup(void)
{
	fixture_setup(&f);
}

static void teardown(void)
{
	fixture_teardown(&f);
}

// --- images ----------------------------------------------------------------------------------------------

// Zeros where GRAIN % 3 is 2, noise where it is 1, something regular elsewhere; zeros again in the middle of a big
// disk.
static uint8_t *content(uint64_t sectors)
{
	uint8_t *raw = calloc(sectors, 512);
	uint64_t seed = 99;

	for (uint64_t i = 0; i < sectors * 512; i++) {
		if (i == 20 * GRAIN && sectors > 40 * 128)
			i = (sectors - 300) * 512;
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		switch (i / GRAIN % 3) {
		case 0: raw[i] = (uint8_t)(i / 100); break;
		case 1: raw[i] = (uint8_t)(seed >> 40); break;
		default: break;
		}
	}
	return raw;
}

static void write_stream(const char *name, uint64_t sectors, const uint8_t *raw)
{
	char path[256];
	struct stream_write_args args = { .path = path_in(&f, name, path, sizeof(path)), .sectors = sectors };
	struct stream_writer *w;

	ck_assert_int_eq(stream_write_open(&args, &w, &f.err), 0);
	for (uint64_t at = 0; at < sectors * 512; at += GRAIN)
		ck_assert_int_eq(stream_write_grain(w, raw + at, MIN(GRAIN, sectors * 512 - at), &f.err), 0);
	ck_assert_int_eq(stream_write_finish(w, &f.err), 0);
}

static void expect_content(const char *name, uint64_t sectors, const uint8_t *raw)
{
	struct disk *d = must_open(&f, name, ro);
	uint8_t *back = malloc(sectors * 512);

	ck_assert_uint_eq(d->size, sectors * 512);
	ck_assert_int_eq(do_rw(d, BLOCK_READ, 0, back, sectors * 512, 0), 0);
	ck_assert(!memcmp(raw, back, sectors * 512));
	// Small pieces, backwards: from the cache and past it.
	for (uint64_t at = MIN(sectors, 128ull * 20) * 512; at > 0;) {
		uint64_t len = MIN(at, 9u * 512);

		at -= len;
		ck_assert_int_eq(do_rw(d, BLOCK_READ, at, back, len, 0), 0);
		ck_assert(!memcmp(raw + at, back, len));
	}
	must_close(&f, d);
	free(back);
}

static const uint64_t sizes[] = { 1, 128, 129, 1000, 512 * 128, 2 * 512 * 128 - 7 };

START_TEST(round_trip)
{
	uint64_t sectors = sizes[_i];
	uint8_t *raw = content(sectors);

	write_stream("s.vmdk", sectors, raw);
	expect_content("s.vmdk", sectors, raw);
	if (have_qemu_img()) {
		put_file(&f, "raw", raw, sectors * 512);
		shell("cd %s && qemu-img check -q -f vmdk s.vmdk && qemu-img compare -q -f vmdk -F raw s.vmdk raw", f.dir);
	}
	free(raw);
}
END_TEST

START_TEST(reads_what_qemu_writes)
{
	uint64_t sectors = sizes[_i];
	uint8_t *raw = content(sectors);

	if (have_qemu_img()) {
		put_file(&f, "raw", raw, sectors * 512);
		shell("cd %s && qemu-img convert -f raw -O vmdk -o subformat=streamOptimized raw s.vmdk", f.dir);
		expect_content("s.vmdk", sectors, raw);
	}
	free(raw);
}
END_TEST

// --- the writer --------------------------------------------------------------------------------------------

static struct stream_writer *begin(const char *name, uint64_t sectors)
{
	char path[256];
	struct stream_write_args args = { .path = path_in(&f, name, path, sizeof(path)), .sectors = sectors, .level = 1,
					  .adapter = "ide", .hw_version = 10 };
	struct stream_writer *w;

	ck_assert_int_eq(stream_write_open(&args, &w, &f.err), 0);
	return w;
}

static bool exists(const char *name)
{
	char path[256];

	return access(path_in(&f, name, path, sizeof(path)), F_OK) == 0;
}

START_TEST(writer_refuses)
{
	static const uint8_t data[GRAIN] = { 1 };
	struct stream_writer *w = begin("s.vmdk", 300);
	struct stream_write_args again = { .sectors = 4 };
	char path[256];
	struct stat st;

	again.path = path_in(&f, "s.vmdk", path, sizeof(path));
	ck_assert_int_eq(stream_write_open(&again, &(struct stream_writer *){ NULL }, &f.err), -EEXIST);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(stream_write_grain(w, data, GRAIN - 512, &f.err), -EINVAL);
	ck_assert_int_eq(stream_write_zeros(w, 4, &f.err), -EINVAL);
	ck_assert_int_eq(stream_write_zeros(w, 2, &f.err), 0);
	ck_assert_int_eq(stream_write_grain(w, data, GRAIN, &f.err), -EINVAL);
	ck_assert_int_eq(stream_write_grain(w, data, 44 * 512, &f.err), 0);
	ck_assert_int_eq(stream_write_grain(w, data, 44 * 512, &f.err), -EINVAL);
	ck_assert_int_eq(stream_write_zeros(w, 1, &f.err), -EINVAL);
	ck_assert_int_eq(stream_write_finish(w, &f.err), 0);
	w = begin("t.vmdk", 300);
	ck_assert_int_eq(stream_write_finish(w, &f.err), -EINVAL);
	ck_assert(!exists("t.vmdk"));
	stream_write_abort(begin("t.vmdk", 300));
	ck_assert(!exists("t.vmdk"));
	stream_write_abort(NULL);
	again.sectors = 0;
	ck_assert_int_eq(stream_write_open(&again, &w, &f.err), -EFBIG);
	again.sectors = 1ull << 38;
	ck_assert_int_eq(stream_write_open(&again, &w, &f.err), -EFBIG);
	again.sectors = 4;
	again.path = "/nowhere/at/all";
	ck_assert_int_eq(stream_write_open(&again, &w, &f.err), -ENOENT);
}
END_TEST

// A big disk of nothing is small, and tables without grains are not written.
START_TEST(zeros_take_no_space)
{
	uint64_t grains = 16u << 14;
	struct stream_writer *w = begin("s.vmdk", grains * 128);
	uint8_t data[GRAIN];
	struct disk *d;
	size_t len;

	memset(data, 7, sizeof(data));
	ck_assert_int_eq(stream_write_zeros(w, 1000, &f.err), 0);
	ck_assert_int_eq(stream_write_grain(w, data, GRAIN, &f.err), 0);
	ck_assert_int_eq(stream_write_zeros(w, grains - 1001, &f.err), 0);
	ck_assert_int_eq(stream_write_finish(w, &f.err), 0);
	free(get_file(&f, "s.vmdk", &len));
	ck_assert_uint_lt(len, 128 << 10);
	d = must_open(&f, "s.vmdk", ro);
	ck_assert_str_eq(d->kind, "streamOptimized");
	ck_assert_uint_eq(d->geometry.heads, 16);
	expect_byte(d, 999ull * GRAIN, GRAIN, 0);
	expect_byte(d, 1000ull * GRAIN, GRAIN, 7);
	expect_byte(d, (grains - 1) * GRAIN, GRAIN, 0);
	must_close(&f, d);
}
END_TEST

// --- damage ----------------------------------------------------------------------------------------------

// Sector of grain N of a disk of up to 512 grains.
static uint32_t sector_of(const char *name, unsigned n)
{
	size_t len;
	uint32_t table;

	free(get_file(&f, name, &len));
	table = peek32(&f, name, peek32(&f, name, len - 1024 + 56) * 512ull);
	return peek32(&f, name, table * 512ull + 4 * n);
}

static uint64_t gte_of(const char *name, unsigned n)
{
	size_t len;

	free(get_file(&f, name, &len));
	return peek32(&f, name, peek32(&f, name, len - 1024 + 56) * 512ull) * 512ull + 4 * n;
}

static void expect_grain_error(int first_good)
{
	struct disk *d = must_open(&f, "s.vmdk", ro);
	char *buf = malloc(GRAIN);

	ck_assert_int_eq(do_rw(d, BLOCK_READ, 0, buf, 4096, 0), -EIO);
	ck_assert_int_eq(do_rw(d, BLOCK_READ, 0, buf, 4096, 0), -EIO);
	ck_assert_int_eq(do_rw(d, BLOCK_READ, (uint64_t)first_good * GRAIN, buf, GRAIN, 0), 0);
	must_close(&f, d);
	free(buf);
}

START_TEST(damaged_grains)
{
	uint64_t sectors = 128 * 20;
	uint8_t *raw = content(sectors), keep[512], zeros[512] = { 0 };
	uint32_t at;

	write_stream("s.vmdk", sectors, raw);
	at = sector_of("s.vmdk", 0);
	peek(&f, "s.vmdk", at * 512ull, keep, sizeof(keep));
	poke32(&f, "s.vmdk", at * 512ull, 128);                         // another grain's number
	expect_grain_error(1);
	poke(&f, "s.vmdk", at * 512ull, keep, sizeof(keep));
	poke32(&f, "s.vmdk", at * 512ull + 8, UINT32_MAX);              // a length beyond everything
	expect_grain_error(1);
	poke32(&f, "s.vmdk", at * 512ull + 8, 5);                       // cut short
	expect_grain_error(1);
	poke(&f, "s.vmdk", at * 512ull, keep, sizeof(keep));
	poke(&f, "s.vmdk", at * 512ull + 100, zeros, 50);               // the check sum
	expect_grain_error(1);
	poke(&f, "s.vmdk", at * 512ull, keep, sizeof(keep));
	poke32(&f, "s.vmdk", gte_of("s.vmdk", 0), UINT32_MAX);          // beyond the file
	expect_grain_error(1);
	poke32(&f, "s.vmdk", gte_of("s.vmdk", 0), at);
	expect_content("s.vmdk", sectors, raw);
	free(raw);
}
END_TEST

// Grain 0 replaced by the zlib stream of LEN bytes.
static void put_packed(size_t len)
{
	uint8_t *plain = malloc(len), *packed = calloc(1, compressBound(len) + 12);
	uLongf size = compressBound(len);

	memset(plain, 'x', len);
	ck_assert_int_eq(compress(packed + 12, &size, plain, len), Z_OK);
	put_le32(packed + 8, (uint32_t)size);
	poke(&f, "s.vmdk", sector_of("s.vmdk", 0) * 512ull, packed, size + 12);
	free(plain);
	free(packed);
}

// Data that would grow beyond its grain, or does not fill it, is an error; a whole one is not.
START_TEST(bombs)
{
	uint64_t sectors = 128 * 20;
	uint8_t *raw = content(sectors);
	struct disk *d;

	memcpy(raw, raw + GRAIN, GRAIN);        // noise: space enough in its place
	write_stream("s.vmdk", sectors, raw);
	put_packed(GRAIN);
	d = must_open(&f, "s.vmdk", ro);
	expect_byte(d, 0, GRAIN, 'x');
	must_close(&f, d);
	put_packed(GRAIN + 1);
	expect_grain_error(1);
	put_packed(32u << 20);
	expect_grain_error(1);
	put_packed(GRAIN - 1);
	expect_grain_error(1);
	free(raw);
}
END_TEST

// More grains than the cache holds, asked for at once, and a cache full of grains that are being read.
START_TEST(more_grains_than_fit)
{
	enum { GRAINS = 300 };
	uint64_t sectors = 128 * GRAINS;
	uint8_t *raw = calloc(sectors, 512), *back = malloc(sectors * 512);
	struct { struct block_req req; struct iovec iov; int result; } *all = calloc(GRAINS, sizeof(*all));
	struct disk *d;

	for (unsigned i = 0; i < GRAINS; i++)
		memset(raw + i * (size_t)GRAIN, (int)(i % 255) + 1, GRAIN);
	write_stream("s.vmdk", sectors, raw);
	d = must_open(&f, "s.vmdk", ro);
	for (unsigned i = 0; i < GRAINS; i++) {
		all[i].iov = (struct iovec){ back + i * (size_t)GRAIN, GRAIN };
		all[i].result = NOT_DONE;
		all[i].req = (struct block_req){ .op = BLOCK_READ, .offset = i * (uint64_t)GRAIN, .length = GRAIN, .iov = &all[i].iov,
						 .iovcnt = 1, .done = note_done, .owner = &all[i].result };
		disk_submit(d, &all[i].req);
	}
	for (unsigned i = 0; i < GRAINS; i++) {
		while (all[i].result == NOT_DONE)
			ck_assert_int_eq(loop_turn(f.loop), 0);
		ck_assert_int_eq(all[i].result, 0);
	}
	ck_assert(!memcmp(raw, back, sectors * 512));
	must_close(&f, d);
	free(all);
	free(raw);
	free(back);
}
END_TEST

// --- header and footer -------------------------------------------------------------------------------------

static const struct {
	const char *what;
	bool footer;
	unsigned at, size;
	uint64_t value;
	int code;
} breaks[] = {
	{ "method", false, 77, 2, 2, EINVAL },          // the footer still says 1
	{ "footer's magic", true, 512, 4, 0, EINVAL },
	{ "footer's marker", true, 12, 4, 2, EINVAL },
	{ "footer marker with a size", true, 8, 4, 1, EINVAL },
	{ "end marker", true, 1024 + 12, 4, 1, EINVAL },
	{ "footer's capacity", true, 512 + 12, 8, 5, EINVAL },
	{ "footer's grain", true, 512 + 20, 8, 64, EINVAL },
	{ "footer's table size", true, 512 + 44, 4, 256, EINVAL },
	{ "footer's method", true, 512 + 77, 2, 0, EINVAL },
	{ "directory beyond the file", true, 512 + 56, 8, 1u << 20, EINVAL },
	{ "directory at the end, again", true, 512 + 56, 8, UINT64_MAX, EINVAL },
	{ "directory at 0", true, 512 + 56, 8, 0, EINVAL },
	{ "version", false, 4, 4, 9, EINVAL },
	{ "unknown flag", false, 8, 4, 0x70001, EINVAL },
	{ "grain size", false, 20, 8, 3, EINVAL },
	{ "capacity", false, 12, 8, 0, EINVAL },
};

static int parse_file(const char *name, struct sparse_header *h)
{
	size_t len;
	uint8_t *raw = (uint8_t *)get_file(&f, name, &len);
	int r = stream_header_parse(raw, raw + len - STREAM_TAIL_SIZE, len, "t", h, &f.err);

	free(raw);
	return r;
}

START_TEST(one_field_broken)
{
	struct sparse_header h;
	uint8_t *raw = content(1000), value[8];
	size_t len;

	write_stream("s.vmdk", 1000, raw);
	ck_assert_int_eq(parse_file("s.vmdk", &h), 0);
	ck_assert(h.compressed && h.markers && !h.redundant);
	ck_assert_uint_eq(h.capacity, 1000);
	free(get_file(&f, "s.vmdk", &len));
	put_le64(value, breaks[_i].value);
	poke(&f, "s.vmdk", breaks[_i].at + (breaks[_i].footer ? len - STREAM_TAIL_SIZE : 0), value, breaks[_i].size);
	ck_assert_msg(parse_file("s.vmdk", &h) == -breaks[_i].code, "%s", breaks[_i].what);
	expect_refusal(&f, "s.vmdk", ro, breaks[_i].code, "");
	free(raw);
}
END_TEST

START_TEST(refusals)
{
	uint8_t *raw = content(1000);
	char path[256];
	size_t len;

	write_stream("s.vmdk", 1000, raw);
	free(get_file(&f, "s.vmdk", &len));
	expect_refusal(&f, "s.vmdk", rw, ENOTSUP, "can be read but not written");
	expect_refusal(&f, "s.vmdk", rehearsal, ENOTSUP, "can be read but not written");
	ck_assert_ptr_nonnull(strstr(f.err.remedy, "berth disk convert"));
	ck_assert_int_eq(truncate(path_in(&f, "s.vmdk", path, sizeof(path)), (off_t)len - 512), 0);
	expect_refusal(&f, "s.vmdk", ro, EINVAL, "not complete");
	ck_assert_int_eq(truncate(path, 1024), 0);
	expect_refusal(&f, "s.vmdk", ro, EINVAL, "not complete");
	free(raw);
}
END_TEST

// Compressed, with the directory's place in the header and unknown compression: named as what it is.
START_TEST(unknown_methods)
{
	struct layout l = make_monolithic(&f, "d.vmdk", 4096);

	(void)l;
	poke32(&f, "d.vmdk", 8, 0x30003);
	expect_refusal(&f, "d.vmdk", ro, ENOTSUP, "unknown method 0");
	poke32(&f, "d.vmdk", 8, 0x20003);
	expect_refusal(&f, "d.vmdk", ro, ENOTSUP, "unknown method");
	poke(&f, "d.vmdk", 77, "\x01", 1);
	must_close(&f, must_open(&f, "d.vmdk", ro));
	expect_refusal(&f, "d.vmdk", rw, ENOTSUP, "not written");
}
END_TEST

// A zeroed grain's entry, and grains without a marker before them.
START_TEST(other_kinds_of_grain)
{
	uint64_t sectors = 128 * 20;
	uint8_t *raw = content(sectors);
	size_t len;
	uint32_t at, size;
	char *file;

	write_stream("s.vmdk", sectors, raw);
	poke32(&f, "s.vmdk", 8, 0x30005);
	poke32(&f, "s.vmdk", gte_of("s.vmdk", 3), 1);
	memset(raw + 3 * GRAIN, 0, GRAIN);
	expect_content("s.vmdk", sectors, raw);
	// Only grain 0 stays, its marker taken away.
	at = sector_of("s.vmdk", 0);
	size = peek32(&f, "s.vmdk", at * 512ull + 8);
	file = get_file(&f, "s.vmdk", &len);
	poke(&f, "s.vmdk", at * 512ull, file + at * 512ull + 12, size);
	for (unsigned i = 1; i < 20; i++)
		poke32(&f, "s.vmdk", gte_of("s.vmdk", i), 0);
	poke32(&f, "s.vmdk", 8, 0x10001);
	memset(raw + GRAIN, 0, sectors * 512 - GRAIN);
	expect_content("s.vmdk", sectors, raw);
	free(file);
	free(raw);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_loop_test(tc, round_trip, 0, ARRAY_SIZE(sizes));
	tcase_add_loop_test(tc, reads_what_qemu_writes, 0, ARRAY_SIZE(sizes));
	tcase_add_test(tc, writer_refuses);
	tcase_add_test(tc, zeros_take_no_space);
	tcase_add_test(tc, damaged_grains);
	tcase_add_test(tc, bombs);
	tcase_add_test(tc, more_grains_than_fit);
	tcase_add_loop_test(tc, one_field_broken, 0, ARRAY_SIZE(breaks));
	tcase_add_test(tc, refusals);
	tcase_add_test(tc, unknown_methods);
	tcase_add_test(tc, other_kinds_of_grain);
}

int main(void)
{
	return run_suite("stream", add, setup, teardown);
}
