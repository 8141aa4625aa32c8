// test_nvram.c: the CMOS file, damage, what survives, the clock; guest memory and how much of it is there.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/loop.h"
#include "hw/chipset/mc146818.h"
#include "hw/chipset/rtc.h"
#include "machine/gauge.h"
#include "machine/memory.h"
#include "machine/nvram.h"

static char path[] = "/tmp/berth-nvram-XXXXXX";
static struct loop *loop;
static struct vclock vclock;
static struct platform p;
static struct irq_pin isa[16];

static void on_irq(void *arg, unsigned n, bool level) { }

static void open_world(void)
{
	close(mkstemp(path));
	ck_assert_int_eq(loop_create(&loop, "test", 8, NULL), 0);
	vclock_init(&vclock, loop);
	for (unsigned i = 0; i < 16; i++)
		irq_pin_init(&isa[i], on_irq, NULL, i);
	p = (struct platform){ .loop = loop, .clock = &vclock, .isa_irq = isa };
	ck_assert_int_eq(bus_create(&p.ports, "port", 0xffff, NULL), 0);
}

static void close_world(void)
{
	unlink(path);
	strcpy(path, "/tmp/berth-nvram-XXXXXX");
	bus_destroy(p.ports);
	loop_destroy(loop);
}

static struct rtc *new_rtc(int64_t start, uint64_t low_ram)
{
	struct rtc_args args = { .low_ram = low_ram, .cpus = 2, .has_start = true, .start = start };
	struct rtc *rtc;

	ck_assert_int_eq(rtc_create(&p, &args, &rtc, NULL), 0);
	return rtc;
}

static void free_rtc(struct rtc *rtc) { rtc_class.destroy(rtc); }

START_TEST(survives_power_off)
{
	struct rtc *rtc = new_rtc(1000000000, 64 << 20);
	struct nvram n = { 0 }, back = { 0 };

	rtc_cmos_write(rtc, 0x3d, 0x23);        // boot order
	rtc_cmos_write(rtc, 0x36, 0x81);        // simple boot flag
	rtc_cmos_write(rtc, 0xc0, 0x77);        // second bank
	rtc_cmos_write(rtc, 0x0f, 0x05);
	nvram_take(&n, rtc, 1000000000);
	ck_assert_int_eq(nvram_save(path, &n, NULL), 0);
	free_rtc(rtc);
	ck_assert_int_eq(nvram_load(path, &back, NULL), 0);
	ck_assert(nvram_equal(&n, &back));
	rtc = new_rtc(1000000000, 128 << 20);
	nvram_apply(&back, rtc);
	ck_assert_uint_eq(rtc_cmos_read(rtc, 0x3d), 0x23);
	ck_assert_uint_eq(rtc_cmos_read(rtc, 0x36), 0x81);
	ck_assert_uint_eq(rtc_cmos_read(rtc, 0xc0), 0x77);
	// The machine's own: not the shutdown code, and the memory there is now.
	ck_assert_uint_eq(rtc_cmos_read(rtc, 0x0f), 0);
	ck_assert_uint_eq(rtc_cmos_read(rtc, 0x34) | rtc_cmos_read(rtc, 0x35) << 8, 112 << 4);
	ck_assert_uint_eq(rtc_cmos_read(rtc, 0x5f), 1);
	free_rtc(rtc);
}
END_TEST

START_TEST(nothing_new_is_not_written)
{
	struct nvram a = { .clock_diff = 10 }, b = { .clock_diff = 12 };

	ck_assert(nvram_equal(&a, &b));
	b.clock_diff = 13;
	ck_assert(!nvram_equal(&a, &b));
	b = a;
	b.cmos[0x3d] = 1;
	ck_assert(!nvram_equal(&a, &b));
}
END_TEST

// Without the flushes of file_replace(): there are hundreds of them.
static void put_file(const char *data, size_t len)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(damage)
{
	struct nvram n = { .clock_diff = 3600, .cmos = { [0x3d] = 0x12 } }, out = { .clock_diff = 7 };
	char *data;
	size_t len;

	unlink(path);
	ck_assert_int_eq(nvram_load(path, &out, NULL), -ENOENT);
	ck_assert_int_eq(nvram_save(path, &n, NULL), 0);
	ck_assert_int_eq(file_read(path, 4096, &data, &len, NULL), 0);
	for (size_t i = 0; i < len; i++) {
		data[i] ^= 0x10;
		put_file(data, len);
		ck_assert_msg(nvram_load(path, &out, NULL) == -EINVAL, "byte %zu", i);
		data[i] ^= 0x10;
	}
	put_file(data, len - 1);
	ck_assert_int_eq(nvram_load(path, &out, NULL), -EINVAL);
	put_file("", 0);
	ck_assert_int_eq(nvram_load(path, &out, NULL), -EINVAL);
	n.clock_diff = INT64_MAX;
	ck_assert_int_eq(nvram_save(path, &n, NULL), 0);
	ck_assert_int_eq(nvram_load(path, &out, NULL), -EINVAL);
	ck_assert_int_eq(out.clock_diff, 7);
	free(data);
}
END_TEST

static void set_clock(struct rtc *rtc, uint8_t mode, const uint8_t v[7])
{
	static const uint8_t regs[7] = { RTC_SECONDS, RTC_MINUTES, RTC_HOURS, RTC_DAY, RTC_MONTH, RTC_YEAR, RTC_CENTURY };

	rtc_cmos_write(rtc, RTC_B, mode | RTC_B_SET);
	for (unsigned i = 0; i < 7; i++)
		rtc_cmos_write(rtc, regs[i], v[i]);
}

START_TEST(clock_modes)
{
	static const struct { uint8_t mode, v[7]; int64_t seconds; bool good; } cases[] = {
		{ RTC_B_24H, { 0x40, 0x46, 0x01, 0x09, 0x09, 0x01, 0x20 }, 1000000000, true },
		{ RTC_B_24H | RTC_B_BINARY, { 40, 46, 1, 9, 9, 1, 20 }, 1000000000, true },
		{ 0, { 0x40, 0x46, 0x01, 0x09, 0x09, 0x01, 0x20 }, 1000000000, true },
		{ 0, { 0x40, 0x46, 0x81, 0x09, 0x09, 0x01, 0x20 }, 1000000000 + 12 * 3600, true },
		{ 0, { 0x40, 0x46, 0x12, 0x09, 0x09, 0x01, 0x20 }, 1000000000 - 3600, true },
		{ RTC_B_24H, { 0x40, 0x4f, 0x01, 0x09, 0x09, 0x01, 0x20 }, 0, false },
		{ RTC_B_24H, { 0x40, 0x46, 0x01, 0x00, 0x09, 0x01, 0x20 }, 0, false },
		{ RTC_B_24H, { 0x40, 0x46, 0x25, 0x09, 0x09, 0x01, 0x20 }, 0, false },
		{ RTC_B_24H, { 0x40, 0x46, 0x01, 0x09, 0x13, 0x01, 0x20 }, 0, false },
	};
	struct rtc *rtc = new_rtc(0, 64 << 20);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t seconds = -1;

		set_clock(rtc, cases[i].mode, cases[i].v);
		ck_assert_msg(nvram_clock(rtc, &seconds) == cases[i].good, "case %zu", i);
		if (cases[i].good)
			ck_assert_int_eq(seconds, cases[i].seconds);
	}
	free_rtc(rtc);
}
END_TEST

// Windows keeps local time: the distance must be there at the next start.
START_TEST(a_clock_that_was_set)
{
	static const uint8_t two_hours_on[7] = { 0x40, 0x46, 0x03, 0x09, 0x09, 0x01, 0x20 };
	struct rtc *rtc = new_rtc(1000000000, 64 << 20);
	struct nvram n = { .clock_diff = 5 };

	set_clock(rtc, RTC_B_24H, two_hours_on);
	nvram_take(&n, rtc, 1000000000);
	ck_assert_int_eq(n.clock_diff, 7200);
	rtc_cmos_write(rtc, RTC_MONTH, 0x99);
	nvram_take(&n, rtc, 1000000000);
	ck_assert_int_eq(n.clock_diff, 7200);
	free_rtc(rtc);
}
END_TEST

// --- guest memory ------------------------------------------------------------------------------------------

START_TEST(resident_bytes)
{
	static const enum vm_memory_backing kinds[] = { VM_MEMORY_NORMAL, VM_MEMORY_THP };

	for (size_t i = 0; i < 2; i++) {
		struct memory m = { 0 };
		uint64_t before;

		ck_assert_int_eq(memory_map(64 << 20, kinds[i], false, &m, NULL), 0);
		before = memory_resident(&m);
		ck_assert_uint_lt(before, 4 << 20);
		memset(m.ram, 1, 8 << 20);
		ck_assert_uint_ge(memory_resident(&m), 8 << 20);
		ck_assert_uint_le(memory_resident(&m), 12 << 20);
		memory_unmap(&m);
	}
}
END_TEST

// --- measuring with a limit ----------------------------------------------------------------------------------

struct slow { pthread_mutex_t gate; unsigned calls; };

static uint64_t measure_slowly(void *arg)
{
	struct slow *s = arg;
	uint64_t value;

	pthread_mutex_lock(&s->gate);
	value = ++s->calls;
	pthread_mutex_unlock(&s->gate);
	return value;
}

START_TEST(gauge_never_waits_long)
{
	struct slow s = { .gate = PTHREAD_MUTEX_INITIALIZER };
	struct gauge *g = gauge_create(measure_slowly, &s);

	gauge_destroy(NULL);
	ck_assert_uint_eq(gauge_read(g, 60000, 60000), 1);
	ck_assert_uint_eq(gauge_read(g, 60000, 60000), 1);      // young enough
	pthread_mutex_lock(&s.gate);
	ck_assert_uint_eq(gauge_read(g, 0, 1), 1);              // does not come: the latest there is
	pthread_mutex_unlock(&s.gate);
	ck_assert_uint_ge(gauge_read(g, 0, 60000), 2);
	gauge_destroy(g);
	// One that nobody reads has no thread.
	gauge_destroy(gauge_create(measure_slowly, &s));
}
END_TEST

START_TEST(more_than_there_is)
{
	struct memory m = { 0 };
	struct err err = { 0 };

	ck_assert_int_lt(memory_map(1ull << 60, VM_MEMORY_THP, false, &m, &err), 0);
	ck_assert_int_eq(err.exit, EXIT_HOST);
	ck_assert_ptr_null(m.ram);
	err_clear(&err);
	if (memory_map(1ull << 44, VM_MEMORY_HUGETLB, false, &m, &err) < 0)
		ck_assert_ptr_nonnull(strstr(err.remedy, "nr_hugepages"));
	memory_unmap(&m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("nvram");
	TCase *tc = tcase_create("nvram"), *mem = tcase_create("memory");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, open_world, close_world);
	tcase_add_test(tc, survives_power_off);
	tcase_add_test(tc, nothing_new_is_not_written);
	tcase_add_test(tc, damage);
	tcase_add_test(tc, clock_modes);
	tcase_add_test(tc, a_clock_that_was_set);
	tcase_add_test(mem, resident_bytes);
	tcase_add_test(mem, gauge_never_waits_long);
	tcase_add_test(mem, more_than_there_is);
	suite_add_tcase(s, tc);
	suite_add_tcase(s, mem);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
