// test_disk_stall.c: requests that the host cannot carry out, over an engine whose every answer the test gives.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <signal.h>
#include <sys/resource.h>

#include "block/image.h"
#include "block_fixture.h"

#define REQS 8u

static struct loop *loop;
static struct err err;

// --- an engine that does what it is told -----------------------------------------------------------------

struct rig {
	struct disk disk;
	struct block_req *pending[64];  // with the engine, in the order they came
	size_t count;
	bool lost, closed;
	unsigned told;
	struct block_req req[REQS];
	int result[REQS];
	unsigned done;                  // completions in all
	int now;                        // what the engine answers at once; 1 = it keeps the request
};

static struct rig *rig;

static void fake_submit(struct disk *disk, struct block_req *req)
{
	struct rig *r = CONTAINER_OF(disk, struct rig, disk);

	req->scratch[0] = req->scratch[1] = 0xdead;     // an engine may use them
	req->next = req;
	if (r->now != 1)
		disk_complete(disk, req, r->now);
	else
		r->pending[r->count++] = req;
}

static int fake_close(struct disk *disk, struct err *e)
{
	struct rig *r = CONTAINER_OF(disk, struct rig, disk);

	(void)e;
	r->closed = true;
	return 0;
}

static bool fake_lost(const struct disk *disk) { return CONTAINER_OF(disk, struct rig, disk)->lost; }

static const struct disk_ops fake_ops = { .submit = fake_submit, .close = fake_close, .flush_lost = fake_lost };

static void told(void *arg, struct disk *disk)
{
	struct rig *r = arg;

	ck_assert_ptr_eq(disk, &r->disk);
	r->told++;
}

static void watch(bool reads)
{
	disk_on_stall(&rig->disk, &(struct disk_stall_args){ .fn = told, .arg = rig, .reads = reads });
}

static void setup(void)
{
	ck_assert_int_eq(loop_create(&loop, "test", 64, &err), 0);
	err_clear(&err);
	rig = calloc(1, sizeof(*rig));
	rig->disk = (struct disk){ .ops = &fake_ops, .loop = loop, .size = 1 << 20, .name = "fake.vmdk" };
	rig->now = 1;
	for (unsigned i = 0; i < REQS; i++)
		rig->result[i] = NOT_DONE;
	watch(false);
}

static void teardown(void)
{
	free(rig);
	loop_destroy(loop);
}

static void note(struct block_req *req, int result)
{
	unsigned i = (unsigned)(req - rig->req);

	ck_assert_int_eq(rig->result[i], NOT_DONE);     // once
	rig->result[i] = result;
	rig->done++;
}

static char buffer[512];
static struct iovec piece = { buffer, sizeof(buffer) };

static void submit(unsigned i, enum block_op op, uint32_t flags)
{
	rig->req[i] = (struct block_req){ .op = op, .flags = flags, .offset = i * 512, .done = note };
	if (op != BLOCK_FLUSH)
		rig->req[i].length = 512;
	if (op == BLOCK_READ || op == BLOCK_WRITE) {
		rig->req[i].iov = &piece;
		rig->req[i].iovcnt = 1;
	}
	disk_submit(&rig->disk, &rig->req[i]);
}

// The engine ends request I, wherever it stands.
static void engine_ends(unsigned i, int result)
{
	for (size_t k = 0; k < rig->count; k++) {
		if (rig->pending[k] != &rig->req[i])
			continue;
		memmove(&rig->pending[k], &rig->pending[k + 1], (--rig->count - k) * sizeof(rig->pending[0]));
		disk_complete(&rig->disk, &rig->req[i], result);
		return;
	}
	ck_abort_msg("request %u is not with the engine", i);
}

// Something of the disk's own is on the ring whenever this is called.
static void turn(void) { ck_assert_int_eq(loop_turn(loop), 0); }

static void is_with_engine(const char *order)
{
	ck_assert_uint_eq(rig->count, strlen(order));
	for (size_t i = 0; order[i]; i++)
		ck_assert_ptr_eq(rig->pending[i], &rig->req[order[i] - '0']);
}

static void close_disk(int expect)
{
	ck_assert_int_eq(disk_close(&rig->disk, &err), expect);
	ck_assert(rig->closed);
	ck_assert_uint_eq(rig->disk.in_flight, 0);
}

// --- what is held ----------------------------------------------------------------------------------------

START_TEST(without_owner_errors_pass)
{
	disk_on_stall(&rig->disk, &(struct disk_stall_args){ 0 });
	submit(0, BLOCK_WRITE, 0);
	engine_ends(0, -ENOSPC);
	ck_assert_int_eq(rig->result[0], -ENOSPC);
	close_disk(0);
}
END_TEST

START_TEST(held_and_told_once)
{
	struct disk_stall s;

	submit(0, BLOCK_WRITE, 0);
	submit(1, BLOCK_WRITE, BLOCK_FUA);
	submit(2, BLOCK_READ, 0);
	ck_assert(!disk_stalled(&rig->disk, &s));
	engine_ends(1, -ENOSPC);
	ck_assert_uint_eq(rig->told, 0);                // never from inside
	engine_ends(0, -EIO);
	engine_ends(2, 0);
	turn();
	ck_assert_uint_eq(rig->told, 1);
	ck_assert(disk_stalled(&rig->disk, &s));
	ck_assert_int_eq(s.code, ENOSPC);               // the first failure
	ck_assert(s.op == BLOCK_WRITE && s.durable && s.offset == 512 && s.length == 512 && !s.lost);
	ck_assert_uint_eq(s.failed, 2);
	ck_assert_uint_eq(s.waiting, 0);
	ck_assert_int_eq(rig->result[0], NOT_DONE);
	ck_assert_int_eq(rig->result[1], NOT_DONE);
	ck_assert_int_eq(rig->result[2], 0);            // what works is not held up
	ck_assert_uint_eq(rig->disk.in_flight, 2);
	submit(3, BLOCK_READ, 0);
	ck_assert_uint_eq(rig->count, 0);
	ck_assert(disk_stalled(&rig->disk, &s) && s.waiting == 1);
	rig->lost = true;
	ck_assert(disk_stalled(&rig->disk, &s) && s.lost);
	disk_answer(&rig->disk, DISK_CANCEL);
	close_disk(0);
	ck_assert_uint_eq(rig->done, 4);
}
END_TEST

// Which errors of which requests are the guest's to see.
START_TEST(what_is_reported)
{
	static const struct { enum block_op op; int code; bool reads, held; } cases[] = {
		{ BLOCK_READ, -EIO, false, false }, { BLOCK_READ, -EIO, true, true }, { BLOCK_READ, -EILSEQ, false, false },
		{ BLOCK_READ, -ESTALE, false, true }, { BLOCK_READ, -ETIMEDOUT, false, true }, { BLOCK_READ, -ENOSPC, false, true },
		{ BLOCK_WRITE, -EIO, false, true }, { BLOCK_WRITE, -ENOSPC, false, true }, { BLOCK_WRITE, -EDQUOT, false, true },
		{ BLOCK_WRITE, -EFBIG, false, true }, { BLOCK_WRITE, -EROFS, false, true }, { BLOCK_WRITE, -ESTALE, false, true },
		{ BLOCK_WRITE, -ENOMEM, false, true }, { BLOCK_WRITE, -EINVAL, false, false }, { BLOCK_FLUSH, -EIO, false, true },
		{ BLOCK_FLUSH, -ENOSPC, false, true }, { BLOCK_DISCARD, -EIO, false, true },
		{ BLOCK_DISCARD, -EOPNOTSUPP, false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		watch(cases[i].reads);
		rig->result[0] = NOT_DONE;
		submit(0, cases[i].op, 0);
		engine_ends(0, cases[i].code);
		ck_assert_msg(disk_stalled(&rig->disk, NULL) == cases[i].held, "case %zu", i);
		ck_assert_int_eq(rig->result[0], cases[i].held ? NOT_DONE : cases[i].code);
		if (!cases[i].held)
			continue;
		disk_answer(&rig->disk, DISK_FAIL);
		while (rig->result[0] == NOT_DONE)
			turn();
		ck_assert_int_eq(rig->result[0], cases[i].code);
	}
	close_disk(0);
}
END_TEST

START_TEST(bad_requests_do_not_wait)
{
	submit(0, BLOCK_WRITE, 0);
	engine_ends(0, -ENOSPC);
	rig->req[1] = (struct block_req){ .op = BLOCK_WRITE, .offset = 3, .length = 512, .iov = &piece, .iovcnt = 1, .done = note };
	disk_submit(&rig->disk, &rig->req[1]);
	ck_assert_int_eq(rig->result[1], NOT_DONE);
	while (rig->result[1] == NOT_DONE)
		turn();
	ck_assert_int_eq(rig->result[1], -EINVAL);
	rig->disk.readonly = true;
	submit(2, BLOCK_WRITE, 0);
	while (rig->result[2] == NOT_DONE)
		turn();
	ck_assert_int_eq(rig->result[2], -EROFS);       // the disk's own, not the host's
	close_disk(-ENOSPC);
}
END_TEST

// --- answers -----------------------------------------------------------------------------------------------

// Failures in every order come back in the order of submission.
START_TEST(retry_keeps_order)
{
	static const char orders[][4] = { "012", "021", "102", "120", "201", "210" };
	const char *order = orders[_i];

	for (unsigned i = 0; i < 3; i++)
		submit(i, BLOCK_WRITE, 0);
	for (unsigned i = 0; i < 3; i++)
		engine_ends((unsigned)(order[i] - '0'), -ENOSPC);
	submit(3, BLOCK_WRITE, 0);
	submit(4, BLOCK_FLUSH, 0);
	turn();
	disk_answer(&rig->disk, DISK_RETRY);
	ck_assert(!disk_stalled(&rig->disk, NULL));
	is_with_engine("01234");
	// Again, with the middle one alone: the rest is done.
	engine_ends(1, -ENOSPC);
	engine_ends(0, 0);
	engine_ends(2, 0);
	engine_ends(3, 0);
	engine_ends(4, 0);
	turn();
	ck_assert_uint_eq(rig->told, 2);
	submit(5, BLOCK_WRITE, 0);
	disk_answer(&rig->disk, DISK_RETRY);
	is_with_engine("15");
	engine_ends(5, 0);
	engine_ends(1, 0);
	ck_assert_uint_eq(rig->done, 6);
	for (unsigned i = 0; i < 6; i++)
		ck_assert_int_eq(rig->result[i], 0);
	close_disk(0);
}
END_TEST

// One that was still with the engine fails after the retry: it goes before those that were submitted later.
START_TEST(late_failure)
{
	for (unsigned i = 0; i < 3; i++)
		submit(i, BLOCK_WRITE, 0);
	engine_ends(2, -EIO);
	turn();
	disk_answer(&rig->disk, DISK_RETRY);
	is_with_engine("012");
	engine_ends(2, -EIO);
	engine_ends(0, -EIO);
	disk_answer(&rig->disk, DISK_RETRY);
	is_with_engine("102");
	engine_ends(1, 0);
	engine_ends(0, 0);
	engine_ends(2, 0);
	while (rig->disk.telling)
		turn();
	ck_assert_uint_eq(rig->told, 1);                // that one was answered before it was told
	close_disk(0);
}
END_TEST

START_TEST(fail_lets_the_rest_go)
{
	submit(0, BLOCK_WRITE, 0);
	submit(1, BLOCK_WRITE, 0);
	engine_ends(1, -EIO);
	engine_ends(0, -ENOSPC);
	submit(2, BLOCK_WRITE, 0);
	submit(3, BLOCK_READ, 0);
	disk_answer(&rig->disk, DISK_FAIL);
	ck_assert_int_eq(rig->result[0], NOT_DONE);     // never from inside
	is_with_engine("23");
	while (rig->done < 2)
		turn();
	ck_assert_int_eq(rig->result[0], -ENOSPC);
	ck_assert_int_eq(rig->result[1], -EIO);
	engine_ends(2, 0);
	engine_ends(3, 0);
	close_disk(0);                                  // the guest knows: nothing to tell at the end
}
END_TEST

// An engine that fails from inside submit: each retry is a new stall, and never a recursion.
START_TEST(fails_at_once)
{
	rig->now = -ENOSPC;
	submit(0, BLOCK_WRITE, 0);
	for (unsigned i = 1; i <= 100; i++) {
		while (rig->told < i)
			turn();
		ck_assert(disk_stalled(&rig->disk, NULL));
		disk_answer(&rig->disk, DISK_RETRY);
	}
	while (!disk_stalled(&rig->disk, NULL))
		turn();
	rig->now = 0;
	disk_answer(&rig->disk, DISK_RETRY);
	while (rig->result[0] == NOT_DONE)
		turn();
	ck_assert_int_eq(rig->result[0], 0);
	close_disk(0);
}
END_TEST

// A reset: what is held ends, what is with the engine ends by itself, and may stall anew.
START_TEST(cancel_for_a_reset)
{
	submit(0, BLOCK_WRITE, 0);
	submit(1, BLOCK_WRITE, 0);
	engine_ends(0, -ENOSPC);
	submit(2, BLOCK_WRITE, 0);
	disk_answer(&rig->disk, DISK_CANCEL);
	while (rig->done < 2)
		turn();
	ck_assert_int_eq(rig->result[0], -ECANCELED);
	ck_assert_int_eq(rig->result[2], -ECANCELED);
	ck_assert_uint_eq(rig->disk.in_flight, 1);
	engine_ends(1, -ENOSPC);
	ck_assert(disk_stalled(&rig->disk, NULL));
	disk_answer(&rig->disk, DISK_CANCEL);
	while (rig->done < 3)
		turn();
	ck_assert_uint_eq(rig->disk.in_flight, 0);
	close_disk(0);
}
END_TEST

START_TEST(answers_without_a_stall)
{
	disk_answer(&rig->disk, DISK_RETRY);
	disk_answer(&rig->disk, DISK_FAIL);
	disk_answer(&rig->disk, DISK_CANCEL);
	submit(0, BLOCK_WRITE, 0);
	disk_answer(&rig->disk, DISK_CANCEL);
	is_with_engine("0");
	engine_ends(0, 0);
	close_disk(0);
}
END_TEST

// --- the end -----------------------------------------------------------------------------------------------

START_TEST(close_tells_what_was_held)
{
	char text[1200];

	submit(0, BLOCK_WRITE, 0);
	engine_ends(0, -ENOSPC);
	submit(1, BLOCK_WRITE, 0);
	submit(2, BLOCK_FLUSH, 0);
	submit(3, BLOCK_READ, 0);
	close_disk(-ENOSPC);
	ck_assert_uint_eq(rig->told, 0);                // closed before the loop came to it
	ck_assert_uint_eq(rig->done, 4);
	ck_assert_int_eq(err.exit, EXIT_DISK);
	err_sentence(&err, text, sizeof(text));
	ck_assert_msg(strstr(text, "fake.vmdk") && strstr(text, "2 writes") && strstr(text, "No space"), "%s", text);
}
END_TEST

static void end_later(void *arg)
{
	(void)arg;
	engine_ends(0, -EIO);
}

// A write that fails while the disk is closed is not held: nobody would answer.
START_TEST(failure_while_closing)
{
	struct loop_call call = { .fn = end_later };

	submit(0, BLOCK_WRITE, 0);
	loop_post(loop, &call);
	close_disk(-EIO);
	ck_assert_int_eq(rig->result[0], -EIO);
	ck_assert_ptr_nonnull(strstr(err.what, "1 write of"));
}
END_TEST

START_TEST(unwatching_lets_go)
{
	submit(0, BLOCK_READ, 0);
	engine_ends(0, -ESTALE);
	disk_on_stall(&rig->disk, &(struct disk_stall_args){ 0 });
	while (rig->result[0] == NOT_DONE)
		turn();
	ck_assert_int_eq(rig->result[0], -ECANCELED);
	while (rig->disk.telling)
		turn();
	ck_assert_uint_eq(rig->told, 0);
	close_disk(0);
}
END_TEST

// --- a real engine -----------------------------------------------------------------------------------------

static void told_real(void *arg, struct disk *disk)
{
	unsigned *count = arg;

	(void)disk;
	++*count;
}

static void note_result(struct block_req *req, int result)
{
	*(int *)req->owner = result;
}

// A file that may not grow: writes to new grains stall, and go through when it may again.
START_TEST(real_image)
{
	enum { N = 8 };
	struct rlimit limit = { .rlim_max = RLIM_INFINITY };
	struct block_req req[N];
	struct iovec iov[N];
	int result[N];
	unsigned count = 0;
	struct fixture f;
	struct disk *d;

	signal(SIGXFSZ, SIG_IGN);
	fixture_setup(&f);
	make_monolithic(&f, "d.vmdk", 32 << 11);
	d = must_open(&f, "d.vmdk", (struct disk_open_args){ 0 });
	disk_on_stall(d, &(struct disk_stall_args){ .fn = told_real, .arg = &count });
	limit.rlim_cur = 256 << 10;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (unsigned i = 0; i < N; i++) {
		iov[i] = (struct iovec){ malloc(128 << 10), 128 << 10 };
		memset(iov[i].iov_base, 'a' + (int)i, iov[i].iov_len);
		result[i] = NOT_DONE;
		req[i] = (struct block_req){ .op = BLOCK_WRITE, .flags = i % 2 ? BLOCK_FUA : 0, .offset = i * (1u << 20),
					     .length = 128 << 10, .iov = &iov[i], .iovcnt = 1, .done = note_result,
					     .owner = &result[i] };
		disk_submit(d, &req[i]);
	}
	while (!count)
		ck_assert_int_eq(loop_turn(f.loop), 0);
	limit.rlim_cur = RLIM_INFINITY;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	while (d->in_flight) {
		disk_answer(d, DISK_RETRY);
		ck_assert_int_eq(loop_turn(f.loop), 0);
	}
	for (unsigned i = 0; i < N; i++) {
		ck_assert_int_eq(result[i], 0);
		free(iov[i].iov_base);
	}
	must_close(&f, d);
	d = must_open(&f, "d.vmdk", (struct disk_open_args){ 0 });
	for (unsigned i = 0; i < N; i++)
		expect_byte(d, i * (1u << 20), 128 << 10, 'a' + (int)i);
	must_close(&f, d);
	fixture_teardown(&f);
}
END_TEST

// After an fdatasync that failed no flush works any more, and the stall says so.
START_TEST(flush_is_lost)
{
	struct block_req req = { .op = BLOCK_FLUSH, .done = note_result };
	struct disk_stall s;
	unsigned count = 0;
	int result = NOT_DONE;
	struct fixture f;
	struct disk *d;

	fixture_setup(&f);
	make_monolithic(&f, "d.vmdk", 2048);
	d = must_open(&f, "d.vmdk", (struct disk_open_args){ 0 });
	disk_on_stall(d, &(struct disk_stall_args){ .fn = told_real, .arg = &count });
	write_byte(d, 0, 512, 'x');
	CONTAINER_OF(d, struct image, disk)->files->failed = -EIO;
	req.owner = &result;
	for (unsigned i = 1; i <= 2; i++) {
		if (i == 1)
			disk_submit(d, &req);
		else
			disk_answer(d, DISK_RETRY);
		while (count < i)
			ck_assert_int_eq(loop_turn(f.loop), 0);
		ck_assert(disk_stalled(d, &s) && s.lost && s.durable && s.code == EIO);
	}
	disk_answer(d, DISK_FAIL);
	while (result == NOT_DONE)
		ck_assert_int_eq(loop_turn(f.loop), 0);
	ck_assert_int_eq(result, -EIO);
	ck_assert_int_eq(disk_close(d, &f.err), -EIO);
	ck_assert_int_eq(f.err.exit, EXIT_DISK);
	fixture_teardown(&f);
}
END_TEST

// What the descriptor forbids is the guest's to see.
START_TEST(extents_that_forbid)
{
	unsigned count = 0;
	char buf[512] = "";
	struct fixture f;
	struct disk *d;

	fixture_setup(&f);
	put_text(&f, "d.vmdk", DESC_HEAD "createType=custom\nRDONLY 4 FLAT \"a\" 0\nNOACCESS 4 FLAT \"gone\" 0\n");
	shell("truncate -s 2048 %s/a", f.dir);
	d = must_open(&f, "d.vmdk", (struct disk_open_args){ 0 });
	disk_on_stall(d, &(struct disk_stall_args){ .fn = told_real, .arg = &count, .reads = true });
	ck_assert_int_eq(do_rw(d, BLOCK_WRITE, 0, buf, 512, 0), -EROFS);
	ck_assert_int_eq(do_rw(d, BLOCK_READ, 2048, buf, 512, 0), -EACCES);
	ck_assert_int_eq(do_rw(d, BLOCK_READ, 0, buf, 512, 0), 0);
	ck_assert(!disk_stalled(d, NULL));
	must_close(&f, d);
	ck_assert_uint_eq(count, 0);
	fixture_teardown(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("disk_stall");
	TCase *t = tcase_create("stall");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, without_owner_errors_pass);
	tcase_add_test(t, held_and_told_once);
	tcase_add_test(t, what_is_reported);
	tcase_add_test(t, bad_requests_do_not_wait);
	tcase_add_loop_test(t, retry_keeps_order, 0, 6);
	tcase_add_test(t, late_failure);
	tcase_add_test(t, fail_lets_the_rest_go);
	tcase_add_test(t, fails_at_once);
	tcase_add_test(t, cancel_for_a_reset);
	tcase_add_test(t, answers_without_a_stall);
	tcase_add_test(t, close_tells_what_was_held);
	tcase_add_test(t, failure_while_closing);
	tcase_add_test(t, unwatching_lets_go);
	tcase_add_test(t, real_image);
	tcase_add_test(t, flush_is_lost);
	tcase_add_test(t, extents_that_forbid);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
