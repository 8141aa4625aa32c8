// vga_render.c: brings the console's surface up to date and says which rectangles changed.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The surface itself is the shadow: a line whose source may have changed is drawn aside and compared with
// what the surface shows, so viewers hear only of pixels that differ.
#include <string.h>

#include "base/compiler.h"
#include "hw/display/vga_core.h"
#include "hw/display/vga_draw.h"
#include "hw/display/vga_internal.h"

// Changed lines that follow each other make one rectangle.
struct band {
	struct console *con;
	uint32_t x0, x1;        // exclusive; x0 == x1: nothing yet
	uint32_t y0, y1;
	bool any;               // something was reported
};

static void band_flush(struct band *b)
{
	if (b->x0 == b->x1)
		return;
	console_changed(b->con, (struct console_rect){ b->x0, b->y0, b->x1 - b->x0, b->y1 - b->y0 });
	b->x0 = b->x1 = 0;
	b->any = true;
}

static void band_add(struct band *b, uint32_t y, uint32_t x0, uint32_t x1)
{
	if (b->x0 != b->x1 && b->y1 != y)
		band_flush(b);
	if (b->x0 == b->x1) {
		b->x0 = x0;
		b->x1 = x1;
		b->y0 = y;
	} else {
		b->x0 = MIN(b->x0, x0);
		b->x1 = MAX(b->x1, x1);
	}
	b->y1 = y + 1;
}

// Puts LINE (WIDTH pixels) into row Y of the surface, which may be smaller than the mode.
static void put_line(struct band *b, uint32_t y, const uint32_t *line, uint32_t width)
{
	const struct console_surface *s = &b->con->surface;
	uint32_t *row, first = 0, last;

	if (y >= s->height)
		return;
	row = s->pixels + (size_t)y * s->stride;
	last = MIN(width, s->width);
	if (!memcmp(row, line, last * sizeof(*row)))
		return;
	while (row[first] == line[first])
		first++;
	while (row[last - 1] == line[last - 1])
		last--;
	memcpy(row + first, line + first, (last - first) * sizeof(*row));
	band_add(b, y, first, last);
}

static void make_palette(struct vga_core *core)
{
	const struct vga_regs *r = &core->regs;
	bool wide = r->vbe[VBE_ENABLE] & VBE_8BIT_DAC;

	for (unsigned i = 0; i < 256; i++) {
		const uint8_t *entry = &r->dac[(i & r->dac_mask) * 3];
		uint32_t rgb = 0;

		for (unsigned c = 0; c < 3; c++) {
			uint32_t v = entry[c];

			rgb = rgb << 8 | (wide ? v : ((v & 0x3f) << 2 | (v >> 4 & 3)));
		}
		core->palette[i] = rgb;
	}
}

static void render_blank(struct vga_core *core, struct band *b)
{
	const struct console_surface *s = &b->con->surface;

	memset(core->line, 0, s->width * sizeof(*core->line));
	for (uint32_t y = 0; core->redraw && y < s->height; y++)
		put_line(b, y, core->line, s->width);
}

static void render_linear(struct vga_core *core, const struct vga_picture *pic, struct band *b)
{
	for (uint32_t y = 0; y < pic->mode.height; y++) {
		if (!vga_linear_dirty(pic, y))
			continue;
		vga_linear_draw(pic, y);
		put_line(b, y, core->line, pic->mode.width);
	}
}

static void render_scans(struct vga_core *core, const struct vga_picture *pic, struct band *b)
{
	struct vga_scan scan;

	vga_scan_start(pic, &scan);
	for (uint32_t y = 0; y < pic->mode.height; y++, vga_scan_next(pic, &scan)) {
		if (!vga_scan_dirty(pic, &scan))
			continue;
		vga_scan_draw(pic, &scan);
		put_line(b, y, core->line, pic->mode.width);
	}
}

static void fit_surface(struct vga_core *core, const struct vga_mode *m, struct console *con)
{
	if (m->kind == VGA_BLANK || (con->surface.width == m->width && con->surface.height == m->height))
		return;
	// Without memory for it the old surface shows what fits.
	console_resize(con, m->width, m->height);
	core->redraw = true;
}

bool vga_render(struct vga_core *core, struct console *con)
{
	struct band band = { .con = con };
	struct vga_picture pic;

	core->touched = false;
	vga_picture_init(&pic, core);
	fit_surface(core, &pic.mode, con);
	if (!con->surface.pixels)
		return false;
	if (core->redraw)
		make_palette(core);
	if (pic.mode.kind == VGA_BLANK)
		render_blank(core, &band);
	else if (pic.mode.kind == VGA_LINEAR)
		render_linear(core, &pic, &band);
	else
		render_scans(core, &pic, &band);
	band_flush(&band);
	core->cursor = pic.cursor;
	core->redraw = false;
	memset(core->dirty, 0, core->dirty_words * sizeof(*core->dirty));
	return band.any;
}
