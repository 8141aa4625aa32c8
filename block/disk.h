// disk.h: what a controller sees of a disk: size, asynchronous requests, identity. Knows no controller.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Order and durability. Requests complete in any order; a controller that needs order waits. A completed write
// is visible to every later read. A flush covers the writes that completed before it was submitted: when it
// completes with 0, those are on the disk, metadata included. BLOCK_FUA makes the one write durable the same way.
// Overlapping writes in flight end as if done in some order, sector by sector.
// Threads: everything here is called on the loop thread that the disk was opened with, done() too.
#ifndef BERTH_BLOCK_DISK_H
#define BERTH_BLOCK_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/loop.h"

#define BLOCK_SECTOR 512u

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD };
enum block_flags { BLOCK_FUA = 1u };

// Owned by the submitter; must stay, with iov and its buffers, until done() was called. done() is called
// exactly once, with 0 or -errno, never from inside disk_submit(). After an error of a write the content of
// its range is old or new, sector by sector.
struct block_req {
	enum block_op op;
	uint32_t flags;
	uint64_t offset;                // bytes, multiple of 512
	uint64_t length;                // bytes, multiple of 512; equals the sum of iov for read and write
	const struct iovec *iov;        // pieces of any alignment and any length
	int iovcnt;
	void (*done)(struct block_req *req, int result);
	void *owner;                    // the submitter's
	// The engine's, opaque to the submitter.
	struct block_req *next;
	void *engine;
	uint64_t scratch[2];
};

struct disk;

struct disk_ops {
	void (*submit)(struct disk *disk, struct block_req *req);
	// All requests have completed. Makes everything durable, marks images clean, frees. 0 or -errno.
	int (*close)(struct disk *disk, struct err *err);
};

struct disk_geometry { uint32_t cylinders, heads, sectors; };

struct disk {
	const struct disk_ops *ops;
	struct loop *loop;
	char name[256];                 // path as opened, for messages
	const char *kind;               // "monolithicSparse", "raw", ...
	uint64_t size;                  // bytes
	bool readonly;
	bool discard;                   // BLOCK_DISCARD does something
	struct disk_geometry geometry;  // from ddb.geometry, zeros when unknown
	uint8_t uuid[16];               // from ddb.uuid, zeros when unknown
	bool has_uuid;
	unsigned in_flight;             // submitted and not yet done
	// disk.c's own, zeroed by whoever makes a struct disk.
	bool closing;                   // new requests complete with -ESHUTDOWN
	unsigned submitting;            // depth of disk_submit(): completions are put off while it is not 0
	struct block_req *done_list, **done_tail;
	struct loop_op done_op;
};

struct disk_open_args {
	const char *path;               // .vmdk descriptor or sparse extent, or raw image (.iso)
	bool raw;                       // the file is a plain image (CD); never guessed from content
	bool readonly;
	bool allow_outside;             // extents may lie outside the image's folder (berth.disk.allowOutside)
	bool allow_device;              // extents may be block devices of the host (berth.disk.allowDevice)
	bool write_through;
};

// Opens the image with all its extents, checks everything, takes the locks. Files are open when it returns; none
// is opened later. Nothing is written before the first write request.
int disk_open(struct loop *loop, const struct disk_open_args *args, struct disk **out, struct err *err);
// Checks bounds (a bad request completes with -EINVAL) and hands over to the engine.
void disk_submit(struct disk *disk, struct block_req *req);
// Runs the loop's completions until nothing is in flight, then closes. Loop thread, outside callbacks; also
// usable after loop_run() has returned.
int disk_close(struct disk *disk, struct err *err);

// --- for engines (the implementers of disk_ops) --------------------------------------------------------

// Ends REQ with RESULT (0 or -errno): at once, or from the loop when the caller stands inside disk_submit().
void disk_complete(struct disk *disk, struct block_req *req, int result);
// Always from the loop: for requests that cost nothing, so that a submitter in a circle cannot starve the rest.
void disk_complete_later(struct disk *disk, struct block_req *req, int result);

#endif
