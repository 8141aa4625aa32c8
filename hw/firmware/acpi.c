// acpi.c: joining the ACPI tables: root tables, pointers, the loader's script.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/firmware/acpi.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "hw/firmware/acpi_tables.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/firmware/loader.h"
#include "hw/pci/ecam.h"

#define FILE_RSDP       "etc/acpi/rsdp"
#define FILE_TABLES     "etc/acpi/tables"
#define FILE_SCRIPT     "etc/table-loader"

static const struct acpi_ident ident_rsdt = { "PTLTD ", "  RSDT  ", " LTP", 0 };
static const struct acpi_ident ident_xsdt = { "INTEL ", "440BX   ", "VMW ", 0x01324272 };

static bool always(const struct acpi_args *args) { return true; }
static bool with_ecam(const struct acpi_args *args) { return args->ecam; }
static bool with_hot_add(const struct acpi_args *args) { return args->hot_add; }
static bool with_hpet(const struct acpi_args *args) { return args->hpet; }
static bool from_7(const struct acpi_args *args) { return args->hw_version >= 7; }

// The tables that RSDT and XSDT list, in VMware's order. FACS and DSDT hang on the FADT.
static const struct {
	size_t (*put)(struct blob *b, const struct acpi_args *args);
	bool (*wanted)(const struct acpi_args *args);
} listed[] = {
	{ acpi_put_ssdt, always },
	{ acpi_put_boot, always },
	{ acpi_put_madt, always },
	{ acpi_put_mcfg, with_ecam },
	{ acpi_put_srat, with_hot_add },
	{ acpi_put_hpet, with_hpet },
	{ acpi_put_waet, from_7 },
};

struct roots {
	uint32_t entries[ARRAY_SIZE(listed) + 1];       // offsets of the tables listed
	size_t count;
	uint32_t rsdt, xsdt;
};

static uint32_t table_length(const struct blob *tables, uint32_t at)
{
	return tables->failed ? 0 : get_le32(tables->data + at + ACPI_LENGTH);
}

// The table has fields that the loader adds addresses to, so the checksum is the loader's too.
static void leave_checksum(struct acpi_files *files, uint32_t at)
{
	uint8_t none = 0;

	blob_patch(&files->tables, at + ACPI_CHECKSUM, &none, 1);
	loader_add_checksum(&files->script, FILE_TABLES, at + ACPI_CHECKSUM, at,
			    table_length(&files->tables, at));
}

static uint32_t put_fadt(struct acpi_files *files, const struct acpi_args *args)
{
	size_t facs = acpi_put_facs(&files->tables, args);
	size_t dsdt = acpi_put_dsdt(&files->tables, args);
	uint32_t at = (uint32_t)acpi_put_fadt(&files->tables, args, facs, dsdt);

	loader_add_pointer(&files->script, FILE_TABLES, at + FADT_FACS, 4, FILE_TABLES);
	loader_add_pointer(&files->script, FILE_TABLES, at + FADT_DSDT, 4, FILE_TABLES);
	if (args->hw_version >= 7)
		loader_add_pointer(&files->script, FILE_TABLES, at + FADT_X_DSDT, 8, FILE_TABLES);
	leave_checksum(files, at);
	return at;
}

// RSDT (WIDTH 4) or XSDT (WIDTH 8): a list of pointers.
static uint32_t put_root(struct acpi_files *files, const struct roots *roots, unsigned width)
{
	uint32_t at = (uint32_t)acpi_table_begin(&files->tables, width == 4 ? "RSDT" : "XSDT", 1,
						 width == 4 ? &ident_rsdt : &ident_xsdt);

	for (size_t i = 0; i < roots->count; i++) {
		loader_add_pointer(&files->script, FILE_TABLES, (uint32_t)files->tables.len, width,
				   FILE_TABLES);
		if (width == 4)
			blob_u32(&files->tables, roots->entries[i]);
		else
			blob_u64(&files->tables, roots->entries[i]);
	}
	acpi_table_end(&files->tables, at);
	leave_checksum(files, at);
	return at;
}

enum rsdp_layout {
	RSDP_CHECKSUM = 8, RSDP_RSDT = 16, RSDP_V1_SIZE = 20,
	RSDP_XSDT = 24, RSDP_EXTENDED_CHECKSUM = 32, RSDP_V2_SIZE = 36,
};

// Revision 0 of ACPI 1.0, or 2. The RSDT stays beside the XSDT for systems that know only ACPI 1.0.
static void put_rsdp(struct acpi_files *files, const struct roots *roots, bool v2)
{
	struct blob *b = &files->rsdp;

	blob_text(b, "RSD PTR ", 8, ' ');
	blob_u8(b, 0);
	blob_text(b, "PTLTD ", 6, ' ');
	blob_u8(b, v2 ? 2 : 0);
	blob_u32(b, roots->rsdt);
	loader_add_pointer(&files->script, FILE_RSDP, RSDP_RSDT, 4, FILE_TABLES);
	if (v2) {
		blob_u32(b, RSDP_V2_SIZE);
		blob_u64(b, roots->xsdt);
		blob_zero(b, 4);
		loader_add_pointer(&files->script, FILE_RSDP, RSDP_XSDT, 8, FILE_TABLES);
	}
	loader_add_checksum(&files->script, FILE_RSDP, RSDP_CHECKSUM, 0, RSDP_V1_SIZE);
	if (v2)
		loader_add_checksum(&files->script, FILE_RSDP, RSDP_EXTENDED_CHECKSUM, 0, RSDP_V2_SIZE);
}

static int check_args(const struct acpi_args *args, struct err *err)
{
	if (!args->cpus || MAX(args->cpus, args->listed_cpus) > ACPI_MAX_CPUS)
		return err_set(err, EINVAL, "acpi", "%u CPUs cannot be described", args->cpus);
	if (args->bridge_count > ACPI_MAX_BRIDGES)
		return err_set(err, EINVAL, "acpi", "%u bridges cannot be described", args->bridge_count);
	if (args->pci_first > ECAM_BASE - 1 || (args->pci_last && args->pci_last < ECAM_BASE + ECAM_SIZE))
		return err_set(err, EINVAL, "acpi", "the PCI window %#x-%#x does not hold the configuration space",
			       args->pci_first, args->pci_last);
	return 0;
}

int acpi_files_build(const struct acpi_args *args, struct acpi_files *files, struct err *err)
{
	struct roots roots = { .count = 0 };
	bool v2 = args->hw_version >= 7;
	int r;

	*files = (struct acpi_files){ 0 };
	r = check_args(args, err);
	if (r < 0)
		return r;
	loader_allocate(&files->script, FILE_RSDP, 16, LOADER_FSEG);
	loader_allocate(&files->script, FILE_TABLES, 64, LOADER_HIGH);
	roots.entries[roots.count++] = put_fadt(files, args);
	for (size_t i = 0; i < ARRAY_SIZE(listed); i++) {
		if (listed[i].wanted(args))
			roots.entries[roots.count++] = (uint32_t)listed[i].put(&files->tables, args);
	}
	roots.rsdt = put_root(files, &roots, 4);
	if (v2)
		roots.xsdt = put_root(files, &roots, 8);
	put_rsdp(files, &roots, v2);
	if (files->tables.failed || files->rsdp.failed || files->script.failed)
		return err_set(err, ENOMEM, "acpi", "no memory for the tables");
	return 0;
}

void acpi_files_free(struct acpi_files *files)
{
	blob_free(&files->rsdp);
	blob_free(&files->tables);
	blob_free(&files->script);
}

int acpi_build(const struct acpi_args *args, struct fw_cfg *fw, struct err *err)
{
	struct acpi_files files;
	int r = acpi_files_build(args, &files, err);

	if (r == 0) {
		r = fw_cfg_add_file(fw, FILE_RSDP, files.rsdp.data, files.rsdp.len);
		if (r == 0)
			r = fw_cfg_add_file(fw, FILE_TABLES, files.tables.data, files.tables.len);
		if (r == 0)
			r = fw_cfg_add_file(fw, FILE_SCRIPT, files.script.data, files.script.len);
		if (r < 0)
			err_set(err, -r, "acpi", "the tables cannot be stored: %s", strerror(-r));
	}
	acpi_files_free(&files);
	return r;
}
