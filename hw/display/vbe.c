// vbe.c: the Bochs display interface, through which the video BIOS sets VBE modes.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "base/compiler.h"
#include "hw/display/vga_core.h"
#include "hw/display/vga_internal.h"
#include "hw/display/vga_mode.h"

#define VBE_MIN_WIDTH 8u

bool vbe_enabled(const struct vga_core *core)
{
	return core->regs.vbe[VBE_ENABLE] & VBE_ENABLED;
}

void vbe_reset(struct vga_core *core)
{
	memset(core->regs.vbe, 0, sizeof(core->regs.vbe));
	core->regs.vbe[VBE_ID] = VBE_ID5;
	core->regs.vbe[VBE_BPP] = 8;
}

static bool known_bpp(unsigned bpp)
{
	return bpp == 4 || bpp == 8 || bpp == 15 || bpp == 16 || bpp == 24 || bpp == 32;
}

// Bytes of video memory under PIXELS pixels; four interleaved planes hold eight pixels in four bytes.
static uint32_t row_bytes(unsigned bpp, uint32_t pixels)
{
	return bpp == 4 ? pixels / 2 : pixels * ((bpp + 7) / 8);
}

void vbe_mode_get(const struct vga_core *core, struct vbe_mode *m)
{
	const uint16_t *r = core->regs.vbe;
	uint32_t unit;

	m->bpp = known_bpp(r[VBE_BPP]) ? r[VBE_BPP] : 8;
	unit = m->bpp == 4 ? 8 : 1;     // planes are addressed by bytes of eight pixels
	m->width = MIN(MAX((uint32_t)r[VBE_XRES], VBE_MIN_WIDTH), core->max_width) / unit * unit;
	m->virt_width = (MAX((uint32_t)r[VBE_VIRT_WIDTH], m->width) + unit - 1) / unit * unit;
	m->stride = row_bytes(m->bpp, m->virt_width);
	m->virt_height = core->vram_size / m->stride;
	m->height = MIN(MAX((uint32_t)r[VBE_YRES], 1u), MIN(core->max_height, m->virt_height));
	m->x = MIN((uint32_t)r[VBE_X_OFFSET], m->virt_width - m->width) / unit * unit;
	m->y = MIN((uint32_t)r[VBE_Y_OFFSET], m->virt_height - m->height);
}

static uint16_t capability(const struct vga_core *core, unsigned index)
{
	switch (index) {
	case VBE_XRES: return (uint16_t)core->max_width;
	case VBE_YRES: return (uint16_t)core->max_height;
	default: return 32;
	}
}

uint16_t vbe_read(struct vga_core *core)
{
	const struct vga_regs *r = &core->regs;
	struct vbe_mode m;

	switch (r->vbe_index) {
	case VBE_XRES:
	case VBE_YRES:
	case VBE_BPP:
		if (r->vbe[VBE_ENABLE] & VBE_GETCAPS)
			return capability(core, r->vbe_index);
		return r->vbe[r->vbe_index];
	case VBE_VIRT_WIDTH:
		vbe_mode_get(core, &m);
		return (uint16_t)MIN(m.virt_width, 0xffffu);
	case VBE_VIRT_HEIGHT:
		vbe_mode_get(core, &m);
		return (uint16_t)MIN(m.virt_height, 0xffffu);
	case VBE_MEMORY_64K:
		return (uint16_t)(core->vram_size >> 16);
	default:
		return r->vbe_index < VBE_COUNT ? r->vbe[r->vbe_index] : 0;
	}
}

static void store(struct vga_core *core, unsigned index, uint16_t value)
{
	if (core->regs.vbe[index] == value)
		return;
	core->regs.vbe[index] = value;
	if (vbe_enabled(core))
		vga_touch_all(core);
}

// Modes start at the upper left corner of black memory, unless the guest asks to keep its contents.
static void mode_on(struct vga_core *core, uint16_t value)
{
	uint16_t *r = core->regs.vbe;
	struct vbe_mode m;

	r[VBE_VIRT_WIDTH] = r[VBE_XRES];
	r[VBE_X_OFFSET] = r[VBE_Y_OFFSET] = r[VBE_BANK] = 0;
	if (value & VBE_NOCLEARMEM)
		return;
	vbe_mode_get(core, &m);
	memset(core->vram, 0, (size_t)m.stride * m.height);
}

static void enable_write(struct vga_core *core, uint16_t value)
{
	uint16_t old = core->regs.vbe[VBE_ENABLE];

	core->regs.vbe[VBE_ENABLE] =
		value & (VBE_ENABLED | VBE_GETCAPS | VBE_8BIT_DAC | VBE_LFB | VBE_NOCLEARMEM);
	if ((value & VBE_ENABLED) && !(old & VBE_ENABLED))
		mode_on(core, value);
	if (!(value & VBE_ENABLED))
		core->regs.vbe[VBE_BANK] = 0;
	if ((value ^ old) & (VBE_ENABLED | VBE_8BIT_DAC))
		vga_touch_all(core);
}

static void bank_write(struct vga_core *core, uint16_t value)
{
	uint32_t memory = core->regs.vbe[VBE_BPP] == 4 ? core->vram_size / 4 : core->vram_size;

	if (value < memory >> 16)
		core->regs.vbe[VBE_BANK] = value;
}

void vbe_write(struct vga_core *core, uint16_t value)
{
	unsigned index = core->regs.vbe_index;

	switch (index) {
	case VBE_ID:
		if (value >= VBE_ID0 && value <= VBE_ID5)
			core->regs.vbe[VBE_ID] = value;
		break;
	case VBE_XRES:
		if (value <= core->max_width)
			store(core, index, value);
		break;
	case VBE_YRES:
		if (value <= core->max_height)
			store(core, index, value);
		break;
	case VBE_BPP:
		if (!value || known_bpp(value))
			store(core, index, value ? value : 8);
		break;
	case VBE_ENABLE:
		enable_write(core, value);
		break;
	case VBE_BANK:
		bank_write(core, value);
		break;
	case VBE_VIRT_WIDTH:
	case VBE_X_OFFSET:
	case VBE_Y_OFFSET:
		store(core, index, value);
		break;
	default:
		break;
	}
}
