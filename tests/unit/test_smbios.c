// test_smbios.c: SMBIOS structures and entry point, read back as an OS reads them.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>

#include "firmware_fixture.h"
#include "hw/firmware/smbios.h"
#include "hw/firmware/smbios_writer.h"

static const uint8_t uuid[16] = {0x56, 0x4d, 0x55, 0, 0x2e, 0x73, 0x83, 0xda,
				 0xe6, 0x3b, 1,    2, 3,    4,    5,    0xff};

static struct smbios_args args;
static struct smbios_files files;

static void defaults(void)
{
	args = (struct smbios_args){
		.hw_version = 19, .uuid = uuid, .cpus = 4, .cores_per_socket = 2, .mem_mb = 3072,
		.cpu = { "GenuineIntel", "Some CPU @ 2.00GHz", 0x306a9, 0x0fabfbff, 2000, true },
	};
}

static void release(void)
{
	blob_free(&files.tables);
}

// --- a reader ----------------------------------------------------------------------------------------

// The structure behind P, or the first; NULL behind the last. Checks that strings end inside the table.
static const uint8_t *next(const uint8_t *p)
{
	const uint8_t *end = files.tables.data + files.tables.len;

	if (!p)
		return files.tables.data;
	p += p[1];
	while (p + 1 < end && (p[0] || p[1]))
		p++;
	ck_assert(p + 1 < end);
	return p + 2 == end ? NULL : p + 2;
}

static const uint8_t *find(unsigned type, unsigned index)
{
	for (const uint8_t *p = next(NULL); p; p = next(p)) {
		if (p[0] == type && !index--)
			return p;
	}
	return NULL;
}

static unsigned count(unsigned type)
{
	unsigned n = 0;

	while (find(type, n))
		n++;
	return n;
}

// String NUMBER of the structure at P.
static const char *text(const uint8_t *p, unsigned number)
{
	const char *s = (const char *)p + p[1];

	ck_assert_uint_ge(number, 1);
	while (--number) {
		ck_assert_int_ne(*s, 0);
		s += strlen(s) + 1;
	}
	return s;
}

static void build(void)
{
	ck_assert_int_eq(smbios_files_build(&args, &files, NULL), 0);
}

// --- structures --------------------------------------------------------------------------------------

START_TEST(identity)
{
	const uint8_t *p;

	build();
	p = find(0, 0);
	ck_assert_uint_eq(p[1], 24);
	ck_assert_str_eq(text(p, p[4]), "Phoenix Technologies LTD");
	ck_assert_str_eq(text(p, p[5]), "6.00");
	ck_assert_uint_eq(get_le16(p + 6), 0xea49);
	ck_assert_str_eq(text(p, p[8]), "11/12/2020");
	ck_assert_uint_eq(get_le64(p + 10), 0x7c09df90);
	p = find(1, 0);
	ck_assert_uint_eq(p[1], 27);
	ck_assert_str_eq(text(p, p[4]), "VMware, Inc.");
	ck_assert_str_eq(text(p, p[5]), "VMware Virtual Platform");
	ck_assert_str_eq(text(p, p[6]), "None");
	ck_assert_str_eq(text(p, p[7]), "VMware-56 4d 55 00 2e 73 83 da-e6 3b 01 02 03 04 05 ff");
	ck_assert_mem_eq(p + 8, uuid, 16);
	ck_assert_uint_eq(p[24], 6);
	p = find(2, 0);
	ck_assert_uint_eq(p[1], 15);
	ck_assert_str_eq(text(p, p[4]), "Intel Corporation");
	ck_assert_str_eq(text(p, p[5]), "440BX Desktop Reference Platform");
	ck_assert_uint_eq(get_le16(p + 11), get_le16(find(3, 0) + 2));
	p = find(3, 0);
	ck_assert_uint_eq(p[1], 21);
	ck_assert_str_eq(text(p, p[4]), "No Enclosure");
	ck_assert_uint_eq(get_le32(p + 13), 0x1234);
}
END_TEST

START_TEST(serial_as_in_the_file)
{
	args.uuid_text = "56 4D aa bb";
	build();
	ck_assert_str_eq(text(find(1, 0), 4), "VMware-56 4D aa bb");
}
END_TEST

START_TEST(names_of_the_file)
{
	args.short_serial = true;
	args.board = "Mac-27ADBB7B4CEE8E61";
	args.product = "iMac14,2";
	build();
	ck_assert_str_eq(text(find(1, 0), 4), "VM02030405FF");
	ck_assert_str_eq(text(find(1, 0), 2), "iMac14,2");
	ck_assert_str_eq(text(find(2, 0), 1), "Intel Corporation");
	ck_assert_str_eq(text(find(2, 0), 2), "Mac-27ADBB7B4CEE8E61");
	release();
	args.serial = "C02XXXXXXXXX";
	build();
	ck_assert_str_eq(text(find(1, 0), 4), "C02XXXXXXXXX");
	ck_assert_mem_eq(find(1, 0) + 8, uuid, 16);
}
END_TEST

START_TEST(hostile_strings)
{
	static char endless[1000];

	memset(endless, 'A', sizeof(endless) - 1);
	args.uuid_text = "bad\ntext\x7f";
	args.manufacturer = endless;
	args.product = "";
	build();
	ck_assert_str_eq(text(find(1, 0), 3), "VMware-bad?text?");
	ck_assert_uint_eq(strlen(text(find(1, 0), 1)), SMB_STRING_MAX);
	ck_assert_uint_eq(find(1, 0)[5], 0);
}
END_TEST

START_TEST(reflected_host)
{
	struct smbios_host host;

	smbios_host_read(&host);                // whatever there is
	args.manufacturer = "Example Corp.";
	args.product = "Machine 1";
	build();
	ck_assert_str_eq(text(find(1, 0), 1), "Example Corp.");
	ck_assert_str_eq(text(find(1, 0), 2), "Machine 1");
}
END_TEST

START_TEST(everything_is_there)
{
	static const struct { unsigned type, count, length; } expected[] = {
		{0, 1, 24},   {1, 1, 27},  {2, 1, 15},  {3, 1, 21},  {4, 128, 42},  {5, 1, 46},  {6, 15, 12},
		{7, 256, 19},   {8, 4, 9},   {9, 7, 17},  {10, 1, 8},  {11, 1, 5},  {15, 1, 29}, {16, 1, 23},
		{17, 64, 34}, {18, 1, 23}, {19, 1, 31}, {20, 64, 35}, {23, 1, 13}, {24, 1, 5},  {30, 1, 6},
		{32, 1, 20},  {33, 1, 31}, {126, 1, 4}, {127, 1, 4},
	};
	unsigned structures = 0, handle = 0;

	build();
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		ck_assert_msg(count(expected[i].type) == expected[i].count, "type %u", expected[i].type);
		ck_assert_msg(find(expected[i].type, 0)[1] == expected[i].length, "type %u",
			      expected[i].type);
		structures += expected[i].count;
	}
	for (const uint8_t *p = next(NULL); p; p = next(p)) {
		ck_assert_uint_eq(get_le16(p + 2), handle++);
		ck_assert(next(p) || p[0] == 127);
	}
	ck_assert_uint_eq(handle, structures);
	ck_assert_uint_eq(get_le16(files.anchor + 28), structures);
}
END_TEST

START_TEST(older_version)
{
	args.hw_version = 8;
	args.no_oem_strings = true;
	build();
	ck_assert_uint_eq(files.anchor[7], 4);
	ck_assert_uint_eq(files.anchor[30], 0x24);
	ck_assert_uint_eq(find(17, 0)[1], 27);
	ck_assert_uint_eq(find(16, 0)[1], 15);
	ck_assert_uint_eq(find(9, 0)[1], 13);
	ck_assert_uint_eq(count(11), 0);
	blob_free(&files.tables);
	args.host_vendor = "Somebody Inc.";
	build();
	ck_assert_str_eq(text(find(11, 0), 1), "Somebody Inc.");
	blob_free(&files.tables);
	args.no_oem_strings = false;
	build();
	ck_assert_uint_eq(find(11, 0)[4], 3);
	ck_assert_str_eq(text(find(11, 0), 2), "Welcome to the Virtual Machine");
	ck_assert_str_eq(text(find(11, 0), 3), "Somebody Inc.");
}
END_TEST

START_TEST(newest_memory)
{
	const uint8_t *p;

	args.hw_version = 21;
	args.mem_mb = 8192;
	build();
	p = find(17, 0);
	ck_assert_uint_eq(p[1], 40);
	ck_assert_uint_eq(get_le16(p + 12), 8192);
	ck_assert_str_eq(text(p, p[0x17]), "VMware Virtual RAM");
	ck_assert_str_eq(text(p, p[0x18]), "00000001");
	ck_assert_str_eq(text(p, p[0x1a]), "VMW-8192MB");
	ck_assert_uint_eq(get_le16(p + 0x20), 4800);
	p = find(17, 1);
	ck_assert_uint_eq(get_le16(p + 12), 0);
	ck_assert_uint_eq(p[0x17], 0);
	ck_assert_str_eq(text(p, p[0x10]), "RAM slot #1");
}
END_TEST

START_TEST(processors)
{
	const uint8_t *p;

	args.cpus = 5;
	build();
	args.hw_version = 10;
	release();
	build();
	ck_assert_uint_eq(count(4), 3);
	p = find(4, 2);
	ck_assert_str_eq(text(p, p[4]), "CPU #002");
	ck_assert_str_eq(text(p, p[7]), "GenuineIntel");
	ck_assert_uint_eq(get_le32(p + 8), 0x306a9);
	ck_assert_str_eq(text(p, p[0x10]), "Some CPU @ 2.00GHz");
	ck_assert_uint_eq(get_le16(p + 0x16), 2000);
	ck_assert_uint_eq(p[0x18], 0x41);
	ck_assert_uint_eq(p[0x23], 1);
	ck_assert_uint_eq(find(4, 0)[0x23], 2);
	ck_assert_uint_eq(get_le16(p + 0x1a), get_le16(find(7, 4) + 2));
	ck_assert_uint_eq(get_le16(p + 0x1c), get_le16(find(7, 5) + 2));
	ck_assert_str_eq(text(find(7, 5), 1), "L2");
}
END_TEST

START_TEST(references_hold)
{
	const uint8_t *p;

	build();
	p = find(5, 0);
	for (unsigned i = 0; i < 15; i++)
		ck_assert_uint_eq(get_le16(p + 15 + 2 * i), get_le16(find(6, i) + 2));
	for (unsigned i = 0; i < 64; i++)
		ck_assert_uint_eq(get_le16(find(17, i) + 4), get_le16(find(16, 0) + 2));
	// 3072 MB: 2048 and 1024.
	ck_assert_uint_eq(find(6, 0)[9], 11);
	ck_assert_uint_eq(find(6, 1)[9], 10);
	ck_assert_uint_eq(find(6, 2)[9], 0x7f);
	// As VMware has it: what lies behind the memory, for every slot.
	p = find(20, 63);
	ck_assert_uint_eq(get_le32(p + 4), 3072 << 10);
	ck_assert_uint_eq(get_le32(p + 8), ((3072 + 64511) << 10) - 1);
	ck_assert_uint_eq(get_le16(p + 12), get_le16(find(17, 63) + 2));
	ck_assert_uint_eq(get_le16(p + 14), 0xa7);
	ck_assert_uint_eq(get_le32(find(19, 0) + 8), (3072 << 10) - 1);
}
END_TEST

START_TEST(slots_add_up)
{
	static const uint64_t sizes[] = {
		0, 1, 4, 32, 511, 1024, 3072, 65535, 655359, 655360, 1048575, 24u << 20,
		SMBIOS_MEM_MB_MAX - 1, SMBIOS_MEM_MB_MAX,
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t slots[SMB_MEMORY_SLOTS], sum = 0;

		smb_memory_slots(sizes[i], slots);
		for (unsigned n = 0; n < SMB_MEMORY_SLOTS; n++) {
			ck_assert((slots[n] & (slots[n] - 1)) == 0 || !slots[n]);
			ck_assert(n == 0 || slots[n] <= slots[n - 1]);
			sum += slots[n];
		}
		ck_assert_uint_eq(sum, sizes[i]);
	}
}
END_TEST

START_TEST(huge_machines)
{
	const uint8_t *p;

	args.mem_mb = 24ull << 20;
	args.cpus = 255;
	args.cores_per_socket = 1;
	memset(args.cpu.brand, 'x', sizeof(args.cpu.brand) - 1);
	build();
	ck_assert_uint_eq(count(4), 255);
	ck_assert_uint_eq(get_le16(files.anchor + 22), files.tables.len);
	p = find(16, 0);
	ck_assert_uint_eq(get_le32(p + 7), 0x80000000);
	ck_assert_uint_eq(get_le64(p + 15), 24ull << 40);
	p = find(17, 0);
	ck_assert_uint_eq(get_le16(p + 12), 0x7fff);
	ck_assert_uint_eq(get_le32(p + 0x1c), 1u << 20);
	ck_assert_uint_eq(get_le32(find(19, 0) + 8), 0xfffffffe);
	release();
	args.cpus = 60000;
	ck_assert_int_eq(smbios_files_build(&args, &files, NULL), -E2BIG);
	release();
	args.mem_mb = UINT64_MAX;
	ck_assert_int_eq(smbios_files_build(&args, &files, NULL), -EINVAL);
	release();
	args.cpus = 0;
	ck_assert_int_eq(smbios_files_build(&args, &files, NULL), -EINVAL);
}
END_TEST

// --- entry point -------------------------------------------------------------------------------------

START_TEST(entry_point)
{
	const uint8_t *a = files.anchor;
	size_t largest = 0;

	build();
	ck_assert_mem_eq(a, "_SM_", 4);
	ck_assert_uint_eq(a[5], 31);
	ck_assert_uint_eq(blob_checksum(a, 31), 0);
	ck_assert_uint_eq(blob_checksum(a + 16, 15), 0);
	ck_assert_mem_eq(a + 16, "_DMI_", 5);
	ck_assert_uint_eq(a[6], 2);
	ck_assert_uint_eq(a[7], 7);
	ck_assert_uint_eq(a[30], 0x27);
	ck_assert_uint_eq(get_le16(a + 22), files.tables.len);
	ck_assert_uint_eq(get_le32(a + 24), 0);
	for (const uint8_t *p = next(NULL); p; p = next(p)) {
		const uint8_t *end = next(p) ? next(p) : files.tables.data + files.tables.len;

		largest = MAX(largest, (size_t)(end - p));
	}
	ck_assert_uint_eq(get_le16(a + 8), largest);
}
END_TEST

START_TEST(into_fw_cfg)
{
	struct fixture f;
	uint8_t *data;
	size_t len;

	fixture_open(&f);
	ck_assert_int_eq(smbios_build(&args, f.fw, NULL), 0);
	data = fixture_file(&f, "etc/smbios/smbios-anchor", &len);
	ck_assert_uint_eq(len, 31);
	free(data);
	data = fixture_file(&f, "etc/smbios/smbios-tables", &len);
	ck_assert_uint_eq(data[0], 0);
	ck_assert_uint_eq(data[len - 6], 127);
	free(data);
	fixture_close(&f);
}
END_TEST

// With an argument: writes a dump there that `dmidecode --from-dump` reads, and the two files beside it.
static int write_files(const char *to)
{
	uint8_t anchor[32] = { 0 };
	char path[512];
	FILE *out;

	defaults();
	if (smbios_files_build(&args, &files, NULL) < 0)
		return 1;
	snprintf(path, sizeof(path), "%s/anchor", to);
	out = fopen(path, "w");
	if (!out || fwrite(files.anchor, 1, 31, out) != 31 || fclose(out))
		return 1;
	snprintf(path, sizeof(path), "%s/structures", to);
	out = fopen(path, "w");
	if (!out || fwrite(files.tables.data, 1, files.tables.len, out) != files.tables.len || fclose(out))
		return 1;
	memcpy(anchor, files.anchor, 31);
	put_le32(anchor + 24, 32);
	anchor[21] = 0;
	anchor[21] = blob_checksum(anchor + 16, 15);
	anchor[4] = 0;
	anchor[4] = blob_checksum(anchor, 31);
	snprintf(path, sizeof(path), "%s/dmi.bin", to);
	out = fopen(path, "w");
	if (!out || fwrite(anchor, 1, 32, out) != 32 ||
	    fwrite(files.tables.data, 1, files.tables.len, out) != files.tables.len || fclose(out))
		return 1;
	release();
	return 0;
}

int main(int argc, char **argv)
{
	Suite *suite = suite_create("smbios");
	TCase *tc = tcase_create("structures");
	SRunner *runner;
	int failed;

	if (argc == 2)
		return write_files(argv[1]);
	tcase_add_checked_fixture(tc, defaults, release);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, identity);
	tcase_add_test(tc, serial_as_in_the_file);
	tcase_add_test(tc, names_of_the_file);
	tcase_add_test(tc, hostile_strings);
	tcase_add_test(tc, reflected_host);
	tcase_add_test(tc, everything_is_there);
	tcase_add_test(tc, older_version);
	tcase_add_test(tc, newest_memory);
	tcase_add_test(tc, processors);
	tcase_add_test(tc, references_hold);
	tcase_add_test(tc, slots_add_up);
	tcase_add_test(tc, huge_machines);
	tcase_add_test(tc, entry_point);
	tcase_add_test(tc, into_fw_cfg);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
