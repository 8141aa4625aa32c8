// sparse.h: a hosted sparse extent: grain directory, grain tables, new grains, and their way to disk.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The order that makes a power cut harmless
// -----------------------------------------
// A new grain lies in a hole of the file: behind what was its end, or punched out again. The file system
// gives zeros there, also after a crash (ext4, XFS and btrfs do, unless told to be careless with
// data=writeback), so a write that fills a part of a grain needs no padding, and writes to different parts of
// one new grain go in parallel. The table in memory points to the grain when the first of them has completed;
// from then on every read finds it. On the disk the table changes at the next flush only:
//
//   1. a snapshot of the dirty tables is taken; byte 72 of the header says "not closed" (once per session),
//      and the content of new tables, which no directory knows yet, is written
//   2. fdatasync: the data of every write that had completed before the snapshot, the file's length, the mark
//   3. the snapshot goes to the other tables and their redundant copies, the directories learn of the new
//      ones
//   4. fdatasync, and the flush completes
//
// Entries that appear in memory after 1 are not in the snapshot, so nothing on the disk ever points to what
// is not there yet. A cut before 3 leaves the old tables: the grains behind them are lost space, nothing
// else. A cut within 3 leaves some of the entries, in one copy or both, and each of them points to data that
// is safe; the mark tells the next user to compare the copies. Closing flushes first and clears the mark
// last.
//
// On top of other layers a grain that is absent shows what lies below, so its first write is not shared: the engine
// writes the whole grain, and other writes to it wait until that one has ended (table.blocked). A grain of zeros
// (entry 1) needs none of this: its new place is a hole.
//
// Grains that the guest discards leave the table in memory at once; their places are made holes, and given out
// again, only when the table is on the disk and every transfer that may have been mapped to them has ended.
#ifndef BERTH_BLOCK_SPARSE_H
#define BERTH_BLOCK_SPARSE_H

#include "base/compiler.h"
#include "block/cache.h"
#include "block/extent.h"
#include "block/places.h"
#include "block/vmdk_header.h"

struct sparse;

// Grains of one table that have a place but no entry yet, while writes to them are in flight.
struct allocs {
	unsigned active;                // slots with refs
	struct {
		uint32_t where;         // sector
		uint32_t refs;          // writes in flight
	} slot[];
};

// A grain table in memory. What it says is the truth, the disk follows; while both agree and nobody needs it, it may
// be dropped and read again.
struct table {
	struct sparse *s;
	struct cached cached;
	uint32_t index;                 // in the directory
	bool loading, from_copy;        // being read; from the redundant copy
	bool fresh;                     // its directory entry is not on the disk yet
	bool dirty;
	bool syncing;                   // a snapshot of it is on its way
	struct table *next_dirty;
	struct file_op op;
	struct iovec iov;
	struct waiter *waiters;
	struct waiter *blocked;         // until a write to a fresh grain has ended
	struct allocs *allocs;
	uint32_t gte[];                 // little endian, as in the file
};

// Sectors [first, end) that hold metadata although they lie where grains may lie.
struct span { uint64_t first, end; };

struct snapshot;

// A piece of metadata on its way to disk.
struct sparse_write {
	struct file_op op;
	struct iovec iov;
	struct sparse *s;
};

struct sparse {
	struct extent x;
	struct sparse_header h;
	struct image_file *file;
	bool readonly;
	uint64_t grain_bytes, table_bytes, table_cover;         // of the file; of the disk
	unsigned grain_shift, cover_shift;      // the same as powers of two: a chain is looked through layer by layer
	uint32_t *directory, *redundant;        // host order; redundant NULL = none
	struct table **tables;                  // NULL = not loaded, or absent when the directory says 0
	struct span *spans;
	size_t span_count;
	uint64_t open_sectors;                  // of the file at open, and what was given out since: entries lie below
	uint64_t next;                          // sector where the next new grain goes
	struct places free;                     // holes again
	struct places dropped;                  // no table in memory points there
	struct places leaving;                  // nor in the snapshots that are under way
	struct places left;                     // nor on the disk: to be made holes
	bool punching;
	struct waiter settled;
	struct file_op punch;
	struct place hole;                      // that is being punched
	bool keep_mark;                         // copies differ that were not mended
	struct table *dirty_tables;
	unsigned dirty_count;
	bool marked;                            // byte 72 on the disk is 1
	bool written;                           // in this session
	// The sync that is under way.
	struct waiter *syncing;
	struct snapshot *snapshots;
	size_t snapshot_count;
	unsigned writes;
	int result;
	void (*then)(struct sparse *s);         // the step behind the writes that are under way
	struct file_op op;
	struct sparse_write mark_write;
	uint8_t mark;
};

static inline struct sparse *sparse_of(struct extent *x)
{
	return CONTAINER_OF(x, struct sparse, x);
}

// --- sparse_open.c
struct sparse_args {
	struct image_file *file;        // stays the image's
	uint64_t sectors;               // what the descriptor says
	bool readonly;
};
// Reads and checks header and directories. HEADER receives a copy (may be NULL). 0 or -errno.
int sparse_header_read(const struct image_file *file, struct sparse_header *header, struct err *err);
int extent_sparse_new(const struct sparse_args *args, struct extent **out, struct err *err);

// --- sparse_check.c
// True when ENTRY, for grain number GRAIN of the extent, may stand in a table.
bool sparse_entry_ok(const struct sparse *s, uint64_t grain, uint32_t entry);
// The first bad entry of a table's content, or -1. GTE little endian.
int64_t sparse_table_check(const struct sparse *s, uint32_t index, const uint32_t *gte);
// Tables and directories must lie inside the file and, for writing, nowhere on top of each other.
int sparse_check_layout(struct sparse *s, struct err *err);
// An extent that was not closed properly: compares the two copies of every table. Those that differ are
// loaded and marked dirty, the good copy first. -EINVAL when both copies of one are bad. May wait.
int sparse_compare_copies(struct sparse *s, struct err *err);

// --- sparse_map.c
int sparse_map(struct extent *x, const struct map_want *want, struct run *run);
void sparse_prefetch(const struct extent *x, uint64_t offset);
struct table *sparse_table_new(struct sparse *s, uint32_t index);
// Makes T the table of its index and lets the cache count it.
void sparse_table_install(struct table *t);
// The loaded table of a directory entry that is not 0, or -EINPROGRESS with W waiting.
int sparse_table_get(struct sparse *s, uint32_t index, struct waiter *w, struct table **out);
enum run_kind sparse_kind_of(const struct sparse *s, uint32_t entry);
void sparse_table_dirty(struct table *t);

// --- sparse_alloc.c
// Reserves places for the unallocated grains that WANT touches, as far as they are contiguous in the file. T
// is loaded; INDEX is the entry that WANT starts in.
// -EINPROGRESS when another write has to fill the first grain before.
int sparse_reserve(struct table *t, uint32_t index, const struct map_want *want, struct run *run);
bool sparse_grain_busy(const struct table *t, uint32_t index);
// A table for a directory entry that has none.
int sparse_table_create(struct sparse *s, uint32_t index, struct table **out);
void sparse_written(struct extent *x, const struct run *run, int result);

// --- sparse_discard.c
int sparse_discard(struct extent *x, const struct map_want *want, struct run *run);
// The tables on the disk have forgotten the places in `leaving`.
void sparse_places_left(struct sparse *s);

// --- sparse_sync.c
void sparse_sync(struct extent *x, struct waiter *waiter);
int sparse_close(struct extent *x, bool clean, struct err *err);

#endif
