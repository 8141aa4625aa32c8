// root_port.h: VMware's PCIe root ports 15ad:07a0: a slot each, with native hot plug registers.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A slot whose power is off, or whose link is disabled, is dark: nothing behind the port answers. Power and link
// that come back reset what is in the slot and report a change of the link state. The events reach the guest by
// MSI; the ports have no interrupt pin.
#ifndef BERTH_PCI_ROOT_PORT_H
#define BERTH_PCI_ROOT_PORT_H

#include "bus/device.h"
#include "hw/pci/pci.h"

#define ROOT_PORT_FUNCTIONS 8u

struct root_port;               // one pciBridgeN: up to eight functions of one device

struct root_port_args {
	unsigned device;        // on bus 0
	unsigned functions;     // 1..8
	unsigned slot;          // Physical Slot Number of function 0; function f has slot + f
	// The guest switched slot SLOT off after root_port_press_button(). On a vCPU thread, the root's lock held. May be
	// NULL: then what is in a slot stays there.
	void (*let_go)(void *arg, unsigned slot);
	void *arg;
};

extern const struct device_class root_port_class;

int root_port_create(struct pci_bus *bus, const struct root_port_args *args, struct root_port **out, struct err *err);
// Presses the attention button of FUNCTION's slot, which is occupied: the guest is asked to let go of what is in it.
// False when it does not listen (no message went out). Any thread, no lock of the PCI root held.
bool root_port_press_button(struct root_port *port, unsigned function);
// The bus behind FUNCTION; NULL when there is no such function.
struct pci_bus *root_port_bus(struct root_port *port, unsigned function);
// The function itself, for tests; NULL as above.
struct pci_dev *root_port_dev(struct root_port *port, unsigned function);

#endif
