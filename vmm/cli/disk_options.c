// disk_options.c: options, sizes and types of `berth disk`.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/disk_cmd.h"

#define OPTIONS_MAX 14
#define OPTION_BASE 256

int disk_usage_error(const char *command, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "berth disk %s: ", command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ". Try `berth disk %s --help`.\n", command);
	return EXIT_USAGE;
}

static void fill(const struct disk_option *o, struct option *longs, char *shorts)
{
	int n = 0;

	*shorts++ = 'h';
	for (; o[n].name && n < OPTIONS_MAX; n++) {
		longs[n] = (struct option){ o[n].name, o[n].value ? required_argument : no_argument, NULL,
					    OPTION_BASE + n };
		if (!o[n].letter)
			continue;
		*shorts++ = o[n].letter;
		if (o[n].value)
			*shorts++ = ':';
	}
	*shorts = '\0';
	longs[n++] = (struct option){ "help", no_argument, NULL, 'h' };
	longs[n] = (struct option){ 0 };
}

static const struct disk_option *find(const struct disk_option *o, int c)
{
	if (c >= OPTION_BASE)
		return &o[c - OPTION_BASE];
	while (o->name && o->letter != c)
		o++;
	return o->name ? o : NULL;
}

int disk_parse(int argc, char **argv, const struct cli_usage *usage, const struct disk_option *options)
{
	struct option longs[OPTIONS_MAX + 2];
	char shorts[2 * OPTIONS_MAX + 2];
	int c, operands;

	fill(options, longs, shorts);
	optind = 1;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct disk_option *o = c == '?' ? NULL : find(options, c);

		if (c == 'h') {
			fputs(usage->text, stdout);
			return 0;
		}
		if (!o)
			return disk_usage_error(argv[0], "see above");
		if (o->seen)
			*o->seen = true;
		if (o->value)
			*o->value = optarg;
	}
	operands = argc - optind;
	if (operands < usage->min_args)
		return disk_usage_error(argv[0], "something is missing");
	if (operands > usage->max_args)
		return disk_usage_error(argv[0], "too many arguments");
	return -1;
}

// Bytes for what follows the number: nothing counts UNIT.
static bool suffix_bytes(const char *suffix, uint64_t unit, double *factor)
{
	static const char letters[] = "KMGT";
	const char *found;

	if (!*suffix) {
		*factor = (double)unit;
		return true;
	}
	found = strchr(letters, *suffix & ~0x20);
	if (!found || !*found)
		return !strcasecmp(suffix, "B") ? (*factor = 1, true) : false;
	*factor = (double)(1ull << 10 * (found - letters + 1));
	suffix++;
	return !*suffix || !strcasecmp(suffix, "B") || !strcasecmp(suffix, "iB");
}

bool disk_size(const char *text, uint64_t unit, uint64_t *bytes)
{
	double value, factor;
	char *end;

	if (*text < '0' || *text > '9' || strspn(text, "0123456789.") > 20)
		return false;
	value = strtod(text, &end);
	if (end != text + strspn(text, "0123456789.") || !suffix_bytes(end, unit, &factor))
		return false;
	value *= factor;
	if (value < 512 || value > (double)(1ull << 46))
		return false;
	*bytes = (uint64_t)value;
	return *bytes % 512 == 0;
}

bool disk_kind(const char *word, enum vmdk_kind *kind, bool *raw)
{
	static const struct { const char *word; enum vmdk_kind kind; } words[] = {
		{ "sparse", VMDK_KIND_MONOLITHIC_SPARSE }, { "flat", VMDK_KIND_MONOLITHIC_FLAT },
		{ "split-sparse", VMDK_KIND_SPLIT_SPARSE }, { "split-flat", VMDK_KIND_SPLIT_FLAT },
		{ "thick", VMDK_KIND_VMFS }, { "stream", VMDK_KIND_STREAM_OPTIMIZED },
	};

	if (raw)
		*raw = !strcasecmp(word, "raw");
	for (int k = 0; k < VMDK_KIND_COUNT; k++) {
		if (!strcasecmp(word, vmdk_kind_name((enum vmdk_kind)k))) {
			*kind = (enum vmdk_kind)k;
			return true;
		}
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcasecmp(word, words[i].word)) {
			*kind = words[i].kind;
			return true;
		}
	}
	return raw && *raw;
}

bool disk_is_raw(const char *path, bool said)
{
	static const char *const endings[] = { ".raw", ".img", ".iso" };
	size_t len = strlen(path);

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		if (len > 4 && !strcasecmp(path + len - 4, endings[i]))
			return true;
	}
	return said;
}

// Bytes that follow the first one of a character; -1 when no character begins so.
static int followers(unsigned char c)
{
	if (c < 0x80)
		return 0;
	if (c >= 0xc2 && c <= 0xdf)
		return 1;
	if (c >= 0xe0 && c <= 0xef)
		return 2;
	return c >= 0xf0 && c <= 0xf4 ? 3 : -1;
}

static bool is_utf8(const unsigned char *p)
{
	while (*p) {
		int n = followers(*p);
		unsigned char first = *p++, second = *p;

		// Overlong forms, surrogates, and what lies behind the last character.
		if (n < 0 || (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
		    (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f))
			return false;
		for (; n; n--) {
			if ((*p++ & 0xc0) != 0x80)
				return false;
		}
	}
	return true;
}

const char *disk_utf8(const char *text, char *buf, size_t size)
{
	size_t n = 0;

	if (is_utf8((const unsigned char *)text))
		return text;
	for (; *text && n + 1 < size; text++)
		buf[n++] = (unsigned char)*text < 0x80 ? *text : '?';
	buf[n] = '\0';
	return buf;
}
