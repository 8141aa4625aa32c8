// fuzz_i8042.c: bytes become controller accesses, keys, movements, timers and restored registers of the 8042.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hw/input/i8042_core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum op {
	OP_COMMAND, OP_DATA, OP_READ, OP_STATUS, OP_KEY, OP_MOVE, OP_POKE, OP_TIMER, OP_DRAIN, OP_RESET,
	OP_LOAD, OP_COUNT,
};

struct lines { bool irq1, irq12; };

static void take_irq1(void *arg, bool level) { ((struct lines *)arg)->irq1 = level; }
static void take_irq12(void *arg, bool level) { ((struct lines *)arg)->irq12 = level; }
static void ignore_leds(void *arg, unsigned leds) { if (leds > 7) abort(); }
static void ignore_timer(void *arg, uint64_t ns) { }
static void ignore(void *arg) { }

// A line is up only for a byte of its device, and a guest that reads on gets to the end.
static void check(const struct i8042_core *c, const struct lines *lines)
{
	uint8_t status = i8042_core_read_status(c);

	if ((lines->irq1 || lines->irq12) && !(status & STATUS_OUTPUT_FULL))
		abort();
	if (lines->irq1 && lines->irq12)
		abort();
	if (c->regs.kbd.scan.count > PS2_KEYBOARD_SCAN + 1 || c->mouse.count > PS2_MOUSE_MOTIONS)
		abort();
}

static void drain(struct i8042_core *c)
{
	for (unsigned i = 0; i < 1u << 18; i++) {
		if (!(i8042_core_read_status(c) & STATUS_OUTPUT_FULL))
			return;
		i8042_core_read_data(c);
	}
	abort();
}

static void move(struct i8042_core *c, const uint8_t *data, size_t size)
{
	struct ps2_motion m = { 0 };

	memcpy(&m, data, size < sizeof(m) ? size : sizeof(m));
	i8042_core_move(c, m);
}

static void load(struct i8042_core *c, const uint8_t *data, size_t size)
{
	memcpy(&c->regs, data, size < sizeof(c->regs) ? size : sizeof(c->regs));
	i8042_fields.sanitize(&c->regs);
	i8042_core_loaded(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct i8042_core c;
	struct lines lines = { 0 };
	const struct i8042_host host = {take_irq1, take_irq12, ignore_leds, ignore_timer,
					ignore,    ignore,     &lines};

	i8042_core_init(&c, &host);
	for (; size >= 3; data += 3, size -= 3) {
		switch (data[0] % OP_COUNT) {
		case OP_COMMAND: i8042_core_write_command(&c, data[1]); break;
		case OP_DATA: i8042_core_write_data(&c, data[1]); break;
		case OP_READ: i8042_core_read_data(&c); break;
		case OP_STATUS: i8042_core_read_status(&c); break;
		case OP_KEY: i8042_core_key(&c, (unsigned)(data[1] | (data[2] & 7) << 8), data[2] & 8); break;
		case OP_MOVE: move(&c, data + 1, size - 1); break;
		case OP_POKE: i8042_core_poke(&c); break;
		case OP_TIMER: i8042_core_timer(&c); break;
		case OP_DRAIN: drain(&c); break;
		case OP_RESET: i8042_core_reset(&c); break;
		default: load(&c, data + 3, size - 3); break;
		}
		check(&c, &lines);
	}
	return 0;
}
