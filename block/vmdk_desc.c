// vmdk_desc.c: the line parser for VMDK descriptors. Tolerant in spelling, strict in numbers.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/vmdk_desc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"

#define MAX_EXTENTS 65536u
#define MAX_SECTORS (1ull << 37)        // 64 TiB, for one extent and for all together
#define MAX_NAME    4095u

static const char signature[] = "# disk descriptorfile";

// A stretch of the text; never owns it.
struct text {
	const char *p;
	size_t len;
};

struct parser {
	const char *start;
	struct text rest;
	const char *name;
	struct vmdk_desc *d;
	struct err *err;
	unsigned line;
	unsigned seen;                  // bit per entry of keys[]
};

static const char *const type_names[] = {
	[VMDK_FLAT] = "FLAT", [VMDK_SPARSE] = "SPARSE", [VMDK_ZERO] = "ZERO", [VMDK_VMFS] = "VMFS",
	[VMDK_VMFSSPARSE] = "VMFSSPARSE", [VMDK_SESPARSE] = "SESPARSE", [VMDK_VMFSRDM] = "VMFSRDM",
	[VMDK_VMFSRAW] = "VMFSRAW", [VMDK_VMFSPASSTHROUGH] = "VMFSPASSTHROUGHRAWDEVICEMAP",
};

static const char *const access_names[] = {
	[VMDK_RW] = "RW", [VMDK_RDONLY] = "RDONLY", [VMDK_NOACCESS] = "NOACCESS",
};

const char *vmdk_extent_type_name(enum vmdk_extent_type type)
{
	return (size_t)type < ARRAY_SIZE(type_names) ? type_names[type] : "unknown";
}

static int bad(const struct parser *p, const char *what)
{
	return err_set_at(p->err, EINVAL, p->name, (uint64_t)(p->rest.p - p->start),
			  "descriptor line %u: %s", p->line, what);
}

// --- small pieces of text --------------------------------------------------------------------------------

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\v' || c == '\f';
}

static struct text trim(struct text t)
{
	while (t.len && is_blank(t.p[0])) {
		t.p++;
		t.len--;
	}
	while (t.len && is_blank(t.p[t.len - 1]))
		t.len--;
	return t;
}

static bool same(struct text t, const char *word)
{
	return t.len == strlen(word) && !strncasecmp(t.p, word, t.len);
}

// Takes the next line off REST; CR, LF and CRLF end a line.
static bool next_line(struct text *rest, struct text *line)
{
	size_t n = 0;

	if (!rest->len)
		return false;
	while (n < rest->len && rest->p[n] != '\n' && rest->p[n] != '\r')
		n++;
	*line = (struct text){ rest->p, n };
	if (n + 1 < rest->len && rest->p[n] == '\r' && rest->p[n + 1] == '\n')
		n++;
	if (n < rest->len)
		n++;
	rest->p += n;
	rest->len -= n;
	return true;
}

// Takes a word off T, blanks around it dropped.
static struct text next_word(struct text *t)
{
	struct text word;

	*t = trim(*t);
	word = (struct text){ t->p, 0 };
	while (word.len < t->len && !is_blank(t->p[word.len]))
		word.len++;
	t->p += word.len;
	t->len -= word.len;
	*t = trim(*t);
	return word;
}

// Takes a quoted string off T, or a word. False when the closing quote is missing.
static bool next_string(struct text *t, struct text *out)
{
	const char *end;

	*t = trim(*t);
	if (!t->len || t->p[0] != '"') {
		*out = next_word(t);
		return true;
	}
	end = memchr(t->p + 1, '"', t->len - 1);
	if (!end)
		return false;
	*out = (struct text){ t->p + 1, (size_t)(end - t->p - 1) };
	t->len -= out->len + 2;
	t->p = end + 1;
	*t = trim(*t);
	return true;
}

static bool number(struct text t, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!t.len)
		return false;
	for (size_t i = 0; i < t.len; i++) {
		unsigned digit = (unsigned)(unsigned char)t.p[i] - '0';

		if (digit > 9 || digit > max || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// 1 to 8 digits: VMware writes all eight, others leave out the leading zeros.
static bool hex32(struct text t, uint32_t *out)
{
	uint32_t v = 0;

	if (!t.len || t.len > 8)
		return false;
	for (size_t i = 0; i < t.len; i++) {
		int digit = hex_digit(t.p[i]);

		if (digit < 0)
			return false;
		v = v << 4 | (uint32_t)digit;
	}
	*out = v;
	return true;
}

static char *copy_of(struct text t)
{
	char *s = malloc(t.len + 1);

	if (!s)
		return NULL;
	memcpy(s, t.p, t.len);
	s[t.len] = '\0';
	return s;
}

static int copy_short(const struct parser *p, char *to, size_t size, struct text t)
{
	if (t.len >= size)
		return bad(p, "the value is too long");
	memcpy(to, t.p, t.len);
	to[t.len] = '\0';
	return 0;
}

static struct vmdk_place place_of(const struct parser *p, struct text t)
{
	return (struct vmdk_place){ (size_t)(t.p - p->start), t.len };
}

// --- key = value -------------------------------------------------------------------------------------------

static int set_version(struct parser *p, struct text v)
{
	uint64_t n;

	if (!number(v, 4, &n) || !n)
		return bad(p, "the version is none of 1 to 4");
	p->d->version = (uint32_t)n;
	return 0;
}

static int set_encoding(struct parser *p, struct text v)
{
	return copy_short(p, p->d->encoding, sizeof(p->d->encoding), v);
}

static int set_create_type(struct parser *p, struct text v)
{
	return copy_short(p, p->d->create_type, sizeof(p->d->create_type), v);
}

static int set_cid(struct parser *p, struct text v)
{
	if (!hex32(v, &p->d->cid))
		return bad(p, "the CID is not a number of 1 to 8 hexadecimal digits");
	p->d->cid_digits = place_of(p, v);
	return 0;
}

static int set_parent_cid(struct parser *p, struct text v)
{
	return hex32(v, &p->d->parent_cid) ? 0 :
		bad(p, "the parentCID is not a number of 1 to 8 hexadecimal digits");
}

static int set_path(struct parser *p, char **to, struct text v)
{
	if (!v.len)
		return 0;
	if (v.len > MAX_NAME)
		return bad(p, "the file name is too long");
	*to = copy_of(v);
	return *to ? 0 : err_set(p->err, ENOMEM, p->name, "no memory for its descriptor");
}

static int set_parent_hint(struct parser *p, struct text v)
{
	return set_path(p, &p->d->parent_hint, v);
}

static int set_change_track(struct parser *p, struct text v)
{
	return set_path(p, &p->d->change_track, v);
}

// The disk database is advice: what cannot be read there is left at zero.
static uint32_t advice(struct text v)
{
	uint64_t n;

	return number(v, UINT32_MAX, &n) ? (uint32_t)n : 0;
}

static int set_cylinders(struct parser *p, struct text v)
{
	p->d->cylinders = advice(v);
	return 0;
}

static int set_heads(struct parser *p, struct text v)
{
	p->d->heads = advice(v);
	return 0;
}

static int set_track_sectors(struct parser *p, struct text v)
{
	p->d->track_sectors = advice(v);
	return 0;
}

static int set_adapter(struct parser *p, struct text v)
{
	if (v.len < sizeof(p->d->adapter))
		return copy_short(p, p->d->adapter, sizeof(p->d->adapter), v);
	return 0;
}

// "60 00 C2 9a 1b 2c 3d 4e-5f 60 ..": sixteen pairs of digits, anything blank or a dash between them.
static int set_uuid(struct parser *p, struct text v)
{
	uint8_t bytes[16];
	size_t n = 0, i = 0;

	while (i < v.len) {
		int high, low;

		if (is_blank(v.p[i]) || v.p[i] == '-') {
			i++;
			continue;
		}
		high = hex_digit(v.p[i]);
		low = i + 1 < v.len ? hex_digit(v.p[i + 1]) : -1;
		if (high < 0 || low < 0 || n == sizeof(bytes))
			return 0;
		bytes[n++] = (uint8_t)(high << 4 | low);
		i += 2;
	}
	if (n == sizeof(bytes)) {
		memcpy(p->d->uuid, bytes, sizeof(bytes));
		p->d->has_uuid = true;
	}
	return 0;
}

static int set_long_cid(struct parser *p, struct text v)
{
	if (v.len != 32)
		return 0;
	for (size_t i = 0; i < v.len; i++) {
		if (hex_digit(v.p[i]) < 0)
			return 0;
	}
	p->d->long_cid_tail = place_of(p, (struct text){ v.p + 24, 8 });
	return 0;
}

static const struct {
	const char *key;
	int (*set)(struct parser *p, struct text value);
} keys[] = {
	{ "version", set_version },
	{ "encoding", set_encoding },
	{ "CID", set_cid },
	{ "parentCID", set_parent_cid },
	{ "createType", set_create_type },
	{ "parentFileNameHint", set_parent_hint },
	{ "changeTrackPath", set_change_track },
	{ "ddb.geometry.cylinders", set_cylinders },
	{ "ddb.geometry.heads", set_heads },
	{ "ddb.geometry.sectors", set_track_sectors },
	{ "ddb.uuid", set_uuid },
	{ "ddb.longContentID", set_long_cid },
	{ "ddb.adapterType", set_adapter },
};

static int assignment(struct parser *p, struct text line)
{
	const char *eq = memchr(line.p, '=', line.len);
	struct text key, rest, value;

	if (!eq)
		return bad(p, "neither an extent nor a key with a value");
	key = trim((struct text){ line.p, (size_t)(eq - line.p) });
	rest = (struct text){ eq + 1, line.len - key.len };
	rest.len = (size_t)(line.p + line.len - rest.p);
	rest = trim(rest);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!same(key, keys[i].key))
			continue;
		if (p->seen & 1u << i)
			return bad(p, "the key appears for the second time");
		p->seen |= 1u << i;
		if (rest.len && rest.p[0] == '"') {
			if (!next_string(&rest, &value) || rest.len)
				return bad(p, "the quotes around the value do not match");
		} else {
			value = rest;
		}
		return keys[i].set(p, value);
	}
	return 0;       // kept: nothing but known digits is ever rewritten
}

// --- extents -----------------------------------------------------------------------------------------------

static bool find_name(struct text word, const char *const *names, size_t count, unsigned *out)
{
	for (size_t i = 0; i < count; i++) {
		if (same(word, names[i])) {
			*out = (unsigned)i;
			return true;
		}
	}
	return false;
}

static struct vmdk_extent *new_extent(struct parser *p)
{
	struct vmdk_desc *d = p->d;

	if (d->count == d->room) {
		size_t room = d->room ? d->room * 2 : 8;
		struct vmdk_extent *extents = realloc(d->extents, room * sizeof(extents[0]));

		if (!extents)
			return NULL;
		d->extents = extents;
		d->room = room;
	}
	d->extents[d->count] = (struct vmdk_extent){ .line = p->line };
	return &d->extents[d->count++];
}

static int extent_file(struct parser *p, struct vmdk_extent *x, struct text rest)
{
	struct text name, word;

	if (!rest.len)
		return x->type == VMDK_ZERO || x->access == VMDK_NOACCESS ? 0
									  : bad(p, "the extent has no file");
	if (!next_string(&rest, &name))
		return bad(p, "the quote after the extent's file name is missing");
	if (!name.len || name.len > MAX_NAME)
		return bad(p, "the extent's file name is empty or too long");
	word = next_word(&rest);
	if (word.len && !number(word, MAX_SECTORS, &x->offset))
		return bad(p, "the extent's offset is not a sensible number of sectors");
	x->name = copy_of(name);
	return x->name ? 0 : err_set(p->err, ENOMEM, p->name, "no memory for its descriptor");
}

static int extent_line(struct parser *p, enum vmdk_access access, struct text rest)
{
	struct text count = next_word(&rest), word = next_word(&rest);
	struct vmdk_extent *x;
	uint64_t sectors;
	unsigned type;

	if (!number(count, MAX_SECTORS, &sectors) || !sectors)
		return bad(p, "the extent's size is not a sensible number of sectors");
	if (!find_name(word, type_names, ARRAY_SIZE(type_names), &type))
		return bad(p, "the extent's type is unknown");
	if (p->d->count >= MAX_EXTENTS || sectors > MAX_SECTORS - p->d->sectors)
		return bad(p, "the extents together are larger than any disk");
	x = new_extent(p);
	if (!x)
		return err_set(p->err, ENOMEM, p->name, "no memory for its descriptor");
	x->access = access;
	x->type = (enum vmdk_extent_type)type;
	x->sectors = sectors;
	p->d->sectors += sectors;
	return extent_file(p, x, rest);
}

// --- the whole ---------------------------------------------------------------------------------------------

static int one_line(struct parser *p, struct text line)
{
	struct text rest, word;
	unsigned access;

	line = trim(line);
	if (!line.len || line.p[0] == '#')
		return 0;
	rest = line;
	word = next_word(&rest);
	// "RW = 1" would be a key of that name.
	if (find_name(word, access_names, ARRAY_SIZE(access_names), &access) && rest.len && rest.p[0] != '=')
		return extent_line(p, (enum vmdk_access)access, rest);
	return assignment(p, line);
}

static struct text without_bom(const char *text, size_t len)
{
	struct text t = { text, strnlen(text, len) };

	if (t.len >= 3 && !memcmp(t.p, "\xef\xbb\xbf", 3)) {
		t.p += 3;
		t.len -= 3;
	}
	return t;
}

bool vmdk_desc_is_text(const char *text, size_t len)
{
	struct text rest = without_bom(text, MIN(len, 65536u)), line;

	while (next_line(&rest, &line)) {
		line = trim(line);
		if (line.len && line.p[0] != '#')
			return false;
		if (line.len >= sizeof(signature) - 1 &&
		    !strncasecmp(line.p, signature, sizeof(signature) - 1))
			return true;
	}
	return false;
}

int vmdk_desc_parse(const char *text, size_t len, const char *name, struct vmdk_desc *out, struct err *err)
{
	struct parser p = { .start = text, .rest = without_bom(text, len), .name = name, .d = out, .err = err };
	struct text line;
	int r = 0;

	memset(out, 0, sizeof(*out));
	out->version = 1;
	out->parent_cid = VMDK_NO_PARENT;
	if (len > VMDK_DESC_MAX)
		return err_set(err, EFBIG, name, "the descriptor has more than 10 MiB of text");
	if (!vmdk_desc_is_text(text, len))
		return err_set(err, EINVAL, name,
			       "is not a VMDK descriptor: \"# Disk DescriptorFile\" is missing");
	while (!r && next_line(&p.rest, &line)) {
		p.line++;
		r = one_line(&p, line);
	}
	if (!r && !out->count)
		r = err_set(err, EINVAL, name, "the descriptor names no extent");
	if (r < 0)
		vmdk_desc_free(out);
	return r;
}

void vmdk_desc_free(struct vmdk_desc *desc)
{
	for (size_t i = 0; i < desc->count; i++)
		free(desc->extents[i].name);
	free(desc->extents);
	free(desc->parent_hint);
	free(desc->change_track);
	memset(desc, 0, sizeof(*desc));
}
