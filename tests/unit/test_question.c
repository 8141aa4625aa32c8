// test_question.c: questions that wait, their order, answers by people and by the .vmx.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "machine/internal.h"

static struct loop *loop;
static struct err err;
static struct vm_config config;
static struct questions qs;
static unsigned waits, clears, answers[3], last[3];
static bool again;

static struct question q[3];

static void on_wait(void *arg) { (void)arg; waits++; }
static void on_clear(void *arg) { (void)arg; clears++; }

static void on_answer(struct question *which, unsigned choice)
{
	answers[which - q]++;
	last[which - q] = choice;
	if (again && answers[which - q] < 2)
		questions_add(&qs, which);      // ignored: it is still there
}

static void setup(void)
{
	ck_assert_int_eq(loop_create(&loop, "test", 64, &err), 0);
	config = (struct vm_config){ .name = (char *)"vm" };
	waits = clears = 0;
	again = false;
	memset(answers, 0, sizeof(answers));
	questions_init(&qs, &(struct questions){ .loop = loop, .config = &config, .wait = on_wait, .clear = on_clear });
	for (unsigned i = 0; i < 3; i++)
		q[i] = (struct question){ .id = i ? "hbacommon.ioerror" : "hbacommon.outofspace", .text = "Full.",
					  .choices = { { "retry", "Try it again" }, { "fail", "Report" }, { "off", "Off" } },
					  .count = 3, .answered = on_answer };
}

static void teardown(void) { loop_destroy(loop); }

START_TEST(one_question)
{
	ck_assert_int_eq(questions_answer(&qs, "retry", &err), -ENOENT);
	questions_add(&qs, &q[0]);
	questions_add(&qs, &q[0]);              // not asked twice
	ck_assert_uint_eq(waits, 1);
	ck_assert_int_eq(questions_answer(&qs, "maybe", &err), -EINVAL);
	ck_assert_int_eq(questions_answer(&qs, "", &err), -EINVAL);
	ck_assert_uint_eq(answers[0] + clears, 0);
	ck_assert_int_eq(questions_answer(&qs, "FAIL", &err), 0);
	ck_assert_uint_eq(answers[0], 1);
	ck_assert_uint_eq(last[0], 1);
	ck_assert_uint_eq(clears, 1);
	ck_assert_ptr_null(qs.first);
}
END_TEST

START_TEST(one_after_the_other)
{
	for (unsigned i = 0; i < 3; i++)
		questions_add(&qs, &q[i]);
	ck_assert_uint_eq(waits, 1);
	questions_remove(&qs, &q[1]);           // its reason is gone
	questions_remove(&qs, &q[1]);
	ck_assert_int_eq(questions_answer(&qs, "_Retry", &err), 0);
	ck_assert_ptr_eq(qs.first, &q[2]);
	ck_assert_uint_eq(clears, 0);
	ck_assert_int_eq(questions_answer(&qs, "Cancel", &err), 0);
	ck_assert_uint_eq(last[2], 2);
	ck_assert_uint_eq(answers[1], 0);
	ck_assert_uint_eq(clears, 1);
}
END_TEST

START_TEST(withdrawn)
{
	questions_add(&qs, &q[0]);
	questions_add(&qs, &q[1]);
	questions_remove(&qs, &q[0]);
	ck_assert_ptr_eq(qs.first, &q[1]);
	ck_assert_uint_eq(clears, 0);
	questions_remove(&qs, &q[1]);
	ck_assert_uint_eq(clears, 1);
	ck_assert_uint_eq(answers[0] + answers[1], 0);
}
END_TEST

START_TEST(asked_again_while_answered)
{
	again = true;
	questions_add(&qs, &q[0]);
	ck_assert_int_eq(questions_answer(&qs, "retry", &err), 0);
	ck_assert_ptr_null(qs.first);
	questions_add(&qs, &q[0]);
	ck_assert_uint_eq(waits, 2);
	questions_remove(&qs, &q[0]);
}
END_TEST

// The answer comes from the loop, never from inside; two of them have a second between them.
START_TEST(by_the_vmx)
{
	struct vm_answer prepared = { (char *)"hbacommon.outofspace", (char *)"Continue" };
	uint64_t first;

	config.answers = &prepared;
	config.answer_count = 1;
	questions_add(&qs, &q[0]);
	ck_assert_uint_eq(waits, 1);
	ck_assert_uint_eq(answers[0], 0);
	while (!answers[0])
		ck_assert_int_eq(loop_turn(loop), 0);
	ck_assert_uint_eq(last[0], 1);
	ck_assert_uint_eq(clears, 1);
	first = qs.last_auto;
	questions_add(&qs, &q[0]);
	while (answers[0] < 2)
		ck_assert_int_eq(loop_turn(loop), 0);
	ck_assert_uint_ge(qs.last_auto - first, 1000000000);
	questions_add(&qs, &q[1]);              // that key is for the other one
	ck_assert(!qs.timer.armed);
	questions_remove(&qs, &q[1]);
}
END_TEST

START_TEST(standard_answer)
{
	struct vm_answer nonsense = { (char *)"HBACOMMON.ioError", (char *)"perhaps" };

	config.auto_answer = true;
	config.answers = &nonsense;
	config.answer_count = 1;
	q[0].standard = 2;
	questions_add(&qs, &q[0]);
	while (!answers[0])
		ck_assert_int_eq(loop_turn(loop), 0);
	ck_assert_uint_eq(last[0], 2);
	questions_add(&qs, &q[1]);              // what somebody wanted and did not say well is not guessed
	ck_assert(!qs.timer.armed);
	ck_assert(!questions_will_answer(&qs, &q[1]));
	// A person is faster than the timer.
	questions_add(&qs, &q[0]);
	ck_assert_int_eq(questions_answer(&qs, "fail", &err), 0);
	ck_assert(qs.timer.armed && qs.first == &q[0]);
	ck_assert_int_eq(questions_answer(&qs, "retry", &err), 0);
	ck_assert(!qs.timer.armed);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("question");
	TCase *t = tcase_create("question");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, one_question);
	tcase_add_test(t, one_after_the_other);
	tcase_add_test(t, withdrawn);
	tcase_add_test(t, asked_again_while_answered);
	tcase_add_test(t, by_the_vmx);
	tcase_add_test(t, standard_answer);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
