// test_nic.c: e1000 and vmxnet3: EEPROM, PHY, registers, commands, interrupts; both on PCI.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/compiler.h"
#include "chipset_world.h"

#include "hw/nic/e1000.h"
#include "hw/nic/e1000_core.h"
#include "hw/nic/vmxnet3.h"
#include "hw/nic/vmxnet3_core.h"

static const uint8_t mac[6] = { 0x00, 0x0c, 0x29, 0x8c, 0x20, 0x03 };

// --- e1000 -------------------------------------------------------------------------------------------

#define EECD 0x10u

static struct e1000_core e;
static bool line;

static void set_line(void *arg, bool level) { line = level; }
static void set_up(void) { e1000_core_init(&e, mac, set_line, NULL); }

static void clock_bit(bool bit)
{
	uint32_t base = 0x42 | (bit ? 4 : 0);           // request, chip select, data in

	e1000_write(&e, EECD, base);
	e1000_write(&e, EECD, base | 1);
	e1000_write(&e, EECD, base);
}

// As drivers do it: chip select, nine bits of command, then words until it is let go.
static void microwire_read(unsigned address, unsigned words, uint16_t *out)
{
	e1000_write(&e, EECD, 0x40);
	ck_assert_uint_eq(e1000_read(&e, EECD) & 0x180, 0x180);
	e1000_write(&e, EECD, 0x42);
	for (int i = 2; i >= 0; i--)
		clock_bit(6 >> i & 1);
	for (int i = 5; i >= 0; i--)
		clock_bit(address >> i & 1);
	for (unsigned w = 0; w < words; w++) {
		out[w] = 0;
		for (unsigned i = 0; i < 16; i++) {
			e1000_write(&e, EECD, 0x43);
			out[w] = (uint16_t)(out[w] << 1 | (e1000_read(&e, EECD) >> 3 & 1));
			e1000_write(&e, EECD, 0x42);
		}
	}
	e1000_write(&e, EECD, 0x40);
	e1000_write(&e, EECD, 0);
}

START_TEST(eeprom)
{
	uint16_t words[64], one, sum = 0;

	microwire_read(0, 64, words);
	ck_assert_uint_eq(words[0], 0x0c00);
	ck_assert_uint_eq(words[1], 0x8c29);
	ck_assert_uint_eq(words[2], 0x0320);
	ck_assert_uint_eq(words[0x0b], 0x0750);
	ck_assert_uint_eq(words[0x0c], 0x15ad);
	for (unsigned i = 0; i < 64; i++) {
		sum = (uint16_t)(sum + words[i]);
		microwire_read(i, 1, &one);
		ck_assert_uint_eq(one, words[i]);
		e1000_write(&e, 0x14, i << 8 | 1);
		ck_assert_uint_eq(e1000_read(&e, 0x14), (uint32_t)words[i] << 16 | i << 8 | 0x10);
	}
	ck_assert_uint_eq(sum, 0xbaba);
	e1000_write(&e, 0x14, 200 << 8 | 1);
	ck_assert_uint_eq(e1000_read(&e, 0x14) >> 16, 0);
	ck_assert_uint_eq(e1000_read(&e, 0x5400), 0x8c290c00);
	ck_assert_uint_eq(e1000_read(&e, 0x5404), 0x80000320);
}
END_TEST

static uint32_t mdic(unsigned phy, unsigned reg, unsigned op, unsigned data)
{
	e1000_write(&e, 0x20, op << 26 | phy << 21 | reg << 16 | data);
	return e1000_read(&e, 0x20);
}

START_TEST(phy)
{
	ck_assert_uint_eq(mdic(1, 2, 2, 0) & 0xffff, 0x0141);
	ck_assert_uint_eq(mdic(1, 3, 2, 0) & 0xfff0, 0x0c20);
	ck_assert_uint_eq(mdic(1, 1, 2, 0) & 0x24, 0);                  // no link, nothing negotiated
	ck_assert_uint_eq(mdic(1, 1, 2, 0) >> 28, 1);
	ck_assert_uint_eq(mdic(2, 2, 2, 0) >> 28, 5);                   // nobody at that address
	mdic(1, 4, 1, 0x1234);
	mdic(1, 2, 1, 0xffff);
	mdic(1, 31, 1, 0xffff);
	ck_assert_uint_eq(mdic(1, 4, 2, 0) & 0xffff, 0x1234);
	ck_assert_uint_eq(mdic(1, 2, 2, 0) & 0xffff, 0x0141);
	ck_assert_uint_eq(mdic(1, 31, 2, 0) & 0xffff, 0);
	mdic(1, 0, 1, 0x9140);                                          // reset
	ck_assert_uint_eq(mdic(1, 4, 2, 0) & 0xffff, 0x01e1);
	ck_assert_uint_eq(mdic(1, 0, 2, 0) & 0x8200, 0);
	mdic(1, 4, 1, 0x1234);
	e1000_write(&e, 0, 1u << 31);
	ck_assert_uint_eq(mdic(1, 4, 2, 0) & 0xffff, 0x01e1);
	ck_assert_uint_eq(e1000_read(&e, 0) >> 31, 0);
}
END_TEST

START_TEST(e1000_interrupts)
{
	e1000_write(&e, 0xc8, 0x14);
	ck_assert(!line);
	e1000_write(&e, 0xd0, 0x04);
	ck_assert(line);
	ck_assert_uint_eq(e1000_read(&e, 0xd0), 0x04);
	e1000_write(&e, 0xd8, 0x04);
	ck_assert(!line);
	e1000_write(&e, 0xd0, 0x10);
	ck_assert(line);
	ck_assert_uint_eq(e1000_read(&e, 0xc0), 0x14);                  // reading clears
	ck_assert(!line);
	ck_assert_uint_eq(e1000_read(&e, 0xc0), 0);
	e1000_write(&e, 0xc8, 0x10);
	e1000_write(&e, 0xc0, 0x10);
	ck_assert(!line);
}
END_TEST

START_TEST(e1000_registers)
{
	static const uint32_t kept[] = { 0x18, 0x38, 0x100, 0x400, 0x2800, 0x2818, 0x3800, 0x382c, 0x3830, 0x5200, 0x53fc, 0x547c,
					 0x57fc, 0x5820 };

	ck_assert_uint_eq(e1000_read(&e, 8) & 2, 0);                    // the cable is out
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
		e1000_write(&e, kept[i], 0xa5000000 + i);
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
		ck_assert_msg(e1000_read(&e, kept[i]) == 0xa5000000 + i, "%x", kept[i]);
	for (uint32_t off = 0x4000; off < 0x4200; off += 4) {
		e1000_write(&e, off, 1);
		ck_assert_uint_eq(e1000_read(&e, off), 0);
	}
	ck_assert_uint_eq(e1000_read(&e, 0x101), 0);
	// The I/O window is how drivers reset it.
	e1000_io_write(&e, 0, 0x5200);
	ck_assert_uint_eq(e1000_io_read(&e, 4), e1000_read(&e, 0x5200));
	e1000_io_write(&e, 0, 0);
	e1000_io_write(&e, 4, 1 << 26);
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
		ck_assert_uint_eq(e1000_read(&e, kept[i]), 0);
	ck_assert_uint_eq(e1000_read(&e, 0x5404), 0x80000320);
	e1000_io_write(&e, 0, 0xfffffffc);
	e1000_io_write(&e, 4, 1);
	ck_assert_uint_eq(e1000_io_read(&e, 4), 0);
	ck_assert_uint_eq(e1000_io_read(&e, 8), 0);
}
END_TEST

START_TEST(e1000_hostile_state)
{
	memset(&e.regs, 0xff, sizeof(e.regs));
	e1000_core_loaded(&e);
	for (unsigned i = 0; i < 64; i++)
		e1000_write(&e, EECD, 0x42 | (i & 1));
	ck_assert_uint_lt(e.regs.ee_address, 64);
}
END_TEST

// --- vmxnet3 -----------------------------------------------------------------------------------------

static struct vmxnet3_core v;

static uint32_t command(uint32_t c)
{
	vmxnet3_write(&v, 1, 0x20, c);
	return vmxnet3_read(&v, 1, 0x20);
}

START_TEST(vmxnet3_probe)
{
	vmxnet3_core_init(&v, mac, vmxnet3_revisions_of(19));
	ck_assert_uint_eq(vmxnet3_read(&v, 1, 0), 7);
	vmxnet3_write(&v, 1, 0, 4);
	ck_assert_uint_eq(v.regs.revision, 4);
	ck_assert_uint_eq(vmxnet3_read(&v, 1, 8), 1);
	ck_assert_uint_eq(vmxnet3_read(&v, 1, 0x28), 0x8c290c00);
	ck_assert_uint_eq(vmxnet3_read(&v, 1, 0x30), 0x0320);
	ck_assert_uint_eq(command(0xf00d0002), 0);
	ck_assert_uint_eq(command(0xf00d0003), 0x8c290c00);
	ck_assert_uint_eq(command(0xf00d0004), 0x0320);
	ck_assert_uint_eq(command(0xf00d0008), 0);
	ck_assert_uint_eq(command(0xf00d000a), 128);
	ck_assert_uint_eq(command(0xf00d00ff), UINT32_MAX);
	ck_assert_uint_eq(command(0x12345678), UINT32_MAX);
	ck_assert_uint_eq(vmxnet3_revisions_of(7), 1);
	ck_assert_uint_eq(vmxnet3_revisions_of(11), 3);
}
END_TEST

START_TEST(vmxnet3_life)
{
	vmxnet3_core_init(&v, mac, 1);
	ck_assert_uint_ne(command(0xcafe0000), 0);                      // no shared area
	vmxnet3_write(&v, 1, 0x10, 0x1000);
	ck_assert_uint_eq(command(0xcafe0000), 0);
	ck_assert(v.regs.active);
	ck_assert_uint_eq(vmxnet3_read(&v, 0, 8 * 24), 1);
	vmxnet3_write(&v, 0, 8 * 24, 0);
	ck_assert_uint_eq(vmxnet3_read(&v, 0, 8 * 24), 0);
	vmxnet3_write(&v, 0, 8 * 25, 1);
	vmxnet3_write(&v, 0, 0x600, 5);
	ck_assert_uint_eq(vmxnet3_read(&v, 0, 0x600), 0);
	ck_assert_uint_eq(command(0xcafe0001), 0);
	ck_assert(!v.regs.active);
	ck_assert_uint_eq(command(0xcafe0002), 0);
	ck_assert_uint_eq(vmxnet3_read(&v, 1, 0x10), 0);
	// The I/O window reaches both files.
	vmxnet3_io_write(&v, 0, 1 << 24 | 0x28);
	ck_assert_uint_eq(vmxnet3_io_read(&v, 4), 0x8c290c00);
	vmxnet3_io_write(&v, 0, 8 * 3);
	vmxnet3_io_write(&v, 4, 0);
	ck_assert_uint_eq(vmxnet3_read(&v, 0, 8 * 3), 0);
	vmxnet3_io_write(&v, 0, 0xff000000);
	ck_assert_uint_eq(vmxnet3_io_read(&v, 4), 0);
}
END_TEST

// --- on PCI ------------------------------------------------------------------------------------------

static uint32_t bar_mask(struct chipset_world *w, unsigned devfn, unsigned off)
{
	world_set(w, devfn, off, 4, UINT32_MAX);
	return pci_config_read(w->p.pci, 0, devfn, off, 4);
}

START_TEST(e1000_configuration)
{
	static const struct { unsigned off; uint32_t mask; } bars[] = {
		{ 0x10, 0xfffe0004 }, { 0x18, 0xffff0004 }, { 0x20, 0xffffffc1 }, { 0x30, 0xffff0001 },
	};
	struct chipset_world *w = world_chipset(false, false);
	struct e1000 *nic;
	uint8_t b[4] = { 0 };

	ck_assert_int_eq(e1000_create(pci_root_bus(w->p.pci), DEVFN(0x12, 0), mac, &nic, NULL), 0);
	ck_assert_uint_eq(world_cfg(w, 0x12, 0, 0, 4), 0x100f8086);
	ck_assert_uint_eq(world_cfg(w, 0x12, 0, 8, 4), 0x02000001);
	ck_assert_uint_eq(world_cfg(w, 0x12, 0, 0x2c, 4), 0x075015ad);
	ck_assert_uint_eq(world_cfg(w, 0x12, 0, 0x34, 1), 0xdc);
	ck_assert_uint_eq(world_cfg(w, 0x12, 0, 0xdc, 4), 0xc822e401);
	ck_assert_uint_eq(world_cfg(w, 0x12, 0, 0xe4, 2), 0x0007);
	for (unsigned i = 0; i < ARRAY_SIZE(bars); i++)
		ck_assert_uint_eq(bar_mask(w, DEVFN(0x12, 0), bars[i].off), bars[i].mask);
	world_set(w, DEVFN(0x12, 0), 0x10, 4, 0xfd500000);
	world_set(w, DEVFN(0x12, 0), 0x14, 4, 0);
	world_set(w, DEVFN(0x12, 0), 4, 2, 3);
	bus_read(w->p.mmio, 0xfd505400, b, 4);
	ck_assert_mem_eq(b, mac, 4);
	e1000_class.reset(nic);
	e1000_class.destroy(nic);
	world_free(w);
}
END_TEST

START_TEST(vmxnet3_configuration)
{
	static const struct { unsigned off; uint32_t value; } regs[] = {
		{ 0x00, 0x07b015ad }, { 0x08, 0x02000001 }, { 0x2c, 0x07b015ad }, { 0x40, 0xfe034801 },
		{ 0x48, 0x00028410 }, { 0x84, 0x00809c05 }, { 0x9c, 0x00180011 }, { 0xa0, 0x00000002 },
		{ 0xa4, 0x00001002 }, { 0x100, 0x00010003 }, { 0x104, 0xff8c2003 }, { 0x108, 0x000c29ff },
	};
	static const struct { unsigned off; uint32_t mask; } bars[] = {
		{ 0x10, 0xfffff000 }, { 0x14, 0xfffff000 }, { 0x18, 0xffffe000 }, { 0x1c, 0xfffffff1 }, { 0x30, 0xffff0001 },
	};
	struct chipset_world *w = world_chipset(false, false);
	struct vmxnet3 *nic, *old;

	ck_assert_int_eq(vmxnet3_create(pci_root_bus(w->p.pci), DEVFN(0x12, 0), mac, 19, &nic, NULL), 0);
	ck_assert_int_eq(vmxnet3_create(pci_root_bus(w->p.pci), DEVFN(0x13, 0), mac, 10, &old, NULL), 0);
	ck_assert_int_lt(vmxnet3_create(pci_root_bus(w->p.pci), DEVFN(0x13, 0), mac, 10, &old, NULL), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(regs); i++)
		ck_assert_msg(world_cfg(w, 0x12, 0, regs[i].off, 4) == regs[i].value, "%x: %08x", regs[i].off,
			      world_cfg(w, 0x12, 0, regs[i].off, 4));
	ck_assert_uint_eq(world_cfg(w, 0x13, 0, 0x104, 4), 0x03208cfe);
	ck_assert_uint_eq(world_cfg(w, 0x13, 0, 0x108, 4), 0xff290c00);
	for (unsigned i = 0; i < ARRAY_SIZE(bars); i++)
		ck_assert_uint_eq(bar_mask(w, DEVFN(0x12, 0), bars[i].off), bars[i].mask);
	vmxnet3_class.destroy(old);
	vmxnet3_class.destroy(nic);
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("nic");
	TCase *tc = tcase_create("nic");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, eeprom);
	tcase_add_test(tc, phy);
	tcase_add_test(tc, e1000_interrupts);
	tcase_add_test(tc, e1000_registers);
	tcase_add_test(tc, e1000_hostile_state);
	tcase_add_test(tc, vmxnet3_probe);
	tcase_add_test(tc, vmxnet3_life);
	tcase_add_test(tc, e1000_configuration);
	tcase_add_test(tc, vmxnet3_configuration);
	suite_add_tcase(s, tc);
	return world_run(s);
}
