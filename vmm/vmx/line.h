// line.h: one line of a VMware dictionary (.vmx, .vmsd): its grammar, its escapes.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Pure functions on bytes; no allocation but vmx_escape(). Any thread.
//
//   <ws> name <ws> = <ws> value <ws> [#comment]        ws is space and tab
#ifndef BERTH_VMX_LINE_H
#define BERTH_VMX_LINE_H

#include <stdbool.h>
#include <stddef.h>

enum vmx_line_kind {
	VMX_LINE_ENTRY,         // name = value
	VMX_LINE_RAW,           // blank, or a comment
	VMX_LINE_MALFORMED,     // anything else; kept as it is
};

// Spans point into the scanned text.
struct vmx_line {
	enum vmx_line_kind kind;
	const char *name;
	size_t name_len;
	const char *value;      // without quotes, still escaped
	size_t value_len;
	bool quoted;
	bool unterminated;      // the closing quote is missing; value reaches to the end of the line
	const char *fault;      // MALFORMED: why, a static phrase
};

// Takes TEXT apart: LEN bytes of one line without its line ending.
void vmx_line_scan(const char *text, size_t len, struct vmx_line *out);
// Replaces |XX in LEN bytes of SRC by the bytes they stand for. DST holds LEN bytes and may be SRC. Returns
// the new length. A '|' without two hex digits stays; scanning goes on behind the byte that follows it.
size_t vmx_unescape(char *dst, const char *src, size_t len);
// The opposite, as VMware writes: controls but tab, '"', '|' and 7Fh. New string (caller frees), NULL = no
// memory.
char *vmx_escape(const char *value, size_t len);
// True for a name that a line can carry.
bool vmx_name_ok(const char *name);

#endif
