// test_cli_text.c: base64, escapes, numbers and names of the command line.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

static void decodes(const char *text, const char *want, size_t len)
{
	unsigned char *out = malloc(strlen(text) * 3 / 4 + 1);  // the promised room: the sanitizer sees more

	ck_assert_uint_eq(text_base64_decode(text, out), len);
	ck_assert_mem_eq(out, want, len);
	free(out);
}

START_TEST(base64)
{
	decodes("", "", 0);
	decodes("Zg==", "f", 1);
	decodes("Zm8=", "fo", 2);
	decodes("Zm9v", "foo", 3);
	decodes("Zm9vYmFy", "foobar", 6);
	decodes("+/+/\n/w", "\xfb\xff\xbf\xff", 4);
	decodes("Z", "", 0);
	decodes("=Zm9v", "", 0);
}
END_TEST

static void becomes(const char *in, const char *want)
{
	char out[64];

	text_unescape(in, out);
	ck_assert_str_eq(out, want);
}

START_TEST(escapes)
{
	becomes("", "");
	becomes("ls\\n", "ls\n");
	becomes("\\t\\e\\\\n", "\t\x1b\\n");
	becomes("C:\\dos\\", "C:\\dos\\");
	becomes("\\", "\\");
}
END_TEST

START_TEST(numbers)
{
	static const char *const bad[] = { "", " 1", "-1", "+1", "1 ", "1s", "0x1", "101", "99999999999999999999", "x" };
	long v = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(!text_number(bad[i], 100, &v) && v == 7, "%s", bad[i]);
	ck_assert(text_number("0", 100, &v) && v == 0);
	ck_assert(text_number("100", 100, &v) && v == 100);
}
END_TEST

START_TEST(names)
{
	char buf[16];

	ck_assert_str_eq(text_printable("a\x1b[2Jb\n\x7f", buf, sizeof(buf)), "a?[2Jb??");
	ck_assert_str_eq(text_printable("\xc2\x9b" "2J", buf, sizeof(buf)), "?2J");
	ck_assert_str_eq(text_printable("\xc3\xa9\xc2", buf, sizeof(buf)), "\xc3\xa9\xc2");
	ck_assert_str_eq(text_printable("abcdef", buf, 4), "abc");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cli_text");
	TCase *t = tcase_create("text");
	SRunner *r;
	int failed;

	tcase_add_test(t, base64);
	tcase_add_test(t, escapes);
	tcase_add_test(t, numbers);
	tcase_add_test(t, names);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
