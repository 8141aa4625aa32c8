// test_fw_cfg.c: the firmware configuration device: selector, data, directory, DMA, hostile requests.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>

#include "firmware_fixture.h"

#define REQUEST 0x1000u
#define TARGET  0x2000u

static struct fixture f;

static void open_fixture(void) { fixture_open(&f); }
static void close_fixture(void) { fixture_close(&f); }

// --- selector and data -------------------------------------------------------------------------------

START_TEST(signature_byte_by_byte)
{
	fixture_out(&f, 0x510, 2, FW_CFG_SIGNATURE);
	ck_assert_uint_eq(fixture_in(&f, 0x511, 1), 'Q');
	ck_assert_uint_eq(fixture_in(&f, 0x511, 1), 'E');
	ck_assert_uint_eq(fixture_in(&f, 0x511, 1), 'M');
	ck_assert_uint_eq(fixture_in(&f, 0x511, 1), 'U');
	ck_assert_uint_eq(fixture_in(&f, 0x511, 1), 0);
	ck_assert_uint_eq(fixture_in(&f, 0x511, 1), 0);
}
END_TEST

START_TEST(version_says_dma)
{
	uint8_t id[4];

	fixture_item(&f, FW_CFG_ID, id, sizeof(id));
	ck_assert_uint_eq(get_le32(id), 3);
}
END_TEST

START_TEST(unknown_items_read_zero)
{
	uint8_t data[5];

	memset(data, 0xaa, sizeof(data));
	fixture_item(&f, 0x7777, data, sizeof(data));
	for (size_t i = 0; i < sizeof(data); i++)
		ck_assert_uint_eq(data[i], 0);
	fixture_item(&f, 0x8000, data, 2);
	ck_assert_uint_eq(get_le16(data), 0);
}
END_TEST

START_TEST(string_read_over_the_end)
{
	uint8_t data[8];

	memset(data, 0xaa, sizeof(data));
	fixture_item(&f, FW_CFG_SIGNATURE, data, sizeof(data));
	ck_assert_mem_eq(data, "QEMU\0\0\0\0", 8);
}
END_TEST

START_TEST(odd_accesses_select_nothing)
{
	fixture_out(&f, 0x510, 2, FW_CFG_SIGNATURE);
	ck_assert_uint_eq(fixture_in(&f, 0x511, 1), 'Q');
	fixture_out(&f, 0x510, 1, 0x19);                // a byte does not select
	ck_assert_uint_eq(fixture_in(&f, 0x511, 1), 'E');
	ck_assert_uint_eq(fixture_in(&f, 0x510, 2), 0xffff);
	ck_assert_uint_eq(fixture_in(&f, 0x510, 1), 0xff);
	fixture_out(&f, 0x511, 1, 0x55);                // data port: read only
	ck_assert_uint_eq(fixture_in(&f, 0x511, 1), 'M');
}
END_TEST

START_TEST(machine_items)
{
	static const uint8_t uuid[16] = { 0x56, 0x4d, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 };
	const struct fw_cfg_machine machine = { 5ull << 30, 3, 5, uuid };
	uint8_t data[16];

	ck_assert_int_eq(fw_cfg_add_machine(f.fw, &machine, NULL), 0);
	fixture_item(&f, FW_CFG_RAM_SIZE, data, 8);
	ck_assert_uint_eq(get_le64(data), 5ull << 30);
	fixture_item(&f, FW_CFG_NB_CPUS, data, 2);
	ck_assert_uint_eq(get_le16(data), 3);
	fixture_item(&f, FW_CFG_MAX_CPUS, data, 2);
	ck_assert_uint_eq(get_le16(data), 5);
	fixture_item(&f, FW_CFG_IRQ0_OVERRIDE, data, 1);
	ck_assert_uint_eq(data[0], 1);
	fixture_item(&f, FW_CFG_UUID, data, 16);
	ck_assert_mem_eq(data, uuid, 16);
	ck_assert_int_lt(fw_cfg_add_machine(f.fw, &machine, NULL), 0);
}
END_TEST

// --- files -------------------------------------------------------------------------------------------

START_TEST(directory_is_sorted)
{
	uint8_t dir[4 + 3 * 64];

	ck_assert_int_eq(fw_cfg_add_file(f.fw, "etc/zebra", "z", 1), 0);
	ck_assert_int_eq(fw_cfg_add_file(f.fw, "bootorder", "abc", 3), 0);
	ck_assert_int_eq(fw_cfg_add_file(f.fw, "etc/e820", "", 0), 0);
	fixture_item(&f, FW_CFG_FILE_DIR, dir, sizeof(dir));
	ck_assert_uint_eq(get_be32(dir), 3);
	ck_assert_str_eq((char *)dir + 4 + 8, "bootorder");
	ck_assert_uint_eq(get_be32(dir + 4), 3);
	ck_assert_uint_eq(get_be16(dir + 4 + 4), 0x21);
	ck_assert_uint_eq(get_be16(dir + 4 + 6), 0);
	ck_assert_str_eq((char *)dir + 4 + 64 + 8, "etc/e820");
	ck_assert_str_eq((char *)dir + 4 + 128 + 8, "etc/zebra");
}
END_TEST

START_TEST(file_content_comes_back)
{
	static uint8_t big[70000];
	size_t len = 0;
	uint8_t *data;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7 + i / 256);
	ck_assert_int_eq(fw_cfg_add_file(f.fw, "big", big, sizeof(big)), 0);
	ck_assert_int_eq(fw_cfg_add_file_int(f.fw, "etc/number", 4, 0x12345678), 0);
	data = fixture_file(&f, "big", &len);
	ck_assert_uint_eq(len, sizeof(big));
	ck_assert_mem_eq(data, big, sizeof(big));
	free(data);
	data = fixture_file(&f, "etc/number", &len);
	ck_assert_uint_eq(len, 4);
	ck_assert_uint_eq(get_le32(data), 0x12345678);
	free(data);
}
END_TEST

START_TEST(bad_files_are_refused)
{
	char name[FW_CFG_FILE_NAME + 1];

	memset(name, 'n', sizeof(name));
	name[FW_CFG_FILE_NAME] = '\0';
	ck_assert_int_eq(fw_cfg_add_file(f.fw, name, "x", 1), -EINVAL);
	name[FW_CFG_FILE_NAME - 1] = '\0';
	ck_assert_int_eq(fw_cfg_add_file(f.fw, name, "x", 1), 0);
	ck_assert_int_eq(fw_cfg_add_file(f.fw, name, "x", 1), -EEXIST);
	ck_assert_int_eq(fw_cfg_add_file(f.fw, "", "x", 1), -EINVAL);
	ck_assert_int_eq(fw_cfg_add_item(f.fw, FW_CFG_FILE_FIRST, "x", 1), -EINVAL);
	ck_assert_int_eq(fw_cfg_add_item(f.fw, FW_CFG_SIGNATURE, "x", 1), -EEXIST);
	ck_assert_int_eq(fw_cfg_add_file(f.fw, "huge", "x", (size_t)FW_CFG_ITEM_MAX + 1), -E2BIG);
}
END_TEST

START_TEST(directory_fills_up)
{
	char name[32];
	int r = 0;

	for (unsigned i = 0; i < FW_CFG_FILES_MAX && r == 0; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		r = fw_cfg_add_file(f.fw, name, name, 2);
	}
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(fw_cfg_add_file(f.fw, "one more", "x", 1), -ENOSPC);
}
END_TEST

// --- DMA ---------------------------------------------------------------------------------------------

static void write_request(uint32_t control, uint32_t length, uint64_t address)
{
	uint8_t req[16];

	put_be32(req, control);
	put_be32(req + 4, length);
	put_be64(req + 8, address);
	ck_assert_int_eq(gmem_write(f.platform.mem, gpa(REQUEST), req, sizeof(req)), 0);
}

static uint32_t request_outcome(uint64_t addr)
{
	uint8_t control[4];

	ck_assert_int_eq(gmem_read(f.platform.mem, gpa(addr), control, sizeof(control)), 0);
	return get_be32(control);
}

static uint32_t dma(uint32_t control, uint32_t length, uint64_t address)
{
	write_request(control, length, address);
	fixture_out(&f, 0x518, 4, htobe32(REQUEST));
	return request_outcome(REQUEST);
}

START_TEST(dma_signature)
{
	ck_assert_uint_eq(fixture_in(&f, 0x514, 4), get_le32("QEMU"));
	ck_assert_uint_eq(fixture_in(&f, 0x518, 4), get_le32(" CFG"));
	ck_assert_uint_eq(fixture_in(&f, 0x51b, 1), 'G');
}
END_TEST

START_TEST(dma_reads_and_pads)
{
	uint8_t data[8];

	memset(data, 0xaa, sizeof(data));
	ck_assert_int_eq(gmem_write(f.platform.mem, gpa(TARGET), data, sizeof(data)), 0);
	ck_assert_uint_eq(dma(FW_CFG_DMA_SELECT | FW_CFG_DMA_READ | FW_CFG_SIGNATURE << 16, 6, TARGET), 0);
	ck_assert_int_eq(gmem_read(f.platform.mem, gpa(TARGET), data, sizeof(data)), 0);
	ck_assert_mem_eq(data, "QEMU\0\0\xaa\xaa", 8);
}
END_TEST

START_TEST(dma_skips_and_continues)
{
	uint8_t data[2];

	ck_assert_uint_eq(dma(FW_CFG_DMA_SELECT | FW_CFG_SIGNATURE << 16, 0, 0), 0);
	ck_assert_uint_eq(dma(FW_CFG_DMA_SKIP, 2, 0), 0);
	ck_assert_uint_eq(dma(FW_CFG_DMA_READ, 1, TARGET), 0);
	ck_assert_int_eq(gmem_read(f.platform.mem, gpa(TARGET), data, 1), 0);
	ck_assert_uint_eq(data[0], 'M');
	ck_assert_uint_eq(fixture_in(&f, 0x511, 1), 'U');
	ck_assert_uint_eq(dma(FW_CFG_DMA_SKIP, 0xffffff, 0), 0);
	ck_assert_uint_eq(fixture_in(&f, 0x511, 1), 0);
}
END_TEST

START_TEST(dma_errors)
{
	uint8_t data[4];

	// Writing, too much, over the end of memory, wrapping around, into nothing.
	ck_assert_uint_eq(dma(FW_CFG_DMA_WRITE, 4, TARGET), FW_CFG_DMA_ERROR);
	ck_assert_int_eq(gmem_write(f.platform.mem, gpa(TARGET), "keep", 4), 0);
	ck_assert_uint_eq(dma(FW_CFG_DMA_READ, FW_CFG_DMA_MAX + 1, TARGET), FW_CFG_DMA_ERROR);
	ck_assert_int_eq(gmem_read(f.platform.mem, gpa(TARGET), data, 4), 0);
	ck_assert_mem_eq(data, "keep", 4);
	ck_assert_uint_eq(dma(FW_CFG_DMA_READ, 16, FIXTURE_RAM - 8), FW_CFG_DMA_ERROR);
	ck_assert_uint_eq(dma(FW_CFG_DMA_READ, 16, UINT64_MAX - 4), FW_CFG_DMA_ERROR);
	ck_assert_uint_eq(dma(FW_CFG_DMA_READ, 16, 0xc0000000), FW_CFG_DMA_ERROR);
	ck_assert_uint_eq(dma(FW_CFG_DMA_READ, 0, 0xc0000000), 0);
	ck_assert_uint_eq(dma(0, 0xffffffff, UINT64_MAX), 0);
	ck_assert_uint_eq(dma(FW_CFG_DMA_SKIP, 0xffffffff, UINT64_MAX), 0);
}
END_TEST

START_TEST(dma_request_anywhere)
{
	// The request itself may be nowhere: then nobody can be told, and nothing happens.
	fixture_out(&f, 0x518, 4, 0xffffffff);
	fixture_out(&f, 0x514, 4, 0xffffffff);
	fixture_out(&f, 0x518, 4, 0xffffffff);
	// The high half counts, once.
	write_request(FW_CFG_DMA_READ, 0, 0);
	fixture_out(&f, 0x514, 4, htobe32(1));
	fixture_out(&f, 0x518, 4, htobe32(REQUEST));
	ck_assert_uint_eq(request_outcome(REQUEST), FW_CFG_DMA_READ);
	fixture_out(&f, 0x518, 4, htobe32(REQUEST));
	ck_assert_uint_eq(request_outcome(REQUEST), 0);
}
END_TEST

START_TEST(dma_takes_dwords_only)
{
	write_request(FW_CFG_DMA_READ, 0, 0);
	for (uint16_t port = 0x518; port < 0x51c; port++)
		fixture_out(&f, port, 1, (uint8_t)(REQUEST >> (8 * (0x51b - port))));
	ck_assert_uint_eq(request_outcome(REQUEST), FW_CFG_DMA_READ);
}
END_TEST

// --- state -------------------------------------------------------------------------------------------

START_TEST(reset_forgets_the_selection)
{
	fixture_out(&f, 0x510, 2, FW_CFG_ID);
	ck_assert_uint_eq(fixture_in(&f, 0x511, 1), 3);
	fw_cfg_class.reset(f.fw);
	ck_assert_uint_eq(fixture_in(&f, 0x511, 1), 'Q');
}
END_TEST

START_TEST(restore_any_registers)
{
	struct fw_cfg_regs *regs = fw_cfg_class.regs(f.fw);
	uint8_t saved[256];
	size_t n;

	fixture_out(&f, 0x510, 2, FW_CFG_SIGNATURE);
	fixture_in(&f, 0x511, 1);
	n = fields_save(&fw_cfg_fields, regs, saved, sizeof(saved));
	ck_assert_uint_gt(n, 0);
	fixture_out(&f, 0x510, 2, FW_CFG_ID);
	ck_assert_int_eq(fields_load(&fw_cfg_fields, regs, saved, n, NULL), 0);
	ck_assert_uint_eq(fixture_in(&f, 0x511, 1), 'E');
	regs->selector = 0xffff;
	regs->offset = UINT32_MAX;
	ck_assert_uint_eq(fixture_in(&f, 0x511, 1), 0);
	regs->selector = FW_CFG_SIGNATURE;
	ck_assert_uint_eq(fixture_in(&f, 0x511, 1), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fw_cfg");
	TCase *tc = tcase_create("device");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, open_fixture, close_fixture);
	tcase_add_test(tc, signature_byte_by_byte);
	tcase_add_test(tc, version_says_dma);
	tcase_add_test(tc, unknown_items_read_zero);
	tcase_add_test(tc, string_read_over_the_end);
	tcase_add_test(tc, odd_accesses_select_nothing);
	tcase_add_test(tc, machine_items);
	tcase_add_test(tc, directory_is_sorted);
	tcase_add_test(tc, file_content_comes_back);
	tcase_add_test(tc, bad_files_are_refused);
	tcase_add_test(tc, directory_fills_up);
	tcase_add_test(tc, dma_signature);
	tcase_add_test(tc, dma_reads_and_pads);
	tcase_add_test(tc, dma_skips_and_continues);
	tcase_add_test(tc, dma_errors);
	tcase_add_test(tc, dma_request_anywhere);
	tcase_add_test(tc, dma_takes_dwords_only);
	tcase_add_test(tc, reset_forgets_the_selection);
	tcase_add_test(tc, restore_any_registers);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
