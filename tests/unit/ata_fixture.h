// ata_fixture.h: a channel with a bus master, a little RAM and a backend that answers when told to.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_TESTS_ATA_FIXTURE_H
#define BERTH_TESTS_ATA_FIXTURE_H

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "hw/storage/ata.h"
#include "hw/storage/bmide.h"

#define RAM_SIZE (1u << 20)
#define PIECES 300

struct pending {
	bool set;
	struct ata_io io;
	struct iovec iov[PIECES];
	struct bmide_map map;
};

struct fixture {
	struct ata ata;
	struct ata_regs *regs;
	struct bmide bm;
	struct bmide_regs bm_regs;
	uint8_t *medium[2];
	uint64_t sectors[2];
	uint8_t *ram;
	bool level, master_off;
	unsigned irqs, flushes, fua_writes, writes, trays;
	uint64_t discarded;
	int fail;                               // result of the next request
	struct pending pending[2];
};

static void fx_irq(void *arg, bool level)
{
	struct fixture *f = arg;

	ck_assert_int_ne(level, f->level);      // only changes are told
	f->level = level;
	f->irqs += level;
	bmide_irq(&f->bm, level);
}

static void fx_io(void *arg, unsigned unit, const struct ata_io *io)
{
	struct fixture *f = arg;

	ck_assert(!f->pending[unit].set);       // one request at a time
	f->pending[unit].set = true;
	f->pending[unit].io = *io;
}

static int64_t fx_map(void *arg, unsigned unit, uint64_t want, bool to_memory)
{
	struct fixture *f = arg;

	return bmide_map(&f->bm, want, to_memory, &f->pending[unit].map);
}

static int64_t fx_copy(void *arg, unsigned unit, void *buf, size_t len, bool to_memory)
{
	struct fixture *f = arg;

	return bmide_copy(&f->bm, buf, len, to_memory);
}

static void fx_end(void *arg, unsigned unit)
{
	struct fixture *f = arg;

	bmide_end(&f->bm);
}

static void fx_tray(void *arg, unsigned unit, bool open)
{
	struct fixture *f = arg;

	f->trays++;
}

static int fx_mem_read(void *arg, gpa_t a, void *buf, size_t len)
{
	struct fixture *f = arg;

	if (a.raw > RAM_SIZE || len > RAM_SIZE - a.raw)
		return -EFAULT;
	memcpy(buf, f->ram + a.raw, len);
	return 0;
}

static int fx_mem_write(void *arg, gpa_t a, const void *buf, size_t len)
{
	struct fixture *f = arg;

	if (a.raw > RAM_SIZE || len > RAM_SIZE - a.raw)
		return -EFAULT;
	memcpy(f->ram + a.raw, buf, len);
	return 0;
}

// Pieces end at pages, so that the joining of pieces has something to do.
static int fx_mem_iov(void *arg, gpa_t a, size_t len, bool writable, struct iovec *iov, int max)
{
	struct fixture *f = arg;
	int n = 0;

	if (a.raw > RAM_SIZE || len > RAM_SIZE - a.raw)
		return -EFAULT;
	while (len) {
		size_t take = MIN(len, 4096 - a.raw % 4096);

		if (n == max)
			return -E2BIG;
		iov[n++] = (struct iovec){ f->ram + a.raw, take };
		a.raw += take;
		len -= take;
	}
	return n;
}

static bool fx_granted(void *arg) { return !((struct fixture *)arg)->master_off; }
static void fx_started(void *arg) { ata_dma_ready(&((struct fixture *)arg)->ata); }

static void fx_carry_out(struct fixture *f, unsigned unit, const struct pending *p)
{
	struct iovec flat = { p->io.buf, p->io.length };
	const struct iovec *iov = p->io.dma ? p->iov : &flat;
	uint8_t *at = f->medium[unit] + p->io.offset;
	size_t sum = 0;

	ck_assert_uint_le(p->io.offset + p->io.length, f->sectors[unit] * 512);
	for (int i = 0; i < (p->io.dma ? p->map.count : 1); i++) {
		if (p->io.op == ATA_IO_READ)
			memcpy(iov[i].iov_base, at + sum, iov[i].iov_len);
		else
			memcpy(at + sum, iov[i].iov_base, iov[i].iov_len);
		sum += iov[i].iov_len;
	}
	ck_assert_uint_eq(sum, p->io.length);
}

// Completes the request of UNIT.
static void fx_complete(struct fixture *f, unsigned unit)
{
	struct pending *p = &f->pending[unit];
	int result = f->fail;

	ck_assert(p->set);
	p->set = false;
	f->fail = 0;
	f->flushes += p->io.op == ATA_IO_FLUSH;
	f->writes += p->io.op == ATA_IO_WRITE;
	f->fua_writes += p->io.fua;
	if (p->io.op == ATA_IO_DISCARD)
		f->discarded += p->io.length;
	if (!result && (p->io.op == ATA_IO_READ || p->io.op == ATA_IO_WRITE))
		fx_carry_out(f, unit, p);
	ata_io_done(&f->ata, unit, result);
}

static void fx_run(struct fixture *f)
{
	while (f->pending[0].set || f->pending[1].set)
		fx_complete(f, f->pending[0].set ? 0 : 1);
}

static void fx_plug(struct fixture *f, unsigned unit, const struct ata_drive *drive)
{
	if (drive->sectors && drive->sectors < 1u << 20) {
		f->medium[unit] = malloc(drive->sectors * 512);
		for (uint64_t i = 0; i < drive->sectors * 512; i++)
			f->medium[unit][i] = (uint8_t)(i / 512 * 7 + i % 512 * 13 + (i >> 17));
	}
	f->sectors[unit] = drive->sectors;
	ata_plug(&f->ata, unit, drive);
}

static struct fixture *fx_new(const struct ata_drive *first, const struct ata_drive *second)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct ata_host host = {
		.irq = fx_irq,
		.io = fx_io,
		.dma_map = fx_map,
		.dma_copy = fx_copy,
		.dma_end = fx_end,
		.tray = fx_tray,
		.arg = f,
	};
	const struct bmide_host master = {
		.read = fx_mem_read,
		.write = fx_mem_write,
		.iov = fx_mem_iov,
		.granted = fx_granted,
		.started = fx_started,
		.arg = f,
	};

	f->regs = calloc(1, sizeof(*f->regs));
	f->ram = calloc(1, RAM_SIZE);
	for (unsigned i = 0; i < 2; i++)
		f->pending[i].map = (struct bmide_map){ .iov = f->pending[i].iov, .max = PIECES };
	ata_init(&f->ata, f->regs, &host);
	bmide_init(&f->bm, &f->bm_regs, &master);
	if (first)
		fx_plug(f, 0, first);
	if (second)
		fx_plug(f, 1, second);
	bmide_reset(&f->bm, 0);
	ata_power_on(&f->ata);
	return f;
}

static void fx_free(struct fixture *f)
{
	free(f->medium[0]);
	free(f->medium[1]);
	free(f->regs);
	free(f->ram);
	free(f);
}

static inline uint8_t in(struct fixture *f, unsigned reg) { return ata_read(&f->ata, reg); }
static inline void out(struct fixture *f, unsigned reg, uint8_t v) { ata_write(&f->ata, reg, v); }

// A command with all of its parameters; 48-bit ones when EXT.
static inline void issue(struct fixture *f, uint8_t command, uint64_t lba, unsigned count, bool ext)
{
	if (ext) {
		out(f, ATA_REG_COUNT, (uint8_t)(count >> 8));
		out(f, ATA_REG_LBA_LOW, (uint8_t)(lba >> 24));
		out(f, ATA_REG_LBA_MID, (uint8_t)(lba >> 32));
		out(f, ATA_REG_LBA_HIGH, (uint8_t)(lba >> 40));
	}
	out(f, ATA_REG_DEVICE,
	    (uint8_t)(0xe0 | (f->regs->select ? ATA_DEV : 0) | (ext ? 0 : lba >> 24 & 0xf)));
	out(f, ATA_REG_COUNT, (uint8_t)count);
	out(f, ATA_REG_LBA_LOW, (uint8_t)lba);
	out(f, ATA_REG_LBA_MID, (uint8_t)(lba >> 8));
	out(f, ATA_REG_LBA_HIGH, (uint8_t)(lba >> 16));
	out(f, ATA_REG_STATUS, command);
}

static inline void command(struct fixture *f, uint8_t code, uint8_t feature, uint8_t count)
{
	out(f, ATA_REG_ERROR, feature);
	out(f, ATA_REG_COUNT, count);
	out(f, ATA_REG_STATUS, code);
}

// Reads the whole of a PIO transfer block by block; returns the number of blocks.
static inline unsigned read_blocks(struct fixture *f, uint8_t *to, size_t len, size_t block)
{
	unsigned n = 0;

	while (len) {
		size_t take = MIN(len, block);

		fx_run(f);
		ck_assert_int_eq(in(f, ATA_REG_STATUS), ATA_DRDY | ATA_DSC | ATA_DRQ);
		ata_data_read(&f->ata, to, take);
		to += take;
		len -= take;
		n++;
	}
	return n;
}

static inline void write_blocks(struct fixture *f, const uint8_t *from, size_t len, size_t block)
{
	while (len) {
		size_t take = MIN(len, block);

		fx_run(f);
		ck_assert_int_eq(in(f, ATA_REG_STATUS), ATA_DRDY | ATA_DSC | ATA_DRQ);
		ata_data_write(&f->ata, from, take);
		from += take;
		len -= take;
	}
	fx_run(f);
}

static inline void prd(struct fixture *f, uint32_t at, uint32_t base, uint32_t count, bool last)
{
	put_le32(f->ram + at, base);
	put_le32(f->ram + at + 4, (count & 0xffff) | (last ? 0x80000000u : 0));
}

static inline void master_start(struct fixture *f, uint32_t table, bool to_memory)
{
	bmide_write(&f->bm, BMIDE_TABLE, 4, table);
	bmide_write(&f->bm, BMIDE_STATUS, 1, BMIDE_ERROR | BMIDE_INTERRUPT);
	bmide_write(&f->bm, BMIDE_COMMAND, 1, to_memory ? BMIDE_TO_MEMORY : 0);
	bmide_write(&f->bm, BMIDE_COMMAND, 1, BMIDE_START | (to_memory ? BMIDE_TO_MEMORY : 0));
}

static inline void master_stop(struct fixture *f) { bmide_write(&f->bm, BMIDE_COMMAND, 1, 0); }
static inline uint8_t master_status(struct fixture *f) { return bmide_read(&f->bm, BMIDE_STATUS); }

static inline int run_suite(Suite *s)
{
	SRunner *r = srunner_create(s);
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}

#endif
