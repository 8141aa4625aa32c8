// debugcon.h: port 402h, where SeaBIOS writes what it does.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_FIRMWARE_DEBUGCON_H
#define BERTH_FIRMWARE_DEBUGCON_H

#include <stddef.h>
#include <stdint.h>

#include "bus/platform.h"

#define DEBUGCON_PORT     0x402u
#define DEBUGCON_PRESENT  0xe9u         // what a read gives: somebody listens
#define DEBUGCON_LINE_MAX 240u

// Collects bytes into lines. Pure; embedded by its owner.
struct debugcon_core {
	char line[DEBUGCON_LINE_MAX + 1];
	size_t len;
	// A whole line, without its end; other control characters are '?'. Longer lines come in pieces.
	void (*emit)(void *arg, const char *line);
	void *arg;
};

void debugcon_core_init(struct debugcon_core *con, void (*emit)(void *arg, const char *line), void *arg);
void debugcon_core_write(struct debugcon_core *con, const uint8_t *bytes, size_t count);
// Hands out what is there of a line. Nothing when it is empty.
void debugcon_core_flush(struct debugcon_core *con);

struct debugcon;

extern const struct device_class debugcon_class;

struct debugcon_args {
	// Gets each line besides the log; vCPU threads, device lock held: must be quick. NULL = only the log.
	void (*line)(void *arg, const char *line);
	void *arg;
};

// Claims the port. Lines go to log_debug(). ARGS may be NULL.
int debugcon_create(const struct platform *platform, const struct debugcon_args *args, struct debugcon **out,
		    struct err *err);

#endif
