// vga_core.c: the VGA core's life: set-up, reset, the table of saved registers.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/display/vga_core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "hw/display/vga_internal.h"

// One line in dots and a character more for panning: 256 characters of nine, or the widest planar VBE mode.
#define MAX_DOTS (CONSOLE_MAX_WIDTH + 16u)
_Static_assert(MAX_DOTS >= 257 * 9, "text lines fit");

static const struct field vga_field_list[] = {
	FIELD(struct vga_regs, misc),
	FIELD(struct vga_regs, feature),
	FIELD(struct vga_regs, seq_index),
	FIELD(struct vga_regs, gfx_index),
	FIELD(struct vga_regs, crtc_index),
	FIELD(struct vga_regs, attr_index),
	FIELD(struct vga_regs, attr_data),
	FIELD_ARRAY(struct vga_regs, seq),
	FIELD_ARRAY(struct vga_regs, gfx),
	FIELD_ARRAY(struct vga_regs, crtc),
	FIELD_ARRAY(struct vga_regs, attr),
	FIELD(struct vga_regs, dac_mask),
	FIELD(struct vga_regs, dac_state),
	FIELD(struct vga_regs, dac_read),
	FIELD(struct vga_regs, dac_write),
	FIELD(struct vga_regs, dac_component),
	FIELD_ARRAY(struct vga_regs, dac_latch),
	FIELD_ARRAY(struct vga_regs, dac),
	FIELD(struct vga_regs, latch),
	FIELD(struct vga_regs, vbe_index),
	FIELD_ARRAY(struct vga_regs, vbe),
	FIELD(struct vga_regs, svga_index),
};

// Only what is used as an index needs limits; every other value is legal.
static void sanitize(void *regs)
{
	struct vga_regs *r = regs;

	r->seq_index &= 7;
	r->gfx_index &= 0xf;
	r->attr_index &= 0x3f;
	r->attr_data &= 1;
	r->dac_state = r->dac_state ? 3 : 0;
	if (r->dac_component > 2)
		r->dac_component = 0;
}

const struct fields vga_fields = {
	.name = "vga",
	.version = 1,
	.struct_size = sizeof(struct vga_regs),
	.list = vga_field_list,
	.count = ARRAY_SIZE(vga_field_list),
	.sanitize = sanitize,
};

int vga_core_init(struct vga_core *core, const struct vga_setup *setup)
{
	memset(core, 0, sizeof(*core));
	if (setup->vram_size < VGA_MIN_VRAM || setup->vram_size > VGA_MAX_VRAM || setup->vram_size & 0xffff)
		return -EINVAL;
	core->host = setup->host;
	core->vram = setup->vram;
	core->vram_size = setup->vram_size;
	core->max_width =
		setup->max_width ? MIN(MAX(setup->max_width, 640u), CONSOLE_MAX_WIDTH) : CONSOLE_MAX_WIDTH;
	core->max_height = setup->max_height ? MIN(MAX(setup->max_height, 480u), CONSOLE_MAX_HEIGHT)
					     : CONSOLE_MAX_HEIGHT;
	core->dirty_words = ((core->vram_size >> VGA_PAGE_SHIFT) + 63) / 64;
	core->dirty = calloc(core->dirty_words, sizeof(*core->dirty));
	core->dots = calloc(MAX_DOTS, sizeof(*core->dots));
	core->line = calloc(CONSOLE_MAX_WIDTH, sizeof(*core->line));
	if (!core->dirty || !core->dots || !core->line) {
		vga_core_destroy(core);
		return -ENOMEM;
	}
	core->touched = true;           // nobody is told before the first render
	vga_core_reset(core);
	return 0;
}

void vga_core_destroy(struct vga_core *core)
{
	free(core->dirty);
	free(core->dots);
	free(core->line);
	core->dirty = NULL;
	core->dots = NULL;
	core->line = NULL;
}

void vga_core_reset(struct vga_core *core)
{
	memset(&core->regs, 0, sizeof(core->regs));
	core->regs.misc = MISC_COLOUR;  // so that the firmware finds the CRTC where it looks first
	core->regs.dac_mask = 0xff;
	vbe_reset(core);
	vga_touch_all(core);
}
