// tool_convert.c: from one disk to a new one of another kind.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "block/tool.h"
#include "block/tool_stream.h"

void tool_say(const struct tool *tool, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!tool->say)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tool->say(tool->arg, text);
}

int tool_disk(const struct tool *tool, const struct tool_source *source, bool writable, struct disk **disk,
	      struct err *err)
{
	struct disk_open_args args = { .path = source->path, .raw = source->raw, .readonly = !writable,
				       .allow_outside = source->allow_outside };

	return disk_open(tool->loop, &args, disk, err);
}

uint64_t tool_space(const struct tool_link *link)
{
	uint64_t sum = 0;
	struct stat st;

	for (struct image_file *f = link->files; f; f = f->next) {
		if (fstat(f->fd, &st) == 0)
			sum += (uint64_t)st.st_blocks * 512;
	}
	return sum;
}

// A conversion under way.
struct work {
	const struct tool *tool;
	const struct tool_convert_args *a;
	struct disk *from, *to;
	struct tool_chain map;
	bool made;
	struct tool_convert_result *result;
	struct err *err;
};

// --- targets ---------------------------------------------------------------------------------------------

static int make_raw(struct work *w)
{
	int fd = open(w->a->to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), r = 0;

	if (fd < 0) {
		r = err_set(w->err, errno, w->a->to,
			    errno == EEXIST ? "exists already" : "cannot be made: %s", strerror(errno));
		if (r == -EEXIST)
			err_remedy(w->err, "Choose another name, or remove the file first: nothing is overwritten");
		return r;
	}
	w->made = true;
	if (ftruncate(fd, (off_t)w->from->size) < 0)
		r = err_set(w->err, errno, w->a->to, "cannot be made that long: %s", strerror(errno));
	else if (w->a->preallocate && fallocate(fd, 0, 0, (off_t)w->from->size) < 0)
		r = err_set(w->err, errno, w->a->to, "its space cannot be reserved: %s", strerror(errno));
	if (!r && fsync(fd) < 0)
		r = err_set(w->err, errno, w->a->to, "cannot be synced: %s", strerror(errno));
	close(fd);
	return r;
}

// What is asked for, else what the source has, else NULL: the default.
static const char *adapter_of(const struct work *w)
{
	const char *inherited = w->map.count && !w->map.links[0]->raw ? w->map.links[0]->meta.desc.adapter : "";

	return w->a->adapter ? w->a->adapter : *inherited ? inherited : NULL;
}

static int make_vmdk(struct work *w)
{
	struct vmdk_create_args args = {
		.path = w->a->to, .kind = w->a->kind, .sectors = w->from->size / BLOCK_SECTOR,
		.adapter = adapter_of(w), .hw_version = w->a->hw_version,
		.preallocate = w->a->preallocate, .progress = w->tool->progress.fn, .arg = w->tool->progress.arg };
	int r = vmdk_create(&args, w->err);

	w->made = !r;
	return r;
}

static int move_data(struct work *w)
{
	struct pump_args args = { .loop = w->tool->loop, .mode = PUMP_COPY, .from = w->from, .to = w->to,
				  .map = w->map.count ? &w->map : NULL, .size = w->from->size,
				  .progress = w->tool->progress };
	struct pump_result moved;
	int r = tool_pump(&args, &moved, w->err);

	w->result->moved = moved.moved;
	return r < 0 ? r : tool_flush(w->tool->loop, w->to, w->err);
}

static int fill_target(struct work *w, int (*make)(struct work *w))
{
	struct tool_source to = { .path = w->a->to, .raw = w->a->to_raw };
	int r = make(w), closed;

	if (!r)
		r = tool_disk(w->tool, &to, true, &w->to, w->err);
	if (r < 0)
		return r;
	r = move_data(w);
	closed = disk_close(w->to, r < 0 ? NULL : w->err);
	if (!r)
		r = closed;
	return r < 0 ? r : tool_sync_folder(w->a->to, w->err);
}

static int to_raw(struct work *w)
{
	return fill_target(w, make_raw);
}

static int to_vmdk(struct work *w)
{
	return fill_target(w, make_vmdk);
}

static int to_stream(struct work *w)
{
	struct stream_copy copy = {.tool = w->tool,
				   .to = w->a->to,
				   .from = w->from,
				   .map = w->map.count ? &w->map : NULL,
				   .adapter = adapter_of(w),
				   .hw_version = w->a->hw_version};
	int r = tool_stream_copy(&copy, w->err);

	w->result->moved = copy.moved;
	return r;
}

// How each kind of target is written.
static int (*const targets[VMDK_KIND_COUNT])(struct work *w) = {
	[VMDK_KIND_MONOLITHIC_SPARSE] = to_vmdk,
	[VMDK_KIND_MONOLITHIC_FLAT] = to_vmdk,
	[VMDK_KIND_SPLIT_SPARSE] = to_vmdk,
	[VMDK_KIND_SPLIT_FLAT] = to_vmdk,
	[VMDK_KIND_VMFS] = to_vmdk,
	[VMDK_KIND_VMFS_SPARSE] = to_vmdk,
	[VMDK_KIND_STREAM_OPTIMIZED] = to_stream,
};

// --- the source ------------------------------------------------------------------------------------------

// Without a map all of the disk is read, which gives the same result: what it cannot say is no failure.
static void open_map(struct work *w)
{
	struct tool_open how = { .raw = w->a->from.raw, .allow_outside = w->a->from.allow_outside };

	if (tool_chain_open(w->a->from.path, how, &w->map, NULL) < 0)
		w->map.count = 0;
	else if (w->map.links[0]->size != w->from->size)
		tool_chain_close(&w->map);
}

int tool_convert(const struct tool *tool, const struct tool_convert_args *args, struct tool_convert_result *result,
		 struct err *err)
{
	struct work w = { .tool = tool, .a = args, .result = result, .err = err };
	int r;

	*result = (struct tool_convert_result){ 0 };
	if (!args->to_raw && (size_t)args->kind >= ARRAY_SIZE(targets))
		return err_set(err, EINVAL, args->to, "is to be of an unknown type");
	r = tool_disk(tool, &args->from, false, &w.from, err);
	if (r < 0)
		return r;
	result->size = w.from->size;
	open_map(&w);
	r = args->to_raw ? to_raw(&w) : targets[args->kind](&w);
	tool_chain_close(&w.map);
	disk_close(w.from, NULL);
	if (r < 0 && w.made)
		tool_remove(args->to, args->to_raw);
	return r;
}
