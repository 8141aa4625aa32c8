// keys.h: every .vmx key that Berth knows, and what becomes of it.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// One table; the loader takes its defaults from it, `berth check`, docs/keys.md and the manual page are
// printed from it. Everything here is constant or pure; any thread.
#ifndef BERTH_VMX_KEYS_H
#define BERTH_VMX_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vmx/config.h"
#include "vmx/vmx_file.h"

#define VMX_KEY_INDEXES 3u

enum vmx_type {
	VMX_BOOL, VMX_INT, VMX_STRING, VMX_CHOICE, VMX_LIST, VMX_PATH, VMX_UUID,
	VMX_MAC, VMX_MASK, VMX_BASE64,
};

enum vmx_when { VMX_NEVER, VMX_GUEST_64, VMX_HW_BELOW };

// Patterns: %d is a decimal index (limit in .max), %x up to 8 hex digits, * anything but nothing, {a|b|} one
// of the words. Case does not matter.
struct vmx_key {
	const char *pattern;            // NULL: a heading, .about is its text
	enum vmx_type type;
	enum vmx_fate fate;             // of an active key, unless .refused or .inert says otherwise
	const char *dflt;               // NULL: none
	const char *about;              // one line; for VMX_CHOICE it lists the words
	const char *gate;               // key that must be true, else this one is inactive; %d as in .pattern
	const char *inert;              // NOT_YET: values that ask for nothing, "a|b"; BOOL: FALSE if NULL
	const char *words;              // names a device: the only values there are, "a|b"; others stop a start
	const char *refused;            // pattern of values that stop a start; "*" is any that is not empty
	const char *alt;                // the default when .when holds
	enum vmx_when when;
	int when_hw;
	int since;                      // hardware version that brought it, 0 = always there
	bool device;                    // NOT_YET: the guest will miss it, which is worth a warning
	uint16_t max[VMX_KEY_INDEXES];  // highest index allowed, in the order of the pattern
};

struct vmx_match {
	unsigned count;
	uint32_t index[VMX_KEY_INDEXES];
};

// What defaults depend on.
struct vmx_base {
	int hw_version;
	bool guest_64;
};

extern const struct vmx_key vmx_keys[];
extern const size_t vmx_key_count;

// The row for NAME, NULL when no pattern fits. MATCH (may be NULL) gets its indexes.
const struct vmx_key *vmx_key_find(const char *name, struct vmx_match *match);
// True when TEXT fits PATTERN as described above; MAX may be NULL (any index).
bool vmx_pattern_match(const char *pattern, const char *text, const uint16_t *max, struct vmx_match *match);
// Default of a key by name, NULL when it has none.
const char *vmx_key_default(const char *name, const struct vmx_base *base);
const char *vmx_type_name(enum vmx_type type);
const char *vmx_fate_name(enum vmx_fate fate);         // "honoured", "not yet", ...

struct vmx_verdict {
	enum vmx_fate fate;
	const struct vmx_key *key;      // NULL = unknown
	char why[200];
};

// What becomes of E in F.
void vmx_key_judge(const struct vmx_file *f, const struct vmx_entry *e, struct vmx_verdict *out);

// The table as docs/keys.md and as the key part of berth.vmx(5).
void vmx_keys_markdown(FILE *out);
void vmx_keys_man(FILE *out);

#endif
