// loader.c: writing the script by which firmware places tables in memory.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/firmware/loader.h"

#include "base/bytes.h"

static void put_name(uint8_t *to, const char *name)
{
	memcpy(to, name, strnlen(name, LOADER_NAME - 1));
}

static void begin(uint8_t entry[LOADER_ENTRY], enum loader_command command, const char *file)
{
	memset(entry, 0, LOADER_ENTRY);
	put_le32(entry, command);
	put_name(entry + LOADER_FILE, file);
}

void loader_allocate(struct blob *script, const char *file, uint32_t align, enum loader_zone zone)
{
	uint8_t entry[LOADER_ENTRY];

	begin(entry, LOADER_ALLOCATE, file);
	put_le32(entry + LOADER_ALLOC_ALIGN, align);
	entry[LOADER_ALLOC_ZONE] = (uint8_t)zone;
	blob_put(script, entry, sizeof(entry));
}

void loader_add_pointer(struct blob *script, const char *file, uint32_t offset, unsigned size, const char *to)
{
	uint8_t entry[LOADER_ENTRY];

	begin(entry, LOADER_ADD_POINTER, file);
	put_name(entry + LOADER_POINTER_TO, to);
	put_le32(entry + LOADER_POINTER_OFFSET, offset);
	entry[LOADER_POINTER_SIZE] = (uint8_t)size;
	blob_put(script, entry, sizeof(entry));
}

void loader_add_checksum(struct blob *script, const char *file, uint32_t offset, uint32_t start,
			 uint32_t length)
{
	uint8_t entry[LOADER_ENTRY];

	begin(entry, LOADER_ADD_CHECKSUM, file);
	put_le32(entry + LOADER_SUM_OFFSET, offset);
	put_le32(entry + LOADER_SUM_START, start);
	put_le32(entry + LOADER_SUM_LENGTH, length);
	blob_put(script, entry, sizeof(entry));
}
