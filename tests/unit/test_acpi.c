// test_acpi.c: ACPI tables placed, walked, compiled again by iasl, run by acpiexec; the AML writer.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "acpi_loader.h"
#include "firmware_fixture.h"
#include "hw/firmware/aml.h"

static uint32_t ids[400];
static struct acpi_args args;
static const struct acpi_bridge bridges[] = {
	{ 0, 0x11, 0, 32 }, { 4, 0x15, 8, 160 }, { 5, 0x16, 8, 192 }, { 6, 0x17, 8, 224 }, { 7, 0x18, 8, 256 },
};
static const struct acpi_label labels[] = {
	{ 0x88, 1, 0x01000208, "Ethernet0" }, { 0xa9, 0, 0x02000400, "Ethernet1" },
};
static struct acpi_files files;
static struct loaded mem;
static uint64_t rsdt, xsdt;

static void defaults(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++)
		ids[i] = i * 2;
	args = (struct acpi_args){
		.hw_version = 19, .cpus = 2, .apic_ids = ids, .hpet = true, .ps2 = true, .serial_ports = 0x1,
		.genid = 0xfeff0000,
	};
}

static void release(void)
{
	acpi_files_free(&files);
}

// What a machine of hardware version 7 or later has.
static void with_bridges(void)
{
	args.ecam = true;
	args.bridges = bridges;
	args.bridge_count = ARRAY_SIZE(bridges);
	args.labels = labels;
	args.label_count = ARRAY_SIZE(labels);
	args.hot_add = true;
	args.low_size = 0xc0000000;
	args.high_size = 0x40000000;
}

// Builds, runs the script, checks the RSDP.
static void build(void)
{
	uint8_t *rsdp;

	ck_assert_int_eq(acpi_files_build(&args, &files, NULL), 0);
	loaded_run(&mem, &files);
	rsdp = loaded_at(&mem, LOADED_RSDP, 20);
	ck_assert_mem_eq(rsdp, "RSD PTR ", 8);
	ck_assert_mem_eq(rsdp + 9, "PTLTD ", 6);
	ck_assert_uint_eq(blob_checksum(rsdp, 20), 0);
	rsdt = get_le32(rsdp + 16);
	xsdt = 0;
	if (rsdp[15] == 2) {
		loaded_at(&mem, LOADED_RSDP, 36);
		ck_assert_uint_eq(get_le32(rsdp + 20), 36);
		ck_assert_uint_eq(blob_checksum(rsdp, 36), 0);
		xsdt = get_le64(rsdp + 24);
	}
}

static void check_ident(const uint8_t *table, const char *oem, const char *id, const char *creator,
			uint32_t rev)
{
	ck_assert_mem_eq(table + 10, oem, 6);
	ck_assert_mem_eq(table + 16, id, 8);
	ck_assert_uint_eq(get_le32(table + 24), 0x06040000);
	ck_assert_mem_eq(table + 28, creator, 4);
	ck_assert_uint_eq(get_le32(table + 32), rev);
}

// --- tables ------------------------------------------------------------------------------------------

START_TEST(modern_machine)
{
	uint8_t *fadt, *dsdt, *facs;

	build();
	ck_assert_uint_ne(xsdt, 0);
	check_ident(loaded_at(&mem, xsdt, 36), "INTEL ", "440BX   ", "VMW ", 0x01324272);
	check_ident(loaded_at(&mem, rsdt, 36), "PTLTD ", "  RSDT  ", " LTP", 0);
	fadt = loaded_table(&mem, xsdt, 8, "FACP");
	ck_assert_ptr_eq(fadt, loaded_table(&mem, rsdt, 4, "FACP"));
	check_ident(fadt, "INTEL ", "440BX   ", "PTL ", 0x000f4240);
	ck_assert_uint_eq(fadt[8], 4);
	ck_assert_uint_eq(get_le32(fadt + 4), 0xf4);
	ck_assert_uint_eq(get_le32(fadt + 40), get_le64(fadt + 140));
	ck_assert_uint_eq(get_le64(fadt + 132), 0);
	dsdt = loaded_at(&mem, get_le32(fadt + 40), 36);
	ck_assert_mem_eq(dsdt, "DSDT", 4);
	ck_assert_uint_eq(blob_checksum(dsdt, get_le32(dsdt + 4)), 0);
	check_ident(dsdt, "PTLTD ", "Custom  ", "MSFT", 0x03000001);
	ck_assert_uint_eq(get_le32(fadt + 36) % 64, 0);
	facs = loaded_at(&mem, get_le32(fadt + 36), 64);
	ck_assert_mem_eq(facs, "FACS", 4);
	ck_assert_uint_eq(get_le32(facs + 4), 64);
}
END_TEST

START_TEST(fixed_hardware)
{
	uint8_t *fadt;

	build();
	fadt = loaded_table(&mem, xsdt, 8, "FACP");
	ck_assert_uint_eq(get_le16(fadt + 46), 9);
	ck_assert_uint_eq(get_le32(fadt + 48), 0xb2);
	ck_assert_uint_eq(fadt[52], 0xf1);
	ck_assert_uint_eq(fadt[53], 0xf0);
	ck_assert_uint_eq(get_le32(fadt + 56), 0x1000);
	ck_assert_uint_eq(get_le32(fadt + 64), 0x1004);
	ck_assert_uint_eq(get_le32(fadt + 76), 0x1008);
	ck_assert_uint_eq(get_le32(fadt + 80), 0x100c);
	ck_assert_mem_eq(fadt + 88, "\4\2\0\4\4\0", 6);
	ck_assert_uint_gt(get_le16(fadt + 96), 100);
	ck_assert_uint_gt(get_le16(fadt + 98), 1000);
	ck_assert_uint_eq(fadt[108], 0x32);
	ck_assert_uint_eq(get_le16(fadt + 109), 3);
	ck_assert_uint_eq(get_le32(fadt + 112), 1 | 1 << 2 | 1 << 5 | 1 << 10);
	ck_assert_mem_eq(fadt + 116, "\1\x08\0\1\xf9\x0c\0\0\0\0\0\0\6", 13);
	ck_assert_uint_eq(get_le64(fadt + 148 + 4), 0x1000);
	ck_assert_uint_eq(get_le64(fadt + 172 + 4), 0x1004);
	ck_assert_uint_eq(get_le64(fadt + 208 + 4), 0x1008);
	ck_assert_uint_eq(get_le64(fadt + 220 + 4), 0x100c);
}
END_TEST

START_TEST(old_machine)
{
	uint8_t *fadt;

	args.hw_version = 4;
	args.hpet = false;
	build();
	ck_assert_uint_eq(xsdt, 0);
	ck_assert_uint_eq(files.rsdp.len, 20);
	fadt = loaded_table(&mem, rsdt, 4, "FACP");
	ck_assert_uint_eq(fadt[8], 1);
	ck_assert_uint_eq(get_le32(fadt + 4), 0x74);
	ck_assert_uint_eq(fadt[44], 1);
	ck_assert_ptr_null(loaded_table(&mem, rsdt, 4, "HPET"));
	ck_assert_ptr_null(loaded_table(&mem, rsdt, 4, "WAET"));
	ck_assert_ptr_nonnull(loaded_table(&mem, rsdt, 4, "APIC"));
	ck_assert_ptr_nonnull(loaded_table(&mem, rsdt, 4, "SSDT"));
}
END_TEST

START_TEST(small_tables)
{
	uint8_t *t;

	build();
	t = loaded_table(&mem, xsdt, 8, "HPET");
	check_ident(t, "VMWARE", "VMW HPET", "VMW ", 1);
	ck_assert_uint_eq(get_le32(t + 36), 0x8086af01);
	ck_assert_uint_eq(get_le64(t + 44), 0xfed00000);
	ck_assert_uint_eq(get_le32(t + 4), 56);
	t = loaded_table(&mem, xsdt, 8, "WAET");
	check_ident(t, "VMWARE", "VMW WAET", "VMW ", 1);
	ck_assert_uint_eq(get_le32(t + 36), 2);
	t = loaded_table(&mem, xsdt, 8, "BOOT");
	check_ident(t, "PTLTD ", "$SBFTBL$", " LTP", 1);
	ck_assert_uint_eq(t[36], 0x36);
	release();
	args.rtc_no_ack = true;
	build();
	ck_assert_uint_eq(get_le32(loaded_table(&mem, xsdt, 8, "WAET") + 36), 3);
}
END_TEST

// Counts the MADT's entries by type, with their lengths checked.
static void count_madt(const uint8_t *madt, unsigned count[16])
{
	size_t len = get_le32(madt + 4), at = 44;

	memset(count, 0, 16 * sizeof(*count));
	while (at < len) {
		ck_assert_uint_lt(madt[at], 16);
		ck_assert_uint_ge(madt[at + 1], 6);
		count[madt[at]]++;
		at += madt[at + 1];
	}
	ck_assert_uint_eq(at, len);
}

START_TEST(madt_small)
{
	static const uint8_t ioapic[] = {1, 12, 1,  0, 0, 0, 0xc0, 0xfe, 0, 0, 0,
					 0, 2,  10, 0, 0, 2, 0,    0,    0, 5, 0};
	unsigned count[16];
	uint8_t *madt;

	build();
	madt = loaded_table(&mem, xsdt, 8, "APIC");
	check_ident(madt, "PTLTD ", "\t APIC  ", " LTP", 0);
	ck_assert_uint_eq(get_le32(madt + 36), 0xfee00000);
	ck_assert_uint_eq(get_le32(madt + 40), 1);
	count_madt(madt, count);
	ck_assert_uint_eq(count[0], 2);
	ck_assert_uint_eq(count[4], 2);
	ck_assert_mem_eq(madt + 44 + 8, "\0\x08\1\2\1\0\0\0", 8);
	ck_assert_mem_eq(madt + 60, "\4\6\0\5\0\1", 6);
	ck_assert_mem_eq(madt + get_le32(madt + 4) - sizeof(ioapic), ioapic, sizeof(ioapic));
}
END_TEST

START_TEST(madt_beyond_the_byte)
{
	unsigned count[16];
	uint8_t *madt;

	args.cpus = 300;
	build();
	madt = loaded_table(&mem, xsdt, 8, "APIC");
	ck_assert_uint_eq(madt[8], 3);
	count_madt(madt, count);
	ck_assert_uint_eq(count[0], 128);       // IDs 0, 2 .. 254
	ck_assert_uint_eq(count[9], 172);
	ck_assert_uint_eq(count[4] + count[10], 300);
}
END_TEST

START_TEST(bad_arguments)
{
	struct err err = { 0 };

	args.cpus = 0;
	ck_assert_int_lt(acpi_files_build(&args, &files, &err), 0);
	ck_assert_str_ne(err.what, "");
	acpi_files_free(&files);
	args.cpus = ACPI_MAX_CPUS + 1;
	ck_assert_int_lt(acpi_files_build(&args, &files, NULL), 0);
	acpi_files_free(&files);
	args.cpus = 1;
	args.pci_first = 0xd0000000;
	args.pci_last = 0xcfffffff;
	ck_assert_int_lt(acpi_files_build(&args, &files, NULL), 0);
}
END_TEST

START_TEST(into_fw_cfg)
{
	static const char *const names[] = { "etc/acpi/rsdp", "etc/acpi/tables", "etc/table-loader" };
	struct fixture f;
	size_t len;

	fixture_open(&f);
	ck_assert_int_eq(acpi_build(&args, f.fw, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		uint8_t *data = fixture_file(&f, names[i], &len);

		ck_assert_ptr_nonnull(data);
		ck_assert_uint_gt(len, 0);
		free(data);
	}
	ck_assert_int_lt(acpi_build(&args, f.fw, NULL), 0);
	fixture_close(&f);
}
END_TEST

// --- DSDT as SeaBIOS reads it ------------------------------------------------------------------------
// Its parser knows few constructs and gives a scope up at the first other one; the devices after it would be
// unknown to it. This reader knows the same ones and fails at anything else.

struct reader { const uint8_t *p, *end; unsigned devices; bool keyboard; };

static size_t package_length(const uint8_t *p, unsigned *bytes)
{
	size_t len = p[0] & 0x3f;

	*bytes = 1 + (p[0] >> 6);
	if (*bytes > 1)
		len = p[0] & 0xf;
	for (unsigned i = 1; i < *bytes; i++)
		len |= (size_t)p[i] << (8 * i - 4);
	return len;
}

static const uint8_t *skip_name(const uint8_t *p)
{
	while (*p == '\\' || *p == '^')
		p++;
	if (*p == 0)
		return p + 1;
	if (*p == 0x2e)
		return p + 9;
	if (*p == 0x2f)
		return p + 2 + 4 * p[1];
	ck_assert_msg(*p == '_' || (*p >= 'A' && *p <= 'Z'), "name begins with %02x", *p);
	return p + 4;
}

static const uint8_t *skip_int(const uint8_t *p)
{
	ck_assert_msg(*p <= 1 || (*p >= 0x0a && *p <= 0x0c), "integer %02x", *p);
	return p + (*p == 0x0a ? 2 : *p == 0x0b ? 3 : *p == 0x0c ? 5 : 1);
}

static const uint8_t *read_terms(struct reader *r, const uint8_t *p, const uint8_t *end, unsigned depth);

static const uint8_t *read_extended(struct reader *r, const uint8_t *p, unsigned depth)
{
	unsigned bytes;
	size_t len;

	switch (*p) {
	case 0x01:
		return skip_name(p + 1) + 1;
	case 0x80:
		return skip_int(skip_int(skip_name(p + 1) + 1));
	case 0x81: case 0x83: case 0x84: case 0x85:
		return p + 1 + package_length(p + 1, &bytes);
	case 0x82:
		len = package_length(p + 1, &bytes);
		r->devices++;
		read_terms(r, skip_name(p + 1 + bytes), p + 1 + len, depth + 1);
		return p + 1 + len;
	default:
		ck_abort_msg("extended opcode %02x", *p);
		return NULL;
	}
}

static const uint8_t *read_term(struct reader *r, const uint8_t *p, unsigned depth)
{
	static const uint8_t keyboard_id[] = { 0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x03, 0x03 };
	unsigned bytes;
	size_t len;

	ck_assert_uint_lt(depth, 16);
	switch (*p) {
	case 0x00: case 0x01: case 0x0a: case 0x0b: case 0x0c:
		return skip_int(p);
	case 0x08:
		r->keyboard |= !memcmp(p, keyboard_id, sizeof(keyboard_id));
		return read_term(r, skip_name(p + 1), depth + 1);
	case 0x0d:
		return p + strlen((const char *)p) + 1;
	case 0x10:
		len = package_length(p + 1, &bytes);
		read_terms(r, skip_name(p + 1 + bytes), p + 1 + len, depth + 1);
		return p + 1 + len;
	case 0x11: case 0x12: case 0x13: case 0x14:
		return p + 1 + package_length(p + 1, &bytes);
	case 0x5b:
		return read_extended(r, p + 1, depth);
	default:
		ck_abort_msg("opcode %02x", *p);
		return NULL;
	}
}

static const uint8_t *read_terms(struct reader *r, const uint8_t *p, const uint8_t *end, unsigned depth)
{
	while (p < end)
		p = read_term(r, p, depth);
	ck_assert_ptr_eq(p, end);
	return p;
}

static uint8_t *find_dsdt(void)
{
	return loaded_at(&mem, get_le32(loaded_table(&mem, xsdt ? xsdt : rsdt, xsdt ? 8 : 4, "FACP") + 40),
			 36);
}

START_TEST(seabios_can_read_it)
{
	struct reader r = { 0 };
	uint8_t *dsdt;

	build();
	dsdt = find_dsdt();
	read_terms(&r, dsdt + 36, dsdt + get_le32(dsdt + 4), 0);
	ck_assert(r.keyboard);
	ck_assert_uint_ge(r.devices, 20);
}
END_TEST

// --- iasl and acpiexec -------------------------------------------------------------------------------

static char folder[64];

static void open_folder(void)
{
	strcpy(folder, "/tmp/berth-acpi-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

// Runs COMMAND in the folder, with $t for TABLE.
static int run(const char *command, const char *table)
{
	char line[512];

	snprintf(line, sizeof(line), "cd %s && t=%s && %s", folder, table, command);
	return system(line);
}

static void close_folder(void)
{
	ck_assert_int_eq(run("rm -rf $PWD", ""), 0);
}

static void dump(const char *name, const uint8_t *table)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s.aml", folder, name);
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	fwrite(table, 1, get_le32(table + 4), out);
	ck_assert_int_eq(fclose(out), 0);
}

static bool have(const char *program)
{
	const char *own_only = getenv("BERTH_TEST_OWN_ONLY");
	char command[64];

	// Under the sanitizers there is nothing to learn from programs that are not ours.
	if (own_only && *own_only)
		return false;
	snprintf(command, sizeof(command), "command -v %s >/dev/null", program);
	return system(command) == 0;
}

// Each table taken apart and compiled again: no error, and no warning either but that Processor objects are
// of old.
static void round_trip(void)
{
	static const char *const listed[] = { "FACP", "APIC", "MCFG", "SRAT", "HPET", "WAET", "BOOT", "SSDT" };

	dump("DSDT", find_dsdt());
	for (size_t i = 0; i < ARRAY_SIZE(listed); i++) {
		uint8_t *t = loaded_table(&mem, xsdt ? xsdt : rsdt, xsdt ? 8 : 4, listed[i]);

		if (!t)
			continue;
		dump(listed[i], t);
		ck_assert_msg(run("e=; [ $t = SSDT ] && e='-e DSDT.aml'; iasl $e -d $t.aml >log 2>&1 && "
				  "iasl -we -vw 3168 $t.dsl >>log 2>&1",
				  listed[i]) == 0,
			      "iasl on %s", listed[i]);
		ck_assert_int_ne(run("grep -Eiq '(invalid|incorrect|exceeds) ' $t.dsl", listed[i]), 0);
	}
	ck_assert_int_eq(run("iasl -d $t.aml >log 2>&1 && iasl -we -vw 3168 $t.dsl >>log 2>&1", "DSDT"), 0);
}

START_TEST(iasl_agrees)
{
	static const int versions[] = { 4, 6, 7, 14, 21 };

	if (!have("iasl"))
		return;
	open_folder();
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		args.hw_version = versions[i];
		args.cpus = versions[i] == 21 ? 300 : versions[i];
		if (versions[i] >= 7)
			with_bridges();
		build();
		round_trip();
		release();
	}
	close_folder();
}
END_TEST

// What evaluating PATH prints, in FOLDER/out.
static bool evaluates_to(const char *command, const char *expected)
{
	char line[512];

	snprintf(line, sizeof(line),
		 "cd %s && acpiexec -b '%s' DSDT.aml SSDT.aml >out 2>&1; ! grep -E 'ACPI (BIOS "
		 ")?(Error|Warning)|AE_' out && "
		 "grep -Fq -- '%s' out",
		 folder, command, expected);
	return system(line) == 0;
}

START_TEST(methods_work)
{
	if (!have("acpiexec"))
		return;
	args.serial_ports = 0x5;
	args.hpet = false;
	args.pci_first = 0xd0000000;
	args.pci_last = 0xefffffff;
	build();
	open_folder();
	dump("DSDT", find_dsdt());
	dump("SSDT", loaded_table(&mem, xsdt, 8, "SSDT"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.ISA.SIO.COM1._STA", "000000000000000F"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.ISA.SIO.COM2._STA", "0000000000000000"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.ISA.SIO.COM3._STA", "000000000000000F"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.ISA.HPET._STA", "0000000000000000"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.ISA.KBC._STA", "000000000000000F"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0._CRS", "00 00 00 D0 FF FF"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.EXPL._STA", "0000000000000000"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0._CRS", "E0 FF FF FF EF 00 00 00 00"));
	ck_assert(evaluates_to("evaluate \\_S1", "0000000000000004"));
	ck_assert(evaluates_to("execute \\_PTS 1;evaluate \\_SB.PCI0.CRST", "0000000000000000"));
	ck_assert(evaluates_to("execute \\_PTS 5;evaluate \\_SB.PCI0.CRST", "0000000000000001"));
	ck_assert(evaluates_to("evaluate \\_PR.CP01", "Processor"));
	ck_assert(evaluates_to("evaluate \\_PIC 1;evaluate \\_SB.PCI0.LNKA._PRS", "23 F8 CE 18"));
	close_folder();
}
END_TEST

// As many as VMware's newer machines list; only the first two are there.
START_TEST(madt_with_those_that_are_not_there)
{
	unsigned count[16];
	uint8_t *madt;

	args.listed_cpus = 128;
	args.hot_add = true;
	args.low_size = 1 << 30;
	build();
	madt = loaded_table(&mem, xsdt, 8, "APIC");
	ck_assert_uint_eq(get_le32(madt + 4), 0x742);
	count_madt(madt, count);
	ck_assert_uint_eq(count[0], 128);
	ck_assert_uint_eq(count[4], 128);
	ck_assert_mem_eq(madt + 44 + 8, "\0\x08\1\2\1\0\0\0", 8);
	ck_assert_mem_eq(madt + 44 + 16, "\0\x08\2\4\0\0\0\0", 8);
	ck_assert_mem_eq(madt + 44 + 127 * 8, "\0\x08\x7f\xfe\0\0\0\0", 8);
	ck_assert_uint_eq(get_le32(loaded_table(&mem, xsdt, 8, "SRAT") + 4), 48 + 128 * 16 + 2 * 40);
	ck_assert_ptr_nonnull(memmem(files.tables.data, files.tables.len, "CP7F", 4));
	if (have("acpiexec")) {
		open_folder();
		dump("DSDT", find_dsdt());
		dump("SSDT", loaded_table(&mem, xsdt, 8, "SSDT"));
		ck_assert(evaluates_to("evaluate \\_PR.CP02._STA", "0000000000000000"));
		ck_assert(evaluates_to("evaluate \\_PR.CP7F._STA", "0000000000000000"));
		ck_assert(evaluates_to("evaluate \\_PR.CP01", "Processor"));
		close_folder();
	}
	release();
	args.listed_cpus = ACPI_MAX_CPUS + 1;
	ck_assert_int_lt(acpi_files_build(&args, &files, NULL), 0);
}
END_TEST

START_TEST(two_builds_are_equal)
{
	struct acpi_files again;

	ck_assert_int_eq(acpi_files_build(&args, &files, NULL), 0);
	ck_assert_int_eq(acpi_files_build(&args, &again, NULL), 0);
	ck_assert_uint_eq(files.tables.len, again.tables.len);
	ck_assert_mem_eq(files.tables.data, again.tables.data, files.tables.len);
	ck_assert_uint_eq(files.script.len, again.script.len);
	ck_assert_mem_eq(files.script.data, again.script.data, files.script.len);
	ck_assert_mem_eq(files.rsdp.data, again.rsdp.data, files.rsdp.len);
	acpi_files_free(&again);
}
END_TEST

START_TEST(generation_id)
{
	const char *notify = "execute \\_GPE._E02";

	if (!have("acpiexec"))
		return;
	args.genid = 0x1feff0000;
	build();
	open_folder();
	dump("DSDT", find_dsdt());
	dump("SSDT", loaded_table(&mem, xsdt, 8, "SSDT"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.VMGC.ADDR", "00000000FEFF0000"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.VMGC.ADDR", "0000000000000001"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.VMGC._HID", "VMW0001"));
	// acpiexec complains of small letters in a _CID; drivers look for them.
	ck_assert_ptr_nonnull(memmem(files.tables.data, files.tables.len, "_CID\rVM_Gen_Counter", 20));
	ck_assert(evaluates_to(notify, "Notify"));
	close_folder();
	release();
	args.genid = 0;
	build();
	ck_assert_ptr_null(memmem(files.tables.data, files.tables.len, "VMGC", 4));
}
END_TEST

// The names of the slots, who is in them, what the OS may drive.
START_TEST(slots)
{
#define OSC "execute \\_SB.PCI0._OSC (5B 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 66) "
#define DSM " (D0 37 C9 E5 53 35 7A 4D 91 17 EA 4D 19 C3 43 4D) 2 "
	if (!have("acpiexec"))
		return;
	with_bridges();
	build();
	open_folder();
	dump("DSDT", find_dsdt());
	dump("SSDT", loaded_table(&mem, xsdt, 8, "SSDT"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.P2P0.S1F0._SUN", "0000000000000020"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.P2P0.S2F0._SUN", "0000000000000021"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.P2P0.S32F._SUN", "000000000000003F"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.P2P0.S32F._ADR", "00000000001F0000"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.P2P0._ADR", "0000000000110000"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.PE40.S1F0._SUN", "00000000000000A0"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.PE41._ADR", "0000000000150001"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.PE41.S1F0._SUN", "00000000000000A1"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.PE77.S1F0._SUN", "0000000000000107"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.PE77._ADR", "0000000000180007"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.EXPL._STA", "000000000000000F"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0._CRS", "00 00 00 E8 FF FF BF FE"));
	// 02:01.0 is on input 19, 03:00.0 on 18, 0b:00.0 on 19, 13:00.0 on 16.
	ck_assert(evaluates_to("execute \\_PIC 1;evaluate \\_SB.PCI0.P2P0._PRT", "0000000000000013"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.P2P0.S2F0._DSM" DSM "0 [0]", "81"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.P2P0.S2F0._DSM" DSM "7 [0]", "0000000001000208"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.P2P0.S2F0._DSM" DSM "7 [0]", "45 00 74 00 68 00"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.P2P0.S3F0._DSM" DSM "0 [0]", "01"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.PE51.S1F0._DSM" DSM "0 [0]", "01"));
	ck_assert(evaluates_to("evaluate \\_SB.PCI0.PE41.S1F0._DSM" DSM "7 [0]", "0000000002000400"));
	// Requests of the hot plug registers reach the slot they are about; _EJ0 names the slot.
	ck_assert(evaluates_to("execute \\_GPE._L01", "Execut"));
	ck_assert(evaluates_to("execute \\_SB.PCI0.P2P0.HPNT 0x21 3", "System Notify on [S2F0]"));
	ck_assert(evaluates_to("execute \\_SB.PCI0.P2P0.HPNT 0x21 3", "Value 0x03 (Eject Request)"));
	ck_assert(evaluates_to("execute \\_SB.PCI0.P2P0.HPNT 0x3F 1", "System Notify on [S32F]"));
	ck_assert(evaluates_to("execute \\_SB.PCI0.P2P0.S3F0._EJ0 1;evaluate \\_SB.PCI0.HPSL", "0000000000000022"));
	ck_assert(evaluates_to("execute \\_SB.PCI0.PE41.S1F0._EJ0 1;evaluate \\_SB.PCI0.HPSL", "00000000000000A1"));
	// Hot plug, SHPC, PME, capability: granted; AER is not, and a bit says that something was not.
	ck_assert(evaluates_to(OSC "1 3 (00 00 00 00 1F 00 00 00 1F 00 00 00)", "10 00 00 00 1F 00 00 00 17"));
	ck_assert(evaluates_to(OSC "1 3 (00 00 00 00 1F 00 00 00 17 00 00 00)", "00 00 00 00 1F 00 00 00 17"));
	close_folder();
}
END_TEST

START_TEST(configuration_space_and_memory)
{
	uint8_t *t;

	with_bridges();
	build();
	t = loaded_table(&mem, xsdt, 8, "MCFG");
	check_ident(t, "PTLTD ", "$PCITBL$", " LTP", 1);
	ck_assert_uint_eq(get_le32(t + 4), 60);
	ck_assert_uint_eq(get_le64(t + 44), 0xe0000000);
	ck_assert_mem_eq(t + 52, "\0\0\0\x7f\0\0\0\0", 8);
	t = loaded_table(&mem, xsdt, 8, "SRAT");
	check_ident(t, "VMWARE", "MEMPLUG ", "VMW ", 1);
	ck_assert_uint_eq(t[8], 2);
	ck_assert_uint_eq(get_le32(t + 4), 48 + 2 * 16 + 4 * 40);
	ck_assert_uint_eq(get_le64(t + 48 + 32 + 40 + 8), 0x100000);
	ck_assert_uint_eq(get_le64(t + 48 + 32 + 40 + 16), 0xc0000000 - 0x100000);
	ck_assert_uint_eq(get_le64(t + 48 + 32 + 80 + 8), 0x100000000ull);
	ck_assert_uint_eq(get_le64(t + 48 + 32 + 120 + 8), 0x140000000ull);
	ck_assert_uint_eq(get_le64(t + 48 + 32 + 120 + 16), 0x1040000000ull - 0x140000000ull);
	ck_assert_uint_eq(get_le32(t + 48 + 32 + 120 + 28), 3);
	release();
	args.high_size = 0;
	build();
	ck_assert_uint_eq(get_le32(loaded_table(&mem, xsdt, 8, "SRAT") + 4), 48 + 2 * 16 + 2 * 40);
	args.hot_add = false;
	release();
	build();
	ck_assert_ptr_null(loaded_table(&mem, xsdt, 8, "SRAT"));
}
END_TEST

// _DIS, then _STA; _SRS with IRQ 11, then _CRS and _STA: the router's registers are memory in acpiexec.
START_TEST(links_route)
{
	if (!have("acpiexec"))
		return;
	build();
	open_folder();
	dump("DSDT", find_dsdt());
	dump("SSDT", loaded_table(&mem, xsdt, 8, "SSDT"));
	ck_assert(evaluates_to("execute \\_SB.PCI0.LNKC._DIS;evaluate \\_SB.PCI0.LNKC._STA",
			       "0000000000000009"));
	ck_assert(evaluates_to("execute \\_SB.PCI0.LNKC._DIS;evaluate \\_SB.PCI0.LNKC._CRS", "23 00 00 18"));
	ck_assert(evaluates_to(
		"evaluate \\_SB.PCI0.LNKC._SRS (23 00 08 18 79 00);evaluate \\_SB.PCI0.LNKC._CRS",
		"23 00 08 18"));
	ck_assert(evaluates_to(
		"evaluate \\_SB.PCI0.LNKC._SRS (23 00 08 18 79 00);evaluate \\_SB.PCI0.LNKC._STA",
		"000000000000000B"));
	ck_assert(evaluates_to(
		"evaluate \\_SB.PCI0.LNKC._SRS (23 00 00 18 79 00);evaluate \\_SB.PCI0.LNKC._STA",
		"0000000000000009"));
	close_folder();
}
END_TEST

// Every pin of every device on bus 0, in both modes, from the package as it is in the table.
START_TEST(interrupt_routing)
{
	unsigned rows = 0;
	uint8_t *dsdt;
	size_t len;

	build();
	dsdt = find_dsdt();
	len = get_le32(dsdt + 4);
	// A row of the APIC list: Package (4) { device << 16 | FFFFh, pin, 0, GSI }.
	for (size_t i = 36; i + 14 < len; i++) {
		const uint8_t *p = dsdt + i;
		unsigned device, pin, bytes;

		if (p[0] != 0x12 || p[2] != 4 || (p[3] != 0x0c && p[3] != 0x0b))
			continue;
		device = p[3] == 0x0c ? get_le32(p + 4) >> 16 : 0;
		p += p[3] == 0x0c ? 8 : 6;
		bytes = *p == 0x0a ? 2 : 1;
		pin = *p == 0x0a ? p[1] : *p;
		p += bytes;
		if (*p != 0)
			continue;               // the PIC list: a link's name
		ck_assert_uint_eq(p[1], 0x0a);
		ck_assert_uint_eq(p[2], 16 + ((device + pin + 1) & 3));
		rows++;
	}
	ck_assert_uint_eq(rows, 32 * 4);
}
END_TEST

// --- AML writer --------------------------------------------------------------------------------------

START_TEST(package_lengths)
{
	static const size_t contents[] = {0,     1,     0x3d,   0x3e,    0x3f,   0xffc,
					  0xffd, 0xffe, 0xffff, 0xffffc, 0xffffd};

	for (size_t i = 0; i < ARRAY_SIZE(contents); i++) {
		struct blob b = { 0 };
		struct aml_mark m;
		unsigned bytes;

		blob_u8(&b, 0x10);
		m.at = b.len;
		blob_zero(&b, contents[i]);
		aml_close(&b, m);
		ck_assert(!b.failed);
		ck_assert_uint_eq(package_length(b.data + 1, &bytes), contents[i] + bytes);
		ck_assert_uint_eq(b.len, 1 + bytes + contents[i]);
		blob_free(&b);
	}
}
END_TEST

START_TEST(encodings)
{
	static const uint8_t expected[] = {
		0x08, 'X', '_', '_', '_', 0x00, 0x01, 0x0a, 2, 0x0b, 0, 1, 0x0c, 0, 0, 1, 0,
		0x0e, 0, 0, 0, 0, 1, 0, 0, 0, 0x0d, 'h', 'i', 0, 0x0c, 0x41, 0xd0, 0x0a, 0x03,
		'\\', 0x2e, '_', 'S', 'B', '_', 'P', 'C', 'I', '0', '\\', 0,
		0x2f, 3, 'A', '_', '_', '_', 'B', '_', '_', '_', 'C', '_', '_', '_', 0xa4,
	};
	struct blob b = { 0 };

	aml_name(&b, "X");
	aml_int(&b, 0);
	aml_int(&b, 1);
	aml_int(&b, 2);
	aml_int(&b, 0x100);
	aml_int(&b, 0x10000);
	aml_int(&b, 0x100000000ull);
	aml_string(&b, "hi");
	aml_eisa_id(&b, "PNP0A03");
	aml_path(&b, "\\_SB.PCI0");
	aml_path(&b, "\\");
	aml_path(&b, "A.B.C");
	aml_return(&b);
	ck_assert_uint_eq(b.len, sizeof(expected));
	ck_assert_mem_eq(b.data, expected, sizeof(expected));
	aml_eisa_id(&b, "PNP");
	ck_assert(b.failed);
	blob_free(&b);
}
END_TEST

START_TEST(patching)
{
	uint8_t aml[] = {0, 0x08, 'A', 'B', 'C', 'D', 0x0c, 1, 2, 3,
			 4, 0x08, 'A', 'B', 'C', 'E', 0x0c, 1, 2, 3};
	uint8_t twice[20];

	ck_assert(aml_patch_dword(aml, sizeof(aml), "ABCD", 0x11223344));
	ck_assert_uint_eq(get_le32(aml + 7), 0x11223344);
	ck_assert(!aml_patch_dword(aml, sizeof(aml), "ABCE", 1));       // cut off
	ck_assert(!aml_patch_dword(aml, sizeof(aml), "NONE", 1));
	ck_assert(!aml_patch_dword(aml, 3, "ABCD", 1));
	memcpy(twice, aml + 1, 10);
	memcpy(twice + 10, aml + 1, 10);
	ck_assert(!aml_patch_dword(twice, sizeof(twice), "ABCD", 1));
}
END_TEST

START_TEST(blob_limits)
{
	struct blob b = { 0 };

	blob_zero(&b, BLOB_MAX);
	ck_assert(!b.failed);
	blob_u8(&b, 1);
	ck_assert(b.failed);
	blob_patch(&b, 0, "x", 1);
	blob_free(&b);
	blob_patch(&b, 0, "x", 1);
	blob_insert(&b, 1, "x", 1);
	ck_assert_uint_eq(b.len, 0);
	blob_text(&b, "abcdef", 3, ' ');
	blob_text(&b, "x", 3, ' ');
	blob_align(&b, 8);
	ck_assert_uint_eq(b.len, 8);
	ck_assert_mem_eq(b.data, "abcx  \0\0", 8);
	blob_free(&b);
}
END_TEST

static TCase *table_tests(void)
{
	TCase *tc = tcase_create("tables");

	tcase_add_checked_fixture(tc, defaults, release);
	tcase_set_timeout(tc, 90);
	tcase_add_test(tc, modern_machine);
	tcase_add_test(tc, fixed_hardware);
	tcase_add_test(tc, old_machine);
	tcase_add_test(tc, small_tables);
	tcase_add_test(tc, madt_small);
	tcase_add_test(tc, madt_with_those_that_are_not_there);
	tcase_add_test(tc, madt_beyond_the_byte);
	tcase_add_test(tc, bad_arguments);
	tcase_add_test(tc, into_fw_cfg);
	tcase_add_test(tc, seabios_can_read_it);
	tcase_add_test(tc, iasl_agrees);
	tcase_add_test(tc, methods_work);
	tcase_add_test(tc, generation_id);
	tcase_add_test(tc, slots);
	tcase_add_test(tc, configuration_space_and_memory);
	tcase_add_test(tc, two_builds_are_equal);
	tcase_add_test(tc, links_route);
	tcase_add_test(tc, interrupt_routing);
	return tc;
}

static TCase *writer_tests(void)
{
	TCase *tc = tcase_create("aml");

	tcase_add_test(tc, package_lengths);
	tcase_add_test(tc, encodings);
	tcase_add_test(tc, patching);
	tcase_add_test(tc, blob_limits);
	return tc;
}

// With an argument: writes the three files of a machine of hardware version 19 there, for a look with other
// tools.
static int write_files(const char *to)
{
	const struct { const char *name; struct blob *b; } out[] = {
		{ "rsdp", &files.rsdp }, { "tables", &files.tables }, { "table-loader", &files.script },
	};

	defaults();
	with_bridges();
	if (acpi_files_build(&args, &files, NULL) < 0)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(out); i++) {
		char path[512];
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s", to, out[i].name);
		f = fopen(path, "w");
		if (!f || fwrite(out[i].b->data, 1, out[i].b->len, f) != out[i].b->len || fclose(f))
			return 1;
	}
	release();
	return 0;
}

int main(int argc, char **argv)
{
	Suite *suite = suite_create("acpi");
	SRunner *runner;
	int failed;

	if (argc == 2)
		return write_files(argv[1]);
	suite_add_tcase(suite, table_tests());
	suite_add_tcase(suite, writer_tests());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
