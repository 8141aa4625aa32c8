// ecam.c: memory-mapped configuration space.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/pci/ecam.h"

struct place { unsigned bus, devfn, off; };

static struct place place_of(uint64_t offset)
{
	return (struct place){
		.bus = (unsigned)(offset >> 20), .devfn = (unsigned)(offset >> 12 & 0xff),
		.off = (unsigned)(offset & (PCI_EXPRESS_CONFIG_SIZE - 1)),
	};
}

static uint64_t ecam_read(void *dev, uint64_t offset, unsigned size)
{
	struct ecam *e = dev;
	struct place p = place_of(offset);

	return pci_config_read(e->root, p.bus, p.devfn, p.off, size);
}

static void ecam_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct ecam *e = dev;
	struct place p = place_of(offset);

	pci_config_write(e->root, p.bus, p.devfn, p.off, size, (uint32_t)value);
}

static const struct bus_ops ecam_ops = { .read = ecam_read, .write = ecam_write, .max_size = 4 };

int ecam_init(struct ecam *e, struct pci_root *root, struct bus *mmio, struct err *err)
{
	int r;

	*e = (struct ecam){ .root = root, .mmio = mmio };
	e->range = (struct bus_range){
		.first = ECAM_BASE, .last = ECAM_BASE + (ECAM_SIZE - 1), .name = "pci-ecam", .ops = &ecam_ops, .dev = e,
	};
	r = bus_insert(mmio, &e->range, err);
	if (r < 0)
		e->range.ops = NULL;
	return r;
}

void ecam_release(struct ecam *e)
{
	if (e->range.ops)
		bus_remove(e->mmio, &e->range);
	e->range.ops = NULL;
}
