// grain_cache.h: a bounded number of tables or grains in memory, found by number; the least recently used one goes.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// For formats whose tables together would not fit: a COWD disk of 2 TiB has 16 GiB of them. The owner fills an entry
// (reads, checks, inflates); those who ask for it meanwhile wait. An entry that is pinned stays. Loop thread only.
#ifndef BERTH_BLOCK_GRAIN_CACHE_H
#define BERTH_BLOCK_GRAIN_CACHE_H

#include "block/extent.h"

#define CACHE_BUCKETS 256u

struct cache_entry {
	uint64_t number;
	bool filling;
	unsigned pins;                  // holds it in memory; the owner's
	struct waiter *waiters;
	struct cache_entry *chain;      // in its bucket
	struct cache_entry *newer, *older;
};

struct grain_cache;

struct cache_ops {
	size_t entry_size;              // of the owner's struct, which begins with its cache_entry; zeroed when made
	// Starts filling E: 0, and cache_filled() reports the end, later. Or -errno, and E is dropped.
	int (*fill)(struct grain_cache *c, struct cache_entry *e);
	// E leaves the cache; it is freed afterwards. May be NULL.
	void (*drop)(struct grain_cache *c, struct cache_entry *e);
	// All entries are pinned: something that unpins some must be started. 0 or -errno. NULL = nobody pins.
	int (*make_room)(struct grain_cache *c);
};

struct grain_cache {
	const struct cache_ops *ops;
	size_t extra;                   // bytes behind the owner's struct
	unsigned max, count;
	struct cache_entry *buckets[CACHE_BUCKETS];
	struct cache_entry *newest, *oldest;
	struct waiter *starved;         // found the cache full of entries in use
};

// MAX entries, at least 1, of ops->entry_size + EXTRA bytes.
void cache_init(struct grain_cache *c, const struct cache_ops *ops, size_t extra, unsigned max);
// Frees all entries; none is being filled.
void cache_destroy(struct grain_cache *c);
// The filled entry NUMBER, 0. Or -EINPROGRESS: W is called once, later, with 0 (ask again) or -errno. Or another
// -errno.
int cache_get(struct grain_cache *c, uint64_t number, struct waiter *w, struct cache_entry **out);
// The same for an entry that has no content to be read: it is made, zeroed, when it is not there.
int cache_make(struct grain_cache *c, uint64_t number, struct waiter *w, struct cache_entry **out);
// Filling E has ended. With -errno the entry is dropped and freed.
void cache_filled(struct grain_cache *c, struct cache_entry *e, int result);
void cache_unpin(struct grain_cache *c, struct cache_entry *e);
// Calls those who wait for room; with -errno when there will be none.
void cache_wake(struct grain_cache *c, int result);

#endif
