// content_id.c: choosing and writing a new CID.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/content_id.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/compiler.h"
#include "base/log.h"

#define CID_NO_PARENT 0xffffffffu       // never a content id

static uint32_t random32(void)
{
	uint32_t v;

	// Without entropy yet, the clock is unlike what it was in the session before, which is all that is
	// asked.
	if (getrandom(&v, sizeof(v), GRND_NONBLOCK) != (ssize_t)sizeof(v))
		v = (uint32_t)(loop_now() * 0x9e3779b97f4a7c15ull >> 32);
	return v;
}

// Another value of the same width.
static uint32_t new_value(const struct content_id *c)
{
	uint32_t mask = c->digits >= 8 ? 0xffffffffu : (1u << (4 * c->digits)) - 1;
	uint32_t v = random32() & mask;

	while (v == c->value || v == CID_NO_PARENT || v == 0)
		v = (v + 1) & mask;
	return v;
}

static void finish(struct content_id *c, int result)
{
	struct waiter *list = c->waiters;

	c->waiters = NULL;
	c->state = result < 0 ? CONTENT_OLD : CONTENT_NEW;
	if (result < 0)
		log_guest("%s: no new content id can be written: %s; the write is refused", c->file->name,
			  strerror(-result));
	while (list) {
		struct waiter *w = list;

		list = w->next;
		w->fn(w, result);
	}
}

static void start(struct content_id *c, struct file_op op)
{
	op.loop = c->loop;
	op.file = c->file;
	op.iov = &c->iov;
	op.left = c->iov.iov_len;
	c->op = op;
	file_op_start(&c->op);
}

static void synced(struct file_op *op, int result)
{
	finish(CONTAINER_OF(op, struct content_id, op), result);
}

static void long_written(struct file_op *op, int result)
{
	struct content_id *c = CONTAINER_OF(op, struct content_id, op);

	if (result < 0)
		finish(c, result);
	else
		start(c, (struct file_op){ .kind = FILE_SYNC, .done = synced });
}

static void written(struct file_op *op, int result)
{
	struct content_id *c = CONTAINER_OF(op, struct content_id, op);

	if (result < 0 || !c->long_at) {
		long_written(op, result);
		return;
	}
	c->iov = (struct iovec){ c->long_text, 8 };
	start(c,
	      (struct file_op){ .kind = FILE_WRITE, .offset = c->long_at, .iovcnt = 1, .done = long_written });
}

void content_id_renew(struct content_id *c, struct waiter *waiter)
{
	uint32_t value;

	waiter->next = c->waiters;
	c->waiters = waiter;
	if (c->state == CONTENT_CHANGING)
		return;
	c->state = CONTENT_CHANGING;
	value = new_value(c);
	snprintf(c->text, sizeof(c->text), "%0*x", (int)c->digits, value);
	snprintf(c->long_text, sizeof(c->long_text), "%08x", value);
	c->iov = (struct iovec){ c->text, c->digits };
	start(c, (struct file_op){ .kind = FILE_WRITE, .offset = c->at, .iovcnt = 1, .done = written });
}
