// test_vga.c: VGA registers and the memory window.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "vga_fixture.h"

// --- registers ---

START_TEST(reset_values)
{
	ck_assert_uint_eq(in(0x3cc), 0x01);
	ck_assert_uint_eq(in(0x3c6), 0xff);
	ck_assert_uint_eq(in(0x3c0), 0);
	ck_assert_uint_eq(in(0x3c7), 0);
	for (uint8_t i = 0; i < 5; i++)
		ck_assert_uint_eq(indexed_read(0x3c4, i), 0);
	out(0x3c2, 0xff);
	seq(1, 0xff);
	vga_core_reset(&vga);
	ck_assert_uint_eq(in(0x3cc), 0x01);
	ck_assert_uint_eq(indexed_read(0x3c4, 1), 0);
}
END_TEST

START_TEST(indexed_registers_read_back_through_their_masks)
{
	static const uint8_t seq_mask[] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0, 0, 0 };
	static const uint8_t gfx_mask[] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff, 0, 0, 0 };

	for (uint8_t i = 0; i < sizeof(seq_mask); i++) {
		seq(i, 0xff);
		ck_assert_uint_eq(indexed_read(0x3c4, i), seq_mask[i]);
	}
	for (uint8_t i = 0; i < sizeof(gfx_mask); i++) {
		gfx(i, 0xff);
		ck_assert_uint_eq(indexed_read(0x3ce, i), gfx_mask[i]);
	}
	for (uint8_t i = 0; i < 25; i++) {
		crtc(i, (uint8_t)(0x15 + i));
		ck_assert_uint_eq(indexed_read(0x3d4, i), 0x15u + i);
		if (i == 0x11)
			crtc(i, 0);
	}
	crtc(0x19, 0xff);
	crtc(0xff, 0xff);
	ck_assert_uint_eq(indexed_read(0x3d4, 0x19), 0);
	ck_assert_uint_eq(indexed_read(0x3d4, 0xff), 0);
}
END_TEST

START_TEST(crtc_protection_spares_one_bit)
{
	for (uint8_t i = 0; i < 8; i++)
		crtc(i, 0);
	crtc(0x11, 0x80);
	for (uint8_t i = 0; i < 8; i++)
		crtc(i, 0xff);
	for (uint8_t i = 0; i < 7; i++)
		ck_assert_uint_eq(indexed_read(0x3d4, i), 0);
	ck_assert_uint_eq(indexed_read(0x3d4, 7), 0x10);
	crtc(0x11, 0);
	crtc(0, 0x5f);
	ck_assert_uint_eq(indexed_read(0x3d4, 0), 0x5f);
}
END_TEST

START_TEST(attribute_flip_flop)
{
	attr(0x10, 0xff);
	in(0x3da);
	out(0x3c0, 0x10);
	ck_assert_uint_eq(in(0x3c1), 0xef);
	ck_assert_uint_eq(indexed_read(0x3d4, 0x24), 0x80);
	in(0x3da);                      // back to index
	ck_assert_uint_eq(indexed_read(0x3d4, 0x24), 0);
	out(0x3c0, 0x3f);
	ck_assert_uint_eq(in(0x3c0), 0x3f);
	out(0x3c0, 0x12);               // data for register 1Fh: nowhere
	ck_assert_uint_eq(in(0x3c1), 0);
	ck_assert_uint_eq(indexed_read(0x3d4, 0x26), 0x3f);
}
END_TEST

START_TEST(mono_and_colour_decode_apart)
{
	out(0x3d4, 0x0e);
	ck_assert_uint_eq(in(0x3d4), 0x0e);
	ck_assert_uint_eq(in(0x3b4), 0xff);
	out(0x3b5, 0x55);               // nobody's
	out(0x3c2, 0x66);
	ck_assert_uint_eq(in(0x3d4), 0xff);
	ck_assert_uint_eq(in(0x3da), 0xff);
	ck_assert_uint_eq(in(0x3b4), 0x0e);
	ck_assert_uint_eq(in(0x3b5), 0);
	ck_assert_uint_ne(in(0x3ba), 0xff);
	ck_assert_uint_eq(in(0x3bc), 0xff);     // the parallel port's
	ck_assert_uint_eq(in(0x3ff), 0xff);
	ck_assert_uint_eq(in(0), 0xff);
}
END_TEST

START_TEST(dac_reads_what_was_written)
{
	dac(7, 0xff, 0x12, 0x34);
	out(0x3c7, 7);
	ck_assert_uint_eq(in(0x3c7), 3);
	ck_assert_uint_eq(in(0x3c9), 0x3f);
	ck_assert_uint_eq(in(0x3c9), 0x12);
	ck_assert_uint_eq(in(0x3c9), 0x34);
	out(0x3c8, 255);
	ck_assert_uint_eq(in(0x3c7), 0);
	for (unsigned i = 0; i < 6; i++)        // runs over to entry 0
		out(0x3c9, (uint8_t)(i + 1));
	ck_assert_uint_eq(in(0x3c8), 1);
	ck_assert_mem_eq(vga.regs.dac, "\4\5\6", 3);
	out(0x3c8, 9);                  // an unfinished triple changes nothing
	out(0x3c9, 1);
	out(0x3c9, 2);
	ck_assert_mem_eq(vga.regs.dac + 27, "\0\0\0", 3);
}
END_TEST

START_TEST(retrace_follows_time)
{
	unsigned retrace = 0, blank = 0, edges = 0;
	uint8_t last = 0;

	for (now_ns = 0; now_ns < 100000000; now_ns += 5000) {
		uint8_t v = in(0x3da);

		retrace += v >> 3 & 1;
		blank += v & 1;
		edges += !(last & 8) && (v & 8);
		last = v;
	}
	ck_assert_uint_eq(edges, 7);    // 70 Hz
	ck_assert_uint_gt(retrace, 20000 / 20);
	ck_assert_uint_gt(blank, retrace);
	ck_assert_uint_lt(blank, 20000 / 2);
	now_ns = UINT64_MAX;
	out(0x3c2, 0xe3);
	in(0x3da);
}
END_TEST

// --- memory ---

START_TEST(write_mode_0_rotates_masks_and_sets)
{
	planar();
	seq(2, 0x5);
	gfx(3, 1);                      // rotate right by one
	poke(0xa0010, 0x81);
	ck_assert_uint_eq(get_le32(vram + 0x40), 0x00c000c0);
	gfx(3, 0);
	seq(2, 0xf);
	gfx(0, 0x2);                    // plane 1 from set/reset, plane 0 reset
	gfx(1, 0x3);
	poke(0xa0011, 0xaa);
	ck_assert_uint_eq(get_le32(vram + 0x44), 0xaaaaff00);
	gfx(1, 0);
	put_le32(vram + 0x48, 0x11223344);
	peek(0xa0012);                  // latch
	gfx(8, 0x0f);
	poke(0xa0012, 0xff);
	ck_assert_uint_eq(get_le32(vram + 0x48), 0x1f2f3f4f);
}
END_TEST

START_TEST(logic_unit_combines_with_latches)
{
	static const uint32_t want[4] = {0x3c3c3c3c, 0x3c3c3c3c & 0x0ff05aa5, 0x3c3c3c3c | 0x0ff05aa5,
					 0x3c3c3c3c ^ 0x0ff05aa5};

	planar();
	for (unsigned f = 0; f < 4; f++) {
		put_le32(vram, 0x0ff05aa5);
		gfx(3, (uint8_t)(f << 3));
		peek(0xa0000);
		poke(0xa0000, 0x3c);
		ck_assert_uint_eq(get_le32(vram), want[f]);
	}
}
END_TEST

START_TEST(write_modes_1_2_3)
{
	planar();
	put_le32(vram, 0xdeadbeef);
	peek(0xa0000);
	gfx(5, 1);
	poke(0xa0001, 0x55);
	ck_assert_uint_eq(get_le32(vram + 4), 0xdeadbeef);
	gfx(5, 2);
	gfx(8, 0xff);
	poke(0xa0002, 0x9);
	ck_assert_uint_eq(get_le32(vram + 8), 0xff0000ff);
	gfx(5, 3);
	gfx(0, 0x6);
	put_le32(vram + 12, 0);
	peek(0xa0003);
	gfx(8, 0xf0);
	poke(0xa0003, 0x3c);            // bit mask 30h
	ck_assert_uint_eq(get_le32(vram + 12), 0x00303000);
}
END_TEST

START_TEST(read_modes)
{
	planar();
	put_le32(vram, 0x44332211);
	for (uint8_t p = 0; p < 4; p++) {
		gfx(4, p);
		ck_assert_uint_eq(peek(0xa0000), 0x11u * (p + 1));
		ck_assert_uint_eq(indexed_read(0x3d4, 0x22), 0x11u * (p + 1));
	}
	put_le32(vram, 0x00ff0ff0);
	gfx(5, 0x08);
	gfx(2, 0x6);                    // planes 1 and 2 set, 0 and 3 clear
	gfx(7, 0xf);
	ck_assert_uint_eq(peek(0xa0000), 0x0f);
	gfx(7, 0x4);
	ck_assert_uint_eq(peek(0xa0000), 0xff);
	gfx(7, 0);
	ck_assert_uint_eq(peek(0xa0000), 0xff);
}
END_TEST

START_TEST(odd_even_and_chain4_choose_planes)
{
	set_mode(&text_80x25);
	poke(0xb8000, 'A');
	poke(0xb8001, 0x07);
	poke(0xb8002, 'B');
	ck_assert_uint_eq(vram[0], 'A');
	ck_assert_uint_eq(vram[1], 0x07);
	ck_assert_uint_eq(vram[8], 'B');
	ck_assert_uint_eq(peek(0xb8001), 0x07);
	ck_assert_uint_eq(peek(0xb8002), 'B');
	ck_assert_uint_eq(peek(0xa0000), 0xff); // outside the window
	poke(0xa0000, 0x55);
	ck_assert_uint_eq(vram[0], 'A');

	set_mode(&mode_13h);
	for (unsigned i = 0; i < 65536; i++)
		poke(0xa0000 + i, (uint8_t)(i * 7 >> 3));
	for (unsigned i = 0; i < 65536; i++)
		ck_assert_uint_eq(peek(0xa0000 + i), (uint8_t)(i * 7 >> 3));
	ck_assert_uint_eq(peek(0xb0000), 0xff);
}
END_TEST

START_TEST(memory_can_be_turned_off)
{
	planar();
	poke(0xa0000, 0x12);
	out(0x3c2, 0xe1);
	ck_assert_uint_eq(peek(0xa0000), 0xff);
	poke(0xa0000, 0x34);
	ck_assert_uint_eq(vram[0], 0x12);
}
END_TEST

START_TEST(linear_ends_at_memory)
{
	vga_linear_write(&vga, VRAM_SIZE - 4, 8, 0x1122334455667788ull);
	ck_assert_uint_eq(get_le32(vram + VRAM_SIZE - 4), 0x55667788);
	ck_assert_uint_eq(vga_linear_read(&vga, VRAM_SIZE - 4, 8), 0xffffffff55667788ull);
	ck_assert_uint_eq(vga_linear_read(&vga, UINT64_MAX - 3, 8) & 0xffffffff, 0xffffffff);
	vga_linear_write(&vga, 1ull << 40, 4, 0);
}
END_TEST

START_TEST(setup_refuses_bad_memory)
{
	static const uint32_t sizes[] = { 0, 65536, VGA_MIN_VRAM + 4096, VGA_MAX_VRAM + 65536 };
	struct vga_core other;

	for (unsigned i = 0; i < 4; i++) {
		struct vga_setup s = { .host = vga.host, .vram = vram, .vram_size = sizes[i] };

		ck_assert_int_eq(vga_core_init(&other, &s), -EINVAL);
	}
}
END_TEST

START_TEST(saved_registers_survive_and_are_checked)
{
	uint8_t buf[4096];
	struct vga_regs loaded;
	size_t n;

	set_mode(&planar_640x480);
	vga.regs.dac_component = 2;
	n = fields_save(&vga_fields, &vga.regs, buf, sizeof(buf));
	ck_assert_uint_gt(n, 0);
	memset(&loaded, 0, sizeof(loaded));
	ck_assert_int_eq(fields_load(&vga_fields, &loaded, buf, n, NULL), 0);
	ck_assert_mem_eq(loaded.crtc, vga.regs.crtc, sizeof(loaded.crtc));
	ck_assert_mem_eq(loaded.dac, vga.regs.dac, sizeof(loaded.dac));
	ck_assert_uint_eq(loaded.dac_component, 2);
	memset(&loaded, 0xff, sizeof(loaded));
	vga_fields.sanitize(&loaded);
	ck_assert_uint_le(loaded.dac_component, 2);
	ck_assert_uint_lt(loaded.seq_index, 8);
}
END_TEST

static TCase *registers(void)
{
	TCase *t = tcase_create("registers");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, reset_values);
	tcase_add_test(t, indexed_registers_read_back_through_their_masks);
	tcase_add_test(t, crtc_protection_spares_one_bit);
	tcase_add_test(t, attribute_flip_flop);
	tcase_add_test(t, mono_and_colour_decode_apart);
	tcase_add_test(t, dac_reads_what_was_written);
	tcase_add_test(t, retrace_follows_time);
	tcase_add_test(t, setup_refuses_bad_memory);
	tcase_add_test(t, saved_registers_survive_and_are_checked);
	return t;
}

static TCase *memory(void)
{
	TCase *t = tcase_create("memory");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, write_mode_0_rotates_masks_and_sets);
	tcase_add_test(t, logic_unit_combines_with_latches);
	tcase_add_test(t, write_modes_1_2_3);
	tcase_add_test(t, read_modes);
	tcase_add_test(t, odd_even_and_chain4_choose_planes);
	tcase_add_test(t, memory_can_be_turned_off);
	tcase_add_test(t, linear_ends_at_memory);
	return t;
}

int main(void)
{
	Suite *s = suite_create("vga");
	SRunner *r;
	int failed;

	suite_add_tcase(s, registers());
	suite_add_tcase(s, memory());
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
