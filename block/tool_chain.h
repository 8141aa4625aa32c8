// tool_chain.h: a disk as tools see it: its links down to the base, their files held and locked, and where data lies.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Nothing here does a guest's I/O: data goes through disk_open(). Links that are open for reading live beside a disk
// that is open for reading; a link that is open for writing excludes every other use, in this process as in others.
#ifndef BERTH_BLOCK_TOOL_CHAIN_H
#define BERTH_BLOCK_TOOL_CHAIN_H

#include <limits.h>

#include "block/image_file.h"
#include "block/tool_meta.h"
#include "block/vmdk_header.h"

#define TOOL_CHAIN_MAX 32u
#define TOOL_NO_PLACE  UINT64_MAX

enum tool_extent_kind {
	TOOL_FLAT,
	TOOL_ZERO,              // no file
	TOOL_SPARSE,
	TOOL_COWD,
	TOOL_OPAQUE,            // a format whose map is not read here: all of it counts as data
};

struct tool_extent {
	enum tool_extent_kind kind;
	struct vmdk_extent *desc;       // of the link's descriptor; NULL for a raw image
	struct image_file *file;        // the link's; NULL for TOOL_ZERO
	uint64_t start, length;         // bytes, in the disk
	uint64_t file_offset;           // TOOL_FLAT
	// Of the two sparse kinds.
	struct sparse_header h;         // TOOL_SPARSE
	uint64_t grain_bytes;
	uint32_t table_entries, tables;
	uint64_t directory_at;          // sector
	bool zeroed;                    // entry 1 means zeros
	uint32_t *directory;            // host order
	uint32_t *table;                // the one read last, host order
	uint32_t table_index;           // UINT32_MAX = none
};

struct tool_link {
	char path[PATH_MAX];
	bool raw, writable;
	struct image_file *top, *files; // all, `top` among them
	struct image_folder folder;
	struct tool_meta meta;
	struct tool_extent *extents;
	size_t count;
	uint64_t size;                  // bytes
};

struct tool_chain {
	struct tool_link *links[TOOL_CHAIN_MAX];        // [0] is the disk that was named
	unsigned count;
};

struct tool_open {
	bool raw;               // the file is the disk
	bool writable;          // the first link; parents are only ever read
	bool allow_outside;
	bool alone;             // without parents
};

enum tool_range_kind { TOOL_DATA, TOOL_ZEROS, TOOL_ABSENT };

struct tool_range {
	enum tool_range_kind kind;
	uint64_t start, length;         // bytes, in the disk
	unsigned layer;                 // of DATA and ZEROS
	struct image_file *file;        // of DATA
	uint64_t file_offset;           // TOOL_NO_PLACE when it is not known
};

// Opens and locks. 0 or -errno with a sentence in ERR. Any thread.
int tool_link_open(const char *path, struct tool_open how, struct tool_link **out, struct err *err);
void tool_link_close(struct tool_link *link);
int tool_chain_open(const char *path, struct tool_open how, struct tool_chain *chain, struct err *err);
void tool_chain_close(struct tool_chain *chain);

// The path of LINK's parent into PATH; -ENOENT when it is in none of the places where it may be.
int tool_parent_path(const struct tool_link *link, char path[PATH_MAX], struct err *err);
static inline bool tool_has_parent(const struct tool_link *link)
{
	return !link->raw && link->meta.desc.parent_cid != VMDK_NO_PARENT;
}

// What LINK says about the bytes from AT on: a range that begins there, at least a sector. May read a table.
int tool_link_find(struct tool_link *link, uint64_t at, struct tool_range *range, struct err *err);
// The same through all layers: ABSENT where none of them has anything.
int tool_chain_find(struct tool_chain *chain, uint64_t at, struct tool_range *range, struct err *err);
// Table INDEX of X into x->table, all zeros when there is none.
int tool_load_table(struct tool_extent *x, uint32_t index, struct err *err);

// Paths of disks in the folder of PATH whose parent is PATH (by name; another CID is no reason to leave one out).
// *LIST is malloc'ed, as are its strings; tool_paths_free(). Returns how many, or -errno.
int tool_children(const char *path, char ***list, struct err *err);
void tool_paths_free(char **list, int count);

// Removes a disk: descriptor first, then the extents that it names in its own folder. For what was just made.
void tool_remove(const char *path, bool raw);
// Makes the entries of the folder of PATH durable.
int tool_sync_folder(const char *path, struct err *err);

#endif
