// sparse_open.c: from a file with a sparse header to an extent.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/log.h"
#include "block/sparse.h"

int sparse_header_read(const struct image_file *file, struct sparse_header *header, struct err *err)
{
	uint8_t raw[SPARSE_HEADER_SIZE];
	int r = image_file_read(file, 0, raw, sizeof(raw), err);

	return r < 0 ? r : sparse_header_parse(raw, file->size, file->name, header, err);
}

static int read_directory(const struct sparse *s, uint64_t sector, uint32_t **out, struct err *err)
{
	uint32_t *entries = calloc(s->h.tables, sizeof(entries[0]));
	int r;

	if (!entries)
		return err_set(err, ENOMEM, s->file->name, "no memory for its grain directory");
	r = image_file_read(s->file, sector * 512, entries, s->h.tables * sizeof(entries[0]), err);
	if (r < 0) {
		free(entries);
		return r;
	}
	for (uint32_t i = 0; i < s->h.tables; i++)
		entries[i] = le32toh(entries[i]);
	*out = entries;
	return 0;
}

static int load_directories(struct sparse *s, struct err *err)
{
	int r = read_directory(s, s->h.directory_at, &s->directory, err);

	if (!r && s->h.redundant)
		r = read_directory(s, s->h.redundant_at, &s->redundant, err);
	if (r < 0)
		return r;
	s->tables = calloc(s->h.tables, sizeof(struct table *));
	return s->tables ? 0 : err_set(err, ENOMEM, s->file->name, "no memory for its grain tables");
}

static void sparse_free(struct extent *x)
{
	struct sparse *s = sparse_of(x);

	for (uint32_t i = 0; s->tables && i < s->h.tables; i++) {
		struct table *t = s->tables[i];

		if (!t)
			continue;
		if (s->x.host)
			cache_remove(s->x.host->tables, &t->cached);
		free(t->allocs);
		free(t);
	}
	places_free(&s->free);
	places_free(&s->dropped);
	places_free(&s->leaving);
	places_free(&s->left);
	free(s->tables);
	free(s->directory);
	free(s->redundant);
	free(s->spans);
	free(s);
}

static const struct extent_ops sparse_ops = {
	.map = sparse_map,
	.written = sparse_written,
	.sync = sparse_sync,
	.close = sparse_close,
	.free = sparse_free,
	.discard = sparse_discard,
	.prefetch = sparse_prefetch,
};

static int check_header(const struct sparse *s, uint64_t sectors, struct err *err)
{
	if (s->h.capacity < sectors)
		return err_set(err, EINVAL, s->file->name, "holds %llu sectors, the descriptor says %llu",
			       (unsigned long long)s->h.capacity, (unsigned long long)sectors);
	return 0;
}

static void measure(struct sparse *s)
{
	uint64_t end;

	s->grain_bytes = (uint64_t)s->h.grain * 512;
	s->table_bytes = (uint64_t)s->h.table_entries * 4;
	s->table_cover = s->grain_bytes * s->h.table_entries;
	s->grain_shift = (unsigned)__builtin_ctzll(s->grain_bytes);
	s->cover_shift = (unsigned)__builtin_ctzll(s->table_cover);
	s->open_sectors = s->file->size / 512 + (s->file->size % 512 != 0);
	end = MAX(s->open_sectors, s->h.data_at);
	s->next = (end + s->h.grain - 1) / s->h.grain * s->h.grain;
	s->marked = s->h.unclean;
	s->x.unit = s->grain_bytes;
	s->x.discard = !s->readonly;
}

static int open_sparse(struct sparse *s, uint64_t sectors, struct err *err)
{
	int r = sparse_header_read(s->file, &s->h, err);

	if (!r)
		r = check_header(s, sectors, err);
	if (r < 0)
		return r;
	measure(s);
	r = load_directories(s, err);
	if (!r)
		r = sparse_check_layout(s, err);
	if (!r && s->h.unclean && s->redundant && !s->readonly)
		r = sparse_compare_copies(s, err);
	return r;
}

int extent_sparse_new(const struct sparse_args *args, struct extent **out, struct err *err)
{
	struct sparse *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_set(err, ENOMEM, args->file->name, "no memory to open it");
	s->x.ops = &sparse_ops;
	s->file = args->file;
	s->readonly = args->readonly || !args->file->writable;
	r = open_sparse(s, args->sectors, err);
	if (r < 0) {
		sparse_free(&s->x);
		return r;
	}
	*out = &s->x;
	return 0;
}
