// test_bootorder.c: the order of boot devices and the settings around it.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "firmware_fixture.h"
#include "hw/firmware/bootorder.h"

#define IDE 0x39u       // 00:07.1

static char paths[5][BOOT_PATH_SIZE];
static struct boot_device devices[5];

static void set_up(void)
{
	boot_path_ide(paths[0], IDE, 0, 0);
	boot_path_ide(paths[1], IDE, 0, 1);
	boot_path_ide(paths[2], IDE, 1, 0);
	boot_path_scsi(paths[3], &(struct boot_place){ BOOT_NO_BRIDGE, 0x80 }, 1, 0);
	boot_path_nic(paths[4], &(struct boot_place){ BOOT_NO_BRIDGE, 0x88 });
	devices[0] = (struct boot_device){ "ide0:0", BOOT_DISK, paths[0] };
	devices[1] = (struct boot_device){ "ide0:1", BOOT_DISK, paths[1] };
	devices[2] = (struct boot_device){ "ide1:0", BOOT_CDROM, paths[2] };
	devices[3] = (struct boot_device){ "scsi0:1", BOOT_DISK, paths[3] };
	devices[4] = (struct boot_device){ "ethernet0", BOOT_NET, paths[4] };
}

// The indices of the devices in the order that comes out, as digits.
static const char *order(const char *boot, const char *disks, char *digits)
{
	const struct boot_args args = { .order = boot, .disk_order = disks, .devices = devices, .count = 5 };
	struct blob b = { 0 };
	size_t n = 0;
	char *line, *rest;

	boot_order_write(&args, &b);
	blob_u8(&b, 0);
	for (line = strtok_r((char *)b.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		for (size_t i = 0; i < 5; i++) {
			if (!strcmp(line, paths[i]))
				digits[n++] = (char)('0' + i);
		}
	}
	digits[n] = '\0';
	blob_free(&b);
	return digits;
}

START_TEST(path_names)
{
	char behind[BOOT_PATH_SIZE];

	ck_assert_str_eq(paths[0], "/pci@i0cf8/ide@7,1/drive@0/disk@0");
	ck_assert_str_eq(paths[2], "/pci@i0cf8/ide@7,1/drive@1/disk@0");
	ck_assert_str_eq(paths[3], "/pci@i0cf8/scsi@10/channel@0/disk@1,0");
	ck_assert_str_eq(paths[4], "/pci@i0cf8/ethernet@11");
	boot_path_nic(behind, &(struct boot_place){ 0x88, 0x08 });
	ck_assert_str_eq(behind, "/pci@i0cf8/pci-bridge@11/ethernet@1");
	boot_path_scsi(behind, &(struct boot_place){ 0xa9, 0 }, 15, 7);
	ck_assert_str_eq(behind, "/pci@i0cf8/pci-bridge@15,1/scsi@0/channel@0/disk@f,7");
}
END_TEST

START_TEST(orders)
{
	static const struct { const char *boot, *disks, *expected; } cases[] = {
		{ NULL, NULL, "01324" },
		{ "", "", "01324" },
		{ "cdrom,hdd", NULL, "20134" },
		{ "CDROM, HDD", NULL, "20134" },
		{ "ethernet0,cdrom", NULL, "42013" },
		{ "net", "scsi0:1", "43012" },
		{ NULL, "scsi0:1, ide0:1", "31024" },
		{ "hdd,hdd,cdrom,cdrom", "ide0:1,ide0:1", "10324" },
		{ "ide0:1", NULL, "10324" },
		{ "rubbish,,;;,floppy", "ide1:0,nvme9:9,ethernet0", "01324" },
		{ ",", "   ", "01324" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char digits[16];

		ck_assert_str_eq(order(cases[i].boot, cases[i].disks, digits), cases[i].expected);
	}
}
END_TEST

START_TEST(far_too_many_devices)
{
	struct boot_device *many = calloc(BOOT_DEVICES_MAX + 10, sizeof(*many));
	struct boot_args args = { .devices = many, .count = BOOT_DEVICES_MAX + 10 };
	struct blob b = { 0 };

	ck_assert_ptr_nonnull(many);
	for (size_t i = 0; i < args.count; i++)
		many[i] = (struct boot_device){ "x", BOOT_DISK, "y" };
	boot_order_write(&args, &b);
	ck_assert_uint_eq(b.len, 2 * BOOT_DEVICES_MAX - 1);
	blob_free(&b);
	free(many);
}
END_TEST

static uint64_t number(struct fixture *f, const char *name)
{
	size_t len = 0;
	uint8_t *data = fixture_file(f, name, &len);
	uint64_t v;

	if (!data)
		return UINT64_MAX;
	v = get_le(data, (unsigned)len);
	free(data);
	return v;
}

START_TEST(plain_settings)
{
	const struct boot_args args = { .devices = devices, .count = 5, .retry_ms = BOOT_NO_RETRY };
	struct fixture f;
	uint8_t menu[2], *file;
	size_t len;

	fixture_open(&f);
	ck_assert_int_eq(boot_build(&args, f.fw, NULL), 0);
	fixture_item(&f, FW_CFG_BOOT_MENU, menu, sizeof(menu));
	ck_assert_uint_eq(get_le16(menu), 0);
	ck_assert_uint_eq(number(&f, "etc/boot-fail-wait"), UINT32_MAX);
	ck_assert_uint_eq(number(&f, "etc/boot-menu-wait"), UINT64_MAX);
	ck_assert_uint_eq(number(&f, "etc/msr_feature_control"), UINT64_MAX);
	file = fixture_file(&f, "bootorder", &len);
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ne(file[len - 1], '\n');
	free(file);
	fixture_close(&f);
}
END_TEST

START_TEST(menu_and_nesting)
{
	const struct boot_args args = {
		.delay_ms = 5000, .setup_once = true, .retry_ms = 10000};
	const struct boot_args patient = { .delay_ms = UINT32_MAX };
	struct fixture f;
	uint8_t menu[2], *file;
	size_t len;

	fixture_open(&f);
	ck_assert_int_eq(boot_build(&args, f.fw, NULL), 0);
	fixture_item(&f, FW_CFG_BOOT_MENU, menu, sizeof(menu));
	ck_assert_uint_eq(get_le16(menu), 1);
	ck_assert_uint_eq(number(&f, "etc/boot-menu-wait"), 30000);
	// vcpu.c has locked the MSR already; a second write faults.
	ck_assert_uint_eq(number(&f, "etc/msr_feature_control"), UINT64_MAX);
	ck_assert_uint_eq(number(&f, "etc/boot-fail-wait"), 10000);
	file = fixture_file(&f, "etc/boot-menu-message", &len);
	ck_assert_ptr_nonnull(file);
	free(file);
	ck_assert_ptr_null(fixture_file(&f, "bootorder", &len));
	fixture_close(&f);
	fixture_open(&f);
	ck_assert_int_eq(boot_build(&patient, f.fw, NULL), 0);
	ck_assert_uint_eq(number(&f, "etc/boot-menu-wait"), BOOT_WAIT_MAX_MS);
	fixture_close(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bootorder");
	TCase *tc = tcase_create("order");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, path_names);
	tcase_add_test(tc, orders);
	tcase_add_test(tc, far_too_many_devices);
	tcase_add_test(tc, plain_settings);
	tcase_add_test(tc, menu_and_nesting);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
