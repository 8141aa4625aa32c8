// vmdk_desc.h: the text descriptor of a VMDK, from bytes to a checked description.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_VMDK_DESC_H
#define BERTH_BLOCK_VMDK_DESC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define VMDK_DESC_MAX   (10u << 20)     // bytes of text
#define VMDK_NO_PARENT  0xffffffffu

enum vmdk_access { VMDK_RW, VMDK_RDONLY, VMDK_NOACCESS };

enum vmdk_extent_type {
	VMDK_FLAT,
	VMDK_SPARSE,
	VMDK_ZERO,
	VMDK_VMFS,
	VMDK_VMFSSPARSE,
	VMDK_SESPARSE,
	VMDK_VMFSRDM,
	VMDK_VMFSRAW,
	VMDK_VMFSPASSTHROUGH,
};

struct vmdk_extent {
	enum vmdk_access access;
	enum vmdk_extent_type type;
	uint64_t sectors;               // at least 1
	uint64_t offset;                // sectors into the file
	char *name;                     // as written; NULL for ZERO (and NOACCESS may have none)
	unsigned line;
};

// A piece of the text, for changing it in place.
struct vmdk_place { size_t at, len; };

struct vmdk_desc {
	uint32_t version;               // 1..4
	char encoding[32];
	char create_type[40];           // as written
	uint32_t cid, parent_cid;       // parent_cid is VMDK_NO_PARENT for a base disk
	struct vmdk_place cid_digits;   // len 0 = no CID line
	struct vmdk_place long_cid_tail;// the last 8 digits of ddb.longContentID; len 0 = none
	char *parent_hint, *change_track;       // NULL when absent or empty
	struct vmdk_extent *extents;
	size_t count, room;
	uint64_t sectors;               // of all extents together
	uint32_t cylinders, heads, track_sectors;       // zeros when absent
	uint8_t uuid[16];
	bool has_uuid;
	char adapter[16];               // ddb.adapterType
};

// True when the text starts as a descriptor does: "# Disk DescriptorFile" among its first comments.
bool vmdk_desc_is_text(const char *text, size_t len);
// TEXT ends at LEN or at its first NUL. NAME is for messages. Fills *OUT (vmdk_desc_free() it) and returns 0,
// or -EINVAL, -EFBIG or -ENOMEM with the line in ERR. Whether the kind of disk is supported is not asked
// here. Any thread.
int vmdk_desc_parse(const char *text, size_t len, const char *name, struct vmdk_desc *out, struct err *err);
void vmdk_desc_free(struct vmdk_desc *desc);
// "SPARSE" and so on.
const char *vmdk_extent_type_name(enum vmdk_extent_type type);

#endif
