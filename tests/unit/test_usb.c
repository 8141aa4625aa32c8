// test_usb.c: EHCI and UHCI with nothing plugged in.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "chipset_world.h"

#include "hw/usb/ehci.h"
#include "hw/usb/ehci_core.h"

static struct ehci_regs r;

static void set_up(void) { ehci_reset(&r); }
static uint32_t rd(unsigned off, uint64_t now) { return ehci_read(&r, off, 4, now); }
static void wr(unsigned off, uint32_t value, uint64_t now) { ehci_write(&r, off, value, now); }

START_TEST(capabilities)
{
	ck_assert_uint_eq(rd(0, 0), 0x01000020);
	ck_assert_uint_eq(ehci_read(&r, 0, 1, 0), 0x20);
	ck_assert_uint_eq(ehci_read(&r, 2, 2, 0), 0x0100);
	ck_assert_uint_eq(rd(4, 0) & 0xf, 6);
	ck_assert_uint_eq(rd(8, 0) >> 8 & 0xff, 0);                     // nothing that a BIOS could own
	wr(4, UINT32_MAX, 0);
	ck_assert_uint_eq(rd(4, 0) & 0xf, 6);
	ck_assert_uint_eq(rd(0x800, 0), 0);
	ck_assert_uint_eq(ehci_read(&r, EHCI_SIZE, 4, 0), UINT32_MAX);
	ck_assert_uint_eq(ehci_read(&r, 3, 2, 0), UINT32_MAX);
}
END_TEST

START_TEST(run_and_halt)
{
	ck_assert_uint_eq(rd(0x24, 0), 0x1000);
	wr(0x2c, 0x3ff8, 0);
	wr(0x20, 0x00080031, 0);
	ck_assert_uint_eq(rd(0x24, 0), 0xc000);                         // both schedules, not halted
	ck_assert_uint_eq(rd(0x2c, 0), 0x3ff8);
	ck_assert_uint_eq(rd(0x2c, 1000000), 0x0000);                   // eight microframes on, wrapped
	wr(0x2c, 5, 1000000);                                           // not while it runs
	ck_assert_uint_eq(rd(0x2c, 1125000), 0x0001);
	wr(0x20, 0x00080000, 1125000);
	ck_assert_uint_eq(rd(0x24, 2000000), 0x1000);
	ck_assert_uint_eq(rd(0x2c, 9000000), 0x0001);
	wr(0x20, 0x00080002, 0);
	ck_assert_uint_eq(rd(0x20, 0), 0x00080000);
}
END_TEST

START_TEST(doorbell)
{
	wr(0x28, 0x3f, 0);
	wr(0x20, 0x00080021, 0);
	ck_assert(!ehci_irq(&r));
	wr(0x20, 0x00080061, 0);
	ck_assert(ehci_irq(&r));
	ck_assert_uint_eq(rd(0x20, 0) & 0x40, 0);
	ck_assert_uint_eq(rd(0x24, 0) & 0x20, 0x20);
	wr(0x24, 0x20, 0);
	ck_assert(!ehci_irq(&r));
}
END_TEST

START_TEST(ports)
{
	for (unsigned i = 0; i < EHCI_PORTS; i++) {
		ck_assert_uint_eq(rd(0x64 + 4 * i, 0), 0x2000);
		wr(0x64 + 4 * i, UINT32_MAX, 0);
		// Power, owner, indicators, test, wake; no device, no change, no reset under way.
		ck_assert_uint_eq(rd(0x64 + 4 * i, 0), 0x007ff000);
	}
	wr(0x60, 1, 0);
	ck_assert_uint_eq(rd(0x64, 0) & 0x2000, 0);
	wr(0x60, 0, 0);
	ck_assert_uint_eq(rd(0x64, 0) & 0x2000, 0x2000);
	ck_assert_uint_eq(rd(0x64 + 4 * EHCI_PORTS, 0), 0);
}
END_TEST

START_TEST(hostile_state)
{
	memset(&r, 0xff, sizeof(r));
	ehci_sanitize(&r);
	rd(0x2c, 5);
	ck_assert_uint_eq(rd(0x60, 0), 1);
	ck_assert_uint_eq(rd(0x64, 0) & 0xfff, 0);
}
END_TEST

START_TEST(on_pci)
{
	struct chipset_world *w = world_chipset(false, false);
	struct ehci *ehci;
	struct uhci *uhci;
	uint8_t b[4] = { 0 };

	ck_assert_int_eq(ehci_create(&w->p, pci_root_bus(w->p.pci), DEVFN(0x12, 0), &ehci, NULL), 0);
	ck_assert_int_eq(uhci_create(&w->p, pci_root_bus(w->p.pci), DEVFN(0x13, 0), UHCI_VMWARE, &uhci, NULL), 0);
	ck_assert_uint_eq(world_cfg(w, 0x12, 0, 0, 4), 0x077015ad);
	ck_assert_uint_eq(world_cfg(w, 0x12, 0, 8, 4), 0x0c032000);
	ck_assert_uint_eq(world_cfg(w, 0x12, 0, 0x2c, 4), 0x077015ad);
	ck_assert_uint_eq(world_cfg(w, 0x12, 0, 0x40, 4), 0x03060013);
	ck_assert_uint_eq(world_cfg(w, 0x12, 0, 0x60, 1), 0x20);
	ck_assert_uint_eq(world_cfg(w, 0x13, 0, 0, 4), 0x077415ad);
	ck_assert_uint_eq(world_cfg(w, 0x13, 0, 0x2c, 4), 0x197615ad);
	ck_assert_uint_eq(world_cfg(w, 0x13, 0, 0x3d, 1), 1);
	world_set(w, DEVFN(0x12, 0), 0x10, 4, 0xfd500000);
	world_set(w, DEVFN(0x12, 0), 4, 2, 6);
	bus_read(w->p.mmio, 0xfd500000, b, 4);
	ck_assert_uint_eq(get_le32(b), 0x01000020);
	// FLR through the advanced features: the function is as at power-on.
	world_set(w, DEVFN(0x12, 0), 0x44, 1, 1);
	ck_assert_uint_eq(world_cfg(w, 0x12, 0, 0x10, 4), 0);
	ck_assert_uint_eq(world_cfg(w, 0x12, 0, 4, 2), 0);
	ehci_class.reset(ehci);
	ehci_class.destroy(ehci);
	uhci_class.destroy(uhci);
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("usb");
	TCase *tc = tcase_create("usb");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, capabilities);
	tcase_add_test(tc, run_and_halt);
	tcase_add_test(tc, doorbell);
	tcase_add_test(tc, ports);
	tcase_add_test(tc, hostile_state);
	tcase_add_test(tc, on_pci);
	suite_add_tcase(s, tc);
	return world_run(s);
}
