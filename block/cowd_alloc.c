// cowd_alloc.c: places for new grains of an ESX sparse extent, and when a table starts to point to them.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "block/cowd_extent.h"

#define GROW_BYTES (8ull << 20)         // the file's length grows in steps; the holes cost nothing

// --- places --------------------------------------------------------------------------------------------

static int grow_to(struct cowd *c, uint64_t sector)
{
	uint64_t end = sector * 512;

	if (end <= c->file->size)
		return 0;
	end = (end + GROW_BYTES - 1) / GROW_BYTES * GROW_BYTES;
	if (ftruncate(c->file->fd, (off_t)end) < 0) {
		int code = errno;

		log_guest("%s: the file cannot grow: %s", c->file->name, strerror(code));
		return -code;
	}
	c->file->size = end;
	return 0;
}

int cowd_take_space(struct cowd *c, uint64_t sectors, uint32_t *where)
{
	int r;

	if (c->next + sectors > UINT32_MAX) {
		log_guest("%s: the file has reached 2 TiB, more cannot be addressed", c->file->name);
		return -ENOSPC;
	}
	r = grow_to(c, c->next + sectors);
	if (r < 0)
		return r;
	*where = (uint32_t)c->next;
	c->next += sectors;
	return 0;
}

// Grains [first, first + count) of T were never written. What lies at the end becomes free space again, as a hole:
// the failed write may have left bytes behind. What does not is lost.
static void give_back(struct cowd_table *t, uint32_t first, uint32_t count)
{
	struct cowd *c = t->c;
	uint64_t where = t->allocs->slot[first].where, sectors = (uint64_t)count * c->h.grain;

	if (where + sectors == c->next &&
	    fallocate(c->file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)where * 512,
		      (off_t)sectors * 512) == 0)
		c->next = where;
}

// --- reservations ----------------------------------------------------------------------------------------

static struct cowd_allocs *get_allocs(struct cowd_table *t)
{
	if (!t->allocs) {
		t->allocs = calloc(1, sizeof(*t->allocs));
		t->e.pins += t->allocs != NULL;
	}
	return t->allocs;
}

// True when the pin has to go.
static bool drop_allocs(struct cowd_table *t)
{
	if (!t->allocs || t->allocs->active)
		return false;
	free(t->allocs);
	t->allocs = NULL;
	return true;
}

static int reserve_one(struct cowd_table *t, uint32_t index)
{
	struct cowd_allocs *a = t->allocs;

	if (!a->slot[index].refs) {
		int r = cowd_take_space(t->c, t->c->h.grain, &a->slot[index].where);

		if (r < 0)
			return r;
		a->active++;
	}
	a->slot[index].refs++;
	return 0;
}

static void unref_one(struct cowd_table *t, uint32_t index)
{
	struct cowd_allocs *a = t->allocs;

	if (--a->slot[index].refs)
		return;
	a->active--;
	a->slot[index].where = 0;
}

// May grain INDEX continue a run of new grains whose next place is WHERE?
static bool continues(const struct cowd_table *t, uint32_t index, uint64_t where)
{
	const struct cowd_allocs *a = t->allocs;

	if (t->gte[index])
		return false;
	if (a->slot[index].refs)
		return !t->c->x.below && a->slot[index].where == where;
	return t->c->next == where;
}

static int wait_for_first(struct cowd_table *t, struct waiter *w)
{
	w->next = t->blocked;
	t->blocked = w;
	return -EINPROGRESS;
}

int cowd_reserve(struct cowd_table *t, uint32_t index, const struct map_want *want, struct run *run)
{
	struct cowd *c = t->c;
	uint64_t inner = want->offset % c->grain_bytes;
	uint64_t need = (inner + want->length + c->grain_bytes - 1) / c->grain_bytes;
	uint32_t max = (uint32_t)MIN(need, (uint64_t)(COWD_TABLE_ENTRIES - index)), n = 1;
	struct cowd_allocs *a = get_allocs(t);
	int r;

	if (!a)
		return -ENOMEM;
	if (c->x.below && a->slot[index].refs)
		return wait_for_first(t, want->waiter);
	r = reserve_one(t, index);
	if (r < 0) {
		if (drop_allocs(t))
			t->e.pins--;
		return r;
	}
	while (n < max && continues(t, index + n, a->slot[index].where + (uint64_t)n * c->h.grain) &&
	       reserve_one(t, index + n) == 0)
		n++;
	*run = (struct run){ .kind = RUN_DATA, .length = MIN(want->length, n * c->grain_bytes - inner), .fresh = true,
			     .file = c->file, .file_offset = a->slot[index].where * 512ull + inner,
			     .table = (void *)t, .first = index, .count = n };
	return 0;
}

// --- after the write -------------------------------------------------------------------------------------

void cowd_table_dirty(struct cowd_table *t)
{
	struct cowd *c = t->c;

	if (t->dirty)
		return;
	t->dirty = true;
	t->e.pins++;
	t->next_dirty = c->dirty_tables;
	c->dirty_tables = t;
	c->dirty_count++;
}

static void publish(struct cowd_table *t, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++) {
		if (t->gte[i])
			continue;
		t->gte[i] = htole32(t->allocs->slot[i].where);
		cowd_table_dirty(t);
	}
}

// Nobody else uses any of these grains.
static bool alone(const struct cowd_table *t, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++) {
		if (t->gte[i] || t->allocs->slot[i].refs != 1)
			return false;
	}
	return true;
}

static void settle(struct cowd_table *t, const struct run *run, int result)
{
	struct waiter *list = t->blocked;

	if (result >= 0)
		publish(t, run->first, run->count);
	else if (alone(t, run->first, run->count))
		give_back(t, run->first, run->count);
	for (uint32_t i = 0; i < run->count; i++)
		unref_one(t, run->first + i);
	t->blocked = NULL;
	while (list) {
		struct waiter *w = list;

		list = w->next;
		w->fn(w, 0);
	}
	// Last: what it wakes may take the table out of the cache.
	if (drop_allocs(t))
		grain_cache_unpin(&t->c->cache, &t->e);
}

void cowd_written(struct extent *x, const struct run *run, int result)
{
	struct cowd *c = cowd_of(x);

	c->written = true;
	// A dirty table must be known to the flusher before anybody waits for it to become clean.
	x->host->dirtied(x->host->arg, x, run->table != NULL && result >= 0);
	if (run->table)
		settle((void *)run->table, run, result);
	if (c->dirty_count == COWD_DIRTY_MAX)
		x->host->sync_soon(x->host->arg);
}
