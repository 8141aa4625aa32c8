// formats_tool.c: reads and writes disk images through the engine, for tests that compare with other programs.
// SPDX-License-Identifier: GPL-2.0-or-later
//
//   formats_tool read IMAGE RAW     the whole disk into a new file
//   formats_tool apply RAW IMAGE    the sectors of RAW that are not zero are written to the disk, in small pieces
//   formats_tool stream RAW IMAGE   RAW as a new streamOptimized VMDK
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "block/disk.h"
#include "block/stream_write.h"

#define PIECE (192u << 10)

static void note(struct block_req *req, int result)
{
	*(int *)req->owner = result;
}

static int transfer(struct disk *disk, enum block_op op, uint64_t offset, void *buf, size_t len)
{
	struct iovec iov = { buf, len };
	int result = 1;
	struct block_req req = { .op = op, .offset = offset, .length = len, .iov = &iov, .iovcnt = len ? 1 : 0, .done = note,
				 .owner = &result };

	disk_submit(disk, &req);
	while (result == 1) {
		if (loop_turn(disk->loop) < 0)
			return -EIO;
	}
	return result;
}

static bool is_zero(const uint8_t *p, size_t len)
{
	return !p[0] && !memcmp(p, p + 1, len - 1);
}

static int read_all(struct disk *disk, int raw)
{
	uint8_t *buf = malloc(PIECE);
	int r = buf ? 0 : -ENOMEM;

	for (uint64_t at = 0; !r && at < disk->size; at += PIECE) {
		size_t len = MIN(PIECE, disk->size - at);

		r = transfer(disk, BLOCK_READ, at, buf, len);
		if (!r && pwrite(raw, buf, len, (off_t)at) != (ssize_t)len)
			r = -errno;
	}
	free(buf);
	return r;
}

// Pieces of 1 to 40 sectors; the front of the disk last.
static int apply_all(struct disk *disk, int raw)
{
	uint8_t *buf = malloc(40 * 512);
	uint64_t at = disk->size;
	unsigned sectors = 0;
	int r = buf ? 0 : -ENOMEM;

	while (!r && at) {
		size_t len;

		sectors = sectors % 40 + 1;
		len = MIN(sectors * 512u, at);
		at -= len;
		if (pread(raw, buf, len, (off_t)at) != (ssize_t)len)
			r = -EIO;
		else if (!is_zero(buf, len))
			r = transfer(disk, BLOCK_WRITE, at, buf, len);
	}
	free(buf);
	return r < 0 ? r : transfer(disk, BLOCK_FLUSH, 0, NULL, 0);
}

static int tell(int r, const struct err *err)
{
	char text[1200];

	if (r < 0)
		fprintf(stderr, "%s\n", err->code ? err_sentence(err, text, sizeof(text)) : strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int with_disk(const char *image, const char *raw, bool reading)
{
	struct disk_open_args args = { .path = image, .readonly = reading, .allow_device = true };
	int fd = open(raw, reading ? O_RDWR | O_CREAT | O_EXCL : O_RDONLY, 0666), r, closed;
	struct err err = { 0 };
	struct loop *loop;
	struct disk *disk;

	if (fd < 0 || loop_create(&loop, "tool", 64, &err) < 0)
		return tell(-EIO, &err);
	r = disk_open(loop, &args, &disk, &err);
	if (!r) {
		r = reading ? read_all(disk, fd) : apply_all(disk, fd);
		closed = disk_close(disk, &err);
		r = r < 0 ? r : closed;
	}
	loop_destroy(loop);
	close(fd);
	return tell(r, &err);
}

static int stream(const char *raw, const char *image)
{
	int fd = open(raw, O_RDONLY), r;
	off_t size = lseek(fd, 0, SEEK_END);
	struct stream_write_args args = { .path = image, .sectors = (uint64_t)size / 512 };
	uint8_t *buf = malloc(STREAM_GRAIN_BYTES);
	struct stream_writer *w;
	struct err err = { 0 };

	r = buf && size > 0 ? stream_write_open(&args, &w, &err) : -EIO;
	if (r < 0)
		return tell(r, &err);
	for (off_t at = 0; !r && at < size; at += STREAM_GRAIN_BYTES) {
		size_t len = (size_t)MIN((off_t)STREAM_GRAIN_BYTES, size - at);

		r = pread(fd, buf, len, at) == (ssize_t)len ? stream_write_grain(w, buf, len, &err) : -EIO;
	}
	if (r < 0)
		stream_write_abort(w);
	else
		r = stream_write_finish(w, &err);
	free(buf);
	close(fd);
	return tell(r, &err);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "read"))
		return with_disk(argv[2], argv[3], true);
	if (argc == 4 && !strcmp(argv[1], "apply"))
		return with_disk(argv[3], argv[2], false);
	if (argc == 4 && !strcmp(argv[1], "stream"))
		return stream(argv[2], argv[3]);
	fprintf(stderr, "usage: formats_tool read IMAGE RAW | apply RAW IMAGE | stream RAW IMAGE\n");
	return 2;
}
