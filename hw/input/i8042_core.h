// i8042_core.h: the keyboard controller with keyboard and mouse behind it; registers and rules only.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// There is one output buffer. While it is full the devices are held off; when the CPU has read it, the next
// byte moves in at once: the controller's own answers first, then the keyboard's, then the mouse's. IRQ 1 and
// IRQ 12 are up while the buffer holds a byte of their device and the command byte enables them, so every
// byte makes an edge. The caller serialises all calls (its device lock).
#ifndef BERTH_INPUT_I8042_CORE_H
#define BERTH_INPUT_I8042_CORE_H

#include "bus/fields.h"
#include "hw/input/ps2_keyboard.h"
#include "hw/input/ps2_mouse.h"

#define I8042_RAM 32u
#define I8042_ANSWERS 8u

enum i8042_status {
	STATUS_OUTPUT_FULL = 0x01, STATUS_INPUT_FULL = 0x02, STATUS_SYSTEM = 0x04, STATUS_COMMAND = 0x08,
	STATUS_UNLOCKED = 0x10, STATUS_AUX_DATA = 0x20, STATUS_TIMEOUT = 0x40, STATUS_PARITY = 0x80,
};

// RAM byte 0, the command byte.
enum i8042_control {
	CONTROL_KBD_INT = 0x01, CONTROL_AUX_INT = 0x02, CONTROL_SYSTEM = 0x04, CONTROL_KBD_OFF = 0x10,
	CONTROL_AUX_OFF = 0x20, CONTROL_TRANSLATE = 0x40,
};

enum i8042_output_port {
	OUTPUT_RUN = 0x01, OUTPUT_A20 = 0x02, OUTPUT_KBD_FULL = 0x10, OUTPUT_AUX_FULL = 0x20,
	OUTPUT_AUX_CLOCK = 0x40, OUTPUT_KBD_DATA = 0x80,
};

enum i8042_source { SOURCE_NONE, SOURCE_CONTROLLER, SOURCE_KEYBOARD, SOURCE_MOUSE };

struct i8042_host {
	void (*irq1)(void *arg, bool level);
	void (*irq12)(void *arg, bool level);
	void (*leds)(void *arg, unsigned leds);
	void (*timer)(void *arg, uint64_t ns);  // ps2_keyboard_host.timer; answered by i8042_core_timer()
	void (*init_cpus)(void *arg);           // the CPU's reset line was pulsed
	void (*reset)(void *arg);               // ... and is held down
	void *arg;
};

// All that a snapshot saves.
struct i8042_regs {
	uint8_t ram[I8042_RAM];
	uint8_t output;                 // the output buffer
	uint8_t source;                 // whose byte it is; SOURCE_NONE = empty
	uint8_t last_was_command;       // status bit 3
	uint8_t command;                // that waits for its byte at port 60h, 0 = none
	uint8_t output_port;            // bits 0 and 1, and what was written to the rest
	uint8_t polling;                // C1h or C2h: status bits 4..7 show the input port
	uint8_t break_prefix;           // F0h was swallowed by the translation
	uint8_t answers[I8042_ANSWERS]; // waiting for the output buffer, oldest first
	uint8_t answer_sources[I8042_ANSWERS];
	uint8_t answer_count;
	struct ps2_keyboard_regs kbd;
	struct ps2_mouse_regs mouse;
};

struct i8042_core {
	struct i8042_regs regs;
	struct ps2_keyboard kbd;
	struct ps2_mouse mouse;
	struct i8042_host host;         // copied by i8042_core_init()
	bool settling;                  // in settle(): the devices' calls do not recurse
};

extern const struct fields i8042_fields;

void i8042_core_init(struct i8042_core *c, const struct i8042_host *host);
void i8042_core_reset(struct i8042_core *c);
void i8042_core_loaded(struct i8042_core *c);

// Ports 60h and 64h.
uint8_t i8042_core_read_data(struct i8042_core *c);
void i8042_core_write_data(struct i8042_core *c, uint8_t value);
uint8_t i8042_core_read_status(const struct i8042_core *c);
void i8042_core_write_command(struct i8042_core *c, uint8_t value);

// Input, as ps2_keyboard_key(), ps2_mouse_move() and ps2_mouse_poke() say.
void i8042_core_key(struct i8042_core *c, unsigned code, bool down);
void i8042_core_move(struct i8042_core *c, struct ps2_motion motion);
void i8042_core_poke(struct i8042_core *c);
void i8042_core_timer(struct i8042_core *c);

#endif
