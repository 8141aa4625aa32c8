// test_dma8237.c: registers and transfers of the DMA controllers.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <string.h>

#include "hw/chipset/dma8237.h"
#include "hw/chipset/dma8237_core.h"
#include "legacy_rig.h"

static struct rig rig;
static struct dma8237 *dma;

static void open_dma(void)
{
	rig_open(&rig);
	ck_assert_int_eq(dma8237_create(&rig.platform, &dma, NULL), 0);
	rig_out(&rig, 0xd6, 0xc0);              // channel 4: cascade, open
	rig_out(&rig, 0xd4, 0x00);
}

static void close_dma(void)
{
	dma8237_class.destroy(dma);
	rig_close(&rig);
}

static void out(uint16_t port, uint8_t v) { rig_out(&rig, port, v); }
static uint8_t in(uint16_t port) { return rig_in(&rig, port); }

// A 16-bit register behind the flip-flop: low byte first.
static unsigned in_word(uint16_t port)
{
	unsigned low = in(port);

	return low | (unsigned)in(port) << 8;
}

// Programs channel 2 (floppy): MODE without the channel bits.
static void program(uint32_t addr, uint16_t count, uint8_t mode)
{
	out(0x0a, 0x06);
	out(0x0c, 0);
	out(0x04, (uint8_t)addr);
	out(0x04, (uint8_t)(addr >> 8));
	out(0x81, (uint8_t)(addr >> 16));
	out(0x05, (uint8_t)count);
	out(0x05, (uint8_t)(count >> 8));
	out(0x0b, mode | 2);
	out(0x0a, 0x02);
}

START_TEST(address_and_count_go_through_the_flip_flop)
{
	static const uint16_t first[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };

	for (unsigned i = 0; i < 8; i++) {
		out(0x0c, 0);
		out(first[i], (uint8_t)(0x10 + i));
		out(first[i], (uint8_t)(0x20 + i));
		out(0xd8, 0);
		out((uint16_t)(0xc0 + 2 * i), (uint8_t)(0x30 + i));
		out((uint16_t)(0xc0 + 2 * i), (uint8_t)(0x40 + i));
	}
	for (unsigned i = 0; i < 8; i++) {
		ck_assert_uint_eq(in(first[i]), 0x10 + i);
		ck_assert_uint_eq(in(first[i]), 0x20 + i);
		ck_assert_uint_eq(in((uint16_t)(0xc0 + 2 * i)), 0x30 + i);
		ck_assert_uint_eq(in((uint16_t)(0xc1 + 2 * i)), 0x40 + i);
	}
	in(0x00);
	out(0x0c, 0);                           // clears the flip-flop again
	ck_assert_uint_eq(in(0x00), 0x10);
}
END_TEST

START_TEST(page_registers_and_post_code)
{
	for (uint16_t i = 0; i < 16; i++)
		out((uint16_t)(0x80 + i), (uint8_t)(0xa0 + i));
	for (uint16_t i = 0; i < 16; i++)
		ck_assert_uint_eq(in((uint16_t)(0x80 + i)), 0xa0 + i);
	ck_assert_uint_eq(dma8237_post_code(dma), 0xa0);
	dma8237_class.reset(dma);
	ck_assert_uint_eq(in(0x81), 0);
}
END_TEST

START_TEST(masks_and_status)
{
	dma8237_class.reset(dma);
	ck_assert_uint_eq(in(0x0f) & 15, 15);
	out(0x0a, 0x02);
	ck_assert_uint_eq(in(0x0f) & 15, 11);
	out(0x0e, 0);
	ck_assert_uint_eq(in(0x0f) & 15, 0);
	out(0x0f, 5);
	ck_assert_uint_eq(in(0x0f) & 15, 5);
	dma8237_request(dma, 1, true);
	out(0x09, 0x07);
	ck_assert_uint_eq(in(0x08), 0xa0);
	dma8237_request(dma, 1, false);
	ck_assert_uint_eq(in(0x08), 0x80);
	out(0x0d, 0);
	ck_assert_uint_eq(in(0x08), 0);
	ck_assert_uint_eq(in(0x0f) & 15, 15);
	ck_assert_uint_eq(in(0x0d), 0);
}
END_TEST

START_TEST(device_writes_memory_and_reaches_terminal_count)
{
	uint8_t buf[600], mem[600];
	struct dma_result r;

	memset(buf, 0x5a, sizeof(buf));
	program(0x123400, 511, 0x44);
	r = dma8237_transfer(dma, 2, DMA_FROM_DEVICE, buf, 100);
	ck_assert_uint_eq(r.bytes, 100);
	ck_assert(!r.terminal_count);
	ck_assert_uint_eq(in_word(0x04), 0x3464);
	ck_assert_uint_eq(in_word(0x05), 411);
	r = dma8237_transfer(dma, 2, DMA_FROM_DEVICE, buf + 100, 500);
	ck_assert_uint_eq(r.bytes, 412);
	ck_assert(r.terminal_count);
	ck_assert_uint_eq(in(0x08), 0x04);
	ck_assert_uint_eq(in(0x08), 0x00);
	ck_assert_uint_eq(in(0x0f) & 4, 4);     // masked itself
	ck_assert_int_eq(gmem_read(rig.platform.mem, gpa(0x123400), mem, 512), 0);
	ck_assert_mem_eq(mem, buf, 512);
	ck_assert_uint_eq(dma8237_transfer(dma, 2, DMA_FROM_DEVICE, buf, 10).bytes, 0);
}
END_TEST

START_TEST(memory_goes_to_the_device_and_auto_init_starts_over)
{
	uint8_t buf[8] = { 0 };
	struct dma_result r;

	ck_assert_int_eq(gmem_write(rig.platform.mem, gpa(0x20000), "abcd", 4), 0);
	program(0x20000, 3, 0x58);
	for (unsigned i = 0; i < 3; i++) {
		r = dma8237_transfer(dma, 2, DMA_TO_DEVICE, buf, sizeof(buf));
		ck_assert_uint_eq(r.bytes, 4);
		ck_assert(r.terminal_count);
		ck_assert_mem_eq(buf, "abcd", 4);
	}
}
END_TEST

START_TEST(address_wraps_in_its_64_kib_and_counts_down)
{
	uint8_t buf[4] = "wxyz", mem[2];

	program(0x2fffe, 3, 0x44);
	ck_assert_uint_eq(dma8237_transfer(dma, 2, DMA_FROM_DEVICE, buf, 4).bytes, 4);
	gmem_read(rig.platform.mem, gpa(0x2fffe), mem, 2);
	ck_assert_mem_eq(mem, "wx", 2);
	gmem_read(rig.platform.mem, gpa(0x20000), mem, 2);
	ck_assert_mem_eq(mem, "yz", 2);
	program(0x30001, 1, 0x64);
	ck_assert_uint_eq(dma8237_transfer(dma, 2, DMA_FROM_DEVICE, buf, 4).bytes, 2);
	gmem_read(rig.platform.mem, gpa(0x30000), mem, 2);
	ck_assert_mem_eq(mem, "xw", 2);
}
END_TEST

START_TEST(word_channels_shift_the_address)
{
	uint8_t buf[6] = "QRSTU", mem[4];
	struct dma_result r;

	out(0xd8, 0);
	out(0xc4, 0x00);
	out(0xc4, 0x80);
	out(0x8b, 0x05);                        // bit 0 of the page is not wired
	out(0xc6, 0x01);
	out(0xc6, 0x00);
	out(0xd6, 0x45);
	out(0xd4, 0x01);
	r = dma8237_transfer(dma, 5, DMA_FROM_DEVICE, buf, 5);
	ck_assert_uint_eq(r.bytes, 4);
	ck_assert(r.terminal_count);
	gmem_read(rig.platform.mem, gpa(0x50000), mem, 4);
	ck_assert_mem_eq(mem, "QRST", 4);
}
END_TEST

START_TEST(nothing_moves_when_it_must_not)
{
	uint8_t buf[4] = { 1, 2, 3, 4 };

	program(0x1000, 3, 0x44);
	ck_assert_uint_eq(dma8237_transfer(dma, 2, DMA_TO_DEVICE, buf, 4).bytes, 0);
	ck_assert_uint_eq(dma8237_transfer(dma, 4, DMA_TO_DEVICE, buf, 4).bytes, 0);
	ck_assert_uint_eq(dma8237_transfer(dma, 8, DMA_TO_DEVICE, buf, 4).bytes, 0);
	ck_assert_uint_eq(dma8237_transfer(dma, ~0u, DMA_TO_DEVICE, buf, 4).bytes, 0);
	out(0x08, DMA_COMMAND_DISABLE);
	ck_assert_uint_eq(dma8237_transfer(dma, 2, DMA_FROM_DEVICE, buf, 4).bytes, 0);
	out(0x08, 0);
	out(0xd4, 0x04);                        // the cascade is closed
	ck_assert_uint_eq(dma8237_transfer(dma, 2, DMA_FROM_DEVICE, buf, 4).bytes, 0);
	out(0xd4, 0x00);
	ck_assert_uint_eq(dma8237_transfer(dma, 2, DMA_FROM_DEVICE, buf, 4).bytes, 4);
	program(0x1000, 3, 0xc4);
	ck_assert_uint_eq(dma8237_transfer(dma, 2, DMA_FROM_DEVICE, buf, 4).bytes, 0);
}
END_TEST

START_TEST(missing_memory_reads_ones)
{
	uint8_t buf[4] = { 0 };

	program(0xa0000, 3, 0x48);
	ck_assert_uint_eq(dma8237_transfer(dma, 2, DMA_TO_DEVICE, buf, 4).bytes, 4);
	ck_assert_mem_eq(buf, "\xff\xff\xff\xff", 4);
	program(0xa0000, 3, 0x44);
	ck_assert_uint_eq(dma8237_transfer(dma, 2, DMA_FROM_DEVICE, buf, 4).bytes, 4);
}
END_TEST

START_TEST(verify_counts_without_touching_memory)
{
	uint8_t buf[4] = { 9, 9, 9, 9 }, mem[4];

	program(0x1000, 3, 0x40);
	ck_assert(dma8237_transfer(dma, 2, DMA_FROM_DEVICE, buf, 4).terminal_count);
	gmem_read(rig.platform.mem, gpa(0x1000), mem, 4);
	ck_assert_mem_eq(mem, "\0\0\0\0", 4);
}
END_TEST

START_TEST(registers_save_and_restore)
{
	uint8_t buf[1024];
	struct dma8237_regs other;
	size_t n;

	program(0x123456, 77, 0x44);
	n = fields_save(&dma8237_fields, dma8237_class.regs(dma), buf, sizeof(buf));
	ck_assert_uint_gt(n, 0);
	memset(&other, 0, sizeof(other));
	ck_assert_int_eq(fields_load(&dma8237_fields, &other, buf, n, NULL), 0);
	ck_assert_mem_eq(&other, dma8237_class.regs(dma), sizeof(other));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dma8237");
	TCase *t = tcase_create("dma");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, open_dma, close_dma);
	tcase_add_test(t, address_and_count_go_through_the_flip_flop);
	tcase_add_test(t, page_registers_and_post_code);
	tcase_add_test(t, masks_and_status);
	tcase_add_test(t, device_writes_memory_and_reaches_terminal_count);
	tcase_add_test(t, memory_goes_to_the_device_and_auto_init_starts_over);
	tcase_add_test(t, address_wraps_in_its_64_kib_and_counts_down);
	tcase_add_test(t, word_channels_shift_the_address);
	tcase_add_test(t, nothing_moves_when_it_must_not);
	tcase_add_test(t, missing_memory_reads_ones);
	tcase_add_test(t, verify_counts_without_touching_memory);
	tcase_add_test(t, registers_save_and_restore);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
