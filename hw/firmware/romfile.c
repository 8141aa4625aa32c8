// romfile.c: the firmware's images: finding, checking, and laying them out in the guest's memory.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/firmware/romfile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/file.h"
#include "bus/gmem.h"
#include "hw/firmware/blob.h"
#include "hw/firmware/fw_cfg.h"

#define PAGE            4096u
#define KIB             1024u
#define LEGACY_BIOS     (128u * KIB)            // E0000h..FFFFFh
#define TOP_OF_4G       0x100000000ull
#define RESET_VECTOR    16u                     // bytes before the end
#define FAR_JUMP        0xeau

static const char *const folders[] = {
	"/usr/share/seabios",
	"/usr/share/qemu",
	"/usr/share/qemu-kvm",
	"/usr/share/kvm",
	"/usr/local/share/seabios",
	"/usr/local/share/qemu",
};
static const char *const bios_names[] = { "bios-256k.bin", "bios.bin" };
static const char *const vga_names[] = { "vgabios-vmware.bin" };

// --- finding -----------------------------------------------------------------------------------------

// What one image is: its names, its limits, what a person calls it.
struct kind {
	const char *what;
	const char *key;                // .vmx key that names a file of one's own
	const char *const *names;       // the best one first, wherever it lies
	size_t name_count;
	size_t max;
	int (*check)(const uint8_t *data, size_t len, const char *path, struct err *err);
};

static bool search(const struct kind *kind, char path[PATH_MAX])
{
	for (size_t n = 0; n < kind->name_count; n++) {
		for (size_t f = 0; f < ARRAY_SIZE(folders); f++) {
			snprintf(path, PATH_MAX, "%s/%s", folders[f], kind->names[n]);
			if (access(path, R_OK) == 0)
				return true;
		}
	}
	return false;
}

// Reads and checks the file at WANTED, or the one found. PATH tells which it was.
static int read_image(const struct kind *kind, const char *wanted, char path[PATH_MAX], char **data,
		      size_t *len, struct err *err)
{
	int r;

	if (wanted) {
		snprintf(path, PATH_MAX, "%s", wanted);
	} else if (!search(kind, path)) {
		r = err_set(err, ENOENT, kind->names[0], "%s is not installed", kind->what);
		err_remedy(err, "Install it (apt install seabios) or name the file with %s in the .vmx",
			   kind->key);
		err_exit(err, EXIT_HOST);
		return r;
	}
	r = file_read(path, kind->max, data, len, err);
	if (r == 0) {
		r = kind->check((const uint8_t *)*data, *len, path, err);
		if (r < 0)
			free(*data);
	}
	if (r < 0) {
		if (wanted)
			err_remedy(err, "Correct %s in the .vmx or remove it", kind->key);
		else
			err_remedy(err, "Reinstall it (apt install --reinstall seabios)");
		err_exit(err, wanted ? EXIT_CONFIG : EXIT_HOST);
	}
	return r;
}

// --- checking ----------------------------------------------------------------------------------------

static int check_bios(const uint8_t *data, size_t len, const char *path, struct err *err)
{
	if (len != LEGACY_BIOS && len != FIRMWARE_BIOS_MAX)
		return err_set(err, EINVAL, path, "is no BIOS image: it has %zu bytes, not 128 or 256 KiB",
			       len);
	if (data[len - RESET_VECTOR] != FAR_JUMP)
		return err_set_at(err, EINVAL, path, len - RESET_VECTOR,
				  "is no BIOS image: no jump at the reset vector");
	return 0;
}

enum option_rom { ROM_LENGTH = 2, ROM_PCIR = 0x18, PCIR_VENDOR = 4, PCIR_DEVICE = 6, PCIR_SIZE = 0x18 };

// The PCI data structure must name VMware's adapter, else SeaBIOS would not run it.
static bool for_svga(const uint8_t *data, size_t len)
{
	size_t at = get_le16(data + ROM_PCIR);

	return at <= len - PCIR_SIZE && !memcmp(data + at, "PCIR", 4) &&
	       get_le16(data + at + PCIR_VENDOR) == 0x15ad && get_le16(data + at + PCIR_DEVICE) == 0x0405;
}

static int check_vga(const uint8_t *data, size_t len, const char *path, struct err *err)
{
	size_t told;

	if (len < 512 || data[0] != 0x55 || data[1] != 0xaa)
		return err_set(err, EINVAL, path, "is no option ROM: it does not begin with 55h AAh");
	told = data[ROM_LENGTH] * 512u;
	if (!told || told > len)
		return err_set_at(err, EINVAL, path, ROM_LENGTH, "is truncated: %zu of %zu bytes are there",
				  len, told);
	if (blob_checksum(data, told) != 0)
		return err_set(err, EINVAL, path, "is damaged: its checksum is wrong");
	if (!for_svga(data, told))
		return err_set(err, EINVAL, path, "is a ROM for another device than 15ad:0405");
	return 0;
}

static const struct kind bios_kind = {
	.what = "SeaBIOS", .key = "berth.bios", .names = bios_names, .name_count = ARRAY_SIZE(bios_names),
	.max = FIRMWARE_BIOS_MAX, .check = check_bios,
};
static const struct kind vga_kind = {
	.what = "SeaBIOS's VGA BIOS",
	.key = "berth.vgabios",
	.names = vga_names,
	.name_count = ARRAY_SIZE(vga_names),
	.max = FIRMWARE_VGA_MAX,
	.check = check_vga,
};

// --- loading -----------------------------------------------------------------------------------------

static int load_bios(const char *wanted, struct firmware_roms *roms, struct err *err)
{
	char *data;
	int r = read_image(&bios_kind, wanted, roms->bios_path, &data, &roms->bios_size, err);

	if (r < 0)
		return r;
	roms->bios = aligned_alloc(PAGE, roms->bios_size);
	if (roms->bios)
		memcpy(roms->bios, data, roms->bios_size);
	else
		r = err_set(err, ENOMEM, roms->bios_path, "no memory to load it");
	free(data);
	return r;
}

static int load_vga(const char *wanted, struct firmware_roms *roms, struct err *err)
{
	char *data;
	int r = read_image(&vga_kind, wanted, roms->vga_path, &data, &roms->vga_size, err);

	if (r == 0)
		roms->vga = (uint8_t *)data;
	return r;
}

int firmware_roms_load(const char *bios_path, const char *vga_path, struct firmware_roms *roms,
		       struct err *err)
{
	int r;

	*roms = (struct firmware_roms){ 0 };
	r = load_bios(bios_path, roms, err);
	if (r == 0)
		r = load_vga(vga_path, roms, err);
	if (r < 0)
		firmware_roms_free(roms);
	return r;
}

void firmware_roms_free(struct firmware_roms *roms)
{
	free(roms->bios);
	free(roms->vga);
	free(roms->image);
	*roms = (struct firmware_roms){ 0 };
}

// --- layout ------------------------------------------------------------------------------------------

void firmware_rom_layout(const struct firmware_roms *roms, uint8_t image[FIRMWARE_IMAGE_SIZE])
{
	memset(image, 0xff, FIRMWARE_IMAGE_SIZE);
	memcpy(image + FIRMWARE_IMAGE_SIZE - LEGACY_BIOS, roms->bios + roms->bios_size - LEGACY_BIOS,
	       LEGACY_BIOS);
}

int firmware_roms_map(struct firmware_roms *roms, struct gmem *mem, struct err *err)
{
	const struct gmem_region_args args = {
		.name = "bios", .size = roms->bios_size, .readonly = true, .backing = roms->bios,
	};
	struct gmem_region *region;
	int r;

	roms->image = aligned_alloc(PAGE, FIRMWARE_IMAGE_SIZE);
	if (!roms->image)
		return err_set(err, ENOMEM, roms->bios_path, "no memory to map it");
	firmware_rom_layout(roms, roms->image);
	r = gmem_region_create(mem, &args, &region, err);
	if (r < 0)
		return r;
	r = gmem_region_map(region, gpa(TOP_OF_4G - roms->bios_size));
	if (r < 0)
		return err_set(err, -r, roms->bios_path, "cannot be mapped below 4 GiB: %s", strerror(-r));
	gmem_pam_rom(mem, roms->image);
	return 0;
}

int firmware_roms_add(const struct firmware_roms *roms, struct fw_cfg *fw, struct err *err)
{
	int r = fw_cfg_add_file(fw, FIRMWARE_VGA_FILE, roms->vga, roms->vga_size);

	return r < 0 ? err_set(err, -r, roms->vga_path, "cannot be offered to the firmware: %s", strerror(-r))
		     : 0;
}
