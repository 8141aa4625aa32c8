// tool_pump.c: a row of slots, each carrying one piece of the disk from its read to its last write.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/tool_pump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

#define SLOTS     16u
#define PIECE     (1u << 20)            // bytes of a slot; pieces lie on a grid of this size
#define GRID      (64u << 10)           // zeros are left out by this much: a grain
#define PACE      100000000ull          // nanoseconds between two reports

struct pump;

struct slot {
	struct pump *p;
	struct block_req req;
	struct file_op op;
	struct iovec iov;
	uint64_t at;
	size_t len, done;               // of the piece; of it looked at by the writer
	char *buf, *other;              // `other`: COMPARE alone
	bool busy;
};

struct pump {
	const struct pump_args *a;
	struct pump_result *result;
	uint64_t next;                  // what no slot has taken yet
	struct tool_range range;        // the one that holds `next`, of the map
	unsigned busy;
	int failed;
	struct err *err;
	struct slot slots[SLOTS];
};

static void feed(struct slot *s);

int tool_report(const struct tool_progress *p, struct tool_pace *pace, uint64_t done, uint64_t total)
{
	uint64_t now = loop_now();

	if (!p->fn || (done < total && now - pace->last < PACE))
		return 0;
	pace->last = now;
	return p->fn(p->arg, done, total) ? -ECANCELED : 0;
}

static bool all_zero(const char *p, size_t len)
{
	return !len || (!p[0] && !memcmp(p, p + 1, len - 1));
}

// --- the end of a piece ----------------------------------------------------------------------------------

static void fail(struct slot *s, int code, const char *name, const char *what)
{
	struct pump *p = s->p;

	if (!p->failed) {
		p->failed = code;
		err_set_at(p->err, -code, name, s->at, "%s: %s", what, strerror(-code));
		if (code == -ENOSPC || code == -EDQUOT)
			err_remedy(p->err, "Make room on the file system");
		err_exit(p->err, EXIT_DISK);
	}
}

static void release(struct slot *s)
{
	s->busy = false;
	s->p->busy--;
}

// --- writing ---------------------------------------------------------------------------------------------

static void submit(struct slot *s, struct disk *disk, enum block_op op, void (*done)(struct block_req *req, int result))
{
	s->req = (struct block_req){ .op = op, .offset = s->at + s->done, .length = s->iov.iov_len, .iov = &s->iov,
				     .iovcnt = 1, .done = done, .owner = s };
	disk_submit(disk, &s->req);
}

// From `done` to the next edge of the grid, at most to the end.
static size_t grid_step(const struct slot *s, size_t from)
{
	size_t n = GRID - (size_t)((s->at + from) % GRID);

	return MIN(n, s->len - from);
}

static bool skips_zeros(const struct pump *p)
{
	return p->a->mode == PUMP_COPY;
}

static void write_more(struct slot *s);

static void written(struct block_req *req, int result)
{
	struct slot *s = req->owner;

	if (result < 0) {
		fail(s, result, s->p->a->to->name, "cannot be written");
		release(s);
		return;
	}
	s->p->result->moved += req->length;
	s->done += (size_t)req->length;
	write_more(s);
}

// The next stretch of the piece that is not all zeros; when there is none, the piece is done.
static void write_more(struct slot *s)
{
	size_t end;

	while (skips_zeros(s->p) && s->done < s->len && all_zero(s->buf + s->done, grid_step(s, s->done)))
		s->done += grid_step(s, s->done);
	if (s->done == s->len) {
		feed(s);
		return;
	}
	end = s->done + grid_step(s, s->done);
	while (end < s->len && !(skips_zeros(s->p) && all_zero(s->buf + end, grid_step(s, end))))
		end += grid_step(s, end);
	s->iov = (struct iovec){ s->buf + s->done, end - s->done };
	submit(s, s->p->a->to, BLOCK_WRITE, written);
}

// --- comparing -------------------------------------------------------------------------------------------

static void compare(struct slot *s)
{
	struct pump_result *r = s->p->result;

	r->moved += s->len;
	if (memcmp(s->buf, s->other, s->len)) {
		size_t i = 0;

		while (s->buf[i] == s->other[i])
			i++;
		r->difference = MIN(r->difference, s->at + i);
	}
	feed(s);
}

static void other_read(struct block_req *req, int result)
{
	struct slot *s = req->owner;

	if (result < 0) {
		fail(s, result, s->p->a->to->name, "cannot be read");
		release(s);
		return;
	}
	compare(s);
}

// --- reading ---------------------------------------------------------------------------------------------

static void have_data(struct slot *s)
{
	if (s->p->a->mode == PUMP_COMPARE) {
		s->iov = (struct iovec){ s->other, s->len };
		submit(s, s->p->a->to, BLOCK_READ, other_read);
	} else {
		write_more(s);
	}
}

static void was_read(struct block_req *req, int result)
{
	struct slot *s = req->owner;

	if (result < 0) {
		fail(s, result, s->p->a->from->name, "cannot be read");
		release(s);
		return;
	}
	have_data(s);
}

static void file_was_read(struct file_op *op, int result)
{
	struct slot *s = CONTAINER_OF(op, struct slot, op);

	if (result < 0) {
		fail(s, result, op->file->name, "cannot be read");
		release(s);
		return;
	}
	have_data(s);
}

static void read_file(struct slot *s, const struct tool_range *range)
{
	s->iov = (struct iovec){ s->buf, s->len };
	s->op = (struct file_op){ .loop = s->p->a->loop, .file = range->file, .kind = FILE_READ,
				  .offset = range->file_offset + (s->at - range->start), .left = s->len, .iov = &s->iov,
				  .iovcnt = 1, .done = file_was_read };
	file_op_start(&s->op);
}

static void read_piece(struct slot *s, const struct tool_range *range)
{
	bool zeros = s->p->a->mode == PUMP_MERGE && range->kind == TOOL_ZEROS;

	s->done = 0;
	if (zeros) {
		memset(s->buf, 0, s->len);
		write_more(s);
	} else if (s->p->a->mode == PUMP_MERGE) {
		read_file(s, range);
	} else {
		s->iov = (struct iovec){ s->buf, s->len };
		submit(s, s->p->a->from, BLOCK_READ, was_read);
	}
}

// --- the map ---------------------------------------------------------------------------------------------

static int look_up(struct tool_chain *map, uint64_t at, uint64_t size, struct tool_range *range, struct err *err)
{
	if (map && at < map->links[0]->size) {
		int r = tool_chain_find(map, at, range, err);

		range->length = MIN(range->length, size - at);
		return r;
	}
	*range = (struct tool_range){
		.kind = TOOL_DATA, .start = at, .length = size - at, .file_offset = TOOL_NO_PLACE};
	return 0;
}

// Nothing of RANGE needs to be touched. COMPARE cuts it to what is zeros on both sides.
static bool skippable(struct pump *p, struct tool_range *range)
{
	struct tool_range other;

	switch (p->a->mode) {
	case PUMP_COPY: return range->kind != TOOL_DATA;
	case PUMP_MERGE: return range->kind == TOOL_ABSENT;
	case PUMP_COMPARE: break;
	}
	if (range->kind == TOOL_DATA || look_up(p->a->map_to, range->start, p->a->size, &other, NULL) < 0)
		return false;
	range->length = MIN(range->length, other.length);
	return other.kind != TOOL_DATA;
}

// Makes p->range the one that holds p->next and needs work. False at the end of the disk, or after a failure.
static bool find_work(struct pump *p)
{
	while (!p->failed && p->next < p->a->size && p->result->difference == UINT64_MAX) {
		int r;

		if (p->next >= p->range.start && p->next - p->range.start < p->range.length)
			return true;
		r = look_up(p->a->map, p->next, p->a->size, &p->range, p->err);
		if (r < 0) {
			p->failed = r;
			return false;
		}
		if (skippable(p, &p->range))
			p->next += p->range.length;
	}
	return false;
}

// Where `from` is read as a whole, pieces go on through ranges that follow each other.
static bool joins(const struct pump *p)
{
	return p->a->mode == PUMP_COPY || p->a->mode == PUMP_COMPARE;
}

static void feed(struct slot *s)
{
	struct pump *p = s->p;
	struct tool_range range;
	uint64_t edge, end;

	if (!find_work(p)) {
		release(s);
		return;
	}
	range = p->range;
	s->at = p->next;
	edge = (s->at / PIECE + 1) * PIECE;
	end = p->next = MIN(edge, range.start + range.length);
	while (joins(p) && end < edge && find_work(p) && p->next == end)
		end = p->next = MIN(edge, p->range.start + p->range.length);
	s->len = (size_t)(end - s->at);
	read_piece(s, &range);
}

// --- the whole -------------------------------------------------------------------------------------------

static int make_slots(struct pump *p)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *s = &p->slots[i];

		s->p = p;
		s->buf = aligned_alloc(4096, PIECE);
		if (p->a->mode == PUMP_COMPARE)
			s->other = aligned_alloc(4096, PIECE);
		if (!s->buf || (p->a->mode == PUMP_COMPARE && !s->other))
			return -ENOMEM;
	}
	return 0;
}

static int run(struct pump *p)
{
	struct tool_pace pace = { 0 };

	for (unsigned i = 0; i < SLOTS; i++) {
		p->slots[i].busy = true;
		p->busy++;
		feed(&p->slots[i]);
	}
	while (p->busy) {
		int r = loop_turn(p->a->loop);

		if (r < 0 && r != -EINTR)
			return err_set(p->err, -r, p->a->to->name, "its requests cannot be waited for: %s",
				       strerror(-r));
		if (!p->failed && tool_report(&p->a->progress, &pace, p->next, p->a->size) < 0) {
			p->failed = err_set(p->err, ECANCELED, p->a->to->name, "stopped half way");
		}
	}
	return p->failed;
}

int tool_pump(const struct pump_args *args, struct pump_result *result, struct err *err)
{
	struct pump *p = calloc(1, sizeof(*p));
	int r;

	*result = (struct pump_result){ .difference = UINT64_MAX };
	if (!p)
		return err_set(err, ENOMEM, args->to->name, "no memory to work on it");
	p->a = args;
	p->result = result;
	p->err = err;
	r = make_slots(p);
	r = r < 0 ? err_set(err, -r, args->to->name, "no memory to work on it") : run(p);
	// After a failure of the ring itself the kernel may still write into the buffers: they stay.
	if (p->busy)
		return r;
	for (unsigned i = 0; i < SLOTS; i++) {
		free(p->slots[i].buf);
		free(p->slots[i].other);
	}
	free(p);
	return r;
}

// --- a flush ---------------------------------------------------------------------------------------------

struct flush { struct block_req req; bool done; int result; };

static void flushed(struct block_req *req, int result)
{
	struct flush *f = req->owner;

	f->done = true;
	f->result = result;
}

int tool_flush(struct loop *loop, struct disk *disk, struct err *err)
{
	struct flush f = { 0 };

	f.req = (struct block_req){ .op = BLOCK_FLUSH, .done = flushed, .owner = &f };
	disk_submit(disk, &f.req);
	while (!f.done) {
		int r = loop_turn(loop);

		if (r < 0 && r != -EINTR)
			return err_set(err, -r, disk->name, "a flush cannot be waited for: %s", strerror(-r));
	}
	if (f.result < 0)
		return err_set(err, -f.result, disk->name, "cannot be made durable: %s", strerror(-f.result));
	return 0;
}
