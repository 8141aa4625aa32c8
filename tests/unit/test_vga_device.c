// test_vga_device.c: the adapter on buses, PCI, guest memory and a loop: who is woken when.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/loop.h"
#include "hw/display/vga.h"

#define LFB 0xe8000000u
#define VRAM (4u << 20)
#define DEVFN (0x0f << 3)
#define MS 1000000ull

static struct loop *loop;
static struct vclock vclock;
static struct bus *ports, *mmio;
static struct gmem *mem;
static struct console con;
static struct pci_root *root;
static struct platform platform;
static struct vga *vga;
static struct loop_timer stopper;

// A KVM that remembers one thing: how BAR1 is mapped, and which page of it is dirty.
static struct { bool mapped, readonly; unsigned slot, dirty_page, maps, dirty_calls; uint8_t *hva; } kvm;

static int kvm_map(void *arg, unsigned slot, uint64_t addr, uint64_t len, void *hva, bool readonly,
		   bool log_dirty)
{
	if (addr != LFB)
		return 0;
	kvm.mapped = true;
	kvm.readonly = readonly;
	kvm.slot = slot;
	kvm.hva = hva;
	kvm.maps++;
	ck_assert(log_dirty);
	ck_assert_uint_eq(len, VRAM);
	return 0;
}

static void kvm_unmap(void *arg, unsigned slot)
{
	if (kvm.mapped && slot == kvm.slot)
		kvm.mapped = false;
}

static int kvm_dirty(void *arg, unsigned slot, uint64_t *bitmap, size_t words)
{
	kvm.dirty_calls++;
	if (kvm.dirty_page)
		bitmap[kvm.dirty_page / 64] |= 1ull << (kvm.dirty_page % 64);
	kvm.dirty_page = 0;
	return 0;
}

static unsigned changes;
static void on_resized(void *arg, const struct console_surface *s) { }
static void on_changed(void *arg, struct console_rect r) { changes++; }
static struct console_viewer viewer = { .resized = on_resized, .changed = on_changed };

static struct irq_pin *no_link(void *arg, unsigned link) { return NULL; }
static void no_msi(void *arg, uint64_t address, uint32_t data) { }
static void on_stop(void *arg) { loop_stop(loop); }

static void run_for(uint64_t ns)
{
	loop_timer_set(&stopper, loop_now() + ns);
	ck_assert_int_eq(loop_run(loop), 0);
}

// Until the idle screen has closed its memory: half a second when nothing else runs, longer on a busy machine.
static void run_until_closed(void)
{
	for (unsigned i = 0; i < 200 && !kvm.readonly; i++)
		run_for(50 * MS);
	ck_assert(kvm.readonly);
}

static void run_until_changed(unsigned before)
{
	for (unsigned i = 0; i < 200 && changes <= before; i++)
		run_for(20 * MS);
	ck_assert_uint_gt(changes, before);
}

static void setup(void)
{
	struct gmem_host host = { .map = kvm_map, .unmap = kvm_unmap, .dirty = kvm_dirty };
	struct pci_root_host pci_host = { .link = no_link, .msi = { .send = no_msi } };
	struct vga_args args = { .devfn = DEVFN, .vram = VRAM };
	struct err err = { 0 };

	memset(&kvm, 0, sizeof(kvm));
	changes = 0;
	ck_assert_int_eq(loop_create(&loop, "test", 64, &err), 0);
	vclock_init(&vclock, loop);
	ck_assert_int_eq(bus_create(&ports, "ports", 0xffff, &err), 0);
	ck_assert_int_eq(bus_create(&mmio, "mmio", (1ull << 40) - 1, &err), 0);
	ck_assert_int_eq(gmem_create(&mem, 32 << 20, &host, &err), 0);
	ck_assert_int_eq(console_init(&con), 0);
	console_add_viewer(&con, &viewer);
	pci_host.ports = ports;
	pci_host.mmio = mmio;
	pci_host.mem = mem;
	ck_assert_int_eq(pci_root_create(&root, &pci_host, &err), 0);
	platform = (struct platform){.loop = loop,
				     .clock = &vclock,
				     .ports = ports,
				     .mmio = mmio,
				     .mem = mem,
				     .pci = root,
				     .console = &con};
	args.bus = pci_root_bus(root);
	ck_assert_int_eq(vga_create(&platform, &args, &vga, &err), 0);
	loop_timer_init(&stopper, loop, on_stop, NULL);
}

static void teardown(void)
{
	vga_class.destroy(vga);
	pci_root_destroy(root);
	console_destroy(&con);
	gmem_destroy(mem);
	bus_destroy(mmio);
	bus_destroy(ports);
	loop_destroy(loop);
}

static void out8(uint16_t port, uint8_t v) { ck_assert(bus_write(ports, port, &v, 1)); }
static void out16(uint16_t port, uint16_t v) { ck_assert(bus_write(ports, port, &v, 2)); }

static uint32_t in_n(uint16_t port, size_t n)
{
	uint32_t v = 0;

	bus_read(ports, port, &v, n);
	return v;
}

static uint32_t cfg(unsigned off, unsigned size) { return pci_config_read(root, 0, DEVFN, off, size); }

static void map_lfb(void)
{
	pci_config_write(root, 0, DEVFN, 0x14, 4, LFB);
	pci_config_write(root, 0, DEVFN, 0x04, 2, 3);
	ck_assert(kvm.mapped);
}

static void vbe(uint16_t index, uint16_t v)
{
	out16(0x1ce, index);
	out16(0x1cf, v);
}

static void mode_1024(void)
{
	map_lfb();
	vbe(3, 32);
	vbe(1, 1024);
	vbe(2, 768);
	vbe(4, 0x41);
	in_n(0x3da, 1);
	out8(0x3c0, 0x20);
}

START_TEST(pci_function_as_vmware_has_it)
{
	ck_assert_uint_eq(cfg(0, 4), 0x040515ad);
	ck_assert_uint_eq(cfg(8, 4), 0x03000000);
	ck_assert_uint_eq(cfg(0x2c, 4), 0x040515ad);
	ck_assert_uint_eq(cfg(0x3d, 1), 1);
	ck_assert_uint_eq(cfg(0x34, 1), 0x40);
	ck_assert_uint_eq(cfg(0x40, 4), 0x00004409);
	ck_assert_uint_eq(cfg(0x44, 4), 0x03060013);
	for (unsigned i = 0; i < 3; i++)
		pci_config_write(root, 0, DEVFN, 0x10 + 4 * i, 4, 0xffffffff);
	ck_assert_uint_eq(cfg(0x10, 4), 0xfffffff1);
	ck_assert_uint_eq(cfg(0x14, 4), 0xf8000008);
	ck_assert_uint_eq(cfg(0x18, 4), 0xff800000);
}
END_TEST

START_TEST(function_level_reset)
{
	mode_1024();
	ck_assert_uint_ne(cfg(0x14, 4), 0x00000008);
	pci_config_write(root, 0, DEVFN, 0x48, 1, 1);
	ck_assert_uint_eq(cfg(0x14, 4), 0x00000008);
	ck_assert_uint_eq(cfg(4, 2), 0);
	out16(0x1ce, 4);
	ck_assert_uint_eq(in_n(0x1cf, 2) & 1, 0);       // VBE is off
}
END_TEST

START_TEST(vbe_ports_take_words_at_any_place)
{
	out16(0x1ce, 1);
	out16(0x1cf, 800);
	ck_assert_uint_eq(in_n(0x1ce, 2), 1);
	ck_assert_uint_eq(in_n(0x1cf, 2), 800);
	ck_assert_uint_eq(in_n(0x1d0, 2), 800);
	ck_assert_uint_eq(in_n(0x1ce, 4), 800u << 16 | 1);
	ck_assert_uint_eq(in_n(0x1cd, 2), 0x01ff);
	ck_assert_uint_eq(in_n(0x1ce, 1), 1);
	out16(0x1d0, 640);
	ck_assert_uint_eq(in_n(0x1cf, 2), 640);
	out16(0x1cd, 0xffff);           // straddles: changes nothing
	ck_assert_uint_eq(in_n(0x1ce, 2), 1);
}
END_TEST

START_TEST(vga_ports_take_index_and_data_in_one_word)
{
	out16(0x3c4, 0x0f02);
	ck_assert_uint_eq(in_n(0x3c4, 2), 0x0f02);
	ck_assert_uint_eq(in_n(0x3bc, 1), 0xff);
}
END_TEST

START_TEST(svga_registers_decline)
{
	uint32_t v = 0;

	pci_config_write(root, 0, DEVFN, 0x10, 4, 0x1070);
	pci_config_write(root, 0, DEVFN, 0x04, 2, 1);
	ck_assert(bus_write(ports, 0x1070, &v, 4));
	v = 0x90000002;
	ck_assert(bus_write(ports, 0x1071, &v, 4));
	ck_assert_uint_eq(in_n(0x1071, 4), 0);
	v = 17;
	ck_assert(bus_write(ports, 0x1070, &v, 4));
	ck_assert_uint_eq(in_n(0x1070, 4), 17);
}
END_TEST

START_TEST(window_behind_memory_reads_ones)
{
	uint64_t wide = 0;
	uint32_t v = 0;

	map_lfb();
	ck_assert(bus_read(mmio, LFB + VRAM, &v, 4));
	ck_assert_uint_eq(v, 0xffffffff);
	ck_assert(bus_write(mmio, LFB + (128u << 20) - 8, &wide, 8));
	ck_assert(!bus_read(mmio, LFB + (128u << 20), &v, 4));
	ck_assert_int_eq(gmem_write(mem, gpa(LFB + 16), "abcd", 4), 0);
	ck_assert(bus_read(mmio, LFB + 16, &v, 4));
	ck_assert_mem_eq(&v, "abcd", 4);
}
END_TEST

START_TEST(nobody_watching_means_no_work)
{
	unsigned calls;

	mode_1024();
	calls = kvm.dirty_calls;
	kvm.dirty_page = 3;
	kvm.hva[3 * 4096] = 0xff;
	out8(0x3c6, 0x7f);
	run_for(120 * MS);
	ck_assert_uint_eq(kvm.dirty_calls, calls);
	ck_assert_uint_eq(changes, 0);
	ck_assert(!kvm.readonly);
	// A screenshot still sees it.
	console_refresh(&con);
	ck_assert_uint_eq(con.surface.width, 1024);
	ck_assert_uint_eq(con.surface.pixels[3 * 1024], 0xff);
}
END_TEST

START_TEST(idle_screen_closes_memory_and_a_write_opens_it)
{
	unsigned calls, before;
	uint32_t v = 0xabcdef;

	mode_1024();
	console_watch(&con, true);
	run_until_closed();
	ck_assert(kvm.mapped);
	calls = kvm.dirty_calls;
	changes = 0;
	run_for(200 * MS);
	ck_assert_uint_eq(kvm.dirty_calls, calls);      // the timer stands still
	ck_assert_uint_eq(changes, 0);

	ck_assert(bus_write(mmio, LFB + 4096 + 8, &v, 4));
	ck_assert(!kvm.readonly);
	ck_assert_uint_eq(get_le32(kvm.hva + 4096 + 8), 0xabcdef);
	run_until_changed(0);
	ck_assert_uint_eq(con.surface.pixels[1024 + 2], 0xabcdef);

	// While it is open the log tells.
	before = changes;
	kvm.hva[7 * 4096] = 0x12;
	kvm.dirty_page = 7;
	run_until_changed(before);
	ck_assert_uint_eq(con.surface.pixels[7 * 1024], 0x12);

	console_watch(&con, false);
	ck_assert(!kvm.readonly);
	calls = kvm.dirty_calls;
	run_for(100 * MS);
	ck_assert_uint_eq(kvm.dirty_calls, calls);
}
END_TEST

START_TEST(trapped_writes_start_the_timer)
{
	console_watch(&con, true);
	run_for(100 * MS);
	// Screen on in a mode that the reset left: 8 dots wide; any size will do.
	out16(0x3d4, 0x8017);
	in_n(0x3da, 1);
	out8(0x3c0, 0x20);
	for (unsigned i = 0; i < 200 && con.surface.width == 720; i++)
		run_for(20 * MS);
	ck_assert_uint_ne(con.surface.width, 720);
}
END_TEST

START_TEST(moving_the_bar_opens_memory)
{
	mode_1024();
	console_watch(&con, true);
	run_until_closed();
	pci_config_write(root, 0, DEVFN, 0x04, 2, 1);   // memory decoding off
	ck_assert(!kvm.mapped);
	pci_config_write(root, 0, DEVFN, 0x04, 2, 3);
	ck_assert(kvm.mapped);
	// Closed memory must not come back without somebody who opens it.
	run_until_closed();
	vga_class.reset(vga);
	ck_assert(!kvm.mapped);
	map_lfb();
	ck_assert(!kvm.readonly);
	vga_class.stop(vga);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vga-device");
	TCase *t = tcase_create("vga-device");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, pci_function_as_vmware_has_it);
	tcase_add_test(t, function_level_reset);
	tcase_add_test(t, vbe_ports_take_words_at_any_place);
	tcase_add_test(t, vga_ports_take_index_and_data_in_one_word);
	tcase_add_test(t, svga_registers_decline);
	tcase_add_test(t, window_behind_memory_reads_ones);
	tcase_add_test(t, nobody_watching_means_no_work);
	tcase_add_test(t, idle_screen_closes_memory_and_a_write_opens_it);
	tcase_add_test(t, trapped_writes_start_the_timer);
	tcase_add_test(t, moving_the_bar_opens_memory);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
