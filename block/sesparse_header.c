// sesparse_header.c: parsing and checking the headers and entries of an ESXi space-efficient sparse extent.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// VMware has not published the format. What is checked here is what independent readers of such files agree on; every
// field that they have only seen with one value must have that value.
#include "block/sesparse_header.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum field_offset {
	AT_MAGIC = 0,
	AT_VERSION = 8,
	AT_CAPACITY = 16,
	AT_GRAIN = 24,
	AT_TABLE_SIZE = 32,
	AT_FLAGS = 40,
	AT_RESERVED = 48,               // four words
	AT_VOLATILE = 80,               // from here on pairs of place and size
	AT_DIRECTORY = 128,
	AT_TABLES = 144,
	AT_GRAINS = 192,
	AT_PAD = 208,
	// Of the volatile header.
	AT_FREE_TABLE = 8,
	AT_REPLAY = 24,
	AT_VOLATILE_PAD = 32,
};

#define MAGIC          0xcafebabeull
#define VOLATILE_MAGIC 0xcafecafeull
#define VERSION        0x0000000200000001ull
#define MAX_CAPACITY   (1ull << 37)     // sectors: 64 TiB

struct check {
	const uint8_t *raw;
	uint64_t sectors;               // of the file
	const char *name;
	struct sesparse_header *h;
	struct err *err;
};

static int damaged(const struct check *c, uint64_t at, const char *field, uint64_t value)
{
	int r = err_set_at(c->err, EINVAL, c->name, at, "damaged seSparse header: %s is %llu", field,
			   (unsigned long long)value);

	err_remedy(c->err, "Copy the file from the ESXi host again, or restore it from a backup");
	return r;
}

static int unknown(const struct check *c, uint64_t at, const char *field, uint64_t value)
{
	int r = err_set_at(c->err, ENOTSUP, c->name, at, "is a seSparse extent of an unknown kind: %s is %llx",
			   field, (unsigned long long)value);

	err_remedy(c->err, "Delete the VM's snapshots on the ESXi host, which merges them, or clone the disk there");
	return r;
}

static bool all_zero(const uint8_t *p, size_t len)
{
	while (len && !*p) {
		p++;
		len--;
	}
	return !len;
}

// --- entries -------------------------------------------------------------------------------------------

enum sesparse_kind sesparse_entry(uint64_t entry, uint64_t *grain)
{
	switch (entry >> 60) {
	case 0: return entry ? SESPARSE_BAD : SESPARSE_ABSENT;
	// The number of an unmapped grain only says which place may be used again.
	case 1: return SESPARSE_UNMAPPED;
	case 2: return SESPARSE_ZERO;
	case 3:
		*grain = (entry & 0x0000ffffffffffffull) << 12 | (entry >> 48 & 0xfff);
		return SESPARSE_DATA;
	default: return SESPARSE_BAD;
	}
}

int64_t sesparse_table_number(uint64_t entry)
{
	if (!entry)
		return -1;
	return entry >> 32 == 0x10000000u ? (int64_t)(entry & 0xffffffffu) : -2;
}

// --- the constant header ---------------------------------------------------------------------------------

static int check_kind(const struct check *c)
{
	const uint8_t *raw = c->raw;

	if (get_le64(raw + AT_MAGIC) != MAGIC)
		return err_set_at(c->err, EINVAL, c->name, 0,
				  "is not a seSparse extent: it does not start with its mark");
	if (get_le64(raw + AT_VERSION) != VERSION)
		return unknown(c, AT_VERSION, "the version", get_le64(raw + AT_VERSION));
	if (get_le64(raw + AT_GRAIN) != SESPARSE_GRAIN_SECTORS)
		return unknown(c, AT_GRAIN, "the grain size", get_le64(raw + AT_GRAIN));
	if (get_le64(raw + AT_TABLE_SIZE) != SESPARSE_TABLE_SECTORS)
		return unknown(c, AT_TABLE_SIZE, "the size of a grain table", get_le64(raw + AT_TABLE_SIZE));
	if (get_le64(raw + AT_FLAGS))
		return unknown(c, AT_FLAGS, "the flag word", get_le64(raw + AT_FLAGS));
	if (!all_zero(raw + AT_RESERVED, 4 * 8))
		return unknown(c, AT_RESERVED, "a reserved word", 1);
	if (!all_zero(raw + AT_PAD, SESPARSE_HEADER_SIZE - AT_PAD))
		return unknown(c, AT_PAD, "the padding", 1);
	return 0;
}

static int take_area(const struct check *c, enum field_offset at, const char *field, struct sesparse_area *out)
{
	out->at = get_le64(c->raw + at);
	out->size = get_le64(c->raw + at + 8);
	if (!out->at || out->at > c->sectors)
		return damaged(c, at, field, out->at);
	return 0;
}

static bool holds(const struct check *c, const struct sesparse_area *a, uint64_t sectors)
{
	return a->size >= sectors && sectors <= c->sectors - a->at;
}

static int check_areas(const struct check *c)
{
	struct sesparse_header *h = c->h;
	int r = take_area(c, AT_VOLATILE, "the place of the volatile header (outside the file)", &h->volatile_header);

	if (!r)
		r = take_area(c, AT_DIRECTORY, "the place of the grain directory (outside the file)", &h->directory);
	if (!r)
		r = take_area(c, AT_TABLES, "the place of the grain tables (outside the file)", &h->grain_tables);
	if (!r)
		r = take_area(c, AT_GRAINS, "the place of the grains (outside the file)", &h->grains);
	if (r < 0)
		return r;
	if (!holds(c, &h->volatile_header, 1))
		return damaged(c, AT_VOLATILE + 8, "the size of the volatile header", h->volatile_header.size);
	if (!holds(c, &h->directory, (h->tables + 63) / 64))
		return damaged(c, AT_DIRECTORY + 8, "the size of the grain directory (too small)", h->directory.size);
	return 0;
}

int sesparse_header_parse(const uint8_t bytes[SESPARSE_HEADER_SIZE], uint64_t file_size, const char *name,
			  struct sesparse_header *out, struct err *err)
{
	struct check c = { .raw = bytes, .sectors = file_size / 512 + (file_size % 512 != 0), .name = name,
			   .h = out, .err = err };
	const uint64_t covered = SESPARSE_GRAIN_SECTORS * SESPARSE_TABLE_ENTRIES;
	int r;

	memset(out, 0, sizeof(*out));
	r = check_kind(&c);
	if (r < 0)
		return r;
	out->capacity = get_le64(bytes + AT_CAPACITY);
	if (!out->capacity || out->capacity > MAX_CAPACITY)
		return damaged(&c, AT_CAPACITY, "the capacity", out->capacity);
	out->tables = (uint32_t)((out->capacity + covered - 1) / covered);
	return check_areas(&c);
}

// --- the volatile header -----------------------------------------------------------------------------------

int sesparse_volatile_parse(const uint8_t bytes[SESPARSE_HEADER_SIZE], const char *name, struct sesparse_header *h,
			    struct err *err)
{
	uint64_t at = h->volatile_header.at * 512;
	struct check c = { .raw = bytes, .name = name, .h = h, .err = err };

	if (get_le64(bytes + AT_MAGIC) != VOLATILE_MAGIC)
		return damaged(&c, at, "the mark of the volatile header", get_le64(bytes + AT_MAGIC));
	if (get_le64(bytes + AT_REPLAY)) {
		err_set_at(err, ENOTSUP, name, at + AT_REPLAY,
			   "was not closed properly, and its journal can only be replayed by the ESXi host");
		err_remedy(err, "Power the VM on and off once on the ESXi host, or delete its snapshots there, "
				"then copy the files again");
		return -ENOTSUP;
	}
	if (!all_zero(bytes + AT_VOLATILE_PAD, SESPARSE_HEADER_SIZE - AT_VOLATILE_PAD))
		return unknown(&c, at + AT_VOLATILE_PAD, "the padding of the volatile header", 1);
	h->free_table = get_le64(bytes + AT_FREE_TABLE);
	return 0;
}
