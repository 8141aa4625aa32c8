// internal.h: what the files of hw/pci share.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_PCI_INTERNAL_H
#define BERTH_PCI_INTERNAL_H

#include "hw/pci/pci.h"
#include "hw/pci/regs.h"

#define PCI_SLOTS 256u          // device and function numbers of one bus

struct pci_bus {
	struct pci_root *root;
	struct pci_dev *bridge;         // NULL for bus 0
	struct pci_bus *next;           // all buses of the root
	struct pci_dev *slots[PCI_SLOTS];
};

struct pci_root {
	pthread_mutex_t lock;           // configuration spaces, BARs, config_address
	struct pci_root_host host;
	struct pci_bus *buses;          // bus 0 first
	struct pci_bus *last;
	uint32_t config_address;        // CF8h
	bool hot;                       // see pci_root_hot()
	bool post;                      // the firmware is at work: see pci_root_set_post()
	struct bus_range ports;
	uint8_t (*cf9_read)(void *arg);
	void (*cf9_write)(void *arg, uint8_t value);
	void *cf9_arg;
};

static inline bool pci_is_bridge(const struct pci_dev *dev)
{
	return (dev->config[PCI_HEADER] & PCI_HEADER_TYPE_MASK) == PCI_HEADER_BRIDGE;
}

// Everything below: root lock held.

// A guest's access; OFF + SIZE lies in the space, SIZE is 1, 2 or 4.
uint32_t pci_guest_read(struct pci_dev *dev, unsigned off, unsigned size);
void pci_guest_write(struct pci_dev *dev, unsigned off, unsigned size, uint32_t value);
// Whether the byte at OFF belongs to an I/O BAR that is not there yet.
bool pci_late_io_hides(const struct pci_dev *dev, unsigned off);
void pci_reset_locked(struct pci_dev *dev);
// The function that a configuration cycle for BUS reaches, or NULL.
struct pci_dev *pci_find_locked(struct pci_root *root, unsigned bus, unsigned devfn);
void pci_bus_reset_locked(struct pci_bus *bus);
// Maps and unmaps the BARs as the registers say now.
void pci_bars_update(struct pci_dev *dev);
// The same for every function on BUS and below, after a window above them moved.
void pci_bus_bars_update(struct pci_bus *bus);
// The input that pin INTx of the function reaches, or NULL.
struct irq_pin *pci_route(const struct pci_bus *bus, unsigned device, unsigned pin);

// irq_lock held: brings the line to what level, command register and MSI say; sends what is pending and no
// longer masked.
void pci_intr_update(struct pci_dev *dev);
// irq_lock held or before the machine starts: every vector masked, nothing pending.
void pci_msix_clear(struct pci_dev *dev);

#endif
