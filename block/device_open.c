// device_open.c: telling files from devices before they are opened; opening a block device for a disk.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/device_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/image_lock.h"
#include "block/image_path.h"

// Below /dev/shm are files.
static bool is_host_name(const char *name)
{
	return !strncmp(name, "/dev/", 5) && strncmp(name, "/dev/shm/", 9);
}

// "\\.\PhysicalDrive0", "\\?\Volume{...}"
static bool is_windows_name(const char *name)
{
	return !strncmp(name, "\\\\.\\", 4) || !strncmp(name, "\\\\?\\", 4);
}

static int refuse_windows(const char *name, const struct device_want *want, struct err *err)
{
	err_set(err, ENOTSUP, want->descriptor, "descriptor line %u: \"%s\" is a device of a Windows host", want->line,
		name);
	err_remedy(err, "Attach that disk to this host and write its name here, such as /dev/disk/by-id/..., into the "
			"descriptor");
	err_exit(err, EXIT_CONFIG);
	return -ENOTSUP;
}

static int refuse_device(const char *name, const struct device_want *want, struct err *err)
{
	err_set(err, EPERM, want->descriptor, "descriptor line %u: \"%s\" is a device of this host", want->line, name);
	err_remedy(err, "If the guest shall have this device, allow it with berth.disk.allowDevice = \"TRUE\"");
	err_exit(err, EXIT_CONFIG);
	return -EPERM;
}

static int cannot_open(int code, const char *name, const struct device_want *want, struct err *err)
{
	int r = err_set(err, code, want->descriptor, "descriptor line %u: \"%s\" cannot be opened: %s", want->line,
			name, strerror(code));

	if (code == EACCES || code == EPERM)
		err_remedy(err, "Let the user that runs the VM read%s the device", want->writable ? " and write" : "");
	else if (code == EBUSY)
		err_remedy(err, "Unmount its file systems on this host first; a disk can be written by one system at a "
				"time");
	else if (code == ENOENT)
		err_remedy(err, "Attach the disk to this host, or write its name here into the descriptor");
	return r;
}

// --- a block device --------------------------------------------------------------------------------------

static int examine(struct image_file *file, struct err *err)
{
	struct stat st;
	off_t size;

	if (fstat(file->fd, &st) < 0)
		return err_set(err, errno, file->name, "cannot be examined: %s", strerror(errno));
	size = lseek(file->fd, 0, SEEK_END);
	if (size < 0)
		return err_set(err, EIO, file->name, "has no size");
	file->size = (uint64_t)size;
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	return 0;
}

static struct image_file *find_known(struct image_file *known, const struct stat *st)
{
	while (known && (known->dev != st->st_dev || known->ino != st->st_ino))
		known = known->next;
	return known;
}

// A device that is in the list already; its twin must not be asked for more than it can.
static int reuse(struct image_file *twin, const char *name, const struct device_want *want, struct image_file **out,
		 struct err *err)
{
	*out = twin;
	return want->writable && !twin->writable ?
		err_set(err, EINVAL, name, "is named both as a read-only and as a writable extent") : 0;
}

// PATH_FD is the device, opened for nothing.
static int open_device(int path_fd, const char *name, const struct device_want *want, struct image_file **out,
		       struct err *err)
{
	struct image_file *file = calloc(1, sizeof(*file));
	char path[64];
	int r;

	if (!file)
		return err_set(err, ENOMEM, name, "no memory to open it");
	file->writable = want->writable;
	snprintf(file->name, sizeof(file->name), "%s", name);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	// O_EXCL without O_CREAT: the kernel refuses a device that it has mounted, and does not mount it while we
	// have it.
	file->fd = open(path, (want->writable ? O_RDWR | O_EXCL : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
	if (file->fd < 0) {
		r = errno;
		free(file);
		return cannot_open(r, name, want, err);
	}
	r = examine(file, err);
	if (!r)
		r = image_lock(file->fd, file->name, (struct image_lock_want){ .writable = file->writable }, err);
	if (r < 0)
		image_file_close(file);
	else
		*out = file;
	return r;
}

// --- what a name leads to ----------------------------------------------------------------------------------

static int look(const struct image_folder *folder, const char *name, struct err *err)
{
	char path[PATH_MAX];
	int fd;

	if (!is_host_name(name))
		return image_path_open(folder, name, O_PATH | O_CLOEXEC, path, err);
	fd = open(name, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_looked_at(int fd, const struct image_folder *folder, const char *name, const struct device_want *want,
			  struct image_file *known, struct image_file **out, struct err *err)
{
	struct image_file_want plain = { .writable = want->writable, .unlocked = want->unlocked };
	struct image_file *twin;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return cannot_open(errno, name, want, err);
	if (S_ISREG(st.st_mode))
		return image_file_open_in(folder, name, plain, known, out, err);
	if (!S_ISBLK(st.st_mode))
		return err_set(err, EINVAL, want->descriptor,
			       "descriptor line %u: \"%s\" is not a regular file, nor a disk", want->line, name);
	if (!want->allow)
		return refuse_device(name, want, err);
	twin = find_known(known, &st);
	return twin ? reuse(twin, name, want, out, err) : open_device(fd, name, want, out, err);
}

int device_open_in(const struct image_folder *folder, const char *name, const struct device_want *want,
		   struct image_file *known, struct image_file **out, struct err *err)
{
	struct image_file_want plain = { .writable = want->writable, .unlocked = want->unlocked };
	int fd, r;

	if (is_windows_name(name))
		return refuse_windows(name, want, err);
	if (is_host_name(name) && !want->allow)
		return refuse_device(name, want, err);
	fd = look(folder, name, err);
	if (fd == -EXDEV || fd == -ENAMETOOLONG)
		return fd;
	if (fd < 0 && is_host_name(name))
		return cannot_open(-fd, name, want, err);
	// The same message as for every other file that is not there.
	if (fd < 0)
		return image_file_open_in(folder, name, plain, known, out, err);
	r = open_looked_at(fd, folder, name, want, known, out, err);
	close(fd);
	return r;
}
