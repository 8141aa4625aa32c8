// device.h: what the machine's table knows of a device: reset, stop, and the registers to save.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BUS_DEVICE_H
#define BERTH_BUS_DEVICE_H

#include "fields.h"

struct device_class {
	const char *name;
	// Power-on values. Called with all vCPUs stopped, on the loop thread; takes the device's lock itself.
	// Requests still under way when it returns must be dropped when they complete. NULL = nothing to reset.
	void (*reset)(void *dev);
	// Waits for nothing: starts draining; called before the disks are closed. Optional.
	void (*stop)(void *dev);
	// Releases memory, timers and loop sources. Optional.
	void (*destroy)(void *dev);
	const struct fields *fields;            // NULL = nothing to save
	void *(*regs)(void *dev);               // the struct that `fields` describes
	// After fields_load() on regs(): brings timers, interrupt line and backend in line with the registers. Called
	// as reset() is. Optional.
	void (*loaded)(void *dev);
};

#endif
