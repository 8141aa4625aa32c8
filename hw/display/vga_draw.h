// vga_draw.h: one scan line of any mode, from video memory to pixels. Internal to hw/display.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_DISPLAY_VGA_DRAW_H
#define BERTH_DISPLAY_VGA_DRAW_H

#include "hw/display/vga_mode.h"

// What a render needs besides the core; made once for the picture.
struct vga_picture {
	struct vga_core *core;
	struct vga_mode mode;
	uint8_t map[16];                // attribute controller: four bits to a DAC index
	uint32_t font[2];               // plane offsets of fonts B and A (attribute bit 3 = 0, 1)
	struct vga_cursor cursor;
	bool cursor_moved;              // differs from core->cursor
};

// Where a scan line of the VGA kinds comes from.
struct vga_scan {
	uint32_t y;
	uint32_t base;                  // counter at the left edge
	unsigned row;                   // row scan in the character
	unsigned pan;
	bool second;                    // of a doubled pair
};

void vga_picture_init(struct vga_picture *pic, struct vga_core *core);
void vga_scan_start(const struct vga_picture *pic, struct vga_scan *scan);
void vga_scan_next(const struct vga_picture *pic, struct vga_scan *scan);
// True when something that the line shows may have changed since the last render.
bool vga_scan_dirty(const struct vga_picture *pic, const struct vga_scan *scan);
// Draws into core->line, mode.width pixels.
void vga_scan_draw(const struct vga_picture *pic, const struct vga_scan *scan);

// The same for VGA_LINEAR, by row.
bool vga_linear_dirty(const struct vga_picture *pic, uint32_t y);
void vga_linear_draw(const struct vga_picture *pic, uint32_t y);

#endif
