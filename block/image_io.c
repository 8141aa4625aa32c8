// image_io.c: the engine: walks a request, asks the extents where its bytes lie, moves them with io_uring.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A task walks one request from front to back and hands each run (a piece that is contiguous in one file) to
// the kernel without waiting for the one before. It pauses in three places only: where a grain table must be
// read first, where a unit's first write is under way, and where the disk has TRANSFERS_MAX runs in the kernel
// already. The request is done when the walk is over and all its transfers have come home.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "block/image_task.h"

// --- transfers -------------------------------------------------------------------------------------------

static bool is_full(const struct image *img)
{
	return img->transfers >= TRANSFERS_MAX || img->copies >= COPIES_MAX;
}

void task_feed_starved(struct image *img)
{
	while (img->starved && !is_full(img)) {
		struct task *t = img->starved;

		img->starved = t->next;
		if (!img->starved)
			img->starved_tail = &img->starved;
		task_walk(t);
	}
}

static void transfer_done(struct file_op *op, int result)
{
	struct transfer *x = CONTAINER_OF(op, struct transfer, op);
	struct task *t = x->task;
	struct image *img = t->img;

	if (t->req->op == BLOCK_WRITE)
		x->extent->ops->written(x->extent, &x->run, result);
	if (t->req->op == BLOCK_DISCARD) {
		// A file system that cannot punch holes is no error: the guest only offered.
		if (result == -EOPNOTSUPP || result == -ENOSYS)
			x->extent->discard = false;
		x->extent->ops->written(x->extent, &x->run, result);
		result = 0;
	}
	if (result < 0)
		task_fail(t, result);
	transfer_uncount(img, x);
	transfer_give(img, x);
	img->transfers--;
	task_put(t);
	task_feed_starved(img);
}

static enum file_op_kind kind_of(enum block_op op)
{
	switch (op) {
	case BLOCK_READ: return FILE_READ;
	case BLOCK_WRITE: return FILE_WRITE;
	default: return FILE_PUNCH;
	}
}

void transfer_start(struct task *t, struct transfer *x)
{
	struct image *img = t->img;

	x->op.loop = img->disk.loop;
	x->op.file = x->run.file;
	x->op.kind = kind_of(t->req->op);
	x->op.done = transfer_done;
	img->transfers++;
	file_op_start(&x->op);
}

// X as it was mapped, for the bytes at T's position.
static void hand_out(struct task *t, struct transfer *x)
{
	uint64_t head, tail;

	x->task = t;
	x->op = (struct file_op){ .offset = x->run.file_offset, .left = x->run.length };
	transfer_count(t->img, x);
	if (t->req->op == BLOCK_WRITE && copy_is_needed(x, t->req->offset + t->position, &head, &tail)) {
		copy_start(t, x, head, tail);
		return;
	}
	if (t->req->op != BLOCK_DISCARD) {
		x->op.iov = x->heap ? x->heap : x->iov;
		x->op.iovcnt = task_slice(t, x->run.length, x->op.iov);
	}
	t->position += x->run.length;
	t->pending++;
	transfer_start(t, x);
}

// --- the walk ----------------------------------------------------------------------------------------------

static struct extent *find_extent(struct layer *layer, uint64_t offset)
{
	size_t low = 0, high = layer->count - 1;
	struct extent *x = layer->extents[layer->last];

	if (offset >= x->start && offset - x->start < x->length)
		return x;
	while (low < high) {
		size_t mid = low + (high - low + 1) / 2;

		if (layer->extents[mid]->start <= offset)
			low = mid;
		else
			high = mid - 1;
	}
	layer->last = low;
	return layer->extents[low];
}

// The layers below the top one are about to be asked for byte AT, one after the other: their tables come into the
// processor's cache at the same time.
static void prefetch_below(struct image *img, uint64_t at)
{
	for (unsigned l = 1; l < img->layer_count; l++) {
		const struct extent *x = find_extent(&img->layers[l], at);

		if (x->ops->prefetch)
			x->ops->prefetch(x, at - x->start);
	}
}

// Below the top layer nothing changes. A shortcut says for a stretch of the disk, an aligned one of STRETCH bytes, which
// layer is the first that has something there, so that a long chain is walked down once and not with every request.
// It holds the stretch's number + 1 above the layer's; 0 = none.
#define STRETCH_SHIFT 16u
#define STRETCH       (1ull << STRETCH_SHIFT)

static uint64_t shortcut_for(uint64_t at, unsigned layer)
{
	return ((at >> STRETCH_SHIFT) + 1) << 8 | layer;
}

// The first layer from 1 on that may have byte AT, and with it *LENGTH bytes, which become fewer. False: not known.
static bool take_shortcut(struct image *img, uint64_t at, unsigned *layer, uint64_t *length)
{
	uint64_t s = img->shortcuts ? img->shortcuts[(at >> STRETCH_SHIFT) % IMAGE_SHORTCUTS] : 0;

	if ((s & ~0xffull) != shortcut_for(at, 0))
		return false;
	*layer = s & 0xff;
	*length = MIN(*length, STRETCH - (at & (STRETCH - 1)));
	return true;
}

// X has nothing at byte AT of the disk. Does it have nothing in the whole stretch?
static bool empty_stretch(const struct extent *x, uint64_t at)
{
	uint64_t first = at & ~(STRETCH - 1);

	return x->unit >= STRETCH && !(x->start & (STRETCH - 1)) && first - x->start + STRETCH <= x->length;
}

// What lies at byte AT of the disk, through the layers from the task's first one down. X's run and extent are filled.
//
// After a wait it goes on where it was: the tables of the layers above may have left the memory for the one that it
// waited for, and from the top they would take turns for ever. What those layers did not have when they were asked
// may be there by now; the request was under way then, so either is right.
static int find_run(struct task *t, uint64_t at, struct map_want *want, struct transfer *x)
{
	struct image *img = t->img;
	bool resumed = t->halt.layer > t->layer && t->halt.at == at;
	uint64_t length = resumed ? MIN(want->length, t->halt.length) : want->length;
	bool learn = false;             // the layers from 1 on that were passed are empty in the whole stretch
	unsigned l = resumed ? t->halt.layer : t->layer;

	while (true) {
		int r;

		if (l == 1 && img->layer_count > 2 && !take_shortcut(img, at, &l, &length)) {
			prefetch_below(img, at);
			learn = img->shortcuts != NULL;
		}
		if (l == img->layer_count)
			break;
		x->extent = find_extent(&img->layers[l], at);
		want->offset = at - x->extent->start;
		want->length = MIN(length, x->extent->length - want->offset);
		r = x->extent->ops->map(x->extent, want, &x->run);
		if (r == -EINPROGRESS)
			t->halt = (struct halt){ at, length, l };
		if (r < 0)
			return r;
		if (x->run.kind != RUN_ABSENT)
			break;
		learn = learn && empty_stretch(x->extent, at);
		length = x->run.length;
		l++;
	}
	if (learn)
		img->shortcuts[(at >> STRETCH_SHIFT) % IMAGE_SHORTCUTS] = shortcut_for(at, l);
	if (l == img->layer_count)
		x->run = (struct run){ .kind = RUN_ZERO, .length = length };
	return 0;
}

// Joins to a read what lies behind its run in the same file, up to LIMIT bytes. 0, or -EINPROGRESS when a table must be
// read first (the run is good as it is). Other errors are met again by the next step.
static int extend(struct task *t, struct transfer *x, uint64_t limit)
{
	struct run run = x->run;

	while (run.length < limit) {
		struct map_want want = { .length = limit - run.length, .waiter = &t->waiter };
		int r = find_run(t, t->req->offset + t->position + run.length, &want, x);
		bool joins = !r && x->run.kind == RUN_DATA && x->run.file == run.file &&
			     x->run.file_offset == run.file_offset + run.length;

		if (!joins) {
			x->run = run;
			return r == -EINPROGRESS ? r : 0;
		}
		run.length += x->run.length;
	}
	x->run = run;
	return 0;
}

static bool need_heap(struct transfer *x, int pieces)
{
	if (pieces <= IOV_INLINE)
		return true;
	x->heap = malloc((size_t)pieces * sizeof(x->heap[0]));
	return x->heap != NULL;
}

// One run of a read or a write. 0, or what map() said.
static int step(struct task *t)
{
	struct transfer *x = transfer_take(t->img);
	struct map_want want = { .write = t->req->op == BLOCK_WRITE, .waiter = &t->waiter };
	uint64_t limit;
	int pieces, r;

	if (!x)
		return -ENOMEM;
	limit = want.length = task_span(t, IOV_MAX_RUN - 2, &pieces);
	// Memory first: a mapped write must go through. Two more pieces for the edges of a fresh unit.
	r = need_heap(x, pieces + 2) ? find_run(t, t->req->offset + t->position, &want, x) : -ENOMEM;
	if (!r && x->run.kind == RUN_DATA) {
		r = want.write ? 0 : extend(t, x, limit);
		hand_out(t, x);
		return r;
	}
	if (!r) {
		if (x->run.kind == RUN_MEMORY)
			task_copy_out(t, x->run.memory, x->run.length);
		else
			task_skip_zeroed(t, x->run.length);
		t->position += x->run.length;
	}
	transfer_give(t->img, x);
	return r;
}

static int discard_in(struct extent *extent, const struct map_want *want, struct run *run)
{
	if (extent->ops->discard)
		return extent->ops->discard(extent, want, run);
	return extent->ops->map(extent, want, run);
}

static int discard_step(struct task *t)
{
	uint64_t at = t->req->offset + t->position, left = t->req->length - t->position;
	struct extent *extent = find_extent(&t->img->layers[0], at);
	struct map_want want = { .offset = at - extent->start, .waiter = &t->waiter };
	struct transfer *x;
	int r;

	want.length = MIN(left, extent->length - want.offset);
	if (!extent->discard) {
		t->position += want.length;
		return 0;
	}
	x = transfer_take(t->img);
	if (!x)
		return -ENOMEM;
	x->extent = extent;
	r = discard_in(extent, &want, &x->run);
	if (!r && x->run.kind == RUN_DATA) {
		hand_out(t, x);
		return 0;
	}
	if (!r)
		t->position += x->run.length;
	transfer_give(t->img, x);
	return r;
}

static void starve(struct task *t)
{
	t->next = NULL;
	*t->img->starved_tail = t;
	t->img->starved_tail = &t->next;
}

// The reads of copies are let through: those who wait for them hold what others wait for.
void task_walk(struct task *t)
{
	while (t->position < t->req->length && !t->result) {
		int r;

		if (!t->copy && is_full(t->img)) {
			starve(t);
			return;
		}
		r = t->req->op == BLOCK_DISCARD ? discard_step(t) : step(t);
		if (r == -EINPROGRESS)
			return;
		// A map knows these for what the descriptor says of the extent; the kernel's come with transfers.
		t->req->refused |= r == -EROFS || r == -EACCES;
		if (r < 0)
			task_fail(t, r);
	}
	task_put(t);
}

void task_go_on(struct waiter *w, int result)
{
	struct task *t = CONTAINER_OF(w, struct task, waiter);

	if (result < 0)
		task_fail(t, result);
	task_walk(t);
}

void image_submit(struct disk *disk, struct block_req *req)
{
	struct image *img = CONTAINER_OF(disk, struct image, disk);
	struct task *t;

	if (req->op == BLOCK_FLUSH) {
		flusher_add(&img->flusher, req);
		return;
	}
	if (req->op == BLOCK_DISCARD && !disk->discard) {
		disk_complete(disk, req, 0);
		return;
	}
	t = task_take(img, req);
	if (!t) {
		disk_complete(disk, req, -ENOMEM);
		return;
	}
	if (req->op != BLOCK_READ && !content_id_is_new(&img->content))
		content_id_renew(&img->content, &t->waiter);
	else
		task_walk(t);
}
