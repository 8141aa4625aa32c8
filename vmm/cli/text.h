// text.h: small conversions of what people type and VMs answer.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Pure functions: any thread.
#ifndef BERTH_CLI_TEXT_H
#define BERTH_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>

// Decodes base64 up to its end or the first '='; other characters are skipped. OUT needs strlen(TEXT) * 3 / 4 bytes.
// Returns how many were written.
size_t text_base64_decode(const char *text, unsigned char *out);
// \n, \t, \e and \\ as in C; anything else behind a backslash stays as it is. OUT needs strlen(IN) + 1 bytes.
void text_unescape(const char *in, char *out);
// A decimal number from 0 to MAX and nothing else; false leaves *VALUE alone.
bool text_number(const char *text, long max, long *value);
// Copies TEXT into BUF of SIZE bytes with control characters as '?': names come from files that others wrote, and a
// terminal obeys what it is shown. Returns BUF.
const char *text_printable(const char *text, char *buf, size_t size);

#endif
