// slots.h: VMware's pciSlotNumber: which function of which bridge, and the number that the guest sees.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// 13 bits, FFF BBBBB DDDDD: device D behind function F of pciBridge(B - 1); B = 0: device D of bus 0. Pure.
#ifndef BERTH_PCI_SLOTS_H
#define BERTH_PCI_SLOTS_H

#include <stdbool.h>

#define PCI_SLOT_NUMBER_MAX 8191
#define PCI_SLOT_BUS0       (-1)        // pci_slot.bridge: bus 0

struct pci_slot {
	int bridge;             // N of pciBridgeN, 0..30, or PCI_SLOT_BUS0
	unsigned function;      // of the bridge, 0..7; 0 on bus 0
	unsigned device;        // 0..31
};

// False when NUMBER is no slot number: negative, too large, or a function on bus 0.
bool pci_slot_decode(int number, struct pci_slot *out);
// The number; -1 when SLOT has members out of their range.
int pci_slot_encode(const struct pci_slot *slot);
// What the guest reads as slot number (_SUN, Physical Slot Number): of device SLOT.device behind a PCI bridge, of
// function SLOT.function of a root port. -1 on bus 0.
int pci_slot_guest_number(const struct pci_slot *slot, bool root_port);

#endif
