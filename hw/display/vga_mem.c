// vga_mem.c: the window at A0000h: planes, latches, write modes, chained and banked addressing.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/bytes.h"
#include "hw/display/vga_core.h"
#include "hw/display/vga_internal.h"

// Where an access lands: a plane offset and the planes that the address selects.
struct vga_place {
	uint32_t offset;
	unsigned planes;
};

// Four plane bits become a mask of four bytes.
static uint32_t plane_mask(unsigned planes)
{
	uint32_t m = 0;

	for (unsigned p = 0; p < 4; p++)
		if (planes & (1u << p))
			m |= 0xffu << (8 * p);
	return m;
}

static uint8_t rotate_right(uint8_t v, unsigned n)
{
	n &= 7;
	return (uint8_t)((v >> n) | (v << (8 - n)));
}

// False when nothing answers at OFFSET; else *OUT is the offset in the mapped window.
static bool in_window(const struct vga_core *core, uint32_t offset, uint32_t *out)
{
	static const struct { uint32_t base, size; } windows[4] = {
		{ 0x00000, 0x20000 }, { 0x00000, 0x10000 }, { 0x10000, 0x08000 }, { 0x18000, 0x08000 },
	};
	unsigned map = core->regs.gfx[GFX_MISC] >> 2 & 3;

	if (!(core->regs.misc & MISC_RAM) || offset < windows[map].base)
		return false;
	*out = offset - windows[map].base;
	return *out < windows[map].size;
}

static bool banked_linear(const struct vga_core *core)
{
	return vbe_enabled(core) && core->regs.vbe[VBE_BPP] != 4;
}

static uint32_t bank_base(const struct vga_core *core)
{
	return (uint32_t)core->regs.vbe[VBE_BANK] << 16;
}

// The plane offset and planes for a write (WRITE) or a read; false beyond video memory.
static bool place(const struct vga_core *core, uint32_t offset, bool write, struct vga_place *out)
{
	const struct vga_regs *r = &core->regs;
	bool odd_even = write ? !(r->seq[SEQ_MEMORY_MODE] & MEMORY_SEQUENTIAL) :
				(r->gfx[GFX_MODE] & GFX_MODE_ODD_EVEN) != 0;

	if (vbe_enabled(core)) {
		out->offset = bank_base(core) + offset;
		out->planes = 0xf;
	} else if (r->seq[SEQ_MEMORY_MODE] & MEMORY_CHAIN4) {
		// Address bits 0 and 1 choose the plane; 14 and 15 take their place, as in the CRTC's
		// double word mode.
		out->offset = (offset & 0xfffc) | (offset >> 14 & 3);
		out->planes = 1u << (offset & 3);
	} else if (odd_even) {
		out->offset = (offset & 0xfffe) | (offset >> 16 & 1);
		out->planes = offset & 1 ? 0xa : 0x5;
	} else {
		out->offset = offset & 0xffff;
		out->planes = 0xf;
	}
	return out->offset < core->vram_size / 4;
}

static void mark(struct vga_core *core, uint32_t byte)
{
	uint32_t page = byte >> VGA_PAGE_SHIFT;

	core->dirty[page / 64] |= 1ull << (page % 64);
	vga_touched(core);
}

static unsigned read_plane(const struct vga_regs *r, unsigned planes)
{
	unsigned map = r->gfx[GFX_READ_MAP] & 3;

	if (planes == 0xf)
		return map;
	if (planes == 0x5 || planes == 0xa)     // odd/even: bit 0 comes from the address
		return (map & 2) | (planes == 0xa);
	return (unsigned)__builtin_ctz(planes);
}

// Read mode 1: a bit is set where all planes that matter have the compared colour.
static uint8_t colour_compare(const struct vga_regs *r)
{
	uint32_t t = (r->latch ^ plane_mask(r->gfx[GFX_COLOUR_COMPARE])) & plane_mask(r->gfx[GFX_DONT_CARE]);

	return (uint8_t)~(t | t >> 8 | t >> 16 | t >> 24);
}

uint8_t vga_window_read(struct vga_core *core, uint32_t offset)
{
	struct vga_regs *r = &core->regs;
	struct vga_place at;

	if (!in_window(core, offset, &offset))
		return 0xff;
	if (banked_linear(core))
		return (uint8_t)vga_linear_read(core, (uint64_t)bank_base(core) + offset, 1);
	if (!place(core, offset, false, &at))
		return 0xff;
	r->latch = get_le32(core->vram + (size_t)at.offset * 4);
	if (r->gfx[GFX_MODE] & GFX_MODE_READ1)
		return colour_compare(r);
	return (uint8_t)(r->latch >> (8 * read_plane(r, at.planes)));
}

static uint32_t logic_unit(const struct vga_regs *r, uint32_t v)
{
	switch (r->gfx[GFX_ROTATE] >> 3 & 3) {
	case 1: return v & r->latch;
	case 2: return v | r->latch;
	case 3: return v ^ r->latch;
	default: return v;
	}
}

// What the four planes get: write modes 0 to 3.
static uint32_t write_data(const struct vga_regs *r, uint8_t value)
{
	uint32_t set = plane_mask(r->gfx[GFX_SET_RESET]), enable, v;
	uint8_t bits = r->gfx[GFX_BIT_MASK];
	uint32_t mask;

	switch (r->gfx[GFX_MODE] & 3) {
	case 0:
		enable = plane_mask(r->gfx[GFX_ENABLE_SET_RESET]);
		v = rotate_right(value, r->gfx[GFX_ROTATE]) * 0x01010101u;
		v = (v & ~enable) | (set & enable);
		break;
	case 1:
		return r->latch;
	case 2:
		v = plane_mask(value & 0xf);
		break;
	default:
		bits &= rotate_right(value, r->gfx[GFX_ROTATE]);
		v = set;
		break;
	}
	mask = bits * 0x01010101u;
	return (logic_unit(r, v) & mask) | (r->latch & ~mask);
}

void vga_window_write(struct vga_core *core, uint32_t offset, uint8_t value)
{
	struct vga_regs *r = &core->regs;
	struct vga_place at;
	uint32_t mask, old;
	uint8_t *word;

	if (!in_window(core, offset, &offset))
		return;
	if (banked_linear(core)) {
		vga_linear_write(core, (uint64_t)bank_base(core) + offset, 1, value);
		return;
	}
	if (!place(core, offset, true, &at))
		return;
	at.planes &= r->seq[SEQ_MAP_MASK];
	mask = plane_mask(at.planes);
	word = core->vram + (size_t)at.offset * 4;
	old = get_le32(word);
	put_le32(word, (old & ~mask) | (write_data(r, value) & mask));
	// Fonts are in plane 2: a changed glyph may show anywhere on a text screen.
	if ((at.planes & 4) && !(r->gfx[GFX_MISC] & GFX_MISC_GRAPHICS))
		core->redraw = true;
	mark(core, at.offset * 4);
}

uint64_t vga_linear_read(const struct vga_core *core, uint64_t offset, unsigned size)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < size && i < 8; i++) {
		uint64_t at = offset + i;
		uint8_t byte = at < core->vram_size ? core->vram[at] : 0xff;

		v |= (uint64_t)byte << (8 * i);
	}
	return v;
}

void vga_linear_write(struct vga_core *core, uint64_t offset, unsigned size, uint64_t value)
{
	for (unsigned i = 0; i < size && i < 8; i++) {
		uint64_t at = offset + i;

		if (at >= core->vram_size)
			continue;
		core->vram[at] = (uint8_t)(value >> (8 * i));
		mark(core, (uint32_t)at);
	}
	if (!vbe_enabled(core))
		vga_linear_written(core);
}

void vga_linear_written(struct vga_core *core)
{
	// Seen from VGA modes this memory holds fonts too.
	if (!vbe_enabled(core) && !(core->regs.gfx[GFX_MISC] & GFX_MISC_GRAPHICS))
		core->redraw = true;
	vga_touched(core);
}
