// hotplug.h: devices that come and go while the machine runs: network adapters behind the bridges.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Behind a root port the guest drives the slot itself (presence, attention button, slot power); behind the PCI bridge
// ACPI tells it (GPE 1) and it answers with _EJ0. What shall leave does so when the guest has let go of it, or at the next
// reset. Loop thread.
#ifndef BERTH_MACHINE_HOTPLUG_H
#define BERTH_MACHINE_HOTPLUG_H

#include <stdbool.h>

#include "base/err.h"

struct machine;

// A device that can leave.
struct machine_plugged {
	const char *node;       // "ethernet1"
	const char *type;       // "vmxnet3"
	unsigned slot;          // as the guest numbers it; 0 on bus 0
	bool leaving;           // the guest was asked to let go of it
};

// Puts NODE in, as the .vmx says now. -EEXIST, -EBUSY (its slot is taken), -EINVAL (not in the file, or no device that can
// come while the machine runs).
int machine_plug(struct machine *m, const char *node, struct err *err);
// Asks the guest to let go of NODE; HARD takes it out at once. -ENOENT, -EBUSY (asked already), -EINVAL (bus 0).
int machine_unplug(struct machine *m, const char *node, bool hard, struct err *err);
// The device number N, from 0; false when there is none.
bool machine_plugged(const struct machine *m, unsigned n, struct machine_plugged *out);

#endif
