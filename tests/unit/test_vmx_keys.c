// test_vmx_keys.c: patterns, the key table, fates, typed values, docs/keys.md.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/file.h"
#include "vmx/guests.h"
#include "vmx/keys.h"
#include "vmx/value.h"

// --- patterns ------------------------------------------------------------------------------------------

static const struct { const char *pattern, *text; bool fits; } patterns[] = {
	{ "memsize", "MemSize", true },
	{ "memsize", "memsizes", false },
	{ "memsize", "memsiz", false },
	{ "ide%d:%d.fileName", "IDE1:0.filename", true },
	{ "ide%d:%d.fileName", "ide2:0.fileName", false },
	{ "ide%d:%d.fileName", "ide01:0.fileName", false },
	{ "ide%d:%d.fileName", "ide:0.fileName", false },
	{ "ide%d:%d.fileName", "ide99999999999:0.fileName", false },
	{ "cpuid.%x.{eax|ebx}{|.amd|.intel}", "cpuid.80000001.EBX", true },
	{ "cpuid.%x.{eax|ebx}{|.amd|.intel}", "cpuid.d.eax.intel", true },
	{ "cpuid.%x.{eax|ebx}{|.amd|.intel}", "cpuid.123456789.eax", false },
	{ "cpuid.%x.{eax|ebx}{|.amd|.intel}", "cpuid.1.ecx", false },
	{ "cpuid.%x.{eax|ebx}{|.amd|.intel}", "cpuid.1.eax.", false },
	{ "guestinfo.*", "guestinfo.a.b", true },
	{ "guestinfo.*", "guestinfo.", false },
	{ "a*c", "abcbc", true },
	{ "a*c", "ac", false },
	{ "{a|a*}c", "axc", true },
	{ "{a|b}", "", false },
};

START_TEST(pattern)
{
	static const uint16_t max[VMX_KEY_INDEXES] = { 1, 1 };

	ck_assert_msg(vmx_pattern_match(patterns[_i].pattern, patterns[_i].text,
					strstr(patterns[_i].pattern, "ide") ? max : NULL, NULL) == patterns[_i].fits,
		      "%s against %s", patterns[_i].text, patterns[_i].pattern);
}
END_TEST

START_TEST(indexes_are_found)
{
	struct vmx_match m;

	ck_assert_ptr_nonnull(vmx_key_find("scsi3:15.fileName", &m));
	ck_assert_uint_eq(m.count, 2);
	ck_assert_uint_eq(m.index[0], 3);
	ck_assert_uint_eq(m.index[1], 15);
	ck_assert_ptr_nonnull(vmx_key_find("cpuid.8000001F.ecx.amd", &m));
	ck_assert_uint_eq(m.index[0], 0x8000001f);
}
END_TEST

START_TEST(long_names_are_no_keys)
{
	char name[70000];

	memset(name, 'a', sizeof(name) - 1);
	memcpy(name, "guestinfo.", 10);
	name[sizeof(name) - 1] = '\0';
	ck_assert_ptr_null(vmx_key_find(name, NULL));
}
END_TEST

// --- the table -----------------------------------------------------------------------------------------

static bool value_fits(const struct vmx_key *key, const char *value)
{
	int64_t number;
	bool flag;

	switch (key->type) {
	case VMX_BOOL: return value_bool(value, &flag) == 0;
	case VMX_INT: return value_int(value, &number) == 0;
	default: return true;
	}
}

// The gate of a row must be a row itself, or a typing error would make the key inactive for ever.
static void check_gate(const struct vmx_key *key)
{
	char name[100];
	size_t n = 0;

	for (const char *p = key->gate; *p && n + 1 < sizeof(name); p++) {
		name[n++] = *p == '%' ? '0' : *p;
		p += *p == '%';
	}
	name[n] = '\0';
	ck_assert_msg(vmx_key_find(name, NULL) != NULL, "%s: gate %s", key->pattern, name);
	ck_assert_int_eq(vmx_key_find(name, NULL)->type, VMX_BOOL);
}

START_TEST(every_row_is_complete)
{
	for (size_t i = 0; i < vmx_key_count; i++) {
		const struct vmx_key *key = &vmx_keys[i];

		ck_assert_ptr_nonnull(key->about);
		if (!key->pattern)
			continue;
		ck_assert_msg(strlen(key->about) > 3 && key->about[strlen(key->about) - 1] != '.', "%s", key->pattern);
		ck_assert_msg(!key->dflt || !*key->dflt || value_fits(key, key->dflt) || key->pattern[0] == 'u', "%s",
			      key->pattern);
		ck_assert_msg((key->when == VMX_NEVER) == (key->alt == NULL), "%s", key->pattern);
		ck_assert_msg(!strstr(key->pattern, "%d") || key->max[0], "%s: no limit", key->pattern);
		if (key->gate)
			check_gate(key);
	}
}
END_TEST

START_TEST(no_row_is_hidden_by_an_earlier_one)
{
	for (size_t i = 0; i < vmx_key_count; i++) {
		const struct vmx_key *key = &vmx_keys[i];

		if (key->pattern && !strpbrk(key->pattern, "%{*"))
			ck_assert_msg(vmx_key_find(key->pattern, NULL) == key, "%s", key->pattern);
	}
}
END_TEST

START_TEST(defaults_follow_guest_and_hardware)
{
	static const struct vmx_base old32 = { 3, false }, new32 = { 20, false }, new64 = { 20, true };

	ck_assert_str_eq(vmx_key_default("memsize", &new64), "32");
	ck_assert_str_eq(vmx_key_default("scsi0.virtualDev", &new32), "buslogic");
	ck_assert_str_eq(vmx_key_default("scsi0.virtualDev", &new64), "lsilogic");
	ck_assert_str_eq(vmx_key_default("ethernet9.virtualDev", &new32), "vlance");
	ck_assert_str_eq(vmx_key_default("ethernet9.virtualDev", &new64), "e1000");
	ck_assert_str_eq(vmx_key_default("sound.virtualDev", &old32), "sb16");
	ck_assert_str_eq(vmx_key_default("sound.virtualDev", &new32), "es1371");
	ck_assert_str_eq(vmx_key_default("floppy0.present", NULL), "TRUE");
	ck_assert_str_eq(vmx_key_default("floppy1.present", NULL), "FALSE");
	ck_assert_ptr_null(vmx_key_default("displayed", NULL));
}
END_TEST

START_TEST(the_page_is_that_of_the_table)
{
	char *printed = NULL, *page;
	size_t size = 0, len;
	FILE *out = open_memstream(&printed, &size);

	vmx_keys_markdown(out);
	fclose(out);
	ck_assert_int_eq(file_read(SOURCE_ROOT "/docs/keys.md", 1 << 20, &page, &len, NULL), 0);
	ck_assert_msg(len == size && !memcmp(page, printed, len),
		      "docs/keys.md is old: berth check --keys-markdown >docs/keys.md");
	free(page);
	free(printed);
}
END_TEST

START_TEST(the_manual_page_has_every_key)
{
	char *printed = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&printed, &size);

	vmx_keys_man(out);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(printed, ".B \"numvcpus\"\n"));
	ck_assert_ptr_nonnull(strstr(printed, "berth.stopTimeout"));
	ck_assert_ptr_null(strstr(printed, "\n'"));
	free(printed);
}
END_TEST

// --- fates ---------------------------------------------------------------------------------------------

static const struct { const char *text, *key; enum vmx_fate fate; } fates[] = {
	{ "memsize = 64\n", "memsize", VMX_HONOURED },
	{ "annotation = x\n", "annotation", VMX_HARMLESS },
	{ "mem.hotadd = TRUE\n", "mem.hotadd", VMX_NOT_YET },
	{ "mem.hotadd = FALSE\n", "mem.hotadd", VMX_HONOURED },
	{ "mem.hotadd = \"\"\n", "mem.hotadd", VMX_HONOURED },
	{ "firmware = bios\n", "firmware", VMX_HONOURED },
	{ "firmware = EFI\n", "firmware", VMX_REFUSED },
	{ "guestOS = arm-debian12-64\n", "guestOS", VMX_REFUSED },
	{ "checkpoint.vmState = \"\"\n", "checkpoint.vmState", VMX_HONOURED },
	{ "checkpoint.vmState = x.vmss\n", "checkpoint.vmState", VMX_REFUSED },
	{ "checkpoint.vmState.readOnly = TRUE\n", "checkpoint.vmState.readOnly", VMX_HARMLESS },
	{ "encryption.data = x\n", "encryption.data", VMX_REFUSED },
	{ "ide0:0.present = TRUE\nide0:0.fileName = x\n", "ide0:0.fileName", VMX_HONOURED },
	{ "ide0:0.present = FALSE\nide0:0.fileName = x\n", "ide0:0.fileName", VMX_INACTIVE },
	{ "ide0:0.present = FALSE\nide0:0.fileName = x\n", "ide0:0.present", VMX_HONOURED },
	{ "ide0:0.fileName = x\n", "ide0:0.fileName", VMX_INACTIVE },
	{ "ide0:0.present = TRUE\nide0:0.mode = nonpersistent\n", "ide0:0.mode", VMX_HONOURED },
	{ "scsi0.present = TRUE\nscsi0:1.present = TRUE\nscsi0:1.fileName = x\n", "scsi0:1.fileName", VMX_NOT_YET },
	{ "scsi0.present = FALSE\nscsi0:1.present = TRUE\nscsi0:1.fileName = x\n", "scsi0:1.fileName", VMX_INACTIVE },
	{ "scsi0.present = FALSE\nscsi0:1.present = TRUE\n", "scsi0:1.present", VMX_INACTIVE },
	{ "scsi1.present = FALSE\n", "scsi1.present", VMX_HONOURED },
	{ "floppy0.fileName = x\n", "floppy0.fileName", VMX_NOT_YET },
	{ "floppy1.fileName = x\n", "floppy1.fileName", VMX_INACTIVE },
	{ "usb.present = TRUE\nusb:1.present = TRUE\nusb:1.port = 1\n", "usb:1.port", VMX_NOT_YET },
	{ "usb:1.present = TRUE\nusb:1.port = 1\n", "usb:1.port", VMX_INACTIVE },
	{ "RemoteDisplay.vnc.port = 5901\n", "RemoteDisplay.vnc.port", VMX_INACTIVE },
	{ "RemoteDisplay.vnc.enabled = yes\nRemoteDisplay.vnc.port = 5901\n", "RemoteDisplay.vnc.port", VMX_HONOURED },
	{ "svga.present = TRUE\n", "svga.present", VMX_HONOURED },
	{ "svga.present = FALSE\n", "svga.present", VMX_NOT_YET },
	{ "isolation.tools.hgfs.disable = FALSE\n", "isolation.tools.hgfs.disable", VMX_NOT_YET },
	{ "vendor.thing = 1\n", "vendor.thing", VMX_UNKNOWN },
	{ "berth.nonsense = 1\n", "berth.nonsense", VMX_UNKNOWN },
	{ "ide2:0.present = TRUE\n", "ide2:0.present", VMX_UNKNOWN },
	{ "cpuid.1.ecx = -\n", "cpuid.1.ecx", VMX_HONOURED },
};

START_TEST(fate)
{
	struct vmx_verdict v;
	struct vmx_file *f;

	ck_assert_int_eq(vmx_file_parse(fates[_i].text, strlen(fates[_i].text), &f, NULL), 0);
	vmx_key_judge(f, vmx_file_find(f, fates[_i].key), &v);
	ck_assert_msg(v.fate == fates[_i].fate, "%s: %s", fates[_i].text, vmx_fate_name(v.fate));
	ck_assert(*v.why);
	vmx_file_free(f);
}
END_TEST

START_TEST(a_sealed_value_of_any_length_is_refused)
{
	char text[2000] = "encryption.keySafe = \"";
	struct vmx_verdict v;
	struct vmx_file *f;

	memset(text + strlen(text), 'x', 1500);
	strcat(text, "\"\n");
	ck_assert_int_eq(vmx_file_parse(text, strlen(text), &f, NULL), 0);
	vmx_key_judge(f, vmx_file_at(f, 0), &v);
	ck_assert_int_eq(v.fate, VMX_REFUSED);
	vmx_file_free(f);
}
END_TEST

// --- values --------------------------------------------------------------------------------------------

START_TEST(booleans)
{
	static const char *const yes[] = { "TRUE", "true", "1", "Yes", "on", "T", "y" };
	static const char *const no[] = { "FALSE", "false", "0", "No", "off", "F", "n" };
	static const char *const neither[] = { "", "2", "maybe", "TRUE ", "10" };
	bool v;

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		ck_assert(value_bool(yes[i], &v) == 0 && v);
		ck_assert(value_bool(no[i], &v) == 0 && !v);
	}
	for (size_t i = 0; i < ARRAY_SIZE(neither); i++)
		ck_assert_int_eq(value_bool(neither[i], &v), -EINVAL);
}
END_TEST

START_TEST(integers)
{
	int64_t v;

	ck_assert(value_int(" -42 ", &v) == 0 && v == -42);
	ck_assert(value_int("+7", &v) == 0 && v == 7);
	ck_assert(value_int("-9223372036854775808", &v) == 0 && v == INT64_MIN);
	ck_assert_int_eq(value_int("9223372036854775808", &v), -ERANGE);
	ck_assert_int_eq(value_int("", &v), -EINVAL);
	ck_assert_int_eq(value_int("- 1", &v), -EINVAL);
	ck_assert_int_eq(value_int("0x10", &v), -EINVAL);
	ck_assert_int_eq(value_int("12k", &v), -EINVAL);
}
END_TEST

START_TEST(uuids)
{
	uint8_t id[16] = { 0 };

	ck_assert_int_eq(value_uuid("56 4d 6f ca 63 a5 a8 3e-13 ec 73 89 1d 94 89 23", id), 0);
	ck_assert_int_eq(id[0], 0x56);
	ck_assert_int_eq(id[15], 0x23);
	ck_assert_int_eq(value_uuid("564D6FCA-63A5-A83E-13EC-73891D948923", id), 0);
	ck_assert_int_eq(value_uuid("56 4d", id), -EINVAL);
	ck_assert_int_eq(value_uuid("56 4d 6f ca 63 a5 a8 3e-13 ec 73 89 1d 94 89 23 00", id), -EINVAL);
	ck_assert_int_eq(value_uuid("5 64d 6f ca 63 a5 a8 3e-13 ec 73 89 1d 94 89 23", id), -EINVAL);
	ck_assert_int_eq(value_uuid("", id), -EINVAL);
}
END_TEST

START_TEST(base64)
{
	uint8_t out[4];

	ck_assert_int_eq(value_base64("AQID/w==", out, 4), 0);
	ck_assert_mem_eq(out, "\x01\x02\x03\xff", 4);
	ck_assert_int_eq(value_base64("AQID", out, 4), -EINVAL);
	ck_assert_int_eq(value_base64("AQIDBAUG", out, 4), -ERANGE);
	ck_assert_int_eq(value_base64("AQ=D/w==", out, 4), -EINVAL);
	ck_assert_int_eq(value_base64("AQI$/w==", out, 4), -EINVAL);
}
END_TEST

START_TEST(cpuid_masks)
{
	char bits[33];

	ck_assert_int_eq(value_cpuid_mask("----:----:----:----:----:----:----:--01", bits), 0);
	ck_assert_str_eq(bits, "------------------------------01");
	ck_assert_int_eq(value_cpuid_mask("-xX01tTfFhHrR0000000000000000000", bits), 0);
	ck_assert_str_eq(bits, "-xx01TTFFHHRR0000000000000000000");
	ck_assert_int_eq(value_cpuid_mask("-------------------------------", bits), -EINVAL);
	ck_assert_int_eq(value_cpuid_mask("---------------------------------", bits), -EINVAL);
	ck_assert_int_eq(value_cpuid_mask("-------------------------------2", bits), -EINVAL);
	ck_assert_int_eq(value_cpuid_mask("", bits), -EINVAL);
}
END_TEST

static const struct { const char *name; bool known, is_64, arm; } guests[] = {
	{ "debian12-64", true, true, false }, { "windows2019srvNext-64", true, true, false },
	{ "winXPPro", true, false, false }, { "other-64", true, true, false }, { "OTHER", true, false, false },
	{ "darwin23", true, true, false }, { "vmkernel8", true, true, false }, { "templeos", false, false, false },
	{ "templeos-64", false, true, false }, { "arm-debian12-64", true, true, true }, { "rhel9-64", true, true, false },
	{ "other6xlinux-64", true, true, false }, { "winHyperV", true, true, false }, { "", false, false, false },
};

START_TEST(guest_names)
{
	struct guest_traits t = guest_lookup(guests[_i].name);

	ck_assert_msg(t.known == guests[_i].known && t.is_64 == guests[_i].is_64 && t.arm == guests[_i].arm, "%s",
		      guests[_i].name);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vmx_keys");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, pattern, 0, ARRAY_SIZE(patterns));
	tcase_add_test(t, indexes_are_found);
	tcase_add_test(t, long_names_are_no_keys);
	tcase_add_test(t, every_row_is_complete);
	tcase_add_test(t, no_row_is_hidden_by_an_earlier_one);
	tcase_add_test(t, defaults_follow_guest_and_hardware);
	tcase_add_test(t, the_page_is_that_of_the_table);
	tcase_add_test(t, the_manual_page_has_every_key);
	tcase_add_loop_test(t, fate, 0, ARRAY_SIZE(fates));
	tcase_add_test(t, a_sealed_value_of_any_length_is_refused);
	tcase_add_test(t, booleans);
	tcase_add_test(t, integers);
	tcase_add_test(t, uuids);
	tcase_add_test(t, base64);
	tcase_add_test(t, cpuid_masks);
	tcase_add_loop_test(t, guest_names, 0, ARRAY_SIZE(guests));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
