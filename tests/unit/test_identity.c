// test_identity.c: UUIDs, MAC addresses and what else VMware derives; moved or copied.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmx/mac.h"
#include "vmx/moved.h"
#include "vmx/uuid.h"
#include "vmx/value.h"

static uint8_t bytes[16];

static const uint8_t *uuid(const char *text)
{
	ck_assert_int_eq(value_uuid(text, bytes), 0);
	return bytes;
}

static const char *mac(const char *uuid_text, uint32_t offset)
{
	static char text[MAC_TEXT];
	uint8_t out[6], back[6];

	mac_generate(uuid(uuid_text), offset, out);
	mac_format(out, text);
	ck_assert_int_eq(mac_parse(text, back), 0);
	ck_assert_mem_eq(out, back, 6);
	return text;
}

// Serial numbers and addresses that VMware guests showed.
START_TEST(generated_macs)
{
	ck_assert_str_eq(mac("56 4d fd 28 89 33 f8 e2-64 74 3b 92 92 3b 58 0e", 0), "00:0c:29:3b:58:0e");
	ck_assert_str_eq(mac("56 4d 00 00 00 00 00 00-00 00 00 00 3b 99 45 17", 0), "00:0c:29:99:45:17");
	ck_assert_str_eq(mac("56 4d 00 00 00 00 00 00-00 00 00 00 00 12 bf 81", 10), "00:0c:29:12:bf:8b");
	ck_assert_str_eq(mac("56 4d 00 00 00 00 00 00-00 00 00 00 00 12 bf 81", 20), "00:0c:29:12:bf:95");
	ck_assert_str_eq(mac("56 4d 00 00 00 00 00 00-00 00 00 00 00 ff ff ff", 10), "00:0c:29:00:00:09");
}
END_TEST

START_TEST(mac_text)
{
	static const char *const bad[] = { "", "00:0c:29:3b:58", "00:0c:29:3b:58:0", "00:0c:29:3b:58:0e:", "0:0c:29:3b:58:0e1",
					   "00.0c.29.3b.58.0e", "gg:0c:29:3b:58:0e", "00:0c:29:3b:58:0e " };
	uint8_t out[6];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(mac_parse(bad[i], out) == -EINVAL, "%s", bad[i]);
	ck_assert_int_eq(mac_parse("00-0C-29-3B-58-0E", out), 0);
	ck_assert_uint_eq(out[5], 0x0e);
}
END_TEST

START_TEST(derived_numbers)
{
	char wwn[SAS_WWN_TEXT], text[UUID_TEXT];
	const uint8_t *u = uuid("56 4d 12 ca 63 a5 a8 3e-e6 3b 01 02 f0 00 00 01");

	uuid_sas_wwn(u, 0, wwn);
	ck_assert_str_eq(wwn, "50 05 05 6a 63 a5 a8 30");
	uuid_sas_wwn(u, 2, wwn);
	ck_assert_str_eq(wwn, "50 05 05 6a 63 a5 a8 32");
	ck_assert_int_eq(uuid_vmci_id(u), -268435455);
	uuid_format(u, text);
	ck_assert_str_eq(text, "56 4d 12 ca 63 a5 a8 3e-e6 3b 01 02 f0 00 00 01");
}
END_TEST

START_TEST(generated_uuids)
{
	uint8_t a[16], b[16];

	ck_assert_int_eq(uuid_generate(a, NULL), 0);
	ck_assert_int_eq(uuid_generate(b, NULL), 0);
	ck_assert_uint_eq(a[0], 0x56);
	ck_assert_uint_eq(a[1], 0x4d);
	ck_assert_mem_ne(a, b, 16);
}
END_TEST

START_TEST(locations)
{
	uint8_t host[16] = { 1 }, other[16] = { 2 }, a[16], b[16];

	uuid_location(host, "/vm/a/a.vmx", a);
	uuid_location(host, "/vm/a/a.vmx", b);
	ck_assert_mem_eq(a, b, 16);
	uuid_location(host, "/vm/b/a.vmx", b);
	ck_assert_mem_ne(a, b, 16);
	uuid_location(other, "/vm/a/a.vmx", b);
	ck_assert_mem_ne(a, b, 16);
}
END_TEST

// --- the dictionary ------------------------------------------------------------------------------------

static struct vmx_file *f;
static const uint8_t here[16] = { 0x56, 0x4d, 1 }, there[16] = { 0x56, 0x4d, 2 };

static void open_vmx(const char *text)
{
	ck_assert_int_eq(vmx_file_parse(text, strlen(text), &f, NULL), 0);
}

static void close_vmx(void) { vmx_file_free(f); f = NULL; }

static void ran(const uint8_t where[16])
{
	char text[UUID_TEXT];

	uuid_format(where, text);
	ck_assert_int_eq(vmx_file_set(f, "berth.location", text, NULL), 0);
}

static enum moved_answer decide(void) { return moved_decide(f, moved_place(f, here)); }

START_TEST(places)
{
	open_vmx("uuid.location = \"56 4d 00 00 00 00 00 00-00 00 00 00 00 00 00 09\"\n");
	ck_assert_int_eq(moved_place(f, here), MOVED_NEVER_RAN);
	ck_assert_int_eq(decide(), MOVED_NOTHING);
	ran(here);
	ck_assert_int_eq(moved_place(f, here), MOVED_SAME);
	ck_assert_int_eq(decide(), MOVED_NOTHING);
	ran(there);
	ck_assert_int_eq(moved_place(f, here), MOVED_ELSEWHERE);
	ck_assert_int_eq(decide(), MOVED_ASK);
	ck_assert_int_eq(vmx_file_set(f, "berth.location", "garbage", NULL), 0);
	ck_assert_int_eq(moved_place(f, here), MOVED_NEVER_RAN);
	close_vmx();
}
END_TEST

START_TEST(who_decides)
{
	static const struct { const char *line; enum moved_answer elsewhere, never; } cases[] = {
		{ "uuid.action = \"create\"", MOVED_COPIED, MOVED_COPIED },
		{ "uuid.action = \"change\"", MOVED_COPIED, MOVED_COPIED },
		{ "uuid.action = \"Keep\"", MOVED_MOVED, MOVED_NOTHING },
		{ "uuid.action = \"what\"", MOVED_ASK, MOVED_NOTHING },
		{ "msg.autoAnswer = \"TRUE\"", MOVED_COPIED, MOVED_NOTHING },
		{ "msg.autoAnswer = \"FALSE\"", MOVED_ASK, MOVED_NOTHING },
		{ "answer.msg.uuid.altered = \"I copied it\"", MOVED_COPIED, MOVED_COPIED },
		{ "answer.msg.uuid.altered = \"I moved it\"\nuuid.action = \"create\"", MOVED_MOVED, MOVED_NOTHING },
		{ "berth.location.answer = \"copied\"\nuuid.action = \"keep\"", MOVED_COPIED, MOVED_COPIED },
		{ "berth.location.answer = \"moved\"", MOVED_MOVED, MOVED_MOVED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_vmx(cases[i].line);
		ck_assert_int_eq(vmx_file_set(f, "uuid.location", "56 4d 00 00 00 00 00 00-00 00 00 00 00 00 00 09", NULL), 0);
		ck_assert_msg(decide() == cases[i].never, "never ran: %s", cases[i].line);
		ran(there);
		ck_assert_msg(decide() == cases[i].elsewhere, "elsewhere: %s", cases[i].line);
		close_vmx();
	}
}
END_TEST

static const char vm[] =
	"uuid.bios = \"56 4d 12 ca 63 a5 a8 3e-e6 3b 01 02 f0 00 00 01\"\n"
	"uuid.location = \"56 4d 12 ca 63 a5 a8 3e-e6 3b 01 02 f0 00 00 01\"\n"
	"ethernet0.present = \"TRUE\"\nethernet0.addressType = \"generated\"\nethernet0.generatedAddress = \"00:0c:29:00:00:01\"\n"
	"ethernet1.present = \"TRUE\"\nethernet1.addressType = \"static\"\nethernet1.address = \"00:50:56:00:00:01\"\n"
	"ethernet2.present = \"TRUE\"\nethernet2.addressType = \"vpx\"\nethernet2.generatedAddress = \"00:50:56:80:00:01\"\n"
	"ethernet3.present = \"TRUE\"\nethernet4.present = \"FALSE\"\n"
	"ethernet5.present = \"TRUE\"\nethernet5.generatedAddressOffset = \"7\"\n"
	"vmci0.present = \"TRUE\"\nvmci0.id = \"-268435455\"\nvm.genid = \"1\"\nvm.genidX = \"2\"\n"
	"scsi0.present = \"TRUE\"\nscsi0.virtualDev = \"lsisas1068\"\nscsi0.sasWWID = \"50 05 05 6a 63 a5 a8 30\"\n"
	"scsi1.present = \"TRUE\"\nscsi1.virtualDev = \"lsilogic\"\nscsi2.present = \"TRUE\"\nscsi2.virtualDev = \"pvscsi\"\n"
	"displayName = \"x\"\n";

static const char *get(const char *key)
{
	const char *value = vmx_file_get(f, key);

	return value ? value : "(none)";
}

START_TEST(a_first_start_completes_and_changes_nothing)
{
	open_vmx(vm);
	ck_assert_int_eq(identity_complete(f, true, NULL), 0);
	ck_assert_str_eq(get("uuid.bios"), "56 4d 12 ca 63 a5 a8 3e-e6 3b 01 02 f0 00 00 01");
	ck_assert_str_eq(get("ethernet0.generatedAddress"), "00:0c:29:00:00:01");
	ck_assert_str_eq(get("ethernet1.generatedAddress"), "(none)");
	ck_assert_str_eq(get("ethernet2.generatedAddress"), "00:50:56:80:00:01");
	ck_assert_str_eq(get("ethernet3.generatedAddress"), "00:0c:29:00:00:1f");
	ck_assert_str_eq(get("ethernet3.generatedAddressOffset"), "30");
	ck_assert_str_eq(get("ethernet4.generatedAddress"), "(none)");
	ck_assert_str_eq(get("ethernet5.generatedAddress"), "00:0c:29:00:00:08");
	ck_assert_str_eq(get("vmci0.id"), "-268435455");
	ck_assert_str_eq(get("scsi1.sasWWID"), "(none)");
	ck_assert_str_eq(get("scsi2.sasWWID"), "50 05 05 6a 63 a5 a8 32");
	ck_assert_str_eq(get("vm.genid"), "1");
	close_vmx();
}
END_TEST

START_TEST(a_second_start_changes_nothing)
{
	char *first, *second;
	size_t a, b;

	open_vmx("vmci0.present = \"TRUE\"\nethernet0.present = \"TRUE\"\n");
	ck_assert_int_eq(moved_apply(f, decide(), here, NULL), 0);
	ck_assert_int_eq(identity_complete(f, true, NULL), 0);
	first = vmx_file_text(f, &a);
	ck_assert_int_eq(moved_apply(f, decide(), here, NULL), 0);
	ck_assert_int_eq(identity_complete(f, true, NULL), 0);
	second = vmx_file_text(f, &b);
	ck_assert_uint_eq(a, b);
	ck_assert_mem_eq(first, second, a);
	ck_assert_ptr_nonnull(strstr(first, "vmci0.id"));
	free(first);
	free(second);
	close_vmx();
}
END_TEST

START_TEST(moved_changes_the_location_alone)
{
	size_t before;

	open_vmx(vm);
	ran(there);
	ck_assert_int_eq(vmx_file_set(f, "berth.location.answer", "moved", NULL), 0);
	before = vmx_file_count(f);
	ck_assert_int_eq(moved_apply(f, decide(), here, NULL), 0);
	ck_assert_int_eq(moved_place(f, here), MOVED_SAME);
	ck_assert_str_eq(get("uuid.bios"), "56 4d 12 ca 63 a5 a8 3e-e6 3b 01 02 f0 00 00 01");
	ck_assert_str_eq(get("uuid.location"), get("berth.location"));
	ck_assert_str_eq(get("ethernet0.generatedAddress"), "00:0c:29:00:00:01");
	ck_assert_str_eq(get("vm.genid"), "1");
	ck_assert_str_eq(get("berth.location.answer"), "(none)");
	ck_assert_uint_eq(vmx_file_count(f), before - 1);
	close_vmx();
}
END_TEST

START_TEST(a_copy_gets_a_new_identity)
{
	uint8_t fresh[16], expected[6];
	char text[MAC_TEXT], wwn[SAS_WWN_TEXT];

	open_vmx(vm);
	ran(there);
	ck_assert_int_eq(moved_apply(f, MOVED_COPIED, here, NULL), 0);
	ck_assert_int_eq(value_uuid(get("uuid.bios"), fresh), 0);
	ck_assert_str_ne(get("uuid.bios"), "56 4d 12 ca 63 a5 a8 3e-e6 3b 01 02 f0 00 00 01");
	ck_assert_str_eq(get("uuid.location"), get("uuid.bios"));
	mac_generate(fresh, 0, expected);
	mac_format(expected, text);
	ck_assert_str_eq(get("ethernet0.generatedAddress"), text);
	mac_generate(fresh, 7, expected);
	mac_format(expected, text);
	ck_assert_str_eq(get("ethernet5.generatedAddress"), text);
	ck_assert_str_eq(get("ethernet1.address"), "00:50:56:00:00:01");
	ck_assert_str_eq(get("ethernet2.generatedAddress"), "00:50:56:80:00:01");
	ck_assert_int_eq(atoi(get("vmci0.id")), uuid_vmci_id(fresh));
	uuid_sas_wwn(fresh, 0, wwn);
	ck_assert_str_eq(get("scsi0.sasWWID"), wwn);
	ck_assert_str_ne(get("vm.genid"), "1");
	ck_assert_str_eq(get("displayName"), "x");
	ck_assert_int_eq(decide(), MOVED_NOTHING);
	close_vmx();
}
END_TEST

START_TEST(esxi_writes_minus_one_for_no_generation)
{
	open_vmx("vm.genid = \"-1\"\nvm.genidX = \"-1\"\n");
	ck_assert_int_eq(identity_complete(f, false, NULL), 0);
	ck_assert_str_eq(get("vm.genid"), "-1");
	ck_assert_int_eq(identity_complete(f, true, NULL), 0);
	ck_assert_str_ne(get("vm.genid"), "-1");
	close_vmx();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("identity");
	TCase *tc = tcase_create("identity");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, generated_macs);
	tcase_add_test(tc, mac_text);
	tcase_add_test(tc, derived_numbers);
	tcase_add_test(tc, generated_uuids);
	tcase_add_test(tc, locations);
	tcase_add_test(tc, places);
	tcase_add_test(tc, who_decides);
	tcase_add_test(tc, a_first_start_completes_and_changes_nothing);
	tcase_add_test(tc, a_second_start_changes_nothing);
	tcase_add_test(tc, moved_changes_the_location_alone);
	tcase_add_test(tc, a_copy_gets_a_new_identity);
	tcase_add_test(tc, esxi_writes_minus_one_for_no_generation);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
