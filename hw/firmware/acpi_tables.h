// acpi_tables.h: each ACPI table by itself, appended to a blob. Inside hw/firmware only.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_FIRMWARE_ACPI_TABLES_H
#define BERTH_FIRMWARE_ACPI_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "hw/firmware/acpi.h"
#include "hw/firmware/blob.h"

#define ACPI_OEM_REVISION 0x06040000u

enum acpi_header {
	ACPI_LENGTH = 4, ACPI_REVISION = 8, ACPI_CHECKSUM = 9, ACPI_OEM_ID = 10, ACPI_TABLE_ID = 16,
	ACPI_OEM_REV = 24, ACPI_CREATOR = 28, ACPI_CREATOR_REV = 32, ACPI_HEADER_SIZE = 36,
};

// Fields of the FADT that the loader fills in.
enum acpi_fadt_pointers { FADT_FACS = 36, FADT_DSDT = 40, FADT_X_DSDT = 140 };

// Who a table says it is by: 6, 8 and 4 characters.
struct acpi_ident { const char *oem, *table, *creator; uint32_t creator_revision; };

// Opens a table; what is written next is its content. Returns where it begins.
size_t acpi_table_begin(struct blob *b, const char *signature, unsigned revision,
			const struct acpi_ident *ident);
// Puts length and checksum in. Where the loader adds pointers later, clear the checksum again.
void acpi_table_end(struct blob *b, size_t at);

// Each appends one table and returns where it begins.
size_t acpi_put_facs(struct blob *b, const struct acpi_args *args);
size_t acpi_put_dsdt(struct blob *b, const struct acpi_args *args);
// Processors and, in acpi_pci.c, bridges and their slots.
size_t acpi_put_ssdt(struct blob *b, const struct acpi_args *args);
// FACS and DSDT are where those begin; the fields hold these offsets until the loader adds the address.
size_t acpi_put_fadt(struct blob *b, const struct acpi_args *args, size_t facs, size_t dsdt);
size_t acpi_put_madt(struct blob *b, const struct acpi_args *args);
size_t acpi_put_hpet(struct blob *b, const struct acpi_args *args);
size_t acpi_put_waet(struct blob *b, const struct acpi_args *args);
size_t acpi_put_mcfg(struct blob *b, const struct acpi_args *args);
size_t acpi_put_srat(struct blob *b, const struct acpi_args *args);
// The bridges' part of the SSDT.
void acpi_put_bridges(struct blob *b, const struct acpi_args *args);
// Whether processor number UID with APIC_ID can be a Processor object and a MADT entry of ACPI 1.0.
bool acpi_fits_processor(unsigned uid, uint32_t apic_id);
size_t acpi_put_boot(struct blob *b, const struct acpi_args *args);

#endif
