// cache.h: a bound on the memory of things that can be read again; a clock chooses what goes.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_CACHE_H
#define BERTH_BLOCK_CACHE_H

#include <stdbool.h>
#include <stddef.h>

// Embedded by its owner.
struct cached {
	struct cached *prev, *next;     // a ring; NULL = in no cache
	size_t bytes;
	bool used;                      // since the hand came by; the owner sets it
	// The owner lets go of it (after cache_remove()) and returns true, or needs it still and returns false.
	bool (*evict)(struct cached *c);
};

struct cache {
	struct cached *hand;
	size_t bytes, limit;
	unsigned count;
};

// Adds C, then evicts others until the limit holds again or nothing more can go. Loop thread, as all of this.
void cache_add(struct cache *cache, struct cached *c);
void cache_remove(struct cache *cache, struct cached *c);
// Evicts until BYTES more would be within the limit; false when those that are needed still leave less than that.
bool cache_make_room(struct cache *cache, size_t bytes);
// For owners whose things have become dispensable.
void cache_trim(struct cache *cache);

#endif
