// nic_rom.h: the expansion ROM window of a network adapter: VMware's size, and no image in it.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_NIC_NIC_ROM_H
#define BERTH_NIC_NIC_ROM_H

#include "hw/pci/pci.h"

// Before pci_attach(). Reads give all ones, which no firmware takes for an image.
void nic_rom_add(struct pci_dev *dev);

#endif
