// build_pci.c: PCI bridges and what the plan puts behind them.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/chipset/piix4.h"
#include "hw/chipset/uhci.h"
#include "hw/nic/e1000.h"
#include "hw/nic/vmxnet3.h"
#include "hw/pci/root_port.h"
#include "hw/pci/vmware_bridge.h"
#include "hw/usb/ehci.h"
#include "machine/internal.h"

#define FIRST_HW_WITH_BRIDGE 6

// --- bridges -------------------------------------------------------------------------------------------

static int build_root_ports(struct machine *m, const struct pci_plan_entry *e, unsigned n, struct err *err)
{
	struct root_port_args args = {
		.device = e->slot.device, .functions = e->functions,
		.slot = (unsigned)pci_slot_guest_number(&(struct pci_slot){ .bridge = (int)n }, true),
	};
	int r;

	machine_hotplug_port(m, &args);
	r = root_port_create(pci_root_bus(m->platform.pci), &args, &m->root_ports[n], err);
	if (!r)
		machine_add_device(m, &root_port_class, m->root_ports[n]);
	return r;
}

static int build_bridge(struct machine *m, const struct pci_plan_entry *e, unsigned n, struct err *err)
{
	struct pci_bus *root = pci_root_bus(m->platform.pci);
	int r = vmware_bridge_create(root, e->devfn, m->config->hw_version, &m->bridge[n], err);

	if (!r)
		machine_add_device(m, &vmware_bridge_class, m->bridge[n]);
	return r;
}

int machine_build_pci_bridges(struct machine *m, struct err *err)
{
	int r = 0;

	pci_plan_make(m->config, &m->pci, NULL);
	if (m->config->hw_version >= FIRST_HW_WITH_BRIDGE)
		r = machine_build_hotplug(m, err);
	for (unsigned n = 0; !r && n < PCI_PLAN_BRIDGES; n++) {
		const struct pci_plan_entry *e = pci_plan_bridge(&m->pci, (int)n);

		if (e)
			r = e->kind == VM_PCI_ROOT_PORT ? build_root_ports(m, e, n, err) : build_bridge(m, e, n, err);
	}
	return r;
}

// --- places --------------------------------------------------------------------------------------------

static struct pci_bus *bus_of(struct machine *m, const struct pci_slot *s)
{
	if (s->bridge == PCI_SLOT_BUS0)
		return pci_root_bus(m->platform.pci);
	if (s->bridge >= (int)PCI_PLAN_BRIDGES)
		return NULL;
	if (m->bridge[s->bridge])
		return vmware_bridge_bus(m->bridge[s->bridge]);
	return m->root_ports[s->bridge] ? root_port_bus(m->root_ports[s->bridge], s->function) : NULL;
}

// Bus and DEVFN that PLAN has for NODE ("scsi0"); NULL with ERR filled when it has none.
static struct pci_bus *place_of(struct machine *m, const struct pci_plan *plan, const char *node, uint8_t *devfn,
				struct err *err)
{
	const struct pci_plan_entry *e = pci_plan_find(plan, node);
	struct pci_bus *bus = e ? bus_of(m, &e->slot) : NULL;

	if (!bus) {
		err_set(err, ENODEV, node, "no PCI slot is left for it");
		err_remedy(err, "Remove a device, or raise virtualHW.version to 7 or more");
		return NULL;
	}
	*devfn = e->devfn;
	return bus;
}

// --- network adapters ----------------------------------------------------------------------------------

// The row of the adapter, which can leave while the machine runs.
static void add_row(struct machine *m, const struct pci_plan *plan, const char *node, const struct device_class *cls, void *dev)
{
	const struct pci_slot *slot = &pci_plan_find(plan, node)->slot;
	struct machine_device *row = machine_add_device(m, cls, dev);

	if (!row)
		return;
	snprintf(row->node, sizeof(row->node), "%s", node);
	if (slot->bridge == PCI_SLOT_BUS0)
		return;
	row->port = m->root_ports[slot->bridge];
	row->function = slot->function;
	row->slot = (unsigned)pci_slot_guest_number(slot, row->port != NULL);
}

int machine_build_nic(struct machine *m, const struct vm_config *config, const struct pci_plan *plan, unsigned n, struct err *err)
{
	enum vm_nic_kind kind = config->nic[n].kind;
	char node[VM_PCI_NODE];
	struct vmxnet3 *vmxnet3;
	struct e1000 *e1000;
	struct pci_bus *bus;
	uint8_t devfn, mac[6];
	int r;

	if (kind != VM_NIC_E1000 && kind != VM_NIC_VMXNET3)
		return 0;
	snprintf(node, sizeof(node), "ethernet%u", n);
	bus = place_of(m, plan, node, &devfn, err);
	if (!bus)
		return -ENODEV;
	vm_nic_mac(config, n, mac);
	if (kind == VM_NIC_E1000) {
		r = e1000_create(bus, devfn, mac, &e1000, err);
		if (!r)
			add_row(m, plan, node, &e1000_class, e1000);
		return r;
	}
	r = vmxnet3_create(bus, devfn, mac, m->config->hw_version, &vmxnet3, err);
	if (!r)
		add_row(m, plan, node, &vmxnet3_class, vmxnet3);
	return r;
}

int machine_build_nics(struct machine *m, struct err *err)
{
	int r = 0;

	for (unsigned n = 0; !r && n < VM_NICS; n++)
		r = machine_build_nic(m, m->config, &m->pci, n, err);
	return r;
}

// --- USB -----------------------------------------------------------------------------------------------

static int build_uhci(struct machine *m, struct err *err)
{
	struct pci_bus *bus;
	struct uhci *uhci;
	uint8_t devfn;
	int r;

	// The PIIX4 of old hardware has its own, and then the plan has no place.
	if (!m->config->usb || m->piix4->uhci)
		return 0;
	bus = place_of(m, &m->pci, "usb", &devfn, err);
	if (!bus)
		return -ENODEV;
	r = uhci_create(&m->platform, bus, devfn, UHCI_VMWARE, &uhci, err);
	if (!r)
		machine_add_device(m, &uhci_class, uhci);
	return r;
}

static int build_ehci(struct machine *m, struct err *err)
{
	struct pci_bus *bus;
	struct ehci *ehci;
	uint8_t devfn;
	int r;

	if (!m->config->ehci)
		return 0;
	bus = place_of(m, &m->pci, "ehci", &devfn, err);
	if (!bus)
		return -ENODEV;
	r = ehci_create(&m->platform, bus, devfn, &ehci, err);
	if (!r)
		machine_add_device(m, &ehci_class, ehci);
	return r;
}

int machine_build_usb(struct machine *m, struct err *err)
{
	int r = build_uhci(m, err);

	return r ? r : build_ehci(m, err);
}
