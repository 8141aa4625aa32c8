// stream_write.c: header, descriptor, compressed grains, each table behind its grains, directory, footer.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/stream_write.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/compiler.h"

#define TABLE_ENTRIES   512u
#define TABLE_SECTORS   4u
#define DATA_AT         128u            // sector of the first grain
#define DESCRIPTOR_AT   1u
#define DESCRIPTOR_SIZE 20u             // sectors
#define MARKER_BYTES    12u
#define MAX_SECTORS     (1ull << 37)    // 64 TiB
#define HEADER_FLAGS    0x30001u        // line ends can be checked, grains are compressed, markers
#define DIRECTORY_END   UINT64_MAX

enum marker { MARK_END, MARK_TABLE, MARK_DIRECTORY, MARK_FOOTER };

struct stream_writer {
	int fd;
	char *path;
	uint64_t sectors, grains;       // of the disk
	uint64_t next_grain;
	uint64_t at;                    // sector that comes next
	uint64_t directory_at;
	uint32_t *directory;            // little endian, as in the file
	size_t directory_bytes;         // in whole sectors
	uint32_t table[TABLE_ENTRIES];  // of the grains that come now; little endian
	bool table_used;
	z_stream z;
	bool z_ready;
	size_t packed_size;
	uint8_t *packed;                // marker and data of a grain, in whole sectors
	uint8_t grain[STREAM_GRAIN_BYTES];      // a short last one
};

// --- bytes -----------------------------------------------------------------------------------------------

static int put(struct stream_writer *w, const void *data, size_t len, struct err *err)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = pwrite(w->fd, (const char *)data + have, len - have, (off_t)(w->at * 512 + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set_at(err, n ? errno : EIO, w->path, w->at * 512 + have, "cannot be written: %s",
					  strerror(n ? errno : EIO));
		have += (size_t)n;
	}
	w->at += len / 512;
	return 0;
}

static int put_marker(struct stream_writer *w, enum marker type, uint64_t sectors, struct err *err)
{
	uint8_t raw[512] = { 0 };

	put_le64(raw, sectors);
	put_le32(raw + 12, type);
	return put(w, raw, sizeof(raw), err);
}

static int put_header(struct stream_writer *w, uint64_t directory_at, struct err *err)
{
	uint8_t raw[512] = { 0 };

	memcpy(raw, "KDMV", 4);
	put_le32(raw + 4, 3);
	put_le32(raw + 8, HEADER_FLAGS);
	put_le64(raw + 12, w->sectors);
	put_le64(raw + 20, STREAM_GRAIN_SECTORS);
	put_le64(raw + 28, DESCRIPTOR_AT);
	put_le64(raw + 36, DESCRIPTOR_SIZE);
	put_le32(raw + 44, TABLE_ENTRIES);
	put_le64(raw + 56, directory_at);
	put_le64(raw + 64, DATA_AT);
	memcpy(raw + 73, "\n \r\n", 4);
	put_le16(raw + 77, 1);
	return put(w, raw, sizeof(raw), err);
}

// --- the descriptor --------------------------------------------------------------------------------------

// What VMware's BIOS would choose for a disk of this size.
static void geometry(const struct stream_write_args *args, uint64_t *cylinders, unsigned *heads, unsigned *track)
{
	bool ide = args->adapter && !strcmp(args->adapter, "ide");

	*heads = ide ? 16 : args->sectors < 1u << 21 ? 64 : args->sectors < 1u << 22 ? 128 : 255;
	*track = ide || args->sectors >= 1u << 22 ? 63 : 32;
	*cylinders = args->sectors / (*heads * *track);
	if (ide && *cylinders > 16383)
		*cylinders = 16383;
}

// Not all ones, which would say that there is no parent, nor the value before it.
static uint32_t random_id(void)
{
	uint32_t v = 0;

	if (getrandom(&v, sizeof(v), 0) != (ssize_t)sizeof(v))
		v = (uint32_t)getpid() * 2654435761u;
	return v >= 0xfffffffeu || !v ? 1 : v;
}

static int put_descriptor(struct stream_writer *w, const struct stream_write_args *args, struct err *err)
{
	char text[DESCRIPTOR_SIZE * 512] = "", *copy = strdup(args->path);
	uint64_t cylinders;
	unsigned heads, track;
	int n;

	if (!copy)
		return err_set(err, ENOMEM, args->path, "no memory to write it");
	geometry(args, &cylinders, &heads, &track);
	n = snprintf(text, sizeof(text),
		     "# Disk DescriptorFile\nversion=1\nCID=%08x\nparentCID=ffffffff\n"
		     "createType=\"streamOptimized\"\n\n"
		     "# Extent description\nRW %llu SPARSE \"%s\"\n\n# The Disk Data Base\n#DDB\n\n"
		     "ddb.adapterType = \"%s\"\nddb.geometry.cylinders = \"%llu\"\nddb.geometry.heads = \"%u\"\n"
		     "ddb.geometry.sectors = \"%u\"\nddb.virtualHWVersion = \"%u\"\n",
		     random_id(), (unsigned long long)args->sectors, basename(copy),
		     args->adapter ? args->adapter : "lsilogic", (unsigned long long)cylinders, heads, track,
		     args->hw_version ? args->hw_version : 4);
	free(copy);
	if ((size_t)n >= sizeof(text))
		return err_set(err, ENAMETOOLONG, args->path, "the file name is too long for a descriptor");
	return put(w, text, sizeof(text), err);
}

// --- opening -------------------------------------------------------------------------------------------

static void destroy(struct stream_writer *w)
{
	if (w->fd >= 0)
		close(w->fd);
	if (w->z_ready)
		deflateEnd(&w->z);
	free(w->path);
	free(w->directory);
	free(w->packed);
	free(w);
}

void stream_write_abort(struct stream_writer *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		unlink(w->path);
	destroy(w);
}

static int get_memory(struct stream_writer *w, const struct stream_write_args *args)
{
	uint64_t tables = (w->grains + TABLE_ENTRIES - 1) / TABLE_ENTRIES;

	w->z_ready = deflateInit(&w->z, args->level ? args->level : Z_DEFAULT_COMPRESSION) == Z_OK;
	if (!w->z_ready)
		return -ENOMEM;
	w->directory_bytes = (size_t)((tables * 4 + 511) / 512 * 512);
	w->directory = calloc(1, w->directory_bytes);
	w->packed_size = (MARKER_BYTES + deflateBound(&w->z, STREAM_GRAIN_BYTES) + 511) / 512 * 512;
	w->packed = malloc(w->packed_size);
	w->path = strdup(args->path);
	return w->directory && w->packed && w->path ? 0 : -ENOMEM;
}

static int cannot_create(const char *path, int code, struct err *err)
{
	int r = err_set(err, code, path, "cannot be created: %s", strerror(code));

	if (code == EEXIST)
		err_remedy(err, "Choose another name, or delete the file first");
	return r;
}

static int create(struct stream_writer *w, const struct stream_write_args *args, struct err *err)
{
	int r;

	w->fd = open(args->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
	if (w->fd < 0)
		return cannot_create(args->path, errno, err);
	r = put_header(w, DIRECTORY_END, err);
	if (!r)
		r = put_descriptor(w, args, err);
	w->at = DATA_AT;
	return r;
}

int stream_write_open(const struct stream_write_args *args, struct stream_writer **out, struct err *err)
{
	struct stream_writer *w;
	int r;

	if (!args->sectors || args->sectors > MAX_SECTORS)
		return err_set(err, EFBIG, args->path, "a disk of %llu sectors cannot be written",
			       (unsigned long long)args->sectors);
	w = calloc(1, sizeof(*w));
	if (!w)
		return err_set(err, ENOMEM, args->path, "no memory to write it");
	w->fd = -1;
	w->sectors = args->sectors;
	w->grains = (args->sectors + STREAM_GRAIN_SECTORS - 1) / STREAM_GRAIN_SECTORS;
	r = get_memory(w, args) < 0 ? err_set(err, ENOMEM, args->path, "no memory to write it") : create(w, args, err);
	if (r < 0) {
		stream_write_abort(w);
		return r;
	}
	*out = w;
	return 0;
}

// --- grains --------------------------------------------------------------------------------------------

static bool all_zero(const uint8_t *p, size_t len)
{
	return !len || (!p[0] && !memcmp(p, p + 1, len - 1));
}

// All tables and grains are named by 32-bit sectors.
static int check_room(const struct stream_writer *w, struct err *err)
{
	if (w->at <= UINT32_MAX - 2 * TABLE_SECTORS - STREAM_GRAIN_SECTORS * 2)
		return 0;
	return err_set(err, EFBIG, w->path, "the file has reached 2 TiB, more cannot be addressed");
}

// The table of the grains before this point, when it has any.
static int put_table(struct stream_writer *w, uint64_t index, struct err *err)
{
	int r;

	if (!w->table_used)
		return 0;
	r = check_room(w, err);
	if (!r)
		r = put_marker(w, MARK_TABLE, TABLE_SECTORS, err);
	if (r < 0)
		return r;
	w->directory[index] = htole32((uint32_t)w->at);
	r = put(w, w->table, sizeof(w->table), err);
	memset(w->table, 0, sizeof(w->table));
	w->table_used = false;
	return r;
}

static int advance(struct stream_writer *w, struct err *err)
{
	if (++w->next_grain % TABLE_ENTRIES)
		return 0;
	return put_table(w, w->next_grain / TABLE_ENTRIES - 1, err);
}

static int pack(struct stream_writer *w, const uint8_t *data, size_t *len, struct err *err)
{
	size_t total;

	deflateReset(&w->z);
	w->z.next_in = (uint8_t *)data;
	w->z.avail_in = STREAM_GRAIN_BYTES;
	w->z.next_out = w->packed + MARKER_BYTES;
	w->z.avail_out = (uInt)(w->packed_size - MARKER_BYTES);
	if (deflate(&w->z, Z_FINISH) != Z_STREAM_END)
		return err_set(err, EIO, w->path, "grain %llu cannot be compressed", (unsigned long long)w->next_grain);
	put_le64(w->packed, w->next_grain * STREAM_GRAIN_SECTORS);
	put_le32(w->packed + 8, (uint32_t)w->z.total_out);
	total = MARKER_BYTES + w->z.total_out;
	*len = (total + 511) / 512 * 512;
	memset(w->packed + total, 0, *len - total);
	return 0;
}

static int put_grain(struct stream_writer *w, const uint8_t *data, struct err *err)
{
	uint64_t where = w->at;
	size_t len = 0;
	int r = check_room(w, err);

	if (!r)
		r = pack(w, data, &len, err);
	if (!r)
		r = put(w, w->packed, len, err);
	if (r < 0)
		return r;
	w->table[w->next_grain % TABLE_ENTRIES] = htole32((uint32_t)where);
	w->table_used = true;
	return 0;
}

static int wrong_length(const struct stream_writer *w, struct err *err)
{
	return err_set(err, EINVAL, w->path, "grain %llu does not belong to the disk, or has a wrong length",
		       (unsigned long long)w->next_grain);
}

int stream_write_grain(struct stream_writer *w, const void *data, size_t len, struct err *err)
{
	uint64_t left = (w->sectors - MIN(w->next_grain * STREAM_GRAIN_SECTORS, w->sectors)) * 512;
	int r = 0;

	if (!left || len != MIN((uint64_t)STREAM_GRAIN_BYTES, left))
		return wrong_length(w, err);
	if (len < STREAM_GRAIN_BYTES) {
		memset(w->grain, 0, sizeof(w->grain));
		memcpy(w->grain, data, len);
		data = w->grain;
	}
	if (!all_zero(data, len))
		r = put_grain(w, data, err);
	return r < 0 ? r : advance(w, err);
}

int stream_write_zeros(struct stream_writer *w, uint64_t count, struct err *err)
{
	if (count > w->grains - w->next_grain)
		return wrong_length(w, err);
	while (count) {
		uint64_t step = MIN(count, TABLE_ENTRIES - w->next_grain % TABLE_ENTRIES);
		int r;

		w->next_grain += step - 1;
		r = advance(w, err);
		if (r < 0)
			return r;
		count -= step;
	}
	return 0;
}

// --- the end -------------------------------------------------------------------------------------------

static int put_tail(struct stream_writer *w, struct err *err)
{
	int r = put_marker(w, MARK_DIRECTORY, w->directory_bytes / 512, err);

	w->directory_at = w->at;
	if (!r)
		r = put(w, w->directory, w->directory_bytes, err);
	if (!r)
		r = put_marker(w, MARK_FOOTER, 1, err);
	if (!r)
		r = put_header(w, w->directory_at, err);
	return r < 0 ? r : put_marker(w, MARK_END, 0, err);
}

static int sync_folder(const struct stream_writer *w, struct err *err)
{
	char *copy = strdup(w->path);
	int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, r = 0;

	free(copy);
	if (fd < 0)
		return err_set(err, errno ? errno : ENOMEM, w->path, "its folder cannot be synced");
	if (fsync(fd) < 0 && errno != EINVAL)
		r = err_set(err, errno, w->path, "its folder cannot be synced: %s", strerror(errno));
	close(fd);
	return r;
}

static int complete(struct stream_writer *w, struct err *err)
{
	int r;

	if (w->next_grain != w->grains)
		return err_set(err, EINVAL, w->path, "only %llu of %llu grains were written",
			       (unsigned long long)w->next_grain, (unsigned long long)w->grains);
	r = put_table(w, (w->grains - 1) / TABLE_ENTRIES, err);
	if (!r)
		r = put_tail(w, err);
	if (!r && fsync(w->fd) < 0)
		r = err_set(err, errno, w->path, "cannot be made durable: %s", strerror(errno));
	return r < 0 ? r : sync_folder(w, err);
}

int stream_write_finish(struct stream_writer *w, struct err *err)
{
	int r = complete(w, err);

	if (r < 0)
		stream_write_abort(w);
	else
		destroy(w);
	return r;
}
