// vmdk_create.c: making new VMDKs: the plan, the extents, the descriptor, and undoing all of it.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/vmdk_create.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "block/tool_extent.h"
#include "block/tool_meta.h"
#include "block/vmdk_write_desc.h"

#define SPLIT_SECTORS    TOOL_SPLIT_SECTORS      // 2047 MiB: extents stay below 2 GiB
#define GRAIN            128u
#define TABLE_ENTRIES    512u
#define TABLE_SECTORS    4u
#define DESC_SECTORS     20u                    // room of an embedded descriptor
#define COWD_HEADER      2048u
#define COWD_ENTRIES     4096u
#define COWD_MAX_PARENT  1023u
#define MAX_SECTORS      (1ull << 37)           // 64 TiB, as everywhere
#define NEVER_WRITTEN    0xfffffffeu            // the CID of a new disk
#define FILL_STEP        (256ull << 20)

// What the kinds differ in.
static const struct kind {
	const char *name;
	enum vmdk_extent_type extent;
	const char *suffix; // of the extents' names; with %03u when the disk is split; NULL = the file itself
	bool split, child;
} kinds[VMDK_KIND_COUNT] = {
	[VMDK_KIND_MONOLITHIC_SPARSE] = { "monolithicSparse", VMDK_SPARSE, NULL, false, true },
	[VMDK_KIND_MONOLITHIC_FLAT] = { "monolithicFlat", VMDK_FLAT, "-flat.vmdk", false, false },
	[VMDK_KIND_SPLIT_SPARSE] = { "twoGbMaxExtentSparse", VMDK_SPARSE, "-s", true, true },
	[VMDK_KIND_SPLIT_FLAT] = { "twoGbMaxExtentFlat", VMDK_FLAT, "-f", true, false },
	[VMDK_KIND_VMFS] = { "vmfs", VMDK_VMFS, "-flat.vmdk", false, false },
	[VMDK_KIND_VMFS_SPARSE] = { "vmfsSparse", VMDK_VMFSSPARSE, "-delta.vmdk", false, true },
	[VMDK_KIND_STREAM_OPTIMIZED] = { "streamOptimized", VMDK_SPARSE, NULL, false, false },
};

// One disk while it is made.
struct making {
	const struct vmdk_create_args *args;
	const struct kind *kind;
	uint64_t sectors;
	mode_t mode;
	char folder[PATH_MAX];
	char stem[NAME_MAX + 1];        // file name without .vmdk
	struct vmdk_extent *extents;
	size_t count, made;             // `made` extents exist
	bool desc_made;
	uint64_t filled;                // bytes preallocated
	struct vmdk_new_desc desc;
	struct desc_text text;
	struct tool_meta parent;
	char *hint;
	struct err *err;
};

const char *vmdk_kind_name(enum vmdk_kind kind)
{
	return (size_t)kind < ARRAY_SIZE(kinds) ? kinds[kind].name : NULL;
}

// --- the plan --------------------------------------------------------------------------------------------

static int refuse(const struct making *m, int code, const char *what, const char *remedy)
{
	int r = err_set(m->err, code, m->args->path, "%s", what);

	err_remedy(m->err, "%s", remedy);
	err_exit(m->err, EXIT_CONFIG);
	return r;
}

static int out_of_memory(const struct making *m)
{
	return err_set(m->err, ENOMEM, m->args->path, "no memory to make it");
}

static int split_path(struct making *m)
{
	const char *slash = strrchr(m->args->path, '/'), *name = slash ? slash + 1 : m->args->path;
	size_t folder = (size_t)(name - m->args->path), len = strlen(name);

	if (len >= 5 && !strcasecmp(name + len - 5, ".vmdk"))
		len -= 5;
	// Room for "-s65536.vmdk".
	if (!len || len + 16 > NAME_MAX || folder + len + 16 > PATH_MAX)
		return refuse(m, len ? ENAMETOOLONG : EINVAL, "is no name for a disk",
			      "Name a file that ends in .vmdk, with at most 230 characters");
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)name[i] < 0x20 || name[i] == '"' || name[i] == '\\')
			return refuse(m, EINVAL, "holds a character that a descriptor cannot name",
				      "Choose a name without quotes, backslashes and control characters");
	}
	snprintf(m->folder, sizeof(m->folder), "%.*s", (int)folder, m->args->path);
	snprintf(m->stem, sizeof(m->stem), "%.*s", (int)len, name);
	return 0;
}

static int check_size(const struct making *m)
{
	bool one_sparse = !m->kind->split && (m->kind->extent == VMDK_SPARSE || m->kind->extent == VMDK_VMFSSPARSE);

	if (!m->sectors || m->sectors > MAX_SECTORS)
		return refuse(m, EINVAL, "a disk cannot have that size", "Choose a size from 512 bytes to 64 TiB");
	// Grain tables hold 32-bit sector numbers; a little of that goes to the tables themselves.
	if (one_sparse && m->sectors > UINT32_MAX - (m->sectors >> 7) - GRAIN)
		return refuse(m, EFBIG, "a sparse disk in one file cannot have more than about 2 TiB",
			      "Choose a split disk (twoGbMaxExtentSparse) or a flat one");
	return 0;
}

static int read_parent(struct making *m)
{
	const struct vmdk_create_args *a = m->args;
	int r;

	if (!m->kind->child)
		return refuse(m, EINVAL, "a disk of this type cannot be the child of another",
			      "Use monolithicSparse, twoGbMaxExtentSparse or vmfsSparse");
	r = tool_meta_read(a->parent, &m->parent, m->err);
	if (r < 0)
		return r;
	if (!m->parent.desc.cid_digits.len)
		return err_set(m->err, EINVAL, a->parent, "has no CID, so that no child can refer to it");
	if (a->sectors && a->sectors != m->parent.desc.sectors)
		return refuse(m, EINVAL, "a child has the size of its parent", "Leave the size out");
	m->sectors = m->parent.desc.sectors;
	m->mode = m->parent.mode & 0666;
	return 0;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

// In the same folder the name alone: the folder may move. Elsewhere the whole path.
static int make_hint(struct making *m)
{
	char *parent = realpath(m->args->parent, NULL), *folder = realpath(*m->folder ? m->folder : ".", NULL);

	if (!parent || !folder) {
		int r = err_set(m->err, errno, parent ? m->folder : m->args->parent, "cannot be found: %s",
				strerror(errno));

		free(parent);
		free(folder);
		return r;
	}
	const char *name = last_part(parent);
	size_t len = (size_t)(name - parent) - 1;

	m->hint = strlen(folder) == MAX(len, 1u) && !strncmp(parent, folder, MAX(len, 1u)) ? strdup(name)
											   : strdup(parent);
	free(parent);
	free(folder);
	if (m->hint && strpbrk(m->hint, "\"\n\r"))
		return err_set(m->err, EINVAL, m->args->parent, "holds a character that a descriptor cannot name");
	return m->hint ? 0 : out_of_memory(m);
}

static int plan_extents(struct making *m)
{
	uint64_t size = m->kind->split ? SPLIT_SECTORS : m->sectors, left = m->sectors;

	m->count = (size_t)((m->sectors + size - 1) / size);
	m->extents = calloc(m->count, sizeof(m->extents[0]));
	if (!m->extents)
		return out_of_memory(m);
	for (size_t i = 0; i < m->count; i++) {
		struct vmdk_extent *x = &m->extents[i];
		int n;

		*x = (struct vmdk_extent){ .access = VMDK_RW, .type = m->kind->extent, .sectors = MIN(size, left) };
		left -= x->sectors;
		if (m->kind->split)
			n = asprintf(&x->name, "%s%s%03zu.vmdk", m->stem, m->kind->suffix, i + 1);
		else if (m->kind->suffix)
			n = asprintf(&x->name, "%s%s", m->stem, m->kind->suffix);
		else
			n = asprintf(&x->name, "%s", last_part(m->args->path));
		if (n < 0) {
			x->name = NULL;
			return out_of_memory(m);
		}
	}
	return 0;
}

static int random_bytes(const struct making *m, void *buf, size_t len)
{
	return getrandom(buf, len, 0) == (ssize_t)len ? 0 :
		err_set(m->err, EIO, m->args->path, "no random numbers for its identity");
}

// A child shows the guest what its parent showed: the same identity and geometry.
static void inherit(struct making *m)
{
	const struct vmdk_desc *p = &m->parent.desc;
	struct vmdk_new_desc *d = &m->desc;

	d->cid = d->parent_cid = p->cid;
	d->parent_hint = m->hint;
	if (p->has_uuid)
		memcpy(d->uuid, p->uuid, sizeof(d->uuid));
	if (p->cylinders && p->heads && p->track_sectors) {
		d->cylinders = p->cylinders;
		d->heads = p->heads;
		d->track_sectors = p->track_sectors;
	}
}

static int plan_desc(struct making *m)
{
	const char *adapter = m->args->adapter;
	struct vmdk_new_desc *d = &m->desc;
	int r;

	if (!adapter)
		adapter = m->parent.desc.adapter[0] ? m->parent.desc.adapter : "lsilogic";
	if (strpbrk(adapter, "\"\r\n"))
		return refuse(m, EINVAL, "is given an adapter that no descriptor can name",
			      "Use ide, buslogic or lsilogic");
	*d = (struct vmdk_new_desc){
		.create_type = m->kind->name, .cid = NEVER_WRITTEN, .parent_cid = VMDK_NO_PARENT, .extents = m->extents,
		.count = m->count, .adapter = adapter, .hw_version = m->args->hw_version ? m->args->hw_version : 4,
		.thin = m->kind->extent == VMDK_VMFS && !m->args->preallocate };
	vmdk_geometry(adapter, m->sectors, &d->cylinders, &d->heads, &d->track_sectors);
	r = random_bytes(m, d->uuid, sizeof(d->uuid));
	if (!r)
		r = random_bytes(m, d->long_cid, sizeof(d->long_cid));
	if (r < 0)
		return r;
	memcpy(d->uuid, "\x60\x00\xc2\x90", 4);         // NAA 6, VMware's OUI
	if (m->args->parent)
		inherit(m);
	vmdk_write_desc(&m->text, d);
	if (m->text.failed)
		return out_of_memory(m);
	if (m->kind->suffix || m->text.len <= DESC_SECTORS * 512)
		return 0;
	return refuse(m, ENAMETOOLONG, "the path of its parent is too long for an embedded descriptor",
		      "Use shorter names, or the type twoGbMaxExtentSparse");
}

static int plan(struct making *m)
{
	int r;

	if (m->args->kind == VMDK_KIND_STREAM_OPTIMIZED || (size_t)m->args->kind >= ARRAY_SIZE(kinds))
		return refuse(m, ENOTSUP, "a disk of this type is written once, from front to back",
			      "Make a disk of another type and convert it");
	m->kind = &kinds[m->args->kind];
	m->sectors = m->args->sectors;
	m->mode = 0600;
	r = split_path(m);
	if (!r && m->args->parent)
		r = read_parent(m);
	if (!r)
		r = check_size(m);
	if (!r && m->args->parent)
		r = make_hint(m);
	if (!r)
		r = plan_extents(m);
	return r < 0 ? r : plan_desc(m);
}

// --- files -----------------------------------------------------------------------------------------------

static void path_of(const struct making *m, const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s%s", m->folder, name);
}

static int cannot(const struct making *m, int code, const char *path, const char *what)
{
	int r = code == EEXIST ? err_set(m->err, code, path, "exists already")
			       : err_set(m->err, code, path, "%s: %s", what, strerror(code));

	if (code == ENOSPC || code == EDQUOT)
		err_remedy(m->err, "Make room on the file system, or choose a disk that grows");
	else if (code == EFBIG)
		err_remedy(m->err, "Choose a split disk: this file system or a limit (ulimit -f) allows no "
				   "file so large");
	else if (code == EEXIST)
		err_remedy(m->err, "Choose another name, or remove the file first: nothing is overwritten");
	return r;
}

static int write_at(const struct making *m, int fd, const char *path, uint64_t at, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return cannot(m, n ? errno : EIO, path, "cannot be written");
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int report(struct making *m, uint64_t bytes)
{
	m->filled += bytes;
	if (!m->args->progress || !m->args->progress(m->args->arg, m->filled, m->sectors * 512))
		return 0;
	return err_set(m->err, ECANCELED, m->args->path, "was not made: stopped half way");
}

// For file systems that cannot reserve blocks: zeros take them.
static int fill_zeros(const struct making *m, int fd, const char *path, uint64_t at, uint64_t len)
{
	static const char zeros[1 << 16];
	int r = 0;

	while (len && !r) {
		size_t n = (size_t)MIN(len, sizeof(zeros));

		r = write_at(m, fd, path, at, zeros, n);
		at += n;
		len -= n;
	}
	return r;
}

static int fill(struct making *m, int fd, const char *path, uint64_t size)
{
	bool zeros = false;
	int r = 0;

	for (uint64_t at = 0; at < size && !r; at += FILL_STEP) {
		uint64_t n = MIN(FILL_STEP, size - at);

		if (!zeros && fallocate(fd, 0, (off_t)at, (off_t)n) < 0) {
			if (errno != EOPNOTSUPP && errno != ENOSYS)
				return cannot(m, errno, path, "its space cannot be reserved");
			zeros = true;
		}
		r = zeros ? fill_zeros(m, fd, path, at, n) : 0;
		if (!r)
			r = report(m, n);
	}
	return r;
}

static int make_flat(struct making *m, int fd, const char *path, const struct vmdk_extent *x)
{
	if (ftruncate(fd, (off_t)(x->sectors * 512)) < 0)
		return cannot(m, errno, path, "cannot be made that long");
	return m->args->preallocate ? fill(m, fd, path, x->sectors * 512) : 0;
}

// --- a sparse extent -------------------------------------------------------------------------------------
// Header, descriptor, redundant directory, its tables, directory, its tables; all tables exist from the start, as
// holes, because other programs do not make missing ones.

struct layout { uint64_t desc, redundant, directory, end, sectors; uint32_t tables, directory_sectors; };

static struct layout layout_for(uint64_t sectors, bool embedded)
{
	struct layout l = { .desc = embedded ? 1 : 0, .sectors = sectors };
	uint64_t tables;

	l.tables = (uint32_t)((sectors + GRAIN * TABLE_ENTRIES - 1) / (GRAIN * TABLE_ENTRIES));
	l.directory_sectors = (l.tables * 4 + 511) / 512;
	tables = (uint64_t)l.tables * TABLE_SECTORS;
	l.redundant = 1 + (embedded ? DESC_SECTORS : 0);
	l.directory = l.redundant + l.directory_sectors + tables;
	l.end = (l.directory + l.directory_sectors + tables + GRAIN - 1) / GRAIN * GRAIN;
	return l;
}

static void sparse_header(uint8_t raw[512], const struct layout *l)
{
	memset(raw, 0, 512);
	memcpy(raw, "KDMV", 4);
	put_le32(raw + 4, 1);
	put_le32(raw + 8, 3);
	put_le64(raw + 12, l->sectors);
	put_le64(raw + 20, GRAIN);
	put_le64(raw + 28, l->desc);
	put_le64(raw + 36, l->desc ? DESC_SECTORS : 0);
	put_le32(raw + 44, TABLE_ENTRIES);
	put_le64(raw + 48, l->redundant);
	put_le64(raw + 56, l->directory);
	put_le64(raw + 64, l->end);
	memcpy(raw + 73, "\n \r\n", 4);
}

static int write_directory(const struct making *m, int fd, const char *path, const struct layout *l, uint64_t at)
{
	uint64_t table = at + l->directory_sectors;
	uint8_t *raw = calloc(l->tables, 4);
	int r;

	if (!raw)
		return out_of_memory(m);
	for (uint32_t i = 0; i < l->tables; i++)
		put_le32(raw + 4 * (size_t)i, (uint32_t)(table + (uint64_t)i * TABLE_SECTORS));
	r = write_at(m, fd, path, at * 512, raw, (size_t)l->tables * 4);
	free(raw);
	return r;
}

static int make_sparse(struct making *m, int fd, const char *path, const struct vmdk_extent *x)
{
	struct layout l = layout_for(x->sectors, !m->kind->suffix);
	uint8_t raw[512];
	int r = 0;

	sparse_header(raw, &l);
	if (ftruncate(fd, (off_t)(l.end * 512)) < 0)
		return cannot(m, errno, path, "cannot be made that long");
	if (l.desc)
		r = write_at(m, fd, path, 512, m->text.data, m->text.len);
	if (!r)
		r = write_directory(m, fd, path, &l, l.redundant);
	if (!r)
		r = write_directory(m, fd, path, &l, l.directory);
	return r < 0 ? r : write_at(m, fd, path, 0, raw, sizeof(raw));
}

// --- a COWD extent ---------------------------------------------------------------------------------------

enum cowd_at {
	COWD_VERSION = 4, COWD_FLAGS = 8, COWD_SECTORS = 12, COWD_GRAIN = 16, COWD_DIRECTORY = 20, COWD_TABLES = 24,
	COWD_FREE = 28, COWD_PARENT = 32, COWD_GEOMETRY = 32, COWD_GENERATION = 1060,
};

static int make_cowd(struct making *m, int fd, const char *path, const struct vmdk_extent *x)
{
	uint32_t tables = (uint32_t)((x->sectors + COWD_ENTRIES - 1) / COWD_ENTRIES);
	uint32_t directory = COWD_HEADER / 512, data = directory + (tables * 4 + 511) / 512;
	uint8_t raw[COWD_HEADER] = { 0 };

	memcpy(raw, "COWD", 4);
	put_le32(raw + COWD_VERSION, 1);
	put_le32(raw + COWD_FLAGS, 3);
	put_le32(raw + COWD_SECTORS, (uint32_t)x->sectors);
	put_le32(raw + COWD_GRAIN, 1);
	put_le32(raw + COWD_DIRECTORY, directory);
	put_le32(raw + COWD_TABLES, tables);
	put_le32(raw + COWD_FREE, data);
	put_le32(raw + COWD_GENERATION, 1);
	if (m->hint) {
		// What does not fit is left out: the descriptor's hint is what counts.
		if (strlen(m->hint) <= COWD_MAX_PARENT)
			memcpy(raw + COWD_PARENT, m->hint, strlen(m->hint));
	} else {
		put_le32(raw + COWD_GEOMETRY, m->desc.cylinders);
		put_le32(raw + COWD_GEOMETRY + 4, m->desc.heads);
		put_le32(raw + COWD_GEOMETRY + 8, m->desc.track_sectors);
	}
	if (ftruncate(fd, (off_t)data * 512) < 0)
		return cannot(m, errno, path, "cannot be made that long");
	return write_at(m, fd, path, 0, raw, sizeof(raw));
}

// --- one after the other ---------------------------------------------------------------------------------

static int make_content(struct making *m, int fd, const char *path, const struct vmdk_extent *x)
{
	switch (x->type) {
	case VMDK_SPARSE: return make_sparse(m, fd, path, x);
	case VMDK_VMFSSPARSE: return make_cowd(m, fd, path, x);
	default: return make_flat(m, fd, path, x);
	}
}

static int finish_file(const struct making *m, int fd, const char *path, int r)
{
	if (!r && fsync(fd) < 0)
		r = cannot(m, errno, path, "cannot be synced");
	if (close(fd) < 0 && !r)
		r = cannot(m, errno, path, "cannot be closed");
	return r;
}

static int new_file(const struct making *m, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, m->mode);

	if (fd >= 0)
		return fd;
	return cannot(m, errno, path, "cannot be made");
}

static int make_extent(struct making *m, const struct vmdk_extent *x)
{
	char path[PATH_MAX];
	int fd;

	path_of(m, x->name, path);
	fd = new_file(m, path);
	if (fd < 0)
		return fd;
	m->made++;
	return finish_file(m, fd, path, make_content(m, fd, path, x));
}

static int make_descriptor(struct making *m)
{
	int fd = new_file(m, m->args->path);

	if (fd < 0)
		return fd;
	m->desc_made = true;
	return finish_file(m, fd, m->args->path, write_at(m, fd, m->args->path, 0, m->text.data, m->text.len));
}

static int sync_folder(const struct making *m)
{
	const char *path = *m->folder ? m->folder : ".";
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	if (fd < 0 || fsync(fd) < 0)
		r = cannot(m, errno, path, "the folder cannot be synced");
	if (fd >= 0)
		close(fd);
	return r;
}

static void undo(struct making *m)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < m->made; i++) {
		path_of(m, m->extents[i].name, path);
		unlink(path);
	}
	if (m->desc_made)
		unlink(m->args->path);
}

static int make(struct making *m)
{
	int r = 0;

	if (access(m->args->path, F_OK) == 0)
		return cannot(m, EEXIST, m->args->path, "");
	for (size_t i = 0; i < m->count && !r; i++)
		r = make_extent(m, &m->extents[i]);
	if (!r && m->kind->suffix)
		r = make_descriptor(m);
	if (!r)
		r = sync_folder(m);
	if (r < 0)
		undo(m);
	return r;
}

int tool_extent_create(const char *path, enum vmdk_extent_type type, uint64_t sectors, mode_t mode, struct err *err)
{
	struct vmdk_create_args args = { .path = path };
	struct vmdk_extent x = { .type = type, .sectors = sectors };
	struct making m = {.args = &args,
			   .kind = &kinds[VMDK_KIND_SPLIT_SPARSE],
			   .sectors = sectors,
			   .mode = mode & 0666,
			   .err = err};
	int r;

	x.name = strdup(path);
	if (!x.name)
		return out_of_memory(&m);
	r = make_extent(&m, &x);
	if (r < 0 && m.made)
		unlink(path);
	free(x.name);
	return r;
}

int vmdk_create(const struct vmdk_create_args *args, struct err *err)
{
	struct making m = { .args = args, .err = err };
	int r = plan(&m);

	if (!r)
		r = make(&m);
	for (size_t i = 0; m.extents && i < m.count; i++)
		free(m.extents[i].name);
	free(m.extents);
	free(m.hint);
	desc_text_free(&m.text);
	tool_meta_free(&m.parent);
	return r;
}
