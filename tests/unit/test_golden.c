// test_golden.c: SMBIOS, CPUID and memory map against what VMware guests show, field by field and hardware version by
// hardware version; the counts of docs/fidelity.md.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "hw/firmware/e820.h"
#include "hw/firmware/smbios.h"
#include "kvm/cpuid.h"

#define TSC_KHZ 2500000u

static const int versions[] = { 4, 7, 10, 14, 19, 21 };

struct text { char *data; size_t len; };
struct counts { unsigned compared, equal, different; };

// --- what we make ----------------------------------------------------------------------------------------

static const uint8_t uuid[16] = { 0x56, 0x4d, 0xfd, 0x28, 0x89, 0x33, 0xf8, 0xe2, 0x64, 0x74, 0x3b, 0x92, 0x92, 0x3b, 0x58, 0x0e };

// A file that `dmidecode --from-dump` reads: the entry point, and behind it the structures.
static void write_dump(const char *path, const struct smbios_files *files)
{
	uint8_t anchor[32] = { 0 };
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	memcpy(anchor, files->anchor, SMBIOS_ANCHOR_SIZE);
	put_le32(anchor + 24, sizeof(anchor));
	anchor[21] = 0;
	anchor[21] = blob_checksum(anchor + 16, 15);
	anchor[4] = 0;
	anchor[4] = blob_checksum(anchor, SMBIOS_ANCHOR_SIZE);
	fwrite(anchor, 1, sizeof(anchor), f);
	fwrite(files->tables.data, 1, files->tables.len, f);
	ck_assert_int_eq(fclose(f), 0);
}

static struct text run_dmidecode(const char *path)
{
	char command[128];
	struct text t = { 0 };
	FILE *out = open_memstream(&t.data, &t.len), *in;
	int c;

	snprintf(command, sizeof(command), "PATH=$PATH:/usr/sbin:/sbin dmidecode --from-dump %s 2>&1", path);
	in = popen(command, "r");
	ck_assert_ptr_nonnull(in);
	while ((c = getc(in)) != EOF)
		putc(c, out);
	ck_assert_int_eq(pclose(in), 0);
	fclose(out);
	return t;
}

static struct text dmi_text(int hw)
{
	struct smbios_args args = {
		.hw_version = hw, .uuid = uuid, .cpus = 4, .cores_per_socket = 2, .mem_mb = 3072,
		.cpu = { "GenuineIntel", "Some CPU @ 2.00GHz", 0x306a9, 0x0fabfbff, 2000, true },
	};
	char path[] = "/tmp/berth-dmi-XXXXXX";
	struct smbios_files files, again;
	struct text t;

	close(mkstemp(path));
	ck_assert_int_eq(smbios_files_build(&args, &files, NULL), 0);
	// Two starts give the same bytes.
	ck_assert_int_eq(smbios_files_build(&args, &again, NULL), 0);
	ck_assert_uint_eq(files.tables.len, again.tables.len);
	ck_assert_mem_eq(files.tables.data, again.tables.data, files.tables.len);
	ck_assert_mem_eq(files.anchor, again.anchor, SMBIOS_ANCHOR_SIZE);
	write_dump(path, &files);
	blob_free(&files.tables);
	blob_free(&again.tables);
	t = run_dmidecode(path);
	unlink(path);
	return t;
}

// --- looking things up -----------------------------------------------------------------------------------

// The block of structure INDEX of TYPE: from its "Handle" line to the next. COUNT: how many there are.
static const char *find_block(const char *text, unsigned type, unsigned index, unsigned *count)
{
	const char *found = NULL;

	*count = 0;
	for (const char *p = strstr(text, "Handle 0x"); p; p = strstr(p + 1, "\nHandle 0x")) {
		unsigned t;

		if (sscanf(p + (*p == '\n'), "Handle 0x%*x, DMI type %u", &t) == 1 && t == type && (*count)++ == index)
			found = p;
	}
	return found;
}

static bool block_has(const char *block, const char *line)
{
	const char *end = strstr(block + 1, "\nHandle 0x");
	size_t n = strlen(line);

	for (const char *p = block; p && (!end || p < end);) {
		p += strspn(p, "\n\t ");
		if (!strncmp(p, line, n) && (p[n] == '\n' || !p[n]))
			return true;
		p = strchr(p, '\n');
	}
	return false;
}

static bool dmi_holds(const char *text, const char *section, const char *line)
{
	unsigned type = 0, index = 0, count, number;
	const char *block;
	char length[32];

	if (sscanf(section, "dmi %u %u", &type, &index) < 1)
		return strstr(text, line) != NULL;
	block = find_block(text, type, index, &count);
	if (sscanf(line, "Count: %u", &number) == 1)
		return count == number;
	if (!block)
		return false;
	if (sscanf(line, "Length: %u", &number) != 1)
		return block_has(block, line);
	snprintf(length, sizeof(length), "type %u, %u bytes\n", type, number);
	return strstr(block, length) && strstr(block, length) < block + 60;
}

static bool cpuid_holds(const char *line)
{
	static const struct kvm_cpuid_entry2 host[] = {
		{ .function = 0, .eax = 0xd, .ebx = 0x756e6547, .edx = 0x49656e69, .ecx = 0x6c65746e },
		{ .function = 1 }, { .function = 0x40000000, .ebx = 0x4b4d564b }, { .function = 0x40000100, .eax = 1 },
	};
	struct cpuid_args args = { .topology = { 4, 2 }, .hypervisor = true, .tsc_khz = TSC_KHZ, .apic_khz = 1000000 };
	struct cpuid_table t;
	char is[64];

	cpuid_build(&args, host, 4, &t);
	if (!strncmp(line, "1.ecx.31", 8))
		snprintf(is, sizeof(is), "1.ecx.31: %u", cpuid_find(&t, 1, 0)->ecx >> 31);
	else if (!strncmp(line, "40000000.eax", 12))
		snprintf(is, sizeof(is), "40000000.eax: %x", cpuid_find(&t, 0x40000000, 0)->eax);
	else if (!strncmp(line, "40000000.sig", 12))
		snprintf(is, sizeof(is), "40000000.signature: %.12s", (const char *)&cpuid_find(&t, 0x40000000, 0)->ebx);
	else if (!strncmp(line, "40000010.eax", 12))
		snprintf(is, sizeof(is), "40000010.eax: %s", cpuid_find(&t, 0x40000010, 0)->eax == TSC_KHZ ? "tsc_khz" : "?");
	else if (!strncmp(line, "40000010.ebx", 12))
		snprintf(is, sizeof(is), "40000010.ebx: %u", cpuid_find(&t, 0x40000010, 0)->ebx);
	else if (!strncmp(line, "40000010.ecx", 12))
		snprintf(is, sizeof(is), "40000010.ecx: %x", cpuid_find(&t, 0x40000010, 0)->ecx);
	else
		snprintf(is, sizeof(is), "40000100.eax: %s", cpuid_find(&t, 0x40000100, 0) ? "there" : "none");
	return !strcmp(is, line);
}

static bool e820_holds(const char *line)
{
	struct e820_args args = { .low_size = 3072ull << 20 };
	struct blob b = { 0 };
	bool found = false;

	e820_write(&args, &b);
	for (size_t at = 0; at + 20 <= b.len; at += 20) {
		uint64_t first = get_le64(b.data + at), size = get_le64(b.data + at + 8);
		char is[64];

		snprintf(is, sizeof(is), "%llx-%llx: %s", (unsigned long long)first, (unsigned long long)(first + size - 1),
			 get_le32(b.data + at + 16) == 1 ? "usable" : "reserved");
		found |= !strcmp(is, line);
	}
	blob_free(&b);
	return found;
}

static bool holds(const char *dmi, const char *section, const char *line)
{
	if (!strncmp(section, "cpuid", 5))
		return cpuid_holds(line);
	if (!strncmp(section, "e820", 4))
		return e820_holds(line);
	return dmi_holds(dmi, section, line);
}

// --- comparing -------------------------------------------------------------------------------------------

// One line of a golden file: "! field | reason" is different here on purpose, and must stay so while it is listed.
static void compare(struct counts *n, int hw, const char *dmi, const char *section, char *line)
{
	bool differs = line[0] == '!';
	char *bar = differs ? strstr(line, " | ") : NULL;

	if (bar)
		*bar = '\0';
	ck_assert_msg(!differs || (bar && bar[3]), "hardware version %d: [%s] %s: no reason", hw, section, line);
	line += differs ? 2 : 0;
	ck_assert_msg(holds(dmi, section, line) == !differs, "hardware version %d: [%s] %s: %s", hw, section, line,
		      differs ? "is equal now; it is no difference any more" : "is not so");
	n->compared++;
	n->equal += !differs;
	n->different += differs;
}

static struct counts compare_version(int hw)
{
	struct counts n = { 0 };
	struct text dmi = dmi_text(hw);
	char path[256], section[64] = "", *golden, *rest, *line;
	size_t len;

	snprintf(path, sizeof(path), SOURCE_ROOT "/tests/lab/golden/hw%02d.txt", hw);
	ck_assert_int_eq(file_read(path, 1 << 20, &golden, &len, NULL), 0);
	for (rest = golden; (line = strsep(&rest, "\n"));) {
		if (!*line || *line == '#')
			continue;
		if (*line == '[')
			snprintf(section, sizeof(section), "%.*s", (int)strcspn(line + 1, "]"), line + 1);
		else
			compare(&n, hw, dmi.data, section, line);
	}
	free(golden);
	free(dmi.data);
	return n;
}

START_TEST(version)
{
	int hw = versions[_i];
	struct counts n = compare_version(hw);
	char row[64], *page;
	size_t len;

	ck_assert_uint_ge(n.compared, 100);
	ck_assert_uint_eq(n.compared, n.equal + n.different);
	snprintf(row, sizeof(row), "\n| %d | %u | %u | %u |", hw, n.compared, n.equal, n.different);
	ck_assert_int_eq(file_read(SOURCE_ROOT "/docs/fidelity.md", 1 << 20, &page, &len, NULL), 0);
	ck_assert_msg(strstr(page, row), "docs/fidelity.md should have the row%s", row);
	free(page);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("golden");
	TCase *tc = tcase_create("golden");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, version, 0, (int)(sizeof(versions) / sizeof(versions[0])));
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
