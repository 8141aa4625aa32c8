// hpet_core.c: HPET registers, matching and interrupts.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/hpet_core.h"

#include <string.h>

#include "base/log.h"

#define FS_PER_NS       1000000u
#define CONFIG_WRITABLE ((uint32_t)(HPET_ENABLE | HPET_LEGACY))
#define TIMER_CAPS      ((uint32_t)(HPET_TN_PERIODIC_CAP | HPET_TN_SIZE_CAP | HPET_TN_FSB_CAP))
#define TIMER_WRITABLE \
	((uint32_t)(HPET_TN_LEVEL | HPET_TN_INT_ENB | HPET_TN_PERIODIC | HPET_TN_VAL_SET | HPET_TN_32BIT | \
		    HPET_TN_ROUTE | HPET_TN_FSB_EN))
#define ROUTE_SHIFT     9u
#define LEGACY_TIMERS   2u
#define LEGACY_PIT_IRQ  0u
#define LEGACY_RTC_IRQ  8u

// --- counter -------------------------------------------------------------------------------------

static uint64_t ticks(uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * FS_PER_NS / HPET_PERIOD);
}

static bool running(const struct hpet_core *h) { return h->regs.config & HPET_ENABLE; }
static uint64_t now_ns(const struct hpet_core *h) { return h->host.now(h->host.arg); }

static uint64_t counter(const struct hpet_core *h)
{
	return running(h) ? h->regs.counter + ticks(now_ns(h)) : h->regs.counter;
}

// The virtual time at which the counter, now CUR, is DELTA further; saturates.
static uint64_t time_after(const struct hpet_core *h, uint64_t cur, uint64_t delta)
{
	unsigned __int128 at = (unsigned __int128)(cur - h->regs.counter) + delta;
	unsigned __int128 ns = (at * HPET_PERIOD + FS_PER_NS - 1) / FS_PER_NS;

	return ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

// --- interrupts ----------------------------------------------------------------------------------

// False when the timer's interrupt leads nowhere.
static bool route_of(const struct hpet_core *h, unsigned n, struct hpet_route *route)
{
	unsigned pin = (h->regs.timer[n].config & HPET_TN_ROUTE) >> ROUTE_SHIFT;

	if ((h->regs.config & HPET_LEGACY) && n < LEGACY_TIMERS) {
		*route = (struct hpet_route){ n == 0 ? LEGACY_PIT_IRQ : LEGACY_RTC_IRQ, true };
		return true;
	}
	*route = (struct hpet_route){ pin, false };
	return HPET_ROUTES >> pin & 1;
}

static bool interrupts(const struct hpet_core *h, unsigned n)
{
	return running(h) && (h->regs.timer[n].config & HPET_TN_INT_ENB);
}

static void set_line(struct hpet_core *h, unsigned n, bool level)
{
	struct hpet_route route;

	if (!route_of(h, n, &route))
		level = false;
	h->host.level(h->host.arg, n, route, level);
}

// The line as configuration and status say; edges leave it low.
static void update_line(struct hpet_core *h, unsigned n)
{
	const struct hpet_timer_regs *t = &h->regs.timer[n];

	set_line(h, n, interrupts(h, n) && (t->config & HPET_TN_LEVEL) && !(t->config & HPET_TN_FSB_EN) &&
			       (h->regs.status >> n & 1));
}

static void interrupt(struct hpet_core *h, unsigned n)
{
	const struct hpet_timer_regs *t = &h->regs.timer[n];

	if (t->config & HPET_TN_LEVEL)
		h->regs.status |= 1u << n;
	if (!interrupts(h, n))
		return;
	if (t->config & HPET_TN_FSB_EN) {
		h->host.msi(h->host.arg, t->fsb >> 32, (uint32_t)t->fsb);
	} else if (t->config & HPET_TN_LEVEL) {
		update_line(h, n);
	} else {
		set_line(h, n, true);
		set_line(h, n, false);
	}
}

// --- matching ------------------------------------------------------------------------------------

// Aims at the next time the counter, now CUR, shows the comparator. LATE: it was just written, and a value
// that has passed counts as now.
static void aim(struct hpet_core *h, unsigned n, uint64_t cur, bool late)
{
	struct hpet_timer_regs *t = &h->regs.timer[n];
	bool narrow = t->config & HPET_TN_32BIT;
	int64_t ahead = narrow ? (int32_t)((uint32_t)t->cmp - (uint32_t)cur) : (int64_t)(t->cmp - cur);

	t->armed = true;
	if (ahead >= 0)
		t->next = cur + (uint64_t)ahead;
	else if (late)
		t->next = cur;
	else if (narrow)
		t->next = cur + (uint32_t)ahead;
	else
		t->armed = false;       // thousands of years ahead
}

// After a match at CUR or before: the next one of a periodic timer, or the wrap-around.
static void aim_again(struct hpet_timer_regs *t, uint64_t cur)
{
	bool periodic = t->config & HPET_TN_PERIODIC, narrow = t->config & HPET_TN_32BIT;
	uint64_t step = periodic && t->period ? t->period : narrow ? 1ull << 32 : 0;

	if (!step || step > INT64_MAX) {
		t->armed = false;
		return;
	}
	step *= (cur - t->next) / step + 1;
	t->next += step;
	if (periodic)
		t->cmp = narrow ? (uint32_t)(t->cmp + step) : t->cmp + step;
}

static bool due(const struct hpet_timer_regs *t, uint64_t cur)
{
	return t->armed && (int64_t)(cur - t->next) >= 0;
}

// Carries out every match up to now. Matches that nobody waits for are found here, when somebody looks.
static void catch_up(struct hpet_core *h)
{
	uint64_t cur = counter(h);

	if (!running(h))
		return;
	for (unsigned n = 0; n < HPET_TIMERS; n++) {
		if (!due(&h->regs.timer[n], cur))
			continue;
		aim_again(&h->regs.timer[n], cur);
		interrupt(h, n);
	}
}

// A level that is up already gets no higher: such a timer needs no alarm until its status is cleared.
static bool needs_alarm(const struct hpet_core *h, unsigned n)
{
	const struct hpet_timer_regs *t = &h->regs.timer[n];

	return interrupts(h, n) && t->armed &&
	       ((t->config & HPET_TN_FSB_EN) || !(t->config & HPET_TN_LEVEL) || !(h->regs.status >> n & 1));
}

static void set_alarm(struct hpet_core *h)
{
	uint64_t now = now_ns(h), cur = running(h) ? h->regs.counter + ticks(now) : 0, first = UINT64_MAX;

	for (unsigned n = 0; n < HPET_TIMERS; n++) {
		const struct hpet_timer_regs *t = &h->regs.timer[n];
		uint64_t at;

		if (!needs_alarm(h, n))
			continue;
		at = due(t, cur) ? now : time_after(h, cur, t->next - cur);
		if ((t->config & HPET_TN_PERIODIC) && at < now + HPET_MIN_INTERVAL_NS)
			at = now + HPET_MIN_INTERVAL_NS;
		if (at < first)
			first = at;
	}
	h->host.alarm(h->host.arg, first);
}

void hpet_core_alarm(struct hpet_core *h)
{
	catch_up(h);
	set_alarm(h);
}

// --- registers -----------------------------------------------------------------------------------

static uint64_t merge(uint64_t old, uint64_t value, uint64_t mask) { return (old & ~mask) | (value & mask); }

static void config_write(struct hpet_core *h, uint64_t value, uint64_t mask)
{
	uint32_t old = h->regs.config, set = (uint32_t)merge(old, value, mask) & CONFIG_WRITABLE;
	uint64_t cur = counter(h);

	h->regs.config = set;
	if ((old ^ set) & HPET_ENABLE) {
		h->regs.counter = set & HPET_ENABLE ? cur - ticks(now_ns(h)) : cur;
		for (unsigned n = 0; n < HPET_TIMERS; n++)
			aim(h, n, cur, false);
	}
	if ((old ^ set) & HPET_LEGACY)
		h->host.legacy(h->host.arg, set & HPET_LEGACY);
	for (unsigned n = 0; n < HPET_TIMERS; n++)
		update_line(h, n);
}

static void status_write(struct hpet_core *h, uint64_t value, uint64_t mask)
{
	uint32_t clear = (uint32_t)(value & mask) & h->regs.status;

	h->regs.status &= ~clear;
	for (unsigned n = 0; n < HPET_TIMERS; n++) {
		if (clear >> n & 1)
			update_line(h, n);
	}
}

static void counter_write(struct hpet_core *h, uint64_t value, uint64_t mask)
{
	uint64_t cur = merge(counter(h), value, mask);

	h->regs.counter = running(h) ? cur - ticks(now_ns(h)) : cur;
	for (unsigned n = 0; n < HPET_TIMERS; n++)
		aim(h, n, cur, false);
}

static void timer_config_write(struct hpet_core *h, unsigned n, uint64_t value, uint64_t mask)
{
	struct hpet_timer_regs *t = &h->regs.timer[n];
	uint32_t old = t->config, set = (uint32_t)merge(old, value, mask) & TIMER_WRITABLE;

	// A route that is not offered does not stick: that is how software finds out.
	if (!(HPET_ROUTES >> ((set & HPET_TN_ROUTE) >> ROUTE_SHIFT) & 1))
		set = (set & ~(uint32_t)HPET_TN_ROUTE) | (old & HPET_TN_ROUTE);
	t->config = set;
	if (set & HPET_TN_32BIT) {
		t->cmp = (uint32_t)t->cmp;
		t->period = (uint32_t)t->period;
	}
	if ((old & HPET_TN_LEVEL) && !(set & HPET_TN_LEVEL))
		h->regs.status &= ~(1u << n);
	if (running(h) && ((old ^ set) & (HPET_TN_32BIT | HPET_TN_PERIODIC | HPET_TN_INT_ENB)))
		aim(h, n, counter(h), false);
	update_line(h, n);
}

// One-shot: the comparator. Periodic: the period; right after VAL_SET was set the comparator as well, which
// also serves software that writes once only.
static void cmp_write(struct hpet_core *h, unsigned n, uint64_t value, uint64_t mask)
{
	struct hpet_timer_regs *t = &h->regs.timer[n];
	bool periodic = t->config & HPET_TN_PERIODIC, set = !periodic || (t->config & HPET_TN_VAL_SET);

	if (t->config & HPET_TN_32BIT)
		mask &= UINT32_MAX;
	if (!mask)
		return;
	if (periodic)
		t->period = merge(t->period, value, mask);
	if (set)
		t->cmp = merge(t->cmp, value, mask);
	t->config &= ~(uint32_t)HPET_TN_VAL_SET;
	if (set || !t->armed)
		aim(h, n, counter(h), running(h) && set);
}

static uint64_t timer_read(const struct hpet_core *h, unsigned n, unsigned reg)
{
	const struct hpet_timer_regs *t = &h->regs.timer[n];

	switch (reg) {
	case HPET_TN_CONFIG:
		return (uint64_t)HPET_ROUTES << 32 | TIMER_CAPS | (t->config & ~(uint32_t)HPET_TN_VAL_SET);
	case HPET_TN_CMP: return t->cmp;
	case HPET_TN_FSB: return t->fsb;
	default: return 0;
	}
}

static void timer_write(struct hpet_core *h, unsigned n, unsigned reg, uint64_t value, uint64_t mask)
{
	switch (reg) {
	case HPET_TN_CONFIG: timer_config_write(h, n, value, mask); break;
	case HPET_TN_CMP: cmp_write(h, n, value, mask); break;
	case HPET_TN_FSB: h->regs.timer[n].fsb = merge(h->regs.timer[n].fsb, value, mask); break;
	default: break;
	}
}

// The timer whose registers OFF lies in, or false.
static bool is_timer(uint64_t off, unsigned *n)
{
	if (off < HPET_TIMER0 || off >= HPET_TIMER0 + HPET_TIMERS * HPET_TN_SIZE)
		return false;
	*n = (unsigned)((off - HPET_TIMER0) / HPET_TN_SIZE);
	return true;
}

static uint64_t read_register(const struct hpet_core *h, uint64_t off)
{
	unsigned n;

	if (is_timer(off, &n))
		return timer_read(h, n, (unsigned)(off % HPET_TN_SIZE));
	switch (off) {
	case HPET_CAP: return (uint64_t)HPET_PERIOD << 32 | HPET_ID;
	case HPET_CONFIG: return h->regs.config;
	case HPET_STATUS: return h->regs.status;
	case HPET_COUNTER: return counter(h);
	default: return 0;
	}
}

static void write_register(struct hpet_core *h, uint64_t off, uint64_t value, uint64_t mask)
{
	unsigned n;

	if (is_timer(off, &n)) {
		timer_write(h, n, (unsigned)(off % HPET_TN_SIZE), value, mask);
		return;
	}
	switch (off) {
	case HPET_CONFIG: config_write(h, value, mask); break;
	case HPET_STATUS: status_write(h, value, mask); break;
	case HPET_COUNTER: counter_write(h, value, mask); break;
	default: break;
	}
}

static bool aligned(uint64_t off, unsigned size)
{
	return (size == 1 || size == 2 || size == 4 || size == 8) && off % size == 0 && off < HPET_SIZE;
}

uint64_t hpet_core_read(struct hpet_core *h, uint64_t off, unsigned size)
{
	uint64_t value;

	if (!aligned(off, size))
		return UINT64_MAX;
	// The counter alone needs no catching up, and it is what guests read all the time.
	if ((off & ~7ull) != HPET_COUNTER)
		hpet_core_alarm(h);
	value = read_register(h, off & ~7ull) >> (8 * (off & 7));
	return size == 8 ? value : value & ((1ull << (8 * size)) - 1);
}

void hpet_core_write(struct hpet_core *h, uint64_t off, unsigned size, uint64_t value)
{
	unsigned shift = 8 * (unsigned)(off & 7);
	uint64_t mask = size == 8 ? UINT64_MAX : (uint64_t)UINT32_MAX << shift;

	if (!aligned(off, size) || size < 4) {
		log_guest("hpet: write of %u bytes at %#llx dropped", size, (unsigned long long)off);
		return;
	}
	catch_up(h);
	write_register(h, off & ~7ull, value << shift, mask);
	hpet_core_alarm(h);
}

// --- life ----------------------------------------------------------------------------------------

void hpet_sanitize(struct hpet_regs *r)
{
	r->config &= CONFIG_WRITABLE;
	r->status &= (1u << HPET_TIMERS) - 1;
	for (unsigned n = 0; n < HPET_TIMERS; n++) {
		struct hpet_timer_regs *t = &r->timer[n];

		t->config &= TIMER_WRITABLE;
		t->armed = t->armed != 0;
		if (t->config & HPET_TN_32BIT) {
			t->cmp = (uint32_t)t->cmp;
			t->period = (uint32_t)t->period;
		}
	}
}

static void power_on(struct hpet_core *h)
{
	memset(&h->regs, 0, sizeof(h->regs));
	for (unsigned n = 0; n < HPET_TIMERS; n++)
		h->regs.timer[n].cmp = UINT64_MAX;
}

void hpet_core_init(struct hpet_core *h, const struct hpet_host *host)
{
	h->host = *host;
	power_on(h);
}

void hpet_core_reset(struct hpet_core *h)
{
	power_on(h);
	hpet_core_restored(h);
}

void hpet_core_restored(struct hpet_core *h)
{
	h->host.legacy(h->host.arg, h->regs.config & HPET_LEGACY);
	for (unsigned n = 0; n < HPET_TIMERS; n++)
		update_line(h, n);
	hpet_core_alarm(h);
}
