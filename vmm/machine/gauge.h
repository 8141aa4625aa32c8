// gauge.h: a number that takes long to measure, for somebody who must not wait long for it.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_MACHINE_GAUGE_H
#define BERTH_MACHINE_GAUGE_H

#include <stdint.h>

struct gauge;

// FN(ARG) measures, on a thread of the gauge's own that begins with the first gauge_read(). NULL when out of memory.
struct gauge *gauge_create(uint64_t (*fn)(void *arg), void *arg);
// Waits until a measurement under way has ended. NULL is fine.
void gauge_destroy(struct gauge *g);
// A value not older than MAX_AGE_MS when it comes within WAIT_MS, else the latest there is; 0 before the first.
uint64_t gauge_read(struct gauge *g, unsigned max_age_ms, unsigned wait_ms);

#endif
