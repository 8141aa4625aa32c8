// test_vmdk_header.c: the sparse header: a good one, then one field broken at a time.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block_fixture.h"

#include "block/vmdk_header.h"

#define FILE_SIZE (4096ull * 512)

static void good(uint8_t raw[512])
{
	struct layout l = layout_for(65536 * 3 + 5, 128);

	header_bytes(&l, true, raw);
}

START_TEST(good_header)
{
	struct sparse_header h;
	uint8_t raw[512];

	good(raw);
	ck_assert_int_eq(sparse_header_parse(raw, FILE_SIZE, "t", &h, NULL), 0);
	ck_assert_uint_eq(h.capacity, 65536 * 3 + 5);
	ck_assert_uint_eq(h.grain, 128);
	ck_assert_uint_eq(h.tables, 4);
	ck_assert_uint_eq(h.table_entries, 512);
	ck_assert_uint_eq(h.redundant_at, 21);
	ck_assert_uint_eq(h.data_at, 128);
	ck_assert(h.redundant && !h.zeroed_grains && !h.unclean);
	put_le32(raw + 8, 7);
	raw[72] = 1;
	ck_assert_int_eq(sparse_header_parse(raw, FILE_SIZE, "t", &h, NULL), 0);
	ck_assert(h.zeroed_grains && h.unclean);
}
END_TEST

static const struct {
	const char *what;
	unsigned at, size;
	uint64_t value;
	int code;
} breaks[] = {
	{ "magic", 0, 4, 0x44574f43, EINVAL },
	{ "version 0", 4, 4, 0, EINVAL },
	{ "version 4", 4, 4, 4, EINVAL },
	{ "compressed flag", 8, 4, 0x10003, ENOTSUP },
	{ "marker flag", 8, 4, 0x20003, ENOTSUP },
	{ "unknown flag", 8, 4, 0x40003, EINVAL },
	{ "capacity 0", 12, 8, 0, EINVAL },
	{ "capacity huge", 12, 8, UINT64_MAX, EINVAL },
	{ "capacity 64 TiB + 1", 12, 8, (1ull << 37) + 1, EINVAL },
	{ "capacity beyond the directory", 12, 8, 1ull << 37, EINVAL },
	{ "grain 0", 20, 8, 0, EINVAL },
	{ "grain 4", 20, 8, 4, EINVAL },
	{ "grain 129", 20, 8, 129, EINVAL },
	{ "grain huge", 20, 8, 1ull << 63, EINVAL },
	{ "descriptor beyond the file", 28, 8, 4096, EINVAL },
	{ "descriptor overflow", 28, 8, UINT64_MAX, EINVAL },
	{ "descriptor size overflow", 36, 8, UINT64_MAX, EINVAL },
	{ "descriptor too long", 36, 8, (10 << 11) + 1, EINVAL },
	{ "entries 0", 44, 4, 0, EINVAL },
	{ "entries 513", 44, 4, 513, EINVAL },
	{ "entries huge", 44, 4, 0x80000000, EINVAL },
	{ "redundant 0", 48, 8, 0, EINVAL },
	{ "redundant beyond", 48, 8, 4096, EINVAL },
	{ "redundant overflow", 48, 8, UINT64_MAX, EINVAL },
	{ "directory 0", 56, 8, 0, EINVAL },
	{ "directory at end", 56, 8, UINT64_MAX, ENOTSUP },
	{ "directory beyond", 56, 8, 1ull << 40, EINVAL },
	{ "directory overflow", 56, 8, UINT64_MAX - 1, EINVAL },
	{ "overhead beyond", 64, 8, 4097, EINVAL },
	{ "newline", 73, 1, 0x20, EINVAL },
	{ "carriage return", 75, 1, 0x0a, EINVAL },
	{ "compression", 77, 2, 1, ENOTSUP },
};

START_TEST(one_field_broken)
{
	struct sparse_header h;
	struct err err = { 0 };
	uint8_t raw[512];
	int r;

	good(raw);
	put_le(raw + breaks[_i].at, breaks[_i].size == 1 ? 1 : breaks[_i].size, breaks[_i].value);
	r = sparse_header_parse(raw, FILE_SIZE, "t", &h, &err);
	ck_assert_msg(r == -breaks[_i].code, "%s: %d", breaks[_i].what, r);
	ck_assert_str_eq(err.object, "t");
	ck_assert_str_ne(err.what, "");
}
END_TEST

START_TEST(without_newline_flag_no_test)
{
	struct sparse_header h;
	uint8_t raw[512];

	good(raw);
	put_le32(raw + 8, 2);
	memset(raw + 73, 0, 4);
	ck_assert_int_eq(sparse_header_parse(raw, FILE_SIZE, "t", &h, NULL), 0);
}
END_TEST

START_TEST(data_never_before_descriptor)
{
	struct sparse_header h;
	uint8_t raw[512];

	good(raw);
	put_le64(raw + 64, 0);
	ck_assert_int_eq(sparse_header_parse(raw, FILE_SIZE, "t", &h, NULL), 0);
	ck_assert_uint_eq(h.data_at, 21);
}
END_TEST

START_TEST(magics)
{
	static const uint8_t se[8] = { 0xbe, 0xba, 0xfe, 0xca, 0, 0, 0, 0 };

	ck_assert_int_eq(vmdk_magic("KDMV", 4), VMDK_MAGIC_SPARSE);
	ck_assert_int_eq(vmdk_magic("COWD", 4), VMDK_MAGIC_COWD);
	ck_assert_int_eq(vmdk_magic(se, 8), VMDK_MAGIC_SESPARSE);
	ck_assert_int_eq(vmdk_magic(se, 7), VMDK_MAGIC_NONE);
	ck_assert_int_eq(vmdk_magic("KDM", 3), VMDK_MAGIC_NONE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmdk_header");
	TCase *tc = tcase_create("header");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, good_header);
	tcase_add_loop_test(tc, one_field_broken, 0, (int)ARRAY_SIZE(breaks));
	tcase_add_test(tc, without_newline_flag_no_test);
	tcase_add_test(tc, data_never_before_descriptor);
	tcase_add_test(tc, magics);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
