// crash_fixture.h: a disk with a volatile cache in place of the engine's files, and a guest that knows what it may find.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A program that includes this has its own file_op_start(): operations complete in random order, one at a time; what was
// written is durable only when a sync that began after its completion has completed. Every sector carries its number and
// a count, so that each can be judged alone.
#ifndef BERTH_TESTS_CRASH_FIXTURE_H
#define BERTH_TESTS_CRASH_FIXTURE_H

#include "formats_fixture.h"

#include "block/image.h"

#define SECTORS    16384u
#define GRAIN      8u
#define DEPTH      24u
#define MAX_IMAGE  (40u << 20)
#define MAX_OPS    4096u
#define MAX_LOG    65536u
#define MAX_MEDIA  5u

struct pending {
	struct file_op *op;
	uint64_t started;               // clock
	uint64_t size;                  // of the file then
};

// A piece of a sector (or all of it) that went to the cache.
struct written {
	uint64_t offset, completed;     // clock; UINT64_MAX = not yet
	struct file_op *op;
	uint32_t len;
	bool hole;
	uint8_t data[512];
};

// A file of the disk under test.
struct medium {
	char name[32];
	ino_t ino;
	bool parent;                    // must never be written
	struct written *log;
	unsigned log_count;
	bool *used;                     // per grain of the file: something in it was durable once
	uint8_t *durable;
	uint64_t durable_size, current_size, first_size;
};

struct slot {
	struct block_req req;
	struct iovec iov;
	uint64_t *buf;
	bool busy;
};

enum disk_kind { SPARSE, SPARSE_WITH_TABLES, FLAT, SPLIT, CHAIN, CHAIN_ZEROED, COWD, COWD_CHILD, DISK_KINDS };

struct world {
	struct fixture f;
	struct disk *disk;
	uint64_t seed, clock;
	unsigned failing;               // of 1000 operations
	bool good_syncs;                // but no sync among them
	uint64_t fail_at;               // the number of the one operation that fails, 0 = none
	int fail_with;
	uint64_t op_number;
	struct pending ops[MAX_OPS];
	unsigned op_count;
	struct medium media[MAX_MEDIA];
	unsigned medium_count;
	unsigned area;                  // sectors that the guest writes
	struct slot slots[DEPTH];
	uint32_t latest[SECTORS], completed[SECTORS], at_flush[SECTORS], floor[SECTORS];
	uint32_t discarded[SECTORS];    // latest[] when it was discarded last, + 1
	uint8_t *scratch;               // MAX_IMAGE, zeros from scratch_used on
	uint64_t scratch_used;
	bool flushing;
	struct block_req flush;
};

static struct world w;

static inline uint64_t next(void)
{
	w.seed ^= w.seed << 13;
	w.seed ^= w.seed >> 7;
	w.seed ^= w.seed << 17;
	return w.seed;
}

// --- the disk with a cache ---------------------------------------------------------------------------------

static inline struct medium *medium_of(const struct image_file *file)
{
	for (unsigned i = 0; i < w.medium_count; i++) {
		if (w.media[i].ino == file->ino)
			return &w.media[i];
	}
	return NULL;
}

static inline uint64_t size_of(const struct image_file *file)
{
	struct stat st;

	ck_assert_int_eq(fstat(file->fd, &st), 0);
	return (uint64_t)st.st_size;
}

static inline struct written *add_written(struct medium *m, struct file_op *op, uint64_t at, uint32_t len)
{
	struct written *e = &m->log[m->log_count++];

	ck_assert_uint_lt(m->log_count, MAX_LOG);
	*e = (struct written){ .offset = at, .completed = UINT64_MAX, .op = op, .len = len };
	return e;
}

static inline void record(struct medium *m, struct file_op *op)
{
	uint64_t at = op->offset;

	for (int i = 0; i < op->iovcnt; i++) {
		const uint8_t *p = op->iov[i].iov_base;
		size_t left = op->iov[i].iov_len;

		while (left) {
			uint32_t n = (uint32_t)MIN(left, 512 - at % 512);

			memcpy(add_written(m, op, at, n)->data, p, n);
			p += n;
			at += n;
			left -= n;
		}
	}
}

// A hole is zeros that may or may not be there after a cut, as those of a write.
static inline void record_hole(struct medium *m, struct file_op *op)
{
	for (uint64_t at = op->offset; at < op->offset + op->left; at += 512)
		add_written(m, op, at, 512)->hole = true;
}

void file_op_start(struct file_op *op)
{
	struct medium *m = medium_of(op->file);

	ck_assert_uint_lt(w.op_count, MAX_OPS);
	w.ops[w.op_count++] = (struct pending){ op, ++w.clock, size_of(op->file) };
	if (!m)
		return;
	ck_assert(!m->parent || op->kind == FILE_READ);
	if (op->kind == FILE_WRITE)
		record(m, op);
	if (op->kind == FILE_PUNCH)
		record_hole(m, op);
}

static inline void settle(struct medium *m, const struct pending *sync)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < m->log_count; i++) {
		struct written *e = &m->log[i];

		if (e->completed >= sync->started) {
			m->log[kept++] = *e;
			continue;
		}
		memcpy(m->durable + e->offset, e->data, e->len);
		m->used[e->offset / (GRAIN * 512)] |= !e->hole;
	}
	m->log_count = kept;
	m->durable_size = MAX(m->durable_size, sync->size);
}

static inline void move_bytes(const struct file_op *op)
{
	if (op->kind == FILE_READ)
		ck_assert_int_eq(preadv(op->file->fd, op->iov, op->iovcnt, (off_t)op->offset),
				 (ssize_t)op->left);
	if (op->kind == FILE_WRITE)
		ck_assert_int_eq(pwritev(op->file->fd, op->iov, op->iovcnt, (off_t)op->offset),
				 (ssize_t)op->left);
	if (op->kind == FILE_PUNCH)
		ck_assert_int_eq(fallocate(op->file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)op->offset,
					   (off_t)op->left), 0);
}

static inline void carry_out(struct pending *p)
{
	struct file_op *op = p->op;
	struct medium *m = medium_of(op->file);

	move_bytes(op);
	if (!m)
		return;
	m->current_size = size_of(op->file);
	if (op->kind == FILE_SYNC)
		settle(m, p);
	for (unsigned i = 0; op->kind != FILE_SYNC && i < m->log_count; i++) {
		if (m->log[i].op == op && m->log[i].completed == UINT64_MAX)
			m->log[i].completed = w.clock + 1;
	}
	w.clock++;
}

static inline bool fails(const struct pending *p)
{
	if (p->op->kind != FILE_SYNC || !w.good_syncs) {
		if (w.failing && next() % 1000 < w.failing)
			return true;
	}
	return w.fail_at && ++w.op_number == w.fail_at;
}

static inline void complete_one(void)
{
	unsigned i = (unsigned)(next() % w.op_count);
	struct pending p = w.ops[i];

	w.ops[i] = w.ops[--w.op_count];
	// A failed operation may have done its work, or not.
	if (fails(&p)) {
		if (p.op->kind == FILE_SYNC && !p.op->file->failed)
			p.op->file->failed = -EIO;
		else if (next() % 2)
			carry_out(&p);
		p.op->done(p.op, w.fail_with ? w.fail_with : -EIO);
		return;
	}
	carry_out(&p);
	p.op->done(p.op, 0);
}

static inline void pump(struct disk *disk)
{
	if (w.op_count)
		complete_one();
	if (disk->done_list)
		ck_assert_int_eq(loop_turn(disk->loop), 0);
}

// --- the guest ---------------------------------------------------------------------------------------------

static inline uint64_t tag(uint64_t sector, uint32_t count)
{
	return count ? sector << 32 | count : 0;
}

static inline void fill_tags(uint64_t *buf, uint64_t sector, uint32_t count)
{
	for (unsigned k = 0; k < 64; k++)
		buf[k] = tag(sector, count);
}

static inline bool any_file_failed(void)
{
	for (struct image_file *f = CONTAINER_OF(w.disk, struct image, disk)->files; f; f = f->next) {
		if (f->failed)
			return true;
	}
	return false;
}

static inline void write_done(struct block_req *req, int result)
{
	struct slot *s = req->owner;

	ck_assert(result == 0 || w.failing || w.fail_at || any_file_failed());
	for (uint64_t i = 0; !result && req->op == BLOCK_WRITE && i < req->length / 512; i++) {
		uint64_t sector = req->offset / 512 + i;

		w.completed[sector] = w.latest[sector];
		if (req->flags & BLOCK_FUA)
			w.floor[sector] = w.latest[sector];
	}
	s->busy = false;
}

static inline bool overlaps(uint64_t first, uint64_t count)
{
	for (unsigned i = 0; i < DEPTH; i++) {
		const struct block_req *r = &w.slots[i].req;

		if (w.slots[i].busy && first * 512 < r->offset + r->length &&
		    r->offset < (first + count) * 512)
			return true;
	}
	return false;
}

static inline void start_request(struct slot *s, enum block_op op)
{
	uint64_t count = 1 + next() % (next() % 4 ? 12 : 64), first = next() % (next() % 2 ? 256 : w.area);

	if (s->busy || first + count > w.area || overlaps(first, count))
		return;
	for (uint64_t i = 0; i < count; i++) {
		if (op == BLOCK_DISCARD)
			w.discarded[first + i] = w.latest[first + i] + 1;
		else
			fill_tags(s->buf + i * 64, first + i, ++w.latest[first + i]);
	}
	s->iov = (struct iovec){ s->buf, count * 512 };
	s->req = (struct block_req){ .op = op,
				    .flags = next() % 20 ? 0 : BLOCK_FUA,
				    .offset = first * 512,
				    .length = count * 512,
				    .iov = &s->iov,
				    .iovcnt = 1,
				    .done = write_done,
				    .owner = s };
	s->busy = true;
	disk_submit(w.disk, &s->req);
}

static inline void flush_done(struct block_req *req, int result)
{
	(void)req;
	ck_assert(result == 0 || w.failing || w.fail_at || any_file_failed());
	for (unsigned i = 0; !result && i < SECTORS; i++)
		w.floor[i] = MAX(w.floor[i], w.at_flush[i]);
	w.flushing = false;
}

static inline void start_flush(void)
{
	if (w.flushing)
		return;
	w.flushing = true;
	memcpy(w.at_flush, w.completed, sizeof(w.at_flush));
	w.flush = (struct block_req){ .op = BLOCK_FLUSH, .done = flush_done };
	disk_submit(w.disk, &w.flush);
}

// One step of a guest that does a bit of everything.
static inline void guest_step(void)
{
	unsigned n = (unsigned)(next() % 100);

	if (n < 33)
		start_request(&w.slots[next() % DEPTH], BLOCK_WRITE);
	else if (n < 36)
		start_request(&w.slots[next() % DEPTH], BLOCK_DISCARD);
	else if (n < 38)
		start_flush();
	else
		pump(w.disk);
}

// --- judging -----------------------------------------------------------------------------------------------

static inline void check_sector(uint64_t sector, const uint64_t *data)
{
	uint32_t count = (uint32_t)data[0];

	for (unsigned k = 1; k < 64; k++) {
		if (data[k] != data[0])
			ck_abort_msg("sector %llu is a mixture", (unsigned long long)sector);
	}
	if (data[0] != tag(sector, count))
		ck_abort_msg("sector %llu holds %llx", (unsigned long long)sector,
			     (unsigned long long)data[0]);
	if (!data[0] && w.discarded[sector] > w.floor[sector])
		return;
	if (count < w.floor[sector] || count > w.latest[sector])
		ck_abort_msg("sector %llu: write %u came back; %u was promised, %u is the last",
			     (unsigned long long)sector, count, w.floor[sector], w.latest[sector]);
}

static inline void read_done(struct block_req *req, int result)
{
	ck_assert_int_eq(result, 0);
	*(bool *)req->owner = true;
}

// Lets one operation of a file that is not under test go on. The media stand still in the moment of the cut.
static inline void pump_others(void)
{
	unsigned i = w.op_count;
	struct pending p;

	while (i && medium_of(w.ops[i - 1].op->file))
		i--;
	if (!i)
		return;
	p = w.ops[i - 1];
	w.ops[i - 1] = w.ops[--w.op_count];
	carry_out(&p);
	p.op->done(p.op, 0);
}

static inline void check_all(struct disk *disk, bool others)
{
	uint64_t *all = malloc(w.area * 512);
	struct iovec iov = { all, w.area * 512 };
	bool finished = false;
	struct block_req req = { .op = BLOCK_READ, .length = w.area * 512, .iov = &iov, .iovcnt = 1, .done = read_done,
				 .owner = &finished };

	disk_submit(disk, &req);
	while (!finished) {
		if (!others)
			pump(disk);
		else
			pump_others();
		if (disk->done_list)
			ck_assert_int_eq(loop_turn(disk->loop), 0);
	}
	for (uint64_t s = 0; s < w.area; s++)
		check_sector(s, all + s * 64);
	free(all);
}

// --- disks -------------------------------------------------------------------------------------------------

static inline void watch(const char *name, bool parent)
{
	struct medium *m = &w.media[w.medium_count++];
	char path[256], *raw;
	struct stat st;
	size_t len;

	ck_assert_uint_le(w.medium_count, MAX_MEDIA);
	raw = get_file(&w.f, name, &len);
	snprintf(m->name, sizeof(m->name), "%s", name);
	m->parent = parent;
	m->log = calloc(MAX_LOG, sizeof(m->log[0]));
	m->durable = calloc(1, MAX_IMAGE);
	m->used = calloc(MAX_IMAGE / (GRAIN * 512), sizeof(m->used[0]));
	memcpy(m->durable, raw, len);
	free(raw);
	m->durable_size = m->current_size = m->first_size = len;
	ck_assert_int_eq(stat(path_in(&w.f, name, path, sizeof(path)), &st), 0);
	m->ino = st.st_ino;
}

static inline void make_sparse_disk(bool with_tables)
{
	static const char text[] = DESC_HEAD "createType=\"monolithicSparse\"\nRW 16384 SPARSE \"d.vmdk\"\n"
		"ddb.longContentID=\"00000000000000000000000012345678\"\n";

	make_sparse(&w.f, "d.vmdk", SECTORS, GRAIN, text, with_tables);
	watch("d.vmdk", false);
}

static inline void make_flat_disk(void)
{
	put_text(&w.f, "d.vmdk", DESC_HEAD "createType=\"monolithicFlat\"\nRW 16384 FLAT \"d-flat.vmdk\" 0\n");
	shell("truncate -s %u %s/d-flat.vmdk", SECTORS * 512, w.f.dir);
	watch("d.vmdk", false);
	watch("d-flat.vmdk", false);
}

static inline void make_split_disk(void)
{
	static const unsigned sizes[] = { 3001, 8000, SECTORS - 11001 };
	char text[512] = DESC_HEAD "createType=\"twoGbMaxExtentSparse\"\n", name[32];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "d-s00%u.vmdk", i + 1);
		make_sparse(&w.f, name, sizes[i], GRAIN, NULL, i % 2);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "RW %u SPARSE \"%s\"\n", sizes[i], name);
	}
	put_text(&w.f, "d.vmdk", text);
	watch("d.vmdk", false);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "d-s00%u.vmdk", i + 1);
		watch(name, false);
	}
}

static inline void make_child(const char *name, const char *parent, uint32_t parent_cid, bool zeroed)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "# Disk DescriptorFile\nversion=1\nCID=00000001\nparentCID=%08x\ncreateType=\"monolithicSparse\"\n"
		 "parentFileNameHint=\"%s\"\nRW 16384 SPARSE \"%s\"\n", parent_cid, parent, name);
	make_sparse(&w.f, name, SECTORS, GRAIN, text, zeroed);
	if (zeroed)
		poke32(&w.f, name, 8, 7);
}

// The base holds write 1 of every sector, the snapshot in the middle write 2 of some.
static inline void make_chain_disk(bool zeroed)
{
	uint64_t *all = malloc(SECTORS * 512);
	struct layout l;
	char text[256];

	for (uint64_t s = 0; s < SECTORS; s++)
		fill_tags(all + s * 64, s, w.floor[s] = w.completed[s] = w.latest[s] = 1);
	put_file(&w.f, "base-flat.vmdk", all, SECTORS * 512);
	snprintf(text, sizeof(text), DESC_HEAD "createType=\"monolithicFlat\"\nRW %u FLAT \"base-flat.vmdk\" 0\n", SECTORS);
	put_text(&w.f, "base.vmdk", text);
	make_child("mid.vmdk", "base.vmdk", 0x12345678, true);
	l = layout_for(SECTORS, GRAIN);
	for (uint32_t g = 0; g < 64; g++) {
		for (uint32_t i = 0; i < GRAIN; i++) {
			uint64_t s = g * 3 * GRAIN + i;

			fill_tags(all + i * 64, s, w.floor[s] = w.completed[s] = w.latest[s] = 2);
		}
		poke(&w.f, "mid.vmdk", (l.data + g * GRAIN) * 512, all, GRAIN * 512);
		poke32(&w.f, "mid.vmdk", l.gt * 512 + 12 * g, (uint32_t)l.data + g * GRAIN);
		poke32(&w.f, "mid.vmdk", l.rgt * 512 + 12 * g, (uint32_t)l.data + g * GRAIN);
	}
	free(all);
	make_child("d.vmdk", "mid.vmdk", 1, zeroed);
	watch("d.vmdk", false);
	watch("base.vmdk", true);
	watch("base-flat.vmdk", true);
	watch("mid.vmdk", true);
}

// ESX's delta: its grains of one sector make several tables; as a child of a flat disk that holds write 1 of every sector.
static inline void make_cowd_disk(bool child)
{
	uint64_t *all;

	make_cowd(&w.f, "d-delta.vmdk", SECTORS, 1);
	cowd_text(&w.f, "d.vmdk", "d-delta.vmdk", SECTORS);
	watch("d-delta.vmdk", false);
	if (!child) {
		watch("d.vmdk", false);
		return;
	}
	all = malloc(SECTORS * 512);
	for (uint64_t s = 0; s < SECTORS; s++)
		fill_tags(all + s * 64, s, w.floor[s] = w.completed[s] = w.latest[s] = 1);
	put_file(&w.f, "base-flat.vmdk", all, SECTORS * 512);
	free(all);
	put_text(&w.f, "base.vmdk", DESC_HEAD "createType=\"vmfs\"\nRW 16384 VMFS \"base-flat.vmdk\"\n");
	put_text(&w.f, "d.vmdk", "# Disk DescriptorFile\nversion=1\nCID=00000001\nparentCID=12345678\ncreateType=\"vmfsSparse\"\n"
		 "parentFileNameHint=\"base.vmdk\"\nRW 16384 VMFSSPARSE \"d-delta.vmdk\"\n");
	watch("d.vmdk", false);
	watch("base.vmdk", true);
	watch("base-flat.vmdk", true);
}

static inline void begin(enum disk_kind kind, uint64_t seed, unsigned area)
{
	memset(&w, 0, sizeof(w));
	fixture_setup(&w.f);
	w.scratch = calloc(1, MAX_IMAGE);
	w.seed = seed * 0x9e3779b97f4a7c15ull + 1;
	w.area = area;
	switch (kind) {
	case SPARSE: make_sparse_disk(false); break;
	case FLAT: make_flat_disk(); break;
	case SPLIT: make_split_disk(); break;
	case CHAIN: make_chain_disk(false); break;
	case CHAIN_ZEROED: make_chain_disk(true); break;
	case COWD: make_cowd_disk(false); break;
	case COWD_CHILD: make_cowd_disk(true); break;
	default: make_sparse_disk(true);
	}
	for (unsigned i = 0; i < DEPTH; i++)
		w.slots[i].buf = malloc(64 * 512);
	w.disk = must_open(&w.f, "d.vmdk", (struct disk_open_args){ 0 });
}

static inline void come_to_rest(void)
{
	while (w.disk->in_flight)
		pump(w.disk);
	start_flush();
	while (w.flushing || w.op_count)
		pump(w.disk);
}

static inline void tidy_up(void)
{
	for (unsigned i = 0; i < DEPTH; i++)
		free(w.slots[i].buf);
	for (unsigned i = 0; i < w.medium_count; i++) {
		free(w.media[i].log);
		free(w.media[i].durable);
		free(w.media[i].used);
	}
	free(w.scratch);
	fixture_teardown(&w.f);
}

#endif
