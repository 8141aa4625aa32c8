// pci_plan.h: which function goes where on PCI: VMware's slot numbers given out, conflicts settled.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Pure: made from the configuration alone, the same each time. What the file says holds when it can; a device
// without a number, or with one that cannot be, gets the lowest that is free for its kind, as on VMware.
#ifndef BERTH_MACHINE_PCI_PLAN_H
#define BERTH_MACHINE_PCI_PLAN_H

#include "hw/pci/slots.h"
#include "vmx/config.h"

#define PCI_PLAN_MAX     (VM_PCI_MAX + 8u)
#define PCI_PLAN_BRIDGES 8u

struct pci_plan_entry {
	char node[VM_PCI_NODE];
	enum vm_pci_kind kind;
	unsigned line;                  // of its number in the file, 0 = none
	unsigned functions;             // bridges
	bool in_file;                   // false: a bridge that hardware of this version has and the file lacks
	int asked;                      // what the file says
	int number;                     // what it has; -1: it has no place (and none is wanted, or all are taken)
	struct pci_slot slot;           // NUMBER decoded
	unsigned bus;                   // as the firmware will number it
	uint8_t devfn;                  // of the function on that bus
	uint8_t bridge_devfn;           // on bus 0; when slot.bridge is not PCI_SLOT_BUS0
	unsigned first_bus;             // bridges: the bus behind function 0
};

struct pci_plan {
	struct pci_plan_entry entry[PCI_PLAN_MAX];      // bridges first
	size_t count;
};

// REPORT (may be NULL) gets a warning for each number that could not be kept.
void pci_plan_make(const struct vm_config *config, struct pci_plan *plan, struct vmx_report *report);
// The entry of NODE that has a place; NULL when there is none.
const struct pci_plan_entry *pci_plan_find(const struct pci_plan *plan, const char *node);
// pciBridgeN, NULL when there is none.
const struct pci_plan_entry *pci_plan_bridge(const struct pci_plan *plan, int n);
bool pci_plan_is_bridge(const struct pci_plan_entry *e);
// What ACPI's label method gives for the device: VMware's number, which tells instance and place.
uint32_t pci_plan_label_index(const struct pci_plan_entry *e);

#endif
