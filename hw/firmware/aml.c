// aml.c: writing ACPI machine language.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/firmware/aml.h"

#include <ctype.h>
#include <string.h>

#include "base/bytes.h"

enum aml_op {
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_WORD = 0x0b,
	AML_DWORD = 0x0c,
	AML_STRING = 0x0d,
	AML_QWORD = 0x0e,
	AML_SCOPE = 0x10,
	AML_BUFFER = 0x11,
	AML_PACKAGE = 0x12,
	AML_METHOD = 0x14,
	AML_DUAL_NAME = 0x2e,
	AML_MULTI_NAME = 0x2f,
	AML_EXT = 0x5b,
	AML_EXT_REGION = 0x80,
	AML_EXT_FIELD = 0x81,
	AML_EXT_DEVICE = 0x82,
	AML_EXT_PROCESSOR = 0x83,
	AML_ROOT = 0x5c,
	AML_LOCAL0 = 0x60,
	AML_ARG0 = 0x68,
	AML_STORE = 0x70,
	AML_NOTIFY = 0x86,
	AML_EQUAL = 0x93,
	AML_IF = 0xa0,
	AML_WHILE = 0xa2,
	AML_RETURN = 0xa4,
};

#define SEGMENT 4u
#define SERIALIZED 0x08u

// One segment: characters up to a dot or the end, padded. Returns where the next one begins, NULL at the end.
static const char *put_segment(struct blob *b, const char *s)
{
	size_t n = strcspn(s, ".");

	blob_text(b, s, n < SEGMENT ? n : SEGMENT, '_');
	for (size_t i = n; i < SEGMENT; i++)
		blob_u8(b, '_');
	return s[n] == '.' ? s + n + 1 : NULL;
}

void aml_path(struct blob *b, const char *path)
{
	unsigned segments = 1;

	if (*path == '\\') {
		blob_u8(b, AML_ROOT);
		path++;
	}
	if (!*path) {
		blob_u8(b, AML_ZERO);
		return;
	}
	for (const char *p = path; *p; p++)
		segments += *p == '.';
	if (segments == 2) {
		blob_u8(b, AML_DUAL_NAME);
	} else if (segments > 2) {
		blob_u8(b, AML_MULTI_NAME);
		blob_u8(b, segments);
	}
	while (path)
		path = put_segment(b, path);
}

static struct aml_mark mark(const struct blob *b)
{
	return (struct aml_mark){ b->len };
}

struct aml_mark aml_open_scope(struct blob *b, const char *path)
{
	struct aml_mark m;

	blob_u8(b, AML_SCOPE);
	m = mark(b);
	aml_path(b, path);
	return m;
}

struct aml_mark aml_open_device(struct blob *b, const char *name)
{
	struct aml_mark m;

	blob_u8(b, AML_EXT);
	blob_u8(b, AML_EXT_DEVICE);
	m = mark(b);
	aml_path(b, name);
	return m;
}

struct aml_mark aml_open_method(struct blob *b, const char *name, unsigned args)
{
	struct aml_mark m;

	blob_u8(b, AML_METHOD);
	m = mark(b);
	aml_path(b, name);
	blob_u8(b, (args & 7) | SERIALIZED);
	return m;
}

struct aml_mark aml_open_processor(struct blob *b, const char *name, uint8_t id, uint32_t p_blk,
				   uint8_t p_blk_len)
{
	struct aml_mark m;

	blob_u8(b, AML_EXT);
	blob_u8(b, AML_EXT_PROCESSOR);
	m = mark(b);
	aml_path(b, name);
	blob_u8(b, id);
	blob_u32(b, p_blk);
	blob_u8(b, p_blk_len);
	return m;
}

struct aml_mark aml_open_package(struct blob *b, unsigned count)
{
	struct aml_mark m;

	blob_u8(b, AML_PACKAGE);
	m = mark(b);
	blob_u8(b, count);
	return m;
}

// PkgLength counts itself: up to 63 bytes it is one byte; beyond, the first has the number of those that
// follow and the low four bits.
static unsigned encode_length(uint8_t out[4], size_t content)
{
	unsigned more = content + 1 <= 0x3f ? 0 : content + 2 <= 0xfff ? 1 : content + 3 <= 0xfffff ? 2 : 3;
	size_t total = content + 1 + more;

	if (!more) {
		out[0] = (uint8_t)total;
		return 1;
	}
	out[0] = (uint8_t)(more << 6 | (total & 0xf));
	for (unsigned i = 0; i < more; i++)
		out[1 + i] = (uint8_t)(total >> (4 + 8 * i));
	return 1 + more;
}

void aml_close(struct blob *b, struct aml_mark m)
{
	uint8_t length[4];
	unsigned n;

	if (b->failed)
		return;
	n = encode_length(length, b->len - m.at);
	blob_insert(b, m.at, length, n);
}

void aml_name(struct blob *b, const char *name)
{
	blob_u8(b, AML_NAME);
	aml_path(b, name);
}

void aml_int(struct blob *b, uint64_t v)
{
	if (v <= 1) {
		blob_u8(b, v ? AML_ONE : AML_ZERO);
		return;
	}
	if (v <= UINT8_MAX) {
		blob_u8(b, AML_BYTE);
		blob_u8(b, (unsigned)v);
	} else if (v <= UINT16_MAX) {
		blob_u8(b, AML_WORD);
		blob_u16(b, (unsigned)v);
	} else if (v <= UINT32_MAX) {
		blob_u8(b, AML_DWORD);
		blob_u32(b, (uint32_t)v);
	} else {
		blob_u8(b, AML_QWORD);
		blob_u64(b, v);
	}
}

void aml_string(struct blob *b, const char *s)
{
	blob_u8(b, AML_STRING);
	blob_put(b, s, strlen(s) + 1);
}

static unsigned hex_digit(char c)
{
	int value = isdigit((unsigned char)c) ? c - '0' : toupper((unsigned char)c) - 'A' + 10;

	return (unsigned)value & 0xf;
}

// Three letters of five bits each and four digits, most significant first, as a big-endian dword.
void aml_eisa_id(struct blob *b, const char *id)
{
	uint32_t v = 0;

	if (strlen(id) != 7) {
		b->failed = true;
		return;
	}
	for (unsigned i = 0; i < 3; i++)
		v = v << 5 | ((unsigned)(id[i] - '@') & 0x1f);
	for (unsigned i = 3; i < 7; i++)
		v = v << 4 | hex_digit(id[i]);
	blob_u8(b, AML_DWORD);
	blob_u8(b, v >> 24);
	blob_u8(b, v >> 16);
	blob_u8(b, v >> 8);
	blob_u8(b, v);
}

struct aml_mark aml_open_if(struct blob *b)
{
	blob_u8(b, AML_IF);
	return mark(b);
}

struct aml_mark aml_open_while(struct blob *b)
{
	blob_u8(b, AML_WHILE);
	return mark(b);
}

void aml_buffer(struct blob *b, const void *data, size_t len)
{
	struct aml_mark m;

	blob_u8(b, AML_BUFFER);
	m = mark(b);
	aml_int(b, len);
	blob_put(b, data, len);
	aml_close(b, m);
}

void aml_pci_region(struct blob *b, const char *name, uint8_t offset, uint8_t length)
{
	enum { PCI_CONFIG = 2 };

	blob_u8(b, AML_EXT);
	blob_u8(b, AML_EXT_REGION);
	aml_path(b, name);
	blob_u8(b, PCI_CONFIG);
	aml_int(b, offset);
	aml_int(b, length);
}

void aml_word_field(struct blob *b, const char *region, const char *unit, unsigned bits)
{
	enum { WORD_ACCESS = 2, ONE_BYTE_LENGTH = 0x3f };
	struct aml_mark m;

	if (bits > ONE_BYTE_LENGTH) {
		b->failed = true;
		return;
	}
	blob_u8(b, AML_EXT);
	blob_u8(b, AML_EXT_FIELD);
	m = mark(b);
	aml_path(b, region);
	blob_u8(b, WORD_ACCESS);
	aml_path(b, unit);
	blob_u8(b, bits);
	aml_close(b, m);
}

void aml_arg(struct blob *b, unsigned n)
{
	blob_u8(b, AML_ARG0 + (n < 7 ? n : 6));
}

void aml_local(struct blob *b, unsigned n)
{
	blob_u8(b, AML_LOCAL0 + (n < 8 ? n : 7));
}

void aml_store(struct blob *b)
{
	blob_u8(b, AML_STORE);
}

void aml_notify(struct blob *b, const char *path)
{
	blob_u8(b, AML_NOTIFY);
	aml_path(b, path);
}

void aml_equal(struct blob *b)
{
	blob_u8(b, AML_EQUAL);
}

void aml_return(struct blob *b)
{
	blob_u8(b, AML_RETURN);
}

bool aml_patch_dword(uint8_t *aml, size_t len, const char *name, uint32_t value)
{
	const size_t pattern = 1 + SEGMENT + 1;
	size_t found = 0, at = 0;

	for (size_t i = 0; len >= pattern + 4 && i <= len - pattern - 4; i++) {
		if (aml[i] == AML_NAME && !memcmp(aml + i + 1, name, SEGMENT) &&
		    aml[i + 1 + SEGMENT] == AML_DWORD) {
			at = i + pattern;
			found++;
		}
	}
	if (found != 1)
		return false;
	put_le32(aml + at, value);
	return true;
}
