// vmdk_create.h: new VMDKs: base disks of every kind that can be written, and children of existing ones.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_VMDK_CREATE_H
#define BERTH_BLOCK_VMDK_CREATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum vmdk_kind {
	VMDK_KIND_MONOLITHIC_SPARSE,
	VMDK_KIND_MONOLITHIC_FLAT,
	VMDK_KIND_SPLIT_SPARSE,         // twoGbMaxExtentSparse
	VMDK_KIND_SPLIT_FLAT,           // twoGbMaxExtentFlat
	VMDK_KIND_VMFS,                 // ESXi's thick: descriptor and <name>-flat.vmdk
	VMDK_KIND_VMFS_SPARSE,          // ESXi's delta (COWD)
	VMDK_KIND_STREAM_OPTIMIZED,     // an export: written once, front to back; not by vmdk_create()
	VMDK_KIND_COUNT,
};

struct vmdk_create_args {
	const char *path;               // of the descriptor; extents are named after it and lie beside it
	enum vmdk_kind kind;            // a child of a disk is MONOLITHIC_SPARSE, SPLIT_SPARSE or VMFS_SPARSE
	uint64_t sectors;               // size in sectors of 512 bytes; 0 with a parent: the parent's
	const char *adapter;            // ddb.adapterType: "ide", "buslogic", "lsilogic", "legacyESX"; NULL = "lsilogic", or
					// the parent's
	unsigned hw_version;            // ddb.virtualHWVersion; 0 = 4
	const char *parent;             // path of the disk that this one shall be a child of, or NULL
	bool preallocate;               // flat kinds: blocks are taken now (fallocate), not when they are written
	// Called now and then with bytes done and in all; non-zero stops with -ECANCELED. May be NULL.
	int (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

// "monolithicSparse" and so on, as createType spells it; NULL behind the last.
const char *vmdk_kind_name(enum vmdk_kind kind);
// Makes descriptor and extents, all durable, the descriptor last. Nothing that exists is overwritten (-EEXIST). After a
// failure everything that was made is gone again. Any thread; may take long.
int vmdk_create(const struct vmdk_create_args *args, struct err *err);

#endif
