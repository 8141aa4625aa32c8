// vga_core.h: VGA and VBE (Bochs DISPI) core: registers, the memory window, and the picture they make.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Knows no bus, timer, thread or lock: the owner serialises calls. Video memory interleaves the four planes:
// byte p of the 32-bit word o is plane p at plane offset o, so that the first 256 KiB are the planes and a
// linear mode sees plain memory. Names are those of the IBM VGA data sheet (indexes in hexadecimal).
#ifndef BERTH_DISPLAY_VGA_CORE_H
#define BERTH_DISPLAY_VGA_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/console.h"
#include "bus/fields.h"

#define VGA_PAGE_SHIFT  12u
#define VGA_PLANE_BYTES 65536u          // one plane; four of them are the VGA's own 256 KiB
#define VGA_MIN_VRAM    (4u << 20)
#define VGA_MAX_VRAM    (128u << 20)

#define VGA_WINDOW_BASE 0xa0000u
#define VGA_WINDOW_SIZE 0x20000u

enum vga_misc { MISC_COLOUR = 0x01, MISC_RAM = 0x02, MISC_ODD_PAGE = 0x20 };

enum vga_seq { SEQ_RESET, SEQ_CLOCKING, SEQ_MAP_MASK, SEQ_CHAR_MAP, SEQ_MEMORY_MODE, SEQ_COUNT };
enum { CLOCKING_8DOT = 0x01, CLOCKING_HALF_DOT = 0x08, CLOCKING_SCREEN_OFF = 0x20 };
enum { MEMORY_SEQUENTIAL = 0x04, MEMORY_CHAIN4 = 0x08 };

enum vga_gfx { GFX_SET_RESET, GFX_ENABLE_SET_RESET, GFX_COLOUR_COMPARE, GFX_ROTATE, GFX_READ_MAP, GFX_MODE,
	       GFX_MISC, GFX_DONT_CARE, GFX_BIT_MASK, GFX_COUNT };
enum { GFX_MODE_READ1 = 0x08, GFX_MODE_ODD_EVEN = 0x10, GFX_MODE_SHIFT2 = 0x20, GFX_MODE_SHIFT256 = 0x40 };
enum { GFX_MISC_GRAPHICS = 0x01 };

enum vga_attr {
	ATTR_MODE = 0x10,
	ATTR_OVERSCAN,
	ATTR_PLANE_ENABLE,
	ATTR_PAN,
	ATTR_COLOUR_SELECT,
	ATTR_COUNT
};
enum {
	ATTR_MODE_LINE_GRAPHICS = 0x04,
	ATTR_MODE_BLINK = 0x08,
	ATTR_MODE_PAN_SPLIT = 0x20,
	ATTR_MODE_P54 = 0x80
};
#define ATTR_PAS 0x20u                  // in the index register: palette address source, 0 = screen off

enum vga_crtc {
	CRTC_H_TOTAL = 0x00, CRTC_H_DISPLAY_END = 0x01, CRTC_OVERFLOW = 0x07, CRTC_PRESET_ROW = 0x08,
	CRTC_MAX_SCAN = 0x09, CRTC_CURSOR_START = 0x0a, CRTC_CURSOR_END = 0x0b, CRTC_START_HIGH = 0x0c,
	CRTC_START_LOW = 0x0d, CRTC_CURSOR_HIGH = 0x0e, CRTC_CURSOR_LOW = 0x0f, CRTC_V_RETRACE_END = 0x11,
	CRTC_V_DISPLAY_END = 0x12, CRTC_OFFSET = 0x13, CRTC_UNDERLINE = 0x14, CRTC_MODE = 0x17,
	CRTC_LINE_COMPARE = 0x18, CRTC_COUNT,
};
enum { CRTC_MODE_ROW0 = 0x01, CRTC_MODE_ROW1 = 0x02, CRTC_MODE_DOUBLE_V = 0x04, CRTC_MODE_COUNT2 = 0x08,
       CRTC_MODE_WRAP = 0x20, CRTC_MODE_BYTE = 0x40, CRTC_MODE_SYNC = 0x80 };
enum { UNDERLINE_COUNT4 = 0x20, UNDERLINE_DWORD = 0x40 };

// Bochs display interface.
enum vbe_index { VBE_ID, VBE_XRES, VBE_YRES, VBE_BPP, VBE_ENABLE, VBE_BANK, VBE_VIRT_WIDTH, VBE_VIRT_HEIGHT,
		 VBE_X_OFFSET, VBE_Y_OFFSET, VBE_MEMORY_64K, VBE_COUNT };
enum { VBE_ENABLED = 0x01, VBE_GETCAPS = 0x02, VBE_8BIT_DAC = 0x20, VBE_LFB = 0x40, VBE_NOCLEARMEM = 0x80 };
#define VBE_ID0 0xb0c0u
#define VBE_ID5 0xb0c5u

// Everything a snapshot saves, but for the contents of video memory.
struct vga_regs {
	uint8_t misc, feature;
	uint8_t seq_index, gfx_index, crtc_index, attr_index;
	uint8_t attr_data;              // flip-flop: the next write to 3C0h is data
	uint8_t seq[SEQ_COUNT];
	uint8_t gfx[GFX_COUNT];
	uint8_t crtc[CRTC_COUNT];
	uint8_t attr[ATTR_COUNT];
	uint8_t dac_mask, dac_state;    // state: 0 = write, 3 = read
	uint8_t dac_read, dac_write, dac_component;
	uint8_t dac_latch[2];           // red and green until blue arrives
	uint8_t dac[768];
	uint32_t latch;                 // the four planes' latches, plane 0 lowest
	uint16_t vbe_index;
	uint16_t vbe[VBE_COUNT];
	uint32_t svga_index;            // SVGA II index register (BAR0)
};

struct vga_host {
	uint64_t (*now)(void *arg);     // nanoseconds, for the retrace bits
	// Something that may show has changed; called once, then not again before the next vga_render().
	void (*touched)(void *arg);
	void *arg;
};

struct vga_setup {
	struct vga_host host;
	uint8_t *vram;                  // the owner's; outlives the core
	uint32_t vram_size;             // VGA_MIN_VRAM..VGA_MAX_VRAM, multiple of 64 KiB
	uint32_t max_width, max_height; // VBE limits; 0 = the console's
};

struct vga_cursor { bool on; uint16_t address; uint8_t first, last; };

struct vga_core {
	struct vga_regs regs;
	struct vga_host host;
	uint8_t *vram;
	uint32_t vram_size, max_width, max_height;
	uint64_t *dirty;                // a bit for each 4 KiB of video memory written since the last render
	size_t dirty_words;
	bool touched;                   // host.touched() was called
	bool redraw;                    // more than memory changed: look at every line
	struct vga_cursor cursor;       // as last drawn
	uint32_t palette[256];          // xRGB of the DAC, behind the pixel mask; made by vga_render()
	uint8_t *dots;                  // one scan line as DAC indexes
	uint32_t *line;                 // one scan line as pixels
};

// Takes what SETUP says (copied); allocates the scratch lines. Returns 0, -EINVAL for a size that is out of
// range, -ENOMEM. The core is then in its reset state.
int vga_core_init(struct vga_core *core, const struct vga_setup *setup);
void vga_core_destroy(struct vga_core *core);
// Power-on registers; video memory stays.
void vga_core_reset(struct vga_core *core);
extern const struct fields vga_fields;  // describes vga_core.regs

// --- registers: total, they never fail ---
// PORT is an I/O port in 3B0h..3DFh; ports that are not the VGA's, and the half of 3Bxh/3Dxh that the
// miscellaneous register turns off, read FFh and swallow writes.
uint8_t vga_port_read(struct vga_core *core, uint16_t port);
void vga_port_write(struct vga_core *core, uint16_t port, uint8_t value);
uint16_t vbe_read(struct vga_core *core);               // data behind regs.vbe_index
void vbe_write(struct vga_core *core, uint16_t value);

// --- memory ---
// OFFSET is relative to A0000h, below VGA_WINDOW_SIZE.
uint8_t vga_window_read(struct vga_core *core, uint32_t offset);
void vga_window_write(struct vga_core *core, uint32_t offset, uint8_t value);
// The linear frame buffer, for accesses that did not go to memory directly. SIZE is 1, 2, 4 or 8; bytes
// beyond video memory read FFh and drop writes.
uint64_t vga_linear_read(const struct vga_core *core, uint64_t offset, unsigned size);
void vga_linear_write(struct vga_core *core, uint64_t offset, unsigned size, uint64_t value);
// The owner has set bits in core->dirty for writes that the core did not see.
void vga_linear_written(struct vga_core *core);
// Look at every line in the next render.
void vga_touch_all(struct vga_core *core);

// --- the picture ---
// Brings the console's surface up to date: resizes it to the mode, draws the lines whose source changed and
// reports the rectangles whose pixels did. Console lock held by the caller. True when any pixel changed.
bool vga_render(struct vga_core *core, struct console *con);
// True while a VBE mode is on: then the guest draws through the linear frame buffer.
bool vbe_enabled(const struct vga_core *core);

#endif
