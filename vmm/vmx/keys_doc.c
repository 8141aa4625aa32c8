// keys_doc.c: the key table as a page of documentation.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "vmx/keys.h"

enum markup { MARKDOWN, MAN };

static const char index_names[VMX_KEY_INDEXES + 1] = "NMK";

static void put_char(FILE *out, enum markup m, char c)
{
	if (m == MARKDOWN && c == '|')
		fputs("\\|", out);
	else if (m == MAN && c == '\\')
		fputs("\\e", out);
	else if (m == MAN && c == '-')
		fputs("\\-", out);
	else
		fputc(c, out);
}

static void put_text(FILE *out, enum markup m, const char *text)
{
	for (; *text; text++)
		put_char(out, m, *text);
}

// Patterns as people write them: indexes are N, M, K, a CPUID leaf is LEAF.
static void put_pattern(FILE *out, enum markup m, const char *pattern)
{
	unsigned n = 0;

	for (; *pattern; pattern++) {
		if (pattern[0] != '%') {
			put_char(out, m, *pattern);
			if (m == MAN && *pattern == '|')
				fputs("\\:", out);      // a place to break the line
			continue;
		}
		pattern++;
		if (*pattern == 'x')
			fputs("LEAF", out);
		else
			fputc(index_names[n++ % VMX_KEY_INDEXES], out);
	}
}

static void put_limits(FILE *out, const struct vmx_key *key)
{
	const char *p = strstr(key->pattern, "%d");
	unsigned n;

	for (n = 0; p && n < VMX_KEY_INDEXES; n++, p = strstr(p + 2, "%d"))
		fprintf(out, "%s%c 0 to %u", n ? ", " : " (", index_names[n], key->max[n]);
	if (n)
		fputc(')', out);
}

static void put_default(FILE *out, enum markup m, const struct vmx_key *key)
{
	if (!key->dflt)
		return;
	put_text(out, m, *key->dflt ? key->dflt : "empty");
	if (key->when == VMX_GUEST_64)
		fprintf(out, "; %s for 64%sbit guests", key->alt, m == MAN ? "\\-" : "-");
	if (key->when == VMX_HW_BELOW)
		fprintf(out, "; %s below hardware version %d", key->alt, key->when_hw);
}

static const char *fate_text(const struct vmx_key *key)
{
	return key->refused && !strcmp(key->refused, "*") ? "refused when set" : vmx_fate_name(key->fate);
}

static void put_about(FILE *out, enum markup m, const struct vmx_key *key)
{
	put_text(out, m, key->about);
	put_limits(out, key);
	if (key->refused && strcmp(key->refused, "*")) {
		fputs("; refused: ", out);
		put_text(out, m, key->refused);
	}
	if (key->since)
		fprintf(out, "; hardware version %d", key->since);
}

// --- Markdown ------------------------------------------------------------------------------------------

static const char markdown_head[] =
	"# Keys of the .vmx\n"
	"\n"
	"Printed by `berth check --keys-markdown` from the table in `vmm/vmx/key_table.c`; change it there.\n"
	"\n"
	"N, M and K stand for a number, LEAF for a CPUID leaf in hexadecimal, `*` for any text, `{a|b}` for "
	"one of the\n"
	"words. Upper and lower case are the same. Booleans are TRUE and FALSE; yes, no, on, off, 1 and 0 "
	"are read too. An\n"
	"empty value counts as an absent key.\n"
	"\n"
	"| What becomes of a key | |\n"
	"|---|---|\n"
	"| honoured | does what it does in VMware |\n"
	"| harmless | accepted; has no meaning here |\n"
	"| not yet | known; the VM runs without it. Where it asks for what happens anyway it counts as "
	"honoured |\n"
	"| refused | would change the machine; a start stops |\n"
	"| inactive | belongs to a device whose `.present` (or the like) is not TRUE |\n"
	"| unknown | in no row below; kept when the file is rewritten |\n";

static void markdown_section(FILE *out, const char *name)
{
	fprintf(out, "\n## %s\n\n| Key | Type | Default | Fate | |\n|---|---|---|---|---|\n", name);
}

static void markdown_row(FILE *out, const struct vmx_key *key)
{
	fputs("| `", out);
	put_pattern(out, MARKDOWN, key->pattern);
	fprintf(out, "` | %s | ", vmx_type_name(key->type));
	put_default(out, MARKDOWN, key);
	fprintf(out, " | %s | ", fate_text(key));
	put_about(out, MARKDOWN, key);
	fputs(" |\n", out);
}

void vmx_keys_markdown(FILE *out)
{
	fputs(markdown_head, out);
	for (size_t i = 0; i < vmx_key_count; i++) {
		if (vmx_keys[i].pattern)
			markdown_row(out, &vmx_keys[i]);
		else
			markdown_section(out, vmx_keys[i].about);
	}
}

// --- man -----------------------------------------------------------------------------------------------

static void man_row(FILE *out, const struct vmx_key *key)
{
	fputs(".TP\n.B \"", out);
	put_pattern(out, MAN, key->pattern);
	fprintf(out, "\"\n(%s, %s", vmx_type_name(key->type), fate_text(key));
	if (key->dflt) {
		fputs(", default ", out);
		put_default(out, MAN, key);
	}
	fputs(")\n\\&", out);
	put_about(out, MAN, key);
	fputs(".\n", out);
}

void vmx_keys_man(FILE *out)
{
	for (size_t i = 0; i < vmx_key_count; i++) {
		if (vmx_keys[i].pattern)
			man_row(out, &vmx_keys[i]);
		else
			fprintf(out, ".SS \"%s\"\n", vmx_keys[i].about);
	}
}
