// vmdk_write_desc.c: writing descriptors and changing single lines of them.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/vmdk_write_desc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"

#define GIB_SECTORS (1ull << 21)
#define IDE_MAX_CYLINDERS 16383u

static const char *const access_words[] = {
	[VMDK_RW] = "RW", [VMDK_RDONLY] = "RDONLY", [VMDK_NOACCESS] = "NOACCESS" };

void vmdk_geometry(const char *adapter, uint64_t sectors, uint32_t *cylinders, uint32_t *heads, uint32_t *track_sectors)
{
	bool ide = !strcasecmp(adapter, "ide");
	uint64_t n;

	if (ide) {
		*heads = 16;
		*track_sectors = 63;
	} else if (sectors < 2 * GIB_SECTORS) {
		*heads = sectors < GIB_SECTORS ? 64 : 128;
		*track_sectors = 32;
	} else {
		*heads = 255;
		*track_sectors = 63;
	}
	n = sectors / (*heads * *track_sectors);
	if (ide && n > IDE_MAX_CYLINDERS)
		n = IDE_MAX_CYLINDERS;
	*cylinders = n ? (uint32_t)n : 1;
}

// --- a text that grows -----------------------------------------------------------------------------------

static bool reserve(struct desc_text *t, size_t more)
{
	size_t room = t->room ? t->room : 1024;
	char *data;

	if (t->failed)
		return false;
	while (room < t->len + more + 1)
		room *= 2;
	if (room == t->room)
		return true;
	data = realloc(t->data, room);
	if (!data) {
		t->failed = true;
		return false;
	}
	t->data = data;
	t->room = room;
	return true;
}

static PRINTF(2, 3) void add(struct desc_text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !reserve(t, (size_t)n))
		return;
	va_start(ap, fmt);
	vsnprintf(t->data + t->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	t->len += (size_t)n;
}

// LEN bytes at AT give way to PIECE.
static bool replace(struct desc_text *t, size_t at, size_t len, const char *piece)
{
	size_t n = strlen(piece);

	if (!reserve(t, n))
		return false;
	memmove(t->data + at + n, t->data + at + len, t->len - at - len + 1);
	memcpy(t->data + at, piece, n);
	t->len = t->len - len + n;
	return true;
}

void desc_text_free(struct desc_text *text)
{
	free(text->data);
	memset(text, 0, sizeof(*text));
}

// --- a whole descriptor ----------------------------------------------------------------------------------

void vmdk_write_extent(struct desc_text *text, const struct vmdk_extent *x)
{
	add(text, "%s %llu %s", access_words[x->access], (unsigned long long)x->sectors,
	    vmdk_extent_type_name(x->type));
	if (x->name)
		add(text, " \"%s\"", x->name);
	if (x->name && (x->type == VMDK_FLAT || x->offset))
		add(text, " %llu", (unsigned long long)x->offset);
	add(text, "\n");
}

static void add_uuid(struct desc_text *t, const uint8_t uuid[16])
{
	add(t, "ddb.uuid = \"");
	for (int i = 0; i < 16; i++)
		add(t, "%s%02x", i == 0 ? "" : i == 8 ? "-" : " ", uuid[i]);
	add(t, "\"\n");
}

static void add_database(struct desc_text *t, const struct vmdk_new_desc *d)
{
	add(t, "\n# The Disk Data Base \n#DDB\n\nddb.adapterType = \"%s\"\n", d->adapter);
	add(t, "ddb.geometry.cylinders = \"%u\"\nddb.geometry.heads = \"%u\"\nddb.geometry.sectors = \"%u\"\n",
	    d->cylinders, d->heads, d->track_sectors);
	add(t, "ddb.longContentID = \"");
	for (size_t i = 0; i < sizeof(d->long_cid); i++)
		add(t, "%02x", d->long_cid[i]);
	add(t, "%08x\"\n", d->cid);
	if (d->thin)
		add(t, "ddb.thinProvisioned = \"1\"\n");
	add_uuid(t, d->uuid);
	add(t, "ddb.virtualHWVersion = \"%u\"\n", d->hw_version);
}

void vmdk_write_desc(struct desc_text *text, const struct vmdk_new_desc *desc)
{
	add(text, "# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\nCID=%08x\nparentCID=%08x\n", desc->cid,
	    desc->parent_cid);
	add(text, "isNativeSnapshot=\"no\"\ncreateType=\"%s\"\n", desc->create_type);
	if (desc->parent_hint)
		add(text, "parentFileNameHint=\"%s\"\n", desc->parent_hint);
	add(text, "\n# Extent description\n");
	for (size_t i = 0; i < desc->count; i++)
		vmdk_write_extent(text, &desc->extents[i]);
	add_database(text, desc);
}

// --- changes ---------------------------------------------------------------------------------------------

// The line that begins at AT ends, without its line end, before the place that is returned.
static size_t line_end(const struct desc_text *t, size_t at)
{
	while (at < t->len && t->data[at] != '\n' && t->data[at] != '\r')
		at++;
	return at;
}

// CR, LF and CRLF end a line, as for the parser.
static size_t next_line(const struct desc_text *t, size_t end)
{
	if (end + 1 < t->len && t->data[end] == '\r' && t->data[end + 1] == '\n')
		return end + 2;
	return end < t->len ? end + 1 : end;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

// Where the value of KEY stands if the line [AT, END) assigns to it; 0 when not.
static size_t value_at(const struct desc_text *t, size_t at, size_t end, const char *key)
{
	size_t n = strlen(key);

	while (at < end && is_blank(t->data[at]))
		at++;
	if (end - at <= n || strncasecmp(t->data + at, key, n))
		return 0;
	at += n;
	while (at < end && is_blank(t->data[at]))
		at++;
	if (at == end || t->data[at] != '=')
		return 0;
	at++;
	while (at < end && is_blank(t->data[at]))
		at++;
	return at;
}

// The line of KEY: its start in *LINE and end in *END. Returns where the value stands, 0 = there is none.
static size_t find_key(const struct desc_text *t, const char *key, size_t *line, size_t *end)
{
	size_t at = 0;

	while (at < t->len) {
		size_t value;

		*line = at;
		*end = line_end(t, at);
		value = value_at(t, at, *end, key);
		if (value)
			return value;
		at = next_line(t, *end);
	}
	return 0;
}

bool desc_text_set(struct desc_text *text, const char *key, const char *value)
{
	bool ddb = !strncasecmp(key, "ddb.", 4);
	size_t line, end, at = find_key(text, key, &line, &end);

	if (!at) {
		if (text->len && text->data[text->len - 1] != '\n')
			add(text, "\n");
		add(text, ddb ? "%s = \"%s\"\n" : "%s=\"%s\"\n", key, value);
		return !text->failed;
	}
	if (at < end && text->data[at] == '"') {
		const char *quote = memchr(text->data + at + 1, '"', end - at - 1);

		at++;
		end = quote ? (size_t)(quote - text->data) : end;
	}
	return replace(text, at, end - at, value);
}

void desc_text_drop(struct desc_text *text, const char *key)
{
	size_t line, end;

	if (find_key(text, key, &line, &end))
		replace(text, line, next_line(text, end) - line, "");
}

// The start of line NUMBER (from 1); false when there are fewer.
static bool find_line(const struct desc_text *t, unsigned number, size_t *at)
{
	*at = 0;
	while (--number && *at < t->len)
		*at = next_line(t, line_end(t, *at));
	return *at < t->len;
}

bool desc_text_set_extent(struct desc_text *text, unsigned line, const struct vmdk_extent *x)
{
	struct desc_text piece = { 0 };
	size_t at;
	bool ok;

	if (!line || !find_line(text, line, &at))
		return false;
	vmdk_write_extent(&piece, x);
	if (piece.failed)
		return false;
	piece.data[--piece.len] = '\0';         // the line end that is there stays
	ok = replace(text, at, line_end(text, at) - at, piece.data);
	desc_text_free(&piece);
	return ok;
}

bool desc_text_add_extent(struct desc_text *text, unsigned line, const struct vmdk_extent *x)
{
	struct desc_text piece = { 0 };
	size_t at;
	bool ok;

	if (!line || !find_line(text, line, &at))
		return false;
	vmdk_write_extent(&piece, x);
	ok = !piece.failed && replace(text, next_line(text, line_end(text, at)), 0, piece.data);
	desc_text_free(&piece);
	return ok;
}
