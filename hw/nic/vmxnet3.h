// vmxnet3.h: VMware's vmxnet3 (15ad:07b0).
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_NIC_VMXNET3_H
#define BERTH_NIC_VMXNET3_H

#include "bus/device.h"
#include "hw/pci/pci.h"

struct vmxnet3;

extern const struct device_class vmxnet3_class;

// Attaches the adapter with address MAC at DEVFN of BUS. Its cable is out. HW_VERSION decides the revisions of the
// interface and the form of the serial number.
int vmxnet3_create(struct pci_bus *bus, uint8_t devfn, const uint8_t mac[6], int hw_version, struct vmxnet3 **out,
		   struct err *err);

#endif
