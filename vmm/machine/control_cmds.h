// control_cmds.h: the control socket's commands, apart from sockets: JSON in, JSON out.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_MACHINE_CONTROL_CMDS_H
#define BERTH_MACHINE_CONTROL_CMDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "machine/machine.h"
#include "vnc/keymap.h"

struct control_call {
	struct machine *machine;        // NULL in tests: every command that needs it then fails
	json_t *id;                     // of a request whose answer comes later; the caller's then, else NULL
	json_t *result;                 // set by a command that succeeds; NULL = {}
	bool subscribe;                 // the client wants events from now on
	// A command that takes time (typing) moves its keys here; the answer follows when they are typed.
	struct keymap_event *keys;      // malloc'ed
	size_t key_count;
	unsigned delay_ms;
};

// Parses LINE (LEN bytes, no line end), runs the command. Returns the answer, or NULL when CALL->keys is set and the
// answer comes later. The caller owns the answer. Any content of LINE is fine.
json_t *control_handle(struct control_call *call, const char *line, size_t len);
// Answers for later use: {"id":..., "return": RESULT or {}} and {"id":..., "error":...}. References are taken over
// for RESULT, borrowed for ID.
json_t *control_answer(json_t *id, json_t *result);
json_t *control_error(json_t *id, const struct err *err);

#endif
