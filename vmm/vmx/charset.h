// charset.h: the text encodings a dictionary can name in .encoding, to and from UTF-8.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_VMX_CHARSET_H
#define BERTH_VMX_CHARSET_H

#include <stdbool.h>
#include <stddef.h>

struct charset;         // NULL stands for UTF-8: bytes are taken as they are

// Opens the encoding called NAME, LEN bytes ("windows-1252", "GBK", "Shift_JIS", ...). 0 with *OUT set (NULL
// for UTF-8), -EINVAL when this host's iconv does not know it or when it is no superset of ASCII, -ENOMEM.
int charset_open(const char *name, size_t len, struct charset **out);
void charset_close(struct charset *cs);
// New NUL-terminated string (caller frees) of *OUT_LEN bytes. -EILSEQ for bytes that are no text in that
// encoding (or that it cannot express), -ENOMEM. One caller at a time: the conversion has state.
int charset_to_utf8(struct charset *cs, const char *in, size_t len, char **out, size_t *out_len);
int charset_from_utf8(struct charset *cs, const char *in, size_t len, char **out, size_t *out_len);

// True when LEN bytes are UTF-8 (no surrogates, nothing beyond U+10FFFF, shortest forms). Any thread.
bool utf8_valid(const char *s, size_t len);
// Copy of LEN bytes with everything that is not UTF-8 replaced by '?', for terminals and JSON. Caller frees.
char *utf8_clean(const char *s, size_t len);

#endif
