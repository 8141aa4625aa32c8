// image_file.c: opening, confining and closing the files of an image.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/image_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/vmware_lock.h"
#include "block/image_lock.h"
#include "block/image_path.h"

// --- opening -----------------------------------------------------------------------------------------

static int examine(struct image_file *file, bool device, struct err *err)
{
	struct stat st;
	off_t size;

	if (fstat(file->fd, &st) < 0)
		return err_set(err, errno, file->name, "cannot be examined: %s", strerror(errno));
	if (!S_ISREG(st.st_mode) && !(device && S_ISBLK(st.st_mode)))
		return err_set(err, EINVAL, file->name, "is not a regular file");
	size = S_ISREG(st.st_mode) ? st.st_size : lseek(file->fd, 0, SEEK_END);
	if (size < 0)
		return err_set(err, EIO, file->name, "has no size");
	file->size = (uint64_t)size;
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	return 0;
}

static int cannot_open(int code, const char *name, bool writable, struct err *err)
{
	int r = err_set(err, code, name, "cannot be opened%s: %s", writable ? " for writing" : "",
			strerror(code));

	if (code == EACCES || code == EPERM || code == EROFS)
		err_remedy(err, "Let the user that runs the VM read%s the file and enter its folder",
			   writable ? " and write" : "");
	else if (code == ENOENT)
		err_remedy(err, "Copy all files of the disk together; the descriptor names its extents");
	else if (code == EMFILE)
		err_remedy(err, "Raise the limit of open files (ulimit -n, or LimitNOFILE= in the unit)");
	return r;
}

// Makes the image_file for FD, which it takes over even when it fails. NAME is what people know it by.
static int adopt(int fd, const char *name, struct image_file_want want, struct image_file **out,
		 struct err *err)
{
	struct image_file *file = calloc(1, sizeof(*file));
	int r;

	if (!file) {
		close(fd);
		return err_set(err, ENOMEM, name, "no memory to open it");
	}
	file->fd = fd;
	file->slot = -1;
	file->writable = want.writable;
	snprintf(file->name, sizeof(file->name), "%s", name);
	r = examine(file, want.device, err);
	if (r < 0) {
		image_file_close(file);
		return r;
	}
	*out = file;
	return 0;
}

static int open_flags(bool writable)
{
	// O_NONBLOCK: a FIFO in the place of a disk must not hold up the opening.
	return (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
}

// Both kinds of lock; closes FILE when somebody else has one.
static int secure(struct image_file *file, int at, const char *path, struct image_file_want want, struct err *err)
{
	struct image_lock_want lock = { .writable = file->writable, .at_once = want.at_once };
	int r = want.unlocked ? 0 : vmware_lock_check(at, path, file->writable, err);

	if (!r)
		r = image_lock(file->fd, file->name, lock, err);
	if (r < 0)
		image_file_close(file);
	return r;
}

int image_file_open(const char *path, struct image_file_want want, struct image_file **out, struct err *err)
{
	int fd = open(path, open_flags(want.writable)), r;

	if (fd < 0)
		return cannot_open(errno, path, want.writable, err);
	r = adopt(fd, path, want, out, err);
	if (!r)
		r = secure(*out, AT_FDCWD, path, want, err);
	// VMware opens a disk by its descriptor, so that is where our lock has to be. The kernel's is ours already.
	if (!r && want.writable && !want.unlocked) {
		r = vmware_lock_take(path, true, &(*out)->lock, err);
		if (r < 0)
			image_file_close(*out);
	}
	return r;
}

static struct image_file *find_known(struct image_file *known, const struct image_file *file)
{
	while (known && (known->dev != file->dev || known->ino != file->ino))
		known = known->next;
	return known;
}

int image_file_open_in(const struct image_folder *folder, const char *name, struct image_file_want want,
		       struct image_file *known, struct image_file **out, struct err *err)
{
	char path[PATH_MAX];
	struct image_file *file, *twin;
	int fd, r;

	fd = image_path_open(folder, name, open_flags(want.writable), path, err);
	if (fd == -EXDEV || fd == -ENAMETOOLONG)
		return fd;
	if (fd < 0)
		return cannot_open(-fd, name, want.writable, err);
	r = adopt(fd, name, want, &file, err);
	if (r < 0)
		return r;
	twin = find_known(known, file);
	if (twin) {
		image_file_close(file);
		*out = twin;
		if (want.writable && !twin->writable)
			return err_set(err, EINVAL, name,
				       "is named both as a read-only and as a writable extent");
		return 0;
	}
	r = secure(file, folder->fd, path, want, err);
	if (!r)
		*out = file;
	return r;
}

static bool direct_alignment(const struct image_file *file, uint32_t *memory)
{
#ifdef STATX_DIOALIGN
	struct statx sx;

	if (statx(file->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) == 0 && (sx.stx_mask & STATX_DIOALIGN) &&
	    sx.stx_dio_offset_align && sx.stx_dio_offset_align <= 512) {
		*memory = MAX(sx.stx_dio_mem_align, 1u);
		return true;
	}
#endif
	return false;
}

void image_file_direct(struct image_file *file)
{
	uint32_t memory;
	int flags = fcntl(file->fd, F_GETFL);

	if (file->align)
		return;
	if (!direct_alignment(file, &memory) || file->size % 512 || memory > 4096 ||
	    fcntl(file->fd, F_SETFL, flags | O_DIRECT) < 0) {
		log_info("%s: this file system cannot go past the page cache by sectors; the host's cache is used",
			 file->name);
		return;
	}
	file->align = memory;
}

void image_file_close(struct image_file *file)
{
	struct flock unlock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	if (!file)
		return;
	vmware_lock_release(file->lock);
	// A ring may hold the open file a little longer than we do.
	fcntl(file->fd, F_OFD_SETLK, &unlock);
	close(file->fd);
	free(file);
}

// --- synchronous access --------------------------------------------------------------------------------

int image_file_read(const struct image_file *file, uint64_t offset, void *buf, size_t len, struct err *err)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = pread(file->fd, (char *)buf + have, len - have, (off_t)(offset + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_at(err, errno, file->name, offset + have, "cannot be read: %s",
					  strerror(errno));
		if (n == 0)
			return err_set_at(err, EIO, file->name, offset + have, "ends too early");
		have += (size_t)n;
	}
	return 0;
}

int image_file_write(const struct image_file *file, uint64_t offset, const void *buf, size_t len,
		     struct err *err)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = pwrite(file->fd, (const char *)buf + have, len - have, (off_t)(offset + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set_at(err, n ? errno : EIO, file->name, offset + have,
					  "cannot be written: %s", strerror(n ? errno : EIO));
		have += (size_t)n;
	}
	return 0;
}
