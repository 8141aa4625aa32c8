// tool_pump.h: moves or compares the content of disks, many requests in flight.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_TOOL_PUMP_H
#define BERTH_BLOCK_TOOL_PUMP_H

#include "block/disk.h"
#include "block/tool_chain.h"

// Called now and then; non-zero stops with -ECANCELED.
struct tool_progress {
	int (*fn)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

enum pump_mode {
	PUMP_COPY,      // data of `from` to `to`, which reads as zeros everywhere: zeros are left out
	PUMP_MERGE,     // data and zeros of the map, straight from its files, to `to`
	PUMP_COMPARE,   // `from` with `to`
};

struct pump_args {
	struct loop *loop;
	enum pump_mode mode;
	struct disk *from, *to;         // `from` is not needed for MERGE
	struct tool_chain *map;         // what need not be read; NULL = read all
	struct tool_chain *map_to;      // COMPARE: of `to`, may be NULL
	uint64_t size;                  // bytes from the start
	struct tool_progress progress;
};

struct pump_result {
	uint64_t moved;                 // bytes that were written, or compared
	uint64_t difference;            // COMPARE: where the first one is; UINT64_MAX = none
};

// Runs the loop until all is done. 0 or -errno with a sentence. What was written is not durable yet.
int tool_pump(const struct pump_args *args, struct pump_result *result, struct err *err);
// Submits a flush and waits.
int tool_flush(struct loop *loop, struct disk *disk, struct err *err);
// Calls progress at most ten times a second, and with the last byte. 0 or -ECANCELED.
struct tool_pace { uint64_t last; };
int tool_report(const struct tool_progress *p, struct tool_pace *pace, uint64_t done, uint64_t total);

#endif
