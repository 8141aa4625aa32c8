// disk.c: the front door of every disk: bounds, completion rules, open and close.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/disk.h"

#include <errno.h>
#include <liburing.h>
#include <string.h>

#include "base/compiler.h"
#include "block/image.h"

// --- stalls --------------------------------------------------------------------------------------------

// An empty operation on the ring, so that loop_turn() sees what it leads to as it sees all else.
static void call_soon(struct disk *disk, struct loop_op *op, void (*fn)(struct loop_op *, int32_t, uint32_t))
{
	struct io_uring_sqe *sqe;

	op->done = fn;
	sqe = loop_sqe(disk->loop, op);
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data(sqe, op);
}

static void tell_owner(struct loop_op *op, int32_t res, uint32_t flags)
{
	struct disk *disk = CONTAINER_OF(op, struct disk, tell_op);

	(void)res;
	(void)flags;
	disk->telling = false;
	if (disk->stall.code && disk->on_stall.fn)
		disk->on_stall.fn(disk->on_stall.arg, disk);
}

// What the submitter did wrong, or asked for, is his; so is a sector that cannot be read: the guest knows what
// that is, as it does on a real disk.
static bool should_hold(const struct disk *disk, const struct block_req *req, int result)
{
	if (result >= 0 || disk->closing || req->refused || !disk->on_stall.fn)
		return false;
	if (req->op == BLOCK_READ && !disk->on_stall.reads && (result == -EIO || result == -EILSEQ || result == -ENODATA))
		return false;
	return result != -EINVAL && result != -EOPNOTSUPP && result != -ENOMEDIUM && result != -ECANCELED;
}

static bool is_durable(const struct block_req *req)
{
	return req->op == BLOCK_FLUSH || (req->op == BLOCK_WRITE && (req->flags & BLOCK_FUA));
}

static void start_stall(struct disk *disk, const struct block_req *req, int result)
{
	disk->stall = (struct disk_stall){ .code = -result, .op = req->op, .durable = is_durable(req),
					   .offset = req->offset, .length = req->length };
	if (disk->telling)
		return;
	disk->telling = true;
	call_soon(disk, &disk->tell_op, tell_owner);
}

// Failures come in any order: each goes where it was when it was submitted.
static void hold(struct disk *disk, struct block_req *req, int result)
{
	struct block_req **at = &disk->held;

	if (result < 0 && !disk->stall.code)
		start_stall(disk, req, result);
	if (result < 0)
		disk->stall.failed++;
	else
		disk->stall.waiting++;
	while (*at && (*at)->order < req->order)
		at = &(*at)->next;
	req->scratch[0] = (uint64_t)(int64_t)result;
	req->next = *at;
	*at = req;
}

// --- completions ---------------------------------------------------------------------------------------

static void count_dropped(struct disk *disk, const struct block_req *req, int result)
{
	if (!disk->closing || result >= 0 || req->refused || req->op != BLOCK_WRITE)
		return;
	disk->dropped++;
	if (!disk->dropped_code || disk->dropped_code == -ECANCELED)
		disk->dropped_code = result;
}

static void end_request(struct disk *disk, struct block_req *req, int result)
{
	disk->in_flight--;
	req->done(req, result);
}

static void settle(struct disk *disk, struct block_req *req, int result, bool final)
{
	if (!final && should_hold(disk, req, result)) {
		hold(disk, req, result);
		return;
	}
	if (!final)
		count_dropped(disk, req, result);
	end_request(disk, req, result);
}

static void run_done_list(struct loop_op *op, int32_t res, uint32_t flags)
{
	struct disk *disk = CONTAINER_OF(op, struct disk, done_op);
	struct block_req *list = disk->done_list;

	(void)res;
	(void)flags;
	// What the callbacks add meanwhile waits for the next round, behind the loop's other events.
	disk->done_list = NULL;
	while (list) {
		struct block_req *req = list;

		list = req->next;
		settle(disk, req, (int)(int64_t)req->scratch[0], req->scratch[1]);
	}
}

// FINAL: the result stands, whatever it is.
static void queue_done(struct disk *disk, struct block_req *req, int result, bool final)
{
	if (!disk->done_list) {
		disk->done_tail = &disk->done_list;
		call_soon(disk, &disk->done_op, run_done_list);
	}
	req->scratch[0] = (uint64_t)(int64_t)result;
	req->scratch[1] = final;
	req->next = NULL;
	*disk->done_tail = req;
	disk->done_tail = &req->next;
}

void disk_complete_later(struct disk *disk, struct block_req *req, int result)
{
	queue_done(disk, req, result, false);
}

void disk_complete(struct disk *disk, struct block_req *req, int result)
{
	if (disk->submitting)
		queue_done(disk, req, result, false);
	else
		settle(disk, req, result, false);
}

// --- requests ------------------------------------------------------------------------------------------

static bool iov_has(const struct block_req *req)
{
	uint64_t sum = 0;

	if (req->iovcnt < 0 || (req->iovcnt && !req->iov))
		return false;
	for (int i = 0; i < req->iovcnt; i++) {
		if (req->iov[i].iov_len > req->length - sum)
			return false;
		sum += req->iov[i].iov_len;
	}
	return sum == req->length;
}

// 0 when the engine may see the request.
static int check_request(const struct disk *disk, const struct block_req *req)
{
	if (disk->closing)
		return -ESHUTDOWN;
	if (req->op == BLOCK_FLUSH)
		return 0;
	if (req->op != BLOCK_READ && req->op != BLOCK_WRITE && req->op != BLOCK_DISCARD)
		return -EINVAL;
	if (req->offset % BLOCK_SECTOR || req->length % BLOCK_SECTOR)
		return -EINVAL;
	if (req->offset > disk->size || req->length > disk->size - req->offset)
		return -EINVAL;
	if (req->op != BLOCK_DISCARD && !iov_has(req))
		return -EINVAL;
	if (req->op != BLOCK_READ && disk->readonly)
		return -EROFS;
	return 0;
}

static void to_engine(struct disk *disk, struct block_req *req)
{
	req->refused = false;
	disk->submitting++;
	disk->ops->submit(disk, req);
	disk->submitting--;
}

void disk_submit(struct disk *disk, struct block_req *req)
{
	int r = check_request(disk, req);

	disk->in_flight++;
	req->order = ++disk->last_order;
	req->refused = false;
	if (r < 0 || (req->op != BLOCK_FLUSH && !req->length))
		queue_done(disk, req, r, true);
	else if (disk->stall.code)
		hold(disk, req, 0);
	else
		to_engine(disk, req);
}

// --- answers -------------------------------------------------------------------------------------------

bool disk_stalled(const struct disk *disk, struct disk_stall *out)
{
	if (out) {
		*out = disk->stall;
		out->lost = disk->stall.code && disk->ops->flush_lost && disk->ops->flush_lost(disk);
	}
	return disk->stall.code != 0;
}

// The failure itself is what the closing tells, not that it was given up.
static void cancel(struct disk *disk, struct block_req *req)
{
	int result = (int)(int64_t)req->scratch[0];

	count_dropped(disk, req, result < 0 ? result : -ECANCELED);
	queue_done(disk, req, -ECANCELED, true);
}

void disk_answer(struct disk *disk, enum disk_stall_answer answer)
{
	struct block_req *list = disk->held;

	if (!disk->stall.code)
		return;
	disk->held = NULL;
	disk->stall = (struct disk_stall){ 0 };
	while (list) {
		struct block_req *req = list;
		int result = (int)(int64_t)req->scratch[0];

		list = req->next;
		if (answer == DISK_CANCEL)
			cancel(disk, req);
		else if (answer == DISK_FAIL && result < 0)
			queue_done(disk, req, result, true);
		else
			to_engine(disk, req);
	}
}

void disk_on_stall(struct disk *disk, const struct disk_stall_args *args)
{
	disk->on_stall = *args;
	if (!args->fn)
		disk_answer(disk, DISK_CANCEL);
}

// --- open and close ------------------------------------------------------------------------------------

int disk_open(struct loop *loop, const struct disk_open_args *args, struct disk **out, struct err *err)
{
	int r = args->raw ? raw_open(loop, args, out, err) : vmdk_open(loop, args, out, err);

	if (r < 0)
		err_exit(err, EXIT_DISK);
	return r;
}

static int tell_dropped(const char *name, unsigned dropped, int code, struct err *err)
{
	err_set(err, -code, name, "%u write%s of the guest could not be carried out before the end: %s", dropped,
		dropped == 1 ? "" : "s", strerror(-code));
	err_remedy(err, code == -ENOSPC || code == -EDQUOT || code == -EFBIG ?
			"Make room for the file before the next start; the guest will find its disk as after a power failure" :
			"The guest will find its disk as after a power failure");
	err_exit(err, EXIT_DISK);
	return code;
}

int disk_close(struct disk *disk, struct err *err)
{
	char name[sizeof(disk->name)];
	unsigned dropped;
	int r, code;

	disk->closing = true;
	disk_answer(disk, DISK_CANCEL);
	while (disk->in_flight || disk->telling) {
		r = loop_turn(disk->loop);

		// The kernel may still write into the requests' buffers: nothing can be freed.
		if (r < 0)
			return err_set(err, -r, disk->name, "its requests cannot be waited for: %s",
				       strerror(-r));
	}
	memcpy(name, disk->name, sizeof(name));
	dropped = disk->dropped;
	code = disk->dropped_code;
	r = disk->ops->close(disk, err);
	return r < 0 || !dropped ? r : tell_dropped(name, dropped, code, err);
}
