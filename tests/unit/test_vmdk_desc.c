// test_vmdk_desc.c: the descriptor parser: spellings that occur, and lines that must be refused.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "block/vmdk_desc.h"

static const char workstation[] =
	"# Disk DescriptorFile\n"
	"version=1\n"
	"encoding=\"windows-1252\"\n"
	"CID=a9f3c2d1\n"
	"parentCID=ffffffff\n"
	"isNativeSnapshot=\"no\"\n"
	"createType=\"twoGbMaxExtentSparse\"\n"
	"\n"
	"# Extent description\n"
	"RW 4192256 SPARSE \"disk-s001.vmdk\"\n"
	"RW 4192256 SPARSE \"disk-s002.vmdk\"\n"
	"RW 4096 SPARSE \"disk-s003.vmdk\"\n"
	"\n"
	"# The Disk Data Base \n"
	"#DDB\n"
	"\n"
	"ddb.adapterType = \"lsilogic\"\n"
	"ddb.geometry.cylinders = \"522\"\n"
	"ddb.geometry.heads = \"255\"\n"
	"ddb.geometry.sectors = \"63\"\n"
	"ddb.longContentID = \"0123456789abcdef01234567a9f3c2d1\"\n"
	"ddb.toolsInstallType = \"4\"\n"
	"ddb.uuid = \"60 00 C2 9a 1b 2c 3d 4e-5f 60 71 82 93 a4 b5 c6\"\n"
	"ddb.virtualHWVersion = \"19\"\n";

static int parse(const char *text, struct vmdk_desc *d)
{
	struct err err;

	return vmdk_desc_parse(text, strlen(text), "test.vmdk", d, &err);
}

START_TEST(reads_what_workstation_writes)
{
	struct vmdk_desc d;

	ck_assert_int_eq(parse(workstation, &d), 0);
	ck_assert_uint_eq(d.version, 1);
	ck_assert_str_eq(d.encoding, "windows-1252");
	ck_assert_str_eq(d.create_type, "twoGbMaxExtentSparse");
	ck_assert_uint_eq(d.cid, 0xa9f3c2d1);
	ck_assert_uint_eq(d.parent_cid, VMDK_NO_PARENT);
	ck_assert_uint_eq(d.count, 3);
	ck_assert_uint_eq(d.sectors, 4192256 * 2 + 4096);
	ck_assert_int_eq(d.extents[2].type, VMDK_SPARSE);
	ck_assert_str_eq(d.extents[2].name, "disk-s003.vmdk");
	ck_assert_uint_eq(d.cylinders, 522);
	ck_assert_uint_eq(d.heads, 255);
	ck_assert_uint_eq(d.track_sectors, 63);
	ck_assert_str_eq(d.adapter, "lsilogic");
	ck_assert(d.has_uuid);
	ck_assert_uint_eq(d.uuid[0], 0x60);
	ck_assert_uint_eq(d.uuid[3], 0x9a);
	ck_assert_uint_eq(d.uuid[15], 0xc6);
	ck_assert_int_eq(strncmp(workstation + d.cid_digits.at, "a9f3c2d1\n", 9), 0);
	ck_assert_uint_eq(d.cid_digits.len, 8);
	ck_assert_int_eq(strncmp(workstation + d.long_cid_tail.at, "a9f3c2d1\"", 9), 0);
	vmdk_desc_free(&d);
}
END_TEST

START_TEST(tolerates_other_spellings)
{
	static const char text[] =
		"\xef\xbb\xbf\r\n  # written by hand\r\n# DISK descriptorFILE\r\n"
		"  Version = 1\r\nCid = \"abc\" \r\nPARENTCID=FFFFFFFF\r\ncreatetype = custom\r\n"
		"rw 2048 flat \"a b.vmdk\" 63\r\n\tRDONLY\t10\tVMFS c-flat.vmdk\r\nNOACCESS 5 ZERO\r\n"
		"RW 6 FLAT \"d.vmdk\" 0 partitionUUID dev1\r\nddb.uuid.image=\"x\"\rddb.comment = \"a = b\"\r"
		"ddb.geometry.heads = many";
	struct vmdk_desc d;

	ck_assert_int_eq(parse(text, &d), 0);
	ck_assert_uint_eq(d.cid, 0xabc);
	ck_assert_int_eq(strncmp(text + d.cid_digits.at, "abc\"", 4), 0);
	ck_assert_uint_eq(d.cid_digits.len, 3);
	ck_assert_str_eq(d.create_type, "custom");
	ck_assert_uint_eq(d.count, 4);
	ck_assert_str_eq(d.extents[0].name, "a b.vmdk");
	ck_assert_uint_eq(d.extents[0].offset, 63);
	ck_assert_int_eq(d.extents[1].access, VMDK_RDONLY);
	ck_assert_int_eq(d.extents[1].type, VMDK_VMFS);
	ck_assert_str_eq(d.extents[1].name, "c-flat.vmdk");
	ck_assert_ptr_null(d.extents[2].name);
	ck_assert_uint_eq(d.heads, 0);
	ck_assert(!d.has_uuid);
	vmdk_desc_free(&d);
}
END_TEST

// One line put behind a good head; each must be refused.
static const char *const bad_lines[] = {
	"RW -5 FLAT \"a\" 0",
	"RW 0 FLAT \"a\" 0",
	"RW 99999999999999999999 FLAT \"a\" 0",
	"RW 18446744073709551615 FLAT \"a\" 0",
	"RW 137438953473 FLAT \"a\" 0",
	"RW 12x FLAT \"a\" 0",
	"RW 2048",
	"RW 2048 FLAT",
	"RW 2048 BLOB \"a\"",
	"RW 2048 FLAT \"a",
	"RW 2048 FLAT \"\" 0",
	"RW 2048 FLAT \"a\" -1",
	"RW 2048 FLAT \"a\" 99999999999999999999",
	"RWX 2048 FLAT \"a\" 0",
	"nonsense",
	"CID=",
	"CID=123456789",
	"CID=xyz",
	"parentCID=-1",
	"version=0",
	"version=5",
	"version=9",
	"version=one",
	"createType=\"custom",
	"createType=\"custom\" more",
	"createType=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	"encoding=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

START_TEST(refuses_bad_lines)
{
	char text[1024];
	struct vmdk_desc d;
	struct err err = { 0 };

	snprintf(text, sizeof(text), "# Disk DescriptorFile\nRW 1 ZERO\n%s\n", bad_lines[_i]);
	ck_assert_int_eq(vmdk_desc_parse(text, strlen(text), "t", &d, &err), -EINVAL);
	ck_assert_msg(strstr(err.what, "line 3") != NULL, "%s: %s", bad_lines[_i], err.what);
	ck_assert_uint_eq(d.count, 0);
}
END_TEST

START_TEST(refuses_texts_that_are_none)
{
	static const char *const texts[] = {
		"",
		"\n\n",
		"RW 1 ZERO\n",
		"version=1\n# Disk DescriptorFile\nRW 1 ZERO\n",
		"# Disk DescriptorFile\n",
		"# Disk DescriptorFile\nversion=1\n",
	};
	struct vmdk_desc d;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		ck_assert_int_eq(parse(texts[i], &d), -EINVAL);
}
END_TEST

START_TEST(refuses_doubled_keys)
{
	struct vmdk_desc d;

	ck_assert_int_eq(parse("# Disk DescriptorFile\nRW 1 ZERO\nCID=1\ncid=2\n", &d), -EINVAL);
	ck_assert_int_eq(parse("# Disk DescriptorFile\nRW 1 ZERO\nfoo=1\nfoo=2\n", &d), 0);
	vmdk_desc_free(&d);
}
END_TEST

START_TEST(sum_of_extents_is_bounded)
{
	static const char text[] = "# Disk DescriptorFile\nRW 137438953472 ZERO\nRW 1 ZERO\n";
	struct vmdk_desc d;

	ck_assert_int_eq(parse(text, &d), -EINVAL);
}
END_TEST

START_TEST(text_ends_at_nul)
{
	static const char text[] = "# Disk DescriptorFile\nRW 7 ZERO\n\0garbage without sense\n";
	struct vmdk_desc d;

	ck_assert_int_eq(vmdk_desc_parse(text, sizeof(text) - 1, "t", &d, NULL), 0);
	ck_assert_uint_eq(d.sectors, 7);
	vmdk_desc_free(&d);
}
END_TEST

// Every prefix of a good text is refused or parsed; none may read behind its end (the sanitizer watches).
START_TEST(every_prefix_is_safe)
{
	for (size_t n = 0; n < sizeof(workstation); n++) {
		char *copy = malloc(n ? n : 1);
		struct vmdk_desc d;

		memcpy(copy, workstation, n);
		if (vmdk_desc_parse(copy, n, "t", &d, NULL) == 0)
			vmdk_desc_free(&d);
		free(copy);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmdk_desc");
	TCase *tc = tcase_create("descriptor");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, reads_what_workstation_writes);
	tcase_add_test(tc, tolerates_other_spellings);
	tcase_add_loop_test(tc, refuses_bad_lines, 0, (int)ARRAY_SIZE(bad_lines));
	tcase_add_test(tc, refuses_texts_that_are_none);
	tcase_add_test(tc, refuses_doubled_keys);
	tcase_add_test(tc, sum_of_extents_is_bounded);
	tcase_add_test(tc, text_ends_at_nul);
	tcase_add_test(tc, every_prefix_is_safe);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
