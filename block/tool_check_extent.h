// tool_check_extent.h: the check of one sparse extent, and its repair.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_TOOL_CHECK_EXTENT_H
#define BERTH_BLOCK_TOOL_CHECK_EXTENT_H

#include "block/tool.h"

struct check_run {
	const struct tool *tool;
	const struct tool_check_args *a;
	struct tool_check_result *result;
	struct err *err;
};

void check_found(struct check_run *run, enum tool_finding kind, const char *file, const char *fmt, ...) PRINTF(4, 5);
// X is TOOL_SPARSE or TOOL_COWD. With REPAIR its file is open for writing. 0, or -errno when it could not be read or
// written.
int check_extent(struct check_run *run, struct tool_extent *x, bool repair);

#endif
