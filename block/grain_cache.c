// grain_cache.c: lookup by number, waiting for content and for room.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/grain_cache.h"

#include <errno.h>
#include <stdlib.h>

#include "base/compiler.h"

static struct grain_entry **bucket_of(struct grain_cache *c, uint64_t number)
{
	return &c->buckets[number % GRAIN_CACHE_BUCKETS];
}

static struct grain_entry *find(struct grain_cache *c, uint64_t number)
{
	struct grain_entry *e = *bucket_of(c, number);

	while (e && e->number != number)
		e = e->chain;
	return e;
}

// --- entries -------------------------------------------------------------------------------------------

static void drop(struct grain_cache *c, struct grain_entry *e)
{
	struct grain_entry **at = bucket_of(c, e->number);

	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
	cache_remove(&c->bound, &e->cached);
	if (c->ops->drop)
		c->ops->drop(c, e);
	free(e);
}

static bool evict(struct cached *cached)
{
	struct grain_entry *e = CONTAINER_OF(cached, struct grain_entry, cached);

	if (e->pins || e->filling)
		return false;
	drop(e->cache, e);
	return true;
}

static int wait_in(struct waiter **list, struct waiter *w)
{
	w->next = *list;
	*list = w;
	return -EINPROGRESS;
}

static size_t entry_bytes(const struct grain_cache *c)
{
	return c->ops->entry_size + c->extra;
}

// A place for one more entry: 0, -EINPROGRESS (W waits) or -errno.
static int ensure_room(struct grain_cache *c, struct waiter *w)
{
	int r;

	if (cache_make_room(&c->bound, entry_bytes(c)))
		return 0;
	if (c->filling)
		return wait_in(&c->starved, w);
	r = c->ops->make_room ? c->ops->make_room(c) : -ENOMEM;
	if (r < 0)
		return r;
	return cache_make_room(&c->bound, entry_bytes(c)) ? 0 : wait_in(&c->starved, w);
}

static int add(struct grain_cache *c, uint64_t number, struct waiter *w, struct grain_entry **out)
{
	struct grain_entry *e;
	int r = ensure_room(c, w);

	if (r < 0)
		return r;
	e = calloc(1, entry_bytes(c));
	if (!e)
		return -ENOMEM;
	e->cache = c;
	e->cached.bytes = entry_bytes(c);
	e->cached.evict = evict;
	e->number = number;
	e->chain = *bucket_of(c, number);
	*bucket_of(c, number) = e;
	cache_add(&c->bound, &e->cached);
	*out = e;
	return 0;
}

int grain_cache_make(struct grain_cache *c, uint64_t number, struct waiter *w, struct grain_entry **out)
{
	struct grain_entry *e = find(c, number);

	if (!e)
		return add(c, number, w, out);
	if (e->filling)
		return wait_in(&e->waiters, w);
	e->cached.used = true;
	*out = e;
	return 0;
}

int grain_cache_get(struct grain_cache *c, uint64_t number, struct waiter *w, struct grain_entry **out)
{
	struct grain_entry *e = find(c, number);
	int r;

	if (e)
		return grain_cache_make(c, number, w, out);
	r = add(c, number, w, &e);
	if (r < 0)
		return r;
	r = c->ops->fill(c, e);
	if (r < 0) {
		drop(c, e);
		return r;
	}
	e->filling = true;
	c->filling++;
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

void grain_cache_wake(struct grain_cache *c, int result)
{
	struct waiter *list = c->starved;

	c->starved = NULL;
	call_all(list, result);
}

void grain_cache_filled(struct grain_cache *c, struct grain_entry *e, int result)
{
	struct waiter *list = e->waiters;

	e->waiters = NULL;
	e->filling = false;
	c->filling--;
	if (result < 0)
		drop(c, e);
	call_all(list, result);
	grain_cache_wake(c, 0);
}

void grain_cache_unpin(struct grain_cache *c, struct grain_entry *e)
{
	if (--e->pins == 0)
		grain_cache_wake(c, 0);
}

void grain_cache_init(struct grain_cache *c, const struct grain_cache_ops *ops, size_t extra, unsigned max)
{
	*c = (struct grain_cache){ .ops = ops, .extra = extra };
	c->bound.limit = max * entry_bytes(c);
}

void grain_cache_destroy(struct grain_cache *c)
{
	while (c->bound.hand)
		drop(c, CONTAINER_OF(c->bound.hand, struct grain_entry, cached));
}
