// tool_shrink.c: giving space back: zeros, lost space, gaps.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A grain that holds zeros alone may leave the table before or after its place becomes a hole: it reads as zeros at
// every moment, so no order is needed. In a child it must go on hiding the parent: only tables that know entry 1 can
// say so; in others it stays.
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "block/tool.h"
#include "block/tool_space.h"

#define STEP (1u << 20)
#define FLAT_GRID (64u << 10)

struct shrink {
	const struct tool *tool;
	struct tool_link *link;
	bool child;
	char *buf;                      // a step, at least a grain
	size_t room;
	struct tool_pace pace;
	struct err *err;
};

static bool all_zero(const char *p, size_t len)
{
	return !len || (!p[0] && !memcmp(p, p + 1, len - 1));
}

// A file system that makes no holes keeps the space; nothing else is lost.
static void punch(struct image_file *file, uint64_t at, uint64_t len)
{
	(void)!fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)len);
}

static int sync_file(struct shrink *s, struct image_file *file)
{
	return fdatasync(file->fd) == 0
		       ? 0
		       : err_set(s->err, errno, file->name, "cannot be synced: %s", strerror(errno));
}

static int report(struct shrink *s, uint64_t done)
{
	return tool_report(&s->tool->progress, &s->pace, done, s->link->size) < 0 ?
		err_set(s->err, ECANCELED, s->link->path, "stopped half way; the disk is whole") : 0;
}

// --- sparse extents --------------------------------------------------------------------------------------

// Bytes at AT that the file has; what lies behind its end is zeros.
static int read_grain(struct shrink *s, struct tool_extent *x, uint64_t at)
{
	size_t n = (size_t)(at >= x->file->size ? 0 : MIN(x->grain_bytes, x->file->size - at));

	memset(s->buf + n, 0, x->grain_bytes - n);
	return image_file_read(x->file, at, s->buf, n, s->err);
}

static int write_table(struct shrink *s, struct tool_extent *x, uint64_t at)
{
	uint32_t *raw = malloc(x->table_entries * 4ull);
	int r;

	if (!raw)
		return err_set(s->err, ENOMEM, x->file->name, "no memory for a grain table");
	for (uint32_t i = 0; i < x->table_entries; i++)
		raw[i] = htole32(x->table[i]);
	r = image_file_write(x->file, at, raw, x->table_entries * 4ull, s->err);
	free(raw);
	return r;
}

static int store_table(struct shrink *s, struct tool_extent *x, uint32_t t)
{
	uint8_t raw[4] = { 0 };
	int r = 0;

	if (x->kind == TOOL_SPARSE && x->h.redundant) {
		r = image_file_read(x->file, x->h.redundant_at * 512 + 4ull * t, raw, sizeof(raw), s->err);
		if (!r && get_le32(raw))
			r = write_table(s, x, get_le32(raw) * 512ull);
	}
	return r < 0 ? r : write_table(s, x, x->directory[t] * 512ull);
}

// What a grain of zeros becomes; false when it has to stay.
static bool replacement(const struct shrink *s, const struct tool_extent *x, uint32_t *entry)
{
	*entry = s->child ? SPARSE_GTE_ZEROED : SPARSE_GTE_ABSENT;
	return !s->child || x->zeroed;
}

static int shrink_table(struct shrink *s, struct tool_extent *x, uint32_t t)
{
	bool changed = false;
	uint32_t empty;
	int r = tool_load_table(x, t, s->err);

	if (r < 0 || !replacement(s, x, &empty))
		return r;
	for (uint32_t i = 0; !r && i < x->table_entries; i++) {
		uint32_t entry = x->table[i];

		if (!entry || (entry == SPARSE_GTE_ZEROED && x->zeroed))
			continue;
		r = read_grain(s, x, entry * 512ull);
		if (r < 0 || !all_zero(s->buf, x->grain_bytes))
			continue;
		x->table[i] = empty;
		changed = true;
	}
	return r < 0 || !changed ? r : store_table(s, x, t);
}

static int punch_span(void *arg, struct image_file *file, uint64_t at, uint64_t len)
{
	(void)arg;
	punch(file, at, len);
	return 0;
}

static int cut_tail(struct shrink *s, struct tool_extent *x)
{
	uint64_t end;
	int r = tool_end(x, &end, s->err);

	if (r < 0 || end * 512 >= x->file->size)
		return r;
	if (ftruncate(x->file->fd, (off_t)(end * 512)) < 0)
		return err_set(s->err, errno, x->file->name, "cannot be cut: %s", strerror(errno));
	x->file->size = end * 512;
	return 0;
}

static int shrink_sparse(struct shrink *s, struct tool_extent *x)
{
	uint64_t cover = x->grain_bytes * x->table_entries;
	int r = 0;

	for (uint32_t t = 0; !r && t < x->tables; t++) {
		if (x->directory[t])
			r = shrink_table(s, x, t);
		if (!r)
			r = report(s, x->start + MIN(cover * (t + 1), x->length));
	}
	if (!r)
		r = sync_file(s, x->file);
	if (!r)
		r = tool_unused(x, punch_span, NULL, s->err);
	if (!r)
		r = cut_tail(s, x);
	return r < 0 ? r : sync_file(s, x->file);
}

// --- flat extents ----------------------------------------------------------------------------------------

static void punch_zeros(struct shrink *s, struct image_file *file, uint64_t at, size_t len)
{
	for (size_t done = 0; done < len;) {
		size_t n = MIN(len - done, (size_t)(FLAT_GRID - (at + done) % FLAT_GRID));

		if (n == FLAT_GRID && all_zero(s->buf + done, n))
			punch(file, at + done, n);
		done += n;
	}
}

static int shrink_flat(struct shrink *s, struct tool_extent *x)
{
	uint64_t at = 0;
	int r = 0;

	while (!r && at < x->length) {
		struct tool_range range;
		size_t n;

		r = tool_link_find(s->link, x->start + at, &range, s->err);
		n = (size_t)MIN(range.length, (uint64_t)STEP);
		if (!r && range.kind == TOOL_DATA) {
			r = image_file_read(x->file, range.file_offset, s->buf, n, s->err);
			if (!r)
				punch_zeros(s, x->file, range.file_offset, n);
			at += n;
		} else {
			at += range.length;
		}
		if (!r)
			r = report(s, x->start + at);
	}
	return r < 0 ? r : sync_file(s, x->file);
}

// --- the whole -------------------------------------------------------------------------------------------

static int shrink_all(struct shrink *s)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->link->count; i++) {
		struct tool_extent *x = &s->link->extents[i];

		if (!x->file || !x->file->writable)
			continue;
		if (x->kind == TOOL_SPARSE || x->kind == TOOL_COWD)
			r = shrink_sparse(s, x);
		else if (x->kind == TOOL_FLAT)
			r = shrink_flat(s, x);
		else
			tool_say(s->tool, "%s: its format cannot be shrunk", x->file->name);
	}
	return r;
}

int tool_shrink(const struct tool *tool, const char *path, struct tool_shrink_result *result, struct err *err)
{
	struct shrink s = { .tool = tool, .room = 65536u * 512u, .err = err };
	int r = tool_need_clean(tool, path, err);

	memset(result, 0, sizeof(*result));
	if (!r)
		r = tool_link_open(path, (struct tool_open){ .writable = true }, &s.link, err);
	if (r < 0)
		return r;
	s.child = tool_has_parent(s.link);
	s.buf = malloc(s.room);
	result->before = tool_space(s.link);
	r = s.buf ? shrink_all(&s) : err_set(err, ENOMEM, path, "no memory to shrink it");
	result->after = tool_space(s.link);
	free(s.buf);
	tool_link_close(s.link);
	return r;
}
