// romfile.h: the firmware's images: finding, checking, and laying them out in the guest's memory.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// SeaBIOS and its VGA BIOS come from the host's package and are used as they are. The BIOS is visible twice:
// all of it below 4 GiB, its last 128 KiB at E0000h..FFFFFh. The VGA BIOS is handed to SeaBIOS as a file
// whose name says for which PCI device it is; SeaBIOS then takes it in place of the device's ROM BAR.
#ifndef BERTH_FIRMWARE_ROMFILE_H
#define BERTH_FIRMWARE_ROMFILE_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct fw_cfg;
struct gmem;

#define FIRMWARE_IMAGE_SIZE 0x40000u    // C0000h..FFFFFh
#define FIRMWARE_BIOS_MAX   0x40000u
#define FIRMWARE_VGA_MAX    0x10000u
#define FIRMWARE_VGA_FILE   "pci15ad,0405.rom"

struct firmware_roms {
	uint8_t *bios;                  // page aligned, owned
	size_t bios_size;               // 128 or 256 KiB
	uint8_t *vga;                   // owned
	size_t vga_size;
	uint8_t *image;                 // owned; made by firmware_roms_map()
	char bios_path[PATH_MAX], vga_path[PATH_MAX];   // which files they are
};

// Reads both. A path of NULL means: search the places where distributions put them. The error names what to
// install (EXIT_HOST), or the file that was asked for and is not what it should be (EXIT_CONFIG). Nothing
// needs to be freed after an error. Any thread.
int firmware_roms_load(const char *bios_path, const char *vga_path, struct firmware_roms *roms,
		       struct err *err);
void firmware_roms_free(struct firmware_roms *roms);
// Fills the image of C0000h..FFFFFh: all ones, then the BIOS's end at its end.
void firmware_rom_layout(const struct firmware_roms *roms, uint8_t image[FIRMWARE_IMAGE_SIZE]);
// Maps the BIOS read-only to the top of 4 GiB and gives gmem the image behind the PAM registers. ROMS must
// stay as long as MEM. Before the machine starts.
int firmware_roms_map(struct firmware_roms *roms, struct gmem *mem, struct err *err);
// Adds the VGA BIOS for SeaBIOS. Before the machine starts.
int firmware_roms_add(const struct firmware_roms *roms, struct fw_cfg *fw, struct err *err);

#endif
