// vmx_edit.c: changing a dictionary and writing it back.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/vmware_lock.h"
#include "vmx/vmx_file_priv.h"

static int refuse_encrypted(const struct vmx_file *f, const char *name, struct err *err)
{
	if (!vmx_file_encrypted(f, NULL))
		return 0;
	err_set(err, EPERM, f->path, "is encrypted by VMware and is never rewritten (key %s)", name);
	err_remedy(err, "Remove the encryption in VMware");
	err_exit(err, EXIT_CONFIG);
	return -EPERM;
}

// The line endings of the file: those of its first line, VMware on this kind of host writes LF.
static const char *file_eol(const struct vmx_file *f)
{
	return f->line_count && *f->lines[0].eol ? f->lines[0].eol : "\n";
}

// VALUE as it stands between quotes in the file. New string.
static int encode_value(struct vmx_file *f, const char *value, char **out, struct err *err)
{
	char *escaped = NULL, *text = NULL;
	size_t len;
	int r;

	if (strlen(value) > VMX_FILE_MAX)
		return err_set(err, EINVAL, f->path, "a value of %zu bytes is too long for a .vmx",
			       strlen(value));
	escaped = vmx_escape(value, strlen(value));
	r = escaped ? charset_from_utf8(f->charset, escaped, strlen(escaped), &text, &len) : -ENOMEM;
	free(escaped);
	if (r == -EILSEQ) {
		err_set(err, EILSEQ, f->path, "its encoding has no characters for \"%s\"", value);
		err_remedy(err, "Change .encoding to UTF-8 and save the file as UTF-8");
		return r;
	}
	if (r < 0)
		return err_set(err, -r, f->path, "no memory for a new value");
	*out = text;
	return 0;
}

// HEAD, then the value in quotes, then TAIL, as new text of a line.
static int replace_text(struct file_line *line, const char *head, size_t head_len, const char *value,
			const char *tail)
{
	size_t tail_len = tail ? line->len - (size_t)(tail - line->text) : 0;
	size_t value_len = strlen(value);
	char *own = malloc(head_len + value_len + tail_len + 3), *p = own;

	if (!own)
		return -ENOMEM;
	memcpy(p, head, head_len);
	p += head_len;
	*p++ = '"';
	memcpy(p, value, value_len);
	p += value_len;
	*p++ = '"';
	if (tail_len)
		memcpy(p, tail, tail_len);
	p += tail_len;
	*p = '\0';
	free(line->own);
	line->own = own;
	line->text = own;
	line->len = (size_t)(p - own);
	return 0;
}

// Spelling of the name, spaces and a comment behind the value stay.
static int rewrite_line(struct file_line *line, const char *value)
{
	struct vmx_line l;
	const char *tail;
	size_t head;

	vmx_line_scan(line->text, line->len, &l);
	if (l.kind != VMX_LINE_ENTRY)
		return -EINVAL;
	head = (size_t)(l.value - line->text) - (l.quoted ? 1 : 0);
	tail = l.value + l.value_len;
	if (l.unterminated)
		tail = NULL;
	else if (l.quoted)
		tail++;
	return replace_text(line, line->text, head, value, tail);
}

static int set_entry_value(struct file_entry *e, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free((char *)(uintptr_t)e->pub.value);
	e->pub.value = copy;
	e->pub.value_len = strlen(copy);
	e->pub.unterminated = false;
	e->pub.bad_text = false;
	return 0;
}

static int change(struct vmx_file *f, struct file_entry *e, const char *value, struct err *err)
{
	char *text;
	int r = encode_value(f, value, &text, err);

	if (r < 0)
		return r;
	r = rewrite_line(&f->lines[e->line], text);
	free(text);
	if (!r)
		r = set_entry_value(e, value);
	if (r < 0)
		return err_set(err, -r, f->path, "cannot change %s: %s", e->pub.name, strerror(-r));
	f->changed = true;
	return 0;
}

// A last line without line ending gets one, or the new key would join it. A removed line is not written at
// all.
static void end_last_line(struct vmx_file *f)
{
	for (size_t i = f->line_count; i-- > 0;) {
		if (f->lines[i].removed)
			continue;
		if (!*f->lines[i].eol)
			f->lines[i].eol = file_eol(f);
		return;
	}
}

static int append_line(struct vmx_file *f, const char *name, const char *text)
{
	struct file_line line = { .text = "", .eol = file_eol(f) };
	char head[300];
	int n = snprintf(head, sizeof(head), "%s = ", name), r;

	if (n < 0 || (size_t)n >= sizeof(head))
		return -EINVAL;
	if (f->line_count >= VMX_LINES_MAX)
		return -E2BIG;
	r = vmx_grow(&f->lines, f->line_count, &f->line_room, sizeof(*f->lines));
	if (!r)
		r = replace_text(&line, head, (size_t)n, text, NULL);
	if (r < 0)
		return r;
	end_last_line(f);
	f->lines[f->line_count++] = line;
	f->changed = true;
	r = vmx_file_take_line(f, f->line_count - 1);
	return r ? r : vmx_file_reindex(f);
}

static int append(struct vmx_file *f, const char *name, const char *value, struct err *err)
{
	char *text;
	int r = encode_value(f, value, &text, err);

	if (r < 0)
		return r;
	r = append_line(f, name, text);
	free(text);
	if (r < 0)
		return err_set(err, -r, f->path, "cannot add %s: %s", name, strerror(-r));
	return 0;
}

static bool is_duplicate(const struct vmx_file *f, const struct file_entry *e)
{
	for (size_t i = 0; i < f->entry_count; i++) {
		if (f->entries[i]->pub.first_line == e->pub.line && f->entries[i] != e)
			return true;
	}
	return false;
}

static bool is_plain_name(const char *name)
{
	for (const char *p = name; p && *p; p++) {
		if ((unsigned char)*p >= 0x80)
			return false;
	}
	return vmx_name_ok(name) && strlen(name) < 256;
}

int vmx_file_set(struct vmx_file *f, const char *name, const char *value, struct err *err)
{
	struct file_entry *e;
	int r;

	if (!is_plain_name(name) || !strcasecmp(name, ".encoding"))
		return err_set(err, EINVAL, f->path, "\"%s\" cannot be the name of a key", name ? name : "");
	r = refuse_encrypted(f, name, err);
	if (r < 0)
		return r;
	e = vmx_file_lookup(f, name);
	if (!e)
		return append(f, name, value, err);
	if (is_duplicate(f, e))
		return err_set(err, EINVAL, f->path, "has the key %s twice; it is not rewritten", name);
	if (e->pub.value_len == strlen(value) && !memcmp(e->pub.value, value, e->pub.value_len))
		return 0;
	return change(f, e, value, err);
}

int vmx_file_remove(struct vmx_file *f, const char *name, struct err *err)
{
	struct file_entry *e;
	size_t i = 0;
	int r = refuse_encrypted(f, name, err);

	if (r < 0)
		return r;
	while ((e = vmx_file_lookup(f, name))) {
		for (i = 0; f->entries[i] != e; i++)
			;
		memmove(&f->entries[i], &f->entries[i + 1],
			(--f->entry_count - i) * sizeof(struct file_entry *));
		f->lines[e->line].removed = true;
		f->changed = true;
		vmx_entry_free(e);
		if (vmx_file_reindex(f) < 0)
			return err_set(err, ENOMEM, f->path, "no memory to remove %s", name);
	}
	return 0;
}

bool vmx_file_changed(const struct vmx_file *f) { return f->changed; }

// --- writing -----------------------------------------------------------------------------------------

static size_t text_size(const struct vmx_file *f)
{
	size_t n = f->bom ? 3 : 0;

	for (size_t i = 0; i < f->line_count; i++)
		n += f->lines[i].removed ? 0 : f->lines[i].len + strlen(f->lines[i].eol);
	return n;
}

char *vmx_file_text(const struct vmx_file *f, size_t *len)
{
	char *text = malloc(text_size(f) + 1), *p = text;

	if (!text)
		return NULL;
	if (f->bom)
		p = mempcpy(p, "\xef\xbb\xbf", 3);
	for (size_t i = 0; i < f->line_count; i++) {
		const struct file_line *line = &f->lines[i];

		if (line->removed)
			continue;
		p = mempcpy(p, line->text, line->len);
		p = mempcpy(p, line->eol, strlen(line->eol));
	}
	*p = '\0';
	*len = (size_t)(p - text);
	return text;
}

// VMware rewrites the file too, and so do people: their change must not be lost.
static int check_unchanged(const struct vmx_file *f, struct err *err)
{
	char *now;
	size_t len, skip = f->bom ? 3 : 0;
	bool same;
	int r = file_read(f->path, VMX_FILE_MAX, &now, &len, err);

	if (r < 0)
		return r;
	same = len == f->raw_len + skip && !memcmp(now + skip, f->raw, f->raw_len);
	free(now);
	if (same)
		return 0;
	err_set(err, EBUSY, f->path, "was changed by another program since it was read; it is not rewritten");
	err_remedy(err, "Start the VM again");
	err_exit(err, EXIT_BUSY);
	return -EBUSY;
}

// What is on disk now is what was read, as far as later saves are concerned. Lines may point into the old
// text, so each keeps its own from here on.
static int adopt(struct vmx_file *f, char *text, size_t len)
{
	size_t skip = f->bom ? 3 : 0;

	for (size_t i = 0; i < f->line_count; i++) {
		struct file_line *line = &f->lines[i];

		if (line->own)
			continue;
		line->own = malloc(line->len + 1);
		if (!line->own)
			return -ENOMEM;
		memcpy(line->own, line->text, line->len);
		line->own[line->len] = '\0';
		line->text = line->own;
	}
	memmove(text, text + skip, len - skip);
	free(f->raw);
	f->raw = text;
	f->raw_len = len - skip;
	f->changed = false;
	return 0;
}

int vmx_file_save(struct vmx_file *f, struct err *err)
{
	char *text;
	size_t len;
	int r;

	if (!f->changed)
		return 0;
	if (!f->path)
		return err_set(err, EINVAL, NULL, "a dictionary made from memory has no file to be saved to");
	r = vmx_lock_check(f->path, err);
	if (!r)
		r = check_unchanged(f, err);
	if (r < 0)
		return r;
	text = vmx_file_text(f, &len);
	if (!text)
		return err_set(err, ENOMEM, f->path, "no memory to write it");
	r = len > VMX_FILE_MAX ? err_set(err, EFBIG, f->path, "would grow beyond %u bytes", VMX_FILE_MAX)
			       : file_replace(f->path, text, len, err);
	if (!r && adopt(f, text, len) == 0)
		return 0;
	free(text);
	return r ? r : err_set(err, ENOMEM, f->path, "was written, but no memory is left to remember it");
}

int vmx_lock_check(const char *path, struct err *err)
{
	return vmware_lock_check(AT_FDCWD, path, true, err);
}
