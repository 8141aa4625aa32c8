// vmdk_open.c: from a .vmdk to a disk: what kind it is, whether it is supported, its extents, its parents.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/vmware_lock.h"
#include "block/cowd_extent.h"
#include "block/device_open.h"
#include "block/image.h"
#include "block/image_parent.h"
#include "block/sesparse_extent.h"
#include "block/sparse.h"
#include "block/stream_extent.h"
#include "block/vmdk_desc.h"

#define DELTA_UNIT_MAX (1u << 20)       // bytes of a grain that a write may have to fetch from the parent

// A disk while it is opened, one layer after the other from the top.
struct opening {
	const struct disk_open_args *args;
	struct image *img;
	// The layer that is being opened.
	const char *name;               // for messages
	bool readonly;                  // every layer but the first
	bool writes;                    // what is refused to who writes is refused
	struct image_folder folder;
	struct image_file *top;         // its .vmdk
	struct image_file *above;       // this file and those behind it in the list belong to layers above; NULL = none
	bool embedded;                  // descriptor and data in one file
	uint64_t text_at;               // of the descriptor in `top`
	struct vmdk_desc desc;
	struct err *err;
};

// The kinds of disk that exist. What cannot be served is refused by its extents.
static const char *const create_types[] = {
	"monolithicSparse",
	"monolithicFlat",
	"twoGbMaxExtentSparse",
	"twoGbMaxExtentFlat",
	"vmfs",
	"vmfsThin",
	"vmfsEagerZeroedThick",
	"vmfsPreallocated",
	"custom",
	"streamOptimized",
	"vmfsSparse",
	"seSparse",
	"vmfsRaw",
	"vmfsRDM",
	"vmfsRDMP",
	"vmfsRawDeviceMap",
	"vmfsPassthroughRawDeviceMap",
	"fullDevice",
	"partitionedDevice",
};

static const char *find_type(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(create_types); i++) {
		if (!strcasecmp(name, create_types[i]))
			return create_types[i];
	}
	return NULL;
}

static int check_supported(struct opening *o, const char *type)
{
	const struct vmdk_desc *d = &o->desc;

	if (!type)
		return err_set(o->err, EINVAL, o->name, "has the unknown createType \"%s\"",
			       d->create_type);
	if (d->change_track && o->writes) {
		err_set(o->err, ENOTSUP, o->name,
			"has changed block tracking on (\"%s\"), whose map would go stale "
			"with every write",
			d->change_track);
		err_remedy(o->err, "Turn it off (ctkEnabled = \"FALSE\", and remove changeTrackPath from the "
				   "descriptor)");
		return -ENOTSUP;
	}
	return 0;
}

// --- the descriptor --------------------------------------------------------------------------------------

static int parse_text(struct opening *o, uint64_t at, uint64_t len)
{
	char *text;
	int r;

	if (len > VMDK_DESC_MAX)
		return err_set(o->err, EFBIG, o->name, "the descriptor has more than 10 MiB of text");
	text = malloc(len + 1);
	if (!text)
		return err_set(o->err, ENOMEM, o->name, "no memory for its descriptor");
	r = image_file_read(o->top, at, text, len, o->err);
	if (!r) {
		text[len] = '\0';
		r = vmdk_desc_parse(text, len, o->name, &o->desc, o->err);
	}
	o->text_at = at;
	free(text);
	return r;
}

static int parse_embedded(struct opening *o)
{
	struct sparse_header header;
	uint64_t at, len;
	int r = stream_file_is(o->top) ? stream_header_read(o->top, &header, o->err) :
					 sparse_header_read(o->top, &header, o->err);

	if (r < 0)
		return r;
	if (!header.descriptor_at) {
		err_set(o->err, EINVAL, o->name, "is one extent of a split disk, not the disk");
		err_remedy(o->err, "Name the descriptor, the small .vmdk without -s001 in its name");
		return -EINVAL;
	}
	o->embedded = true;
	at = header.descriptor_at * 512;
	len = header.descriptor_size * 512;
	if (len > o->top->size - MIN(at, o->top->size))
		return err_set(o->err, EINVAL, o->name, "ends within its descriptor");
	return parse_text(o, at, len);
}

// The data of an ESX delta disk; its text is a file of its own.
static int only_data(struct opening *o)
{
	err_set(o->err, EINVAL, o->name, "is the data of an ESXi delta disk (COWD or seSparse), not the disk");
	err_remedy(o->err, "Name the descriptor, the small .vmdk without -delta or -sesparse in its name");
	return -EINVAL;
}

static int read_descriptor(struct opening *o)
{
	uint8_t head[8] = { 0 };
	int r = image_file_read(o->top, 0, head, MIN(sizeof(head), o->top->size), o->err);

	if (r < 0)
		return r;
	switch (vmdk_magic(head, sizeof(head))) {
	case VMDK_MAGIC_SPARSE: return parse_embedded(o);
	case VMDK_MAGIC_COWD:
	case VMDK_MAGIC_SESPARSE: return only_data(o);
	default: return parse_text(o, 0, o->top->size);
	}
}

// --- extents ---------------------------------------------------------------------------------------------

static int shared_file(struct opening *o, const struct image_file *file)
{
	return err_set(o->err, EINVAL, o->name, "two of its parts lie in one file, \"%s\"", file->name);
}

static bool is_above(const struct opening *o, const struct image_file *file)
{
	for (const struct image_file *f = o->above; f; f = f->next) {
		if (f == file)
			return true;
	}
	return false;
}

static int open_extent_file(struct opening *o, const struct vmdk_extent *x, struct image_file **out)
{
	struct device_want want = { .descriptor = o->name, .line = x->line, .unlocked = o->args->unlocked,
				    .writable = !o->readonly && x->access == VMDK_RW,
				    .allow = o->args->allow_device && (x->type == VMDK_FLAT || x->type == VMDK_VMFS) };
	int r;

	if (!x->name)
		return err_set(o->err, EINVAL, o->name, "descriptor line %u: the extent has no file",
			       x->line);
	r = device_open_in(&o->folder, x->name, &want, o->img->files, out, o->err);
	if (r < 0)
		return r;
	// The guest must not be able to write the descriptor, one extent's tables through another, or a parent.
	if (*out == o->top || (*out)->sparse || is_above(o, *out))
		return shared_file(o, *out);
	return 0;
}

static int new_flat(struct opening *o, const struct vmdk_extent *x, struct extent **out)
{
	struct flat_args args = { .offset = x->offset * 512, .readonly = x->access != VMDK_RW };
	int r = open_extent_file(o, x, &args.file);

	if (r < 0)
		return r;
	image_add_file(o->img, args.file);
	if (args.file->size / 512 < x->offset || args.file->size / 512 - x->offset < x->sectors) {
		err_set(o->err, EINVAL, args.file->name,
			"has %llu bytes, fewer than the %llu sectors from sector %llu that "
			"the descriptor says",
			(unsigned long long)args.file->size, (unsigned long long)x->sectors,
			(unsigned long long)x->offset);
		err_remedy(o->err, "Copy the file again: it is not complete");
		return -EINVAL;
	}
	if (o->img->direct)
		image_file_direct(args.file);
	return extent_flat_new(&args, out) < 0 ?
		err_set(o->err, ENOMEM, args.file->name, "no memory to open it") : 0;
}

// A file that nothing else of the disk may lie in.
static int open_own_file(struct opening *o, const struct vmdk_extent *x, struct image_file **out)
{
	struct image_file *before = o->img->files;
	int r = open_extent_file(o, x, out);

	if (r < 0)
		return r;
	image_add_file(o->img, *out);
	if (o->img->files == before)
		return shared_file(o, *out);
	(*out)->sparse = true;
	return 0;
}

static int new_sparse(struct opening *o, const struct vmdk_extent *x, struct extent **out)
{
	struct sparse_args args = { .file = o->top, .sectors = x->sectors, .readonly = x->access != VMDK_RW };
	// The text in a monolithic file names that file, or what it was called before it was renamed.
	int r = o->embedded ? 0 : open_own_file(o, x, &args.file);

	if (r < 0)
		return r;
	args.file->sparse = true;
	if (stream_file_is(args.file)) {
		struct stream_args stream = { args.file, args.sectors, o->writes && !args.readonly };

		return extent_stream_new(&stream, out, o->err);
	}
	return extent_sparse_new(&args, out, o->err);
}

static int new_cowd(struct opening *o, const struct vmdk_extent *x, struct extent **out)
{
	struct cowd_args args = { .sectors = x->sectors, .readonly = x->access != VMDK_RW };
	int r = open_own_file(o, x, &args.file);

	return r < 0 ? r : extent_cowd_new(&args, out, o->err);
}

static int new_sesparse(struct opening *o, const struct vmdk_extent *x, struct extent **out)
{
	struct sesparse_args args = { .sectors = x->sectors, .writes = o->writes && x->access == VMDK_RW };
	int r = open_own_file(o, x, &args.file);

	return r < 0 ? r : extent_sesparse_new(&args, out, o->err);
}

static int refuse_mapping(struct opening *o, const struct vmdk_extent *x)
{
	err_set(o->err, ENOTSUP, o->name,
		"descriptor line %u: the %s extent \"%s\" maps a LUN of an ESXi host, which does not exist here",
		x->line, vmdk_extent_type_name(x->type), x->name ? x->name : "");
	err_remedy(o->err, "Clone the disk on the ESXi host (vmkfstools -i DISK.vmdk NEW.vmdk), or attach the LUN to "
			   "this host and make a descriptor with a FLAT extent that names its device");
	return -ENOTSUP;
}

static int new_zero(struct opening *o, const struct vmdk_extent *x, struct extent **out)
{
	return extent_zero_new(x->access == VMDK_NOACCESS, out) < 0 ?
		err_set(o->err, ENOMEM, o->name, "no memory to open it") : 0;
}

// What a line of the descriptor opens. Formats that are told by the file's first bytes look at them in their function.
static const struct extent_kind {
	enum vmdk_extent_type type;
	int (*open)(struct opening *o, const struct vmdk_extent *x, struct extent **out);
} extent_kinds[] = {
	{ VMDK_FLAT, new_flat },
	{ VMDK_VMFS, new_flat },
	{ VMDK_SPARSE, new_sparse },
	{ VMDK_ZERO, new_zero },
	{ VMDK_VMFSSPARSE, new_cowd },
	{ VMDK_SESPARSE, new_sesparse },
};

static int new_extent(struct opening *o, const struct vmdk_extent *x, struct extent **out)
{
	if (x->access == VMDK_NOACCESS)
		return new_zero(o, x, out);
	for (size_t i = 0; i < ARRAY_SIZE(extent_kinds); i++) {
		if (extent_kinds[i].type == x->type)
			return extent_kinds[i].open(o, x, out);
	}
	return refuse_mapping(o, x);
}

static int add_extents(struct opening *o)
{
	const struct vmdk_desc *d = &o->desc;

	if (o->embedded && (d->count != 1 || d->extents[0].type != VMDK_SPARSE))
		return err_set(o->err, EINVAL, o->name,
			       "holds its descriptor and data in one file, but the "
			       "descriptor names something other than one sparse extent");
	for (size_t i = 0; i < d->count; i++) {
		struct extent *x;
		int r = new_extent(o, &d->extents[i], &x);

		if (!r)
			r = image_add_extent(o->img, x, d->extents[i].sectors * 512, o->err);
		if (r < 0)
			return r;
	}
	return 0;
}

// --- one layer -------------------------------------------------------------------------------------------

// A child that does not say so has the geometry and the identity of the disk that it was made of.
static void describe(struct opening *o, const char *type)
{
	const struct vmdk_desc *d = &o->desc;
	struct disk *disk = &o->img->disk;

	if (o->img->layer_count == 1)
		disk->kind = type;
	if (!disk->geometry.cylinders)
		disk->geometry = (struct disk_geometry){ d->cylinders, d->heads, d->track_sectors };
	if (!disk->has_uuid) {
		memcpy(disk->uuid, d->uuid, sizeof(disk->uuid));
		disk->has_uuid = d->has_uuid;
	}
}

static int open_layer(struct opening *o)
{
	const char *type;
	int r;

	o->embedded = false;
	r = read_descriptor(o);
	if (r < 0)
		return r;
	type = find_type(o->desc.create_type);
	r = check_supported(o, type);
	if (r < 0)
		return r;
	snprintf(o->folder.encoding, sizeof(o->folder.encoding), "%s", o->desc.encoding);
	r = add_extents(o);
	if (!r)
		describe(o, type);
	return r;
}

// The content id that the first write changes: the top's.
static void remember_cid(struct opening *o)
{
	const struct vmdk_desc *d = &o->desc;
	struct content_id *c = &o->img->content;

	if (!d->cid_digits.len || o->readonly)
		return;
	c->file = o->top;
	c->at = o->text_at + d->cid_digits.at;
	c->digits = (unsigned)d->cid_digits.len;
	c->long_at = d->long_cid_tail.len ? o->text_at + d->long_cid_tail.at : 0;
	c->value = d->cid;
}

// --- parents ---------------------------------------------------------------------------------------------

// What a child expects of its parent.
struct expectation {
	char child[256];
	uint32_t cid;
	uint64_t size;
};

static bool is_delta(const struct vmdk_desc *d)
{
	return d->parent_cid != VMDK_NO_PARENT || d->parent_hint;
}

static int check_link(struct opening *o)
{
	const struct vmdk_desc *d = &o->desc;

	if (!d->parent_hint)
		return err_set(o->err, EINVAL, o->name,
			       "says that it is a delta disk (parentCID=%08x) and names no parent", d->parent_cid);
	if (d->parent_cid == VMDK_NO_PARENT && !o->args->ignore_parent_cid) {
		err_set(o->err, EINVAL, o->name, "names the parent \"%s\", and parentCID says that it has none",
			d->parent_hint);
		err_remedy(o->err, "Take the parent all the same with berth.disk.ignoreParentCID = \"TRUE\"");
		return -EINVAL;
	}
	return 0;
}

static int check_cid(struct opening *o, const struct expectation *want)
{
	if (want->cid == o->desc.cid && o->desc.cid_digits.len)
		return 0;
	if (o->args->ignore_parent_cid) {
		log_warn("%s: expects the parent's CID %08x, %s has %08x; it is used all the same", want->child,
			 want->cid, o->name, o->desc.cid);
		return 0;
	}
	err_set(o->err, EINVAL, want->child,
		"its parent %s has been changed since (the child expects CID %08x, the parent has %08x)", o->name,
		want->cid, o->desc.cid);
	err_remedy(o->err, "Put back the parent as it was; or take the risk of a damaged file system with "
			   "berth.disk.ignoreParentCID = \"TRUE\"");
	return -EINVAL;
}

static int check_parent(struct opening *o, const struct expectation *want)
{
	uint64_t size = o->img->layers[o->img->layer_count - 1].size;
	int r = check_cid(o, want);

	if (!r && size != want->size)
		r = err_set(o->err, EINVAL, want->child, "has %llu sectors, its parent %s %llu",
			    (unsigned long long)want->size / 512, o->name, (unsigned long long)size / 512);
	return r;
}

static bool is_known(const struct opening *o, const struct image_file *file)
{
	const struct image_file *f = o->img->files;

	while (f && f != file)
		f = f->next;
	return f != NULL;
}

// It must stay as it is while a child is written, whichever VM it belongs to: VMware is told so, where it looks first.
static int mark_parent(const struct opening *o, const char *name, struct image_file *file)
{
	char fd[32], folder[PATH_MAX], path[2 * PATH_MAX];
	ssize_t n;

	if (o->args->readonly || o->args->unlocked)
		return 0;
	snprintf(fd, sizeof(fd), "/proc/self/fd/%d", o->folder.fd);
	n = readlink(fd, folder, sizeof(folder));
	if (n < 0 || (size_t)n >= sizeof(folder))
		return err_set(o->err, errno, file->name, "its folder cannot be found");
	snprintf(path, sizeof(path), "%.*s/%s", (int)n, folder, name);
	return vmware_lock_take(path, false, &file->lock, o->err);
}

static int open_parent_file(struct opening *o, struct parent_place *place, struct image_file **out)
{
	struct image_file_want want = { .unlocked = o->args->unlocked };
	int r = image_file_open_in(&place->folder, place->name, want, o->img->files, out, o->err);

	if (!r && is_known(o, *out))
		return err_set(o->err, ELOOP, o->name, "its parent \"%s\" is one of its own children",
			       o->desc.parent_hint);
	if (!r && place->elsewhere)
		log_info("%s: the parent %s is not there; %s beside the disk is used", o->name, o->desc.parent_hint,
			 place->name);
	return r;
}

static int open_parent(struct opening *o)
{
	struct parent_want want = {
		.child = &o->folder, .file = o->top, .home = o->args->home, .hint = o->desc.parent_hint };
	struct expectation expected = { .cid = o->desc.parent_cid,
					.size = o->img->layers[o->img->layer_count - 1].size };
	struct parent_place place;
	struct image_file *file;
	int r = check_link(o);

	if (!r)
		r = image_parent_find(&want, &place, o->err);
	if (r < 0)
		return r;
	snprintf(expected.child, sizeof(expected.child), "%s", o->name);
	r = open_parent_file(o, &place, &file);
	image_folder_close(&o->folder);
	o->folder = place.folder;
	if (r < 0)
		return r;
	r = image_add_layer(o->img, o->err);
	if (!r)
		r = mark_parent(o, place.name, file);
	if (r < 0) {
		image_file_close(file);
		return r;
	}
	o->above = o->img->files;
	image_add_file(o->img, file);
	o->top = file;
	o->name = file->name;
	o->readonly = true;
	o->writes = false;
	vmdk_desc_free(&o->desc);
	r = open_layer(o);
	return r < 0 ? r : check_parent(o, &expected);
}

// --- the disk --------------------------------------------------------------------------------------------

// A write to a fresh grain takes the rest of it from the parent, in memory.
static int check_units(struct opening *o)
{
	const struct layer *top = &o->img->layers[0];
	bool writes = !o->args->readonly || o->args->rehearse;

	for (size_t i = 0; i < top->count && o->img->layer_count > 1 && writes; i++) {
		if (top->extents[i]->unit > DELTA_UNIT_MAX)
			return err_set(o->err, ENOTSUP, o->args->path,
				       "is a delta disk with grains of more than 1 MiB, which can only be read");
	}
	return 0;
}

static int open_all(struct opening *o)
{
	struct image_file_want want = { .writable = !o->readonly, .unlocked = o->args->unlocked };
	int r = image_file_open(o->name, want, &o->top, o->err);

	if (r < 0)
		return r;
	image_add_file(o->img, o->top);
	r = open_layer(o);
	if (r < 0)
		return r;
	remember_cid(o);
	while (!r && is_delta(&o->desc))
		r = open_parent(o);
	return r < 0 ? r : check_units(o);
}

int vmdk_open(struct loop *loop, const struct disk_open_args *args, struct disk **out, struct err *err)
{
	struct opening o = { .args = args, .name = args->path, .readonly = args->readonly,
			     .writes = !args->readonly || args->rehearse, .err = err };
	int r = image_new(loop, args, "vmdk", &o.img, err);

	if (r < 0)
		return r;
	o.folder.allow_outside = args->allow_outside;
	r = image_folder_open(&o.folder, args->path, err);
	if (!r)
		r = open_all(&o);
	image_folder_close(&o.folder);
	vmdk_desc_free(&o.desc);
	if (r < 0)
		image_free(o.img);
	else
		image_ready(o.img, out);
	return r;
}
