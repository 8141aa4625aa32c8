// tool_check_extent.c: walks directories, tables and their copies of one extent; makes the copies equal.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a repair believes: an entry of a table that points into the data, not onto metadata and not onto another
// grain. The table in use comes first; where it has nothing, or nonsense, its copy may know more. The good side is
// never written before the other one is durable.
#include "block/tool_check_extent.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/compiler.h"

#define COWD_UNCLEAN_AT 1648u
#define NAMED_MAX       8u              // bad entries that get a line of their own

struct span { uint64_t first, end; };

struct walk {
	struct check_run *run;
	struct tool_extent *x;
	bool repair;
	uint64_t sectors;               // of the file, the last one may be cut
	uint64_t data_at, grain;        // sectors
	uint32_t table_sectors;
	uint32_t *copies;               // the redundant directory, or NULL
	uint32_t *main, *copy;          // one table and its copy, host order
	struct span *spans;             // metadata, sorted
	size_t span_count;
	uint32_t *used;                 // first sectors of grains, sorted
	size_t used_count, used_room, sorted;
	unsigned bad, differing;
	struct tool_pace pace;
	bool hopeless;                  // tables share space: what they say means nothing
};

static const char *name(const struct walk *w)
{
	return w->x->file->name;
}

static int no_memory(const struct walk *w)
{
	return err_set(w->run->err, ENOMEM, name(w), "no memory to check it");
}

// --- metadata --------------------------------------------------------------------------------------------

static bool table_inside(const struct walk *w, uint32_t at)
{
	return at && at <= w->sectors && w->table_sectors <= w->sectors - at;
}

static int by_first(const void *a, const void *b)
{
	uint64_t x = ((const struct span *)a)->first, y = ((const struct span *)b)->first;

	return x < y ? -1 : x > y;
}

static void add_span(struct walk *w, uint64_t first, uint64_t count)
{
	if (count)
		w->spans[w->span_count++] = (struct span){ first, first + count };
}

static void collect_tables(struct walk *w, const uint32_t *directory)
{
	for (uint32_t i = 0; directory && i < w->x->tables; i++) {
		if (table_inside(w, directory[i]) &&
		    (directory == w->x->directory || directory[i] != w->x->directory[i]))
			add_span(w, directory[i], w->table_sectors);
	}
}

static int collect_spans(struct walk *w)
{
	uint64_t directory = ((uint64_t)w->x->tables * 4 + 511) / 512;

	w->spans = calloc(2 * (size_t)w->x->tables + 4, sizeof(w->spans[0]));
	if (!w->spans)
		return no_memory(w);
	if (w->x->kind == TOOL_SPARSE) {
		add_span(w, 0, 1);
		add_span(w, w->x->h.descriptor_at, w->x->h.descriptor_size);
		if (w->copies)
			add_span(w, w->x->h.redundant_at, directory);
	} else {
		add_span(w, 0, 4);
	}
	add_span(w, w->x->directory_at, directory);
	collect_tables(w, w->x->directory);
	collect_tables(w, w->copies);
	qsort(w->spans, w->span_count, sizeof(w->spans[0]), by_first);
	for (size_t i = 1; i < w->span_count; i++) {
		if (w->spans[i].first < w->spans[i - 1].end)
			w->hopeless = true;
		if (!w->hopeless)
			continue;
		check_found(w->run, FINDING_DAMAGE, name(w), "metadata lies on top of other metadata at sector %llu",
			    (unsigned long long)w->spans[i].first);
		break;
	}
	return 0;
}

static bool on_metadata(const struct walk *w, uint64_t first, uint64_t end)
{
	size_t low = 0, high = w->span_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (w->spans[mid].end <= first)
			low = mid + 1;
		else
			high = mid;
	}
	return low < w->span_count && w->spans[low].first < end;
}

// --- entries ---------------------------------------------------------------------------------------------

static bool absent(const struct walk *w, uint32_t entry)
{
	return !entry || (entry == SPARSE_GTE_ZEROED && w->x->zeroed);
}

static uint64_t grains_of_disk(const struct walk *w)
{
	return (w->x->length + w->x->grain_bytes - 1) / w->x->grain_bytes;
}

// Whether ENTRY may stand at place INDEX of table T.
static bool entry_ok(const struct walk *w, uint32_t t, uint32_t index, uint32_t entry)
{
	uint64_t number = (uint64_t)t * w->x->table_entries + index, used;

	if (absent(w, entry) || number >= grains_of_disk(w))
		return true;
	// The last grain may be shorter than the others.
	used = MIN(w->grain, w->x->length / 512 - number * w->grain);
	return entry >= w->data_at && entry <= w->sectors && used <= w->sectors - entry &&
	       !on_metadata(w, entry, entry + w->grain);
}

static int by_sector(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static bool is_free(const struct walk *w, uint32_t entry)
{
	size_t low = 0, high = w->sorted;

	while (low < high) {            // the first grain that ends behind the start of this one
		size_t mid = low + (high - low) / 2;

		if (w->used[mid] + w->grain <= entry)
			low = mid + 1;
		else
			high = mid;
	}
	return low == w->sorted || w->used[low] >= entry + w->grain;
}

static int use(struct walk *w, uint32_t entry)
{
	if (w->used_count == w->used_room) {
		size_t room = w->used_room ? w->used_room * 2 : 1024;
		uint32_t *used = realloc(w->used, room * sizeof(used[0]));

		if (!used)
			return no_memory(w);
		w->used = used;
		w->used_room = room;
	}
	w->used[w->used_count++] = entry;
	return 0;
}

// --- reading and writing tables --------------------------------------------------------------------------

// All zeros where there is no table, or none that can be read.
static int read_table(struct walk *w, uint32_t at, uint32_t *table)
{
	int r;

	memset(table, 0, w->x->table_entries * sizeof(table[0]));
	if (!table_inside(w, at))
		return 0;
	r = image_file_read(w->x->file, at * 512ull, table,
			    MIN(w->x->table_entries * 4ull, w->x->file->size - at * 512ull), w->run->err);
	for (uint32_t i = 0; i < w->x->table_entries; i++)
		table[i] = le32toh(table[i]);
	return r;
}

static int sync_file(struct walk *w)
{
	return fdatasync(w->x->file->fd) == 0 ? 0 :
		err_set(w->run->err, errno, name(w), "cannot be synced: %s", strerror(errno));
}

static int write_durably(struct walk *w, uint64_t at, const void *data, size_t len)
{
	int r = image_file_write(w->x->file, at, data, len, w->run->err);

	return r < 0 ? r : sync_file(w);
}

static int write_table(struct walk *w, uint32_t at, const uint32_t *truth)
{
	uint32_t *raw = malloc(w->x->table_entries * 4ull);
	int r;

	if (!raw)
		return no_memory(w);
	for (uint32_t i = 0; i < w->x->table_entries; i++)
		raw[i] = htole32(truth[i]);
	r = write_durably(w, at * 512ull, raw, w->x->table_entries * 4ull);
	free(raw);
	return r;
}

// A place at the end of the file for a table that was lost, then the entry that names it.
static int restore_table(struct walk *w, uint32_t index, uint32_t *directory, uint64_t directory_at,
			 const uint32_t *truth)
{
	uint64_t at = w->sectors;
	uint8_t raw[4];
	int r;

	for (size_t i = 0; i < w->used_count; i++)
		at = MAX(at, w->used[i] + w->grain);
	at = (at + w->grain - 1) / w->grain * w->grain;
	if (at > UINT32_MAX - w->table_sectors)
		return 0;
	r = write_table(w, (uint32_t)at, truth);
	if (r < 0)
		return r;
	w->sectors = at + w->table_sectors;
	w->x->file->size = w->sectors * 512;
	if (ftruncate(w->x->file->fd, (off_t)w->x->file->size) < 0)
		return err_set(w->run->err, errno, name(w), "cannot be made longer: %s", strerror(errno));
	directory[index] = (uint32_t)at;
	put_le32(raw, (uint32_t)at);
	return write_durably(w, directory_at * 512 + 4ull * index, raw, sizeof(raw));
}

// --- one table -------------------------------------------------------------------------------------------

static bool same_table(const struct walk *w, const uint32_t *a, const uint32_t *b)
{
	return !memcmp(a, b, w->x->table_entries * sizeof(a[0]));
}

// What should stand at INDEX of table T. False when nobody knows.
static bool truth_of(const struct walk *w, uint32_t t, uint32_t index, uint32_t *truth)
{
	uint32_t m = w->main[index], c = w->copies ? w->copy[index] : 0;
	bool copy_good = w->copies && entry_ok(w, t, index, c);

	*truth = m;
	if (entry_ok(w, t, index, m)) {
		if (!m && copy_good && !absent(w, c) && is_free(w, c))
			*truth = c;
		return true;
	}
	if (!copy_good || (!absent(w, c) && !is_free(w, c)))
		return false;
	*truth = c;
	return true;
}

static void bad_entry(struct walk *w, uint32_t t, uint32_t index, bool known)
{
	if (w->bad++ >= NAMED_MAX)
		return;
	check_found(w->run, known ? FINDING_MENDABLE : FINDING_DAMAGE, name(w),
		    "entry %u of grain table %u is %u, which is no place for data%s", index, t, w->main[index],
		    known ? "; the copy of the table has the right one" : "");
}

// Fills w->main with what should be; *LOST when something in it is unknown.
static int settle(struct walk *w, uint32_t t, bool *lost)
{
	for (uint32_t i = 0; i < w->x->table_entries; i++) {
		uint32_t truth;
		bool known = truth_of(w, t, i, &truth), was_bad = !entry_ok(w, t, i, w->main[i]);
		int r;

		if (was_bad)
			bad_entry(w, t, i, known);
		if (!known) {
			*lost = true;
			continue;
		}
		if (truth != w->main[i] && !absent(w, truth)) {
			r = use(w, truth);
			if (r < 0)
				return r;
		}
		w->main[i] = truth;
	}
	return 0;
}

static int mend_table(struct walk *w, uint32_t t, const uint32_t *before)
{
	int r = 0;

	if (w->copies && !table_inside(w, w->copies[t]))
		r = restore_table(w, t, w->copies, w->x->h.redundant_at, w->main);
	else if (w->copies && !same_table(w, w->copy, w->main))
		r = write_table(w, w->copies[t], w->main);
	if (r < 0)
		return r;
	if (!table_inside(w, w->x->directory[t]))
		r = restore_table(w, t, w->x->directory, w->x->directory_at, w->main);
	else if (!same_table(w, before, w->main))
		r = write_table(w, w->x->directory[t], w->main);
	if (!r)
		check_found(w->run, FINDING_MENDED, name(w), "grain table %u and its copy are equal again", t);
	return r;
}

// A directory entry that is wrong, or that one side alone has.
static bool links_differ(struct walk *w, uint32_t t)
{
	uint32_t m = w->x->directory[t], c = w->copies ? w->copies[t] : 0;
	bool m_ok = table_inside(w, m), c_ok = table_inside(w, c);

	if (!m && (!w->copies || !c))
		return false;
	if (m_ok && (!w->copies || c_ok))
		return false;
	if (!m_ok && !c_ok)
		check_found(w->run, FINDING_DAMAGE, name(w),
			    "grain table %u is lost: the directory says sector %u", t, m);
	else
		check_found(w->run, FINDING_MENDABLE, name(w), "grain table %u is known to the %s directory alone", t,
			    m_ok ? "main" : "redundant");
	return m_ok || c_ok;
}

static int check_table(struct walk *w, uint32_t t)
{
	bool lost = false, links = links_differ(w, t), differs;
	uint32_t *before;
	int r;

	if (!w->x->directory[t] && !(w->copies && w->copies[t]))
		return 0;
	r = read_table(w, w->x->directory[t], w->main);
	if (!r && w->copies)
		r = read_table(w, w->copies[t], w->copy);
	if (r < 0)
		return r;
	differs = w->copies && !links && !same_table(w, w->main, w->copy);
	if (differs && w->differing++ < NAMED_MAX)
		check_found(w->run, FINDING_MENDABLE, name(w), "grain table %u and its copy differ", t);
	before = malloc(w->x->table_entries * sizeof(before[0]));
	if (!before)
		return no_memory(w);
	memcpy(before, w->main, w->x->table_entries * sizeof(before[0]));
	r = settle(w, t, &lost);
	if (!r && w->repair && !lost && (links || differs || !same_table(w, before, w->main)))
		r = mend_table(w, t, before);
	free(before);
	return r;
}

// The grains that the tables in use name: the base of every later judgement.
static int collect_used(struct walk *w)
{
	for (uint32_t t = 0; t < w->x->tables; t++) {
		int r = read_table(w, w->x->directory[t], w->main);

		if (!r && tool_report(&w->run->tool->progress, &w->pace, 0, w->x->tables) < 0)
			r = err_set(w->run->err, ECANCELED, name(w), "was not checked to the end: stopped");
		for (uint32_t i = 0; !r && i < w->x->table_entries; i++) {
			if ((uint64_t)t * w->x->table_entries + i < grains_of_disk(w) && !absent(w, w->main[i]) &&
			    entry_ok(w, t, i, w->main[i]))
				r = use(w, w->main[i]);
		}
		if (r < 0)
			return r;
	}
	if (w->used_count)
		qsort(w->used, w->used_count, sizeof(w->used[0]), by_sector);
	w->sorted = w->used_count;
	return 0;
}

// --- the whole -------------------------------------------------------------------------------------------

static void check_overlap(struct walk *w)
{
	unsigned n = 0;

	if (w->used_count)
		qsort(w->used, w->used_count, sizeof(w->used[0]), by_sector);
	for (size_t i = 1; i < w->used_count; i++) {
		if (w->used[i] - w->used[i - 1] >= w->grain || n++ >= NAMED_MAX)
			continue;
		check_found(w->run, FINDING_DAMAGE, name(w), "two grains share the space at sector %u", w->used[i]);
	}
}

// Bytes that are there between FIRST and END: holes take no room, and a file system has whole blocks alone.
static uint64_t data_between(const struct walk *w, uint64_t first, uint64_t end)
{
	off_t at = (off_t)((first + 7) / 8 * 4096), stop = (off_t)(end / 8 * 4096);
	uint64_t sum = 0;

	while (at < stop) {
		off_t data = lseek(w->x->file->fd, at, SEEK_DATA), hole;

		if (data < 0 || data >= stop)
			break;
		hole = lseek(w->x->file->fd, data, SEEK_HOLE);
		if (hole <= data)
			break;
		sum += (uint64_t)(MIN(hole, stop) - data);
		at = hole;
	}
	return sum;
}

static void check_lost(struct walk *w)
{
	uint64_t at = w->data_at, lost = 0;
	size_t g = 0, s = 0;

	while (at < w->sectors) {
		uint64_t next = w->sectors, end = w->sectors;

		while (g < w->used_count && w->used[g] + w->grain <= at)
			g++;
		while (s < w->span_count && w->spans[s].end <= at)
			s++;
		if (g < w->used_count && w->used[g] < next) {
			next = w->used[g];
			end = next + w->grain;
		}
		if (s < w->span_count && w->spans[s].first < next) {
			next = w->spans[s].first;
			end = w->spans[s].end;
		}
		if (next > at)
			lost += data_between(w, at, next);
		at = MAX(end, at + 1);
	}
	if (lost)
		check_found(w->run, FINDING_LOST, name(w), "%llu bytes are in use and belong to nothing",
			    (unsigned long long)lost);
	w->run->result->lost += lost;
	w->run->result->grains += w->used_count;
}

static int check_flag(struct walk *w)
{
	bool cowd = w->x->kind == TOOL_COWD;
	uint64_t at = cowd ? COWD_UNCLEAN_AT : SPARSE_UNCLEAN_AT;
	uint8_t flag[4] = { 0 };
	size_t len = cowd ? 4 : 1;
	int r = image_file_read(w->x->file, at, flag, len, w->run->err);

	if (r < 0 || !get_le32(flag))
		return r;
	check_found(w->run, FINDING_MENDABLE, name(w), "was not closed properly");
	if (!w->repair || w->run->result->findings[FINDING_DAMAGE])
		return 0;
	memset(flag, 0, sizeof(flag));
	r = sync_file(w);
	if (!r)
		r = write_durably(w, at, flag, len);
	if (!r)
		check_found(w->run, FINDING_MENDED, name(w), "the mark \"not closed\" is cleared");
	return r;
}

static int load_copies(struct walk *w)
{
	struct tool_extent *x = w->x;
	int r;

	if (x->kind != TOOL_SPARSE || !x->h.redundant)
		return 0;
	w->copies = calloc(x->tables, sizeof(w->copies[0]));
	w->copy = calloc(x->table_entries, sizeof(w->copy[0]));
	if (!w->copies || !w->copy)
		return no_memory(w);
	r = image_file_read(x->file, x->h.redundant_at * 512, w->copies, x->tables * 4ull, w->run->err);
	for (uint32_t i = 0; i < x->tables; i++)
		w->copies[i] = le32toh(w->copies[i]);
	return r;
}

static int begin(struct walk *w)
{
	struct tool_extent *x = w->x;
	int r;

	w->sectors = x->file->size / 512 + (x->file->size % 512 != 0);
	w->grain = x->grain_bytes / 512;
	w->table_sectors = (x->table_entries * 4 + 511) / 512;
	w->data_at = x->kind == TOOL_SPARSE ? x->h.data_at : x->directory_at + ((uint64_t)x->tables * 4 + 511) / 512;
	w->main = calloc(x->table_entries, sizeof(w->main[0]));
	if (!w->main)
		return no_memory(w);
	r = load_copies(w);
	if (!r)
		r = collect_spans(w);
	return r < 0 || w->hopeless ? r : collect_used(w);
}

static int walk_tables(struct walk *w)
{
	int r = 0;

	for (uint32_t t = 0; t < w->x->tables && !r; t++) {
		r = check_table(w, t);
		if (!r && tool_report(&w->run->tool->progress, &w->pace, t, w->x->tables) < 0)
			r = err_set(w->run->err, ECANCELED, name(w), "was not checked to the end: stopped");
	}
	if (w->bad > NAMED_MAX)
		check_found(w->run, FINDING_NOTE, name(w), "%u more bad entries are not listed", w->bad - NAMED_MAX);
	if (w->differing > NAMED_MAX)
		check_found(w->run, FINDING_NOTE, name(w), "%u more tables differ from their copies",
			    w->differing - NAMED_MAX);
	w->x->table_index = UINT32_MAX;
	return r;
}

int check_extent(struct check_run *run, struct tool_extent *x, bool repair)
{
	struct walk w = { .run = run, .x = x, .repair = repair };
	int r = begin(&w);

	if (!r && !w.hopeless)
		r = walk_tables(&w);
	if (!r && !w.hopeless) {
		check_overlap(&w);
		check_lost(&w);
		r = check_flag(&w);
	}
	free(w.copies);
	free(w.main);
	free(w.copy);
	free(w.spans);
	free(w.used);
	return r;
}
