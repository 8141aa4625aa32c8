// vmci.h: VMware's VMCI device 15ad:0740 on a PCI bus.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_VMWARE_VMCI_H
#define BERTH_VMWARE_VMCI_H

#include "bus/device.h"
#include "bus/platform.h"
#include "hw/pci/pci.h"

struct vmci;

extern const struct device_class vmci_class;

struct vmci_args {
	struct pci_bus *bus;
	uint8_t devfn;                  // 7 << 3 | 7 on VMware's platform
	uint32_t context;               // vmci0.id
	bool ppn64;                     // offers page numbers of 64 bits
};

// BAR 0: the registers; BAR 1: 8 KiB with the MSI-X table. MSI, MSI-X with two vectors, INTA. P must have mem.
int vmci_create(const struct platform *p, const struct vmci_args *args, struct vmci **out, struct err *err);

#endif
