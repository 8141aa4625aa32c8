// tool_rename.c: another name for a disk and its extents.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The extents get their new names beside the old ones (hard links), then the new descriptor appears, then the old
// descriptor goes, then the old names: at every moment one of the two descriptors is there with all its files. Where
// a file system has no hard links, files are renamed one by one and renamed back when one fails.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/compiler.h"
#include "block/tool.h"
#include "block/tool_text.h"

struct pair { char *from, *to; };

struct rename_work {
	const struct tool *tool;
	const char *from, *to;
	struct tool_link *link;
	struct pair *pairs;             // the extents, or the one file of a monolithic disk
	size_t count, done;
	bool moved;                     // renamed instead of linked
	struct desc_text text;
	struct err *err;
};

static size_t folder_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

// Length of the file name without ".vmdk".
static size_t stem_length(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && !strcasecmp(name + len - 5, ".vmdk") ? len - 5 : len;
}

static int refuse(struct rename_work *w, int code, const char *object, const char *what, const char *remedy)
{
	err_set(w->err, code, object, "%s", what);
	err_remedy(w->err, "%s", remedy);
	err_exit(w->err, EXIT_CONFIG);
	return -code;
}

// What follows the old stem follows the new one. A name without the old stem stays.
static char *new_name(const struct rename_work *w, const char *name)
{
	const char *old = w->from + folder_length(w->from), *new = w->to + folder_length(w->to);
	size_t n = stem_length(old);
	char *out;

	if (strncasecmp(name, old, n))
		return strdup(name);
	return asprintf(&out, "%.*s%s", (int)stem_length(new), new, name + n) < 0 ? NULL : out;
}

static int plan_extent(struct rename_work *w, struct vmdk_extent *x)
{
	struct pair *p = &w->pairs[w->count];
	struct vmdk_extent line = *x;
	int r = 0;

	if (!x->name)
		return 0;
	if (strpbrk(x->name, "/\\"))
		return refuse(w, ENOTSUP, x->name, "the extent lies in another folder than the descriptor",
			      "Rename its files by hand");
	line.name = new_name(w, x->name);
	if (!line.name)
		return err_set(w->err, ENOMEM, w->from, "no memory to rename it");
	if (asprintf(&p->from, "%.*s%s", (int)folder_length(w->from), w->from, x->name) < 0)
		p->from = NULL;
	if (asprintf(&p->to, "%.*s%s", (int)folder_length(w->to), w->to, line.name) < 0)
		p->to = NULL;
	w->count++;
	if (!p->from || !p->to || !desc_text_set_extent(&w->text, x->line, &line))
		r = err_set(w->err, ENOMEM, w->from, "no memory to rename it");
	free(line.name);
	return r;
}

// From another folder a relative name would lead somewhere else.
static int plan_hint(struct rename_work *w)
{
	char parent[PATH_MAX], *real;
	size_t n = folder_length(w->from);
	int r;

	if (!tool_has_parent(w->link) || (n == folder_length(w->to) && !strncmp(w->from, w->to, n)))
		return 0;
	r = tool_parent_path(w->link, parent, w->err);
	if (r < 0)
		return r;
	real = realpath(parent, NULL);
	if (!real)
		return err_set(w->err, errno, parent, "cannot be found: %s", strerror(errno));
	desc_text_set(&w->text, "parentFileNameHint", real);
	free(real);
	return 0;
}

static int plan(struct rename_work *w)
{
	struct vmdk_desc *d = &w->link->meta.desc;
	int r = 0;

	w->pairs = calloc(d->count, sizeof(w->pairs[0]));
	if (!w->pairs || !tool_text_copy(&w->link->meta, &w->text))
		return err_set(w->err, ENOMEM, w->from, "no memory to rename it");
	for (size_t i = 0; i < d->count && !r; i++)
		r = plan_extent(w, &d->extents[i]);
	if (!r && w->link->meta.embedded && w->count == 1) {
		// One file, whatever its own text calls it.
		free(w->pairs[0].from);
		free(w->pairs[0].to);
		w->pairs[0].from = strdup(w->from);
		w->pairs[0].to = strdup(w->to);
		if (!w->pairs[0].from || !w->pairs[0].to)
			r = err_set(w->err, ENOMEM, w->from, "no memory to rename it");
	}
	return r < 0 ? r : plan_hint(w);
}

static int cannot(struct rename_work *w, int code, const char *to)
{
	if (code == EXDEV)
		return refuse(w, EXDEV, to, "lies on another file system",
			      "Copy all files there with cp --sparse=always, or use `berth disk convert`");
	if (code == EEXIST)
		return refuse(w, EEXIST, to, "exists already", "Choose another name: nothing is overwritten");
	return err_set(w->err, code, to, "cannot be made: %s", strerror(code));
}

static bool no_links(int code)
{
	return code == EPERM || code == EOPNOTSUPP || code == ENOSYS || code == EMLINK;
}

static int give_name(struct rename_work *w, const struct pair *p)
{
	if (!w->moved) {
		if (link(p->from, p->to) == 0)
			return 0;
		if (!no_links(errno) || w->done)
			return cannot(w, errno, p->to);
		w->moved = true;
	}
	if (access(p->to, F_OK) == 0)
		return cannot(w, EEXIST, p->to);
	return rename(p->from, p->to) == 0 ? 0 : cannot(w, errno, p->to);
}

static void take_names_back(struct rename_work *w)
{
	for (size_t i = 0; i < w->done; i++) {
		if (w->moved)
			(void)!rename(w->pairs[i].to, w->pairs[i].from);
		else
			unlink(w->pairs[i].to);
	}
}

static int write_descriptor(struct rename_work *w)
{
	int fd = open(w->to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, w->link->meta.mode & 0777), r = 0;
	struct image_file file = { .fd = fd };

	if (fd < 0)
		return cannot(w, errno, w->to);
	snprintf(file.name, sizeof(file.name), "%s", w->to);
	r = image_file_write(&file, 0, w->text.data, w->text.len, w->err);
	if (!r && fsync(fd) < 0)
		r = err_set(w->err, errno, w->to, "cannot be synced: %s", strerror(errno));
	close(fd);
	if (!r)
		r = tool_sync_folder(w->to, w->err);
	if (r < 0)
		unlink(w->to);
	return r;
}

static void drop_old_names(struct rename_work *w)
{
	if (!w->link->meta.embedded)
		unlink(w->from);
	for (size_t i = 0; i < w->count && !w->moved; i++) {
		if (strcmp(w->pairs[i].from, w->pairs[i].to))
			unlink(w->pairs[i].from);
	}
}

static int carry_out(struct rename_work *w)
{
	int r = 0;

	if (access(w->to, F_OK) == 0)
		return cannot(w, EEXIST, w->to);
	for (; w->done < w->count && !r; w->done += !r) {
		if (strcmp(w->pairs[w->done].from, w->pairs[w->done].to))
			r = give_name(w, &w->pairs[w->done]);
	}
	// An embedded text may keep the old name, which nobody reads: without room for the new one it does.
	if (!r && w->link->meta.embedded && tool_text_store(w->link, &w->text, NULL) < 0)
		tool_say(w->tool, "%s: its descriptor has no room for the new name; this does no harm", w->to);
	else if (!r && !w->link->meta.embedded)
		r = write_descriptor(w);
	if (r < 0) {
		take_names_back(w);
		return r;
	}
	drop_old_names(w);
	r = tool_sync_folder(w->from, w->err);
	return r < 0 ? r : tool_sync_folder(w->to, w->err);
}

static void warn_children(const struct tool *tool, const char *to, char **list, int n)
{
	for (int i = 0; i < n; i++)
		tool_say(tool,
			 "%s is a child of this disk and still names the old file; set its "
			 "parentFileNameHint to \"%s\"",
			 list[i], to + folder_length(to));
}

int tool_rename(const struct tool *tool, const char *from, const char *to, struct err *err)
{
	struct rename_work w = { .tool = tool, .from = from, .to = to, .err = err };
	char **children = NULL;
	int r = tool_link_open(from, (struct tool_open){ .writable = true }, &w.link, err), n;

	if (r < 0)
		return r;
	n = tool_children(from, &children, NULL);
	r = plan(&w);
	if (!r)
		r = carry_out(&w);
	if (!r)
		warn_children(tool, to, children, n);
	tool_paths_free(children, n);
	for (size_t i = 0; i < w.count; i++) {
		free(w.pairs[i].from);
		free(w.pairs[i].to);
	}
	free(w.pairs);
	desc_text_free(&w.text);
	tool_link_close(w.link);
	return r;
}
