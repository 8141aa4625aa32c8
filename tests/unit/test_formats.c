// test_formats.c: descriptors of every kind and length, devices behind a key, sparse headers of all versions.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "formats_fixture.h"

static struct fixture f;
static const struct disk_open_args rw = { 0 }, ro = { .readonly = true };
static const struct disk_open_args devices = { .allow_device = true };

static void setup(void)
{
	fixture_setup(&f);
}

static void teardown(void)
{
	fixture_teardown(&f);
}

static void text(const char *type, const char *lines)
{
	char all[2048];

	snprintf(all, sizeof(all), DESC_HEAD "createType=\"%s\"\n%s", type, lines);
	put_text(&f, "d.vmdk", all);
}

// --- kinds -----------------------------------------------------------------------------------------------

// Every kind of disk is served as far as its extents are.
START_TEST(flat_extents_of_every_kind)
{
	static const char *const kinds[] = {
		"monolithicFlat", "twoGbMaxExtentFlat", "vmfs", "vmfsThin", "vmfsEagerZeroedThick", "vmfsPreallocated",
		"custom", "fullDevice", "partitionedDevice", "vmfsRaw", "vmfsRawDeviceMap", "vmfsPassthroughRawDeviceMap",
	};

	shell("truncate -s 4096 %s/a", f.dir);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct disk *d;

		text(kinds[i], i % 2 ? "RW 8 VMFS \"a\"\n" : "RW 8 FLAT \"a\" 0\n");
		d = must_open(&f, "d.vmdk", rw);
		ck_assert_str_eq(d->kind, kinds[i]);
		write_byte(d, 0, 4096, (int)i + 1);
		expect_byte(d, 0, 4096, (int)i + 1);
		must_close(&f, d);
	}
}
END_TEST

// A disk of partitions: the saved first sectors, gaps, and a part that is a file here.
START_TEST(partitions)
{
	struct disk *d;
	char buf[512] = "";

	shell("truncate -s 512 %s/d-pt.vmdk; truncate -s 8192 %s/p1", f.dir, f.dir);
	text("partitionedDevice", "RW 1 FLAT \"d-pt.vmdk\" 0\nRW 7 ZERO\nRW 8 FLAT \"p1\" 4 0a1b2c 1\nNOACCESS 8 ZERO\n");
	d = must_open(&f, "d.vmdk", rw);
	ck_assert_uint_eq(d->size, 24 * 512);
	write_byte(d, 0, 512, 1);
	ck_assert_int_eq(do_rw(d, BLOCK_WRITE, 512, buf, 512, 0), -EROFS);
	write_byte(d, 8 * 512, 4096, 2);
	ck_assert_int_eq(do_rw(d, BLOCK_READ, 16 * 512, buf, 512, 0), -EACCES);
	must_close(&f, d);
	ck_assert_uint_eq(peek32(&f, "p1", 2048), 0x02020202);
	ck_assert_uint_eq(peek32(&f, "p1", 2044), 0);
}
END_TEST

START_TEST(mixed_extents)
{
	struct disk *d;

	make_sparse(&f, "s.vmdk", 1024, 128, NULL, true);
	make_cowd(&f, "c.vmdk", 1000, 1);
	make_sesparse(&f, "e.vmdk", 800, 1, 1);
	shell("truncate -s 4096 %s/a", f.dir);
	text("custom", "RW 1024 SPARSE \"s.vmdk\"\nRW 1000 VMFSSPARSE \"c.vmdk\"\nRDONLY 800 SESPARSE \"e.vmdk\"\nRW 8 VMFS \"a\"\n");
	d = must_open(&f, "d.vmdk", rw);
	ck_assert_uint_eq(d->size, 2832 * 512);
	write_byte(d, 0, 2024 * 512, 5);
	write_byte(d, 2824 * 512, 4096, 6);
	must_close(&f, d);
	d = must_open(&f, "d.vmdk", ro);
	expect_byte(d, 0, 2024 * 512, 5);
	expect_byte(d, 2024 * 512, 800 * 512, 0);
	expect_byte(d, 2824 * 512, 4096, 6);
	must_close(&f, d);
}
END_TEST

// --- devices ---------------------------------------------------------------------------------------------

START_TEST(devices_need_leave)
{
	text("fullDevice", "RW 8 FLAT \"/dev/null\" 0\n");
	expect_refusal(&f, "d.vmdk", rw, EPERM, "berth.disk.allowDevice");
	ck_assert_int_eq(f.err.exit, EXIT_CONFIG);
	expect_refusal(&f, "d.vmdk", ro, EPERM, "line 6: \"/dev/null\" is a device");
	expect_refusal(&f, "d.vmdk", (struct disk_open_args){ .allow_outside = true }, EPERM, "berth.disk.allowDevice");
	expect_refusal(&f, "d.vmdk", devices, EINVAL, "nor a disk");
	text("fullDevice", "RW 8 FLAT \"/dev/surely-not-there\" 0\n");
	expect_refusal(&f, "d.vmdk", rw, EPERM, "berth.disk.allowDevice");
	expect_refusal(&f, "d.vmdk", devices, ENOENT, "Attach the disk");
	text("fullDevice", "RW 8 FLAT \"\\\\.\\PhysicalDrive1\" 0\n");
	expect_refusal(&f, "d.vmdk", devices, ENOTSUP, "Windows");
	text("fullDevice", "RW 8 FLAT \"/dev/../etc/passwd\" 0\n");
	expect_refusal(&f, "d.vmdk", devices, EXDEV, "outside the folder");
	text("custom", "RW 8 SPARSE \"/dev/null\"\n");
	expect_refusal(&f, "d.vmdk", devices, EPERM, "device");
}
END_TEST

// What looks like a file of the folder may be a device.
START_TEST(devices_behind_links)
{
	static const struct disk_open_args anywhere = { .allow_outside = true };

	shell("ln -s /dev/zero %s/x; mkfifo %s/pipe", f.dir, f.dir);
	text("custom", "RW 8 FLAT \"x\" 0\n");
	expect_refusal(&f, "d.vmdk", rw, EXDEV, "outside the folder");
	expect_refusal(&f, "d.vmdk", anywhere, EINVAL, "not a regular file");
	text("custom", "RW 8 FLAT \"pipe\" 0\n");
	expect_refusal(&f, "d.vmdk", rw, EINVAL, "not a regular file");
	text("custom", "RW 8 FLAT \"//dev/null\" 0\n");
	expect_refusal(&f, "d.vmdk", rw, EXDEV, "outside the folder");
}
END_TEST

// A node of our own, for as long as the test takes; the loop device it leads to is never bound.
START_TEST(block_devices)
{
	static const struct disk_open_args anywhere = { .allow_outside = true };
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "mknod %s/blk b 7 250 2>/dev/null", f.dir);
	if (system(cmd) != 0)
		return;         // only root may
	text("custom", "RW 8 FLAT \"blk\" 0\n");
	expect_refusal(&f, "d.vmdk", rw, EPERM, "berth.disk.allowDevice");
	expect_refusal(&f, "d.vmdk", anywhere, EPERM, "berth.disk.allowDevice");
	text("custom", "RW 8 SPARSE \"blk\"\n");
	expect_refusal(&f, "d.vmdk", devices, EPERM, "device");
}
END_TEST

// --- descriptors -------------------------------------------------------------------------------------------

// VMware's own limit is twenty sectors; splitting a big disk needs more.
START_TEST(long_descriptors)
{
	size_t size = 80 << 10, at;
	char *all = malloc(size);
	struct disk *d;

	shell("truncate -s 4096 %s/a", f.dir);
	at = (size_t)snprintf(all, size, DESC_HEAD "createType=custom\n");
	for (int i = 0; i < 2000; i++)
		at += (size_t)snprintf(all + at, size - at, "RW 8 FLAT \"a\" 0\n");
	at += (size_t)snprintf(all + at, size - at, "ddb.geometry.heads = \"16\"\n");
	put_text(&f, "d.vmdk", all);
	d = must_open(&f, "d.vmdk", rw);
	ck_assert_uint_eq(d->size, 2000ull * 4096);
	ck_assert_uint_eq(d->geometry.heads, 16);
	write_byte(d, 1999ull * 4096, 4096, 3);
	expect_byte(d, 4096, 4096, 3);
	must_close(&f, d);
	free(all);
}
END_TEST

// An embedded one of 64 sectors, with its last lines behind the usual 20.
START_TEST(long_embedded_descriptor)
{
	enum { SECTORS = 64, SIZE = 256 };
	uint8_t *raw = calloc(SIZE, 512);
	struct layout l = { .sectors = 1024, .grain = 128, .tables = 1, .rgd = 70, .rgt = 71, .gd = 80, .gt = 81, .data = 128 };
	char *at = (char *)raw + 512;
	struct disk *d;

	header_bytes(&l, true, raw);
	put_le64(raw + 36, SECTORS);
	put_le32(raw + 70 * 512, 71);
	put_le32(raw + 80 * 512, 81);
	at += sprintf(at, "# Disk DescriptorFile\nversion=1\nparentCID=ffffffff\ncreateType=\"monolithicSparse\"\n");
	for (int i = 0; i < 600; i++)
		at += sprintf(at, "# a comment of forty characters, number %4d\n", i);
	ck_assert_int_gt(at - (char *)raw, 21 * 512);
	sprintf(at, "RW 1024 SPARSE \"d.vmdk\"\nCID=12345678\nddb.geometry.heads = \"9\"\n");
	put_file(&f, "d.vmdk", raw, SIZE * 512);
	d = must_open(&f, "d.vmdk", rw);
	ck_assert_uint_eq(d->geometry.heads, 9);
	write_byte(d, 0, 4096, 1);
	must_close(&f, d);
	d = must_open(&f, "d.vmdk", ro);
	expect_byte(d, 0, 4096, 1);
	must_close(&f, d);
	free(raw);
}
END_TEST

// --- hosted sparse headers -----------------------------------------------------------------------------------

static const uint32_t grain_sizes[] = { 8, 16, 128, 256, 2048 };

START_TEST(grain_sizes_and_versions)
{
	uint32_t grain = grain_sizes[_i];
	uint64_t sectors = grain * (grain <= 16 ? 520ull : 5ull) + 3;   // past the first table, where that is small

	for (uint32_t version = 1; version <= 3; version++) {
		struct layout l = make_sparse(&f, "s.vmdk", sectors, grain, NULL, true);
		char line[128];
		struct disk *d;

		poke32(&f, "s.vmdk", 4, version);
		poke32(&f, "s.vmdk", l.gt * 512 + 4, version > 1 ? 1 : 0);
		poke32(&f, "s.vmdk", l.rgt * 512 + 4, version > 1 ? 1 : 0);
		if (version == 3)
			poke32(&f, "s.vmdk", 8, 7);
		snprintf(line, sizeof(line), "RW %llu SPARSE \"s.vmdk\"\n", (unsigned long long)sectors);
		text("twoGbMaxExtentSparse", line);
		if (version == 3) {     // changed block tracking: for reading at least
			d = must_open(&f, "d.vmdk", ro);
			expect_byte(d, 0, sectors * 512, 0);
			must_close(&f, d);
			continue;
		}
		d = must_open(&f, "d.vmdk", rw);
		expect_byte(d, 0, sectors * 512, 0);
		write_byte(d, (sectors - 2) * 512, 1024, 7);
		write_byte(d, grain * 512, 512, 8);
		must_close(&f, d);
		d = must_open(&f, "d.vmdk", ro);
		expect_byte(d, (sectors - 2) * 512, 1024, 7);
		expect_byte(d, grain * 512, 512, 8);
		expect_byte(d, grain * 512 + 512, 512, 0);
		must_close(&f, d);
	}
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, flat_extents_of_every_kind);
	tcase_add_test(tc, partitions);
	tcase_add_test(tc, mixed_extents);
	tcase_add_test(tc, devices_need_leave);
	tcase_add_test(tc, devices_behind_links);
	tcase_add_test(tc, block_devices);
	tcase_add_test(tc, long_descriptors);
	tcase_add_test(tc, long_embedded_descriptor);
	tcase_add_loop_test(tc, grain_sizes_and_versions, 0, ARRAY_SIZE(grain_sizes));
}

int main(void)
{
	return run_suite("formats", add, setup, teardown);
}
