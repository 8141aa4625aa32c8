// test_piix4_pm.c: the core of the PM block: timer, events, SCI, sleep, odd accesses.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "hw/chipset/pm_block.h"

struct lab {
	struct pm_block pm;
	uint64_t now, alarm;
	bool sci;
	unsigned offs;
};

static uint64_t now(void *arg) { return ((struct lab *)arg)->now; }
static void alarm_at(void *arg, uint64_t deadline) { ((struct lab *)arg)->alarm = deadline; }
static void sci(void *arg, bool level) { ((struct lab *)arg)->sci = level; }
static void off(void *arg) { ((struct lab *)arg)->offs++; }

static void start(struct lab *l)
{
	memset(l, 0, sizeof(*l));
	pm_block_init(&l->pm, &(struct pm_block_host){ now, alarm_at, sci, off, l });
	pm_block_reset(&l->pm);
}

#define HALF_NS (8388608ull * 1000000000 / 3579545)

START_TEST(reset_values)
{
	struct lab l;

	start(&l);
	for (unsigned o = 0; o < PM_BLOCK_SIZE; o += 4) {
		uint32_t want = o == PM_GPIREG ? 0x003fffff : o == PM_GPOREG ? 0x7fffbfff : 0;

		ck_assert_uint_eq(pm_block_read(&l.pm, o, 4), want);
	}
	ck_assert_uint_eq(l.alarm, UINT64_MAX);
}
END_TEST

START_TEST(read_back)
{
	struct lab l;

	start(&l);
	for (unsigned o = 0; o < PM_BLOCK_SIZE; o += 2)
		if (o != PM_PMCNTRL)
			pm_block_write(&l.pm, o, 2, 0xffff);
	pm_block_write(&l.pm, PM_PMCNTRL, 2, 0x1c03);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_PMEN, 2), 0x0721);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_PMCNTRL, 4), 0x1c03);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_PMTMR, 4), 0);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_GPSTS, 4), 0xffff0000);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_PCNTRL, 4), 0xffffffff);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_PLVL2, 2), 0);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_GLBEN, 2), 0xffff);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_GLBCTL, 4), 0xfffffffd);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_DEVCTL, 4), 0xffffffff);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_GPIREG, 4), 0x003fffff);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_GPOREG, 4), 0xffffffff);
	// Bytes and words that straddle dwords.
	pm_block_write(&l.pm, PM_DEVCTL + 3, 2, 0x0000);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_DEVCTL, 4), 0x00ffffff);
	pm_block_write(&l.pm, PM_GLBCTL + 2, 4, 0x12345678);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_GLBCTL, 4), 0x5678fffd);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_DEVCTL, 4), 0x00ff1234);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_GLBCTL + 2, 4), 0x12345678);
	ck_assert_uint_eq(pm_block_read(&l.pm, 0x3e, 4), 0xffff0000);   // past the block
	pm_block_write(&l.pm, 0x3d, 4, 0xffffffff);
	pm_block_write(&l.pm, PM_PMEN, 1, 0);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_PMEN, 2), 0x0700);
}
END_TEST

START_TEST(timer)
{
	struct lab l;

	start(&l);
	l.now = 1000000000;
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_PMTMR, 4), 3579545);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_PMTMR + 1, 1), 3579545 >> 8 & 0xff);
	l.now = 5000000000;
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_PMTMR, 4), 5ull * 3579545 & 0xffffff);
	l.now = UINT64_MAX;
	ck_assert_uint_le(pm_block_read(&l.pm, PM_PMTMR, 4), 0xffffff);
}
END_TEST

START_TEST(timer_overflow)
{
	struct lab l;

	start(&l);
	l.now = HALF_NS;                                        // one tick short, rounding down
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_PMSTS, 2), 0);
	l.now = HALF_NS + 1;
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_PMSTS, 2), PM_TMR);
	ck_assert_uint_eq(l.alarm, UINT64_MAX);                 // nobody asked to be told
	pm_block_write(&l.pm, PM_PMSTS, 2, PM_TMR);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_PMSTS, 2), 0);
	pm_block_write(&l.pm, PM_PMCNTRL, 2, PM_SCI_EN);
	pm_block_write(&l.pm, PM_PMEN, 2, PM_TMR);
	ck_assert_uint_eq(l.alarm, 2 * HALF_NS + 1);
	pm_block_alarm(&l.pm);                                  // too early: looks and waits
	ck_assert(!l.sci);
	ck_assert_uint_eq(l.alarm, 2 * HALF_NS + 1);
	l.now = l.alarm;
	pm_block_alarm(&l.pm);
	ck_assert(l.sci);
	ck_assert_uint_eq(l.alarm, UINT64_MAX);
	pm_block_write(&l.pm, PM_PMSTS, 2, PM_TMR);
	ck_assert(!l.sci);
	ck_assert_uint_gt(l.alarm, l.now);
	pm_block_write(&l.pm, PM_PMEN, 2, 0);
	ck_assert_uint_eq(l.alarm, UINT64_MAX);
}
END_TEST

START_TEST(events)
{
	static const enum pm_event all[] = { PM_PWRBTN, PM_SLPBTN, PM_RTC, PM_GBL };
	struct lab l;

	start(&l);
	for (unsigned i = 0; i < 4; i++) {
		pm_block_write(&l.pm, PM_PMEN, 2, 0);
		pm_block_acpi(&l.pm, false);
		pm_block_event(&l.pm, all[i]);
		ck_assert_uint_eq(pm_block_read(&l.pm, PM_PMSTS, 2), all[i]);
		pm_block_write(&l.pm, PM_PMEN, 2, all[i]);
		ck_assert(!l.sci);
		pm_block_acpi(&l.pm, true);
		ck_assert(l.sci);
		pm_block_write(&l.pm, PM_PMSTS, 2, 0);
		ck_assert(l.sci);
		pm_block_write(&l.pm, PM_PMSTS, 2, all[i]);
		ck_assert(!l.sci);
	}
	for (unsigned n = 0; n < 16; n++) {
		pm_block_write(&l.pm, PM_GPEN, 2, 1u << n);
		pm_block_gpe(&l.pm, n);
		ck_assert(l.sci);
		pm_block_write(&l.pm, PM_GPSTS, 2, 1u << n);
		ck_assert(!l.sci);
	}
	pm_block_gpe(&l.pm, 16);
	pm_block_gpe(&l.pm, UINT32_MAX);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_GPSTS, 2), 0);
}
END_TEST

START_TEST(global_lock)
{
	struct lab l;

	start(&l);
	pm_block_write(&l.pm, PM_GLBCTL, 4, 2);                 // BIOS_RLS
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_PMSTS, 2), PM_GBL);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_GLBCTL, 4), 0);
	pm_block_write(&l.pm, PM_PMCNTRL, 2, PM_GBL_RLS | PM_SCI_EN);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_PMCNTRL, 2), PM_SCI_EN);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_GLBSTS, 2), 1);
	pm_block_write(&l.pm, PM_GLBSTS, 2, 1);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_GLBSTS, 2), 0);
}
END_TEST

static void go_to_sleep(struct lab *l, unsigned type)
{
	pm_block_write(&l->pm, PM_PMCNTRL, 2, PM_SCI_EN | PM_SLP_EN | type << 10);
}

static bool awake(struct lab *l)
{
	bool wak = pm_block_read(&l->pm, PM_PMSTS, 2) & PM_WAK;

	pm_block_write(&l->pm, PM_PMSTS, 2, 0xffff);
	return wak;
}

START_TEST(sleeping)
{
	struct lab l;

	start(&l);
	go_to_sleep(&l, PM_SLP_S0);
	ck_assert(!awake(&l) && !l.offs);
	go_to_sleep(&l, PM_SLP_S1);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_PMCNTRL, 2), PM_SCI_EN | 4 << 10);
	ck_assert(!awake(&l));
	pm_block_event(&l.pm, PM_RTC);                          // not enabled: sleeps on
	pm_block_gpe(&l.pm, 3);
	ck_assert(!awake(&l));
	pm_block_event(&l.pm, PM_PWRBTN);
	ck_assert(awake(&l));
	pm_block_write(&l.pm, PM_GPSTS, 2, 0xffff);
	pm_block_write(&l.pm, PM_PMEN, 2, PM_RTC);
	go_to_sleep(&l, PM_SLP_S1);
	pm_block_event(&l.pm, PM_RTC);
	ck_assert(awake(&l));
	pm_block_write(&l.pm, PM_GPEN, 2, 8);
	go_to_sleep(&l, PM_SLP_S1);
	ck_assert(!awake(&l));
	pm_block_gpe(&l.pm, 3);
	ck_assert(awake(&l));
	go_to_sleep(&l, PM_SLP_S1);                             // the event is still there
	ck_assert(awake(&l));
	for (unsigned type = 1; type < 8; type++) {
		if (type != PM_SLP_S1)
			go_to_sleep(&l, type);
	}
	ck_assert_uint_eq(l.offs, 0);
	// SLP_TYP alone, or SLP_EN in a byte of its own.
	pm_block_write(&l.pm, PM_PMCNTRL, 2, 0);
	ck_assert_uint_eq(l.offs, 0);
	pm_block_write(&l.pm, PM_PMCNTRL + 1, 1, PM_SLP_EN >> 8);
	ck_assert_uint_eq(l.offs, 1);
	ck_assert_uint_eq(pm_block_read(&l.pm, PM_PMCNTRL, 2), 0);
}
END_TEST

START_TEST(hostile_registers)
{
	struct lab l;

	start(&l);
	memset(&l.pm.regs, 0xff, sizeof(l.pm.regs));
	pm_block_sanitize(&l.pm.regs);
	ck_assert_uint_eq(l.pm.regs.pmcntrl & PM_SLP_EN, 0);
	pm_block_update(&l.pm);
	pm_block_write(&l.pm, PM_PMSTS, 2, 0xffff);
	pm_block_read(&l.pm, PM_PMSTS, 4);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("piix4_pm");
	TCase *t = tcase_create("piix4_pm");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, reset_values);
	tcase_add_test(t, read_back);
	tcase_add_test(t, timer);
	tcase_add_test(t, timer_overflow);
	tcase_add_test(t, events);
	tcase_add_test(t, global_lock);
	tcase_add_test(t, sleeping);
	tcase_add_test(t, hostile_registers);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
