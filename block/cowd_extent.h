// cowd_extent.h: an ESX sparse extent (vmfsSparse): tables in a bounded cache, new grains, their way to disk.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The order that makes a power cut harmless
// -----------------------------------------
// As in block/sparse.h, with two differences: there is one copy of each table, and the header says where the space
// that is free begins. Whoever opens the file next on ESX takes new space from there, so the number must be on the
// disk before any table points to what lies below it. New grains and tables are taken from behind what was the file's
// end when it was opened. A flush:
//
//   1. a snapshot of the dirty tables is taken; "not closed properly" (once per session), the new start of free
//      space and the content of new tables, which the directory does not know yet, are written
//   2. fdatasync: the data of every write that had completed before the snapshot, the length, the marks
//   3. the snapshot goes to the other tables, the directory learns of the new ones
//   4. fdatasync, and the flush completes
//
// A cut before 3 leaves the old tables; a cut within 3 some of the new entries, each of which points to data that is
// safe: an entry of four bytes does not cross a sector. Closing flushes, then writes the start of free space and the
// mark. Tables that are dirty, in a snapshot or waiting for data stay in memory; when all are, a flush is started and
// the request waits.
#ifndef BERTH_BLOCK_COWD_EXTENT_H
#define BERTH_BLOCK_COWD_EXTENT_H

#include "base/compiler.h"
#include "block/cowd_header.h"
#include "block/extent.h"
#include "block/grain_cache.h"

#define COWD_CACHE_TABLES 256u          // 4 MiB
#define COWD_DIRTY_MAX    128u          // dirty tables that start a flush by themselves

struct cowd;

// Grains of one table that have a place but no entry yet, while writes to them are in flight.
struct cowd_allocs {
	unsigned active;                // slots with refs
	struct {
		uint32_t where;         // sector
		uint32_t refs;          // writes in flight
	} slot[COWD_TABLE_ENTRIES];
};

// A grain table in memory: what it says is the truth, the disk follows.
struct cowd_table {
	struct grain_entry e;           // pinned while dirty, in a snapshot, or with allocs
	struct cowd *c;
	bool fresh;                     // its directory entry is not on the disk yet
	bool dirty;
	struct cowd_table *next_dirty;
	struct file_op op;
	struct iovec iov;
	struct cowd_allocs *allocs;
	struct waiter *blocked;         // want a grain whose first write is under way
	uint32_t gte[COWD_TABLE_ENTRIES];       // little endian, as in the file
};

struct cowd_write {
	struct file_op op;
	struct iovec iov;
	struct cowd *c;
	uint32_t value;                 // little endian: what the small ones write
};

struct cowd_snapshot;

struct cowd {
	struct extent x;
	struct cowd_header h;
	struct image_file *file;
	bool readonly;
	uint64_t grain_bytes, table_cover;      // of the file; of the disk
	uint32_t *directory;                    // host order
	uint8_t *seen;                          // bit per table: checked against the file as it was opened, or ours
	uint32_t *starts;                       // sectors of the tables at open, in order; NULL when only read
	uint32_t start_count;
	uint64_t open_sectors;                  // of the file at open
	uint64_t next;                          // sector where new space begins
	struct grain_cache cache;
	struct cowd_table *dirty_tables;
	unsigned dirty_count;
	uint64_t free_on_disk;                  // the header's start of free space
	bool marked;                            // "not closed properly" is on the disk
	bool written;                           // in this session
	int sync_result;                        // of the last sync
	// The sync that is under way.
	struct waiter *syncing;
	struct cowd_snapshot *snapshots;
	size_t snapshot_count;
	unsigned writes;
	int result;
	void (*then)(struct cowd *c);           // the step behind the writes that are under way
	struct file_op op;
	struct cowd_write mark_write, free_write;
};

static inline struct cowd *cowd_of(struct extent *x)
{
	return CONTAINER_OF(x, struct cowd, x);
}

static inline struct cowd_table *cowd_table_of(struct grain_entry *e)
{
	return CONTAINER_OF(e, struct cowd_table, e);
}

// --- cowd_open.c
struct cowd_args {
	struct image_file *file;        // stays the image's
	uint64_t sectors;               // what the descriptor says
	bool readonly;
};
int extent_cowd_new(const struct cowd_args *args, struct extent **out, struct err *err);
// The first entry of a table's content that cannot be, or -1.
int64_t cowd_table_check(const struct cowd *c, uint32_t index, const uint32_t *gte);
static inline bool cowd_seen(const struct cowd *c, uint64_t index)
{
	return c->seen[index / 8] >> index % 8 & 1;
}
static inline void cowd_set_seen(struct cowd *c, uint64_t index)
{
	c->seen[index / 8] |= (uint8_t)(1u << index % 8);
}

// --- cowd_map.c
extern const struct grain_cache_ops cowd_cache_ops;
int cowd_map(struct extent *x, const struct map_want *want, struct run *run);

// --- cowd_alloc.c
// SECTORS of new space at the end of the file.
int cowd_take_space(struct cowd *c, uint64_t sectors, uint32_t *where);
// Reserves places for the absent grains that WANT touches, as far as they are contiguous. INDEX is the entry that
// WANT starts in.
int cowd_reserve(struct cowd_table *t, uint32_t index, const struct map_want *want, struct run *run);
void cowd_table_dirty(struct cowd_table *t);
void cowd_written(struct extent *x, const struct run *run, int result);

// --- cowd_sync.c
void cowd_sync(struct extent *x, struct waiter *waiter);
int cowd_close(struct extent *x, bool clean, struct err *err);

#endif
