// fuzz_pci.c: bytes become configuration cycles, register accesses and interrupts on a tree of PCI functions.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "hw/pci/ecam.h"
#include "hw/pci/pci.h"
#include "hw/pci/root_port.h"
#include "hw/pci/vmware_bridge.h"

enum { A, B, BRIDGE, INNER, LEAF, EXPRESS, LEGACY, DEVICES };

struct world {
	struct bus *ports, *mmio;
	struct gmem *mem;
	struct gmem_region *region;
	struct pci_root *root;
	struct irq_pin link[4];
	bool up[4];
	struct pci_dev dev[DEVICES];
	struct root_port *slots;
	struct vmware_bridge *legacy;
	struct ecam ecam;
	uint64_t reg;
};

struct script { const uint8_t *p; size_t left; };

static uint64_t take(struct script *s, unsigned bytes)
{
	uint8_t v[8] = { 0 };

	for (unsigned i = 0; i < bytes && s->left; i++, s->left--)
		v[i] = *s->p++;
	return get_le64(v);
}

// --- surroundings --------------------------------------------------------------------------------

static void pin_set(void *arg, unsigned n, bool level)
{
	bool *up = &((struct world *)arg)->up[n];

	if (*up == level)
		abort();                // a pin that is told what it is already has lost count
	*up = level;
}

static struct irq_pin *link_pin(void *arg, unsigned n) { return &((struct world *)arg)->link[n]; }
static void msi(void *arg, uint64_t address, uint32_t data) { ((struct world *)arg)->reg += address ^ data; }
static void slot_unmap(void *arg, unsigned slot) { }

static int slot_map(void *arg, unsigned slot, uint64_t at, uint64_t len, void *hva, bool ro, bool log)
{
	return 0;
}

static int slot_dirty(void *arg, unsigned slot, uint64_t *bitmap, size_t words) { return 0; }

static uint64_t reg_read(void *dev, uint64_t off, unsigned size)
{
	struct world *w = dev;

	return w->reg ^ pci_msix_table_read(&w->dev[B], off, size) ^ pci_msix_pba_read(&w->dev[B], off, size);
}

static void reg_write(void *dev, uint64_t off, unsigned size, uint64_t value)
{
	struct world *w = dev;

	w->reg = value;
	pci_msix_table_write(&w->dev[B], off, size, value);
}

static const struct bus_ops reg_ops = { .read = reg_read, .write = reg_write, .max_size = 8 };

static void add(struct world *w, int n, struct pci_bus *bus, unsigned devfn, const struct pci_id *id)
{
	struct pci_dev *dev = &w->dev[n];

	pci_dev_init(dev, "fuzz", id, NULL, w);
	if (id->header_type == 0) {
		pci_bar_registers(dev, 0, PCI_BAR_IO, 8u << n, &reg_ops, w, NULL);
		pci_bar_registers(dev, 2, n % 2 ? PCI_BAR_MEM64 : PCI_BAR_MEM32, 0x1000u << n, &reg_ops, w,
				  NULL);
		pci_bar_registers(dev, PCI_ROM_BAR, PCI_BAR_MEM32, 0x800, &reg_ops, w, NULL);
	}
	if (n == A) {
		pci_bar_memory(dev, 2, PCI_BAR_MEM32, true, w->region);
		pci_add_msi(dev, 0, true);
	}
	if (n == B)
		pci_add_msix(dev, 0, 3, 2, 0, 0x800);
	pci_add_pm(dev, 0, 0xfe03);
	if (n == EXPRESS) {
		pci_add_express(dev, 0, PCI_EXPRESS_ENDPOINT, PCI_EXPRESS_FLR);
		pci_add_serial_number(dev, 1, 2);
		dev->late_io = true;
	}
	if (n == LEGACY)
		pci_add_af(dev, 0);
	if (pci_attach(bus, dev, (uint8_t)devfn, NULL))
		abort();
}

static struct world *build(void)
{
	static const struct pci_id plain = { .vendor = 0x15ad, .device = 1, .interrupt_pin = 1 };
	static const struct pci_id bridge = { .vendor = 0x15ad, .device = 2, .header_type = 1 };
	struct gmem_host gh = { slot_map, slot_unmap, slot_dirty, NULL };
	struct gmem_region_args ra = { .name = "fuzz", .size = 8192 };
	struct world *w = calloc(1, sizeof(*w));
	struct pci_root_host host = { .link = link_pin, .rotation = 1, .arg = w, .msi = { msi, w } };

	if (bus_create(&w->ports, "port", 0xffff, NULL) ||
	    bus_create(&w->mmio, "mmio", (1ull << 40) - 1, NULL) ||
	    gmem_create(&w->mem, 2 << 20, &gh, NULL) || gmem_region_create(w->mem, &ra, &w->region, NULL))
		abort();
	for (unsigned i = 0; i < 4; i++)
		irq_pin_init(&w->link[i], pin_set, w, i);
	host.ports = w->ports;
	host.mmio = w->mmio;
	host.mem = w->mem;
	if (pci_root_create(&w->root, &host, NULL) || pci_root_claim_ports(w->root, NULL))
		abort();
	add(w, A, pci_root_bus(w->root), 1 << 3, &plain);
	add(w, B, pci_root_bus(w->root), 1 << 3 | 1, &plain);
	add(w, BRIDGE, pci_root_bus(w->root), 2 << 3, &bridge);
	add(w, INNER, pci_bridge_bus(&w->dev[BRIDGE], NULL), 0, &bridge);
	add(w, LEAF, pci_bridge_bus(&w->dev[INNER], NULL), 0, &plain);
	if (root_port_create(pci_root_bus(w->root), &(struct root_port_args){ 3, 2, 160 }, &w->slots, NULL) ||
	    vmware_bridge_create(pci_root_bus(w->root), 4 << 3, 6, &w->legacy, NULL) ||
	    ecam_init(&w->ecam, w->root, w->mmio, NULL))
		abort();
	add(w, EXPRESS, root_port_bus(w->slots, 0), 0, &plain);
	add(w, LEGACY, vmware_bridge_bus(w->legacy), 1 << 3, &plain);
	return w;
}

static void take_down(struct world *w)
{
	for (int i = DEVICES - 1; i >= 0; i--)
		pci_detach(&w->dev[i]);
	root_port_class.destroy(w->slots);
	vmware_bridge_class.destroy(w->legacy);
	ecam_release(&w->ecam);
	for (unsigned i = 0; i < 4; i++) {
		if (w->up[i])
			abort();
	}
	pci_root_destroy(w->root);
	bus_destroy(w->ports);
	bus_destroy(w->mmio);
	gmem_destroy(w->mem);
	free(w);
}

// --- the script ----------------------------------------------------------------------------------

// Mapped where the registers say, and nowhere else.
static void check(const struct world *w)
{
	for (unsigned d = 0; d < DEVICES; d++) {
		for (unsigned i = 0; i <= PCI_ROM_BAR; i++) {
			const struct pci_bar *bar = &w->dev[d].bars[i];
			gpa_t at;

			if (bar->mapped && bar->waiting)
				abort();
			if (bar->mem && gmem_region_mapped(bar->mem, &at) != bar->mapped)
				abort();
		}
	}
}

static void access_bus(struct bus *bus, uint64_t addr, struct script *s)
{
	unsigned size = 1u << (take(s, 1) & 3);
	uint8_t bytes[8];

	put_le64(bytes, take(s, 8));
	if (bytes[7] & 1)
		bus_write(bus, addr, bytes, size);
	else
		bus_read(bus, addr, bytes, size);
}

static void save_restore(struct pci_dev *dev, struct script *s)
{
	struct pci_saved saved;

	pci_dev_save(dev, &saved);
	for (unsigned i = 0; i < 8; i++)
		((uint8_t *)&saved)[take(s, 2) % sizeof(saved)] = (uint8_t)take(s, 1);
	pci_dev_restore(dev, &saved);
}

static void random_cycle(struct world *w, struct script *s)
{
	unsigned bus = (unsigned)take(s, 1) % 4, devfn = (unsigned)take(s, 1) % 32;
	unsigned off = (unsigned)take(s, 2);
	unsigned size = 1u << take(s, 1) % 4;

	pci_config_write(w->root, bus, devfn, off % 0x120, size, (uint32_t)take(s, 4));
	pci_config_read(w->root, bus, devfn, off, size);
}

static void other(struct world *w, struct script *s)
{
	unsigned op = (unsigned)take(s, 1);

	if (op < 16) {
		root_port_class.reset(w->slots);
	} else if (op < 32) {
		root_port_class.loaded(w->slots);
	} else if (op < 64) {
		pthread_mutex_lock(pci_root_lock(w->root));
		pci_root_set_post(w->root, op & 1);
		pthread_mutex_unlock(pci_root_lock(w->root));
	} else if (op < 128) {          // the capabilities of the port
		pci_config_write(w->root, 0, 3 << 3 | (op & 1), 0x48 + (unsigned)take(s, 1) % 0x60, 2, (uint32_t)take(s, 2));
	} else {
		access_bus(w->mmio, ECAM_BASE + take(s, 3), s);
	}
}

static void step(struct world *w, struct script *s)
{
	unsigned off;
	unsigned op = (unsigned)take(s, 1);
	struct pci_dev *dev = &w->dev[take(s, 1) % DEVICES];

	switch (op % 11) {
	case 0: access_bus(w->ports, 0xcf6 + take(s, 1) % 12, s); break;
	case 1: access_bus(w->ports, take(s, 2), s); break;
	case 2: access_bus(w->mmio, take(s, 5), s); break;
	case 3: random_cycle(w, s); break;
	case 4: case 5:                 // straight at a BAR, the command register or a bridge's numbers
		off = 0x04 + (unsigned)take(s, 1) % 12 * 4;
		pci_config_write(w->root, 0, dev->devfn, off, 4, (uint32_t)take(s, 4));
		break;
	case 6: pci_irq_set(dev, op & 0x80); break;
	case 7: pci_msi_send(dev, (unsigned)take(s, 1)); break;
	case 8: save_restore(dev, s); break;
	case 9:
		if (op & 0x40)
			pci_dev_reset(dev);
		break;
	case 10: other(w, s); break;
	default: break;
	}
	check(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = { data, size };
	struct world *w = build();

	log_set_level(LOG_ERROR);
	while (s.left)
		step(w, &s);
	take_down(w);
	return 0;
}
