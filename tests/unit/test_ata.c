// test_ata.c: the ATA task file: signatures, selection, identify data, settings, SMART, power, resets.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "ata_fixture.h"

#define READY (ATA_DRDY | ATA_DSC)

static const struct ata_drive small_disk = { .kind = ATA_KIND_DISK, .sectors = 20160 };
static const struct ata_drive cdrom = {.kind = ATA_KIND_CDROM, .number = 1, .sectors = 4000, .medium = true};

static uint16_t word(const uint8_t *id, unsigned n) { return get_le16(id + n * 2); }

static void string_at(const uint8_t *id, unsigned first, unsigned len, char *out)
{
	for (unsigned i = 0; i < len; i++)
		out[i] = (char)id[first * 2 + (i ^ 1)];
	out[len] = 0;
}

static void identify(struct fixture *f, uint8_t *id)
{
	out(f, ATA_REG_STATUS, 0xec);
	ck_assert(f->level);
	read_blocks(f, id, 512, 512);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
}

static void expect_abort(struct fixture *f)
{
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY | ATA_ERR);
	ck_assert_int_eq(in(f, ATA_REG_ERROR), ATA_ABRT);
}

START_TEST(signatures)
{
	struct fixture *f = fx_new(&small_disk, &cdrom);

	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	ck_assert_int_eq(in(f, ATA_REG_ERROR), 1);
	ck_assert_int_eq(in(f, ATA_REG_COUNT), 1);
	ck_assert_int_eq(in(f, ATA_REG_LBA_LOW), 1);
	ck_assert_int_eq(in(f, ATA_REG_LBA_MID), 0);
	ck_assert_int_eq(in(f, ATA_REG_LBA_HIGH), 0);
	out(f, ATA_REG_DEVICE, ATA_DEV);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), 0);
	ck_assert_int_eq(in(f, ATA_REG_LBA_MID), 0x14);
	ck_assert_int_eq(in(f, ATA_REG_LBA_HIGH), 0xeb);
	ck_assert(!f->level);
	fx_free(f);
}
END_TEST

START_TEST(registers_read_back_and_reach_both)
{
	struct fixture *f = fx_new(&small_disk, &small_disk);

	for (unsigned reg = ATA_REG_COUNT; reg <= ATA_REG_LBA_HIGH; reg++) {
		out(f, reg, (uint8_t)(0x10 * reg));
		out(f, reg, (uint8_t)(0x10 * reg + 5));
	}
	for (unsigned unit = 0; unit < 2; unit++) {
		out(f, ATA_REG_DEVICE, (uint8_t)(0xa3 | unit << 4));
		ck_assert_int_eq(in(f, ATA_REG_DEVICE), 0xa3 | unit << 4);
		for (unsigned reg = ATA_REG_COUNT; reg <= ATA_REG_LBA_HIGH; reg++)
			ck_assert_int_eq(in(f, reg), 0x10 * reg + 5);
		ata_control_write(&f->ata, ATA_HOB);
		for (unsigned reg = ATA_REG_COUNT; reg <= ATA_REG_LBA_HIGH; reg++)
			ck_assert_int_eq(in(f, reg), 0x10 * reg);
	}
	out(f, ATA_REG_ERROR, 0);               // a write ends HOB
	ck_assert_int_eq(in(f, ATA_REG_COUNT), 0x25);
	fx_free(f);
}
END_TEST

START_TEST(absent_devices)
{
	struct fixture *f = fx_new(&small_disk, NULL);

	out(f, ATA_REG_COUNT, 0x55);
	out(f, ATA_REG_DEVICE, 0xb0);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), 0);
	ck_assert_int_eq(ata_alt_status(&f->ata), 0);
	ck_assert_int_eq(in(f, ATA_REG_COUNT), 0x55);
	out(f, ATA_REG_STATUS, 0xec);           // nobody carries it out
	ck_assert_int_eq(in(f, ATA_REG_STATUS), 0);
	out(f, ATA_REG_DEVICE, 0xa0);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	fx_free(f);

	f = fx_new(&cdrom, NULL);               // a packet device shows zeros for its missing mate
	out(f, ATA_REG_COUNT, 0x55);
	out(f, ATA_REG_DEVICE, 0xb0);
	for (unsigned reg = 1; reg < 8; reg++)
		ck_assert_int_eq(in(f, reg), 0);
	fx_free(f);

	f = fx_new(NULL, NULL);
	for (unsigned reg = 1; reg < 8; reg++)
		ck_assert_int_eq(in(f, reg), 0x7f);
	out(f, ATA_REG_STATUS, 0x90);
	ata_control_write(&f->ata, ATA_SRST);
	ata_control_write(&f->ata, 0);
	ck_assert_int_eq(ata_alt_status(&f->ata), 0x7f);
	fx_free(f);
}
END_TEST

START_TEST(interrupt_line)
{
	struct fixture *f = fx_new(&small_disk, &small_disk);

	out(f, ATA_REG_STATUS, 0xe5);
	ck_assert(f->level);
	ck_assert_int_eq(ata_alt_status(&f->ata), READY);
	ck_assert(f->level);                    // the alternate status does not acknowledge
	out(f, ATA_REG_DEVICE, ATA_DEV);
	ck_assert(!f->level);                   // only the selected device drives the line
	out(f, ATA_REG_DEVICE, 0);
	ck_assert(f->level);
	ata_control_write(&f->ata, ATA_NIEN);
	ck_assert(!f->level);
	ata_control_write(&f->ata, 0);
	ck_assert(f->level);
	in(f, ATA_REG_STATUS);
	ck_assert(!f->level);
	fx_free(f);
}
END_TEST

START_TEST(identify_disk)
{
	struct fixture *f = fx_new(&small_disk, &small_disk);
	uint8_t id[512];
	char text[41];

	identify(f, id);
	string_at(id, 27, 40, text);
	ck_assert_str_eq(text, "VMware Virtual IDE Hard Drive           ");
	string_at(id, 23, 8, text);
	ck_assert_str_eq(text, "00000001");
	string_at(id, 10, 20, text);
	ck_assert_str_eq(text, "00000000000000000001");
	ck_assert_int_eq(word(id, 0), 0x0040);
	ck_assert_int_eq(word(id, 1), 20);
	ck_assert_int_eq(word(id, 3), 16);
	ck_assert_int_eq(word(id, 6), 63);
	ck_assert_int_eq(word(id, 47), 0x8040);
	ck_assert_int_eq(get_le32(id + 120), 20160);
	ck_assert_int_eq(get_le32(id + 114), 20160);
	ck_assert_int_eq(word(id, 88), 0x0407); // UDMA/33 at most, and chosen
	ck_assert_int_eq(word(id, 83) & 0x0400, 0);
	ck_assert_int_eq(word(id, 82) & 0x21, 0x21);
	ck_assert_int_eq(word(id, 169), 0);
	fx_free(f);
}
END_TEST

START_TEST(identify_large_and_second)
{
	struct ata_drive big = { .kind = ATA_KIND_DISK, .number = 3, .sectors = 1ull << 33, .discard = true };
	struct fixture *f = fx_new(NULL, &big);
	uint8_t id[512];
	char text[41];

	out(f, ATA_REG_DEVICE, ATA_DEV);
	identify(f, id);
	string_at(id, 10, 20, text);
	ck_assert_str_eq(text, "00000000000000000004");
	ck_assert_int_eq(word(id, 1), 16383);
	ck_assert_uint_eq(get_le32(id + 120), 0x0fffffff);
	ck_assert_uint_eq(get_le64(id + 200), 1ull << 33);
	ck_assert_int_eq(word(id, 83), 0x7400);
	ck_assert_int_eq(word(id, 86), 0x3400);
	ck_assert_int_eq(word(id, 169), 1);
	fx_free(f);
}
END_TEST

START_TEST(identify_geometry)
{
	struct ata_drive d = {.kind = ATA_KIND_DISK,
			      .sectors = 40000,
			      .cylinders = 300,
			      .heads = 8,
			      .sectors_per_track = 16};
	struct fixture *f = fx_new(&d, NULL);
	uint8_t id[512];

	identify(f, id);
	ck_assert_int_eq(word(id, 1), 300);
	ck_assert_int_eq(word(id, 3), 8);
	ck_assert_int_eq(word(id, 6), 16);
	fx_free(f);

	d.heads = 255;                          // a SCSI geometry is not IDE's
	f = fx_new(&d, NULL);
	identify(f, id);
	ck_assert_int_eq(word(id, 3), 16);
	ck_assert_int_eq(word(id, 6), 63);
	out(f, ATA_REG_DEVICE, 0xa3);           // 4 heads
	command(f, 0x91, 0, 32);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	out(f, ATA_REG_DEVICE, 0);
	identify(f, id);
	ck_assert_int_eq(word(id, 54), 40000 / 128);
	ck_assert_int_eq(word(id, 55), 4);
	ck_assert_int_eq(word(id, 56), 32);
	command(f, 0x91, 0, 0);
	expect_abort(f);
	fx_free(f);
}
END_TEST

START_TEST(packet_device_refuses_disk_commands)
{
	struct fixture *f = fx_new(NULL, &cdrom);
	uint8_t id[512];
	char text[41];

	out(f, ATA_REG_DEVICE, ATA_DEV);
	out(f, ATA_REG_LBA_MID, 0);
	out(f, ATA_REG_STATUS, 0xec);
	ck_assert_int_eq(in(f, ATA_REG_STATUS) & (ATA_ERR | ATA_DRQ), ATA_ERR);
	ck_assert_int_eq(in(f, ATA_REG_LBA_MID), 0x14);
	ck_assert_int_eq(in(f, ATA_REG_LBA_HIGH), 0xeb);
	out(f, ATA_REG_STATUS, 0xa1);
	read_blocks(f, id, 512, 512);
	ck_assert_int_eq(word(id, 0), 0x85c0);
	string_at(id, 27, 40, text);
	ck_assert_str_eq(text, "VMware Virtual IDE CDROM Drive          ");
	string_at(id, 10, 20, text);
	ck_assert_str_eq(text, "00000000000000000002");
	out(f, ATA_REG_STATUS, 0x08);           // DEVICE RESET: the signature, without interrupt
	ck_assert_int_eq(in(f, ATA_REG_STATUS), 0);
	ck_assert_int_eq(in(f, ATA_REG_DEVICE) & ATA_DEV, ATA_DEV);
	ck_assert(!f->level);
	fx_free(f);

	f = fx_new(&small_disk, NULL);
	out(f, ATA_REG_STATUS, 0xa1);
	expect_abort(f);
	out(f, ATA_REG_STATUS, 0x08);
	expect_abort(f);
	fx_free(f);
}
END_TEST

START_TEST(unknown_commands_abort)
{
	static const uint8_t codes[] = {0x00, 0x22, 0x2f, 0x32, 0x50, 0x87, 0x92,
					0xc7, 0xde, 0xee, 0xf1, 0xf9, 0xff};
	struct fixture *f = fx_new(&small_disk, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		out(f, ATA_REG_STATUS, codes[i]);
		ck_assert(f->level);
		expect_abort(f);
	}
	fx_free(f);
}
END_TEST

START_TEST(set_features)
{
	static const struct { uint8_t feature, count; bool fine;
	} cases[] = {
		{0x03, 0x00, true},  {0x03, 0x01, true},  {0x03, 0x02, false}, {0x03, 0x0c, true},
		{0x03, 0x0d, false}, {0x03, 0x10, false}, {0x03, 0x22, true},  {0x03, 0x23, false},
		{0x03, 0x42, true},  {0x03, 0x43, false}, {0x03, 0xff, false}, {0x02, 0, true},
		{0x55, 0, true},     {0xaa, 0, true},     {0x66, 0, true},     {0xcc, 0, true},
		{0x05, 0xfe, false}, {0x42, 0, false},    {0x00, 0, false},
	};
	struct fixture *f = fx_new(&small_disk, NULL);
	uint8_t id[512];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		command(f, 0xef, cases[i].feature, cases[i].count);
		ck_assert_int_eq(in(f, ATA_REG_STATUS), cases[i].fine ? READY : READY | ATA_ERR);
	}
	command(f, 0xef, 0x03, 0x21);
	identify(f, id);
	ck_assert_int_eq(word(id, 63), 0x0207);
	ck_assert_int_eq(word(id, 88), 0x0007);
	command(f, 0xef, 0x82, 0);              // the cache is emptied first
	ck_assert_int_eq(ata_alt_status(&f->ata) & ATA_BSY, ATA_BSY);
	fx_run(f);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	ck_assert_int_eq(f->flushes, 1);
	identify(f, id);
	ck_assert_int_eq(word(id, 85) & 0x20, 0);
	fx_free(f);
}
END_TEST

START_TEST(power)
{
	struct fixture *f = fx_new(&small_disk, NULL);

	command(f, 0xe5, 0, 0);
	ck_assert_int_eq(in(f, ATA_REG_COUNT), 0xff);
	command(f, 0xe1, 0, 0);
	command(f, 0xe5, 0, 0);
	ck_assert_int_eq(in(f, ATA_REG_COUNT), 0x80);
	command(f, 0xe0, 0, 0);
	fx_run(f);
	ck_assert_int_eq(f->flushes, 1);
	command(f, 0xe5, 0, 0);
	ck_assert_int_eq(in(f, ATA_REG_COUNT), 0);
	command(f, 0xe6, 0, 0);
	fx_run(f);
	in(f, ATA_REG_STATUS);
	out(f, ATA_REG_STATUS, 0xec);           // asleep: nothing but a reset wakes it
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	ck_assert(!f->level);
	ata_control_write(&f->ata, ATA_SRST);
	ata_control_write(&f->ata, 0);
	command(f, 0xe5, 0, 0);
	ck_assert_int_eq(in(f, ATA_REG_COUNT), 0xff);
	fx_free(f);
}
END_TEST

static void smart(struct fixture *f, uint8_t sub, uint8_t low, uint8_t count)
{
	out(f, ATA_REG_LBA_LOW, low);
	out(f, ATA_REG_LBA_MID, 0x4f);
	out(f, ATA_REG_LBA_HIGH, 0xc2);
	command(f, 0xb0, sub, count);
}

static void smart_sector(struct fixture *f, uint8_t sub, uint8_t low, uint8_t *to)
{
	uint8_t sum = 0;

	smart(f, sub, low, 1);
	read_blocks(f, to, 512, 512);
	for (unsigned i = 0; i < 512; i++)
		sum = (uint8_t)(sum + to[i]);
	if (sub != 0xd5 || low != 0)
		ck_assert_int_eq(sum, 0);
}

START_TEST(smart_commands)
{
	struct fixture *f = fx_new(&small_disk, NULL);
	uint8_t data[512], thresholds[512], id[512];

	smart_sector(f, 0xd0, 0, data);
	smart_sector(f, 0xd1, 0, thresholds);
	for (unsigned i = 0; i < 30; i++) {
		ck_assert_int_eq(data[2 + i * 12], thresholds[2 + i * 12]);
		if (data[2 + i * 12])
			ck_assert_int_gt(data[5 + i * 12], thresholds[3 + i * 12]);
	}
	smart_sector(f, 0xd5, 0, data);
	smart_sector(f, 0xd5, 1, data);
	smart_sector(f, 0xd5, 6, data);
	smart(f, 0xd5, 0x80, 1);
	expect_abort(f);
	smart(f, 0xda, 0, 0);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	ck_assert_int_eq(in(f, ATA_REG_LBA_MID), 0x4f);
	ck_assert_int_eq(in(f, ATA_REG_LBA_HIGH), 0xc2);
	smart(f, 0xd4, 0x7e, 0);
	expect_abort(f);
	smart(f, 0xd2, 0, 0x55);
	expect_abort(f);
	smart(f, 0xd9, 0, 0);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	identify(f, id);
	ck_assert_int_eq(word(id, 85) & 1, 0);
	smart(f, 0xda, 0, 0);
	expect_abort(f);
	smart(f, 0xd8, 0, 0);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	out(f, ATA_REG_LBA_MID, 0);             // without its key
	command(f, 0xb0, 0xda, 0);
	expect_abort(f);
	fx_free(f);
}
END_TEST

START_TEST(diagnostic_and_soft_reset)
{
	struct fixture *f = fx_new(&small_disk, &cdrom);

	command(f, 0xc6, 0, 16);
	out(f, ATA_REG_DEVICE, ATA_DEV);
	out(f, ATA_REG_STATUS, 0x90);
	ck_assert(f->level);                    // device 0 tells, and is selected
	ck_assert_int_eq(in(f, ATA_REG_DEVICE), 0);
	ck_assert_int_eq(in(f, ATA_REG_ERROR), 1);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	ata_control_write(&f->ata, ATA_SRST);
	ck_assert_int_eq(ata_alt_status(&f->ata), ATA_BSY);
	out(f, ATA_REG_STATUS, 0xec);
	ck_assert_int_eq(ata_alt_status(&f->ata), ATA_BSY);
	ata_control_write(&f->ata, 0);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	ck_assert(!f->level);
	issue(f, 0xc4, 0, 1, false);            // the reset forgot the multiple setting
	expect_abort(f);
	fx_free(f);
}
END_TEST

START_TEST(settings_survive_when_asked)
{
	struct fixture *f = fx_new(&small_disk, NULL);

	command(f, 0xc6, 0, 16);
	command(f, 0xef, 0x66, 0);
	ata_control_write(&f->ata, ATA_SRST);
	ata_control_write(&f->ata, 0);
	ck_assert_int_eq(f->regs->dev[0].multiple, 16);
	ata_power_on(&f->ata);
	ck_assert_int_eq(f->regs->dev[0].multiple, 0);
	fx_free(f);
}
END_TEST

START_TEST(reset_in_flight)
{
	struct fixture *f = fx_new(&small_disk, NULL);
	unsigned irqs;

	issue(f, 0x20, 5, 1, false);
	ck_assert(f->pending[0].set);
	irqs = f->irqs;
	ata_control_write(&f->ata, ATA_SRST);
	ata_control_write(&f->ata, 0);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), ATA_BSY);       // until the old request is over
	out(f, ATA_REG_STATUS, 0xec);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), ATA_BSY);
	ck_assert(!ata_idle(&f->ata));
	fx_complete(f, 0);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	ck_assert_int_eq(in(f, ATA_REG_COUNT), 1);
	ck_assert_int_eq(f->irqs, irqs);
	ck_assert(ata_idle(&f->ata));

	issue(f, 0x20, 5, 1, false);
	ata_control_write(&f->ata, ATA_SRST);
	fx_complete(f, 0);                      // it ends while SRST is still set
	ck_assert_int_eq(in(f, ATA_REG_STATUS), ATA_BSY);
	ata_power_on(&f->ata);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);

	issue(f, 0x20, 5, 1, false);
	f->regs->dev[0].multiple = 4;
	ata_power_on(&f->ata);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), ATA_BSY);
	fx_complete(f, 0);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	ck_assert_int_eq(f->regs->dev[0].multiple, 0);
	ata_io_done(&f->ata, 0, 0);             // a completion too many is nobody's
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	fx_free(f);
}
END_TEST

struct holder { struct ata_regs ata; };

static const struct field field_list[] = { ATA_FIELDS(struct holder, ata) };

static void sanitize(void *regs) { ata_regs_sanitize(&((struct holder *)regs)->ata); }

static const struct fields fields = {
	.name = "ata-test", .version = 1, .struct_size = sizeof(struct holder), .list = field_list,
	.count = ARRAY_SIZE(field_list), .sanitize = sanitize,
};

START_TEST(save_in_the_middle_of_a_block)
{
	struct fixture *f = fx_new(&small_disk, NULL), *g = fx_new(&small_disk, NULL);
	uint8_t *blob = malloc(fields_size(&fields)), data[512];
	size_t n;

	issue(f, 0x20, 9, 1, false);
	fx_run(f);
	ata_data_read(&f->ata, data, 100);
	n = fields_save(&fields, f->regs, blob, fields_size(&fields));
	ck_assert_uint_gt(n, 0);
	ck_assert_int_eq(fields_load(&fields, g->regs, blob, n, NULL), 0);
	ata_loaded(&g->ata);
	ck_assert_int_eq(g->level, f->level);
	ata_data_read(&g->ata, data + 100, 412);
	ck_assert_mem_eq(data, f->medium[0] + 9 * 512, 512);
	ck_assert_int_eq(in(g, ATA_REG_STATUS), READY);

	ata_data_read(&f->ata, data + 100, 412);
	issue(f, 0x20, 9, 1, false);            // what waited for the backend ends with an error
	n = fields_save(&fields, f->regs, blob, fields_size(&fields));
	ck_assert_int_eq(fields_load(&fields, g->regs, blob, n, NULL), 0);
	ata_loaded(&g->ata);
	expect_abort(g);
	free(blob);
	fx_free(f);
	fx_free(g);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		signatures,
		registers_read_back_and_reach_both,
		absent_devices,
		interrupt_line,
		identify_disk,
		identify_large_and_second,
		identify_geometry,
		packet_device_refuses_disk_commands,
		unknown_commands_abort,
		set_features,
		power,
		smart_commands,
		diagnostic_and_soft_reset,
		settings_survive_when_asked,
		reset_in_flight,
		save_in_the_middle_of_a_block,
	};
	Suite *s = suite_create("ata");
	TCase *c = tcase_create("core");

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(c, tests[i]);
	suite_add_tcase(s, c);
	return run_suite(s);
}
