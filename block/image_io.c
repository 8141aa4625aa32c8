// image_io.c: the engine: walks a request, asks the extents where its bytes lie, moves them with io_uring.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A task walks one request from front to back and hands each run (a piece that is contiguous in one file) to
// the kernel without waiting for the one before. It pauses in two places only: where a grain table must be
// read first, and where the disk has TRANSFERS_MAX runs in the kernel already. The request is done when the
// walk is over and all its transfers have come home.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "block/image.h"

#define TRANSFERS_MAX 256u      // in the kernel for one disk
#define IOV_MAX_RUN   1024      // the kernel's limit for one transfer
#define IOV_INLINE    16

// Where a request's vector has been used up to.
struct cursor {
	int index;
	size_t offset;
};

struct task {
	struct waiter waiter;
	struct image *img;
	struct block_req *req;
	uint64_t position;              // bytes of the request that were handed out
	struct cursor cursor;
	unsigned pending;               // transfers, and 1 while the walk is not over
	int result;                     // the first error
	struct task *next;
};

struct transfer {
	struct file_op op;
	struct task *task;
	struct extent *extent;
	struct run run;
	struct iovec *heap;             // the vector when it does not fit in `iov`
	struct transfer *next;
	struct iovec iov[IOV_INLINE];
};

static void walk(struct task *t);

// --- pools ---------------------------------------------------------------------------------------------

static struct task *take_task(struct image *img, struct block_req *req)
{
	struct task *t = img->free_tasks;

	if (t)
		img->free_tasks = t->next;
	else
		t = malloc(sizeof(*t));
	if (t)
		*t = (struct task){ .img = img, .req = req, .pending = 1 };
	return t;
}

static void give_task(struct task *t)
{
	t->next = t->img->free_tasks;
	t->img->free_tasks = t;
}

static struct transfer *take_transfer(struct image *img)
{
	struct transfer *x = img->free_transfers;

	if (x)
		img->free_transfers = x->next;
	else
		x = malloc(sizeof(*x));
	if (x)
		x->heap = NULL;
	return x;
}

static void give_transfer(struct image *img, struct transfer *x)
{
	free(x->heap);
	x->next = img->free_transfers;
	img->free_transfers = x;
}

void image_free_pools(struct image *img)
{
	while (img->free_tasks) {
		struct task *t = img->free_tasks;

		img->free_tasks = t->next;
		free(t);
	}
	while (img->free_transfers) {
		struct transfer *x = img->free_transfers;

		img->free_transfers = x->next;
		free(x);
	}
}

// --- the end of a request --------------------------------------------------------------------------------

static void fail(struct task *t, int result)
{
	if (!t->result)
		t->result = result;
}

static void task_put(struct task *t)
{
	struct image *img = t->img;
	struct block_req *req = t->req;
	int result = t->result;
	bool durable = req->op == BLOCK_WRITE && ((req->flags & BLOCK_FUA) || img->write_through);

	if (--t->pending)
		return;
	give_task(t);
	if (durable && !result)
		flusher_add(&img->flusher, req);
	else
		disk_complete(&img->disk, req, result);
}

// --- the vector ------------------------------------------------------------------------------------------

// Bytes from the cursor on that IOV_MAX_RUN pieces cover; *PIECES says how many that are.
static uint64_t span(const struct task *t, int *pieces)
{
	uint64_t left = t->req->length - t->position, sum = 0;
	int i = t->cursor.index, n = 0;
	size_t skip = t->cursor.offset;

	while (sum < left && i < t->req->iovcnt && n < IOV_MAX_RUN) {
		sum += t->req->iov[i++].iov_len - skip;
		skip = 0;
		n++;
	}
	*pieces = n;
	return MIN(sum, left);
}

// Takes up to LEN bytes of the current piece and moves on.
static struct iovec next_piece(struct task *t, uint64_t len)
{
	const struct iovec *v = &t->req->iov[t->cursor.index];
	size_t n = MIN(len, v->iov_len - t->cursor.offset);
	struct iovec piece = { (char *)v->iov_base + t->cursor.offset, n };

	t->cursor.offset += n;
	if (t->cursor.offset == v->iov_len) {
		t->cursor.index++;
		t->cursor.offset = 0;
	}
	return piece;
}

static void skip_zeroed(struct task *t, uint64_t len)
{
	while (len) {
		struct iovec piece = next_piece(t, len);

		if (piece.iov_len)
			memset(piece.iov_base, 0, piece.iov_len);
		len -= piece.iov_len;
	}
}

static void copy_out(struct task *t, const uint8_t *from, uint64_t len)
{
	while (len) {
		struct iovec piece = next_piece(t, len);

		if (piece.iov_len)
			memcpy(piece.iov_base, from, piece.iov_len);
		from += piece.iov_len;
		len -= piece.iov_len;
	}
}

static int slice(struct task *t, uint64_t len, struct iovec *iov)
{
	int n = 0;

	while (len) {
		iov[n] = next_piece(t, len);
		len -= iov[n].iov_len;
		n++;
	}
	return n;
}

// --- transfers -------------------------------------------------------------------------------------------

// Goes on with tasks that found too many transfers in the kernel.
static void feed_starved(struct image *img)
{
	while (img->starved && img->transfers < TRANSFERS_MAX) {
		struct task *t = img->starved;

		img->starved = t->next;
		if (!img->starved)
			img->starved_tail = &img->starved;
		walk(t);
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
		fail(t, result);
	give_transfer(img, x);
	img->transfers--;
	task_put(t);
	feed_starved(img);
}

static enum file_op_kind kind_of(enum block_op op)
{
	switch (op) {
	case BLOCK_READ: return FILE_READ;
	case BLOCK_WRITE: return FILE_WRITE;
	default: return FILE_PUNCH;
	}
}

static void start_transfer(struct task *t, struct transfer *x)
{
	struct image *img = t->img;

	x->task = t;
	x->op = (struct file_op){ .loop = img->disk.loop,
				 .file = x->run.file,
				 .kind = kind_of(t->req->op),
				 .offset = x->run.file_offset,
				 .left = x->run.length,
				 .done = transfer_done };
	if (t->req->op != BLOCK_DISCARD) {
		x->op.iov = x->heap ? x->heap : x->iov;
		x->op.iovcnt = slice(t, x->run.length, x->op.iov);
	}
	t->position += x->run.length;
	t->pending++;
	img->transfers++;
	file_op_start(&x->op);
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

// What lies at the task's position, through the layers from the top. WANT is filled but for what differs.
static int find_run(struct task *t, struct map_want *want, struct transfer *x)
{
	uint64_t at = t->req->offset + t->position, length = want->length;

	for (unsigned l = 0; l < t->img->layer_count; l++) {
		int r;

		x->extent = find_extent(&t->img->layers[l], at);
		want->offset = at - x->extent->start;
		want->length = MIN(length, x->extent->length - want->offset);
		r = x->extent->ops->map(x->extent, want, &x->run);
		if (r < 0 || x->run.kind != RUN_ABSENT)
			return r;
		length = x->run.length;
	}
	x->run.kind = RUN_ZERO;
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
	struct transfer *x = take_transfer(t->img);
	struct map_want want = { .write = t->req->op == BLOCK_WRITE, .waiter = &t->waiter };
	int pieces, r;

	if (!x)
		return -ENOMEM;
	want.length = span(t, &pieces);
	// Memory first: a mapped write must go through.
	r = need_heap(x, pieces) ? find_run(t, &want, x) : -ENOMEM;
	if (!r && x->run.kind == RUN_DATA) {
		start_transfer(t, x);
		return 0;
	}
	if (!r) {
		if (x->run.kind == RUN_MEMORY)
			copy_out(t, x->run.memory, x->run.length);
		else
			skip_zeroed(t, x->run.length);
		t->position += x->run.length;
	}
	give_transfer(t->img, x);
	return r;
}

static int discard_step(struct task *t)
{
	uint64_t at = t->req->offset + t->position, left = t->req->length - t->position;
	struct extent *extent = find_extent(&t->img->layers[0], at);
	struct map_want want = { .offset = at - extent->start };
	struct transfer *x;
	int r;

	want.length = MIN(left, extent->length - want.offset);
	if (!extent->discard) {
		t->position += want.length;
		return 0;
	}
	x = take_transfer(t->img);
	if (!x)
		return -ENOMEM;
	x->extent = extent;
	r = extent->ops->map(extent, &want, &x->run);
	if (!r && x->run.kind == RUN_DATA) {
		start_transfer(t, x);
		return 0;
	}
	if (!r)
		t->position += x->run.length;
	give_transfer(t->img, x);
	return r;
}

static void starve(struct task *t)
{
	t->next = NULL;
	*t->img->starved_tail = t;
	t->img->starved_tail = &t->next;
}

static void walk(struct task *t)
{
	while (t->position < t->req->length && !t->result) {
		int r;

		if (t->img->transfers >= TRANSFERS_MAX) {
			starve(t);
			return;
		}
		r = t->req->op == BLOCK_DISCARD ? discard_step(t) : step(t);
		if (r == -EINPROGRESS)
			return;
		if (r < 0)
			fail(t, r);
	}
	task_put(t);
}

static void go_on(struct waiter *w, int result)
{
	struct task *t = CONTAINER_OF(w, struct task, waiter);

	if (result < 0)
		fail(t, result);
	walk(t);
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
	t = take_task(img, req);
	if (!t) {
		disk_complete(disk, req, -ENOMEM);
		return;
	}
	t->waiter.fn = go_on;
	if (req->op != BLOCK_READ && !content_id_is_new(&img->content))
		content_id_renew(&img->content, &t->waiter);
	else
		walk(t);
}
