// test_cowd_crash.c: power cuts and I/O errors for ESX sparse extents, on a disk with a volatile cache.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// This program has its own file_op_start(): operations complete in random order, one at a time; what was written is
// durable only when a sync that began after its completion has completed. At random moments the power goes: the durable
// bytes and any part of the rest are made into an image, which must open, and each sector must hold what a flush has
// promised or something that was written later. Every sector carries its number and a count. Beside what is read, the
// header's start of free space must lie behind all that the tables of such an image point to.
#include "formats_fixture.h"

#include "block/image.h"

#define SECTORS    16384u
#define GRAIN      1u
#define DATA_FILE  "d-delta.vmdk"
#define CRASH_FILE "crash-delta.vmdk"

// With small grains there are four tables, some of which are made while the disk is used. WITH_TABLES: all exist.
static void make_image(const struct fixture *f, bool with_tables)
{
	struct cowd_layout l = make_cowd(f, DATA_FILE, SECTORS, GRAIN);
	char path[256];

	cowd_text(f, "d.vmdk", DATA_FILE, SECTORS);
	cowd_text(f, "crash.vmdk", CRASH_FILE, SECTORS);
	for (uint32_t i = 0; with_tables && i < l.tables; i++)
		poke32(f, DATA_FILE, 4 * 512 + 4 * i, l.free + 32 * i);
	if (!with_tables)
		return;
	poke32(f, DATA_FILE, 28, l.free + 32 * l.tables);
	ck_assert_int_eq(truncate(path_in(f, DATA_FILE, path, sizeof(path)), (l.free + 32 * l.tables) * 512), 0);
}

#define DEPTH      24u
#define MAX_IMAGE  (40u << 20)
#define MAX_OPS    4096u
#define MAX_LOG    65536u

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
	uint8_t data[512];
};

struct slot {
	struct block_req req;
	struct iovec iov;
	uint64_t *buf;
	bool busy;
};

struct world {
	struct fixture f;
	struct disk *disk;
	uint64_t seed, clock;
	unsigned failing;               // of 1000 operations
	bool good_syncs;                // but no sync among them
	struct pending ops[MAX_OPS];
	unsigned op_count;
	ino_t watched;                  // the file whose writes are recorded
	struct written *log;
	unsigned log_count;
	uint8_t *durable;
	bool synced[MAX_IMAGE / 512];   // sectors of it that were written and synced
	uint64_t durable_size, current_size, first_size;
	struct slot slots[DEPTH];
	uint32_t latest[SECTORS], completed[SECTORS], at_flush[SECTORS], floor[SECTORS];
	bool flushing;
	struct block_req flush;
};

static struct world w;

static uint64_t next(void)
{
	w.seed ^= w.seed << 13;
	w.seed ^= w.seed >> 7;
	w.seed ^= w.seed << 17;
	return w.seed;
}

// --- the disk with a cache ---------------------------------------------------------------------------------

static uint64_t size_of(const struct image_file *file)
{
	struct stat st;

	ck_assert_int_eq(fstat(file->fd, &st), 0);
	return (uint64_t)st.st_size;
}

static void record(struct file_op *op)
{
	uint64_t at = op->offset;

	for (int i = 0; i < op->iovcnt; i++) {
		const uint8_t *p = op->iov[i].iov_base;
		size_t left = op->iov[i].iov_len;

		while (left) {
			uint32_t n = (uint32_t)MIN(left, 512 - at % 512);
			struct written *e = &w.log[w.log_count++];

			ck_assert_uint_le(w.log_count, MAX_LOG);
			*e = (struct written){ .offset = at, .completed = UINT64_MAX, .op = op, .len = n };
			memcpy(e->data, p, n);
			p += n;
			at += n;
			left -= n;
		}
	}
}

void file_op_start(struct file_op *op)
{
	ck_assert_uint_lt(w.op_count, MAX_OPS);
	w.ops[w.op_count++] = (struct pending){ op, ++w.clock, size_of(op->file) };
	if (op->kind == FILE_WRITE && op->file->ino == w.watched)
		record(op);
}

static void settle(const struct pending *sync)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < w.log_count; i++) {
		struct written *e = &w.log[i];

		if (e->completed >= sync->started) {
			w.log[kept++] = *e;
			continue;
		}
		memcpy(w.durable + e->offset, e->data, e->len);
		w.synced[e->offset / 512] = true;
	}
	w.log_count = kept;
	w.durable_size = MAX(w.durable_size, sync->size);
}

static void carry_out(struct pending *p)
{
	struct file_op *op = p->op;

	if (op->kind == FILE_READ)
		ck_assert_int_eq(preadv(op->file->fd, op->iov, op->iovcnt, (off_t)op->offset),
				 (ssize_t)op->left);
	if (op->kind == FILE_WRITE)
		ck_assert_int_eq(pwritev(op->file->fd, op->iov, op->iovcnt, (off_t)op->offset),
				 (ssize_t)op->left);
	if (op->file->ino != w.watched)
		return;
	w.current_size = size_of(op->file);
	if (op->kind == FILE_SYNC)
		settle(p);
	for (unsigned i = 0; op->kind == FILE_WRITE && i < w.log_count; i++) {
		if (w.log[i].op == op && w.log[i].completed == UINT64_MAX)
			w.log[i].completed = w.clock + 1;
	}
	w.clock++;
}

static void complete_one(void)
{
	unsigned i = (unsigned)(next() % w.op_count);
	struct pending p = w.ops[i];

	w.ops[i] = w.ops[--w.op_count];
	// A failed operation may have done its work, or not.
	if (w.failing && !(w.good_syncs && p.op->kind == FILE_SYNC) && next() % 1000 < w.failing) {
		if (p.op->kind == FILE_SYNC && !p.op->file->failed)
			p.op->file->failed = -EIO;
		else if (next() % 2)
			carry_out(&p);
		p.op->done(p.op, -EIO);
		return;
	}
	carry_out(&p);
	p.op->done(p.op, 0);
}

static void pump(struct disk *disk)
{
	if (w.op_count)
		complete_one();
	if (disk->done_list)
		ck_assert_int_eq(loop_turn(disk->loop), 0);
}

// --- the guest ---------------------------------------------------------------------------------------------

static uint64_t tag(uint64_t sector, uint32_t count)
{
	return count ? sector << 32 | count : 0;
}

static void write_done(struct block_req *req, int result)
{
	struct slot *s = req->owner;

	ck_assert(result == 0 || w.failing);
	for (uint64_t i = 0; !result && i < req->length / 512; i++) {
		uint64_t sector = req->offset / 512 + i;

		w.completed[sector] = w.latest[sector];
		if (req->flags & BLOCK_FUA)
			w.floor[sector] = w.latest[sector];
	}
	s->busy = false;
}

static bool overlaps(uint64_t first, uint64_t count)
{
	for (unsigned i = 0; i < DEPTH; i++) {
		const struct block_req *r = &w.slots[i].req;

		if (w.slots[i].busy && first * 512 < r->offset + r->length &&
		    r->offset < (first + count) * 512)
			return true;
	}
	return false;
}

static void start_write(struct slot *s)
{
	uint64_t count = 1 + next() % (next() % 4 ? 12 : 64), first = next() % (next() % 2 ? 256 : SECTORS);

	if (s->busy || first + count > SECTORS || overlaps(first, count))
		return;
	for (uint64_t i = 0; i < count; i++) {
		w.latest[first + i]++;
		for (unsigned k = 0; k < 64; k++)
			s->buf[i * 64 + k] = tag(first + i, w.latest[first + i]);
	}
	s->iov = (struct iovec){ s->buf, count * 512 };
	s->req = (struct block_req){ .op = BLOCK_WRITE,
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

static void flush_done(struct block_req *req, int result)
{
	(void)req;
	ck_assert(result == 0 || w.failing);
	for (unsigned i = 0; !result && i < SECTORS; i++)
		w.floor[i] = MAX(w.floor[i], w.at_flush[i]);
	w.flushing = false;
}

static void start_flush(void)
{
	if (w.flushing)
		return;
	w.flushing = true;
	memcpy(w.at_flush, w.completed, sizeof(w.at_flush));
	w.flush = (struct block_req){ .op = BLOCK_FLUSH, .done = flush_done };
	disk_submit(w.disk, &w.flush);
}

// --- the power cut -----------------------------------------------------------------------------------------

// A careless file system: a place in the file that was never synced may hold anything after the cut, as long
// as nothing of its grain is durable. (Holes within a grain that is in use are the file system's promise.)
static void spoil(uint8_t *image, const struct written *e)
{
	uint64_t grain = e->offset / (GRAIN * 512) * GRAIN;

	if (e->offset < w.first_size || e->len != 512 || next() % 2)
		return;
	for (unsigned i = 0; i < GRAIN; i++) {
		if (w.synced[grain + i])
			return;
	}
	memset(image + e->offset, 0xee, 512);
}

// ESX takes new space from there on.
static void check_free_space(const uint8_t *image, uint64_t size)
{
	uint32_t free = get_le32(image + 28);

	for (uint32_t t = 0; t < 4; t++) {
		uint32_t at = get_le32(image + 4 * 512 + 4 * t);

		if (!at)
			continue;
		ck_assert_uint_le(at + 32, free);
		for (uint32_t i = 0; i < 4096 && (at + 32) * 512ull <= size; i++)
			ck_assert_uint_lt(get_le32(image + at * 512ull + 4 * i), free);
	}
}

static void make_crash_image(void)
{
	uint64_t size = next() % 2 ? w.durable_size : w.current_size;
	uint8_t *image = malloc(MAX_IMAGE);     // touched as far as the file goes
	unsigned odds = 1 + (unsigned)(next() % 8);

	memcpy(image, w.durable, MAX(w.durable_size, w.current_size));
	for (unsigned i = 0; i < w.log_count; i++) {
		const struct written *e = &w.log[i];

		if (next() % 8 >= odds) {
			spoil(image, e);
			continue;
		}
		memcpy(image + e->offset, e->data, e->len);
		size = MAX(size, e->offset + e->len);
	}
	put_file(&w.f, CRASH_FILE, image, size);
	check_free_space(image, size);
	free(image);
}

static void read_done(struct block_req *req, int result)
{
	ck_assert_int_eq(result, 0);
	*(bool *)req->owner = true;
}

static void check_sector(uint64_t sector, const uint64_t *data)
{
	uint32_t count = (uint32_t)data[0];

	for (unsigned k = 1; k < 64; k++) {
		if (data[k] != data[0])
			ck_abort_msg("sector %llu is a mixture", (unsigned long long)sector);
	}
	if (data[0] != tag(sector, count))
		ck_abort_msg("sector %llu holds %llx", (unsigned long long)sector,
			     (unsigned long long)data[0]);
	if (count < w.floor[sector] || count > w.latest[sector])
		ck_abort_msg("sector %llu: write %u came back; %u was promised, %u is the last",
			     (unsigned long long)sector, count, w.floor[sector], w.latest[sector]);
}

static void cut_power(void)
{
	uint64_t *all = malloc(SECTORS * 512);
	struct iovec iov = { all, SECTORS * 512 };
	bool finished = false;
	struct block_req req = { .op = BLOCK_READ,
				.length = SECTORS * 512,
				.iov = &iov,
				.iovcnt = 1,
				.done = read_done,
				.owner = &finished };
	struct disk *disk;

	make_crash_image();
	disk = must_open(&w.f, "crash.vmdk", (struct disk_open_args){ 0 });
	disk_submit(disk, &req);
	while (!finished) {
		// Only this disk may move; the other one stands still in the moment of the cut.
		unsigned i = w.op_count;

		while (i && w.ops[i - 1].op->file->ino == w.watched)
			i--;
		if (i) {
			struct pending p = w.ops[i - 1];

			w.ops[i - 1] = w.ops[--w.op_count];
			carry_out(&p);
			p.op->done(p.op, 0);
		}
		if (disk->done_list)
			ck_assert_int_eq(loop_turn(disk->loop), 0);
	}
	for (uint64_t s = 0; s < SECTORS; s++)
		check_sector(s, all + s * 64);
	must_close(&w.f, disk);
	free(all);
}

// --- the runs ----------------------------------------------------------------------------------------------

static void begin(uint64_t seed, bool with_tables)
{
	char path[256], *raw;
	struct stat st;
	size_t len;

	memset(&w, 0, sizeof(w));
	fixture_setup(&w.f);
	w.seed = seed * 0x9e3779b97f4a7c15ull + 1;
	make_image(&w.f, with_tables);
	raw = get_file(&w.f, DATA_FILE, &len);
	w.log = calloc(MAX_LOG, sizeof(w.log[0]));
	w.durable = calloc(1, MAX_IMAGE);
	memcpy(w.durable, raw, len);
	w.durable_size = w.current_size = w.first_size = len;
	free(raw);
	ck_assert_int_eq(stat(path_in(&w.f, DATA_FILE, path, sizeof(path)), &st), 0);
	w.watched = st.st_ino;
	for (unsigned i = 0; i < DEPTH; i++)
		w.slots[i].buf = malloc(64 * 512);
	w.disk = must_open(&w.f, "d.vmdk", (struct disk_open_args){ 0 });
}

static void end(void)
{
	while (w.disk->in_flight)
		pump(w.disk);
	start_flush();
	while (w.flushing || w.op_count)
		pump(w.disk);
	must_close(&w.f, w.disk);
	for (unsigned i = 0; i < DEPTH; i++)
		free(w.slots[i].buf);
	free(w.log);
	free(w.durable);
	fixture_teardown(&w.f);
}

START_TEST(power_cuts)
{
	unsigned cuts = 0;

	begin((uint64_t)_i + 1, _i % 2);
	for (unsigned step = 0; step < 4000; step++) {
		unsigned n = (unsigned)(next() % 100);

		if (n < 35)
			start_write(&w.slots[next() % DEPTH]);
		else if (n < 37)
			start_flush();
		else
			pump(w.disk);
		if (next() % 100 == 0 && cuts++ < 14)
			cut_power();
	}
	ck_assert_uint_gt(cuts, 10);
	end();
}
END_TEST

// Errors of the host: every request ends, what had worked stays readable, and with good syncs the image is
// whole.
START_TEST(io_errors)
{
	uint64_t *all = malloc(SECTORS * 512);
	struct iovec iov = { all, SECTORS * 512 };
	struct disk *again;
	bool finished = false;
	struct block_req req = { .op = BLOCK_READ,
				.length = SECTORS * 512,
				.iov = &iov,
				.iovcnt = 1,
				.done = read_done,
				.owner = &finished };

	begin((uint64_t)_i + 101, _i % 2);
	w.failing = 30;
	w.good_syncs = _i % 3;
	for (unsigned step = 0; step < 4000; step++) {
		unsigned n = (unsigned)(next() % 100);

		if (n < 35)
			start_write(&w.slots[next() % DEPTH]);
		else if (n < 36)
			start_flush();
		else
			pump(w.disk);
	}
	w.failing = 1;
	while (w.disk->in_flight || w.op_count)
		pump(w.disk);
	w.failing = 0;
	disk_submit(w.disk, &req);
	while (!finished)
		pump(w.disk);
	memcpy(w.floor, w.completed, sizeof(w.floor));
	for (uint64_t s = 0; s < SECTORS; s++)
		check_sector(s, all + s * 64);
	w.failing = !w.good_syncs;      // flushes may fail when a sync has
	start_flush();
	while (w.flushing || w.op_count)
		pump(w.disk);
	again = w.disk;
	if (CONTAINER_OF(again, struct image, disk)->files->failed) {
		ck_assert_int_ne(disk_close(again, &w.f.err), 0);
	} else {
		must_close(&w.f, again);
		finished = false;
		again = must_open(&w.f, "d.vmdk", (struct disk_open_args){ .readonly = true });
		w.failing = 0;
		disk_submit(again, &req);
		while (!finished)
			pump(again);
		for (uint64_t s = 0; s < SECTORS; s++)
			check_sector(s, all + s * 64);
		must_close(&w.f, again);
	}
	for (unsigned i = 0; i < DEPTH; i++)
		free(w.slots[i].buf);
	free(w.log);
	free(w.durable);
	free(all);
	fixture_teardown(&w.f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cowd_crash");
	TCase *tc = tcase_create("power");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, power_cuts, 0, 4);
	tcase_add_loop_test(tc, io_errors, 0, 6);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
