// tool_wipe.c: making sure that nothing of what was there can be read.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/compiler.h"
#include "block/tool.h"
#include "block/tool_space.h"
#include "block/tool_text.h"

#define STEP (1u << 20)

static int refuse(const char *path, const char *what, const char *remedy, struct err *err)
{
	err_set(err, EBUSY, path, "%s", what);
	err_remedy(err, "%s", remedy);
	err_exit(err, EXIT_CONFIG);
	return -EBUSY;
}

// --- the content -----------------------------------------------------------------------------------------

static int check_family(const struct tool_wipe_args *a, struct err *err)
{
	struct tool_meta meta;
	char **list;
	int r, n;

	if (a->raw)
		return 0;
	r = tool_meta_read(a->path, &meta, err);
	if (!r && meta.desc.parent_cid != VMDK_NO_PARENT)
		r = refuse(a->path, "is a child of another disk, which holds a part of its content",
			   "Wipe the base disk, and delete this one", err);
	tool_meta_free(&meta);
	if (r < 0)
		return r;
	n = tool_children(a->path, &list, err);
	tool_paths_free(list, n);
	return n <= 0 ? n : refuse(a->path, "has children, whose content it holds", "Delete the children first", err);
}

struct eraser { const struct tool *tool; uint64_t *wiped; struct err *err; };

static int erase(struct eraser *e, struct image_file *file, uint64_t at, uint64_t len)
{
	static const char zeros[STEP];

	while (len) {
		size_t n = (size_t)MIN(len, sizeof(zeros));
		int r = image_file_write(file, at, zeros, n, e->err);

		if (r < 0)
			return r;
		at += n;
		len -= n;
		*e->wiped += n;
	}
	return 0;
}

static int sync_file(struct eraser *e, struct image_file *file)
{
	return fdatasync(file->fd) == 0
		       ? 0
		       : err_set(e->err, errno, file->name, "cannot be synced: %s", strerror(errno));
}

static int erase_ranges(struct eraser *e, struct tool_link *link)
{
	struct tool_pace pace = { 0 };
	struct tool_range range;
	uint64_t at = 0;
	int r = 0;

	while (!r && at < link->size) {
		r = tool_link_find(link, at, &range, e->err);
		range.length = MIN(range.length, 64ull * STEP);
		if (!r && range.kind == TOOL_DATA && range.file_offset == TOOL_NO_PLACE)
			r = refuse(link->path, "is of a format that cannot be written",
				   "Delete its files instead", e->err);
		if (!r && range.kind == TOOL_DATA)
			r = erase(e, range.file, range.file_offset, range.length);
		at += range.length;
		if (!r && tool_report(&e->tool->progress, &pace, at, link->size) < 0)
			r = err_set(e->err, ECANCELED, link->path, "stopped half way: a part of it is wiped");
	}
	for (struct image_file *f = link->files; !r && f; f = f->next)
		r = sync_file(e, f);
	return r;
}

// Zeros over everything that holds data, in its place. Children elsewhere learn of it by the new CID.
static int wipe_content(struct eraser *e, struct tool_link *link)
{
	int r = link->raw ? 0 : tool_text_new_cid(link, e->err);

	return r < 0 ? r : erase_ranges(e, link);
}

// --- what nothing refers to ------------------------------------------------------------------------------

// Overwritten first, so that the old blocks hold zeros, then given back.
static int erase_span(void *arg, struct image_file *file, uint64_t at, uint64_t len)
{
	struct eraser *e = arg;
	int r = erase(e, file, at, len);

	if (!r)
		r = sync_file(e, file);
	if (!r)
		(void)!fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)len);
	return r;
}

static int wipe_free(struct eraser *e, struct tool_link *link)
{
	int r = 0;

	for (size_t i = 0; !r && i < link->count; i++) {
		if (link->extents[i].kind == TOOL_SPARSE || link->extents[i].kind == TOOL_COWD)
			r = tool_unused(&link->extents[i], erase_span, e, e->err);
	}
	return r;
}

int tool_wipe(const struct tool *tool, const struct tool_wipe_args *args, uint64_t *wiped, struct err *err)
{
	struct eraser e = { tool, wiped, err };
	struct tool_link *link;
	int r = args->all ? check_family(args, err) : args->raw ? 0 : tool_need_clean(tool, args->path, err);

	*wiped = 0;
	if (!r)
		r = tool_link_open(args->path, (struct tool_open){ .raw = args->raw, .writable = true }, &link, err);
	if (r < 0)
		return r;
	r = args->all ? wipe_content(&e, link) : wipe_free(&e, link);
	tool_link_close(link);
	return r;
}

// --- the free space of a file system ---------------------------------------------------------------------

// The host's own root filled to the brim is nothing that anybody asks for.
static int check_mount(const char *dir, struct err *err)
{
	struct stat st, root;
	struct statfs fs;

	if (stat(dir, &st) < 0)
		return err_set(err, errno, dir, "cannot be found: %s", strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ENOTDIR, dir, "is no mount point");
	if (statfs(dir, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC))
		return refuse(dir, "lies in memory", "Name the place where the guest's disk is mounted", err);
	if (stat("/", &root) == 0 && root.st_dev == st.st_dev)
		return refuse(dir, "is on the host's own file system",
			      "Name the place where the guest's disk is mounted", err);
	return 0;
}

static int fill_with_zeros(const struct tool *tool, int fd, const char *dir, struct err *err)
{
	static const char zeros[STEP];
	struct tool_pace pace = { 0 };
	struct statvfs fs;
	uint64_t total, done = 0;

	if (fstatvfs(fd, &fs) < 0)
		return err_set(err, errno, dir, "cannot be examined: %s", strerror(errno));
	total = MAX((uint64_t)fs.f_bavail * fs.f_frsize, 1ull);
	for (;;) {
		ssize_t n = write(fd, zeros, sizeof(zeros));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOSPC)
			break;
		if (n <= 0)
			return err_set(err, n ? errno : EIO, dir, "cannot be written: %s", strerror(n ? errno : EIO));
		done += (uint64_t)n;
		if (tool_report(&tool->progress, &pace, MIN(done, total), total) < 0)
			return err_set(err, ECANCELED, dir, "stopped half way");
	}
	return fsync(fd) < 0 && errno != ENOSPC ? err_set(err, errno, dir, "cannot be synced: %s", strerror(errno)) : 0;
}

int tool_fill_free(const struct tool *tool, const char *dir, struct err *err)
{
	int r = check_mount(dir, err), fd;

	if (r < 0)
		return r;
	// Without a name: whatever happens, nothing is left behind.
	fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, errno, dir, "no file can be made in it: %s", strerror(errno));
	r = fill_with_zeros(tool, fd, dir, err);
	close(fd);
	return r;
}
