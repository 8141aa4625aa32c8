// vga_internal.h: what the files of the VGA core share.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_DISPLAY_VGA_INTERNAL_H
#define BERTH_DISPLAY_VGA_INTERNAL_H

#include "hw/display/vga_core.h"

// Tells the host, once between two renders, that there is something to draw.
static inline void vga_touched(struct vga_core *core)
{
	if (core->touched)
		return;
	core->touched = true;
	core->host.touched(core->host.arg);
}

void vbe_reset(struct vga_core *core);

#endif
