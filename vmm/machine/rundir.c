// rundir.c: folders and names of control sockets.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/rundir.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_DIR "/run/berth"
#define SLUG_MAX   32u

uint64_t rundir_hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3ull;
	return h;
}

static void slug(const char *name, char *buf)
{
	size_t n = 0;

	for (; *name && n < SLUG_MAX; name++) {
		if (isascii(*name) && isalnum((unsigned char)*name))
			buf[n++] = (char)tolower((unsigned char)*name);
		else if (n && buf[n - 1] != '-')
			buf[n++] = '-';
	}
	while (n && buf[n - 1] == '-')
		n--;
	buf[n] = '\0';
}

// $RUNTIME_DIRECTORY may list several folders; the first is ours.
static void choose_dir(char *buf, size_t size)
{
	const char *runtime = getenv("RUNTIME_DIRECTORY"), *xdg = getenv("XDG_RUNTIME_DIR");

	if (runtime && *runtime == '/')
		snprintf(buf, size, "%.*s", (int)strcspn(runtime, ":"), runtime);
	else if (geteuid() == 0)
		snprintf(buf, size, "%s", SYSTEM_DIR);
	else if (xdg && *xdg == '/')
		snprintf(buf, size, "%s/berth", xdg);
	else
		snprintf(buf, size, "/tmp/berth-%u", (unsigned)geteuid());
}

// In /tmp somebody else may have made the name first.
static int make_dir(const char *dir, struct err *err)
{
	struct stat st;

	// /run/berth holds the folders of units that run as other users, too. The sockets themselves are 0600.
	mode_t mode = strcmp(dir, SYSTEM_DIR) ? 0700 : 0755;
	int made = mkdir(dir, mode);

	if (made < 0 && errno != EEXIST) {
		int r = err_set(err, errno, dir, "cannot be made for the control socket: %s", strerror(errno));

		err_remedy(err, "Set XDG_RUNTIME_DIR to a folder of this user, or unset it");
		return r;
	}
	if (made == 0 && chmod(dir, mode) < 0)  // whatever the umask is
		return err_set(err, errno, dir, "cannot be given its mode: %s", strerror(errno));
	if (lstat(dir, &st) < 0)
		return err_set(err, errno, dir, "cannot be examined: %s", strerror(errno));
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid()) {
		err_set(err, EPERM, dir, "belongs to somebody else, or is not a folder");
		err_remedy(err, "Remove it, or set XDG_RUNTIME_DIR to a folder of yours");
		return -EPERM;
	}
	if (st.st_mode & 022) {
		err_set(err, EPERM, dir, "may be written by others");
		err_remedy(err, "chmod go-w %s", dir);
		return -EPERM;
	}
	return 0;
}

int rundir_socket(const char *vmx_path, const char *name, char *buf, struct err *err)
{
	char dir[PATH_MAX], s[SLUG_MAX + 1];
	int n, r;

	choose_dir(dir, sizeof(dir));
	r = make_dir(dir, err);
	if (r < 0) {
		err_exit(err, EXIT_HOST);
		return r;
	}
	slug(name, s);
	n = snprintf(buf, RUNDIR_PATH, "%s/%s%s%016llx.sock", dir, s, *s ? "-" : "",
		     (unsigned long long)rundir_hash(vmx_path));
	if (n < 0 || (size_t)n >= RUNDIR_PATH) {
		err_set(err, ENAMETOOLONG, dir, "the path of the control socket would be too long");
		err_remedy(err, "Set XDG_RUNTIME_DIR to a shorter one");
		err_exit(err, EXIT_HOST);
		return -ENAMETOOLONG;
	}
	return 0;
}

static int is_socket_name(const char *name)
{
	size_t n = strlen(name);

	return n > 5 && !strcmp(name + n - 5, ".sock");
}

static int each_in(const char *dir, int depth, int (*fn)(void *arg, const char *path), void *arg)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int r = 0;

	if (!d)
		return 0;
	while (!r && (e = readdir(d))) {
		char path[PATH_MAX];

		if (e->d_name[0] == '.' || (size_t)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= sizeof(path))
			continue;
		if (is_socket_name(e->d_name))
			r = fn(arg, path);
		else if (depth > 0)
			r = each_in(path, depth - 1, fn, arg);
	}
	closedir(d);
	return r;
}

static bool is_ours(const char *dir)
{
	struct stat st;

	return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022);
}

void rundir_each(int (*fn)(void *arg, const char *socket_path), void *arg)
{
	char own[PATH_MAX];

	choose_dir(own, sizeof(own));
	if (each_in(SYSTEM_DIR, 1, fn, arg))
		return;
	// Below /run/berth it was just seen. In /tmp anybody could offer sockets under our name.
	if (strncmp(own, SYSTEM_DIR, strlen(SYSTEM_DIR)) && is_ours(own))
		each_in(own, 1, fn, arg);
}
