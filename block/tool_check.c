// tool_check.c: the check of a disk: descriptor, extents, and how the links of its chain fit together.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "block/tool_check_extent.h"

void check_found(struct check_run *run, enum tool_finding kind, const char *file, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	run->result->findings[kind]++;
	if (!run->a->found)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	run->a->found(run->a->arg, kind, file, text);
}

// What keeps an image from being opened and is its own fault is a finding.
static bool is_damage(int code)
{
	return code == -EINVAL || code == -EIO || code == -EFBIG || code == -ELOOP || code == -EMLINK;
}

static int damage(struct check_run *run, const char *file)
{
	char text[1200];

	check_found(run, FINDING_DAMAGE, file, "%s", err_sentence(run->err, text, sizeof(text)));
	err_clear(run->err);
	return 0;
}

static void check_descriptor(struct check_run *run, const struct tool_link *l)
{
	const struct vmdk_desc *d = &l->meta.desc;

	if (!d->cid_digits.len)
		check_found(run, FINDING_NOTE, l->path, "the descriptor has no CID: no child can refer to this disk");
	if (d->long_cid_tail.len && d->cid_digits.len) {
		char digits[9];

		snprintf(digits, sizeof(digits), "%08x", d->cid);
		if (strncasecmp(digits, l->meta.text + d->long_cid_tail.at, 8))
			check_found(run, FINDING_NOTE, l->path,
				    "CID and longContentID differ, as some programs leave them");
	}
	if (d->parent_hint && d->parent_cid == VMDK_NO_PARENT)
		check_found(run, FINDING_DAMAGE, l->path,
			    "names a parent but says that it has none (parentCID=ffffffff)");
}

static int check_link(struct check_run *run, struct tool_link *l, bool repair)
{
	int r = 0;

	check_descriptor(run, l);
	for (size_t i = 0; i < l->count && !r; i++) {
		struct tool_extent *x = &l->extents[i];

		if (x->kind == TOOL_OPAQUE)
			check_found(run, FINDING_NOTE, x->file->name, "its format is not checked inside");
		else if (x->kind == TOOL_SPARSE || x->kind == TOOL_COWD)
			r = check_extent(run, x, repair && x->file->writable);
	}
	return r;
}

// Only told: which of two ids is right, no program can know.
static void check_fit(struct check_run *run, const struct tool_link *child, const struct tool_link *parent)
{
	const struct vmdk_desc *c = &child->meta.desc, *p = &parent->meta.desc;

	if (p->cid_digits.len && c->parent_cid != p->cid)
		check_found(run, FINDING_DAMAGE, child->path,
			    "does not fit its parent %s: it remembers CID %08x, the parent has %08x, so the parent "
			    "was changed after the child was made",
			    parent->path, c->parent_cid, p->cid);
	if (child->size != parent->size)
		check_found(run, FINDING_DAMAGE, child->path, "and its parent %s differ in size", parent->path);
}

static int check_parents(struct check_run *run, struct tool_link *top)
{
	struct tool_chain chain;
	int r = tool_chain_open(top->path, (struct tool_open){.allow_outside = run->a->allow_outside}, &chain,
				run->err);

	if (is_damage(r) || r == -ENOENT)
		return damage(run, top->path);
	if (r < 0)
		return r;
	run->result->links = chain.count;
	for (unsigned i = 1; i < chain.count && !r; i++) {
		check_fit(run, chain.links[i - 1], chain.links[i]);
		r = check_link(run, chain.links[i], false);
	}
	tool_chain_close(&chain);
	return r;
}

int tool_check(const struct tool *tool, const struct tool_check_args *args, struct tool_check_result *result,
	       struct err *err)
{
	struct err own;
	struct check_run run = { .tool = tool, .a = args, .result = result, .err = err ? err : &own };
	struct tool_open how = { .writable = args->repair, .allow_outside = args->allow_outside };
	struct tool_link *top;
	int r;

	memset(result, 0, sizeof(*result));
	result->links = 1;
	err_clear(run.err);
	r = tool_link_open(args->path, how, &top, run.err);
	if (is_damage(r))
		return damage(&run, args->path);
	if (r < 0)
		return r;
	r = check_link(&run, top, args->repair);
	// The parents are read through handles of their own, which a write lock of ours would refuse.
	if (!r && !args->alone && tool_has_parent(top)) {
		struct tool_link copy = { 0 };

		snprintf(copy.path, sizeof(copy.path), "%s", top->path);
		tool_link_close(top);
		return check_parents(&run, &copy);
	}
	tool_link_close(top);
	return r;
}

int tool_need_clean(const struct tool *tool, const char *path, struct err *err)
{
	struct tool_check_args args = { .path = path, .alone = true };
	struct tool_check_result result;
	int r = tool_check(tool, &args, &result, err);

	if (r < 0 || (!result.findings[FINDING_DAMAGE] && !result.findings[FINDING_MENDABLE]))
		return r;
	err_set(err, EINVAL, path, "is not in order (%u thing%s), so nothing in it may be moved",
		result.findings[FINDING_DAMAGE] + result.findings[FINDING_MENDABLE],
		result.findings[FINDING_DAMAGE] + result.findings[FINDING_MENDABLE] == 1 ? "" : "s");
	err_remedy(err, "Run `berth disk check --repair` first");
	err_exit(err, EXIT_DISK);
	return -EINVAL;
}
