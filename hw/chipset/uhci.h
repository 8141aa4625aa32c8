// uhci.h: PIIX4 function 2: a USB host controller with two empty ports.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CHIPSET_UHCI_H
#define BERTH_CHIPSET_UHCI_H

#include "bus/device.h"
#include "bus/platform.h"
#include "hw/pci/pci.h"

struct uhci;

extern const struct device_class uhci_class;

// Attaches 8086:7112 at DEVFN of BUS, interrupt pin D. P must have clock.
int uhci_create(const struct platform *p, struct pci_bus *bus, uint8_t devfn, struct uhci **out,
		struct err *err);

#endif
