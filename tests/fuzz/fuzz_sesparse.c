// fuzz_sesparse.c: a seSparse extent out of bytes: opened, read, closed; nothing is ever written to it.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz_image.h"

#include "block/sesparse_extent.h"
#include "block/sesparse_header.h"

#define SECTORS   (SESPARSE_TABLE_ENTRIES * SESPARSE_GRAIN_SECTORS + 80)
#define DIRECTORY 2u
#define TABLES    3u
#define GRAINS    (TABLES + 2 * SESPARSE_TABLE_SECTORS)
#define FILE_SIZE (512u * (GRAINS + 16 * SESPARSE_GRAIN_SECTORS))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct loop *loop;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	log_set_level(LOG_ERROR);
	return loop_create(&loop, "fuzz", 64, NULL);
}

static void put_area(uint8_t *raw, unsigned at, uint64_t sector, uint64_t sectors)
{
	put_le64(raw + at, sector);
	put_le64(raw + at + 8, sectors);
}

static void valid_image(uint8_t *raw)
{
	memset(raw, 0, FILE_SIZE);
	put_le64(raw, 0xcafebabe);
	put_le64(raw + 8, 0x200000001);
	put_le64(raw + 16, SECTORS);
	put_le64(raw + 24, SESPARSE_GRAIN_SECTORS);
	put_le64(raw + 32, SESPARSE_TABLE_SECTORS);
	put_area(raw, 80, 1, 1);
	put_area(raw, 128, DIRECTORY, 1);
	put_area(raw, 144, TABLES, 2 * SESPARSE_TABLE_SECTORS);
	put_area(raw, 192, GRAINS, 16 * SESPARSE_GRAIN_SECTORS);
	put_le64(raw + 512, 0xcafecafe);
	put_le64(raw + DIRECTORY * 512, 0x1000000000000001);
	put_le64(raw + DIRECTORY * 512 + 8, 0x1000000000000000);
	for (uint64_t i = 0; i < 16; i++)
		put_le64(raw + (TABLES + SESPARSE_TABLE_SECTORS) * 512 + 8 * i, i << 48 | i % 4 << 60);
}

static int make(struct image_file *file, struct extent **out, struct err *err)
{
	struct sesparse_args args = { .file = file, .sectors = SECTORS, .writes = file->writable };

	return extent_sesparse_new(&args, out, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t *raw = malloc(FILE_SIZE), *after = malloc(FILE_SIZE);
	struct disk *disk;
	uint32_t mode, len;
	int fd;

	if (!raw || !after)
		abort();
	valid_image(raw);
	mode = take(&in, 1);
	change_image(raw, FILE_SIZE, &in);
	len = mode & 2 ? take(&in, 3) % FILE_SIZE : FILE_SIZE;
	fd = image_in_memory(raw, len);
	if (disk_of(loop, fd, true, SECTORS, make))
		abort();
	disk = disk_of(loop, fd, false, SECTORS, make);
	if (disk) {
		use_disk(disk, &in);
		disk_close(disk, NULL);
	}
	if (pread(fd, after, FILE_SIZE, 0) != (ssize_t)len || memcmp(raw, after, len))
		abort();
	close(fd);
	free(raw);
	free(after);
	return 0;
}
