// mc146818.c: registers, update cycle and interrupts of the real-time clock.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/mc146818.h"

#include <string.h>

#include "base/compiler.h"
#include "hw/chipset/mc146818_time.h"

#define SECOND 1000000000ull
#define UIP_BEFORE 244000ull            // UIP rises this long before the registers change
#define TICKS 32768ull                  // of the time base, a second
#define INDEX_MASK 0x7fu
#define ENABLES (RTC_B_UIE | RTC_B_AIE | RTC_B_PIE)

// --- the divider ---------------------------------------------------------------------------------------

// DV 11x holds the divider in reset; the other settings select a time base, and there is only one.
static bool divider_held(uint8_t a) { return (a & 0x60) == 0x60; }
static bool running(const struct mc146818_regs *r) { return !divider_held(r->bytes[RTC_A]); }
static bool updating(const struct mc146818_regs *r) { return running(r) && !(r->bytes[RTC_B] & RTC_B_SET); }

// Ticks of the time base between two periodic interrupts; 0 = none. Rates 1 and 2 repeat 8 and 9.
static uint64_t period_ticks(const struct mc146818_regs *r)
{
	unsigned rate = r->bytes[RTC_A] & RTC_A_RATE;

	if (!rate || !running(r))
		return 0;
	return 1ull << (rate < 3 ? rate + 6 : rate - 1);
}

// Nanoseconds since the second that contains TIME began; TIME is not more than a second before next_second.
static uint64_t into_second(const struct mc146818_regs *r, uint64_t time)
{
	uint64_t left = r->next_second > time ? r->next_second - time : 0;

	return left < SECOND ? SECOND - left : 0;
}

static uint64_t periods_into_second(const struct mc146818_regs *r, uint64_t time, uint64_t period)
{
	return into_second(r, time) * TICKS / SECOND / period;
}

static uint64_t next_periodic(const struct mc146818_regs *r, uint64_t period)
{
	uint64_t tick = (periods_into_second(r, r->checked, period) + 1) * period;
	uint64_t offset = (tick * SECOND + TICKS - 1) / TICKS;

	return r->next_second - (SECOND - MIN(offset, SECOND));
}

// --- events --------------------------------------------------------------------------------------------

static uint8_t pending(const struct mc146818_regs *r)
{
	return r->bytes[RTC_C] & r->bytes[RTC_B] & ENABLES;
}

// Seconds went by: moves the clock and says what that caused. Periods divide a second evenly, so each carry
// is the end of one as well.
static uint8_t carry(struct mc146818_regs *r, uint64_t seconds)
{
	uint8_t events = period_ticks(r) ? RTC_C_PF : 0;
	uint32_t alarm;

	r->next_second += seconds * SECOND;
	if (!updating(r))
		return events;
	alarm = mc146818_alarm_in(r->bytes);
	if (alarm && alarm <= seconds)
		events |= RTC_C_AF;
	mc146818_advance(r->bytes, seconds);
	return (uint8_t)(events | RTC_C_UF);
}

static uint8_t periodic_events(const struct mc146818_regs *r, uint64_t now)
{
	uint64_t period = period_ticks(r);

	if (!period)
		return 0;
	if (periods_into_second(r, now, period) == periods_into_second(r, r->checked, period))
		return 0;
	return RTC_C_PF;
}

void mc146818_run(struct mc146818 *rtc, uint64_t now)
{
	struct mc146818_regs *r = &rtc->regs;
	uint8_t events = 0;

	if (now <= r->checked)
		return;
	if (running(r)) {
		if (now >= r->next_second)
			events = carry(r, 1 + (now - r->next_second) / SECOND);
		else
			events = periodic_events(r, now);
	}
	r->checked = now;
	r->bytes[RTC_C] |= events;
	events &= r->bytes[RTC_B] & ENABLES;
	if (events)
		rtc->host.interrupt(rtc->host.arg);
	if (events & RTC_C_AF)
		rtc->host.alarm(rtc->host.arg);
}

uint64_t mc146818_next(const struct mc146818 *rtc)
{
	const struct mc146818_regs *r = &rtc->regs;
	uint8_t b = r->bytes[RTC_B];
	uint64_t period = period_ticks(r), next = MC146818_NEVER;
	uint32_t alarm = b & RTC_B_AIE && updating(r) ? mc146818_alarm_in(r->bytes) : 0;

	if ((b & RTC_B_PIE) && period)
		next = next_periodic(r, period);
	if ((b & RTC_B_UIE) && updating(r))
		next = MIN(next, r->next_second);
	if (alarm)
		next = MIN(next, r->next_second + (alarm - 1) * SECOND);
	return next;
}

// --- registers -----------------------------------------------------------------------------------------

static uint8_t read_a(const struct mc146818_regs *r, uint64_t now)
{
	bool uip = updating(r) && r->next_second - now <= UIP_BEFORE;

	return (uint8_t)(r->bytes[RTC_A] | (uip ? RTC_A_UIP : 0));
}

static uint8_t read_c(struct mc146818 *rtc)
{
	uint8_t value = rtc->regs.bytes[RTC_C] & RTC_C_FLAGS;

	if (pending(&rtc->regs))
		value |= RTC_C_IRQF;
	rtc->regs.bytes[RTC_C] = 0;
	rtc->host.quiet(rtc->host.arg);
	return value;
}

// When the divider is let go, the first update comes half a second later: drivers set the clock by it.
static void write_a(struct mc146818 *rtc, uint8_t value, uint64_t now)
{
	struct mc146818_regs *r = &rtc->regs;
	bool held = !running(r);

	r->bytes[RTC_A] = value & (RTC_A_RATE | RTC_A_DIVIDER);
	if (held && running(r))
		r->next_second = now + SECOND / 2;
}

static void write_b(struct mc146818 *rtc, uint8_t value)
{
	struct mc146818_regs *r = &rtc->regs;
	bool was = pending(r);

	// SET going high takes the update-ended interrupt away.
	if ((value & ~r->bytes[RTC_B]) & RTC_B_SET)
		value &= (uint8_t)~RTC_B_UIE;
	r->bytes[RTC_B] = value;
	if (pending(r) && !was)
		rtc->host.interrupt(rtc->host.arg);
	else if (!pending(r))
		rtc->host.quiet(rtc->host.arg);
}

uint8_t mc146818_read(struct mc146818 *rtc, uint8_t index, uint64_t now)
{
	index &= INDEX_MASK;
	mc146818_run(rtc, now);
	switch (index) {
	case RTC_A: return read_a(&rtc->regs, now);
	case RTC_C: return read_c(rtc);
	case RTC_D: return RTC_D_VRT;
	default: return rtc->regs.bytes[index];
	}
}

void mc146818_write(struct mc146818 *rtc, uint8_t index, uint8_t value, uint64_t now)
{
	index &= INDEX_MASK;
	mc146818_run(rtc, now);
	switch (index) {
	case RTC_A: write_a(rtc, value, now); break;
	case RTC_B: write_b(rtc, value); break;
	case RTC_C:
	case RTC_D: break;
	default: rtc->regs.bytes[index] = value; break;
	}
}

uint8_t mc146818_port_read(struct mc146818 *rtc, unsigned offset, uint64_t now)
{
	struct mc146818_regs *r = &rtc->regs;

	switch (offset & 3) {
	case 1: return mc146818_read(rtc, r->index, now);
	case 2: return r->extended_index;
	case 3: return r->extended[r->extended_index & INDEX_MASK];
	default: return 0xff;   // the index port is write only
	}
}

void mc146818_port_write(struct mc146818 *rtc, unsigned offset, uint8_t value, uint64_t now)
{
	struct mc146818_regs *r = &rtc->regs;

	switch (offset & 3) {
	case 0: r->index = value; break;
	case 1: mc146818_write(rtc, r->index, value, now); break;
	case 2: r->extended_index = value & INDEX_MASK; break;
	default: r->extended[r->extended_index & INDEX_MASK] = value; break;
	}
}

// --- life ----------------------------------------------------------------------------------------------

void mc146818_init(struct mc146818 *rtc, const struct mc146818_host *host, uint64_t now)
{
	memset(rtc, 0, sizeof(*rtc));
	rtc->host = *host;
	rtc->regs.bytes[RTC_A] = RTC_A_32KHZ | 6;
	rtc->regs.bytes[RTC_B] = RTC_B_24H;
	mc146818_set_time(rtc, now, 946684800ll * (int64_t)SECOND);
}

void mc146818_reset(struct mc146818 *rtc, uint64_t now)
{
	mc146818_run(rtc, now);
	rtc->regs.bytes[RTC_B] &= (uint8_t)~(ENABLES | RTC_B_SQWE);
	rtc->regs.bytes[RTC_C] = 0;
	rtc->regs.index = 0;
	rtc->regs.extended_index = 0;
	rtc->host.quiet(rtc->host.arg);
}

void mc146818_set_time(struct mc146818 *rtc, uint64_t now, int64_t unix_ns)
{
	int64_t fraction = unix_ns % (int64_t)SECOND;

	if (fraction < 0)
		fraction += (int64_t)SECOND;
	mc146818_store_time(rtc->regs.bytes, unix_ns / (int64_t)SECOND - (unix_ns % (int64_t)SECOND < 0));
	rtc->regs.next_second = now + SECOND - (uint64_t)fraction;
	rtc->regs.checked = now;
}

void mc146818_loaded(struct mc146818 *rtc, uint64_t now)
{
	struct mc146818_regs *r = &rtc->regs;

	// The clock goes on from what the registers show, whatever virtual time was when they were saved.
	if (r->checked > now || r->next_second > now + SECOND)
		r->next_second = now + SECOND;
	r->next_second = MAX(r->next_second, 1);
	r->checked = MIN(r->checked, now);
	if (r->next_second <= r->checked || r->next_second - r->checked > SECOND)
		r->checked = r->next_second > SECOND ? r->next_second - SECOND : 0;
	if (pending(r))
		rtc->host.interrupt(rtc->host.arg);
	else
		rtc->host.quiet(rtc->host.arg);
	mc146818_run(rtc, now);
}

static void sanitize(void *regs)
{
	struct mc146818_regs *r = regs;

	r->bytes[RTC_A] &= RTC_A_RATE | RTC_A_DIVIDER;
	r->bytes[RTC_C] &= RTC_C_FLAGS;
	r->bytes[RTC_D] = 0;
	r->extended_index &= INDEX_MASK;
}

static const struct field field_list[] = {
	FIELD_ARRAY(struct mc146818_regs, bytes),
	FIELD_ARRAY(struct mc146818_regs, extended),
	FIELD(struct mc146818_regs, index),
	FIELD(struct mc146818_regs, extended_index),
	FIELD(struct mc146818_regs, next_second),
	FIELD(struct mc146818_regs, checked),
};

const struct fields mc146818_fields = {
	.name = "rtc",
	.version = 1,
	.struct_size = sizeof(struct mc146818_regs),
	.list = field_list,
	.count = ARRAY_SIZE(field_list),
	.sanitize = sanitize,
};
