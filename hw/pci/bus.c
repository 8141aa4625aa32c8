// bus.c: the root, its buses, which function a configuration cycle reaches, where INTx goes.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/pci/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct pci_bus *new_bus(struct pci_root *root, struct pci_dev *bridge)
{
	struct pci_bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return NULL;
	bus->root = root;
	bus->bridge = bridge;
	if (root->last)
		root->last->next = bus;
	else
		root->buses = bus;
	root->last = bus;
	return bus;
}

int pci_root_create(struct pci_root **out, const struct pci_root_host *host, struct err *err)
{
	struct pci_root *root = calloc(1, sizeof(*root));

	if (!root || !new_bus(root, NULL)) {
		free(root);
		return err_set(err, ENOMEM, "pci", "no memory for the root bus");
	}
	pthread_mutex_init(&root->lock, NULL);
	root->host = *host;
	*out = root;
	return 0;
}

void pci_root_destroy(struct pci_root *root)
{
	struct pci_bus *next;

	if (!root)
		return;
	for (struct pci_bus *bus = root->buses; bus; bus = next) {
		next = bus->next;
		free(bus);
	}
	if (root->ports.ops)
		bus_remove(root->host.ports, &root->ports);
	pthread_mutex_destroy(&root->lock);
	free(root);
}

struct pci_bus *pci_root_bus(struct pci_root *root) { return root->buses; }
pthread_mutex_t *pci_root_lock(struct pci_root *root) { return &root->lock; }
struct gmem *pci_root_mem(struct pci_root *root) { return root->host.mem; }

struct pci_bus *pci_bridge_bus(struct pci_dev *bridge, struct err *err)
{
	if (!bridge->secondary && bridge->bus && pci_is_bridge(bridge)) {
		bridge->secondary = new_bus(bridge->bus->root, bridge);
		if (!bridge->secondary)
			err_set(err, ENOMEM, bridge->name, "no memory for the bus behind it");
	} else if (!bridge->secondary) {
		err_set(err, EINVAL, bridge->name, "not a bridge that sits on a bus");
	}
	return bridge->secondary;
}

// --- attaching -----------------------------------------------------------------------------------

struct irq_pin *pci_route(const struct pci_bus *bus, unsigned device, unsigned pin)
{
	const struct pci_root_host *host = &bus->root->host;

	// Bridges rotate the pins of what is behind them by device number (PCI-to-PCI Bridge 1.2, 9.1).
	for (; bus->bridge; bus = bus->bridge->bus) {
		pin = (pin + device) & 3;
		device = bus->bridge->devfn >> 3;
	}
	return host->link ? host->link(host->arg, (device + pin + host->rotation) & 3) : NULL;
}

static void set_multifunction(struct pci_dev *function0)
{
	function0->config[PCI_HEADER] |= PCI_HEADER_MULTIFUNCTION;
	function0->reset[PCI_HEADER] |= PCI_HEADER_MULTIFUNCTION;
}

// Function 0 tells software whether to look for the others, whichever came first.
static void mark_multifunction(struct pci_bus *bus, unsigned devfn)
{
	unsigned first = devfn & ~7u;
	bool others = false;

	for (unsigned f = 1; f < 8; f++)
		others |= bus->slots[first + f] != NULL;
	if (bus->slots[first] && others)
		set_multifunction(bus->slots[first]);
}

int pci_attach(struct pci_bus *bus, struct pci_dev *dev, uint8_t devfn, struct err *err)
{
	uint8_t pin = dev->config[PCI_INTERRUPT_PIN];
	struct irq_pin *input = NULL;

	if (bus->slots[devfn])
		return err_set(err, EEXIST, dev->name, "PCI device %02x.%x is taken by %s", devfn >> 3,
			       devfn & 7, bus->slots[devfn]->name);
	pthread_mutex_lock(&bus->root->lock);
	bus->slots[devfn] = dev;
	dev->bus = bus;
	dev->devfn = devfn;
	memcpy(dev->reset, dev->config, sizeof(dev->reset));
	mark_multifunction(bus, devfn);
	if (pin >= 1 && pin <= 4)
		input = pci_route(bus, devfn >> 3, pin - 1u);
	irq_line_connect(&dev->intx, input);
	if (bus->bridge && bus->bridge->ops && bus->bridge->ops->child_attached)
		bus->bridge->ops->child_attached(bus->bridge, dev, bus->root->hot);
	pthread_mutex_unlock(&bus->root->lock);
	return 0;
}

void pci_root_hot(struct pci_root *root, bool hot)
{
	pthread_mutex_lock(&root->lock);
	root->hot = hot;
	pthread_mutex_unlock(&root->lock);
}

void pci_detach(struct pci_dev *dev)
{
	struct pci_dev *bridge;
	pthread_mutex_t *lock;

	if (!dev->bus)
		return;
	lock = &dev->bus->root->lock;
	pthread_mutex_lock(lock);
	pci_reset_locked(dev);
	// What reset leaves decoded must go as well.
	pci_config_set(dev, PCI_COMMAND, 2, 0);
	pci_bars_update(dev);
	bridge = dev->bus->bridge;
	dev->bus->slots[dev->devfn] = NULL;
	dev->bus = NULL;
	if (bridge && bridge->ops && bridge->ops->child_detached)
		bridge->ops->child_detached(bridge, dev);
	pthread_mutex_unlock(lock);
}

// --- configuration cycles ------------------------------------------------------------------------

// The bus behind a bridge on BUS through which cycles for NUMBER pass, or NULL.
static struct pci_bus *forward(const struct pci_bus *bus, unsigned number)
{
	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		const struct pci_dev *dev = bus->slots[i];
		unsigned first, last;

		if (!dev || !dev->secondary || dev->closed)
			continue;
		first = dev->config[PCI_SECONDARY];
		last = dev->config[PCI_SUBORDINATE];
		if (first && first <= number && number <= last)
			return dev->secondary;
	}
	return NULL;
}

struct pci_dev *pci_find_locked(struct pci_root *root, unsigned number, unsigned devfn)
{
	struct pci_bus *bus = root->buses;

	if (devfn >= PCI_SLOTS)
		return NULL;
	if (number == 0)
		return bus->slots[devfn];
	// Goes one level down each time, so the depth of the tree bounds it whatever the guest wrote.
	while ((bus = forward(bus, number))) {
		if (bus->bridge->config[PCI_SECONDARY] == number)
			return bus->slots[devfn];
	}
	return NULL;
}

struct pci_dev *pci_find(struct pci_root *root, unsigned bus, unsigned devfn)
{
	struct pci_dev *dev;

	pthread_mutex_lock(&root->lock);
	dev = pci_find_locked(root, bus, devfn);
	pthread_mutex_unlock(&root->lock);
	return dev;
}

// The function that an access of SIZE bytes at OFF reaches; it must be a size that exists, inside its space.
static struct pci_dev *target(struct pci_root *root, unsigned bus, unsigned devfn, unsigned off,
			      unsigned size)
{
	struct pci_dev *dev;

	if ((size != 1 && size != 2 && size != 4) || off >= PCI_EXPRESS_CONFIG_SIZE)
		return NULL;
	dev = pci_find_locked(root, bus, devfn);
	return dev && off + size <= dev->config_size ? dev : NULL;
}

uint32_t pci_config_read(struct pci_root *root, unsigned bus, unsigned devfn, unsigned off, unsigned size)
{
	uint32_t value = size == 1 ? UINT8_MAX : size == 2 ? UINT16_MAX : UINT32_MAX;
	struct pci_dev *dev;

	pthread_mutex_lock(&root->lock);
	dev = target(root, bus, devfn, off, size);
	if (dev)
		value = pci_guest_read(dev, off, size);
	pthread_mutex_unlock(&root->lock);
	return value;
}

void pci_config_write(struct pci_root *root, unsigned bus, unsigned devfn, unsigned off, unsigned size,
		      uint32_t value)
{
	struct pci_dev *dev;

	pthread_mutex_lock(&root->lock);
	dev = target(root, bus, devfn, off, size);
	if (dev)
		pci_guest_write(dev, off, size, value);
	pthread_mutex_unlock(&root->lock);
}

void pci_bus_reset_locked(struct pci_bus *bus)
{
	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		struct pci_dev *dev = bus->slots[i];

		if (!dev)
			continue;
		if (dev->secondary)
			pci_bus_reset_locked(dev->secondary);
		pci_reset_locked(dev);
		if (dev->ops && dev->ops->bus_reset)
			dev->ops->bus_reset(dev);
	}
}

void pci_root_each(struct pci_root *root, void (*fn)(void *arg, struct pci_dev *dev), void *arg)
{
	for (struct pci_bus *bus = root->buses; bus; bus = bus->next) {
		for (unsigned i = 0; i < PCI_SLOTS; i++) {
			if (bus->slots[i])
				fn(arg, bus->slots[i]);
		}
	}
}
