// cowd_header.c: parsing and checking the header of an ESX sparse extent.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/cowd_header.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "block/vmdk_header.h"

enum field_offset {
	AT_VERSION = 4,
	AT_FLAGS = 8,
	AT_CAPACITY = 12,
	AT_GRAIN = 16,
	AT_DIRECTORY = 20,
	AT_TABLES = 24,
	AT_CYLINDERS = 32,              // a root has three numbers here, a child 1024 bytes of name
	AT_HEADS = 36,
	AT_TRACK_SECTORS = 40,
	AT_PARENT = 32,
	AT_PARENT_GENERATION = 1056,
	AT_GENERATION = 1060,
	AT_SAVED_GENERATION = 1636,
};

enum cowd_flags { FLAG_ROOT = 1u << 0, FLAG_CHECKABLE = 1u << 1, FLAG_INCONSISTENT = 1u << 2 };

#define MAX_GRAIN 65536u

struct check {
	const uint8_t *raw;
	uint64_t sectors;               // of the file
	const char *name;
	struct cowd_header *h;
	struct err *err;
};

static int damaged(const struct check *c, enum field_offset at, const char *field, uint64_t value)
{
	int r = err_set_at(c->err, EINVAL, c->name, at, "damaged COWD header: %s is %llu", field,
			   (unsigned long long)value);

	err_remedy(c->err, "Copy the file from the ESX host again, or restore it from a backup");
	return r;
}

static int check_kind(const struct check *c)
{
	uint32_t version = get_le32(c->raw + AT_VERSION), flags = get_le32(c->raw + AT_FLAGS);

	if (vmdk_magic(c->raw, COWD_HEADER_SIZE) != VMDK_MAGIC_COWD)
		return err_set_at(c->err, EINVAL, c->name, 0,
				  "is not an ESX sparse extent: it does not start with COWD");
	if (version != 1)
		return damaged(c, AT_VERSION, "the version", version);
	if (flags & FLAG_INCONSISTENT) {
		err_set_at(c->err, ENOTSUP, c->name, AT_FLAGS, "is marked as inconsistent by the ESX host");
		err_remedy(c->err, "Let the ESX host repair it (vmkfstools -x repair), then copy it again");
		return -ENOTSUP;
	}
	if (flags & ~(uint32_t)(FLAG_ROOT | FLAG_CHECKABLE))
		return damaged(c, AT_FLAGS, "the flag word (it holds unknown flags)", flags);
	c->h->root = flags & FLAG_ROOT;
	c->h->unclean = get_le32(c->raw + COWD_UNCLEAN_AT) != 0;
	return 0;
}

static int check_sizes(const struct check *c)
{
	struct cowd_header *h = c->h;
	uint32_t listed = get_le32(c->raw + AT_TABLES);
	uint64_t covered;

	h->capacity = get_le32(c->raw + AT_CAPACITY);
	h->grain = get_le32(c->raw + AT_GRAIN);
	h->free = get_le32(c->raw + COWD_FREE_AT);
	if (!h->capacity)
		return damaged(c, AT_CAPACITY, "the capacity", 0);
	if (!h->grain || (h->grain & (h->grain - 1)) || h->grain > MAX_GRAIN)
		return damaged(c, AT_GRAIN, "the grain size", h->grain);
	covered = (uint64_t)h->grain * COWD_TABLE_ENTRIES;
	h->tables = (uint32_t)((h->capacity + covered - 1) / covered);
	if (listed < h->tables)
		return damaged(c, AT_TABLES, "the number of grain tables (too few for the capacity)", listed);
	return 0;
}

static int check_places(const struct check *c)
{
	struct cowd_header *h = c->h;

	h->directory_at = get_le32(c->raw + AT_DIRECTORY);
	if (h->directory_at < COWD_HEADER_SECTORS || h->directory_at > c->sectors ||
	    cowd_directory_sectors(h) > c->sectors - h->directory_at)
		return damaged(c, AT_DIRECTORY, "the place of the grain directory (outside the file)",
			       h->directory_at);
	return 0;
}

// What VMware keeps for itself about the chain; the descriptor says the same where it matters.
static void take_chain(const struct check *c)
{
	struct cowd_header *h = c->h;

	h->generation = get_le32(c->raw + AT_GENERATION);
	h->saved_generation = get_le32(c->raw + AT_SAVED_GENERATION);
	if (h->root) {
		h->cylinders = get_le32(c->raw + AT_CYLINDERS);
		h->heads = get_le32(c->raw + AT_HEADS);
		h->track_sectors = get_le32(c->raw + AT_TRACK_SECTORS);
		return;
	}
	memcpy(h->parent, c->raw + AT_PARENT, sizeof(h->parent) - 1);
	h->parent_generation = get_le32(c->raw + AT_PARENT_GENERATION);
}

int cowd_header_parse(const uint8_t bytes[COWD_HEADER_SIZE], uint64_t file_size, const char *name,
		      struct cowd_header *out, struct err *err)
{
	struct check c = { .raw = bytes, .sectors = file_size / 512 + (file_size % 512 != 0), .name = name,
			   .h = out, .err = err };
	int r;

	memset(out, 0, sizeof(*out));
	r = check_kind(&c);
	if (!r)
		r = check_sizes(&c);
	if (!r)
		r = check_places(&c);
	if (!r)
		take_chain(&c);
	return r;
}
