// text.c: small conversions of what people type and VMs answer.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

size_t text_base64_decode(const char *text, unsigned char *out)
{
	unsigned bits = 0, have = 0;
	size_t n = 0;

	for (; *text && *text != '='; text++) {
		int d = digit(*text);

		if (d < 0)
			continue;
		bits = bits << 6 | (unsigned)d;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (unsigned char)(bits >> have);
		}
	}
	return n;
}

void text_unescape(const char *in, char *out)
{
	for (; *in; in++) {
		if (*in != '\\' || !in[1] || !strchr("nte\\", in[1])) {
			*out++ = *in;
			continue;
		}
		in++;
		*out++ = *in == 'n' ? '\n' : *in == 't' ? '\t' : *in == 'e' ? '\x1b' : '\\';
	}
	*out = '\0';
}

bool text_number(const char *text, long max, long *value)
{
	char *end;
	long v;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	v = strtol(text, &end, 10);
	if (*end || errno || v > max)
		return false;
	*value = v;
	return true;
}

// 80h to 9Fh are control characters, too: in UTF-8 C2h and the byte itself.
static bool is_control(const unsigned char *p)
{
	return *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f);
}

const char *text_printable(const char *text, char *buf, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = 0;

	for (; *p && n + 1 < size; p++) {
		if (is_control(p)) {
			buf[n++] = '?';
			p += *p == 0xc2;
		} else {
			buf[n++] = (char)*p;
		}
	}
	buf[n] = '\0';
	return buf;
}
