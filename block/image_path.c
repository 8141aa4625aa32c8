// image_path.c: file names of descriptors: spelling, confinement to the folder, fallbacks.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/image_path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <libgen.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int image_folder_open(struct image_folder *folder, const char *path, struct err *err)
{
	char copy[PATH_MAX];
	const char *dir;

	folder->fd = -1;
	if ((size_t)snprintf(copy, sizeof(copy), "%s", path) >= sizeof(copy))
		return err_set(err, ENAMETOOLONG, path, "the path is too long");
	dir = dirname(copy);
	folder->fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder->fd < 0)
		return err_set(err, errno, dir, "the image's folder cannot be opened: %s", strerror(errno));
	return 0;
}

void image_folder_close(struct image_folder *folder)
{
	if (folder->fd >= 0)
		close(folder->fd);
	folder->fd = -1;
}

// --- spelling ------------------------------------------------------------------------------------------

bool image_path_is_absolute(const char *path)
{
	bool drive = ((path[0] | 0x20) >= 'a' && (path[0] | 0x20) <= 'z') && path[1] == ':';

	return path[0] == '/' || drive;
}

bool image_path_climbs(const char *path)
{
	for (const char *p = path; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || !p[2]))
			return true;
	}
	return false;
}

const char *image_path_last(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

// Windows writes backslashes and ".\name".
void image_path_normalise(char *path)
{
	char *from = path;

	for (char *p = path; *p; p++) {
		if (*p == '\\')
			*p = '/';
	}
	while (from[0] == '.' && from[1] == '/')
		from += 2;
	memmove(path, from, strlen(from) + 1);
}

// --- opening beneath the folder ------------------------------------------------------------------------

// The kernel itself keeps the walk inside the folder. Where a seccomp filter older than openat2 is in the
// way, only plain names without links remain.
int image_path_beneath(int dir, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));

	if (fd >= 0)
		return (int)fd;
	if ((errno == ENOSYS || errno == EPERM) && !strchr(path, '/')) {
		fd = openat(dir, path, flags | O_NOFOLLOW);
		if (fd >= 0)
			return (int)fd;
	}
	return -errno;
}

// Puts the one entry of the folder that differs from PATH in case only into PATH. False when there is none,
// or more than one.
static bool find_by_case(int dir, char *path)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	char found[sizeof(((struct dirent *)0)->d_name)] = "";
	unsigned hits = 0;
	struct dirent *entry;

	if (!list) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while ((entry = readdir(list))) {
		if (strcasecmp(entry->d_name, path))
			continue;
		hits++;
		snprintf(found, sizeof(found), "%s", entry->d_name);
	}
	closedir(list);
	if (hits != 1 || strlen(found) != strlen(path))
		return false;
	memcpy(path, found, strlen(found));
	return true;
}

// Descriptors written on Windows name files in the code page of their time; here names are UTF-8.
bool image_path_to_utf8(const char *encoding, char path[PATH_MAX])
{
	char copy[PATH_MAX], *in = path, *out = copy;
	size_t in_left = strlen(path), out_left = sizeof(copy) - 1;
	iconv_t cd;
	size_t r;

	if (!*encoding || !strcasecmp(encoding, "UTF-8"))
		return false;
	cd = iconv_open("UTF-8", encoding);
	if (cd == (iconv_t)-1)
		return false;
	r = iconv(cd, &in, &in_left, &out, &out_left);
	iconv_close(cd);
	if (r == (size_t)-1 || in_left)
		return false;
	*out = '\0';
	strcpy(path, copy);
	return true;
}

static bool leads_out(int fd)
{
	return fd == -EXDEV || fd == -ELOOP;
}

static int open_inside(const struct image_folder *folder, char path[PATH_MAX], int flags)
{
	int fd = image_path_beneath(folder->fd, path, flags);

	if (fd == -ENOENT && image_path_to_utf8(folder->encoding, path))
		fd = image_path_beneath(folder->fd, path, flags);
	if (fd == -ENOENT && !strchr(path, '/') && find_by_case(folder->fd, path))
		fd = image_path_beneath(folder->fd, path, flags);
	return fd;
}

static int refuse(const char *name, struct err *err)
{
	err_set(err, EXDEV, name, "the extent lies outside the folder of its disk");
	err_remedy(
		err,
		"Move the file beside the descriptor, or allow it with berth.disk.allowOutside = \"TRUE\"");
	err_exit(err, EXIT_CONFIG);
	return -EXDEV;
}

// A path of the machine that the disk came from: when nothing is there, the file was copied along.
static int open_absolute(const struct image_folder *folder, const char *name, char path[PATH_MAX], int flags,
			 struct err *err)
{
	const char *part = image_path_last(path);
	int fd;

	if (folder->allow_outside && path[0] == '/') {
		fd = open(path, flags);
		if (fd >= 0 || errno != ENOENT)
			return fd >= 0 ? fd : -errno;
	}
	if (path[0] == '/' && access(path, F_OK) == 0)
		return refuse(name, err);
	if (!*part)
		return -ENOENT;
	memmove(path, part, strlen(part) + 1);
	fd = open_inside(folder, path, flags);
	return leads_out(fd) || (fd == -ENOENT && !folder->allow_outside) ? refuse(name, err) : fd;
}

int image_path_open(const struct image_folder *folder, const char *name, int flags, char path[PATH_MAX],
		    struct err *err)
{
	int fd;

	if ((size_t)snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX)
		return err_set(err, ENAMETOOLONG, name, "the file name in the descriptor is too long");
	image_path_normalise(path);
	if (!*path)
		return -ENOENT;
	if (image_path_is_absolute(path))
		return open_absolute(folder, name, path, flags, err);
	if (folder->allow_outside) {
		fd = openat(folder->fd, path, flags);
		if (fd >= 0 || errno != ENOENT)
			return fd >= 0 ? fd : -errno;
	} else if (image_path_climbs(path)) {
		return refuse(name, err);
	}
	fd = open_inside(folder, path, flags);
	return leads_out(fd) ? refuse(name, err) : fd;
}
