// grain_cache.c: lookup by number, least recently used order, waiting for content and for room.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/grain_cache.h"

#include <errno.h>
#include <stdlib.h>

static struct cache_entry **bucket_of(struct grain_cache *c, uint64_t number)
{
	return &c->buckets[number % CACHE_BUCKETS];
}

static struct cache_entry *find(struct grain_cache *c, uint64_t number)
{
	struct cache_entry *e = *bucket_of(c, number);

	while (e && e->number != number)
		e = e->chain;
	return e;
}

// --- order ---------------------------------------------------------------------------------------------

static void unlink_age(struct grain_cache *c, struct cache_entry *e)
{
	*(e->newer ? &e->newer->older : &c->newest) = e->older;
	*(e->older ? &e->older->newer : &c->oldest) = e->newer;
}

static void link_newest(struct grain_cache *c, struct cache_entry *e)
{
	e->newer = NULL;
	e->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = e;
	c->newest = e;
}

static void touch(struct grain_cache *c, struct cache_entry *e)
{
	if (c->newest == e)
		return;
	unlink_age(c, e);
	link_newest(c, e);
}

// --- entries -------------------------------------------------------------------------------------------

static void drop(struct grain_cache *c, struct cache_entry *e)
{
	struct cache_entry **at = bucket_of(c, e->number);

	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
	unlink_age(c, e);
	c->count--;
	if (c->ops->drop)
		c->ops->drop(c, e);
	free(e);
}

static bool drop_oldest(struct grain_cache *c)
{
	struct cache_entry *e = c->oldest;

	while (e && (e->pins || e->filling))
		e = e->newer;
	if (e)
		drop(c, e);
	return e != NULL;
}

static bool any_filling(const struct grain_cache *c)
{
	const struct cache_entry *e = c->newest;

	while (e && !e->filling)
		e = e->older;
	return e != NULL;
}

static int wait_in(struct waiter **list, struct waiter *w)
{
	w->next = *list;
	*list = w;
	return -EINPROGRESS;
}

// A place for one more entry: 0, -EINPROGRESS (W waits) or -errno.
static int ensure_room(struct grain_cache *c, struct waiter *w)
{
	int r;

	if (c->count < c->max || drop_oldest(c))
		return 0;
	if (any_filling(c))
		return wait_in(&c->starved, w);
	r = c->ops->make_room ? c->ops->make_room(c) : -ENOMEM;
	if (r < 0)
		return r;
	return drop_oldest(c) ? 0 : wait_in(&c->starved, w);
}

static int add(struct grain_cache *c, uint64_t number, struct waiter *w, struct cache_entry **out)
{
	struct cache_entry *e;
	int r = ensure_room(c, w);

	if (r < 0)
		return r;
	e = calloc(1, c->ops->entry_size + c->extra);
	if (!e)
		return -ENOMEM;
	e->number = number;
	e->chain = *bucket_of(c, number);
	*bucket_of(c, number) = e;
	link_newest(c, e);
	c->count++;
	*out = e;
	return 0;
}

int cache_make(struct grain_cache *c, uint64_t number, struct waiter *w, struct cache_entry **out)
{
	struct cache_entry *e = find(c, number);

	if (!e)
		return add(c, number, w, out);
	if (e->filling)
		return wait_in(&e->waiters, w);
	touch(c, e);
	*out = e;
	return 0;
}

int cache_get(struct grain_cache *c, uint64_t number, struct waiter *w, struct cache_entry **out)
{
	struct cache_entry *e = find(c, number);
	int r;

	if (e)
		return cache_make(c, number, w, out);
	r = add(c, number, w, &e);
	if (r < 0)
		return r;
	r = c->ops->fill(c, e);
	if (r < 0) {
		drop(c, e);
		return r;
	}
	e->filling = true;
	return wait_in(&e->waiters, w);
}

static void call_all(struct waiter *list, int result)
{
	while (list) {
		struct waiter *w = list;

		list = w->next;
		w->fn(w, result);
	}
}

void cache_wake(struct grain_cache *c, int result)
{
	struct waiter *list = c->starved;

	c->starved = NULL;
	call_all(list, result);
}

void cache_filled(struct grain_cache *c, struct cache_entry *e, int result)
{
	struct waiter *list = e->waiters;

	e->waiters = NULL;
	e->filling = false;
	if (result < 0)
		drop(c, e);
	call_all(list, result);
	cache_wake(c, 0);
}

void cache_unpin(struct grain_cache *c, struct cache_entry *e)
{
	if (--e->pins == 0)
		cache_wake(c, 0);
}

void cache_init(struct grain_cache *c, const struct cache_ops *ops, size_t extra, unsigned max)
{
	*c = (struct grain_cache){ .ops = ops, .extra = extra, .max = max };
}

void cache_destroy(struct grain_cache *c)
{
	while (c->newest)
		drop(c, c->newest);
}
