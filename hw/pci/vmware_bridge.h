// vmware_bridge.h: VMware's PCI bridge 15ad:0790: what nobody on bus 0 claims passes through it.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_PCI_VMWARE_BRIDGE_H
#define BERTH_PCI_VMWARE_BRIDGE_H

#include "bus/device.h"
#include "hw/pci/pci.h"

struct vmware_bridge;

extern const struct device_class vmware_bridge_class;

// Attaches the bridge at DEVFN of BUS. HW_VERSION decides the revision and whether there is the memory BAR that
// version 6 had. Everything behind it must go before it.
int vmware_bridge_create(struct pci_bus *bus, uint8_t devfn, int hw_version, struct vmware_bridge **out,
			 struct err *err);
struct pci_bus *vmware_bridge_bus(struct vmware_bridge *bridge);

#endif
