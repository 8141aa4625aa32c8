// vga_fixture.h: a VGA core with memory, a console that counts rectangles, and BIOS modes for tests.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_TESTS_VGA_FIXTURE_H
#define BERTH_TESTS_VGA_FIXTURE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "hw/display/vga_core.h"

#define VRAM_SIZE (4u << 20)

static struct vga_core vga;
static struct console con;
static uint8_t *vram;
static uint64_t now_ns;
static unsigned touches, rects;
static struct console_rect last_rect;

static uint64_t fake_now(void *arg) { return now_ns; }
static inline void on_touched(void *arg) { touches++; }
static inline void on_resized(void *arg, const struct console_surface *s) { }

static inline void on_changed(void *arg, struct console_rect r)
{
	rects++;
	last_rect = r;
}

static struct console_viewer viewer = { .resized = on_resized, .changed = on_changed };

static inline void setup(void)
{
	struct vga_setup s = { .host = { fake_now, on_touched, NULL }, .vram_size = VRAM_SIZE };

	vram = calloc(1, VRAM_SIZE);
	s.vram = vram;
	ck_assert_int_eq(vga_core_init(&vga, &s), 0);
	ck_assert_int_eq(console_init(&con), 0);
	console_add_viewer(&con, &viewer);
	now_ns = touches = rects = 0;
}

static inline void teardown(void)
{
	vga_core_destroy(&vga);
	console_destroy(&con);
	free(vram);
}

// --- helpers ---

static inline void out(uint16_t port, uint8_t v) { vga_port_write(&vga, port, v); }
static inline uint8_t in(uint16_t port) { return vga_port_read(&vga, port); }

static inline void indexed(uint16_t port, uint8_t index, uint8_t v)
{
	out(port, index);
	out((uint16_t)(port + 1), v);
}

static inline uint8_t indexed_read(uint16_t port, uint8_t index)
{
	out(port, index);
	return in((uint16_t)(port + 1));
}

static inline void seq(uint8_t i, uint8_t v) { indexed(0x3c4, i, v); }
static inline void gfx(uint8_t i, uint8_t v) { indexed(0x3ce, i, v); }
static inline void crtc(uint8_t i, uint8_t v) { indexed(0x3d4, i, v); }

static inline void attr(uint8_t i, uint8_t v)
{
	in(0x3da);
	out(0x3c0, i);
	out(0x3c0, v);
}

static inline void screen_on(void)
{
	in(0x3da);
	out(0x3c0, 0x20);
}

static inline void dac(uint8_t i, uint8_t r, uint8_t g, uint8_t b)
{
	out(0x3c8, i);
	out(0x3c9, r);
	out(0x3c9, g);
	out(0x3c9, b);
}

// A mode as the BIOS sets it: misc, sequencer 1-4, CRTC 0-18h, graphics 0-8, attribute mode register.
struct mode {
	uint8_t misc, seq[4], crtc[25], gfx[9], attr_mode;
};

static const struct mode text_80x25 = {
	0x67, { 0x00, 0x03, 0x00, 0x02 },
	{ 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00,
	  0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff },
	{ 0, 0, 0, 0, 0, 0x10, 0x0e, 0x0f, 0xff }, 0x0c,
};
static const struct mode cga_320 = {
	0x63, { 0x09, 0x03, 0x00, 0x02 },
	{ 0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	  0x9c, 0x8e, 0x8f, 0x14, 0x00, 0x96, 0xb9, 0xa2, 0xff },
	{ 0, 0, 0, 0, 0, 0x30, 0x0f, 0x0f, 0xff }, 0x01,
};
static const struct mode cga_640 = {
	0x63, { 0x01, 0x01, 0x00, 0x06 },
	{ 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	  0x9c, 0x8e, 0x8f, 0x28, 0x00, 0x96, 0xb9, 0xc2, 0xff },
	{ 0, 0, 0, 0, 0, 0x00, 0x0d, 0x0f, 0xff }, 0x01,
};
static const struct mode planar_640x480 = {
	0xe3, { 0x01, 0x0f, 0x00, 0x06 },
	{ 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0x00, 0x40, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	  0xea, 0x8c, 0xdf, 0x28, 0x00, 0xe7, 0x04, 0xe3, 0xff },
	{ 0, 0, 0, 0, 0, 0x00, 0x05, 0x0f, 0xff }, 0x01,
};
static const struct mode mode_13h = {
	0x63, { 0x01, 0x0f, 0x00, 0x0e },
	{ 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x41, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	  0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff },
	{ 0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff }, 0x41,
};

static inline void set_mode(const struct mode *m)
{
	out(0x3c2, m->misc);
	seq(0, 3);
	for (uint8_t i = 0; i < 4; i++)
		seq((uint8_t)(i + 1), m->seq[i]);
	crtc(0x11, 0);
	for (uint8_t i = 0; i < 25; i++)
		crtc(i, m->crtc[i]);
	for (uint8_t i = 0; i < 9; i++)
		gfx(i, m->gfx[i]);
	for (uint8_t i = 0; i < 16; i++)
		attr(i, i);
	attr(0x10, m->attr_mode);
	attr(0x12, 0x0f);
	attr(0x13, m == &text_80x25 ? 8 : 0);
	attr(0x14, 0);
	// Entry n: red 4n, so that 0 is black and 15 is F3h after widening.
	for (unsigned i = 0; i < 256; i++)
		dac((uint8_t)i, (uint8_t)(i * 4 & 0x3f), (uint8_t)(i >> 4), 0);
	screen_on();
}

static inline uint32_t colour(unsigned i)
{
	unsigned r = i * 4 & 0x3f, g = i >> 4;

	return (r << 2 | r >> 4) << 16 | (g << 2 | g >> 4) << 8;
}

static inline void render(void)
{
	pthread_mutex_lock(&con.lock);
	vga_render(&vga, &con);
	pthread_mutex_unlock(&con.lock);
}

static inline uint32_t pixel(uint32_t x, uint32_t y)
{
	ck_assert_uint_lt(x, con.surface.width);
	ck_assert_uint_lt(y, con.surface.height);
	return con.surface.pixels[x + (size_t)y * con.surface.stride];
}

static inline void poke(uint32_t addr, uint8_t v) { vga_window_write(&vga, addr - VGA_WINDOW_BASE, v); }
static inline uint8_t peek(uint32_t addr) { return vga_window_read(&vga, addr - VGA_WINDOW_BASE); }

static inline void put_char(unsigned col, unsigned row, uint8_t ch, uint8_t attribute)
{
	poke(0xb8000 + (row * 80 + col) * 2, ch);
	poke(0xb8000 + (row * 80 + col) * 2 + 1, attribute);
}

// Writes a glyph as the BIOS does: plane 2 alone, flat at A0000h.
static inline void load_glyph(unsigned font, uint8_t ch, uint8_t pattern)
{
	seq(2, 4);
	seq(4, 6);
	gfx(5, 0);
	gfx(6, 4);
	for (unsigned i = 0; i < 16; i++)
		poke(0xa0000 + font * 0x2000 + ch * 32u + i, pattern);
	seq(2, 3);
	seq(4, 2);
	gfx(5, 0x10);
	gfx(6, 0x0e);
}

static inline void planar(void)
{
	set_mode(&planar_640x480);
}

#endif
