// charset.c: text encodings of dictionaries, through iconv.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmx/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"

struct charset {
	iconv_t to, from;
};

#define NO_ICONV ((iconv_t)-1)

// What Windows calls Shift_JIS, GBK and Big5 are its code pages. The namesakes of iconv differ in a few
// characters, Shift_JIS even in the backslash.
static const struct { const char *name, *iconv; } aliases[] = {
	{ "shift_jis", "CP932" },
	{ "sjis", "CP932" },
	{ "windows-31j", "CP932" },
	{ "gbk", "CP936" },
	{ "gb2312", "CP936" },
	{ "big5", "CP950" },
	{ "ks_c_5601-1987", "CP949" },
};

static const char *iconv_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
		if (!strcasecmp(name, aliases[i].name))
			return aliases[i].iconv;
	}
	return name;
}

static int run(iconv_t cd, const char *in, size_t len, char **out, size_t *out_len)
{
	size_t room = len * 4 + 16;
	char *buf = malloc(room + 1), *src = (char *)(uintptr_t)in, *dst = buf;
	size_t left = room;

	if (!buf)
		return -ENOMEM;
	iconv(cd, NULL, NULL, NULL, NULL);
	// A positive result counts characters that were only approximated: those would not come back.
	if (iconv(cd, &src, &len, &dst, &left) != 0 || iconv(cd, NULL, NULL, &dst, &left) == (size_t)-1) {
		free(buf);
		return -EILSEQ;
	}
	*out_len = room - left;
	buf[*out_len] = '\0';
	*out = buf;
	return 0;
}

// The line grammar works on the undecoded bytes, so every ASCII byte must mean itself.
static bool is_ascii_superset(struct charset *cs)
{
	char ascii[0x7f - 0x20], *out = NULL;
	size_t len = 0;
	bool ok;

	for (size_t i = 0; i < sizeof(ascii); i++)
		ascii[i] = (char)(0x20 + i);
	if (run(cs->to, ascii, sizeof(ascii), &out, &len) < 0)
		return false;
	ok = len == sizeof(ascii) && !memcmp(out, ascii, len);
	free(out);
	return ok;
}

int charset_open(const char *name, size_t len, struct charset **out)
{
	char copy[64];
	struct charset *cs;

	*out = NULL;
	if (len == 0 || len >= sizeof(copy) || memchr(name, '\0', len) || memchr(name, '/', len))
		return -EINVAL;
	memcpy(copy, name, len);
	copy[len] = '\0';
	if (!strcasecmp(copy, "utf-8") || !strcasecmp(copy, "utf8"))
		return 0;
	cs = malloc(sizeof(*cs));
	if (!cs)
		return -ENOMEM;
	cs->to = iconv_open("UTF-8", iconv_name(copy));
	cs->from = iconv_open(iconv_name(copy), "UTF-8");
	if (cs->to == NO_ICONV || cs->from == NO_ICONV || !is_ascii_superset(cs)) {
		charset_close(cs);
		return -EINVAL;
	}
	*out = cs;
	return 0;
}

void charset_close(struct charset *cs)
{
	if (!cs)
		return;
	if (cs->to != NO_ICONV)
		iconv_close(cs->to);
	if (cs->from != NO_ICONV)
		iconv_close(cs->from);
	free(cs);
}

static int copy_bytes(const char *in, size_t len, char **out, size_t *out_len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, in, len);
	copy[len] = '\0';
	*out = copy;
	*out_len = len;
	return 0;
}

static bool all_ascii(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)s[i] >= 0x80)
			return false;
	}
	return true;
}

int charset_to_utf8(struct charset *cs, const char *in, size_t len, char **out, size_t *out_len)
{
	if (cs && !all_ascii(in, len))
		return run(cs->to, in, len, out, out_len);
	if (!cs && !utf8_valid(in, len))
		return -EILSEQ;
	return copy_bytes(in, len, out, out_len);
}

int charset_from_utf8(struct charset *cs, const char *in, size_t len, char **out, size_t *out_len)
{
	if (cs && !all_ascii(in, len))
		return run(cs->from, in, len, out, out_len);
	return copy_bytes(in, len, out, out_len);
}

// Length of the character at S, 0 when it is not one.
static size_t utf8_char(const unsigned char *s, size_t len)
{
	static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned long c;
	size_t n;

	if (s[0] < 0x80)
		return 1;
	n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || n > len)
		return 0;
	c = s[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return n;
}

bool utf8_valid(const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = utf8_char((const unsigned char *)s + i, len - i);

		if (!n)
			return false;
		i += n;
	}
	return true;
}

char *utf8_clean(const char *s, size_t len)
{
	char *out = malloc(len + 1);

	if (!out)
		return NULL;
	for (size_t i = 0; i < len;) {
		size_t n = utf8_char((const unsigned char *)s + i, len - i);

		if (!n || (unsigned char)s[i] < 0x20 || s[i] == 0x7f) {
			out[i++] = '?';
			continue;
		}
		memcpy(out + i, s + i, n);
		i += n;
	}
	out[len] = '\0';
	return out;
}
