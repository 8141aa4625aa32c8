// ehci.h: VMware's EHCI controller (15ad:0770), nothing plugged in.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_USB_EHCI_H
#define BERTH_USB_EHCI_H

#include "bus/device.h"
#include "bus/platform.h"
#include "hw/pci/pci.h"

struct ehci;

extern const struct device_class ehci_class;

// Attaches 15ad:0770 at DEVFN of BUS. P must have clock.
int ehci_create(const struct platform *p, struct pci_bus *bus, uint8_t devfn, struct ehci **out, struct err *err);

#endif
