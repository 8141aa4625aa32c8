// test_base.c: errors, files, FIFO, and the I/O loop.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fifo8.h"
#include "base/file.h"
#include "base/loop.h"

START_TEST(sentence_names_object_offset_and_remedy)
{
	struct err e;
	char buf[512];

	ck_assert_int_eq(err_set_at(&e, EINVAL, "disk.vmdk", 512, "the magic is %x", 7), -EINVAL);
	err_remedy(&e, "Restore it from a copy");
	ck_assert_str_eq(err_sentence(&e, buf, sizeof(buf)),
			 "disk.vmdk: the magic is 7 (at byte 512). Restore it from a copy.");
}
END_TEST

START_TEST(sentence_is_one_clean_line)
{
	struct err e;
	char buf[64];

	err_set(&e, EIO, "a\nb\x1b[2J", "x");
	ck_assert_str_eq(err_sentence(&e, buf, sizeof(buf)), "a?b?[2J: x.");
	ck_assert_str_eq(err_sentence(&e, buf, 6), "a?b?[");
	ck_assert_int_eq(err_set(NULL, EIO, NULL, "x"), -EIO);
}
END_TEST

START_TEST(exit_code_is_chosen_once)
{
	struct err e;

	err_set(&e, EIO, NULL, "x");
	err_exit(&e, EXIT_DISK);
	err_exit(&e, EXIT_HOST);
	ck_assert_int_eq(e.exit, EXIT_DISK);
}
END_TEST

START_TEST(fifo_wraps_and_refuses_when_full)
{
	struct fifo8 f;

	fifo8_init(&f, 3);
	for (int round = 0; round < 300; round++) {
		ck_assert(fifo8_put(&f, (uint8_t)round) && fifo8_put(&f, 1) && fifo8_put(&f, 2));
		ck_assert(!fifo8_put(&f, 3));
		ck_assert_uint_eq(fifo8_get(&f), (uint8_t)round);
		ck_assert_uint_eq(fifo8_get(&f), 1);
		ck_assert_uint_eq(fifo8_get(&f), 2);
		ck_assert(fifo8_empty(&f));
	}
	f.size = 9999;
	f.head = 60000;
	f.count = 50000;
	fifo8_sane(&f);
	ck_assert_uint_le(f.count, FIFO8_MAX);
	ck_assert_uint_lt(f.head, FIFO8_MAX);
}
END_TEST

START_TEST(replace_keeps_mode_and_survives_failure)
{
	char dir[] = "/tmp/berth-test-XXXXXX", path[64], *data;
	struct err e;
	struct stat st;
	size_t len;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/f", dir);
	ck_assert_int_eq(file_replace(path, "one", 3, &e), 0);
	chmod(path, 0640);
	ck_assert_int_eq(file_replace(path, "two!", 4, &e), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_int_eq(file_read(path, 100, &data, &len, &e), 0);
	ck_assert_uint_eq(len, 4);
	ck_assert_str_eq(data, "two!");
	free(data);
	ck_assert_int_eq(file_read(path, 3, &data, &len, &e), -EFBIG);
	ck_assert_int_eq(file_read(dir, 100, &data, &len, &e), -EINVAL);
	ck_assert_int_eq(file_replace("/nonexistent/f", "x", 1, &e), -ENOENT);
	unlink(path);
	rmdir(dir);
}
END_TEST

struct trace { struct loop *loop; char text[64]; };

static void note(struct trace *t, const char *what) { strcat(t->text, what); }

static void on_first(void *arg) { note(arg, "1"); }

static void on_second(void *arg)
{
	note(arg, "2");
	loop_stop(((struct trace *)arg)->loop);
}

START_TEST(timers_fire_in_order_of_deadline)
{
	struct trace t = { 0 };
	struct loop_timer a, b, never;

	ck_assert_int_eq(loop_create(&t.loop, "test", 8, NULL), 0);
	loop_timer_init(&a, t.loop, on_first, &t);
	loop_timer_init(&b, t.loop, on_second, &t);
	loop_timer_init(&never, t.loop, on_second, &t);
	loop_timer_set(&b, loop_now() + 20000000);
	loop_timer_set(&never, loop_now() + 1000000);
	loop_timer_set(&a, loop_now() + 5000000);
	loop_timer_cancel(&never);
	ck_assert_int_eq(loop_run(t.loop), 0);
	ck_assert_str_eq(t.text, "12");
	loop_destroy(t.loop);
}
END_TEST

static void *set_from_elsewhere(void *arg)
{
	struct loop_timer *timer = arg;

	usleep(5000);
	loop_timer_set(timer, loop_now() + 1000000);
	return NULL;
}

// The loop sleeps on a far deadline; another thread's nearer one must wake it.
START_TEST(nearer_timer_from_another_thread_wakes_the_loop)
{
	struct trace t = { 0 };
	struct loop_timer far, near;
	uint64_t start = loop_now();
	pthread_t thread;

	ck_assert_int_eq(loop_create(&t.loop, "test", 8, NULL), 0);
	loop_timer_init(&far, t.loop, on_first, &t);
	loop_timer_init(&near, t.loop, on_second, &t);
	loop_timer_set(&far, start + 30000000000ull);
	pthread_create(&thread, NULL, set_from_elsewhere, &near);
	ck_assert_int_eq(loop_run(t.loop), 0);
	pthread_join(thread, NULL);
	ck_assert_uint_lt(loop_now() - start, 20000000000ull);
	loop_timer_cancel(&far);
	loop_destroy(t.loop);
}
END_TEST

struct pipe_test {
	struct loop *loop;
	struct loop_fd *a, *b;
	int reads, fd[2];
};

static void on_readable(void *arg, uint32_t revents)
{
	struct pipe_test *p = arg;
	char c;

	ck_assert(revents & POLLIN);
	ck_assert_int_eq(read(p->fd[0], &c, 1), 1);
	if (++p->reads == 3) {
		loop_fd_remove(p->a);
		loop_stop(p->loop);
	}
}

// Three bytes, one read a callback: level triggered, so all three come.
START_TEST(descriptor_is_level_triggered_and_removable_in_its_callback)
{
	struct pipe_test p = { 0 };

	ck_assert_int_eq(pipe(p.fd), 0);
	ck_assert_int_eq(loop_create(&p.loop, "test", 8, NULL), 0);
	p.a = loop_fd_add(p.loop, p.fd[0], POLLIN, on_readable, &p);
	ck_assert_int_eq(write(p.fd[1], "abc", 3), 3);
	ck_assert_int_eq(loop_run(p.loop), 0);
	ck_assert_int_eq(p.reads, 3);
	close(p.fd[0]);
	close(p.fd[1]);
	loop_destroy(p.loop);
}
END_TEST

static void on_either(void *arg, uint32_t revents)
{
	struct pipe_test *p = arg;

	(void)revents;
	p->reads++;
	// Whoever comes first removes both: the other's event may already be collected.
	loop_fd_remove(p->a);
	loop_fd_remove(p->b);
	loop_stop(p->loop);
}

START_TEST(removal_drops_events_already_collected)
{
	struct pipe_test p = { 0 };

	ck_assert_int_eq(pipe(p.fd), 0);
	ck_assert_int_eq(loop_create(&p.loop, "test", 8, NULL), 0);
	p.a = loop_fd_add(p.loop, p.fd[0], POLLIN, on_either, &p);
	p.b = loop_fd_add(p.loop, p.fd[0], POLLIN, on_either, &p);
	ck_assert_int_eq(write(p.fd[1], "a", 1), 1);
	ck_assert_int_eq(loop_run(p.loop), 0);
	ck_assert_int_eq(p.reads, 1);
	loop_destroy(p.loop);
	close(p.fd[0]);
	close(p.fd[1]);
}
END_TEST

struct call_test { struct loop *loop; pthread_t loop_thread; int ran; };

static void on_call(void *arg)
{
	struct call_test *c = arg;

	ck_assert(pthread_equal(pthread_self(), c->loop_thread));
	c->ran++;
}

static void *call_and_stop(void *arg)
{
	struct call_test *c = arg;

	for (int i = 0; i < 1000; i++)
		loop_call_sync(c->loop, on_call, c);
	loop_stop(c->loop);
	return NULL;
}

START_TEST(sync_calls_run_on_the_loop_thread)
{
	struct call_test c = { .loop_thread = pthread_self() };
	pthread_t thread;

	ck_assert_int_eq(loop_create(&c.loop, "test", 8, NULL), 0);
	pthread_create(&thread, NULL, call_and_stop, &c);
	ck_assert_int_eq(loop_run(c.loop), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(c.ran, 1000);
	loop_destroy(c.loop);
}
END_TEST

struct nop { struct loop_op op; struct call_test *t; };

static void nop_done(struct loop_op *op, int32_t res, uint32_t flags)
{
	struct nop *n = (struct nop *)(void *)op;

	(void)flags;
	ck_assert_int_eq(res, 0);
	if (++n->t->ran == 500)
		loop_stop(n->t->loop);
}

// More requests than the ring has entries: none is lost.
START_TEST(raw_requests_beyond_the_ring_all_complete)
{
	struct call_test c = { 0 };
	struct nop ops[500];

	ck_assert_int_eq(loop_create(&c.loop, "test", 8, NULL), 0);
	for (int i = 0; i < 500; i++) {
		struct io_uring_sqe *sqe;

		ops[i] = (struct nop){ { nop_done }, &c };
		sqe = loop_sqe(c.loop, &ops[i].op);
		io_uring_prep_nop(sqe);
		io_uring_sqe_set_data(sqe, &ops[i].op);
	}
	ck_assert_int_eq(loop_run(c.loop), 0);
	ck_assert_int_eq(c.ran, 500);
	loop_destroy(c.loop);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_test(t, sentence_names_object_offset_and_remedy);
	tcase_add_test(t, sentence_is_one_clean_line);
	tcase_add_test(t, exit_code_is_chosen_once);
	tcase_add_test(t, fifo_wraps_and_refuses_when_full);
	tcase_add_test(t, replace_keeps_mode_and_survives_failure);
	tcase_add_test(t, timers_fire_in_order_of_deadline);
	tcase_add_test(t, nearer_timer_from_another_thread_wakes_the_loop);
	tcase_add_test(t, descriptor_is_level_triggered_and_removable_in_its_callback);
	tcase_add_test(t, removal_drops_events_already_collected);
	tcase_add_test(t, sync_calls_run_on_the_loop_thread);
	tcase_add_test(t, raw_requests_beyond_the_ring_all_complete);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
