// vmx_file.c: reading a .vmx into a dictionary.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmx/vmx_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "vmx/vmx_file_priv.h"

int vmx_grow(void *array, size_t count, size_t *room, size_t size)
{
	void *p, *bigger;
	size_t want = *room ? *room * 2 : 64;

	if (count < *room)
		return 0;
	memcpy(&p, array, sizeof(p));
	bigger = realloc(p, want * size);
	if (!bigger)
		return -ENOMEM;
	memcpy(array, &bigger, sizeof(bigger));
	*room = want;
	return 0;
}

void vmx_entry_free(struct file_entry *e)
{
	if (!e)
		return;
	free((char *)(uintptr_t)e->pub.name);
	free((char *)(uintptr_t)e->pub.value);
	free(e);
}

void vmx_file_free(struct vmx_file *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->entry_count; i++)
		vmx_entry_free(f->entries[i]);
	for (size_t i = 0; i < f->line_count; i++)
		free(f->lines[i].own);
	charset_close(f->charset);
	free(f->unknown_encoding);
	free(f->lines);
	free(f->entries);
	free(f->index);
	free(f->faults);
	free(f->raw);
	free(f->path);
	free(f);
}

// --- lines -------------------------------------------------------------------------------------------

static const char *line_ending(const char *p, const char *end)
{
	if (*p == '\n')
		return "\n";
	return end - p > 1 && p[1] == '\n' ? "\r\n" : "\r";
}

static int split_lines(struct vmx_file *f)
{
	const char *p = f->raw, *end = f->raw + f->raw_len;

	while (p < end) {
		struct file_line line = { .text = p, .eol = "" };
		int r;

		if (f->line_count >= VMX_LINES_MAX)
			return -E2BIG;
		while (p < end && *p != '\n' && *p != '\r')
			p++;
		line.len = (size_t)(p - line.text);
		if (p < end)
			line.eol = line_ending(p, end);
		p += strlen(line.eol);
		r = vmx_grow(&f->lines, f->line_count, &f->line_room, sizeof(*f->lines));
		if (r < 0)
			return r;
		f->lines[f->line_count++] = line;
	}
	return 0;
}

// --- encoding ----------------------------------------------------------------------------------------

static bool is_name(const struct vmx_line *l, const char *name)
{
	return l->kind == VMX_LINE_ENTRY && l->name_len == strlen(name) &&
	       !strncasecmp(l->name, name, l->name_len);
}

static int use_encoding(struct vmx_file *f, const struct vmx_line *l)
{
	int r;

	if (!l->value_len)
		return 0;
	r = charset_open(l->value, l->value_len, &f->charset);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		f->unknown_encoding = utf8_clean(l->value, l->value_len);
		return f->unknown_encoding ? 0 : -ENOMEM;
	}
	// Editors that add a mark have converted the text to UTF-8, whatever the key still says.
	if (f->bom && f->charset) {
		f->bom_conflict = true;
		charset_close(f->charset);
		f->charset = NULL;
	}
	return 0;
}

// The key may stand on any line, and decides how all of them are read.
static int find_encoding(struct vmx_file *f)
{
	for (size_t i = 0; i < f->line_count; i++) {
		struct vmx_line l;

		vmx_line_scan(f->lines[i].text, f->lines[i].len, &l);
		if (is_name(&l, ".encoding"))
			return use_encoding(f, &l);
	}
	return 0;
}

// Text that is not in the encoding it claims is kept as bytes: file names still open, and nothing is lost.
static int to_text(struct vmx_file *f, const char *in, size_t len, char **out, size_t *out_len, bool *bad)
{
	int r = charset_to_utf8(f->charset, in, len, out, out_len);

	if (r != -EILSEQ)
		return r;
	*bad = true;
	*out = malloc(len + 1);
	if (!*out)
		return -ENOMEM;
	memcpy(*out, in, len);
	(*out)[len] = '\0';
	*out_len = len;
	return 0;
}

// --- entries -----------------------------------------------------------------------------------------

static int take_entry(struct vmx_file *f, const struct vmx_line *l, size_t i)
{
	struct file_entry *e = calloc(1, sizeof(*e));
	char *name = NULL, *value = NULL;
	size_t name_len, len;
	int r = e ? 0 : -ENOMEM;

	if (!r)
		r = to_text(f, l->name, l->name_len, &name, &name_len, &e->pub.bad_text);
	if (!r)
		r = to_text(f, l->value, l->value_len, &value, &len, &e->pub.bad_text);
	if (!r)
		r = vmx_grow(&f->entries, f->entry_count, &f->entry_room, sizeof(struct file_entry *));
	if (r < 0) {
		free(name);
		free(value);
		free(e);
		return r;
	}
	len = vmx_unescape(value, value, len);
	value[len] = '\0';
	e->pub.name = name;
	e->pub.value = value;
	e->pub.value_len = len;
	e->pub.line = (unsigned)i + 1;
	e->pub.unterminated = l->unterminated;
	e->line = i;
	f->entries[f->entry_count++] = e;
	return 0;
}

static int take_fault(struct vmx_file *f, const char *why, size_t i)
{
	int r = vmx_grow(&f->faults, f->fault_count, &f->fault_room, sizeof(*f->faults));

	if (r < 0)
		return r;
	f->faults[f->fault_count++] = (struct vmx_fault){ .line = (unsigned)i + 1, .why = why };
	return 0;
}

int vmx_file_take_line(struct vmx_file *f, size_t i)
{
	struct vmx_line l;

	vmx_line_scan(f->lines[i].text, f->lines[i].len, &l);
	switch (l.kind) {
	case VMX_LINE_ENTRY: return take_entry(f, &l, i);
	case VMX_LINE_MALFORMED: return take_fault(f, l.fault, i);
	default: return 0;
	}
}

// --- index -------------------------------------------------------------------------------------------

static int by_name(const void *a, const void *b)
{
	const struct file_entry *x = *(struct file_entry *const *)a, *y = *(struct file_entry *const *)b;
	int r = strcasecmp(x->pub.name, y->pub.name);

	return r ? r : (x->line > y->line) - (x->line < y->line);
}

int vmx_file_reindex(struct vmx_file *f)
{
	struct file_entry **index = realloc(f->index, (f->entry_count + 1) * sizeof(struct file_entry *));
	const struct file_entry *first = NULL;

	if (!index)
		return -ENOMEM;
	f->index = index;
	if (!f->entry_count)
		return 0;
	memcpy(index, f->entries, f->entry_count * sizeof(struct file_entry *));
	qsort(index, f->entry_count, sizeof(struct file_entry *), by_name);
	for (size_t i = 0; i < f->entry_count; i++) {
		bool again = first && !strcasecmp(first->pub.name, index[i]->pub.name);

		index[i]->pub.first_line = again ? first->pub.line : 0;
		if (!again)
			first = index[i];
	}
	return 0;
}

struct file_entry *vmx_file_lookup(const struct vmx_file *f, const char *name)
{
	size_t low = 0, high = f->entry_count;

	// The leftmost of equal names, which is the one on the first line.
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcasecmp(f->index[mid]->pub.name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == f->entry_count || strcasecmp(f->index[low]->pub.name, name))
		return NULL;
	return f->index[low];
}

// --- whole files -------------------------------------------------------------------------------------

static int parse_all(struct vmx_file *f)
{
	int r = split_lines(f);

	if (!r)
		r = find_encoding(f);
	for (size_t i = 0; !r && i < f->line_count; i++)
		r = vmx_file_take_line(f, i);
	return r ? r : vmx_file_reindex(f);
}

static int parse_error(const char *path, int r, struct err *err)
{
	if (r == -E2BIG) {
		err_set(err, E2BIG, path, "has more than %u lines", VMX_LINES_MAX);
		err_remedy(err, "A .vmx has a few hundred; check that this is one");
	} else {
		err_set(err, -r, path, "cannot be parsed: %s", strerror(-r));
	}
	return r;
}

static int refuse_utf16(const char *path, struct err *err)
{
	err_set(err, EINVAL, path, "is UTF-16 text; a .vmx is UTF-8 or what its .encoding says");
	err_remedy(err, "Save it as UTF-8");
	return -EINVAL;
}

// Takes DATA over in any case.
static int parse_owned(const char *path, char *data, size_t len, struct vmx_file **out, struct err *err)
{
	struct vmx_file *f = NULL;
	size_t skip = len >= 3 && !memcmp(data, "\xef\xbb\xbf", 3) ? 3 : 0;
	int r;

	if (len >= 2 && (!memcmp(data, "\xff\xfe", 2) || !memcmp(data, "\xfe\xff", 2))) {
		free(data);
		return refuse_utf16(path, err);
	}
	f = calloc(1, sizeof(*f));
	if (!f) {
		free(data);
		return parse_error(path, -ENOMEM, err);
	}
	memmove(data, data + skip, len - skip);
	f->raw = data;
	f->raw_len = len - skip;
	f->bom = skip != 0;
	r = parse_all(f);
	if (r < 0) {
		vmx_file_free(f);
		return parse_error(path, r, err);
	}
	*out = f;
	return 0;
}

int vmx_file_parse(const char *data, size_t len, struct vmx_file **out, struct err *err)
{
	char *copy;
	int r;

	*out = NULL;
	if (len > VMX_FILE_MAX) {
		r = err_set(err, EFBIG, NULL, "the text has %zu bytes, more than %u", len, VMX_FILE_MAX);
		err_exit(err, EXIT_CONFIG);
		return r;
	}
	copy = malloc(len + 1);
	if (!copy)
		return err_set(err, ENOMEM, NULL, "no memory for the text");
	memcpy(copy, data, len);
	copy[len] = '\0';
	r = parse_owned(NULL, copy, len, out, err);
	if (r < 0)
		err_exit(err, EXIT_CONFIG);
	return r;
}

int vmx_file_load(const char *path, struct vmx_file **out, struct err *err)
{
	char *data;
	size_t len;
	int r;

	*out = NULL;
	r = file_read(path, VMX_FILE_MAX, &data, &len, err);
	if (r == -ENOENT)
		err_remedy(err, "Give the path of the VM's .vmx file");
	if (!r)
		r = parse_owned(path, data, len, out, err);
	if (!r && vmx_file_set_path(*out, path) < 0) {
		vmx_file_free(*out);
		*out = NULL;
		r = err_set(err, ENOMEM, path, "no memory for its name");
	}
	if (r < 0)
		err_exit(err, EXIT_CONFIG);
	return r;
}

// --- questions ---------------------------------------------------------------------------------------

int vmx_file_set_path(struct vmx_file *f, const char *path)
{
	char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	free(f->path);
	f->path = copy;
	return 0;
}

const char *vmx_file_path(const struct vmx_file *f) { return f->path; }
size_t vmx_file_count(const struct vmx_file *f) { return f->entry_count; }
size_t vmx_file_fault_count(const struct vmx_file *f) { return f->fault_count; }
const char *vmx_file_unknown_encoding(const struct vmx_file *f) { return f->unknown_encoding; }
bool vmx_file_bom_conflict(const struct vmx_file *f) { return f->bom_conflict; }

const struct vmx_entry *vmx_file_at(const struct vmx_file *f, size_t i)
{
	return i < f->entry_count ? &f->entries[i]->pub : NULL;
}

const struct vmx_fault *vmx_file_fault(const struct vmx_file *f, size_t i)
{
	return i < f->fault_count ? &f->faults[i] : NULL;
}

const struct vmx_entry *vmx_file_find(const struct vmx_file *f, const char *name)
{
	struct file_entry *e = vmx_file_lookup(f, name);

	return e ? &e->pub : NULL;
}

const char *vmx_file_get(const struct vmx_file *f, const char *name)
{
	const struct vmx_entry *e = vmx_file_find(f, name);

	return e ? e->value : NULL;
}

bool vmx_file_encrypted(const struct vmx_file *f, bool *full)
{
	bool sealed = vmx_file_find(f, "encryption.keySafe") || vmx_file_find(f, "encryption.data");

	if (full)
		*full = sealed && !vmx_file_find(f, "virtualHW.version") &&
			!vmx_file_find(f, "config.version");
	return sealed;
}
