// ps2_keyboard.h: the PS/2 keyboard: scan code sets 1 to 3, commands, typematic repeat. Knows no controller.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Bytes for the host wait in two queues: answers to commands, which go first, and the 16 bytes of scan codes
// that a real keyboard has. Keys that find no room there wait as events, so that text typed by a program
// arrives whole; when those are too many as well, the overrun code is queued. The caller serialises all
// calls.
#ifndef BERTH_INPUT_PS2_KEYBOARD_H
#define BERTH_INPUT_PS2_KEYBOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fifo8.h"

#define PS2_KEYS 0x300u                 // console key codes: 00h..7Fh, + 100h (E0 prefix), 200h (pause)
#define PS2_KEYBOARD_SCAN 16u           // bytes of scan codes
#define PS2_KEYBOARD_REPLY 16u          // bytes of answers
#define PS2_KEYBOARD_BACKLOG 256u       // key events that wait for room

struct ps2_keyboard_host {
	// There are bytes to fetch with ps2_keyboard_get().
	void (*ready)(void *arg);
	// Lights: bit 0 scroll lock, 1 num lock, 2 caps lock.
	void (*leds)(void *arg, unsigned leds);
	// Call ps2_keyboard_timer() NS nanoseconds from now (virtual time); 0 = no longer.
	void (*timer)(void *arg, uint64_t ns);
	void *arg;
};

enum ps2_keyboard_wait { KBD_IDLE, KBD_REPEATING, KBD_TESTING };

// What a snapshot saves; part of the controller's registers.
struct ps2_keyboard_regs {
	struct fifo8 reply, scan;
	uint8_t scanning;               // F4h: keys are reported
	uint8_t set;                    // 1..3
	uint8_t leds;
	uint8_t typematic;              // F3h argument
	uint8_t command;                // that waits for its argument, 0 = none
	uint8_t last;                   // last byte sent, for FEh
	uint8_t waiting;                // enum ps2_keyboard_wait: what the timer is for
	uint8_t print_alt;              // print screen went down as SysRq
	uint16_t repeat;                // key that repeats, 0 = none
	uint8_t down[PS2_KEYS / 8];     // keys held, by console code
	uint8_t no_break[32], no_repeat[32];    // set 3: per scan code, what it does not send
};

struct ps2_keyboard {
	struct ps2_keyboard_regs *regs;         // in the controller's registers
	struct ps2_keyboard_host host;
	// Key events without room; bit 15 = released. Lost in a snapshot, as keys are that nobody waits for.
	uint16_t backlog[PS2_KEYBOARD_BACKLOG];
	uint16_t backlog_head, backlog_count;
};

// Power-on state after its self-test. REGS and HOST as above; HOST is copied.
void ps2_keyboard_init(struct ps2_keyboard *kbd, struct ps2_keyboard_regs *regs,
		       const struct ps2_keyboard_host *host);
void ps2_keyboard_reset(struct ps2_keyboard *kbd);
// Brings loaded registers into their limits, without a keyboard at hand.
void ps2_keyboard_sanitize(struct ps2_keyboard_regs *regs);
// After registers were loaded.
void ps2_keyboard_loaded(struct ps2_keyboard *kbd);

// A byte from the host.
void ps2_keyboard_put(struct ps2_keyboard *kbd, uint8_t byte);
bool ps2_keyboard_has(const struct ps2_keyboard *kbd);
// The next byte; 0 when there is none.
uint8_t ps2_keyboard_get(struct ps2_keyboard *kbd);
// A key, as console.h codes them. Codes that no key has are ignored, and so is a repeated `down`: the
// keyboard repeats by itself.
void ps2_keyboard_key(struct ps2_keyboard *kbd, unsigned code, bool down);
// The time asked for has passed. Harmless when nothing is waiting.
void ps2_keyboard_timer(struct ps2_keyboard *kbd);

#endif
