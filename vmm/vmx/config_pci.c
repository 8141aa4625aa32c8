// config_pci.c: what has a place on PCI: bridges, controllers, network adapters, and their slot numbers.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "vmx/load.h"
#include "vmx/mac.h"

#define BRIDGES       8u
#define CONTROLLERS   4u
#define FUNCTIONS_MAX 8

static bool present(struct loader *l, const char *node)
{
	char key[KEY_SIZE];

	return get_bool(l, key_of(key, node, "present"));
}

static struct vm_pci *add(struct loader *l, const char *node, enum vm_pci_kind kind)
{
	struct vm_config *c = l->c;
	struct vm_pci *p = &c->pci[c->pci_count];
	const struct vmx_entry *e;
	char key[KEY_SIZE];

	if (c->pci_count == VM_PCI_MAX)
		return NULL;
	c->pci_count++;
	*p = (struct vm_pci){ .kind = kind, .slot = -1 };
	snprintf(p->node, sizeof(p->node), "%s", node);
	if (get_written(l, key_of(key, node, "pciSlotNumber")))
		p->slot = (int)get_int(l, key, INT32_MIN, INT32_MAX);
	e = vmx_file_find(l->file, key);
	p->line = e ? e->line : 0;
	return p;
}

// --- bridges -------------------------------------------------------------------------------------------

static void load_bridge(struct loader *l, unsigned n)
{
	char node[VM_PCI_NODE], key[KEY_SIZE];
	const char *kind;
	struct vm_pci *p;

	snprintf(node, sizeof(node), "pciBridge%u", n);
	if (!present(l, node))
		return;
	kind = get_written(l, key_of(key, node, "virtualDev"));
	p = add(l, node, kind && !strcasecmp(kind, "pcieRootPort") ? VM_PCI_ROOT_PORT : VM_PCI_BRIDGE);
	if (p)
		p->functions = (unsigned)get_int(l, key_of(key, node, "functions"), 1, FUNCTIONS_MAX);
}

// --- network adapters ----------------------------------------------------------------------------------

static const struct { const char *word; enum vm_nic_kind kind; enum vm_pci_kind place; } nic_kinds[] = {
	{ "vlance", VM_NIC_VLANCE, VM_PCI_LEGACY },
	{ "vmxnet", VM_NIC_VMXNET, VM_PCI_LEGACY },
	{ "vmxnet2", VM_NIC_VMXNET, VM_PCI_LEGACY },
	{ "vmxnet3", VM_NIC_VMXNET3, VM_PCI_EXPRESS },
	{ "e1000", VM_NIC_E1000, VM_PCI_LEGACY },
	{ "e1000e", VM_NIC_E1000E, VM_PCI_EXPRESS },
};

void vm_nic_mac(const struct vm_config *c, unsigned n, uint8_t mac[6])
{
	if (c->nic[n].has_mac)
		memcpy(mac, c->nic[n].mac, 6);
	else
		mac_generate(c->uuid_bios, MAC_OFFSET_STEP * n, mac);
}

static void load_mac(struct loader *l, const char *node, struct vm_nic *nic)
{
	char key[KEY_SIZE];
	const char *type = get_text(l, key_of(key, node, "addressType")), *text;
	bool fixed = type && !strcasecmp(type, "static");

	text = get_written(l, key_of(key, node, fixed ? "address" : "generatedAddress"));
	nic->has_mac = text && mac_parse(text, nic->mac) == 0 && !(nic->mac[0] & 1);
	if (text && !nic->has_mac)
		problem(l, VMX_ERROR, key, "\"%.60s\" is no address of an adapter; write it as 00:50:56:xx:xx:xx", text);
	else if (fixed && !text)
		problem(l, VMX_ERROR, key, "is missing: addressType is static");
}

static void load_nic(struct loader *l, unsigned n)
{
	struct vm_nic *nic = &l->c->nic[n];
	char node[VM_PCI_NODE], key[KEY_SIZE];
	const char *kind;

	snprintf(node, sizeof(node), "ethernet%u", n);
	if (!present(l, node))
		return;
	kind = get_text(l, key_of(key, node, "virtualDev"));
	for (size_t i = 0; kind && i < ARRAY_SIZE(nic_kinds); i++) {
		if (strcasecmp(kind, nic_kinds[i].word))
			continue;
		nic->kind = nic_kinds[i].kind;
		add(l, node, nic_kinds[i].place);
		load_mac(l, node, nic);
	}
	key_of(key, node, "present");
	if (nic->kind == VM_NIC_E1000 || nic->kind == VM_NIC_VMXNET3)
		problem(l, VMX_WARNING, key, "the adapter is there, with no network traffic yet: its cable is out");
	else if (nic->kind != VM_NIC_NONE)
		problem(l, VMX_WARNING, key, "network adapter %s is not supported yet; the VM runs without it", kind);
}

// --- controllers ---------------------------------------------------------------------------------------

static void load_scsi(struct loader *l, unsigned n)
{
	char node[VM_PCI_NODE], key[KEY_SIZE];
	const char *kind;

	snprintf(node, sizeof(node), "scsi%u", n);
	if (!present(l, node))
		return;
	kind = get_text(l, key_of(key, node, "virtualDev"));
	if (kind && (!strcasecmp(kind, "pvscsi") || !strcasecmp(kind, "lsisas1068")))
		add(l, node, VM_PCI_EXPRESS);
	else
		add(l, node, n ? VM_PCI_LEGACY : VM_PCI_BUS0);
}

static void load_one(struct loader *l, const char *node, enum vm_pci_kind kind)
{
	if (present(l, node))
		add(l, node, kind);
}

static void load_several(struct loader *l, const char *name, enum vm_pci_kind kind)
{
	char node[VM_PCI_NODE];

	for (unsigned i = 0; i < CONTROLLERS; i++) {
		snprintf(node, sizeof(node), "%s%u", name, i);
		load_one(l, node, kind);
	}
}

// The order is that in which VMware gives out numbers: PCI 32 usb, 33 ethernet0, 34 sound, 35 ehci, 36 vmci0, 37
// sata0; PCIe 160 scsi0, 192 ethernet0, and so on.
void load_pci(struct loader *l)
{
	for (unsigned i = 0; i < BRIDGES; i++)
		load_bridge(l, i);
	for (unsigned i = 0; i < CONTROLLERS; i++)
		load_scsi(l, i);
	load_one(l, "usb", VM_PCI_LEGACY);
	for (unsigned i = 0; i < VM_NICS; i++)
		load_nic(l, i);
	load_one(l, "sound", VM_PCI_LEGACY);
	load_one(l, "ehci", VM_PCI_LEGACY);
	load_one(l, "vmci0", VM_PCI_NUMBER);
	load_several(l, "sata", VM_PCI_LEGACY);
	load_one(l, "usb_xhci", VM_PCI_EXPRESS);
	load_several(l, "nvme", VM_PCI_EXPRESS);
	l->c->hot_add = get_bool(l, "mem.hotadd") || get_bool(l, "vcpu.hotadd");
	l->c->hot_plug = get_bool(l, "devices.hotplug");
	l->c->usb = present(l, "usb");
	l->c->ehci = present(l, "ehci");
}
