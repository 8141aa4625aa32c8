// test_block.c: disks from the outside: requests, locks, confinement, what is refused.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <liburing.h>
#include <pthread.h>

#include "block_fixture.h"

static struct fixture f;

static void setup(void)
{
	fixture_setup(&f);
}

static void teardown(void)
{
	fixture_teardown(&f);
}

#define FLAT_TEXT DESC_HEAD "createType=\"monolithicFlat\"\n"

static void make_flat(const char *file, uint64_t sectors)
{
	char text[512];

	snprintf(text, sizeof(text), FLAT_TEXT "RW %llu FLAT \"%s\" 0\nddb.geometry.cylinders = \"16\"\n"
		 "ddb.geometry.heads=\"16\"\nddb.geometry.sectors=63\n"
		 "ddb.uuid = \"60 00 C2 9f 00 11 22 33-44 55 66 77 88 99 aa bb\"\n",
		 (unsigned long long)sectors, file);
	put_text(&f, "d.vmdk", text);
	shell("truncate -s %llu '%s/%s'", (unsigned long long)sectors * 512, f.dir, file);
}

// The sentence must contain NEEDLE.
static void must_refuse(const char *name, struct disk_open_args args, int code, const char *needle)
{
	struct disk *disk;
	char text[1200];
	int r = try_open(&f, name, args, &disk);

	err_sentence(&f.err, text, sizeof(text));
	ck_assert_msg(r == -code, "%d instead of %d: %s", r, -code, text);
	ck_assert_msg(strstr(text, needle) != NULL, "no \"%s\" in: %s", needle, text);
}

static const struct disk_open_args rw = { 0 }, ro = { .readonly = true };

// --- requests --------------------------------------------------------------------------------------------

START_TEST(identity)
{
	struct disk *d;

	make_flat("d-flat.vmdk", 16 * 16 * 63);
	d = must_open(&f, "d.vmdk", rw);
	ck_assert_str_eq(d->kind, "monolithicFlat");
	ck_assert_uint_eq(d->size, 16 * 16 * 63 * 512);
	ck_assert_uint_eq(d->geometry.cylinders, 16);
	ck_assert_uint_eq(d->geometry.sectors, 63);
	ck_assert(d->has_uuid && d->uuid[0] == 0x60 && d->uuid[15] == 0xbb);
	ck_assert(d->discard);
	must_close(&f, d);
}
END_TEST

START_TEST(bad_requests)
{
	char buf[1024];
	struct iovec iov = { buf, 1024 };
	struct disk *d;

	make_flat("d-flat.vmdk", 100);
	d = must_open(&f, "d.vmdk", rw);
	struct block_req reqs[] = {
		{ .op = BLOCK_READ, .offset = 1, .length = 1024, .iov = &iov, .iovcnt = 1 },
		{ .op = BLOCK_READ, .offset = 0, .length = 1023, .iov = &iov, .iovcnt = 1 },
		{ .op = BLOCK_READ, .offset = 99 * 512, .length = 1024, .iov = &iov, .iovcnt = 1 },
		{ .op = BLOCK_READ, .offset = UINT64_MAX - 511, .length = 1024, .iov = &iov, .iovcnt = 1 },
		{ .op = BLOCK_READ, .offset = 512, .length = UINT64_MAX - 511, .iov = &iov, .iovcnt = 1 },
		{ .op = BLOCK_READ, .offset = 0, .length = 512, .iov = &iov, .iovcnt = 1 },
		{ .op = BLOCK_READ, .offset = 0, .length = 1024, .iov = &iov, .iovcnt = 0 },
		{ .op = BLOCK_WRITE, .offset = 0, .length = 1024, .iov = NULL, .iovcnt = 1 },
		{ .op = BLOCK_WRITE, .offset = 0, .length = 1024, .iov = &iov, .iovcnt = -1 },
		{ .op = (enum block_op)17, .offset = 0, .length = 1024, .iov = &iov, .iovcnt = 1 },
		{ .op = BLOCK_DISCARD, .offset = 99 * 512, .length = 1024 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(reqs); i++)
		ck_assert_msg(wait_req(d, &reqs[i]) == -EINVAL, "request %zu", i);
	ck_assert_int_eq(do_rw(d, BLOCK_READ, 100 * 512, buf, 0, 0), 0);
	ck_assert_int_eq(d->in_flight, 0);
	must_close(&f, d);
}
END_TEST

// A vector of single bytes, longer than one transfer takes.
START_TEST(long_vector)
{
	enum { N = 5120 };
	struct iovec *iov = calloc(N, sizeof(*iov));
	char *buf = malloc(N), *back = malloc(N);
	struct block_req req = { .op = BLOCK_WRITE, .offset = 512, .length = N, .iov = iov, .iovcnt = N };
	struct disk *d;

	make_monolithic(&f, "d.vmdk", 2048);
	d = must_open(&f, "d.vmdk", rw);
	for (int i = 0; i < N; i++) {
		buf[i] = (char)(i * 7 + i / 256);
		iov[i] = (struct iovec){ buf + i, 1 };
	}
	ck_assert_int_eq(wait_req(d, &req), 0);
	ck_assert_int_eq(do_rw(d, BLOCK_READ, 512, back, N, 0), 0);
	ck_assert(!memcmp(buf, back, N));
	must_close(&f, d);
	free(iov);
	free(buf);
	free(back);
}
END_TEST

static int resubmits, last_result;

static void flush_again(struct block_req *req, int result)
{
	last_result = result;
	if (!result && resubmits++ < 1000)
		disk_submit(req->owner, req);
}

// Requests that cost nothing must not run in a circle inside one callback.
START_TEST(completion_is_never_inside_submit)
{
	struct block_req req = { .op = BLOCK_FLUSH, .done = flush_again };
	struct disk *d;

	make_flat("d-flat.vmdk", 100);
	d = must_open(&f, "d.vmdk", rw);
	resubmits = 0;
	req.owner = d;
	disk_submit(d, &req);
	ck_assert_int_eq(resubmits, 0);
	for (int i = 1; i < 50; i++) {
		ck_assert_int_eq(loop_turn(f.loop), 0);
		ck_assert_int_le(resubmits, 2 * i);
	}
	ck_assert_int_ge(resubmits, 20);
	must_close(&f, d);
	ck_assert_int_eq(last_result, -ESHUTDOWN);
}
END_TEST

START_TEST(read_only_writes_nothing)
{
	struct disk *d;
	char buf[512] = "x";
	size_t before_len, after_len;
	char *before, *after;

	make_monolithic(&f, "d.vmdk", 4096);
	before = get_file(&f, "d.vmdk", &before_len);
	shell("chmod 444 %s/d.vmdk", f.dir);
	d = must_open(&f, "d.vmdk", ro);
	ck_assert(!d->discard);
	expect_byte(d, 0, 65536, 0);
	ck_assert_int_eq(do_rw(d, BLOCK_WRITE, 0, buf, 512, 0), -EROFS);
	ck_assert_int_eq(do_flush(d), 0);
	must_close(&f, d);
	after = get_file(&f, "d.vmdk", &after_len);
	ck_assert_uint_eq(before_len, after_len);
	ck_assert(!memcmp(before, after, after_len));
	free(before);
	free(after);
}
END_TEST

// Opening for writing and closing without a write leaves every byte as well.
START_TEST(untouched_until_first_write)
{
	struct disk *d;
	size_t before_len, after_len;
	char *before, *after;

	make_monolithic(&f, "d.vmdk", 4096);
	before = get_file(&f, "d.vmdk", &before_len);
	d = must_open(&f, "d.vmdk", rw);
	expect_byte(d, 0, 65536, 0);
	ck_assert_int_eq(do_flush(d), 0);
	must_close(&f, d);
	after = get_file(&f, "d.vmdk", &after_len);
	ck_assert_uint_eq(before_len, after_len);
	ck_assert(!memcmp(before, after, after_len));
	free(before);
	free(after);
}
END_TEST

START_TEST(raw_image_with_a_tail)
{
	struct disk *d;
	char buf[1024];

	shell("head -c 1000 /dev/zero | tr '\\0' 'A' > %s/a.iso", f.dir);
	d = must_open(&f, "a.iso", (struct disk_open_args){ .raw = true, .readonly = true });
	ck_assert_uint_eq(d->size, 1024);
	ck_assert_str_eq(d->kind, "raw");
	ck_assert_int_eq(do_rw(d, BLOCK_READ, 0, buf, 1024, 0), 0);
	ck_assert_int_eq(buf[999], 'A');
	ck_assert_int_eq(buf[1000], 0);
	ck_assert_int_eq(buf[1023], 0);
	must_close(&f, d);
	d = must_open(&f, "a.iso", (struct disk_open_args){ .raw = true });
	ck_assert_uint_eq(d->size, 512);
	must_close(&f, d);
	put_text(&f, "empty.iso", "");
	must_refuse("empty.iso", (struct disk_open_args){ .raw = true }, EINVAL, "empty");
	must_refuse("none.iso", (struct disk_open_args){ .raw = true }, ENOENT, "cannot be opened");
	shell("mkfifo %s/pipe", f.dir);
	must_refuse("pipe", (struct disk_open_args){ .raw = true }, EINVAL, "regular file");
}
END_TEST

// A file that was cut off while it was open: an error for the request, nothing worse.
START_TEST(truncated_while_open)
{
	struct disk *d;
	char buf[512];

	make_flat("d-flat.vmdk", 100);
	d = must_open(&f, "d.vmdk", rw);
	shell("truncate -s 1024 %s/d-flat.vmdk", f.dir);
	ck_assert_int_eq(do_rw(d, BLOCK_READ, 4096, buf, 512, 0), -EIO);
	must_close(&f, d);
}
END_TEST

START_TEST(discard_frees_blocks)
{
	struct disk *d;
	struct stat st;
	char path[256];
	struct block_req req = { .op = BLOCK_DISCARD, .offset = 0, .length = 4u << 20 };

	make_flat("d-flat.vmdk", 16384);
	d = must_open(&f, "d.vmdk", rw);
	write_byte(d, 0, 8u << 20, 0x55);
	ck_assert_int_eq(do_flush(d), 0);
	ck_assert_int_eq(wait_req(d, &req), 0);
	ck_assert_int_eq(stat(path_in(&f, "d-flat.vmdk", path, sizeof(path)), &st), 0);
	ck_assert_int_lt(st.st_blocks, 6 << 11);
	expect_byte(d, 0, 4u << 20, 0);
	expect_byte(d, 4u << 20, 4u << 20, 0x55);
	must_close(&f, d);
}
END_TEST

START_TEST(extents_without_file)
{
	struct disk *d;
	char buf[1024] = "";

	put_text(&f, "d.vmdk",
		 DESC_HEAD "createType=custom\nRW 4 ZERO\nRW 4 FLAT \"a\" 0\nNOACCESS 4 FLAT \"gone\" 0\n"
			   "RDONLY 4 FLAT \"b\" 2\n");
	shell("truncate -s 2048 %s/a; truncate -s 3072 %s/b", f.dir, f.dir);
	d = must_open(&f, "d.vmdk", rw);
	expect_byte(d, 0, 4096, 0);
	ck_assert_int_eq(do_rw(d, BLOCK_WRITE, 0, buf, 512, 0), -EROFS);
	ck_assert_int_eq(do_rw(d, BLOCK_WRITE, 2048, buf, 1024, 0), 0);
	ck_assert_int_eq(do_rw(d, BLOCK_READ, 4096, buf, 512, 0), -EACCES);
	ck_assert_int_eq(do_rw(d, BLOCK_READ, 6144, buf, 512, 0), 0);
	ck_assert_int_eq(do_rw(d, BLOCK_WRITE, 6144, buf, 512, 0), -EROFS);
	must_close(&f, d);
}
END_TEST

// --- locks -----------------------------------------------------------------------------------------------

START_TEST(second_opener)
{
	struct disk *a, *b;
	char us[32];

	make_flat("d-flat.vmdk", 100);
	a = must_open(&f, "d.vmdk", rw);
	must_refuse("d.vmdk", rw, EBUSY, "another program");
	ck_assert_int_eq(f.err.exit, EXIT_BUSY);
	snprintf(us, sizeof(us), "process %ld)", (long)getpid());
	must_refuse("d.vmdk", rw, EBUSY, us);
	must_refuse("d.vmdk", ro, EBUSY, "another program");
	must_refuse("d-flat.vmdk", (struct disk_open_args){ .raw = true, .readonly = true}, EBUSY,
		    "another program");
	must_close(&f, a);
	a = must_open(&f, "d.vmdk", ro);
	b = must_open(&f, "d.vmdk", ro);
	must_refuse("d.vmdk", rw, EBUSY, "another program");
	must_close(&f, a);
	must_close(&f, b);
	a = must_open(&f, "d.vmdk", rw);
	must_close(&f, a);
}
END_TEST

static void *let_go(void *ring)
{
	struct timespec moment = { .tv_nsec = 300 * 1000 * 1000 };

	nanosleep(&moment, NULL);
	io_uring_queue_exit(ring);
	return NULL;
}

// What a killed process leaves for a moment: an open file, with its lock, that only a ring has.
static void lock_by_ring(struct io_uring *ring, const char *name)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", f.dir, name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &lock), 0);
	ck_assert_int_eq(io_uring_queue_init(4, ring, 0), 0);
	ck_assert_int_eq(io_uring_register_files(ring, &fd, 1), 0);
	close(fd);
}

START_TEST(lock_of_the_dead)
{
	struct io_uring ring;
	pthread_t thread;
	struct disk *d;

	make_flat("d-flat.vmdk", 100);
	lock_by_ring(&ring, "d-flat.vmdk");
	// A CD is not waited for: the VM runs.
	must_refuse("d-flat.vmdk", (struct disk_open_args){ .raw = true, .readonly = true }, EBUSY, "another program");
	ck_assert_int_eq(pthread_create(&thread, NULL, let_go, &ring), 0);
	d = must_open(&f, "d.vmdk", rw);
	must_close(&f, d);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(vmware_lock)
{
	struct disk *d;

	make_flat("d-flat.vmdk", 100);
	shell("mkdir %s/d-flat.vmdk.lck", f.dir);
	put_text(&f, "d-flat.vmdk.lck/E12345.lck", "x");
	d = must_open(&f, "d.vmdk", rw);
	must_close(&f, d);
	put_text(&f, "d-flat.vmdk.lck/M12345.lck", "uuid=1 2-3 4 X 5 lc=6");
	must_refuse("d.vmdk", rw, EBUSY, "M12345.lck");
	ck_assert_ptr_nonnull(strstr(f.err.remedy, "delete the folder"));
	must_refuse("d.vmdk", ro, EBUSY, "M12345.lck");
	put_text(&f, "d-flat.vmdk.lck/M12345.lck", "uuid=1 2-3 4 S 5 lc=6");
	must_refuse("d.vmdk", rw, EBUSY, "M12345.lck");
	d = must_open(&f, "d.vmdk", ro);
	must_close(&f, d);
	shell("test -e %s/d-flat.vmdk.lck/M12345.lck", f.dir);
	d = must_open(&f, "d.vmdk", (struct disk_open_args){ .unlocked = true });
	shell("test ! -e %s/d.vmdk.lck", f.dir);
	must_close(&f, d);
	shell("rm -r %s/d-flat.vmdk.lck", f.dir);
	d = must_open(&f, "d.vmdk", rw);
	shell("test -e %s/d.vmdk.lck/M*.lck", f.dir);
	must_close(&f, d);
	shell("test ! -e %s/d.vmdk.lck", f.dir);
}
END_TEST

// --- names -----------------------------------------------------------------------------------------------

static void name_extent(const char *name)
{
	char text[512];

	snprintf(text, sizeof(text), FLAT_TEXT "RW 4 FLAT \"%s\" 0\n", name);
	put_text(&f, "d.vmdk", text);
}

START_TEST(extent_outside)
{
	static const struct disk_open_args anywhere = { .allow_outside = true };
	char text[256];
	struct disk *d;

	shell("mkdir %s/vm %s/vm/sub; truncate -s 2048 %s/out.bin %s/vm/sub/in.bin; ln -s ../out.bin "
	      "%s/vm/link; "
	      "ln -s in.bin %s/vm/sub/inner",
	      f.dir, f.dir, f.dir, f.dir, f.dir, f.dir);
	strcat(f.dir, "/vm");
	name_extent("../out.bin");
	must_refuse("d.vmdk", rw, EXDEV, "outside the folder");
	ck_assert_int_eq(f.err.exit, EXIT_CONFIG);
	d = must_open(&f, "d.vmdk", anywhere);
	must_close(&f, d);
	name_extent("link");
	must_refuse("d.vmdk", rw, EXDEV, "outside the folder");
	d = must_open(&f, "d.vmdk", anywhere);
	must_close(&f, d);
	snprintf(text, sizeof(text), "%.*s/out.bin", (int)strlen(f.dir) - 3, f.dir);
	name_extent(text);
	must_refuse("d.vmdk", rw, EXDEV, "outside the folder");
	d = must_open(&f, "d.vmdk", anywhere);
	must_close(&f, d);
	name_extent("/etc/passwd");
	must_refuse("d.vmdk", rw, EXDEV, "outside the folder");
	name_extent("/nowhere/at/all/..");
	must_refuse("d.vmdk", rw, EXDEV, "outside the folder");
	name_extent("sub/../sub/in.bin");
	must_refuse("d.vmdk", rw, EXDEV, "outside the folder");
	name_extent("sub/inner");
	d = must_open(&f, "d.vmdk", rw);
	must_close(&f, d);
	name_extent("sub");
	must_refuse("d.vmdk", ro, EINVAL, "regular file");
	*strrchr(f.dir, '/') = '\0';
}
END_TEST

START_TEST(spellings_of_names)
{
	static const char *const names[] = {
		".\\sub\\x.bin", "A FLAT.vmdk", "/vmfs/volumes/1234/vm/a flat.vmdk",
		"E:\\vms\\a flat.vmdk", ("gr\xfc\xdf" "e.bin"),
	};
	struct disk *d;

	shell("mkdir %s/sub; truncate -s 2048 '%s/a flat.vmdk' %s/sub/x.bin %s/gr\xc3\xbc\xc3\x9f"
	      "e.bin",
	      f.dir, f.dir, f.dir, f.dir);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char text[512];

		snprintf(text, sizeof(text), FLAT_TEXT "encoding=windows-1252\nRW 4 FLAT \"%s\" 0\n",
			 names[i]);
		put_text(&f, "d.vmdk", text);
		d = must_open(&f, "d.vmdk", rw);
		must_close(&f, d);
	}
	name_extent("nothing.bin");
	must_refuse("d.vmdk", rw, ENOENT, "nothing.bin");
}
END_TEST

// --- refusals ----------------------------------------------------------------------------------------------

static const struct { const char *line, *needle; int code; } refused[] = {
	{ "RW 4 VMFSRDM \"a\"", "line 6: the VMFSRDM extent \"a\" maps a LUN", ENOTSUP },
	{ "RW 4 VMFSRAW \"/vmfs/devices/disks/naa.1\"", "VMFSRAW", ENOTSUP },
	{ "RW 4 VMFSPASSTHROUGHRAWDEVICEMAP \"a\"", "VMFSPASSTHROUGHRAWDEVICEMAP", ENOTSUP },
	{ "RW 4 SESPARSE \"a\"", "cannot be opened", ENOENT },
	{ "RW 4 VMFSSPARSE \"a\"", "cannot be opened", ENOENT },
};

START_TEST(refused_types)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		char text[512];

		snprintf(text, sizeof(text), DESC_HEAD "createType=\"vmfsRawDeviceMap\"\n%s\n", refused[i].line);
		put_text(&f, "d.vmdk", text);
		must_refuse("d.vmdk", ro, refused[i].code, refused[i].needle);
	}
	put_text(&f, "d.vmdk", DESC_HEAD "createType=wonderful\nRW 4 FLAT \"a\" 0\n");
	must_refuse("d.vmdk", ro, EINVAL, "wonderful");
	put_text(&f, "d.vmdk", "# Disk DescriptorFile\nparentCID=12345678\nparentFileNameHint=\"base.vmdk\"\n"
		 "createType=custom\nRW 4 ZERO\n");
	must_refuse("d.vmdk", ro, ENOENT, "base.vmdk");
	put_text(&f, "d.vmdk", FLAT_TEXT "changeTrackPath=\"d-ctk.vmdk\"\nRW 4 FLAT \"a\" 0\n");
	must_refuse("d.vmdk", rw, ENOTSUP, "d-ctk.vmdk");
	put_text(&f, "d.vmdk", "COWD----------");
	must_refuse("d.vmdk", ro, EINVAL, "COWD");
	put_text(&f, "d.vmdk", "");
	must_refuse("d.vmdk", ro, EINVAL, "DescriptorFile");
	put_text(&f, "d.vmdk", "KDMV");
	must_refuse("d.vmdk", ro, EIO, "ends too early");
	make_sparse(&f, "d-s001.vmdk", 4096, 128, NULL, true);
	must_refuse("d-s001.vmdk", ro, EINVAL, "one extent of a split disk");
}
END_TEST

START_TEST(refused_extents)
{
	shell("truncate -s 2047 %s/a", f.dir);
	name_extent("a");
	must_refuse("d.vmdk", rw, EINVAL, "not complete");
	name_extent("d.vmdk");
	must_refuse("d.vmdk", rw, EINVAL, "in one file");
	make_sparse(&f, "s.vmdk", 4096, 128, NULL, true);
	put_text(&f, "d.vmdk",
		 DESC_HEAD "createType=custom\nRW 4096 SPARSE \"s.vmdk\"\nRW 4 FLAT \"s.vmdk\" 0\n");
	must_refuse("d.vmdk", rw, EINVAL, "in one file");
	put_text(&f, "d.vmdk",
		 DESC_HEAD "createType=custom\nRW 4 FLAT \"s.vmdk\" 0\nRW 4096 SPARSE \"s.vmdk\"\n");
	must_refuse("d.vmdk", rw, EINVAL, "in one file");
	put_text(&f, "d.vmdk", DESC_HEAD "createType=custom\nRW 4097 SPARSE \"s.vmdk\"\n");
	must_refuse("d.vmdk", rw, EINVAL, "4097");
	put_text(&f, "d.vmdk", DESC_HEAD "createType=custom\nRW 4 FLAT \"t\" 18446744073709551\n");
	must_refuse("d.vmdk", rw, EINVAL, "offset");
	put_text(&f, "d.vmdk", DESC_HEAD "createType=custom\nRW 4 FLAT \"b\" 137438953000\n");
	shell("truncate -s 2048 %s/b", f.dir);
	must_refuse("d.vmdk", rw, EINVAL, "not complete");
}
END_TEST

// Two flat extents may share a file: partitions of one image do.
START_TEST(flat_extents_share_a_file)
{
	struct disk *d;

	shell("truncate -s 8192 %s/a", f.dir);
	put_text(&f, "d.vmdk", DESC_HEAD "createType=custom\nRW 4 FLAT \"a\" 8\nRW 4 FLAT \"a\" 0\n");
	d = must_open(&f, "d.vmdk", rw);
	write_byte(d, 0, 4096, 3);
	must_close(&f, d);
	ck_assert_uint_eq(peek32(&f, "a", 0), 0x03030303);
	ck_assert_uint_eq(peek32(&f, "a", 2048), 0);
	ck_assert_uint_eq(peek32(&f, "a", 4096), 0x03030303);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("block");
	TCase *tc = tcase_create("disk");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, identity);
	tcase_add_test(tc, bad_requests);
	tcase_add_test(tc, long_vector);
	tcase_add_test(tc, completion_is_never_inside_submit);
	tcase_add_test(tc, read_only_writes_nothing);
	tcase_add_test(tc, untouched_until_first_write);
	tcase_add_test(tc, raw_image_with_a_tail);
	tcase_add_test(tc, truncated_while_open);
	tcase_add_test(tc, discard_frees_blocks);
	tcase_add_test(tc, extents_without_file);
	tcase_add_test(tc, second_opener);
	tcase_add_test(tc, lock_of_the_dead);
	tcase_add_test(tc, vmware_lock);
	tcase_add_test(tc, extent_outside);
	tcase_add_test(tc, spellings_of_names);
	tcase_add_test(tc, refused_types);
	tcase_add_test(tc, refused_extents);
	tcase_add_test(tc, flat_extents_share_a_file);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
