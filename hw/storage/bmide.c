// bmide.c: bus master IDE: registers and the walk through the descriptor table.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/storage/bmide.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"

#define SECTOR 512u
#define DESCRIPTOR 8u
#define TABLE_MAX (65536u / DESCRIPTOR)         // a table lies within 64 KiB
#define MAP_MAX (16u << 20)                     // bytes of one transfer; longer ones go in several
#define END_OF_TABLE 0x80000000u

void bmide_init(struct bmide *bm, struct bmide_regs *regs, const struct bmide_host *host)
{
	bm->r = regs;
	bm->host = *host;
	memset(regs, 0, sizeof(*regs));
}

void bmide_reset(struct bmide *bm, uint8_t capable)
{
	uint8_t intrq = bm->r->intrq;

	memset(bm->r, 0, sizeof(*bm->r));
	bm->r->status = capable & (BMIDE_CAPABLE_0 | BMIDE_CAPABLE_1);
	bm->r->intrq = intrq;
}

// --- registers ---------------------------------------------------------------------------------------

uint8_t bmide_read(const struct bmide *bm, unsigned reg)
{
	const struct bmide_regs *r = bm->r;

	switch (reg & (BMIDE_SIZE - 1)) {
	case BMIDE_COMMAND: return r->command;
	case BMIDE_STATUS: return r->status;
	case BMIDE_TABLE: case BMIDE_TABLE + 1: case BMIDE_TABLE + 2: case BMIDE_TABLE + 3:
		return (uint8_t)(r->table >> (reg & 3) * 8);
	default: return 0;
	}
}

static void write_command(struct bmide *bm, uint8_t value)
{
	struct bmide_regs *r = bm->r;
	uint8_t old = r->command;

	r->command = value & (BMIDE_START | BMIDE_TO_MEMORY);
	if (!(r->command & BMIDE_START)) {
		r->status &= (uint8_t)~BMIDE_ACTIVE;
		return;
	}
	if (old & BMIDE_START)
		return;
	r->cursor = (struct bmide_cursor){ .next = r->table };
	r->status |= BMIDE_ACTIVE;
	bm->host.started(bm->host.arg);
}

static void write_status(struct bmide_regs *r, uint8_t value)
{
	uint8_t kept = r->status & (BMIDE_ACTIVE | BMIDE_ERROR | BMIDE_INTERRUPT);

	kept &= (uint8_t)~(value & (BMIDE_ERROR | BMIDE_INTERRUPT));
	r->status = (uint8_t)(kept | (value & (BMIDE_CAPABLE_0 | BMIDE_CAPABLE_1)));
}

static void write_byte(struct bmide *bm, unsigned reg, uint8_t value)
{
	struct bmide_regs *r = bm->r;
	unsigned shift = (reg & 3) * 8;

	switch (reg) {
	case BMIDE_COMMAND: write_command(bm, value); break;
	case BMIDE_STATUS: write_status(r, value); break;
	case BMIDE_TABLE: case BMIDE_TABLE + 1: case BMIDE_TABLE + 2: case BMIDE_TABLE + 3:
		r->table = ((r->table & ~(0xffu << shift)) | (uint32_t)value << shift) & ~3u;
		break;
	default: break;
	}
}

void bmide_write(struct bmide *bm, unsigned reg, unsigned size, uint32_t value)
{
	for (unsigned i = 0; i < size && i < 4; i++)
		write_byte(bm, (reg + i) & (BMIDE_SIZE - 1), (uint8_t)(value >> i * 8));
}

void bmide_irq(struct bmide *bm, bool level)
{
	if (level && !bm->r->intrq)
		bm->r->status |= BMIDE_INTERRUPT;
	bm->r->intrq = level;
}

// --- descriptors -------------------------------------------------------------------------------------

static bool running(const struct bmide *bm)
{
	return bm->r->status & BMIDE_ACTIVE && bm->r->command & BMIDE_START && bm->host.granted(bm->host.arg);
}

static int64_t fault(struct bmide *bm)
{
	bm->r->status |= BMIDE_ERROR;
	bm->r->status &= (uint8_t)~BMIDE_ACTIVE;
	return -EFAULT;
}

static bool exhausted(const struct bmide_cursor *c)
{
	return !c->left && (c->last || c->taken >= TABLE_MAX);
}

// Takes the next descriptor: read once, only the copy is used. Address and length are even; 0 means 64 KiB.
static int next_descriptor(struct bmide *bm, struct bmide_cursor *c)
{
	uint8_t raw[DESCRIPTOR];
	int rc = bm->host.read(bm->host.arg, gpa(c->next), raw, sizeof(raw));
	uint32_t count;

	if (rc)
		return rc;
	count = get_le16(raw + 4) & 0xfffeu;
	c->base = get_le32(raw) & ~1u;
	c->left = count ? count : 65536;
	c->last = get_le32(raw + 4) & END_OF_TABLE ? 1 : 0;
	c->next += DESCRIPTOR;
	c->taken++;
	return 0;
}

static void consume(struct bmide_cursor *c, uint32_t n)
{
	c->base += n;
	c->left -= n;
}

// The state of a walk; MARK is its last state at a whole sector.
struct walk {
	struct bmide_cursor at;
	uint64_t bytes;
	int pieces;
	size_t last_len;                // of the last piece: it may have grown since the mark
};

// Joins pieces that follow each other in host memory.
static int append(struct iovec *iov, int count, int added)
{
	for (int i = 0; i < added; i++) {
		struct iovec piece = iov[count], *last = count ? &iov[count - 1] : NULL;

		if (i == 0 && last && (char *)last->iov_base + last->iov_len == piece.iov_base) {
			last->iov_len += piece.iov_len;
			memmove(&iov[count], &iov[count + 1], (size_t)(added - 1) * sizeof(*iov));
		} else {
			count++;
		}
	}
	return count;
}

// How far the next step goes: to the end of a begun sector, else over whole sectors, else what there is.
static uint32_t step_length(const struct walk *w, uint64_t want)
{
	uint32_t begun = (uint32_t)(w->bytes % SECTOR);
	uint32_t n = (uint32_t)MIN((uint64_t)w->at.left, want - w->bytes);

	if (begun)
		return MIN(n, SECTOR - begun);
	return n >= SECTOR ? n - n % SECTOR : n;
}

// One step: 1 = went on, 0 = no further (table or list at its end), negative = fault.
static int walk_step(struct bmide *bm, struct walk *w, uint64_t want, bool to_memory, struct bmide_map *map)
{
	uint32_t n;
	int added;

	if (exhausted(&w->at))
		return 0;
	if (!w->at.left && next_descriptor(bm, &w->at))
		return -EFAULT;
	if (w->pieces >= map->max)
		return 0;
	n = step_length(w, want);
	added = bm->host.iov(bm->host.arg, gpa(w->at.base), n, to_memory, map->iov + w->pieces,
			     map->max - w->pieces);
	if (added == -E2BIG)
		return 0;
	if (added <= 0)
		return -EFAULT;
	w->pieces = append(map->iov, w->pieces, added);
	w->last_len = map->iov[w->pieces - 1].iov_len;
	w->bytes += n;
	consume(&w->at, n);
	return 1;
}

int64_t bmide_map(struct bmide *bm, uint64_t want, bool to_memory, struct bmide_map *map)
{
	struct walk w = { .at = bm->r->cursor }, mark = w;
	int rc = 1;

	map->count = 0;
	if (!running(bm))
		return 0;
	want = MIN(want - want % SECTOR, MAP_MAX);
	while (w.bytes < want && (rc = walk_step(bm, &w, want, to_memory, map)) > 0)
		if (w.bytes % SECTOR == 0)
			mark = w;
	if (rc < 0)
		return fault(bm);
	if (!mark.bytes) {
		// A table that is too short ends the bus master's part; the device goes on waiting.
		if (want && exhausted(&w.at)) {
			bm->r->cursor = w.at;
			bm->r->status &= (uint8_t)~BMIDE_ACTIVE;
		}
		return 0;
	}
	// Bytes behind the last whole sector stay for the next transfer.
	map->count = mark.pieces;
	map->iov[mark.pieces - 1].iov_len = mark.last_len;
	bm->r->cursor = mark.at;
	return (int64_t)mark.bytes;
}

int64_t bmide_copy(struct bmide *bm, void *buf, size_t len, bool to_memory)
{
	struct bmide_cursor *c = &bm->r->cursor;
	size_t done = 0;

	if (!running(bm))
		return 0;
	while (done < len && !exhausted(c)) {
		uint8_t *at = (uint8_t *)buf + done;
		uint32_t n;
		int rc;

		if (!c->left && next_descriptor(bm, c))
			return fault(bm);
		n = (uint32_t)MIN((size_t)c->left, len - done);
		rc = to_memory ? bm->host.write(bm->host.arg, gpa(c->base), at, n) :
				 bm->host.read(bm->host.arg, gpa(c->base), at, n);
		if (rc)
			return fault(bm);
		consume(c, n);
		done += n;
	}
	bmide_end(bm);
	return (int64_t)done;
}

void bmide_end(struct bmide *bm)
{
	if (exhausted(&bm->r->cursor))
		bm->r->status &= (uint8_t)~BMIDE_ACTIVE;
}

void bmide_regs_sanitize(struct bmide_regs *regs)
{
	regs->command &= BMIDE_START | BMIDE_TO_MEMORY;
	regs->status &= BMIDE_ACTIVE | BMIDE_ERROR | BMIDE_INTERRUPT | BMIDE_CAPABLE_0 | BMIDE_CAPABLE_1;
	regs->table &= ~3u;
	regs->cursor.base &= ~1u;
	regs->cursor.left = MIN(regs->cursor.left & ~1u, 65536u);
	regs->intrq = !!regs->intrq;
}
