// test_vmx_check.c: what `berth check` prints and exits with.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/file.h"
#include "cli/check.h"
#include "cli/check_priv.h"

#define HEAD "config.version = \"8\"\nvirtualHW.version = \"19\"\nguestOS = \"debian12-64\"\nmemsize = \"64\"\n"

static char folder[64], vmx[96];

static void write_file(const char *name, const void *data, size_t len)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	ck_assert_int_eq(file_replace(path, data, len, NULL), 0);
}

static void make_folder(void)
{
	strcpy(folder, "/tmp/berth-chk-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(vmx, sizeof(vmx), "%s/a.vmx", folder);
}

static void remove_folder(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

// A flat disk of 1 MiB with its descriptor.
static void write_disk(void)
{
	static const char desc[] = "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
				   "createType=\"monolithicFlat\"\nRW 2048 FLAT \"disk-flat.vmdk\" 0\n"
				   "ddb.adapterType = \"ide\"\n";
	char *zeros = calloc(1, 1 << 20);

	write_file("disk.vmdk", desc, sizeof(desc) - 1);
	write_file("disk-flat.vmdk", zeros, 1 << 20);
	free(zeros);
}

static char *print(const char *text, bool all, enum exit_code *code)
{
	struct check check;
	char *out = NULL;
	size_t size = 0;
	FILE *f;

	write_file("a.vmx", text, strlen(text));
	check_load(&check, vmx);
	f = open_memstream(&out, &size);
	check_print(&check, all, f);
	fclose(f);
	*code = check_exit(&check);
	check_free(&check);
	return out;
}

static json_t *print_json(const char *path)
{
	struct check check;
	char *out = NULL;
	size_t size = 0;
	json_t *j;
	FILE *f;

	check_load(&check, path);
	f = open_memstream(&out, &size);
	ck_assert_int_eq(check_print_json(&check, f), 0);
	fclose(f);
	check_free(&check);
	j = json_loads(out, 0, NULL);
	ck_assert_ptr_nonnull(j);
	free(out);
	return j;
}

static void check_has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in:\n%s", part, text);
}

START_TEST(a_good_machine_is_described)
{
	enum exit_code code;
	char *out;

	write_disk();
	out = print(HEAD "numvcpus = 4\ncpuid.coresPerSocket = 2\nide0:0.present = TRUE\nide0:0.fileName = disk.vmdk\n"
		    "ide1:0.present = TRUE\nide1:0.deviceType = atapi-cdrom\nserial0.present = TRUE\n"
		    "serial0.fileType = pipe\nserial0.fileName = s\nhpet0.present = TRUE\nodd.key = 1\nmem.hotadd = TRUE\n"
		    "serial1.fileName = x\nannotation = y\nRemoteDisplay.vnc.enabled = TRUE\n"
		    "displayName = \"esc|1B[2J\"\n", false, &code);
	ck_assert_int_eq(code, EXIT_GUEST_OFF);
	check_has(out, "4: 2 sockets with 2 cores each");
	check_has(out, "64 MB");
	check_has(out, "1.0 MiB  monolithicFlat");
	check_has(out, "CD    empty");
	check_has(out, "pipe (server)");
	check_has(out, "127.0.0.1 port 5900, no password");
	check_has(out, "odd.key");
	check_has(out, "mem.hotadd");
	check_has(out, "serial1.present is not TRUE");
	check_has(out, "1 harmless (--all lists them)");
	check_has(out, "Nothing in the file stops a start.");
	ck_assert_ptr_null(strstr(out, "\x1b"));
	ck_assert_ptr_null(strstr(out, "annotation"));
	free(out);
}
END_TEST

// Two for one slot: both lines are named, nothing stops, and the machine is shown as it would be.
START_TEST(slots_are_shown)
{
	enum exit_code code;
	char *out = print(HEAD "uuid.bios = \"56 4d f9 31 88 13 5b a4-83 75 2b 4f 86 de 54 09\"\n"
			       "ethernet0.present = TRUE\nethernet0.virtualDev = e1000\nethernet0.pciSlotNumber = 33\n"
			       "ethernet1.present = TRUE\nethernet1.virtualDev = vmxnet3\nethernet1.pciSlotNumber = 1184\n"
			       "ethernet1.addressType = static\nethernet1.address = 00:50:56:01:02:03\n"
			       "ehci.present = TRUE\nehci.pciSlotNumber = 33\n"
			       "ethernet2.present = TRUE\nethernet2.virtualDev = e1000e\n", false, &code);
	json_t *j, *list, *e;
	size_t i;

	ck_assert_int_eq(code, EXIT_GUEST_OFF);
	check_has(out, "e1000, 00:0c:29:de:54:09, slot 33, 02:01.0");
	check_has(out, "vmxnet3, 00:50:56:01:02:03, slot 1184, 04:00.0");
	check_has(out, "controller, no devices, slot 32, 02:00.0");
	check_has(out, "a.vmx:15: warning: ehci.pciSlotNumber: 33 is the slot of ethernet0 already (line 8); "
		       "it gets 32 instead.");
	check_has(out, "ethernet0.present: the adapter is there, with no network traffic yet");
	check_has(out, "ethernet2.present: network adapter e1000e is not supported yet; the VM runs without it");
	free(out);
	j = print_json(vmx);
	list = json_object_get(json_object_get(j, "machine"), "pci");
	ck_assert_uint_ge(json_array_size(list), 8);
	json_array_foreach(list, i, e) {
		if (!strcmp(json_string_value(json_object_get(e, "node")), "ethernet1"))
			ck_assert_str_eq(json_string_value(json_object_get(e, "address")), "04:00.0");
	}
	json_decref(j);
}
END_TEST

START_TEST(problems_have_place_and_exit_code)
{
	enum exit_code code;
	char *out = print(HEAD "numvcpus = none\nfirmware = efi\n", false, &code);

	ck_assert_int_eq(code, EXIT_CONFIG);
	check_has(out, "a.vmx:5: error: numvcpus: \"none\" is not a whole number.");
	check_has(out, "a.vmx:6: error: firmware: ");
	check_has(out, "A start would stop: 2 errors, exit code 3.");
	check_has(out, "  Refused (1)\n");
	free(out);
	out = print(HEAD "checkpoint.vmState = x.vmss\n", false, &code);
	ck_assert_int_eq(code, EXIT_BUSY);
	free(out);
}
END_TEST

START_TEST(a_disk_that_cannot_be_opened_stops_a_start)
{
	enum exit_code code;
	char *out;

	write_file("disk.vmdk", "garbage", 7);
	out = print(HEAD "ide0:0.present = TRUE\nide0:0.fileName = disk.vmdk\n", false, &code);
	ck_assert_int_eq(code, EXIT_DISK);
	check_has(out, "ide0:0: error: ");
	check_has(out, "exit code 5");
	free(out);
}
END_TEST

START_TEST(all_lists_every_key)
{
	enum exit_code code;
	char *out = print(HEAD "annotation = y\n", true, &code);

	check_has(out, "annotation");
	check_has(out, "memsize");
	check_has(out, "Honoured");
	free(out);
}
END_TEST

START_TEST(json_names_the_fate_of_every_key)
{
	json_t *j = print_json(SOURCE_ROOT "/tests/data/vmx/workstation17.vmx"), *keys, *k;
	static const char *const allowed[] = { "honoured", "harmless", "not yet", "inactive", "unknown" };
	unsigned unknown = 0;
	size_t i;

	keys = json_object_get(j, "keys");
	ck_assert_uint_ge(json_array_size(keys), 80);
	json_array_foreach(keys, i, k) {
		const char *fate = json_string_value(json_object_get(k, "fate"));
		bool ok = false;

		for (size_t n = 0; n < ARRAY_SIZE(allowed); n++)
			ok |= !strcmp(fate, allowed[n]);
		ck_assert_msg(ok, "%s", json_string_value(json_object_get(k, "key")));
		ck_assert_uint_eq(json_integer_value(json_object_get(k, "line")), i + 1);
		ck_assert(*json_string_value(json_object_get(k, "why")));
		unknown += !strcmp(fate, "unknown");
	}
	ck_assert_uint_eq(unknown, 1);
	// Its disk is not in the tree.
	ck_assert_int_eq(json_integer_value(json_object_get(j, "exit")), EXIT_CONFIG);
	json_decref(j);
}
END_TEST

START_TEST(json_describes_machine_and_problems)
{
	json_t *j, *m, *drive;
	static const char text[] = HEAD "ide0:0.present = TRUE\nide0:0.fileName = disk.vmdk\nannotation = \"\xff\"\n";

	write_disk();
	write_file("a.vmx", text, sizeof(text) - 1);
	j = print_json(vmx);
	m = json_object_get(j, "machine");
	ck_assert_int_eq(json_integer_value(json_object_get(m, "memoryMB")), 64);
	drive = json_array_get(json_object_get(m, "drives"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(drive, "format")), "monolithicFlat");
	ck_assert_int_eq(json_integer_value(json_object_get(drive, "size")), 1 << 20);
	ck_assert_uint_eq(json_array_size(json_object_get(j, "problems")), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "exit")), 0);
	json_decref(j);
	j = print_json("/nonexistent.vmx");
	ck_assert(json_is_null(json_object_get(j, "machine")));
	ck_assert_int_eq(json_integer_value(json_object_get(j, "exit")), EXIT_CONFIG);
	ck_assert_uint_eq(json_array_size(json_object_get(j, "problems")), 1);
	json_decref(j);
}
END_TEST

START_TEST(nothing_is_written)
{
	struct stat before, after;
	enum exit_code code;
	char path[200];

	write_disk();
	snprintf(path, sizeof(path), "%s/disk.vmdk", folder);
	ck_assert_int_eq(stat(path, &before), 0);
	free(print(HEAD "ide0:0.present = TRUE\nide0:0.fileName = disk.vmdk\n", true, &code));
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec && before.st_ino == after.st_ino);
}
END_TEST

START_TEST(wrong_command_lines)
{
	char name[] = "check", a[] = "a", b[] = "b", bad[] = "--odd";
	char *none[] = { name, NULL }, *two[] = { name, a, b, NULL }, *odd[] = { name, bad, NULL };

	ck_assert_int_eq(check_main(1, none), EXIT_USAGE);
	ck_assert_int_eq(check_main(3, two), EXIT_USAGE);
	ck_assert_int_eq(check_main(2, odd), EXIT_USAGE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vmx_check");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, make_folder, remove_folder);
	tcase_add_test(t, a_good_machine_is_described);
	tcase_add_test(t, problems_have_place_and_exit_code);
	tcase_add_test(t, slots_are_shown);
	tcase_add_test(t, a_disk_that_cannot_be_opened_stops_a_start);
	tcase_add_test(t, all_lists_every_key);
	tcase_add_test(t, json_names_the_fate_of_every_key);
	tcase_add_test(t, json_describes_machine_and_problems);
	tcase_add_test(t, nothing_is_written);
	tcase_add_test(t, wrong_command_lines);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
