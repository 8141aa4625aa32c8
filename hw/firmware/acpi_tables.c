// acpi_tables.c: each ACPI table by itself.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/firmware/acpi_genid.h"
#include "hw/firmware/acpi_tables.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "hw/firmware/aml.h"
#include "hw/pci/ecam.h"

// The compiled dsdt.asl.
extern const unsigned char acpi_dsdt_aml[];
extern const size_t acpi_dsdt_aml_len;

static const struct acpi_ident ident_facp = { "INTEL ", "440BX   ", "PTL ", 0x000f4240 };
static const struct acpi_ident ident_dsdt = { "PTLTD ", "Custom  ", "MSFT", 0x03000001 };
static const struct acpi_ident ident_ssdt = { "PTLTD ", "CPU     ", "MSFT", 0x03000001 };
static const struct acpi_ident ident_madt = { "PTLTD ", "\t APIC  ", " LTP", 0 };
static const struct acpi_ident ident_hpet = { "VMWARE", "VMW HPET", "VMW ", 1 };
static const struct acpi_ident ident_waet = { "VMWARE", "VMW WAET", "VMW ", 1 };
static const struct acpi_ident ident_mcfg = { "PTLTD ", "$PCITBL$", " LTP", 1 };
static const struct acpi_ident ident_srat = { "VMWARE", "MEMPLUG ", "VMW ", 1 };
static const struct acpi_ident ident_boot = { "PTLTD ", "$SBFTBL$", " LTP", 1 };

// --- headers -----------------------------------------------------------------------------------------

size_t acpi_table_begin(struct blob *b, const char *signature, unsigned revision,
			const struct acpi_ident *ident)
{
	size_t at;

	blob_align(b, 16);
	at = b->len;
	blob_text(b, signature, 4, ' ');
	blob_u32(b, 0);
	blob_u8(b, revision);
	blob_u8(b, 0);
	blob_text(b, ident->oem, 6, ' ');
	blob_text(b, ident->table, 8, ' ');
	blob_u32(b, ACPI_OEM_REVISION);
	blob_text(b, ident->creator, 4, ' ');
	blob_u32(b, ident->creator_revision);
	return at;
}

void acpi_table_end(struct blob *b, size_t at)
{
	uint8_t sum = 0;

	if (b->failed)
		return;
	blob_patch_u32(b, at + ACPI_LENGTH, (uint32_t)(b->len - at));
	blob_patch(b, at + ACPI_CHECKSUM, &sum, 1);
	sum = blob_checksum(b->data + at, b->len - at);
	blob_patch(b, at + ACPI_CHECKSUM, &sum, 1);
}

// Generic address structure; ACCESS 1 byte, 2 word, 3 dword.
static void put_gas(uint8_t *to, unsigned bits, unsigned access, uint64_t address)
{
	enum { SYSTEM_IO = 1 };

	to[0] = SYSTEM_IO;
	to[1] = (uint8_t)bits;
	to[2] = 0;
	to[3] = (uint8_t)access;
	put_le64(to + 4, address);
}

// --- FACS, DSDT, SSDT --------------------------------------------------------------------------------

// Shared with the OS while the machine runs, hence no checksum and no standard header.
size_t acpi_put_facs(struct blob *b, const struct acpi_args *args)
{
	enum { SIZE = 64, VERSION = 32 };
	uint8_t facs[SIZE] = { 'F', 'A', 'C', 'S', SIZE };
	size_t at;

	facs[VERSION] = args->hw_version >= 7 ? 1 : 0;
	blob_align(b, SIZE);
	at = b->len;
	blob_put(b, facs, sizeof(facs));
	return at;
}

static uint32_t devices(const struct acpi_args *args)
{
	enum { HPET = 1u << 8, KEYBOARD = 1u << 9, MOUSE = 1u << 10, ECAM = 1u << 11 };

	return (args->serial_ports & 0xf) | (args->hpet ? HPET : 0) | (args->ps2 ? KEYBOARD | MOUSE : 0) |
	       (args->ecam ? ECAM : 0);
}

size_t acpi_put_dsdt(struct blob *b, const struct acpi_args *args)
{
	const struct { const char *name; uint32_t value; } dwords[] = {
		{ "DEVS", devices(args) },
		{ "PCIB", args->pci_first ? args->pci_first : ACPI_PCI_FIRST },
		{ "PCIL", args->pci_last ? args->pci_last : ACPI_PCI_LAST },
	};
	uint8_t *aml;
	size_t at;

	blob_align(b, 16);
	at = b->len;
	blob_put(b, acpi_dsdt_aml, acpi_dsdt_aml_len);
	if (b->failed)
		return at;
	aml = b->data + at;
	memcpy(aml + ACPI_CREATOR, ident_dsdt.creator, 4);
	put_le32(aml + ACPI_CREATOR_REV, ident_dsdt.creator_revision);
	for (size_t i = 0; i < ARRAY_SIZE(dwords); i++)
		b->failed |= !aml_patch_dword(aml, acpi_dsdt_aml_len, dwords[i].name, dwords[i].value);
	acpi_table_end(b, at);
	return at;
}

// A Processor object's number and a local APIC's ID are bytes, with 255 reserved.
bool acpi_fits_processor(unsigned uid, uint32_t apic_id)
{
	return uid < 255 && apic_id < 255;
}

static unsigned listed(const struct acpi_args *args)
{
	return MAX(args->cpus, args->listed_cpus);
}

static void put_processor(struct blob *b, unsigned uid, bool there)
{
	enum { P_BLK = 0x450, P_BLK_LENGTH = 6 };
	struct aml_mark processor, status;
	char name[8];

	snprintf(name, sizeof(name), "CP%02X", uid & 0xff);
	processor = aml_open_processor(b, name, (uint8_t)uid, P_BLK, P_BLK_LENGTH);
	if (!there) {
		status = aml_open_method(b, "_STA", 0);
		aml_return(b);
		aml_int(b, 0);
		aml_close(b, status);
	}
	aml_close(b, processor);
}

static void put_processor_device(struct blob *b, unsigned uid)
{
	struct aml_mark device;
	char name[8];

	snprintf(name, sizeof(name), "C%03X", uid & 0xfff);
	device = aml_open_device(b, name);
	aml_name(b, "_HID");
	aml_string(b, "ACPI0007");
	aml_name(b, "_UID");
	aml_int(b, uid);
	aml_close(b, device);
}

// Processors that a MADT of ACPI 1.0 can hold are Processor objects as VMware's; what is beyond are devices.
size_t acpi_put_ssdt(struct blob *b, const struct acpi_args *args)
{
	size_t at = acpi_table_begin(b, "SSDT", 1, &ident_ssdt);
	struct aml_mark scope = aml_open_scope(b, "\\_PR");
	unsigned devices_needed = 0;

	for (unsigned i = 0; i < listed(args); i++) {
		if (acpi_fits_processor(i, args->apic_ids[i]))
			put_processor(b, i, i < args->cpus);
		else
			devices_needed += i < args->cpus;
	}
	aml_close(b, scope);
	if (devices_needed) {
		scope = aml_open_scope(b, "\\_SB");
		for (unsigned i = 0; i < args->cpus; i++) {
			if (!acpi_fits_processor(i, args->apic_ids[i]))
				put_processor_device(b, i);
		}
		aml_close(b, scope);
	}
	acpi_put_genid(b, args);
	acpi_put_bridges(b, args);
	acpi_table_end(b, at);
	return at;
}

// --- FADT --------------------------------------------------------------------------------------------

enum fadt_layout {
	FADT_INT_MODEL = 44,            // revision 1; a preferred profile follows from 2 on
	FADT_SCI_INT = 46, FADT_SMI_CMD = 48, FADT_ACPI_ENABLE = 52, FADT_ACPI_DISABLE = 53,
	FADT_PM1A_EVT = 56, FADT_PM1A_CNT = 64, FADT_PM_TMR = 76, FADT_GPE0 = 80,
	FADT_PM1_EVT_LEN = 88, FADT_PM1_CNT_LEN = 89, FADT_PM_TMR_LEN = 91, FADT_GPE0_LEN = 92,
	FADT_C2_LATENCY = 96, FADT_C3_LATENCY = 98, FADT_CENTURY = 108, FADT_BOOT_ARCH = 109,
	FADT_FLAGS = 112, FADT_V1_SIZE = 116,
	FADT_RESET_REG = 116, FADT_RESET_VALUE = 128,
	FADT_X_PM1A_EVT = 148, FADT_X_PM1A_CNT = 172, FADT_X_PM_TMR = 208, FADT_X_GPE0 = 220,
	FADT_V4_SIZE = 244,
};

enum fadt_values {
	INT_MODEL_APIC = 1,
	NO_C2 = 101,
	NO_C3 = 1001, // microseconds; more than 100 and 1000 mean that there is none
	CMOS_CENTURY = 0x32,
	BOOT_LEGACY_DEVICES = 1u << 0,
	BOOT_8042 = 1u << 1,
	FLAG_WBINVD = 1u << 0,
	FLAG_PROC_C1 = 1u << 2,       // all processors have C1
	FLAG_NO_SLP_BUTTON = 1u << 5, // no fixed sleep button; the fixed power button is there (bit 4 clear)
	FLAG_RESET_REG = 1u << 10,
};

static void fill_fadt_v1(uint8_t fadt[FADT_V4_SIZE])
{
	put_le16(fadt + FADT_SCI_INT, ACPI_SCI);
	put_le32(fadt + FADT_SMI_CMD, ACPI_SMI_COMMAND);
	fadt[FADT_ACPI_ENABLE] = ACPI_SMI_ENABLE;
	fadt[FADT_ACPI_DISABLE] = ACPI_SMI_DISABLE;
	put_le32(fadt + FADT_PM1A_EVT, ACPI_PM_BASE);
	put_le32(fadt + FADT_PM1A_CNT, ACPI_PM_BASE + 4);
	put_le32(fadt + FADT_PM_TMR, ACPI_PM_BASE + 8);
	put_le32(fadt + FADT_GPE0, ACPI_PM_BASE + 12);
	fadt[FADT_PM1_EVT_LEN] = 4;
	fadt[FADT_PM1_CNT_LEN] = 2;
	fadt[FADT_PM_TMR_LEN] = 4;
	fadt[FADT_GPE0_LEN] = 4;
	put_le16(fadt + FADT_C2_LATENCY, NO_C2);
	put_le16(fadt + FADT_C3_LATENCY, NO_C3);
	fadt[FADT_CENTURY] = CMOS_CENTURY;
	put_le32(fadt + FADT_FLAGS, FLAG_WBINVD | FLAG_PROC_C1 | FLAG_NO_SLP_BUTTON);
}

static void fill_fadt_v4(uint8_t fadt[FADT_V4_SIZE], const struct acpi_args *args)
{
	put_le16(fadt + FADT_BOOT_ARCH, (uint16_t)(BOOT_LEGACY_DEVICES | (args->ps2 ? BOOT_8042 : 0)));
	put_le32(fadt + FADT_FLAGS, get_le32(fadt + FADT_FLAGS) | FLAG_RESET_REG);
	put_gas(fadt + FADT_RESET_REG, 8, 1, ACPI_RESET_PORT);
	fadt[FADT_RESET_VALUE] = ACPI_RESET_VALUE;
	put_gas(fadt + FADT_X_PM1A_EVT, 32, 2, ACPI_PM_BASE);
	put_gas(fadt + FADT_X_PM1A_CNT, 16, 2, ACPI_PM_BASE + 4);
	put_gas(fadt + FADT_X_PM_TMR, 32, 3, ACPI_PM_BASE + 8);
	put_gas(fadt + FADT_X_GPE0, 32, 1, ACPI_PM_BASE + 12);
}

// The 64-bit FACS pointer stays 0: the tables are below 4 GiB, and only one of the two may be set.
size_t acpi_put_fadt(struct blob *b, const struct acpi_args *args, size_t facs, size_t dsdt)
{
	bool v4 = args->hw_version >= 7;
	size_t at = acpi_table_begin(b, "FACP", v4 ? 4 : 1, &ident_facp);
	uint8_t fadt[FADT_V4_SIZE] = { 0 };

	put_le32(fadt + FADT_FACS, (uint32_t)facs);
	put_le32(fadt + FADT_DSDT, (uint32_t)dsdt);
	fill_fadt_v1(fadt);
	if (v4) {
		fill_fadt_v4(fadt, args);
		put_le64(fadt + FADT_X_DSDT, dsdt);
	} else {
		fadt[FADT_INT_MODEL] = INT_MODEL_APIC;
	}
	blob_put(b, fadt + ACPI_HEADER_SIZE, (v4 ? FADT_V4_SIZE : FADT_V1_SIZE) - ACPI_HEADER_SIZE);
	acpi_table_end(b, at);
	return at;
}

// --- MADT --------------------------------------------------------------------------------------------

enum madt_values {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_NMI = 4,
	MADT_X2APIC = 9,
	MADT_X2APIC_NMI = 10,
	MADT_ENABLED = 1,
	MADT_HIGH_EDGE = 5, // polarity active high, trigger edge
	MADT_PCAT_COMPAT = 1,
	LINT_NMI = 1,
};

static void put_madt_cpu(struct blob *b, unsigned uid, uint32_t apic_id, bool there)
{
	uint32_t flags = there ? MADT_ENABLED : 0;

	if (acpi_fits_processor(uid, apic_id)) {
		blob_u8(b, MADT_LAPIC);
		blob_u8(b, 8);
		blob_u8(b, uid);
		blob_u8(b, apic_id);
		blob_u32(b, flags);
		return;
	}
	blob_u8(b, MADT_X2APIC);
	blob_u8(b, 16);
	blob_u16(b, 0);
	blob_u32(b, apic_id);
	blob_u32(b, flags);
	blob_u32(b, uid);
}

static void put_madt_nmi(struct blob *b, unsigned uid, uint32_t apic_id)
{
	if (acpi_fits_processor(uid, apic_id)) {
		blob_u8(b, MADT_NMI);
		blob_u8(b, 6);
		blob_u8(b, uid);
		blob_u16(b, MADT_HIGH_EDGE);
		blob_u8(b, LINT_NMI);
		return;
	}
	blob_u8(b, MADT_X2APIC_NMI);
	blob_u8(b, 12);
	blob_u16(b, MADT_HIGH_EDGE);
	blob_u32(b, uid);
	blob_u8(b, LINT_NMI);
	blob_zero(b, 3);
}

static void put_madt_ioapic(struct blob *b)
{
	blob_u8(b, MADT_IOAPIC);
	blob_u8(b, 12);
	blob_u8(b, ACPI_IOAPIC_ID);
	blob_u8(b, 0);
	blob_u32(b, 0xfec00000);
	blob_u32(b, 0);
	// The PIT arrives on input 2.
	blob_u8(b, MADT_OVERRIDE);
	blob_u8(b, 10);
	blob_u8(b, 0);
	blob_u8(b, 0);
	blob_u32(b, 2);
	blob_u16(b, MADT_HIGH_EDGE);
}

size_t acpi_put_madt(struct blob *b, const struct acpi_args *args)
{
	bool all_fit = true;
	size_t at;

	for (unsigned i = 0; i < listed(args); i++)
		all_fit &= acpi_fits_processor(i, args->apic_ids[i]);
	at = acpi_table_begin(b, "APIC", all_fit ? 1 : 3, &ident_madt);
	blob_u32(b, 0xfee00000);
	blob_u32(b, MADT_PCAT_COMPAT);
	for (unsigned i = 0; i < listed(args); i++)
		put_madt_cpu(b, i, args->apic_ids[i], i < args->cpus);
	for (unsigned i = 0; i < listed(args); i++)
		put_madt_nmi(b, i, args->apic_ids[i]);
	put_madt_ioapic(b);
	acpi_table_end(b, at);
	return at;
}

// --- HPET, WAET, BOOT --------------------------------------------------------------------------------

size_t acpi_put_hpet(struct blob *b, const struct acpi_args *args)
{
	enum { SYSTEM_MEMORY = 0, MIN_TICK = 0x80 };
	size_t at = acpi_table_begin(b, "HPET", 1, &ident_hpet);

	(void)args;
	blob_u32(b, 0x8086af01);        // 16 comparators, 64 bits, legacy routes, vendor 8086h
	blob_u8(b, SYSTEM_MEMORY);
	blob_u8(b, 64);
	blob_u16(b, 0);
	blob_u64(b, 0xfed00000);
	blob_u8(b, 0);
	blob_u16(b, MIN_TICK);
	blob_u8(b, 0);
	acpi_table_end(b, at);
	return at;
}

size_t acpi_put_waet(struct blob *b, const struct acpi_args *args)
{
	enum { RTC_NO_ACK = 1, PM_TIMER_GOOD = 2 };
	size_t at = acpi_table_begin(b, "WAET", 1, &ident_waet);

	blob_u32(b, PM_TIMER_GOOD | (args->rtc_no_ack ? RTC_NO_ACK : 0));
	acpi_table_end(b, at);
	return at;
}

// Simple boot flag: where in CMOS it is.
size_t acpi_put_boot(struct blob *b, const struct acpi_args *args)
{
	size_t at = acpi_table_begin(b, "BOOT", 1, &ident_boot);

	(void)args;
	blob_u8(b, 0x36);
	blob_zero(b, 3);
	acpi_table_end(b, at);
	return at;
}

// --- MCFG, SRAT --------------------------------------------------------------------------------------

size_t acpi_put_mcfg(struct blob *b, const struct acpi_args *args)
{
	size_t at = acpi_table_begin(b, "MCFG", 1, &ident_mcfg);

	(void)args;
	blob_zero(b, 8);
	blob_u64(b, ECAM_BASE);
	blob_u16(b, 0);                 // segment
	blob_u8(b, 0);
	blob_u8(b, ECAM_BUSES - 1);
	blob_zero(b, 4);
	acpi_table_end(b, at);
	return at;
}

enum srat_values { SRAT_CPU = 0, SRAT_MEMORY = 1, SRAT_X2APIC = 2, SRAT_ENABLED = 1, SRAT_HOT_PLUGGABLE = 2 };

static void put_srat_cpu(struct blob *b, unsigned uid, uint32_t apic_id)
{
	bool small = acpi_fits_processor(uid, apic_id);

	blob_u8(b, small ? SRAT_CPU : SRAT_X2APIC);
	blob_u8(b, small ? 16 : 24);
	if (small) {
		blob_u8(b, 0);
		blob_u8(b, apic_id);
		blob_u32(b, SRAT_ENABLED);
		blob_zero(b, 8);
		return;
	}
	blob_zero(b, 6);
	blob_u32(b, apic_id);
	blob_u32(b, SRAT_ENABLED);
	blob_zero(b, 8);
}

static void put_srat_memory(struct blob *b, uint64_t first, uint64_t size, unsigned flags)
{
	if (!size)
		return;
	blob_u8(b, SRAT_MEMORY);
	blob_u8(b, 40);
	blob_zero(b, 6);                // domain 0, reserved
	blob_u64(b, first);
	blob_u64(b, size);
	blob_zero(b, 4);
	blob_u32(b, SRAT_ENABLED | flags);
	blob_zero(b, 8);
}

// One domain. Behind memory above 4 GiB VMware lists a window for more, up to 65 GiB. What it lists for a machine that
// ends below the hole is not established.
size_t acpi_put_srat(struct blob *b, const struct acpi_args *args)
{
	enum { BASE_MEMORY = 0xa0000, MIB = 0x100000 };
	const uint64_t high = 1ull << 32, window_end = 65ull << 30;
	size_t at = acpi_table_begin(b, "SRAT", 2, &ident_srat);

	blob_u32(b, 1);
	blob_zero(b, 8);
	for (unsigned i = 0; i < listed(args); i++)
		put_srat_cpu(b, i, args->apic_ids[i]);
	put_srat_memory(b, 0, BASE_MEMORY, 0);
	put_srat_memory(b, MIB, args->low_size > MIB ? args->low_size - MIB : 0, 0);
	put_srat_memory(b, high, args->high_size, 0);
	if (args->high_size && high + args->high_size < window_end)
		put_srat_memory(b, high + args->high_size, window_end - high - args->high_size, SRAT_HOT_PLUGGABLE);
	acpi_table_end(b, at);
	return at;
}
