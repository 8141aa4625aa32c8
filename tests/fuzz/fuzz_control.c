// fuzz_control.c: bytes become request lines of the control socket, without a machine behind them.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "machine/control_cmds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Every line gets an answer that can be written, or keys to type.
static void one_line(const char *line, size_t len)
{
	struct control_call call = { 0 };
	json_t *answer = control_handle(&call, line, len);
	char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;

	if (answer ? !text || call.keys || call.id : !call.keys || !call.key_count || !call.id)
		abort();
	for (size_t i = 0; i < call.key_count; i++) {
		if (call.keys[i].code >= KEYMAP_CODES)
			abort();
	}
	free(text);
	free(call.keys);
	json_decref(call.id);
	json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *line = (const char *)data, *end;

	while ((end = memchr(line, '\n', size))) {
		one_line(line, (size_t)(end - line));
		size -= (size_t)(end - line) + 1;
		line = end + 1;
	}
	one_line(line, size);
	return 0;
}
