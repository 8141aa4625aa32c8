// ps2_keyboard.c: commands, queues and typematic repeat of the PS/2 keyboard.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/input/ps2_keyboard.h"

#include <string.h>

#include "base/compiler.h"
#include "bus/console.h"
#include "hw/input/ps2_scancodes.h"

enum kbd_command {
	KBD_SET_LEDS = 0xed, KBD_ECHO = 0xee, KBD_SCAN_SET = 0xf0, KBD_IDENTIFY = 0xf2, KBD_TYPEMATIC = 0xf3,
	KBD_ENABLE = 0xf4, KBD_DISABLE = 0xf5, KBD_DEFAULTS = 0xf6, KBD_ALL_REPEAT = 0xf7,
	KBD_ALL_BREAK = 0xf8, KBD_ALL_MAKE = 0xf9, KBD_ALL_BOTH = 0xfa, KBD_KEY_REPEAT = 0xfb,
	KBD_KEY_BREAK = 0xfc, KBD_KEY_MAKE = 0xfd, KBD_RESEND = 0xfe, KBD_RESET = 0xff,
};
enum kbd_answer { KBD_ACK = 0xfa, KBD_BAT_OK = 0xaa, KBD_REFUSE = 0xfe };

#define TYPEMATIC_DEFAULT 0x2bu         // 10.9 characters a second after half a second
#define BAT_NS 5000000ull               // the self-test; real ones take half a second, and POST waits for it
#define RELEASED 0x8000u
#define KEY_MASK 0x3ffu

// --- bitmaps -------------------------------------------------------------------------------------------

static bool test_bit(const uint8_t *map, unsigned n) { return map[n / 8] >> (n % 8) & 1; }

static void assign_bit(uint8_t *map, unsigned n, bool value)
{
	uint8_t bit = (uint8_t)(1u << (n % 8));

	map[n / 8] = value ? map[n / 8] | bit : (uint8_t)(map[n / 8] & ~bit);
}

static bool valid_key(unsigned code)
{
	if (code == CONSOLE_KEY_PAUSE)
		return true;
	return code < CONSOLE_KEY_E0 + 0x80 && !(code & 0x80) && (code & 0x7f);
}

static struct ps2_modifiers modifiers(const struct ps2_keyboard_regs *r)
{
	return (struct ps2_modifiers){
		.shift = test_bit(r->down, 0x2a) || test_bit(r->down, 0x36),
		.ctrl = test_bit(r->down, 0x1d) || test_bit(r->down, CONSOLE_KEY_E0 | 0x1d),
		.alt = test_bit(r->down, 0x38) || test_bit(r->down, CONSOLE_KEY_E0 | 0x38),
	};
}

// --- queues --------------------------------------------------------------------------------------------

static void reply(struct ps2_keyboard *kbd, uint8_t byte)
{
	fifo8_put(&kbd->regs->reply, byte);
	kbd->host.ready(kbd->host.arg);
}

// All of a sequence or nothing: half of one would turn into other keys.
static bool queue_sequence(struct ps2_keyboard *kbd, const struct ps2_sequence *s)
{
	if (fifo8_room(&kbd->regs->scan) < s->len)
		return false;
	for (unsigned i = 0; i < s->len; i++)
		fifo8_put(&kbd->regs->scan, s->bytes[i]);
	if (s->len)
		kbd->host.ready(kbd->host.arg);
	return true;
}

// The queue keeps one place for this code: FFh in set 1, 00h in the others.
static void queue_overrun(struct ps2_keyboard *kbd)
{
	struct fifo8 *f = &kbd->regs->scan;
	uint8_t code = kbd->regs->set == 1 ? 0xff : 0x00;
	uint8_t last = f->data[(f->head + f->count - 1u) & (FIFO8_MAX - 1)];

	if (f->count && last == code)
		return;
	f->size = PS2_KEYBOARD_SCAN + 1;
	fifo8_put(f, code);
	f->size = PS2_KEYBOARD_SCAN;
	kbd->host.ready(kbd->host.arg);
}

static void clear_scan(struct ps2_keyboard *kbd)
{
	fifo8_clear(&kbd->regs->scan);
	kbd->backlog_count = 0;
}

// --- typematic -----------------------------------------------------------------------------------------

static uint64_t repeat_delay(const struct ps2_keyboard_regs *r)
{
	return ((r->typematic >> 5 & 3) + 1u) * 250000000ull;
}

// (8 + A) * 2^B * 4.17 ms with A in bits 0..2 and B in bits 3 and 4.
static uint64_t repeat_period(const struct ps2_keyboard_regs *r)
{
	return (uint64_t)(8 + (r->typematic & 7)) * (1u << (r->typematic >> 3 & 3)) * 4170000ull;
}

static void stop_repeat(struct ps2_keyboard *kbd)
{
	kbd->regs->repeat = 0;
	if (kbd->regs->waiting == KBD_REPEATING) {
		kbd->regs->waiting = KBD_IDLE;
		kbd->host.timer(kbd->host.arg, 0);
	}
}

static bool repeats(const struct ps2_keyboard_regs *r, unsigned code)
{
	uint8_t set3 = ps2_set3_code(code);

	if (code == CONSOLE_KEY_PAUSE && r->set != 3)
		return false;
	return r->set != 3 || !test_bit(r->no_repeat, set3);
}

static void start_repeat(struct ps2_keyboard *kbd, unsigned code)
{
	if (kbd->regs->waiting == KBD_TESTING)
		return;
	if (!repeats(kbd->regs, code)) {
		stop_repeat(kbd);
		return;
	}
	kbd->regs->repeat = (uint16_t)code;
	kbd->regs->waiting = KBD_REPEATING;
	kbd->host.timer(kbd->host.arg, repeat_delay(kbd->regs));
}

static void repeat_key(struct ps2_keyboard *kbd)
{
	struct ps2_keyboard_regs *r = kbd->regs;
	struct ps2_sequence s;

	if (!r->repeat || !r->scanning) {
		stop_repeat(kbd);
		return;
	}
	// A guest that does not read gets no pile of repeats.
	if (fifo8_empty(&r->scan) && !kbd->backlog_count) {
		ps2_sequence(r->set, r->repeat, true, modifiers(r), &s);
		queue_sequence(kbd, &s);
	}
	kbd->host.timer(kbd->host.arg, repeat_period(r));
}

// --- keys ----------------------------------------------------------------------------------------------

static bool sends(const struct ps2_keyboard_regs *r, unsigned code, bool down)
{
	return down || r->set != 3 || !test_bit(r->no_break, ps2_set3_code(code));
}

// Print screen must be released the way it was pressed.
static struct ps2_modifiers key_modifiers(struct ps2_keyboard_regs *r, unsigned code, bool down)
{
	struct ps2_modifiers mods = modifiers(r);

	if (code == (CONSOLE_KEY_E0 | 0x37)) {
		if (down)
			r->print_alt = mods.alt;
		mods.alt = r->print_alt;
	}
	return mods;
}

// False when there is no room; nothing has changed then.
static bool send_key(struct ps2_keyboard *kbd, unsigned code, bool down)
{
	struct ps2_keyboard_regs *r = kbd->regs;
	struct ps2_sequence s = { .len = 0 };

	if (sends(r, code, down))
		ps2_sequence(r->set, code, down, key_modifiers(r, code, down), &s);
	if (!queue_sequence(kbd, &s))
		return false;
	assign_bit(r->down, code, down && code != CONSOLE_KEY_PAUSE);
	if (down)
		start_repeat(kbd, code);
	else if (r->repeat == code)
		stop_repeat(kbd);
	return true;
}

static void drain_backlog(struct ps2_keyboard *kbd)
{
	while (kbd->backlog_count) {
		uint16_t event = kbd->backlog[kbd->backlog_head];

		if (!send_key(kbd, event & KEY_MASK, !(event & RELEASED)))
			return;
		kbd->backlog_head = (uint16_t)((kbd->backlog_head + 1) % PS2_KEYBOARD_BACKLOG);
		kbd->backlog_count--;
	}
}

// The newest event about CODE in the backlog decides whether the key is down; else the keys that were sent.
static bool is_down(const struct ps2_keyboard *kbd, unsigned code)
{
	for (unsigned i = kbd->backlog_count; i > 0; i--) {
		uint16_t event = kbd->backlog[(kbd->backlog_head + i - 1) % PS2_KEYBOARD_BACKLOG];

		if ((event & KEY_MASK) == code)
			return !(event & RELEASED);
	}
	return test_bit(kbd->regs->down, code);
}

void ps2_keyboard_key(struct ps2_keyboard *kbd, unsigned code, bool down)
{
	unsigned tail = (kbd->backlog_head + kbd->backlog_count) % PS2_KEYBOARD_BACKLOG;

	if (!valid_key(code) || is_down(kbd, code) == down)
		return;
	if (!kbd->regs->scanning) {
		assign_bit(kbd->regs->down, code, down && code != CONSOLE_KEY_PAUSE);
		return;
	}
	if (!kbd->backlog_count && send_key(kbd, code, down))
		return;
	if (kbd->backlog_count == PS2_KEYBOARD_BACKLOG) {
		queue_overrun(kbd);
		stop_repeat(kbd);
		return;
	}
	kbd->backlog[tail] = (uint16_t)(code | (down ? 0 : RELEASED));
	kbd->backlog_count++;
}

// --- commands ------------------------------------------------------------------------------------------

// Set 3 as it comes up: modifiers tell press and release, everything else repeats and tells only the press.
static void set3_defaults(struct ps2_keyboard_regs *r)
{
	static const uint8_t modifier_keys[] = { 0x11, 0x12, 0x14, 0x19, 0x39, 0x58, 0x59, 0x8b, 0x8c };

	memset(r->no_break, 0xff, sizeof(r->no_break));
	memset(r->no_repeat, 0, sizeof(r->no_repeat));
	for (unsigned i = 0; i < ARRAY_SIZE(modifier_keys); i++) {
		assign_bit(r->no_break, modifier_keys[i], false);
		assign_bit(r->no_repeat, modifier_keys[i], true);
	}
}

static void defaults(struct ps2_keyboard *kbd)
{
	clear_scan(kbd);
	stop_repeat(kbd);
	kbd->regs->set = 2;
	kbd->regs->typematic = TYPEMATIC_DEFAULT;
	kbd->regs->command = 0;
	set3_defaults(kbd->regs);
}

static void set_leds(struct ps2_keyboard *kbd, uint8_t leds)
{
	kbd->regs->leds = leds & 7;
	kbd->host.leds(kbd->host.arg, kbd->regs->leds);
}

// F7h..FAh for all keys, FBh..FDh for one: repeat, break, neither, both.
static void key_behaviour(struct ps2_keyboard_regs *r, uint8_t command, unsigned first, unsigned last)
{
	bool repeat = command == KBD_ALL_REPEAT || command == KBD_ALL_BOTH || command == KBD_KEY_REPEAT;
	bool brk = command == KBD_ALL_BREAK || command == KBD_ALL_BOTH || command == KBD_KEY_BREAK;

	for (unsigned i = first; i <= last; i++) {
		assign_bit(r->no_repeat, i, !repeat);
		assign_bit(r->no_break, i, !brk);
	}
}

static void begin_test(struct ps2_keyboard *kbd)
{
	defaults(kbd);
	fifo8_clear(&kbd->regs->reply);
	set_leds(kbd, 0);
	kbd->regs->scanning = 0;
	reply(kbd, KBD_ACK);
	kbd->regs->waiting = KBD_TESTING;
	kbd->host.timer(kbd->host.arg, BAT_NS);
}

static void identify(struct ps2_keyboard *kbd)
{
	reply(kbd, KBD_ACK);
	reply(kbd, 0xab);
	reply(kbd, 0x83);
}

// Commands that answer more than an ACK, or none. True when BYTE was one.
static bool special_command(struct ps2_keyboard *kbd, uint8_t byte)
{
	switch (byte) {
	case KBD_ECHO: reply(kbd, KBD_ECHO); return true;
	case KBD_IDENTIFY: identify(kbd); return true;
	case KBD_RESEND: reply(kbd, kbd->regs->last); return true;
	case KBD_RESET: begin_test(kbd); return true;
	default: return false;
	}
}

static void simple_command(struct ps2_keyboard *kbd, uint8_t byte)
{
	switch (byte) {
	case KBD_SET_LEDS: case KBD_SCAN_SET: case KBD_TYPEMATIC:
	case KBD_KEY_REPEAT: case KBD_KEY_BREAK: case KBD_KEY_MAKE:
		kbd->regs->command = byte;
		break;
	case KBD_ENABLE:
		clear_scan(kbd);
		kbd->regs->scanning = 1;
		break;
	case KBD_DISABLE:
		defaults(kbd);
		kbd->regs->scanning = 0;
		break;
	case KBD_DEFAULTS: defaults(kbd); break;
	case KBD_ALL_REPEAT: case KBD_ALL_BREAK: case KBD_ALL_MAKE: case KBD_ALL_BOTH:
		key_behaviour(kbd->regs, byte, 0, 255);
		break;
	default:
		reply(kbd, KBD_REFUSE);
		return;
	}
	reply(kbd, KBD_ACK);
}

// F0h: 0 asks for the set, 1 to 3 choose it.
static void scan_set(struct ps2_keyboard *kbd, uint8_t byte)
{
	if (byte > 3) {
		reply(kbd, KBD_REFUSE);
		return;
	}
	reply(kbd, KBD_ACK);
	if (!byte) {
		reply(kbd, kbd->regs->set);
		return;
	}
	clear_scan(kbd);
	kbd->regs->set = byte;
}

static void argument(struct ps2_keyboard *kbd, uint8_t byte)
{
	uint8_t command = kbd->regs->command;

	kbd->regs->command = 0;
	switch (command) {
	case KBD_SCAN_SET:
		scan_set(kbd, byte);
		return;
	case KBD_SET_LEDS: set_leds(kbd, byte); break;
	case KBD_TYPEMATIC: kbd->regs->typematic = byte & 0x7f; break;
	default:                // FBh..FDh take codes until the next command
		key_behaviour(kbd->regs, command, byte, byte);
		kbd->regs->command = command;
		break;
	}
	reply(kbd, KBD_ACK);
}

void ps2_keyboard_put(struct ps2_keyboard *kbd, uint8_t byte)
{
	struct ps2_keyboard_regs *r = kbd->regs;

	// A new command ends the self-test without its answer.
	if (r->waiting == KBD_TESTING && byte != KBD_RESEND) {
		r->waiting = KBD_IDLE;
		kbd->host.timer(kbd->host.arg, 0);
	}
	// Arguments are below EDh: a command in the place of one is obeyed and the waiting one forgotten.
	if (r->command && byte < KBD_SET_LEDS) {
		argument(kbd, byte);
		return;
	}
	r->command = 0;
	if (!special_command(kbd, byte))
		simple_command(kbd, byte);
}

bool ps2_keyboard_has(const struct ps2_keyboard *kbd)
{
	return !fifo8_empty(&kbd->regs->reply) || !fifo8_empty(&kbd->regs->scan);
}

uint8_t ps2_keyboard_get(struct ps2_keyboard *kbd)
{
	struct ps2_keyboard_regs *r = kbd->regs;

	if (!ps2_keyboard_has(kbd))
		return 0;
	if (!fifo8_empty(&r->reply)) {
		r->last = fifo8_get(&r->reply);
		return r->last;
	}
	r->last = fifo8_get(&r->scan);
	drain_backlog(kbd);
	return r->last;
}

void ps2_keyboard_timer(struct ps2_keyboard *kbd)
{
	switch (kbd->regs->waiting) {
	case KBD_TESTING:
		kbd->regs->waiting = KBD_IDLE;
		kbd->regs->scanning = 1;
		reply(kbd, KBD_BAT_OK);
		break;
	case KBD_REPEATING: repeat_key(kbd); break;
	default: break;
	}
}

// --- life ----------------------------------------------------------------------------------------------

void ps2_keyboard_init(struct ps2_keyboard *kbd, struct ps2_keyboard_regs *regs,
		       const struct ps2_keyboard_host *host)
{
	memset(kbd, 0, sizeof(*kbd));
	kbd->regs = regs;
	kbd->host = *host;
	fifo8_init(&regs->reply, PS2_KEYBOARD_REPLY);
	fifo8_init(&regs->scan, PS2_KEYBOARD_SCAN);
	ps2_keyboard_reset(kbd);
}

void ps2_keyboard_reset(struct ps2_keyboard *kbd)
{
	fifo8_clear(&kbd->regs->reply);
	defaults(kbd);
	memset(kbd->regs->down, 0, sizeof(kbd->regs->down));
	kbd->regs->last = 0;
	kbd->regs->print_alt = 0;
	kbd->regs->scanning = 1;
	kbd->regs->waiting = KBD_IDLE;
	kbd->host.timer(kbd->host.arg, 0);
	set_leds(kbd, 0);
}

void ps2_keyboard_sanitize(struct ps2_keyboard_regs *r)
{
	r->reply.size = PS2_KEYBOARD_REPLY;
	r->scan.size = PS2_KEYBOARD_SCAN;
	fifo8_sane(&r->reply);
	fifo8_sane(&r->scan);
	if (r->set < 1 || r->set > 3)
		r->set = 2;
	r->leds &= 7;
	r->typematic &= 0x7f;
	if (r->waiting > KBD_TESTING)
		r->waiting = KBD_IDLE;
	if (!valid_key(r->repeat))
		r->repeat = 0;
	switch (r->command) {
	case KBD_SET_LEDS: case KBD_SCAN_SET: case KBD_TYPEMATIC:
	case KBD_KEY_REPEAT: case KBD_KEY_BREAK: case KBD_KEY_MAKE: break;
	default: r->command = 0; break;
	}
}

void ps2_keyboard_loaded(struct ps2_keyboard *kbd)
{
	kbd->backlog_count = 0;
	kbd->host.leds(kbd->host.arg, kbd->regs->leds);
	if (kbd->regs->waiting == KBD_TESTING)
		kbd->host.timer(kbd->host.arg, BAT_NS);
	else if (kbd->regs->waiting == KBD_REPEATING)
		kbd->host.timer(kbd->host.arg, repeat_delay(kbd->regs));
	else
		kbd->host.timer(kbd->host.arg, 0);
	if (ps2_keyboard_has(kbd))
		kbd->host.ready(kbd->host.arg);
}
