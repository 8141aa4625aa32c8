// extent.h: a stretch of a disk that one format keeps in one file: from disk offsets to file offsets.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// An extent does no guest I/O itself: map() says where the bytes lie, the engine moves them, written() tells
// the extent how that went. Everything runs on the disk's loop thread.
#ifndef BERTH_BLOCK_EXTENT_H
#define BERTH_BLOCK_EXTENT_H

#include "block/image_file.h"

struct extent;
struct table;

// Something that goes on when an answer is there; embedded by its owner.
struct waiter {
	void (*fn)(struct waiter *waiter, int result);
	struct waiter *next;
};

enum run_kind {
	RUN_DATA,       // at file_offset of file
	RUN_ZERO,       // reads as zeros, whatever lies below
	RUN_ABSENT,     // not in this layer: ask the one below; zeros when there is none
	RUN_MEMORY,     // a read alone: at `memory`, until the next call of map(); the engine copies at once
};

struct run {
	enum run_kind kind;
	uint64_t length;        // bytes, at least 1
	struct image_file *file;
	uint64_t file_offset;
	const uint8_t *memory;
	// A write alone: the place is new. With layers below (extent.below) the engine writes whole units there: what
	// the request leaves out of the first and the last unit is taken from below, zeros where nothing is.
	bool fresh;
	// The extent's own: the grains that a write has reserved.
	struct table *table;
	uint32_t first, count;
};

struct map_want {
	uint64_t offset;        // in the extent, bytes
	uint64_t length;        // at least 1, inside the extent
	bool write;
	struct waiter *waiter;
};

struct extent_ops {
	// Fills RUN for a piece from the start of WANT, as long as it can. 0; -EINPROGRESS when metadata must
	// be read first (want->waiter is then called once, later, and map() asked again); other -errno when
	// it fails. A write gets RUN_DATA or an error. With layers below, a write to a unit whose first write
	// is still under way waits for it (-EINPROGRESS): that one fills the whole unit.
	int (*map)(struct extent *x, const struct map_want *want, struct run *run);
	// The write to RUN has ended with RESULT. Called once for every mapped write.
	void (*written)(struct extent *x, const struct run *run, int result);
	// Makes durable what written() has reported before the call, then calls waiter->fn (also from
	// inside). One at a time.
	void (*sync)(struct extent *x, struct waiter *waiter);
	// After the last sync, nothing in flight: CLEAN when that one worked. Writes the closing marks. May
	// wait.
	int (*close)(struct extent *x, bool clean, struct err *err);
	void (*free)(struct extent *x);
	// May be NULL: then holes are punched where map() finds data, if `discard` is set. Gives up what WANT (its `write`
	// is not looked at) covers from its start on, as long as it can: RUN_DATA asks for a hole there, the
	// other kinds need nothing more. What cannot be given up stays as it is. Results as of map().
	int (*discard)(struct extent *x, const struct map_want *want, struct run *run);
	// May be NULL. map() may be asked for OFFSET next: brings what it will look at into the processor's cache.
	void (*prefetch)(const struct extent *x, uint64_t offset);
};

// What an extent needs from the disk it belongs to.
struct extent_host {
	struct loop *loop;
	// There is something to sync in X; METADATA: pointers to data that a crash would lose.
	void (*dirtied)(void *arg, struct extent *x, bool metadata);
	void (*sync_soon)(void *arg);           // much has gathered: start a sync without being asked
	// Calls waiter->fn when everything that was mapped before this call has ended (also from inside): a place that
	// no map() gives out any more is nobody's then.
	void (*settle)(void *arg, struct waiter *waiter);
	void *arg;
	struct cache *tables;                   // of the whole image
	unsigned *background;                   // operations that no request waits for; closing waits until it is 0
};

struct extent {
	const struct extent_ops *ops;
	const struct extent_host *host;
	uint64_t start, length;         // bytes, in the disk
	uint64_t unit;                  // bytes that get a place together (a grain), a power of two; 0 = all have one
	bool below;                     // the image has layers below this one; set by image_ready()
	bool discard;                   // holes may be punched where map() finds data
	// The flusher's.
	bool dirty;
	struct extent *next_dirty;
	struct waiter synced;
	void *flusher;
};

// --- kinds ---------------------------------------------------------------------------------------------

struct flat_args {
	struct image_file *file;        // stays the image's
	uint64_t offset;                // bytes, where the extent starts in the file
	bool readonly;
};
// 0 or -ENOMEM. START, LENGTH and host are set by image_add_extent().
int extent_flat_new(const struct flat_args *args, struct extent **out);
// No file: reads give zeros, or -EACCES when NOACCESS is set; writes are refused.
int extent_zero_new(bool noaccess, struct extent **out);

#endif
