// test_vmware_lock.c: lock folders of VMware's kind: what we write, what we respect, what we take over.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/vmware_lock.h"

static char dir[64], path[128];
static struct err err;

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/berth-lock-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/d.vmdk", dir);
	err_clear(&err);
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static const char *in_folder(const char *name)
{
	static char buf[256];

	snprintf(buf, sizeof(buf), "%s.lck/%s", path, name);
	return buf;
}

static void put_member(const char *name, const char *text)
{
	char folder[160], raw[512] = "";
	FILE *f;

	snprintf(folder, sizeof(folder), "%s.lck", path);
	mkdir(folder, 0777);
	snprintf(raw, sizeof(raw), "%s", text);
	f = fopen(in_folder(name), "wb");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(raw, 1, *text ? sizeof(raw) : 0, f), *text ? sizeof(raw) : 0);
	fclose(f);
}

// The one member of the folder, or "" when the folder is not there or empty; more than one fails.
static const char *only_member(void)
{
	static char name[NAME_MAX + 1];
	char folder[160];
	struct dirent *e;
	DIR *d;

	snprintf(folder, sizeof(folder), "%s.lck", path);
	*name = '\0';
	d = opendir(folder);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		ck_assert_str_eq(name, "");
		snprintf(name, sizeof(name), "%s", e->d_name);
	}
	if (d)
		closedir(d);
	return name;
}

static void must_be_busy(bool exclusive, const char *needle)
{
	struct vmware_lock *lock;
	char text[1200];

	for (int i = 0; i < 2; i++) {
		err_clear(&err);
		ck_assert_int_eq(i ? vmware_lock_take(path, exclusive, &lock, &err) :
				     vmware_lock_check(AT_FDCWD, path, exclusive, &err), -EBUSY);
		ck_assert_int_eq(err.exit, EXIT_BUSY);
		err_sentence(&err, text, sizeof(text));
		ck_assert_msg(strstr(text, needle) != NULL, "no \"%s\" in: %s", needle, text);
	}
	ck_assert_ptr_null(lock);
}

static struct vmware_lock *must_take(bool exclusive)
{
	struct vmware_lock *lock = NULL;
	char text[1200];
	int r = vmware_lock_take(path, exclusive, &lock, &err);

	ck_assert_msg(r == 0, "%s", err_sentence(&err, text, sizeof(text)));
	ck_assert_ptr_nonnull(lock);
	return lock;
}

// A process that takes the lock and keeps it until it is killed.
static pid_t other_holder(bool exclusive)
{
	int pipes[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(pipes), 0);
	pid = fork();
	if (!pid) {
		struct vmware_lock *lock;

		byte = vmware_lock_take(path, exclusive, &lock, NULL) == 0 ? 'y' : 'n';
		if (write(pipes[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(pipes[0], &byte, 1), 1);
	ck_assert_int_eq(byte, 'y');
	close(pipes[0]);
	close(pipes[1]);
	return pid;
}

static void kill_holder(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

// --- what we write -------------------------------------------------------------------------------------------

// VMware deletes members of any other size, name or form.
START_TEST(form)
{
	struct vmware_lock *lock = must_take(true);
	char raw[600], machine[64], process[64], kind[4], folder[PATH_MAX];
	unsigned long number, payload;
	unsigned sum, want = 5381;
	const char *name = only_member();
	int fd = open(in_folder(name), O_RDONLY);

	ck_assert_uint_eq(strlen(name), strlen("M12345.lck"));
	ck_assert(name[0] == 'M' && strspn(name + 1, "0123456789") == 5 && !strcmp(name + 6, ".lck"));
	ck_assert_int_eq(read(fd, raw, sizeof(raw)), 512);
	close(fd);
	for (size_t i = strlen(raw); i < 512; i++)
		ck_assert_int_eq(raw[i], 0);
	ck_assert_int_eq(sscanf(raw, "%63s %63s %lu %3s %lu lc=%u", machine, process, &number, kind, &payload, &sum), 6);
	ck_assert_int_eq(strncmp(machine, "uuid=", 5), 0);
	ck_assert_int_eq(strtol(process, NULL, 10), getpid());
	ck_assert_ptr_nonnull(strstr(process, "(berth)"));
	ck_assert_str_eq(kind, "X");
	ck_assert_uint_eq(number, 1);
	snprintf(folder, sizeof(folder), "%s.lck", path);
	for (const char *p = folder; *p; p++)
		want = want * 33 + (unsigned)*p;
	ck_assert_uint_eq(sum, want);
	vmware_lock_release(lock);
	ck_assert_int_eq(access(folder, F_OK), -1);
	vmware_lock_release(NULL);
}
END_TEST

// The lock lies beside a symbolic link, not beside what it points to.
START_TEST(beside_the_link)
{
	struct vmware_lock *lock;
	char target[160];

	snprintf(target, sizeof(target), "%s/sub", dir);
	mkdir(target, 0777);
	strcat(target, "/real.vmdk");
	close(open(target, O_CREAT | O_WRONLY, 0666));
	ck_assert_int_eq(symlink(target, path), 0);
	lock = must_take(true);
	ck_assert_str_ne(only_member(), "");
	vmware_lock_release(lock);
}
END_TEST

// --- what we respect -----------------------------------------------------------------------------------------

START_TEST(foreign)
{
	put_member("M31415.lck", "uuid=56-4d 4242-777(vmware-vmx) 3 X 777 lc=1");
	must_be_busy(true, "M31415.lck");
	must_be_busy(true, "vmware-vmx");
	must_be_busy(true, "4242");
	must_be_busy(false, "delete the folder");
	put_member("M31415.lck", "AAECAwQF== 4242 3 S 777 lc=1");
	must_be_busy(true, "AAECAwQF");
	vmware_lock_release(must_take(false));
	ck_assert_str_eq(only_member(), "M31415.lck");          // nothing of theirs was touched
}
END_TEST

// What cannot be understood is a lock, of the strict kind.
START_TEST(unreadable)
{
	static const char *const texts[] = {
		"", "x", "uuid=1 2-3 4", "uuid=1 2-3 four X", "uuid=1 2-3 4 Z 5", "uuid=1 2-3 99999999999999999999999 X",
		"\1\2\3\4", "a b 1 X\n\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put_member("M00001.lck", texts[i]);
		must_be_busy(true, "M00001.lck");
		if (i < 5)
			must_be_busy(false, "M00001.lck");
	}
	ck_assert_str_eq(only_member(), "M00001.lck");
}
END_TEST

// Our machine's name alone makes it no lock of ours: the process must be readable, too.
START_TEST(other_berth_and_takeover)
{
	pid_t other = other_holder(true);
	struct vmware_lock *lock;
	char name[32];

	snprintf(name, sizeof(name), "%s", only_member());
	must_be_busy(true, "a running Berth");
	must_be_busy(false, "berth list");
	kill_holder(other);
	ck_assert_str_eq(only_member(), name);
	ck_assert_int_eq(vmware_lock_check(AT_FDCWD, path, true, &err), 0);
	ck_assert_str_eq(only_member(), name);                  // looking changes nothing
	lock = must_take(true);
	only_member();                                          // the old one is gone
	vmware_lock_release(lock);
	ck_assert_str_eq(only_member(), "");
}
END_TEST

// The number of a process that has gone is given to others: the start time tells them apart.
START_TEST(process_number_used_again)
{
	pid_t other = other_holder(true);
	char raw[513] = "", changed[512] = "", machine[100];
	int fd = open(in_folder(only_member()), O_RDWR);

	ck_assert_int_eq(read(fd, raw, 512), 512);
	ck_assert_int_eq(sscanf(raw, "%99s", machine), 1);
	kill_holder(other);
	unlink(in_folder(only_member()));
	put_member("M00006.lck", "");
	close(fd);
	fd = open(in_folder("M00006.lck"), O_RDWR);
	snprintf(changed, sizeof(changed), "%s %d-1(berth) 1 X 1 lc=1", machine, getppid());
	ck_assert_int_eq(pwrite(fd, changed, 512, 0), 512);
	close(fd);
	vmware_lock_release(must_take(true));
	put_member("M00007.lck", "");
	snprintf(changed, sizeof(changed), "%s what(berth) 1 X 1 lc=1", machine);
	put_member("M00007.lck", changed);
	must_be_busy(true, "M00007.lck");
}
END_TEST

START_TEST(shared)
{
	pid_t other = other_holder(false);
	struct vmware_lock *lock = must_take(false);

	must_be_busy(true, "a running Berth");
	vmware_lock_release(lock);
	kill_holder(other);
	vmware_lock_release(must_take(true));
}
END_TEST

// --- entering ------------------------------------------------------------------------------------------------

// Who is on the way in is waited for; he comes in, so we stand back, and leave nothing of ours.
START_TEST(somebody_enters)
{
	struct vmware_lock *lock;
	pid_t pid;

	put_member("E22222.lck", "AAECAwQF== 4242 1 X 777 lc=1");
	ck_assert_int_eq(mkdir(in_folder("D22222.lck"), 0777), 0);
	pid = fork();
	if (!pid) {
		char from[256];

		usleep(300000);
		strcpy(from, in_folder("E22222.lck"));
		_exit(rename(from, in_folder("M22222.lck")) || rmdir(in_folder("D22222.lck")));
	}
	ck_assert_int_eq(vmware_lock_take(path, true, &lock, &err), -EBUSY);
	ck_assert_ptr_null(lock);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_str_eq(only_member(), "M22222.lck");
}
END_TEST

// Who died on the way in does not hold the door for ever, and is not cleaned up after: that is VMware's.
START_TEST(somebody_died_entering)
{
	put_member("E22222.lck", "");
	unlink(in_folder("E22222.lck"));
	ck_assert_int_eq(mkdir(in_folder("D22222.lck"), 0777), 0);
	vmware_lock_release(must_take(true));
	ck_assert_str_eq(only_member(), "D22222.lck");
}
END_TEST

START_TEST(no_folder)
{
	struct vmware_lock *lock;
	char folder[160];

	snprintf(folder, sizeof(folder), "%s.lck", path);
	close(open(folder, O_CREAT | O_WRONLY, 0666));
	ck_assert_int_lt(vmware_lock_take(path, true, &lock, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.remedy, "old kind of lock"));
	unlink(folder);
	ck_assert_int_eq(symlink("/tmp", folder), 0);           // not ours to write through
	ck_assert_int_lt(vmware_lock_take(path, true, &lock, &err), 0);
	unlink(folder);
	ck_assert_int_lt(vmware_lock_take("/nonexistent/x.vmdk", true, &lock, &err), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vmware_lock");
	TCase *t = tcase_create("lock");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, form);
	tcase_add_test(t, beside_the_link);
	tcase_add_test(t, foreign);
	tcase_add_test(t, unreadable);
	tcase_add_test(t, other_berth_and_takeover);
	tcase_add_test(t, process_number_used_again);
	tcase_add_test(t, shared);
	tcase_add_test(t, somebody_enters);
	tcase_add_test(t, somebody_died_entering);
	tcase_add_test(t, no_folder);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
