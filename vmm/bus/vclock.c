// vclock.c: virtual time and the timers on it.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "bus/vclock.h"

#include <string.h>

void vclock_init(struct vclock *clock, struct loop *loop)
{
	memset(clock, 0, sizeof(*clock));
	pthread_mutex_init(&clock->lock, NULL);
	clock->loop = loop;
}

static uint64_t now_locked(const struct vclock *clock)
{
	return clock->running ? clock->base + (loop_now() - clock->since) : clock->base;
}

uint64_t vclock_now(struct vclock *clock)
{
	uint64_t now;

	pthread_mutex_lock(&clock->lock);
	now = now_locked(clock);
	pthread_mutex_unlock(&clock->lock);
	return now;
}

// Real deadline of a virtual one; far ones saturate.
static uint64_t real_deadline(const struct vclock *clock, uint64_t deadline)
{
	uint64_t wait = deadline > clock->base ? deadline - clock->base : 0;

	return clock->since + wait < clock->since ? UINT64_MAX : clock->since + wait;
}

static void arm(struct vtimer *timer)
{
	if (timer->clock->running && timer->armed)
		loop_timer_set(&timer->timer, real_deadline(timer->clock, timer->deadline));
}

void vclock_start(struct vclock *clock)
{
	pthread_mutex_lock(&clock->lock);
	if (!clock->running) {
		clock->running = true;
		clock->since = loop_now();
		for (struct vtimer *t = clock->timers; t; t = t->next)
			arm(t);
	}
	pthread_mutex_unlock(&clock->lock);
}

void vclock_stop(struct vclock *clock)
{
	pthread_mutex_lock(&clock->lock);
	if (clock->running) {
		clock->base = now_locked(clock);
		clock->running = false;
		for (struct vtimer *t = clock->timers; t; t = t->next)
			loop_timer_cancel(&t->timer);
	}
	pthread_mutex_unlock(&clock->lock);
}

// One shot: a timer that has fired must not come back with the next start of the clock. Set again meanwhile by
// another thread, it stays armed for its new deadline.
static void fired(void *arg)
{
	struct vtimer *timer = arg;

	pthread_mutex_lock(&timer->clock->lock);
	if (timer->armed && timer->deadline <= now_locked(timer->clock))
		timer->armed = false;
	pthread_mutex_unlock(&timer->clock->lock);
	timer->fn(timer->arg);
}

void vtimer_init(struct vtimer *timer, struct vclock *clock, void (*fn)(void *arg), void *arg)
{
	memset(timer, 0, sizeof(*timer));
	timer->clock = clock;
	timer->fn = fn;
	timer->arg = arg;
	loop_timer_init(&timer->timer, clock->loop, fired, timer);
	pthread_mutex_lock(&clock->lock);
	timer->next = clock->timers;
	clock->timers = timer;
	pthread_mutex_unlock(&clock->lock);
}

void vtimer_set(struct vtimer *timer, uint64_t deadline)
{
	pthread_mutex_lock(&timer->clock->lock);
	timer->deadline = deadline;
	timer->armed = true;
	arm(timer);
	pthread_mutex_unlock(&timer->clock->lock);
}

void vtimer_cancel(struct vtimer *timer)
{
	if (!timer->clock)
		return;
	pthread_mutex_lock(&timer->clock->lock);
	timer->armed = false;
	loop_timer_cancel(&timer->timer);
	pthread_mutex_unlock(&timer->clock->lock);
}

void vtimer_destroy(struct vtimer *timer)
{
	struct vclock *clock = timer->clock;
	struct vtimer **p;

	if (!clock)
		return;
	vtimer_cancel(timer);
	pthread_mutex_lock(&clock->lock);
	for (p = &clock->timers; *p; p = &(*p)->next) {
		if (*p == timer) {
			*p = timer->next;
			break;
		}
	}
	pthread_mutex_unlock(&clock->lock);
}
