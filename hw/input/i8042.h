// i8042.h: the PC's keyboard controller at ports 60h and 64h, with a PS/2 keyboard and a wheel mouse.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_INPUT_I8042_H
#define BERTH_INPUT_I8042_H

#include "bus/platform.h"

struct i8042;

// Claims the ports, drives ISA IRQ 1 and 12, and becomes the console's keyboard and pointer. Loop thread,
// before the machine starts; *OUT is destroyed through i8042_class.destroy(), when no viewer sends input any
// more.
int i8042_create(const struct platform *platform, struct i8042 **out, struct err *err);
// Raises a mouse packet without movement, if the guest's driver wants packets and none is waiting. Any thread
// that does not hold the device's lock.
void i8042_mouse_poke(struct i8042 *i8042);

extern const struct device_class i8042_class;

#endif
