// fields.h: the registers that a snapshot saves, described by one table per device.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A device core keeps what must survive in one plain struct and describes it once. The table serves save,
// restore and the fuzzer. On the wire: little endian, each field preceded by name and size, so that fields
// can be added: an absent one keeps the value it had after reset.
#ifndef BERTH_BUS_FIELDS_H
#define BERTH_BUS_FIELDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct field {
	const char *name;
	size_t offset;          // in the register struct
	size_t size;            // of one element, 1, 2, 4 or 8; arrays of bytes: 1
	size_t count;           // elements
};

struct fields {
	const char *name;       // device kind, unique: "uart16550"
	uint32_t version;
	size_t struct_size;
	const struct field *list;
	size_t count;
	// Brings values that came from outside into their limits; also what the fuzzer calls after a load.
	void (*sanitize)(void *regs);
};

#define FIELD(type, member) \
	{ #member, offsetof(type, member), sizeof(((type *)0)->member), 1 }
#define FIELD_ARRAY(type, member) \
	{ #member, offsetof(type, member), sizeof(((type *)0)->member[0]), \
	  sizeof(((type *)0)->member) / sizeof(((type *)0)->member[0]) }

// Bytes needed by fields_save().
size_t fields_size(const struct fields *f);
// Returns the bytes written, or 0 when SIZE is too small.
size_t fields_save(const struct fields *f, const void *regs, void *buf, size_t size);
// Hostile input is fine: -EINVAL with the reason, REGS then unchanged.
int fields_load(const struct fields *f, void *regs, const void *buf, size_t size, struct err *err);

#endif
