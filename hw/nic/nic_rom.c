// nic_rom.c: the expansion ROM window of a network adapter.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/nic/nic_rom.h"

#define ROM_SIZE 0x10000u

static uint64_t rom_read(void *dev, uint64_t offset, unsigned size) { return UINT64_MAX; }
static void rom_write(void *dev, uint64_t offset, unsigned size, uint64_t value) { }
static const struct bus_ops rom_ops = { .read = rom_read, .write = rom_write, .max_size = 8 };

void nic_rom_add(struct pci_dev *dev)
{
	pci_bar_registers(dev, PCI_ROM_BAR, PCI_BAR_MEM32, ROM_SIZE, &rom_ops, dev, NULL);
}
