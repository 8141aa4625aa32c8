// file_op.c: one read, write, sync or hole on an image file, carried through to its end.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "block/image_file.h"

// A single transfer stays below the kernel's limit of about 2 GiB; the rest follows.
#define TRANSFER_MAX (1u << 30)
#define RETRY_MAX    64u

static void submit(struct file_op *f);

// Drops LEN transferred bytes from the front of the vector.
static void consume(struct file_op *f, uint64_t len)
{
	f->offset += len;
	f->left -= len;
	while (len && f->iovcnt) {
		uint64_t n = MIN(len, f->iov->iov_len);

		f->iov->iov_base = (char *)f->iov->iov_base + n;
		f->iov->iov_len -= n;
		len -= n;
		if (!f->iov->iov_len) {
			f->iov++;
			f->iovcnt--;
		}
	}
}

// --- past the page cache -----------------------------------------------------------------------------------

// Aligned memory for a transfer of which some piece is not.
struct bounce {
	struct iovec *iov;              // the submitter's
	int iovcnt;
	struct iovec whole;
};

static bool is_aligned(const struct file_op *f)
{
	uint64_t bits = 0;

	for (int i = 0; i < f->iovcnt; i++) {
		if (f->iov[i].iov_len)
			bits |= ((uintptr_t)f->iov[i].iov_base & (f->file->align - 1)) | (f->iov[i].iov_len & 511);
	}
	return !bits;
}

static void copy_pieces(const struct file_op *f, bool to_bounce)
{
	const struct bounce *b = f->bounce;
	char *p = (char *)b + 4096;

	for (int i = 0; i < b->iovcnt; i++) {
		if (!b->iov[i].iov_len)
			continue;
		if (to_bounce)
			memcpy(p, b->iov[i].iov_base, b->iov[i].iov_len);
		else
			memcpy(b->iov[i].iov_base, p, b->iov[i].iov_len);
		p += b->iov[i].iov_len;
	}
}

// The first page of the memory holds the struct.
static int begin_bounce(struct file_op *f)
{
	struct bounce *b;

	f->bounce = NULL;
	if (!f->file->align || (f->kind != FILE_READ && f->kind != FILE_WRITE) || is_aligned(f))
		return 0;
	b = aligned_alloc(4096, 4096 + ((size_t)f->left + 4095) / 4096 * 4096);
	if (!b)
		return -ENOMEM;
	*b = (struct bounce){ f->iov, f->iovcnt, { (char *)b + 4096, (size_t)f->left } };
	f->bounce = b;
	if (f->kind == FILE_WRITE)
		copy_pieces(f, true);
	f->iov = &b->whole;
	f->iovcnt = 1;
	return 0;
}

static void end_bounce(struct file_op *f, int result)
{
	if (!f->bounce)
		return;
	if (f->kind == FILE_READ && result >= 0)
		copy_pieces(f, false);
	free(f->bounce);
	f->bounce = NULL;
}

// --- one transfer after the other ----------------------------------------------------------------------------

static void finish(struct file_op *f, int result)
{
	end_bounce(f, result);
	f->done(f, result);
}

static int zero_rest(struct file_op *f)
{
	for (int i = 0; i < f->iovcnt; i++) {
		if (f->iov[i].iov_len)
			memset(f->iov[i].iov_base, 0, f->iov[i].iov_len);
	}
	return 0;
}

static int end_of_file(struct file_op *f)
{
	return f->kind == FILE_READ && f->offset >= f->file->size ? zero_rest(f) : -EIO;
}

static void op_done(struct loop_op *op, int32_t res, uint32_t flags)
{
	struct file_op *f = CONTAINER_OF(op, struct file_op, op);
	bool transfer = f->kind == FILE_READ || f->kind == FILE_WRITE;

	(void)flags;
	if ((res == -EINTR || res == -EAGAIN) && f->retries++ < RETRY_MAX) {
		submit(f);
		return;
	}
	if (f->kind == FILE_SYNC && res < 0 && !f->file->failed)
		f->file->failed = res;
	if (transfer && res > 0 && (uint64_t)res < f->left) {
		consume(f, (uint64_t)res);
		submit(f);
		return;
	}
	if (transfer && res == 0)
		res = end_of_file(f);
	finish(f, res < 0 ? res : 0);
}

static void prepare(struct io_uring_sqe *sqe, const struct file_op *f)
{
	int fd = f->file->slot >= 0 ? f->file->slot : f->file->fd;

	switch (f->kind) {
	case FILE_READ:
		if (f->iovcnt == 1)
			io_uring_prep_read(sqe, fd, f->iov->iov_base,
					   (unsigned)MIN(f->iov->iov_len, TRANSFER_MAX), f->offset);
		else
			io_uring_prep_readv(sqe, fd, f->iov, (unsigned)f->iovcnt, f->offset);
		break;
	case FILE_WRITE:
		if (f->iovcnt == 1)
			io_uring_prep_write(sqe, fd, f->iov->iov_base,
					    (unsigned)MIN(f->iov->iov_len, TRANSFER_MAX), f->offset);
		else
			io_uring_prep_writev(sqe, fd, f->iov, (unsigned)f->iovcnt, f->offset);
		break;
	case FILE_SYNC:
		io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
		break;
	case FILE_PUNCH:
		io_uring_prep_fallocate(sqe, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)f->offset,
					(off_t)f->left);
		break;
	}
}

static void submit(struct file_op *f)
{
	struct io_uring_sqe *sqe = loop_sqe(f->loop, &f->op);

	// Empty pieces in front would make a transfer of nothing look like the end of the file.
	while (f->iovcnt && !f->iov->iov_len) {
		f->iov++;
		f->iovcnt--;
	}
	prepare(sqe, f);
	if (f->file->slot >= 0)
		io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	// Newer liburing clears user_data while preparing.
	io_uring_sqe_set_data(sqe, &f->op);
}

static void failed_early(struct loop_op *op, int32_t res, uint32_t flags)
{
	struct file_op *f = CONTAINER_OF(op, struct file_op, op);

	(void)res;
	(void)flags;
	f->done(f, -ENOMEM);
}

// An empty operation carries the bad news, so that done() does not come from inside.
static void fail_later(struct file_op *f)
{
	struct io_uring_sqe *sqe;

	f->op.done = failed_early;
	sqe = loop_sqe(f->loop, &f->op);
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data(sqe, &f->op);
}

void file_op_start(struct file_op *f)
{
	f->op.done = op_done;
	f->retries = 0;
	if (begin_bounce(f) < 0)
		fail_later(f);
	else
		submit(f);
}
