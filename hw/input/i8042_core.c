// i8042_core.c: commands, output buffer and interrupts of the keyboard controller.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/input/i8042_core.h"

#include <string.h>

#include "base/compiler.h"
#include "hw/input/ps2_scancodes.h"

enum i8042_command {
	CMD_READ_RAM = 0x20, CMD_WRITE_RAM = 0x60, CMD_TEST_PASSWORD = 0xa4, CMD_LOAD_PASSWORD = 0xa5,
	CMD_USE_PASSWORD = 0xa6, CMD_AUX_OFF = 0xa7, CMD_AUX_ON = 0xa8, CMD_AUX_TEST = 0xa9,
	CMD_SELF_TEST = 0xaa, CMD_KBD_TEST = 0xab, CMD_KBD_OFF = 0xad, CMD_KBD_ON = 0xae,
	CMD_READ_INPUT = 0xc0, CMD_POLL_LOW = 0xc1, CMD_POLL_HIGH = 0xc2, CMD_READ_OUTPUT = 0xd0,
	CMD_WRITE_OUTPUT = 0xd1, CMD_KBD_LOOP = 0xd2, CMD_AUX_LOOP = 0xd3, CMD_AUX_WRITE = 0xd4,
	CMD_A20_OFF = 0xdd, CMD_A20_ON = 0xdf, CMD_READ_TEST = 0xe0, CMD_PULSE = 0xf0,
};

#define SELF_TEST_PASSED 0x55u
#define NO_PASSWORD 0xf1u
// Keyboard not locked, no manufacturing jumper, 512 KiB on the board.
#define INPUT_PORT 0xb0u
#define BREAK_PREFIX 0xf0u

static uint8_t control(const struct i8042_core *c) { return c->regs.ram[0]; }

// --- output buffer -------------------------------------------------------------------------------------

static void update_irqs(struct i8042_core *c)
{
	uint8_t source = c->regs.source;
	bool kbd = source == SOURCE_CONTROLLER || source == SOURCE_KEYBOARD;

	c->host.irq1(c->host.arg, kbd && (control(c) & CONTROL_KBD_INT));
	c->host.irq12(c->host.arg, source == SOURCE_MOUSE && (control(c) & CONTROL_AUX_INT));
}

static void answer_as(struct i8042_core *c, uint8_t value, enum i8042_source source)
{
	struct i8042_regs *r = &c->regs;

	if (r->answer_count >= I8042_ANSWERS)
		return;
	r->answers[r->answer_count] = value;
	r->answer_sources[r->answer_count++] = (uint8_t)source;
}

static void answer(struct i8042_core *c, uint8_t value)
{
	answer_as(c, value, SOURCE_CONTROLLER);
}

static bool next_answer(struct i8042_regs *r)
{
	if (!r->answer_count)
		return false;
	r->output = r->answers[0];
	r->source = r->answer_sources[0];
	r->answer_count--;
	memmove(r->answers, r->answers + 1, r->answer_count);
	memmove(r->answer_sources, r->answer_sources + 1, r->answer_count);
	return true;
}

// Set 2 to set 1: the release prefix is swallowed and becomes bit 7 of what follows.
static bool translate(struct i8042_regs *r, uint8_t *byte)
{
	if (*byte == BREAK_PREFIX) {
		r->break_prefix = 0x80;
		return false;
	}
	*byte = ps2_translate(*byte) | r->break_prefix;
	r->break_prefix = 0;
	return true;
}

static bool next_key(struct i8042_core *c)
{
	struct i8042_regs *r = &c->regs;

	while (!(control(c) & CONTROL_KBD_OFF) && ps2_keyboard_has(&c->kbd)) {
		uint8_t byte = ps2_keyboard_get(&c->kbd);

		if ((control(c) & CONTROL_TRANSLATE) && !translate(r, &byte))
			continue;
		r->output = byte;
		r->source = SOURCE_KEYBOARD;
		return true;
	}
	return false;
}

static bool next_movement(struct i8042_core *c)
{
	if ((control(c) & CONTROL_AUX_OFF) || !ps2_mouse_has(&c->mouse))
		return false;
	c->regs.output = ps2_mouse_get(&c->mouse);
	c->regs.source = SOURCE_MOUSE;
	return true;
}

// Fills the buffer when it is empty and sets the lines. All entry points end here.
static void settle(struct i8042_core *c)
{
	if (c->settling)
		return;
	c->settling = true;
	if (c->regs.source == SOURCE_NONE && !next_answer(&c->regs) && !next_key(c))
		next_movement(c);
	c->settling = false;
	update_irqs(c);
}

uint8_t i8042_core_read_data(struct i8042_core *c)
{
	uint8_t value = c->regs.output;

	// Empty, the lines fall; the next byte then raises one of them anew.
	c->regs.source = SOURCE_NONE;
	update_irqs(c);
	settle(c);
	return value;
}

uint8_t i8042_core_read_status(const struct i8042_core *c)
{
	const struct i8042_regs *r = &c->regs;
	uint8_t value = STATUS_UNLOCKED;

	if (r->polling)
		value = r->polling == CMD_POLL_LOW ? (uint8_t)(INPUT_PORT << 4) : INPUT_PORT & 0xf0;
	else if (r->source == SOURCE_MOUSE)
		value |= STATUS_AUX_DATA;
	if (r->source != SOURCE_NONE)
		value |= STATUS_OUTPUT_FULL;
	if (control(c) & CONTROL_SYSTEM)
		value |= STATUS_SYSTEM;
	if (r->last_was_command)
		value |= STATUS_COMMAND;
	return value;
}

// --- commands ------------------------------------------------------------------------------------------

static void change_control(struct i8042_core *c, uint8_t set, uint8_t clear)
{
	c->regs.ram[0] = (uint8_t)((c->regs.ram[0] | set) & ~clear);
}

static uint8_t read_output_port(const struct i8042_regs *r)
{
	uint8_t value = r->output_port & (uint8_t)~(OUTPUT_KBD_FULL | OUTPUT_AUX_FULL);

	if (r->source == SOURCE_MOUSE)
		value |= OUTPUT_AUX_FULL;
	else if (r->source != SOURCE_NONE)
		value |= OUTPUT_KBD_FULL;
	return value | OUTPUT_RUN;
}

static void write_output_port(struct i8042_core *c, uint8_t value)
{
	c->regs.output_port = value | OUTPUT_RUN;
	if (!(value & OUTPUT_RUN))
		c->host.reset(c->host.arg);
}

static void pulse(struct i8042_core *c, uint8_t command)
{
	if (!(command & OUTPUT_RUN))
		c->host.init_cpus(c->host.arg);
}

static void self_test(struct i8042_core *c)
{
	change_control(c, CONTROL_SYSTEM, 0);
	answer(c, SELF_TEST_PASSED);
}

// Commands that answer with a byte. True when COMMAND was one.
static bool asking_command(struct i8042_core *c, uint8_t command)
{
	switch (command) {
	case CMD_TEST_PASSWORD: answer(c, NO_PASSWORD); return true;
	case CMD_AUX_TEST:
	case CMD_KBD_TEST: answer(c, 0x00); return true;
	case CMD_SELF_TEST: self_test(c); return true;
	case CMD_READ_INPUT: answer(c, INPUT_PORT); return true;
	case CMD_READ_OUTPUT: answer(c, read_output_port(&c->regs)); return true;
	case CMD_READ_TEST: answer(c, 0x00); return true;
	default: return false;
	}
}

static void setting_command(struct i8042_core *c, uint8_t command)
{
	switch (command) {
	case CMD_AUX_OFF: change_control(c, CONTROL_AUX_OFF, 0); break;
	case CMD_AUX_ON: change_control(c, 0, CONTROL_AUX_OFF); break;
	case CMD_KBD_OFF: change_control(c, CONTROL_KBD_OFF, 0); break;
	case CMD_KBD_ON: change_control(c, 0, CONTROL_KBD_OFF); break;
	case CMD_POLL_LOW:
	case CMD_POLL_HIGH: c->regs.polling = command; break;
	case CMD_A20_OFF: c->regs.output_port &= (uint8_t)~OUTPUT_A20; break;
	case CMD_A20_ON: c->regs.output_port |= OUTPUT_A20; break;
	case CMD_LOAD_PASSWORD:
	case CMD_WRITE_OUTPUT:
	case CMD_KBD_LOOP:
	case CMD_AUX_LOOP:
	case CMD_AUX_WRITE: c->regs.command = command; break;
	default: break;         // A6h without a password, and codes that no controller of the kind knows
	}
}

void i8042_core_write_command(struct i8042_core *c, uint8_t value)
{
	struct i8042_regs *r = &c->regs;

	r->last_was_command = 1;
	r->command = 0;
	r->polling = 0;
	if ((value & 0xe0) == CMD_READ_RAM)
		answer(c, r->ram[value % I8042_RAM]);
	else if ((value & 0xe0) == CMD_WRITE_RAM)
		r->command = value;
	else if (value >= CMD_PULSE)
		pulse(c, value);
	else if (!asking_command(c, value))
		setting_command(c, value);
	settle(c);
}

// A byte for the keyboard turns its interface on, as it must be to send the clock.
static void to_keyboard(struct i8042_core *c, uint8_t value)
{
	change_control(c, 0, CONTROL_KBD_OFF);
	ps2_keyboard_put(&c->kbd, value);
}

static void to_mouse(struct i8042_core *c, uint8_t value)
{
	change_control(c, 0, CONTROL_AUX_OFF);
	ps2_mouse_put(&c->mouse, value);
}

static void command_byte(struct i8042_core *c, uint8_t command, uint8_t value)
{
	switch (command) {
	case CMD_WRITE_OUTPUT: write_output_port(c, value); break;
	case CMD_KBD_LOOP: answer_as(c, value, SOURCE_KEYBOARD); break;
	case CMD_AUX_LOOP: answer_as(c, value, SOURCE_MOUSE); break;
	case CMD_AUX_WRITE: to_mouse(c, value); break;
	case CMD_LOAD_PASSWORD:
		// Taken up to its zero and not kept: a console that locks itself helps nobody.
		if (value)
			c->regs.command = command;
		break;
	default: c->regs.ram[command % I8042_RAM] = value; break;
	}
}

void i8042_core_write_data(struct i8042_core *c, uint8_t value)
{
	uint8_t command = c->regs.command;

	c->regs.last_was_command = 0;
	c->regs.command = 0;
	c->regs.polling = 0;
	if (command)
		command_byte(c, command, value);
	else
		to_keyboard(c, value);
	settle(c);
}

// --- input ---------------------------------------------------------------------------------------------

void i8042_core_key(struct i8042_core *c, unsigned code, bool down)
{
	ps2_keyboard_key(&c->kbd, code, down);
	settle(c);
}

void i8042_core_move(struct i8042_core *c, struct ps2_motion motion)
{
	ps2_mouse_move(&c->mouse, motion);
	settle(c);
}

void i8042_core_poke(struct i8042_core *c)
{
	ps2_mouse_poke(&c->mouse);
	settle(c);
}

void i8042_core_timer(struct i8042_core *c)
{
	ps2_keyboard_timer(&c->kbd);
	settle(c);
}

// --- what the devices ask for --------------------------------------------------------------------------

static void device_ready(void *arg)
{
	settle(arg);
}

static void device_leds(void *arg, unsigned leds)
{
	struct i8042_core *c = arg;

	c->host.leds(c->host.arg, leds);
}

static void device_timer(void *arg, uint64_t ns)
{
	struct i8042_core *c = arg;

	c->host.timer(c->host.arg, ns);
}

// --- life ----------------------------------------------------------------------------------------------

static void reset_controller(struct i8042_regs *r)
{
	memset(r->ram, 0, sizeof(r->ram));
	// Until firmware says otherwise the devices are held off and the keyboard is translated.
	r->ram[0] = CONTROL_TRANSLATE | CONTROL_KBD_OFF | CONTROL_AUX_OFF;
	r->output = 0;
	r->source = SOURCE_NONE;
	r->last_was_command = 0;
	r->command = 0;
	r->output_port = OUTPUT_RUN | OUTPUT_A20 | OUTPUT_AUX_CLOCK | OUTPUT_KBD_DATA;
	r->polling = 0;
	r->break_prefix = 0;
	r->answer_count = 0;
}

void i8042_core_init(struct i8042_core *c, const struct i8042_host *host)
{
	const struct ps2_keyboard_host kbd = { device_ready, device_leds, device_timer, c };
	const struct ps2_mouse_host mouse = { device_ready, c };

	memset(c, 0, sizeof(*c));
	c->host = *host;
	reset_controller(&c->regs);
	ps2_keyboard_init(&c->kbd, &c->regs.kbd, &kbd);
	ps2_mouse_init(&c->mouse, &c->regs.mouse, &mouse);
}

void i8042_core_reset(struct i8042_core *c)
{
	reset_controller(&c->regs);
	ps2_keyboard_reset(&c->kbd);
	ps2_mouse_reset(&c->mouse);
	settle(c);
}

void i8042_core_loaded(struct i8042_core *c)
{
	ps2_keyboard_loaded(&c->kbd);
	ps2_mouse_loaded(&c->mouse);
	settle(c);
}

static void sanitize(void *regs)
{
	struct i8042_regs *r = regs;

	if (r->source > SOURCE_MOUSE)
		r->source = SOURCE_NONE;
	r->answer_count = (uint8_t)MIN(r->answer_count, I8042_ANSWERS);
	for (unsigned i = 0; i < I8042_ANSWERS; i++)
		if (r->answer_sources[i] < SOURCE_CONTROLLER || r->answer_sources[i] > SOURCE_MOUSE)
			r->answer_sources[i] = SOURCE_CONTROLLER;
	r->break_prefix &= 0x80;
	r->output_port |= OUTPUT_RUN;
	ps2_keyboard_sanitize(&r->kbd);
	ps2_mouse_sanitize(&r->mouse);
}

#define FIFO_FIELDS(member) \
	FIELD(struct i8042_regs, member.head), FIELD(struct i8042_regs, member.count), \
	FIELD_ARRAY(struct i8042_regs, member.data)

static const struct field field_list[] = {
	FIELD_ARRAY(struct i8042_regs, ram),
	FIELD(struct i8042_regs, output),
	FIELD(struct i8042_regs, source),
	FIELD(struct i8042_regs, last_was_command),
	FIELD(struct i8042_regs, command),
	FIELD(struct i8042_regs, output_port),
	FIELD(struct i8042_regs, polling),
	FIELD(struct i8042_regs, break_prefix),
	FIELD_ARRAY(struct i8042_regs, answers),
	FIELD_ARRAY(struct i8042_regs, answer_sources),
	FIELD(struct i8042_regs, answer_count),
	FIFO_FIELDS(kbd.reply),
	FIFO_FIELDS(kbd.scan),
	FIELD(struct i8042_regs, kbd.scanning),
	FIELD(struct i8042_regs, kbd.set),
	FIELD(struct i8042_regs, kbd.leds),
	FIELD(struct i8042_regs, kbd.typematic),
	FIELD(struct i8042_regs, kbd.command),
	FIELD(struct i8042_regs, kbd.last),
	FIELD(struct i8042_regs, kbd.waiting),
	FIELD(struct i8042_regs, kbd.print_alt),
	FIELD(struct i8042_regs, kbd.repeat),
	FIELD_ARRAY(struct i8042_regs, kbd.down),
	FIELD_ARRAY(struct i8042_regs, kbd.no_break),
	FIELD_ARRAY(struct i8042_regs, kbd.no_repeat),
	FIFO_FIELDS(mouse.reply),
	FIFO_FIELDS(mouse.packets),
	FIELD(struct i8042_regs, mouse.enabled),
	FIELD(struct i8042_regs, mouse.remote),
	FIELD(struct i8042_regs, mouse.wrap),
	FIELD(struct i8042_regs, mouse.id),
	FIELD(struct i8042_regs, mouse.rate),
	FIELD(struct i8042_regs, mouse.resolution),
	FIELD(struct i8042_regs, mouse.scaling),
	FIELD(struct i8042_regs, mouse.command),
	FIELD(struct i8042_regs, mouse.last),
	FIELD_ARRAY(struct i8042_regs, mouse.rates),
	FIELD(struct i8042_regs, mouse.buttons),
};

const struct fields i8042_fields = {
	.name = "i8042",
	.version = 1,
	.struct_size = sizeof(struct i8042_regs),
	.list = field_list,
	.count = ARRAY_SIZE(field_list),
	.sanitize = sanitize,
};
