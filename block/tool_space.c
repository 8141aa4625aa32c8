// tool_space.c: what is used, sorted, and the gaps in between.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/tool_space.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/compiler.h"

struct span { uint64_t first, end; };          // sectors

struct spans {
	struct tool_extent *x;
	struct span *list;
	size_t count, room;
	struct err *err;
};

static int add(struct spans *s, uint64_t first, uint64_t count)
{
	struct span *last = s->count ? &s->list[s->count - 1] : NULL;

	if (!count)
		return 0;
	if (last && last->end == first) {
		last->end += count;
		return 0;
	}
	if (s->count == s->room) {
		size_t room = s->room ? s->room * 2 : 256;
		struct span *list = realloc(s->list, room * sizeof(list[0]));

		if (!list)
			return err_set(s->err, ENOMEM, s->x->file->name, "no memory for its map");
		s->list = list;
		s->room = room;
	}
	s->list[s->count++] = (struct span){ first, first + count };
	return 0;
}

static int add_tables(struct spans *s, const uint32_t *directory)
{
	uint32_t size = (s->x->table_entries * 4 + 511) / 512;
	int r = 0;

	for (uint32_t i = 0; !r && i < s->x->tables; i++)
		r = directory[i] ? add(s, directory[i], size) : 0;
	return r;
}

static int add_copies(struct spans *s)
{
	struct tool_extent *x = s->x;
	uint32_t *copies = calloc(x->tables, sizeof(copies[0]));
	int r;

	if (!copies)
		return err_set(s->err, ENOMEM, x->file->name, "no memory for its map");
	r = image_file_read(x->file, x->h.redundant_at * 512, copies, x->tables * 4ull, s->err);
	for (uint32_t i = 0; i < x->tables; i++)
		copies[i] = le32toh(copies[i]);
	if (!r)
		r = add_tables(s, copies);
	free(copies);
	return r;
}

static int add_metadata(struct spans *s)
{
	struct tool_extent *x = s->x;
	uint64_t directory = (x->tables * 4ull + 511) / 512;
	bool hosted = x->kind == TOOL_SPARSE;
	int r = add(s, 0, hosted ? x->h.data_at : x->directory_at);

	if (!r && hosted && x->h.redundant)
		r = add(s, x->h.redundant_at, directory);
	if (!r && hosted && x->h.redundant)
		r = add_copies(s);
	if (!r)
		r = add(s, x->directory_at, directory);
	return r < 0 ? r : add_tables(s, x->directory);
}

static int add_grains(struct spans *s)
{
	struct tool_extent *x = s->x;
	uint64_t grain = x->grain_bytes / 512;
	int r = 0;

	for (uint32_t t = 0; !r && t < x->tables; t++) {
		if (!x->directory[t])
			continue;
		r = tool_load_table(x, t, s->err);
		for (uint32_t i = 0; !r && i < x->table_entries; i++) {
			if (x->table[i] && !(x->table[i] == SPARSE_GTE_ZEROED && x->zeroed))
				r = add(s, x->table[i], grain);
		}
	}
	return r;
}

static int by_first(const void *a, const void *b)
{
	uint64_t x = ((const struct span *)a)->first, y = ((const struct span *)b)->first;

	return x < y ? -1 : x > y;
}

static int collect(struct spans *s)
{
	int r = add_metadata(s);

	if (!r)
		r = add_grains(s);
	if (!r)
		qsort(s->list, s->count, sizeof(s->list[0]), by_first);
	return r;
}

// The parts of a gap that are no holes.
static int tell_gap(struct image_file *file, uint64_t at, uint64_t end, tool_span_fn *fn, void *arg)
{
	while (at < end) {
		off_t data = lseek(file->fd, (off_t)at, SEEK_DATA), hole;
		int r;

		if (data < 0 || (uint64_t)data >= end)
			return 0;
		hole = lseek(file->fd, data, SEEK_HOLE);
		if (hole <= data)
			return 0;
		r = fn(arg, file, (uint64_t)data, MIN((uint64_t)hole, end) - (uint64_t)data);
		if (r)
			return r;
		at = (uint64_t)hole;
	}
	return 0;
}

int tool_unused(struct tool_extent *x, tool_span_fn *fn, void *arg, struct err *err)
{
	struct spans s = { .x = x, .err = err };
	uint64_t at = 0;
	int r = collect(&s);

	for (size_t i = 0; !r && i <= s.count; i++) {
		uint64_t first = i < s.count ? s.list[i].first * 512 : x->file->size;

		if (first > at)
			r = tell_gap(x->file, at, MIN(first, x->file->size), fn, arg);
		if (i < s.count)
			at = MAX(at, s.list[i].end * 512);
	}
	free(s.list);
	return r;
}

int tool_end(struct tool_extent *x, uint64_t *end, struct err *err)
{
	struct spans s = { .x = x, .err = err };
	int r = collect(&s);

	*end = 0;
	for (size_t i = 0; i < s.count; i++)
		*end = MAX(*end, s.list[i].end);
	free(s.list);
	return r;
}
