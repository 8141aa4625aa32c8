// test_vmdk_sparse.c: sparse extents: allocation, the order of flushes, marks, repair, hostile tables.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block_fixture.h"

#include <signal.h>
#include <sys/resource.h>

#include "block/image.h"
#include "block/sparse.h"

#define GRAIN 65536u

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

static uint32_t gte(const struct layout *l, bool copy, uint32_t index)
{
	return peek32(&f, "d.vmdk", (copy ? l->rgt : l->gt) * 512 + 4ull * index);
}

static uint8_t unclean(void)
{
	uint8_t mark;

	peek(&f, "d.vmdk", 72, &mark, 1);
	return mark;
}

static struct sparse *sparse_in(struct disk *d)
{
	return sparse_of(CONTAINER_OF(d, struct image, disk)->layers[0].extents[0]);
}

// --- order -------------------------------------------------------------------------------------------------

START_TEST(tables_follow_at_the_flush)
{
	struct layout l = make_monolithic(&f, "d.vmdk", 70000);
	struct disk *d = must_open(&f, "d.vmdk", rw);

	write_byte(d, GRAIN * 3 + 512, 512, 0x11);
	write_byte(d, GRAIN * 513, 4096, 0x22);
	expect_byte(d, GRAIN * 3 + 512, 512, 0x11);
	ck_assert_uint_eq(gte(&l, false, 3), 0);
	ck_assert_uint_eq(gte(&l, true, 3), 0);
	ck_assert_int_eq(unclean(), 0);
	ck_assert_int_eq(do_flush(d), 0);
	ck_assert_uint_eq(gte(&l, false, 3), l.data);
	ck_assert_uint_eq(gte(&l, true, 3), l.data);
	ck_assert_uint_eq(gte(&l, false, 513), l.data + 128);
	ck_assert_int_eq(unclean(), 1);
	must_close(&f, d);
	ck_assert_int_eq(unclean(), 0);
	d = must_open(&f, "d.vmdk", rw);
	expect_byte(d, GRAIN * 3, 512, 0);
	expect_byte(d, GRAIN * 3 + 512, 512, 0x11);
	expect_byte(d, GRAIN * 3 + 1024, GRAIN - 1024, 0);
	expect_byte(d, GRAIN * 513, 4096, 0x22);
	must_close(&f, d);
}
END_TEST

// The files as a power cut after a flush would leave them are a good disk with what was flushed.
START_TEST(copy_after_flush_is_whole)
{
	struct disk *d, *copy;

	make_monolithic(&f, "d.vmdk", 70000);
	d = must_open(&f, "d.vmdk", rw);
	write_byte(d, 0, GRAIN * 2, 0x33);
	ck_assert_int_eq(do_flush(d), 0);
	write_byte(d, GRAIN * 9, GRAIN, 0x44);
	shell("cp %s/d.vmdk %s/copy.vmdk", f.dir, f.dir);
	must_close(&f, d);
	copy = must_open(&f, "copy.vmdk", rw);
	expect_byte(copy, 0, GRAIN * 2, 0x33);
	expect_byte(copy, GRAIN * 9, GRAIN, 0);
	write_byte(copy, GRAIN * 9, GRAIN, 0x55);
	must_close(&f, copy);
	copy = must_open(&f, "copy.vmdk", ro);
	expect_byte(copy, 0, GRAIN * 2, 0x33);
	expect_byte(copy, GRAIN * 9, GRAIN, 0x55);
	must_close(&f, copy);
}
END_TEST

START_TEST(fua_and_write_through)
{
	struct layout l = make_monolithic(&f, "d.vmdk", 4096);
	struct disk *d = must_open(&f, "d.vmdk", rw);
	char buf[512] = "x";

	ck_assert_int_eq(do_rw(d, BLOCK_WRITE, 0, buf, 512, BLOCK_FUA), 0);
	ck_assert_uint_ne(gte(&l, false, 0), 0);
	must_close(&f, d);
	d = must_open(&f, "d.vmdk", (struct disk_open_args){ .write_through = true });
	ck_assert_int_eq(do_rw(d, BLOCK_WRITE, GRAIN * 2, buf, 512, 0), 0);
	ck_assert_uint_ne(gte(&l, true, 2), 0);
	must_close(&f, d);
}
END_TEST

// --- content id --------------------------------------------------------------------------------------------

#define LONG_ID "ddb.longContentID = \"00112233445566778899aabb%s\"\n"

static void check_cid(const char *kind, const char *cid, const char *extent, bool embedded)
{
	char text[1024], *before, *after;
	size_t len, after_len, at, changed = 0;
	struct disk *d;

	snprintf(text, sizeof(text), "# Disk DescriptorFile\r\nversion=1\r\nCID=%s\r\nparentCID=ffffffff\r\n"
		 "createType=\"%s\"\r\n%s\r\nddb.foo=\"keep me\"\r\n" LONG_ID, cid, kind, extent, "12345678");
	if (embedded)
		make_sparse(&f, "d.vmdk", 4096, 128, text, true);
	else
		put_text(&f, "d.vmdk", text);
	before = get_file(&f, "d.vmdk", &len);
	d = must_open(&f, "d.vmdk", rw);
	write_byte(d, 0, 512, 1);
	after = get_file(&f, "d.vmdk", &after_len);
	at = (embedded ? 512 : 0) + (size_t)(strstr(text, "CID=") + 4 - text);
	ck_assert(memcmp(before + at, after + at, strlen(cid)));
	for (size_t i = embedded ? 512 : 0; i < len && i < 512 + 20 * 512; i++)
		changed += before[i] != after[i] && (i < at || i >= at + strlen(cid));
	ck_assert_uint_le(changed, 8);
	at = (embedded ? 512 : 0) + (size_t)(strstr(text, "aabb") + 4 - text);
	ck_assert(memcmp(before + at, after + at, 8));
	free(before);
	before = after;
	write_byte(d, 512, 512, 1);
	must_close(&f, d);
	after = get_file(&f, "d.vmdk", &after_len);
	ck_assert(!memcmp(before + (embedded ? 512 : 0), after + (embedded ? 512 : 0),
			  embedded ? 20 * 512 : len));
	free(before);
	free(after);
}

START_TEST(new_content_id)
{
	shell("truncate -s 2M %s/flat", f.dir);
	check_cid("monolithicSparse", "a1b2c3d4", "RW 4096 SPARSE \"d.vmdk\"", true);
	check_cid("monolithicFlat", "a1b2c3d4", "RW 4096 FLAT \"flat\" 0", false);
	check_cid("monolithicFlat", "7c", "RW 4096 FLAT \"flat\" 0", false);
	check_cid("monolithicFlat", "f", "RW 4096 FLAT \"flat\" 0", false);
}
END_TEST

// --- allocation --------------------------------------------------------------------------------------------

struct flight {
	struct block_req req;
	struct iovec iov;
	char buf[512];
	int result;
};

// All 128 sectors of one new grain at once: one grain is allocated, every sector is there.
START_TEST(writes_share_a_new_grain)
{
	struct flight *all = calloc(128, sizeof(*all));
	struct layout l = make_monolithic(&f, "d.vmdk", 70000);
	struct disk *d = must_open(&f, "d.vmdk", rw);

	write_byte(d, GRAIN * 500, 512, 9);     // the content id is settled, the table loaded
	for (int i = 0; i < 128; i++) {
		memset(all[i].buf, i + 1, 512);
		all[i].result = NOT_DONE;
		all[i].iov = (struct iovec){ all[i].buf, 512 };
		all[i].req = (struct block_req){ .op = BLOCK_WRITE,
						.offset = GRAIN * 7 + 512ull * (unsigned)(i * 37 % 128),
						.length = 512,
						.iov = &all[i].iov,
						.iovcnt = 1,
						.done = note_done,
						.owner = &all[i].result };
		disk_submit(d, &all[i].req);
	}
	while (d->in_flight)
		ck_assert_int_eq(loop_turn(f.loop), 0);
	for (int i = 0; i < 128; i++) {
		ck_assert_int_eq(all[i].result, 0);
		expect_byte(d, all[i].req.offset, 512, i + 1);
	}
	ck_assert_uint_eq(sparse_in(d)->next, l.data + 2 * 128);
	must_close(&f, d);
	free(all);
}
END_TEST

static void nobody(struct waiter *w, int result)
{
	(void)w;
	(void)result;
}

static struct run reserve(struct extent *x, uint64_t offset, uint64_t length)
{
	struct waiter w = { .fn = nobody };
	struct map_want want = { .offset = offset, .length = length, .write = true, .waiter = &w };
	struct run run;

	ck_assert_int_eq(x->ops->map(x, &want, &run), 0);
	ck_assert_int_eq(run.kind, RUN_DATA);
	return run;
}

static uint64_t free_grains(const struct sparse *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->free.count; i++)
		sum += s->free.list[i].count;
	return sum / s->h.grain;
}

// Two writes in one new grain: as long as one works the grain stays; when all fail its place is used again.
START_TEST(failed_writes_roll_back)
{
	struct layout l = make_monolithic(&f, "d.vmdk", 4096);
	struct disk *d = must_open(&f, "d.vmdk", rw);
	struct sparse *s = sparse_in(d);
	struct run a, b;

	write_byte(d, GRAIN * 31, 512, 9);
	a = reserve(&s->x, 0, 512);
	b = reserve(&s->x, 512, GRAIN * 2);
	ck_assert_uint_eq(b.file_offset, a.file_offset + 512);
	s->x.ops->written(&s->x, &a, -EIO);
	s->x.ops->written(&s->x, &b, -EIO);
	ck_assert_uint_eq(s->tables[0]->gte[0], 0);
	ck_assert_uint_eq(free_grains(s), 3);
	ck_assert_ptr_null(s->tables[0]->allocs);
	expect_byte(d, 0, GRAIN * 3, 0);
	a = reserve(&s->x, 0, 512);
	b = reserve(&s->x, 512, 512);
	ck_assert_uint_eq(free_grains(s), 2);
	s->x.ops->written(&s->x, &b, 0);
	s->x.ops->written(&s->x, &a, -EIO);
	ck_assert_uint_ne(s->tables[0]->gte[0], 0);
	ck_assert_uint_eq(free_grains(s), 2);
	must_close(&f, d);
	ck_assert_uint_ne(gte(&l, false, 0), 0);
	ck_assert_uint_eq(gte(&l, false, 1), 0);
}
END_TEST

// The file may not grow: the write fails, everything that was there stays good, and later writes work.
START_TEST(file_that_cannot_grow)
{
	struct rlimit was, low;
	struct disk *d;
	char *buf = calloc(1, GRAIN);

	make_monolithic(&f, "d.vmdk", 70000);
	d = must_open(&f, "d.vmdk", rw);
	write_byte(d, 0, 512, 0x77);
	ck_assert_int_eq(do_flush(d), 0);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
	low = was;
	low.rlim_cur = 9u << 20;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &low), 0);
	for (unsigned i = 1; i < 200; i++) {
		int r = do_rw(d, BLOCK_WRITE, (uint64_t)i * GRAIN, buf, GRAIN, 0);

		ck_assert(r == 0 || r == -EFBIG);
		ck_assert(r == 0 || i > 100);
	}
	ck_assert_int_eq(do_rw(d, BLOCK_WRITE, 300ull * GRAIN, buf, GRAIN, 0), -EFBIG);
	expect_byte(d, 0, 512, 0x77);
	write_byte(d, 512, 512, 0x78);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
	write_byte(d, 300ull * GRAIN, GRAIN, 0x79);
	must_close(&f, d);
	d = must_open(&f, "d.vmdk", ro);
	expect_byte(d, 512, 512, 0x78);
	expect_byte(d, 300ull * GRAIN, GRAIN, 0x79);
	must_close(&f, d);
	free(buf);
}
END_TEST

// Directories without tables: new tables are made, in both copies.
START_TEST(tables_are_created)
{
	struct layout l;
	struct disk *d;

	l = make_sparse(&f, "s.vmdk", 200000, 128, NULL, false);
	put_text(&f, "d.vmdk",
		 DESC_HEAD "createType=\"twoGbMaxExtentSparse\"\nRW 200000 SPARSE \"s.vmdk\"\n");
	d = must_open(&f, "d.vmdk", rw);
	expect_byte(d, GRAIN * 512ull, GRAIN, 0);
	write_byte(d, GRAIN * 512ull - 512, 1024, 0x21);
	expect_byte(d, GRAIN * 512ull - 512, 1024, 0x21);
	ck_assert_uint_eq(peek32(&f, "s.vmdk", l.gd * 512), 0);
	must_close(&f, d);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_uint_ge(peek32(&f, "s.vmdk", l.gd * 512 + 4 * i), l.data);
		ck_assert_uint_eq(peek32(&f, "s.vmdk", l.rgd * 512 + 4 * i),
				  peek32(&f, "s.vmdk", l.gd * 512 + 4 * i) + 4);
	}
	ck_assert_uint_eq(peek32(&f, "s.vmdk", l.gd * 512 + 8), 0);
	d = must_open(&f, "d.vmdk", rw);
	expect_byte(d, GRAIN * 512ull - 512, 1024, 0x21);
	write_byte(d, GRAIN * 1024ull, 512, 0x22);
	must_close(&f, d);
	if (have_qemu_img())
		shell("qemu-img check -q %s/d.vmdk", f.dir);
}
END_TEST

START_TEST(zeroed_grains)
{
	struct layout l = make_monolithic(&f, "d.vmdk", 4096);
	struct disk *d;

	poke32(&f, "d.vmdk", 8, 7);
	poke32(&f, "d.vmdk", l.gt * 512, 1);
	poke32(&f, "d.vmdk", l.rgt * 512, 1);
	d = must_open(&f, "d.vmdk", rw);
	expect_byte(d, 0, GRAIN, 0);
	write_byte(d, 512, 512, 5);
	expect_byte(d, 0, 512, 0);
	expect_byte(d, 512, 512, 5);
	must_close(&f, d);
	ck_assert_uint_gt(gte(&l, false, 0), 1);
	// Without the flag, 1 is no grain: it is the descriptor.
	poke32(&f, "d.vmdk", 8, 3);
	poke32(&f, "d.vmdk", l.gt * 512, 1);
	poke32(&f, "d.vmdk", l.rgt * 512, 1);
	d = must_open(&f, "d.vmdk", rw);
	{
		char buf[512];

		ck_assert_int_eq(do_rw(d, BLOCK_READ, 0, buf, 512, 0), -EIO);
	}
	must_close(&f, d);
}
END_TEST

// The last grain and the last table are used in part only.
START_TEST(odd_capacity)
{
	struct disk *d;

	make_monolithic(&f, "d.vmdk", 128 * 512 + 131);
	d = must_open(&f, "d.vmdk", rw);
	ck_assert_uint_eq(d->size, (128 * 512 + 131) * 512);
	write_byte(d, d->size - 2048, 2048, 0x61);
	must_close(&f, d);
	d = must_open(&f, "d.vmdk", rw);
	expect_byte(d, d->size - 2048, 2048, 0x61);
	expect_byte(d, d->size - 3 * 512 - 2048, 3 * 512, 0);
	must_close(&f, d);
}
END_TEST

// --- damage ------------------------------------------------------------------------------------------------

START_TEST(copies_are_compared_after_a_crash)
{
	struct layout l = make_monolithic(&f, "d.vmdk", 4096);
	struct disk *d = must_open(&f, "d.vmdk", rw);
	uint8_t one = 1;

	write_byte(d, 0, GRAIN, 0x41);
	must_close(&f, d);
	poke32(&f, "d.vmdk", l.rgt * 512, 0);
	poke(&f, "d.vmdk", 72, &one, 1);
	d = must_open(&f, "d.vmdk", ro);
	expect_byte(d, 0, GRAIN, 0x41);
	must_close(&f, d);
	ck_assert_int_eq(unclean(), 1);
	d = must_open(&f, "d.vmdk", rw);
	expect_byte(d, 0, GRAIN, 0x41);
	ck_assert_uint_eq(gte(&l, true, 0), 0);
	write_byte(d, 0, 512, 0x42);
	must_close(&f, d);
	ck_assert_uint_eq(gte(&l, true, 0), l.data);
	ck_assert_int_eq(unclean(), 0);
}
END_TEST

START_TEST(redundant_copy_helps)
{
	struct layout l = make_monolithic(&f, "d.vmdk", 4096);
	struct disk *d = must_open(&f, "d.vmdk", rw);
	char buf[512];

	write_byte(d, 0, GRAIN, 0x41);
	must_close(&f, d);
	poke32(&f, "d.vmdk", l.gt * 512 + 8, 0xfffffff0);
	d = must_open(&f, "d.vmdk", rw);
	expect_byte(d, 0, GRAIN, 0x41);
	write_byte(d, 0, 512, 0x42);
	must_close(&f, d);
	ck_assert_uint_eq(gte(&l, false, 2), 0);
	poke32(&f, "d.vmdk", l.gt * 512 + 8, 0xfffffff0);
	poke32(&f, "d.vmdk", l.rgt * 512 + 8, 0xfffffff0);
	d = must_open(&f, "d.vmdk", rw);
	ck_assert_int_eq(do_rw(d, BLOCK_READ, 0, buf, 512, 0), -EIO);
	ck_assert_int_eq(do_rw(d, BLOCK_WRITE, 0, buf, 512, 0), -EIO);
	must_close(&f, d);
}
END_TEST

static void must_refuse(struct disk_open_args args, const char *needle)
{
	struct disk *d;

	ck_assert_int_eq(try_open(&f, "d.vmdk", args, &d), -EINVAL);
	ck_assert_msg(strstr(f.err.what, needle) != NULL, "no \"%s\" in: %s", needle, f.err.what);
}

START_TEST(hostile_directories)
{
	struct layout l = make_monolithic(&f, "d.vmdk", 70000);

	poke32(&f, "d.vmdk", l.gd * 512, 0xffffffff);
	must_refuse(ro, "beyond the file");
	poke32(&f, "d.vmdk", l.gd * 512, (uint32_t)l.data - 3);
	must_refuse(rw, "beyond the file");
	poke32(&f, "d.vmdk", l.gd * 512, (uint32_t)l.gt + 4);
	must_refuse(rw, "on top of each other");
	poke32(&f, "d.vmdk", l.gd * 512, 2);
	must_refuse(rw, "on top of each other");
	poke32(&f, "d.vmdk", l.gd * 512, (uint32_t)l.gd);
	must_refuse(rw, "on top of each other");
	poke32(&f, "d.vmdk", l.gd * 512, 0);
	must_refuse(rw, "has lost table 0");
	poke32(&f, "d.vmdk", l.gd * 512, (uint32_t)l.gt);
	poke32(&f, "d.vmdk", l.rgd * 512, 0xfffffffe);
	must_refuse(ro, "beyond the file");
}
END_TEST

// No grain may lie on header, descriptor or tables, even where the header says that data starts early.
START_TEST(grains_on_metadata)
{
	struct layout l = make_monolithic(&f, "d.vmdk", 4096);
	struct disk *d = must_open(&f, "d.vmdk", rw);
	char buf[512];

	write_byte(d, 0, GRAIN * 4, 0x41);
	must_close(&f, d);
	poke32(&f, "d.vmdk", 64, 0);
	for (unsigned i = 0; i < 4; i++) {
		const uint32_t at[] = { 1, 20, (uint32_t)l.gd, (uint32_t)l.gt - 127 };

		poke32(&f, "d.vmdk", l.gt * 512, at[i]);
		poke32(&f, "d.vmdk", l.rgt * 512, at[i]);
		d = must_open(&f, "d.vmdk", rw);
		ck_assert_int_eq(do_rw(d, BLOCK_WRITE, 0, buf, 512, 0), -EIO);
		must_close(&f, d);
	}
	poke32(&f, "d.vmdk", l.gt * 512, (uint32_t)l.data);
	d = must_open(&f, "d.vmdk", rw);
	expect_byte(d, 0, GRAIN * 4, 0x41);
	must_close(&f, d);
}
END_TEST

// Version 3 alone changes nothing for a writer; a map of changed blocks (in the descriptor) does, and is refused there.
START_TEST(version_3_without_tracking)
{
	struct disk *d;

	make_monolithic(&f, "d.vmdk", 4096);
	poke32(&f, "d.vmdk", 4, 3);
	d = must_open(&f, "d.vmdk", rw);
	write_byte(d, GRAIN, 512, 0x33);
	must_close(&f, d);
	ck_assert_uint_eq(peek32(&f, "d.vmdk", 4), 3);
	d = must_open(&f, "d.vmdk", ro);
	expect_byte(d, GRAIN, 512, 0x33);
	must_close(&f, d);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmdk_sparse");
	TCase *tc = tcase_create("sparse");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, tables_follow_at_the_flush);
	tcase_add_test(tc, copy_after_flush_is_whole);
	tcase_add_test(tc, fua_and_write_through);
	tcase_add_test(tc, new_content_id);
	tcase_add_test(tc, writes_share_a_new_grain);
	tcase_add_test(tc, failed_writes_roll_back);
	tcase_add_test(tc, file_that_cannot_grow);
	tcase_add_test(tc, tables_are_created);
	tcase_add_test(tc, zeroed_grains);
	tcase_add_test(tc, odd_capacity);
	tcase_add_test(tc, copies_are_compared_after_a_crash);
	tcase_add_test(tc, redundant_copy_helps);
	tcase_add_test(tc, hostile_directories);
	tcase_add_test(tc, grains_on_metadata);
	tcase_add_test(tc, version_3_without_tracking);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
