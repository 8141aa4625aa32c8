// test_piix4.c: ISA bridge, PIRQ router, PM windows and SCI, SMBus, small ports, UHCI.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "chipset_world.h"

#include <errno.h>
#include <pthread.h>

#include "hw/chipset/piix4_ports.h"
#include "hw/chipset/smbus.h"
#include "hw/chipset/uhci_core.h"

#define PM_FN DEVFN(7, 3)

START_TEST(functions)
{
	struct chipset_world *w = world_chipset(true, true);

	ck_assert_uint_eq(world_cfg(w, 7, 0, 0x00, 4), 0x71108086);
	ck_assert_uint_eq(world_cfg(w, 7, 0, 0x08, 4), 0x06010008);
	ck_assert_uint_eq(world_cfg(w, 7, 0, 0x0e, 1), 0x80);
	ck_assert_uint_eq(world_cfg(w, 7, 0, 0x2c, 4), 0x197615ad);
	ck_assert_uint_eq(world_cfg(w, 7, 2, 0x00, 4), 0x71128086);
	ck_assert_uint_eq(world_cfg(w, 7, 2, 0x3d, 1), 4);
	ck_assert_uint_eq(world_cfg(w, 7, 3, 0x00, 4), 0x71138086);
	ck_assert_uint_eq(world_cfg(w, 7, 3, 0x08, 4), 0x06800008);
	ck_assert_uint_eq(world_cfg(w, 7, 3, 0x2c, 4), 0x197615ad);
	ck_assert_uint_eq(world_cfg(w, 7, 3, 0x3c, 2), 0x0009);
	ck_assert_uint_eq(world_cfg(w, 7, 3, 0x58, 4) & 1 << 25, 1 << 25);
	ck_assert_uint_eq(world_cfg(w, 7, 1, 0x00, 4), 0xffffffff);     // IDE is another's
	ck_assert_uint_eq(world_cfg(w, 7, 0, 0x60, 4), 0x80808080);
	ck_assert_uint_eq(world_cfg(w, 7, 0, 0x4c, 4), 0x0003004d);
	world_set(w, DEVFN(7, 0), 0x60, 4, 0xffffffff);
	ck_assert_uint_eq(world_cfg(w, 7, 0, 0x60, 4), 0x8f8f8f8f);
	world_set(w, DEVFN(7, 0), 0x04, 2, 0);
	ck_assert_uint_eq(world_cfg(w, 7, 0, 0x04, 2), 7);
	world_reset_all(w);
	ck_assert_uint_eq(world_cfg(w, 7, 0, 0x60, 4), 0x80808080);
	world_free(w);
}
END_TEST

START_TEST(creation_fails_clean)
{
	struct chipset_world *w = world_new();
	struct i440bx_args bx = { .post_identity = true };
	struct bus_range taken = { .first = 0x92, .last = 0x92, .name = "taken" };
	struct piix4_args args;
	struct err err = { 0 };

	ck_assert_int_eq(bus_insert(w->p.ports, &taken, NULL), 0);
	ck_assert_int_eq(i440bx_create(&w->p, &bx, &w->bx, NULL), 0);
	args = (struct piix4_args){ .bx = w->bx };
	ck_assert_int_eq(piix4_create(&w->p, &args, &w->piix4, &err), -EEXIST);
	ck_assert_str_eq(err.object, "piix4-port92");
	w->piix4 = NULL;
	ck_assert_uint_eq(world_cfg(w, 7, 3, 0, 4), 0xffffffff);
	ck_assert_uint_eq(world_in(w, 0x1008, 4), 0xffffffff);
	bus_remove(w->p.ports, &taken);
	ck_assert_int_eq(piix4_create(&w->p, &args, &w->piix4, &err), 0);
	world_free(w);
}
END_TEST

START_TEST(routing)
{
	static const struct pci_id id = { .vendor = 1, .device = 2, .interrupt_pin = 1 };
	struct chipset_world *w = world_chipset(true, false);
	struct pci_dev svga, scsi;

	pci_dev_init(&svga, "svga", &id, NULL, NULL);
	ck_assert_int_eq(pci_attach(pci_root_bus(w->p.pci), &svga, DEVFN(15, 0), NULL), 0);
	pci_dev_init(&scsi, "scsi", &id, NULL, NULL);
	ck_assert_int_eq(pci_attach(pci_root_bus(w->p.pci), &scsi, DEVFN(16, 0), NULL), 0);
	pci_irq_set(&svga, true);                               // VMware: GSI 16
	ck_assert(w->ioapic_level[0]);
	for (unsigned i = 0; i < 16; i++)
		ck_assert(!w->isa_level[i]);
	pci_irq_set(&scsi, true);                               // GSI 17
	ck_assert(w->ioapic_level[1]);
	world_set(w, DEVFN(7, 0), 0x60, 4, 0x80800b0a);         // A to 10, B to 11
	ck_assert(w->isa_level[10] && w->isa_level[11]);
	world_set(w, DEVFN(7, 0), 0x61, 1, 0x0a);               // both on 10
	ck_assert(w->isa_level[10] && !w->isa_level[11]);
	pci_irq_set(&svga, false);
	ck_assert(w->isa_level[10] && !w->ioapic_level[0]);
	pci_irq_set(&scsi, false);
	ck_assert(!w->isa_level[10]);
	pci_irq_set(&svga, true);
	for (unsigned irq = 0; irq < 16; irq++) {               // reserved ones lead nowhere
		world_set(w, DEVFN(7, 0), 0x60, 1, irq);
		ck_assert_int_eq(w->isa_level[irq], irq > 2 && irq != 8 && irq != 13);
	}
	world_set(w, DEVFN(7, 0), 0x60, 1, 0x8a);
	for (unsigned irq = 0; irq < 16; irq++)
		ck_assert(!w->isa_level[irq]);
	ck_assert(w->ioapic_level[0]);
	world_set(w, DEVFN(7, 0), 0x60, 1, 5);
	world_reset_all(w);
	ck_assert(!w->isa_level[5]);
	pci_detach(&svga);
	pci_detach(&scsi);
	world_free(w);
}
END_TEST

START_TEST(small_ports)
{
	struct chipset_world *w = world_chipset(true, false);

	ck_assert_uint_eq(world_in(w, 0x92, 1), 2);
	world_out(w, 0x92, 1, 0x00);
	ck_assert_uint_eq(w->inits, 0);
	world_out(w, 0x92, 1, 0x03);
	ck_assert_uint_eq(w->inits, 1);
	world_out(w, 0x92, 1, 0x03);
	ck_assert_uint_eq(w->inits, 1);                         // the rising edge only
	world_out(w, 0x92, 1, 0xfe);
	ck_assert_uint_eq(world_in(w, 0x92, 1), 2);
	world_out(w, 0xcf9, 1, 0x02);
	ck_assert_uint_eq(w->resets, 0);
	ck_assert_uint_eq(world_in(w, 0xcf9, 1), 2);
	world_out(w, 0xcf9, 1, 0x06);
	ck_assert_uint_eq(w->resets, 1);
	world_out(w, 0xcf9, 1, 0x0e);
	ck_assert_uint_eq(w->resets, 2);
	world_out(w, 0xcf9, 1, 0x00);
	world_out(w, 0xcf9, 1, 0x04);
	ck_assert_uint_eq(w->resets, 2);
	ck_assert_uint_eq(w->inits, 2);
	world_out(w, 0xb3, 1, 0x5a);
	world_out(w, 0xb2, 1, 0x77);
	ck_assert_uint_eq(world_in(w, 0xb2, 2), 0x5a77);
	ck_assert(!piix4_pm_acpi_on(w->piix4->pm) && !i440bx_identity_final(w->bx));
	world_out(w, 0xb2, 1, 0xf1);
	ck_assert(piix4_pm_acpi_on(w->piix4->pm) && i440bx_identity_final(w->bx));
	world_out(w, 0xb2, 1, 0xf0);
	ck_assert(!piix4_pm_acpi_on(w->piix4->pm) && i440bx_identity_final(w->bx));
	world_reset_all(w);
	ck_assert_uint_eq(world_in(w, 0xb2, 2), 0);
	world_free(w);
}
END_TEST

// SeaBIOS's own base, its timer afterwards, and VMware's places from then on.
START_TEST(pm_windows)
{
	struct chipset_world *w = world_chipset(true, false);

	w->clock.base = 1000000000;
	ck_assert_uint_eq(world_in(w, 0x1008, 4), 3579545);     // already in POST
	ck_assert_uint_eq(world_in(w, 0x608, 4), 0xffffffff);
	world_set(w, PM_FN, 0x40, 4, 0x601);
	ck_assert_uint_eq(world_in(w, 0x608, 4), 0xffffffff);   // not enabled yet
	world_set(w, PM_FN, 0x80, 1, 1);
	ck_assert_uint_eq(world_in(w, 0x608, 4), 3579545);
	world_set(w, PM_FN, 0x90, 4, 0x701);
	world_set(w, PM_FN, 0xd2, 1, 0x09);
	ck_assert_uint_eq(world_in(w, 0x700, 1), 0);
	world_set(w, 0, 0x59, 1, 0x30);
	world_set(w, 0, 0x59, 1, 0x10);
	ck_assert_uint_eq(world_cfg(w, 7, 3, 0x40, 4), 0x1001);
	ck_assert_uint_eq(world_cfg(w, 7, 3, 0x80, 1), 1);
	ck_assert_uint_eq(world_cfg(w, 7, 3, 0x90, 4), 0x1041);
	ck_assert_uint_eq(world_cfg(w, 7, 3, 0xd2, 1) & 1, 0);  // VMware's host controller is not enabled
	ck_assert_uint_eq(world_in(w, 0x1008, 4), 3579545);
	ck_assert_uint_eq(world_in(w, 0x608, 4), 3579545);      // the timer stays for the BIOS's delays
	ck_assert_uint_eq(world_in(w, 0x60a, 1), 3579545 >> 16 & 0xff);
	ck_assert_uint_eq(world_in(w, 0x604, 2), 0xffff);       // nothing else does
	ck_assert_uint_eq(world_in(w, 0x700, 1), 0xff);
	world_out(w, 0x608, 4, 0);
	ck_assert_uint_eq(world_in(w, 0x608, 4), 3579545);
	world_set(w, PM_FN, 0x40, 4, 0x2001);                   // an OS may move it all the same
	ck_assert_uint_eq(world_in(w, 0x2008, 4), 3579545);
	ck_assert_uint_eq(world_in(w, 0x1008, 4), 0xffffffff);
	world_set(w, PM_FN, 0x40, 4, 0xcc1);                    // onto CF8h: refused
	ck_assert_uint_eq(world_in(w, 0xcc8, 4), 0xffffffff);
	world_reset_all(w);
	ck_assert_uint_eq(world_cfg(w, 7, 3, 0x40, 4), 1);
	ck_assert_uint_eq(world_in(w, 0x608, 4), 0xffffffff);
	ck_assert_uint_eq(world_in(w, 0x1008, 4), 3579545);
	// The other order of reset gives the same.
	world_out(w, 0xb2, 1, 0xf1);
	piix4_pm_class.reset(w->piix4->pm);
	ck_assert_uint_eq(world_cfg(w, 7, 3, 0x40, 4), 0x1001);
	i440bx_class.reset(w->bx);
	ck_assert_uint_eq(world_cfg(w, 7, 3, 0x40, 4), 1);
	world_free(w);
}
END_TEST

// A base of 0FC0h or the like must not reach over VMware's window.
START_TEST(pm_windows_wild)
{
	struct chipset_world *w = world_chipset(true, false);

	world_set(w, PM_FN, 0x80, 1, 1);
	for (uint32_t base = 0; base < 0x10000; base += 0x40) {
		world_set(w, PM_FN, 0x40, 4, base);
		world_set(w, PM_FN, 0x90, 4, base ^ 0x1040);
		world_set(w, PM_FN, 0xd2, 1, 1);
	}
	world_out(w, 0xb2, 1, 0xf1);
	ck_assert_uint_ne(world_in(w, 0x1008, 4), 0xffffffff);
	world_free(w);
}
END_TEST

START_TEST(sci)
{
	struct chipset_world *w = world_chipset(true, false);
	struct piix4_pm *pm = w->piix4->pm;

	ck_assert(!piix4_pm_power_button(pm));                  // nobody listens
	ck_assert_uint_eq(world_in(w, 0x1000, 2), 0x100);
	world_out(w, 0x1000, 2, 0x100);
	world_out(w, 0xb2, 1, 0xf1);
	world_out(w, 0x1002, 2, 0x100);
	ck_assert(!w->isa_level[9]);
	ck_assert(piix4_pm_power_button(pm));
	ck_assert(w->isa_level[9]);
	world_out(w, 0x1000, 2, 0x100);
	ck_assert(!w->isa_level[9]);
	piix4_pm_rtc_alarm(pm);
	ck_assert(!w->isa_level[9]);
	world_out(w, 0x1003, 1, 0x04);
	ck_assert(w->isa_level[9]);
	world_out(w, 0x1001, 1, 0x04);
	piix4_pm_gpe(pm, 2);
	piix4_pm_gpe(pm, 16);
	ck_assert_uint_eq(world_in(w, 0x100c, 4), 4);
	world_out(w, 0x100e, 2, 4);
	ck_assert(w->isa_level[9]);
	world_out(w, 0xb2, 1, 0xf0);
	ck_assert(!w->isa_level[9]);
	world_out(w, 0xb2, 1, 0xf1);
	ck_assert(w->isa_level[9]);
	world_reset_all(w);
	ck_assert(!w->isa_level[9]);
	world_out(w, 0x1004, 2, 0x2000 | 5 << 10);
	ck_assert_uint_eq(w->power_offs, 0);
	world_out(w, 0x1004, 2, 0x2000);
	ck_assert_uint_eq(w->power_offs, 1);
	world_free(w);
}
END_TEST

START_TEST(saving)
{
	struct chipset_world *w = world_chipset(true, false);
	struct pci_saved config;
	uint8_t buf[1024];
	size_t n;

	world_set(w, PM_FN, 0x40, 4, 0x601);
	world_set(w, PM_FN, 0x80, 1, 1);
	world_out(w, 0xb2, 1, 0xf1);
	world_out(w, 0x1002, 2, 0x100);
	piix4_pm_power_button(w->piix4->pm);
	n = fields_save(piix4_pm_class.fields, piix4_pm_class.regs(w->piix4->pm), buf, sizeof(buf));
	ck_assert_uint_gt(n, 0);
	pci_dev_save(pci_find(w->p.pci, 0, PM_FN), &config);
	world_reset_all(w);
	ck_assert(!w->isa_level[9]);
	i440bx_acpi_enabled(w->bx);
	pci_dev_restore(pci_find(w->p.pci, 0, PM_FN), &config);
	ck_assert_int_eq(fields_load(piix4_pm_class.fields, piix4_pm_class.regs(w->piix4->pm), buf, n, NULL),
			 0);
	piix4_pm_restored(w->piix4->pm);
	ck_assert(w->isa_level[9]);
	ck_assert_uint_ne(world_in(w, 0x608, 4), 0xffffffff);
	ck_assert_uint_eq(world_in(w, 0x1000, 4), 0x01000100);
	world_free(w);
}
END_TEST

struct race {
	struct chipset_world *w;
	struct pci_dev *dev;
};

// What a device's own threads do while vCPUs write configuration.
static void *device_side(void *arg)
{
	struct race *r = arg;

	for (unsigned i = 0; i < 3000; i++) {
		pci_irq_set(r->dev, i & 1);
		pci_msi_send(r->dev, 0);
		pci_bus_master(r->dev);
		piix4_pm_gpe(r->w->piix4->pm, i & 15);
	}
	return NULL;
}

// Lines, routes and the SCI come out right however the two interleave.
START_TEST(threads)
{
	static const struct pci_id id = { .vendor = 1, .device = 2, .interrupt_pin = 1 };
	struct chipset_world *w = world_chipset(true, false);
	struct pci_dev dev;
	struct race r = { w, &dev };
	pthread_t other;

	pci_dev_init(&dev, "dev", &id, NULL, NULL);
	pci_add_msi(&dev, 0, true);
	ck_assert_int_eq(pci_attach(pci_root_bus(w->p.pci), &dev, DEVFN(15, 0), NULL), 0);
	ck_assert_int_eq(pthread_create(&other, NULL, device_side, &r), 0);
	for (unsigned i = 0; i < 3000; i++) {
		world_set(w, DEVFN(15, 0), 0x04, 2, i & 1 ? 0x404 : 0x004);
		world_set(w, DEVFN(15, 0), dev.msi_cap + 2u, 2, i >> 1 & 1);
		world_set(w, DEVFN(7, 0), 0x60, 1, i % 16);
		world_out(w, 0x1004, 2, i & 1);
		world_out(w, 0x100c, 4, 0xffffffff);
	}
	pthread_join(other, NULL);
	world_set(w, DEVFN(15, 0), dev.msi_cap + 2u, 2, 0);
	world_set(w, DEVFN(15, 0), 0x04, 2, 0);
	world_set(w, DEVFN(7, 0), 0x60, 1, 11);
	ck_assert(w->ioapic_level[0] && w->isa_level[11]);
	pci_irq_set(&dev, false);
	for (unsigned i = 0; i < 16; i++)
		ck_assert(i == 9 || !w->isa_level[i]);
	world_out(w, 0x100c, 4, 0x0000ffff);
	ck_assert(!w->isa_level[9]);
	pci_detach(&dev);
	world_free(w);
}
END_TEST

START_TEST(smbus)
{
	struct smbus_regs s;

	smbus_reset(&s);
	smbus_write(&s, SMBHSTADD, 0xa1);
	ck_assert_uint_eq(smbus_read(&s, SMBHSTADD), 0xa1);
	smbus_write(&s, SMBHSTCNT, 0x48);
	ck_assert_uint_eq(smbus_read(&s, SMBHSTCNT), 0x08);     // START reads as 0
	ck_assert_uint_eq(smbus_read(&s, SMBHSTSTS), 0x04);     // device error, not busy
	smbus_write(&s, SMBHSTSTS, 0x04);
	ck_assert_uint_eq(smbus_read(&s, SMBHSTSTS), 0x00);
	smbus_write(&s, SMBHSTCNT, 0x42);
	ck_assert_uint_eq(smbus_read(&s, SMBHSTSTS), 0x10);     // killed
	for (unsigned i = 0; i < 100; i++)
		smbus_write(&s, SMBBLKDAT, (uint8_t)i);
	smbus_read(&s, SMBHSTCNT);
	ck_assert_uint_eq(smbus_read(&s, SMBBLKDAT), 96);
	s.block_index = 200;
	smbus_read(&s, SMBBLKDAT);
	smbus_sanitize(&s);
	ck_assert_uint_lt(s.block_index, 32);
	ck_assert_uint_eq(smbus_read(&s, 99), 0xff);
}
END_TEST

START_TEST(uhci_core)
{
	struct uhci_regs r;

	uhci_reset(&r);
	ck_assert_uint_eq(uhci_read(&r, 0x00, 4, 0), 0x00200000);       // halted
	ck_assert_uint_eq(uhci_read(&r, 0x0c, 1, 0), 0x40);
	ck_assert_uint_eq(uhci_read(&r, 0x10, 4, 0), 0x00800080);       // two ports, nothing in them
	ck_assert_uint_eq(uhci_read(&r, 0x14, 2, 0), 0);                // no third
	uhci_write(&r, 0x08, 4, 0x12345fff, 0);
	ck_assert_uint_eq(uhci_read(&r, 0x08, 4, 0), 0x12345000);
	uhci_write(&r, 0x06, 2, 0xffff, 0);
	ck_assert_uint_eq(uhci_read(&r, 0x06, 2, 0), 0x7ff);
	uhci_write(&r, 0x00, 2, 0x00c1, 5000000);
	ck_assert_uint_eq(uhci_read(&r, 0x02, 2, 5000000), 0);
	ck_assert_uint_eq(uhci_read(&r, 0x06, 2, 7000000), 1);          // wrapped, 2 ms later
	uhci_write(&r, 0x00, 2, 0x00c0, 9000000);
	ck_assert_uint_eq(uhci_read(&r, 0x06, 2, 99000000), 3);
	ck_assert_uint_eq(uhci_read(&r, 0x02, 2, 99000000), 0x20);
	uhci_write(&r, 0x04, 2, 0xffff, 0);
	ck_assert_uint_eq(uhci_read(&r, 0x04, 2, 0), 0xf);
	uhci_write(&r, 0x10, 2, 0xffff, 0);
	ck_assert_uint_eq(uhci_read(&r, 0x10, 2, 0), 0x12c0);           // cannot be enabled
	uhci_write(&r, 0x00, 2, 0x0002, 0);
	ck_assert_uint_eq(uhci_read(&r, 0x00, 2, 0), 0);                // reset is over at once
	ck_assert_uint_eq(uhci_read(&r, 0x08, 4, 0), 0);
	ck_assert_uint_eq(uhci_read(&r, 0x1e, 4, 0), 0xffffffff);
	uhci_write(&r, 0x1e, 4, 0, 0);
	uhci_write(&r, 0x20, 1, 0, 0);
}
END_TEST

START_TEST(uhci_function)
{
	struct chipset_world *w = world_chipset(true, true);

	world_set(w, DEVFN(7, 2), 0x20, 4, 0xffffffff);
	ck_assert_uint_eq(world_cfg(w, 7, 2, 0x20, 4), 0xffffffe1);
	world_set(w, DEVFN(7, 2), 0x20, 4, 0x1060);
	world_set(w, DEVFN(7, 2), 0x04, 2, 5);
	ck_assert_uint_eq(world_in(w, 0x1070, 2), 0x0080);
	world_out(w, 0x1060, 2, 1);
	ck_assert_uint_eq(world_in(w, 0x1062, 2), 0);
	w->clock.base += 3000000;
	ck_assert_uint_eq(world_in(w, 0x1066, 2), 3);
	ck_assert_uint_eq(world_cfg(w, 7, 2, 0xc0, 2), 0x2000);
	uhci_class.reset(w->piix4->uhci);
	ck_assert_uint_eq(world_in(w, 0x1070, 2), 0xffff);
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("piix4");
	TCase *t = tcase_create("piix4");

	tcase_add_test(t, functions);
	tcase_add_test(t, creation_fails_clean);
	tcase_add_test(t, routing);
	tcase_add_test(t, small_ports);
	tcase_add_test(t, pm_windows);
	tcase_add_test(t, pm_windows_wild);
	tcase_add_test(t, sci);
	tcase_add_test(t, saving);
	tcase_add_test(t, threads);
	tcase_add_test(t, smbus);
	tcase_add_test(t, uhci_core);
	tcase_add_test(t, uhci_function);
	suite_add_tcase(s, t);
	return world_run(s);
}
