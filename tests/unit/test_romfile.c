// test_romfile.c: firmware images found, checked, laid out; the firmware's debug port.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "firmware_fixture.h"
#include "hw/firmware/debugcon.h"
#include "hw/firmware/romfile.h"

static char folder[] = "/tmp/berth-romfile-XXXXXX";
static char bios_path[64], vga_path[64];
static uint8_t bios[FIRMWARE_BIOS_MAX], vga[1024];

static void store(const char *path, const void *data, size_t len)
{
	FILE *out = fopen(path, "w");

	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(data, 1, len, out), len);
	ck_assert_int_eq(fclose(out), 0);
}

static void store_vga(void)
{
	uint8_t sum = 0;

	vga[6] = 0;
	for (size_t i = 0; i < sizeof(vga); i++)
		sum = (uint8_t)(sum + vga[i]);
	vga[6] = (uint8_t)-sum;
	store(vga_path, vga, sizeof(vga));
}

static void make_images(void)
{
	strcpy(folder, "/tmp/berth-romfile-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(bios_path, sizeof(bios_path), "%s/bios", folder);
	snprintf(vga_path, sizeof(vga_path), "%s/vga", folder);
	for (size_t i = 0; i < sizeof(bios); i++)
		bios[i] = (uint8_t)(i >> 12);
	bios[sizeof(bios) - 16] = 0xea;
	store(bios_path, bios, sizeof(bios));
	memset(vga, 0, sizeof(vga));
	memcpy(vga, "\x55\xaa\x02", 3);
	put_le16(vga + 0x18, 0x40);
	memcpy(vga + 0x40, "PCIR\xad\x15\x05\x04", 8);
	store_vga();
}

static void remove_images(void)
{
	unlink(bios_path);
	unlink(vga_path);
	rmdir(folder);
}

static int load(struct err *err)
{
	struct firmware_roms roms;
	int r;

	err_clear(err);
	r = firmware_roms_load(bios_path, vga_path, &roms, err);
	if (r == 0)
		firmware_roms_free(&roms);
	return r;
}

START_TEST(layout_of_both_sizes)
{
	static uint8_t image[FIRMWARE_IMAGE_SIZE];
	struct firmware_roms roms;

	ck_assert_int_eq(firmware_roms_load(bios_path, vga_path, &roms, NULL), 0);
	ck_assert_uint_eq((uintptr_t)roms.bios % 4096, 0);
	firmware_rom_layout(&roms, image);
	ck_assert_uint_eq(image[0], 0xff);
	ck_assert_uint_eq(image[0x1ffff], 0xff);
	ck_assert_mem_eq(image + 0x20000, bios + 0x20000, 0x20000);
	firmware_roms_free(&roms);
	store(bios_path, bios + 0x20000, 0x20000);
	ck_assert_int_eq(firmware_roms_load(bios_path, vga_path, &roms, NULL), 0);
	firmware_rom_layout(&roms, image);
	ck_assert_mem_eq(image + 0x20000, bios + 0x20000, 0x20000);
	firmware_roms_free(&roms);
}
END_TEST

START_TEST(mapped_and_offered)
{
	struct firmware_roms roms;
	struct fixture f;
	uint8_t last[16], *rom;
	size_t len;

	fixture_open(&f);
	ck_assert_int_eq(firmware_roms_load(bios_path, vga_path, &roms, NULL), 0);
	ck_assert_int_eq(firmware_roms_map(&roms, f.platform.mem, NULL), 0);
	ck_assert_int_eq(gmem_read(f.platform.mem, gpa(0xfffffff0), last, sizeof(last)), 0);
	ck_assert_uint_eq(last[0], 0xea);
	ck_assert_int_eq(gmem_write(f.platform.mem, gpa(0xfffffff0), last, sizeof(last)), -EFAULT);
	ck_assert_int_eq(firmware_roms_add(&roms, f.fw, NULL), 0);
	rom = fixture_file(&f, "pci15ad,0405.rom", &len);
	ck_assert_ptr_nonnull(rom);
	ck_assert_uint_eq(len, sizeof(vga));
	free(rom);
	fixture_close(&f);
	firmware_roms_free(&roms);
}
END_TEST

START_TEST(wrong_bios)
{
	struct err err;

	store(bios_path, bios, sizeof(bios) - 1);
	ck_assert_int_eq(load(&err), -EINVAL);
	ck_assert_int_eq(err.exit, EXIT_CONFIG);
	ck_assert_str_ne(err.remedy, "");
	store(bios_path, bios, 0);
	ck_assert_int_eq(load(&err), -EINVAL);
	bios[sizeof(bios) - 16] = 0;
	store(bios_path, bios, sizeof(bios));
	ck_assert_int_eq(load(&err), -EINVAL);
	ck_assert_uint_eq(err.offset, sizeof(bios) - 16);
	unlink(bios_path);
	ck_assert_int_eq(load(&err), -ENOENT);
}
END_TEST

START_TEST(wrong_vga)
{
	struct err err;

	store(vga_path, vga, 100);
	ck_assert_int_eq(load(&err), -EINVAL);
	store(vga_path, vga, 512);              // says 1024
	ck_assert_int_eq(load(&err), -EINVAL);
	vga[100] ^= 1;
	store(vga_path, vga, sizeof(vga));      // checksum
	ck_assert_int_eq(load(&err), -EINVAL);
	put_le16(vga + 0x18, 0x3fc);            // PCIR over the end
	store_vga();
	ck_assert_int_eq(load(&err), -EINVAL);
	put_le16(vga + 0x18, 0x40);
	vga[0x46] = 6;                          // other device
	store_vga();
	ck_assert_int_eq(load(&err), -EINVAL);
	vga[0x46] = 5;
	store_vga();
	ck_assert_int_eq(load(&err), 0);
	vga[2] = 0;
	store_vga();
	ck_assert_int_eq(load(&err), -EINVAL);
}
END_TEST

// --- debug port --------------------------------------------------------------------------------------

static char seen[2048];

static void see(void *arg, const char *line)
{
	(void)arg;
	ck_assert_uint_lt(strlen(seen) + strlen(line) + 2, sizeof(seen));
	strcat(seen, line);
	strcat(seen, "|");
}

START_TEST(debug_lines)
{
	const struct debugcon_args args = { see, NULL };
	struct debugcon *con;
	struct fixture f;

	seen[0] = '\0';
	fixture_open(&f);
	ck_assert_int_eq(debugcon_create(&f.platform, &args, &con, NULL), 0);
	ck_assert_uint_eq(fixture_in(&f, 0x402, 1), 0xe9);
	ck_assert(bus_write_string(f.platform.ports, 0x402, 1, "SeaBIOS\r\n\n\x1b[1mx\tyz", 18));
	fixture_out(&f, 0x402, 1, '\n');
	ck_assert_str_eq(seen, "SeaBIOS|?[1mx yz|");
	fixture_out(&f, 0x402, 1, 'a');
	debugcon_class.reset(con);
	ck_assert_str_eq(seen, "SeaBIOS|?[1mx yz|a|");
	debugcon_class.destroy(con);
	fixture_close(&f);
}
END_TEST

START_TEST(endless_debug_line)
{
	struct debugcon_core con;

	seen[0] = '\0';
	debugcon_core_init(&con, see, NULL);
	for (unsigned i = 0; i < 2 * DEBUGCON_LINE_MAX + 3; i++)
		debugcon_core_write(&con, (const uint8_t *)"x", 1);
	ck_assert_uint_eq(strlen(seen), 2 * (DEBUGCON_LINE_MAX + 1));
	debugcon_core_flush(&con);
	ck_assert_str_eq(seen + 2 * (DEBUGCON_LINE_MAX + 1), "xxx|");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("romfile");
	TCase *tc = tcase_create("images");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, make_images, remove_images);
	tcase_add_test(tc, layout_of_both_sizes);
	tcase_add_test(tc, mapped_and_offered);
	tcase_add_test(tc, wrong_bios);
	tcase_add_test(tc, wrong_vga);
	tcase_add_test(tc, debug_lines);
	tcase_add_test(tc, endless_debug_line);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
