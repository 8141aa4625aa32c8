// test_vmdk_crash.c: power cuts at random moments, on every kind of disk that can be written.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// When the power goes, the durable bytes and any part of the rest, in any order, are made into files, which must open; each
// sector must hold what a flush has promised or something that was written later. BERTH_CRASH_CUTS=20000 in the
// environment makes about as many cuts instead of five hundred.
#include "crash_fixture.h"

#define CUTS_A_RUN 14u

// A careless file system: a place in the file that was never synced may hold anything after the cut, as long
// as nothing of its grain ever was durable. (Holes within a grain that was in use are the file system's promise.)
static void spoil(const struct medium *m, uint8_t *image, const struct written *e)
{
	if (e->offset < m->first_size || e->len != 512 || e->hole || m->used[e->offset / (GRAIN * 512)] || next() % 2)
		return;
	memset(image + e->offset, 0xee, 512);
}

// Zeros stay holes: most of an image is.
static void put_sparse_file(const char *name, const uint8_t *image, uint64_t size)
{
	static const uint8_t zeros[65536];
	char path[256];
	int fd = open(path_in(&w.f, name, path, sizeof(path)), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	for (uint64_t at = 0; at < size; at += sizeof(zeros)) {
		size_t n = MIN(sizeof(zeros), size - at);

		if (memcmp(image + at, zeros, n))
			ck_assert_int_eq(pwrite(fd, image + at, n, (off_t)at), (ssize_t)n);
	}
	close(fd);
}

static void make_crash_file(struct medium *m)
{
	uint64_t size = next() % 2 ? m->durable_size : m->current_size;
	uint8_t *image = w.scratch;
	unsigned odds = 1 + (unsigned)(next() % 8);
	char name[64];

	// An image that reached further is left behind there: what does not belong to this one goes.
	memcpy(image, m->durable, MAX(m->durable_size, m->current_size));
	memset(image + MAX(m->durable_size, m->current_size), 0,
	       w.scratch_used - MIN(w.scratch_used, MAX(m->durable_size, m->current_size)));
	w.scratch_used = MAX(m->durable_size, m->current_size);
	for (unsigned i = 0; i < m->log_count; i++) {
		const struct written *e = &m->log[i];

		if (next() % 8 >= odds) {
			spoil(m, image, e);
			continue;
		}
		memcpy(image + e->offset, e->data, e->len);
		if (!e->hole)
			size = MAX(size, e->offset + e->len);
		w.scratch_used = MAX(w.scratch_used, e->offset + e->len);
	}
	snprintf(name, sizeof(name), "crash/%s", m->name);
	put_sparse_file(name, image, size);
}

static void cut_power(void)
{
	struct disk *disk;

	char path[256];
	bool first = mkdir(path_in(&w.f, "crash", path, sizeof(path)), 0700) == 0;

	for (unsigned i = 0; i < w.medium_count; i++) {
		if (first || !w.media[i].parent)        // parents do not change
			make_crash_file(&w.media[i]);
	}
	disk = must_open(&w.f, "crash/d.vmdk", (struct disk_open_args){ 0 });
	check_all(disk, true);
	must_close(&w.f, disk);
}

START_TEST(power_cuts)
{
	unsigned cuts = 0;

	begin((enum disk_kind)(_i % DISK_KINDS), (uint64_t)_i + 1, SECTORS);
	for (unsigned step = 0; step < 4000; step++) {
		guest_step();
		if (next() % 100 == 0 && cuts < CUTS_A_RUN) {
			cuts++;
			cut_power();
		}
	}
	ck_assert_uint_gt(cuts, 10);
	come_to_rest();
	must_close(&w.f, w.disk);
	tidy_up();
}
END_TEST

static unsigned pending_of(enum file_op_kind kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w.op_count; i++)
		n += w.ops[i].op->kind == kind;
	return n;
}

// Completes all operations but HELD.
static void complete_others(const struct file_op *held)
{
	unsigned i = w.op_count;

	while (i && w.ops[i - 1].op == held)
		i--;
	if (i) {
		struct pending p = w.ops[i - 1];

		w.ops[i - 1] = w.ops[--w.op_count];
		carry_out(&p);
		p.op->done(p.op, 0);
	}
	if (w.disk->done_list)
		ck_assert_int_eq(loop_turn(w.disk->loop), 0);
}

// A write is on its way to a grain when the guest discards it: the place is nobody's only after the write has ended.
START_TEST(places_wait_for_writes)
{
	struct iovec iov = { NULL, GRAIN * 512 };
	bool first = false, second = false, discarded = false;
	struct block_req req = { .op = BLOCK_WRITE, .length = GRAIN * 512, .iov = &iov, .iovcnt = 1, .done = read_done,
				 .owner = &first };
	struct block_req again = req, discard = { .op = BLOCK_DISCARD, .length = GRAIN * 512, .done = read_done,
						  .owner = &discarded };
	struct file_op *held;

	begin(SPARSE, 1, SECTORS);
	iov.iov_base = w.slots[0].buf;
	memset(iov.iov_base, 1, GRAIN * 512);
	disk_submit(w.disk, &req);
	while (!first)
		pump(w.disk);
	again.owner = &second;
	disk_submit(w.disk, &again);
	ck_assert_uint_eq(w.op_count, 1);
	held = w.ops[0].op;
	disk_submit(w.disk, &discard);
	start_flush();
	while (!discarded || w.flushing || w.op_count > 1)
		complete_others(held);
	ck_assert(!second && CONTAINER_OF(w.disk, struct image, disk)->background == 1);
	pump(w.disk);
	ck_assert_uint_eq(pending_of(FILE_PUNCH), 1);
	come_to_rest();
	ck_assert_uint_eq(CONTAINER_OF(w.disk, struct image, disk)->background, 0);
	must_close(&w.f, w.disk);
	tidy_up();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmdk_crash");
	TCase *tc = tcase_create("power");
	SRunner *runner = srunner_create(suite);
	const char *cuts = getenv("BERTH_CRASH_CUTS");
	int failed, runs = (int)((cuts ? strtoul(cuts, NULL, 10) : 500) / CUTS_A_RUN) + 1;

	suite_add_tcase(suite, tc);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, places_wait_for_writes);
	tcase_add_loop_test(tc, power_cuts, 0, runs);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
