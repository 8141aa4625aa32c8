// line.c: one line of a VMware dictionary: scanning, unescaping, escaping.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmx/line.h"

#include <stdlib.h>
#include <string.h>

static bool is_ws(char c) { return c == ' ' || c == '\t'; }
static bool is_name(char c) { return c && !is_ws(c) && c != '#' && c != '='; }

static const char *skip_ws(const char *p, const char *end)
{
	while (p < end && is_ws(*p))
		p++;
	return p;
}

static void malformed(struct vmx_line *out, const char *fault)
{
	out->kind = VMX_LINE_MALFORMED;
	out->fault = fault;
}

// Behind a value only blanks and a comment may stand.
static void check_rest(const char *p, const char *end, struct vmx_line *out)
{
	p = skip_ws(p, end);
	if (p < end && *p != '#')
		malformed(out, out->quoted ? "something follows the closing quote"
					   : "an unquoted value holds a space; put quotes around it");
}

// Files that other tools make have values without the closing quote. The value then reaches to the last
// byte that is no blank.
static void take_unterminated(const char *p, const char *end, struct vmx_line *out)
{
	while (end > p && is_ws(end[-1]))
		end--;
	out->value = p;
	out->value_len = (size_t)(end - p);
	out->unterminated = true;
}

static void scan_quoted(const char *p, const char *end, struct vmx_line *out)
{
	const char *quote = memchr(p, '"', (size_t)(end - p));

	out->quoted = true;
	if (memchr(p, '\0', (size_t)((quote ? quote : end) - p))) {
		malformed(out, "it holds a NUL byte");
		return;
	}
	if (!quote) {
		take_unterminated(p, end, out);
		return;
	}
	out->value = p;
	out->value_len = (size_t)(quote - p);
	check_rest(quote + 1, end, out);
}

static void scan_value(const char *p, const char *end, struct vmx_line *out)
{
	const char *start;

	if (p < end && *p == '"') {
		scan_quoted(p + 1, end, out);
		return;
	}
	start = p;
	while (p < end && !is_ws(*p) && *p != '#' && *p)
		p++;
	if (p < end && !*p) {
		malformed(out, "it holds a NUL byte");
		return;
	}
	out->value = start;
	out->value_len = (size_t)(p - start);
	check_rest(p, end, out);
}

void vmx_line_scan(const char *text, size_t len, struct vmx_line *out)
{
	const char *end = text + len;
	const char *p = skip_ws(text, end);

	*out = (struct vmx_line){ .kind = VMX_LINE_RAW };
	if (p == end || *p == '#')
		return;
	out->kind = VMX_LINE_ENTRY;
	out->name = p;
	while (p < end && is_name(*p))
		p++;
	out->name_len = (size_t)(p - out->name);
	p = skip_ws(p, end);
	if (!out->name_len) {
		malformed(out, "the name in front of '=' is missing");
		return;
	}
	if (p == end || *p != '=') {
		malformed(out, "there is no '=' behind the name");
		return;
	}
	scan_value(skip_ws(p + 1, end), end, out);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

// A bar that is no escape: VMware's scanner takes the byte that disappointed it along, so "||22" stays as it
// is.
static size_t copy_literal(char *dst, size_t *n, const char *src, size_t i, size_t len)
{
	bool more;

	dst[(*n)++] = src[i++];
	do {
		more = i < len && hex_digit(src[i]) >= 0;
		if (i < len)
			dst[(*n)++] = src[i++];
	} while (more);
	return i;
}

size_t vmx_unescape(char *dst, const char *src, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len;) {
		if (src[i] != '|') {
			dst[n++] = src[i++];
		} else if (len - i > 2 && hex_digit(src[i + 1]) >= 0 && hex_digit(src[i + 2]) >= 0) {
			dst[n++] = (char)(hex_digit(src[i + 1]) << 4 | hex_digit(src[i + 2]));
			i += 3;
		} else {
			i = copy_literal(dst, &n, src, i, len);
		}
	}
	return n;
}

static bool must_escape(unsigned char c)
{
	return (c < 0x20 && c != '\t') || c == '"' || c == '|' || c == 0x7f;
}

char *vmx_escape(const char *value, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = malloc(len * 3 + 1);
	size_t n = 0;

	if (!out)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];

		if (!must_escape(c)) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '|';
		out[n++] = digits[c >> 4];
		out[n++] = digits[c & 15];
	}
	out[n] = '\0';
	return out;
}

bool vmx_name_ok(const char *name)
{
	if (!name || !*name)
		return false;
	for (; *name; name++) {
		if (!is_name(*name) || (unsigned char)*name < 0x20 || *name == 0x7f)
			return false;
	}
	return true;
}
