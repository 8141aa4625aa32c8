// test_i440bx.c: host bridge, PAM, the identity of POST and its latch, AGP bridge.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "chipset_world.h"

#include <errno.h>

#include "hw/chipset/post_identity.h"

struct shown { unsigned calls; bool final; };

static void note(void *arg, bool final)
{
	struct shown *s = arg;

	s->calls++;
	s->final = final;
}

START_TEST(latch_rules)
{
	struct shown s = { 0 };
	struct post_identity p;

	post_identity_init(&p, true, &(struct post_identity_host){ note, &s });
	ck_assert_uint_eq(s.calls, 0);
	post_identity_reset(&p);
	ck_assert(s.calls == 1 && !s.final);
	post_identity_pam0(&p, 0x10);                           // closed without having been open
	post_identity_pam0(&p, 0x00);
	post_identity_pam0(&p, 0x20);
	post_identity_pam0(&p, 0x10);
	ck_assert(!post_identity_final(&p));
	post_identity_pam0(&p, 0x30);
	ck_assert(!post_identity_final(&p));
	post_identity_pam0(&p, 0x10);
	ck_assert(post_identity_final(&p) && s.calls == 2 && s.final);
	post_identity_pam0(&p, 0x30);                           // an OS that plays with PAM changes nothing
	post_identity_pam0(&p, 0x10);
	post_identity_acpi_enabled(&p);
	ck_assert_uint_eq(s.calls, 2);
	post_identity_reset(&p);
	ck_assert(!s.final && !post_identity_final(&p));
	post_identity_pam0(&p, 0x10);                           // the open state of before is forgotten
	ck_assert(!post_identity_final(&p));
	post_identity_acpi_enabled(&p);
	ck_assert(s.final);
	post_identity_init(&p, false, &(struct post_identity_host){ note, &s });
	post_identity_reset(&p);
	ck_assert(post_identity_final(&p) && s.final);
}
END_TEST

// What SeaBIOS does, in its order and widths.
static void unlock(struct chipset_world *w)
{
	world_set(w, 0, 0x58, 4, 0x33333003);
	world_set(w, 0, 0x5c, 4, 0x33333333);
}

static void lock(struct chipset_world *w)
{
	for (unsigned i = 0; i < 6; i++)
		world_set(w, 0, 0x5a + i, 1, 0x11);
	world_set(w, 0, 0x59, 1, 0x10);
}

START_TEST(identity_through_post)
{
	struct chipset_world *w = world_chipset(true, false);

	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x00, 4), 0x12378086);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x2c, 4), 0x11001af4);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x08, 4), 0x06000002);
	unlock(w);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x00, 4), 0x12378086);
	lock(w);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x00, 4), 0x71908086);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x2c, 4), 0x197615ad);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x08, 4), 0x06000001);
	ck_assert(i440bx_identity_final(w->bx));
	world_reset_all(w);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x00, 4), 0x12378086);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x2c, 4), 0x11001af4);
	ck_assert(!i440bx_identity_final(w->bx));
	world_out(w, 0xb2, 1, 0xf1);                            // ACPI on before the BIOS is closed
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x00, 4), 0x71908086);
	world_free(w);
}
END_TEST

START_TEST(no_disguise)
{
	struct chipset_world *w = world_chipset(false, false);

	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x00, 4), 0x71908086);
	ck_assert_uint_eq(world_cfg(w, 7, 3, 0x40, 4), 0x1001);
	world_reset_all(w);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x00, 4), 0x71908086);
	ck_assert_uint_eq(world_cfg(w, 7, 3, 0x40, 4), 0x1001);
	ck_assert_uint_ne(world_in(w, 0x1008, 4), 0xffffffff);
	world_free(w);
}
END_TEST

static uint8_t mem_byte(struct chipset_world *w, uint64_t at)
{
	uint8_t v = 0;

	ck_assert_int_eq(gmem_read(w->p.mem, gpa(at), &v, 1), 0);
	return v;
}

START_TEST(pam)
{
	static const struct { unsigned reg, shift; uint64_t at; } segments[] = {
		{ 0x5a, 0, 0xc0000 }, { 0x5a, 4, 0xc4000 }, { 0x5b, 0, 0xc8000 }, { 0x5b, 4, 0xcc000 },
		{ 0x5c, 0, 0xd0000 }, { 0x5c, 4, 0xd4000 }, { 0x5d, 0, 0xd8000 }, { 0x5d, 4, 0xdc000 },
		{ 0x5e, 0, 0xe0000 }, { 0x5e, 4, 0xe4000 }, { 0x5f, 0, 0xe8000 }, { 0x5f, 4, 0xec000 },
		{ 0x59, 4, 0xf0000 },
	};
	struct chipset_world *w = world_chipset(true, false);

	for (unsigned i = 0; i < 13; i++) {
		uint64_t at = segments[i].at;
		uint8_t v = 0x42;

		ck_assert_uint_eq(mem_byte(w, at), 0xee);
		ck_assert_int_eq(gmem_write(w->p.mem, gpa(at), &v, 1), -EFAULT);
		world_set(w, 0, segments[i].reg, 1, 3u << segments[i].shift);
		ck_assert_int_eq(gmem_write(w->p.mem, gpa(at), &v, 1), 0);
		ck_assert_uint_eq(mem_byte(w, at), 0x42);
		for (unsigned k = 0; k < 13; k++)
			ck_assert_uint_eq(mem_byte(w, segments[k].at), k == i ? 0x42 : 0xee);
		world_set(w, 0, segments[i].reg, 1, 1u << segments[i].shift);
		ck_assert_int_eq(gmem_write(w->p.mem, gpa(at), &v, 1), -EFAULT);
		ck_assert_uint_eq(mem_byte(w, at), 0x42);
		world_set(w, 0, segments[i].reg, 1, 0);
		ck_assert_uint_eq(mem_byte(w, at), 0xee);
	}
	world_set(w, 0, 0x59, 1, 0xff);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x59, 1), 0x30);
	world_set(w, 0, 0x5c, 4, 0xffffffff);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x5c, 4), 0x33333333);
	i440bx_class.reset(w->bx);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x59, 1), 0);
	ck_assert_uint_eq(mem_byte(w, 0xf0000), 0xee);
	world_free(w);
}
END_TEST

START_TEST(registers)
{
	struct chipset_world *w = world_chipset(true, false);

	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x04, 4), 0x02000006);
	world_set(w, 0, 0x04, 2, 0);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x04, 2), 0x0006);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x34, 1), 0);      // no capabilities
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x58, 1), 0x03);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x60, 4), 0x08080808);     // 64 MiB
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x90, 1), 0x80);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0xb4, 1), 0);      // aperture 256 MiB
	world_set(w, 0, 0xb4, 1, 0xff);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0xb4, 1), 0x3f);
	world_set(w, 0, 0x10, 4, 0xffffffff);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x10, 4), 0);
	world_set(w, 0, 0xc4, 4, 0xffffffff);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0xc4, 4), 0);
	// SMRAM: locked until reset.
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x72, 2), 0x3802);
	world_set(w, 0, 0x72, 1, 0x48);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x72, 1), 0x4a);
	world_set(w, 0, 0x72, 1, 0x58);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x72, 1), 0x1a);
	world_set(w, 0, 0x72, 2, 0xff60);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x72, 2), 0x383a);
	i440bx_class.reset(w->bx);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x72, 1), 0x02);
	world_set(w, 0, 0x72, 1, 0x40);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x72, 1), 0x42);
	world_free(w);
}
END_TEST

START_TEST(agp)
{
	static const struct pci_id id = { .vendor = 0x15ad, .device = 0x0405, .class_code = 0x030000 };
	struct chipset_world *w = world_chipset(true, false);
	struct pci_dev card;

	ck_assert_uint_eq(world_cfg(w, 1, 0, 0x00, 4), 0x71918086);
	ck_assert_uint_eq(world_cfg(w, 1, 0, 0x08, 4), 0x06040001);
	ck_assert_uint_eq(world_cfg(w, 1, 0, 0x0e, 1), 1);
	ck_assert_uint_eq(world_cfg(w, 1, 0, 0x1c, 2), 0x00f0);
	ck_assert_uint_eq(world_cfg(w, 1, 0, 0x20, 4), 0x0000fff0);
	ck_assert_uint_eq(world_cfg(w, 1, 0, 0x24, 4), 0x0000fff0);
	pci_dev_init(&card, "card", &id, NULL, NULL);
	ck_assert_int_eq(pci_attach(i440bx_agp_bus(w->bx), &card, 0, NULL), 0);
	world_set(w, DEVFN(1, 0), 0x18, 4, 0x00010100);
	ck_assert_uint_eq(pci_config_read(w->p.pci, 1, 0, 0, 4), 0x040515ad);
	pci_detach(&card);
	ck_assert_uint_eq(pci_config_read(w->p.pci, 1, 0, 0, 4), 0xffffffff);
	world_free(w);
}
END_TEST

START_TEST(restoring)
{
	struct chipset_world *w = world_chipset(true, false);
	struct post_identity_regs *regs = i440bx_class.regs(w->bx);
	uint8_t buf[256];
	size_t n;

	unlock(w);
	lock(w);
	n = fields_save(i440bx_class.fields, regs, buf, sizeof(buf));
	ck_assert_uint_gt(n, 0);
	world_reset_all(w);
	ck_assert_int_eq(fields_load(i440bx_class.fields, regs, buf, n, NULL), 0);
	i440bx_restored(w->bx);
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0x00, 4), 0x71908086);
	ck_assert_uint_eq(world_cfg(w, 7, 3, 0x40, 4), 0x1001);
	ck_assert_int_eq(fields_load(i440bx_class.fields, regs, buf, n - 3, NULL), -EINVAL);
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("i440bx");
	TCase *t = tcase_create("i440bx");

	tcase_add_test(t, latch_rules);
	tcase_add_test(t, identity_through_post);
	tcase_add_test(t, no_disguise);
	tcase_add_test(t, pam);
	tcase_add_test(t, registers);
	tcase_add_test(t, agp);
	tcase_add_test(t, restoring);
	suite_add_tcase(s, t);
	return world_run(s);
}
