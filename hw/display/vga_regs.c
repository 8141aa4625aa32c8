// vga_regs.c: the VGA's I/O registers: sequencer, graphics and attribute controller, CRTC, DAC.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "hw/display/vga_core.h"
#include "hw/display/vga_internal.h"

#define PORT_FIRST 0x3b0u
#define PORT_LAST  0x3dfu

enum { STATUS1_BLANK = 0x01, STATUS1_RETRACE = 0x08 };
enum { STATUS0_SENSE = 0x10 };          // the DAC's comparator: a monitor is there
#define CRTC_PROTECT 0x80u              // in CRTC_V_RETRACE_END
#define CRTC_COMPARE8 0x10u             // the one bit of CRTC_OVERFLOW that stays writable

// Indexes whose value shows on the screen; others only change what the CPU sees of memory.
#define SEQ_VISIBLE  (1u << SEQ_CLOCKING | 1u << SEQ_CHAR_MAP)
#define GFX_VISIBLE  (1u << GFX_MODE | 1u << GFX_MISC)
#define CRTC_CURSOR                                                                                          \
	(1u << CRTC_CURSOR_START | 1u << CRTC_CURSOR_END | 1u << CRTC_CURSOR_HIGH | 1u << CRTC_CURSOR_LOW)
#define CRTC_VISIBLE                                                                                         \
	(1u << CRTC_H_DISPLAY_END | 1u << CRTC_OVERFLOW | 1u << CRTC_PRESET_ROW | 1u << CRTC_MAX_SCAN |      \
	 1u << CRTC_START_HIGH | 1u << CRTC_START_LOW | 1u << CRTC_V_DISPLAY_END | 1u << CRTC_OFFSET |       \
	 1u << CRTC_UNDERLINE | 1u << CRTC_MODE | 1u << CRTC_LINE_COMPARE)

static const uint8_t seq_writable[SEQ_COUNT] = {
	[SEQ_RESET] = 0x03,    [SEQ_CLOCKING] = 0x3d,    [SEQ_MAP_MASK] = 0x0f,
	[SEQ_CHAR_MAP] = 0x3f, [SEQ_MEMORY_MODE] = 0x0e,
};
static const uint8_t gfx_writable[GFX_COUNT] = {
	[GFX_SET_RESET] = 0x0f, [GFX_ENABLE_SET_RESET] = 0x0f, [GFX_COLOUR_COMPARE] = 0x0f,
	[GFX_ROTATE] = 0x1f,    [GFX_READ_MAP] = 0x03,         [GFX_MODE] = 0x7b,
	[GFX_MISC] = 0x0f,      [GFX_DONT_CARE] = 0x0f,        [GFX_BIT_MASK] = 0xff,
};

static uint8_t attr_writable(unsigned index)
{
	switch (index) {
	case ATTR_MODE: return 0xef;
	case ATTR_OVERSCAN: return 0xff;
	case ATTR_PAN:
	case ATTR_COLOUR_SELECT: return 0x0f;
	default: return 0x3f;
	}
}

void vga_touch_all(struct vga_core *core)
{
	core->redraw = true;
	vga_touched(core);
}

// Stores V; when that shows on the screen the next render looks at everything.
static void set_visible(struct vga_core *core, uint8_t *reg, uint8_t v, bool visible)
{
	if (*reg == v)
		return;
	*reg = v;
	if (visible)
		vga_touch_all(core);
}

// --- sequencer, graphics controller ---

static uint8_t seq_index_read(struct vga_core *core) { return core->regs.seq_index; }
static void seq_index_write(struct vga_core *core, uint8_t v) { core->regs.seq_index = v & 7; }

static uint8_t seq_read(struct vga_core *core)
{
	unsigned i = core->regs.seq_index;

	return i < SEQ_COUNT ? core->regs.seq[i] : 0;
}

static void seq_write(struct vga_core *core, uint8_t v)
{
	unsigned i = core->regs.seq_index;

	if (i < SEQ_COUNT)
		set_visible(core, &core->regs.seq[i], v & seq_writable[i], SEQ_VISIBLE >> i & 1);
}

static uint8_t gfx_index_read(struct vga_core *core) { return core->regs.gfx_index; }
static void gfx_index_write(struct vga_core *core, uint8_t v) { core->regs.gfx_index = v & 0xf; }

static uint8_t gfx_read(struct vga_core *core)
{
	unsigned i = core->regs.gfx_index;

	return i < GFX_COUNT ? core->regs.gfx[i] : 0;
}

static void gfx_write(struct vga_core *core, uint8_t v)
{
	unsigned i = core->regs.gfx_index;

	if (i < GFX_COUNT)
		set_visible(core, &core->regs.gfx[i], v & gfx_writable[i], GFX_VISIBLE >> i & 1);
}

// --- attribute controller: one port, index and data in turn ---

static uint8_t attr_index_read(struct vga_core *core) { return core->regs.attr_index; }

static uint8_t attr_read(struct vga_core *core)
{
	unsigned i = core->regs.attr_index & 0x1f;

	return i < ATTR_COUNT ? core->regs.attr[i] : 0;
}

static void attr_write(struct vga_core *core, uint8_t v)
{
	struct vga_regs *r = &core->regs;
	unsigned i = r->attr_index & 0x1f;

	r->attr_data ^= 1;
	if (r->attr_data) {             // it was the index
		bool pas = (r->attr_index ^ v) & ATTR_PAS;

		set_visible(core, &r->attr_index, v & 0x3f, pas);
	} else if (i < ATTR_COUNT) {
		set_visible(core, &r->attr[i], v & attr_writable(i), true);
	}
}

// --- CRTC ---

static uint8_t crtc_index_read(struct vga_core *core) { return core->regs.crtc_index; }
static void crtc_index_write(struct vga_core *core, uint8_t v) { core->regs.crtc_index = v; }

static uint8_t crtc_read(struct vga_core *core)
{
	const struct vga_regs *r = &core->regs;

	switch (r->crtc_index) {
	case 0x22:                      // the graphics controller's latch of the plane selected for reading
		return (uint8_t)(r->latch >> (8 * (r->gfx[GFX_READ_MAP] & 3)));
	case 0x24:                      // flip-flop of the attribute controller
		return (uint8_t)(r->attr_data << 7);
	case 0x26:
		return r->attr_index;
	default:
		return r->crtc_index < CRTC_COUNT ? r->crtc[r->crtc_index] : 0;
	}
}

static void crtc_write(struct vga_core *core, uint8_t v)
{
	struct vga_regs *r = &core->regs;
	unsigned i = r->crtc_index;

	if (i >= CRTC_COUNT)
		return;
	if (i <= CRTC_OVERFLOW && (r->crtc[CRTC_V_RETRACE_END] & CRTC_PROTECT)) {
		if (i < CRTC_OVERFLOW)
			return;
		v = (uint8_t)((r->crtc[i] & ~CRTC_COMPARE8) | (v & CRTC_COMPARE8));
	}
	if (r->crtc[i] != v && (CRTC_CURSOR >> i & 1))
		vga_touched(core);
	set_visible(core, &r->crtc[i], v, CRTC_VISIBLE >> i & 1);
}

// --- DAC ---

static uint8_t dac_mask_read(struct vga_core *core) { return core->regs.dac_mask; }
static void dac_mask_write(struct vga_core *core, uint8_t v)
{
	set_visible(core, &core->regs.dac_mask, v, true);
}
static uint8_t dac_state_read(struct vga_core *core) { return core->regs.dac_state; }
static uint8_t dac_index_read(struct vga_core *core) { return core->regs.dac_write; }

static void dac_read_index_write(struct vga_core *core, uint8_t v)
{
	core->regs.dac_read = v;
	core->regs.dac_component = 0;
	core->regs.dac_state = 3;
}

static void dac_write_index_write(struct vga_core *core, uint8_t v)
{
	core->regs.dac_write = v;
	core->regs.dac_component = 0;
	core->regs.dac_state = 0;
}

static uint8_t dac_width_mask(const struct vga_core *core)
{
	return core->regs.vbe[VBE_ENABLE] & VBE_8BIT_DAC ? 0xff : 0x3f;
}

static uint8_t dac_read(struct vga_core *core)
{
	struct vga_regs *r = &core->regs;
	uint8_t v = r->dac[r->dac_read * 3 + r->dac_component] & dac_width_mask(core);

	if (++r->dac_component == 3) {
		r->dac_component = 0;
		r->dac_read++;
	}
	return v;
}

// An entry changes when its third byte arrives.
static void dac_write(struct vga_core *core, uint8_t v)
{
	struct vga_regs *r = &core->regs;
	uint8_t *entry = &r->dac[r->dac_write * 3];

	v &= dac_width_mask(core);
	if (r->dac_component < 2) {
		r->dac_latch[r->dac_component++] = v;
		return;
	}
	set_visible(core, &entry[0], r->dac_latch[0], true);
	set_visible(core, &entry[1], r->dac_latch[1], true);
	set_visible(core, &entry[2], v, true);
	r->dac_component = 0;
	r->dac_write++;
}

// --- miscellaneous output, status, feature control ---

static uint8_t misc_read(struct vga_core *core) { return core->regs.misc; }
static void misc_write(struct vga_core *core, uint8_t v) { core->regs.misc = v; }
static uint8_t feature_read(struct vga_core *core) { return core->regs.feature; }
static void feature_write(struct vga_core *core, uint8_t v) { core->regs.feature = v & 0x0b; }
static uint8_t status0_read(struct vga_core *core) { return STATUS0_SENSE; }

// Where the beam is follows from the time, so that programs which count frames run at the right speed. The
// retrace bit stays for all of the vertical blanking: a guest with slow port reads must not miss it.
static uint8_t status1_read(struct vga_core *core)
{
	bool tall = (core->regs.misc >> 6) == 3;        // both sync pulses negative: 480 lines, 60 Hz
	uint64_t lines = tall ? 525 : 449, visible = tall ? 480 : 400;
	uint64_t frame = tall ? 16683333 : 14268000;
	uint64_t phase = core->host.now(core->host.arg) % frame * lines;
	uint64_t line = phase / frame, dot = phase % frame;
	uint8_t v = 0;

	core->regs.attr_data = 0;
	if (line >= visible)
		v = STATUS1_RETRACE | STATUS1_BLANK;
	else if (dot >= frame / 5 * 4)
		v = STATUS1_BLANK;
	return v;
}

// --- decoding ---

struct vga_port {
	uint8_t (*read)(struct vga_core *core);
	void (*write)(struct vga_core *core, uint8_t v);
};

#define MONO(p)   [(p) - PORT_FIRST]
#define BOTH(p)   [(p) - PORT_FIRST]
#define COLOUR(p) [(p) - PORT_FIRST]
static const struct vga_port vga_ports[PORT_LAST - PORT_FIRST + 1] = {
	MONO(0x3b4)   = { crtc_index_read, crtc_index_write },
	MONO(0x3b5)   = { crtc_read, crtc_write },
	MONO(0x3ba)   = { status1_read, feature_write },
	BOTH(0x3c0)   = { attr_index_read, attr_write },
	BOTH(0x3c1)   = { attr_read, NULL },
	BOTH(0x3c2)   = { status0_read, misc_write },
	BOTH(0x3c4)   = { seq_index_read, seq_index_write },
	BOTH(0x3c5)   = { seq_read, seq_write },
	BOTH(0x3c6)   = { dac_mask_read, dac_mask_write },
	BOTH(0x3c7)   = { dac_state_read, dac_read_index_write },
	BOTH(0x3c8)   = { dac_index_read, dac_write_index_write },
	BOTH(0x3c9)   = { dac_read, dac_write },
	BOTH(0x3ca)   = { feature_read, NULL },
	BOTH(0x3cc)   = { misc_read, NULL },
	BOTH(0x3ce)   = { gfx_index_read, gfx_index_write },
	BOTH(0x3cf)   = { gfx_read, gfx_write },
	COLOUR(0x3d4) = { crtc_index_read, crtc_index_write },
	COLOUR(0x3d5) = { crtc_read, crtc_write },
	COLOUR(0x3da) = { status1_read, feature_write },
};

// NULL for ports that are nobody's, or of the half that bit 0 of the miscellaneous register turns off.
static const struct vga_port *find_port(const struct vga_core *core, uint16_t port)
{
	bool colour = core->regs.misc & MISC_COLOUR;

	if (port < PORT_FIRST || port > PORT_LAST)
		return NULL;
	if ((port < 0x3c0 && colour) || (port >= 0x3d0 && !colour))
		return NULL;
	return &vga_ports[port - PORT_FIRST];
}

uint8_t vga_port_read(struct vga_core *core, uint16_t port)
{
	const struct vga_port *p = find_port(core, port);

	return p && p->read ? p->read(core) : 0xff;
}

void vga_port_write(struct vga_core *core, uint16_t port, uint8_t value)
{
	const struct vga_port *p = find_port(core, port);

	if (p && p->write)
		p->write(core, value);
}
