// test_vmdk_create.c: new disks of every kind, children, and that a failure leaves nothing behind.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block_fixture.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

#include "block/tool_meta.h"
#include "block/vmdk_create.h"
#include "block/vmdk_write_desc.h"

static struct fixture f;

static void setup(void)
{
	fixture_setup(&f);
}

static void teardown(void)
{
	fixture_teardown(&f);
}

static int try_create(const char *name, struct vmdk_create_args args)
{
	char path[256];

	args.path = path_in(&f, name, path, sizeof(path));
	err_clear(&f.err);
	return vmdk_create(&args, &f.err);
}

static void must_create(const char *name, struct vmdk_create_args args)
{
	char text[1200];
	int r = try_create(name, args);

	ck_assert_msg(r == 0, "%s", err_sentence(&f.err, text, sizeof(text)));
}

static unsigned files_in_folder(void)
{
	DIR *dir = opendir(f.dir);
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

#define BIG 4200000ull          // sectors: two extents when split

static const struct {
	enum vmdk_kind kind;
	unsigned files;
	bool opens;
} makes[] = {
	{ VMDK_KIND_MONOLITHIC_SPARSE, 1, true }, { VMDK_KIND_MONOLITHIC_FLAT, 2, true },
	{ VMDK_KIND_SPLIT_SPARSE, 3, true }, { VMDK_KIND_SPLIT_FLAT, 3, true }, { VMDK_KIND_VMFS, 2, true },
	{ VMDK_KIND_VMFS_SPARSE, 2, false },
};

START_TEST(every_kind)
{
	struct tool_meta meta;
	struct disk *d;
	char path[256];

	must_create("d.vmdk", (struct vmdk_create_args){ .kind = makes[_i].kind, .sectors = BIG, .adapter = "ide" });
	ck_assert_uint_eq(files_in_folder(), makes[_i].files);
	ck_assert_int_eq(tool_meta_read(path_in(&f, "d.vmdk", path, sizeof(path)), &meta, &f.err), 0);
	ck_assert_str_eq(meta.desc.create_type, vmdk_kind_name(makes[_i].kind));
	ck_assert_uint_eq(meta.desc.sectors, BIG);
	ck_assert_uint_eq(meta.desc.cid, 0xfffffffe);
	ck_assert_uint_eq(meta.desc.heads, 16);
	ck_assert_str_eq(meta.desc.adapter, "ide");
	ck_assert(meta.desc.has_uuid && meta.desc.long_cid_tail.len == 8);
	tool_meta_free(&meta);
	if (!makes[_i].opens)
		return;
	d = must_open(&f, "d.vmdk", (struct disk_open_args){ 0 });
	write_byte(d, (BIG - 1) * 512, 512, 0x5a);
	expect_byte(d, 0, 65536, 0);
	expect_byte(d, (BIG - 1) * 512, 512, 0x5a);
	must_close(&f, d);
}
END_TEST

START_TEST(nothing_is_overwritten)
{
	struct vmdk_create_args args = { .kind = VMDK_KIND_MONOLITHIC_FLAT, .sectors = 64 };

	put_text(&f, "d-flat.vmdk", "precious");
	ck_assert_int_eq(try_create("d.vmdk", args), -EEXIST);
	ck_assert_uint_eq(files_in_folder(), 1);
	put_text(&f, "e.vmdk", "precious");
	ck_assert_int_eq(try_create("e.vmdk", args), -EEXIST);
	ck_assert_uint_eq(files_in_folder(), 2);
}
END_TEST

// The second extent of two exists already: the first one goes away again.
START_TEST(failure_leaves_nothing)
{
	put_text(&f, "d-f002.vmdk", "precious");
	ck_assert_int_eq(
		try_create("d.vmdk", (struct vmdk_create_args){.kind = VMDK_KIND_SPLIT_FLAT, .sectors = BIG}),
		-EEXIST);
	ck_assert_uint_eq(files_in_folder(), 1);
}
END_TEST

static int stop_at_once(void *arg, uint64_t done, uint64_t total)
{
	*(uint64_t *)arg = done;
	return done < total;
}

START_TEST(cancelled)
{
	uint64_t done = 0;

	ck_assert_int_eq(try_create("d.vmdk", (struct vmdk_create_args){
		.kind = VMDK_KIND_MONOLITHIC_FLAT, .sectors = 1 << 20, .preallocate = true, .progress = stop_at_once,
		.arg = &done }), -ECANCELED);
	ck_assert_uint_eq(done, 256u << 20);
	ck_assert_uint_eq(files_in_folder(), 0);
}
END_TEST

START_TEST(no_space)
{
	struct rlimit limit = { 1 << 20, 1 << 20 };

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(try_create("d.vmdk", (struct vmdk_create_args){ .kind = VMDK_KIND_MONOLITHIC_FLAT,
									 .sectors = 1 << 20 }), -EFBIG);
	ck_assert_uint_eq(files_in_folder(), 0);
}
END_TEST

START_TEST(child)
{
	static const enum vmdk_kind kinds[] = {VMDK_KIND_MONOLITHIC_SPARSE, VMDK_KIND_SPLIT_SPARSE,
					       VMDK_KIND_VMFS_SPARSE};
	char parent[256], path[256];
	struct tool_meta p, c;

	must_create("p.vmdk", (struct vmdk_create_args){ .kind = VMDK_KIND_MONOLITHIC_FLAT, .sectors = 40000 });
	path_in(&f, "p.vmdk", parent, sizeof(parent));
	must_create("c.vmdk", (struct vmdk_create_args){ .kind = kinds[_i], .parent = parent });
	ck_assert_int_eq(tool_meta_read(parent, &p, &f.err), 0);
	ck_assert_int_eq(tool_meta_read(path_in(&f, "c.vmdk", path, sizeof(path)), &c, &f.err), 0);
	ck_assert_uint_eq(c.desc.parent_cid, p.desc.cid);
	ck_assert_str_eq(c.desc.parent_hint, "p.vmdk");
	ck_assert_uint_eq(c.desc.sectors, 40000);
	ck_assert_int_eq(memcmp(c.desc.uuid, p.desc.uuid, 16), 0);
	tool_meta_free(&p);
	tool_meta_free(&c);
}
END_TEST

START_TEST(child_elsewhere)
{
	char parent[256], path[256];
	struct tool_meta c;

	must_create("p.vmdk", (struct vmdk_create_args){ .kind = VMDK_KIND_VMFS, .sectors = 40000 });
	shell("mkdir '%s/sub'", f.dir);
	path_in(&f, "p.vmdk", parent, sizeof(parent));
	must_create("sub/c.vmdk", (struct vmdk_create_args){ .kind = VMDK_KIND_SPLIT_SPARSE, .parent = parent });
	ck_assert_int_eq(tool_meta_read(path_in(&f, "sub/c.vmdk", path, sizeof(path)), &c, &f.err), 0);
	ck_assert_str_eq(c.desc.parent_hint, parent);
	tool_meta_free(&c);
}
END_TEST

START_TEST(refusals)
{
	char parent[256];

	ck_assert_int_eq(try_create("d.vmdk", (struct vmdk_create_args){.kind = VMDK_KIND_STREAM_OPTIMIZED,
									.sectors = 8}),
			 -ENOTSUP);
	ck_assert_int_eq(try_create("d.vmdk", (struct vmdk_create_args){ .sectors = 0 }), -EINVAL);
	ck_assert_int_eq(try_create("d.vmdk", (struct vmdk_create_args){ .sectors = 1ull << 32 }), -EFBIG);
	ck_assert_int_eq(try_create("d\".vmdk", (struct vmdk_create_args){ .sectors = 8 }), -EINVAL);
	ck_assert_int_eq(try_create(".vmdk", (struct vmdk_create_args){ .sectors = 8 }), -EINVAL);
	must_create("p.vmdk", (struct vmdk_create_args){ .sectors = 40000 });
	path_in(&f, "p.vmdk", parent, sizeof(parent));
	ck_assert_int_eq(
		try_create("c.vmdk", (struct vmdk_create_args){.kind = VMDK_KIND_VMFS, .parent = parent}),
		-EINVAL);
	ck_assert_int_eq(try_create("c.vmdk", (struct vmdk_create_args){ .parent = parent, .sectors = 8 }), -EINVAL);
	ck_assert_uint_eq(files_in_folder(), 1);
}
END_TEST

START_TEST(qemu_reads)
{
	if (!have_qemu_img() || !makes[_i].opens)
		return;
	must_create("d.vmdk", (struct vmdk_create_args){ .kind = makes[_i].kind, .sectors = BIG });
	shell("qemu-img info '%s/d.vmdk' | grep -q 'virtual size:.*(%llu bytes)'", f.dir, BIG * 512);
	shell("qemu-io -c 'write -P 7 0 64k' -c 'write -P 8 %llu 512' '%s/d.vmdk' >/dev/null", (BIG - 1) * 512, f.dir);
	struct disk *d = must_open(&f, "d.vmdk", (struct disk_open_args){ .readonly = true });
	expect_byte(d, 0, 65536, 7);
	expect_byte(d, (BIG - 1) * 512, 512, 8);
	must_close(&f, d);
}
END_TEST

// --- changing a text -------------------------------------------------------------------------------------

static void expect_text(struct desc_text *t, const char *want)
{
	ck_assert(!t->failed);
	ck_assert_str_eq(t->data, want);
}

START_TEST(edits)
{
	struct desc_text t = { .data = strdup("# x\r\nCID=1\r\nRW 8 FLAT \"a\" 0\r\nddb.a = \"b\"\r\n") };

	t.len = strlen(t.data);
	t.room = t.len + 1;
	ck_assert(desc_text_set(&t, "cid", "12345678"));
	ck_assert(desc_text_set(&t, "ddb.A", "longer"));
	ck_assert(desc_text_set(&t, "ddb.new", "1"));
	expect_text(&t, "# x\r\nCID=12345678\r\nRW 8 FLAT \"a\" 0\r\nddb.a = \"longer\"\r\nddb.new = \"1\"\n");
	char name[] = "new";
	struct vmdk_extent x = { VMDK_RW, VMDK_FLAT, 16, 0, name, 0 };
	ck_assert(desc_text_set_extent(&t, 3, &x));
	ck_assert(desc_text_add_extent(&t, 3, &x));
	ck_assert(!desc_text_set_extent(&t, 99, &x));
	desc_text_drop(&t, "ddb.new");
	desc_text_drop(&t, "absent");
	expect_text(&t, "# x\r\nCID=12345678\r\nRW 16 FLAT \"new\" 0\r\nRW 16 FLAT \"new\" 0\nddb.a = \"longer\"\r\n");
	desc_text_free(&t);
}
END_TEST

START_TEST(geometry)
{
	static const struct { const char *adapter; uint64_t sectors; uint32_t c, h, s;
	} rows[] = {
		{"ide", 2097152, 2080, 16, 63},        {"ide", 1ull << 32, 16383, 16, 63},
		{"lsilogic", 1 << 20, 512, 64, 32},    {"buslogic", 3 << 20, 768, 128, 32},
		{"lsilogic", 83886080, 5221, 255, 63}, {"ide", 8, 1, 16, 63},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t c, h, s;

		vmdk_geometry(rows[i].adapter, rows[i].sectors, &c, &h, &s);
		ck_assert_uint_eq(c, rows[i].c);
		ck_assert_uint_eq(h, rows[i].h);
		ck_assert_uint_eq(s, rows[i].s);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmdk_create");
	TCase *tc = tcase_create("create");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, every_kind, 0, ARRAY_SIZE(makes));
	tcase_add_test(tc, nothing_is_overwritten);
	tcase_add_test(tc, failure_leaves_nothing);
	tcase_add_test(tc, cancelled);
	tcase_add_test(tc, no_space);
	tcase_add_loop_test(tc, child, 0, 3);
	tcase_add_test(tc, child_elsewhere);
	tcase_add_test(tc, refusals);
	tcase_add_loop_test(tc, qemu_reads, 0, ARRAY_SIZE(makes));
	tcase_add_test(tc, edits);
	tcase_add_test(tc, geometry);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
