// fuzz_hpet.c: bytes become register accesses, time and damaged restores on the HPET core.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "hw/chipset/hpet_core.h"

struct lab {
	struct hpet_core h;
	uint64_t now, alarm;
	bool level[HPET_TIMERS];
	bool legacy;
	unsigned messages;
};

struct script { const uint8_t *p; size_t left; };

static uint64_t take(struct script *s, unsigned bytes)
{
	uint8_t v[8] = { 0 };

	for (unsigned i = 0; i < bytes && s->left; i++, s->left--)
		v[i] = *s->p++;
	return get_le64(v);
}

static uint64_t now(void *arg) { return ((struct lab *)arg)->now; }
static void alarm_at(void *arg, uint64_t deadline) { ((struct lab *)arg)->alarm = deadline; }
static void msi(void *arg, uint64_t address, uint32_t data) { ((struct lab *)arg)->messages++; }
static void legacy(void *arg, bool on) { ((struct lab *)arg)->legacy = on; }

static void level(void *arg, unsigned timer, struct hpet_route route, bool up)
{
	if (timer >= HPET_TIMERS || route.pin >= 32 || (up && route.isa && route.pin != 0 && route.pin != 8))
		abort();
	if (up && !route.isa && !(HPET_ROUTES >> route.pin & 1))
		abort();
	((struct lab *)arg)->level[timer] = up;
}

// Time passes as the vtimer sees it: alarms are served, and no more of them than the least interval allows.
static void pass(struct lab *l, uint64_t ns)
{
	// 292 years of virtual time are the end of the world.
	uint64_t end = ns > INT64_MAX - l->now ? INT64_MAX : l->now + ns, served = 0;

	while (l->alarm <= end && l->alarm != UINT64_MAX && served < 64) {
		uint64_t before = l->now;

		if (l->alarm > l->now)
			l->now = l->alarm;
		hpet_core_alarm(&l->h);
		served++;
		// Served at this time, so that the next lies later: one-shots are over, periods are bounded.
		if (l->alarm <= l->now && before == l->now)
			abort();
	}
	l->now = end;
}

static void check(const struct lab *l)
{
	for (unsigned n = 0; n < HPET_TIMERS; n++) {
		if (l->level[n] && !(l->h.regs.status >> n & 1))
			abort();
	}
	if (l->legacy != !!(l->h.regs.config & HPET_LEGACY))
		abort();
}

static void damage(struct lab *l, struct script *s)
{
	uint8_t *bytes = (uint8_t *)&l->h.regs;

	for (unsigned i = 0; i < 16; i++)
		bytes[take(s, 2) % sizeof(l->h.regs)] = (uint8_t)take(s, 1);
	hpet_sanitize(&l->h.regs);
	hpet_core_restored(&l->h);
}

static void step(struct lab *l, struct script *s)
{
	unsigned op = (unsigned)take(s, 1);
	uint64_t off = take(s, 2) % (HPET_SIZE + 16);

	switch (op % 8) {
	case 0: hpet_core_read(&l->h, off, op >> 4); break;
	case 1: hpet_core_write(&l->h, off, op >> 4, take(s, 8)); break;
	case 2: hpet_core_write(&l->h, off & ~7ull, 8, take(s, 8)); break;
	case 3: hpet_core_write(&l->h, HPET_TIMER0 + off % 8 * 8, 8, take(s, 4)); break;
	case 4: hpet_core_write(&l->h, HPET_CONFIG, 4, off); break;
	case 5: pass(l, take(s, 4)); break;
	case 6: pass(l, take(s, 8) >> op / 8); break;
	case 7:
		if (op & 0x80)
			damage(l, s);
		else if (op & 0x40)
			hpet_core_reset(&l->h);
		else
			hpet_core_alarm(&l->h);
		break;
	default: break;
	}
	check(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = { data, size };
	struct lab l = { .alarm = UINT64_MAX };

	log_set_level(LOG_ERROR);
	hpet_core_init(&l.h, &(struct hpet_host){ now, alarm_at, level, msi, legacy, &l });
	hpet_core_reset(&l.h);
	while (s.left)
		step(&l, &s);
	return 0;
}
