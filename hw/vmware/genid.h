// genid.h: VMware's VM generation ID: a GUID in a page of its own that changes when the VM's time forks.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The page lies in the gap between the chipset's registers below 4 GiB, so that the firmware need not place it and its
// address is the same at every start. The guest finds it through the ACPI device VMGC (acpi_put_genid()).
#ifndef BERTH_VMWARE_GENID_H
#define BERTH_VMWARE_GENID_H

#include <stdint.h>

#include "bus/device.h"
#include "bus/platform.h"

#define GENID_ADDRESS 0xfeff0000ull
#define GENID_GPE     2u                // the general purpose event behind which VMware queues the change

struct genid;

extern const struct device_class genid_class;

struct genid_args {
	uint8_t guid[16];               // vm.genid and vm.genidX, both little endian
	void (*changed)(void *arg);     // tells the guest: raises GENID_GPE. Optional
	void *arg;
};

// Maps the page. P must have mem.
int genid_create(const struct platform *p, const struct genid_args *args, struct genid **out, struct err *err);
// After a copy, a revert or a clone: the guest sees GUID from now on and is told. vCPUs paused or before they start.
void genid_set(struct genid *g, const uint8_t guid[16]);

#endif
