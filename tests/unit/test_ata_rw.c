// test_ata_rw.c: moving sectors: PIO, multiple, DMA, addresses, errors, TRIM, and bad descriptor tables.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "ata_fixture.h"

#define READY (ATA_DRDY | ATA_DSC)
#define TABLE 0x1000u
#define DATA  0x10000u

static const struct ata_drive disk = { .kind = ATA_KIND_DISK, .sectors = 20160, .discard = true };
static const struct ata_drive huge = { .kind = ATA_KIND_DISK, .sectors = 1ull << 40 };

static uint8_t *at(struct fixture *f, uint64_t lba) { return f->medium[0] + lba * 512; }

static void expect_error(struct fixture *f, uint8_t error)
{
	ck_assert_int_eq(in(f, ATA_REG_STATUS) & (ATA_BSY | ATA_DRQ | ATA_ERR), ATA_ERR);
	ck_assert_int_eq(in(f, ATA_REG_ERROR), error);
}

static uint8_t *pattern(uint8_t *buf, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(i * 31 + i / 512 + seed);
	return buf;
}

// Reading: one interrupt for each block, none at the end.
START_TEST(read_pio)
{
	struct fixture *f = fx_new(&disk, NULL);
	uint8_t *buf = malloc(256 * 512);
	unsigned irqs = f->irqs;

	issue(f, 0x20, 77, 3, false);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), ATA_BSY | READY);
	ck_assert_int_eq(read_blocks(f, buf, 3 * 512, 512), 3);
	ck_assert_mem_eq(buf, at(f, 77), 3 * 512);
	ck_assert_int_eq(f->irqs, irqs + 3);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	ck_assert_int_eq(in(f, ATA_REG_LBA_LOW), 79);
	ck_assert_int_eq(in(f, ATA_REG_COUNT), 0);
	issue(f, 0x21, 1000, 0, false);         // 0 means 256
	ck_assert_int_eq(read_blocks(f, buf, 256 * 512, 512), 256);
	ck_assert_mem_eq(buf, at(f, 1000), 256 * 512);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	ata_data_read(&f->ata, buf, 4);
	ck_assert_uint_eq(get_le32(buf), 0xffffffff);
	free(buf);
	fx_free(f);
}
END_TEST

START_TEST(read_multiple)
{
	struct fixture *f = fx_new(&disk, NULL);
	uint8_t *buf = malloc(200 * 512);
	unsigned irqs;

	issue(f, 0xc4, 0, 8, false);
	expect_error(f, ATA_ABRT);
	command(f, 0xc6, 0, 24);
	expect_error(f, ATA_ABRT);
	command(f, 0xc6, 0, 128);
	expect_error(f, ATA_ABRT);
	command(f, 0xc6, 0, 16);
	in(f, ATA_REG_STATUS);
	irqs = f->irqs;
	issue(f, 0xc4, 500, 200, false);
	ck_assert_int_eq(read_blocks(f, buf, 200 * 512, 16 * 512), 13);
	ck_assert_int_eq(f->irqs, irqs + 13);
	ck_assert_mem_eq(buf, at(f, 500), 200 * 512);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	issue(f, 0x29, 20000, 17, true);
	ck_assert_int_eq(read_blocks(f, buf, 17 * 512, 16 * 512), 2);
	ck_assert_mem_eq(buf, at(f, 20000), 17 * 512);
	free(buf);
	fx_free(f);
}
END_TEST

// Writing: no interrupt before the first block, one after each.
START_TEST(write_pio)
{
	struct fixture *f = fx_new(&disk, NULL);
	uint8_t *buf = pattern(malloc(150 * 512), 150 * 512, 9);
	unsigned irqs = f->irqs;

	issue(f, 0x30, 4, 3, false);
	ck_assert_int_eq(f->irqs, irqs);
	write_blocks(f, buf, 3 * 512, 512);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	ck_assert_int_eq(f->irqs, irqs + 3);
	ck_assert_mem_eq(at(f, 4), buf, 3 * 512);
	ck_assert_int_eq(f->fua_writes, 0);
	issue(f, 0x34, 300, 150, true);
	write_blocks(f, buf, 150 * 512, 512);
	ck_assert_mem_eq(at(f, 300), buf, 150 * 512);
	ck_assert_int_eq(f->writes, 4);         // gathered: 1, then 64 + 64 + 22
	command(f, 0xc6, 0, 64);
	in(f, ATA_REG_STATUS);
	issue(f, 0xce, 9000, 100, true);        // MULTIPLE FUA EXT
	write_blocks(f, buf, 100 * 512, 64 * 512);
	ck_assert_mem_eq(at(f, 9000), buf, 100 * 512);
	ck_assert_int_eq(f->fua_writes, 2);
	free(buf);
	fx_free(f);
}
END_TEST

START_TEST(write_cache_off_means_through)
{
	struct fixture *f = fx_new(&disk, NULL);
	uint8_t buf[512];

	command(f, 0xef, 0x82, 0);
	fx_run(f);
	in(f, ATA_REG_STATUS);
	issue(f, 0x30, 4, 1, false);
	write_blocks(f, pattern(buf, 512, 1), 512, 512);
	ck_assert_int_eq(f->fua_writes, 1);
	fx_free(f);
}
END_TEST

START_TEST(data_port_widths)
{
	struct fixture *f = fx_new(&disk, NULL);
	uint8_t buf[512];

	issue(f, 0x20, 3, 1, false);
	fx_run(f);
	for (unsigned i = 0; i < 512; i += i & 2 ? 2 : 4)
		ata_data_read(&f->ata, buf + i, i & 2 ? 2 : 4);
	ck_assert_mem_eq(buf, at(f, 3), 512);
	issue(f, 0x20, 3, 1, false);
	fx_run(f);
	memset(buf, 0, sizeof(buf));
	ata_data_write(&f->ata, buf, 512);      // the wrong way does nothing
	ata_data_read(&f->ata, buf, 512);
	ck_assert_mem_eq(buf, at(f, 3), 512);
	fx_free(f);
}
END_TEST

static void chs(struct fixture *f, uint8_t code, unsigned cylinder, unsigned head, unsigned sector)
{
	out(f, ATA_REG_DEVICE, (uint8_t)(0xa0 | head));
	out(f, ATA_REG_COUNT, 1);
	out(f, ATA_REG_LBA_LOW, (uint8_t)sector);
	out(f, ATA_REG_LBA_MID, (uint8_t)cylinder);
	out(f, ATA_REG_LBA_HIGH, (uint8_t)(cylinder >> 8));
	out(f, ATA_REG_STATUS, code);
}

START_TEST(addresses_chs)
{
	static const struct {
		unsigned cylinder, head, sector;
	} bad[] = {{0, 0, 0}, {0, 0, 64}, {20, 0, 1}, {65535, 15, 63}};
	struct fixture *f = fx_new(&disk, NULL);
	uint8_t buf[512];

	chs(f, 0x20, 2, 3, 4);
	read_blocks(f, buf, 512, 512);
	ck_assert_mem_eq(buf, at(f, (2 * 16 + 3) * 63 + 3), 512);
	ck_assert_int_eq(in(f, ATA_REG_LBA_LOW), 4);
	ck_assert_int_eq(in(f, ATA_REG_DEVICE), 0xa3);
	chs(f, 0x20, 19, 15, 63);
	read_blocks(f, buf, 512, 512);
	ck_assert_mem_eq(buf, at(f, 20159), 512);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		chs(f, 0x20, bad[i].cylinder, bad[i].head, bad[i].sector);
		expect_error(f, ATA_IDNF);
	}
	chs(f, 0x70, 1, 1, 1);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	chs(f, 0x10, 1, 1, 1);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	ck_assert_int_eq(in(f, ATA_REG_LBA_MID), 0);
	out(f, ATA_REG_DEVICE, 0xa0);           // 48-bit commands know no CHS
	out(f, ATA_REG_STATUS, 0x24);
	expect_error(f, ATA_ABRT);
	fx_free(f);
}
END_TEST

START_TEST(addresses_out_of_range)
{
	struct fixture *f = fx_new(&disk, NULL);

	issue(f, 0x20, 20160, 1, false);
	expect_error(f, ATA_IDNF);
	issue(f, 0x20, 20159, 2, false);
	expect_error(f, ATA_IDNF);
	ck_assert_int_eq(in(f, ATA_REG_LBA_LOW) | in(f, ATA_REG_LBA_MID) << 8, 20160);
	issue(f, 0x35, 0xffffffffffffull, 0, true);
	expect_error(f, ATA_IDNF);
	issue(f, 0x42, 20000, 161, true);
	expect_error(f, ATA_IDNF);
	ck_assert(!f->pending[0].set);
	fx_free(f);
}
END_TEST

START_TEST(addresses_48_bits)
{
	struct fixture *f = fx_new(&huge, NULL);

	issue(f, 0x24, 0x9876543210ull, 0, true);
	ck_assert(f->pending[0].set);
	ck_assert_uint_eq(f->pending[0].io.offset, 0x9876543210ull * 512);
	ck_assert_uint_eq(f->regs->dev[0].left, 65536);
	f->fail = -EIO;
	fx_complete(f, 0);
	expect_error(f, ATA_UNC);
	ck_assert_int_eq(in(f, ATA_REG_LBA_LOW), 0x10);
	ata_control_write(&f->ata, ATA_HOB);
	ck_assert_int_eq(in(f, ATA_REG_LBA_LOW), 0x76);
	ck_assert_int_eq(in(f, ATA_REG_LBA_MID), 0x98);
	issue(f, 0x27, 0, 0, true);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	ck_assert_uint_eq(in(f, ATA_REG_LBA_HIGH), 0xff);
	ata_control_write(&f->ata, ATA_HOB);
	ck_assert_uint_eq(in(f, ATA_REG_LBA_MID), 0xff);
	ck_assert_uint_eq(in(f, ATA_REG_LBA_HIGH), 0);
	issue(f, 0xf8, 0, 0, false);
	ck_assert_int_eq(in(f, ATA_REG_DEVICE) & 0xf, 0xf);
	ck_assert_int_eq(in(f, ATA_REG_LBA_LOW), 0xff);
	fx_free(f);
}
END_TEST

START_TEST(backend_errors)
{
	struct fixture *f = fx_new(&disk, NULL);
	uint8_t buf[512];

	issue(f, 0x20, 40, 2, false);
	f->fail = -EIO;
	fx_run(f);
	expect_error(f, ATA_UNC);
	ck_assert_int_eq(in(f, ATA_REG_LBA_LOW), 40);
	issue(f, 0x30, 41, 1, false);
	f->fail = -ENOSPC;
	ata_data_write(&f->ata, pattern(buf, 512, 3), 512);
	fx_run(f);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY | ATA_ERR | ATA_DF);
	out(f, ATA_REG_STATUS, 0xe7);
	f->fail = -EIO;
	fx_run(f);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY | ATA_ERR | ATA_DF);
	issue(f, 0x40, 50, 200, false);
	fx_complete(f, 0);
	f->fail = -EIO;
	fx_complete(f, 0);
	expect_error(f, ATA_UNC);
	ck_assert_int_eq(in(f, ATA_REG_LBA_LOW), 50 + 64);
	issue(f, 0x40, 50, 200, false);
	fx_run(f);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	fx_free(f);
}
END_TEST

START_TEST(readonly_disk)
{
	struct ata_drive ro = disk;
	struct fixture *f;

	ro.readonly = true;
	f = fx_new(&ro, NULL);
	issue(f, 0x30, 0, 1, false);
	expect_error(f, ATA_ABRT);
	issue(f, 0xca, 0, 1, false);
	expect_error(f, ATA_ABRT);
	command(f, 0x06, 1, 1);
	expect_error(f, ATA_ABRT);
	fx_free(f);
}
END_TEST

START_TEST(sector_buffer)
{
	struct fixture *f = fx_new(&disk, NULL);
	uint8_t buf[512], back[512];

	out(f, ATA_REG_STATUS, 0xe8);
	write_blocks(f, pattern(buf, 512, 5), 512, 512);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	out(f, ATA_REG_STATUS, 0xec);
	read_blocks(f, back, 512, 512);
	out(f, ATA_REG_STATUS, 0xe4);
	read_blocks(f, back, 512, 512);
	ck_assert_mem_eq(buf, back, 512);
	fx_free(f);
}
END_TEST

// --- DMA ---------------------------------------------------------------------------------------------

START_TEST(dma_read_and_write)
{
	struct fixture *f = fx_new(&disk, NULL);

	prd(f, TABLE, DATA, 3 * 512 + 100, false);      // a sector across two descriptors
	prd(f, TABLE + 8, DATA + 0x8000, 512 * 5 - 100, true);
	issue(f, 0xc8, 123, 8, false);
	ck_assert_int_eq(in(f, ATA_REG_STATUS) & ATA_BSY, ATA_BSY);
	ck_assert(!f->pending[0].set);                  // not before the bus master runs
	master_start(f, TABLE, true);
	ck_assert_int_eq(master_status(f), BMIDE_ACTIVE);
	fx_run(f);
	ck_assert(f->level);
	ck_assert_int_eq(master_status(f), BMIDE_INTERRUPT);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	master_stop(f);
	ck_assert_mem_eq(f->ram + DATA, at(f, 123), 3 * 512 + 100);
	ck_assert_mem_eq(f->ram + DATA + 0x8000, at(f, 123) + 3 * 512 + 100, 5 * 512 - 100);

	pattern(f->ram + DATA, 128 * 512, 77);
	prd(f, TABLE, DATA, 0, true);                   // 0 means 64 KiB
	master_start(f, TABLE, false);                  // started before the command
	issue(f, 0x3d, 2000, 128, true);
	fx_run(f);
	ck_assert_int_eq(master_status(f), BMIDE_INTERRUPT);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	ck_assert_mem_eq(f->ram + DATA, at(f, 2000), 128 * 512);
	ck_assert_int_eq(f->fua_writes, 1);
	fx_free(f);
}
END_TEST

START_TEST(dma_table_longer_than_transfer)
{
	struct fixture *f = fx_new(&disk, NULL);

	prd(f, TABLE, DATA, 4096, true);
	master_start(f, TABLE, true);
	issue(f, 0xc8, 1, 1, false);
	fx_run(f);
	ck_assert_int_eq(master_status(f), BMIDE_ACTIVE | BMIDE_INTERRUPT);
	master_stop(f);
	ck_assert_int_eq(master_status(f), BMIDE_INTERRUPT);
	bmide_write(&f->bm, BMIDE_STATUS, 1, BMIDE_INTERRUPT);
	ck_assert_int_eq(master_status(f), 0);
	fx_free(f);
}
END_TEST

// The device waits for more; a second table lets it finish.
START_TEST(dma_table_too_short)
{
	struct fixture *f = fx_new(&disk, NULL);

	prd(f, TABLE, DATA, 1024, true);
	master_start(f, TABLE, true);
	issue(f, 0xc8, 10, 4, false);
	fx_run(f);
	ck_assert_int_eq(master_status(f), 0);          // neither active, nor interrupt, nor error
	ck_assert(!f->level);
	ck_assert_int_eq(in(f, ATA_REG_STATUS) & ATA_BSY, ATA_BSY);
	master_stop(f);
	prd(f, TABLE, DATA + 1024, 1024, true);
	master_start(f, TABLE, true);
	fx_run(f);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	ck_assert_mem_eq(f->ram + DATA, at(f, 10), 2048);

	prd(f, TABLE, DATA, 100, true);                 // not even a sector
	master_start(f, TABLE, true);
	issue(f, 0xc8, 10, 1, false);
	ck_assert(!f->pending[0].set);
	ck_assert_int_eq(master_status(f), 0);
	ata_control_write(&f->ata, ATA_SRST);
	ata_control_write(&f->ata, 0);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	fx_free(f);
}
END_TEST

// Part of a sector follows a whole one in memory: only the whole one is handed over. Addresses are made even.
START_TEST(dma_tail_and_odd_address)
{
	struct fixture *f = fx_new(&disk, NULL);

	prd(f, TABLE, DATA + 1, 512, false);
	prd(f, TABLE + 8, DATA + 512, 100, true);
	issue(f, 0xc8, 10, 2, false);
	master_start(f, TABLE, true);
	fx_complete(f, 0);
	ck_assert_mem_eq(f->ram + DATA, at(f, 10), 512);
	ck_assert_int_eq(f->ram[DATA + 512], 0);
	ck_assert_int_eq(master_status(f), 0);
	ck_assert_int_eq(in(f, ATA_REG_STATUS) & ATA_BSY, ATA_BSY);
	fx_free(f);
}
END_TEST

START_TEST(dma_wild_addresses)
{
	static const struct { uint32_t table, base, count; } cases[] = {
		{ TABLE, RAM_SIZE - 256, 512 },         // across the end of memory
		{ TABLE, 0xfffffffe, 0 },
		{ TABLE, 0xfee00000, 512 },
		{ RAM_SIZE, 0, 0 },                     // the table itself
		{ 0xfffffffc, 0, 0 },
	};
	struct fixture *f = fx_new(&disk, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		prd(f, TABLE, cases[i].base, cases[i].count, true);
		issue(f, i & 1 ? 0xca : 0xc8, 10, 1, false);
		master_start(f, cases[i].table, !(i & 1));
		ck_assert(!f->pending[0].set);
		ck_assert_int_eq(master_status(f), BMIDE_ERROR | BMIDE_INTERRUPT);
		expect_error(f, ATA_ABRT);
		master_stop(f);
	}
	fx_free(f);
}
END_TEST

// Descriptors of two bytes: 256 make a sector. And a table without an end.
START_TEST(dma_tiny_and_endless)
{
	struct fixture *f = fx_new(&disk, NULL);

	for (unsigned i = 0; i < 512; i++)
		prd(f, 0x20000 + i * 8, DATA + i * 6, 3, i == 511);     // odd lengths are made even
	issue(f, 0xc8, 20, 2, false);
	master_start(f, 0x20000, true);
	fx_run(f);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	ck_assert_int_eq(master_status(f), BMIDE_INTERRUPT);
	for (unsigned i = 0; i < 512; i++)
		ck_assert_mem_eq(f->ram + DATA + i * 6, at(f, 20) + i * 2, 2);
	master_stop(f);

	for (unsigned i = 0; i < 8192; i++)
		prd(f, 0x20000 + i * 8, DATA, 2, false);
	issue(f, 0xc8, 20, 64, false);
	master_start(f, 0x20000, true);
	fx_run(f);
	ck_assert_int_eq(master_status(f), 0); // 16 KiB and no end: the walk stops after 64 KiB of table
	ck_assert_int_eq(in(f, ATA_REG_STATUS) & ATA_BSY, ATA_BSY);
	fx_free(f);
}
END_TEST

START_TEST(dma_waits_for_bus_mastering)
{
	struct fixture *f = fx_new(&disk, NULL);

	f->master_off = true;
	prd(f, TABLE, DATA, 512, true);
	issue(f, 0xc8, 20, 1, false);
	master_start(f, TABLE, true);
	ck_assert(!f->pending[0].set);
	f->master_off = false;
	ata_dma_ready(&f->ata);
	fx_run(f);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	fx_free(f);
}
END_TEST

START_TEST(dma_medium_error_and_stop)
{
	struct fixture *f = fx_new(&disk, NULL);

	prd(f, TABLE, DATA, 1024, true);
	issue(f, 0xc8, 20, 1, false);
	master_start(f, TABLE, true);
	f->fail = -EIO;
	fx_run(f);
	expect_error(f, ATA_UNC);
	ck_assert_int_eq(master_status(f), BMIDE_ACTIVE | BMIDE_INTERRUPT);     // the bus is not to blame
	master_stop(f);
	issue(f, 0xc8, 20, 1, false);
	master_start(f, TABLE, true);
	master_stop(f);                                 // in flight
	fx_run(f);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	fx_free(f);
}
END_TEST

START_TEST(master_registers)
{
	struct fixture *f = fx_new(&disk, NULL);

	bmide_write(&f->bm, 0, 4, 0xffffffff);
	ck_assert_int_eq(bmide_read(&f->bm, 0), 9);
	ck_assert_int_eq(bmide_read(&f->bm, 1), 0);
	ck_assert_int_eq(master_status(f), 0x61);
	ck_assert_int_eq(bmide_read(&f->bm, 3), 0);
	bmide_write(&f->bm, 4, 4, 0x12345677);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(bmide_read(&f->bm, 4 + i), (uint8_t)(0x12345674u >> i * 8));
	bmide_write(&f->bm, 5, 1, 0xab);
	ck_assert_int_eq(bmide_read(&f->bm, 5), 0xab);
	bmide_write(&f->bm, BMIDE_COMMAND, 1, 0);
	ck_assert_int_eq(master_status(f), 0x60);
	fx_free(f);
}
END_TEST

// --- TRIM --------------------------------------------------------------------------------------------

START_TEST(trim)
{
	struct fixture *f = fx_new(&disk, NULL);

	memset(f->ram + DATA, 0, 512);
	put_le64(f->ram + DATA, 100 | 8ull << 48);
	put_le64(f->ram + DATA + 24, 200 | 2ull << 48);
	prd(f, TABLE, DATA, 512, true);
	out(f, ATA_REG_ERROR, 1);
	issue(f, 0x06, 0, 1, true);
	master_start(f, TABLE, false);
	fx_run(f);
	ck_assert_int_eq(in(f, ATA_REG_STATUS), READY);
	ck_assert_uint_eq(f->discarded, 10 * 512);
	master_stop(f);
	put_le64(f->ram + DATA + 32, 20159 | 2ull << 48);       // one bad range: nothing is done
	out(f, ATA_REG_ERROR, 1);
	issue(f, 0x06, 0, 1, true);
	master_start(f, TABLE, false);
	ck_assert(!f->pending[0].set);
	expect_error(f, ATA_IDNF | ATA_ABRT);
	master_stop(f);
	issue(f, 0x06, 0, 9, true);                             // more blocks than word 105 allows
	expect_error(f, ATA_ABRT);
	out(f, ATA_REG_ERROR, 0);
	issue(f, 0x06, 0, 1, true);
	expect_error(f, ATA_ABRT);
	fx_free(f);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		read_pio,
		read_multiple,
		write_pio,
		write_cache_off_means_through,
		data_port_widths,
		addresses_chs,
		addresses_out_of_range,
		addresses_48_bits,
		backend_errors,
		readonly_disk,
		sector_buffer,
		dma_read_and_write,
		dma_table_longer_than_transfer,
		dma_table_too_short,
		dma_tail_and_odd_address,
		dma_wild_addresses,
		dma_tiny_and_endless,
		dma_waits_for_bus_mastering,
		dma_medium_error_and_stop,
		master_registers,
		trim,
	};
	Suite *s = suite_create("ata_rw");
	TCase *c = tcase_create("core");

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(c, tests[i]);
	suite_add_tcase(s, c);
	return run_suite(s);
}
