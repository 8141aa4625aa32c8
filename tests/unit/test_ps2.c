// test_ps2.c: the PS/2 keyboard and mouse by themselves.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "bus/console.h"
#include "hw/input/ps2_keyboard.h"
#include "hw/input/ps2_mouse.h"
#include "hw/input/ps2_scancodes.h"

#define MS 1000000ull

static struct ps2_keyboard kbd;
static struct ps2_keyboard_regs kbd_regs;
static struct ps2_mouse mouse;
static struct ps2_mouse_regs mouse_regs;
static unsigned leds, ready;
static uint64_t timer;

static void on_ready(void *arg) { ready++; }
static void on_leds(void *arg, unsigned l) { leds = l; }
static void on_timer(void *arg, uint64_t ns) { timer = ns; }

static void make_devices(void)
{
	const struct ps2_keyboard_host k = { on_ready, on_leds, on_timer, NULL };
	const struct ps2_mouse_host m = { on_ready, NULL };

	ps2_keyboard_init(&kbd, &kbd_regs, &k);
	ps2_mouse_init(&mouse, &mouse_regs, &m);
	leds = ready = 0;
	timer = 0;
}

static void key(unsigned code, bool down) { ps2_keyboard_key(&kbd, code, down); }

static void expect_key(const char *hex)
{
	unsigned v;
	int n;

	for (; sscanf(hex, "%x%n", &v, &n) == 1; hex += n) {
		ck_assert(ps2_keyboard_has(&kbd));
		ck_assert_uint_eq(ps2_keyboard_get(&kbd), v);
	}
	ck_assert(!ps2_keyboard_has(&kbd));
}

static void tell(const char *hex, const char *answer)
{
	unsigned v;
	int n;

	for (; sscanf(hex, "%x%n", &v, &n) == 1; hex += n)
		ps2_keyboard_put(&kbd, (uint8_t)v);
	expect_key(answer);
}

static void expect_mouse(const char *hex)
{
	unsigned v;
	int n;

	for (; sscanf(hex, "%x%n", &v, &n) == 1; hex += n) {
		ck_assert(ps2_mouse_has(&mouse));
		ck_assert_uint_eq(ps2_mouse_get(&mouse), v);
	}
	ck_assert(!ps2_mouse_has(&mouse));
}

static void ask(const char *hex, const char *answer)
{
	unsigned v;
	int n;

	for (; sscanf(hex, "%x%n", &v, &n) == 1; hex += n)
		ps2_mouse_put(&mouse, (uint8_t)v);
	expect_mouse(answer);
}

static void move(int dx, int dy, int dz, uint8_t buttons)
{
	ps2_mouse_move(&mouse, (struct ps2_motion){ dx, dy, dz, buttons });
}

// --- keyboard ------------------------------------------------------------------------------------------

START_TEST(keyboard_commands)
{
	tell("f2", "fa ab 83");
	tell("ee", "ee");
	tell("ed 7", "fa fa");
	ck_assert_uint_eq(leds, 7);
	tell("f0 0", "fa fa 2");
	tell("f0 1 f0 0", "fa fa fa fa 1");
	tell("f0 4", "fa fe");
	tell("f6 f0 0", "fa fa fa 2");
	tell("f3 0", "fa fa");
	tell("e7", "fe");
	tell("01", "fe");
	tell("ed f2", "fa fa ab 83");                   // a command in place of the argument
	tell("fe", "83");
}
END_TEST

START_TEST(reset_tests_itself_first)
{
	key(0x1e, true);
	tell("ff", "fa");
	ck_assert_uint_eq(timer, 5 * MS);
	key(0x1f, true);                                // keys during the test do not count
	ps2_keyboard_timer(&kbd);
	expect_key("aa");
	key(0x1f, false);
	key(0x1f, true);
	expect_key("f0 1b 1b");
	tell("ff", "fa");
	tell("f2", "fa ab 83");                         // a command cuts it short
	ps2_keyboard_timer(&kbd);
	ck_assert(!ps2_keyboard_has(&kbd));
}
END_TEST

START_TEST(disabled_keyboard_is_silent)
{
	tell("f5", "fa");
	key(0x1e, true);
	ck_assert(!ps2_keyboard_has(&kbd));
	tell("f4", "fa");
	key(0x1e, false);
	expect_key("f0 1c");
}
END_TEST

START_TEST(three_scan_code_sets)
{
	key(0x11d, true);
	key(0x11d, false);
	expect_key("e0 14 e0 f0 14");
	tell("f0 1", "fa fa");
	key(0x11d, true);
	key(0x11d, false);
	expect_key("e0 1d e0 9d");
	tell("f0 3", "fa fa");
	key(0x11d, true);
	key(0x11d, false);
	key(0x1e, true);
	key(0x1e, false);                               // set 3 letters do not tell their release by default
	expect_key("58 f0 58 1c");
	tell("f8", "fa");
	key(0x1e, true);
	key(0x1e, false);
	expect_key("1c f0 1c");
	tell("fd 1c", "fa fa");
	key(0x1e, true);
	key(0x1e, false);
	expect_key("1c");
}
END_TEST

START_TEST(set_3_codes_differ_from_each_other)
{
	uint8_t used[256] = { 0 };

	for (unsigned code = 1; code < 0x180; code++) {
		uint8_t v = (code & 0x80) ? 0 : ps2_set3_code(code);

		if (code == 0x54 || code == 0x137)      // SysRq and print screen are one key
			continue;
		ck_assert_msg(!v || !used[v], "set 3 code %02x twice", v);
		used[v] = 1;
	}
}
END_TEST

START_TEST(print_screen_and_pause_know_the_modifiers)
{
	key(0x137, true);
	key(0x137, false);
	expect_key("e0 12 e0 7c e0 f0 7c e0 f0 12");
	key(0x2a, true);
	key(0x137, true);
	key(0x137, false);
	key(0x2a, false);
	expect_key("12 e0 7c e0 f0 7c f0 12");
	key(0x38, true);
	key(0x137, true);
	key(0x38, false);
	key(0x137, false);
	expect_key("11 84 f0 11 f0 84");
	key(0x1d, true);
	key(CONSOLE_KEY_PAUSE, true);
	key(CONSOLE_KEY_PAUSE, false);
	key(0x1d, false);
	expect_key("14 e0 7e e0 f0 7e f0 14");
}
END_TEST

START_TEST(last_key_repeats)
{
	key(0x1e, true);
	ck_assert_uint_eq(timer, 500 * MS);
	expect_key("1c");
	ps2_keyboard_timer(&kbd);
	ck_assert_uint_eq(timer, 11ull * 2 * 4170000);
	ps2_keyboard_timer(&kbd);
	expect_key("1c");                               // what was not read is not piled up
	key(0x1e, true);                                // the viewer's own repeat is ignored
	ck_assert(!ps2_keyboard_has(&kbd));
	key(0x1f, true);
	expect_key("1b");
	key(0x1e, false);                               // releasing another key does not stop it
	expect_key("f0 1c");
	ps2_keyboard_timer(&kbd);
	expect_key("1b");
	key(0x1f, false);
	expect_key("f0 1b");
	ck_assert_uint_eq(timer, 0);
	ps2_keyboard_timer(&kbd);
	ck_assert(!ps2_keyboard_has(&kbd));
	tell("f3 7f", "fa fa");
	key(0x1e, true);
	ck_assert_uint_eq(timer, 1000 * MS);
	ps2_keyboard_timer(&kbd);
	ck_assert_uint_eq(timer, 15ull * 8 * 4170000);
}
END_TEST

START_TEST(typed_text_waits_and_arrives_whole)
{
	for (unsigned i = 0; i < 100; i++) {
		key(0x1e, true);
		key(0x1e, false);
	}
	for (unsigned i = 0; i < 100; i++) {
		ck_assert_uint_eq(ps2_keyboard_get(&kbd), 0x1c);
		ck_assert_uint_eq(ps2_keyboard_get(&kbd), 0xf0);
		ck_assert_uint_eq(ps2_keyboard_get(&kbd), 0x1c);
	}
	ck_assert(!ps2_keyboard_has(&kbd));
}
END_TEST

START_TEST(too_many_keys_give_one_overrun)
{
	unsigned overruns = 0, bytes = 0;

	for (unsigned i = 0; i < 2000; i++)
		key(0x10 + i % 8, i / 8 % 2 == 0);
	for (; ps2_keyboard_has(&kbd); bytes++)
		overruns += ps2_keyboard_get(&kbd) == 0;
	ck_assert_uint_eq(overruns, 1);
	ck_assert_uint_lt(bytes, 1000);
	key(0x01, true);
	expect_key("76");
}
END_TEST

START_TEST(keys_that_do_not_exist_are_ignored)
{
	static const unsigned none[] = { 0, 0x80, 0xff, 0x100, 0x180, 0x201, 0x300, 0x400, 0xffffffff };

	for (unsigned i = 0; i < 9; i++) {
		key(none[i], true);
		key(none[i], false);
	}
	ck_assert(!ps2_keyboard_has(&kbd));
}
END_TEST

// --- mouse ---------------------------------------------------------------------------------------------

START_TEST(mouse_reset_and_status)
{
	ask("ff", "fa aa 0");
	ask("f2", "fa 0");
	ask("e9", "fa 0 2 64");
	ask("e8 3 f3 28 e7 f4", "fa fa fa fa fa fa");
	move(0, 0, 0, MOUSE_LEFT);
	expect_mouse("9 0 0");
	ask("e9", "fa 34 3 28");
	ask("f6 e9", "fa fa 4 2 64");
	ask("e8 9", "fa fe");
	ask("e1", "fe");
	ask("fe", "fe");
}
END_TEST

START_TEST(knocks_choose_the_protocol)
{
	ask("f3 c8 f3 c8 f3 50 f2", "fa fa fa fa fa fa fa 0");  // five buttons need the wheel first
	ask("f3 c8 f3 64 f3 50 f2", "fa fa fa fa fa fa fa 3");
	ask("f4", "fa");
	move(0, 0, -1, 0);
	expect_mouse("8 0 0 ff");
	ask("f3 c8 f3 c8 f3 50 f2", "fa fa fa fa fa fa fa 4");
	move(0, 0, -1, MOUSE_SIDE);
	expect_mouse("8 0 0 1f");
	ask("ff f2", "fa aa 0 fa 0");
}
END_TEST

START_TEST(large_movement_is_split)
{
	ask("f4", "fa");
	move(300, -600, 0, 0);
	expect_mouse("28 ff 1 28 2d 1 28 0 a6");
	move(-1, 1, 5, 0);
	expect_mouse("18 ff 1");
	move(INT32_MIN, INT32_MAX, 0, 0);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(ps2_mouse_has(&mouse));
}
END_TEST

START_TEST(movement_adds_up_and_clicks_stay_apart)
{
	unsigned x = 0, presses = 0, packets = 0;
	uint8_t last = 0;

	ask("f4", "fa");
	for (unsigned i = 0; i < 100; i++)
		move(1, 0, 0, 0);
	for (unsigned i = 0; i < 5; i++) {
		move(0, 0, 0, MOUSE_LEFT);
		move(0, 0, 0, 0);
	}
	for (; ps2_mouse_has(&mouse); packets++) {
		uint8_t b = ps2_mouse_get(&mouse);

		presses += (b & 1) && !(last & 1);
		last = b;
		x += ps2_mouse_get(&mouse);
		ps2_mouse_get(&mouse);
	}
	ck_assert_uint_eq(x, 100);
	ck_assert_uint_eq(presses, 5);
	ck_assert_uint_lt(packets, 20);
	for (unsigned i = 0; i < 10000; i++)
		move(1, 1, 1, (uint8_t)i);
	ck_assert_uint_le(mouse.count, PS2_MOUSE_MOTIONS);
}
END_TEST

START_TEST(remote_mode_answers_on_request)
{
	ask("f0", "fa");
	move(5, 6, 0, MOUSE_RIGHT);
	ck_assert(!ps2_mouse_has(&mouse));
	ask("eb", "fa a 5 6");
	ask("eb", "fa a 0 0");
	ask("ea f4", "fa fa");
	move(1, 0, 0, MOUSE_RIGHT);
	expect_mouse("a 1 0");
}
END_TEST

START_TEST(wrap_mode_echoes)
{
	ask("ee", "fa");
	ask("f4 55 eb ee", "f4 55 eb ee");
	ask("ec", "fa");
	ask("ee", "fa");
	ask("ff", "fa aa 0");
}
END_TEST

START_TEST(scaling_bends_streamed_movement)
{
	ask("e7 f4", "fa fa");
	move(3, -4, 0, 0);
	expect_mouse("28 3 fa");
	move(10, 2, 0, 0);
	expect_mouse("8 14 1");
}
END_TEST

START_TEST(poke_sends_an_empty_packet_once)
{
	ps2_mouse_poke(&mouse);
	ck_assert(!ps2_mouse_has(&mouse));
	ask("f4", "fa");
	ps2_mouse_poke(&mouse);
	ps2_mouse_poke(&mouse);
	expect_mouse("8 0 0");
}
END_TEST

START_TEST(disabled_mouse_forgets)
{
	move(5, 5, 5, 1);
	ask("f4", "fa");
	ck_assert(!ps2_mouse_has(&mouse));
	move(5, 5, 0, 0);
	ask("f5", "fa");                                // a command cuts off what was not sent
	ask("f4", "fa");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ps2");
	TCase *k = tcase_create("keyboard"), *m = tcase_create("mouse");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(k, make_devices, NULL);
	tcase_add_checked_fixture(m, make_devices, NULL);
	tcase_add_test(k, keyboard_commands);
	tcase_add_test(k, reset_tests_itself_first);
	tcase_add_test(k, disabled_keyboard_is_silent);
	tcase_add_test(k, three_scan_code_sets);
	tcase_add_test(k, set_3_codes_differ_from_each_other);
	tcase_add_test(k, print_screen_and_pause_know_the_modifiers);
	tcase_add_test(k, last_key_repeats);
	tcase_add_test(k, typed_text_waits_and_arrives_whole);
	tcase_add_test(k, too_many_keys_give_one_overrun);
	tcase_add_test(k, keys_that_do_not_exist_are_ignored);
	tcase_add_test(m, mouse_reset_and_status);
	tcase_add_test(m, knocks_choose_the_protocol);
	tcase_add_test(m, large_movement_is_split);
	tcase_add_test(m, movement_adds_up_and_clicks_stay_apart);
	tcase_add_test(m, remote_mode_answers_on_request);
	tcase_add_test(m, wrap_mode_echoes);
	tcase_add_test(m, scaling_bends_streamed_movement);
	tcase_add_test(m, poke_sends_an_empty_packet_once);
	tcase_add_test(m, disabled_mouse_forgets);
	suite_add_tcase(s, k);
	suite_add_tcase(s, m);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
