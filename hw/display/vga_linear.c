// vga_linear.c: rows of the VBE's packed and direct colour modes.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "base/bytes.h"
#include "hw/display/vga_draw.h"

static uint64_t row_start(const struct vga_mode *m, uint32_t y)
{
	return m->linear_start + (uint64_t)y * m->stride;
}

bool vga_linear_dirty(const struct vga_picture *pic, uint32_t y)
{
	const struct vga_core *core = pic->core;
	uint64_t start = row_start(&pic->mode, y);
	uint64_t end = start + (uint64_t)pic->mode.width * pic->mode.bytes - 1;

	if (core->redraw)
		return true;
	for (uint64_t page = start >> VGA_PAGE_SHIFT; page <= end >> VGA_PAGE_SHIFT; page++)
		if (page / 64 < core->dirty_words && (core->dirty[page / 64] >> (page % 64) & 1))
			return true;
	return false;
}

// Five or six bits to eight, so that full is full.
static uint32_t wide5(uint32_t v) { return (v & 0x1f) << 3 | (v >> 2 & 7); }
static uint32_t wide6(uint32_t v) { return (v & 0x3f) << 2 | (v >> 4 & 3); }

static void row_8(const struct vga_core *core, const uint8_t *in, uint32_t width)
{
	for (uint32_t x = 0; x < width; x++)
		core->line[x] = core->palette[in[x]];
}

static void row_15(const struct vga_core *core, const uint8_t *in, uint32_t width)
{
	for (uint32_t x = 0; x < width; x++) {
		uint32_t v = get_le16(in + 2 * (size_t)x);

		core->line[x] = wide5(v >> 10) << 16 | wide5(v >> 5) << 8 | wide5(v);
	}
}

static void row_16(const struct vga_core *core, const uint8_t *in, uint32_t width)
{
	for (uint32_t x = 0; x < width; x++) {
		uint32_t v = get_le16(in + 2 * (size_t)x);

		core->line[x] = wide5(v >> 11) << 16 | wide6(v >> 5) << 8 | wide5(v);
	}
}

static void row_24(const struct vga_core *core, const uint8_t *in, uint32_t width)
{
	for (uint32_t x = 0; x < width; x++, in += 3)
		core->line[x] = in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16;
}

static void row_32(const struct vga_core *core, const uint8_t *in, uint32_t width)
{
	for (uint32_t x = 0; x < width; x++)
		core->line[x] = get_le32(in + 4 * (size_t)x) & 0xffffff;
}

void vga_linear_draw(const struct vga_picture *pic, uint32_t y)
{
	const struct vga_core *core = pic->core;
	const struct vga_mode *m = &pic->mode;
	uint64_t start = row_start(m, y), len = (uint64_t)m->width * m->bytes;

	// The mode was fitted into memory; this holds even if it was not.
	if (start > core->vram_size || len > core->vram_size - start) {
		memset(core->line, 0, m->width * sizeof(*core->line));
		return;
	}
	switch (m->bpp) {
	case 8: row_8(core, core->vram + start, m->width); break;
	case 15: row_15(core, core->vram + start, m->width); break;
	case 16: row_16(core, core->vram + start, m->width); break;
	case 24: row_24(core, core->vram + start, m->width); break;
	default: row_32(core, core->vram + start, m->width); break;
	}
}
