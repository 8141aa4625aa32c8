// unit_sched.h: the scheduling keys of a .vmx as properties of a systemd unit.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CLI_UNIT_SCHED_H
#define BERTH_CLI_UNIT_SCHED_H

#include <stddef.h>

#include "vmx/vmx_file.h"

// Lines for the [Service] section of what sched.cpu.shares, sched.cpu.max, sched.mem.max, sched.mem.min and
// sched.mem.pin ask for, or an empty text; what cannot be understood is left out. HOST_MHZ (0 = not known) is what one
// host CPU counts for. Pure.
void unit_sched_text(const struct vmx_file *f, unsigned host_mhz, char *buf, size_t size);
// What /proc/cpuinfo says of the first CPU, 0 when it says nothing.
unsigned unit_host_mhz(void);

#endif
