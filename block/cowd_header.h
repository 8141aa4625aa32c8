// cowd_header.h: the header of an ESX sparse extent ("COWD", vmfsSparse), from bytes to checked numbers.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_COWD_HEADER_H
#define BERTH_BLOCK_COWD_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define COWD_HEADER_SIZE    2048u
#define COWD_HEADER_SECTORS 4u
#define COWD_TABLE_ENTRIES  4096u
#define COWD_TABLE_BYTES    (COWD_TABLE_ENTRIES * 4u)
#define COWD_TABLE_SECTORS  (COWD_TABLE_BYTES / 512u)
#define COWD_FREE_AT        28u         // byte of the header: first sector behind everything that is used
#define COWD_UNCLEAN_AT     1648u       // byte of the header: 4 bytes, 0 = closed properly

// All places and sizes in sectors of 512 bytes; the directory lies inside the file.
struct cowd_header {
	uint32_t capacity, grain;       // grain: power of two, 1..65536
	uint32_t directory_at;
	uint32_t tables;                // entries of the directory that the capacity needs
	uint32_t free;                  // as written; what follows the file's end is not asked here
	bool root;                      // a base disk with a geometry; else a child with a parent
	bool unclean;
	uint32_t cylinders, heads, track_sectors;       // of a root
	char parent[1025];              // of a child; the descriptor's hint is what counts
	uint32_t parent_generation, generation, saved_generation;
};

static inline uint32_t cowd_directory_sectors(const struct cowd_header *h)
{
	return (uint32_t)(((uint64_t)h->tables * 4 + 511) / 512);
}

// BYTES are the first of the file NAME with FILE_SIZE bytes. 0, or -EINVAL (damaged) or -ENOTSUP with the field named
// in ERR. Any thread.
int cowd_header_parse(const uint8_t bytes[COWD_HEADER_SIZE], uint64_t file_size, const char *name,
		      struct cowd_header *out, struct err *err);

#endif
