// acpi_loader.h: for tests: places the ACPI files in a small memory as firmware does, and looks tables up.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_TESTS_ACPI_LOADER_H
#define BERTH_TESTS_ACPI_LOADER_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "hw/firmware/acpi.h"
#include "hw/firmware/loader.h"

#define LOADED_RSDP   0x000f6a00u
#define LOADED_TABLES 0xbfee0000u

// The files as they are after the script ran: contents, and where they would be.
struct loaded {
	struct loaded_file {
		const char *name;
		uint8_t *data;
		size_t len;
		uint32_t address;
		bool placed;
	} file[2];
};

static inline struct loaded_file *loaded_file(struct loaded *l, const uint8_t *name)
{
	ck_assert_uint_eq(name[LOADER_NAME - 1], 0);
	for (size_t i = 0; i < 2; i++) {
		if (!strcmp(l->file[i].name, (const char *)name))
			return &l->file[i];
	}
	ck_abort_msg("the script names %s", (const char *)name);
	return NULL;
}

static inline void loaded_allocate(struct loaded *l, const uint8_t *entry)
{
	struct loaded_file *f = loaded_file(l, entry + LOADER_FILE);
	uint32_t align = get_le32(entry + LOADER_ALLOC_ALIGN);

	ck_assert(!f->placed);
	ck_assert(align && !(align & (align - 1)));
	ck_assert_uint_eq(f->address % align, 0);
	ck_assert_uint_eq(entry[LOADER_ALLOC_ZONE], f->address < 0x100000 ? LOADER_FSEG : LOADER_HIGH);
	f->placed = true;
}

static inline void loaded_pointer(struct loaded *l, const uint8_t *entry)
{
	struct loaded_file *f = loaded_file(l, entry + LOADER_FILE),
			   *to = loaded_file(l, entry + LOADER_POINTER_TO);
	uint32_t offset = get_le32(entry + LOADER_POINTER_OFFSET);
	unsigned size = entry[LOADER_POINTER_SIZE];
	uint64_t v;

	ck_assert(f->placed && to->placed);
	ck_assert(size == 4 || size == 8);
	ck_assert_uint_le(offset + size, f->len);
	v = get_le(f->data + offset, size);
	ck_assert_uint_lt(v, to->len);
	put_le(f->data + offset, size, v + to->address);
}

static inline void loaded_checksum(struct loaded *l, const uint8_t *entry)
{
	struct loaded_file *f = loaded_file(l, entry + LOADER_FILE);
	uint32_t offset = get_le32(entry + LOADER_SUM_OFFSET);
	uint32_t start = get_le32(entry + LOADER_SUM_START), length = get_le32(entry + LOADER_SUM_LENGTH);

	ck_assert(f->placed);
	ck_assert_uint_lt(offset, f->len);
	ck_assert_uint_le((uint64_t)start + length, f->len);
	f->data[offset] = (uint8_t)(f->data[offset] + blob_checksum(f->data + start, length));
}

static inline void loaded_run(struct loaded *l, const struct acpi_files *files)
{
	*l = (struct loaded){ .file = {
		{ "etc/acpi/rsdp", files->rsdp.data, files->rsdp.len, LOADED_RSDP, false },
		{ "etc/acpi/tables", files->tables.data, files->tables.len, LOADED_TABLES, false },
	} };
	ck_assert_uint_eq(files->script.len % LOADER_ENTRY, 0);
	for (size_t at = 0; at < files->script.len; at += LOADER_ENTRY) {
		const uint8_t *entry = files->script.data + at;

		switch (get_le32(entry)) {
		case LOADER_ALLOCATE: loaded_allocate(l, entry); break;
		case LOADER_ADD_POINTER: loaded_pointer(l, entry); break;
		case LOADER_ADD_CHECKSUM: loaded_checksum(l, entry); break;
		default: ck_abort_msg("unknown command %u", get_le32(entry));
		}
	}
}

// The bytes at ADDRESS, of which at least LEN are there.
static inline uint8_t *loaded_at(struct loaded *l, uint64_t address, size_t len)
{
	for (size_t i = 0; i < 2; i++) {
		struct loaded_file *f = &l->file[i];

		if (address >= f->address && address - f->address <= f->len &&
		    len <= f->len - (address - f->address))
			return f->data + (address - f->address);
	}
	ck_abort_msg("nothing is at %#llx", (unsigned long long)address);
	return NULL;
}

// The table with SIGNATURE in the list at ROOT (RSDT: WIDTH 4, XSDT: 8), its sum checked; NULL when there is
// none.
static inline uint8_t *loaded_table(struct loaded *l, uint64_t root, unsigned width, const char *signature)
{
	uint8_t *list = loaded_at(l, root, 36);
	size_t len = get_le32(list + 4);

	loaded_at(l, root, len);
	ck_assert_uint_eq(blob_checksum(list, len), 0);
	for (size_t at = 36; at + width <= len; at += width) {
		uint64_t address = get_le(list + at, width);
		uint8_t *table = loaded_at(l, address, 36);

		loaded_at(l, address, get_le32(table + 4));
		ck_assert_msg(blob_checksum(table, get_le32(table + 4)) == 0, "sum of %.4s", (char *)table);
		if (!memcmp(table, signature, 4))
			return table;
	}
	return NULL;
}

#endif
