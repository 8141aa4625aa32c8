// tool_space.h: the parts of a sparse extent's file that nothing refers to.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_TOOL_SPACE_H
#define BERTH_BLOCK_TOOL_SPACE_H

#include "block/tool_chain.h"

typedef int tool_span_fn(void *arg, struct image_file *file, uint64_t at, uint64_t len);

// Calls FN for every stretch of bytes of X (TOOL_SPARSE or TOOL_COWD) that is in use on the host and belongs neither
// to a grain nor to metadata. Ends with the first result that is not 0.
int tool_unused(struct tool_extent *x, tool_span_fn *fn, void *arg, struct err *err);
// Where the last grain or table of X ends, in sectors.
int tool_end(struct tool_extent *x, uint64_t *end, struct err *err);

#endif
