// tool.h: what the disk tools do: create, convert, compare, check, grow, shrink, rename, commit, wipe, describe.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Everything here works with structs and callbacks and prints nothing. Every function takes the locks that it needs
// and gives -EBUSY with the lock's name when somebody else has one. A function that makes files removes them again
// when it fails or is stopped; what it says is done is durable. Each needs a thread of its own: it waits.
#ifndef BERTH_BLOCK_TOOL_H
#define BERTH_BLOCK_TOOL_H

#include "block/tool_chain.h"
#include "block/tool_pump.h"
#include "block/vmdk_create.h"

struct tool {
	struct loop *loop;
	struct tool_progress progress;
	// Something that happened on the way and is worth a line. May be NULL.
	void (*say)(void *arg, const char *text);
	void *arg;
};

void tool_say(const struct tool *tool, const char *fmt, ...) PRINTF(2, 3);

// --- tool_convert.c
struct tool_source { const char *path; bool raw, allow_outside; };

struct tool_convert_args {
	struct tool_source from;
	const char *to;
	bool to_raw;
	enum vmdk_kind kind;
	const char *adapter;            // NULL = what the source has, or lsilogic
	unsigned hw_version;
	bool preallocate;
};

struct tool_convert_result { uint64_t size, moved; };

// A new disk with the content of another, chains flattened.
int tool_convert(const struct tool *tool, const struct tool_convert_args *args, struct tool_convert_result *result,
		 struct err *err);

// --- tool_compare.c
struct tool_compare_result {
	uint64_t size[2];
	uint64_t compared;
	uint64_t difference;            // first byte that differs; UINT64_MAX = none as far as both go
};
int tool_compare(const struct tool *tool, const struct tool_source *a, const struct tool_source *b,
		 struct tool_compare_result *result, struct err *err);

// --- tool_commit.c
struct tool_commit_args {
	const char *path;               // the child
	bool allow_outside;
	bool force;                     // although other children depend on the parent
	bool remove;                    // the child's files, afterwards
};
struct tool_commit_result { char parent[PATH_MAX]; uint64_t moved; };

// Writes what the child has into its parent. The child stays valid all the way and afterwards.
int tool_commit(const struct tool *tool, const struct tool_commit_args *args, struct tool_commit_result *result,
		struct err *err);

// --- tool_check.c
enum tool_finding {
	FINDING_NOTE,           // nothing wrong
	FINDING_LOST,           // space that nothing refers to
	FINDING_MENDABLE,       // wrong, and a repair loses nothing
	FINDING_DAMAGE,         // wrong, and no repair knows the truth
	FINDING_MENDED,
	FINDING_COUNT,
};

struct tool_check_args {
	const char *path;
	bool repair, allow_outside;
	bool alone;                     // parents are not looked at
	// FILE may be NULL.
	void (*found)(void *arg, enum tool_finding kind, const char *file, const char *text);
	void *arg;
};

struct tool_check_result {
	unsigned findings[FINDING_COUNT];
	uint64_t grains, lost;          // grains in use; bytes that are lost
	unsigned links;
};

// 0 when the check could be made, whatever it found.
int tool_check(const struct tool *tool, const struct tool_check_args *args, struct tool_check_result *result,
	       struct err *err);
// For what moves or drops grains: -EINVAL unless a check of the disk alone finds nothing to mend.
int tool_need_clean(const struct tool *tool, const char *path, struct err *err);

// --- tool_edit.c
// Every step leaves one whole disk behind, under one of the names or under both.
int tool_rename(const struct tool *tool, const char *from, const char *to, struct err *err);
// Refused for disks with parents or children. SECTORS is the new size.
int tool_grow(const struct tool *tool, const char *path, uint64_t sectors, struct err *err);
// Removes the disk's own files: descriptor first.
int tool_delete(const struct tool *tool, const char *path, struct err *err);
// ddb.deletable: true.
int tool_make_deletable(const struct tool *tool, const char *path, bool deletable, struct err *err);

// --- tool_shrink.c
struct tool_shrink_result { uint64_t before, after; };  // bytes that the files take on the host
// Gives back grains and blocks that hold zeros alone.
int tool_shrink(const struct tool *tool, const char *path, struct tool_shrink_result *result, struct err *err);
// Grains in the order of the disk, without gaps; file by file, each replaced when its successor is durable.
int tool_defragment(const struct tool *tool, const char *path, struct tool_shrink_result *result, struct err *err);

// --- tool_wipe.c
struct tool_wipe_args { const char *path; bool raw, all; };     // ALL: the content too; else what nothing refers to
int tool_wipe(const struct tool *tool, const struct tool_wipe_args *args, uint64_t *wiped, struct err *err);

// Fills the free space of the file system that is mounted at DIR with zeros and gives it back: what a guest's disk that
// is mounted here needs before it is shrunk.
int tool_fill_free(const struct tool *tool, const char *dir, struct err *err);

// Opens for reading (or writing) with the messages of disk_open().
int tool_disk(const struct tool *tool, const struct tool_source *source, bool writable, struct disk **disk,
	      struct err *err);
// Bytes of extent I that have a place of their own: grains, or the blocks of a flat file. May read every table.
int tool_allocated(struct tool_link *link, size_t i, uint64_t *bytes, struct err *err);
// Bytes that the files of LINK take on the host.
uint64_t tool_space(const struct tool_link *link);

#endif
