// value.h: what the text of a .vmx value means: booleans, numbers, UUIDs, base64, CPUID masks.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Pure; any thread. All return 0, or -EINVAL (no such value) or -ERANGE (a number that does not fit).
#ifndef BERTH_VMX_VALUE_H
#define BERTH_VMX_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// TRUE/FALSE, yes/no, on/off, t/f, y/n, 1/0, in any case.
int value_bool(const char *text, bool *out);
// Decimal, blanks around it allowed, sign allowed.
int value_int(const char *text, int64_t *out);
// Sixteen hex bytes with blanks and dashes anywhere between them.
int value_uuid(const char *text, uint8_t out[16]);
// Standard alphabet with padding (blanks skipped); exactly SIZE bytes must come out.
int value_base64(const char *text, uint8_t *out, size_t size);
// 32 of "-x01TFHR" (letters in any case), ':' and blanks between them. Letters come out as in that list.
int value_cpuid_mask(const char *text, char out[33]);

#endif
