// image.h: a disk as the engine sees it: layers of extents, requests cut into runs, flushes, the content id.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Inside block/ only. Formats build an image (image_new, image_add_*), image_ready() turns it into a disk.
#ifndef BERTH_BLOCK_IMAGE_H
#define BERTH_BLOCK_IMAGE_H

#include "block/cache.h"
#include "block/content_id.h"
#include "block/disk.h"
#include "block/extent.h"
#include "block/flusher.h"

#define IMAGE_MAX_LAYERS  33u                   // VMware's 32 snapshots on their base
#define IMAGE_MAX_EXTENTS 65536u
#define IMAGE_MAX_SIZE    (1ull << 46)          // 64 TiB, more than any VMware disk
#define IMAGE_TABLES_MAX  (16u << 20)           // bytes of tables in memory that could be read again
#define IMAGE_SHORTCUTS   4096u                 // of 8 bytes

struct task;
struct transfer;

// The extents of one image of a chain, in order, without gaps: extent i starts where i - 1 ends.
struct layer {
	struct extent **extents;
	size_t count, room;
	uint64_t size;
	size_t last;                            // where the search starts: requests tend to stay in one extent
};

// Who waits until the transfers that are under way now have ended. Transfers are counted in two heaps; while the
// older one is waited for, new ones go to the other.
struct settling {
	unsigned under_way[2], now;             // `now`: where new ones are counted
	bool waiting;                           // for under_way[!now]
	struct waiter *running, *next;
};

struct image {
	struct disk disk;
	struct layer layers[IMAGE_MAX_LAYERS];  // [0] takes the writes, the last one is the base
	unsigned layer_count;
	struct image_file *files;               // all, closed with the image
	struct extent_host host;
	struct flusher flusher;
	struct content_id content;
	bool write_through;
	bool direct;                            // flat extents go past the page cache
	unsigned transfers;                     // with the kernel
	unsigned copies;                        // writes that fetch the rest of their units from below
	unsigned background;
	struct settling settling;
	struct cache tables;
	uint64_t *shortcuts;                    // through long chains (image_io.c); NULL = none
	struct task *free_tasks, *starved, **starved_tail;
	struct transfer *free_transfers;
};

// KIND is a static string. 0 or -ENOMEM.
int image_new(struct loop *loop, const struct disk_open_args *args, const char *kind, struct image **out,
	      struct err *err);
// IMG takes FILE over, unless it has it already.
void image_add_file(struct image *img, struct image_file *file);
// Extents from now on belong to a further layer, below those that are there. -EMLINK when there are too many.
int image_add_layer(struct image *img, struct err *err);
// Appends X to the lowest layer with LENGTH bytes; takes X over, also when it fails.
int image_add_extent(struct image *img, struct extent *x, uint64_t length, struct err *err);
// All is there, and the layers are of one size: sets the disk's size and operations and hands it out.
void image_ready(struct image *img, struct disk **out);
// For images that never became a disk.
void image_free(struct image *img);

// The engine (image_io.c): cuts requests into runs.
void image_submit(struct disk *disk, struct block_req *req);
// image_task.c
void image_free_pools(struct image *img);
void image_settle(void *arg, struct waiter *waiter);    // arg: the image

// The formats.
int raw_open(struct loop *loop, const struct disk_open_args *args, struct disk **out, struct err *err);
int vmdk_open(struct loop *loop, const struct disk_open_args *args, struct disk **out, struct err *err);

#endif
