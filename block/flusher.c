// flusher.c: one run syncs every dirty extent, in parallel, then completes the flushes that asked for it.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A flush that arrives while a run is under way waits for the next one: the running one may have taken its
// snapshot before the writes that this flush must cover. All flushes that wait share the next run.
#include "block/flusher.h"

#include <errno.h>

#include "base/compiler.h"

#define METADATA_DELAY 5000000000ull    // nanoseconds until unflushed metadata goes to disk by itself

static void start_run(struct flusher *f);

static void end_run(struct flusher *f)
{
	struct block_req *list = f->running;

	f->running = NULL;
	f->last = f->result;
	f->runs++;
	while (list) {
		struct block_req *req = list;

		list = req->next;
		disk_complete_later(f->disk, req, f->result);
	}
	f->active = false;
	if (f->waiting || f->again)
		start_run(f);
}

static void drop_pending(struct flusher *f)
{
	if (--f->pending == 0)
		end_run(f);
}

static void extent_synced(struct waiter *w, int result)
{
	struct extent *x = CONTAINER_OF(w, struct extent, synced);
	struct flusher *f = x->flusher;

	if (result < 0) {
		if (!f->result)
			f->result = result;
		flusher_dirtied(f, x, false);
	}
	drop_pending(f);
}

static void start_run(struct flusher *f)
{
	struct extent *list = f->dirty;

	loop_timer_cancel(&f->timer);
	f->active = true;
	f->again = false;
	f->running = f->waiting;
	f->waiting = NULL;
	f->dirty = NULL;
	f->result = 0;
	f->pending = 1;
	while (list) {
		struct extent *x = list;

		list = x->next_dirty;
		x->dirty = false;
		f->pending++;
		x->synced.fn = extent_synced;
		x->ops->sync(x, &x->synced);
	}
	drop_pending(f);
}

void flusher_dirtied(struct flusher *f, struct extent *x, bool metadata)
{
	if (metadata && !f->timer.armed)
		loop_timer_set(&f->timer, loop_now() + METADATA_DELAY);
	if (x->dirty)
		return;
	x->dirty = true;
	x->flusher = f;
	x->next_dirty = f->dirty;
	f->dirty = x;
}

void flusher_add(struct flusher *f, struct block_req *req)
{
	req->next = f->waiting;
	f->waiting = req;
	if (!f->active)
		start_run(f);
}

void flusher_kick(struct flusher *f)
{
	if (f->active)
		f->again = true;
	else
		start_run(f);
}

static void timer_due(void *arg)
{
	flusher_kick(arg);
}

void flusher_init(struct flusher *f, struct disk *disk)
{
	f->disk = disk;
	loop_timer_init(&f->timer, disk->loop, timer_due, f);
}

int flusher_drain(struct flusher *f)
{
	int r = 0;

	loop_timer_cancel(&f->timer);
	if (f->dirty || f->active)
		flusher_kick(f);
	while (!r && f->active)
		r = loop_turn(f->disk->loop);
	loop_timer_cancel(&f->timer);
	return r < 0 ? r : f->dirty ? f->last ? f->last : -EIO : 0;
}
