// vmx_file.h: a .vmx as a dictionary that forgets nothing: what is not changed is written back byte for byte.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Names and values are UTF-8, unescaped, NUL-terminated; a value may hold NUL bytes inside (|00). Names are
// looked up without regard to case. A vmx_file belongs to one thread at a time.
#ifndef BERTH_VMX_VMX_FILE_H
#define BERTH_VMX_VMX_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define VMX_FILE_MAX    (4u << 20)      // bytes
#define VMX_LINES_MAX   100000u

struct vmx_file;

struct vmx_entry {
	const char *name;               // as spelled in the file
	const char *value;
	size_t value_len;
	unsigned line;                  // 1..; behind the last line for an appended key
	unsigned first_line;            // not 0: repeats the key of that line; lookups find the first
	bool unterminated;              // the closing quote is missing
	bool bad_text;                  // bytes that are no text in the file's encoding were kept as they are
};

struct vmx_fault {
	unsigned line;
	const char *why;                // static phrase
};

// Reads PATH. 0 with *OUT; -errno and ERR (exit code EXIT_CONFIG) when it cannot be read, is too large, has
// too many lines or is UTF-16. Everything milder is kept and can be asked for below.
int vmx_file_load(const char *path, struct vmx_file **out, struct err *err);
// The same from memory (copied). Such a file cannot be saved until vmx_file_set_path().
int vmx_file_parse(const char *data, size_t len, struct vmx_file **out, struct err *err);
void vmx_file_free(struct vmx_file *f);
int vmx_file_set_path(struct vmx_file *f, const char *path);
const char *vmx_file_path(const struct vmx_file *f);            // as given, NULL for memory

// Entries in the order of the file, duplicates included. Pointers stay valid until the entry is set or
// removed or the file is freed; positions until a key is added or removed.
size_t vmx_file_count(const struct vmx_file *f);
const struct vmx_entry *vmx_file_at(const struct vmx_file *f, size_t i);
const struct vmx_entry *vmx_file_find(const struct vmx_file *f, const char *name);
const char *vmx_file_get(const struct vmx_file *f, const char *name);           // value, NULL when absent

// Lines that are neither entries nor comments; they are kept.
size_t vmx_file_fault_count(const struct vmx_file *f);
const struct vmx_fault *vmx_file_fault(const struct vmx_file *f, size_t i);
// The encoding that .encoding names when this host cannot convert it, else NULL.
const char *vmx_file_unknown_encoding(const struct vmx_file *f);
// A byte order mark contradicts .encoding; the mark wins.
bool vmx_file_bom_conflict(const struct vmx_file *f);
// Sealed by VMware, fully or in part: never rewritten. *FULL (may be NULL): nothing of the VM is readable.
bool vmx_file_encrypted(const struct vmx_file *f, bool *full);

// Changes. A key that has this value already (same spelling of the value) is left alone. A new key goes to
// the end of the file. -EINVAL bad name (or .encoding, which decides how the rest reads), value of more than
// the file can take, or a key that stands there twice; -EILSEQ not expressible in the file's encoding; -EPERM
// encrypted; -ENOMEM. All fill ERR.
int vmx_file_set(struct vmx_file *f, const char *name, const char *value, struct err *err);
// Removes the key's line; fine when there is none. -EPERM encrypted.
int vmx_file_remove(struct vmx_file *f, const char *name, struct err *err);
bool vmx_file_changed(const struct vmx_file *f);
// The bytes that vmx_file_save() would write (caller frees), NULL = no memory.
char *vmx_file_text(const struct vmx_file *f, size_t *len);
// Replaces the file when something changed; otherwise touches nothing. -EBUSY when VMware holds a lock on it
// or when it is no longer what was read: somebody else edited it meanwhile.
int vmx_file_save(struct vmx_file *f, struct err *err);

// 0, or -EBUSY with ERR (EXIT_BUSY) when somebody else's lock of VMware's kind holds PATH (base/vmware_lock.h). Any
// thread.
int vmx_lock_check(const char *path, struct err *err);

#endif
