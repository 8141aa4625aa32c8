// sparse_map.c: from extent offsets to grains; tables are read when they are first needed.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/log.h"
#include "block/sparse.h"

static bool evict(struct cached *c)
{
	struct table *t = CONTAINER_OF(c, struct table, cached);

	if (t->loading || t->fresh || t->dirty || t->syncing || t->waiters || t->blocked || t->allocs)
		return false;
	cache_remove(t->s->x.host->tables, c);
	t->s->tables[t->index] = NULL;
	free(t);
	return true;
}

struct table *sparse_table_new(struct sparse *s, uint32_t index)
{
	struct table *t = calloc(1, sizeof(*t) + s->table_bytes);

	if (!t)
		return NULL;
	t->s = s;
	t->index = index;
	t->cached.bytes = sizeof(*t) + s->table_bytes;
	t->cached.evict = evict;
	return t;
}

void sparse_table_install(struct table *t)
{
	struct sparse *s = t->s;

	s->tables[t->index] = t;
	// While the image is being opened there is no cache yet: finish() of the sync does it then.
	if (s->x.host)
		cache_add(s->x.host->tables, &t->cached);
}

void sparse_table_dirty(struct table *t)
{
	struct sparse *s = t->s;

	if (t->dirty)
		return;
	t->dirty = true;
	t->next_dirty = s->dirty_tables;
	s->dirty_tables = t;
	s->dirty_count++;
}

// --- loading -------------------------------------------------------------------------------------------

static void load_done(struct file_op *op, int result);

static void start_load(struct table *t)
{
	const struct sparse *s = t->s;
	uint32_t sector = (t->from_copy ? s->redundant : s->directory)[t->index];

	t->loading = true;
	t->iov = (struct iovec){ t->gte, s->table_bytes };
	t->op = (struct file_op){ .loop = s->x.host->loop, .file = s->file, .kind = FILE_READ, .iov = &t->iov,
				  .offset = (uint64_t)sector * 512, .left = s->table_bytes, .iovcnt = 1,
				  .done = load_done };
	file_op_start(&t->op);
}

static bool has_copy(const struct sparse *s, uint32_t index)
{
	return s->redundant && s->redundant[index] && s->redundant[index] != s->directory[index];
}

// Hands the table to those who wait. A table that cannot be used is dropped first, so that the next request
// tries again.
static void end_load(struct table *t, int result)
{
	struct waiter *list = t->waiters;

	t->waiters = NULL;
	t->loading = false;
	if (result < 0) {
		t->s->tables[t->index] = NULL;
		cache_remove(t->s->x.host->tables, &t->cached);
		free(t);
	}
	while (list) {
		struct waiter *w = list;

		list = w->next;
		w->fn(w, result);
	}
}

static void load_done(struct file_op *op, int result)
{
	struct table *t = CONTAINER_OF(op, struct table, op);
	struct sparse *s = t->s;
	int64_t wrong = result < 0 ? -1 : sparse_table_check(s, t->index, t->gte);

	if (wrong >= 0) {
		log_guest("%s: grain table %u, entry %lld points to sector %u, which cannot be a grain",
			  s->file->name, t->index, (long long)wrong, le32toh(t->gte[wrong]));
		result = -EIO;
	}
	if (result < 0 && !t->from_copy && has_copy(s, t->index)) {
		t->from_copy = true;
		start_load(t);
		return;
	}
	if (result >= 0 && t->from_copy && !s->readonly) {
		log_guest("%s: grain table %u is damaged; its redundant copy is used", s->file->name,
			  t->index);
		sparse_table_dirty(t);
	}
	end_load(t, result);
}

static int wait_for(struct table *t, struct waiter *w)
{
	w->next = t->waiters;
	t->waiters = w;
	return -EINPROGRESS;
}

int sparse_table_get(struct sparse *s, uint32_t index, struct waiter *w, struct table **out)
{
	struct table *t = s->tables[index];

	if (t && !t->loading) {
		t->cached.used = true;
		*out = t;
		return 0;
	}
	if (!t) {
		t = sparse_table_new(s, index);
		if (!t)
			return -ENOMEM;
		t->loading = true;
		sparse_table_install(t);
		start_load(t);
	}
	return wait_for(t, w);
}

// --- mapping -------------------------------------------------------------------------------------------

enum run_kind sparse_kind_of(const struct sparse *s, uint32_t entry)
{
	if (entry == SPARSE_GTE_ABSENT)
		return RUN_ABSENT;
	return entry == SPARSE_GTE_ZEROED && s->h.zeroed_grains ? RUN_ZERO : RUN_DATA;
}

// How many grains from INDEX on are of the same kind (and, with data, contiguous in the file), COUNT at most.
static uint32_t same_kind(const struct table *t, uint32_t index, uint32_t count)
{
	const struct sparse *s = t->s;
	uint32_t first = le32toh(t->gte[index]), n = 1;
	enum run_kind kind = sparse_kind_of(s, first);

	while (n < count) {
		uint32_t entry = le32toh(t->gte[index + n]);

		if (sparse_kind_of(s, entry) != kind ||
		    (kind == RUN_DATA && entry != (uint64_t)first + (uint64_t)n * s->h.grain))
			break;
		n++;
	}
	return n;
}

static int map_in_table(struct table *t, const struct map_want *want, struct run *run)
{
	struct sparse *s = t->s;
	uint64_t in_table = want->offset & (s->table_cover - 1), inner = want->offset & (s->grain_bytes - 1), length;
	uint32_t index = (uint32_t)(in_table >> s->grain_shift), entry = le32toh(t->gte[index]), count;
	enum run_kind kind = sparse_kind_of(s, entry);

	if (want->write && kind != RUN_DATA)
		return sparse_reserve(t, index, want, run);
	length = MIN(want->length, s->table_cover - in_table);
	count = same_kind(t, index, (uint32_t)((inner + length + s->grain_bytes - 1) >> s->grain_shift));
	// In a chain most layers say no: that answer has no place in a file.
	run->kind = kind;
	if (kind == RUN_DATA)
		*run = (struct run){ .kind = kind, .file = s->file, .file_offset = (uint64_t)entry * 512 + inner };
	run->length = MIN(length, ((uint64_t)count << s->grain_shift) - inner);
	return 0;
}

void sparse_prefetch(const struct extent *x, uint64_t offset)
{
	const struct sparse *s = CONTAINER_OF(x, const struct sparse, x);
	const struct table *t = s->tables[offset >> s->cover_shift];

	if (t)
		__builtin_prefetch(&t->gte[(offset & (s->table_cover - 1)) >> s->grain_shift]);
}

int sparse_map(struct extent *x, const struct map_want *want, struct run *run)
{
	struct sparse *s = sparse_of(x);
	uint32_t index = (uint32_t)(want->offset >> s->cover_shift);
	struct table *t = NULL;
	int r;

	if (want->write && s->readonly)
		return -EROFS;
	if (s->directory[index]) {
		r = sparse_table_get(s, index, want->waiter, &t);
	} else if (want->write) {
		r = sparse_table_create(s, index, &t);
	} else {
		*run = (struct run){ .kind = RUN_ABSENT };
		run->length = MIN(want->length, s->table_cover - (want->offset & (s->table_cover - 1)));
		return 0;
	}
	return r < 0 ? r : map_in_table(t, want, run);
}
