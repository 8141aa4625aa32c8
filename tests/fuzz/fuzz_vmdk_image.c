// fuzz_vmdk_image.c: a whole sparse image, or a chain of up to three, out of bytes: opened, read, written, flushed, closed.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The input is laid over a valid image: records of {offset, length, bytes} change header, descriptor,
// directories, tables, and say how long the file is. What opens is then used by a script of requests from the
// rest of the input. Whatever the image says, the device must answer, and a write may change neither header
// nor descriptor but for the marks that belong to us, and nothing at all in a parent.
#include "fuzz_image.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "block/disk.h"
#include "block/vmdk_header.h"

#define SECTORS    (512u * 16 * 2 + 24)
#define DATA_AT    48u
#define FILE_SIZE  (512u * 512)
#define LAYERS     3u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

struct layer_file { char path[64]; uint8_t *raw; uint32_t len; };

static struct loop *loop;
static char folder[40];

static void leave(void)
{
	rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	log_set_level(LOG_ERROR);
	snprintf(folder, sizeof(folder), "/dev/shm/berth-fuzz-XXXXXX");
	if (!mkdtemp(folder) || atexit(leave))
		return -1;
	return loop_create(&loop, "fuzz", 64, NULL);
}

// Three tables in both copies, grains of 8 KiB, the first four grains allocated. PARENT NULL = a base.
static void valid_image(uint8_t *raw, const char *parent)
{
	char text[512];

	snprintf(text, sizeof(text), "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=%s\n"
		"createType=\"monolithicSparse\"\n%s%s%sRW 16408 SPARSE \"x\"\n"
		"ddb.longContentID=\"00000000000000000000000012345678\"\n", parent ? "12345678" : "ffffffff",
		parent ? "parentFileNameHint=\"" : "", parent ? parent : "", parent ? "\"\n" : "");
	memset(raw, 0, FILE_SIZE);
	memcpy(raw, "KDMV", 4);
	put_le32(raw + 4, 1);
	put_le32(raw + 8, 3);
	put_le64(raw + 12, SECTORS);
	put_le64(raw + 20, 16);
	put_le64(raw + 28, 1);
	put_le64(raw + 36, 10);
	put_le32(raw + 44, 512);
	put_le64(raw + 48, 11);
	put_le64(raw + 56, 24);
	put_le64(raw + 64, DATA_AT);
	memcpy(raw + 73, "\n \r\n", 4);
	memcpy(raw + 512, text, strlen(text));
	for (unsigned i = 0; i < 3; i++) {
		put_le32(raw + 11 * 512 + 4 * i, 12 + 4 * i);
		put_le32(raw + 24 * 512 + 4 * i, 25 + 4 * i);
	}
	for (unsigned i = 0; i < 4; i++) {
		put_le32(raw + 12 * 512 + 4 * i, DATA_AT + 16 * i);
		put_le32(raw + 25 * 512 + 4 * i, DATA_AT + 16 * i);
	}
}

// Header and descriptor after the session: only byte 72 and the content id may differ.
static void check_marks(int fd, const uint8_t *before, const struct sparse_header *h)
{
	uint8_t after[512];

	if (pread(fd, after, sizeof(after), 0) != sizeof(after))
		abort();
	after[SPARSE_UNCLEAN_AT] = before[SPARSE_UNCLEAN_AT];
	if (h->descriptor_at && memcmp(before, after, sizeof(after)))
		abort();
}

static void use(const struct layer_file *top, struct input *in, bool readonly)
{
	struct disk_open_args args = { .path = top->path, .readonly = readonly };
	struct sparse_header h;
	struct disk *disk;
	struct err err;
	int fd;

	if (disk_open(loop, &args, &disk, &err) < 0) {
		char text[1200];

		err_sentence(&err, text, sizeof(text));
		return;
	}
	use_disk(disk, in);
	disk_close(disk, &err);
	fd = open(top->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		abort();
	if (sparse_header_parse(top->raw, FILE_SIZE, "fuzz", &h, NULL) == 0)
		check_marks(fd, top->raw, &h);
	close(fd);
}

static void put(const struct layer_file *file)
{
	int fd = open(file->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, file->raw, file->len) != (ssize_t)file->len)
		abort();
	close(fd);
}

// No byte of a parent may have changed.
static void check_parent(const struct layer_file *file)
{
	uint8_t *now = malloc(FILE_SIZE + 1);
	int fd = open(file->path, O_RDONLY | O_CLOEXEC);

	if (!now || fd < 0 || read(fd, now, FILE_SIZE + 1) != (ssize_t)file->len || memcmp(now, file->raw, file->len))
		abort();
	close(fd);
	free(now);
}

static void make_layer(struct layer_file *file, unsigned i, unsigned layers, struct input *in)
{
	char parent[16];

	snprintf(file->path, sizeof(file->path), "%s/%u.vmdk", folder, i);
	snprintf(parent, sizeof(parent), "%u.vmdk", i + 1);
	file->raw = malloc(FILE_SIZE);
	if (!file->raw)
		abort();
	valid_image(file->raw, i + 1 < layers ? parent : NULL);
	file->len = FILE_SIZE;
	change_image(file->raw, FILE_SIZE, in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct layer_file files[LAYERS];
	uint32_t mode = take(&in, 1), layers = 1 + (mode >> 2) % LAYERS, len = mode & 2 ? take(&in, 3) % FILE_SIZE : FILE_SIZE;

	for (unsigned i = 0; i < layers; i++) {
		make_layer(&files[i], i, layers, &in);
		if (!i)
			files[i].len = len;
		put(&files[i]);
	}
	// Twice: what was written must open again.
	use(&files[0], &in, mode & 1);
	use(&files[0], &in, false);
	for (unsigned i = 1; i < layers; i++)
		check_parent(&files[i]);
	for (unsigned i = 0; i < layers; i++) {
		unlink(files[i].path);
		free(files[i].raw);
	}
	return 0;
}
