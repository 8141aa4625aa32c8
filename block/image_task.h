// image_task.h: what is under way in an image: tasks that walk requests, transfers that the kernel has.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Inside the engine only (image_io.c, image_copy.c, image_task.c).
#ifndef BERTH_BLOCK_IMAGE_TASK_H
#define BERTH_BLOCK_IMAGE_TASK_H

#include "block/image.h"

#define TRANSFERS_MAX 256u      // in the kernel for one disk
#define COPIES_MAX    64u       // each holds up to two units in memory
#define IOV_MAX_RUN   1024      // the kernel's limit for one transfer
#define IOV_INLINE    16

struct copy;

// Where a request's vector has been used up to.
struct cursor {
	int index;
	size_t offset;
};

// Where a look through the layers had to wait for a table.
struct halt {
	uint64_t at;            // byte of the disk
	uint64_t length;        // of what the layers above do not have
	unsigned layer;
};

struct task {
	struct waiter waiter;
	struct image *img;
	struct block_req *req;
	struct copy *copy;              // the copy that this one reads for, NULL = a request from outside
	unsigned layer;                 // the first that is asked
	struct halt halt;
	uint64_t position;              // bytes of the request that were handed out
	struct cursor cursor;
	unsigned pending;               // transfers, and 1 while the walk is not over
	int result;                     // the first error
	struct task *next;
};

struct transfer {
	struct file_op op;
	struct task *task;
	struct extent *extent;
	struct run run;
	unsigned heap_of;               // of the settling counters
	struct copy *copy;
	struct iovec *heap;             // the vector when it does not fit in `iov`
	struct transfer *next;
	struct iovec iov[IOV_INLINE];
};

// --- image_task.c
struct task *task_take(struct image *img, struct block_req *req);
// Drops one of `pending`; the last one ends the request.
void task_put(struct task *t);
void task_fail(struct task *t, int result);
struct transfer *transfer_take(struct image *img);
void transfer_give(struct image *img, struct transfer *x);
// Between map() and the end of the transfer: see struct settling.
void transfer_count(struct image *img, struct transfer *x);
void transfer_uncount(struct image *img, struct transfer *x);
// Takes LEN bytes of the request's vector, as pieces into IOV; returns their number.
int task_slice(struct task *t, uint64_t len, struct iovec *iov);
void task_skip_zeroed(struct task *t, uint64_t len);
// The same with LEN bytes from FROM.
void task_copy_out(struct task *t, const uint8_t *from, uint64_t len);
// Bytes from the task's position on that MAX pieces cover; *PIECES says how many that are.
uint64_t task_span(const struct task *t, int max, int *pieces);

// --- image_io.c
// Goes on with tasks that found too much under way.
void task_feed_starved(struct image *img);
void task_walk(struct task *t);
void task_go_on(struct waiter *w, int result);
// Hands X to the kernel; its vector and t's count are in order.
void transfer_start(struct task *t, struct transfer *x);

// --- image_copy.c
// X is a mapped write to a fresh place, DISK_AT where it starts on the disk. Bytes of its units before and behind it.
bool copy_is_needed(const struct transfer *x, uint64_t disk_at, uint64_t *head, uint64_t *tail);
// Fetches HEAD and TAIL bytes from below, then starts X, whose vector has room for two more pieces. Takes the written
// bytes out of T's vector. The failure of a copy fails T.
void copy_start(struct task *t, struct transfer *x, uint64_t head, uint64_t tail);
// An edge was read.
void copy_edge_done(struct copy *c, int result);
// C may be NULL.
void copy_free(struct copy *c);

#endif
