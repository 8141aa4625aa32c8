// vmdk_header.c: parsing and checking the header of a hosted sparse extent.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/vmdk_header.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"

enum field_offset {
	AT_VERSION = 4,
	AT_FLAGS = 8,
	AT_CAPACITY = 12,
	AT_GRAIN = 20,
	AT_DESCRIPTOR = 28,
	AT_DESCRIPTOR_SIZE = 36,
	AT_TABLE_ENTRIES = 44,
	AT_REDUNDANT = 48,
	AT_DIRECTORY = 56,
	AT_OVERHEAD = 64,
	AT_NEWLINES = 73,
	AT_COMPRESSION = 77,
};

enum header_flags {
	FLAG_NEWLINES = 1u << 0, FLAG_REDUNDANT = 1u << 1, FLAG_ZEROED = 1u << 2,
	FLAG_COMPRESSED = 1u << 16, FLAG_MARKERS = 1u << 17, FLAGS_INCOMPATIBLE = 0xffff0000u,
};

#define DIRECTORY_AT_END UINT64_MAX
#define MAX_CAPACITY     (1ull << 37)   // sectors: 64 TiB
#define MAX_TABLES       (8u << 20)     // 32 MiB of directory
#define MAX_DESCRIPTOR   (10u << 11)    // sectors: 10 MiB

// One header while it is checked.
struct check {
	const uint8_t *raw;
	uint64_t sectors;               // of the file
	const char *name;
	struct sparse_header *h;
	struct err *err;
};

enum vmdk_magic vmdk_magic(const void *bytes, size_t len)
{
	if (len >= 4 && !memcmp(bytes, "KDMV", 4))
		return VMDK_MAGIC_SPARSE;
	if (len >= 4 && !memcmp(bytes, "COWD", 4))
		return VMDK_MAGIC_COWD;
	if (len >= 8 && get_le64(bytes) == 0xcafebabeull)
		return VMDK_MAGIC_SESPARSE;
	return VMDK_MAGIC_NONE;
}

static int damaged(const struct check *c, enum field_offset at, const char *field, uint64_t value)
{
	int r = err_set_at(c->err, EINVAL, c->name, at, "damaged sparse header: %s is %llu", field,
			   (unsigned long long)value);

	err_remedy(c->err,
		   "Restore the file from a backup, or let VMware repair it (vmware-vdiskmanager -R)");
	return r;
}

static bool inside(const struct check *c, uint64_t at, uint64_t len)
{
	return at && at <= c->sectors && len <= c->sectors - at;
}

static bool power_of_two(uint64_t v)
{
	return v && !(v & (v - 1));
}

static int check_kind(const struct check *c)
{
	uint32_t flags = get_le32(c->raw + AT_FLAGS);

	if (vmdk_magic(c->raw, SPARSE_HEADER_SIZE) != VMDK_MAGIC_SPARSE)
		return err_set_at(c->err, EINVAL, c->name, 0,
				  "is not a sparse extent: it does not start with KDMV");
	c->h->version = get_le32(c->raw + AT_VERSION);
	if (c->h->version < 1 || c->h->version > 3)
		return damaged(c, AT_VERSION, "the version", c->h->version);
	// A transfer that rewrote line ends has changed these four bytes first.
	if ((flags & FLAG_NEWLINES) && memcmp(c->raw + AT_NEWLINES, "\n \r\n", 4)) {
		err_set_at(c->err, EINVAL, c->name, AT_NEWLINES, "was damaged by a transfer in text mode");
		err_remedy(c->err, "Copy it again in binary mode");
		return -EINVAL;
	}
	if (flags & FLAGS_INCOMPATIBLE & ~(uint32_t)(FLAG_COMPRESSED | FLAG_MARKERS))
		return damaged(c, AT_FLAGS, "the flag word (it holds unknown incompatible flags)", flags);
	c->h->redundant = flags & FLAG_REDUNDANT;
	c->h->zeroed_grains = (flags & FLAG_ZEROED) || c->h->version == 2;
	c->h->unclean = c->raw[SPARSE_UNCLEAN_AT] != 0;
	c->h->compressed = (flags & FLAG_COMPRESSED) || get_le16(c->raw + AT_COMPRESSION);
	c->h->markers = flags & FLAG_MARKERS;
	return 0;
}

static int check_sizes(const struct check *c)
{
	uint64_t grain = get_le64(c->raw + AT_GRAIN), covered, tables;
	struct sparse_header *h = c->h;

	h->capacity = get_le64(c->raw + AT_CAPACITY);
	h->table_entries = get_le32(c->raw + AT_TABLE_ENTRIES);
	if (!h->capacity || h->capacity > MAX_CAPACITY)
		return damaged(c, AT_CAPACITY, "the capacity", h->capacity);
	if (!power_of_two(grain) || grain < 8 || grain > 65536)
		return damaged(c, AT_GRAIN, "the grain size", grain);
	if (!power_of_two(h->table_entries) || h->table_entries < 64 || h->table_entries > 8192)
		return damaged(c, AT_TABLE_ENTRIES, "the number of entries of a grain table",
			       h->table_entries);
	h->grain = (uint32_t)grain;
	covered = grain * h->table_entries;
	tables = (h->capacity + covered - 1) / covered;
	if (tables > MAX_TABLES)
		return damaged(c, AT_CAPACITY, "the capacity for grains this small", h->capacity);
	h->tables = (uint32_t)tables;
	return 0;
}

static int check_places(const struct check *c)
{
	struct sparse_header *h = c->h;
	uint64_t overhead = get_le64(c->raw + AT_OVERHEAD);

	h->descriptor_at = get_le64(c->raw + AT_DESCRIPTOR);
	h->descriptor_size = get_le64(c->raw + AT_DESCRIPTOR_SIZE);
	h->directory_at = get_le64(c->raw + AT_DIRECTORY);
	h->redundant_at = h->redundant ? get_le64(c->raw + AT_REDUNDANT) : 0;
	if (!h->descriptor_at || !h->descriptor_size)
		h->descriptor_at = h->descriptor_size = 0;
	else if (h->descriptor_size > MAX_DESCRIPTOR || !inside(c, h->descriptor_at, h->descriptor_size))
		return damaged(c, AT_DESCRIPTOR, "the place of the descriptor (beyond the file)",
			       h->descriptor_at);
	if (!inside(c, h->directory_at, sparse_directory_sectors(h)))
		return damaged(c, AT_DIRECTORY, "the place of the grain directory (beyond the file)",
			       h->directory_at);
	if (h->redundant && !inside(c, h->redundant_at, sparse_directory_sectors(h)))
		return damaged(c, AT_REDUNDANT, "the place of the redundant directory (beyond the file)",
			       h->redundant_at);
	if (overhead > c->sectors)
		return damaged(c, AT_OVERHEAD, "the size of the metadata (beyond the file)", overhead);
	h->data_at = MAX(MAX(overhead, h->descriptor_at + h->descriptor_size), 2ull);
	return 0;
}

static int parse(const struct check *c)
{
	int r;

	memset(c->h, 0, sizeof(*c->h));
	r = check_kind(c);
	if (!r)
		r = check_sizes(c);
	if (!r)
		r = check_places(c);
	return r;
}

// A last sector that is cut off still counts: qemu-img and others end files wherever the data ends.
static uint64_t file_sectors(uint64_t size)
{
	return size / 512 + (size % 512 != 0);
}

int sparse_header_parse(const uint8_t bytes[SPARSE_HEADER_SIZE], uint64_t file_size, const char *name,
			struct sparse_header *out, struct err *err)
{
	struct check c = { .raw = bytes, .sectors = file_sectors(file_size), .name = name, .h = out, .err = err };

	if (stream_header_is(bytes)) {
		err_set(err, ENOTSUP, name, "is a streamOptimized (compressed) image, which can only be read");
		err_remedy(err, "Convert it first: vmware-vdiskmanager -r FILE -t 0 NEW.vmdk, or qemu-img convert");
		return -ENOTSUP;
	}
	return parse(&c);
}

// --- streamOptimized ---------------------------------------------------------------------------------------

enum { MARK_END = 0, MARK_FOOTER = 3, FOOTER_AT = 512, END_AT = 1024, MARK_SIZE_AT = 8, MARK_TYPE_AT = 12 };

bool stream_header_wants_tail(const uint8_t bytes[SPARSE_HEADER_SIZE])
{
	return get_le64(bytes + AT_DIRECTORY) == DIRECTORY_AT_END;
}

bool stream_header_is(const uint8_t bytes[SPARSE_HEADER_SIZE])
{
	return vmdk_magic(bytes, SPARSE_HEADER_SIZE) == VMDK_MAGIC_SPARSE &&
	       ((get_le32(bytes + AT_FLAGS) & (FLAG_COMPRESSED | FLAG_MARKERS)) ||
		get_le16(bytes + AT_COMPRESSION) || stream_header_wants_tail(bytes));
}

static int cut_off(const struct check *c)
{
	err_set(c->err, EINVAL, c->name, "ends too early: the footer of a streamOptimized image is missing");
	err_remedy(c->err, "Copy or download the file again: it is not complete");
	return -EINVAL;
}

static bool is_mark(const uint8_t *sector, uint32_t type)
{
	return !get_le32(sector + MARK_SIZE_AT) && get_le32(sector + MARK_TYPE_AT) == type;
}

// The footer repeats the header with the directory's place; all else must be the same.
static int check_tail(const struct check *c, const uint8_t *tail)
{
	static const struct { enum field_offset at; unsigned size; const char *name; } same[] = {
		{ AT_CAPACITY, 8, "the footer's capacity" }, { AT_GRAIN, 8, "the footer's grain size" },
		{ AT_TABLE_ENTRIES, 4, "the footer's table size" }, { AT_COMPRESSION, 2, "the footer's compression" },
	};
	const uint8_t *footer = tail + FOOTER_AT;

	if (!is_mark(tail, MARK_FOOTER) || !is_mark(tail + END_AT, MARK_END) ||
	    vmdk_magic(footer, SPARSE_HEADER_SIZE) != VMDK_MAGIC_SPARSE)
		return cut_off(c);
	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		if (memcmp(c->raw + same[i].at, footer + same[i].at, same[i].size))
			return damaged(c, same[i].at, same[i].name, get_le(footer + same[i].at, same[i].size));
	}
	return 0;
}

static int check_compression(const struct check *c)
{
	uint16_t algorithm = get_le16(c->raw + AT_COMPRESSION);

	if (c->h->compressed && algorithm == 1)
		return 0;
	return err_set_at(c->err, ENOTSUP, c->name, AT_COMPRESSION,
			  "is a stream of grains that are compressed with the unknown method %u", algorithm);
}

int stream_header_parse(const uint8_t bytes[SPARSE_HEADER_SIZE], const uint8_t tail[STREAM_TAIL_SIZE],
			uint64_t file_size, const char *name, struct sparse_header *out, struct err *err)
{
	uint8_t merged[SPARSE_HEADER_SIZE];
	struct check c = { .raw = bytes, .sectors = file_sectors(file_size), .name = name, .h = out, .err = err };
	int r;

	memset(out, 0, sizeof(*out));
	r = check_kind(&c);
	if (!r && stream_header_wants_tail(bytes))
		r = tail ? check_tail(&c, tail) : cut_off(&c);
	if (r < 0)
		return r;
	// The descriptor's place is the header's, the directory's the footer's; its copy is not needed.
	memcpy(merged, bytes, sizeof(merged));
	put_le32(merged + AT_FLAGS, get_le32(bytes + AT_FLAGS) & ~(uint32_t)FLAG_REDUNDANT);
	if (stream_header_wants_tail(bytes))
		memcpy(merged + AT_DIRECTORY, tail + FOOTER_AT + AT_DIRECTORY, 8);
	c.raw = merged;
	r = parse(&c);
	return r < 0 ? r : check_compression(&c);
}
