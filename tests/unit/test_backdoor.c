// test_backdoor.c: backdoor commands, registers in and out; the hot plug registers.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "hw/vmware/backdoor.h"
#include "hw/vmware/hpc.h"

static void now(void *arg, uint64_t *seconds, uint32_t *us)
{
	(void)arg;
	*seconds = 0x123456789ull;
	*us = 654321;
}

static const struct backdoor_args args = {
	.hw_version = 19, .mem_mb = 5120, .tsc_hz = 0x1a2b3c4d5eull, .apic_hz = 1000000000u, .now = now,
	.uuid = { 0x56, 0x4d, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 },
};

static struct backdoor_regs call(unsigned command)
{
	struct backdoor_regs r = { .eax = BACKDOOR_MAGIC, .ebx = ~BACKDOOR_MAGIC, .ecx = 0xffff0000u | command };

	ck_assert(backdoor_command(&args, &r));
	return r;
}

START_TEST(version_and_hardware)
{
	struct backdoor_regs r = call(10);

	ck_assert_uint_eq(r.eax, 6);
	ck_assert_uint_eq(r.ebx, BACKDOOR_MAGIC);
	r = call(17);
	ck_assert_uint_eq(r.eax, 19);
	ck_assert_uint_eq(r.ebx, BACKDOOR_MAGIC);
	ck_assert_uint_eq(call(20).eax, 5120);
}
END_TEST

START_TEST(uuid_in_four_registers)
{
	struct backdoor_regs r = call(19);

	ck_assert_uint_eq(r.eax, 0x02014d56u);
	ck_assert_uint_eq(r.edx, 0x0e0d0c0bu);
}
END_TEST

START_TEST(time_is_64_bit)
{
	struct backdoor_regs r = call(46);

	ck_assert_uint_eq(r.eax, BACKDOOR_MAGIC);
	ck_assert_uint_eq(r.esi, 1);
	ck_assert_uint_eq(r.edx, 0x23456789u);
	ck_assert_uint_eq(r.ebx, 654321);
	ck_assert_uint_eq(call(23).eax, 0x23456789u);
	ck_assert_uint_eq(call(55).edi, 0);
}
END_TEST

START_TEST(frequencies_and_vcpu_info)
{
	struct backdoor_regs r = call(45);

	ck_assert_uint_eq(r.eax, 0x2b3c4d5eu);
	ck_assert_uint_eq(r.ebx, 0x1a);
	ck_assert_uint_eq(r.ecx, 1000000000u);
	ck_assert_uint_eq(call(1).eax, 112394);
	ck_assert_uint_eq(call(68).eax >> 31, 0);
	ck_assert(call(68).eax & 1u << 3);
}
END_TEST

START_TEST(unknown_commands_give_all_ones_and_keep_ebx)
{
	static const unsigned unknown[] = { 0, 9, 105, 106, 0x7fff, 0xffff };

	for (unsigned i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		struct backdoor_regs r = call(unknown[i]);

		ck_assert_uint_eq(r.eax, 0xffffffffu);
		ck_assert_uint_eq(r.ebx, ~BACKDOOR_MAGIC);
	}
}
END_TEST

START_TEST(no_backdoor_without_the_magic_or_the_right)
{
	struct backdoor_args restricted = args;
	struct backdoor_regs r = { .eax = 1, .ecx = 10 };

	ck_assert(!backdoor_command(&args, &r));
	restricted.restricted = true;
	r = (struct backdoor_regs){ .eax = BACKDOOR_MAGIC, .ecx = 10, .cpl = 3 };
	ck_assert(!backdoor_command(&restricted, &r));
	r.iopl = 3;
	ck_assert(backdoor_command(&restricted, &r));
	r = (struct backdoor_regs){ .eax = BACKDOOR_MAGIC, .ecx = 10, .cpl = 0 };
	ck_assert(backdoor_command(&restricted, &r));
}
END_TEST

static struct backdoor_regs nesting(const struct backdoor_args *b, unsigned op, unsigned cpl)
{
	struct backdoor_regs r = { .eax = BACKDOOR_MAGIC, .ebx = ~BACKDOOR_MAGIC, .ecx = op << 16 | 63, .cpl = cpl };

	ck_assert(backdoor_command(b, &r));
	return r;
}

START_TEST(nesting_control)
{
	_Atomic bool restricts = false;
	struct backdoor_args mine = args;
	struct backdoor_regs program = { .eax = BACKDOOR_MAGIC, .ecx = 10, .cpl = 3 };

	ck_assert_uint_eq(nesting(&mine, 2, 3).eax, 2);
	ck_assert_uint_eq(nesting(&mine, 0, 0).eax, 0xffffffffu);       // nobody keeps the answer
	mine.guest_restricts = &restricts;
	ck_assert_uint_eq(nesting(&mine, 3, 0).eax, 0xffffffffu);
	ck_assert_uint_eq(nesting(&mine, 0, 3).eax, 0xffffffffu);       // a program may not
	ck_assert(backdoor_command(&mine, &program));
	ck_assert_uint_eq(nesting(&mine, 0, 0).eax, 0);
	program.eax = BACKDOOR_MAGIC;
	program.ecx = 10;
	ck_assert(!backdoor_command(&mine, &program));
	ck_assert_uint_eq(nesting(&mine, 1, 0).eax, 0);
	ck_assert(backdoor_command(&mine, &program));
	mine.restricted = true;
	ck_assert_uint_eq(nesting(&mine, 1, 0).eax, 0xffffffffu);       // the .vmx has the last word
}
END_TEST

// --- hot plug registers ------------------------------------------------------------------------------

static unsigned gpes, ejected;
static void gpe(void *arg) { gpes++; }
static void on_ejected(void *arg, unsigned slot) { ejected = slot; }

static uint32_t port_read(struct bus *ports, unsigned offset)
{
	uint8_t b[4];

	bus_read(ports, HPC_PORT + offset, b, 4);
	return get_le32(b);
}

START_TEST(hot_plug_requests)
{
	struct platform p = { 0 };
	struct hpc *h;
	uint8_t b[4] = { 33 };

	ck_assert_int_eq(bus_create(&p.ports, "port", 0xffff, NULL), 0);
	ck_assert_int_eq(hpc_create(&p, &(struct hpc_args){ .event = gpe, .ejected = on_ejected }, &h, NULL), 0);
	ck_assert_uint_eq(port_read(p.ports, 0), 0);
	hpc_ask(h, 33, HPC_CHECK);
	hpc_ask(h, 63, HPC_EJECT);
	hpc_ask(h, 287, HPC_CHECK);
	hpc_ask(h, 34, HPC_CHECK);
	hpc_ask(h, 34, HPC_EJECT);              // the newer one counts
	hpc_ask(h, 31, HPC_CHECK);              // no slots
	hpc_ask(h, 288, HPC_CHECK);
	ck_assert_uint_eq(gpes, 5);
	ck_assert_uint_eq(port_read(p.ports, 0), 3);
	ck_assert_uint_eq(port_read(p.ports, 4), 34);
	ck_assert_uint_eq(port_read(p.ports, 0), 3);
	ck_assert_uint_eq(port_read(p.ports, 4), 63);
	ck_assert_uint_eq(port_read(p.ports, 0), 1);
	ck_assert_uint_eq(port_read(p.ports, 4), 33);
	ck_assert_uint_eq(port_read(p.ports, 0), 1);
	ck_assert_uint_eq(port_read(p.ports, 4), 287);
	ck_assert_uint_eq(port_read(p.ports, 0), 0);
	bus_write(p.ports, HPC_PORT, b, 4);     // the command register takes nothing
	ck_assert_uint_eq(ejected, 0);
	bus_write(p.ports, HPC_PORT + 4, b, 4);
	ck_assert_uint_eq(ejected, 33);
	hpc_ask(h, 33, HPC_EJECT);
	hpc_class.reset(h);
	ck_assert_uint_eq(port_read(p.ports, 0), 0);
	hpc_class.destroy(h);
	bus_destroy(p.ports);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("backdoor");
	TCase *t = tcase_create("commands");
	SRunner *r;
	int failed;

	tcase_add_test(t, version_and_hardware);
	tcase_add_test(t, uuid_in_four_registers);
	tcase_add_test(t, time_is_64_bit);
	tcase_add_test(t, frequencies_and_vcpu_info);
	tcase_add_test(t, unknown_commands_give_all_ones_and_keep_ebx);
	tcase_add_test(t, no_backdoor_without_the_magic_or_the_right);
	tcase_add_test(t, nesting_control);
	tcase_add_test(t, hot_plug_requests);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
