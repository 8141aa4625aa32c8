// loader.h: the script by which firmware places tables in memory and joins them (etc/table-loader).
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Entries of 128 bytes, carried out in order: allocate a file somewhere, add its address to a field of
// another (or the same) file, mend a checksum. The addresses are known only to the firmware.
#ifndef BERTH_FIRMWARE_LOADER_H
#define BERTH_FIRMWARE_LOADER_H

#include <stdint.h>

#include "hw/firmware/blob.h"

#define LOADER_ENTRY 128u
#define LOADER_NAME  56u

enum loader_command { LOADER_ALLOCATE = 1, LOADER_ADD_POINTER = 2, LOADER_ADD_CHECKSUM = 3 };
enum loader_zone { LOADER_HIGH = 1, LOADER_FSEG = 2 };   // anywhere below 4 GiB; F0000h..FFFFFh

// Where things are inside an entry, behind the 32-bit command.
enum loader_layout {
	LOADER_FILE = 4,                // the file meant; of a pointer: the one that holds it
	LOADER_ALLOC_ALIGN = 60, LOADER_ALLOC_ZONE = 64,
	LOADER_POINTER_TO = 60, LOADER_POINTER_OFFSET = 116, LOADER_POINTER_SIZE = 120,
	LOADER_SUM_OFFSET = 60, LOADER_SUM_START = 64, LOADER_SUM_LENGTH = 68,
};

// Each appends one entry to SCRIPT. Names are shorter than LOADER_NAME. ALIGN is a power of two.
void loader_allocate(struct blob *script, const char *file, uint32_t align, enum loader_zone zone);
// Adds the address of TO to the SIZE bytes (1, 2, 4, 8) at OFFSET of FILE, which hold an offset within TO.
void loader_add_pointer(struct blob *script, const char *file, uint32_t offset, unsigned size,
			const char *to);
// Sets the byte at OFFSET of FILE so that the LENGTH bytes from START sum to zero. The byte must be zero
// before.
void loader_add_checksum(struct blob *script, const char *file, uint32_t offset, uint32_t start,
			 uint32_t length);

#endif
