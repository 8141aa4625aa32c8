// tool_edit.c: growing, deleting and marking disks.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "block/tool.h"
#include "block/tool_extent.h"
#include "block/tool_space.h"
#include "block/tool_text.h"

#define IDE_MAX_CYLINDERS 16383u

static int refuse(const char *path, int code, const char *what, const char *remedy, struct err *err)
{
	err_set(err, code, path, "%s", what);
	err_remedy(err, "%s", remedy);
	err_exit(err, EXIT_CONFIG);
	return -code;
}

// --- growing ---------------------------------------------------------------------------------------------

struct grow {
	const struct tool *tool;
	struct tool_link *link;
	uint64_t sectors;               // that come on top
	struct desc_text text;
	char made[PATH_MAX];            // an extent that did not exist before
	struct err *err;
};

static int check_family(struct grow *g)
{
	char **list, what[512];
	int n;

	if (tool_has_parent(g->link))
		return refuse(g->link->path, EINVAL,
			      "is a child of another disk, and a child has the size of its parent",
			      "Commit it, or flatten it into a new disk, and grow that", g->err);
	n = tool_children(g->link->path, &list, g->err);
	if (n > 0)
		snprintf(what, sizeof(what), "is the parent of %s%s, which would no longer fit it", list[0],
			 n > 1 ? " and others" : "");
	tool_paths_free(list, n);
	if (n <= 0)
		return n;
	return refuse(g->link->path, EBUSY, what, "Commit or delete its children (the VM's snapshots) first", g->err);
}

static int grow_file(struct grow *g, struct image_file *file, uint64_t size)
{
	if (size <= file->size)
		return 0;
	if (ftruncate(file->fd, (off_t)size) < 0 || fsync(file->fd) < 0)
		return err_set(g->err, errno, file->name, "cannot be made longer: %s", strerror(errno));
	file->size = size;
	return 0;
}

// Two directories with the tables there are, new tables behind them, all in new space. FIRST is a sector.
struct new_metadata { uint64_t first; uint32_t tables, directory_sectors, table_sectors; };

static uint64_t side_sectors(const struct tool_extent *x, const struct new_metadata *n)
{
	return n->directory_sectors + (uint64_t)(n->tables - x->tables) * n->table_sectors;
}

static int write_side(struct grow *g, struct tool_extent *x, const struct new_metadata *n, uint64_t old_at, uint64_t at)
{
	uint8_t *raw = calloc(n->directory_sectors, 512);
	int r;

	if (!raw)
		return err_set(g->err, ENOMEM, x->file->name, "no memory for its grain directory");
	r = image_file_read(x->file, old_at * 512, raw, x->tables * 4ull, g->err);
	for (uint32_t i = x->tables; i < n->tables; i++)
		put_le32(raw + 4ull * i, (uint32_t)(at + n->directory_sectors +
						    (uint64_t)(i - x->tables) * n->table_sectors));
	if (!r)
		r = image_file_write(x->file, at * 512, raw, n->directory_sectors * 512ull, g->err);
	free(raw);
	return r;
}

static int write_metadata(struct grow *g, struct tool_extent *x, const struct new_metadata *n, uint8_t header[512])
{
	uint64_t at = n->first, sides = x->h.redundant ? 2 : 1;
	int r = grow_file(g, x->file, (at + sides * side_sectors(x, n)) * 512);

	if (!r && x->h.redundant) {
		r = write_side(g, x, n, x->h.redundant_at, at);
		put_le64(header + 48, at);
		at += side_sectors(x, n);
	}
	if (!r)
		r = write_side(g, x, n, x->h.directory_at, at);
	put_le64(header + 56, at);
	if (!r && fdatasync(x->file->fd) < 0)
		r = err_set(g->err, errno, x->file->name, "cannot be synced: %s", strerror(errno));
	return r;
}

// The header comes last: until then the old directories are in use, and they stay where they are.
static int grow_sparse(struct grow *g, struct tool_extent *x, uint64_t sectors)
{
	uint64_t cover = (uint64_t)x->h.grain * x->h.table_entries, capacity = sectors;
	struct new_metadata n = { .tables = (uint32_t)((capacity + cover - 1) / cover),
				  .table_sectors = sparse_table_sectors(&x->h) };
	uint8_t header[SPARSE_HEADER_SIZE];
	uint64_t end;
	int r = image_file_read(x->file, 0, header, sizeof(header), g->err);

	// A last grain that the disk did not need as a whole may go on behind the end of the file.
	if (!r)
		r = tool_end(x, &end, g->err);
	if (r < 0)
		return r;
	n.directory_sectors = (uint32_t)((n.tables * 4ull + 511) / 512);
	end = MAX(end * 512, x->file->size);
	n.first = (end + x->grain_bytes - 1) / x->grain_bytes * x->h.grain;
	if (sectors + n.first > UINT32_MAX - (sectors >> 7))
		return refuse(g->link->path, EFBIG, "a sparse disk in one file cannot grow beyond about 2 TiB",
			      "Convert it to a split or a flat disk first", g->err);
	if (!r && n.tables > x->tables)
		r = write_metadata(g, x, &n, header);
	if (r < 0)
		return r;
	put_le64(header + 12, capacity);
	r = image_file_write(x->file, 0, header, sizeof(header), g->err);
	if (!r && fdatasync(x->file->fd) < 0)
		r = err_set(g->err, errno, x->file->name, "cannot be synced: %s", strerror(errno));
	return r;
}

static int grow_extent(struct grow *g, struct tool_extent *x, uint64_t sectors)
{
	struct vmdk_extent line = *x->desc;
	int r;

	if (!x->file || !x->file->writable || (x->kind != TOOL_FLAT && x->kind != TOOL_SPARSE))
		return refuse(g->link->path, ENOTSUP, "ends with an extent that cannot grow",
			      "Convert the disk first", g->err);
	r = x->kind == TOOL_FLAT ? grow_file(g, x->file, x->file_offset + sectors * 512) : grow_sparse(g, x, sectors);
	if (r < 0)
		return r;
	line.sectors = sectors;
	if (!desc_text_set_extent(&g->text, x->desc->line, &line))
		return err_set(g->err, ENOMEM, g->link->path, "no memory for its descriptor");
	return 0;
}

// "name-s001.vmdk" becomes "name-s002.vmdk" and so on; false when the name has no number.
static bool name_after(const char *last, size_t number, char *out, size_t size)
{
	size_t len = strlen(last), end = len > 5 ? len - 5 : 0, start = end;

	while (start && last[start - 1] >= '0' && last[start - 1] <= '9')
		start--;
	return start < end && (size_t)snprintf(out, size, "%.*s%03zu%s", (int)start, last, number, last + end) < size;
}

static int add_extent(struct grow *g, struct tool_extent *last, size_t number, uint64_t sectors, unsigned line)
{
	const char *slash = strrchr(g->link->path, '/');
	char name[NAME_MAX + 1];
	struct vmdk_extent x = { .access = VMDK_RW, .type = last->desc->type, .sectors = sectors, .name = name };
	int r;

	if (!name_after(last->desc->name, number, name, sizeof(name)) || strchr(name, '/') || strchr(name, '\\'))
		return refuse(g->link->path, ENOTSUP, "has extents whose names go on in no known way",
			      "Convert the disk to a new one and grow that", g->err);
	snprintf(g->made, sizeof(g->made), "%.*s%s", slash ? (int)(slash - g->link->path) + 1 : 0, g->link->path, name);
	r = tool_extent_create(g->made, x.type, sectors, g->link->meta.mode, g->err);
	if (r < 0) {
		g->made[0] = '\0';
		return r;
	}
	return desc_text_add_extent(&g->text, line, &x) ? 0 :
		err_set(g->err, ENOMEM, g->link->path, "no memory for its descriptor");
}

// One extent more per call, each with a descriptor that is whole.
static int store(struct grow *g, uint64_t sectors)
{
	const struct vmdk_desc *d = &g->link->meta.desc;
	uint64_t track = (uint64_t)d->heads * d->track_sectors, cylinders;
	char value[24];

	if (track) {
		cylinders = sectors / track;
		if (!strcasecmp(d->adapter, "ide"))
			cylinders = MIN(cylinders, IDE_MAX_CYLINDERS);
		snprintf(value, sizeof(value), "%llu", (unsigned long long)MAX(cylinders, 1ull));
		desc_text_set(&g->text, "ddb.geometry.cylinders", value);
	}
	return tool_text_store(g->link, &g->text, g->err);
}

static bool is_split(const struct tool_link *l)
{
	return !strncasecmp(l->meta.desc.create_type, "twoGbMaxExtent", 14);
}

// Grows by what one step may: the last extent up to its limit, or one new extent.
static int grow_step(struct grow *g)
{
	struct tool_link *l = g->link;
	struct tool_extent *last = &l->extents[l->count - 1];
	uint64_t have = last->desc->sectors, room = UINT64_MAX, n;
	int r;

	if (is_split(l))
		room = have < TOOL_SPLIT_SECTORS ? TOOL_SPLIT_SECTORS - have : 0;
	desc_text_free(&g->text);
	if (!tool_text_copy(&l->meta, &g->text))
		return err_set(g->err, ENOMEM, l->path, "no memory for its descriptor");
	n = MIN(g->sectors, room ? room : TOOL_SPLIT_SECTORS);
	r = room ? grow_extent(g, last, have + n) : add_extent(g, last, l->count + 1, n, last->desc->line);
	if (!r)
		r = store(g, l->size / 512 + n);
	if (r < 0 && g->made[0])
		unlink(g->made);
	g->made[0] = '\0';
	g->sectors -= r < 0 ? 0 : n;
	return r;
}

// The link is opened anew for each step: extents come on top.
static int grow_disk(const struct tool *tool, const char *path, uint64_t sectors, struct err *err)
{
	struct grow g = { .tool = tool, .err = err };
	uint64_t have;
	int r = tool_link_open(path, (struct tool_open){ .writable = true }, &g.link, err);

	if (r < 0)
		return r;
	have = g.link->size / 512;
	if (sectors < have) {
		r = refuse(path, EINVAL, "has more than that already: a disk cannot be made smaller",
			   "Shrink the file systems in the guest and copy the data to a new disk", err);
	} else {
		g.sectors = sectors - have;
		r = check_family(&g);
		if (!r && g.sectors)
			r = grow_step(&g);
	}
	desc_text_free(&g.text);
	tool_link_close(g.link);
	return r < 0 ? r : g.sectors ? 1 : 0;
}

int tool_grow(const struct tool *tool, const char *path, uint64_t sectors, struct err *err)
{
	int r = tool_need_clean(tool, path, err);

	if (r < 0)
		return r;
	if (!sectors || sectors > 1ull << 37)
		return refuse(path, EINVAL, "cannot have that size", "Choose a size up to 64 TiB", err);
	do {
		r = grow_disk(tool, path, sectors, err);
	} while (r > 0);
	return r < 0 ? r : tool_sync_folder(path, err);
}

// --- deleting --------------------------------------------------------------------------------------------

int tool_delete(const struct tool *tool, const char *path, struct err *err)
{
	struct tool_link *link;
	char **list;
	int r = tool_link_open(path, (struct tool_open){ .writable = true }, &link, err), n;

	if (r < 0)
		return r;
	n = tool_children(path, &list, err);
	for (int i = 0; i < n; i++)
		tool_say(tool, "%s is a child of it and cannot be used any more", list[i]);
	tool_paths_free(list, n);
	tool_remove(path, false);
	tool_link_close(link);
	if (access(path, F_OK) == 0)
		return err_set(err, EACCES, path, "cannot be removed");
	return tool_sync_folder(path, err);
}

int tool_make_deletable(const struct tool *tool, const char *path, bool deletable, struct err *err)
{
	struct desc_text text;
	struct tool_link *link;
	int r = tool_link_open(path, (struct tool_open){ .writable = true }, &link, err);

	(void)tool;
	if (r < 0)
		return r;
	if (!tool_text_copy(&link->meta, &text)) {
		r = err_set(err, ENOMEM, path, "no memory for its descriptor");
	} else {
		desc_text_set(&text, "ddb.deletable", deletable ? "true" : "false");
		r = tool_text_store(link, &text, err);
		desc_text_free(&text);
	}
	tool_link_close(link);
	return r;
}
