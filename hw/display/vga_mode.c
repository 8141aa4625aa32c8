// vga_mode.c: from registers to the geometry of the picture.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/display/vga_mode.h"

#include <string.h>

#include "base/compiler.h"

static bool screen_off(const struct vga_core *core)
{
	const struct vga_regs *r = &core->regs;

	if (!(r->attr_index & ATTR_PAS) || (r->seq[SEQ_CLOCKING] & CLOCKING_SCREEN_OFF))
		return true;
	return !vbe_enabled(core) && !(r->crtc[CRTC_MODE] & CRTC_MODE_SYNC);
}

static enum vga_kind vga_kind_get(const struct vga_regs *r)
{
	if (!(r->gfx[GFX_MISC] & GFX_MISC_GRAPHICS))
		return VGA_TEXT;
	if (r->gfx[GFX_MODE] & GFX_MODE_SHIFT256)
		return VGA_SHIFT256;
	return r->gfx[GFX_MODE] & GFX_MODE_SHIFT2 ? VGA_SHIFT2 : VGA_PLANAR;
}

// Ten-bit vertical values: eight bits of their own, bit 8 in the overflow register, bit 9 there or elsewhere.
static uint32_t vertical(uint8_t low, unsigned bit8, unsigned bit9)
{
	return low | (bit8 ? 0x100u : 0u) | (bit9 ? 0x200u : 0u);
}

static void get_vertical(const struct vga_regs *r, struct vga_mode *m)
{
	uint8_t overflow = r->crtc[CRTC_OVERFLOW], scan = r->crtc[CRTC_MAX_SCAN];
	uint32_t lines = vertical(r->crtc[CRTC_V_DISPLAY_END], overflow & 0x02, overflow & 0x40) + 1;
	uint32_t compare = vertical(r->crtc[CRTC_LINE_COMPARE], overflow & 0x10, scan & 0x40);

	if (r->crtc[CRTC_MODE] & CRTC_MODE_DOUBLE_V) {
		lines *= 2;
		compare = compare * 2 + 1;
	}
	m->height = MIN(lines, CONSOLE_MAX_HEIGHT);
	m->line_compare = compare;
	m->max_scan = scan & 0x1f;
	m->double_scan = scan & 0x80;
	m->preset_row = r->crtc[CRTC_PRESET_ROW] & 0x1f;
}

static void get_horizontal(const struct vga_regs *r, struct vga_mode *m)
{
	uint32_t width;

	m->columns = r->crtc[CRTC_H_DISPLAY_END] + 1u;
	m->dots = m->kind == VGA_TEXT && !(r->seq[SEQ_CLOCKING] & CLOCKING_8DOT) ? 9 : 8;
	m->half_dot = r->seq[SEQ_CLOCKING] & CLOCKING_HALF_DOT;
	width = m->columns * m->dots * (m->half_dot ? 2 : 1);
	m->width = MIN(width, CONSOLE_MAX_WIDTH);
}

static void get_addressing(const struct vga_regs *r, struct vga_mode *m)
{
	uint8_t mode = r->crtc[CRTC_MODE], underline = r->crtc[CRTC_UNDERLINE];

	m->addr.shift = underline & UNDERLINE_DWORD ? 2 : mode & CRTC_MODE_BYTE ? 0 : 1;
	m->addr.wrap15 = mode & CRTC_MODE_WRAP;
	m->addr.row0 = !(mode & CRTC_MODE_ROW0);
	m->addr.row1 = !(mode & CRTC_MODE_ROW1);
	m->addr.count_shift = underline & UNDERLINE_COUNT4 ? 2 : mode & CRTC_MODE_COUNT2 ? 1 : 0;
	m->addr.mask = VGA_PLANE_BYTES - 1;
	m->start = (uint32_t)r->crtc[CRTC_START_HIGH] << 8 | r->crtc[CRTC_START_LOW];
	m->start += r->crtc[CRTC_PRESET_ROW] >> 5 & 3;         // byte panning
	m->offset = r->crtc[CRTC_OFFSET] * 2u;
}

// Dots that the picture moves to the left. With nine dots the values count from 8 (none) over 0 (one).
static unsigned panning(const struct vga_regs *r, const struct vga_mode *m)
{
	unsigned pan = r->attr[ATTR_PAN];

	if (m->dots == 9)
		return pan >= 8 ? 0 : pan + 1;
	if (m->kind == VGA_SHIFT256)
		return pan & 6;
	return pan & 7;
}

static void get_vga(const struct vga_core *core, struct vga_mode *m)
{
	const struct vga_regs *r = &core->regs;

	m->kind = vga_kind_get(r);
	get_vertical(r, m);
	get_horizontal(r, m);
	get_addressing(r, m);
	m->pan = panning(r, m);
	m->pan_split = r->attr[ATTR_MODE] & ATTR_MODE_PAN_SPLIT;
}

// VBE with four bits: the planes of the VGA in plain byte addressing, without the CRTC's geometry.
static void get_vbe_planar(const struct vga_core *core, const struct vbe_mode *v, struct vga_mode *m)
{
	m->kind = VGA_PLANAR;
	m->columns = v->width / 8;
	m->dots = 8;
	m->offset = v->virt_width / 8;
	m->start = v->y * m->offset + v->x / 8;
	m->line_compare = UINT32_MAX;
	m->addr.mask = UINT32_MAX;
}

static void get_vbe(const struct vga_core *core, struct vga_mode *m)
{
	struct vbe_mode v;

	vbe_mode_get(core, &v);
	m->width = v.width;
	m->height = v.height;
	if (v.bpp == 4) {
		get_vbe_planar(core, &v, m);
		return;
	}
	m->kind = VGA_LINEAR;
	m->bpp = v.bpp;
	m->bytes = (v.bpp + 7) / 8;
	m->stride = v.stride;
	m->linear_start = (uint64_t)v.y * v.stride + (uint64_t)v.x * m->bytes;
}

void vga_mode_get(const struct vga_core *core, struct vga_mode *mode)
{
	memset(mode, 0, sizeof(*mode));
	if (vbe_enabled(core))
		get_vbe(core, mode);
	else
		get_vga(core, mode);
	if (screen_off(core))
		mode->kind = VGA_BLANK;
}
