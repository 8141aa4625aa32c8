// vga_draw.c: scan lines of the VGA's own modes: text, planes, CGA, 256 colours.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/display/vga_draw.h"

#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"

#define GLYPH_BYTES 32u                 // a character's place in a font, whatever its height

// --- the picture's constants ---

static void attribute_map(const struct vga_regs *r, uint8_t map[16])
{
	unsigned select = r->attr[ATTR_COLOUR_SELECT];

	for (unsigned i = 0; i < 16; i++) {
		unsigned v = r->attr[i & r->attr[ATTR_PLANE_ENABLE] & 0xf] & 0x3f;

		if (r->attr[ATTR_MODE] & ATTR_MODE_P54)
			v = (v & 0x0f) | (select & 3) << 4;
		map[i] = (uint8_t)(v | (select & 0xc) << 4);
	}
}

// A font number's low two bits count 16 KiB, the third adds 8 KiB.
static uint32_t font_offset(unsigned number)
{
	return (number & 3) * 0x4000u + (number >> 2 & 1) * 0x2000u;
}

static struct vga_cursor cursor_get(const struct vga_core *core, const struct vga_mode *m)
{
	const uint8_t *crtc = core->regs.crtc;
	struct vga_cursor c = { 0 };

	if (m->kind != VGA_TEXT || (crtc[CRTC_CURSOR_START] & 0x20))
		return c;
	c.on = true;
	c.address = (uint16_t)((crtc[CRTC_CURSOR_HIGH] << 8 | crtc[CRTC_CURSOR_LOW]) +
			       (crtc[CRTC_CURSOR_END] >> 5 & 3));
	c.first = crtc[CRTC_CURSOR_START] & 0x1f;
	c.last = crtc[CRTC_CURSOR_END] & 0x1f;
	return c;
}

void vga_picture_init(struct vga_picture *pic, struct vga_core *core)
{
	const struct vga_cursor *old = &core->cursor;
	unsigned select = core->regs.seq[SEQ_CHAR_MAP];

	memset(pic, 0, sizeof(*pic));
	pic->core = core;
	vga_mode_get(core, &pic->mode);
	attribute_map(&core->regs, pic->map);
	pic->font[0] = font_offset((select & 3) | (select >> 4 & 1) << 2);
	pic->font[1] = font_offset((select >> 2 & 3) | (select >> 5 & 1) << 2);
	pic->cursor = cursor_get(core, &pic->mode);
	pic->cursor_moved = pic->cursor.on != old->on || pic->cursor.address != old->address ||
			    pic->cursor.first != old->first || pic->cursor.last != old->last;
}

// --- addresses ---

static uint32_t plane_offset(const struct vga_addressing *a, uint32_t counter, unsigned row)
{
	uint32_t v = counter;

	if (a->shift == 1)
		v = counter << 1 | (counter >> (a->wrap15 ? 15 : 13) & 1);
	else if (a->shift == 2)
		v = counter << 2 | (counter >> 12 & 3);
	if (a->row0)
		v = (v & ~0x2000u) | (row & 1) << 13;
	if (a->row1)
		v = (v & ~0x4000u) | (row >> 1 & 1) << 14;
	return v & a->mask;
}

// The counter has 16 bits in VGA modes.
static uint32_t counter_at(const struct vga_mode *m, const struct vga_scan *scan, uint32_t column)
{
	return (scan->base + (column >> m->addr.count_shift)) & m->addr.mask;
}

static uint32_t fetch(const struct vga_core *core, uint32_t offset)
{
	return offset < core->vram_size / 4 ? get_le32(core->vram + (size_t)offset * 4) : 0;
}

static uint32_t fetch_column(const struct vga_picture *pic, const struct vga_scan *scan, uint32_t column)
{
	const struct vga_mode *m = &pic->mode;

	return fetch(pic->core, plane_offset(&m->addr, counter_at(m, scan, column), scan->row));
}

void vga_scan_start(const struct vga_picture *pic, struct vga_scan *scan)
{
	*scan = (struct vga_scan){.base = pic->mode.start, .row = pic->mode.preset_row, .pan = pic->mode.pan};
}

void vga_scan_next(const struct vga_picture *pic, struct vga_scan *scan)
{
	const struct vga_mode *m = &pic->mode;

	if (scan->y++ == m->line_compare) {
		scan->base = 0;
		scan->row = 0;
		scan->second = false;
		if (m->pan_split)
			scan->pan = 0;
		return;
	}
	if (m->double_scan) {
		scan->second = !scan->second;
		if (scan->second)
			return;
	}
	if (scan->row == m->max_scan) {
		scan->row = 0;
		scan->base += m->offset;
	} else {
		scan->row = (scan->row + 1) & 0x1f;
	}
}

// --- what changed ---

static bool page_dirty(const struct vga_core *core, uint64_t byte)
{
	uint64_t page = byte >> VGA_PAGE_SHIFT;

	return page / 64 < core->dirty_words && (core->dirty[page / 64] >> (page % 64) & 1);
}

static bool shows_cursor(const struct vga_mode *m, const struct vga_scan *scan, const struct vga_cursor *c)
{
	return c->on && ((c->address - scan->base) & m->addr.mask) <= m->columns;
}

bool vga_scan_dirty(const struct vga_picture *pic, const struct vga_scan *scan)
{
	const struct vga_core *core = pic->core;
	const struct vga_mode *m = &pic->mode;

	if (core->redraw)
		return true;
	if (pic->cursor_moved &&
	    (shows_cursor(m, scan, &pic->cursor) || shows_cursor(m, scan, &core->cursor)))
		return true;
	for (uint32_t c = 0; c <= m->columns; c++)
		if (page_dirty(core, plane_offset(&m->addr, counter_at(m, scan, c), scan->row) * 4ull))
			return true;
	return false;
}

// --- dots ---

// The eight bits of B as eight bytes of 0 or 1, the leftmost first in memory.
static uint64_t spread(uint8_t b)
{
	uint64_t t = b * 0x0101010101010101ull & 0x0102040810204080ull;

	return (t + 0x7f7f7f7f7f7f7f7full) >> 7 & 0x0101010101010101ull;
}

static void draw_planar(const struct vga_picture *pic, const struct vga_scan *scan)
{
	uint8_t *out = pic->core->dots;

	for (uint32_t c = 0; c <= pic->mode.columns; c++, out += 8) {
		uint32_t w = fetch_column(pic, scan, c);
		uint64_t v = spread((uint8_t)w) | spread((uint8_t)(w >> 8)) << 1 |
			     spread((uint8_t)(w >> 16)) << 2 | spread((uint8_t)(w >> 24)) << 3;

		for (unsigned i = 0; i < 8; i++)
			out[i] = pic->map[v >> (8 * i) & 0xf];
	}
}

// Planes 0 and 2 hold the left four pixels, 1 and 3 the right four, two bits each.
static void draw_shift2(const struct vga_picture *pic, const struct vga_scan *scan)
{
	uint8_t *out = pic->core->dots;

	for (uint32_t c = 0; c <= pic->mode.columns; c++, out += 8) {
		uint32_t w = fetch_column(pic, scan, c);

		for (unsigned i = 0; i < 8; i++) {
			unsigned half = i / 4 * 8, bit = 6 - 2 * (i % 4);
			unsigned low = w >> (half + bit) & 3, high = w >> (16 + half + bit) & 3;

			out[i] = pic->map[low | high << 2];
		}
	}
}

// One byte of each plane in turn; a pixel takes two dots.
static void draw_shift256(const struct vga_picture *pic, const struct vga_scan *scan)
{
	uint8_t *out = pic->core->dots;

	for (uint32_t c = 0; c <= pic->mode.columns; c++, out += 8) {
		uint32_t w = fetch_column(pic, scan, c);

		for (unsigned i = 0; i < 8; i++)
			out[i] = (uint8_t)(w >> (8 * (i / 2)));
	}
}

// Row ROW of a character as dots, the leftmost in bit 8. The ninth repeats the eighth in line graphics.
static unsigned glyph_row(const struct vga_picture *pic, uint32_t cell, unsigned row)
{
	const struct vga_regs *r = &pic->core->regs;
	uint8_t ch = (uint8_t)cell, attr = (uint8_t)(cell >> 8);
	uint32_t at = pic->font[attr >> 3 & 1] + ch * GLYPH_BYTES + row;
	unsigned bits = (fetch(pic->core, at & (VGA_PLANE_BYTES - 1)) >> 16 & 0xff) << 1;

	if ((r->attr[ATTR_MODE] & ATTR_MODE_LINE_GRAPHICS) && (ch & 0xe0) == 0xc0)
		bits |= bits >> 1 & 1;
	return bits;
}

static bool cursor_here(const struct vga_picture *pic, uint32_t counter, unsigned row)
{
	const struct vga_cursor *c = &pic->cursor;

	return c->on && counter == c->address && row >= c->first && row <= c->last;
}

// Blinking characters are shown steadily, as the cursor is: a screen on which nothing happens sends nothing.
static void draw_text(const struct vga_picture *pic, const struct vga_scan *scan)
{
	const struct vga_mode *m = &pic->mode;
	const struct vga_regs *r = &pic->core->regs;
	unsigned underline = r->crtc[CRTC_UNDERLINE] & 0x1f;
	uint8_t back_mask = r->attr[ATTR_MODE] & ATTR_MODE_BLINK ? 0x7 : 0xf;
	uint8_t *out = pic->core->dots;

	for (uint32_t c = 0; c <= m->columns; c++, out += m->dots) {
		uint32_t cell = fetch_column(pic, scan, c);
		uint8_t attr = (uint8_t)(cell >> 8);
		uint8_t fore = pic->map[attr & 0xf], back = pic->map[attr >> 4 & back_mask];
		unsigned bits = glyph_row(pic, cell, scan->row);

		if (scan->row == underline && (attr & 0x77) == 0x01)
			bits = 0x1ff;
		if (cursor_here(pic, counter_at(m, scan, c), scan->row))
			bits = 0x1ff;
		for (unsigned i = 0; i < m->dots; i++)
			out[i] = bits >> (8 - i) & 1 ? fore : back;
	}
}

typedef void line_fn(const struct vga_picture *pic, const struct vga_scan *scan);

static line_fn *const line_fns[] = {
	[VGA_TEXT] = draw_text,
	[VGA_PLANAR] = draw_planar,
	[VGA_SHIFT2] = draw_shift2,
	[VGA_SHIFT256] = draw_shift256,
};

void vga_scan_draw(const struct vga_picture *pic, const struct vga_scan *scan)
{
	const struct vga_core *core = pic->core;
	const uint8_t *dots = core->dots + scan->pan;
	unsigned shift = pic->mode.half_dot;

	line_fns[pic->mode.kind](pic, scan);
	for (uint32_t x = 0; x < pic->mode.width; x++)
		core->line[x] = core->palette[dots[x >> shift]];
}
