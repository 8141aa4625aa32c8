// tool_extent.h: making one extent of a split disk.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_TOOL_EXTENT_H
#define BERTH_BLOCK_TOOL_EXTENT_H

#include <sys/types.h>

#include "block/vmdk_desc.h"

// Sectors of a full extent of a split disk.
#define TOOL_SPLIT_SECTORS 4192256ull

// A new, empty extent (FLAT or SPARSE) at PATH, durable but for its folder. Nothing is overwritten.
int tool_extent_create(const char *path, enum vmdk_extent_type type, uint64_t sectors, mode_t mode, struct err *err);

#endif
