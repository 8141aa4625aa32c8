// sparse_check.c: what the directories and tables of a sparse extent may say.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/log.h"
#include "block/sparse.h"

// --- entries -------------------------------------------------------------------------------------------

// A guest that writes into metadata would write its own tables: no grain may lie on them.
static bool on_metadata(const struct sparse *s, uint64_t first, uint64_t end)
{
	size_t low = 0, high = s->span_count;

	while (low < high) {            // the first span that ends behind `first`
		size_t mid = low + (high - low) / 2;

		if (s->spans[mid].end <= first)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->span_count && s->spans[low].first < end;
}

bool sparse_entry_ok(const struct sparse *s, uint64_t grain, uint32_t entry)
{
	uint64_t start = grain * s->h.grain, used;

	if (entry == SPARSE_GTE_ABSENT || (entry == SPARSE_GTE_ZEROED && s->h.zeroed_grains))
		return true;
	if (start >= s->h.capacity)
		return true;            // tables may be longer than the disk; that part is never used
	used = MIN((uint64_t)s->h.grain, s->h.capacity - start);
	return entry >= s->h.data_at && entry <= s->open_sectors && used <= s->open_sectors - entry &&
	       !on_metadata(s, entry, entry + used);
}

int64_t sparse_table_check(const struct sparse *s, uint32_t index, const uint32_t *gte)
{
	uint64_t grain = (uint64_t)index * s->h.table_entries;

	for (uint32_t i = 0; i < s->h.table_entries; i++) {
		if (!sparse_entry_ok(s, grain + i, le32toh(gte[i])))
			return i;
	}
	return -1;
}

// --- layout --------------------------------------------------------------------------------------------

static int bad_place(const struct sparse *s, const char *which, uint32_t index, uint32_t sector,
		     struct err *err)
{
	err_set(err, EINVAL, s->file->name,
		"damaged: grain table %u of the %s lies at sector %u, beyond the file", index, which, sector);
	err_remedy(err, "Restore the file from a backup, or let VMware repair it (vmware-vdiskmanager -R)");
	return -EINVAL;
}

static int check_inside(const struct sparse *s, const uint32_t *directory, const char *which, struct err *err)
{
	uint32_t size = sparse_table_sectors(&s->h);

	for (uint32_t i = 0; directory && i < s->h.tables; i++) {
		uint64_t at = directory[i];

		if (at && (at > s->open_sectors || size > s->open_sectors - at))
			return bad_place(s, which, i, directory[i], err);
	}
	return 0;
}

// Where only the copy knows a table: after a crash that is a table whose content nobody was promised; in a
// file that was closed properly it is damage.
static int check_agreement(struct sparse *s, struct err *err)
{
	for (uint32_t i = 0; s->redundant && i < s->h.tables; i++) {
		if (s->directory[i] || !s->redundant[i])
			continue;
		if (!s->h.unclean)
			return err_set(err, EINVAL, s->file->name,
				       "damaged: the grain directory has lost table %u, its copy has it", i);
		s->redundant[i] = 0;
	}
	return 0;
}

static void add_span(struct sparse *s, uint64_t first, uint64_t count)
{
	if (count)
		s->spans[s->span_count++] = (struct span){ first, first + count };
}

static int by_first(const void *a, const void *b)
{
	uint64_t x = ((const struct span *)a)->first, y = ((const struct span *)b)->first;

	return x < y ? -1 : x > y;
}

static void collect_spans(struct sparse *s)
{
	uint32_t size = sparse_table_sectors(&s->h);

	add_span(s, 0, 1);
	add_span(s, s->h.descriptor_at, s->h.descriptor_size);
	if (s->redundant)
		add_span(s, s->h.redundant_at, sparse_directory_sectors(&s->h));
	add_span(s, s->h.directory_at, sparse_directory_sectors(&s->h));
	for (uint32_t i = 0; s->redundant && i < s->h.tables; i++) {
		if (s->redundant[i] && s->redundant[i] != s->directory[i])
			add_span(s, s->redundant[i], size);
	}
	for (uint32_t i = 0; i < s->h.tables; i++) {
		if (s->directory[i])
			add_span(s, s->directory[i], size);
	}
}

static size_t count_spans(const struct sparse *s)
{
	size_t n = 4;

	for (uint32_t i = 0; i < s->h.tables; i++)
		n += (s->directory[i] != 0) + (s->redundant && s->redundant[i]);
	return n;
}

// Usually in order already, and then a pass over them is all.
static void sort_spans(struct sparse *s)
{
	for (size_t i = 1; i < s->span_count; i++) {
		if (s->spans[i].first < s->spans[i - 1].first) {
			qsort(s->spans, s->span_count, sizeof(s->spans[0]), by_first);
			return;
		}
	}
}

// Keeps the spans in the grains' part of the file; as a rule there are none.
static void keep_high_spans(struct sparse *s)
{
	struct span *fit;
	size_t n = 0;

	for (size_t i = 0; i < s->span_count; i++) {
		if (s->spans[i].end > s->h.data_at)
			s->spans[n++] = s->spans[i];
	}
	s->span_count = n;
	if (!n) {
		free(s->spans);
		s->spans = NULL;
		return;
	}
	fit = realloc(s->spans, n * sizeof(s->spans[0]));
	if (fit)
		s->spans = fit;
}

static int check_overlaps(struct sparse *s, struct err *err)
{
	s->spans = calloc(count_spans(s), sizeof(s->spans[0]));
	if (!s->spans)
		return err_set(err, ENOMEM, s->file->name, "no memory for its grain directory");
	collect_spans(s);
	sort_spans(s);
	for (size_t i = 1; i < s->span_count; i++) {
		if (s->spans[i].first < s->spans[i - 1].end)
			return err_set_at(err, EINVAL, s->file->name, s->spans[i].first * 512,
					  "damaged: two of its tables lie on top of each other");
	}
	keep_high_spans(s);
	return 0;
}

int sparse_check_layout(struct sparse *s, struct err *err)
{
	int r = check_inside(s, s->directory, "directory", err);

	if (!r)
		r = check_inside(s, s->redundant, "redundant directory", err);
	if (!r)
		r = check_agreement(s, err);
	// Reading may follow odd maps; writing through one would destroy the file.
	if (!r && !s->readonly)
		r = check_overlaps(s, err);
	return r;
}

// --- after a crash -------------------------------------------------------------------------------------

#define MENDED_MAX (16u << 20)          // bytes of tables that are kept for rewriting

static int compare_one(struct sparse *s, uint32_t index, struct table *t, uint32_t *copy, struct err *err)
{
	int64_t wrong;
	int r;

	r = image_file_read(s->file, (uint64_t)s->directory[index] * 512, t->gte, s->table_bytes, err);
	if (!r)
		r = image_file_read(s->file, (uint64_t)s->redundant[index] * 512, copy, s->table_bytes, err);
	if (r < 0)
		return r;
	wrong = sparse_table_check(s, index, t->gte);
	if (wrong < 0)
		return memcmp(t->gte, copy, s->table_bytes) != 0;
	if (sparse_table_check(s, index, copy) >= 0)
		return err_set_at(err, EINVAL, s->file->name, (uint64_t)s->directory[index] * 512,
				  "damaged: grain table %u and its copy both point outside the data", index);
	memcpy(t->gte, copy, s->table_bytes);
	return 1;
}

static int compare_all(struct sparse *s, uint32_t *copy, unsigned *mended, struct err *err)
{
	for (uint32_t i = 0; i < s->h.tables; i++) {
		struct table *t;
		int r;

		if (!s->directory[i] || !s->redundant[i] || s->redundant[i] == s->directory[i])
			continue;
		t = sparse_table_new(s, i);
		if (!t)
			return err_set(err, ENOMEM, s->file->name, "no memory for its grain tables");
		r = compare_one(s, i, t, copy, err);
		if (r <= 0) {
			free(t);
			if (r < 0)
				return r;
			continue;
		}
		(*mended)++;
		// A crash leaves a few; an image that differs everywhere must not fill the memory.
		if (*mended > MENDED_MAX / s->table_bytes) {
			s->keep_mark = true;
			free(t);
			continue;
		}
		sparse_table_install(t);
		sparse_table_dirty(t);
	}
	return 0;
}

int sparse_compare_copies(struct sparse *s, struct err *err)
{
	uint32_t *copy = malloc(s->table_bytes);
	unsigned mended = 0;
	int r;

	if (!copy)
		return err_set(err, ENOMEM, s->file->name, "no memory for its grain tables");
	r = compare_all(s, copy, &mended, err);
	free(copy);
	if (!r)
		log_info("%s: was not closed properly; %u grain table(s) differ from their copies and %s",
			 s->file->name, mended,
			 s->keep_mark ? "most of them stay as they are: let VMware repair the disk" :
					"will be rewritten");
	return r;
}
