// test_vga_modes.c: pictures in every VGA mode, and what is reported of them.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "vga_fixture.h"

START_TEST(blank_until_the_screen_is_on)
{
	set_mode(&text_80x25);
	load_glyph(0, 'X', 0xff);
	put_char(0, 0, 'X', 0x0f);
	in(0x3da);
	out(0x3c0, 0x00);
	render();
	ck_assert_uint_eq(pixel(0, 0), 0);
	screen_on();
	render();
	ck_assert_uint_eq(pixel(0, 0), colour(15));
	seq(1, 0x20);
	render();
	ck_assert_uint_eq(pixel(0, 0), 0);
	ck_assert_uint_eq(con.surface.width, 720);
}
END_TEST

START_TEST(text_cells_fonts_and_ninth_dot)
{
	set_mode(&text_80x25);
	load_glyph(0, 'A', 0x81);
	load_glyph(0, 0xc4, 0xff);
	load_glyph(0, 'F', 0xff);
	load_glyph(1, 'A', 0x18);
	crtc(0x0a, 0x20);
	put_char(0, 0, 'A', 0x1e);
	put_char(1, 0, 0xc4, 0x07);
	put_char(2, 0, 'F', 0x07);
	put_char(79, 24, 'A', 0x2f);
	render();
	ck_assert_uint_eq(con.surface.width, 720);
	ck_assert_uint_eq(con.surface.height, 400);
	ck_assert_uint_eq(pixel(0, 0), colour(14));
	ck_assert_uint_eq(pixel(1, 0), colour(1));
	ck_assert_uint_eq(pixel(7, 15), colour(14));
	ck_assert_uint_eq(pixel(8, 0), colour(1));
	ck_assert_uint_eq(pixel(17, 3), colour(7));     // line graphics: ninth dot joined
	ck_assert_uint_eq(pixel(26, 3), colour(0));     // a letter's is not
	ck_assert_uint_eq(pixel(79 * 9, 399), colour(15));
	ck_assert_uint_eq(pixel(79 * 9 + 8, 399), colour(2));
	// Attribute bit 3 takes font A once the map select says so: number 4 is 8 KiB into plane 2.
	seq(3, 0x20);
	render();
	ck_assert_uint_eq(pixel(0, 0), colour(1));
	ck_assert_uint_eq(pixel(3, 0), colour(14));
}
END_TEST

START_TEST(blink_bit_is_background_only_without_blinking)
{
	set_mode(&text_80x25);
	crtc(0x0a, 0x20);
	put_char(0, 0, ' ', 0x90);
	render();
	ck_assert_uint_eq(pixel(0, 0), colour(1));
	attr(0x10, 0x04);
	screen_on();
	render();
	ck_assert_uint_eq(pixel(0, 0), colour(9));
}
END_TEST

START_TEST(cursor_moves_without_redrawing_the_screen)
{
	set_mode(&text_80x25);
	put_char(3, 2, ' ', 0x07);
	put_char(4, 2, ' ', 0x07);
	crtc(0x0e, 0);
	crtc(0x0f, 2 * 80 + 3);
	render();
	ck_assert_uint_eq(pixel(27, 2 * 16 + 13), colour(7));
	ck_assert_uint_eq(pixel(27, 2 * 16 + 12), colour(0));
	ck_assert_uint_eq(pixel(27, 2 * 16 + 14), colour(7));
	rects = 0;
	crtc(0x0f, 2 * 80 + 4);
	ck_assert(!vga.redraw);
	render();
	ck_assert_uint_eq(pixel(27, 2 * 16 + 13), colour(0));
	ck_assert_uint_eq(pixel(36, 2 * 16 + 13), colour(7));
	ck_assert_uint_eq(rects, 1);
	ck_assert_uint_eq(last_rect.x, 27);
	ck_assert_uint_eq(last_rect.w, 18);
	ck_assert_uint_eq(last_rect.y, 2 * 16 + 13);
	ck_assert_uint_eq(last_rect.h, 2);
	crtc(0x0a, 0x2d);
	render();
	ck_assert_uint_eq(pixel(36, 2 * 16 + 13), colour(0));
}
END_TEST

START_TEST(only_what_changed_is_reported_and_idle_is_silent)
{
	set_mode(&text_80x25);
	load_glyph(0, 'X', 0xff);
	for (unsigned i = 0; i < 2000; i++)
		put_char(i % 80, i / 80, ' ', 0x07);
	crtc(0x0a, 0x20);
	render();
	rects = 0;
	touches = 0;
	render();
	ck_assert_uint_eq(rects, 0);
	put_char(10, 5, 'X', 0x07);
	put_char(11, 5, 'X', 0x07);
	ck_assert_uint_eq(touches, 1);
	render();
	ck_assert_uint_eq(rects, 1);
	ck_assert_uint_eq(last_rect.x, 90);
	ck_assert_uint_eq(last_rect.y, 80);
	ck_assert_uint_eq(last_rect.w, 17);
	ck_assert_uint_eq(last_rect.h, 16);
	put_char(10, 5, 'X', 0x07);     // the same again
	render();
	ck_assert_uint_eq(rects, 1);
}
END_TEST

START_TEST(underline_in_mono)
{
	set_mode(&text_80x25);
	crtc(0x0a, 0x20);
	crtc(0x14, 0x0d);
	put_char(0, 0, ' ', 0x01);
	put_char(1, 0, ' ', 0x07);
	render();
	ck_assert_uint_eq(pixel(4, 13), colour(1));
	ck_assert_uint_eq(pixel(8, 13), colour(1));
	ck_assert_uint_eq(pixel(4, 12), colour(0));
	ck_assert_uint_eq(pixel(12, 13), colour(0));
}
END_TEST

START_TEST(eight_dots_and_forty_columns)
{
	set_mode(&text_80x25);
	seq(1, 0x09);
	crtc(0x11, 0);
	crtc(1, 39);
	attr(0x13, 0);
	screen_on();
	crtc(0x0a, 0x20);
	load_glyph(0, 'X', 0x40);
	put_char(1, 0, 'X', 0x07);
	render();
	ck_assert_uint_eq(con.surface.width, 640);
	ck_assert_uint_eq(pixel(18, 0), colour(7));
	ck_assert_uint_eq(pixel(19, 0), colour(7));
	ck_assert_uint_eq(pixel(17, 0), colour(0));
	ck_assert_uint_eq(pixel(20, 0), colour(0));
}
END_TEST

START_TEST(planar_16_colours)
{
	planar();
	seq(2, 0x9);
	poke(0xa0000, 0x80);
	poke(0xa0000 + 479 * 80 + 79, 0x01);
	render();
	ck_assert_uint_eq(con.surface.width, 640);
	ck_assert_uint_eq(con.surface.height, 480);
	ck_assert_uint_eq(pixel(0, 0), colour(9));
	ck_assert_uint_eq(pixel(1, 0), 0);
	ck_assert_uint_eq(pixel(639, 479), colour(9));
	attr(0x12, 0x01);               // only plane 0 shows
	screen_on();
	render();
	ck_assert_uint_eq(pixel(0, 0), colour(1));
	attr(0x12, 0x0f);
	attr(0x10, 0x81);               // bits 5-4 and 7-6 from the colour select register
	attr(0x14, 0x05);
	screen_on();
	render();
	ck_assert_uint_eq(pixel(0, 0), colour(0x59));
	out(0x3c6, 0x0f);
	render();
	ck_assert_uint_eq(pixel(0, 0), colour(9));
}
END_TEST

START_TEST(cga_four_colours_with_interleaved_banks)
{
	set_mode(&cga_320);
	poke(0xb8000, 0x1b);            // 0 1 2 3
	poke(0xb8001, 0xe4);            // 3 2 1 0
	poke(0xba000, 0xc0);            // second line
	poke(0xb8050, 0x80);            // third
	render();
	ck_assert_uint_eq(con.surface.width, 640);
	ck_assert_uint_eq(con.surface.height, 400);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_uint_eq(pixel(2 * i, 0), colour(i));
		ck_assert_uint_eq(pixel(2 * i + 1, 1), colour(i));
		ck_assert_uint_eq(pixel(8 + 2 * i, 1), colour(3 - i));
	}
	ck_assert_uint_eq(pixel(0, 2), colour(3));
	ck_assert_uint_eq(pixel(2, 3), colour(0));
	ck_assert_uint_eq(pixel(0, 4), colour(2));
}
END_TEST

START_TEST(cga_two_colours)
{
	set_mode(&cga_640);
	seq(2, 1);
	poke(0xb8000, 0x40);
	poke(0xba000 + 79, 0x01);
	render();
	ck_assert_uint_eq(con.surface.width, 640);
	ck_assert_uint_eq(pixel(1, 0), colour(1));
	ck_assert_uint_eq(pixel(2, 0), colour(0));
	ck_assert_uint_eq(pixel(639, 2), colour(1));
}
END_TEST

START_TEST(mode_13h_doubles)
{
	set_mode(&mode_13h);
	poke(0xa0000, 0x21);
	poke(0xa0000 + 320 * 199 + 319, 0x43);
	poke(0xa0000 + 320 * 100 + 3, 0x15);
	render();
	ck_assert_uint_eq(con.surface.width, 640);
	ck_assert_uint_eq(con.surface.height, 400);
	ck_assert_uint_eq(pixel(0, 0), colour(0x21));
	ck_assert_uint_eq(pixel(1, 1), colour(0x21));
	ck_assert_uint_eq(pixel(2, 0), 0);
	ck_assert_uint_eq(pixel(639, 399), colour(0x43));
	ck_assert_uint_eq(pixel(638, 398), colour(0x43));
	ck_assert_uint_eq(pixel(6, 200), colour(0x15));
}
END_TEST

START_TEST(mode_x_and_page_flip)
{
	set_mode(&mode_13h);
	seq(4, 0x06);
	crtc(0x14, 0);
	crtc(0x17, 0xe3);
	seq(2, 0x4);                    // plane 2: pixels 2, 6, ...
	poke(0xa0001, 0x2a);
	poke(0xa0000 + 16000 + 80, 0x2b);
	render();
	ck_assert_uint_eq(pixel(12, 0), colour(0x2a));
	ck_assert_uint_eq(pixel(10, 0), 0);
	crtc(0x0c, 16000 >> 8);
	crtc(0x0d, 16000 & 0xff);
	render();
	ck_assert_uint_eq(pixel(12, 0), 0);
	ck_assert_uint_eq(pixel(4, 2), colour(0x2b));
}
END_TEST

START_TEST(split_screen_and_panning)
{
	planar();
	seq(2, 0x1);
	poke(0xa0000, 0x80);            // first line of memory
	poke(0xa0000 + 80 * 500, 0x20); // first line shown
	crtc(0x0c, (80 * 500) >> 8);
	crtc(0x0d, (80 * 500) & 0xff);
	crtc(0x07, 0x2e);
	crtc(0x09, 0x00);
	crtc(0x18, 99);
	render();
	ck_assert_uint_eq(pixel(2, 0), colour(1));
	ck_assert_uint_eq(pixel(0, 99), 0);
	ck_assert_uint_eq(pixel(0, 100), colour(1));
	attr(0x13, 2);
	screen_on();
	render();
	ck_assert_uint_eq(pixel(0, 0), colour(1));
	ck_assert_uint_eq(pixel(0, 100), 0);    // panned out of sight
	attr(0x10, 0x21);
	screen_on();
	render();
	ck_assert_uint_eq(pixel(0, 100), colour(1));
	crtc(0x08, 0x20);               // one byte further
	render();
	ck_assert_uint_eq(pixel(0, 0), 0);
}
END_TEST

START_TEST(text_scrolls_by_preset_row_and_start)
{
	set_mode(&text_80x25);
	crtc(0x0a, 0x20);
	load_glyph(0, 'X', 0xff);
	put_char(0, 1, 'X', 0x07);
	crtc(0x08, 4);
	render();
	ck_assert_uint_eq(pixel(0, 11), 0);
	ck_assert_uint_eq(pixel(0, 12), colour(7));
	crtc(0x08, 0);
	crtc(0x0d, 80);
	render();
	ck_assert_uint_eq(pixel(0, 0), colour(7));
}
END_TEST

START_TEST(extreme_geometry_stays_inside)
{
	set_mode(&text_80x25);
	for (uint8_t i = 0; i < 25; i++)
		crtc(i, i == 0x11 ? 0x0f : 0xff);
	seq(1, 0x08);
	render();
	ck_assert_uint_le(con.surface.width, CONSOLE_MAX_WIDTH);
	ck_assert_uint_le(con.surface.height, CONSOLE_MAX_HEIGHT);
	crtc(0x09, 0);
	crtc(0x13, 0);
	crtc(1, 0);
	crtc(7, 0);
	crtc(0x12, 0);
	render();
	ck_assert_uint_eq(con.surface.height, 2);       // one line, doubled
}
END_TEST

static TCase *pictures(void)
{
	TCase *t = tcase_create("pictures");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, blank_until_the_screen_is_on);
	tcase_add_test(t, text_cells_fonts_and_ninth_dot);
	tcase_add_test(t, blink_bit_is_background_only_without_blinking);
	tcase_add_test(t, cursor_moves_without_redrawing_the_screen);
	tcase_add_test(t, only_what_changed_is_reported_and_idle_is_silent);
	tcase_add_test(t, underline_in_mono);
	tcase_add_test(t, eight_dots_and_forty_columns);
	tcase_add_test(t, planar_16_colours);
	tcase_add_test(t, cga_four_colours_with_interleaved_banks);
	tcase_add_test(t, cga_two_colours);
	tcase_add_test(t, mode_13h_doubles);
	tcase_add_test(t, mode_x_and_page_flip);
	tcase_add_test(t, split_screen_and_panning);
	tcase_add_test(t, text_scrolls_by_preset_row_and_start);
	tcase_add_test(t, extreme_geometry_stays_inside);
	return t;
}

int main(void)
{
	Suite *s = suite_create("vga-modes");
	SRunner *r;
	int failed;

	suite_add_tcase(s, pictures());
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
