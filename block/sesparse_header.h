// sesparse_header.h: the two headers of an ESXi seSparse extent, from bytes to checked numbers.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_SESPARSE_HEADER_H
#define BERTH_BLOCK_SESPARSE_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define SESPARSE_HEADER_SIZE   512u     // of either
#define SESPARSE_GRAIN_SECTORS 8u
#define SESPARSE_GRAIN_BYTES   4096u
#define SESPARSE_TABLE_ENTRIES 4096u
#define SESPARSE_TABLE_SECTORS 64u
#define SESPARSE_TABLE_BYTES   32768u

struct sesparse_area { uint64_t at, size; };    // sectors

// Everything named here lies inside the file, as far as the file must hold it.
struct sesparse_header {
	uint64_t capacity;                      // sectors
	uint32_t tables;                        // entries of the directory that the capacity needs
	struct sesparse_area volatile_header, directory, grain_tables, grains;
	uint64_t free_table;                    // the volatile header's: first table that is not used
};

enum sesparse_kind { SESPARSE_ABSENT, SESPARSE_UNMAPPED, SESPARSE_ZERO, SESPARSE_DATA, SESPARSE_BAD };

// What an entry of a grain table says. *GRAIN receives the number of the grain in the grains' area, for SESPARSE_DATA.
enum sesparse_kind sesparse_entry(uint64_t entry, uint64_t *grain);
// The number of the table that an entry of the directory names: -1 = none, -2 = not an entry.
int64_t sesparse_table_number(uint64_t entry);

// BYTES are the first sector of the file NAME with FILE_SIZE bytes. 0, or -EINVAL (damaged) or -ENOTSUP (a variant
// that nobody has described) with the field named in ERR. Any thread, as all of this header.
int sesparse_header_parse(const uint8_t bytes[SESPARSE_HEADER_SIZE], uint64_t file_size, const char *name,
			  struct sesparse_header *out, struct err *err);
// BYTES are the sector at volatile_header.at. -ENOTSUP also when a journal waits to be replayed.
int sesparse_volatile_parse(const uint8_t bytes[SESPARSE_HEADER_SIZE], const char *name, struct sesparse_header *h,
			    struct err *err);

#endif
