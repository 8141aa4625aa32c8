// fifo8.h: a bounded byte queue in caller-owned storage; masks in two places only.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BASE_FIFO8_H
#define BERTH_BASE_FIFO8_H

#include <stdbool.h>
#include <stdint.h>

#define FIFO8_MAX 256u

// `count` never exceeds `size`, `head` is always below FIFO8_MAX; a loaded snapshot goes through fifo8_sane().
struct fifo8 {
	uint16_t size;          // capacity in use, 1..FIFO8_MAX
	uint16_t head;          // next byte to take
	uint16_t count;
	uint8_t data[FIFO8_MAX];
};

static inline void fifo8_init(struct fifo8 *f, uint16_t size)
{
	f->size = size > FIFO8_MAX ? FIFO8_MAX : size ? size : 1;
	f->head = 0;
	f->count = 0;
}

static inline void fifo8_clear(struct fifo8 *f)
{
	f->head = 0;
	f->count = 0;
}

static inline bool fifo8_empty(const struct fifo8 *f) { return f->count == 0; }
static inline bool fifo8_full(const struct fifo8 *f) { return f->count >= f->size; }
static inline unsigned fifo8_room(const struct fifo8 *f) { return f->count < f->size ? (unsigned)(f->size - f->count) : 0; }

// False when full; the byte is then not stored.
static inline bool fifo8_put(struct fifo8 *f, uint8_t v)
{
	if (fifo8_full(f))
		return false;
	f->data[(f->head + f->count) & (FIFO8_MAX - 1)] = v;
	f->count++;
	return true;
}

// 0 when empty; ask fifo8_empty() first where that matters.
static inline uint8_t fifo8_get(struct fifo8 *f)
{
	uint8_t v;

	if (!f->count)
		return 0;
	v = f->data[f->head & (FIFO8_MAX - 1)];
	f->head = (uint16_t)((f->head + 1) & (FIFO8_MAX - 1));
	f->count--;
	return v;
}

static inline uint8_t fifo8_peek(const struct fifo8 *f) { return f->count ? f->data[f->head & (FIFO8_MAX - 1)] : 0; }

// Brings counters that came from outside back into their limits.
static inline void fifo8_sane(struct fifo8 *f)
{
	if (f->size == 0 || f->size > FIFO8_MAX)
		f->size = FIFO8_MAX;
	f->head &= FIFO8_MAX - 1;
	if (f->count > f->size)
		f->count = f->size;
}

#endif
