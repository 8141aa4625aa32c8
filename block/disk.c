// disk.c: the front door of every disk: bounds, completion rules, open and close.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/disk.h"

#include <errno.h>
#include <liburing.h>
#include <string.h>

#include "base/compiler.h"
#include "block/image.h"

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
		disk->in_flight--;
		req->done(req, (int)(int64_t)req->scratch[0]);
	}
}

// An empty operation on the ring, so that loop_turn() sees these completions as it sees all others.
static void arm_done_list(struct disk *disk)
{
	struct io_uring_sqe *sqe;

	disk->done_tail = &disk->done_list;
	disk->done_op.done = run_done_list;
	sqe = loop_sqe(disk->loop, &disk->done_op);
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data(sqe, &disk->done_op);
}

void disk_complete_later(struct disk *disk, struct block_req *req, int result)
{
	if (!disk->done_list)
		arm_done_list(disk);
	req->scratch[0] = (uint64_t)(int64_t)result;
	req->next = NULL;
	*disk->done_tail = req;
	disk->done_tail = &req->next;
}

void disk_complete(struct disk *disk, struct block_req *req, int result)
{
	if (disk->submitting) {
		disk_complete_later(disk, req, result);
		return;
	}
	disk->in_flight--;
	req->done(req, result);
}

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

void disk_submit(struct disk *disk, struct block_req *req)
{
	int r = check_request(disk, req);

	disk->in_flight++;
	disk->submitting++;
	if (r < 0 || (req->op != BLOCK_FLUSH && !req->length))
		disk_complete(disk, req, r);
	else
		disk->ops->submit(disk, req);
	disk->submitting--;
}

int disk_open(struct loop *loop, const struct disk_open_args *args, struct disk **out, struct err *err)
{
	int r = args->raw ? raw_open(loop, args, out, err) : vmdk_open(loop, args, out, err);

	if (r < 0)
		err_exit(err, EXIT_DISK);
	return r;
}

int disk_close(struct disk *disk, struct err *err)
{
	disk->closing = true;
	while (disk->in_flight) {
		int r = loop_turn(disk->loop);

		// The kernel may still write into the requests' buffers: nothing can be freed.
		if (r < 0)
			return err_set(err, -r, disk->name, "its requests cannot be waited for: %s",
				       strerror(-r));
	}
	return disk->ops->close(disk, err);
}
