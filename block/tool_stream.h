// tool_stream.h: converting into streamOptimized, which is written once, front to back.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_TOOL_STREAM_H
#define BERTH_BLOCK_TOOL_STREAM_H

#include "block/tool.h"

struct stream_copy {
	const struct tool *tool;
	const char *to;
	struct disk *from;
	struct tool_chain *map;         // of `from`; NULL = all of it is read
	const char *adapter;            // NULL = lsilogic
	unsigned hw_version;
	uint64_t moved;                 // out: bytes that were read
};

// Makes the new file, durable when 0 is returned; gone again when not.
int tool_stream_copy(struct stream_copy *copy, struct err *err);

#endif
