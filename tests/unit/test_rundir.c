// test_rundir.c: names and folders of control sockets, and who may own them.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine/rundir.h"

#define NOBODY 65534u

static char top[64], buf[RUNDIR_PATH];

static void set_up(void)
{
	strcpy(top, "/tmp/berth-rundir-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	setenv("RUNTIME_DIRECTORY", top, 1);
	unsetenv("XDG_RUNTIME_DIR");
}

static void tear_down(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", top);
	ck_assert_int_eq(system(command), 0);
}

static void expect(const char *name, const char *file)
{
	char want[256];

	snprintf(want, sizeof(want), "%s/%s", top, file);
	ck_assert_int_eq(rundir_socket("/vm/a.vmx", name, buf, NULL), 0);
	ck_assert_str_eq(buf, want);
}

// The published values of 64-bit FNV-1a.
START_TEST(hash)
{
	ck_assert(rundir_hash("") == 0xcbf29ce484222325ull);
	ck_assert(rundir_hash("a") == 0xaf63dc4c8601ec8cull);
	ck_assert(rundir_hash("foobar") == 0x85944171f73967e8ull);
}
END_TEST

START_TEST(names)
{
	char tail[24], want[128];

	snprintf(tail, sizeof(tail), "%016llx.sock", (unsigned long long)rundir_hash("/vm/a.vmx"));
	snprintf(want, sizeof(want), "my-vm-2-%s", tail);
	expect("My VM (2)", want);
	expect("../my/VM\x1b\n2", want);
	expect("", tail);
	expect("\xc3\xa9\xc3\xa9", tail);
	snprintf(want, sizeof(want), "%032d-%s", 0, tail);
	expect("00000000000000000000000000000000000000000000000000", want);
}
END_TEST

START_TEST(same_name_other_file)
{
	char first[RUNDIR_PATH];

	ck_assert_int_eq(rundir_socket("/vm/a.vmx", "vm", first, NULL), 0);
	ck_assert_int_eq(rundir_socket("/vm/b.vmx", "vm", buf, NULL), 0);
	ck_assert_str_ne(first, buf);
}
END_TEST

START_TEST(first_of_several_runtime_directories)
{
	char list[256];

	snprintf(list, sizeof(list), "%s:/nowhere", top);
	setenv("RUNTIME_DIRECTORY", list, 1);
	ck_assert_int_eq(rundir_socket("/vm/a.vmx", "vm", buf, NULL), 0);
	ck_assert_int_eq(strncmp(buf, top, strlen(top)), 0);
}
END_TEST

START_TEST(folder_is_made_private)
{
	char dir[128];
	struct stat st;

	snprintf(dir, sizeof(dir), "%s/new", top);
	setenv("RUNTIME_DIRECTORY", dir, 1);
	umask(0);
	ck_assert_int_eq(rundir_socket("/vm/a.vmx", "vm", buf, NULL), 0);
	ck_assert_int_eq(stat(dir, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
}
END_TEST

static void refused(int code)
{
	struct err err = { 0 };

	ck_assert_int_eq(rundir_socket("/vm/a.vmx", "vm", buf, &err), -code);
	ck_assert_int_eq(err.exit, EXIT_HOST);
	ck_assert(*err.remedy);
}

START_TEST(path_too_long)
{
	char dir[160];

	snprintf(dir, sizeof(dir), "%s/%080d", top, 0);
	setenv("RUNTIME_DIRECTORY", dir, 1);
	refused(ENAMETOOLONG);
}
END_TEST

START_TEST(folder_that_cannot_be_made)
{
	setenv("RUNTIME_DIRECTORY", "/nowhere/at/all", 1);
	refused(ENOENT);
}
END_TEST

START_TEST(symbolic_link_is_refused)
{
	char link[128];

	snprintf(link, sizeof(link), "%s/link", top);
	ck_assert_int_eq(symlink(top, link), 0);
	setenv("RUNTIME_DIRECTORY", link, 1);
	refused(EPERM);
}
END_TEST

START_TEST(file_is_refused)
{
	char file[128];

	snprintf(file, sizeof(file), "%s/file", top);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	setenv("RUNTIME_DIRECTORY", file, 1);
	refused(EPERM);
}
END_TEST

START_TEST(folder_that_others_may_write_is_refused)
{
	ck_assert_int_eq(chmod(top, 0770), 0);
	refused(EPERM);
}
END_TEST

START_TEST(folder_of_somebody_else_is_refused)
{
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chown(top, NOBODY, NOBODY), 0);
	refused(EPERM);
}
END_TEST

// --- looking for sockets ---------------------------------------------------------------------------

static unsigned found, stop_after;

static int note(void *arg, const char *path)
{
	(void)arg;
	if (!strncmp(path, top, strlen(top)))
		found++;
	return stop_after && found == stop_after;
}

static void touch(const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	if (name[strlen(name) - 1] == '/') {
		mkdir(path, 0700);
		return;
	}
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static unsigned count(void)
{
	found = 0;
	rundir_each(note, NULL);
	return found;
}

START_TEST(sockets_of_units_are_one_level_down)
{
	touch("a.sock");
	touch("other");
	touch(".sock");
	touch("unit/");
	touch("unit/b.sock");
	touch("unit/deep/");
	touch("unit/deep/c.sock");
	stop_after = 0;
	ck_assert_uint_eq(count(), 2);
	stop_after = 1;
	ck_assert_uint_eq(count(), 1);
}
END_TEST

START_TEST(unsafe_folder_is_not_looked_into)
{
	stop_after = 0;
	touch("a.sock");
	ck_assert_uint_eq(count(), 1);
	ck_assert_int_eq(chmod(top, 0777), 0);
	ck_assert_uint_eq(count(), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rundir");
	TCase *t = tcase_create("rundir");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, hash);
	tcase_add_test(t, names);
	tcase_add_test(t, same_name_other_file);
	tcase_add_test(t, first_of_several_runtime_directories);
	tcase_add_test(t, folder_is_made_private);
	tcase_add_test(t, path_too_long);
	tcase_add_test(t, folder_that_cannot_be_made);
	tcase_add_test(t, symbolic_link_is_refused);
	tcase_add_test(t, file_is_refused);
	tcase_add_test(t, folder_that_others_may_write_is_refused);
	tcase_add_test(t, folder_of_somebody_else_is_refused);
	tcase_add_test(t, sockets_of_units_are_one_level_down);
	tcase_add_test(t, unsafe_folder_is_not_looked_into);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
