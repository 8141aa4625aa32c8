// file.c: whole files: read with a limit, replace by write-and-rename.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, char *buf, size_t max, size_t *len)
{
	size_t have = 0;

	while (have < max) {
		ssize_t n = read(fd, buf + have, max - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	*len = have;
	return 0;
}

int file_read(const char *path, size_t max, char **data, size_t *len, struct err *err)
{
	struct stat st;
	char *buf = NULL;
	int fd, r;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_set(err, errno, path, "cannot be opened: %s", strerror(errno));
	if (fstat(fd, &st) < 0) {
		r = err_set(err, errno, path, "cannot be examined: %s", strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		r = err_set(err, EINVAL, path, "is not a regular file");
		goto out;
	}
	if ((uint64_t)st.st_size > max) {
		r = err_set(err, EFBIG, path, "has %lld bytes, more than the %zu that make sense here",
			    (long long)st.st_size, max);
		goto out;
	}
	// One byte more than the limit shows a file that grows meanwhile.
	buf = malloc((size_t)st.st_size + 2);
	if (!buf) {
		r = err_set(err, ENOMEM, path, "no memory to read it");
		goto out;
	}
	r = read_all(fd, buf, (size_t)st.st_size + 1, len);
	if (r < 0) {
		r = err_set(err, -r, path, "cannot be read: %s", strerror(-r));
		goto out;
	}
	buf[*len] = '\0';
	*data = buf;
	buf = NULL;
out:
	free(buf);
	close(fd);
	return r;
}

static int write_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

// The new file keeps who may read the old one; owner is best effort, since only root can give files away.
static int copy_mode(int fd, const char *old)
{
	struct stat st;

	if (stat(old, &st) < 0)
		return errno == ENOENT ? fchmod(fd, 0644) : -1;
	if (fchown(fd, st.st_uid, st.st_gid) < 0 && errno != EPERM)
		return -1;
	return fchmod(fd, st.st_mode & 07777);
}

static int sync_folder(const char *path)
{
	char copy[PATH_MAX];
	int fd, r;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

int file_replace(const char *path, const void *data, size_t len, struct err *err)
{
	char tmp[PATH_MAX], real[PATH_MAX];
	int fd, r;

	// A symbolic link is followed, so that the rename replaces the file and not the link.
	if (!realpath(path, real))
		snprintf(real, sizeof(real), "%s", path);
	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.XXXXXX", real) >= sizeof(tmp))
		return err_set(err, ENAMETOOLONG, path, "the name is too long to be replaced safely");
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return err_set(err, errno, path, "no temporary file can be made beside it: %s", strerror(errno));
	r = write_all(fd, data, len);
	if (!r && copy_mode(fd, real) < 0)
		r = -errno;
	if (!r && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && !r)
		r = -errno;
	if (!r && rename(tmp, real) < 0)
		r = -errno;
	if (r < 0) {
		unlink(tmp);
		return err_set(err, -r, path, "cannot be rewritten: %s; the old file stands", strerror(-r));
	}
	r = sync_folder(real);
	if (r < 0)
		return err_set(err, -r, path, "was rewritten, but its folder cannot be synced: %s", strerror(-r));
	return 0;
}
