// cowd_open.c: from a file with a COWD header to an extent; what its directory and tables may say.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "block/cowd_extent.h"

// --- entries -------------------------------------------------------------------------------------------

static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

// A guest that writes into metadata would write its own tables: no grain may lie on them.
static bool on_metadata(const struct cowd *c, uint64_t first, uint64_t len)
{
	uint32_t low = 0, high = c->start_count;

	if (first < COWD_HEADER_SECTORS || overlap(first, len, c->h.directory_at, cowd_directory_sectors(&c->h)))
		return true;
	while (low < high) {            // the first table that ends behind `first`
		uint32_t mid = low + (high - low) / 2;

		if ((uint64_t)c->starts[mid] + COWD_TABLE_SECTORS <= first)
			low = mid + 1;
		else
			high = mid;
	}
	return low < c->start_count && c->starts[low] < first + len;
}

static bool entry_ok(const struct cowd *c, uint64_t grain, uint32_t entry, uint64_t end)
{
	uint64_t start = grain * c->h.grain, used;

	if (!entry || start >= c->h.capacity)
		return true;            // tables may be longer than the disk; that part is never used
	used = MIN((uint64_t)c->h.grain, c->h.capacity - start);
	return entry <= end && used <= end - entry && !on_metadata(c, entry, used);
}

int64_t cowd_table_check(const struct cowd *c, uint32_t index, const uint32_t *gte)
{
	uint64_t grain = (uint64_t)index * COWD_TABLE_ENTRIES;
	// What was in the file when it was opened cannot point to what came later.
	uint64_t end = cowd_seen(c, index) ? c->next : c->open_sectors;

	for (uint32_t i = 0; i < COWD_TABLE_ENTRIES; i++) {
		if (!entry_ok(c, grain + i, le32toh(gte[i]), end))
			return i;
	}
	return -1;
}

// --- the directory ---------------------------------------------------------------------------------------

static int bad_table(const struct cowd *c, uint32_t index, const char *why, struct err *err)
{
	err_set_at(err, EINVAL, c->file->name, c->h.directory_at * 512ull + 4ull * index,
		   "damaged: grain table %u lies at sector %u, %s", index, c->directory[index], why);
	err_remedy(err, "Copy the file from the ESX host again, or restore it from a backup");
	return -EINVAL;
}

static int check_inside(const struct cowd *c, struct err *err)
{
	for (uint32_t i = 0; i < c->h.tables; i++) {
		uint64_t at = c->directory[i];

		if (!at)
			continue;
		if (at > c->open_sectors || COWD_TABLE_SECTORS > c->open_sectors - at)
			return bad_table(c, i, "beyond the file", err);
		if (at < COWD_HEADER_SECTORS ||
		    overlap(at, COWD_TABLE_SECTORS, c->h.directory_at, cowd_directory_sectors(&c->h)))
			return bad_table(c, i, "on top of header or directory", err);
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

// Reading may follow odd maps; writing through one would destroy the file.
static int collect_starts(struct cowd *c, struct err *err)
{
	c->starts = calloc((size_t)c->h.tables + 1, sizeof(c->starts[0]));
	if (!c->starts)
		return err_set(err, ENOMEM, c->file->name, "no memory for its grain directory");
	for (uint32_t i = 0; i < c->h.tables; i++) {
		if (c->directory[i])
			c->starts[c->start_count++] = c->directory[i];
	}
	qsort(c->starts, c->start_count, sizeof(c->starts[0]), by_value);
	for (uint32_t i = 1; i < c->start_count; i++) {
		if (c->starts[i] - c->starts[i - 1] < COWD_TABLE_SECTORS)
			return err_set_at(err, EINVAL, c->file->name, c->starts[i] * 512ull,
					  "damaged: two of its tables lie on top of each other");
	}
	return 0;
}

static int load_directory(struct cowd *c, struct err *err)
{
	int r;

	c->directory = calloc(c->h.tables, sizeof(c->directory[0]));
	c->seen = calloc(c->h.tables / 8 + 1, 1);
	if (!c->directory || !c->seen)
		return err_set(err, ENOMEM, c->file->name, "no memory for its grain directory");
	r = image_file_read(c->file, c->h.directory_at * 512ull, c->directory,
			    c->h.tables * sizeof(c->directory[0]), err);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < c->h.tables; i++)
		c->directory[i] = le32toh(c->directory[i]);
	r = check_inside(c, err);
	return r < 0 || c->readonly ? r : collect_starts(c, err);
}

// --- the extent --------------------------------------------------------------------------------------------

static void cowd_free(struct extent *x)
{
	struct cowd *c = cowd_of(x);

	grain_cache_destroy(&c->cache);
	free(c->directory);
	free(c->seen);
	free(c->starts);
	free(c);
}

static const struct extent_ops cowd_ops = {
	.map = cowd_map,
	.written = cowd_written,
	.sync = cowd_sync,
	.close = cowd_close,
	.free = cowd_free,
};

static int open_cowd(struct cowd *c, uint64_t sectors, struct err *err)
{
	uint8_t raw[COWD_HEADER_SIZE];
	int r = image_file_read(c->file, 0, raw, sizeof(raw), err);

	if (!r)
		r = cowd_header_parse(raw, c->file->size, c->file->name, &c->h, err);
	if (r < 0)
		return r;
	if (c->h.capacity < sectors)
		return err_set(err, EINVAL, c->file->name, "holds %u sectors, the descriptor says %llu",
			       c->h.capacity, (unsigned long long)sectors);
	c->grain_bytes = c->h.grain * 512ull;
	c->table_cover = c->grain_bytes * COWD_TABLE_ENTRIES;
	c->open_sectors = c->file->size / 512 + (c->file->size % 512 != 0);
	c->free_on_disk = c->h.free;
	// What lies between free space and the file's end may be what a crash has left: it is not used again.
	c->next = MAX(c->open_sectors, (uint64_t)c->h.free);
	c->marked = c->h.unclean;
	c->x.unit = c->grain_bytes;
	// A grain keeps its place: no entry says "zeros", and an absent one shows the parent. Its bytes become a hole.
	c->x.discard = !c->readonly;
	if (c->h.unclean && !c->readonly)
		log_info("%s: was not closed properly; its tables are checked as they are used", c->file->name);
	return load_directory(c, err);
}

int extent_cowd_new(const struct cowd_args *args, struct extent **out, struct err *err)
{
	struct cowd *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(err, ENOMEM, args->file->name, "no memory to open it");
	c->x.ops = &cowd_ops;
	c->file = args->file;
	c->readonly = args->readonly || !args->file->writable;
	grain_cache_init(&c->cache, &cowd_cache_ops, 0, COWD_CACHE_TABLES);
	r = open_cowd(c, args->sectors, err);
	if (r < 0) {
		cowd_free(&c->x);
		return r;
	}
	*out = &c->x;
	return 0;
}
