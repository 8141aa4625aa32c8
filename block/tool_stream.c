// tool_stream.c: a disk, grain by grain in its order, into a streamOptimized file.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Compressing takes longer than reading: while one piece is compressed, the next one is on its way.
#include "block/tool_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "block/stream_write.h"

#define PIECE ((uint64_t)STREAM_GRAIN_BYTES * 16)

struct piece {
	struct block_req req;
	struct iovec iov;
	char *buf;
	uint64_t at;
	size_t len;                     // 0 = nothing was asked for
	bool done;
	int result;
};

struct stream {
	struct stream_copy *c;
	struct stream_writer *writer;
	struct piece pieces[2];         // the one that is written, the one that is read
	uint64_t next;                  // bytes that were asked for or found to be zeros
	uint64_t zeros;                 // grains that wait to be told
	struct tool_pace pace;
	struct err *err;
};

static void was_read(struct block_req *req, int result)
{
	struct piece *p = req->owner;

	p->done = true;
	p->result = result;
}

static void start_read(struct stream *s, struct piece *p, uint64_t at, size_t len)
{
	p->at = at;
	p->len = len;
	p->done = false;
	p->iov = (struct iovec){ p->buf, len };
	p->req = (struct block_req){ .op = BLOCK_READ, .offset = at, .length = len, .iov = &p->iov, .iovcnt = 1,
				     .done = was_read, .owner = p };
	disk_submit(s->c->from, &p->req);
}

static int wait_for(struct stream *s, struct piece *p)
{
	while (p->len && !p->done) {
		int r = loop_turn(s->c->tool->loop);

		if (r < 0 && r != -EINTR)
			return err_set(s->err, -r, s->c->from->name, "a read cannot be waited for: %s", strerror(-r));
	}
	if (p->len && p->result < 0)
		return err_set_at(s->err, -p->result, s->c->from->name, p->at, "cannot be read: %s",
				  strerror(-p->result));
	return 0;
}

// Whole grains from s->next on that hold nothing.
static int zero_grains(struct stream *s, uint64_t *bytes)
{
	uint64_t at = s->next, size = s->c->from->size;
	struct tool_range range;

	*bytes = 0;
	while (s->c->map && at < size) {
		int r = tool_chain_find(s->c->map, at, &range, s->err);

		if (r < 0)
			return r;
		if (range.kind == TOOL_DATA)
			break;
		at += range.length;
	}
	*bytes = at >= size ? size - s->next : (at - s->next) / STREAM_GRAIN_BYTES * STREAM_GRAIN_BYTES;
	return 0;
}

static int tell_zeros(struct stream *s)
{
	uint64_t n = s->zeros;

	s->zeros = 0;
	return n ? stream_write_zeros(s->writer, n, s->err) : 0;
}

static int write_piece(struct stream *s, struct piece *p)
{
	int r = 0;

	for (size_t done = 0; !r && done < p->len; done += STREAM_GRAIN_BYTES)
		r = stream_write_grain(s->writer, p->buf + done,
				       MIN((size_t)STREAM_GRAIN_BYTES, p->len - done), s->err);
	s->c->moved += p->len;
	p->len = 0;
	return r;
}

// Asks for the next piece that has data, unless zeros come first: those go out in their turn.
static int ask(struct stream *s, struct piece *p)
{
	uint64_t zeros, size = s->c->from->size;
	int r = zero_grains(s, &zeros);

	if (r < 0)
		return r;
	s->zeros = (zeros + STREAM_GRAIN_BYTES - 1) / STREAM_GRAIN_BYTES;
	s->next += zeros;
	if (s->next < size) {
		start_read(s, p, s->next, (size_t)MIN(PIECE, size - s->next));
		s->next += p->len;
	}
	return 0;
}

static int copy_all(struct stream *s)
{
	struct piece *now = &s->pieces[0], *then = &s->pieces[1];
	int r = ask(s, now);

	while (!r && (now->len || s->zeros)) {
		struct piece *swap = now;

		r = tell_zeros(s);
		if (!r)
			r = wait_for(s, now);
		if (!r)
			r = ask(s, then);
		if (!r)
			r = write_piece(s, now);
		now = then;
		then = swap;
		if (!r && tool_report(&s->c->tool->progress, &s->pace, s->next, s->c->from->size) < 0)
			r = err_set(s->err, ECANCELED, s->c->to, "stopped half way");
	}
	return r;
}

static int run(struct stream *s)
{
	int r = 0;

	for (unsigned i = 0; i < 2; i++) {
		s->pieces[i].buf = aligned_alloc(4096, PIECE);
		if (!s->pieces[i].buf)
			r = err_set(s->err, ENOMEM, s->c->to, "no memory to work on it");
	}
	if (!r)
		r = copy_all(s);
	for (unsigned i = 0; i < 2; i++) {
		// A read that is still under way owns its buffer.
		if (wait_for(s, &s->pieces[i]) == 0 || s->pieces[i].done)
			free(s->pieces[i].buf);
	}
	return r;
}

int tool_stream_copy(struct stream_copy *copy, struct err *err)
{
	struct stream_write_args args = { .path = copy->to, .sectors = copy->from->size / BLOCK_SECTOR,
					  .adapter = copy->adapter, .hw_version = copy->hw_version };
	struct stream s = { .c = copy, .err = err };
	int r = stream_write_open(&args, &s.writer, err);

	if (r < 0)
		return r;
	r = run(&s);
	if (r < 0)
		stream_write_abort(s.writer);
	else
		r = stream_write_finish(s.writer, err);
	return r < 0 ? r : tool_sync_folder(copy->to, err);
}
