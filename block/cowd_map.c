// cowd_map.c: from offsets to grains of an ESX sparse extent; tables are read when they are needed.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "block/cowd_extent.h"

// --- tables --------------------------------------------------------------------------------------------

static struct cowd *owner_of(struct grain_cache *cache)
{
	return CONTAINER_OF(cache, struct cowd, cache);
}

static void table_read(struct file_op *op, int result)
{
	struct cowd_table *t = CONTAINER_OF(op, struct cowd_table, op);
	struct cowd *c = t->c;
	uint32_t index = (uint32_t)t->e.number;
	int64_t wrong = result < 0 ? -1 : cowd_table_check(c, index, t->gte);

	if (wrong >= 0) {
		log_guest("%s: grain table %u, entry %lld points to sector %u, which cannot be a grain",
			  c->file->name, index, (long long)wrong, le32toh(t->gte[wrong]));
		result = -EIO;
	}
	if (result >= 0)
		cowd_set_seen(c, index);
	grain_cache_filled(&c->cache, &t->e, result);
}

static int fill(struct grain_cache *cache, struct grain_entry *e)
{
	struct cowd *c = owner_of(cache);
	struct cowd_table *t = cowd_table_of(e);

	t->c = c;
	t->iov = (struct iovec){ t->gte, COWD_TABLE_BYTES };
	t->op = (struct file_op){ .loop = c->x.host->loop, .file = c->file, .kind = FILE_READ, .iov = &t->iov,
				  .iovcnt = 1, .offset = c->directory[e->number] * 512ull,
				  .left = COWD_TABLE_BYTES, .done = table_read };
	file_op_start(&t->op);
	return 0;
}

// A new table that got no grain after all is forgotten; its space is lost.
static void drop(struct grain_cache *cache, struct grain_entry *e)
{
	struct cowd_table *t = cowd_table_of(e);

	if (t->fresh)
		owner_of(cache)->directory[e->number] = 0;
	free(t->allocs);
}

static int make_room(struct grain_cache *cache)
{
	struct cowd *c = owner_of(cache);

	c->sync_result = 0;
	if (!c->syncing)
		c->x.host->sync_soon(c->x.host->arg);
	return c->sync_result;
}

const struct grain_cache_ops cowd_cache_ops = {
	.entry_size = sizeof(struct cowd_table),
	.fill = fill,
	.drop = drop,
	.make_room = make_room,
};

static int create_table(struct cowd *c, uint32_t index, struct waiter *w, struct cowd_table **out)
{
	struct grain_entry *e;
	uint32_t where;
	int r = grain_cache_make(&c->cache, index, w, &e);

	if (!r)
		r = cowd_take_space(c, COWD_TABLE_SECTORS, &where);
	if (r < 0)
		return r;
	*out = cowd_table_of(e);
	(*out)->c = c;
	(*out)->fresh = true;
	c->directory[index] = where;
	cowd_set_seen(c, index);
	return 0;
}

static int get_table(struct cowd *c, uint32_t index, struct waiter *w, struct cowd_table **out)
{
	struct grain_entry *e;
	int r = grain_cache_get(&c->cache, index, w, &e);

	if (!r)
		*out = cowd_table_of(e);
	return r;
}

// --- mapping -------------------------------------------------------------------------------------------

// How many grains from INDEX on are absent, or lie one behind the other in the file; COUNT at most.
static uint32_t same_kind(const struct cowd_table *t, uint32_t index, uint32_t count)
{
	uint32_t first = le32toh(t->gte[index]), n = 1;

	while (n < count) {
		uint64_t expect = first ? first + (uint64_t)n * t->c->h.grain : 0;

		if (le32toh(t->gte[index + n]) != expect)
			break;
		n++;
	}
	return n;
}

static int map_in_table(struct cowd_table *t, const struct map_want *want, struct run *run)
{
	struct cowd *c = t->c;
	uint64_t in_table = want->offset % c->table_cover, inner = want->offset % c->grain_bytes, length;
	uint32_t index = (uint32_t)(in_table / c->grain_bytes), entry = le32toh(t->gte[index]), count;

	if (want->write && !entry)
		return cowd_reserve(t, index, want, run);
	length = MIN(want->length, c->table_cover - in_table);
	count = same_kind(t, index, (uint32_t)((inner + length + c->grain_bytes - 1) / c->grain_bytes));
	*run = (struct run){ .kind = entry ? RUN_DATA : RUN_ABSENT, .file = c->file };
	run->length = MIN(length, count * c->grain_bytes - inner);
	if (entry)
		run->file_offset = entry * 512ull + inner;
	return 0;
}

// Bytes from OFFSET on, LENGTH at most, that no table covers. Tables are small: a long read may cross many.
static uint64_t uncovered(const struct cowd *c, uint64_t offset, uint64_t length)
{
	uint64_t n = c->table_cover - offset % c->table_cover;

	while (n < length && !c->directory[(offset + n) / c->table_cover])
		n += c->table_cover;
	return MIN(n, length);
}

int cowd_map(struct extent *x, const struct map_want *want, struct run *run)
{
	struct cowd *c = cowd_of(x);
	uint32_t index = (uint32_t)(want->offset / c->table_cover);
	struct cowd_table *t = NULL;
	int r;

	if (want->write && c->readonly)
		return -EROFS;
	if (c->directory[index]) {
		r = get_table(c, index, want->waiter, &t);
	} else if (want->write) {
		r = create_table(c, index, want->waiter, &t);
	} else {
		*run = (struct run){ .kind = RUN_ABSENT, .length = uncovered(c, want->offset, want->length) };
		return 0;
	}
	return r < 0 ? r : map_in_table(t, want, run);
}
