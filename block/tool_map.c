// tool_map.c: where the bytes of a disk lie: directories, tables, holes.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "block/tool.h"

int tool_load_table(struct tool_extent *x, uint32_t index, struct err *err)
{
	uint64_t at = (uint64_t)x->directory[index] * 512, size = (uint64_t)x->table_entries * 4;
	int r;

	if (x->table_index == index)
		return 0;
	x->table_index = UINT32_MAX;
	if (!at) {
		memset(x->table, 0, size);
	} else {
		if (at > x->file->size || size > x->file->size - at) {
			err_set_at(err, EINVAL, x->file->name, (x->directory_at * 512) + 4ull * index,
				   "damaged: grain table %u would lie behind the end of the file", index);
			err_remedy(err, "Run `berth disk check` on the disk");
			return -EINVAL;
		}
		r = image_file_read(x->file, at, x->table, size, err);
		if (r < 0)
			return r;
		for (uint32_t i = 0; i < x->table_entries; i++)
			x->table[i] = le32toh(x->table[i]);
	}
	x->table_index = index;
	return 0;
}

static enum tool_range_kind kind_of(const struct tool_extent *x, uint32_t entry)
{
	if (!entry)
		return TOOL_ABSENT;
	return entry == SPARSE_GTE_ZEROED && x->zeroed ? TOOL_ZEROS : TOOL_DATA;
}

// Entries from INDEX on that go on as the first one begins.
static uint32_t same_run(const struct tool_extent *x, uint32_t index)
{
	uint32_t first = x->table[index], n = 1;
	enum tool_range_kind kind = kind_of(x, first);

	while (index + n < x->table_entries) {
		uint32_t entry = x->table[index + n];

		if (kind_of(x, entry) != kind || (kind == TOOL_DATA && entry != first + n * (x->grain_bytes / 512)))
			break;
		n++;
	}
	return n;
}

static int find_sparse(struct tool_extent *x, uint64_t at, struct tool_range *range, struct err *err)
{
	uint64_t cover = x->grain_bytes * x->table_entries, inner = at % x->grain_bytes;
	uint32_t table = (uint32_t)(at / cover), index = (uint32_t)(at % cover / x->grain_bytes), entry;
	int r;

	if (!x->directory[table]) {
		*range = (struct tool_range){ .kind = TOOL_ABSENT, .length = cover - at % cover };
		return 0;
	}
	r = tool_load_table(x, table, err);
	if (r < 0)
		return r;
	entry = x->table[index];
	*range = (struct tool_range){ .kind = kind_of(x, entry), .file = x->file };
	range->length = same_run(x, index) * x->grain_bytes - inner;
	range->file_offset = (uint64_t)entry * 512 + inner;
	if (range->kind == TOOL_DATA && range->file_offset >= x->file->size) {
		err_set_at(err, EINVAL, x->file->name, (uint64_t)x->directory[table] * 512 + 4ull * index,
			   "damaged: an entry points behind the end of the file");
		err_remedy(err, "Run `berth disk check` on the disk");
		return -EINVAL;
	}
	return 0;
}

// Holes of a file are zeros that need no reading. A file system that knows of no holes says that all is data.
static int find_flat(const struct tool_extent *x, uint64_t at, struct tool_range *range)
{
	uint64_t place = x->file_offset + at, end = x->file_offset + x->length;
	off_t data = lseek(x->file->fd, (off_t)place, SEEK_DATA), hole;

	*range = (struct tool_range){ .kind = TOOL_DATA, .file = x->file, .file_offset = place, .length = end - place };
	if (data < 0 && errno == ENXIO) {
		range->kind = TOOL_ZEROS;
	} else if (data >= 0 && (uint64_t)data / 512 > place / 512) {
		range->kind = TOOL_ZEROS;
		range->length = MIN(end, (uint64_t)data / 512 * 512) - place;
	} else if (data >= 0) {
		hole = lseek(x->file->fd, (off_t)place, SEEK_HOLE);
		if (hole > (off_t)place)
			range->length = MIN(end, ((uint64_t)hole + 511) / 512 * 512) - place;
	}
	return 0;
}

static struct tool_extent *find_extent(struct tool_link *l, uint64_t at)
{
	size_t low = 0, high = l->count - 1;

	while (low < high) {
		size_t mid = low + (high - low + 1) / 2;

		if (l->extents[mid].start <= at)
			low = mid;
		else
			high = mid - 1;
	}
	return &l->extents[low];
}

int tool_link_find(struct tool_link *link, uint64_t at, struct tool_range *range, struct err *err)
{
	struct tool_extent *x = find_extent(link, at);
	uint64_t inner = at - x->start;
	int r = 0;

	switch (x->kind) {
	case TOOL_FLAT:
		r = find_flat(x, inner, range);
		break;
	case TOOL_SPARSE:
	case TOOL_COWD:
		r = find_sparse(x, inner, range, err);
		break;
	case TOOL_ZERO:
		*range = (struct tool_range){ .kind = TOOL_ZEROS, .length = x->length - inner };
		break;
	case TOOL_OPAQUE:
		*range = (struct tool_range){ .kind = TOOL_DATA, .length = x->length - inner, .file = x->file,
					      .file_offset = TOOL_NO_PLACE };
		break;
	}
	range->start = at;
	range->length = MIN(range->length, x->length - inner);
	return r;
}

int tool_chain_find(struct tool_chain *chain, uint64_t at, struct tool_range *range, struct err *err)
{
	uint64_t length = chain->links[0]->size - at;

	for (unsigned i = 0; i < chain->count; i++) {
		// A parent that is shorter than its child reads as zeros behind its end.
		if (at >= chain->links[i]->size)
			continue;
		int r = tool_link_find(chain->links[i], at, range, err);

		if (r < 0)
			return r;
		length = range->length = MIN(range->length, length);
		range->layer = i;
		if (range->kind != TOOL_ABSENT)
			return 0;
	}
	*range = (struct tool_range){ .kind = TOOL_ABSENT, .start = at, .length = length };
	return 0;
}

int tool_allocated(struct tool_link *link, size_t i, uint64_t *bytes, struct err *err)
{
	const struct tool_extent *x = &link->extents[i];
	struct tool_range range;

	*bytes = 0;
	for (uint64_t at = x->start; at < x->start + x->length; at += range.length) {
		int r = tool_link_find(link, at, &range, err);

		if (r < 0)
			return r;
		if (range.kind == TOOL_DATA)
			*bytes += range.length;
	}
	return 0;
}
