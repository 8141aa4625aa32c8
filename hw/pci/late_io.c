// late_io.c: I/O BARs behind root ports that appear when the firmware's POST is over.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/pci/internal.h"

#include "base/compiler.h"

#define FUNCTIONS 8u
#define WINDOW    0x1000u

// 4 KiB each, VMware's order; 1000h has the PM block, from C000h on is what the firmware gave out.
static const uint16_t windows[] = { 0x4000, 0x5000, 0x6000, 0x7000, 0x8000, 0x9000, 0xa000, 0xb000, 0x2000, 0x3000 };

// Behind a bridge that passes everything a window costs nothing, so nothing is hidden there.
static bool late(const struct pci_dev *dev)
{
	return dev->late_io && dev->bus && dev->bus->bridge && !dev->bus->bridge->subtractive;
}

bool pci_late_io_hides(const struct pci_dev *dev, unsigned off)
{
	if (!late(dev) || !dev->bus->root->post || off < PCI_BAR0 || off >= PCI_BAR0 + 4 * PCI_BARS)
		return false;
	return dev->bars[(off - PCI_BAR0) / 4].kind == PCI_BAR_IO;
}

static bool window_closed(const struct pci_dev *bridge)
{
	unsigned base = bridge->config[PCI_IO_BASE] & 0xf0, limit = bridge->config[PCI_IO_LIMIT] & 0xf0;

	return base > limit || !limit;
}

// Puts the function's I/O BARs at AT and behind; returns what is free then.
static uint32_t place_function(struct pci_dev *dev, uint32_t at)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct pci_bar *bar = &dev->bars[i];

		if (bar->kind != PCI_BAR_IO)
			continue;
		at = (uint32_t)((at + bar->size - 1) & ~(bar->size - 1));
		pci_config_set(dev, PCI_BAR0 + 4 * i, 4, at | 1);
		at += (uint32_t)bar->size;
	}
	return at;
}

static bool wants_window(const struct pci_dev *bridge)
{
	if (!bridge || !bridge->secondary || !window_closed(bridge))
		return false;
	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		if (bridge->secondary->slots[i] && late(bridge->secondary->slots[i]))
			return true;
	}
	return false;
}

static void give_window(struct pci_dev *bridge, uint16_t base)
{
	uint32_t at = base;

	pci_config_set(bridge, PCI_IO_BASE, 1, base >> 8);
	pci_config_set(bridge, PCI_IO_LIMIT, 1, base >> 8);
	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		struct pci_dev *dev = bridge->secondary->slots[i];

		// What does not fit in one window is left to the OS; VMware's functions have 16 bytes.
		if (dev && late(dev) && at < base + WINDOW / 2)
			at = place_function(dev, at);
	}
	pci_bus_bars_update(bridge->secondary);
}

static void assign(struct pci_root *root)
{
	size_t next = 0;

	for (unsigned f = 0; f < FUNCTIONS; f++) {
		for (unsigned slot = f; slot < PCI_SLOTS && next < ARRAY_SIZE(windows); slot += FUNCTIONS) {
			if (wants_window(root->buses->slots[slot]))
				give_window(root->buses->slots[slot], windows[next++]);
		}
	}
}

void pci_root_restore_post(struct pci_root *root, bool post) { root->post = post; }

void pci_root_set_post(struct pci_root *root, bool post)
{
	bool ends = root->post && !post;

	root->post = post;
	if (ends)
		assign(root);
}
