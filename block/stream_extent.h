// stream_extent.h: a streamOptimized extent: compressed grains, for reading.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A grain is read and inflated when it is first asked for; a bounded number of inflated grains stays in memory. A
// grain or table that is damaged fails the requests that need it and no others.
#ifndef BERTH_BLOCK_STREAM_EXTENT_H
#define BERTH_BLOCK_STREAM_EXTENT_H

#include "block/extent.h"
#include "block/vmdk_header.h"

struct stream_args {
	struct image_file *file;        // stays the image's
	uint64_t sectors;               // what the descriptor says
	bool writes;                    // the disk is to be written here
};
// True when FILE's first sector says that it is streamOptimized. Opening only, as all of this header.
bool stream_file_is(const struct image_file *file);
// Header and footer. 0 or -errno.
int stream_header_read(const struct image_file *file, struct sparse_header *header, struct err *err);
// 0; -ENOTSUP when it is to be written; other -errno.
int extent_stream_new(const struct stream_args *args, struct extent **out, struct err *err);

#endif
