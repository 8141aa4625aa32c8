// fuzz_disk_tool.c: check, repair, map, shrink, defragment, grow and wipe on damaged images.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The input is laid over a valid sparse image, as records of {offset, length, bytes}. Whatever the image
// says, the tools answer; a repair without damage leaves nothing to mend; and tools that move grains keep
// what a clean disk shows.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "block/tool.h"

#define GRAIN     8u
#define ENTRIES   64u
#define TABLES    3u
#define SECTORS   (GRAIN * ENTRIES * TABLES - 5)
#define DATA_AT   32u
#define FILE_SIZE (96u * 512)
#define BYTES     (SECTORS * 512u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

struct input { const uint8_t *p; size_t len; };

static struct loop *loop;
static char dir[64] = "/dev/shm/berth-fuzz-XXXXXX", path[96];

static void remove_dir(void)
{
	unlink(path);
	rmdir(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	log_set_level(LOG_ERROR);
	if (!mkdtemp(dir))
		abort();
	snprintf(path, sizeof(path), "%s/d.vmdk", dir);
	atexit(remove_dir);
	return loop_create(&loop, "fuzz", 64, NULL);
}

static uint32_t take(struct input *in, unsigned n)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < n; i++) {
		v = v << 8 | (in->len ? *in->p : 0);
		in->p += in->len != 0;
		in->len -= in->len != 0;
	}
	return v;
}

// Descriptor 1..10, redundant directory 11 with tables 12 to 14, directory 15 with tables 16 to 18, data from 32.
static void valid_image(uint8_t *raw)
{
	memset(raw, 0, FILE_SIZE);
	memcpy(raw, "KDMV", 4);
	put_le32(raw + 4, 1);
	put_le32(raw + 8, 3);
	put_le64(raw + 12, SECTORS);
	put_le64(raw + 20, GRAIN);
	put_le64(raw + 28, 1);
	put_le64(raw + 36, 10);
	put_le32(raw + 44, ENTRIES);
	put_le64(raw + 48, 11);
	put_le64(raw + 56, 15);
	put_le64(raw + 64, DATA_AT);
	memcpy(raw + 73, "\n \r\n", 4);
	snprintf((char *)raw + 512, 5120, "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n"
		 "createType=\"monolithicSparse\"\nRW %u SPARSE \"d.vmdk\"\nddb.geometry.heads = \"16\"\n"
		 "ddb.geometry.sectors = \"63\"\nddb.geometry.cylinders = \"1\"\n", SECTORS);
	for (unsigned i = 0; i < TABLES; i++) {
		put_le32(raw + 11 * 512 + 4 * i, 12 + i);
		put_le32(raw + 15 * 512 + 4 * i, 16 + i);
		for (unsigned side = 12; side <= 16; side += 4) {
			put_le32(raw + (side + i) * 512 + 20, DATA_AT + 16 * i);
			put_le32(raw + (side + i) * 512 + 24, DATA_AT + 8 + 16 * i);
		}
	}
	for (unsigned i = DATA_AT * 512; i < FILE_SIZE - 5000; i++)
		raw[i] = (uint8_t)(i >> 9);
}

static void change_image(uint8_t *raw, struct input *in)
{
	for (unsigned n = take(in, 1) % 16; n; n--) {
		uint32_t at = take(in, 2), len = 1 + take(in, 1) % 16;

		for (uint32_t i = 0; i < len && at + i < FILE_SIZE; i++)
			raw[at + i] = (uint8_t)take(in, 1);
	}
}

static int check(bool repair, struct tool_check_result *r)
{
	struct tool tool = { .loop = loop };

	return tool_check(&tool, &(struct tool_check_args){ .path = path, .repair = repair }, r, NULL);
}

// What the disk shows, or NULL when it is larger than it was made, or cannot be opened.
static uint8_t *content(size_t *len)
{
	struct tool_link *link;
	struct tool_range range;
	uint8_t *data = NULL;

	if (tool_link_open(path, (struct tool_open){ .alone = true }, &link, NULL) < 0)
		return NULL;
	*len = (size_t)link->size;
	if (link->size <= BYTES * 4ull)
		data = calloc(1, (size_t)link->size);
	for (uint64_t at = 0; data && at < link->size; at += range.length) {
		if (tool_link_find(link, at, &range, NULL) < 0) {
			free(data);
			data = NULL;
		} else if (range.kind == TOOL_DATA && range.file_offset != TOOL_NO_PLACE) {
			ssize_t n = pread(range.file->fd, data + at, range.length, (off_t)range.file_offset);

			(void)n;
		}
	}
	tool_link_close(link);
	return data;
}

static void work(uint32_t what)
{
	struct tool tool = { .loop = loop };
	struct tool_shrink_result r;
	uint64_t wiped;
	struct err err;

	switch (what % 4) {
	case 0: tool_shrink(&tool, path, &r, &err); break;
	case 1: tool_defragment(&tool, path, &r, &err); break;
	case 2: tool_grow(&tool, path, SECTORS + 1000 * (what >> 2), &err); break;
	default: tool_wipe(&tool, &(struct tool_wipe_args){ .path = path }, &wiped, &err); break;
	}
}

static void keep_content(struct input *in)
{
	for (unsigned n = take(in, 1) % 4; n; n--) {
		size_t before_len = 0, after_len = 0;
		uint8_t *before = content(&before_len), *after;

		work(take(in, 1));
		after = content(&after_len);
		if (before && after && (after_len < before_len || memcmp(before, after, before_len)))
			abort();
		free(before);
		free(after);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct tool_check_result r;
	uint8_t raw[FILE_SIZE];
	uint32_t len;
	int fd;

	valid_image(raw);
	len = take(&in, 1) & 1 ? FILE_SIZE - take(&in, 2) % FILE_SIZE : FILE_SIZE;
	change_image(raw, &in);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, raw, len) != (ssize_t)len)
		abort();
	close(fd);
	check(false, &r);
	if (check(true, &r) == 0 && !r.findings[FINDING_DAMAGE]) {
		if (check(false, &r) < 0 || r.findings[FINDING_MENDABLE] || r.findings[FINDING_DAMAGE])
			abort();
		keep_content(&in);
		if (check(false, &r) < 0 || r.findings[FINDING_MENDABLE] || r.findings[FINDING_DAMAGE])
			abort();
	}
	return 0;
}
