// vclock.h: virtual time. Starts at power-on, stops while the machine is paused.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BUS_VCLOCK_H
#define BERTH_BUS_VCLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

struct vtimer;

struct vclock {
	struct loop *loop;
	pthread_mutex_t lock;           // taken after device locks, before the loop's
	bool running;
	uint64_t base;                  // virtual time when `since` was taken
	uint64_t since;                 // CLOCK_MONOTONIC of the last start
	struct vtimer *timers;          // all initialised timers
};

// One shot, in virtual nanoseconds; embedded by its owner. fn runs on the loop thread, takes the device's lock
// itself, and must cope with being called when the deadline has moved (compare with the registers).
struct vtimer {
	struct vclock *clock;
	struct loop_timer timer;
	void (*fn)(void *arg);
	void *arg;
	uint64_t deadline;
	bool armed;                     // clock's lock
	struct vtimer *next;
};

void vclock_init(struct vclock *clock, struct loop *loop);      // stopped, at 0
void vclock_start(struct vclock *clock);
void vclock_stop(struct vclock *clock);
uint64_t vclock_now(struct vclock *clock);                      // any thread
void vtimer_init(struct vtimer *timer, struct vclock *clock, void (*fn)(void *arg), void *arg);
void vtimer_set(struct vtimer *timer, uint64_t deadline);       // any thread
void vtimer_cancel(struct vtimer *timer);                       // any thread
// Cancels and takes it off the clock, before its owner is freed. Loop thread, or when the loop has stopped.
// Nothing happens to a zeroed timer.
void vtimer_destroy(struct vtimer *timer);

#endif
