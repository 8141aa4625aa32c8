// test_vmx_file.c: the grammar of .vmx lines, encodings, lookup, lossless rewriting.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/file.h"
#include "vmx/charset.h"
#include "vmx/line.h"
#include "vmx/vmx_file.h"

// --- lines ---------------------------------------------------------------------------------------------

static const struct line_case {
	const char *text;
	enum vmx_line_kind kind;
	const char *name, *value;
	bool unterminated;
} line_cases[] = {
	{ "a = \"b\"", VMX_LINE_ENTRY, "a", "b" },
	{ "\t a\t=\t\"b\" \t", VMX_LINE_ENTRY, "a", "b" },
	{ "a=b", VMX_LINE_ENTRY, "a", "b" },
	{ "a = b # comment", VMX_LINE_ENTRY, "a", "b" },
	{ "a = b#comment", VMX_LINE_ENTRY, "a", "b" },
	{ "a = \"b\"# comment", VMX_LINE_ENTRY, "a", "b" },
	{ "a = \"b # c\"", VMX_LINE_ENTRY, "a", "b # c" },
	{ "a = \"\"", VMX_LINE_ENTRY, "a", "" },
	{ "a =", VMX_LINE_ENTRY, "a", "" },
	{ "a = # nothing", VMX_LINE_ENTRY, "a", "" },
	{ "a = b=c", VMX_LINE_ENTRY, "a", "b=c" },
	{ "ide0:0.fileName = x", VMX_LINE_ENTRY, "ide0:0.fileName", "x" },
	{ ".encoding = \"UTF-8\"", VMX_LINE_ENTRY, ".encoding", "UTF-8" },
	{ "a\"b = c", VMX_LINE_ENTRY, "a\"b", "c" },
	{ "//x = y", VMX_LINE_ENTRY, "//x", "y" },
	{ "a = \"b", VMX_LINE_ENTRY, "a", "b", true },
	{ "a = \"b c  ", VMX_LINE_ENTRY, "a", "b c", true },
	{ "a = \"", VMX_LINE_ENTRY, "a", "", true },
	{ "", VMX_LINE_RAW },
	{ " \t ", VMX_LINE_RAW },
	{ "# comment = 1", VMX_LINE_RAW },
	{ "  #!/usr/bin/vmware", VMX_LINE_RAW },
	{ "no equals", VMX_LINE_MALFORMED },
	{ "a b = c", VMX_LINE_MALFORMED },
	{ "= c", VMX_LINE_MALFORMED },
	{ "a # = c", VMX_LINE_MALFORMED },
	{ "a = b c", VMX_LINE_MALFORMED },
	{ "a = \"b\" c", VMX_LINE_MALFORMED },
	{ "a = \"b\"c\"", VMX_LINE_MALFORMED },
	{ "\va = b", VMX_LINE_ENTRY, "\va", "b" },
};

static void check_span(const char *span, size_t len, const char *want)
{
	ck_assert_uint_eq(len, strlen(want));
	ck_assert_mem_eq(span, want, len);
}

START_TEST(line_grammar)
{
	const struct line_case *c = &line_cases[_i];
	struct vmx_line l;

	vmx_line_scan(c->text, strlen(c->text), &l);
	ck_assert_msg(l.kind == c->kind, "%s: kind %d", c->text, l.kind);
	if (c->kind == VMX_LINE_MALFORMED)
		ck_assert_ptr_nonnull(l.fault);
	if (c->kind != VMX_LINE_ENTRY)
		return;
	check_span(l.name, l.name_len, c->name);
	check_span(l.value, l.value_len, c->value);
	ck_assert_int_eq(l.unterminated, c->unterminated);
}
END_TEST

START_TEST(nul_bytes_make_a_line_malformed)
{
	struct vmx_line l;

	vmx_line_scan("a = \"b\0c\"", 9, &l);
	ck_assert_int_eq(l.kind, VMX_LINE_MALFORMED);
	vmx_line_scan("a = b\0c", 7, &l);
	ck_assert_int_eq(l.kind, VMX_LINE_MALFORMED);
	vmx_line_scan("a\0 = b", 6, &l);
	ck_assert_int_eq(l.kind, VMX_LINE_MALFORMED);
	vmx_line_scan("a = b # \0", 9, &l);
	ck_assert_int_eq(l.kind, VMX_LINE_ENTRY);
}
END_TEST

static const struct { const char *in, *out; } escape_cases[] = {
	{ "plain", "plain" },
	{ "|22", "\"" },
	{ "a|7Cb|7cc", "a|b|c" },
	{ "|0A|0d", "\n\r" },
	{ "|23", "#" },
	{ "||22", "||22" },
	{ "|", "|" },
	{ "|2", "|2" },
	{ "|2g", "|2g" },
	{ "|g2|41", "|g2A" },
	{ "|2|41", "|2|41" },
	{ "a||", "a||" },
	{ "|C3|A4", "\xc3\xa4" },
};

START_TEST(escapes)
{
	char buf[64];
	size_t n = vmx_unescape(buf, escape_cases[_i].in, strlen(escape_cases[_i].in));

	check_span(buf, n, escape_cases[_i].out);
}
END_TEST

START_TEST(escape_writes_what_vmware_writes)
{
	char *s = vmx_escape("a\"|\n\t\x1f\x7f#\xc3\xa4", 10);

	ck_assert_str_eq(s, "a|22|7C|0A\t|1F|7F#\xc3\xa4");
	free(s);
	s = vmx_escape("\0", 1);
	ck_assert_str_eq(s, "|00");
	free(s);
}
END_TEST

START_TEST(every_byte_survives_escaping)
{
	char all[256], back[256 * 3], *s;

	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	s = vmx_escape(all, sizeof(all));
	ck_assert_uint_eq(vmx_unescape(back, s, strlen(s)), sizeof(all));
	ck_assert_mem_eq(back, all, sizeof(all));
	free(s);
}
END_TEST

// --- files ---------------------------------------------------------------------------------------------

static struct vmx_file *parse_bytes(const char *text, size_t len)
{
	struct vmx_file *f;
	struct err err = { 0 };

	ck_assert_msg(vmx_file_parse(text, len, &f, &err) == 0, "%s", err.what);
	return f;
}

static struct vmx_file *parse(const char *text) { return parse_bytes(text, strlen(text)); }

static void check_text(const struct vmx_file *f, const char *want)
{
	size_t len;
	char *text = vmx_file_text(f, &len);

	ck_assert_str_eq(text, want);
	ck_assert_uint_eq(len, strlen(want));
	free(text);
}

static const char *const round_trips[] = {
	"", "\n", "a = \"b\"", "a = \"b\"\n", "a=b\r\nc=d\r\n", "a=b\rc=d\r", "a=b\r\n\nc=d\r\re=f",
	("\xef\xbb\xbf" "a = \"b\"\n"), "garbage\n  a  =  b  # c\n\n\n", "a = \"\xff\xfe\"\n",
	".encoding = \"windows-1252\"\na = \"\xe4\"\n", "a = \"1\"\nA = \"2\"\n", "#\n#\n",
};

START_TEST(unchanged_files_keep_every_byte)
{
	struct vmx_file *f = parse(round_trips[_i]);

	ck_assert(!vmx_file_changed(f));
	check_text(f, round_trips[_i]);
	vmx_file_free(f);
}
END_TEST

START_TEST(line_endings_of_all_kinds_count_lines)
{
	struct vmx_file *f = parse("a=1\nb=2\r\nc=3\rd=4\n\ne=5");

	ck_assert_uint_eq(vmx_file_count(f), 5);
	ck_assert_uint_eq(vmx_file_find(f, "b")->line, 2);
	ck_assert_uint_eq(vmx_file_find(f, "c")->line, 3);
	ck_assert_str_eq(vmx_file_get(f, "b"), "2");
	ck_assert_uint_eq(vmx_file_find(f, "e")->line, 6);
	vmx_file_free(f);
}
END_TEST

START_TEST(lookup_ignores_case_and_keeps_prefixes_apart)
{
	struct vmx_file *f = parse("checkpoint.vmState = \"\"\ncheckpoint.vmState.readOnly = \"FALSE\"\n"
				   "ide1:0.FILENAME = x\n");

	ck_assert_str_eq(vmx_file_get(f, "CHECKPOINT.vmstate"), "");
	ck_assert_str_eq(vmx_file_get(f, "checkpoint.vmState.readonly"), "FALSE");
	ck_assert_str_eq(vmx_file_find(f, "ide1:0.fileName")->name, "ide1:0.FILENAME");
	ck_assert_ptr_null(vmx_file_get(f, "checkpoint"));
	ck_assert_ptr_null(vmx_file_find(f, ""));
	vmx_file_free(f);
}
END_TEST

START_TEST(duplicates_name_both_lines)
{
	struct vmx_file *f = parse("a = 1\nb = 2\nA = 3\na = 4\n");

	ck_assert_uint_eq(vmx_file_count(f), 4);
	ck_assert_uint_eq(vmx_file_at(f, 0)->first_line, 0);
	ck_assert_uint_eq(vmx_file_at(f, 2)->first_line, 1);
	ck_assert_uint_eq(vmx_file_at(f, 2)->line, 3);
	ck_assert_uint_eq(vmx_file_at(f, 3)->first_line, 1);
	ck_assert_str_eq(vmx_file_get(f, "a"), "1");
	ck_assert_int_eq(vmx_file_set(f, "a", "5", NULL), -EINVAL);
	ck_assert_ptr_null(vmx_file_at(f, 4));
	vmx_file_free(f);
}
END_TEST

START_TEST(embedded_nul_is_a_value_with_a_length)
{
	struct vmx_file *f = parse("a = \"x|00y\"\n");
	const struct vmx_entry *e = vmx_file_find(f, "a");

	ck_assert_uint_eq(e->value_len, 3);
	ck_assert_mem_eq(e->value, "x\0y", 4);
	vmx_file_free(f);
}
END_TEST

START_TEST(malformed_lines_are_kept_and_named)
{
	struct vmx_file *f = parse("junk\na = 1\nb = c d\n");

	ck_assert_uint_eq(vmx_file_fault_count(f), 2);
	ck_assert_uint_eq(vmx_file_fault(f, 0)->line, 1);
	ck_assert_uint_eq(vmx_file_fault(f, 1)->line, 3);
	ck_assert_ptr_null(vmx_file_fault(f, 2));
	ck_assert_int_eq(vmx_file_set(f, "a", "2", NULL), 0);
	check_text(f, "junk\na = \"2\"\nb = c d\n");
	vmx_file_free(f);
}
END_TEST

START_TEST(size_and_lines_are_bounded)
{
	struct vmx_file *f;
	struct err err = { 0 };
	char *big = malloc(VMX_FILE_MAX + 2);

	memset(big, 'a', VMX_FILE_MAX + 2);
	ck_assert_int_eq(vmx_file_parse(big, VMX_FILE_MAX + 1, &f, &err), -EFBIG);
	ck_assert_int_eq(err.exit, EXIT_CONFIG);
	memset(big, '\n', VMX_LINES_MAX + 1);
	ck_assert_int_eq(vmx_file_parse(big, VMX_LINES_MAX, &f, NULL), 0);
	vmx_file_free(f);
	ck_assert_int_eq(vmx_file_parse(big, VMX_LINES_MAX + 1, &f, NULL), -E2BIG);
	ck_assert_int_eq(vmx_file_parse("\xff\xfe" "a\0", 4, &f, NULL), -EINVAL);
	free(big);
}
END_TEST

// --- encodings -----------------------------------------------------------------------------------------

static const struct { const char *encoding, *bytes, *utf8; } encodings[] = {
	{ "windows-1252", "B\xfcro \x80", "B\xc3\xbcro \xe2\x82\xac" },
	{ "WINDOWS-1251", "\xcf\xf0\xe8", "\xd0\x9f\xd1\x80\xd0\xb8" },
	{ "GBK", "\xd6\xd0\xce\xc4", "\xe4\xb8\xad\xe6\x96\x87" },
	{ "Big5", "\xa4\xa4\xa4\xe5", "\xe4\xb8\xad\xe6\x96\x87" },
	// The second byte of this katakana letter is a backslash; of the next one, a bar.
	{ "Shift_JIS", "\x83\x5c", "\xe3\x82\xbd" },
	{ "UTF-8", "\xc3\xa4", "\xc3\xa4" },
	{ "utf8", "\xe2\x82\xac", "\xe2\x82\xac" },
};

START_TEST(encodings_become_utf8_and_go_back)
{
	char text[200], want[300];
	struct vmx_file *f;

	// The key need not stand first.
	snprintf(text, sizeof(text), "a = \"%s\"\n.encoding = \"%s\"\nb = \"1\"\n", encodings[_i].bytes,
		 encodings[_i].encoding);
	f = parse(text);
	ck_assert_str_eq(vmx_file_get(f, "a"), encodings[_i].utf8);
	ck_assert(!vmx_file_find(f, "a")->bad_text);
	ck_assert_int_eq(vmx_file_set(f, "b", encodings[_i].utf8, NULL), 0);
	snprintf(want, sizeof(want), "a = \"%s\"\n.encoding = \"%s\"\nb = \"%s\"\n", encodings[_i].bytes,
		 encodings[_i].encoding, encodings[_i].bytes);
	check_text(f, want);
	vmx_file_free(f);
}
END_TEST

START_TEST(text_beyond_the_encoding_is_refused)
{
	struct vmx_file *f = parse(".encoding = \"windows-1252\"\na = \"b\"\n");
	struct err err = { 0 };

	ck_assert_int_eq(vmx_file_set(f, "a", "\xe4\xb8\xad", &err), -EILSEQ);
	ck_assert(*err.remedy);
	ck_assert(!vmx_file_changed(f));
	ck_assert_str_eq(vmx_file_get(f, "a"), "b");
	vmx_file_free(f);
}
END_TEST

START_TEST(unknown_encodings_are_named)
{
	struct vmx_file *f = parse(".encoding = \"klingon-1\"\na = \"\xc3\xa4\"\n");

	ck_assert_str_eq(vmx_file_unknown_encoding(f), "klingon-1");
	ck_assert_str_eq(vmx_file_get(f, "a"), "\xc3\xa4");
	vmx_file_free(f);
	// Not a superset of ASCII, so its bytes could not have been taken apart.
	f = parse(".encoding = \"UTF-16\"\n");
	ck_assert_str_eq(vmx_file_unknown_encoding(f), "UTF-16");
	vmx_file_free(f);
	f = parse(".encoding = \"\"\n");
	ck_assert_ptr_null(vmx_file_unknown_encoding(f));
	vmx_file_free(f);
}
END_TEST

START_TEST(bytes_that_are_no_text_are_kept)
{
	struct vmx_file *f = parse("a = \"\xe4\"\n");

	ck_assert(vmx_file_find(f, "a")->bad_text);
	ck_assert_str_eq(vmx_file_get(f, "a"), "\xe4");
	vmx_file_free(f);
}
END_TEST

START_TEST(a_byte_order_mark_is_skipped_kept_and_wins)
{
	struct vmx_file *f = parse("\xef\xbb\xbf.encoding = \"windows-1252\"\r\na = \"\xc3\xa4\"\r\n");

	ck_assert(vmx_file_bom_conflict(f));
	ck_assert_str_eq(vmx_file_get(f, ".encoding"), "windows-1252");
	ck_assert_str_eq(vmx_file_get(f, "a"), "\xc3\xa4");
	ck_assert_int_eq(vmx_file_set(f, "a", "\xc3\xb6", NULL), 0);
	check_text(f, "\xef\xbb\xbf.encoding = \"windows-1252\"\r\na = \"\xc3\xb6\"\r\n");
	vmx_file_free(f);
}
END_TEST

START_TEST(utf8_rules)
{
	ck_assert(utf8_valid("\xf0\x9f\x98\x80", 4));
	ck_assert(!utf8_valid("\xc0\x80", 2));
	ck_assert(!utf8_valid("\xed\xa0\x80", 3));
	ck_assert(!utf8_valid("\xf4\x90\x80\x80", 4));
	ck_assert(!utf8_valid("\xe0\x80\x80", 3));
	ck_assert(!utf8_valid("\xe2\x82", 2));
	ck_assert(!utf8_valid("\x80", 1));
}
END_TEST

START_TEST(clean_text_has_no_controls)
{
	char *s = utf8_clean("a\x1b[2J\xe4\xc3\xa4\n", 9);

	ck_assert_str_eq(s, "a?[2J?\xc3\xa4?");
	free(s);
}
END_TEST

// --- changes -------------------------------------------------------------------------------------------

START_TEST(only_the_changed_line_changes)
{
	struct vmx_file *f = parse("# head\r\n  NumVCPUs=2 # mine\r\nb = \"x\"   \r\nc = \"open\r\n\r\n");

	ck_assert_int_eq(vmx_file_set(f, "numvcpus", "4", NULL), 0);
	ck_assert_int_eq(vmx_file_set(f, "c", "y", NULL), 0);
	check_text(f, "# head\r\n  NumVCPUs=\"4\" # mine\r\nb = \"x\"   \r\nc = \"y\"\r\n\r\n");
	ck_assert_str_eq(vmx_file_get(f, "numvcpus"), "4");
	ck_assert_int_eq(vmx_file_set(f, "numvcpus", "a\"b|c", NULL), 0);
	check_text(f, "# head\r\n  NumVCPUs=\"a|22b|7Cc\" # mine\r\nb = \"x\"   \r\nc = \"y\"\r\n\r\n");
	ck_assert_str_eq(vmx_file_get(f, "numvcpus"), "a\"b|c");
	vmx_file_free(f);
}
END_TEST

START_TEST(the_same_value_changes_nothing)
{
	struct vmx_file *f = parse("a = x\nb = \"y|22\"\n");

	ck_assert_int_eq(vmx_file_set(f, "A", "x", NULL), 0);
	ck_assert_int_eq(vmx_file_set(f, "b", "y\"", NULL), 0);
	ck_assert_int_eq(vmx_file_remove(f, "nothing", NULL), 0);
	ck_assert(!vmx_file_changed(f));
	vmx_file_free(f);
}
END_TEST

START_TEST(new_keys_go_to_the_end)
{
	struct vmx_file *f = parse("a = x\r\nb = y");

	ck_assert_int_eq(vmx_file_set(f, "c", "z", NULL), 0);
	ck_assert_int_eq(vmx_file_set(f, "d", "", NULL), 0);
	check_text(f, "a = x\r\nb = y\r\nc = \"z\"\r\nd = \"\"\r\n");
	ck_assert_int_eq(vmx_file_set(f, "c", "zz", NULL), 0);
	ck_assert_str_eq(vmx_file_get(f, "c"), "zz");
	ck_assert_uint_eq(vmx_file_find(f, "d")->line, 4);
	vmx_file_free(f);
	f = parse("");
	ck_assert_int_eq(vmx_file_set(f, "c", "z", NULL), 0);
	check_text(f, "c = \"z\"\n");
	vmx_file_free(f);
}
END_TEST

START_TEST(removed_keys_take_their_line_along)
{
	struct vmx_file *f = parse("a = 1\n# c\nb = 2\nA = 3\nz = 9");

	ck_assert_int_eq(vmx_file_remove(f, "a", NULL), 0);
	ck_assert_ptr_null(vmx_file_get(f, "a"));
	check_text(f, "# c\nb = 2\nz = 9");
	ck_assert_int_eq(vmx_file_remove(f, "z", NULL), 0);
	ck_assert_int_eq(vmx_file_set(f, "a", "4", NULL), 0);
	check_text(f, "# c\nb = 2\na = \"4\"\n");
	ck_assert_uint_eq(vmx_file_count(f), 2);
	vmx_file_free(f);
}
END_TEST

START_TEST(bad_names_are_refused)
{
	struct vmx_file *f = parse("a = 1\n");

	ck_assert_int_eq(vmx_file_set(f, "", "x", NULL), -EINVAL);
	ck_assert_int_eq(vmx_file_set(f, "a b", "x", NULL), -EINVAL);
	ck_assert_int_eq(vmx_file_set(f, "a=b", "x", NULL), -EINVAL);
	ck_assert_int_eq(vmx_file_set(f, "a\n", "x", NULL), -EINVAL);
	ck_assert_int_eq(vmx_file_set(f, ".encoding", "GBK", NULL), -EINVAL);
	ck_assert(!vmx_file_changed(f));
	vmx_file_free(f);
}
END_TEST

START_TEST(encrypted_files_are_never_rewritten)
{
	struct vmx_file *f = parse("displayName = \"x\"\nencryption.keySafe = \"vmware:key/x\"\n");
	bool full;

	ck_assert(vmx_file_encrypted(f, &full) && full);
	ck_assert_int_eq(vmx_file_set(f, "displayName", "y", NULL), -EPERM);
	ck_assert_int_eq(vmx_file_remove(f, "displayName", NULL), -EPERM);
	ck_assert(!vmx_file_changed(f));
	vmx_file_free(f);
	f = parse("config.version = \"8\"\nencryption.data = \"x\"\n");
	ck_assert(vmx_file_encrypted(f, &full) && !full);
	vmx_file_free(f);
	f = parse("config.version = \"8\"\n");
	ck_assert(!vmx_file_encrypted(f, &full) && !full);
	vmx_file_free(f);
}
END_TEST

// --- on disk -------------------------------------------------------------------------------------------

static char folder[64], vmx[96];

static void make_folder(void)
{
	strcpy(folder, "/tmp/berth-vmx-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(vmx, sizeof(vmx), "%s/a.vmx", folder);
}

static void remove_folder(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static void write_vmx(const char *text)
{
	ck_assert_int_eq(file_replace(vmx, text, strlen(text), NULL), 0);
}

static void check_disk(const char *want)
{
	char *data;
	size_t len;

	ck_assert_int_eq(file_read(vmx, VMX_FILE_MAX, &data, &len, NULL), 0);
	ck_assert_str_eq(data, want);
	free(data);
}

START_TEST(save_writes_when_something_changed)
{
	struct vmx_file *f;
	struct stat before, after;

	write_vmx("a = \"1\"\r\n");
	ck_assert_int_eq(vmx_file_load(vmx, &f, NULL), 0);
	ck_assert_str_eq(vmx_file_path(f), vmx);
	ck_assert_int_eq(stat(vmx, &before), 0);
	ck_assert_int_eq(vmx_file_set(f, "a", "1", NULL), 0);
	ck_assert_int_eq(vmx_file_save(f, NULL), 0);
	ck_assert_int_eq(stat(vmx, &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	for (int i = 2; i < 5; i++) {
		char value[2] = { (char)('0' + i) }, want[64];

		ck_assert_int_eq(vmx_file_set(f, "a", value, NULL), 0);
		ck_assert_int_eq(vmx_file_set(f, i == 2 ? "b" : "c", value, NULL), 0);
		ck_assert_int_eq(vmx_file_save(f, NULL), 0);
		ck_assert(!vmx_file_changed(f));
		snprintf(want, sizeof(want), i == 2 ? "a = \"%c\"\r\nb = \"2\"\r\n" :
			 "a = \"%c\"\r\nb = \"2\"\r\nc = \"%c\"\r\n", value[0], value[0]);
		check_disk(want);
	}
	vmx_file_free(f);
}
END_TEST

START_TEST(save_does_not_overwrite_the_change_of_another)
{
	struct vmx_file *f;
	struct err err = { 0 };

	write_vmx("a = \"1\"\n");
	ck_assert_int_eq(vmx_file_load(vmx, &f, NULL), 0);
	ck_assert_int_eq(vmx_file_set(f, "a", "2", NULL), 0);
	write_vmx("a = \"1\"\nmine = \"x\"\n");
	ck_assert_int_eq(vmx_file_save(f, &err), -EBUSY);
	ck_assert_int_eq(err.exit, EXIT_BUSY);
	check_disk("a = \"1\"\nmine = \"x\"\n");
	vmx_file_free(f);
}
END_TEST

START_TEST(save_respects_the_lock_of_vmware)
{
	struct vmx_file *f;
	struct err err = { 0 };
	char path[160];

	write_vmx("a = \"1\"\n");
	ck_assert_int_eq(vmx_file_load(vmx, &f, NULL), 0);
	ck_assert_int_eq(vmx_file_set(f, "a", "2", NULL), 0);
	snprintf(path, sizeof(path), "%s.lck", vmx);
	ck_assert_int_eq(mkdir(path, 0777), 0);
	ck_assert_int_eq(vmx_lock_check(vmx, NULL), 0);
	snprintf(path, sizeof(path), "%s.lck/M00001.lck", vmx);
	ck_assert_int_eq(file_replace(path, "x", 1, NULL), 0);
	ck_assert_int_eq(vmx_file_save(f, &err), -EBUSY);
	ck_assert_ptr_nonnull(strstr(err.what, "M00001.lck"));
	check_disk("a = \"1\"\n");
	vmx_file_free(f);
}
END_TEST

START_TEST(missing_files_say_what_to_do)
{
	struct vmx_file *f;
	struct err err = { 0 };

	ck_assert_int_eq(vmx_file_load("/nonexistent/a.vmx", &f, &err), -ENOENT);
	ck_assert_int_eq(err.exit, EXIT_CONFIG);
	ck_assert(*err.remedy);
	ck_assert_int_lt(vmx_file_load("/tmp", &f, &err), 0);
	ck_assert_ptr_null(f);
}
END_TEST

START_TEST(a_file_from_memory_needs_a_path)
{
	struct vmx_file *f = parse("a = 1\n");

	ck_assert_int_eq(vmx_file_save(f, NULL), 0);
	ck_assert_int_eq(vmx_file_set(f, "a", "2", NULL), 0);
	ck_assert_int_eq(vmx_file_save(f, NULL), -EINVAL);
	vmx_file_free(f);
}
END_TEST

START_TEST(samples_survive)
{
	static const char *const names[] = { "workstation17", "workstation17-crlf", "esxi", "fusion", "windows-1252",
					     "malformed", "encrypted" };
	char path[400], *data, *text;
	struct vmx_file *f;
	size_t len, text_len;

	snprintf(path, sizeof(path), SOURCE_ROOT "/tests/data/vmx/%s.vmx", names[_i]);
	ck_assert_int_eq(file_read(path, VMX_FILE_MAX, &data, &len, NULL), 0);
	ck_assert_int_eq(vmx_file_load(path, &f, NULL), 0);
	text = vmx_file_text(f, &text_len);
	ck_assert_uint_eq(text_len, len);
	ck_assert_mem_eq(text, data, len);
	free(text);
	free(data);
	vmx_file_free(f);
}
END_TEST

static void add_text_tests(TCase *t)
{
	tcase_add_loop_test(t, line_grammar, 0, ARRAY_SIZE(line_cases));
	tcase_add_test(t, nul_bytes_make_a_line_malformed);
	tcase_add_loop_test(t, escapes, 0, ARRAY_SIZE(escape_cases));
	tcase_add_test(t, escape_writes_what_vmware_writes);
	tcase_add_test(t, every_byte_survives_escaping);
	tcase_add_loop_test(t, unchanged_files_keep_every_byte, 0, ARRAY_SIZE(round_trips));
	tcase_add_test(t, line_endings_of_all_kinds_count_lines);
	tcase_add_test(t, lookup_ignores_case_and_keeps_prefixes_apart);
	tcase_add_test(t, duplicates_name_both_lines);
	tcase_add_test(t, embedded_nul_is_a_value_with_a_length);
	tcase_add_test(t, malformed_lines_are_kept_and_named);
	tcase_add_test(t, size_and_lines_are_bounded);
	tcase_add_loop_test(t, encodings_become_utf8_and_go_back, 0, ARRAY_SIZE(encodings));
	tcase_add_test(t, text_beyond_the_encoding_is_refused);
	tcase_add_test(t, unknown_encodings_are_named);
	tcase_add_test(t, bytes_that_are_no_text_are_kept);
	tcase_add_test(t, a_byte_order_mark_is_skipped_kept_and_wins);
	tcase_add_test(t, utf8_rules);
	tcase_add_test(t, clean_text_has_no_controls);
	tcase_add_test(t, only_the_changed_line_changes);
	tcase_add_test(t, the_same_value_changes_nothing);
	tcase_add_test(t, new_keys_go_to_the_end);
	tcase_add_test(t, removed_keys_take_their_line_along);
	tcase_add_test(t, bad_names_are_refused);
	tcase_add_test(t, encrypted_files_are_never_rewritten);
	tcase_add_test(t, a_file_from_memory_needs_a_path);
	tcase_add_test(t, missing_files_say_what_to_do);
	tcase_add_loop_test(t, samples_survive, 0, 7);
}

int main(void)
{
	Suite *s = suite_create("vmx_file");
	TCase *t = tcase_create("text"), *d = tcase_create("disk");
	SRunner *r;
	int failed;

	add_text_tests(t);
	tcase_add_checked_fixture(d, make_folder, remove_folder);
	tcase_add_test(d, save_writes_when_something_changed);
	tcase_add_test(d, save_does_not_overwrite_the_change_of_another);
	tcase_add_test(d, save_respects_the_lock_of_vmware);
	suite_add_tcase(s, t);
	suite_add_tcase(s, d);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
