// fuzz_cowd.c: an ESX sparse extent out of bytes: opened, read, written, flushed, closed, and opened again.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whatever the image says, requests are answered; a session may change nothing of the header but its two marks; and
// what the guest could read before the disk was closed it can read when it is opened again.
#include "fuzz_image.h"

#include "block/cowd_extent.h"

#define SECTORS   (COWD_TABLE_ENTRIES + 40)
#define DIRECTORY 4u
#define TABLE     5u
#define DATA      (TABLE + COWD_TABLE_SECTORS)
#define FILE_SIZE (512u * 96)
#define COMPARED  (128u << 10)

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

// Two tables of which the first exists, with twenty grains of a sector.
static void valid_image(uint8_t *raw)
{
	memset(raw, 0, FILE_SIZE);
	memcpy(raw, "COWD", 4);
	put_le32(raw + 4, 1);
	put_le32(raw + 8, 3);
	put_le32(raw + 12, SECTORS);
	put_le32(raw + 16, 1);
	put_le32(raw + 20, DIRECTORY);
	put_le32(raw + 24, 2);
	put_le32(raw + 28, DATA + 20);
	put_le32(raw + DIRECTORY * 512, TABLE);
	for (uint32_t i = 0; i < 20; i++)
		put_le32(raw + TABLE * 512 + 8 * i, DATA + i);
}

static int make(struct image_file *file, struct extent **out, struct err *err)
{
	struct cowd_args args = { .file = file, .sectors = SECTORS };

	return extent_cowd_new(&args, out, err);
}

static void check_header(int fd, const uint8_t *before)
{
	uint8_t after[COWD_HEADER_SIZE];

	if (pread(fd, after, sizeof(after), 0) != sizeof(after))
		abort();
	memcpy(after + COWD_FREE_AT, before + COWD_FREE_AT, 4);
	memcpy(after + COWD_UNCLEAN_AT, before + COWD_UNCLEAN_AT, 4);
	if (memcmp(before, after, sizeof(after)))
		abort();
}

static void session(int fd, struct input *in, bool writable, uint8_t *front, int *state)
{
	struct disk *disk = disk_of(loop, fd, writable, SECTORS, make);

	*state = -1;
	if (!disk)
		return;
	use_disk(disk, in);
	*state = read_front(disk, front, COMPARED);
	if (disk_close(disk, NULL) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size }, none = { data, 0 };
	uint8_t *raw = malloc(FILE_SIZE), *front = malloc(2 * COMPARED);
	int fd, before, after;
	uint32_t mode;

	if (!raw || !front)
		abort();
	valid_image(raw);
	mode = take(&in, 1);
	change_image(raw, FILE_SIZE, &in);
	fd = image_in_memory(raw, mode & 2 ? 2048 + take(&in, 2) % (FILE_SIZE - 2048) : FILE_SIZE);
	session(fd, &in, !(mode & 1), front, &before);
	check_header(fd, raw);
	session(fd, &none, false, front + COMPARED, &after);
	// What was refused may be served later: the file has grown under an entry that pointed beyond its end.
	if (!before && (after || memcmp(front, front + COMPARED, COMPARED)))
		abort();
	close(fd);
	free(raw);
	free(front);
	return 0;
}
