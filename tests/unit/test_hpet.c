// test_hpet.c: HPET registers, one-shot and periodic timers, routing, legacy replacement, messages.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "chipset_world.h"

#include <errno.h>

#include "hw/chipset/hpet_core.h"

struct lab {
	struct hpet_core h;
	uint64_t now, alarm;
	unsigned edges[HPET_TIMERS];
	bool level[HPET_TIMERS];
	struct hpet_route route;
	unsigned messages;
	uint64_t address;
	uint32_t data;
	bool legacy;
	unsigned alarms;
};

static uint64_t now(void *arg) { return ((struct lab *)arg)->now; }

static void alarm_at(void *arg, uint64_t deadline)
{
	struct lab *l = arg;

	l->alarm = deadline;
	l->alarms++;
}

static void level(void *arg, unsigned timer, struct hpet_route route, bool up)
{
	struct lab *l = arg;

	l->edges[timer] += up && !l->level[timer];
	l->level[timer] = up;
	if (up)
		l->route = route;
}

static void msi(void *arg, uint64_t address, uint32_t data)
{
	struct lab *l = arg;

	l->messages++;
	l->address = address;
	l->data = data;
}

static void legacy(void *arg, bool on) { ((struct lab *)arg)->legacy = on; }

static void start(struct lab *l)
{
	memset(l, 0, sizeof(*l));
	hpet_core_init(&l->h, &(struct hpet_host){ now, alarm_at, level, msi, legacy, l });
	hpet_core_reset(&l->h);
}

static uint64_t rd(struct lab *l, unsigned off) { return hpet_core_read(&l->h, off, 8); }
static void wr(struct lab *l, unsigned off, uint64_t v) { hpet_core_write(&l->h, off, 8, v); }
static unsigned tn(unsigned n, unsigned reg) { return HPET_TIMER0 + n * HPET_TN_SIZE + reg; }

// Goes to the alarm if it lies at or before T, as the vtimer would, then to T.
static void run_to(struct lab *l, uint64_t t)
{
	while (l->alarm <= t) {
		l->now = l->alarm > l->now ? l->alarm : l->now;
		hpet_core_alarm(&l->h);
	}
	l->now = t;
}

#define TICK_NS(n) (((n) * 69841279ull + 999999) / 1000000)
#define ROUTE20 (20u << 9)

START_TEST(reset_values)
{
	struct lab l;

	start(&l);
	ck_assert_uint_eq(rd(&l, HPET_CAP), 0x0429b17f8086af01ull);
	ck_assert_uint_eq(rd(&l, HPET_CONFIG), 0);
	ck_assert_uint_eq(rd(&l, HPET_COUNTER), 0);
	for (unsigned n = 0; n < 16; n++) {
		ck_assert_uint_eq(rd(&l, tn(n, HPET_TN_CONFIG)), 0x00f0000000008030ull);
		ck_assert_uint_eq(rd(&l, tn(n, HPET_TN_CMP)), UINT64_MAX);
		ck_assert_uint_eq(rd(&l, tn(n, HPET_TN_FSB)), 0);
	}
	ck_assert_uint_eq(rd(&l, tn(16, HPET_TN_CONFIG)), 0);
	ck_assert_uint_eq(l.alarm, UINT64_MAX);
	ck_assert(!l.legacy);
}
END_TEST

START_TEST(read_back)
{
	struct lab l;

	start(&l);
	wr(&l, HPET_CAP, 0);
	ck_assert_uint_eq(rd(&l, HPET_CAP), 0x0429b17f8086af01ull);
	wr(&l, tn(3, HPET_TN_CONFIG), UINT64_MAX);              // route 31 does not stick, VAL_SET reads as 0
	ck_assert_uint_eq(rd(&l, tn(3, HPET_TN_CONFIG)), 0x00f000000000c13eull);
	wr(&l, tn(3, HPET_TN_CONFIG), ROUTE20);
	ck_assert_uint_eq(rd(&l, tn(3, HPET_TN_CONFIG)), 0x00f0000000008030ull | ROUTE20);
	wr(&l, tn(3, HPET_TN_CONFIG), 5u << 9);
	ck_assert_uint_eq(rd(&l, tn(3, HPET_TN_CONFIG)), 0x00f0000000008030ull | ROUTE20);
	wr(&l, tn(3, HPET_TN_CMP), 0x123456789abcdef0ull);
	ck_assert_uint_eq(rd(&l, tn(3, HPET_TN_CMP)), 0x123456789abcdef0ull);
	wr(&l, tn(3, HPET_TN_CONFIG), HPET_TN_32BIT);
	ck_assert_uint_eq(rd(&l, tn(3, HPET_TN_CMP)), 0x9abcdef0);
	hpet_core_write(&l.h, tn(3, HPET_TN_CMP) + 4, 4, 0x11111111);
	ck_assert_uint_eq(rd(&l, tn(3, HPET_TN_CMP)), 0x9abcdef0);
	hpet_core_write(&l.h, tn(3, HPET_TN_FSB), 4, 0x4041);
	hpet_core_write(&l.h, tn(3, HPET_TN_FSB) + 4, 4, 0xfee00000);
	ck_assert_uint_eq(rd(&l, tn(3, HPET_TN_FSB)), 0xfee0000000004041ull);
	wr(&l, HPET_COUNTER, 0xfedcba9876543210ull);
	ck_assert_uint_eq(hpet_core_read(&l.h, HPET_COUNTER, 4), 0x76543210);
	ck_assert_uint_eq(hpet_core_read(&l.h, HPET_COUNTER + 4, 4), 0xfedcba98);
	hpet_core_write(&l.h, HPET_COUNTER + 4, 4, 0);
	ck_assert_uint_eq(rd(&l, HPET_COUNTER), 0x76543210);
	ck_assert_uint_eq(hpet_core_read(&l.h, HPET_COUNTER + 1, 1), 0x32);
	ck_assert_uint_eq(hpet_core_read(&l.h, HPET_COUNTER + 2, 4), UINT64_MAX);       // not aligned
	ck_assert_uint_eq(hpet_core_read(&l.h, HPET_COUNTER + 4, 8), UINT64_MAX);
	ck_assert_uint_eq(hpet_core_read(&l.h, HPET_SIZE, 8), UINT64_MAX);
	hpet_core_write(&l.h, HPET_COUNTER, 2, 0);
	hpet_core_write(&l.h, HPET_COUNTER + 4, 8, 0);
	ck_assert_uint_eq(rd(&l, HPET_COUNTER), 0x76543210);
}
END_TEST

START_TEST(counting)
{
	struct lab l;

	start(&l);
	l.now = 5000000;
	ck_assert_uint_eq(rd(&l, HPET_COUNTER), 0);
	wr(&l, HPET_CONFIG, HPET_ENABLE);
	l.now += 1000000000;
	ck_assert_uint_ge(rd(&l, HPET_COUNTER), 14318179);
	ck_assert_uint_le(rd(&l, HPET_COUNTER), 14318181);
	wr(&l, HPET_CONFIG, 0);
	l.now += 1000000000;
	ck_assert_uint_le(rd(&l, HPET_COUNTER), 14318181);
	wr(&l, HPET_COUNTER, UINT64_MAX - 1);
	wr(&l, HPET_CONFIG, HPET_ENABLE);
	l.now += TICK_NS(10);
	ck_assert_uint_le(rd(&l, HPET_COUNTER), 9);             // wrapped
	wr(&l, HPET_COUNTER, 1000);                             // while it runs
	l.now += TICK_NS(10);
	ck_assert_uint_ge(rd(&l, HPET_COUNTER), 1009);
	ck_assert_uint_eq(l.alarm, UINT64_MAX);
	l.now = UINT64_MAX;
	rd(&l, HPET_COUNTER);
}
END_TEST

START_TEST(one_shot)
{
	struct lab l;

	start(&l);
	wr(&l, HPET_CONFIG, HPET_ENABLE);
	wr(&l, tn(2, HPET_TN_CONFIG), HPET_TN_INT_ENB | ROUTE20);
	ck_assert_uint_eq(l.alarm, UINT64_MAX);                 // the reset comparator is no deadline
	wr(&l, tn(2, HPET_TN_CMP), 1000);
	ck_assert_uint_eq(l.alarm, TICK_NS(1000));
	run_to(&l, TICK_NS(1000) - 1);
	ck_assert_uint_eq(l.edges[2], 0);
	run_to(&l, TICK_NS(1000));
	ck_assert_uint_eq(l.edges[2], 1);
	ck_assert(!l.level[2] && l.route.pin == 20 && !l.route.isa);
	ck_assert_uint_eq(rd(&l, HPET_STATUS), 0);              // edges have no status
	ck_assert_uint_eq(l.alarm, UINT64_MAX);
	wr(&l, tn(2, HPET_TN_CMP), 999);                        // just missed: at once
	ck_assert_uint_eq(l.edges[2], 2);
	ck_assert_uint_eq(l.alarm, UINT64_MAX);
	wr(&l, HPET_CONFIG, 0);
	wr(&l, tn(2, HPET_TN_CMP), 900);                        // not while halted
	ck_assert_uint_eq(l.edges[2], 2);
	wr(&l, HPET_CONFIG, HPET_ENABLE);
	ck_assert_uint_eq(l.edges[2], 2);
}
END_TEST

START_TEST(narrow_one_shot)
{
	struct lab l;
	uint64_t wrap = 1ull << 32;

	start(&l);
	wr(&l, HPET_COUNTER, 0xfffffff0);
	wr(&l, HPET_CONFIG, HPET_ENABLE);
	wr(&l, tn(0, HPET_TN_CONFIG), HPET_TN_INT_ENB | HPET_TN_32BIT | ROUTE20);
	wr(&l, tn(0, HPET_TN_CMP), 0x10);                       // over the 32-bit wrap
	run_to(&l, TICK_NS(0x1f));
	ck_assert_uint_eq(l.edges[0], 0);
	run_to(&l, TICK_NS(0x20));
	ck_assert_uint_eq(l.edges[0], 1);
	ck_assert(l.route.pin == 20 && !l.route.isa);
	ck_assert_uint_eq(l.alarm, TICK_NS(0x20 + wrap));       // and again a wrap later
	run_to(&l, l.alarm);
	ck_assert_uint_eq(l.edges[0], 2);
}
END_TEST

START_TEST(periodic)
{
	struct lab l;

	start(&l);
	wr(&l, tn(0, HPET_TN_CONFIG), HPET_TN_INT_ENB | HPET_TN_PERIODIC | HPET_TN_VAL_SET | ROUTE20);
	wr(&l, tn(0, HPET_TN_CMP), 14318);
	wr(&l, HPET_CONFIG, HPET_ENABLE);
	run_to(&l, TICK_NS(14318 * 10));
	ck_assert_uint_eq(l.edges[0], 10);
	ck_assert_uint_eq(rd(&l, tn(0, HPET_TN_CMP)), 14318 * 11);
	wr(&l, tn(0, HPET_TN_CMP), 28636);                      // the period only
	ck_assert_uint_eq(rd(&l, tn(0, HPET_TN_CMP)), 14318 * 11);
	run_to(&l, TICK_NS(14318 * 15));
	ck_assert_uint_eq(l.edges[0], 13);
	l.now += 10000000000;                                   // nobody looked for 10 s: one, not thousands
	hpet_core_alarm(&l.h);
	ck_assert_uint_eq(l.edges[0], 14);
	ck_assert_uint_gt(l.alarm, l.now);
	run_to(&l, l.now + TICK_NS(28636 * 4));
	ck_assert_uint_eq(l.edges[0], 18);                      // and nothing is made up for afterwards
}
END_TEST

// The sequence of Linux: VAL_SET, comparator, then period.
START_TEST(periodic_two_writes)
{
	struct lab l;

	start(&l);
	wr(&l, HPET_CONFIG, HPET_ENABLE);
	l.now = TICK_NS(5000);
	hpet_core_write(&l.h, tn(0, HPET_TN_CONFIG), 4,
			HPET_TN_INT_ENB | HPET_TN_PERIODIC | HPET_TN_VAL_SET | HPET_TN_32BIT | ROUTE20);
	hpet_core_write(&l.h, tn(0, HPET_TN_CMP), 4, 15000);
	hpet_core_write(&l.h, tn(0, HPET_TN_CMP), 4, 10000);
	run_to(&l, TICK_NS(14999));
	ck_assert_uint_eq(l.edges[0], 0);
	run_to(&l, TICK_NS(35000));
	ck_assert_uint_eq(l.edges[0], 3);
}
END_TEST

START_TEST(tiny_periods)
{
	static const uint64_t periods[] = { 0, 1, 2, 7, UINT32_MAX, UINT64_MAX, INT64_MAX, 1ull << 63 };

	for (unsigned i = 0; i < 8; i++) {
		struct lab l;

		start(&l);
		wr(&l, HPET_CONFIG, HPET_ENABLE);
		wr(&l, tn(1, HPET_TN_CONFIG), HPET_TN_INT_ENB | HPET_TN_PERIODIC | HPET_TN_VAL_SET | ROUTE20);
		wr(&l, tn(1, HPET_TN_CMP), periods[i]);
		l.alarms = 0;
		run_to(&l, 10000000);
		ck_assert_uint_le(l.alarms, 10000000 / HPET_MIN_INTERVAL_NS + 2);
		hpet_core_alarm(&l.h);
		wr(&l, tn(1, HPET_TN_CONFIG), HPET_TN_INT_ENB | HPET_TN_PERIODIC | HPET_TN_32BIT | ROUTE20);
		run_to(&l, 20000000);
	}
}
END_TEST

START_TEST(level_triggered)
{
	struct lab l;

	start(&l);
	wr(&l, HPET_CONFIG, HPET_ENABLE);
	wr(&l, tn(4, HPET_TN_CONFIG),
	   HPET_TN_INT_ENB | HPET_TN_LEVEL | HPET_TN_PERIODIC | HPET_TN_VAL_SET | ROUTE20);
	wr(&l, tn(4, HPET_TN_CMP), 10000);
	run_to(&l, TICK_NS(10000));
	ck_assert(l.level[4]);
	ck_assert_uint_eq(rd(&l, HPET_STATUS), 1 << 4);
	ck_assert_uint_eq(l.alarm, UINT64_MAX);                 // already up: nothing to wait for
	wr(&l, HPET_STATUS, 1 << 3);
	ck_assert(l.level[4]);
	wr(&l, HPET_STATUS, 1 << 4);
	ck_assert(!l.level[4]);
	run_to(&l, TICK_NS(20000));
	ck_assert(l.level[4]);
	wr(&l, tn(4, HPET_TN_CONFIG), HPET_TN_LEVEL | HPET_TN_PERIODIC | ROUTE20);
	ck_assert(!l.level[4]);
	wr(&l, tn(4, HPET_TN_CONFIG), HPET_TN_INT_ENB | HPET_TN_LEVEL | HPET_TN_PERIODIC | ROUTE20);
	ck_assert(l.level[4]);
	wr(&l, HPET_CONFIG, 0);
	ck_assert(!l.level[4]);
	hpet_core_reset(&l.h);
	ck_assert(!l.level[4]);
	ck_assert_uint_eq(rd(&l, HPET_STATUS), 0);
}
END_TEST

// Without INT_ENB a level timer still sets its status, found when somebody looks, and wakes nobody.
START_TEST(status_without_interrupt)
{
	struct lab l;

	start(&l);
	wr(&l, HPET_CONFIG, HPET_ENABLE);
	wr(&l, tn(5, HPET_TN_CONFIG), HPET_TN_LEVEL);
	wr(&l, tn(5, HPET_TN_CMP), 100);
	ck_assert_uint_eq(l.alarm, UINT64_MAX);
	l.now = TICK_NS(200);
	ck_assert_uint_eq(rd(&l, HPET_STATUS), 1 << 5);
	ck_assert(!l.level[5] && !l.edges[5]);
}
END_TEST

START_TEST(legacy_replacement)
{
	struct lab l;

	start(&l);
	wr(&l, HPET_CONFIG, HPET_ENABLE | HPET_LEGACY);
	ck_assert(l.legacy);
	for (unsigned n = 0; n < 3; n++) {
		wr(&l, tn(n, HPET_TN_CONFIG), HPET_TN_INT_ENB | ROUTE20);
		wr(&l, tn(n, HPET_TN_CMP), 1000 * (n + 1));
	}
	run_to(&l, TICK_NS(1000));
	ck_assert(l.edges[0] == 1 && l.route.isa && l.route.pin == 0);
	run_to(&l, TICK_NS(2000));
	ck_assert(l.edges[1] == 1 && l.route.isa && l.route.pin == 8);
	run_to(&l, TICK_NS(3000));
	ck_assert(l.edges[2] == 1 && !l.route.isa && l.route.pin == 20);
	wr(&l, HPET_CONFIG, HPET_ENABLE);
	ck_assert(!l.legacy);
	wr(&l, HPET_CONFIG, HPET_ENABLE | HPET_LEGACY);
	hpet_core_reset(&l.h);
	ck_assert(!l.legacy);
}
END_TEST

START_TEST(messages)
{
	struct lab l;

	start(&l);
	wr(&l, HPET_CONFIG, HPET_ENABLE);
	wr(&l, tn(7, HPET_TN_FSB), 0xfee0100c00004055ull);
	wr(&l, tn(7, HPET_TN_CONFIG), HPET_TN_INT_ENB | HPET_TN_FSB_EN);
	wr(&l, tn(7, HPET_TN_CMP), 1000);
	run_to(&l, TICK_NS(1000));
	ck_assert_uint_eq(l.messages, 1);
	ck_assert_uint_eq(l.address, 0xfee0100c);
	ck_assert_uint_eq(l.data, 0x4055);
	ck_assert_uint_eq(l.edges[7], 0);
}
END_TEST

START_TEST(nowhere)
{
	struct lab l;

	start(&l);
	wr(&l, HPET_CONFIG, HPET_ENABLE);
	wr(&l, tn(2, HPET_TN_CONFIG), HPET_TN_INT_ENB);         // route 0 is not offered
	wr(&l, tn(2, HPET_TN_CMP), 10);
	run_to(&l, TICK_NS(100));
	ck_assert_uint_eq(l.edges[2], 0);
}
END_TEST

START_TEST(hostile_registers)
{
	struct lab l;

	start(&l);
	memset(&l.h.regs, 0xff, sizeof(l.h.regs));
	hpet_sanitize(&l.h.regs);
	hpet_core_restored(&l.h);
	l.alarms = 0;
	run_to(&l, 1000000);
	ck_assert_uint_le(l.alarms, 1000000 / HPET_MIN_INTERVAL_NS + 2);
}
END_TEST

static void gate(void *arg, bool on) { *(bool *)arg = on; }

START_TEST(attachment)
{
	struct chipset_world *w = world_new();
	struct hpet *h, *second;
	bool gated = true;
	struct hpet_args args = { gate, &gated };
	uint64_t v = 0;
	uint8_t buf[4096];
	size_t n;

	ck_assert_int_eq(hpet_create(&w->p, &args, &h, NULL), 0);
	ck_assert_int_eq(hpet_create(&w->p, &args, &second, NULL), -EEXIST);
	hpet_class.reset(h);
	ck_assert(!gated);
	ck_assert(bus_read(w->p.mmio, 0xfed00000, &v, 8));
	ck_assert_uint_eq(v, 0x0429b17f8086af01ull);
	v = HPET_TN_INT_ENB | HPET_TN_LEVEL | 21u << 9;
	bus_write(w->p.mmio, 0xfed00140, &v, 8);
	v = HPET_ENABLE | HPET_LEGACY;
	bus_write(w->p.mmio, 0xfed00010, &v, 4);
	ck_assert(gated);
	v = 100;
	bus_write(w->p.mmio, 0xfed00148, &v, 8);
	w->clock.base += TICK_NS(100);
	bus_read(w->p.mmio, 0xfed00020, &v, 4);
	ck_assert(w->ioapic_level[5]);
	n = fields_save(hpet_class.fields, hpet_class.regs(h), buf, sizeof(buf));
	ck_assert_uint_gt(n, 0);
	v = HPET_TN_INT_ENB | HPET_TN_LEVEL | 22u << 9;         // the line moves along
	bus_write(w->p.mmio, 0xfed00140, &v, 8);
	ck_assert(!w->ioapic_level[5] && w->ioapic_level[6]);
	hpet_class.reset(h);
	ck_assert(!w->ioapic_level[6] && !gated);
	ck_assert_int_eq(fields_load(hpet_class.fields, hpet_class.regs(h), buf, n, NULL), 0);
	hpet_restored(h);
	ck_assert(w->ioapic_level[5] && gated);
	hpet_class.destroy(h);
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hpet");
	TCase *t = tcase_create("hpet");

	tcase_add_test(t, reset_values);
	tcase_add_test(t, read_back);
	tcase_add_test(t, counting);
	tcase_add_test(t, one_shot);
	tcase_add_test(t, narrow_one_shot);
	tcase_add_test(t, periodic);
	tcase_add_test(t, periodic_two_writes);
	tcase_add_test(t, tiny_periods);
	tcase_add_test(t, level_triggered);
	tcase_add_test(t, status_without_interrupt);
	tcase_add_test(t, legacy_replacement);
	tcase_add_test(t, messages);
	tcase_add_test(t, nowhere);
	tcase_add_test(t, hostile_registers);
	tcase_add_test(t, attachment);
	suite_add_tcase(s, t);
	return world_run(s);
}
