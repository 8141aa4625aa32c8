// tool_chain.c: opening the links of a disk, and finding parents and children.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/tool_chain.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/compiler.h"

#define COWD_ENTRIES    4096u
#define MAX_TABLES      (8u << 20)
#define MAX_CHILDREN    4096

// --- extents ---------------------------------------------------------------------------------------------

static int load_directory(struct tool_extent *x, struct err *err)
{
	x->table_index = UINT32_MAX;
	x->directory = calloc(x->tables, sizeof(x->directory[0]));
	x->table = calloc(x->table_entries, sizeof(x->table[0]));
	if (!x->directory || !x->table)
		return err_set(err, ENOMEM, x->file->name, "no memory for its grain directory");
	int r = image_file_read(x->file, x->directory_at * 512, x->directory, x->tables * sizeof(uint32_t), err);

	for (uint32_t i = 0; !r && i < x->tables; i++)
		x->directory[i] = le32toh(x->directory[i]);
	return r;
}

static int open_sparse(struct tool_extent *x, struct err *err)
{
	uint8_t raw[SPARSE_HEADER_SIZE];
	int r = image_file_read(x->file, 0, raw, sizeof(raw), err);

	if (r < 0)
		return r;
	r = sparse_header_parse(raw, x->file->size, x->file->name, &x->h, err);
	if (r == -ENOTSUP) {
		err_clear(err);
		x->kind = TOOL_OPAQUE;
		return 0;
	}
	if (r < 0)
		return r;
	x->kind = TOOL_SPARSE;
	x->grain_bytes = (uint64_t)x->h.grain * 512;
	x->table_entries = x->h.table_entries;
	x->tables = x->h.tables;
	x->directory_at = x->h.directory_at;
	x->zeroed = x->h.zeroed_grains;
	if (x->h.capacity * 512 < x->length)
		return err_set(err, EINVAL, x->file->name, "holds %llu sectors, the descriptor says %llu",
			       (unsigned long long)x->h.capacity, (unsigned long long)(x->length / 512));
	return load_directory(x, err);
}

static int cowd_damaged(const struct tool_extent *x, uint64_t at, const char *what, struct err *err)
{
	return err_set_at(err, EINVAL, x->file->name, at, "damaged COWD header: %s", what);
}

static int open_cowd(struct tool_extent *x, struct err *err)
{
	uint8_t raw[32];
	uint64_t sectors, grain, need;
	int r = image_file_read(x->file, 0, raw, sizeof(raw), err);

	if (r < 0)
		return r;
	if (vmdk_magic(raw, sizeof(raw)) != VMDK_MAGIC_COWD)
		return cowd_damaged(x, 0, "it does not start with COWD", err);
	x->kind = TOOL_COWD;
	sectors = get_le32(raw + 12);
	grain = get_le32(raw + 16);
	x->directory_at = get_le32(raw + 20);
	x->table_entries = COWD_ENTRIES;
	if (!grain || grain > 65536 || (grain & (grain - 1)))
		return cowd_damaged(x, 16, "the grain size is no power of two", err);
	if (sectors * 512 < x->length)
		return cowd_damaged(x, 12, "it holds fewer sectors than the descriptor says", err);
	need = (sectors + grain * COWD_ENTRIES - 1) / (grain * COWD_ENTRIES);
	if (need > get_le32(raw + 24) || need > MAX_TABLES)
		return cowd_damaged(x, 24, "the grain directory is too short", err);
	x->tables = (uint32_t)need;
	x->grain_bytes = grain * 512;
	return load_directory(x, err);
}

static int open_file(struct tool_link *l, struct tool_extent *x, struct err *err)
{
	struct image_file_want want = { .writable = l->writable && x->desc->access == VMDK_RW };
	int r;

	if (l->meta.embedded) {
		x->file = l->top;
		return 0;
	}
	r = image_file_open_in(&l->folder, x->desc->name, want, l->files, &x->file, err);
	if (r < 0)
		return r;
	for (struct image_file *f = l->files; f; f = f->next) {
		if (f == x->file)
			return 0;
	}
	x->file->next = l->files;
	l->files = x->file;
	return 0;
}

static int open_flat(struct tool_extent *x, struct err *err)
{
	x->kind = TOOL_FLAT;
	x->file_offset = x->desc->offset * 512;
	if (x->file->size < x->file_offset || x->file->size - x->file_offset < x->length)
		return err_set(err, EINVAL, x->file->name, "has %llu bytes, fewer than the descriptor says",
			       (unsigned long long)x->file->size);
	return 0;
}

static int open_extent(struct tool_link *l, struct tool_extent *x, struct err *err)
{
	int r;

	x->kind = TOOL_ZERO;
	if (x->desc->access == VMDK_NOACCESS || x->desc->type == VMDK_ZERO)
		return 0;
	r = open_file(l, x, err);
	if (r < 0)
		return r;
	switch (x->desc->type) {
	case VMDK_FLAT:
	case VMDK_VMFS: return open_flat(x, err);
	case VMDK_SPARSE: return open_sparse(x, err);
	case VMDK_VMFSSPARSE: return open_cowd(x, err);
	default: break;
	}
	x->kind = TOOL_OPAQUE;
	return 0;
}

// --- links -----------------------------------------------------------------------------------------------

static int new_extents(struct tool_link *l, size_t count, struct err *err)
{
	l->extents = calloc(count, sizeof(l->extents[0]));
	if (!l->extents)
		return err_set(err, ENOMEM, l->path, "no memory to open it");
	l->count = count;
	return 0;
}

static int load_raw(struct tool_link *l, struct err *err)
{
	int r = new_extents(l, 1, err);

	if (r < 0)
		return r;
	l->size = (l->top->size + 511) / 512 * 512;
	l->extents[0] = (struct tool_extent){ .kind = TOOL_FLAT, .file = l->top, .length = l->size };
	return 0;
}

static int load_vmdk(struct tool_link *l, struct err *err)
{
	struct vmdk_desc *d = &l->meta.desc;
	int r = tool_meta_load(l->top, &l->meta, err);

	if (!r)
		r = new_extents(l, d->count, err);
	if (r < 0)
		return r;
	snprintf(l->folder.encoding, sizeof(l->folder.encoding), "%s", d->encoding);
	for (size_t i = 0; i < d->count && !r; i++) {
		struct tool_extent *x = &l->extents[i];

		x->desc = &d->extents[i];
		x->start = l->size;
		x->length = d->extents[i].sectors * 512;
		l->size += x->length;
		r = open_extent(l, x, err);
	}
	return r;
}

int tool_link_open(const char *path, struct tool_open how, struct tool_link **out, struct err *err)
{
	struct tool_link *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return err_set(err, ENOMEM, path, "no memory to open it");
	l->raw = how.raw;
	l->writable = how.writable;
	l->folder.fd = -1;
	l->folder.allow_outside = how.allow_outside;
	snprintf(l->path, sizeof(l->path), "%s", path);
	r = image_folder_open(&l->folder, path, err);
	if (!r)
		r = image_file_open(path,
				    (struct image_file_want){.writable = how.writable, .device = how.raw},
				    &l->top, err);
	if (!r) {
		l->files = l->top;
		r = l->raw ? load_raw(l, err) : load_vmdk(l, err);
	}
	if (r < 0) {
		err_exit(err, r == -ENOENT ? EXIT_CONFIG : EXIT_DISK);
		tool_link_close(l);
		return r;
	}
	*out = l;
	return 0;
}

void tool_link_close(struct tool_link *link)
{
	if (!link)
		return;
	for (size_t i = 0; i < link->count; i++) {
		free(link->extents[i].directory);
		free(link->extents[i].table);
	}
	free(link->extents);
	while (link->files) {
		struct image_file *f = link->files;

		link->files = f->next;
		image_file_close(f);
	}
	image_folder_close(&link->folder);
	tool_meta_free(&link->meta);
	free(link);
}

// --- parents ---------------------------------------------------------------------------------------------

static size_t folder_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

static bool beside(const char *path, const char *name, char out[PATH_MAX])
{
	return (size_t)snprintf(out, PATH_MAX, "%.*s%s", (int)folder_length(path), path, name) < PATH_MAX;
}

static void slashes(char *s)
{
	for (; *s; s++) {
		if (*s == '\\')
			*s = '/';
	}
}

// As written, seen from the child; else by its last part beside the child.
static bool locate(const char *child, const char *hint, char out[PATH_MAX])
{
	char name[PATH_MAX];

	if ((size_t)snprintf(name, sizeof(name), "%s", hint) >= sizeof(name))
		return false;
	slashes(name);
	if (name[0] == '/')
		snprintf(out, PATH_MAX, "%s", name);
	else if (!beside(child, name, out))
		return false;
	if (access(out, F_OK) == 0)
		return true;
	return beside(child, name + folder_length(name), out) && access(out, F_OK) == 0;
}

int tool_parent_path(const struct tool_link *link, char path[PATH_MAX], struct err *err)
{
	const char *hint = link->meta.desc.parent_hint;

	if (hint && locate(link->path, hint, path))
		return 0;
	err_set(err, ENOENT, link->path, "its parent \"%s\" is not there", hint ? hint : "(unnamed)");
	err_remedy(err, "Copy the parent's files into the folder of this disk");
	err_exit(err, EXIT_DISK);
	return -ENOENT;
}

static bool seen_before(const struct tool_chain *c, const struct tool_link *l)
{
	for (unsigned i = 0; i < c->count; i++) {
		if (c->links[i]->top->dev == l->top->dev && c->links[i]->top->ino == l->top->ino)
			return true;
	}
	return false;
}

static int add_parent(struct tool_chain *c, struct tool_open how, struct err *err)
{
	struct tool_link *child = c->links[c->count - 1], *l;
	char path[PATH_MAX];
	int r;

	if (c->count == TOOL_CHAIN_MAX)
		return err_set(err, EMLINK, c->links[0]->path, "is a chain of more than %u disks", TOOL_CHAIN_MAX);
	r = tool_parent_path(child, path, err);
	how.writable = false;
	if (!r)
		r = tool_link_open(path, how, &l, err);
	if (r < 0)
		return r;
	if (seen_before(c, l)) {
		tool_link_close(l);
		return err_set(err, ELOOP, child->path, "is its own ancestor");
	}
	c->links[c->count++] = l;
	return 0;
}

int tool_chain_open(const char *path, struct tool_open how, struct tool_chain *chain, struct err *err)
{
	int r;

	memset(chain, 0, sizeof(*chain));
	r = tool_link_open(path, how, &chain->links[0], err);
	if (r < 0)
		return r;
	chain->count = 1;
	while (!r && !how.alone && tool_has_parent(chain->links[chain->count - 1]))
		r = add_parent(chain, how, err);
	if (r < 0) {
		err_exit(err, EXIT_DISK);
		tool_chain_close(chain);
	}
	return r;
}

void tool_chain_close(struct tool_chain *chain)
{
	for (unsigned i = 0; i < chain->count; i++)
		tool_link_close(chain->links[i]);
	chain->count = 0;
}

// --- children --------------------------------------------------------------------------------------------

static bool same_file(const char *a, const char *b)
{
	char *x = realpath(a, NULL), *y = realpath(b, NULL);
	bool same = x && y && !strcmp(x, y);

	free(x);
	free(y);
	return same;
}

static bool is_child(const char *candidate, const char *path)
{
	struct tool_meta meta;
	char parent[PATH_MAX];
	bool child = !tool_meta_read(candidate, &meta, NULL) && meta.desc.parent_cid != VMDK_NO_PARENT &&
		     meta.desc.parent_hint && locate(candidate, meta.desc.parent_hint, parent) &&
		     same_file(parent, path);

	tool_meta_free(&meta);
	return child;
}

static bool is_vmdk_name(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && !strcasecmp(name + len - 5, ".vmdk");
}

int tool_children(const char *path, char ***list, struct err *err)
{
	char folder[PATH_MAX], candidate[PATH_MAX];
	char **found = calloc(MAX_CHILDREN, sizeof(found[0]));
	struct dirent *e;
	int n = 0;
	DIR *dir;

	snprintf(folder, sizeof(folder), "%.*s.", (int)folder_length(path), path);
	dir = found ? opendir(folder) : NULL;
	if (!dir) {
		free(found);
		return err_set(err, found ? errno : ENOMEM, folder, "the folder cannot be searched for children");
	}
	while ((e = readdir(dir)) && n < MAX_CHILDREN) {
		if (!is_vmdk_name(e->d_name) || !beside(path, e->d_name, candidate) || !is_child(candidate, path))
			continue;
		found[n] = strdup(candidate);
		n += found[n] != NULL;
	}
	closedir(dir);
	*list = found;
	return n;
}

void tool_paths_free(char **list, int count)
{
	for (int i = 0; i < count; i++)
		free(list[i]);
	if (count >= 0)
		free(list);
}

// --- files -----------------------------------------------------------------------------------------------

void tool_remove(const char *path, bool raw)
{
	struct tool_meta meta;
	char file[PATH_MAX];

	if (!raw && !tool_meta_read(path, &meta, NULL)) {
		for (size_t i = 0; !meta.embedded && i < meta.desc.count; i++) {
			const char *name = meta.desc.extents[i].name;

			if (name && !strchr(name, '/') && beside(path, name, file))
				unlink(file);
		}
	}
	if (!raw)
		tool_meta_free(&meta);
	unlink(path);
}

int tool_sync_folder(const char *path, struct err *err)
{
	char folder[PATH_MAX];
	int fd, r = 0;

	snprintf(folder, sizeof(folder), "%.*s.", (int)folder_length(path), path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		r = err_set(err, errno, folder, "the folder cannot be synced: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return r;
}
