// acpi.h: the ACPI tables of the machine, with VMware's identifiers.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Tables go to the firmware as two files and a script that places and joins them (loader.h). Up to hardware
// version 6 they are those of ACPI 1.0; from 7 on an XSDT and a FADT of revision 4 are there as well. What is
// described is what exists. Slots behind PCI bridges and root ports carry the numbers that guests make names of.
#ifndef BERTH_FIRMWARE_ACPI_H
#define BERTH_FIRMWARE_ACPI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "hw/firmware/blob.h"

struct fw_cfg;

#define ACPI_MAX_CPUS 1024u

// Fixed hardware, as the tables promise it.
enum acpi_fixed {
	ACPI_PM_BASE = 0x1000,          // status/enable +0, control +4, timer +8, GPE0 +0ch
	ACPI_SCI = 9,
	ACPI_SMI_COMMAND = 0xb2,
	ACPI_SMI_ENABLE = 0xf1,
	ACPI_SMI_DISABLE = 0xf0,
	ACPI_RESET_PORT = 0xcf9,
	ACPI_RESET_VALUE = 6,
	ACPI_IOAPIC_ID = 1,
};

#define ACPI_PCI_FIRST 0xc0000000u
#define ACPI_PCI_LAST  0xfebfffffu

// A device that the slot's label method names.
struct acpi_label {
	uint8_t bridge_devfn, device;   // behind which function of bus 0, and where there
	uint32_t index;
	char name[16];                  // "ethernet0"
};

// A bridge of bus 0 with slots behind it.
struct acpi_bridge {
	unsigned index;                 // N of pciBridgeN: names are made of it
	uint8_t device;                 // on bus 0
	unsigned functions;             // root ports: 1..8, one slot each; 0: a PCI bridge with 32 slots
	unsigned slot;                  // number of the first slot
};

#define ACPI_MAX_BRIDGES 8u

struct acpi_args {
	int hw_version;
	unsigned cpus;                  // 1 .. ACPI_MAX_CPUS
	// Processors that MADT and SRAT list: CPUS, or more, of which the others are not there; 0 = CPUS.
	unsigned listed_cpus;
	const uint32_t *apic_ids;       // one for each of them; from 255 on they are listed as x2APICs
	bool hpet;
	bool rtc_no_ack;                // the RTC raises its line again though nobody read register C (WAET)
	bool ps2;                       // keyboard controller with keyboard and mouse
	unsigned serial_ports;          // bit 0 = COM1 .. bit 3 = COM4
	uint64_t genid;                 // address of the VM generation ID, 0 = no such device
	// Window for memory BARs; 0 = C0000000h, FEBFFFFFh. E0000000h..E7FFFFFFh must be inside.
	uint32_t pci_first, pci_last;
	bool ecam;                      // memory-mapped configuration space at ECAM_BASE, inside that window
	const struct acpi_bridge *bridges;
	unsigned bridge_count;          // up to ACPI_MAX_BRIDGES
	const struct acpi_label *labels;
	unsigned label_count;
	bool hot_add;                   // CPUs or memory may be added: SRAT
	uint64_t low_size, high_size;   // RAM below and above 4 GiB, for SRAT
};

// The three files, built. Release with acpi_files_free(), also after an error.
struct acpi_files {
	struct blob rsdp, tables, script;
};
int acpi_files_build(const struct acpi_args *args, struct acpi_files *files, struct err *err);
void acpi_files_free(struct acpi_files *files);

// Builds the tables and adds etc/acpi/rsdp, etc/acpi/tables and etc/table-loader. Before the machine starts.
int acpi_build(const struct acpi_args *args, struct fw_cfg *fw, struct err *err);

#endif
