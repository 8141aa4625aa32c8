// value.c: what the text of a .vmx value means.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmx/value.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"

static const struct { const char *word; bool value; } bool_words[] = {
	{ "true", true }, { "false", false }, { "1", true }, { "0", false }, { "yes", true }, { "no", false },
	{ "on", true }, { "off", false }, { "t", true }, { "f", false }, { "y", true }, { "n", false },
};

int value_bool(const char *text, bool *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(bool_words); i++) {
		if (!strcasecmp(text, bool_words[i].word)) {
			*out = bool_words[i].value;
			return 0;
		}
	}
	return -EINVAL;
}

static bool blank(char c) { return c == ' ' || c == '\t'; }

int value_int(const char *text, int64_t *out)
{
	const char *digits;
	long long v;
	char *end;

	while (blank(*text))
		text++;
	digits = text + (*text == '-' || *text == '+');
	if (!isdigit((unsigned char)*digits))
		return -EINVAL;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno == ERANGE)
		return -ERANGE;
	while (blank(*end))
		end++;
	if (*end)
		return -EINVAL;
	*out = v;
	return 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int value_uuid(const char *text, uint8_t out[16])
{
	uint8_t bytes[16];
	unsigned n = 0;

	for (; *text; text++) {
		int high, low;

		if (blank(*text) || *text == '-')
			continue;
		high = hex_value(text[0]);
		low = high < 0 ? -1 : hex_value(text[1]);
		if (low < 0 || n == sizeof(bytes))
			return -EINVAL;
		bytes[n++] = (uint8_t)(high << 4 | low);
		text++;
	}
	if (n != sizeof(bytes))
		return -EINVAL;
	memcpy(out, bytes, sizeof(bytes));
	return 0;
}

static int base64_value(char c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

int value_base64(const char *text, uint8_t *out, size_t size)
{
	uint32_t bits = 0;
	unsigned have = 0, padding = 0;
	size_t n = 0;

	for (; *text; text++) {
		int v = base64_value(*text);

		if (blank(*text))
			continue;
		if (*text == '=') {
			padding++;
			continue;
		}
		if (v < 0 || padding)
			return -EINVAL;
		bits = (bits << 6 | (uint32_t)v) & 0xffff;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (n == size)
			return -ERANGE;
		out[n++] = (uint8_t)(bits >> have);
	}
	return n == size && padding <= 2 && have < 6 ? 0 : -EINVAL;
}

int value_cpuid_mask(const char *text, char out[33])
{
	static const char letters[] = "-x01TFHR";
	unsigned n = 0;

	for (; *text; text++) {
		const char *at;

		if (*text == ':' || blank(*text))
			continue;
		at = strchr(letters, *text == 'X' ? 'x' : *text == 'x' ? 'x' : toupper((unsigned char)*text));
		if (!at || n == 32)
			return -EINVAL;
		out[n++] = *at;
	}
	out[n] = '\0';
	return n == 32 ? 0 : -EINVAL;
}
