// test_vnc_keymap.c: keysyms, text and key names to key codes.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/console.h"
#include "vnc/keymap.h"
#include "vnc/keymap_tables.h"

#define SHIFT_L 0xffe1u
#define SHIFT_R 0xffe2u
#define CTRL_L  0xffe3u
#define ALT_L   0xffe9u

static struct keymap km;
static char line[512];

static void setup(void)
{
	memset(&km, 0, sizeof(km));
}

// Events as text: "+2a +1e -2a".
static const char *show(const struct keymap_event *ev, size_t n)
{
	size_t at = 0;

	line[0] = '\0';
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(line + at, sizeof(line) - at, "%s%c%02x", i ? " " : "",
				       ev[i].down ? '+' : '-', ev[i].code);
	return line;
}

static const char *sym_leds(uint32_t keysym, bool down, unsigned leds)
{
	struct keymap_event ev[KEYMAP_EVENTS];
	unsigned n = keymap_keysym(&km, keysym, down, leds, ev);

	ck_assert_uint_le(n, KEYMAP_EVENTS);
	return show(ev, n);
}

static const char *sym(uint32_t keysym, bool down) { return sym_leds(keysym, down, KEYMAP_NUM); }

static const char *text(const char *s)
{
	struct keymap_event ev[64];
	int n = keymap_text(s, ev, 64, NULL);

	ck_assert_int_ge(n, 0);
	return show(ev, (size_t)n);
}

static const char *name(const char *s)
{
	struct keymap_event ev[16];
	int n = keymap_name(s, ev, 16);

	return n < 0 ? "error" : show(ev, (size_t)n);
}

START_TEST(plain_and_special_keys)
{
	ck_assert_str_eq(sym('a', true), "+1e");
	ck_assert_str_eq(sym('a', false), "-1e");
	ck_assert_str_eq(sym(0xff0d, true), "+1c");
	ck_assert_str_eq(sym(0xff0d, false), "-1c");
	ck_assert_str_eq(sym(0xff52, true), "+148");
	ck_assert_str_eq(sym(0xff13, true), "+200");
	ck_assert_str_eq(sym(0xff61, true), "+137");
	ck_assert_str_eq(sym(0xffc9, true), "+58");
	ck_assert_str_eq(sym(0xffeb, true), "+15b");
	ck_assert_str_eq(sym(0xffe7, true), "+15b");
	ck_assert_str_eq(sym(0xfe03, true), "+138");
	ck_assert_str_eq(sym(0x1008ff12, true), "+120");
}
END_TEST

START_TEST(unknown_keysyms_give_nothing)
{
	ck_assert_str_eq(sym(0, true), "");
	ck_assert_str_eq(sym(0xe9, true), "");
	ck_assert_str_eq(sym(0x01000439, true), "");
	ck_assert_str_eq(sym(0xffffffff, true), "");
	ck_assert_str_eq(sym('a', false), "");          // never pressed
	ck_assert_uint_eq(km.count, 0);
}
END_TEST

// A client that sends the shifted character and no shift.
START_TEST(missing_shift_is_added)
{
	ck_assert_str_eq(sym('A', true), "+2a +1e -2a");
	ck_assert_str_eq(sym('A', false), "-1e");
	ck_assert_str_eq(sym(':', true), "+2a +27 -2a");
	ck_assert_str_eq(sym(0x01000000 | '|', true), "+2a +2b -2a");
}
END_TEST

// A client that holds shift itself, as Packer does.
START_TEST(held_shift_is_used)
{
	ck_assert_str_eq(sym(SHIFT_L, true), "+2a");
	ck_assert_str_eq(sym('A', true), "+1e");
	ck_assert_str_eq(sym('A', false), "-1e");
	ck_assert_str_eq(sym(SHIFT_L, false), "-2a");
	ck_assert_str_eq(sym('A', true), "+2a +1e -2a");
}
END_TEST

// Another layout's shift: German shift+7 is a slash.
START_TEST(shift_that_does_not_belong_is_lifted)
{
	sym(SHIFT_L, true);
	ck_assert_str_eq(sym('/', true), "-2a +35 +2a");
	ck_assert_str_eq(sym('/', false), "-35");
	sym(SHIFT_R, true);
	ck_assert_str_eq(sym('7', true), "-2a -36 +08 +2a +36");
	ck_assert_str_eq(sym(' ', true), "+39");        // space does not care
}
END_TEST

START_TEST(shortcuts_are_left_alone)
{
	sym(CTRL_L, true);
	ck_assert_str_eq(sym('A', true), "+1e");
	sym('A', false);
	sym(CTRL_L, false);
	sym(ALT_L, true);
	sym(SHIFT_L, true);
	ck_assert_str_eq(sym('/', true), "+35");
}
END_TEST

// German AltGr+Q is an at sign.
START_TEST(altgr_is_lifted_from_characters)
{
	ck_assert_str_eq(sym(0xfe03, true), "+138");
	ck_assert_str_eq(sym('@', true), "-138 +2a +03 -2a +138");
	ck_assert_str_eq(sym('@', false), "-03");
	ck_assert_str_eq(sym('[', true), "-138 +1a +138");
	ck_assert_str_eq(sym(0xfe03, false), "-138");
	sym(0xffea, true);              // the right Alt key is a shortcut's
	ck_assert_str_eq(sym('x', true), "+2d");
}
END_TEST

START_TEST(caps_lock_turns_letters_over)
{
	ck_assert_str_eq(sym_leds('A', true, KEYMAP_CAPS), "+1e");
	ck_assert_str_eq(sym_leds('b', true, KEYMAP_CAPS), "+2a +30 -2a");
	ck_assert_str_eq(sym_leds('!', true, KEYMAP_CAPS), "+2a +02 -2a");
	ck_assert_str_eq(sym_leds('1', true, KEYMAP_CAPS), "+02");
}
END_TEST

START_TEST(keypad_follows_num_lock)
{
	ck_assert_str_eq(sym_leds(0xffb7, true, KEYMAP_NUM), "+47");
	sym_leds(0xffb7, false, 0);
	ck_assert_uint_eq(km.count, 0);                 // released although the light changed
	ck_assert_str_eq(sym_leds(0xffb7, true, 0), "+08");
	ck_assert_str_eq(sym_leds(0xffae, true, 0), "+34");
	ck_assert_str_eq(sym_leds(0xff95, true, 0), "+47");
	ck_assert_str_eq(sym_leds(0xff97, true, KEYMAP_NUM), "+148");
	ck_assert_str_eq(sym_leds(0xff9d, true, KEYMAP_NUM), "+4c");
}
END_TEST

START_TEST(release_finds_the_key_under_its_other_name)
{
	sym(SHIFT_L, true);
	sym('A', true);
	sym(SHIFT_L, false);
	ck_assert_str_eq(sym('a', false), "-1e");
	ck_assert_uint_eq(km.count, 0);
}
END_TEST

START_TEST(repeats_press_again_and_release_once)
{
	sym('x', true);
	ck_assert_str_eq(sym('x', true), "+2d");
	ck_assert_uint_eq(km.count, 1);
	ck_assert_str_eq(sym('x', false), "-2d");
	ck_assert_str_eq(sym('x', false), "");
}
END_TEST

START_TEST(everything_can_be_released)
{
	struct keymap_event ev[KEYMAP_PRESSED];

	sym(CTRL_L, true);
	sym(ALT_L, true);
	sym(0xffff, true);
	ck_assert_uint_eq(keymap_release_all(&km, ev), 3);
	ck_assert(!ev[0].down);
	ck_assert_uint_eq(ev[0].code, 0x153);
	ck_assert_uint_eq(keymap_release_all(&km, ev), 0);
}
END_TEST

START_TEST(too_many_keys_are_dropped)
{
	for (uint32_t c = ' '; c <= '~'; c++)
		sym(c, true);
	ck_assert_uint_eq(km.count, KEYMAP_PRESSED);
	for (uint32_t c = ' '; c <= '~'; c++)
		sym(c, false);
	ck_assert_uint_eq(km.count, 0);
}
END_TEST

static const char *scan(uint32_t xt, bool down)
{
	struct keymap_event ev[KEYMAP_EVENTS];

	return show(ev, keymap_scancode(&km, xt, down, ev));
}

START_TEST(scan_codes_pass_as_they_are)
{
	ck_assert_str_eq(scan(0x56, true), "+56");
	ck_assert_str_eq(scan(0x56, false), "-56");
	ck_assert_str_eq(scan(0x9d, true), "+11d");
	ck_assert_str_eq(scan(0xc6, true), "+200");
	ck_assert_str_eq(scan(0x54, true), "+137");
	ck_assert_str_eq(scan(0xb7, true), "+137");
	ck_assert_str_eq(scan(0, true), "");
	ck_assert_str_eq(scan(0x80, true), "");
	ck_assert_str_eq(scan(0x100, true), "");
	ck_assert_str_eq(scan(0xffffffff, true), "");
}
END_TEST

START_TEST(text_becomes_keys)
{
	size_t bad = 0;
	struct keymap_event ev[4];

	ck_assert_str_eq(text("aB\n"), "+1e -1e +2a +30 -30 -2a +1c -1c");
	ck_assert_str_eq(text("\t\b\033"), "+0f -0f +0e -0e +01 -01");
	ck_assert_str_eq(text(""), "");
	ck_assert_int_eq(keymap_text("ok\xc3\xa9", ev, 4, &bad), -EINVAL);
	ck_assert_uint_eq(bad, 2);
	ck_assert_int_eq(keymap_text("abc", ev, 4, NULL), -E2BIG);
	ck_assert_int_eq(keymap_text("\x01", ev, 4, NULL), -EINVAL);
	for (char c = ' '; c <= '~'; c++) {
		char s[2] = { c, 0 };

		ck_assert_int_ge(keymap_text(s, ev, 4, NULL), 2);
	}
}
END_TEST

START_TEST(names_and_combinations)
{
	ck_assert_str_eq(name("f2"), "+3c -3c");
	ck_assert_str_eq(name("ctrl-alt-delete"), "+1d +38 +153 -153 -38 -1d");
	ck_assert_str_eq(name("Ctrl+Alt+F1"), "+1d +38 +3b -3b -38 -1d");
	ck_assert_str_eq(name("a"), "+1e -1e");
	ck_assert_str_eq(name("-"), "+0c -0c");
	ck_assert_str_eq(name("+"), "+0d -0d");
	ck_assert_str_eq(name("ctrl--"), "+1d +0c -0c -1d");
	ck_assert_str_eq(name("ctrl-plus"), "+1d +0d -0d -1d");
	ck_assert_str_eq(name(""), "error");
	ck_assert_str_eq(name("ctrl-"), "error");
	ck_assert_str_eq(name("nonsense"), "error");
	ck_assert_str_eq(name("a-a-a-a-a-a-a-a-a"), "error");
	ck_assert_int_eq(keymap_name("ctrl-alt-delete", NULL, 0), -E2BIG);
}
END_TEST

START_TEST(keysym_table_is_sorted)
{
	for (size_t i = 1; i < keymap_sym_count; i++)
		ck_assert_uint_lt(keymap_syms[i - 1].keysym, keymap_syms[i].keysym);
	for (size_t i = 0; i < keymap_sym_count; i++)
		ck_assert_uint_lt(keymap_syms[i].code, KEYMAP_CODES);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vnc-keymap");
	TCase *t = tcase_create("vnc-keymap");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, plain_and_special_keys);
	tcase_add_test(t, unknown_keysyms_give_nothing);
	tcase_add_test(t, missing_shift_is_added);
	tcase_add_test(t, held_shift_is_used);
	tcase_add_test(t, shift_that_does_not_belong_is_lifted);
	tcase_add_test(t, shortcuts_are_left_alone);
	tcase_add_test(t, altgr_is_lifted_from_characters);
	tcase_add_test(t, caps_lock_turns_letters_over);
	tcase_add_test(t, keypad_follows_num_lock);
	tcase_add_test(t, release_finds_the_key_under_its_other_name);
	tcase_add_test(t, repeats_press_again_and_release_once);
	tcase_add_test(t, everything_can_be_released);
	tcase_add_test(t, too_many_keys_are_dropped);
	tcase_add_test(t, scan_codes_pass_as_they_are);
	tcase_add_test(t, text_becomes_keys);
	tcase_add_test(t, names_and_combinations);
	tcase_add_test(t, keysym_table_is_sorted);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
