// ecam.h: memory-mapped configuration space: 4096 bytes for each function, 1 MiB for each bus.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_PCI_ECAM_H
#define BERTH_PCI_ECAM_H

#include "hw/pci/pci.h"

// VMware's place with EFI. With its BIOS VMware has F0000000h, where SeaBIOS, which fills the hole from FEC00000h
// downwards, puts the frame buffer. 128 buses as on VMware.
#define ECAM_BASE  0xe0000000u
#define ECAM_BUSES 128u
#define ECAM_SIZE  (ECAM_BUSES << 20)

// Embedded in the host bridge.
struct ecam {
	struct pci_root *root;
	struct bus *mmio;
	struct bus_range range;
};

// Claims the window on MMIO. On failure nothing is claimed. Before the machine starts.
int ecam_init(struct ecam *e, struct pci_root *root, struct bus *mmio, struct err *err);
// Gives it back; harmless on a zeroed struct.
void ecam_release(struct ecam *e);

#endif
