// tool_commit.c: merging a child down into its parent.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the child shows does not change while its data goes into the parent: its own grains hide the parent's. Only the
// content id needs care. The parent gets a new one before its first changed sector, as always, so that children
// elsewhere learn of the change; the child is told at once. In between lies one write of eight digits: the child
// carries a note, ddb.berth.commit, with the id that the parent had, and a later commit goes on by that note.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "block/tool.h"
#include "block/tool_text.h"

#define NOTE "ddb.berth.commit"

struct commit {
	const struct tool *tool;
	const struct tool_commit_args *a;
	struct tool_link *child;
	struct disk *parent;
	struct tool_commit_result *result;
	struct err *err;
};

static int refuse(struct commit *c, int code, const char *what, const char *remedy)
{
	int r = err_set(c->err, code, c->a->path, "%s", what);

	err_remedy(c->err, "%s", remedy);
	err_exit(c->err, EXIT_CONFIG);
	return r;
}

static int check_other_children(struct commit *c)
{
	char **list, names[256] = "", *self = realpath(c->a->path, NULL);
	int n = tool_children(c->result->parent, &list, c->err), others = 0;

	for (int i = 0; i < n; i++) {
		char *path = realpath(list[i], NULL);

		if (path && self && strcmp(path, self)) {
			snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
				 *names ? ", " : "", list[i]);
			others++;
		}
		free(path);
	}
	tool_paths_free(list, n);
	free(self);
	if (n < 0)
		return n;
	if (!others || c->a->force)
		return 0;
	err_set(c->err, EBUSY, c->result->parent, "other disks are children of it: %s", names);
	err_remedy(c->err, "They would show wrong data afterwards. Flatten them first (`berth disk "
			   "flatten`), or delete them");
	err_exit(c->err, EXIT_CONFIG);
	return -EBUSY;
}

// Its own children would still name it, and find its data twice: harmless, but `remove` would take it from them.
static int check_grandchildren(struct commit *c)
{
	char **list;
	int n = tool_children(c->a->path, &list, c->err);

	tool_paths_free(list, n);
	if (n <= 0 || !c->a->remove)
		return n < 0 ? n : 0;
	return refuse(c, EBUSY, "has children of its own, so it cannot be removed",
		      "Commit without --delete, or commit its children first");
}

static int check_map(struct commit *c)
{
	for (size_t i = 0; i < c->child->count; i++) {
		enum tool_extent_kind kind = c->child->extents[i].kind;

		if (kind == TOOL_OPAQUE)
			return refuse(c, ENOTSUP, "has an extent of a format that cannot be merged",
				      "Make one disk of the chain with `berth disk flatten`");
	}
	return 0;
}

// The parent's CID as it is now, read past all caches of ours.
static int parent_cid(struct commit *c, uint32_t *cid, uint64_t *size)
{
	struct tool_meta meta;
	int r = tool_meta_read(c->result->parent, &meta, c->err);

	*cid = meta.desc.cid;
	*size = meta.desc.sectors * 512;
	tool_meta_free(&meta);
	return r;
}

static int parent_cid_quietly(const struct commit *c, uint32_t *cid)
{
	struct tool_meta meta;
	int r = tool_meta_read(c->result->parent, &meta, NULL);

	*cid = meta.desc.cid;
	tool_meta_free(&meta);
	return r;
}

static bool noted(const struct commit *c, uint32_t cid)
{
	char value[64];

	return tool_text_get(&c->child->meta, NOTE, value, sizeof(value)) &&
	       strtoul(value, NULL, 16) == c->child->meta.desc.parent_cid &&
	       cid != c->child->meta.desc.parent_cid;
}

static int check_parent(struct commit *c, uint32_t *cid)
{
	uint64_t size;
	int r = parent_cid(c, cid, &size);

	if (r < 0)
		return r;
	if (size != c->child->size)
		return refuse(c, EINVAL, "and its parent differ in size", "Nothing was changed");
	if (*cid == c->child->meta.desc.parent_cid || noted(c, *cid))
		return 0;
	return refuse(
		c, EINVAL,
		"does not fit its parent: the parent was changed after the child was made (CID mismatch)",
		"Nothing was changed. Restore the parent from a backup of that time");
}

// Digits and nothing else change in place; the note needs the text to be written again.
static int tell_child(struct commit *c, uint32_t cid, bool note)
{
	struct desc_text text = { 0 };
	char digits[16];
	int r;

	snprintf(digits, sizeof(digits), "%08x", cid);
	if (!tool_text_copy(&c->child->meta, &text))
		return err_set(c->err, ENOMEM, c->a->path, "no memory for its descriptor");
	desc_text_set(&text, note ? NOTE : "parentCID", digits);
	if (!note)
		desc_text_drop(&text, NOTE);
	r = tool_text_store(c->child, &text, c->err);
	desc_text_free(&text);
	return r;
}

static void tell_child_quietly(struct commit *c, uint32_t cid)
{
	struct err *err = c->err;

	c->err = NULL;          // the failure before this one is what the caller hears of
	tell_child(c, cid, false);
	c->err = err;
}

// --- the data --------------------------------------------------------------------------------------------

// The first bytes of the child's, written twice: the engine gives the parent its new CID before the first write.
static int first_write(struct commit *c, struct tool_chain *map)
{
	struct pump_args args = { .loop = c->tool->loop, .mode = PUMP_MERGE, .to = c->parent, .map = map };
	struct tool_range range;
	struct pump_result moved;
	uint64_t at = 0;

	while (at < c->child->size) {
		int r = tool_chain_find(map, at, &range, c->err);

		if (r < 0)
			return r;
		if (range.kind != TOOL_ABSENT)
			break;
		at += range.length;
	}
	if (at >= c->child->size)
		return 1;               // it has nothing
	args.size = at + BLOCK_SECTOR;
	return tool_pump(&args, &moved, c->err);
}

static int merge(struct commit *c)
{
	struct tool_chain map = { .links = { c->child }, .count = 1 };
	struct pump_args args = { .loop = c->tool->loop, .mode = PUMP_MERGE, .to = c->parent, .map = &map,
				  .size = c->child->size, .progress = c->tool->progress };
	struct pump_result moved;
	uint64_t size;
	uint32_t cid;
	int r = first_write(c, &map);

	if (r)
		return r < 0 ? r : tell_child(c, c->child->meta.desc.parent_cid, false);
	r = parent_cid(c, &cid, &size);
	if (!r)
		r = tell_child(c, cid, false);
	if (!r)
		r = tool_pump(&args, &moved, c->err);
	if (!r)
		r = tool_flush(c->tool->loop, c->parent, c->err);
	c->result->moved = r < 0 ? 0 : moved.moved;
	return r;
}

static int into_parent(struct commit *c)
{
	struct tool_source source = { .path = c->result->parent, .allow_outside = c->a->allow_outside };
	uint32_t cid;
	int r = tool_disk(c->tool, &source, true, &c->parent, c->err), closed;

	if (r < 0)
		return r;
	// Again, now that nobody else can change it.
	r = check_parent(c, &cid);
	if (!r && !noted(c, cid))
		r = tell_child(c, c->child->meta.desc.parent_cid, true);
	if (!r)
		r = merge(c);
	// A failure that is told leaves no note: the child fits its parent, and a later commit starts anew.
	if (r < 0 && noted(c, ~c->child->meta.desc.parent_cid) && !parent_cid_quietly(c, &cid))
		tell_child_quietly(c, cid);
	closed = disk_close(c->parent, r < 0 ? NULL : c->err);
	return r < 0 ? r : closed;
}

static int commit(struct commit *c)
{
	uint32_t cid;
	int r;

	if (!tool_has_parent(c->child))
		return refuse(c, EINVAL, "has no parent to be merged into", "Nothing needs to be done");
	r = tool_parent_path(c->child, c->result->parent, c->err);
	if (!r)
		r = check_map(c);
	if (!r)
		r = check_parent(c, &cid);
	if (!r)
		r = check_other_children(c);
	if (!r)
		r = check_grandchildren(c);
	return r < 0 ? r : into_parent(c);
}

int tool_commit(const struct tool *tool, const struct tool_commit_args *args, struct tool_commit_result *result,
		struct err *err)
{
	struct commit c = { .tool = tool, .a = args, .result = result, .err = err };
	int r;

	memset(result, 0, sizeof(*result));
	r = tool_link_open(args->path,
			   (struct tool_open){.writable = true, .allow_outside = args->allow_outside},
			   &c.child, err);
	if (r < 0)
		return r;
	r = commit(&c);
	tool_link_close(c.child);
	if (!r && args->remove)
		tool_remove(args->path, false);
	return r;
}
