// test_unit_sched.c: scheduling keys of a .vmx as lines of a systemd unit.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cli/unit_sched.h"

static const struct { const char *vmx; unsigned mhz; const char *unit; } cases[] = {
	{ "", 2000, "" },
	{ "sched.cpu.shares = \"normal\"\n", 0, "CPUWeight=100\n" },
	{ "sched.cpu.shares = \"High\"\nnumvcpus = \"4\"\n", 0, "CPUWeight=800\n" },
	{ "sched.cpu.shares = \"500\"\n", 0, "CPUWeight=50\n" },
	{ "sched.cpu.shares = \"1\"\n", 0, "CPUWeight=1\n" },
	{ "sched.cpu.shares = \"1000000\"\n", 0, "CPUWeight=10000\n" },
	{ "sched.cpu.shares = \"0\"\n", 0, "" },
	{ "sched.cpu.shares = \"many\nMemoryMin=1\"\n", 0, "" },
	{ "sched.cpu.max = \"3000\"\n", 2000, "CPUQuota=150%\n" },
	{ "sched.cpu.max = \"3000\"\n", 0, "" },
	{ "sched.cpu.max = \"unlimited\"\n", 2000, "" },
	{ "sched.mem.max = \"1024\"\nsched.mem.min = \"512\"\n", 0, "MemoryHigh=1088M\nMemoryMin=512M\n" },
	{ "sched.mem.minsize = \"256\"\nsched.mem.min = \"0\"\n", 0, "MemoryMin=256M\n" },
	{ "sched.mem.pin = \"TRUE\"\n", 0, "LimitMEMLOCK=infinity\n" },
	{ "sched.mem.pin = \"FALSE\"\nsched.mem.max = \"-1\"\n", 0, "" },
};

START_TEST(lines)
{
	struct vmx_file *f;
	char buf[256];

	ck_assert_int_eq(vmx_file_parse(cases[_i].vmx, strlen(cases[_i].vmx), &f, NULL), 0);
	unit_sched_text(f, cases[_i].mhz, buf, sizeof(buf));
	ck_assert_str_eq(buf, cases[_i].unit);
	// A buffer that is too small holds whole lines or nothing.
	for (size_t size = 1; size <= strlen(cases[_i].unit); size++) {
		unit_sched_text(f, cases[_i].mhz, buf, size);
		ck_assert_uint_lt(strlen(buf), size);
		ck_assert(!*buf || buf[strlen(buf) - 1] == '\n');
	}
	vmx_file_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("unit_sched");
	TCase *tc = tcase_create("unit_sched");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, lines, 0, (int)(sizeof(cases) / sizeof(cases[0])));
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
