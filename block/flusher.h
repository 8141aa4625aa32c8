// flusher.h: flushes of a disk: what is dirty, who waits, one run at a time.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_FLUSHER_H
#define BERTH_BLOCK_FLUSHER_H

#include "block/disk.h"
#include "block/extent.h"

struct flusher {
	struct disk *disk;
	struct extent *dirty;                   // written since their last sync was started
	struct block_req *waiting;              // for the run after this one; newest first
	struct block_req *running;
	bool active, again;
	unsigned pending;                       // extents of this run, and 1 while it is being started
	int result;
	int last;                               // result of the run that ended last
	unsigned runs;
	struct loop_timer timer;
};

void flusher_init(struct flusher *f, struct disk *disk);
// X has something to sync. With METADATA, a sync is started by itself after a few seconds, so that a guest
// that never flushes loses no more than it would on a disk.
void flusher_dirtied(struct flusher *f, struct extent *x, bool metadata);
// Completes REQ when all that is dirty now is durable.
void flusher_add(struct flusher *f, struct block_req *req);
// Starts a run that nobody waits for.
void flusher_kick(struct flusher *f);
// For closing: turns the loop until everything is durable. 0 or -errno.
int flusher_drain(struct flusher *f);

#endif
