// image_task.c: tasks and transfers from their pools, the vectors of requests, who waits for transfers to end.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/image_task.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

// --- pools ---------------------------------------------------------------------------------------------

struct task *task_take(struct image *img, struct block_req *req)
{
	struct task *t = img->free_tasks;

	if (t)
		img->free_tasks = t->next;
	else
		t = malloc(sizeof(*t));
	if (t)
		*t = (struct task){ .waiter = { .fn = task_go_on }, .img = img, .req = req, .pending = 1 };
	return t;
}

static void give_task(struct task *t)
{
	t->next = t->img->free_tasks;
	t->img->free_tasks = t;
}

struct transfer *transfer_take(struct image *img)
{
	struct transfer *x = img->free_transfers;

	if (x)
		img->free_transfers = x->next;
	else
		x = malloc(sizeof(*x));
	if (x) {
		x->heap = NULL;
		x->copy = NULL;
	}
	return x;
}

void transfer_give(struct image *img, struct transfer *x)
{
	free(x->heap);
	copy_free(x->copy);
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

void task_fail(struct task *t, int result)
{
	if (!t->result)
		t->result = result;
}

void task_put(struct task *t)
{
	struct image *img = t->img;
	struct block_req *req = t->req;
	struct copy *copy = t->copy;
	int result = t->result;
	bool durable = req->op == BLOCK_WRITE && ((req->flags & BLOCK_FUA) || img->write_through);

	if (--t->pending)
		return;
	give_task(t);
	if (copy)
		copy_edge_done(copy, result);
	else if (durable && !result)
		flusher_add(&img->flusher, req);
	else
		disk_complete(&img->disk, req, result);
}

// --- the vector ------------------------------------------------------------------------------------------

uint64_t task_span(const struct task *t, int max, int *pieces)
{
	uint64_t left = t->req->length - t->position, sum = 0;
	int i = t->cursor.index, n = 0;
	size_t skip = t->cursor.offset;

	while (sum < left && i < t->req->iovcnt && n < max) {
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

void task_skip_zeroed(struct task *t, uint64_t len)
{
	while (len) {
		struct iovec piece = next_piece(t, len);

		if (piece.iov_len)
			memset(piece.iov_base, 0, piece.iov_len);
		len -= piece.iov_len;
	}
}

void task_copy_out(struct task *t, const uint8_t *from, uint64_t len)
{
	while (len) {
		struct iovec piece = next_piece(t, len);

		if (piece.iov_len)
			memcpy(piece.iov_base, from, piece.iov_len);
		from += piece.iov_len;
		len -= piece.iov_len;
	}
}

int task_slice(struct task *t, uint64_t len, struct iovec *iov)
{
	int n = 0;

	while (len) {
		iov[n] = next_piece(t, len);
		len -= iov[n].iov_len;
		n++;
	}
	return n;
}

// --- settling --------------------------------------------------------------------------------------------

static void run_settled(struct image *img);

static void begin_settling(struct image *img)
{
	struct settling *s = &img->settling;

	s->running = s->next;
	s->next = NULL;
	s->now = !s->now;
	s->waiting = true;
	if (!s->under_way[!s->now])
		run_settled(img);
}

static void run_settled(struct image *img)
{
	struct settling *s = &img->settling;
	struct waiter *list = s->running;

	s->running = NULL;
	s->waiting = false;
	if (s->next)
		begin_settling(img);
	while (list) {
		struct waiter *w = list;

		list = w->next;
		w->fn(w, 0);
	}
}

void image_settle(void *arg, struct waiter *waiter)
{
	struct image *img = arg;

	waiter->next = img->settling.next;
	img->settling.next = waiter;
	if (!img->settling.waiting)
		begin_settling(img);
}

void transfer_count(struct image *img, struct transfer *x)
{
	x->heap_of = img->settling.now;
	img->settling.under_way[x->heap_of]++;
}

void transfer_uncount(struct image *img, struct transfer *x)
{
	struct settling *s = &img->settling;

	if (--s->under_way[x->heap_of] == 0 && s->waiting && x->heap_of != s->now)
		run_settled(img);
}
