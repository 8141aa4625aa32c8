// test_bus.c: buses, interrupt pins, guest memory, saved fields.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "bus/bus.h"
#include "bus/fields.h"
#include "bus/gmem.h"
#include "bus/irq.h"

// --- bus ---

struct probe { uint64_t offset, value; unsigned size, calls; };

static uint64_t probe_read(void *dev, uint64_t offset, unsigned size)
{
	struct probe *p = dev;

	p->offset = offset;
	p->size = size;
	p->calls++;
	return 0x8877665544332211ull >> (8 * (offset & 7));
}

static void probe_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct probe *p = dev;

	p->offset = offset;
	p->size = size;
	p->value = value;
	p->calls++;
}

static const struct bus_ops bytewise = { .read = probe_read, .write = probe_write, .max_size = 1 };
static const struct bus_ops wide = { .read = probe_read, .write = probe_write, .max_size = 4 };

static struct bus *bus;
static struct probe dev;

static struct bus_range range(uint64_t first, uint64_t last, const struct bus_ops *ops)
{
	return (struct bus_range){ .first = first, .last = last, .name = "probe", .ops = ops, .dev = &dev };
}

static void make_bus(void)
{
	memset(&dev, 0, sizeof(dev));
	ck_assert_int_eq(bus_create(&bus, "ports", 0xffff, NULL), 0);
}

static void free_bus(void) { bus_destroy(bus); }

START_TEST(insert_refuses_overlap_at_each_edge)
{
	struct bus_range a = range(0x100, 0x10f, &wide), b;
	static const struct { uint64_t first, last; int want; } cases[] = {
		{ 0xf0, 0xff, 0 }, { 0xf0, 0x100, -EEXIST }, { 0x105, 0x106, -EEXIST }, { 0x10f, 0x120, -EEXIST },
		{ 0x110, 0x11f, 0 }, { 0, 0xffff, -EEXIST }, { 0x20, 0x1f, -EINVAL }, { 0xfff0, 0x10000, -EINVAL },
	};

	ck_assert_int_eq(bus_insert(bus, &a, NULL), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		b = range(cases[i].first, cases[i].last, &wide);
		ck_assert_int_eq(bus_insert(bus, &b, NULL), cases[i].want);
		if (!cases[i].want)
			bus_remove(bus, &b);
	}
}
END_TEST

START_TEST(unclaimed_reads_all_ones_and_is_counted)
{
	uint32_t v = 0;

	ck_assert(!bus_read(bus, 0x55, &v, 4));
	ck_assert_uint_eq(v, 0xffffffffu);
	ck_assert(!bus_write(bus, 0x55, &v, 4));
	ck_assert_uint_eq(bus_stats(bus)->unclaimed_reads, 1);
	ck_assert_uint_eq(bus_stats(bus)->unclaimed_writes, 1);
}
END_TEST

START_TEST(access_across_the_end_of_a_range_is_unclaimed)
{
	struct bus_range a = range(0x100, 0x103, &wide);
	uint32_t v = 0;

	ck_assert_int_eq(bus_insert(bus, &a, NULL), 0);
	ck_assert(bus_read(bus, 0x100, &v, 4));
	ck_assert(!bus_read(bus, 0x101, &v, 4));
	ck_assert_uint_eq(dev.calls, 1);
}
END_TEST

START_TEST(wide_access_to_byte_registers_is_split_low_first)
{
	struct bus_range a = range(0x100, 0x107, &bytewise);
	uint32_t v = 0;

	ck_assert_int_eq(bus_insert(bus, &a, NULL), 0);
	ck_assert(bus_read(bus, 0x102, &v, 4));
	ck_assert_uint_eq(v, 0x66554433u);
	ck_assert_uint_eq(dev.calls, 4);
	ck_assert_uint_eq(dev.offset, 5);
	ck_assert(bus_write(bus, 0x100, &(uint16_t){ 0xabcd }, 2));
	ck_assert_uint_eq(dev.value, 0xab);
}
END_TEST

START_TEST(string_access_repeats_at_one_address)
{
	struct bus_range a = range(0x100, 0x107, &wide);
	uint16_t v[3] = { 0 };

	ck_assert_int_eq(bus_insert(bus, &a, NULL), 0);
	ck_assert(bus_read_string(bus, 0x102, 2, v, 3));
	ck_assert_uint_eq(v[2], 0x4433);
	ck_assert_uint_eq(dev.calls, 3);
	ck_assert_uint_eq(dev.offset, 2);
}
END_TEST

// --- irq ---

static int pin_level, pin_changes;

static void pin_set(void *arg, unsigned number, bool level)
{
	(void)arg;
	ck_assert_uint_eq(number, 9);
	pin_level = level;
	pin_changes++;
}

START_TEST(shared_pin_stays_up_until_the_last_line_falls)
{
	struct irq_pin pin;
	struct irq_line a = { 0 }, b = { 0 }, loose = { 0 };

	pin_changes = 0;
	irq_pin_init(&pin, pin_set, NULL, 9);
	irq_line_connect(&a, &pin);
	irq_line_connect(&b, &pin);
	irq_line_set(&a, true);
	irq_line_set(&a, true);
	irq_line_set(&b, true);
	ck_assert_int_eq(pin_changes, 1);
	irq_line_set(&a, false);
	ck_assert_int_eq(pin_level, 1);
	irq_line_set(&b, false);
	irq_line_set(&b, false);
	ck_assert_int_eq(pin_level, 0);
	ck_assert_int_eq(pin_changes, 2);
	irq_line_set(&loose, true);
	irq_line_pulse(&a);
	ck_assert_int_eq(pin_level, 1);
}
END_TEST

// --- guest memory ---

struct slots { struct { bool on, readonly; uint64_t gpa, len; } s[128]; };

static int rec_map(void *arg, unsigned slot, uint64_t gpa, uint64_t len, void *hva, bool readonly, bool log_dirty)
{
	struct slots *r = arg;

	(void)hva;
	(void)log_dirty;
	ck_assert(!r->s[slot].on);
	r->s[slot].on = true;
	r->s[slot].readonly = readonly;
	r->s[slot].gpa = gpa;
	r->s[slot].len = len;
	return 0;
}

static void rec_unmap(void *arg, unsigned slot)
{
	struct slots *r = arg;

	ck_assert(r->s[slot].on);
	r->s[slot].on = false;
}

static int slot_at(const struct slots *r, uint64_t addr)
{
	for (int i = 0; i < 128; i++) {
		if (r->s[i].on && addr >= r->s[i].gpa && addr - r->s[i].gpa < r->s[i].len)
			return i;
	}
	return -1;
}

static struct gmem *mem;
static struct slots rec;

#define MIB 0x100000ull

static void make_mem(uint64_t size)
{
	struct gmem_host host = { .map = rec_map, .unmap = rec_unmap, .arg = &rec };

	memset(&rec, 0, sizeof(rec));
	ck_assert_int_eq(gmem_create(&mem, size, &host, NULL), 0);
}

START_TEST(ram_has_a_hole_for_vga_and_below_4_gib)
{
	uint8_t byte = 1;
	static const struct { uint64_t addr; bool ram; } cases[] = {
		{ 0, true }, { 0x9ffff, true }, { 0xa0000, false }, { 0xbffff, false }, { MIB, true },
		{ 0xbfffffff, true }, { 0xc0000000, false }, { 0xffffffff, false }, { 0x100000000, true },
		{ 0x17fffffff, true }, { 0x180000000, false }, { UINT64_MAX, false },
	};

	make_mem(5120 * MIB);
	ck_assert_uint_eq(gmem_low_size(mem), 3072 * MIB);
	ck_assert_uint_eq(gmem_high_size(mem), 2048 * MIB);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg((gmem_write(mem, gpa(cases[i].addr), &byte, 1) == 0) == cases[i].ram, "%llx",
			      (unsigned long long)cases[i].addr);
	gmem_destroy(mem);
}
END_TEST

START_TEST(access_that_leaves_ram_transfers_nothing)
{
	uint8_t buf[16], zero[8] = { 0 };

	make_mem(16 * MIB);
	memset(buf, 0xaa, sizeof(buf));
	ck_assert_int_eq(gmem_write(mem, gpa(16 * MIB - 8), buf, 16), -EFAULT);
	ck_assert_int_eq(gmem_read(mem, gpa(16 * MIB - 8), buf, 8), 0);
	ck_assert_mem_eq(buf, zero, 8);
	ck_assert_int_eq(gmem_read(mem, gpa(UINT64_MAX - 3), buf, 8), -EFAULT);
	ck_assert_int_eq(gmem_read(mem, gpa(0x9fffc), buf, 8), -EFAULT);
	gmem_destroy(mem);
}
END_TEST

START_TEST(iov_merges_neighbours_and_counts)
{
	struct iovec iov[2];

	make_mem(16 * MIB);
	gmem_pam_set(mem, (const uint8_t[13]){ 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3 });
	ck_assert_int_eq(gmem_iov(mem, gpa(0xc3ff0), 0x20, true, iov, 2), 1);
	ck_assert_uint_eq(iov[0].iov_len, 0x20);
	ck_assert_int_eq(gmem_iov(mem, gpa(0xa0000), 1, false, iov, 2), -EFAULT);
	ck_assert_int_eq(gmem_iov(mem, gpa(0), 1, false, iov, 0), -E2BIG);
	gmem_destroy(mem);
}
END_TEST

START_TEST(pam_decides_between_rom_and_dram)
{
	static uint8_t rom[256 * 1024] __attribute__((aligned(4096)));
	uint8_t flags[13] = { 0 }, b = 0x5a;

	memset(rom, 0xee, sizeof(rom));
	make_mem(16 * MIB);
	gmem_pam_rom(mem, rom);
	ck_assert_int_eq(gmem_read(mem, gpa(0xf0000), &b, 1), 0);
	ck_assert_uint_eq(b, 0xee);
	ck_assert_int_eq(gmem_write(mem, gpa(0xf0000), &b, 1), -EFAULT);
	ck_assert(rec.s[slot_at(&rec, 0xf0000)].readonly);
	flags[12] = GMEM_PAM_WE;
	gmem_pam_set(mem, flags);
	b = 0x11;
	gmem_pam_write(mem, gpa(0xf0000), &b, 1);
	ck_assert_int_eq(gmem_read(mem, gpa(0xf0000), &b, 1), 0);
	ck_assert_uint_eq(b, 0xee);
	flags[12] = GMEM_PAM_RE;
	gmem_pam_set(mem, flags);
	ck_assert_int_eq(gmem_read(mem, gpa(0xf0000), &b, 1), 0);
	ck_assert_uint_eq(b, 0x11);
	ck_assert(rec.s[slot_at(&rec, 0xf0000)].readonly);
	flags[12] = 3;
	gmem_pam_set(mem, flags);
	ck_assert(!rec.s[slot_at(&rec, 0xf0000)].readonly);
	ck_assert(rec.s[slot_at(&rec, 0xec000)].readonly);
	gmem_destroy(mem);
}
END_TEST

START_TEST(region_maps_moves_and_refuses_ram)
{
	struct gmem_region *r, *other;
	struct gmem_region_args args = { .name = "vram", .size = 0x10000, .log_dirty = true };
	uint64_t dirty = 0;
	uint8_t b = 7;

	make_mem(16 * MIB);
	ck_assert_int_eq(gmem_region_create(mem, &args, &r, NULL), 0);
	ck_assert_int_eq(gmem_region_create(mem, &args, &other, NULL), 0);
	ck_assert_int_eq(gmem_region_map(r, gpa(0x800000)), -EEXIST);
	ck_assert_int_eq(gmem_region_map(r, gpa(0xe0000001)), -EINVAL);
	ck_assert_int_eq(gmem_region_map(r, gpa(0xe0000000)), 0);
	ck_assert_int_eq(gmem_region_map(other, gpa(0xe000f000)), -EEXIST);
	ck_assert_int_eq(gmem_write(mem, gpa(0xe0003004), &b, 1), 0);
	ck_assert(gmem_region_dirty(r, &dirty, 1));
	ck_assert_uint_eq(dirty, 1u << 3);
	ck_assert(!gmem_region_dirty(r, &dirty, 1));
	ck_assert_int_eq(gmem_region_protect(r, true), 0);
	ck_assert(rec.s[slot_at(&rec, 0xe0000000)].readonly);
	ck_assert_int_eq(gmem_region_map(r, gpa(0xd0000000)), 0);
	ck_assert_int_eq(gmem_read(mem, gpa(0xd0003004), &b, 1), 0);
	ck_assert_uint_eq(b, 7);
	gmem_region_unmap(r);
	ck_assert_int_eq(gmem_read(mem, gpa(0xd0003004), &b, 1), -EFAULT);
	gmem_destroy(mem);
}
END_TEST

// --- fields ---

struct regs { uint8_t a; uint16_t b[3]; uint64_t c; };

static void sane(void *regs)
{
	struct regs *r = regs;

	if (r->a > 10)
		r->a = 10;
}

static const struct field list[] = { FIELD(struct regs, a), FIELD_ARRAY(struct regs, b), FIELD(struct regs, c) };
static const struct fields table = { "probe", 2, sizeof(struct regs), list, 3, sane };

START_TEST(fields_round_trip_and_are_sanitised)
{
	struct regs in = { 200, { 1, 2, 0xffff }, 0x123456789abcdefull }, out = { 0 };
	uint8_t buf[256];
	size_t n = fields_save(&table, &in, buf, sizeof(buf));

	ck_assert_uint_eq(n, fields_size(&table));
	ck_assert_uint_eq(fields_save(&table, &in, buf, n - 1), 0);
	ck_assert_int_eq(fields_load(&table, &out, buf, n, NULL), 0);
	ck_assert_uint_eq(out.a, 10);
	ck_assert_uint_eq(out.b[2], 0xffff);
	ck_assert_uint_eq(out.c, in.c);
}
END_TEST

START_TEST(fields_refuse_damage_and_leave_the_registers)
{
	struct regs in = { 1, { 2, 3, 4 }, 5 }, out = { 9, { 9, 9, 9 }, 9 };
	uint8_t buf[256], bad[256];
	size_t n = fields_save(&table, &in, buf, sizeof(buf));

	for (size_t cut = 0; cut < n; cut++)
		ck_assert_int_eq(fields_load(&table, &out, buf, cut, NULL), -EINVAL);
	for (size_t i = 0; i < n; i++) {
		memcpy(bad, buf, n);
		bad[i] ^= 0xff;
		fields_load(&table, &out, bad, n, NULL);        // any answer, no over-read
		out = (struct regs){ 9, { 9, 9, 9 }, 9 };
	}
	put_le32(buf, 3);
	ck_assert_int_eq(fields_load(&table, &out, buf, n, NULL), -EINVAL);
	ck_assert_uint_eq(out.a, 9);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bus");
	TCase *b = tcase_create("bus"), *t = tcase_create("rest");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(b, make_bus, free_bus);
	tcase_add_test(b, insert_refuses_overlap_at_each_edge);
	tcase_add_test(b, unclaimed_reads_all_ones_and_is_counted);
	tcase_add_test(b, access_across_the_end_of_a_range_is_unclaimed);
	tcase_add_test(b, wide_access_to_byte_registers_is_split_low_first);
	tcase_add_test(b, string_access_repeats_at_one_address);
	tcase_add_test(t, shared_pin_stays_up_until_the_last_line_falls);
	tcase_add_test(t, ram_has_a_hole_for_vga_and_below_4_gib);
	tcase_add_test(t, access_that_leaves_ram_transfers_nothing);
	tcase_add_test(t, iov_merges_neighbours_and_counts);
	tcase_add_test(t, pam_decides_between_rom_and_dram);
	tcase_add_test(t, region_maps_moves_and_refuses_ram);
	tcase_add_test(t, fields_round_trip_and_are_sanitised);
	tcase_add_test(t, fields_refuse_damage_and_leave_the_registers);
	suite_add_tcase(s, b);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
