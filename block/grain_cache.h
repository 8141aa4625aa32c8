// grain_cache.h: a bounded number of tables or grains in memory, found by number.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// For formats whose tables together would not fit: a COWD disk of 2 TiB has 16 GiB of them. The owner fills an entry
// (reads, checks, inflates); those who ask for it meanwhile wait. An entry that is pinned stays; which of the others goes
// is for block/cache.h to say. Loop thread only.
#ifndef BERTH_BLOCK_GRAIN_CACHE_H
#define BERTH_BLOCK_GRAIN_CACHE_H

#include "block/cache.h"
#include "block/extent.h"

#define GRAIN_CACHE_BUCKETS 256u

struct grain_entry {
	struct cached cached;
	struct grain_cache *cache;
	uint64_t number;
	bool filling;
	unsigned pins;                  // holds it in memory; the owner's
	struct waiter *waiters;
	struct grain_entry *chain;      // in its bucket
};

struct grain_cache;

struct grain_cache_ops {
	size_t entry_size;              // of the owner's struct, which begins with its grain_entry; zeroed when made
	// Starts filling E: 0, and grain_cache_filled() reports the end, later. Or -errno, and E is dropped.
	int (*fill)(struct grain_cache *c, struct grain_entry *e);
	// E leaves the cache; it is freed afterwards. May be NULL.
	void (*drop)(struct grain_cache *c, struct grain_entry *e);
	// All entries are pinned: something that unpins some must be started. 0 or -errno. NULL = nobody pins.
	int (*make_room)(struct grain_cache *c);
};

struct grain_cache {
	const struct grain_cache_ops *ops;
	size_t extra;                   // bytes behind the owner's struct
	struct cache bound;
	unsigned filling;               // entries that are being filled
	struct grain_entry *buckets[GRAIN_CACHE_BUCKETS];
	struct waiter *starved;         // found the cache full of entries in use
};

// MAX entries, at least 1, of ops->entry_size + EXTRA bytes.
void grain_cache_init(struct grain_cache *c, const struct grain_cache_ops *ops, size_t extra, unsigned max);
// Frees all entries; none is being filled.
void grain_cache_destroy(struct grain_cache *c);
// The filled entry NUMBER, 0. Or -EINPROGRESS: W is called once, later, with 0 (ask again) or -errno. Or another
// -errno.
int grain_cache_get(struct grain_cache *c, uint64_t number, struct waiter *w, struct grain_entry **out);
// The same for an entry that has no content to be read: it is made, zeroed, when it is not there.
int grain_cache_make(struct grain_cache *c, uint64_t number, struct waiter *w, struct grain_entry **out);
// Filling E has ended. With -errno the entry is dropped and freed.
void grain_cache_filled(struct grain_cache *c, struct grain_entry *e, int result);
void grain_cache_unpin(struct grain_cache *c, struct grain_entry *e);
// Calls those who wait for room; with -errno when there will be none.
void grain_cache_wake(struct grain_cache *c, int result);

#endif
