// ps2_scancodes.h: from console key codes to the three scan code sets, and the 8042's translation.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_INPUT_PS2_SCANCODES_H
#define BERTH_INPUT_PS2_SCANCODES_H

#include <stdbool.h>
#include <stdint.h>

#define PS2_SEQUENCE 10u        // the longest: pause in set 2 is eight bytes

struct ps2_sequence {
	uint8_t bytes[PS2_SEQUENCE];
	uint8_t len;            // 0 = the key sends nothing
};

struct ps2_modifiers { bool shift, ctrl, alt; };

// The 8042's translation of one byte from set 2 to set 1; F0h is the controller's business.
uint8_t ps2_translate(uint8_t set2);
// Set 2 code of a set 1 code (1..7Fh, no prefix); 0 = none.
uint8_t ps2_set2_code(uint8_t set1);
// Set 3 code of a console key code; 0 = none.
uint8_t ps2_set3_code(unsigned code);
// What CODE sends in SET on press or release. MODS matters to print screen and pause only.
void ps2_sequence(unsigned set, unsigned code, bool down, struct ps2_modifiers mods,
		  struct ps2_sequence *out);

#endif
