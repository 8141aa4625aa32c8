// e1000.h: VMware's e1000, an Intel 82545EM (8086:100f).
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_NIC_E1000_H
#define BERTH_NIC_E1000_H

#include "bus/device.h"
#include "hw/pci/pci.h"

struct e1000;

extern const struct device_class e1000_class;

// Attaches the adapter with address MAC at DEVFN of BUS. Its cable is out.
int e1000_create(struct pci_bus *bus, uint8_t devfn, const uint8_t mac[6], struct e1000 **out, struct err *err);

#endif
