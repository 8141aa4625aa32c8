// test_vbe.c: the Bochs display interface and pictures of VBE modes.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "vga_fixture.h"

static void put(uint16_t index, uint16_t value)
{
	vga.regs.vbe_index = index;
	vbe_write(&vga, value);
}

static uint16_t get(uint16_t index)
{
	vga.regs.vbe_index = index;
	return vbe_read(&vga);
}

// As the video BIOS does it: depth and size, on, then VGA registers that fit.
static void vbe_mode(uint16_t w, uint16_t h, uint16_t bpp, uint16_t flags)
{
	put(VBE_ENABLE, 0);
	put(VBE_BPP, bpp);
	put(VBE_XRES, w);
	put(VBE_YRES, h);
	put(VBE_ENABLE, VBE_ENABLED | flags);
	out(0x3c2, 0xe3);
	gfx(6, 0x05);
	gfx(8, 0xff);
	seq(2, 0x0f);
	seq(4, 0x06);
	for (uint8_t i = 0; i < 16; i++)
		attr(i, i);
	attr(0x10, 0x01);
	attr(0x12, 0x0f);
	screen_on();
}

START_TEST(identifies_itself)
{
	ck_assert_uint_eq(get(VBE_ID), 0xb0c5);
	put(VBE_ID, 0xb0c0);
	ck_assert_uint_eq(get(VBE_ID), 0xb0c0);
	put(VBE_ID, 0x1234);
	ck_assert_uint_eq(get(VBE_ID), 0xb0c0);
	ck_assert_uint_eq(get(VBE_MEMORY_64K), VRAM_SIZE >> 16);
	ck_assert_uint_eq(get(VBE_COUNT), 0);
	ck_assert_uint_eq(get(0xffff), 0);
	put(0xffff, 1);
	put(VBE_MEMORY_64K, 1);
	ck_assert_uint_eq(get(VBE_MEMORY_64K), VRAM_SIZE >> 16);
}
END_TEST

START_TEST(capabilities)
{
	put(VBE_XRES, 1024);
	put(VBE_ENABLE, VBE_GETCAPS);
	ck_assert_uint_eq(get(VBE_XRES), CONSOLE_MAX_WIDTH);
	ck_assert_uint_eq(get(VBE_YRES), CONSOLE_MAX_HEIGHT);
	ck_assert_uint_eq(get(VBE_BPP), 32);
	put(VBE_ENABLE, 0);
	ck_assert_uint_eq(get(VBE_XRES), 1024);
	ck_assert(!vbe_enabled(&vga));
}
END_TEST

START_TEST(values_out_of_range_are_not_taken)
{
	put(VBE_XRES, 800);
	put(VBE_XRES, CONSOLE_MAX_WIDTH + 8);
	ck_assert_uint_eq(get(VBE_XRES), 800);
	put(VBE_YRES, 600);
	put(VBE_YRES, 0xffff);
	ck_assert_uint_eq(get(VBE_YRES), 600);
	put(VBE_BPP, 32);
	put(VBE_BPP, 7);
	ck_assert_uint_eq(get(VBE_BPP), 32);
	put(VBE_BPP, 0);
	ck_assert_uint_eq(get(VBE_BPP), 8);
	put(VBE_BANK, VRAM_SIZE >> 16);
	ck_assert_uint_eq(get(VBE_BANK), 0);
	put(VBE_BANK, (VRAM_SIZE >> 16) - 1);
	ck_assert_uint_eq(get(VBE_BANK), (VRAM_SIZE >> 16) - 1);
}
END_TEST

START_TEST(enabling_clears_and_resets_offsets)
{
	memset(vram, 0x55, 4096);
	put(VBE_VIRT_WIDTH, 2000);
	put(VBE_X_OFFSET, 5);
	put(VBE_BANK, 3);
	vbe_mode(640, 480, 32, VBE_LFB);
	ck_assert_uint_eq(get(VBE_VIRT_WIDTH), 640);
	ck_assert_uint_eq(get(VBE_X_OFFSET), 0);
	ck_assert_uint_eq(get(VBE_BANK), 0);
	ck_assert_uint_eq(get(VBE_VIRT_HEIGHT), VRAM_SIZE / (640 * 4));
	ck_assert_uint_eq(vram[0], 0);
	memset(vram, 0x55, 4096);
	vbe_mode(640, 480, 32, VBE_LFB | VBE_NOCLEARMEM);
	ck_assert_uint_eq(vram[0], 0x55);
	put(VBE_ENABLE, VBE_ENABLED | VBE_8BIT_DAC);    // already on: nothing is cleared
	ck_assert_uint_eq(vram[0], 0x55);
}
END_TEST

START_TEST(direct_colour_depths)
{
	static const struct { uint16_t bpp; uint32_t bytes, raw, want;
	} cases[] = {
		{15, 2, 0x7c1f, 0xff00ff},     {15, 2, 0x0200, 0x008400}, {16, 2, 0xf81f, 0xff00ff},
		{16, 2, 0x07e0, 0x00ff00},     {16, 2, 0x0400, 0x008200}, {24, 3, 0x123456, 0x123456},
		{32, 4, 0xff123456, 0x123456},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		vbe_mode(800, 600, cases[i].bpp, VBE_LFB);
		vga_linear_write(&vga, (800 * 2 + 7) * cases[i].bytes, cases[i].bytes == 2 ? 2 : 4,
				 cases[i].raw);
		render();
		ck_assert_uint_eq(con.surface.width, 800);
		ck_assert_uint_eq(con.surface.height, 600);
		ck_assert_uint_eq(pixel(7, 2), cases[i].want);
		ck_assert_uint_eq(pixel(6, 2), 0);
	}
}
END_TEST

START_TEST(palette_with_six_and_eight_bits)
{
	vbe_mode(640, 480, 8, VBE_LFB);
	dac(5, 0x3f, 0xff, 0x20);
	vga_linear_write(&vga, 0, 1, 5);
	render();
	ck_assert_uint_eq(pixel(0, 0), 0xffff82);
	put(VBE_ENABLE, VBE_ENABLED | VBE_LFB | VBE_8BIT_DAC);
	dac(5, 0x81, 0x42, 0x24);
	render();
	ck_assert_uint_eq(pixel(0, 0), 0x814224);
	out(0x3c7, 5);
	ck_assert_uint_eq(in(0x3c9), 0x81);
}
END_TEST

START_TEST(banks_reach_all_memory)
{
	vbe_mode(1024, 768, 32, 0);
	put(VBE_BANK, 3);
	poke(0xa0010, 0x56);
	poke(0xa0011, 0x34);
	poke(0xa0012, 0x12);
	ck_assert_uint_eq(get_le32(vram + 0x30010), 0x123456);
	ck_assert_uint_eq(peek(0xa0011), 0x34);
	render();
	ck_assert_uint_eq(pixel((0x30010 / 4) % 1024, 0x30010 / 4 / 1024), 0x123456);
	gfx(6, 0x01);                   // 128 KiB window: the last bank's second half is beyond memory
	put(VBE_BANK, (VRAM_SIZE >> 16) - 1);
	poke(0xbffff, 0x77);
	ck_assert_uint_eq(peek(0xbffff), 0xff);
}
END_TEST

START_TEST(scrolling_and_virtual_width)
{
	vbe_mode(640, 480, 32, VBE_LFB);
	put(VBE_VIRT_WIDTH, 1000);
	put(VBE_X_OFFSET, 10);
	put(VBE_Y_OFFSET, 20);
	vga_linear_write(&vga, (1000 * 21 + 12) * 4, 4, 0xabcdef);
	render();
	ck_assert_uint_eq(pixel(2, 1), 0xabcdef);
	ck_assert_uint_eq(get(VBE_VIRT_HEIGHT), VRAM_SIZE / 4000);
	put(VBE_X_OFFSET, 0xffff);      // held at the edge
	put(VBE_Y_OFFSET, 0xffff);
	render();
	ck_assert_uint_eq(con.surface.width, 640);
}
END_TEST

START_TEST(planar_vbe)
{
	vbe_mode(800, 600, 4, 0);
	seq(2, 0x5);
	poke(0xa0000 + 100 * 2 + 1, 0x40);
	render();
	ck_assert_uint_eq(con.surface.width, 800);
	ck_assert_uint_eq(pixel(9, 2), vga.palette[5]);
	ck_assert_uint_eq(pixel(8, 2), vga.palette[0]);
	// Memory beyond the first 64 KiB of each plane is behind banks.
	vbe_mode(1600, 1200, 4, 0);
	seq(2, 0x2);
	put(VBE_BANK, 1);
	poke(0xa0000, 0x80);
	render();
	ck_assert_uint_eq(pixel(65536 % 200 * 8, 65536 / 200), vga.palette[2]);
	put(VBE_BANK, 0xffff);
	ck_assert_uint_eq(get(VBE_BANK), 1);
}
END_TEST

START_TEST(modes_that_do_not_fit_are_cut)
{
	vbe_mode(2560, 1600, 32, VBE_LFB);      // 16 MiB wanted, 4 MiB there
	render();
	ck_assert_uint_eq(con.surface.width, 2560);
	ck_assert_uint_eq(con.surface.height, VRAM_SIZE / (2560 * 4));
	vbe_mode(2560, 1600, 8, VBE_LFB);
	render();
	ck_assert_uint_eq(con.surface.height, 1600);
	put(VBE_XRES, 0);
	put(VBE_YRES, 0);
	put(VBE_VIRT_WIDTH, 0xffff);
	render();
	ck_assert_uint_eq(con.surface.width, 8);
	ck_assert_uint_eq(con.surface.height, 1);
}
END_TEST

START_TEST(dirty_pages_limit_what_is_drawn)
{
	vbe_mode(1024, 768, 32, VBE_LFB);
	render();
	rects = 0;
	// A row is one page here. A write that the core did not see shows only where a bit is set.
	put_le32(vram + 5 * 4096 + 40, 0xffffff);
	put_le32(vram + 9 * 4096 + 40, 0xffffff);
	vga.dirty[0] |= 1ull << 5;
	vga_linear_written(&vga);
	render();
	ck_assert_uint_eq(rects, 1);
	ck_assert_uint_eq(last_rect.x, 10);
	ck_assert_uint_eq(last_rect.y, 5);
	ck_assert_uint_eq(last_rect.w, 1);
	ck_assert_uint_eq(last_rect.h, 1);
	ck_assert_uint_eq(pixel(10, 9), 0);
	// Two changes far apart are two rectangles.
	vga_linear_write(&vga, 100 * 4096, 4, 0xffffff);
	vga_linear_write(&vga, 200 * 4096, 4, 0xffffff);
	render();
	ck_assert_uint_eq(rects, 3);
}
END_TEST

START_TEST(leaving_vbe_returns_to_vga)
{
	vbe_mode(640, 480, 32, VBE_LFB);
	render();
	put(VBE_ENABLE, 0);
	set_mode(&text_80x25);
	render();
	ck_assert_uint_eq(con.surface.width, 720);
	ck_assert_uint_eq(con.surface.height, 400);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vbe");
	TCase *t = tcase_create("vbe");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, identifies_itself);
	tcase_add_test(t, capabilities);
	tcase_add_test(t, values_out_of_range_are_not_taken);
	tcase_add_test(t, enabling_clears_and_resets_offsets);
	tcase_add_test(t, direct_colour_depths);
	tcase_add_test(t, palette_with_six_and_eight_bits);
	tcase_add_test(t, banks_reach_all_memory);
	tcase_add_test(t, scrolling_and_virtual_width);
	tcase_add_test(t, planar_vbe);
	tcase_add_test(t, modes_that_do_not_fit_are_cut);
	tcase_add_test(t, dirty_pages_limit_what_is_drawn);
	tcase_add_test(t, leaving_vbe_returns_to_vga);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
