// sesparse_extent.c: reading an ESXi space-efficient sparse extent: directory, tables in a bounded cache, grains.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/sesparse_extent.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/log.h"
#include "block/grain_cache.h"
#include "block/sesparse_header.h"

#define CACHE_TABLES 128u               // 4 MiB
#define TABLE_COVER  ((uint64_t)SESPARSE_TABLE_ENTRIES * SESPARSE_GRAIN_BYTES)
#define NO_TABLE     UINT32_MAX

struct sesparse {
	struct extent x;
	struct sesparse_header h;
	struct image_file *file;
	uint64_t sectors;               // of the file
	uint32_t *directory;            // numbers of tables, or NO_TABLE
	struct grain_cache cache;
};

struct se_table {
	struct grain_entry e;
	struct sesparse *s;
	struct file_op op;
	struct iovec iov;
	uint64_t gte[SESPARSE_TABLE_ENTRIES];   // little endian
};

// --- tables --------------------------------------------------------------------------------------------

static bool entry_ok(const struct sesparse *s, uint64_t number, uint64_t entry)
{
	uint64_t grain = 0, start = number * SESPARSE_GRAIN_SECTORS, used, room = s->sectors - s->h.grains.at;
	enum sesparse_kind kind = sesparse_entry(entry, &grain);

	if (start >= s->h.capacity)
		return true;            // tables may be longer than the disk; that part is never used
	if (kind != SESPARSE_DATA)
		return kind != SESPARSE_BAD;
	used = MIN((uint64_t)SESPARSE_GRAIN_SECTORS, s->h.capacity - start);
	return grain < room / SESPARSE_GRAIN_SECTORS + 1 && grain * SESPARSE_GRAIN_SECTORS + used <= room;
}

static void table_read(struct file_op *op, int result)
{
	struct se_table *t = CONTAINER_OF(op, struct se_table, op);
	struct sesparse *s = t->s;
	uint64_t first = t->e.number * SESPARSE_TABLE_ENTRIES;

	for (uint32_t i = 0; result >= 0 && i < SESPARSE_TABLE_ENTRIES; i++) {
		if (entry_ok(s, first + i, le64toh(t->gte[i])))
			continue;
		log_guest("%s: grain table %llu, entry %u (%016llx) is damaged", s->file->name,
			  (unsigned long long)t->e.number, i, (unsigned long long)le64toh(t->gte[i]));
		result = -EIO;
	}
	grain_cache_filled(&s->cache, &t->e, result);
}

static int fill(struct grain_cache *cache, struct grain_entry *e)
{
	struct sesparse *s = CONTAINER_OF(cache, struct sesparse, cache);
	struct se_table *t = CONTAINER_OF(e, struct se_table, e);
	uint64_t sector = s->h.grain_tables.at + (uint64_t)s->directory[e->number] * SESPARSE_TABLE_SECTORS;

	t->s = s;
	t->iov = (struct iovec){ t->gte, SESPARSE_TABLE_BYTES };
	t->op = (struct file_op){ .loop = s->x.host->loop, .file = s->file, .kind = FILE_READ, .offset = sector * 512,
				  .left = SESPARSE_TABLE_BYTES, .iov = &t->iov, .iovcnt = 1, .done = table_read };
	file_op_start(&t->op);
	return 0;
}

static const struct grain_cache_ops table_ops = { .entry_size = sizeof(struct se_table), .fill = fill };

// --- mapping -------------------------------------------------------------------------------------------

// The place of an entry's grain in the file; a grain that was unmapped reads as zeros, like one that was zeroed.
static enum run_kind kind_of(const struct sesparse *s, uint64_t entry, uint64_t *sector)
{
	uint64_t grain = 0;

	switch (sesparse_entry(entry, &grain)) {
	case SESPARSE_DATA:
		*sector = s->h.grains.at + grain * SESPARSE_GRAIN_SECTORS;
		return RUN_DATA;
	case SESPARSE_ABSENT: return RUN_ABSENT;
	default: return RUN_ZERO;
	}
}

static uint32_t same_kind(const struct se_table *t, uint32_t index, uint32_t count)
{
	uint64_t first = 0, sector = 0;
	enum run_kind kind = kind_of(t->s, le64toh(t->gte[index]), &first);
	uint32_t n = 1;

	while (n < count && kind_of(t->s, le64toh(t->gte[index + n]), &sector) == kind &&
	       (kind != RUN_DATA || sector == first + (uint64_t)n * SESPARSE_GRAIN_SECTORS))
		n++;
	return n;
}

static void map_in_table(const struct se_table *t, const struct map_want *want, struct run *run)
{
	uint64_t in_table = want->offset % TABLE_COVER, inner = want->offset % SESPARSE_GRAIN_BYTES, sector = 0;
	uint64_t length = MIN(want->length, TABLE_COVER - in_table);
	uint32_t index = (uint32_t)(in_table / SESPARSE_GRAIN_BYTES), count;

	count = same_kind(t, index, (uint32_t)((inner + length + SESPARSE_GRAIN_BYTES - 1) / SESPARSE_GRAIN_BYTES));
	*run = (struct run){ .kind = kind_of(t->s, le64toh(t->gte[index]), &sector), .file = t->s->file };
	run->length = MIN(length, (uint64_t)count * SESPARSE_GRAIN_BYTES - inner);
	if (run->kind == RUN_DATA)
		run->file_offset = sector * 512 + inner;
}

static int se_map(struct extent *x, const struct map_want *want, struct run *run)
{
	struct sesparse *s = CONTAINER_OF(x, struct sesparse, x);
	uint64_t number = want->offset / TABLE_COVER;
	struct grain_entry *e;
	int r;

	if (want->write)
		return -EROFS;
	if (s->directory[number] == NO_TABLE) {
		*run = (struct run){ .kind = RUN_ABSENT };
		run->length = MIN(want->length, TABLE_COVER - want->offset % TABLE_COVER);
		return 0;
	}
	r = grain_cache_get(&s->cache, number, want->waiter, &e);
	if (!r)
		map_in_table(CONTAINER_OF(e, struct se_table, e), want, run);
	return r;
}

static void se_written(struct extent *x, const struct run *run, int result)
{
	(void)x;
	(void)run;
	(void)result;
}

static void se_sync(struct extent *x, struct waiter *waiter)
{
	(void)x;
	waiter->fn(waiter, 0);
}

static int se_close(struct extent *x, bool clean, struct err *err)
{
	(void)x;
	(void)clean;
	(void)err;
	return 0;
}

static void se_free(struct extent *x)
{
	struct sesparse *s = CONTAINER_OF(x, struct sesparse, x);

	grain_cache_destroy(&s->cache);
	free(s->directory);
	free(s);
}

static const struct extent_ops se_ops = {
	.map = se_map,
	.written = se_written,
	.sync = se_sync,
	.close = se_close,
	.free = se_free,
};

// --- opening -------------------------------------------------------------------------------------------

static int read_headers(struct sesparse *s, struct err *err)
{
	uint8_t raw[SESPARSE_HEADER_SIZE];
	int r = image_file_read(s->file, 0, raw, sizeof(raw), err);

	if (!r)
		r = sesparse_header_parse(raw, s->file->size, s->file->name, &s->h, err);
	if (!r)
		r = image_file_read(s->file, s->h.volatile_header.at * 512, raw, sizeof(raw), err);
	return r < 0 ? r : sesparse_volatile_parse(raw, s->file->name, &s->h, err);
}

// One entry of the directory into the number of its table.
static int take_entry(struct sesparse *s, uint32_t i, uint64_t entry, struct err *err)
{
	uint64_t room = MIN(s->h.grain_tables.size, s->sectors - s->h.grain_tables.at) / SESPARSE_TABLE_SECTORS;
	int64_t number = sesparse_table_number(entry);

	room = MIN(room, (uint64_t)NO_TABLE);
	if (number >= (int64_t)room || number < -1) {
		err_set_at(err, EINVAL, s->file->name, s->h.directory.at * 512 + 8ull * i,
			   "damaged: entry %u of the grain directory (%016llx) names no table of the file", i,
			   (unsigned long long)entry);
		err_remedy(err, "Copy the file from the ESXi host again, or restore it from a backup");
		return -EINVAL;
	}
	s->directory[i] = number < 0 ? NO_TABLE : (uint32_t)number;
	return 0;
}

static int load_directory(struct sesparse *s, struct err *err)
{
	uint64_t *entries = calloc(s->h.tables, sizeof(entries[0]));
	int r;

	s->directory = calloc(s->h.tables, sizeof(s->directory[0]));
	if (!entries || !s->directory)
		r = err_set(err, ENOMEM, s->file->name, "no memory for its grain directory");
	else
		r = image_file_read(s->file, s->h.directory.at * 512, entries, s->h.tables * sizeof(entries[0]), err);
	for (uint32_t i = 0; !r && i < s->h.tables; i++)
		r = take_entry(s, i, le64toh(entries[i]), err);
	free(entries);
	return r;
}

static int open_sesparse(struct sesparse *s, const struct sesparse_args *args, struct err *err)
{
	int r;

	if (args->writes) {
		err_set(err, ENOTSUP, s->file->name,
			"is an ESXi delta disk (seSparse), which can be read but not written");
		err_remedy(err, "Attach it read-only, convert the disk (berth disk convert, qemu-img convert), or "
				"delete the VM's snapshots on the ESXi host, which merges them");
		return -ENOTSUP;
	}
	r = read_headers(s, err);
	if (r < 0)
		return r;
	if (s->h.capacity < args->sectors)
		return err_set(err, EINVAL, s->file->name, "holds %llu sectors, the descriptor says %llu",
			       (unsigned long long)s->h.capacity, (unsigned long long)args->sectors);
	s->sectors = s->file->size / 512 + (s->file->size % 512 != 0);
	s->x.unit = SESPARSE_GRAIN_BYTES;
	return load_directory(s, err);
}

int extent_sesparse_new(const struct sesparse_args *args, struct extent **out, struct err *err)
{
	struct sesparse *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_set(err, ENOMEM, args->file->name, "no memory to open it");
	s->x.ops = &se_ops;
	s->file = args->file;
	grain_cache_init(&s->cache, &table_ops, 0, CACHE_TABLES);
	r = open_sesparse(s, args, err);
	if (r < 0) {
		se_free(&s->x);
		return r;
	}
	*out = &s->x;
	return 0;
}
