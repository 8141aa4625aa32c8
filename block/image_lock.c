// image_lock.c: takes the kernel's lock on a file of an image; finds the program that has it.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/image_lock.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

struct holder {
	long pid;
	char program[32];
};

// --- who has it ----------------------------------------------------------------------------------------

// fdinfo has a line for each lock that came through this open file (proc_pid_fdinfo(5)).
static bool has_lock(const char *pid, const char *fd)
{
	char path[64], line[256];
	bool found = false;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/%.16s/fdinfo/%.16s", pid, fd);
	info = fopen(path, "re");
	if (!info)
		return false;
	while (!found && fgets(line, sizeof(line), info))
		found = strncmp(line, "lock:", 5) == 0;
	fclose(info);
	return found;
}

static bool process_has_lock(const char *pid, const struct stat *wanted)
{
	char path[64];
	const struct dirent *entry;
	struct stat st;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		found = fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && st.st_dev == wanted->st_dev &&
			st.st_ino == wanted->st_ino && has_lock(pid, entry->d_name);
	closedir(dir);
	return found;
}

static void read_program(const char *pid, struct holder *holder)
{
	char path[64];
	FILE *comm;

	holder->pid = strtol(pid, NULL, 10);
	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	comm = fopen(path, "re");
	if (!comm || !fgets(holder->program, sizeof(holder->program), comm))
		snprintf(holder->program, sizeof(holder->program), "a program");
	holder->program[strcspn(holder->program, "\n")] = '\0';
	if (comm)
		fclose(comm);
}

// The first process that has a lock on FD's file. False when there is none, or none that we may look into.
static bool find_holder(int fd, struct holder *holder)
{
	const struct dirent *entry;
	struct stat wanted;
	bool found = false;
	DIR *proc;

	if (fstat(fd, &wanted) < 0)
		return false;
	proc = opendir("/proc");
	if (!proc)
		return false;
	while (!found && (entry = readdir(proc))) {
		found = isdigit((unsigned char)entry->d_name[0]) && process_has_lock(entry->d_name, &wanted);
		if (found)
			read_program(entry->d_name, holder);
	}
	closedir(proc);
	return found;
}

// --- taking it -------------------------------------------------------------------------------------------

// OFD locks belong to the open file, not to the process: they hold between two opens of one process too, and
// closing some other descriptor of the file does not drop them.
static int try_lock(int fd, bool writable)
{
	struct flock lock = { .l_type = writable ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

// Nobody has it, and yet it is taken: SIGKILL ends a process before the kernel lets go the files that its
// ring has, and what was in flight may still be written meanwhile. So the lock is right, but not for long.
static int wait_for_the_dead(int fd, const char *name, bool writable)
{
	const struct timespec step = { .tv_nsec = 10 * 1000 * 1000 };
	int r = -EAGAIN;

	for (int waited = 0; r == -EAGAIN && waited < IMAGE_LOCK_PATIENCE; waited += 10) {
		if (waited == 1000)
			log_info("%s: still locked, though no program is seen to have it open; waiting up to "
				 "%d s",
				 name, IMAGE_LOCK_PATIENCE / 1000);
		nanosleep(&step, NULL);
		r = try_lock(fd, writable);
	}
	return r;
}

static int refuse(const char *name, bool writable, const struct holder *holder, struct err *err)
{
	char who[64];
	int r;

	if (holder)
		snprintf(who, sizeof(who), " (%s, process %ld)", holder->program, holder->pid);
	r = err_set(err, EBUSY, name, "another program has it open%s%s", writable ? "" : " for writing",
		    holder ? who : "");
	err_remedy(err, "Stop the other VM or tool first; a disk can be written by one program at a time");
	err_exit(err, EXIT_BUSY);
	return r;
}

int image_lock(int fd, const char *name, struct image_lock_want want, struct err *err)
{
	struct holder holder;
	bool found = false;
	int r = try_lock(fd, want.writable);

	if (r == -EAGAIN) {
		found = find_holder(fd, &holder);
		if (!found && !want.at_once)
			r = wait_for_the_dead(fd, name, want.writable);
	}
	if (r == -EAGAIN)
		return refuse(name, want.writable, found ? &holder : NULL, err);
	if (r < 0)
		log_warn(
			"%s: this file system keeps no locks (%s); take care that nobody else opens the disk",
			name, strerror(-r));
	return 0;
}
