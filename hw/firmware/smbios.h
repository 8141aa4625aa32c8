// smbios.h: the SMBIOS structures of the machine, as the BIOS of VMware's platform gives them.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Version 2.4, or 2.7 from hardware version 14 on. The UUID's sixteen bytes are stored as uuid.bios writes
// them; a reader swaps the first three fields from SMBIOS 2.6 on, as it does on VMware.
#ifndef BERTH_FIRMWARE_SMBIOS_H
#define BERTH_FIRMWARE_SMBIOS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "hw/firmware/blob.h"

struct fw_cfg;

#define SMBIOS_HW_VERSION_2_7 14        // first virtualHW.version with SMBIOS 2.7
#define SMBIOS_ANCHOR_SIZE    31u
#define SMBIOS_MEM_MB_MAX     (1ull << 30)

struct smbios_cpu {
	char vendor[13];                // leaf 0: "GenuineIntel"
	char brand[49];                 // leaves 80000002h..4h, or empty
	uint32_t signature, features;   // leaf 1: EAX and EDX
	unsigned mhz;
	bool long_mode;
};

struct smbios_args {
	int hw_version;
	const uint8_t *uuid;            // 16 bytes of uuid.bios
	const char *uuid_text; // as the .vmx has it, for the serial number; NULL = made from the bytes
	unsigned cpus, cores_per_socket;
	uint64_t mem_mb;
	struct smbios_cpu cpu;
	bool no_oem_strings;            // smbios.noOEMStrings
	const char *host_vendor;        // smbios.addHostVendor: another OEM string; NULL = none
	const char *manufacturer;       // smbios.reflectHost: the host's; NULL = VMware's
	const char *product;
	const char *serial;             // serialNumber; NULL = from the UUID
	const char *board;              // board-id; NULL = VMware's
	bool short_serial;              // SMBIOS.use12CharSerialNumber
};

struct smbios_files {
	struct blob tables;
	uint8_t anchor[SMBIOS_ANCHOR_SIZE]; // entry point; the firmware fills in the address of the tables
};
// Release FILES->tables with blob_free(), also after an error.
int smbios_files_build(const struct smbios_args *args, struct smbios_files *files, struct err *err);

// Builds them and adds etc/smbios/smbios-tables and etc/smbios/smbios-anchor. Before the machine starts.
int smbios_build(const struct smbios_args *args, struct fw_cfg *fw, struct err *err);

// The host's own names, for smbios.reflectHost and its like.
struct smbios_host { char manufacturer[65], product[65], serial[65], board[65]; };
// Reads them from /sys/class/dmi/id; what the host does not tell stays empty. Any thread.
void smbios_host_read(struct smbios_host *host);

#endif
