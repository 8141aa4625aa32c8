// blob.h: a growing byte buffer that firmware tables are written into.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Running out of memory is remembered in `failed` and everything after it does nothing, so that a table can
// be written straight down and checked once at the end. Used by one thread at a time.
#ifndef BERTH_FIRMWARE_BLOB_H
#define BERTH_FIRMWARE_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOB_MAX (16u << 20)    // no firmware table comes near; stops a runaway builder

// Zeroed = empty and ready.
struct blob {
	uint8_t *data;          // owned; NULL while nothing was written
	size_t len, room;
	bool failed;
};

// Releases the buffer and makes B empty again.
void blob_free(struct blob *b);
void blob_put(struct blob *b, const void *data, size_t len);
void blob_u8(struct blob *b, unsigned v);
void blob_u16(struct blob *b, unsigned v);
void blob_u32(struct blob *b, uint32_t v);
void blob_u64(struct blob *b, uint64_t v);
void blob_zero(struct blob *b, size_t count);
// Pads with zeros to a multiple of ALIGN (a power of two).
void blob_align(struct blob *b, size_t align);
// The characters of S without its NUL, cut or padded with PAD to exactly LEN bytes.
void blob_text(struct blob *b, const char *s, size_t len, char pad);
// Makes room for LEN bytes at AT (at most b->len) by moving the rest up; the new bytes are DATA.
void blob_insert(struct blob *b, size_t at, const void *data, size_t len);
// Overwrites LEN bytes at AT; outside of what was written it does nothing.
void blob_patch(struct blob *b, size_t at, const void *data, size_t len);
void blob_patch_u16(struct blob *b, size_t at, unsigned v);
void blob_patch_u32(struct blob *b, size_t at, uint32_t v);
// The byte that makes the sum of LEN bytes at DATA zero, when the byte itself counts as 0 in it.
uint8_t blob_checksum(const void *data, size_t len);

#endif
