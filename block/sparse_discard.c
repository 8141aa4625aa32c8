// sparse_discard.c: grains that the guest has given up: out of the table first, out of the file when that is durable.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <endian.h>
#include <errno.h>

#include "base/compiler.h"
#include "block/sparse.h"

#define DROPPED_KICK 4096u      // stretches that start a sync by themselves

// --- out of the table ------------------------------------------------------------------------------------

// What the entry of a discarded grain becomes. False when the grain must keep its place: what lies below would show.
static bool empty_entry(const struct sparse *s, uint32_t *entry)
{
	*entry = s->x.below ? SPARSE_GTE_ZEROED : SPARSE_GTE_ABSENT;
	return !s->x.below || s->h.zeroed_grains;
}

static void drop_grain(struct table *t, uint32_t index, uint32_t empty)
{
	struct sparse *s = t->s;

	places_add(&s->dropped, (struct place){ le32toh(t->gte[index]), s->h.grain });
	t->gte[index] = htole32(empty);
	sparse_table_dirty(t);
}

static bool can_drop(const struct table *t, uint32_t index)
{
	return sparse_kind_of(t->s, le32toh(t->gte[index])) == RUN_DATA && !sparse_grain_busy(t, index);
}

static void note_dropped(struct sparse *s)
{
	s->written = true;
	s->x.host->dirtied(s->x.host->arg, &s->x, true);
	if (s->dropped.count >= DROPPED_KICK)
		s->x.host->sync_soon(s->x.host->arg);
}

// COUNT whole grains from INDEX on.
static void drop_grains(struct table *t, uint32_t index, uint32_t count, uint32_t empty)
{
	bool dropped = false;

	for (uint32_t i = index; i < index + count; i++) {
		if (!can_drop(t, i))
			continue;
		drop_grain(t, i, empty);
		dropped = true;
	}
	if (dropped)
		note_dropped(t->s);
}

// The grain stays where it is; the bytes become a hole.
static void hollow_out(const struct table *t, uint32_t index, struct run *run)
{
	const struct sparse *s = t->s;

	run->length = s->grain_bytes;
	if (!can_drop(t, index))
		return;
	run->kind = RUN_DATA;
	run->file = s->file;
	run->file_offset = (uint64_t)le32toh(t->gte[index]) * 512;
}

// Bytes up to where whole grains begin or the request ends; 0 when they begin here.
static uint64_t ragged(const struct sparse *s, const struct map_want *want)
{
	uint64_t inner = want->offset % s->grain_bytes;

	if (inner)
		return MIN(want->length, s->grain_bytes - inner);
	return want->length < s->grain_bytes ? want->length : 0;
}

int sparse_discard(struct extent *x, const struct map_want *want, struct run *run)
{
	struct sparse *s = sparse_of(x);
	uint32_t index = (uint32_t)(want->offset / s->table_cover), first, count, empty;
	uint64_t in_table = want->offset % s->table_cover;
	struct table *t;
	int r;

	if (s->readonly)
		return -EROFS;
	*run = (struct run){ .kind = RUN_ABSENT, .length = ragged(s, want) };
	if (run->length)
		return 0;
	run->length = MIN(want->length, s->table_cover - in_table);
	if (!s->directory[index])
		return 0;
	r = sparse_table_get(s, index, want->waiter, &t);
	if (r < 0)
		return r;
	first = (uint32_t)(in_table / s->grain_bytes);
	count = (uint32_t)(run->length / s->grain_bytes);
	if (!empty_entry(s, &empty)) {
		hollow_out(t, first, run);
		return 0;
	}
	drop_grains(t, first, count, empty);
	run->length = count * s->grain_bytes;
	return 0;
}

// --- out of the file -------------------------------------------------------------------------------------

static void punch_next(struct sparse *s);

// A place that could not be made a hole is not used again: the space is lost, until the disk is shrunk.
static void punched(struct file_op *op, int result)
{
	struct sparse *s = CONTAINER_OF(op, struct sparse, punch);

	if (result >= 0)
		places_add(&s->free, s->hole);
	punch_next(s);
}

static void settled(struct waiter *w, int result)
{
	(void)result;
	punch_next(CONTAINER_OF(w, struct sparse, settled));
}

static void punch_next(struct sparse *s)
{
	if (!places_take(&s->left, &s->hole)) {
		s->punching = false;
		--*s->x.host->background;
		// What has come meanwhile has not settled yet.
		if (s->leaving.count && !s->syncing)
			sparse_places_left(s);
		return;
	}
	s->punch = (struct file_op){ .loop = s->x.host->loop,
				     .file = s->file,
				     .kind = FILE_PUNCH,
				     .offset = s->hole.first * 512,
				     .left = s->hole.count * 512,
				     .done = punched };
	file_op_start(&s->punch);
}

void sparse_places_left(struct sparse *s)
{
	// While others are being punched these stay in `leaving`; they join them, or the next sync takes them along.
	if (!s->leaving.count || s->punching)
		return;
	places_move(&s->left, &s->leaving);
	s->punching = true;
	++*s->x.host->background;
	s->settled.fn = settled;
	s->x.host->settle(s->x.host->arg, &s->settled);
}
