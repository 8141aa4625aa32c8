// fuzz_ide.c: a disk and a CD-ROM on one channel with its bus master: bytes become accesses and completions.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "hw/storage/ata.h"
#include "hw/storage/bmide.h"

#define RAM_SIZE 65536u
#define PIECES 260

struct pending {
	bool set;
	struct ata_io io;
	struct iovec iov[PIECES];
	struct bmide_map map;
};

struct machine {
	struct ata ata;
	struct bmide bm;
	struct bmide_regs bm_regs;
	struct ata_regs *regs;
	uint8_t ram[RAM_SIZE];
	struct pending pending[2];
};

static void on_irq(void *arg, bool level) { bmide_irq(&((struct machine *)arg)->bm, level); }

static void require(bool fine)
{
	if (!fine)
		abort();
}

// What the backend is promised, whatever the guest did.
static void on_io(void *arg, unsigned unit, const struct ata_io *io)
{
	struct machine *m = arg;
	struct pending *p = &m->pending[unit];
	uint64_t sum = 0;

	require(!p->set && io->offset % 512 == 0 && io->length % 512 == 0);
	if (io->op == ATA_IO_READ || io->op == ATA_IO_WRITE) {
		require(io->length > 0);
		if (io->dma) {
			for (int i = 0; i < p->map.count; i++)
				sum += p->map.iov[i].iov_len;
			require(sum == io->length);
		} else {
			const uint8_t *buf = m->regs->dev[unit].buf;

			require(io->buf >= buf && io->buf + io->length <= buf + ATA_BUF_SIZE);
		}
	}
	p->set = true;
	p->io = *io;
}

static int64_t on_map(void *arg, unsigned unit, uint64_t want, bool to_memory)
{
	struct machine *m = arg;
	int64_t n;

	if (m->pending[unit].set)
		abort();
	n = bmide_map(&m->bm, want, to_memory, &m->pending[unit].map);
	require(n < 0 || (n % 512 == 0 && (uint64_t)n <= want));
	return n;
}

static int64_t on_copy(void *arg, unsigned unit, void *buf, size_t len, bool to_memory)
{
	return bmide_copy(&((struct machine *)arg)->bm, buf, len, to_memory);
}

static void on_end(void *arg, unsigned unit) { bmide_end(&((struct machine *)arg)->bm); }
static void on_tray(void *arg, unsigned unit, bool open) { }

static int mem_read(void *arg, gpa_t a, void *buf, size_t len)
{
	struct machine *m = arg;

	if (a.raw > RAM_SIZE || len > RAM_SIZE - a.raw)
		return -EFAULT;
	memcpy(buf, m->ram + a.raw, len);
	return 0;
}

static int mem_write(void *arg, gpa_t a, const void *buf, size_t len)
{
	struct machine *m = arg;

	if (a.raw > RAM_SIZE || len > RAM_SIZE - a.raw)
		return -EFAULT;
	memcpy(m->ram + a.raw, buf, len);
	return 0;
}

static int mem_iov(void *arg, gpa_t a, size_t len, bool writable, struct iovec *iov, int max)
{
	struct machine *m = arg;
	int n = 0;

	if (a.raw > RAM_SIZE || len > RAM_SIZE - a.raw)
		return -EFAULT;
	while (len) {
		size_t take = MIN(len, 4096 - a.raw % 4096);

		if (n == max)
			return -E2BIG;
		iov[n++] = (struct iovec){ m->ram + a.raw, take };
		a.raw += take;
		len -= take;
	}
	return n;
}

static bool granted(void *arg) { return true; }
static void started(void *arg) { ata_dma_ready(&((struct machine *)arg)->ata); }

static void complete(struct machine *m, unsigned unit, int result)
{
	struct pending *p = &m->pending[unit];

	if (!p->set)
		return;
	p->set = false;
	if (!result && p->io.op == ATA_IO_READ && p->io.dma)
		for (int i = 0; i < p->map.count; i++)
			memset(p->map.iov[i].iov_base, 0xa5, p->map.iov[i].iov_len);
	else if (!result && p->io.op == ATA_IO_READ)
		memset(p->io.buf, 0x5a, p->io.length);
	ata_io_done(&m->ata, unit, result);
}

static struct machine *power_on(void)
{
	struct machine *m = calloc(1, sizeof(*m));
	const struct ata_host host = {
		.irq = on_irq, .io = on_io, .dma_map = on_map, .dma_copy = on_copy, .dma_end = on_end,
		.tray = on_tray, .arg = m,
	};
	const struct bmide_host master = {
		.read = mem_read, .write = mem_write, .iov = mem_iov, .granted = granted, .started = started,
		.arg = m,
	};
	const struct ata_drive disk = { .kind = ATA_KIND_DISK, .sectors = 0x10000010, .discard = true };
	const struct ata_drive cd = { .kind = ATA_KIND_CDROM, .number = 1, .sectors = 4000, .medium = true };

	m->regs = calloc(1, sizeof(*m->regs));
	for (unsigned i = 0; i < 2; i++)
		m->pending[i].map = (struct bmide_map){ .iov = m->pending[i].iov, .max = PIECES };
	ata_init(&m->ata, m->regs, &host);
	bmide_init(&m->bm, &m->bm_regs, &master);
	ata_plug(&m->ata, 0, &disk);
	ata_plug(&m->ata, 1, &cd);
	ata_power_on(&m->ata);
	bmide_reset(&m->bm, 0x60);
	return m;
}

struct script { const uint8_t *at, *end; };

static uint8_t next(struct script *s) { return s->at < s->end ? *s->at++ : 0; }

static void bulk(struct machine *m, struct script *s, bool write)
{
	uint8_t buf[4096];
	size_t n = (size_t)next(s) * 16 + 2;

	memset(buf, next(s), sizeof(buf));
	if (write)
		ata_data_write(&m->ata, buf, n);
	else
		ata_data_read(&m->ata, buf, n);
}

static void send_packet(struct machine *m, struct script *s)
{
	uint8_t cdb[12];

	ata_write(&m->ata, ATA_REG_DEVICE, ATA_DEV);
	ata_write(&m->ata, ATA_REG_ERROR, next(s));
	ata_write(&m->ata, ATA_REG_STATUS, 0xa0);
	for (unsigned i = 0; i < sizeof(cdb); i++)
		cdb[i] = next(s);
	// Often a read inside the medium, which chance alone seldom finds.
	if (cdb[11] & 3) {
		cdb[0] = (const uint8_t[]){ 0xbe, 0x28, 0xbe }[(cdb[11] & 3) - 1];
		cdb[1] &= 8;
		cdb[2] = cdb[3] = cdb[6] = cdb[7] = cdb[10] = 0;
		cdb[4] &= 3;
		cdb[9] &= 0xf8;
	}
	ata_data_write(&m->ata, cdb, sizeof(cdb));
}

static void descriptor(struct machine *m, struct script *s)
{
	uint8_t *at = m->ram + (next(s) & 0x1f) * 8u;

	put_le32(at, (uint32_t)next(s) << 8 | next(s));
	put_le16(at + 4, (uint16_t)(next(s) << 8 | next(s)));
	at[7] = next(s) & 0x80;
}

// Takes a whole block, as a driver would.
static void drain(struct machine *m, bool write)
{
	uint8_t buf[2352];

	memset(buf, 1, sizeof(buf));
	for (unsigned i = 0; i < 28; i++) {
		if (!(ata_alt_status(&m->ata) & ATA_DRQ))
			break;
		if (write)
			ata_data_write(&m->ata, buf, sizeof(buf));
		else
			ata_data_read(&m->ata, buf, sizeof(buf));
	}
}

// Commands that need a key in their registers.
static void keyed(struct machine *m, struct script *s)
{
	static const uint8_t codes[] = { 0xb0, 0xef, 0xb0, 0xef };
	uint8_t pick = next(s);

	ata_write(&m->ata, ATA_REG_DEVICE, 0);
	ata_write(&m->ata, ATA_REG_ERROR, pick & 1 ? next(s) : (uint8_t)(0xd0 | next(s) % 12));
	ata_write(&m->ata, ATA_REG_COUNT, next(s));
	ata_write(&m->ata, ATA_REG_LBA_LOW, next(s) & 7);
	ata_write(&m->ata, ATA_REG_LBA_MID, 0x4f);
	ata_write(&m->ata, ATA_REG_LBA_HIGH, 0xc2);
	ata_write(&m->ata, ATA_REG_STATUS, codes[pick & 3]);
}

static void master_write(struct machine *m, struct script *s, uint8_t op)
{
	unsigned reg = next(s) & 7u;
	uint8_t raw[4] = { next(s), next(s) };

	bmide_write(&m->bm, reg, 1u << (op >> 6), get_le32(raw));
}

static void exchange(struct machine *m, struct script *s, uint8_t op)
{
	uint64_t sectors = (uint64_t)next(s) << (op >> 4 & 3) * 8;

	ata_medium_change(&m->ata, 1, op & 0x40, sectors, op & 0x80);
}

static void others(struct machine *m, struct script *s, uint8_t op)
{
	switch (op >> 4) {
	case 0: ata_power_on(&m->ata); break;
	case 1: case 2: case 3: keyed(m, s); break;
	case 4: case 5: case 6: case 7: case 8: drain(m, false); break;
	default: drain(m, true); break;
	}
}

// Registers as a hostile snapshot would set them, in one place.
static void damage(struct machine *m, struct script *s)
{
	size_t limit = offsetof(struct ata_dev_regs, buf);
	size_t at = (size_t)(next(s) << 8 | next(s)) % limit;

	if (m->pending[0].set || m->pending[1].set)
		return;
	((uint8_t *)&m->regs->dev[next(s) & 1])[at] = next(s);
	ata_regs_sanitize(m->regs);
	bmide_regs_sanitize(&m->bm_regs);
	ata_loaded(&m->ata);
}

static void step(struct machine *m, struct script *s)
{
	uint8_t op = next(s);

	switch (op & 0x0f) {
	case 0: case 1: case 2: ata_write(&m->ata, 1u + next(s) % 7u, next(s)); break;
	case 3: (void)ata_read(&m->ata, 1u + next(s) % 7u); break;
	case 4: bulk(m, s, false); break;
	case 5: bulk(m, s, true); break;
	case 6: ata_control_write(&m->ata, next(s)); break;
	case 7: master_write(m, s, op); break;
	case 8: complete(m, op >> 7, 0); break;
	case 9: complete(m, op >> 7, -EIO); break;
	case 10: send_packet(m, s); break;
	case 11: descriptor(m, s); break;
	case 12: exchange(m, s, op); break;
	case 13: (void)bmide_read(&m->bm, next(s)); break;
	case 14: damage(m, s); break;
	default: others(m, s, op); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct machine *m = power_on();
	struct script s = { data, data + MIN(size, 4096u) };

	while (s.at < s.end)
		step(m, &s);
	for (unsigned i = 0; i < 4; i++)
		complete(m, i & 1, 0);
	free(m->regs);
	free(m);
	return 0;
}
