// vmdk_write_desc.h: the text of a VMDK descriptor: a new one, and changes to one that exists.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Changing keeps every other byte: comments, unknown keys, line ends, order.
#ifndef BERTH_BLOCK_VMDK_WRITE_DESC_H
#define BERTH_BLOCK_VMDK_WRITE_DESC_H

#include <stddef.h>
#include <stdint.h>

#include "block/vmdk_desc.h"

// A text that grows. After ENOMEM it is `failed` and takes nothing more.
struct desc_text {
	char *data;                     // NUL-terminated, malloc'ed; NULL = empty
	size_t len, room;
	bool failed;
};

struct vmdk_new_desc {
	const char *create_type;
	uint32_t cid, parent_cid;       // parent_cid VMDK_NO_PARENT = a base disk
	const char *parent_hint;        // NULL for a base disk
	const struct vmdk_extent *extents;
	size_t count;
	const char *adapter;
	unsigned hw_version;
	uint32_t cylinders, heads, track_sectors;
	uint8_t uuid[16];
	uint8_t long_cid[12];           // what stands before the CID in ddb.longContentID
	bool thin;                      // ddb.thinProvisioned
};

// The geometry that VMware's tools choose for a disk of that size behind that adapter.
void vmdk_geometry(const char *adapter, uint64_t sectors, uint32_t *cylinders, uint32_t *heads,
		   uint32_t *track_sectors);
// Appends the whole descriptor to TEXT.
void vmdk_write_desc(struct desc_text *text, const struct vmdk_new_desc *desc);
// One extent line, with its line end.
void vmdk_write_extent(struct desc_text *text, const struct vmdk_extent *x);

// The value of KEY (case does not matter) becomes VALUE, in the quotes that it had; a key that is not there is added
// at the end. False when out of memory.
bool desc_text_set(struct desc_text *text, const char *key, const char *value);
// Line LINE (from 1) becomes an extent line for X. False when there is no such line, or no memory.
bool desc_text_set_extent(struct desc_text *text, unsigned line, const struct vmdk_extent *x);
// Adds an extent line behind line LINE.
bool desc_text_add_extent(struct desc_text *text, unsigned line, const struct vmdk_extent *x);
// Drops the line of KEY, if there is one.
void desc_text_drop(struct desc_text *text, const char *key);
void desc_text_free(struct desc_text *text);

#endif
