// test_block_chain.c: delta disks: finding parents, content ids, copies from below, what no write may touch.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block_fixture.h"

#include "block/image.h"
#include "block/vmdk_desc.h"

#define SECTORS 8192u
#define GRAIN   65536u
#define CID     0x12345678u

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

static void must_refuse(const char *name, struct disk_open_args args, int code, const char *needle)
{
	struct disk *disk;
	char text[1200];
	int r = try_open(&f, name, args, &disk);

	err_sentence(&f.err, text, sizeof(text));
	ck_assert_msg(r == -code, "%d instead of %d: %s", r, -code, text);
	ck_assert_msg(strstr(text, needle) != NULL, "no \"%s\" in: %s", needle, text);
}

static void fill(const char *name, uint64_t offset, size_t len, int byte)
{
	struct disk *d = must_open(&f, name, rw);

	write_byte(d, offset, len, byte);
	must_close(&f, d);
}

// "base.vmdk" with byte 0xb0 in its first two grains, under a CID that the test knows.
static void make_base(void)
{
	struct disk *d;

	make_monolithic(&f, "base.vmdk", SECTORS);
	d = must_open(&f, "base.vmdk", rw);
	// The CID stays known: not through the first write's.
	CONTAINER_OF(d, struct image, disk)->content.state = CONTENT_NEW;
	write_byte(d, 0, 2 * GRAIN, 0xb0);
	must_close(&f, d);
	ck_assert_uint_eq(cid_of(&f, "base.vmdk"), CID);
}

static void make_child(const char *name, const char *hint)
{
	make_delta(&f, name,
		   &(struct delta){ .parent = hint, .parent_cid = CID, .cid = 0xc1, .sectors = SECTORS, .zeroed = true });
}

static void expect_base(const char *name, struct disk_open_args args)
{
	struct disk *d = must_open(&f, name, args);

	expect_byte(d, 0, 2 * GRAIN, 0xb0);
	expect_byte(d, 2 * GRAIN, GRAIN, 0);
	must_close(&f, d);
}

// --- finding the parent ------------------------------------------------------------------------------------

START_TEST(hints_that_find_it)
{
	static const char *const hints[] = {
		"base.vmdk", "./base.vmdk", ".\\base.vmdk", "BASE.vmdk", "C:\\vms\\x\\base.vmdk", "\\\\server\\share\\base.vmdk",
		"/vmfs/volumes/5f1d9a4b-00000000-0000-000000000000/x/base.vmdk", "../gone/base.vmdk", "sub/base.vmdk",
	};
	char absolute[512];

	make_base();
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		make_child("c.vmdk", hints[i]);
		expect_base("c.vmdk", ro);
	}
	snprintf(absolute, sizeof(absolute), "%s/base.vmdk", f.dir);
	make_child("c.vmdk", absolute);
	expect_base("c.vmdk", rw);
}
END_TEST

START_TEST(a_folder_below)
{
	make_base();
	shell("mkdir %s/sub && mv %s/base.vmdk %s/sub", f.dir, f.dir, f.dir);
	make_child("c.vmdk", "sub\\base.vmdk");
	expect_base("c.vmdk", ro);
}
END_TEST

// A linked clone in a folder of its own: only by permission, or when the parent lies beside the .vmx.
START_TEST(a_folder_elsewhere)
{
	struct disk_open_args outside = { .allow_outside = true }, home = { .home = f.dir };
	char absolute[512];

	make_base();
	shell("mkdir %s/clone", f.dir);
	snprintf(absolute, sizeof(absolute), "%s/base.vmdk", f.dir);
	make_child("clone/c.vmdk", absolute);
	must_refuse("clone/c.vmdk", ro, EXDEV, "berth.disk.allowOutside");
	expect_base("clone/c.vmdk", outside);
	expect_base("clone/c.vmdk", home);
	make_child("clone/c.vmdk", "../base.vmdk");
	must_refuse("clone/c.vmdk", ro, EXDEV, "berth.disk.allowOutside");
	expect_base("clone/c.vmdk", outside);
	expect_base("clone/c.vmdk", home);
	make_child("clone/c.vmdk", "/vmfs/volumes/x/base.vmdk");
	must_refuse("clone/c.vmdk", ro, ENOENT, "missing");
	expect_base("clone/c.vmdk", home);
}
END_TEST

// A link beside the child that leads out is the same as a hint that does.
START_TEST(a_link_that_leads_out)
{
	make_base();
	shell("mkdir %s/clone && ln -s ../base.vmdk %s/clone/base.vmdk", f.dir, f.dir);
	make_child("clone/c.vmdk", "base.vmdk");
	must_refuse("clone/c.vmdk", ro, EXDEV, "berth.disk.allowOutside");
	expect_base("clone/c.vmdk", (struct disk_open_args){ .allow_outside = true });
}
END_TEST

START_TEST(parents_that_are_none)
{
	make_base();
	make_child("c.vmdk", "nothing.vmdk");
	must_refuse("c.vmdk", ro, ENOENT, "nothing.vmdk");
	make_child("c.vmdk", "c.vmdk");
	must_refuse("c.vmdk", rw, ENOENT, "missing");
	make_child("c.vmdk", "..");
	must_refuse("c.vmdk", ro, EINVAL, "is no file");
	make_child("c.vmdk", "sub/");
	must_refuse("c.vmdk", ro, EINVAL, "is no file");
	make_child("c.vmdk", "");
	must_refuse("c.vmdk", ro, EINVAL, "names no parent");
	make_delta(&f, "a.vmdk", &(struct delta){ "b.vmdk", 2, 1, SECTORS, false });
	make_delta(&f, "b.vmdk", &(struct delta){ "a.vmdk", 1, 2, SECTORS, false });
	must_refuse("a.vmdk", rw, ELOOP, "children");
	must_refuse("b.vmdk", ro, ELOOP, "children");
	put_text(&f, "base.vmdk", "not a disk");
	make_child("c.vmdk", "base.vmdk");
	must_refuse("c.vmdk", ro, EINVAL, "DescriptorFile");
}
END_TEST

// The child's own data file as the parent's, which a write would change.
START_TEST(a_parent_made_of_the_child)
{
	char text[1024];

	shell("truncate -s %u %s/data", SECTORS * 512, f.dir);
	snprintf(text, sizeof(text), DESC_HEAD "createType=monolithicFlat\nRW %u FLAT \"data\" 0\n", SECTORS);
	put_text(&f, "base.vmdk", text);
	snprintf(text, sizeof(text),
		 "# Disk DescriptorFile\nCID=1\nparentCID=12345678\ncreateType=monolithicFlat\n"
		 "parentFileNameHint=base.vmdk\nRW %u FLAT \"data\" 0\n",
		 SECTORS);
	put_text(&f, "c.vmdk", text);
	must_refuse("c.vmdk", rw, EINVAL, "in one file");
}
END_TEST

START_TEST(depth)
{
	char name[32], below[32] = "base.vmdk";
	uint32_t cid = CID;

	make_base();
	for (unsigned i = 0; i < IMAGE_MAX_LAYERS; i++) {
		snprintf(name, sizeof(name), "d%u.vmdk", i);
		make_delta(&f, name, &(struct delta){ below, cid, i + 1, SECTORS, false });
		if (i + 1 < IMAGE_MAX_LAYERS)
			expect_base(name, ro);
		cid = i + 1;
		strcpy(below, name);
	}
	must_refuse(name, ro, EMLINK, "chain of more than");
}
END_TEST

// --- content ids, sizes, locks -----------------------------------------------------------------------------

START_TEST(content_ids)
{
	struct disk_open_args anyway = { .ignore_parent_cid = true };

	make_base();
	make_child("c.vmdk", "base.vmdk");
	fill("base.vmdk", 0, 512, 0xb0);
	must_refuse("c.vmdk", ro, EINVAL, "child expects CID 12345678");
	must_refuse("c.vmdk", rw, EINVAL, "berth.disk.ignoreParentCID");
	expect_base("c.vmdk", anyway);
	make_delta(&f, "c.vmdk", &(struct delta){ "base.vmdk", VMDK_NO_PARENT, 1, SECTORS, false });
	must_refuse("c.vmdk", ro, EINVAL, "says that it has none");
	expect_base("c.vmdk", anyway);
}
END_TEST

// One new CID for the top, at the first write; the parents keep every byte.
START_TEST(only_the_top_changes)
{
	size_t len, len2;
	char *before, *after, longer[64];
	struct disk *d;

	make_base();
	make_child("c.vmdk", "base.vmdk");
	before = get_file(&f, "base.vmdk", &len);
	d = must_open(&f, "c.vmdk", rw);
	expect_byte(d, 0, GRAIN, 0xb0);
	ck_assert_uint_eq(cid_of(&f, "c.vmdk"), 0xc1);
	write_byte(d, 512, 512, 1);
	ck_assert_uint_ne(cid_of(&f, "c.vmdk"), 0xc1);
	must_close(&f, d);
	snprintf(longer, sizeof(longer), "longContentID=\"000000000000000000000000%08x\"", cid_of(&f, "c.vmdk"));
	after = get_file(&f, "c.vmdk", &len2);
	ck_assert_ptr_nonnull(memmem(after, len2, longer, strlen(longer)));
	free(after);
	after = get_file(&f, "base.vmdk", &len2);
	ck_assert(len == len2 && !memcmp(before, after, len));
	free(before);
	free(after);
}
END_TEST

START_TEST(sizes_differ)
{
	make_base();
	make_delta(&f, "c.vmdk", &(struct delta){ "base.vmdk", CID, 1, SECTORS * 2, false });
	must_refuse("c.vmdk", ro, EINVAL, "has 16384 sectors");
}
END_TEST

static void expect_marks(unsigned count)
{
	shell("test \"$(cat %s/base.vmdk.lck/M*.lck 2>/dev/null | tr -d '\\0' | grep -o ' S ' | wc -l)\" = %u", f.dir, count);
}

// Two clones share a parent; nobody writes it meanwhile, VMware neither.
START_TEST(locks)
{
	struct disk *a, *b;

	make_base();
	make_child("a.vmdk", "base.vmdk");
	make_child("b.vmdk", "base.vmdk");
	a = must_open(&f, "a.vmdk", rw);
	b = must_open(&f, "b.vmdk", rw);
	expect_marks(2);
	must_refuse("base.vmdk", rw, EBUSY, "another program");
	write_byte(a, 0, 512, 1);
	expect_byte(b, 0, GRAIN, 0xb0);
	must_close(&f, a);
	expect_marks(1);
	must_close(&f, b);
	shell("test ! -e %s/base.vmdk.lck", f.dir);
	must_close(&f, must_open(&f, "a.vmdk", ro));
	shell("mkdir %s/base.vmdk.lck", f.dir);
	put_text(&f, "base.vmdk.lck/M12345.lck", "uuid=1 2-3 4 X 5 lc=6");
	must_refuse("a.vmdk", rw, EBUSY, "M12345.lck");
	shell("rm -r %s/base.vmdk.lck", f.dir);
	a = must_open(&f, "base.vmdk", rw);
	must_refuse("a.vmdk", rw, EBUSY, "for writing");
	must_close(&f, a);
}
END_TEST

// Layers whose grains or extents are not those of the layers around them. What was learned from one read must not hide
// what the next one is to find.
static const struct { uint64_t first; uint32_t grain; uint64_t at; } middles[] = {
	{ SECTORS, 8, 4096 },                   // a grain is smaller than the others
	{ 100, 128, 100 * 512 },                // an extent begins within a grain of the others,
	{ 100, 128, 100 * 512 + GRAIN },        // and so do all of its grains
};

static void make_middle(uint64_t first, uint32_t grain)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "# Disk DescriptorFile\nversion=1\nCID=%08x\nparentCID=%08x\ncreateType=custom\n"
			 "parentFileNameHint=\"base.vmdk\"\nRW %llu SPARSE \"m1\"\n", CID, CID, (unsigned long long)first);

	make_sparse(&f, "m1", first, grain, NULL, true);
	if (first < SECTORS) {
		make_sparse(&f, "m2", SECTORS - first, grain, NULL, true);
		snprintf(text + n, sizeof(text) - (size_t)n, "RW %llu SPARSE \"m2\"\n", (unsigned long long)(SECTORS - first));
	}
	put_text(&f, "m.vmdk", text);
}

START_TEST(layers_of_another_shape)
{
	uint64_t at = middles[_i].at, before = at & ~(uint64_t)(GRAIN - 1);
	struct disk *d;
	int below;

	make_base();
	make_middle(middles[_i].first, middles[_i].grain);
	d = must_open(&f, "m.vmdk", rw);
	CONTAINER_OF(d, struct image, disk)->content.state = CONTENT_NEW;
	write_byte(d, at, 512, 0x33);
	must_close(&f, d);
	make_child("c.vmdk", "m.vmdk");
	d = must_open(&f, "c.vmdk", rw);
	below = before < 2 * GRAIN ? 0xb0 : 0;
	for (int again = 0; again < 2; again++) {
		expect_byte(d, before, 512, below);
		expect_byte(d, at, 512, 0x33);
		expect_byte(d, before, at - before, below);
		expect_byte(d, 2 * GRAIN, GRAIN, 0);
	}
	write_byte(d, before + 512, 512, 1);            // the rest of the grain is copied up
	expect_byte(d, before, 512, below);
	expect_byte(d, at, 512, 0x33);
	must_close(&f, d);
}
END_TEST

START_TEST(identity_comes_from_the_base)
{
	struct disk *d;
	char text[1024];

	shell("truncate -s %u %s/data", SECTORS * 512, f.dir);
	snprintf(text, sizeof(text), DESC_HEAD "createType=monolithicFlat\nRW %u FLAT \"data\" 0\n"
		 "ddb.geometry.cylinders=8\nddb.geometry.heads=16\nddb.geometry.sectors=63\n"
		 "ddb.uuid = \"60 00 C2 9f 00 11 22 33-44 55 66 77 88 99 aa bb\"\n", SECTORS);
	put_text(&f, "base.vmdk", text);
	make_child("c.vmdk", "base.vmdk");
	d = must_open(&f, "c.vmdk", ro);
	ck_assert_str_eq(d->kind, "monolithicSparse");
	ck_assert_uint_eq(d->geometry.cylinders, 8);
	ck_assert(d->has_uuid && d->uuid[15] == 0xbb);
	must_close(&f, d);
}
END_TEST

// --- copies from below -------------------------------------------------------------------------------------

START_TEST(a_write_takes_the_rest_from_below)
{
	struct disk *d;

	make_base();
	make_child("c.vmdk", "base.vmdk");
	d = must_open(&f, "c.vmdk", rw);
	write_byte(d, 1024, 512, 1);                    // inside a grain
	write_byte(d, 2 * GRAIN - 512, 1024, 2);        // the end of one, the start of one that the base has not
	for (int again = 0; again < 2; again++) {
		expect_byte(d, 0, 1024, 0xb0);
		expect_byte(d, 1024, 512, 1);
		expect_byte(d, 1536, 2 * GRAIN - 2048, 0xb0);
		expect_byte(d, 2 * GRAIN - 512, 1024, 2);
		expect_byte(d, 2 * GRAIN + 512, GRAIN - 512, 0);
		must_close(&f, d);
		d = must_open(&f, "c.vmdk", rw);
	}
	must_close(&f, d);
}
END_TEST

// Many writes into the same fresh grains at once, as the guest would send them.
START_TEST(writes_to_one_grain_at_once)
{
	struct block_req req[64];
	struct iovec iov[64];
	int result[64];
	uint8_t *buf = malloc(64 * 512);
	struct disk *d;
	unsigned left = 64;

	make_base();
	make_child("c.vmdk", "base.vmdk");
	d = must_open(&f, "c.vmdk", rw);
	for (unsigned i = 0; i < 64; i++) {
		memset(buf + i * 512, (int)i + 1, 512);
		iov[i] = (struct iovec){ buf + i * 512, 512 };
		result[i] = NOT_DONE;
		req[i] = (struct block_req){ .op = BLOCK_WRITE, .offset = i * 2 * 1024, .length = 512, .iov = &iov[i],
					     .iovcnt = 1, .done = note_done, .owner = &result[i] };
		disk_submit(d, &req[i]);
	}
	while (left) {
		ck_assert_int_eq(loop_turn(f.loop), 0);
		left = 0;
		for (unsigned i = 0; i < 64; i++)
			left += result[i] == NOT_DONE;
	}
	for (unsigned i = 0; i < 64; i++) {
		ck_assert_int_eq(result[i], 0);
		expect_byte(d, i * 2 * 1024, 512, (int)i + 1);
		expect_byte(d, i * 2 * 1024 + 512, 1536, 0xb0);
	}
	must_close(&f, d);
	free(buf);
}
END_TEST

// A grain of zeros hides the parent, and so does what is written into it.
START_TEST(zero_grains)
{
	struct layout l;
	struct disk *d;

	make_base();
	make_child("c.vmdk", "base.vmdk");
	l = layout_for(SECTORS, 128);
	poke32(&f, "c.vmdk", l.gt * 512, 1);
	poke32(&f, "c.vmdk", l.rgt * 512, 1);
	d = must_open(&f, "c.vmdk", rw);
	expect_byte(d, 0, GRAIN, 0);
	expect_byte(d, GRAIN, GRAIN, 0xb0);
	write_byte(d, 4096, 512, 7);
	expect_byte(d, 0, 4096, 0);
	expect_byte(d, 4096, 512, 7);
	expect_byte(d, 4608, GRAIN - 4608, 0);
	must_close(&f, d);
}
END_TEST

// --- discards ----------------------------------------------------------------------------------------------

static int discard(struct disk *d, uint64_t offset, uint64_t length)
{
	struct block_req req = { .op = BLOCK_DISCARD, .offset = offset, .length = length };

	return wait_req(d, &req);
}

static uint64_t blocks_of(const char *name)
{
	char path[256];
	struct stat st;

	ck_assert_int_eq(stat(path_in(&f, name, path, sizeof(path)), &st), 0);
	return (uint64_t)st.st_blocks;
}

START_TEST(discard_without_parents)
{
	struct layout l = make_monolithic(&f, "d.vmdk", SECTORS);
	struct disk *d = must_open(&f, "d.vmdk", rw);
	uint64_t before;
	struct stat st;
	off_t size;
	char path[256];

	ck_assert(d->discard);
	write_byte(d, 0, 8 * GRAIN, 5);
	ck_assert_int_eq(do_flush(d), 0);
	before = blocks_of("d.vmdk");
	ck_assert_int_eq(discard(d, GRAIN - 512, 3 * GRAIN + 1024), 0);
	expect_byte(d, 0, GRAIN, 5);
	expect_byte(d, GRAIN, 3 * GRAIN, 0);
	expect_byte(d, 4 * GRAIN, 4 * GRAIN, 5);
	ck_assert_uint_eq(blocks_of("d.vmdk"), before);         // not before the table is durable
	must_close(&f, d);
	ck_assert_uint_eq(peek32(&f, "d.vmdk", l.gt * 512 + 4), 0);
	ck_assert_uint_eq(peek32(&f, "d.vmdk", l.rgt * 512 + 12), 0);
	ck_assert_uint_le(blocks_of("d.vmdk"), before - 3 * GRAIN / 512);
	// What was given up is used again, as holes.
	d = must_open(&f, "d.vmdk", rw);
	ck_assert_int_eq(discard(d, 4 * GRAIN, 4 * GRAIN), 0);
	ck_assert_int_eq(do_flush(d), 0);
	while (CONTAINER_OF(d, struct image, disk)->background)
		ck_assert_int_eq(loop_turn(f.loop), 0);
	size = stat(path_in(&f, "d.vmdk", path, sizeof(path)), &st) == 0 ? st.st_size : 0;
	for (unsigned i = 0; i < 4; i++)
		write_byte(d, (20 + i) * GRAIN + 512, 512, 6);
	expect_byte(d, 20 * GRAIN, 512, 0);
	expect_byte(d, 20 * GRAIN + 512, 512, 6);
	expect_byte(d, 20 * GRAIN + 1024, GRAIN - 1024, 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, size);
	must_close(&f, d);
}
END_TEST

// On a child the parent must not come back: entry 1 where the tables know it, else the bytes become a hole.
START_TEST(discard_in_a_child)
{
	struct layout l = layout_for(SECTORS, 128);

	make_base();
	for (unsigned zeroed = 0; zeroed < 2; zeroed++) {
		struct delta delta = { "base.vmdk", CID, 1, SECTORS, zeroed };
		struct disk *d;

		make_delta(&f, "c.vmdk", &delta);
		d = must_open(&f, "c.vmdk", rw);
		write_byte(d, 0, 2 * GRAIN, 3);
		ck_assert_int_eq(discard(d, 0, GRAIN), 0);
		expect_byte(d, 0, GRAIN, 0);
		expect_byte(d, GRAIN, GRAIN, 3);
		must_close(&f, d);
		ck_assert_uint_eq(peek32(&f, "c.vmdk", l.gt * 512) == 1, zeroed);
		d = must_open(&f, "c.vmdk", rw);
		expect_byte(d, 0, GRAIN, 0);
		must_close(&f, d);
	}
}
END_TEST

// --- memory ------------------------------------------------------------------------------------------------

// A disk of many tables, most of them written: no more of them stay in memory than may.
START_TEST(tables_are_dropped)
{
	uint64_t sectors = 65536ull * 1024;     // 32 GiB: 1024 tables
	struct layout l = make_sparse(&f, "s.vmdk", sectors, 128, NULL, false);
	struct disk *d;
	struct image *img;
	char text[512];

	(void)l;
	snprintf(text, sizeof(text), DESC_HEAD "createType=twoGbMaxExtentSparse\nRW %llu SPARSE \"s.vmdk\"\n",
		 (unsigned long long)sectors);
	put_text(&f, "d.vmdk", text);
	d = must_open(&f, "d.vmdk", rw);
	img = CONTAINER_OF(d, struct image, disk);
	img->tables.limit = 64u << 10;
	for (uint64_t i = 0; i < 1024; i++)
		write_byte(d, i << 25, 512, (int)(i % 255) + 1);
	ck_assert_int_eq(do_flush(d), 0);
	for (uint64_t i = 0; i < 1024; i++)
		expect_byte(d, i << 25, 512, (int)(i % 255) + 1);
	ck_assert_uint_le(img->tables.bytes, img->tables.limit + 4096);
	for (uint64_t i = 0; i < 1024; i += 7)
		write_byte(d, (i << 25) + 4096, 512, 0xaa);
	for (uint64_t i = 0; i < 1024; i += 7)
		expect_byte(d, (i << 25) + 4096, 512, 0xaa);
	must_close(&f, d);
	d = must_open(&f, "d.vmdk", ro);
	for (uint64_t i = 0; i < 1024; i += 50)
		expect_byte(d, i << 25, 512, (int)(i % 255) + 1);
	must_close(&f, d);
}
END_TEST

// Past the page cache, with memory of any alignment.
START_TEST(direct)
{
	struct disk_open_args args = { .direct = true };
	char text[512], *buf = malloc(65536 + 7);
	struct disk *d;

	shell("truncate -s %u %s/data", SECTORS * 512, f.dir);
	snprintf(text, sizeof(text), DESC_HEAD "createType=monolithicFlat\nRW %u FLAT \"data\" 0\n", SECTORS);
	put_text(&f, "d.vmdk", text);
	d = must_open(&f, "d.vmdk", args);
	memset(buf, 9, 65536 + 7);
	ck_assert_int_eq(do_rw(d, BLOCK_WRITE, 512, buf + 3, 65536, 0), 0);
	memset(buf, 0, 65536 + 7);
	ck_assert_int_eq(do_rw(d, BLOCK_READ, 0, buf + 5, 65536, 0), 0);
	ck_assert(!buf[4] && !buf[5] && !buf[516] && buf[517] == 9 && buf[65540] == 9 && !buf[65541]);
	must_close(&f, d);
	d = must_open(&f, "d.vmdk", ro);
	expect_byte(d, 512, 65536, 9);
	must_close(&f, d);
	free(buf);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("block_chain");
	TCase *tc = tcase_create("chains");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, hints_that_find_it);
	tcase_add_test(tc, a_folder_below);
	tcase_add_test(tc, a_folder_elsewhere);
	tcase_add_test(tc, a_link_that_leads_out);
	tcase_add_test(tc, parents_that_are_none);
	tcase_add_test(tc, a_parent_made_of_the_child);
	tcase_add_test(tc, depth);
	tcase_add_test(tc, content_ids);
	tcase_add_test(tc, only_the_top_changes);
	tcase_add_test(tc, sizes_differ);
	tcase_add_test(tc, locks);
	tcase_add_loop_test(tc, layers_of_another_shape, 0, (int)ARRAY_SIZE(middles));
	tcase_add_test(tc, identity_comes_from_the_base);
	tcase_add_test(tc, a_write_takes_the_rest_from_below);
	tcase_add_test(tc, writes_to_one_grain_at_once);
	tcase_add_test(tc, zero_grains);
	tcase_add_test(tc, discard_without_parents);
	tcase_add_test(tc, discard_in_a_child);
	tcase_add_test(tc, tables_are_dropped);
	tcase_add_test(tc, direct);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
