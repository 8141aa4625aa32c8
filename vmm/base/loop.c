// loop.c: the io_uring loop: descriptors, timers, calls from other threads, raw requests.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Every completion carries a loop_op in user_data. Descriptors use one-shot polls that are re-armed after their
// callback: level triggered without surprises. A removed descriptor stays allocated until its last completion
// has come home, so no user_data ever dangles.
#include "base/loop.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"

#define BATCH 64u
#define FILES 128u              // registered files

struct loop_fd {
	struct loop_op op;
	struct loop *loop;
	loop_fd_fn *fn;
	void *arg;
	int fd;
	uint32_t events;
	bool armed;             // a poll is in the kernel
	bool removed;
	struct loop_fd *next, **link;   // all descriptors of the loop
};

struct loop {
	struct io_uring ring;
	char name[16];
	int wake_fd;            // eventfd: work for the loop thread
	uint64_t wake_count;
	struct loop_op wake_op;
	bool wake_armed;
	_Atomic bool stop;
	pthread_t thread;
	_Atomic bool in_run;

	pthread_mutex_t lock;   // timers, calls; innermost but for irq pins
	struct loop_timer *timers;
	struct loop_call *calls, **calls_tail;

	struct loop_fd *fds;            // loop thread
	struct loop_op timeout_op, remove_op;
	struct __kernel_timespec timeout;
	uint64_t timeout_deadline;      // of the timeout in the kernel; 0 = none
	bool timeout_removing;
	bool has_files, no_files;       // the ring has a table of files; cannot have one
	bool file_used[FILES];
};

uint64_t loop_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

bool loop_is_current(const struct loop *loop)
{
	return atomic_load(&loop->in_run) && pthread_equal(loop->thread, pthread_self());
}

static void wake(struct loop *loop)
{
	uint64_t one = 1;

	// The counter cannot overflow in practice, and a full one is as good a wake-up.
	if (write(loop->wake_fd, &one, sizeof(one)) < 0)
		return;
}

struct io_uring_sqe *loop_sqe(struct loop *loop, struct loop_op *op)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&loop->ring);

	while (!sqe) {
		io_uring_submit(&loop->ring);
		sqe = io_uring_get_sqe(&loop->ring);
	}
	memset(sqe, 0, sizeof(*sqe));
	io_uring_sqe_set_data(sqe, op);
	return sqe;
}

void loop_submit(struct loop *loop)
{
	io_uring_submit(&loop->ring);
}

// --- registered files ------------------------------------------------------------------------------

static bool have_files(struct loop *loop)
{
	if (!loop->has_files && !loop->no_files) {
		loop->has_files = io_uring_register_files_sparse(&loop->ring, FILES) == 0;
		loop->no_files = !loop->has_files;
	}
	return loop->has_files;
}

int loop_file_add(struct loop *loop, int fd)
{
	if (!have_files(loop))
		return -1;
	for (unsigned i = 0; i < FILES; i++) {
		if (loop->file_used[i])
			continue;
		if (io_uring_register_files_update(&loop->ring, i, &fd, 1) != 1)
			return -1;
		loop->file_used[i] = true;
		return (int)i;
	}
	return -1;
}

void loop_file_remove(struct loop *loop, int slot)
{
	int none = -1;

	if (slot < 0)
		return;
	// A slot that cannot be emptied is not used again.
	if (io_uring_register_files_update(&loop->ring, (unsigned)slot, &none, 1) == 1)
		loop->file_used[slot] = false;
}

// io_uring_prep_*() clears user_data in newer liburing, so it is set behind the preparation too.
static void arm_wake(struct loop *loop)
{
	struct io_uring_sqe *sqe;

	if (loop->wake_armed)
		return;
	sqe = loop_sqe(loop, &loop->wake_op);
	io_uring_prep_read(sqe, loop->wake_fd, &loop->wake_count, sizeof(loop->wake_count), 0);
	io_uring_sqe_set_data(sqe, &loop->wake_op);
	loop->wake_armed = true;
}

static void wake_done(struct loop_op *op, int32_t res, uint32_t flags)
{
	struct loop *loop = CONTAINER_OF(op, struct loop, wake_op);

	(void)res;
	(void)flags;
	loop->wake_armed = false;
}

// --- descriptors -----------------------------------------------------------------------------------

static void fd_done(struct loop_op *op, int32_t res, uint32_t flags);

static void arm_fd(struct loop_fd *source)
{
	struct io_uring_sqe *sqe;

	if (source->armed || source->removed || !source->events)
		return;
	sqe = loop_sqe(source->loop, &source->op);
	io_uring_prep_poll_add(sqe, source->fd, source->events);
	io_uring_sqe_set_data(sqe, &source->op);
	source->armed = true;
}

static void ignore_done(struct loop_op *op, int32_t res, uint32_t flags)
{
	(void)op;
	(void)res;
	(void)flags;
}

static void disarm_fd(struct loop_fd *source)
{
	struct io_uring_sqe *sqe;

	if (!source->armed)
		return;
	sqe = loop_sqe(source->loop, &source->loop->remove_op);
	io_uring_prep_poll_remove(sqe, (uint64_t)(uintptr_t)&source->op);
	io_uring_sqe_set_data(sqe, &source->loop->remove_op);
}

static void free_fd(struct loop_fd *source)
{
	*source->link = source->next;
	if (source->next)
		source->next->link = source->link;
	free(source);
}

static void fd_done(struct loop_op *op, int32_t res, uint32_t flags)
{
	struct loop_fd *source = CONTAINER_OF(op, struct loop_fd, op);

	(void)flags;
	source->armed = false;
	if (source->removed) {
		free_fd(source);
		return;
	}
	if (res > 0 && source->events) {
		// The callback may remove the source: keep it alive until it has returned.
		source->armed = true;
		source->fn(source->arg, (uint32_t)res & (source->events | POLLERR | POLLHUP));
		source->armed = false;
		if (source->removed) {
			free_fd(source);
			return;
		}
	} else if (res < 0 && res != -ECANCELED) {
		log_warn("loop %s: poll of descriptor %d failed: %s",
			    source->loop->name, source->fd, strerror(-res));
		return;
	}
	arm_fd(source);
}

struct loop_fd *loop_fd_add(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *arg)
{
	struct loop_fd *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->op.done = fd_done;
	source->loop = loop;
	source->fd = fd;
	source->events = events;
	source->fn = fn;
	source->arg = arg;
	source->next = loop->fds;
	source->link = &loop->fds;
	if (source->next)
		source->next->link = &source->next;
	loop->fds = source;
	arm_fd(source);
	return source;
}

void loop_fd_events(struct loop_fd *source, uint32_t events)
{
	if (source->events == events)
		return;
	source->events = events;
	if (source->armed)
		disarm_fd(source);      // its completion re-arms with the new events
	else
		arm_fd(source);
}

void loop_fd_remove(struct loop_fd *source)
{
	if (!source)
		return;
	source->removed = true;
	if (source->armed)
		disarm_fd(source);      // freed when the poll comes home; the poll holds the file until then
	else
		free_fd(source);
}

// --- timers ----------------------------------------------------------------------------------------

void loop_timer_init(struct loop_timer *timer, struct loop *loop, void (*fn)(void *arg), void *arg)
{
	memset(timer, 0, sizeof(*timer));
	timer->loop = loop;
	timer->fn = fn;
	timer->arg = arg;
}

static void unlink_timer(struct loop *loop, struct loop_timer *timer)
{
	struct loop_timer **p;

	if (!timer->armed)
		return;
	for (p = &loop->timers; *p; p = &(*p)->next) {
		if (*p == timer) {
			*p = timer->next;
			break;
		}
	}
	timer->armed = false;
}

void loop_timer_set(struct loop_timer *timer, uint64_t deadline)
{
	struct loop *loop = timer->loop;
	struct loop_timer **p;
	bool first;

	pthread_mutex_lock(&loop->lock);
	unlink_timer(loop, timer);
	timer->deadline = deadline;
	for (p = &loop->timers; *p && (*p)->deadline <= deadline; p = &(*p)->next)
		;
	timer->next = *p;
	*p = timer;
	timer->armed = true;
	first = loop->timers == timer;
	pthread_mutex_unlock(&loop->lock);
	if (first && !loop_is_current(loop))
		wake(loop);
}

void loop_timer_cancel(struct loop_timer *timer)
{
	struct loop *loop = timer->loop;

	if (!loop)
		return;
	pthread_mutex_lock(&loop->lock);
	unlink_timer(loop, timer);
	pthread_mutex_unlock(&loop->lock);
}

// Runs what is due. Bounded by the timers that were due when it started, so a callback that re-arms itself in
// the past cannot starve the loop.
static bool run_timers(struct loop *loop)
{
	uint64_t now = loop_now();
	bool ran = false;

	for (;;) {
		struct loop_timer *timer;

		pthread_mutex_lock(&loop->lock);
		timer = loop->timers;
		if (!timer || timer->deadline > now) {
			pthread_mutex_unlock(&loop->lock);
			return ran;
		}
		loop->timers = timer->next;
		timer->armed = false;
		pthread_mutex_unlock(&loop->lock);
		timer->fn(timer->arg);
		ran = true;
		if (loop_now() > now + 1000000)         // a millisecond of callbacks: look at the rest of the world
			return true;
	}
}

static uint64_t first_deadline(struct loop *loop)
{
	uint64_t deadline;

	pthread_mutex_lock(&loop->lock);
	deadline = loop->timers ? loop->timers->deadline : 0;
	pthread_mutex_unlock(&loop->lock);
	return deadline;
}

static void timeout_done(struct loop_op *op, int32_t res, uint32_t flags)
{
	struct loop *loop = CONTAINER_OF(op, struct loop, timeout_op);

	(void)res;
	(void)flags;
	loop->timeout_deadline = 0;
	loop->timeout_removing = false;
}

// Keeps one kernel timeout for the earliest timer. A later deadline than the one in the kernel costs nothing:
// the early wake-up finds nothing due and arms again.
static void arm_timeout(struct loop *loop)
{
	uint64_t deadline = first_deadline(loop);
	struct io_uring_sqe *sqe;

	if (loop->timeout_removing)
		return;
	if (loop->timeout_deadline && (!deadline || deadline < loop->timeout_deadline)) {
		sqe = loop_sqe(loop, &loop->remove_op);
		io_uring_prep_timeout_remove(sqe, (uint64_t)(uintptr_t)&loop->timeout_op, 0);
		io_uring_sqe_set_data(sqe, &loop->remove_op);
		loop->timeout_removing = true;  // its completion wakes us; then the new one goes in
		return;
	}
	if (!deadline || loop->timeout_deadline)
		return;
	loop->timeout.tv_sec = (long long)(deadline / 1000000000ull);
	loop->timeout.tv_nsec = (long long)(deadline % 1000000000ull);
	sqe = loop_sqe(loop, &loop->timeout_op);
	io_uring_prep_timeout(sqe, &loop->timeout, 0, IORING_TIMEOUT_ABS);
	io_uring_sqe_set_data(sqe, &loop->timeout_op);
	loop->timeout_deadline = deadline;
}

// --- calls -----------------------------------------------------------------------------------------

void loop_post(struct loop *loop, struct loop_call *call)
{
	bool first;

	pthread_mutex_lock(&loop->lock);
	if (call->queued) {
		pthread_mutex_unlock(&loop->lock);
		return;
	}
	call->queued = true;
	call->next = NULL;
	first = loop->calls == NULL;
	*loop->calls_tail = call;
	loop->calls_tail = &call->next;
	pthread_mutex_unlock(&loop->lock);
	if (first && !loop_is_current(loop))
		wake(loop);
}

static struct loop_call *take_call(struct loop *loop)
{
	struct loop_call *call;

	pthread_mutex_lock(&loop->lock);
	call = loop->calls;
	if (call) {
		loop->calls = call->next;
		if (!loop->calls)
			loop->calls_tail = &loop->calls;
		call->queued = false;
	}
	pthread_mutex_unlock(&loop->lock);
	return call;
}

static bool calls_waiting(struct loop *loop)
{
	bool waiting;

	pthread_mutex_lock(&loop->lock);
	waiting = loop->calls != NULL;
	pthread_mutex_unlock(&loop->lock);
	return waiting;
}

static bool run_calls(struct loop *loop)
{
	for (unsigned i = 0; i < BATCH; i++) {
		struct loop_call *call = take_call(loop);

		if (!call)
			return i > 0;
		call->fn(call->arg);
	}
	return true;
}

struct sync_call {
	struct loop_call call;
	void (*fn)(void *arg);
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool finished;
};

static void run_sync(void *arg)
{
	struct sync_call *s = arg;

	s->fn(s->arg);
	pthread_mutex_lock(&s->lock);
	s->finished = true;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock);
}

void loop_call_sync(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct sync_call s = { .call = { .fn = run_sync }, .fn = fn, .arg = arg,
			       .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };

	if (loop_is_current(loop)) {
		fn(arg);
		return;
	}
	s.call.arg = &s;
	loop_post(loop, &s.call);
	pthread_mutex_lock(&s.lock);
	while (!s.finished)
		pthread_cond_wait(&s.cond, &s.lock);
	pthread_mutex_unlock(&s.lock);
}

// --- the loop --------------------------------------------------------------------------------------

int loop_create(struct loop **out, const char *name, unsigned entries, struct err *err)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int r;

	if (!loop)
		return err_set(err, ENOMEM, name, "no memory for the I/O loop");
	strncpy(loop->name, name, sizeof(loop->name) - 1);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (loop->wake_fd < 0) {
		r = err_set(err, errno, name, "no eventfd for the I/O loop: %s", strerror(errno));
		goto fail;
	}
	r = io_uring_queue_init(MIN(MAX(entries, 8u), 4096u), &loop->ring, 0);
	if (r < 0) {
		err_set(err, -r, "io_uring", "the kernel does not give this process a ring: %s", strerror(-r));
		err_remedy(err, "Linux 5.15 or newer is needed; see that sysctl kernel.io_uring_disabled is 0 (or that this "
				"user is in its allowed group), and that no seccomp filter of a container forbids io_uring");
		err_exit(err, EXIT_HOST);
		goto fail;
	}
	pthread_mutex_init(&loop->lock, NULL);
	loop->calls_tail = &loop->calls;
	loop->wake_op.done = wake_done;
	loop->timeout_op.done = timeout_done;
	loop->remove_op.done = ignore_done;
	*out = loop;
	return 0;
fail:
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	free(loop);
	return r;
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	io_uring_queue_exit(&loop->ring);
	while (loop->fds)
		free_fd(loop->fds);
	close(loop->wake_fd);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->stop, true);
	wake(loop);
}

static unsigned reap(struct loop *loop)
{
	struct io_uring_cqe *cqes[BATCH];
	unsigned n = io_uring_peek_batch_cqe(&loop->ring, cqes, BATCH);

	for (unsigned i = 0; i < n; i++) {
		struct loop_op *op = io_uring_cqe_get_data(cqes[i]);
		int32_t res = cqes[i]->res;
		uint32_t flags = cqes[i]->flags;

		// Consumed before the callback, which may submit and need the room.
		io_uring_cqe_seen(&loop->ring, cqes[i]);
		if (op)
			op->done(op, res, flags);
	}
	return n;
}

// ONCE: return as soon as something has run; what the caller waits for may have been a timer or a call.
static int turn(struct loop *loop, bool once)
{
	bool ran = run_timers(loop);
	int r;

	ran |= run_calls(loop);
	if (!once && atomic_load(&loop->stop))
		return 0;
	arm_wake(loop);
	arm_timeout(loop);
	// Calls that are left over must not wait for the next event.
	r = calls_waiting(loop) || (once && ran) ? io_uring_submit(&loop->ring) :
						   io_uring_submit_and_wait(&loop->ring, 1);
	if (r < 0 && r != -EINTR && r != -EAGAIN && r != -EBUSY)
		return r;
	while (reap(loop) == BATCH)
		;
	return 0;
}

int loop_run(struct loop *loop)
{
	int r = 0;

	loop->thread = pthread_self();
	atomic_store(&loop->in_run, true);
	while (!r && !atomic_load(&loop->stop))
		r = turn(loop, false);
	atomic_store(&loop->stop, false);
	atomic_store(&loop->in_run, false);
	return r;
}

int loop_turn(struct loop *loop)
{
	bool outer = atomic_load(&loop->in_run);
	int r;

	loop->thread = pthread_self();
	atomic_store(&loop->in_run, true);
	r = turn(loop, true);
	atomic_store(&loop->in_run, outer);
	return r;
}
