// uhci.h: a USB host controller with two empty ports: PIIX4 function 2, or VMware's own behind the PCI bridge.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CHIPSET_UHCI_H
#define BERTH_CHIPSET_UHCI_H

#include "bus/device.h"
#include "bus/platform.h"
#include "hw/pci/pci.h"

struct uhci;

extern const struct device_class uhci_class;

enum uhci_model {
	UHCI_PIIX4,             // 8086:7112, interrupt pin D
	UHCI_VMWARE,            // 15ad:0774, interrupt pin A
};

// Attaches the controller at DEVFN of BUS. P must have clock.
int uhci_create(const struct platform *p, struct pci_bus *bus, uint8_t devfn, enum uhci_model model,
		struct uhci **out, struct err *err);

#endif
