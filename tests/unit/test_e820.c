// test_e820.c: the memory map for the firmware.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "firmware_fixture.h"
#include "hw/firmware/e820.h"

struct entry { uint64_t first, size; uint32_t type; };

static struct entry entry_at(const struct blob *b, size_t index)
{
	const uint8_t *p = b->data + index * E820_ENTRY;

	ck_assert_uint_le((index + 1) * E820_ENTRY, b->len);
	return (struct entry){ get_le64(p), get_le64(p + 8), get_le32(p + 16) };
}

START_TEST(small_machine)
{
	const struct e820_args args = { .low_size = 512ull << 20 };
	struct blob b = { 0 };

	e820_write(&args, &b);
	ck_assert_uint_eq(b.len, 4 * E820_ENTRY);
	ck_assert_uint_eq(entry_at(&b, 0).first, 0);
	ck_assert_uint_eq(entry_at(&b, 0).size, 512ull << 20);
	ck_assert_uint_eq(entry_at(&b, 0).type, E820_RAM);
	ck_assert_uint_eq(entry_at(&b, 1).first, 0xfec00000);
	ck_assert_uint_eq(entry_at(&b, 2).first, 0xfee00000);
	ck_assert_uint_eq(entry_at(&b, 3).first + entry_at(&b, 3).size, 0x100000000ull);
	ck_assert_uint_eq(entry_at(&b, 3).type, E820_RESERVED);
	blob_free(&b);
}
END_TEST

START_TEST(beyond_the_hole)
{
	static const struct e820_range host[] = { { 0xfeffc000, 0x4000 }, { 5, 0 }, { UINT64_MAX - 1, 3 } };
	const struct e820_args args = {
		.low_size = 3ull << 30, .high_size = 2ull << 30, .reserved = host, .reserved_count = 3,
	};
	struct blob b = { 0 };

	e820_write(&args, &b);
	ck_assert_uint_eq(b.len, 6 * E820_ENTRY);
	ck_assert_uint_eq(entry_at(&b, 1).first, 0x100000000ull);
	ck_assert_uint_eq(entry_at(&b, 1).size, 2ull << 30);
	ck_assert_uint_eq(entry_at(&b, 1).type, E820_RAM);
	ck_assert_uint_eq(entry_at(&b, 5).first, 0xfeffc000);
	ck_assert_uint_eq(entry_at(&b, 5).type, E820_RESERVED);
	blob_free(&b);
}
END_TEST

START_TEST(as_a_file)
{
	const struct e820_args args = { .low_size = 1ull << 30 };
	struct fixture f;
	uint8_t *data;
	size_t len;

	fixture_open(&f);
	ck_assert_int_eq(e820_build(&args, f.fw, NULL), 0);
	data = fixture_file(&f, "etc/e820", &len);
	ck_assert_ptr_nonnull(data);
	ck_assert_uint_eq(len, 4 * E820_ENTRY);
	ck_assert_uint_eq(get_le64(data + 8), 1ull << 30);
	free(data);
	ck_assert_int_lt(e820_build(&args, f.fw, NULL), 0);
	fixture_close(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("e820");
	TCase *tc = tcase_create("map");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, small_machine);
	tcase_add_test(tc, beyond_the_hole);
	tcase_add_test(tc, as_a_file);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
