// block_bench.c: requests of one kind to one disk, as fast as they go; prints requests, seconds and CPU seconds.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// block_bench [--raw] [--direct] [--write] [--flush] [--drop] IMAGE BLOCK STEP DEPTH COUNT
// The offset moves on by STEP bytes and starts over modulo the disk's size, as that of `qemu-img bench -S` does: a large
// odd multiple of the block visits every block once, far from its neighbours.
// The clock runs from the second request on: what the first one of a session costs (the content id, the first grain
// table) is not what a session goes on with. --drop: the image will be thrown away, so it is not closed.
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "block/disk.h"

struct bench {
	struct disk *disk;
	enum block_op op;
	uint64_t offset, block, step;
	uint64_t left, in_flight;
	bool failed, running;
};

struct slot {
	struct block_req req;
	struct iovec iov;
	struct bench *bench;
};

static void done(struct block_req *req, int result);

static void submit(struct slot *s)
{
	struct bench *b = s->bench;

	if (!b->left || b->failed)
		return;
	b->left--;
	s->req = (struct block_req){ .op = b->op, .offset = b->offset, .length = b->block, .iov = &s->iov, .iovcnt = 1,
				     .done = done, .owner = s };
	b->offset = (b->offset + b->step) % b->disk->size / b->block * b->block;
	b->in_flight++;
	disk_submit(b->disk, &s->req);
}

static void done(struct block_req *req, int result)
{
	struct slot *s = req->owner;

	s->bench->in_flight--;
	if (result < 0)
		s->bench->failed = true;
	submit(s);
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void flushed(struct block_req *req, int result)
{
	struct bench *b = req->owner;

	b->failed |= result < 0;
	b->in_flight--;
}

static int wait_all(struct bench *b)
{
	while (b->in_flight) {
		int r = loop_turn(b->disk->loop);

		if (r < 0)
			return r;
	}
	return 0;
}

// COUNT requests, DEPTH of them at a time, from MEMORY's first DEPTH blocks.
static int run(struct bench *b, char *memory, struct slot *slots, unsigned depth, uint64_t count)
{
	b->left = count;
	for (unsigned i = 0; i < depth; i++) {
		slots[i].iov = (struct iovec){ memory + i * b->block, b->block };
		slots[i].bench = b;
		submit(&slots[i]);
	}
	if (wait_all(b) < 0)
		return -1;
	return b->failed ? -1 : 0;
}

static int flush_now(struct bench *b)
{
	struct block_req last = { .op = BLOCK_FLUSH, .done = flushed, .owner = b };

	b->in_flight++;
	disk_submit(b->disk, &last);
	if (wait_all(b) < 0)
		return -1;
	return b->failed ? -1 : 0;
}

static int measure(struct bench *b, unsigned depth, uint64_t count, bool flush)
{
	struct slot *slots = calloc(depth, sizeof(*slots));
	char *memory = aligned_alloc(4096, (depth * b->block + 4095) / 4096 * 4096);
	uint64_t begin;
	double cpu;
	int r;

	if (!slots || !memory)
		return -1;
	memset(memory, 0x5a, depth * b->block);
	r = run(b, memory, slots, 1, 1);
	cpu = cpu_seconds();
	begin = loop_now();
	if (!r)
		r = run(b, memory, slots, depth, count);
	if (!r && flush)
		r = flush_now(b);
	printf("%llu %.6f %.6f\n", (unsigned long long)count, (double)(loop_now() - begin) / 1e9,
	       cpu_seconds() - cpu);
	free(slots);
	free(memory);
	return r;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "raw", 0, NULL, 'r' }, { "direct", 0, NULL, 'd' },
						 { "write", 0, NULL, 'w' }, { "flush", 0, NULL, 'f' },
						 { "drop", 0, NULL, 'D' }, { 0 } };
	struct disk_open_args args = { 0 };
	struct bench b = { .op = BLOCK_READ };
	struct err err = { 0 };
	char text[1200];
	struct loop *loop;
	bool flush = false, drop = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		args.raw |= c == 'r';
		args.direct |= c == 'd';
		flush |= c == 'f';
		drop |= c == 'D';
		if (c == 'w')
			b.op = BLOCK_WRITE;
		if (c == '?')
			return 2;
	}
	if (argc - optind != 5)
		return 2;
	args.path = argv[optind];
	b.block = strtoull(argv[optind + 1], NULL, 0);
	b.step = strtoull(argv[optind + 2], NULL, 0);
	log_set_level(LOG_WARN);
	r = loop_create(&loop, "bench", 256, &err);
	if (!r)
		r = disk_open(loop, &args, &b.disk, &err);
	if (!r && b.block && b.disk->size >= b.block)
		r = measure(&b, (unsigned)strtoul(argv[optind + 3], NULL, 0), strtoull(argv[optind + 4], NULL, 0),
			    flush);
	if (!r && drop) {
		fflush(stdout);
		_exit(0);
	}
	if (!r)
		r = disk_close(b.disk, &err);
	if (r < 0)
		fprintf(stderr, "block_bench: %s\n", err_sentence(&err, text, sizeof(text)));
	return r < 0;
}
