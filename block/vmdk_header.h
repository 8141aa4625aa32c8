// vmdk_header.h: the 512-byte header of a hosted sparse extent, from bytes to checked numbers.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_VMDK_HEADER_H
#define BERTH_BLOCK_VMDK_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define SPARSE_HEADER_SIZE   512u
#define STREAM_TAIL_SIZE     1536u      // footer marker, footer, end-of-stream marker
#define SPARSE_UNCLEAN_AT    72u        // byte of the header: 1 = not closed properly
#define SPARSE_GTE_ABSENT    0u
#define SPARSE_GTE_ZEROED    1u

// What the first bytes of a file say that it is.
enum vmdk_magic { VMDK_MAGIC_NONE, VMDK_MAGIC_SPARSE, VMDK_MAGIC_COWD, VMDK_MAGIC_SESPARSE };
enum vmdk_magic vmdk_magic(const void *bytes, size_t len);

// All offsets and sizes in sectors of 512 bytes; everything named here lies inside the file.
struct sparse_header {
	uint32_t version;               // 1..3
	bool redundant;                 // a second directory with second tables exists
	bool zeroed_grains;             // entry 1 means zeros
	bool unclean;
	uint64_t capacity;
	uint32_t grain;                 // power of two, 8..65536
	uint32_t table_entries;         // power of two, 64..8192
	uint64_t descriptor_at, descriptor_size;        // 0, 0 = none
	uint64_t directory_at, redundant_at;
	uint32_t tables;                // entries of a directory
	uint64_t data_at;               // no grain starts before it
	bool compressed;                // streamOptimized
	bool markers;                   // a number and a length stand before each grain
};

static inline uint32_t sparse_table_sectors(const struct sparse_header *h)
{
	return (h->table_entries * 4 + 511) / 512;
}

static inline uint32_t sparse_directory_sectors(const struct sparse_header *h)
{
	return (uint32_t)(((uint64_t)h->tables * 4 + 511) / 512);
}

// BYTES are the first sector of the file NAME with FILE_SIZE bytes. 0, or -EINVAL (damaged) or -ENOTSUP (a
// kind that is known and not supported) with the field named in ERR. Any thread.
int sparse_header_parse(const uint8_t bytes[SPARSE_HEADER_SIZE], uint64_t file_size, const char *name,
			struct sparse_header *out, struct err *err);

// Do BYTES belong to a streamOptimized extent (compressed grains, or the directory at the end)?
bool stream_header_is(const uint8_t bytes[SPARSE_HEADER_SIZE]);
// True when the directory's place stands in the footer: the file's last STREAM_TAIL_SIZE bytes, counted in whole
// sectors.
bool stream_header_wants_tail(const uint8_t bytes[SPARSE_HEADER_SIZE]);
// The same for a streamOptimized extent. TAIL is NULL when it is not wanted, or the file is too short for one. A
// redundant directory is not told of: reading needs none.
int stream_header_parse(const uint8_t bytes[SPARSE_HEADER_SIZE], const uint8_t tail[STREAM_TAIL_SIZE],
			uint64_t file_size, const char *name, struct sparse_header *out, struct err *err);

#endif
