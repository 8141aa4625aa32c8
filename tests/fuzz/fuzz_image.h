// fuzz_image.h: what the fuzzers of image formats share: input bytes, an image in memory, a script of requests.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_TESTS_FUZZ_IMAGE_H
#define BERTH_TESTS_FUZZ_IMAGE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "block/image.h"

#define MAX_BUF (64u << 10)

struct input { const uint8_t *p; size_t len; };

static inline uint32_t take(struct input *in, unsigned n)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < n; i++) {
		v = v << 8 | (in->len ? *in->p : 0);
		in->p += in->len != 0;
		in->len -= in->len != 0;
	}
	return v;
}

// Records of {offset, length, bytes} from the input over the image.
static inline void change_image(uint8_t *raw, uint32_t size, struct input *in)
{
	for (unsigned n = take(in, 1) % 16; n; n--) {
		uint32_t at = take(in, 3) % size, len = 1 + take(in, 1) % 32;

		for (uint32_t i = 0; i < len && at + i < size; i++)
			raw[at + i] = (uint8_t)take(in, 1);
	}
}

static inline void note(struct block_req *req, int result)
{
	*(int *)req->owner = result;
}

static inline void wait_for(struct disk *disk, const int *results, int count)
{
	for (int i = 0; i < count; i++) {
		while (results[i] == 1) {
			if (loop_turn(disk->loop) < 0)
				abort();
		}
	}
}

static inline void two_requests(struct disk *disk, struct input *in, uint8_t *buf)
{
	int result[2] = { 1, 1 };
	struct block_req req[2];
	struct iovec iov[2][2];

	for (int i = 0; i < 2; i++) {
		uint32_t len = (1 + take(in, 1) % 64) * 512, cut = take(in, 2) % len;

		iov[i][0] = (struct iovec){ buf + i * (MAX_BUF / 2), cut };
		iov[i][1] = (struct iovec){ buf + i * (MAX_BUF / 2) + cut, len - cut };
		req[i] = (struct block_req){ .op = take(in, 1) % 5,
					    .offset = take(in, 2) * 512ull,
					    .length = len,
					    .flags = take(in, 1) & 1,
					    .iov = iov[i],
					    .iovcnt = 2,
					    .done = note,
					    .owner = &result[i] };
		disk_submit(disk, &req[i]);
	}
	wait_for(disk, result, 2);
}

static inline void use_disk(struct disk *disk, struct input *in)
{
	uint8_t *buf = calloc(1, MAX_BUF);

	for (uint32_t i = 0; i < MAX_BUF; i++)
		buf[i] = (uint8_t)(i * 7);
	for (unsigned n = 0; n < 12 && in->len; n++)
		two_requests(disk, in, buf);
	free(buf);
}

// All of the first LEN bytes: 0 or -errno.
static inline int read_front(struct disk *disk, uint8_t *buf, uint64_t len)
{
	int result = 1;
	struct iovec iov = { buf, len };
	struct block_req req = { .op = BLOCK_READ, .length = len, .iov = &iov, .iovcnt = 1, .done = note, .owner = &result };

	disk_submit(disk, &req);
	wait_for(disk, &result, 1);
	return result;
}

static inline int image_in_memory(const uint8_t *raw, uint32_t len)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, raw, len) != (ssize_t)len)
		abort();
	return fd;
}

// A disk of one extent in the file FD, made by NEW. NULL when the extent refuses it.
static inline struct disk *disk_of(struct loop *loop, int fd, bool writable, uint64_t sectors,
				   int (*make)(struct image_file *file, struct extent **out, struct err *err))
{
	struct disk_open_args args = { .path = "fuzz", .readonly = !writable };
	struct image_file *file;
	struct extent *x;
	struct image *img;
	struct disk *disk;
	struct err err = { 0 };
	char path[64], text[1200];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (image_new(loop, &args, "fuzz", &img, &err) < 0 ||
	    image_file_open(path, (struct image_file_want){ .writable = writable, .unlocked = true }, &file, &err) < 0)
		abort();
	image_add_file(img, file);
	file->sparse = true;
	if (make(file, &x, &err) < 0 || image_add_extent(img, x, sectors * 512, &err) < 0) {
		err_sentence(&err, text, sizeof(text));
		image_free(img);
		return NULL;
	}
	image_ready(img, &disk);
	return disk;
}

#endif
