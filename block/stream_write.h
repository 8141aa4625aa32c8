// stream_write.h: writes a streamOptimized VMDK, front to back: for exports, and for OVF packages.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The caller hands over the disk from its first grain to its last. Grains of zeros take no space. Any thread, one at
// a time.
#ifndef BERTH_BLOCK_STREAM_WRITE_H
#define BERTH_BLOCK_STREAM_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define STREAM_GRAIN_SECTORS 128u
#define STREAM_GRAIN_BYTES   (STREAM_GRAIN_SECTORS * 512u)

struct stream_write_args {
	const char *path;               // must not exist
	uint64_t sectors;               // of the disk
	const char *adapter;            // ddb.adapterType; NULL = "lsilogic"
	unsigned hw_version;            // ddb.virtualHWVersion; 0 = 4
	int level;                      // of zlib, 1 to 9; 0 = its default
};

struct stream_writer;

// Creates the file. 0 or -errno; -EEXIST when there is one.
int stream_write_open(const struct stream_write_args *args, struct stream_writer **out, struct err *err);
// The next grain: LEN is STREAM_GRAIN_BYTES, for the last grain what the disk has left. After an error of this or the
// next function the file cannot be completed: stream_write_abort() is what remains.
int stream_write_grain(struct stream_writer *w, const void *data, size_t len, struct err *err);
// The next COUNT grains are zeros.
int stream_write_zeros(struct stream_writer *w, uint64_t count, struct err *err);
// After the last grain: writes tables, directory and footer, makes all durable and frees W. After a failure the file
// is gone.
int stream_write_finish(struct stream_writer *w, struct err *err);
// Gives up: the file is deleted. W may be NULL.
void stream_write_abort(struct stream_writer *w);

#endif
