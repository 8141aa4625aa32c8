// blob.c: a growing byte buffer that firmware tables are written into.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/firmware/blob.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

void blob_free(struct blob *b)
{
	free(b->data);
	*b = (struct blob){ 0 };
}

static bool reserve(struct blob *b, size_t more)
{
	size_t room = b->room ? b->room : 256;
	uint8_t *grown;

	if (b->failed || more > BLOB_MAX || b->len + more > BLOB_MAX) {
		b->failed = true;
		return false;
	}
	if (b->len + more <= b->room)
		return true;
	while (room < b->len + more)
		room *= 2;
	grown = realloc(b->data, room);
	if (!grown) {
		b->failed = true;
		return false;
	}
	b->data = grown;
	b->room = room;
	return true;
}

void blob_put(struct blob *b, const void *data, size_t len)
{
	if (!len || !reserve(b, len))
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

void blob_u8(struct blob *b, unsigned v)
{
	uint8_t byte = (uint8_t)v;

	blob_put(b, &byte, sizeof(byte));
}

void blob_u16(struct blob *b, unsigned v)
{
	uint8_t bytes[2];

	put_le16(bytes, (uint16_t)v);
	blob_put(b, bytes, sizeof(bytes));
}

void blob_u32(struct blob *b, uint32_t v)
{
	uint8_t bytes[4];

	put_le32(bytes, v);
	blob_put(b, bytes, sizeof(bytes));
}

void blob_u64(struct blob *b, uint64_t v)
{
	uint8_t bytes[8];

	put_le64(bytes, v);
	blob_put(b, bytes, sizeof(bytes));
}

void blob_zero(struct blob *b, size_t count)
{
	if (!count || !reserve(b, count))
		return;
	memset(b->data + b->len, 0, count);
	b->len += count;
}

void blob_align(struct blob *b, size_t align)
{
	blob_zero(b, (align - b->len % align) % align);
}

void blob_text(struct blob *b, const char *s, size_t len, char pad)
{
	size_t n = strnlen(s, len);

	blob_put(b, s, n);
	for (; n < len; n++)
		blob_u8(b, (unsigned char)pad);
}

void blob_insert(struct blob *b, size_t at, const void *data, size_t len)
{
	if (!len || at > b->len || !reserve(b, len))
		return;
	memmove(b->data + at + len, b->data + at, b->len - at);
	memcpy(b->data + at, data, len);
	b->len += len;
}

void blob_patch(struct blob *b, size_t at, const void *data, size_t len)
{
	if (!b->failed && at <= b->len && len <= b->len - at && len)
		memcpy(b->data + at, data, len);
}

void blob_patch_u16(struct blob *b, size_t at, unsigned v)
{
	uint8_t bytes[2];

	put_le16(bytes, (uint16_t)v);
	blob_patch(b, at, bytes, sizeof(bytes));
}

void blob_patch_u32(struct blob *b, size_t at, uint32_t v)
{
	uint8_t bytes[4];

	put_le32(bytes, v);
	blob_patch(b, at, bytes, sizeof(bytes));
}

uint8_t blob_checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *p++);
	return (uint8_t)-sum;
}
