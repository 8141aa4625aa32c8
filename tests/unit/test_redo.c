// test_redo.c: names of redo logs, and what becomes of the files.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <glob.h>

#include "block/tool.h"
#include "block/vmdk_create.h"
#include "block_fixture.h"
#include "machine/redo.h"

static struct fixture f;
static struct vm_config config;
static struct vm_drive drive;
static char disk[128], dir[128];

static void setup(void)
{
	fixture_setup(&f);
	path_in(&f, "d.vmdk", disk, sizeof(disk));
	snprintf(dir, sizeof(dir), "%s", f.dir);
	make_monolithic(&f, "d.vmdk", 8192);
	config = (struct vm_config){ .dir = dir, .name = (char *)"vm" };
	drive = (struct vm_drive){ .node = (char *)"ide0:0", .path = disk, .kind = VM_DRIVE_DISK, .mode = VM_DISK_UNDOABLE };
}

static void teardown(void) { fixture_teardown(&f); }

static size_t count(const char *pattern)
{
	char path[160];
	glob_t g;
	size_t n;

	glob(path_in(&f, pattern, path, sizeof(path)), 0, NULL, &g);
	n = g.gl_pathc;
	globfree(&g);
	return n;
}

static struct redo prepared(void)
{
	struct redo r = { 0 };
	char text[1200];

	err_clear(&f.err);
	ck_assert_msg(redo_prepare(&config, &drive, &r, &f.err) == 0, "%s", err_sentence(&f.err, text, sizeof(text)));
	ck_assert_ptr_nonnull(r.path);
	return r;
}

static void write_through(const struct redo *r, int byte)
{
	struct disk_open_args args = { .path = r->path };
	struct disk *d = NULL;

	ck_assert_int_eq(disk_open(f.loop, &args, &d, &f.err), 0);
	write_byte(d, 65536, 4096, byte);
	ck_assert_uint_eq(count("d.vmdk.lck/M*.lck"), 1);       // shared: VMware keeps off, readers do not
	must_close(&f, d);
}

static void disk_holds(int byte)
{
	struct disk *d = must_open(&f, "d.vmdk", (struct disk_open_args){ .readonly = true });

	expect_byte(d, 65536, 4096, byte);
	must_close(&f, d);
}

START_TEST(names)
{
	static const struct { const char *name; bool is; } cases[] = {
		{ "d.vmdk.REDO_ab12CD", true }, { "d.vmdk.REDO_ab12C", false }, { "d.vmdk.REDO_ab12CDE", false },
		{ "d.vmdk.REDO_ab12C/", false }, { "d.vmdk.REDO_../../", false }, { "d.vmdk", false }, { "", false },
		{ "e.vmdk.REDO_ab12CD", false }, { "d.vmdk.redo_ab12CD", false }, { "d.vmdk.REDO_\xc3\xa4\xc3\xa4\xc3\xa4", false },
		{ "d.vmdkXREDO_ab12CD", false }, { "d.vmd", false },
	};
	char *path;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(redo_is_name(cases[i].name, "/some/where/d.vmdk") == cases[i].is, "%s", cases[i].name);
	path = redo_path(&config, "/some/where/d.vmdk", "x");
	ck_assert_str_eq(path, "/some/where/x");
	free(path);
	config.working_dir = (char *)"/work dir";
	path = redo_path(&config, "/some/where/d.vmdk", "x");
	ck_assert_str_eq(path, "/work dir/x");
	free(path);
}
END_TEST

START_TEST(made_and_dropped)
{
	struct redo r = prepared();

	ck_assert(r.fresh);
	ck_assert(redo_is_name(strrchr(r.path, '/') + 1, disk));
	ck_assert_uint_eq(count("d.vmdk.REDO_??????"), 1);
	write_through(&r, 0x55);
	disk_holds(0);
	ck_assert_int_eq(redo_finish(f.loop, &config, &r, REDO_DISCARD, &f.err), 0);
	ck_assert_ptr_null(r.path);
	ck_assert_uint_eq(count("*REDO*"), 0);
	ck_assert_uint_eq(count("*.lck"), 0);
	disk_holds(0);
}
END_TEST

START_TEST(kept_taken_up_committed)
{
	struct redo r = prepared(), again;
	char name[128];

	write_through(&r, 0x55);
	ck_assert_int_eq(redo_finish(f.loop, &config, &r, REDO_KEEP, &f.err), 0);
	snprintf(name, sizeof(name), "%s", strrchr(r.path, '/') + 1);
	redo_forget(&r);
	ck_assert_uint_eq(count("d.vmdk.REDO_??????"), 1);
	drive.redo = name;
	again = prepared();
	ck_assert(!again.fresh);
	ck_assert_str_eq(strrchr(again.path, '/') + 1, name);
	ck_assert_int_eq(redo_finish(f.loop, &config, &again, REDO_COMMIT, &f.err), 0);
	ck_assert_uint_eq(count("*REDO*"), 0);
	disk_holds(0x55);
}
END_TEST

START_TEST(left_over_of_a_crash)
{
	struct redo r = prepared(), next;
	char name[128];

	write_through(&r, 0x55);
	snprintf(name, sizeof(name), "%s", strrchr(r.path, '/') + 1);
	redo_forget(&r);
	drive.redo = name;
	drive.mode = VM_DISK_NONPERSISTENT;
	next = prepared();
	ck_assert(next.fresh);
	ck_assert_str_ne(strrchr(next.path, '/') + 1, name);
	ck_assert_uint_eq(count("d.vmdk.REDO_??????"), 1);
	ck_assert_int_eq(redo_finish(f.loop, &config, &next, REDO_DISCARD, &f.err), 0);
	// Gone already: somebody discarded it by hand.
	drive.redo = name;
	next = prepared();
	ck_assert(next.fresh);
	redo_finish(f.loop, &config, &next, REDO_DISCARD, &f.err);
}
END_TEST

// In use by somebody: neither dropped nor taken.
START_TEST(left_over_in_use)
{
	struct redo r = prepared(), next = { 0 };
	struct disk_open_args args = { .path = r.path };
	struct disk *d = NULL;
	char name[128];

	ck_assert_int_eq(disk_open(f.loop, &args, &d, &f.err), 0);
	snprintf(name, sizeof(name), "%s", strrchr(r.path, '/') + 1);
	drive.redo = name;
	drive.mode = VM_DISK_NONPERSISTENT;
	ck_assert_int_eq(redo_prepare(&config, &drive, &next, &f.err), -EBUSY);
	ck_assert_ptr_null(next.path);
	ck_assert_uint_eq(count("d.vmdk.REDO_??????"), 1);
	must_close(&f, d);
	redo_forget(&r);
}
END_TEST

// Whatever the key wrong, nothing but a redo log of this disk is opened or deleted.
START_TEST(not_a_redo_log)
{
	static const char *const wrong[] = { "d.vmdk", "other.vmdk", "d.vmdk.REDO_text00", "d.vmdk.REDO_base00", "d.vmdk.REDO_other0" };
	struct vmdk_create_args args = { .kind = VMDK_KIND_MONOLITHIC_SPARSE };
	struct redo r = { 0 };
	char path[160], parent[160];

	make_monolithic(&f, "other.vmdk", 8192);
	make_monolithic(&f, "d.vmdk.REDO_base00", 8192);
	put_text(&f, "d.vmdk.REDO_text00", "root:x:0:0\n");
	args.path = path_in(&f, "d.vmdk.REDO_other0", path, sizeof(path));
	args.parent = path_in(&f, "other.vmdk", parent, sizeof(parent));
	ck_assert_int_eq(vmdk_create(&args, &f.err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wrong) * 2; i++) {
		drive.redo = (char *)wrong[i / 2];
		drive.mode = i % 2 ? VM_DISK_NONPERSISTENT : VM_DISK_UNDOABLE;
		ck_assert_msg(redo_prepare(&config, &drive, &r, &f.err) < 0, "%s", wrong[i / 2]);
		ck_assert_ptr_null(r.path);
		ck_assert_uint_eq(count(wrong[i / 2]), 1);
	}
	ck_assert_uint_eq(count("d.vmdk.REDO_??????"), 3);
	ck_assert_uint_eq(count("*.lck"), 0);
}
END_TEST

START_TEST(no_room)
{
	struct redo r = { 0 };

	config.working_dir = (char *)"/nonexistent/folder";
	ck_assert_int_lt(redo_prepare(&config, &drive, &r, &f.err), 0);
	ck_assert_ptr_null(r.path);
	config.working_dir = NULL;
	drive.path = (char *)"/nonexistent/d.vmdk";
	ck_assert_int_lt(redo_prepare(&config, &drive, &r, &f.err), 0);
	ck_assert_ptr_null(r.path);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redo");
	TCase *t = tcase_create("redo");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, names);
	tcase_add_test(t, made_and_dropped);
	tcase_add_test(t, kept_taken_up_committed);
	tcase_add_test(t, left_over_of_a_crash);
	tcase_add_test(t, left_over_in_use);
	tcase_add_test(t, not_a_redo_log);
	tcase_add_test(t, no_room);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
