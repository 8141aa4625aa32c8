// sesparse_extent.h: an ESXi space-efficient sparse extent (seSparse), for reading.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Writing would need the rules of its journal, of the free bitmap and of the map back from grains to entries; none of
// them is published.
#ifndef BERTH_BLOCK_SESPARSE_EXTENT_H
#define BERTH_BLOCK_SESPARSE_EXTENT_H

#include "block/extent.h"

struct sesparse_args {
	struct image_file *file;        // stays the image's
	uint64_t sectors;               // what the descriptor says
	bool writes;                    // the disk is to be written here
};
// 0; -ENOTSUP when it is to be written; other -errno.
int extent_sesparse_new(const struct sesparse_args *args, struct extent **out, struct err *err);

#endif
