// fuzz_stream.c: a streamOptimized image out of bytes: opened, read, closed. Also the round trip through our own writer.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz_image.h"

#include "block/stream_write.h"

#define GRAINS  6u
#define SECTORS ((GRAINS - 1) * STREAM_GRAIN_SECTORS + 24)
#define BYTES   (SECTORS * 512u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct loop *loop;
static uint8_t *image;                  // as our writer makes it
static uint32_t image_size;

static void disk_bytes(uint8_t *raw)
{
	memset(raw, 0, BYTES);
	for (uint32_t i = 0; i < BYTES; i++) {
		if (i / STREAM_GRAIN_BYTES != 2)
			raw[i] = (uint8_t)(i >> 9 ^ (i % 5 ? 0 : i));
	}
}

static void write_image(const char *path, const uint8_t *raw)
{
	struct stream_write_args args = { .path = path, .sectors = SECTORS };
	struct stream_writer *w;

	if (stream_write_open(&args, &w, NULL) < 0)
		abort();
	for (uint32_t at = 0; at < BYTES; at += STREAM_GRAIN_BYTES) {
		size_t len = BYTES - at < STREAM_GRAIN_BYTES ? BYTES - at : STREAM_GRAIN_BYTES;

		if (stream_write_grain(w, raw + at, len, NULL) < 0)
			abort();
	}
	if (stream_write_finish(w, NULL) < 0)
		abort();
}

static void load_image(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = lseek(fd, 0, SEEK_END);

	image = malloc((size_t)size);
	image_size = (uint32_t)size;
	if (!image || pread(fd, image, image_size, 0) != size)
		abort();
	close(fd);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	uint8_t *raw = malloc(BYTES);
	char dir[] = "/tmp/fuzz-stream-XXXXXX", path[64];

	(void)argc;
	(void)argv;
	log_set_level(LOG_ERROR);
	if (!raw || !mkdtemp(dir))
		abort();
	snprintf(path, sizeof(path), "%s/x.vmdk", dir);
	disk_bytes(raw);
	write_image(path, raw);
	load_image(path);
	unlink(path);
	rmdir(dir);
	free(raw);
	return loop_create(&loop, "fuzz", 64, NULL);
}

// With the directory's place in the header itself, as other writers have it.
static void without_footer(uint8_t *raw)
{
	memcpy(raw + 56, raw + image_size - 1024 + 56, 8);
}

static void check_content(struct disk *disk)
{
	uint8_t *want = malloc(BYTES), *have = malloc(BYTES);

	disk_bytes(want);
	if (read_front(disk, have, BYTES) || memcmp(want, have, BYTES))
		abort();
	free(want);
	free(have);
}

static void use(int fd, struct input *in, bool unchanged)
{
	struct disk_open_args args = { .readonly = true };
	struct disk *disk;
	struct err err = { 0 };
	char path[64], text[1200];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	args.path = path;
	if (disk_open(loop, &args, &disk, &err) < 0) {
		err_sentence(&err, text, sizeof(text));
		if (unchanged)
			abort();
		return;
	}
	if (unchanged)
		check_content(disk);
	use_disk(disk, in);
	disk_close(disk, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t *raw = malloc(image_size);
	uint32_t mode, len = image_size;
	bool unchanged;
	int fd;

	if (!raw)
		abort();
	memcpy(raw, image, image_size);
	mode = take(&in, 1);
	if (mode & 1)
		without_footer(raw);
	if (mode & 2)
		len = take(&in, 3) % image_size;
	unchanged = !(mode & 2) && !(in.len && in.p[0] % 16);
	change_image(raw, image_size, &in);
	fd = image_in_memory(raw, len);
	use(fd, &in, unchanged);
	close(fd);
	free(raw);
	return 0;
}
