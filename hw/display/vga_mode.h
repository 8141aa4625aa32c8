// vga_mode.h: what the registers ask for, as numbers the renderer can use. Internal to hw/display.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_DISPLAY_VGA_MODE_H
#define BERTH_DISPLAY_VGA_MODE_H

#include "hw/display/vga_core.h"

enum vga_kind {
	VGA_BLANK,              // nothing shown; the size stays what it was
	VGA_TEXT,
	VGA_PLANAR,             // 16 colours, one bit in each plane
	VGA_SHIFT2,             // CGA: two bits a pixel, planes 0 and 1 in turn
	VGA_SHIFT256,           // mode 13h and mode X
	VGA_LINEAR,             // VBE with 8 bits a pixel and more
};

// How the CRTC's counter becomes a plane offset.
struct vga_addressing {
	unsigned shift;         // 0 byte, 1 word, 2 double word
	bool wrap15;            // word mode: bit 15 rather than 13 becomes bit 0
	bool row0, row1;        // row scan bits replace address bits 13 and 14
	unsigned count_shift;   // the counter advances every 1 << count_shift characters
	uint32_t mask;          // of the plane offset
};

struct vga_mode {
	enum vga_kind kind;
	uint32_t width, height;         // of the surface

	// VGA kinds
	struct vga_addressing addr;
	uint32_t columns;               // characters (of 8 or 9 dots) in a line
	unsigned dots;                  // dots in a character
	bool half_dot;                  // every dot twice
	unsigned max_scan;              // last row scan of a character
	bool double_scan;
	uint32_t start, offset;         // counter at the top, and its step from row to row
	unsigned preset_row, pan;
	uint32_t line_compare;          // the split begins below this line
	bool pan_split;                 // the split is not panned

	// VGA_LINEAR
	unsigned bpp, bytes;            // bits and bytes of a pixel
	uint64_t linear_start;          // bytes
	uint32_t stride;                // bytes
};

void vga_mode_get(const struct vga_core *core, struct vga_mode *mode);

// VBE registers brought into their limits: what is shown, whatever the guest wrote.
struct vbe_mode {
	unsigned bpp;                   // 4, 8, 15, 16, 24 or 32
	uint32_t width, height;         // shown
	uint32_t virt_width;            // pixels from row to row
	uint32_t virt_height;           // rows that fit into memory
	uint32_t x, y;                  // of the upper left corner
	uint32_t stride;                // bytes of video memory from row to row
};

void vbe_mode_get(const struct vga_core *core, struct vbe_mode *mode);

#endif
