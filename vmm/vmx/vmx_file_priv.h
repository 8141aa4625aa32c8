// vmx_file_priv.h: how vmx_file.c and vmx_edit.c keep a dictionary.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_VMX_VMX_FILE_PRIV_H
#define BERTH_VMX_VMX_FILE_PRIV_H

#include "vmx/charset.h"
#include "vmx/line.h"
#include "vmx/vmx_file.h"

struct file_line {
	const char *text;       // without line ending; in vmx_file.raw or in .own
	size_t len;
	const char *eol;        // "\n", "\r\n", "\r", or "" for a last line without one
	char *own;              // rewritten or appended text
	bool removed;
};

struct file_entry {
	struct vmx_entry pub;   // name and value are owned
	size_t line;            // index in vmx_file.lines
};

struct vmx_file {
	char *path;
	char *raw;              // the file as read, without its byte order mark
	size_t raw_len;
	bool bom, bom_conflict, changed;
	struct charset *charset;
	char *unknown_encoding;
	struct file_line *lines;
	size_t line_count, line_room;
	struct file_entry **entries;            // in the order of the file
	size_t entry_count, entry_room;
	struct file_entry **index;              // sorted by name without case, then by line
	struct vmx_fault *faults;
	size_t fault_count, fault_room;
};

// Makes room for one more element of SIZE bytes in *ARRAY. 0 or -ENOMEM.
int vmx_grow(void *array, size_t count, size_t *room, size_t size);
// Reads line number I (0..) into an entry or a fault. 0 or -ENOMEM.
int vmx_file_take_line(struct vmx_file *f, size_t i);
// Sorts the index anew and marks duplicates. 0 or -ENOMEM.
int vmx_file_reindex(struct vmx_file *f);
void vmx_entry_free(struct file_entry *e);
// The entry behind a lookup, NULL when absent.
struct file_entry *vmx_file_lookup(const struct vmx_file *f, const char *name);

#endif
