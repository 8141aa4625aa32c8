// slots.c: VMware's pciSlotNumber: which function of which bridge, and the number that the guest sees.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/pci/slots.h"

enum slot_bits {
	DEVICE_BITS = 5,
	BRIDGE_BITS = 5,
	DEVICES = 1 << DEVICE_BITS,
	BRIDGES = 1 << BRIDGE_BITS,
	FUNCTIONS = 8,
};

static bool in_range(const struct pci_slot *s)
{
	return s->bridge >= PCI_SLOT_BUS0 && s->bridge < BRIDGES - 1 && s->function < FUNCTIONS &&
	       s->device < DEVICES && (s->bridge != PCI_SLOT_BUS0 || !s->function);
}

bool pci_slot_decode(int number, struct pci_slot *out)
{
	struct pci_slot s;

	if (number < 0 || number > PCI_SLOT_NUMBER_MAX)
		return false;
	s = (struct pci_slot){
		.bridge = (number >> DEVICE_BITS) % BRIDGES - 1,
		.function = (unsigned)number >> (DEVICE_BITS + BRIDGE_BITS),
		.device = (unsigned)number % DEVICES,
	};
	if (!in_range(&s))
		return false;
	*out = s;
	return true;
}

int pci_slot_encode(const struct pci_slot *s)
{
	if (!in_range(s))
		return -1;
	return (int)(s->function << (DEVICE_BITS + BRIDGE_BITS) | (unsigned)(s->bridge + 1) << DEVICE_BITS | s->device);
}

int pci_slot_guest_number(const struct pci_slot *s, bool root_port)
{
	if (!in_range(s) || s->bridge == PCI_SLOT_BUS0)
		return -1;
	return (s->bridge + 1) * DEVICES + (int)(root_port ? s->function : s->device);
}
