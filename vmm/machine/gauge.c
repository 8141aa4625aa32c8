// gauge.c: measuring on a thread of its own, and reading with a limit.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/gauge.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/loop.h"

struct gauge {
	uint64_t (*fn)(void *arg);
	void *arg;
	pthread_t thread;
	pthread_mutex_t lock;           // everything below
	pthread_cond_t asked, measured;
	bool running, stop, wanted;
	uint64_t value, at;             // measured when, loop_now(); 0 = never
};

struct gauge *gauge_create(uint64_t (*fn)(void *arg), void *arg)
{
	struct gauge *g = calloc(1, sizeof(*g));
	pthread_condattr_t attr;

	if (!g)
		return NULL;
	g->fn = fn;
	g->arg = arg;
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->asked, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&g->measured, &attr);
	pthread_condattr_destroy(&attr);
	return g;
}

static void *measure(void *arg)
{
	struct gauge *g = arg;
	uint64_t value, at;

	pthread_mutex_lock(&g->lock);
	while (!g->stop) {
		if (!g->wanted) {
			pthread_cond_wait(&g->asked, &g->lock);
			continue;
		}
		pthread_mutex_unlock(&g->lock);
		at = loop_now();
		value = g->fn(g->arg);
		pthread_mutex_lock(&g->lock);
		g->value = value;
		g->at = at;
		g->wanted = false;
		pthread_cond_broadcast(&g->measured);
	}
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

void gauge_destroy(struct gauge *g)
{
	if (!g)
		return;
	pthread_mutex_lock(&g->lock);
	g->stop = true;
	pthread_cond_signal(&g->asked);
	pthread_mutex_unlock(&g->lock);
	if (g->running)
		pthread_join(g->thread, NULL);
	pthread_cond_destroy(&g->asked);
	pthread_cond_destroy(&g->measured);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

static void wait_for(struct gauge *g, unsigned wait_ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += wait_ms / 1000;
	end.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	while (g->wanted && pthread_cond_timedwait(&g->measured, &g->lock, &end) == 0)
		;
}

uint64_t gauge_read(struct gauge *g, unsigned max_age_ms, unsigned wait_ms)
{
	uint64_t value;

	pthread_mutex_lock(&g->lock);
	if (!g->at || loop_now() - g->at > max_age_ms * 1000000ull) {
		if (!g->running)
			g->running = pthread_create(&g->thread, NULL, measure, g) == 0;
		g->wanted = g->running;
		pthread_cond_signal(&g->asked);
		wait_for(g, wait_ms);
	}
	value = g->value;
	pthread_mutex_unlock(&g->lock);
	return value;
}
