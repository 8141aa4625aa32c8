// serial.h: COM1 to COM4: a 16550A at the PC's ports, with a chardev behind it.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_SERIAL_SERIAL_H
#define BERTH_SERIAL_SERIAL_H

#include "bus/platform.h"
#include "chardev/chardev.h"

#define SERIAL_PORTS 4u

struct serial;

struct serial_args {
	// 0..3: COM1 3F8h/IRQ4, COM2 2F8h/IRQ3, COM3 3E8h/IRQ4, COM4 2E8h/IRQ3
	unsigned index;
	struct chardev_args chardev;    // strings are needed only during the call
};

// Opens the host side, claims the ports. Loop thread, before the machine starts. On success *OUT is destroyed
// through serial_class.destroy(), on the loop thread, after the vCPUs have stopped.
int serial_create(const struct platform *platform, const struct serial_args *args, struct serial **out,
		  struct err *err);
// The host side, for the caller that must restore a terminal from a signal handler.
struct chardev *serial_chardev(struct serial *serial);

extern const struct device_class serial_class;

#endif
