// sparse_alloc.c: places for new grains, and when a table starts to point to them.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A grain gets its place when the first write to it is mapped; writes that come while that one is in flight
// share the place and run beside it. The first that completes publishes the entry. When all of them fail, the
// place is made a hole again and given back.
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"
#include "block/sparse.h"

#define GROW_MIN   (8ull << 20)         // the file's length grows in steps; the holes cost nothing, the calls wait for
#define GROW_MAX   (64ull << 20)        // writes under way
#define DIRTY_MAX  512u                 // dirty tables that start a sync by themselves

// --- places --------------------------------------------------------------------------------------------

static int grow_to(struct sparse *s, uint64_t sector)
{
	uint64_t end = sector * 512, step = MIN(MAX(s->file->size / 2, GROW_MIN), GROW_MAX) & ~(GROW_MIN - 1);

	if (end <= s->file->size)
		return 0;
	end = (end + step - 1) / step * step;
	if (ftruncate(s->file->fd, (off_t)end) < 0) {
		int code = errno;

		log_guest("%s: the file cannot grow: %s", s->file->name, strerror(code));
		return -code;
	}
	s->file->size = end;
	return 0;
}

// SECTORS (a multiple of the grain) of new space at the end of the file.
static int take_space(struct sparse *s, uint64_t sectors, uint32_t *where)
{
	int r;

	if (s->next + sectors > UINT32_MAX) {
		log_guest("%s: the file has reached 2 TiB, more cannot be addressed", s->file->name);
		return -ENOSPC;
	}
	r = grow_to(s, s->next + sectors);
	if (r < 0)
		return r;
	*where = (uint32_t)s->next;
	s->next += sectors;
	s->open_sectors = MAX(s->open_sectors, s->next);
	return 0;
}

static int take_grain(struct sparse *s, uint32_t *where)
{
	struct place place;

	// From the front, so that grains which are written one behind the other lie so.
	if (!places_take(&s->free, &place))
		return take_space(s, s->h.grain, where);
	*where = (uint32_t)place.first;
	place.first += s->h.grain;
	place.count -= s->h.grain;
	if (place.count)
		places_add(&s->free, place);
	return 0;
}

// Only a hole may be used again: the failed write may have left bytes behind. Otherwise the space is lost.
static void give_grain(struct sparse *s, uint32_t where)
{
	if (fallocate(s->file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)where * 512,
		      (off_t)s->grain_bytes) == 0)
		places_add(&s->free, (struct place){ where, s->h.grain });
}

int sparse_table_create(struct sparse *s, uint32_t index, struct table **out)
{
	uint64_t size = sparse_table_sectors(&s->h);
	uint64_t both = (size * 2 + s->h.grain - 1) / s->h.grain * s->h.grain;
	struct table *t = sparse_table_new(s, index);
	uint32_t where;
	int r;

	if (!t)
		return -ENOMEM;
	r = take_space(s, both, &where);
	if (r < 0) {
		free(t);
		return r;
	}
	t->fresh = true;
	s->directory[index] = where;
	if (s->redundant)
		s->redundant[index] = where + (uint32_t)size;
	sparse_table_install(t);
	*out = t;
	return 0;
}

// --- reservations ----------------------------------------------------------------------------------------

static struct allocs *get_allocs(struct table *t)
{
	if (!t->allocs)
		t->allocs =
			calloc(1, sizeof(*t->allocs) + t->s->h.table_entries * sizeof(t->allocs->slot[0]));
	return t->allocs;
}

static void drop_allocs(struct table *t)
{
	if (t->allocs && !t->allocs->active) {
		free(t->allocs);
		t->allocs = NULL;
	}
}

static enum run_kind kind_at(const struct table *t, uint32_t index)
{
	return sparse_kind_of(t->s, le32toh(t->gte[index]));
}

bool sparse_grain_busy(const struct table *t, uint32_t index)
{
	return t->allocs && t->allocs->slot[index].refs;
}

static int reserve_one(struct table *t, uint32_t index)
{
	struct allocs *a = t->allocs;

	if (!a->slot[index].refs) {
		int r = take_grain(t->s, &a->slot[index].where);

		if (r < 0)
			return r;
		a->active++;
	}
	a->slot[index].refs++;
	return 0;
}

static void unref_one(struct table *t, uint32_t index)
{
	struct allocs *a = t->allocs;

	if (--a->slot[index].refs)
		return;
	a->active--;
	if (le32toh(t->gte[index]) != a->slot[index].where)
		give_grain(t->s, a->slot[index].where);
	a->slot[index].where = 0;
}

static int wait_for_grain(struct table *t, struct waiter *w)
{
	w->next = t->blocked;
	t->blocked = w;
	return -EINPROGRESS;
}

int sparse_reserve(struct table *t, uint32_t index, const struct map_want *want, struct run *run)
{
	struct sparse *s = t->s;
	enum run_kind kind = kind_at(t, index);
	bool fresh = s->x.below && kind == RUN_ABSENT;
	uint64_t inner = want->offset % s->grain_bytes;
	uint64_t need = (inner + want->length + s->grain_bytes - 1) / s->grain_bytes;
	uint32_t max = (uint32_t)MIN(need, (uint64_t)(s->h.table_entries - index)), n;
	struct allocs *a;
	int r;

	if (fresh && sparse_grain_busy(t, index))
		return wait_for_grain(t, want->waiter);
	a = get_allocs(t);
	if (!a)
		return -ENOMEM;
	r = reserve_one(t, index);
	if (r < 0) {
		drop_allocs(t);
		return r;
	}
	for (n = 1; n < max && kind_at(t, index + n) == kind; n++) {
		if (fresh && sparse_grain_busy(t, index + n))
			break;
		if (reserve_one(t, index + n) < 0)
			break;
		if (a->slot[index + n].where != a->slot[index].where + (uint64_t)n * s->h.grain) {
			unref_one(t, index + n);
			break;
		}
	}
	*run = (struct run){ .kind = RUN_DATA, .length = MIN(want->length, n * s->grain_bytes - inner),
			     .file = s->file, .file_offset = (uint64_t)a->slot[index].where * 512 + inner,
			     .table = t, .first = index, .count = n };
	// Zeros hide what lies below, and the place is a hole: nothing is to be fetched.
	run->fresh = kind == RUN_ABSENT;
	return 0;
}

static void publish(struct table *t, const struct run *run)
{
	for (uint32_t i = run->first; i < run->first + run->count; i++) {
		if (kind_at(t, i) == RUN_DATA)
			continue;
		t->gte[i] = htole32(t->allocs->slot[i].where);
		sparse_table_dirty(t);
	}
}

// Those who waited ask map() again; some of them may wait again.
static void wake_blocked(struct waiter *list)
{
	while (list) {
		struct waiter *w = list;

		list = w->next;
		w->fn(w, 0);
	}
}

void sparse_written(struct extent *x, const struct run *run, int result)
{
	struct sparse *s = sparse_of(x);
	struct table *t = run->table;
	struct waiter *blocked = t ? t->blocked : NULL;

	s->written = true;
	if (t && result >= 0)
		publish(t, run);
	for (uint32_t i = 0; t && i < run->count; i++)
		unref_one(t, run->first + i);
	if (t) {
		t->blocked = NULL;
		drop_allocs(t);
	}
	x->host->dirtied(x->host->arg, x, s->dirty_tables != NULL);
	if (s->dirty_count == DIRTY_MAX)
		x->host->sync_soon(x->host->arg);
	wake_blocked(blocked);
}
