// vga.h: the display adapter on the bus: PCI 15ad:0405, VGA and VBE ports, video memory, refresh.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_DISPLAY_VGA_H
#define BERTH_DISPLAY_VGA_H

#include "bus/device.h"
#include "bus/platform.h"
#include "hw/pci/pci.h"

struct vga;

struct vga_args {
	struct pci_bus *bus;
	uint8_t devfn;                  // VMware: 00:0f.0
	uint64_t vram;                  // bytes, 4 MiB to 128 MiB; rounded up to 64 KiB, 0 = 16 MiB
	uint32_t max_width, max_height; // of VBE modes; 0 = 2560x1600
};

// Creates the adapter, attaches it to args->bus, claims the VGA's and VBE's ports and A0000h-BFFFFh, and
// becomes the source of platform->console. PLATFORM must outlive it. On failure nothing stays claimed. Before
// the machine starts; later calls go through vga_class, with the struct vga as their device (destroy it
// before the buses and the console, after the PCI root's last access).
int vga_create(const struct platform *platform, const struct vga_args *args, struct vga **out,
	       struct err *err);
extern const struct device_class vga_class;

#endif
