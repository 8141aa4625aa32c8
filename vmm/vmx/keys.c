// keys.c: finding the row of a key, its default, and what becomes of a key of a file.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmx/keys.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "vmx/value.h"

#define NAME_LIMIT 256u         // longer names fit no pattern; bounds the matcher
#define GATE_DEPTH 4u

// --- patterns ----------------------------------------------------------------------------------------

struct matcher {
	const uint16_t *max;
	struct vmx_match found;
};

static bool match_here(struct matcher *m, const char *pattern, const char *text);

static bool same_char(char a, char b) { return tolower((unsigned char)a) == tolower((unsigned char)b); }

// Most rows of the table differ in their first letter; saying so early makes a start measurably faster.
static bool may_match(const char *pattern, char first)
{
	if (!pattern)
		return false;
	return *pattern == '{' || *pattern == '*' || *pattern == '%' || same_char(*pattern, first);
}

// %d: no leading zeros, so that every key has one spelling.
static bool match_index(struct matcher *m, const char *pattern, const char *text)
{
	uint32_t v = 0;
	unsigned n = 0;

	while (isdigit((unsigned char)text[n]) && n < 6)
		v = v * 10 + (uint32_t)(text[n++] - '0');
	if (!n || (n > 1 && *text == '0') || m->found.count == VMX_KEY_INDEXES)
		return false;
	if (m->max && v > m->max[m->found.count])
		return false;
	m->found.index[m->found.count++] = v;
	if (match_here(m, pattern, text + n))
		return true;
	m->found.count--;
	return false;
}

static uint32_t hex_digit(char c)
{
	return (uint32_t)(isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10);
}

static bool match_hex(struct matcher *m, const char *pattern, const char *text)
{
	uint32_t v = 0;
	unsigned n = 0;

	while (n < 8 && isxdigit((unsigned char)text[n]))
		v = v << 4 | hex_digit(text[n++]);
	if (!n || m->found.count == VMX_KEY_INDEXES)
		return false;
	m->found.index[m->found.count++] = v;
	if (match_here(m, pattern, text + n))
		return true;
	m->found.count--;
	return false;
}

static bool match_any(struct matcher *m, const char *pattern, const char *text)
{
	for (size_t n = 1; n <= strlen(text); n++) {
		if (match_here(m, pattern, text + n))
			return true;
	}
	return false;
}

// Tries one word of {a|b}: WORD up to LEN, then what follows the closing brace.
static bool match_word(struct matcher *m, const char *word, size_t len, const char *rest, const char *text)
{
	char joined[NAME_LIMIT];
	size_t rest_len = strlen(rest);

	if (len + rest_len >= sizeof(joined))
		return false;
	memcpy(joined, word, len);
	memcpy(joined + len, rest, rest_len + 1);
	return match_here(m, joined, text);
}

static bool match_words(struct matcher *m, const char *pattern, const char *text)
{
	const char *close = strchr(pattern, '}');

	if (!close)
		return false;
	for (const char *word = pattern; word <= close;) {
		size_t len = strcspn(word, "|}");

		// Most words are seen to differ before anything is copied.
		if (may_match(len ? word : "*", *text) && match_word(m, word, len, close + 1, text))
			return true;
		word += len + 1;
	}
	return false;
}

// Recursion is as deep as the pattern has special characters.
static bool match_here(struct matcher *m, const char *pattern, const char *text)
{
	for (; *pattern; pattern++, text++) {
		if (pattern[0] == '%' && pattern[1] == 'd')
			return match_index(m, pattern + 2, text);
		if (pattern[0] == '%' && pattern[1] == 'x')
			return match_hex(m, pattern + 2, text);
		if (*pattern == '*')
			return match_any(m, pattern + 1, text);
		if (*pattern == '{')
			return match_words(m, pattern + 1, text);
		if (!*text || !same_char(*pattern, *text))
			return false;
	}
	return !*text;
}

bool vmx_pattern_match(const char *pattern, const char *text, const uint16_t *max, struct vmx_match *match)
{
	struct matcher m = { .max = max };

	if (strnlen(text, NAME_LIMIT) == NAME_LIMIT || !match_here(&m, pattern, text))
		return false;
	if (match)
		*match = m.found;
	return true;
}

const struct vmx_key *vmx_key_find(const char *name, struct vmx_match *match)
{
	for (size_t i = 0; i < vmx_key_count; i++) {
		const struct vmx_key *key = &vmx_keys[i];

		if (may_match(key->pattern, *name) && vmx_pattern_match(key->pattern, name, key->max, match))
			return key;
	}
	return NULL;
}

// --- defaults ----------------------------------------------------------------------------------------

static const char *default_of(const struct vmx_key *key, const struct vmx_base *base)
{
	if (base && key->when == VMX_GUEST_64 && base->guest_64)
		return key->alt;
	if (base && key->when == VMX_HW_BELOW && base->hw_version < key->when_hw)
		return key->alt;
	return key->dflt;
}

const char *vmx_key_default(const char *name, const struct vmx_base *base)
{
	const struct vmx_key *key = vmx_key_find(name, NULL);

	return key ? default_of(key, base) : NULL;
}

// --- fates -------------------------------------------------------------------------------------------

// Puts the indexes of MATCH into GATE ("scsi%d:%d.present").
static void fill_gate(const char *gate, const struct vmx_match *match, char *out, size_t size)
{
	unsigned used = 0;
	size_t n = 0;

	for (; *gate && n + 12 < size; gate++) {
		if (gate[0] == '%' && gate[1] == 'd' && used < match->count) {
			n += (size_t)snprintf(out + n, size - n, "%u", match->index[used++]);
			gate++;
		} else {
			out[n++] = *gate;
		}
	}
	out[n] = '\0';
}

// The first key on the way up that is not true, written to CLOSED; false when all are.
static bool find_closed_gate(const struct vmx_file *f, const struct vmx_key *key,
			     const struct vmx_match *match, char *closed, size_t size)
{
	struct vmx_match at = *match;

	for (unsigned depth = 0; key && key->gate && depth < GATE_DEPTH; depth++) {
		const char *value;
		bool open = false;

		fill_gate(key->gate, &at, closed, size);
		value = vmx_file_get(f, closed);
		key = vmx_key_find(closed, &at);
		if (!value || !*value)
			value = key ? key->dflt : NULL;
		if (!value || value_bool(value, &open) < 0 || !open)
			return true;
	}
	return false;
}

static bool in_words(const char *words, const char *value)
{
	size_t len = strlen(value);

	while (*words) {
		size_t n = strcspn(words, "|");

		if (n == len && !strncasecmp(words, value, n))
			return true;
		words += n + (words[n] == '|');
	}
	return false;
}

static bool is_refused(const struct vmx_key *key, const char *value)
{
	if (!key->refused || !*value)
		return false;
	return !strcmp(key->refused, "*") || vmx_pattern_match(key->refused, value, NULL, NULL);
}

// A key that is not honoured yet but asks for what happens anyway.
static bool is_inert(const struct vmx_key *key, const char *value)
{
	bool want, have;

	if (!*value)
		return true;
	if (key->type != VMX_BOOL)
		return key->inert && in_words(key->inert, value);
	return value_bool(value, &have) == 0 && value_bool(key->inert ? key->inert : "FALSE", &want) == 0 &&
	       have == want;
}

static void judge_active(const struct vmx_key *key, const char *value, struct vmx_verdict *out)
{
	out->fate = key->fate;
	snprintf(out->why, sizeof(out->why), "%s", key->about);
	if (is_refused(key, value))
		out->fate = VMX_REFUSED;
	else if (key->fate == VMX_NOT_YET && is_inert(key, value))
		out->fate = VMX_HONOURED;
}

void vmx_key_judge(const struct vmx_file *f, const struct vmx_entry *e, struct vmx_verdict *out)
{
	struct vmx_match match = { 0 };
	char closed[NAME_LIMIT];

	*out = (struct vmx_verdict){ .fate = VMX_UNKNOWN, .why = "not known; kept in a rewritten file" };
	out->key = vmx_key_find(e->name, &match);
	if (!out->key)
		return;
	if (find_closed_gate(f, out->key, &match, closed, sizeof(closed))) {
		out->fate = VMX_INACTIVE;
		snprintf(out->why, sizeof(out->why), "%.150s is not TRUE", closed);
		return;
	}
	judge_active(out->key, e->value, out);
}

const char *vmx_type_name(enum vmx_type type)
{
	static const char *const names[] = {
		[VMX_BOOL] = "boolean", [VMX_INT] = "integer", [VMX_STRING] = "text", [VMX_CHOICE] = "choice",
		[VMX_LIST] = "list", [VMX_PATH] = "path", [VMX_UUID] = "UUID", [VMX_MAC] = "MAC address",
		[VMX_MASK] = "CPUID mask", [VMX_BASE64] = "base64",
	};

	return (size_t)type < ARRAY_SIZE(names) ? names[type] : "?";
}

const char *vmx_fate_name(enum vmx_fate fate)
{
	static const char *const names[] = {
		[VMX_HONOURED] = "honoured", [VMX_HARMLESS] = "harmless", [VMX_NOT_YET] = "not yet",
		[VMX_REFUSED] = "refused", [VMX_INACTIVE] = "inactive", [VMX_UNKNOWN] = "unknown",
	};

	return (size_t)fate < ARRAY_SIZE(names) ? names[fate] : "?";
}
