// ps2_mouse.h: the PS/2 mouse with wheel: PS/2, IntelliMouse and Explorer protocols. Knows no controller.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Movement is collected and leaves in packets while the guest reads them; what it does not read in time is
// added up, with every change of the buttons kept apart so that no click is lost. The caller serialises all
// calls.
#ifndef BERTH_INPUT_PS2_MOUSE_H
#define BERTH_INPUT_PS2_MOUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fifo8.h"

#define PS2_MOUSE_REPLY 16u     // bytes of answers
#define PS2_MOUSE_PACKETS 16u   // bytes of movement packets
#define PS2_MOUSE_MOTIONS 16u   // movements with different buttons that wait

// Buttons of a motion, as in a packet's first byte; the two of the Explorer protocol above them.
enum ps2_mouse_button {
	MOUSE_LEFT = 0x01, MOUSE_RIGHT = 0x02, MOUSE_MIDDLE = 0x04, MOUSE_SIDE = 0x08, MOUSE_EXTRA = 0x10,
	MOUSE_BUTTONS = 0x1f,
};

struct ps2_mouse_host {
	void (*ready)(void *arg);       // there are bytes to fetch with ps2_mouse_get()
	void *arg;
};

// What a snapshot saves; part of the controller's registers.
struct ps2_mouse_regs {
	struct fifo8 reply, packets;
	uint8_t enabled;                // F4h: movement is reported in stream mode
	uint8_t remote;                 // F0h: only on request
	uint8_t wrap;                   // EEh: everything is echoed
	uint8_t id;                     // 0, 3 or 4
	uint8_t rate, resolution, scaling;      // samples a second; 0..3; 1 = 2:1
	uint8_t command;                // that waits for its argument, 0 = none
	uint8_t last;                   // last byte sent, for FEh
	uint8_t rates[3];               // the latest rates, newest last: the knock
	uint8_t buttons;                // as last told by a packet
};

struct ps2_motion {
	int32_t dx, dy, dz;             // right, up, towards the user: the protocol's directions
	uint8_t buttons;
};

struct ps2_mouse {
	struct ps2_mouse_regs *regs;    // in the controller's registers
	struct ps2_mouse_host host;
	struct ps2_motion motions[PS2_MOUSE_MOTIONS];
	unsigned head, count;
};

// Power-on state. HOST is copied.
void ps2_mouse_init(struct ps2_mouse *mouse, struct ps2_mouse_regs *regs, const struct ps2_mouse_host *host);
void ps2_mouse_reset(struct ps2_mouse *mouse);
// Brings loaded registers into their limits, without a mouse at hand.
void ps2_mouse_sanitize(struct ps2_mouse_regs *regs);
// After registers were loaded.
void ps2_mouse_loaded(struct ps2_mouse *mouse);

// A byte from the host.
void ps2_mouse_put(struct ps2_mouse *mouse, uint8_t byte);
bool ps2_mouse_has(const struct ps2_mouse *mouse);
// The next byte; 0 when there is none.
uint8_t ps2_mouse_get(struct ps2_mouse *mouse);
// Movement and the buttons that are down now.
void ps2_mouse_move(struct ps2_mouse *mouse, struct ps2_motion motion);
// A packet without movement, unless one is waiting already; for the absolute pointer of the backdoor, whose
// driver looks there whenever a packet arrives. Nothing in remote mode or while reporting is off.
void ps2_mouse_poke(struct ps2_mouse *mouse);

#endif
