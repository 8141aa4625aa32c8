// bar.c: base address registers: sizing, and mapping what is behind them as the guest programs them.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/pci/internal.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/log.h"

enum bar_bits {
	BAR_IO = 1 << 0,
	BAR_64BIT = 2 << 1,
	BAR_PREFETCH = 1 << 3,
	BAR_IO_FLAGS = 0x3,
	BAR_MEM_FLAGS = 0xf,
	ROM_ENABLE = 1 << 0,
	ROM_FLAGS = 0x7ff,
	PMCSR_OFFSET = 4,
	PMCSR_STATE = 3,
};

#define IO_LAST 0xffffu

static unsigned bar_reg(const struct pci_dev *dev, int index)
{
	if (index == PCI_ROM_BAR)
		return pci_is_bridge(dev) ? PCI_BRIDGE_ROM : PCI_ROM;
	return PCI_BAR0 + 4 * (unsigned)index;
}

// Smallest power of two that holds SIZE, within what the register can express.
static uint64_t round_size(enum pci_bar_kind kind, int index, uint64_t size)
{
	uint64_t least = kind == PCI_BAR_IO ? 4 : index == PCI_ROM_BAR ? 2048 : 16;
	uint64_t most = kind == PCI_BAR_IO ? 256 : kind == PCI_BAR_MEM32 ? 1ull << 31 : 1ull << 62;

	while (least < size && least < most)
		least <<= 1;
	return least;
}

static void describe(struct pci_dev *dev, int index)
{
	const struct pci_bar *bar = &dev->bars[index];
	unsigned reg = bar_reg(dev, index);
	uint64_t mask = ~(bar->size - 1);
	uint32_t flags = bar->kind == PCI_BAR_IO ? BAR_IO : 0;

	if (bar->kind == PCI_BAR_MEM64)
		flags |= BAR_64BIT;
	if (bar->prefetchable)
		flags |= BAR_PREFETCH;
	if (index == PCI_ROM_BAR)
		flags = 0;
	put_le32(&dev->config[reg], flags);
	put_le32(&dev->wmask[reg], (uint32_t)mask | (index == PCI_ROM_BAR ? ROM_ENABLE : 0));
	if (bar->kind == PCI_BAR_MEM64) {
		put_le32(&dev->config[reg + 4], 0);
		put_le32(&dev->wmask[reg + 4], (uint32_t)(mask >> 32));
	}
}

static bool usable(const struct pci_dev *dev, int index, enum pci_bar_kind kind)
{
	int last = pci_is_bridge(dev) ? 1 : PCI_BARS - 1;

	if (index == PCI_ROM_BAR)
		return kind == PCI_BAR_MEM32;
	return kind != PCI_BAR_UNUSED && index >= 0 && index + (kind == PCI_BAR_MEM64) <= last;
}

void pci_bar_registers(struct pci_dev *dev, int index, enum pci_bar_kind kind, uint64_t size,
		       const struct bus_ops *ops, void *owner, pthread_mutex_t *lock)
{
	struct pci_bar *bar;

	if (!usable(dev, index, kind))
		return;
	bar = &dev->bars[index];
	bar->kind = kind;
	bar->size = MAX(bar->size, round_size(kind, index, size));
	bar->range = (struct bus_range){ .name = dev->name, .ops = ops, .dev = owner, .lock = lock };
	describe(dev, index);
}

void pci_bar_memory(struct pci_dev *dev, int index, enum pci_bar_kind kind, bool prefetchable,
		    struct gmem_region *mem)
{
	struct pci_bar *bar;

	if (!usable(dev, index, kind) || kind == PCI_BAR_IO)
		return;
	bar = &dev->bars[index];
	bar->kind = kind;
	bar->prefetchable = prefetchable;
	// Regions are mapped by pages, so that no window is smaller than one.
	bar->size = MAX(bar->size, round_size(kind, index, MAX(gmem_region_size(mem), 4096)));
	bar->mem = mem;
	describe(dev, index);
}

// --- mapping -------------------------------------------------------------------------------------

static bool powered(const struct pci_dev *dev)
{
	return !dev->pm_cap || !(dev->config[dev->pm_cap + PMCSR_OFFSET] & PMCSR_STATE);
}

static bool decodes(const struct pci_dev *dev, const struct pci_bar *bar)
{
	uint8_t command = dev->config[PCI_COMMAND];

	return powered(dev) && (command & (bar->kind == PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY));
}

static uint64_t programmed(const struct pci_dev *dev, int index)
{
	const struct pci_bar *bar = &dev->bars[index];
	unsigned reg = bar_reg(dev, index);
	uint64_t addr = get_le32(&dev->config[reg]);

	if (bar->kind == PCI_BAR_MEM64)
		addr |= (uint64_t)get_le32(&dev->config[reg + 4]) << 32;
	return addr & ~(bar->size - 1);
}

// Whether [first, last] lies in the window that two 16-bit registers of a bridge describe: bits 15..4 are bits
// 31..20 of the address, the window ends with the last byte of its last MiB.
static bool in_memory_window(const uint8_t *config, unsigned base, uint64_t base_upper, uint64_t limit_upper,
			     uint64_t first, uint64_t last)
{
	uint64_t from = base_upper << 32 | (get_le16(config + base) & 0xfff0ull) << 16;
	uint64_t to = limit_upper << 32 | (get_le16(config + base + 2) & 0xfff0ull) << 16 | 0xfffff;

	return from <= first && last <= to;
}

static bool in_io_window(const uint8_t *config, uint64_t first, uint64_t last)
{
	uint64_t from = (config[PCI_IO_BASE] & 0xf0u) << 8, to = (config[PCI_IO_LIMIT] & 0xf0u) << 8 | 0xfff;

	if ((config[PCI_BRIDGE_CONTROL] & PCI_BRIDGE_ISA) && (first & 0x300))
		return false;
	return from <= first && last <= to;
}

static bool windows_hold(const uint8_t *config, bool io, uint64_t first, uint64_t last)
{
	if (io)
		return in_io_window(config, first, last);
	return in_memory_window(config, PCI_MEMORY_BASE, 0, 0, first, last) ||
	       in_memory_window(config, PCI_PREFETCH_BASE, get_le32(config + PCI_PREFETCH_BASE_UPPER),
				get_le32(config + PCI_PREFETCH_LIMIT_UPPER), first, last);
}

// Whether BRIDGE hands an access to [first, last] down.
static bool forwards(const struct pci_dev *bridge, bool io, uint64_t first, uint64_t last)
{
	uint8_t enable = io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;

	if (bridge->closed || !(bridge->config[PCI_COMMAND] & enable) || !powered(bridge))
		return false;
	return bridge->subtractive || windows_hold(bridge->config, io, first, last);
}

static bool reachable(const struct pci_dev *dev, bool io, uint64_t first, uint64_t last)
{
	for (const struct pci_dev *bridge = dev->bus->bridge; bridge; bridge = bridge->bus->bridge) {
		if (!forwards(bridge, io, first, last))
			return false;
	}
	return true;
}

// Whether the BAR should answer now, and where.
static bool wanted(const struct pci_dev *dev, int index, uint64_t *addr)
{
	const struct pci_bar *bar = &dev->bars[index];
	uint64_t last;

	if (bar->kind == PCI_BAR_UNUSED || !decodes(dev, bar))
		return false;
	if (index == PCI_ROM_BAR && !(dev->config[bar_reg(dev, index)] & ROM_ENABLE))
		return false;
	*addr = programmed(dev, index);
	last = *addr + (bar->size - 1);
	if (!reachable(dev, bar->kind == PCI_BAR_IO, *addr, last))
		return false;
	if (bar->kind == PCI_BAR_IO)
		return *addr && last <= IO_LAST;
	// Ranges that end at the last byte of 32 or 64 bits are what sizing leaves behind, never a placement.
	return *addr && last > *addr && last != UINT32_MAX && last != UINT64_MAX;
}

static int map(struct pci_dev *dev, struct pci_bar *bar, uint64_t addr)
{
	const struct pci_root_host *host = &dev->bus->root->host;
	struct bus *bus = bar->kind == PCI_BAR_IO ? host->ports : host->mmio;
	int r = bar->mem ? gmem_region_map(bar->mem, gpa(addr)) : 0;

	if (r < 0 || !bar->range.ops)
		return r;
	bar->range.first = addr;
	bar->range.last = addr + (bar->size - 1);
	r = bus ? bus_insert(bus, &bar->range, NULL) : -ENODEV;
	if (r < 0 && bar->mem)
		gmem_region_unmap(bar->mem);
	return r;
}

static void unmap(struct pci_dev *dev, struct pci_bar *bar)
{
	const struct pci_root_host *host = &dev->bus->root->host;

	if (bar->range.ops)
		bus_remove(bar->kind == PCI_BAR_IO ? host->ports : host->mmio, &bar->range);
	if (bar->mem)
		gmem_region_unmap(bar->mem);
	bar->mapped = false;
}

static void tell(struct pci_dev *dev, int index)
{
	if (dev->ops && dev->ops->bar_changed)
		dev->ops->bar_changed(dev, index);
}

static bool try_map(struct pci_dev *dev, int index, uint64_t addr)
{
	struct pci_bar *bar = &dev->bars[index];

	bar->mapped = map(dev, bar, addr) == 0;
	bar->waiting = !bar->mapped;
	if (bar->mapped)
		bar->address = addr;
	return bar->mapped;
}

// True when the BAR left an address that another one may be waiting for.
static bool update(struct pci_dev *dev, int index)
{
	struct pci_bar *bar = &dev->bars[index];
	uint64_t addr = 0;
	bool want = wanted(dev, index, &addr), left = false, came = false;

	if (bar->mapped && (!want || addr != bar->address)) {
		unmap(dev, bar);
		left = true;
	}
	if (!want)
		bar->waiting = false;
	else if (!bar->mapped)
		came = try_map(dev, index, addr);
	if (bar->waiting)
		log_guest("%s: BAR %d at %#llx collides with something else and stays unmapped", dev->name,
			  index, (unsigned long long)addr);
	if (left || came)
		tell(dev, index);
	return left;
}

static void retry_function(struct pci_dev *dev)
{
	uint64_t addr;

	for (int i = 0; i <= PCI_ROM_BAR; i++) {
		if (dev->bars[i].waiting && wanted(dev, i, &addr) && try_map(dev, i, addr))
			tell(dev, i);
	}
}

static void retry_waiting(struct pci_root *root)
{
	for (struct pci_bus *bus = root->buses; bus; bus = bus->next) {
		for (unsigned i = 0; i < PCI_SLOTS; i++) {
			if (bus->slots[i])
				retry_function(bus->slots[i]);
		}
	}
}

void pci_bars_update(struct pci_dev *dev)
{
	bool left = false;

	for (int i = 0; i <= PCI_ROM_BAR; i++)
		left |= update(dev, i);
	if (left)
		retry_waiting(dev->bus->root);
}

void pci_bus_bars_update(struct pci_bus *bus)
{
	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		struct pci_dev *dev = bus->slots[i];

		if (!dev)
			continue;
		pci_bars_update(dev);
		if (dev->secondary)
			pci_bus_bars_update(dev->secondary);
	}
}
