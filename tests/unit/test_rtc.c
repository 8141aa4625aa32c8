// test_rtc.c: the MC146818 core, its calendar, and the CMOS.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <string.h>
#include <time.h>

#include "hw/chipset/mc146818.h"
#include "hw/chipset/mc146818_time.h"
#include "hw/chipset/rtc.h"
#include "legacy_rig.h"

#define S 1000000000ull

static struct mc146818 rtc;
static unsigned interrupts, quiets, alarms;
static uint64_t now;

static void count_interrupt(void *arg) { interrupts++; }
static void count_quiet(void *arg) { quiets++; }
static void count_alarm(void *arg) { alarms++; }

static void make_rtc(void)
{
	const struct mc146818_host host = { count_interrupt, count_quiet, count_alarm, NULL };

	interrupts = quiets = alarms = 0;
	now = 0;
	mc146818_init(&rtc, &host, now);
}

static uint8_t get(uint8_t index) { return mc146818_read(&rtc, index, now); }
static void set(uint8_t index, uint8_t v) { mc146818_write(&rtc, index, v, now); }

static void set_unix(int64_t t) { mc146818_set_time(&rtc, now, t * (int64_t)S); }

static void expect(unsigned century, unsigned y, unsigned mo, unsigned d, unsigned h, unsigned mi, unsigned s)
{
	ck_assert_uint_eq(get(RTC_CENTURY), century);
	ck_assert_uint_eq(get(RTC_YEAR), y);
	ck_assert_uint_eq(get(RTC_MONTH), mo);
	ck_assert_uint_eq(get(RTC_DAY), d);
	ck_assert_uint_eq(get(RTC_HOURS), h);
	ck_assert_uint_eq(get(RTC_MINUTES), mi);
	ck_assert_uint_eq(get(RTC_SECONDS), s);
}

START_TEST(reset_values)
{
	ck_assert_uint_eq(get(RTC_A), 0x26);
	ck_assert_uint_eq(get(RTC_B), 0x02);
	ck_assert_uint_eq(get(RTC_C), 0);
	ck_assert_uint_eq(get(RTC_D), 0x80);
	expect(0x20, 0x00, 1, 1, 0, 0, 0);
	ck_assert_uint_eq(get(RTC_WEEKDAY), 7);         // a Saturday
	ck_assert_uint_eq(mc146818_next(&rtc), MC146818_NEVER);
}
END_TEST

START_TEST(cmos_reads_back_and_c_and_d_do_not)
{
	for (unsigned i = 0x0e; i < 128; i++)
		set((uint8_t)i, (uint8_t)(i * 7));
	for (unsigned i = 0x0e; i < 128; i++)
		ck_assert_uint_eq(get((uint8_t)i), (uint8_t)(i * 7));
	set(RTC_C, 0xff);
	set(RTC_D, 0x00);
	ck_assert_uint_eq(get(RTC_C), 0);
	ck_assert_uint_eq(get(RTC_D), 0x80);
	set(RTC_A, 0xff);
	ck_assert_uint_eq(get(RTC_A), 0x7f);
}
END_TEST

START_TEST(ports_have_two_banks_and_the_nmi_bit)
{
	mc146818_port_write(&rtc, 0, 0x80 | 0x40, now);
	mc146818_port_write(&rtc, 1, 0x11, now);
	mc146818_port_write(&rtc, 2, 0xc0, now);
	mc146818_port_write(&rtc, 3, 0x22, now);
	ck_assert_uint_eq(mc146818_port_read(&rtc, 0, now), 0xff);
	ck_assert_uint_eq(mc146818_port_read(&rtc, 1, now), 0x11);
	ck_assert_uint_eq(mc146818_port_read(&rtc, 2, now), 0x40);
	ck_assert_uint_eq(mc146818_port_read(&rtc, 3, now), 0x22);
	ck_assert_uint_eq(rtc.regs.index & 0x80, 0x80);
}
END_TEST

START_TEST(calendar_agrees_with_the_c_library)
{
	static const int64_t times[] = {0, 951782399,  951782400,  1709164799, 4102444799, 4107542399,
					1, 1700000000, 7258118400, -1,         -86400,     253402300799};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		time_t t = times[i];
		struct tm tm;
		uint8_t b[128] = { [RTC_B] = RTC_B_24H | RTC_B_BINARY };
		unsigned year;

		mc146818_store_time(b, t);
		gmtime_r(&t, &tm);
		year = (unsigned)tm.tm_year + 1900;
		ck_assert_uint_eq(b[RTC_YEAR], year % 100);
		ck_assert_uint_eq((b[RTC_CENTURY] >> 4) * 10 + (b[RTC_CENTURY] & 15), year / 100);
		ck_assert_int_eq(b[RTC_MONTH], tm.tm_mon + 1);
		ck_assert_int_eq(b[RTC_DAY], tm.tm_mday);
		ck_assert_int_eq(b[RTC_WEEKDAY], tm.tm_wday + 1);
		ck_assert_int_eq(b[RTC_HOURS], tm.tm_hour);
		ck_assert_int_eq(b[RTC_MINUTES], tm.tm_min);
		ck_assert_int_eq(b[RTC_SECONDS], tm.tm_sec);
	}
}
END_TEST

START_TEST(advancing_equals_storing_later)
{
	uint64_t step = 1;

	for (unsigned mode = 0; mode < 4; mode++) {
		uint8_t a[128] = { 0 }, b[128] = { 0 };
		int64_t t = 946684800;

		a[RTC_B] = b[RTC_B] = (uint8_t)((mode & 1 ? RTC_B_24H : 0) | (mode & 2 ? RTC_B_BINARY : 0));
		mc146818_store_time(a, t);
		for (unsigned i = 0; i < 3000; i++) {
			step = step * 6364136223846793005ull + 1442695040888963407ull;
			mc146818_advance(a, step >> 44);
			t += (int64_t)(step >> 44);
			mc146818_store_time(b, t);
			ck_assert_mem_eq(a, b, sizeof(a));
		}
	}
}
END_TEST

START_TEST(impossible_days_count_as_the_nearest)
{
	static const struct { uint8_t century, month, day, next_month, next_day; } days[] = {
		{ 0x21, 0x02, 0x29, 0x03, 0x01 },       // 2100 is no leap year
		{ 0x20, 0x02, 0x29, 0x03, 0x01 },       // 2000 is one
		{ 0x20, 0x04, 0x31, 0x05, 0x01 },
		{ 0x20, 0x13, 0x32, 0x01, 0x01 },
		{ 0x20, 0x01, 0x00, 0x01, 0x02 },
	};

	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		uint8_t b[128] = { [RTC_B] = RTC_B_24H, [RTC_HOURS] = 0x23, [RTC_MINUTES] = 0x59 };

		b[RTC_CENTURY] = days[i].century;
		b[RTC_MONTH] = days[i].month;
		b[RTC_DAY] = days[i].day;
		mc146818_advance(b, 60);
		ck_assert_uint_eq(b[RTC_MONTH], days[i].next_month);
		ck_assert_uint_eq(b[RTC_DAY], days[i].next_day);
	}
}
END_TEST

START_TEST(twelve_hour_mode)
{
	static const struct {
		unsigned hour;
		uint8_t shown;
	} hours[] = {{0, 0x12}, {1, 0x01}, {11, 0x11}, {12, 0x92}, {13, 0x81}, {23, 0x91}};

	set(RTC_B, 0);
	for (unsigned i = 0; i < 6; i++) {
		set_unix(hours[i].hour * 3600);
		ck_assert_uint_eq(get(RTC_HOURS), hours[i].shown);
		now += 3600 * S;
		ck_assert_uint_ne(get(RTC_HOURS), hours[i].shown);
	}
}
END_TEST

START_TEST(guest_time_holds_while_set_and_goes_on_after)
{
	set(RTC_B, 0x82);
	set(RTC_CENTURY, 0x19);
	set(RTC_YEAR, 0x99);
	set(RTC_MONTH, 0x12);
	set(RTC_DAY, 0x31);
	set(RTC_HOURS, 0x23);
	set(RTC_MINUTES, 0x59);
	set(RTC_SECONDS, 0x59);
	now += 90 * S;
	expect(0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x59);
	set(RTC_B, 0x02);
	now += S;
	expect(0x20, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00);
	mc146818_reset(&rtc, now);
	now += S;
	expect(0x20, 0x00, 0x01, 0x01, 0x00, 0x00, 0x01);
}
END_TEST

START_TEST(divider_reset_makes_the_next_update_half_a_second_later)
{
	now = S / 10;
	set(RTC_A, 0x76);
	now += 100 * S;
	ck_assert_uint_eq(get(RTC_SECONDS), 0);
	set(RTC_A, 0x26);
	now += S / 2 - 1;
	ck_assert_uint_eq(get(RTC_SECONDS), 0);
	now++;
	ck_assert_uint_eq(get(RTC_SECONDS), 1);
}
END_TEST

START_TEST(uip_rises_244_us_before_the_update)
{
	now = S - 250000;
	ck_assert_uint_eq(get(RTC_A) & RTC_A_UIP, 0);
	now = S - 240000;
	ck_assert_uint_eq(get(RTC_A) & RTC_A_UIP, RTC_A_UIP);
	set(RTC_B, 0x82);
	ck_assert_uint_eq(get(RTC_A) & RTC_A_UIP, 0);
	set(RTC_B, 0x02);
	now = S;
	ck_assert_uint_eq(get(RTC_A) & RTC_A_UIP, 0);
}
END_TEST

START_TEST(update_ended_interrupts_and_c_clears)
{
	set(RTC_B, 0x02 | RTC_B_UIE);
	ck_assert_uint_eq(mc146818_next(&rtc), S);
	now = S;
	mc146818_run(&rtc, now);
	ck_assert_uint_eq(interrupts, 1);
	// PF without PIE is only a flag
	ck_assert_uint_eq(get(RTC_C), RTC_C_IRQF | RTC_C_UF | RTC_C_PF);
	ck_assert_uint_eq(get(RTC_C), 0);
	now = 2 * S;                            // an event that was not acknowledged does not stop the next
	mc146818_run(&rtc, now);
	now = 3 * S;
	mc146818_run(&rtc, now);
	ck_assert_uint_eq(interrupts, 3);
	set(RTC_B, 0x82 | RTC_B_UIE);
	ck_assert_uint_eq(get(RTC_B) & RTC_B_UIE, 0);
}
END_TEST

START_TEST(enabling_with_the_flag_up_interrupts_at_once)
{
	now = S;
	mc146818_run(&rtc, now);
	ck_assert_uint_eq(interrupts, 0);
	set(RTC_B, 0x02 | RTC_B_UIE);
	ck_assert_uint_eq(interrupts, 1);
	set(RTC_B, 0x02);
	ck_assert_uint_gt(quiets, 0);
}
END_TEST

START_TEST(periodic_rates)
{
	static const unsigned hertz[16] = {0,   256, 128, 8192, 4096, 2048, 1024, 512,
					   256, 128, 64,  32,   16,   8,    4,    2};

	for (unsigned rate = 0; rate < 16; rate++) {
		unsigned n = 0;

		make_rtc();
		set(RTC_A, (uint8_t)(0x20 | rate));
		set(RTC_B, 0x02 | RTC_B_PIE);
		for (uint64_t next = mc146818_next(&rtc); next <= S; next = mc146818_next(&rtc)) {
			ck_assert_uint_gt(next, now);
			now = next;
			mc146818_run(&rtc, now);
			ck_assert_uint_eq(interrupts, ++n);
			ck_assert_uint_eq(get(RTC_C), RTC_C_IRQF | RTC_C_PF | (now == S ? RTC_C_UF : 0));
		}
		ck_assert_uint_eq(n, hertz[rate]);
	}
}
END_TEST

START_TEST(lost_ticks_count_as_one)
{
	set(RTC_A, 0x23);
	set(RTC_B, 0x02 | RTC_B_PIE);
	now = 1000 * S + 12345;
	mc146818_run(&rtc, now);
	ck_assert_uint_eq(interrupts, 1);
	ck_assert_uint_gt(mc146818_next(&rtc), now);
	ck_assert_uint_le(mc146818_next(&rtc), now + S / 8192 + 1);
}
END_TEST

START_TEST(alarm_matches_with_wildcards)
{
	static const struct { uint8_t h, m, s; uint32_t in; } alarms_of[] = {
		{ 0x12, 0x34, 0x57, 1 }, { 0x12, 0x34, 0x56, 86400 }, { 0xff, 0xff, 0xff, 1 },
		{ 0xc0, 0x00, 0x00, 25 * 60 + 4 }, { 0xff, 0xff, 0x00, 4 }, { 0x12, 0x34, 0x55, 86399 },
		{ 0x13, 0xff, 0xff, 25 * 60 + 4 }, { 0x24, 0x00, 0x00, 0 }, { 0x12, 0x61, 0x00, 0 },
		{ 0x12, 0x00, 0x99, 0 }, { 0x11, 0x00, 0xff, 86400 - 5696 }, { 0xff, 0x34, 0x10, 3600 - 46 },
	};

	set_unix(12 * 3600 + 34 * 60 + 56);
	for (size_t i = 0; i < sizeof(alarms_of) / sizeof(alarms_of[0]); i++) {
		set(RTC_HOURS_ALARM, alarms_of[i].h);
		set(RTC_MINUTES_ALARM, alarms_of[i].m);
		set(RTC_SECONDS_ALARM, alarms_of[i].s);
		ck_assert_uint_eq(mc146818_alarm_in(rtc.regs.bytes), alarms_of[i].in);
	}
}
END_TEST

START_TEST(alarm_interrupts_and_tells_acpi)
{
	set_unix(0);
	set(RTC_HOURS_ALARM, 0x00);
	set(RTC_MINUTES_ALARM, 0x01);
	set(RTC_SECONDS_ALARM, 0x30);
	set(RTC_B, 0x02 | RTC_B_AIE);
	ck_assert_uint_eq(mc146818_next(&rtc), 90 * S);
	now = 90 * S - 1;
	mc146818_run(&rtc, now);
	ck_assert_uint_eq(alarms, 0);
	now = 90 * S;
	mc146818_run(&rtc, now);
	ck_assert_uint_eq(alarms, 1);
	ck_assert_uint_eq(get(RTC_C) & (RTC_C_IRQF | RTC_C_AF), RTC_C_IRQF | RTC_C_AF);
	set(RTC_HOURS_ALARM, 0x23);
	now += 86400 * S;                       // slept over it
	mc146818_run(&rtc, now);
	ck_assert_uint_eq(alarms, 2);
}
END_TEST

START_TEST(odd_values_do_no_harm)
{
	for (unsigned mode = 0; mode < 8; mode++) {
		make_rtc();
		set(RTC_B, (uint8_t)(mode | 0x80));
		for (uint8_t i = 0; i < 10; i++)
			set(i, 0xff);
		set(RTC_CENTURY, 0xff);
		set(RTC_B, (uint8_t)(mode | RTC_B_AIE | RTC_B_UIE | RTC_B_PIE));
		for (unsigned i = 0; i < 100; i++) {
			now += 86399 * S / 2;
			mc146818_run(&rtc, now);
			mc146818_next(&rtc);
		}
		now = UINT64_MAX - 1;
		mc146818_run(&rtc, now);
		mc146818_next(&rtc);
	}
}
END_TEST

START_TEST(loaded_registers_go_on_from_what_they_show)
{
	now = 1000 * S;
	set_unix(100);
	now = 5;                                // restored into a machine that has just started
	mc146818_fields.sanitize(&rtc.regs);
	mc146818_loaded(&rtc, now);
	ck_assert_uint_eq(get(RTC_SECONDS), 0x40);
	now += 2 * S;
	ck_assert_uint_eq(get(RTC_SECONDS), 0x42);
	memset(&rtc.regs, 0xff, sizeof(rtc.regs));
	mc146818_fields.sanitize(&rtc.regs);
	mc146818_loaded(&rtc, now);
	now += 100 * S;
	mc146818_run(&rtc, now);
	mc146818_next(&rtc);
}
END_TEST

// --- the device ----------------------------------------------------------------------------------------

static uint8_t cmos(struct rig *rig, uint8_t index)
{
	rig_out(rig, 0x70, index);
	return rig_in(rig, 0x71);
}

START_TEST(cmos_tells_memory_cpus_and_checksum)
{
	struct rtc_args args = {
		.low_ram = 0xc0000000, .high_ram = 2ull << 30, .cpus = 4, .has_start = true, .start = 86399};
	unsigned sum = 0;
	struct rig rig;
	struct rtc *dev;

	rig_open(&rig);
	ck_assert_int_eq(rtc_create(&rig.platform, &args, &dev, NULL), 0);
	ck_assert_uint_eq(cmos(&rig, 0x15) | cmos(&rig, 0x16) << 8, 640);
	ck_assert_uint_eq(cmos(&rig, 0x17) | cmos(&rig, 0x18) << 8, 0xffff);
	ck_assert_uint_eq(cmos(&rig, 0x30) | cmos(&rig, 0x31) << 8, 0xffff);
	ck_assert_uint_eq(cmos(&rig, 0x34) | cmos(&rig, 0x35) << 8, (0xc0000000u - (16u << 20)) >> 16);
	ck_assert_uint_eq(cmos(&rig, 0x5b) | cmos(&rig, 0x5c) << 8 | cmos(&rig, 0x5d) << 16, 0x8000);
	ck_assert_uint_eq(cmos(&rig, 0x5f), 3);
	ck_assert_uint_eq(cmos(&rig, 0x36), 0x80);      // the simple boot flag, its parity odd
	ck_assert_uint_eq(cmos(&rig, 0x32), 0x19);
	ck_assert_uint_eq(cmos(&rig, 0x38) | cmos(&rig, 0x3d), 0);
	for (uint8_t i = 0x10; i < 0x2e; i++)
		sum += cmos(&rig, i);
	ck_assert_uint_eq(cmos(&rig, 0x2e) << 8 | cmos(&rig, 0x2f), sum);
	rtc_cmos_write(dev, 0x0f, 0x05);
	rtc_cmos_write(dev, 0x81, 0x77);
	rtc_class.reset(dev);
	ck_assert_uint_eq(rtc_cmos_read(dev, 0x0f), 0x05);
	ck_assert_uint_eq(rtc_cmos_read(dev, 0x81), 0x77);
	ck_assert_uint_eq(cmos(&rig, 0x80 | RTC_HOURS), 0x23);
	ck_assert(rtc_nmi_masked(dev));
	rtc_class.destroy(dev);
	rig_close(&rig);
}
END_TEST

static void count_written(void *arg) { ++*(unsigned *)arg; }

START_TEST(tells_what_the_guest_writes)
{
	unsigned written = 0;
	struct rtc_args args = { .low_ram = 640 << 10, .written = count_written, .arg = &written };
	uint8_t index = 0x7a;
	struct rig rig;
	struct rtc *dev;

	rig_open(&rig);
	ck_assert_int_eq(rtc_create(&rig.platform, &args, &dev, NULL), 0);
	ck_assert_uint_eq(cmos(&rig, 0x7a), 0);
	rtc_cmos_write(dev, 0x7a, 1);           // not the guest
	bus_write(rig.platform.ports, 0x70, &index, 1);
	ck_assert_uint_eq(written, 0);
	bus_write(rig.platform.ports, 0x71, &index, 1);
	bus_write(rig.platform.ports, 0x72, &index, 1);
	ck_assert_uint_eq(written, 1);
	bus_write(rig.platform.ports, 0x73, &index, 1);
	ck_assert_uint_eq(written, 2);
	rtc_class.destroy(dev);
	rig_close(&rig);
}
END_TEST

START_TEST(small_memory_does_not_wrap)
{
	struct rtc_args args = { .low_ram = 640 << 10, .cpus = 0 };
	struct rig rig;
	struct rtc *dev;

	rig_open(&rig);
	ck_assert_int_eq(rtc_create(&rig.platform, &args, &dev, NULL), 0);
	ck_assert_uint_eq(cmos(&rig, 0x17) | cmos(&rig, 0x18) | cmos(&rig, 0x34) | cmos(&rig, 0x35) |
				  cmos(&rig, 0x5f),
			  0);
	rtc_class.destroy(dev);
	rig_close(&rig);
}
END_TEST

START_TEST(periodic_interrupt_arrives_on_irq_8_unless_gated)
{
	struct rtc_args args = { .low_ram = 32 << 20, .cpus = 1 };
	struct rig rig;
	struct rtc *dev;
	unsigned edges;

	rig_open(&rig);
	ck_assert_int_eq(rtc_create(&rig.platform, &args, &dev, NULL), 0);
	rig_out(&rig, 0x70, RTC_A);
	rig_out(&rig, 0x71, 0x26);
	rig_out(&rig, 0x70, RTC_B);
	rig_out(&rig, 0x71, 0x02 | RTC_B_PIE);
	rig_run(&rig, 50);
	ck_assert_uint_ge(rig.irq[8].edges, 10);        // 1024 Hz, and nobody read register C
	ck_assert_uint_le(rig.irq[8].edges, 80);
	rtc_irq_gate(dev, true);
	ck_assert(!rig.irq[8].level);
	edges = rig.irq[8].edges;
	rig_run(&rig, 10);
	ck_assert_uint_eq(rig.irq[8].edges, edges);
	vclock_stop(&rig.clock);
	rtc_irq_gate(dev, false);
	edges = rig.irq[8].edges;
	rig_run(&rig, 10);                              // time stands still
	ck_assert_uint_eq(rig.irq[8].edges, edges);
	rtc_class.reset(dev);
	ck_assert(!rig.irq[8].level);
	rtc_class.destroy(dev);
	rig_close(&rig);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rtc");
	TCase *c = tcase_create("core"), *d = tcase_create("device");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(c, make_rtc, NULL);
	tcase_add_test(c, reset_values);
	tcase_add_test(c, cmos_reads_back_and_c_and_d_do_not);
	tcase_add_test(c, ports_have_two_banks_and_the_nmi_bit);
	tcase_add_test(c, calendar_agrees_with_the_c_library);
	tcase_add_test(c, advancing_equals_storing_later);
	tcase_add_test(c, impossible_days_count_as_the_nearest);
	tcase_add_test(c, twelve_hour_mode);
	tcase_add_test(c, guest_time_holds_while_set_and_goes_on_after);
	tcase_add_test(c, divider_reset_makes_the_next_update_half_a_second_later);
	tcase_add_test(c, uip_rises_244_us_before_the_update);
	tcase_add_test(c, update_ended_interrupts_and_c_clears);
	tcase_add_test(c, enabling_with_the_flag_up_interrupts_at_once);
	tcase_add_test(c, periodic_rates);
	tcase_add_test(c, lost_ticks_count_as_one);
	tcase_add_test(c, alarm_matches_with_wildcards);
	tcase_add_test(c, alarm_interrupts_and_tells_acpi);
	tcase_add_test(c, odd_values_do_no_harm);
	tcase_add_test(c, loaded_registers_go_on_from_what_they_show);
	tcase_add_test(d, cmos_tells_memory_cpus_and_checksum);
	tcase_add_test(d, small_memory_does_not_wrap);
	tcase_add_test(d, tells_what_the_guest_writes);
	tcase_add_test(d, periodic_interrupt_arrives_on_irq_8_unless_gated);
	suite_add_tcase(s, c);
	suite_add_tcase(s, d);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
