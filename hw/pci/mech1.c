// mech1.c: configuration mechanism 1: CONFIG_ADDRESS at CF8h, CONFIG_DATA at CFCh.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/pci/internal.h"

#include <errno.h>

enum mech1 {
	PORT_FIRST = 0xcf8,
	PORT_LAST = 0xcff,
	ADDRESS = 0,            // offsets in the range
	RESET_CONTROL = 1,
	DATA = 4,
};

#define ADDRESS_ENABLE 0x80000000u
#define ADDRESS_BITS   0x80fffffcu      // the others are reserved and read as 0

struct cycle { unsigned bus, devfn, off; bool enabled; };

static struct cycle decode(struct pci_root *root, uint64_t offset)
{
	uint32_t a;

	pthread_mutex_lock(&root->lock);
	a = root->config_address;
	pthread_mutex_unlock(&root->lock);
	return (struct cycle){
		.bus = (a >> 16) & 0xff,
		.devfn = (a >> 8) & 0xff,
		.off = (a & 0xfc) + (unsigned)(offset - DATA),
		.enabled = a & ADDRESS_ENABLE,
	};
}

static bool in_data(uint64_t offset, unsigned size) { return offset >= DATA && offset + size <= DATA + 4; }

static uint64_t ports_read(void *dev, uint64_t offset, unsigned size)
{
	struct pci_root *root = dev;
	uint32_t address;
	struct cycle c;

	if (offset == RESET_CONTROL && size == 1)
		return root->cf9_read ? root->cf9_read(root->cf9_arg) : UINT64_MAX;
	if (offset == ADDRESS && size == 4) {
		pthread_mutex_lock(&root->lock);
		address = root->config_address;
		pthread_mutex_unlock(&root->lock);
		return address;
	}
	if (!in_data(offset, size))
		return UINT64_MAX;
	c = decode(root, offset);
	return c.enabled ? pci_config_read(root, c.bus, c.devfn, c.off, size) : UINT64_MAX;
}

// Only a dword reaches CONFIG_ADDRESS; narrower accesses there belong to others on the bus.
static void ports_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct pci_root *root = dev;
	struct cycle c;

	if (offset == RESET_CONTROL && size == 1) {
		if (root->cf9_write)
			root->cf9_write(root->cf9_arg, (uint8_t)value);
	} else if (offset == ADDRESS && size == 4) {
		pthread_mutex_lock(&root->lock);
		root->config_address = (uint32_t)value & ADDRESS_BITS;
		pthread_mutex_unlock(&root->lock);
	} else if (in_data(offset, size)) {
		c = decode(root, offset);
		if (c.enabled)
			pci_config_write(root, c.bus, c.devfn, c.off, size, (uint32_t)value);
	}
}

static const struct bus_ops ports_ops = { .read = ports_read, .write = ports_write, .max_size = 4 };

int pci_root_claim_ports(struct pci_root *root, struct err *err)
{
	int r;

	root->ports = (struct bus_range){
		.first = PORT_FIRST, .last = PORT_LAST, .name = "pci-config", .ops = &ports_ops, .dev = root,
	};
	r = bus_insert(root->host.ports, &root->ports, err);
	if (r < 0)
		root->ports.ops = NULL;
	return r;
}

void pci_root_set_cf9(struct pci_root *root, uint8_t (*read)(void *arg),
		      void (*write)(void *arg, uint8_t value), void *arg)
{
	root->cf9_read = read;
	root->cf9_write = write;
	root->cf9_arg = arg;
}

void pci_root_reset(struct pci_root *root)
{
	pthread_mutex_lock(&root->lock);
	root->config_address = 0;
	pthread_mutex_unlock(&root->lock);
}
