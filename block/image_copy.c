// image_copy.c: the first write to a unit of a delta disk: what the write leaves out is fetched from the layers below.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// One transfer then writes head, data and tail: no moment and no crash shows a unit that is half filled. The extent
// keeps other writes away from the unit until written() (see extent.h); writes to other units go on beside. What lies
// below cannot change, so the fetch needs no order with anything.
#include <errno.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "block/image_task.h"

struct copy {
	struct image *img;
	struct transfer *x;
	struct block_req edge[2];       // head and tail, as reads of the disk
	struct iovec iov[2];
	unsigned pending;
	int result;
	uint8_t bytes[];                // the head, then the tail
};

bool copy_is_needed(const struct transfer *x, uint64_t disk_at, uint64_t *head, uint64_t *tail)
{
	const struct extent *e = x->extent;
	uint64_t at = disk_at - e->start, end = at + x->run.length, rest;

	*head = *tail = 0;
	if (!x->run.fresh || !e->below || !e->unit)
		return false;
	rest = end & (e->unit - 1);
	*head = at & (e->unit - 1);
	// The last unit of an extent may be cut off.
	*tail = rest ? MIN(e->unit - rest, e->length - end) : 0;
	return *head || *tail;
}

void copy_free(struct copy *c)
{
	if (c)
		c->img->copies--;
	free(c);
}

// The end of a write that never went to the kernel.
static void give_up(struct transfer *x, int result)
{
	struct task *t = x->task;
	struct image *img = t->img;

	x->extent->ops->written(x->extent, &x->run, result);
	task_fail(t, result);
	transfer_uncount(img, x);
	transfer_give(img, x);
	task_put(t);
	task_feed_starved(img);
}

void copy_edge_done(struct copy *c, int result)
{
	struct transfer *x = c->x;

	if (result < 0 && !c->result)
		c->result = result;
	if (--c->pending)
		return;
	if (c->result < 0)
		give_up(x, c->result);
	else
		transfer_start(x->task, x);
}

static void read_edge(struct copy *c, unsigned i)
{
	struct task *t;

	if (!c->edge[i].length)
		return;
	c->pending++;
	t = task_take(c->img, &c->edge[i]);
	if (!t) {
		copy_edge_done(c, -ENOMEM);
		return;
	}
	t->copy = c;
	t->layer = 1;
	task_walk(t);
}

static void set_edge(struct copy *c, unsigned i, uint64_t disk_at, struct iovec iov)
{
	c->iov[i] = iov;
	c->edge[i] = (struct block_req){
		.op = BLOCK_READ, .offset = disk_at, .length = iov.iov_len, .iov = &c->iov[i], .iovcnt = 1 };
}

// The vector of the whole: X's memory has room for the request's pieces and two more.
static void gather(struct task *t, struct transfer *x, const struct copy *c)
{
	struct iovec *iov = x->heap ? x->heap : x->iov;
	int n = 0;

	if (c->iov[0].iov_len)
		iov[n++] = c->iov[0];
	n += task_slice(t, x->run.length, iov + n);
	if (c->iov[1].iov_len)
		iov[n++] = c->iov[1];
	x->op.iov = iov;
	x->op.iovcnt = n;
}

void copy_start(struct task *t, struct transfer *x, uint64_t head, uint64_t tail)
{
	struct copy *c = malloc(sizeof(*c) + head + tail);
	uint64_t disk_at = t->req->offset + t->position;

	if (!c) {
		t->pending++;
		t->position += x->run.length;
		give_up(x, -ENOMEM);
		return;
	}
	*c = (struct copy){ .img = t->img, .x = x, .pending = 1 };
	set_edge(c, 0, disk_at - head, (struct iovec){ c->bytes, head });
	set_edge(c, 1, disk_at + x->run.length, (struct iovec){ c->bytes + head, tail });
	x->copy = c;
	gather(t, x, c);
	t->pending++;
	t->position += x->run.length;
	x->op.offset = x->run.file_offset - head;
	x->op.left = head + x->run.length + tail;
	t->img->copies++;
	read_edge(c, 0);
	read_edge(c, 1);
	copy_edge_done(c, 0);
}
