// test_pci.c: configuration mechanism 1, BARs, bridges, INTx, MSI and MSI-X.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "hw/pci/pci.h"

struct message { uint64_t address; uint32_t data; };

struct world {
	struct bus *ports, *mmio;
	struct pci_root *root;
	struct irq_pin link[4];
	bool level[4];
	struct message sent[16];
	unsigned sent_count;
	uint8_t cf9;
	struct pci_dev a, b, bridge, behind;
	unsigned written, moved, bus_resets;
	uint32_t reg;
};

static void pin_set(void *arg, unsigned number, bool level) { ((struct world *)arg)->level[number] = level; }
static struct irq_pin *link_pin(void *arg, unsigned link) { return &((struct world *)arg)->link[link]; }

static void msi_send(void *arg, uint64_t address, uint32_t data)
{
	struct world *w = arg;

	if (w->sent_count < 16)
		w->sent[w->sent_count] = (struct message){ address, data };
	w->sent_count++;
}

static void on_write(struct pci_dev *dev, unsigned off, unsigned size)
{
	((struct world *)dev->owner)->written++;
}

static void on_move(struct pci_dev *dev, int bar) { ((struct world *)dev->owner)->moved++; }
static void on_bus_reset(struct pci_dev *dev) { ((struct world *)dev->owner)->bus_resets++; }
static const struct pci_ops ops = {
	.config_written = on_write, .bar_changed = on_move, .bus_reset = on_bus_reset,
};

static uint64_t reg_read(void *dev, uint64_t offset, unsigned size)
{
	return ((struct world *)dev)->reg + offset;
}

static void reg_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	((struct world *)dev)->reg = (uint32_t)value;
}

static const struct bus_ops reg_ops = { .read = reg_read, .write = reg_write, .max_size = 4 };

static uint64_t table_read(void *dev, uint64_t offset, unsigned size)
{
	struct world *w = dev;

	if (offset >= 0x800)
		return pci_msix_pba_read(&w->b, offset - 0x800, size);
	return pci_msix_table_read(&w->b, offset, size);
}

static void table_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	pci_msix_table_write(&((struct world *)dev)->b, offset, size, value);
}
static const struct bus_ops table_ops = { .read = table_read, .write = table_write, .max_size = 8 };

static const struct pci_id id_a = {
	.vendor = 0x15ad, .device = 0x1111, .subsystem_vendor = 0x15ad, .subsystem_device = 0x2222,
	.class_code = 0x020304, .revision = 5, .interrupt_pin = 1,
};
static const struct pci_id id_b = {
	.vendor = 0x15ad, .device = 0x3333, .class_code = 0x088000, .interrupt_pin = 2,
};
static const struct pci_id id_bridge = {
	.vendor = 0x15ad, .device = 0x0790, .class_code = 0x060401, .header_type = 1,
};

static uint8_t cf9_read(void *arg) { return ((struct world *)arg)->cf9; }
static void cf9_write(void *arg, uint8_t value) { ((struct world *)arg)->cf9 = value; }

// a at 00:05.0 with an I/O, a 64-bit BAR and MSI; b at 00:06.0 with MSI-X; a bridge at 00:11.0.
static struct world *setup(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct pci_root_host host = { .link = link_pin, .rotation = 1, .arg = w, .msi = { msi_send, w } };

	ck_assert_int_eq(bus_create(&w->ports, "port", 0xffff, NULL), 0);
	ck_assert_int_eq(bus_create(&w->mmio, "mmio", UINT64_MAX, NULL), 0);
	for (unsigned i = 0; i < 4; i++)
		irq_pin_init(&w->link[i], pin_set, w, i);
	host.ports = w->ports;
	host.mmio = w->mmio;
	ck_assert_int_eq(pci_root_create(&w->root, &host, NULL), 0);
	ck_assert_int_eq(pci_root_claim_ports(w->root, NULL), 0);
	pci_root_set_cf9(w->root, cf9_read, cf9_write, w);

	pci_dev_init(&w->a, "a", &id_a, &ops, w);
	pci_bar_registers(&w->a, 0, PCI_BAR_IO, 32, &reg_ops, w, NULL);
	pci_bar_registers(&w->a, 2, PCI_BAR_MEM64, 0x10000, &reg_ops, w, NULL);
	pci_add_msi(&w->a, 0, true);
	pci_add_pm(&w->a, 0, 0x0203);
	ck_assert_int_eq(pci_attach(pci_root_bus(w->root), &w->a, 5 << 3, NULL), 0);
	pci_dev_init(&w->b, "b", &id_b, &ops, w);
	pci_bar_registers(&w->b, 0, PCI_BAR_IO, 32, &reg_ops, w, NULL);
	pci_bar_registers(&w->b, 1, PCI_BAR_MEM32, 0x1000, &table_ops, w, NULL);
	pci_add_msix(&w->b, 0, 3, 1, 0, 0x800);
	ck_assert_int_eq(pci_attach(pci_root_bus(w->root), &w->b, 6 << 3, NULL), 0);
	pci_dev_init(&w->bridge, "bridge", &id_bridge, &ops, w);
	ck_assert_int_eq(pci_attach(pci_root_bus(w->root), &w->bridge, 0x11 << 3, NULL), 0);
	pci_dev_init(&w->behind, "behind", &id_a, &ops, w);
	ck_assert_int_eq(pci_attach(pci_bridge_bus(&w->bridge, NULL), &w->behind, 2 << 3, NULL), 0);
	return w;
}

static void teardown(struct world *w)
{
	pci_root_destroy(w->root);
	bus_destroy(w->ports);
	bus_destroy(w->mmio);
	free(w);
}

static uint32_t in(struct world *w, unsigned port, unsigned size)
{
	uint8_t b[4] = { 0 };

	bus_read(w->ports, port, b, size);
	return (uint32_t)get_le(b, size);
}

static void out(struct world *w, unsigned port, unsigned size, uint32_t value)
{
	uint8_t b[4];

	put_le32(b, value);
	bus_write(w->ports, port, b, size);
}

#define A 0x80002800u
#define B 0x80003000u

static uint32_t cfg(struct world *w, unsigned dev, unsigned off, unsigned size)
{
	return pci_config_read(w->root, 0, dev << 3, off, size);
}

static void set(struct world *w, unsigned dev, unsigned off, unsigned size, uint32_t value)
{
	pci_config_write(w->root, 0, dev << 3, off, size, value);
}

START_TEST(mechanism1)
{
	struct world *w = setup();

	ck_assert_uint_eq(in(w, 0xcf8, 4), 0);
	out(w, 0xcf8, 4, 0xff00287f);
	ck_assert_uint_eq(in(w, 0xcf8, 4), 0x8000287c);         // reserved bits read as 0
	out(w, 0xcf8, 4, A);
	ck_assert_uint_eq(in(w, 0xcfc, 4), 0x111115ad);
	ck_assert_uint_eq(in(w, 0xcfe, 2), 0x1111);
	ck_assert_uint_eq(in(w, 0xcfd, 2), 0x1115);             // unaligned, inside the dword
	ck_assert_uint_eq(in(w, 0xcff, 1), 0x11);
	ck_assert_uint_eq(in(w, 0xcfe, 4), 0xffffffff);         // leaves the data register
	ck_assert_uint_eq(in(w, 0xcfa, 4), 0xffffffff);         // spans both registers
	// Byte and word accesses at CF8h are not for CONFIG_ADDRESS.
	out(w, 0xcf8, 1, 0x12);
	out(w, 0xcf8, 2, 0x1234);
	ck_assert_uint_eq(in(w, 0xcf8, 4), A);
	ck_assert_uint_eq(in(w, 0xcf8, 1), 0xff);
	// CF9h is the reset control register for bytes, and address for dwords.
	out(w, 0xcf9, 1, 6);
	ck_assert_uint_eq(w->cf9, 6);
	ck_assert_uint_eq(in(w, 0xcf9, 1), 6);
	ck_assert_uint_eq(in(w, 0xcf8, 4), A);
	out(w, 0xcf8, 4, A & ~0x80000000u);
	ck_assert_uint_eq(in(w, 0xcfc, 4), 0xffffffff);
	out(w, 0xcfc, 4, 0);
	out(w, 0xcf8, 4, 0x8000f800);                           // nobody there
	ck_assert_uint_eq(in(w, 0xcfc, 2), 0xffff);
	pci_root_reset(w->root);
	ck_assert_uint_eq(in(w, 0xcf8, 4), 0);
	teardown(w);
}
END_TEST

START_TEST(header)
{
	struct world *w = setup();

	ck_assert_uint_eq(cfg(w, 5, 0x08, 4), 0x02030405);
	ck_assert_uint_eq(cfg(w, 5, 0x2c, 4), 0x222215ad);
	ck_assert_uint_eq(cfg(w, 5, 0x3d, 1), 1);
	ck_assert_uint_eq(cfg(w, 5, 0x06, 2), 0x0210);
	set(w, 5, 0x00, 4, 0);
	ck_assert_uint_eq(cfg(w, 5, 0x00, 4), 0x111115ad);
	set(w, 5, 0x04, 2, 0xffff);
	ck_assert_uint_eq(cfg(w, 5, 0x04, 2), 0x0557);
	w->a.config[0x07] |= 0x20;                              // received master abort
	set(w, 5, 0x06, 2, 0x0000);
	ck_assert_uint_eq(cfg(w, 5, 0x06, 2), 0x2210);
	set(w, 5, 0x07, 1, 0x20);
	ck_assert_uint_eq(cfg(w, 5, 0x06, 2), 0x0210);
	set(w, 5, 0x3c, 1, 11);
	ck_assert_uint_eq(cfg(w, 5, 0x3c, 1), 11);
	ck_assert_uint_gt(w->written, 0);
	// Impossible accesses.
	ck_assert_uint_eq(pci_config_read(w->root, 0, 5 << 3, 0xfe, 4), 0xffffffff);
	ck_assert_uint_eq(pci_config_read(w->root, 0, 5 << 3, 0, 3), 0xffffffff);
	ck_assert_uint_eq(pci_config_read(w->root, 0, 256, 0, 4), 0xffffffff);
	pci_dev_reset(&w->a);
	ck_assert_uint_eq(cfg(w, 5, 0x04, 2), 0);
	ck_assert_uint_eq(cfg(w, 5, 0x3c, 1), 0);
	teardown(w);
}
END_TEST

START_TEST(multifunction_and_taken)
{
	struct world *w = setup();
	struct pci_dev other;
	struct err err = { 0 };

	ck_assert_uint_eq(cfg(w, 5, 0x0e, 1), 0);
	pci_dev_init(&other, "other", &id_b, NULL, w);
	ck_assert_int_eq(pci_attach(pci_root_bus(w->root), &other, 5 << 3, &err), -EEXIST);
	ck_assert_int_eq(pci_attach(pci_root_bus(w->root), &other, 5 << 3 | 3, NULL), 0);
	ck_assert_uint_eq(cfg(w, 5, 0x0e, 1), 0x80);
	pci_dev_reset(&w->a);
	ck_assert_uint_eq(cfg(w, 5, 0x0e, 1), 0x80);
	ck_assert_ptr_eq(pci_find(w->root, 0, 5 << 3 | 3), &other);
	ck_assert_ptr_null(pci_bridge_bus(&other, &err));
	teardown(w);
}
END_TEST

START_TEST(bar_sizing)
{
	struct world *w = setup();

	ck_assert_uint_eq(cfg(w, 5, 0x10, 4), 1);
	set(w, 5, 0x10, 4, 0xffffffff);
	ck_assert_uint_eq(cfg(w, 5, 0x10, 4), 0xffffffe1);
	ck_assert_uint_eq(cfg(w, 5, 0x18, 4), 4);
	set(w, 5, 0x18, 4, 0xffffffff);
	set(w, 5, 0x1c, 4, 0xffffffff);
	ck_assert_uint_eq(cfg(w, 5, 0x18, 4), 0xffff0004);
	ck_assert_uint_eq(cfg(w, 5, 0x1c, 4), 0xffffffff);
	set(w, 5, 0x14, 4, 0xffffffff);                         // absent
	ck_assert_uint_eq(cfg(w, 5, 0x14, 4), 0);
	set(w, 5, 0x30, 4, 0xffffffff);                         // no ROM
	ck_assert_uint_eq(cfg(w, 5, 0x30, 4), 0);
	set(w, 5, 0x04, 2, 3);                                  // decoding on while sizing maps nothing
	ck_assert(!w->a.bars[0].mapped && !w->a.bars[2].mapped);
	teardown(w);
}
END_TEST

START_TEST(bar_mapping)
{
	struct world *w = setup();
	uint32_t v;

	set(w, 5, 0x10, 4, 0x1000);
	ck_assert_uint_eq(in(w, 0x1004, 4), 0xffffffff);        // decoding is off
	set(w, 5, 0x04, 1, 1);
	ck_assert(w->a.bars[0].mapped);
	ck_assert_uint_eq(w->moved, 1);
	out(w, 0x1000, 4, 0x55);
	ck_assert_uint_eq(in(w, 0x1004, 4), 0x59);
	set(w, 5, 0x10, 1, 0x40);                               // byte write moves it
	ck_assert_uint_eq(in(w, 0x1004, 4), 0xffffffff);
	ck_assert_uint_eq(in(w, 0x1044, 4), 0x59);
	ck_assert_uint_eq(w->moved, 2);
	set(w, 5, 0x3c, 1, 7);
	ck_assert_uint_eq(w->moved, 2);
	set(w, 5, 0x10, 4, 0x20001000);                         // beyond 64 KiB of ports
	ck_assert(!w->a.bars[0].mapped);
	set(w, 5, 0x18, 4, 0x00000000);
	set(w, 5, 0x1c, 4, 0x00000001);
	set(w, 5, 0x04, 1, 2);
	ck_assert(w->a.bars[2].mapped);
	ck_assert(bus_read(w->mmio, 0x100000008ull, &v, 4));
	ck_assert_uint_eq(v, 0x5d);
	set(w, 5, 0x1c, 4, 0x00000000);
	ck_assert(!w->a.bars[2].mapped);                        // address 0
	set(w, 5, 0x18, 4, 0xffff0000);
	ck_assert(!w->a.bars[2].mapped);                        // up to the end of 4 GiB
	teardown(w);
}
END_TEST

START_TEST(bar_collision)
{
	struct world *w = setup();

	set(w, 5, 0x10, 4, 0x2000);
	set(w, 5, 0x04, 1, 1);
	set(w, 6, 0x10, 4, 0x2000);
	set(w, 6, 0x04, 1, 1);
	ck_assert(w->a.bars[0].mapped && !w->b.bars[0].mapped && w->b.bars[0].waiting);
	set(w, 5, 0x10, 4, 0x3000);
	ck_assert(w->a.bars[0].mapped && w->b.bars[0].mapped && !w->b.bars[0].waiting);
	set(w, 5, 0x10, 4, 0x0ce0);                             // CF8h-CFFh is inside
	ck_assert(!w->a.bars[0].mapped && w->a.bars[0].waiting);
	pci_dev_reset(&w->a);
	ck_assert(!w->a.bars[0].waiting);
	teardown(w);
}
END_TEST

START_TEST(power_state)
{
	struct world *w = setup();
	unsigned pm = w->a.pm_cap;

	ck_assert_uint_ne(pm, 0);
	set(w, 5, 0x10, 4, 0x1000);
	set(w, 5, 0x04, 1, 1);
	set(w, 5, pm + 4, 2, 3);
	ck_assert(!w->a.bars[0].mapped);
	set(w, 5, pm + 4, 2, 2);                                // D2 is not offered, D1 is
	ck_assert_uint_eq(cfg(w, 5, pm + 4, 2) & 3, 3);
	set(w, 5, pm + 4, 2, 1);
	ck_assert_uint_eq(cfg(w, 5, pm + 4, 2) & 3, 1);
	set(w, 5, pm + 4, 2, 0);
	ck_assert(w->a.bars[0].mapped);
	teardown(w);
}
END_TEST

START_TEST(capabilities)
{
	struct world *w = setup();
	struct pci_dev d;

	ck_assert_uint_eq(cfg(w, 5, 0x34, 1), 0x40);
	ck_assert_uint_eq(cfg(w, 5, 0x40, 2), 0x5805);          // MSI, next at 58h
	ck_assert_uint_eq(cfg(w, 5, 0x58, 2), 0x0001);
	pci_dev_init(&d, "d", &id_a, NULL, NULL);
	ck_assert_uint_eq(pci_add_cap(&d, 9, 0xf0, 16), 0xf0);
	ck_assert_uint_eq(pci_add_cap(&d, 9, 0xf4, 4), 0);      // taken
	ck_assert_uint_eq(pci_add_cap(&d, 9, 0x3c, 8), 0);      // in the header
	ck_assert_uint_eq(pci_add_cap(&d, 9, 0x41, 8), 0);      // not aligned
	ck_assert_uint_eq(pci_add_cap(&d, 9, 0, 0xb0), 0x40);
	ck_assert_uint_eq(pci_add_cap(&d, 9, 0, 4), 0);         // full
	ck_assert_uint_eq(pci_add_msix(&d, 0, PCI_MSIX_MAX + 1, 0, 0, 0), 0);
	teardown(w);
}
END_TEST

static void bridge_numbers(struct world *w, unsigned secondary, unsigned subordinate)
{
	set(w, 0x11, 0x18, 4, secondary << 8 | subordinate << 16);
}

START_TEST(forwarding)
{
	struct world *w = setup();
	struct pci_dev second, leaf, peer, far;

	ck_assert_uint_eq(pci_config_read(w->root, 2, 2 << 3, 0, 4), 0xffffffff);
	bridge_numbers(w, 2, 2);
	ck_assert_uint_eq(pci_config_read(w->root, 2, 2 << 3, 0, 4), 0x111115ad);
	ck_assert_uint_eq(pci_config_read(w->root, 3, 2 << 3, 0, 4), 0xffffffff);
	out(w, 0xcf8, 4, 0x80021000);
	ck_assert_uint_eq(in(w, 0xcfc, 4), 0x111115ad);
	pci_dev_init(&second, "second", &id_bridge, NULL, NULL);
	ck_assert_int_eq(pci_attach(pci_bridge_bus(&w->bridge, NULL), &second, 4 << 3, NULL), 0);
	pci_dev_init(&leaf, "leaf", &id_b, NULL, NULL);
	ck_assert_int_eq(pci_attach(pci_bridge_bus(&second, NULL), &leaf, 1 << 3, NULL), 0);
	bridge_numbers(w, 2, 7);
	pci_config_write(w->root, 2, 4 << 3, 0x19, 2, 7 << 8 | 5);
	ck_assert_ptr_eq(pci_find(w->root, 5, 1 << 3), &leaf);
	ck_assert_ptr_null(pci_find(w->root, 6, 1 << 3));
	// A number above the first bridge's subordinate belongs to the next bridge.
	pci_dev_init(&peer, "peer", &id_bridge, NULL, NULL);
	ck_assert_int_eq(pci_attach(pci_root_bus(w->root), &peer, 0x12 << 3, NULL), 0);
	pci_dev_init(&far, "far", &id_a, NULL, NULL);
	ck_assert_int_eq(pci_attach(pci_bridge_bus(&peer, NULL), &far, 0, NULL), 0);
	set(w, 0x12, 0x18, 4, 0x00090800);
	ck_assert_ptr_eq(pci_find(w->root, 8, 0), &far);
	// Two bridges with the same number: the first on the way answers, and it ends.
	pci_config_write(w->root, 2, 4 << 3, 0x19, 2, 2 << 8 | 2);
	ck_assert_ptr_eq(pci_find(w->root, 2, 2 << 3), &w->behind);
	bridge_numbers(w, 0, 0xff);
	ck_assert_ptr_null(pci_find(w->root, 2, 2 << 3));
	teardown(w);
}
END_TEST

START_TEST(bridge_reset)
{
	struct world *w = setup();

	bridge_numbers(w, 2, 2);
	pci_config_write(w->root, 2, 2 << 3, 0x3c, 1, 5);
	set(w, 0x11, 0x3e, 2, 0x40);
	ck_assert_uint_eq(w->bus_resets, 1);
	ck_assert_uint_eq(pci_config_read(w->root, 2, 2 << 3, 0x3c, 1), 0);
	set(w, 0x11, 0x3e, 2, 0x40);
	ck_assert_uint_eq(w->bus_resets, 1);                    // only the edge resets
	ck_assert_uint_eq(cfg(w, 0x11, 0x3e, 2), 0x40);
	set(w, 0x11, 0x20, 4, 0xffffffff);
	ck_assert_uint_eq(cfg(w, 0x11, 0x20, 4), 0xfff0fff0);
	set(w, 0x11, 0x1c, 2, 0xffff);
	ck_assert_uint_eq(cfg(w, 0x11, 0x1c, 2), 0xf0f0);
	teardown(w);
}
END_TEST

START_TEST(intx)
{
	struct world *w = setup();

	pci_irq_set(&w->a, true);                               // (5 + 0 + 1) & 3
	ck_assert(w->level[2] && !w->level[0] && !w->level[1] && !w->level[3]);
	ck_assert_uint_eq(cfg(w, 5, 0x06, 2) & 8, 8);
	ck_assert_uint_eq(cfg(w, 5, 0x04, 4) >> 16 & 8, 8);
	set(w, 5, 0x04, 2, 0x400);
	ck_assert(!w->level[2]);
	ck_assert_uint_eq(cfg(w, 5, 0x06, 2) & 8, 8);           // status shows what command hides
	set(w, 5, 0x04, 2, 0);
	ck_assert(w->level[2]);
	pci_dev_reset(&w->a);
	ck_assert(!w->level[2]);
	pci_irq_set(&w->b, true);                               // pin B: (6 + 1 + 1) & 3
	ck_assert(w->level[0]);
	pci_irq_set(&w->behind, true);                          // pin (0 + 2) of device 11h: (17 + 2 + 1) & 3
	ck_assert(w->level[0]);
	pci_irq_set(&w->b, false);
	ck_assert(w->level[0]);                                 // shared
	pci_irq_set(&w->behind, false);
	ck_assert(!w->level[0]);
	teardown(w);
}
END_TEST

START_TEST(msi)
{
	struct world *w = setup();
	unsigned cap = w->a.msi_cap;

	ck_assert(!pci_msi_send(&w->a, 0));
	set(w, 5, cap + 4, 4, 0xfee01007);
	set(w, 5, cap + 8, 4, 1);
	set(w, 5, cap + 12, 2, 0x4041);
	pci_irq_set(&w->a, true);
	set(w, 5, cap + 2, 2, 1);
	ck_assert(!w->level[2]);                                // MSI silences the pin
	ck_assert(pci_msi_send(&w->a, 0));
	ck_assert_uint_eq(w->sent_count, 0);                    // not a bus master
	set(w, 5, 0x04, 2, 4);
	ck_assert(pci_msi_send(&w->a, 0));
	ck_assert_uint_eq(w->sent_count, 1);
	ck_assert_uint_eq(w->sent[0].address, 0x1fee01004ull);
	ck_assert_uint_eq(w->sent[0].data, 0x4041);
	set(w, 5, cap + 16, 4, 0xffffffff);
	ck_assert_uint_eq(cfg(w, 5, cap + 16, 4), 1);
	ck_assert(pci_msi_send(&w->a, 0));
	ck_assert_uint_eq(w->sent_count, 1);
	ck_assert_uint_eq(cfg(w, 5, cap + 20, 4), 1);
	set(w, 5, cap + 16, 4, 0);
	ck_assert_uint_eq(w->sent_count, 2);
	ck_assert_uint_eq(cfg(w, 5, cap + 20, 4), 0);
	set(w, 5, cap + 2, 2, 0);
	ck_assert(w->level[2]);
	teardown(w);
}
END_TEST

START_TEST(msix)
{
	struct world *w = setup();
	unsigned cap = w->b.msix_cap;
	uint64_t v;

	set(w, 6, 0x14, 4, 0xd0000000);
	set(w, 6, 0x04, 2, 6);
	ck_assert_uint_eq(cfg(w, 6, cap + 2, 2), 2);
	v = 0xfee00008;
	bus_write(w->mmio, 0xd0000010, &v, 8);
	v = 0x100004052ull;                                     // data, and the mask bit of entry 1
	bus_write(w->mmio, 0xd0000018, &v, 8);
	set(w, 6, cap + 2, 2, 0x8000);
	ck_assert(pci_msi_send(&w->b, 1));
	ck_assert(pci_msi_send(&w->b, 2));
	ck_assert(pci_msi_send(&w->b, 3));                      // no such vector
	ck_assert(pci_msi_send(&w->b, UINT32_MAX));
	ck_assert_uint_eq(w->sent_count, 0);
	bus_read(w->mmio, 0xd0000800, &v, 8);
	ck_assert_uint_eq(v, 6);
	v = 0;
	bus_write(w->mmio, 0xd000001c, &v, 4);
	ck_assert_uint_eq(w->sent_count, 1);
	ck_assert_uint_eq(w->sent[0].address, 0xfee00008);
	ck_assert_uint_eq(w->sent[0].data, 0x4052);
	set(w, 6, cap + 2, 2, 0xc000);                          // function mask
	ck_assert(pci_msi_send(&w->b, 1));
	ck_assert_uint_eq(w->sent_count, 1);
	set(w, 6, cap + 2, 2, 0x8000);
	ck_assert_uint_eq(w->sent_count, 2);
	// Beyond the table, odd places and sizes.
	pci_msix_table_write(&w->b, UINT64_MAX - 3, 8, UINT64_MAX);
	pci_msix_table_write(&w->b, 48, 4, UINT64_MAX);
	pci_msix_table_write(&w->b, 2, 4, UINT64_MAX);
	pci_msix_table_write(&w->b, 0, 2, UINT64_MAX);
	ck_assert_uint_eq(pci_msix_table_read(&w->b, 0, 8), 0);
	ck_assert_uint_eq(pci_msix_table_read(&w->b, 44, 8), 1);
	ck_assert_uint_eq(pci_msix_table_read(&w->b, UINT64_MAX, 8), 0);
	pci_dev_reset(&w->b);
	ck_assert_uint_eq(pci_msix_table_read(&w->b, 0x1c, 4), 1);
	ck_assert_uint_eq(pci_msix_pba_read(&w->b, 0, 8), 0);
	teardown(w);
}
END_TEST

START_TEST(saving)
{
	struct world *w = setup();
	struct pci_saved s;

	set(w, 5, 0x10, 4, 0x1000);
	set(w, 5, 0x04, 2, 1);
	pci_irq_set(&w->a, true);
	pci_dev_save(&w->a, &s);
	pci_dev_reset(&w->a);
	s.config[0] = 0xee;                                     // read-only: ignored
	memset(s.msix_table, 0xff, sizeof(s.msix_table));
	pci_dev_restore(&w->a, &s);
	ck_assert_uint_eq(cfg(w, 5, 0x00, 4), 0x111115ad);
	ck_assert(w->a.bars[0].mapped && w->level[2]);
	teardown(w);
}
END_TEST

// Memory behind a BAR, alone and over registers, through real guest memory.
static int slot_map(void *arg, unsigned slot, uint64_t at, uint64_t len, void *hva, bool ro, bool log)
{
	return 0;
}

static void slot_unmap(void *arg, unsigned slot) { }
static int slot_dirty(void *arg, unsigned slot, uint64_t *bitmap, size_t words) { return 0; }

START_TEST(memory_bar)
{
	struct world *w = setup();
	struct gmem_host gh = { slot_map, slot_unmap, slot_dirty, NULL };
	struct gmem_region_args ra = { .name = "vram", .size = 12288 };
	struct gmem_region *region;
	struct gmem *mem;
	struct pci_dev d;
	gpa_t at = gpa(0);

	ck_assert_int_eq(gmem_create(&mem, 16 << 20, &gh, NULL), 0);
	ck_assert_int_eq(gmem_region_create(mem, &ra, &region, NULL), 0);
	pci_dev_init(&d, "d", &id_a, &ops, w);
	pci_bar_registers(&d, 1, PCI_BAR_MEM32, 0x8000, &reg_ops, w, NULL);
	pci_bar_memory(&d, 1, PCI_BAR_MEM32, true, region);
	ck_assert_int_eq(pci_attach(pci_root_bus(w->root), &d, 8 << 3, NULL), 0);
	set(w, 8, 0x14, 4, 0xffffffff);
	ck_assert_uint_eq(cfg(w, 8, 0x14, 4), 0xffff8008);
	set(w, 8, 0x14, 4, 0x00100000);                         // RAM is there
	set(w, 8, 0x04, 1, 2);
	ck_assert(!d.bars[1].mapped && d.bars[1].waiting && !gmem_region_mapped(region, &at));
	set(w, 8, 0x14, 4, 0xe0000000);
	ck_assert(d.bars[1].mapped && gmem_region_mapped(region, &at));
	ck_assert_uint_eq(at.raw, 0xe0000000);
	ck_assert(bus_read(w->mmio, 0xe0007ffc, &(uint32_t){ 0 }, 4));
	set(w, 8, 0x04, 1, 0);
	ck_assert(!gmem_region_mapped(region, &at));
	teardown(w);
	gmem_destroy(mem);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pci");
	TCase *t = tcase_create("pci");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, mechanism1);
	tcase_add_test(t, header);
	tcase_add_test(t, multifunction_and_taken);
	tcase_add_test(t, bar_sizing);
	tcase_add_test(t, bar_mapping);
	tcase_add_test(t, bar_collision);
	tcase_add_test(t, power_state);
	tcase_add_test(t, capabilities);
	tcase_add_test(t, forwarding);
	tcase_add_test(t, bridge_reset);
	tcase_add_test(t, intx);
	tcase_add_test(t, msi);
	tcase_add_test(t, msix);
	tcase_add_test(t, saving);
	tcase_add_test(t, memory_bar);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
