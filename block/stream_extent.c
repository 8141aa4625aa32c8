// stream_extent.c: reading a streamOptimized extent: tables and inflated grains in bounded caches.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/stream_extent.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/log.h"
#include "block/grain_cache.h"

#define TABLE_MEMORY (4u << 20)
#define GRAIN_MEMORY (8u << 20)
#define MAX_GRAIN    4096u              // sectors: four of them still fit
#define MARKER_BYTES 12u                // of a grain: its first sector, the length of the data that follows

struct stream {
	struct extent x;
	struct sparse_header h;
	struct image_file *file;
	uint64_t grain_bytes, table_bytes, table_cover;         // of the disk, of the file, of the disk
	uint32_t *directory;                    // host order
	struct grain_cache tables, grains;
	uint32_t sector;                        // of the grain that is about to be filled
	z_stream z;
	bool z_ready;
};

struct stream_table {
	struct grain_entry e;
	struct stream *s;
	struct file_op op;
	struct iovec iov;
	uint32_t gte[];                         // little endian
};

struct grain {
	struct grain_entry e;
	struct stream *s;
	struct file_op op;
	struct iovec iov;
	uint32_t sector;
	size_t packed_len;
	uint8_t *packed;                        // while it is read
	uint8_t data[];
};

// --- tables --------------------------------------------------------------------------------------------

static void table_read(struct file_op *op, int result)
{
	struct stream_table *t = CONTAINER_OF(op, struct stream_table, op);

	grain_cache_filled(&t->s->tables, &t->e, result);
}

static int fill_table(struct grain_cache *cache, struct grain_entry *e)
{
	struct stream *s = CONTAINER_OF(cache, struct stream, tables);
	struct stream_table *t = CONTAINER_OF(e, struct stream_table, e);

	t->s = s;
	t->iov = (struct iovec){ t->gte, s->table_bytes };
	t->op = (struct file_op){ .loop = s->x.host->loop, .file = s->file, .kind = FILE_READ, .iov = &t->iov,
				  .iovcnt = 1, .offset = s->directory[e->number] * 512ull,
				  .left = s->table_bytes, .done = table_read };
	file_op_start(&t->op);
	return 0;
}

static const struct grain_cache_ops table_ops = { .entry_size = sizeof(struct stream_table), .fill = fill_table };

// --- grains --------------------------------------------------------------------------------------------

// Bytes of the grain that are part of the disk.
static uint64_t used_bytes(const struct stream *s, uint64_t number)
{
	uint64_t start = number * s->h.grain;

	return MIN((uint64_t)s->h.grain, s->h.capacity - start) * 512;
}

// The data of one grain: all of it, and no more than the grain holds. What a short last one leaves out stays zero.
static int inflate_grain(struct stream *s, struct grain *g, const uint8_t *from, size_t len)
{
	int r;

	if (inflateReset(&s->z) != Z_OK)
		return -EIO;
	s->z.next_in = (uint8_t *)from;
	s->z.avail_in = (uInt)len;
	s->z.next_out = g->data;
	s->z.avail_out = (uInt)s->grain_bytes;
	r = inflate(&s->z, Z_FINISH);
	return r == Z_STREAM_END && s->z.total_out >= used_bytes(s, g->e.number) ? 0 : -EIO;
}

static int unpack(struct stream *s, struct grain *g)
{
	const uint8_t *from = g->packed;
	size_t len = g->packed_len;

	if (s->h.markers) {
		if (len < MARKER_BYTES || get_le64(from) != g->e.number * s->h.grain ||
		    get_le32(from + 8) > len - MARKER_BYTES)
			return -EIO;
		len = get_le32(from + 8);
		from += MARKER_BYTES;
	}
	return inflate_grain(s, g, from, len);
}

static void grain_read(struct file_op *op, int result)
{
	struct grain *g = CONTAINER_OF(op, struct grain, op);
	struct stream *s = g->s;

	if (result >= 0) {
		result = unpack(s, g);
		if (result < 0)
			log_guest("%s: the compressed grain %llu at sector %u is damaged", s->file->name,
				  (unsigned long long)g->e.number, g->sector);
	}
	free(g->packed);
	g->packed = NULL;
	grain_cache_filled(&s->grains, &g->e, result);
}

// Data that does not compress grows a little: more than this is no grain.
static uint64_t packed_max(const struct stream *s, uint64_t at)
{
	uint64_t len = MARKER_BYTES + s->grain_bytes + s->grain_bytes / 64 + 4096;

	return MIN(len, s->file->size - at);
}

static int fill_grain(struct grain_cache *cache, struct grain_entry *e)
{
	struct stream *s = CONTAINER_OF(cache, struct stream, grains);
	struct grain *g = CONTAINER_OF(e, struct grain, e);
	uint64_t at = s->sector * 512ull;

	g->packed_len = packed_max(s, at);
	g->packed = malloc(g->packed_len);
	if (!g->packed)
		return -ENOMEM;
	g->s = s;
	g->sector = s->sector;
	g->iov = (struct iovec){ g->packed, g->packed_len };
	g->op = (struct file_op){ .loop = s->x.host->loop, .file = s->file, .kind = FILE_READ, .iov = &g->iov,
				  .iovcnt = 1, .offset = at, .left = g->packed_len, .done = grain_read };
	file_op_start(&g->op);
	return 0;
}

static void drop_grain(struct grain_cache *cache, struct grain_entry *e)
{
	(void)cache;
	free(CONTAINER_OF(e, struct grain, e)->packed);
}

static const struct grain_cache_ops grain_ops = {
	.entry_size = sizeof(struct grain), .fill = fill_grain, .drop = drop_grain,
};

// --- mapping -------------------------------------------------------------------------------------------

static bool sector_ok(const struct stream *s, uint32_t sector)
{
	return sector && sector * 512ull < s->file->size;
}

static int map_grain(struct stream *s, uint32_t entry, const struct map_want *want, struct run *run)
{
	uint64_t number = want->offset / s->grain_bytes, inner = want->offset % s->grain_bytes;
	struct grain_entry *e;
	int r;

	if (!sector_ok(s, entry)) {
		log_guest("%s: grain %llu lies at sector %u, beyond the file", s->file->name,
			  (unsigned long long)number, entry);
		return -EIO;
	}
	s->sector = entry;
	r = grain_cache_get(&s->grains, number, want->waiter, &e);
	if (!r)
		*run = (struct run){ .kind = RUN_MEMORY, .length = MIN(want->length, s->grain_bytes - inner),
				     .memory = CONTAINER_OF(e, struct grain, e)->data + inner };
	return r;
}

static bool has_data(const struct stream *s, uint32_t entry)
{
	return entry != SPARSE_GTE_ABSENT && !(entry == SPARSE_GTE_ZEROED && s->h.zeroed_grains);
}

// Grains without data from INDEX on, of the same kind.
static void map_empty(const struct stream_table *t, uint32_t index, const struct map_want *want, struct run *run)
{
	struct stream *s = t->s;
	uint64_t length = s->grain_bytes - want->offset % s->grain_bytes;

	for (uint32_t i = index + 1; i < s->h.table_entries && length < want->length && t->gte[i] == t->gte[index]; i++)
		length += s->grain_bytes;
	*run = (struct run){ .kind = t->gte[index] ? RUN_ZERO : RUN_ABSENT, .length = MIN(length, want->length) };
}

static int stream_map(struct extent *x, const struct map_want *want, struct run *run)
{
	struct stream *s = CONTAINER_OF(x, struct stream, x);
	uint64_t number = want->offset / s->table_cover, in_table = want->offset % s->table_cover;
	uint32_t index = (uint32_t)(in_table / s->grain_bytes), entry;
	struct stream_table *t;
	struct grain_entry *e;
	int r;

	if (want->write)
		return -EROFS;
	if (!s->directory[number]) {
		*run = (struct run){ .kind = RUN_ABSENT, .length = MIN(want->length, s->table_cover - in_table) };
		return 0;
	}
	r = grain_cache_get(&s->tables, number, want->waiter, &e);
	if (r < 0)
		return r;
	t = CONTAINER_OF(e, struct stream_table, e);
	entry = le32toh(t->gte[index]);
	if (has_data(s, entry))
		return map_grain(s, entry, want, run);
	map_empty(t, index, want, run);
	return 0;
}

static void stream_written(struct extent *x, const struct run *run, int result)
{
	(void)x;
	(void)run;
	(void)result;
}

static void stream_sync(struct extent *x, struct waiter *waiter)
{
	(void)x;
	waiter->fn(waiter, 0);
}

static int stream_close(struct extent *x, bool clean, struct err *err)
{
	(void)x;
	(void)clean;
	(void)err;
	return 0;
}

static void stream_free(struct extent *x)
{
	struct stream *s = CONTAINER_OF(x, struct stream, x);

	grain_cache_destroy(&s->tables);
	grain_cache_destroy(&s->grains);
	if (s->z_ready)
		inflateEnd(&s->z);
	free(s->directory);
	free(s);
}

static const struct extent_ops stream_ops = {
	.map = stream_map,
	.written = stream_written,
	.sync = stream_sync,
	.close = stream_close,
	.free = stream_free,
};

// --- opening -------------------------------------------------------------------------------------------

bool stream_file_is(const struct image_file *file)
{
	uint8_t raw[SPARSE_HEADER_SIZE];

	return image_file_read(file, 0, raw, sizeof(raw), NULL) == 0 && stream_header_is(raw);
}

int stream_header_read(const struct image_file *file, struct sparse_header *header, struct err *err)
{
	uint8_t raw[SPARSE_HEADER_SIZE], tail[STREAM_TAIL_SIZE];
	uint64_t end = file->size / 512 * 512;
	bool wants, has;
	int r = image_file_read(file, 0, raw, sizeof(raw), err);

	if (r < 0)
		return r;
	wants = stream_header_wants_tail(raw);
	has = wants && end >= SPARSE_HEADER_SIZE + STREAM_TAIL_SIZE;
	if (has)
		r = image_file_read(file, end - STREAM_TAIL_SIZE, tail, sizeof(tail), err);
	return r < 0 ? r : stream_header_parse(raw, has ? tail : NULL, file->size, file->name, header, err);
}

static int check_table_place(const struct stream *s, uint32_t i, struct err *err)
{
	uint64_t end = (s->directory[i] + (uint64_t)sparse_table_sectors(&s->h)) * 512;

	if (!s->directory[i] || end <= (s->file->size + 511) / 512 * 512)
		return 0;
	err_set_at(err, EINVAL, s->file->name, s->h.directory_at * 512 + 4ull * i,
		   "damaged: grain table %u lies at sector %u, beyond the file", i, s->directory[i]);
	err_remedy(err, "Copy or download the file again");
	return -EINVAL;
}

static int load_directory(struct stream *s, struct err *err)
{
	int r;

	s->directory = calloc(s->h.tables, sizeof(s->directory[0]));
	if (!s->directory)
		return err_set(err, ENOMEM, s->file->name, "no memory for its grain directory");
	r = image_file_read(s->file, s->h.directory_at * 512, s->directory, s->h.tables * sizeof(s->directory[0]), err);
	for (uint32_t i = 0; !r && i < s->h.tables; i++) {
		s->directory[i] = le32toh(s->directory[i]);
		r = check_table_place(s, i, err);
	}
	return r;
}

static int check_use(const struct stream *s, const struct stream_args *args, struct err *err)
{
	if (args->writes) {
		err_set(err, ENOTSUP, s->file->name,
			"is a streamOptimized (compressed) image for transport, which can be read but not written");
		err_remedy(err, "Convert it first (berth disk convert, vmware-vdiskmanager -r FILE -t 0 NEW.vmdk, or "
				"qemu-img convert), or attach it read-only");
		return -ENOTSUP;
	}
	return 0;
}

static int open_stream(struct stream *s, const struct stream_args *args, struct err *err)
{
	int r = check_use(s, args, err);

	if (!r)
		r = stream_header_read(s->file, &s->h, err);
	if (r < 0)
		return r;
	if (s->h.capacity < args->sectors)
		return err_set(err, EINVAL, s->file->name, "holds %llu sectors, the descriptor says %llu",
			       (unsigned long long)s->h.capacity, (unsigned long long)args->sectors);
	if (s->h.grain > MAX_GRAIN)
		return err_set(err, ENOTSUP, s->file->name, "has compressed grains of %u sectors; %u is the most",
			       s->h.grain, MAX_GRAIN);
	s->grain_bytes = s->x.unit = s->h.grain * 512ull;
	s->table_bytes = s->h.table_entries * 4ull;
	s->table_cover = s->grain_bytes * s->h.table_entries;
	grain_cache_init(&s->tables, &table_ops, s->table_bytes, (unsigned)(TABLE_MEMORY / s->table_bytes));
	grain_cache_init(&s->grains, &grain_ops, s->grain_bytes, (unsigned)MIN(GRAIN_MEMORY / s->grain_bytes, 256ull));
	s->z_ready = inflateInit(&s->z) == Z_OK;
	return s->z_ready ? load_directory(s, err) : err_set(err, ENOMEM, s->file->name, "no memory to inflate it");
}

int extent_stream_new(const struct stream_args *args, struct extent **out, struct err *err)
{
	struct stream *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_set(err, ENOMEM, args->file->name, "no memory to open it");
	s->x.ops = &stream_ops;
	s->file = args->file;
	r = open_stream(s, args, err);
	if (r < 0) {
		stream_free(&s->x);
		return r;
	}
	*out = &s->x;
	return 0;
}
