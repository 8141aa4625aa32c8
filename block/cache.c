// cache.c: the clock: one hand over a ring; what was used since the last round gets another one.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/cache.h"

static void link_behind_hand(struct cache *cache, struct cached *c)
{
	struct cached *hand = cache->hand;

	if (!hand) {
		c->prev = c->next = c;
		cache->hand = c;
		return;
	}
	c->next = hand;
	c->prev = hand->prev;
	c->prev->next = c;
	hand->prev = c;
}

void cache_remove(struct cache *cache, struct cached *c)
{
	if (!c->next)
		return;
	if (cache->hand == c)
		cache->hand = c->next == c ? NULL : c->next;
	c->prev->next = c->next;
	c->next->prev = c->prev;
	c->next = c->prev = NULL;
	cache->bytes -= c->bytes;
	cache->count--;
}

// Two rounds: the first may do no more than take the marks away.
bool cache_make_room(struct cache *cache, size_t bytes)
{
	for (unsigned steps = 2 * cache->count; steps && cache->hand && cache->bytes + bytes > cache->limit; steps--) {
		struct cached *c = cache->hand;

		cache->hand = c->next;
		if (c->used)
			c->used = false;
		else
			c->evict(c);
	}
	return cache->bytes + bytes <= cache->limit;
}

void cache_trim(struct cache *cache)
{
	cache_make_room(cache, 0);
}

void cache_add(struct cache *cache, struct cached *c)
{
	link_behind_hand(cache, c);
	c->used = true;
	cache->bytes += c->bytes;
	cache->count++;
	cache_trim(cache);
}
