// disk.h: what a controller sees of a disk: size, asynchronous requests, identity. Knows no controller.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Order and durability. Requests complete in any order; a controller that needs order waits. A completed write
// is visible to every later read. A flush covers the writes that completed before it was submitted: when it
// completes with 0, those are on the disk, metadata included. BLOCK_FUA makes the one write durable the same way.
// Overlapping writes in flight end as if done in some order, sector by sector.
// Stalls. What the host cannot do (a full file system, a server that is gone) need not reach the guest: with
// disk_on_stall() such a request is held, everything submitted behind it waits, and the owner decides with
// disk_answer(). A held request counts as in flight.
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
	// disk.c's own.
	uint64_t order;                 // of submission, over all requests of the disk
	bool refused;                   // set by an engine: the image itself forbids it, which is no trouble of the host
};

struct disk;

struct disk_ops {
	void (*submit)(struct disk *disk, struct block_req *req);
	// All requests have completed. Makes everything durable, marks images clean, frees. 0 or -errno.
	int (*close)(struct disk *disk, struct err *err);
	// Optional: fdatasync() of one of its files has failed, so no later flush can succeed.
	bool (*flush_lost)(const struct disk *disk);
};

// What a disk stands still for.
struct disk_stall {
	int code;                       // positive errno of the request that failed first
	enum block_op op;               // of that request
	bool durable;                   // it was to be on the disk when it ended: a flush, BLOCK_FUA
	bool lost;                      // no flush of this disk can succeed any more
	uint64_t offset, length;        // of that request
	unsigned failed, waiting;       // requests that failed; requests held behind them
};

enum disk_stall_answer {
	DISK_RETRY,     // everything that is held goes to the engine again, in the order of its submission
	DISK_FAIL,      // what failed ends with its error, what waits goes to the engine
	DISK_CANCEL,    // everything that is held ends with -ECANCELED: the guest has gone or starts anew
};

// Comes from the loop, once a stall. Decides now with disk_answer(), or later.
typedef void disk_stall_fn(void *arg, struct disk *disk);
struct disk_stall_args {
	disk_stall_fn *fn;              // NULL: every error goes to the submitter
	void *arg;
	bool reads;                     // hold reads that failed with EIO, too; without it they are reported
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
	struct disk_stall_args on_stall;
	struct block_req *held;         // by .order; scratch[0] is the result, 0 = it waits behind the others
	struct disk_stall stall;        // of the first failure; .code 0 = nothing is held
	uint64_t last_order;
	bool telling;                   // tell_op is with the loop
	struct loop_op tell_op;
	unsigned dropped;               // writes that the end of the disk left undone
	int dropped_code;
};

struct disk_open_args {
	const char *path;               // .vmdk descriptor or sparse extent, or raw image (.iso)
	bool raw;                       // the file is a plain image (CD); never guessed from content
	bool readonly;
	// With readonly: what could not be opened for writing is refused, as if it were to be written.
	bool rehearse;
	bool allow_outside;             // extents may lie outside the image's folder (berth.disk.allowOutside)
	bool allow_device;              // extents may be block devices of the host (berth.disk.allowDevice)
	bool write_through;
	bool unlocked;                  // VMware's locks are neither looked at nor taken (disk.locking = "FALSE")
	bool direct;                    // past the page cache where that is possible (berth.disk.cache = "direct")
	bool ignore_parent_cid;         // a parent that was changed is taken all the same (berth.disk.ignoreParentCID)
	const char *home;               // the .vmx's folder: parents may lie there, too; NULL = none
};

// Opens the image with all its extents, checks everything, takes the locks. Files are open when it returns; none
// is opened later. Nothing is written before the first write request.
int disk_open(struct loop *loop, const struct disk_open_args *args, struct disk **out, struct err *err);
// Checks bounds (a bad request completes with -EINVAL) and hands over to the engine.
void disk_submit(struct disk *disk, struct block_req *req);
// Chooses what happens to errors of the host, from now on. ARGS->fn NULL cancels what is held.
void disk_on_stall(struct disk *disk, const struct disk_stall_args *args);
// Whether something is held; OUT (may be NULL) tells what.
bool disk_stalled(const struct disk *disk, struct disk_stall *out);
// Ends the stall; nothing happens when there is none. A request that fails again makes a new one.
void disk_answer(struct disk *disk, enum disk_stall_answer answer);
// Runs the loop's completions until nothing is in flight, then closes. Loop thread, outside callbacks; also
// usable after loop_run() has returned. What is held is cancelled; a write that was held, or that fails now, is an
// error of the closing.
int disk_close(struct disk *disk, struct err *err);

// --- for engines (the implementers of disk_ops) --------------------------------------------------------

// Ends REQ with RESULT (0 or -errno): at once, or from the loop when the caller stands inside disk_submit().
void disk_complete(struct disk *disk, struct block_req *req, int result);
// Always from the loop: for requests that cost nothing, so that a submitter in a circle cannot starve the rest.
void disk_complete_later(struct disk *disk, struct block_req *req, int result);

#endif
