// test_i8042.c: the keyboard controller: commands, output buffer, interrupts, translation, ports.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "hw/input/i8042.h"
#include "hw/input/i8042_core.h"
#include "legacy_rig.h"

static struct i8042_core c;
static struct { bool irq1, irq12; unsigned edges1, edges12, inits, resets, leds; uint64_t timer; } seen;

static void take_irq1(void *arg, bool level)
{
	seen.edges1 += level && !seen.irq1;
	seen.irq1 = level;
}

static void take_irq12(void *arg, bool level)
{
	seen.edges12 += level && !seen.irq12;
	seen.irq12 = level;
}

static void take_leds(void *arg, unsigned leds) { seen.leds = leds; }
static void take_timer(void *arg, uint64_t ns) { seen.timer = ns; }
static void take_init(void *arg) { seen.inits++; }
static void take_reset(void *arg) { seen.resets++; }

static void make_controller(void)
{
	const struct i8042_host host = {take_irq1, take_irq12, take_leds, take_timer,
					take_init, take_reset, NULL};

	memset(&seen, 0, sizeof(seen));
	i8042_core_init(&c, &host);
}

static void command(uint8_t v) { i8042_core_write_command(&c, v); }
static void data(uint8_t v) { i8042_core_write_data(&c, v); }
static uint8_t status(void) { return i8042_core_read_status(&c); }
static uint8_t get(void) { return i8042_core_read_data(&c); }
static bool full(void) { return status() & STATUS_OUTPUT_FULL; }

static uint8_t ask(uint8_t cmd)
{
	command(cmd);
	ck_assert(full());
	return get();
}

static void set_control(uint8_t v)
{
	command(0x60);
	data(v);
}

static void expect(const char *hex)
{
	unsigned v;
	int n;

	for (; sscanf(hex, "%x%n", &v, &n) == 1; hex += n) {
		ck_assert(full());
		ck_assert_uint_eq(get(), v);
	}
	ck_assert(!full());
}

START_TEST(reset_values)
{
	ck_assert_uint_eq(status(), STATUS_UNLOCKED);
	ck_assert_uint_eq(ask(0x20), 0x70);
	ck_assert_uint_eq(ask(0xd0), OUTPUT_RUN | OUTPUT_A20 | OUTPUT_AUX_CLOCK | OUTPUT_KBD_DATA);
	ck_assert(!seen.irq1 && !seen.irq12);
}
END_TEST

START_TEST(controller_answers)
{
	ck_assert_uint_eq(ask(0xaa), 0x55);
	ck_assert_uint_eq(status() & STATUS_SYSTEM, STATUS_SYSTEM);
	ck_assert_uint_eq(ask(0xab), 0x00);
	ck_assert_uint_eq(ask(0xa9), 0x00);
	ck_assert_uint_eq(ask(0xa4), 0xf1);
	ck_assert_uint_eq(ask(0xc0), 0xb0);
	ck_assert_uint_eq(ask(0xe0), 0x00);
	ck_assert_uint_eq(status() & STATUS_COMMAND, STATUS_COMMAND);
	data(0xee);
	ck_assert_uint_eq(status() & STATUS_COMMAND, 0);
}
END_TEST

START_TEST(ram_reads_back)
{
	for (unsigned i = 1; i < 32; i++) {
		command((uint8_t)(0x60 + i));
		data((uint8_t)(i * 5));
	}
	for (unsigned i = 1; i < 32; i++)
		ck_assert_uint_eq(ask((uint8_t)(0x20 + i)), i * 5);
	set_control(0x47);
	ck_assert_uint_eq(ask(0x20), 0x47);
}
END_TEST

START_TEST(interface_switches_are_bits_of_the_command_byte)
{
	set_control(0x00);
	command(0xa7);
	command(0xad);
	ck_assert_uint_eq(ask(0x20), 0x30);
	command(0xa8);
	ck_assert_uint_eq(ask(0x20), 0x10);
	command(0xae);
	ck_assert_uint_eq(ask(0x20), 0x00);
}
END_TEST

START_TEST(output_port_holds_a20_and_resets)
{
	command(0xdd);
	ck_assert_uint_eq(ask(0xd0) & OUTPUT_A20, 0);
	command(0xdf);
	ck_assert_uint_eq(ask(0xd0) & OUTPUT_A20, OUTPUT_A20);
	command(0xd1);
	data(0xdd);
	ck_assert_uint_eq(ask(0xd0) & OUTPUT_A20, 0);
	ck_assert_uint_eq(seen.resets, 0);
	command(0xd1);
	data(0xde);
	ck_assert_uint_eq(seen.resets, 1);
	command(0xff);
	ck_assert_uint_eq(seen.inits, 0);
	command(0xfe);
	command(0xf0);
	ck_assert_uint_eq(seen.inits, 2);
}
END_TEST

START_TEST(loops_put_a_byte_into_the_buffer_as_from_the_device)
{
	set_control(0x03);
	command(0xd2);
	data(0x42);
	ck_assert(seen.irq1 && !seen.irq12);
	ck_assert_uint_eq(status() & STATUS_AUX_DATA, 0);
	ck_assert_uint_eq(get(), 0x42);
	ck_assert(!seen.irq1);
	command(0xd3);
	data(0xa5);
	ck_assert(seen.irq12 && !seen.irq1);
	ck_assert_uint_eq(status() & (STATUS_AUX_DATA | STATUS_OUTPUT_FULL),
			  STATUS_AUX_DATA | STATUS_OUTPUT_FULL);
	ck_assert_uint_eq(get(), 0xa5);
	ck_assert(!seen.irq12);
}
END_TEST

START_TEST(each_byte_makes_its_own_edge)
{
	set_control(0x43);
	i8042_core_key(&c, 0x1e, true);
	i8042_core_key(&c, 0x1e, false);
	ck_assert_uint_eq(seen.edges1, 1);
	ck_assert_uint_eq(get(), 0x1e);
	ck_assert_uint_eq(seen.edges1, 2);
	ck_assert_uint_eq(get(), 0x9e);
	ck_assert(!seen.irq1);
	ck_assert_uint_eq(seen.edges1, 2);
	ck_assert_uint_eq(get(), 0x9e);                 // an empty buffer gives the last byte again
}
END_TEST

START_TEST(buffer_holds_one_byte_and_the_device_waits)
{
	set_control(0x43);
	command(0xd4);
	data(0xf4);
	expect("fa");
	i8042_core_key(&c, 0x1e, true);
	i8042_core_move(&c, (struct ps2_motion){ .dx = 1 });
	ck_assert(seen.irq1 && !seen.irq12);
	// its answer waits for the buffer as well, but goes first
	command(0xaa);
	ck_assert_uint_eq(get(), 0x1e);
	ck_assert_uint_eq(get(), 0x55);
	ck_assert(seen.irq12 && !seen.irq1);
	expect("8 1 0");
}
END_TEST

START_TEST(disabled_interface_holds_bytes_back)
{
	set_control(0x43);
	command(0xad);
	i8042_core_key(&c, 0x1e, true);
	ck_assert(!full());
	command(0xae);
	ck_assert(full());
	ck_assert_uint_eq(get(), 0x1e);
	command(0xad);
	data(0xee);                                     // a byte for the keyboard turns it on again
	expect("ee");
}
END_TEST

START_TEST(enabling_the_interrupt_with_a_full_buffer_raises_it)
{
	set_control(0x40);
	i8042_core_key(&c, 0x1e, true);
	ck_assert(!seen.irq1);
	set_control(0x41);
	ck_assert(seen.irq1);
}
END_TEST

START_TEST(translation_makes_set_1)
{
	set_control(0x41);
	i8042_core_key(&c, 0x148, true);
	i8042_core_key(&c, 0x148, false);
	expect("e0 48 e0 c8");
	i8042_core_key(&c, 0x200, true);
	expect("e1 1d 45 e1 9d c5");
	i8042_core_key(&c, 0x137, true);
	i8042_core_key(&c, 0x137, false);
	expect("e0 2a e0 37 e0 b7 e0 aa");
	data(0xf2);
	expect("fa ab 41");
	data(0xf0);
	expect("fa");
	data(0x00);
	expect("fa 41");
	set_control(0x01);
	i8042_core_key(&c, 0x41, true);
	i8042_core_key(&c, 0x41, false);
	expect("83 f0 83");
	data(0xf2);
	expect("fa ab 83");
}
END_TEST

START_TEST(every_key_survives_the_way_through_set_2)
{
	set_control(0x41);
	for (unsigned code = 1; code < 0x80; code++) {
		i8042_core_key(&c, code, true);
		i8042_core_key(&c, code, false);
		ck_assert_uint_eq(get(), code);
		ck_assert_uint_eq(get(), code | 0x80);
		ck_assert(!full());
		if (code == 0x37)
			continue;
		i8042_core_key(&c, 0x100 | code, true);
		ck_assert_uint_eq(get(), 0xe0);
		ck_assert_uint_eq(get(), code);
		i8042_core_key(&c, 0x100 | code, false);
		ck_assert_uint_eq(get(), 0xe0);
		ck_assert_uint_eq(get(), code | 0x80);
	}
}
END_TEST

START_TEST(input_port_can_be_polled_in_the_status)
{
	command(0xc2);
	ck_assert_uint_eq(status() & 0xf0, 0xb0);
	command(0xc1);
	ck_assert_uint_eq(status() & 0xf0, 0x00);
	command(0xae);
	ck_assert_uint_eq(status() & 0xf0, STATUS_UNLOCKED);
}
END_TEST

START_TEST(password_is_swallowed)
{
	command(0xa5);
	data(0x1e);
	data(0x00);
	ck_assert(!full());
	data(0xee);
	expect("ee");
	command(0xa6);
	ck_assert_uint_eq(ask(0xa4), 0xf1);
}
END_TEST

START_TEST(answers_without_reader_are_bounded)
{
	for (unsigned i = 0; i < 1000; i++)
		command(0xaa);
	for (unsigned i = 0; i < 9; i++)
		ck_assert_uint_eq(get(), 0x55);
	ck_assert(!full());
}
END_TEST

START_TEST(state_survives_save_and_damage)
{
	static uint8_t buf[8192];
	struct i8042_regs saved;
	size_t n;

	set_control(0x43);
	i8042_core_key(&c, 0x1e, true);
	i8042_core_key(&c, 0x1f, true);
	n = fields_save(&i8042_fields, &c.regs, buf, sizeof(buf));
	ck_assert_uint_gt(n, 0);
	i8042_fields.sanitize(&c.regs);
	saved = c.regs;
	i8042_core_reset(&c);
	ck_assert(!full());
	ck_assert_int_eq(fields_load(&i8042_fields, &c.regs, buf, n, NULL), 0);
	ck_assert_mem_eq(&saved, &c.regs, sizeof(saved));
	i8042_core_loaded(&c);
	expect("1e 1f");
	memset(&c.regs, 0xff, sizeof(c.regs));
	i8042_fields.sanitize(&c.regs);
	i8042_core_loaded(&c);
	for (unsigned i = 0; i < 600; i++)
		get();
}
END_TEST

// --- the device ----------------------------------------------------------------------------------------

START_TEST(console_keys_and_pointer_reach_the_ports)
{
	struct console con;
	struct rig rig;
	struct i8042 *dev;

	rig_open(&rig);
	ck_assert_int_eq(console_init(&con), 0);
	rig.platform.console = &con;
	ck_assert_int_eq(i8042_create(&rig.platform, &dev, NULL), 0);
	rig_out(&rig, 0x64, 0x60);
	rig_out(&rig, 0x60, 0x47);
	console_key(&con, 0x1c, true);
	ck_assert(rig.irq[1].level);
	ck_assert_uint_eq(rig_in(&rig, 0x64) & 1, 1);
	ck_assert_uint_eq(rig_in(&rig, 0x60), 0x1c);
	ck_assert(!rig.irq[1].level);
	rig_out(&rig, 0x64, 0xd4);
	rig_out(&rig, 0x60, 0xf4);
	ck_assert_uint_eq(rig_in(&rig, 0x60), 0xfa);
	console_pointer_at(&con, 10, 10, 0, 0);
	console_pointer_at(&con, 13, 15, 0, CONSOLE_BUTTON_RIGHT);
	ck_assert(rig.irq[12].level);
	ck_assert_uint_eq(rig_in(&rig, 0x60), 0x08 | 0x02 | 0x20);
	ck_assert_uint_eq(rig_in(&rig, 0x60), 3);
	ck_assert_uint_eq(rig_in(&rig, 0x60), 0xfb);
	i8042_mouse_poke(dev);
	ck_assert_uint_eq(rig_in(&rig, 0x60), 0x0a);
	rig_in(&rig, 0x60);
	rig_in(&rig, 0x60);
	rig_out(&rig, 0x60, 0xed);
	rig_out(&rig, 0x60, 0x05);
	ck_assert_uint_eq(console_leds(&con), 5);
	rig_out(&rig, 0x64, 0xfe);
	rig_out(&rig, 0x64, 0xd1);
	rig_out(&rig, 0x60, 0x00);
	ck_assert_uint_eq(rig.inits, 1);
	ck_assert_uint_eq(rig.resets, 1);
	i8042_class.reset(dev);
	ck_assert_uint_eq(console_leds(&con), 0);
	i8042_class.destroy(dev);
	console_key(&con, 0x1c, false);
	console_destroy(&con);
	rig_close(&rig);
}
END_TEST

START_TEST(keyboard_reset_answers_after_its_test)
{
	struct rig rig;
	struct i8042 *dev;

	rig_open(&rig);
	ck_assert_int_eq(i8042_create(&rig.platform, &dev, NULL), 0);
	rig_out(&rig, 0x60, 0xff);
	ck_assert_uint_eq(rig_in(&rig, 0x60), 0xfa);
	ck_assert_uint_eq(rig_in(&rig, 0x64) & 1, 0);
	rig_run(&rig, 30);
	ck_assert_uint_eq(rig_in(&rig, 0x64) & 1, 1);
	ck_assert_uint_eq(rig_in(&rig, 0x60), 0xaa);
	i8042_class.destroy(dev);
	rig_close(&rig);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("i8042");
	TCase *t = tcase_create("controller"), *d = tcase_create("device");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, make_controller, NULL);
	tcase_add_test(t, reset_values);
	tcase_add_test(t, controller_answers);
	tcase_add_test(t, ram_reads_back);
	tcase_add_test(t, interface_switches_are_bits_of_the_command_byte);
	tcase_add_test(t, output_port_holds_a20_and_resets);
	tcase_add_test(t, loops_put_a_byte_into_the_buffer_as_from_the_device);
	tcase_add_test(t, each_byte_makes_its_own_edge);
	tcase_add_test(t, buffer_holds_one_byte_and_the_device_waits);
	tcase_add_test(t, disabled_interface_holds_bytes_back);
	tcase_add_test(t, enabling_the_interrupt_with_a_full_buffer_raises_it);
	tcase_add_test(t, translation_makes_set_1);
	tcase_add_test(t, every_key_survives_the_way_through_set_2);
	tcase_add_test(t, input_port_can_be_polled_in_the_status);
	tcase_add_test(t, password_is_swallowed);
	tcase_add_test(t, answers_without_reader_are_bounded);
	tcase_add_test(t, state_survives_save_and_damage);
	tcase_add_test(d, console_keys_and_pointer_reach_the_ports);
	tcase_add_test(d, keyboard_reset_answers_after_its_test);
	suite_add_tcase(s, t);
	suite_add_tcase(s, d);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
