// test_vmdk_faults.c: I/O errors of the host: some of many operations, and each operation of a script in turn.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Every request ends, the image opens afterwards, and nothing that a flush has promised is lost. BERTH_FAULT_ALL=1 in the
// environment lets every operation fail once instead of every fifth.
#include "crash_fixture.h"

#define SCRIPT_AREA  1024u
#define SCRIPT_STEPS 260u
#define MAX_NUMBER   2000u

// Closes and opens again; what counts is what the files hold now.
static void judge(void)
{
	struct disk *again;

	come_to_rest();
	while (w.disk->in_flight)
		pump(w.disk);
	w.failing = 0;
	w.fail_at = 0;
	come_to_rest();         // what failed the first time and may work now
	if (any_file_failed())
		ck_assert_int_ne(disk_close(w.disk, &w.f.err), 0);
	else
		must_close(&w.f, w.disk);
	again = must_open(&w.f, "d.vmdk", (struct disk_open_args){ .readonly = true });
	check_all(again, false);
	must_close(&w.f, again);
	tidy_up();
}

START_TEST(some_fail)
{
	begin((enum disk_kind)(_i % DISK_KINDS), (uint64_t)_i + 101, SECTORS);
	w.failing = 30;
	w.good_syncs = _i % 4 != 3;
	for (unsigned step = 0; step < 4000; step++)
		guest_step();
	while (w.disk->in_flight)       // some of them have failed in part already
		pump(w.disk);
	w.failing = w.good_syncs ? 0 : 1;       // flushes may fail when a sync has
	judge();
}
END_TEST

// True when the script had that many operations.
static bool run_script(enum disk_kind kind, uint64_t number, int code)
{
	bool reached;

	begin(kind, 7, SCRIPT_AREA);
	w.fail_at = number;
	w.fail_with = code;
	for (unsigned step = 0; step < SCRIPT_STEPS; step++)
		guest_step();
	while (w.disk->in_flight)
		pump(w.disk);
	reached = w.op_number >= number;
	judge();
	return reached;
}

START_TEST(each_fails_once)
{
	uint64_t step = getenv("BERTH_FAULT_ALL") ? 1 : 5, number = 1 + (uint64_t)_i / DISK_KINDS % step;

	while (number < MAX_NUMBER && run_script((enum disk_kind)(_i % DISK_KINDS), number, number % 2 ? -EIO : -ENOSPC))
		number += step;
	ck_assert_uint_gt(number, 20);
	ck_assert_uint_lt(number, MAX_NUMBER);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmdk_faults");
	TCase *tc = tcase_create("errors");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, some_fail, 0, 2 * DISK_KINDS);
	tcase_add_loop_test(tc, each_fails_once, 0, DISK_KINDS);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
