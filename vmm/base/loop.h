// loop.h: the only place that waits. One io_uring per loop: descriptors, timers, calls, disk requests.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A loop belongs to the thread that calls loop_run(). Unless a function says "any thread" it may be
// called on that thread only (or before loop_run() starts). Removing a source also drops the events of
// it that were already collected in the running batch, so a callback never comes after its removal.
#ifndef BERTH_BASE_LOOP_H
#define BERTH_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct io_uring_sqe;
struct loop;

// NAME is copied and shown in logs. ENTRIES is the size of the submission queue (power of two, 8..4096).
// Fails with a remedy when the kernel refuses io_uring.
int loop_create(struct loop **out, const char *name, unsigned entries, struct err *err);
// All sources must be gone. Any thread, while nobody is in loop_run().
void loop_destroy(struct loop *loop);
// Runs until loop_stop(). Returns 0, or -errno when the ring itself failed.
int loop_run(struct loop *loop);
// Waits for one batch of events and runs it: for start-up and shutdown, outside loop_run() and outside callbacks.
// 0 or -errno.
int loop_turn(struct loop *loop);
// Makes loop_run() return after the current batch. Any thread, any time, also from a signal handler.
void loop_stop(struct loop *loop);
// True on the thread that is inside loop_run() of this loop.
bool loop_is_current(const struct loop *loop);

// --- descriptors -----------------------------------------------------------------------------------

struct loop_fd;
// EVENTS and the callback's REVENTS are poll(2) bits. POLLERR and POLLHUP always arrive.
typedef void loop_fd_fn(void *arg, uint32_t revents);

// Level triggered. The descriptor stays the caller's. NULL when out of memory.
struct loop_fd *loop_fd_add(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *arg);
// EVENTS 0 pauses the source.
void loop_fd_events(struct loop_fd *source, uint32_t events);
void loop_fd_remove(struct loop_fd *source);

// --- timers ----------------------------------------------------------------------------------------

// Embedded by its owner. One shot, CLOCK_MONOTONIC nanoseconds.
struct loop_timer {
	struct loop *loop;
	void (*fn)(void *arg);
	void *arg;
	uint64_t deadline;              // valid while armed
	struct loop_timer *next;        // in the loop's list, by deadline; loop's lock
	bool armed;                     // loop's lock
};

void loop_timer_init(struct loop_timer *timer, struct loop *loop, void (*fn)(void *arg), void *arg);
// (Re)arms. A deadline in the past fires in the next batch. Any thread.
void loop_timer_set(struct loop_timer *timer, uint64_t deadline);
// Any thread. From another thread the callback may be running right now; the owner's lock settles that.
void loop_timer_cancel(struct loop_timer *timer);
uint64_t loop_now(void);                // CLOCK_MONOTONIC in nanoseconds; any thread

// --- calls from other threads ------------------------------------------------------------------------

// Embedded by its owner; may be posted again once fn has started.
struct loop_call {
	void (*fn)(void *arg);
	void *arg;
	struct loop_call *next;
	bool queued;                    // loop's lock
};

// Runs call->fn(call->arg) on the loop thread. Posting a queued call again does nothing. Any thread.
void loop_post(struct loop *loop, struct loop_call *call);
// Runs FN on the loop thread and waits for it; runs it directly when already there. Any thread that
// holds no lock that FN or a loop callback takes.
void loop_call_sync(struct loop *loop, void (*fn)(void *arg), void *arg);

// --- raw requests ------------------------------------------------------------------------------------

// Embedded by its owner; must stay until done() was called.
struct loop_op {
	void (*done)(struct loop_op *op, int32_t res, uint32_t cqe_flags);
};

// A submission entry whose completion goes to OP. The caller fills it with io_uring_prep_*() at once and
// does not touch user_data. Submitted at the end of the batch, or by loop_submit(). Never NULL: when the
// queue is full it is submitted first.
struct io_uring_sqe *loop_sqe(struct loop *loop, struct loop_op *op);
void loop_submit(struct loop *loop);
// Registers FD with the ring, which saves the kernel a look-up for each request: returns the number that stands for it
// in entries with IOSQE_FIXED_FILE, or -1 when the kernel or the table has no room (FD itself works as before). The
// ring keeps the file open until loop_file_remove(), which must come before the close(). SLOT may be -1.
int loop_file_add(struct loop *loop, int fd);
void loop_file_remove(struct loop *loop, int slot);

#endif
