// vmdk_open.c: from a .vmdk to a disk: what kind it is, whether it is supported, its extents.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "block/image.h"
#include "block/sparse.h"
#include "block/vmdk_desc.h"

// A disk while it is opened.
struct opening {
	const struct disk_open_args *args;
	struct image *img;
	struct image_folder folder;
	struct image_file *top;         // the .vmdk that was named
	bool embedded;                  // descriptor and data in one file
	uint64_t text_at;               // of the descriptor in `top`
	struct vmdk_desc desc;
	struct err *err;
};

// The kinds of disk that exist. `refusal` NULL = supported.
static const struct create_type {
	const char *name, *refusal;
} create_types[] = {
	{ "monolithicSparse", NULL },
	{ "monolithicFlat", NULL },
	{ "twoGbMaxExtentSparse", NULL },
	{ "twoGbMaxExtentFlat", NULL },
	{ "vmfs", NULL },
	{ "vmfsThin", NULL },
	{ "vmfsEagerZeroedThick", NULL },
	{ "vmfsPreallocated", NULL },
	{ "custom", NULL },
	{ "streamOptimized", "a compressed image for transport, which cannot be run from" },
	{ "vmfsSparse", "an ESX delta disk (COWD), which is not supported yet" },
	{ "seSparse", "an ESXi delta disk (seSparse), which is not supported yet" },
	{ "vmfsRaw", "a mapping of a LUN of an ESXi host, which does not exist here" },
	{ "vmfsRDM", "a mapping of a LUN of an ESXi host, which does not exist here" },
	{ "vmfsRDMP", "a mapping of a LUN of an ESXi host, which does not exist here" },
	{ "vmfsRawDeviceMap", "a mapping of a LUN of an ESXi host, which does not exist here" },
	{ "vmfsPassthroughRawDeviceMap", "a mapping of a LUN of an ESXi host, which does not exist here" },
	{ "fullDevice", "a whole disk of the host, which is not supported" },
	{ "partitionedDevice", "partitions of the host, which are not supported" },
};

static const struct create_type *find_type(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(create_types); i++) {
		if (!strcasecmp(name, create_types[i].name))
			return &create_types[i];
	}
	return NULL;
}

static int unsupported(struct opening *o, const char *what, const char *why)
{
	err_set(o->err, ENOTSUP, o->args->path, "is of type %s: %s", what, why);
	err_remedy(o->err,
		   "Convert it to a plain disk: vmware-vdiskmanager -r FILE -t 0 NEW.vmdk, or qemu-img "
		   "convert -O vmdk");
	return -ENOTSUP;
}

static int check_supported(struct opening *o, const struct create_type *type)
{
	const struct vmdk_desc *d = &o->desc;

	if (!type)
		return err_set(o->err, EINVAL, o->args->path, "has the unknown createType \"%s\"",
			       d->create_type);
	if (type->refusal)
		return unsupported(o, type->name, type->refusal);
	if (d->parent_cid != VMDK_NO_PARENT || d->parent_hint) {
		err_set(o->err, ENOTSUP, o->args->path,
			"is a delta disk (snapshot or linked clone) of \"%s\", and chains "
			"of disks are not supported yet",
			d->parent_hint ? d->parent_hint : "an unnamed parent");
		err_remedy(o->err,
			   "Delete the VM's snapshots in VMware, which merges them, or make a full clone");
		return -ENOTSUP;
	}
	if (d->change_track && !o->args->readonly) {
		err_set(o->err, ENOTSUP, o->args->path,
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
		return err_set(o->err, EFBIG, o->args->path, "the descriptor has more than 10 MiB of text");
	text = malloc(len + 1);
	if (!text)
		return err_set(o->err, ENOMEM, o->args->path, "no memory for its descriptor");
	r = image_file_read(o->top, at, text, len, o->err);
	if (!r) {
		text[len] = '\0';
		r = vmdk_desc_parse(text, len, o->args->path, &o->desc, o->err);
	}
	o->text_at = at;
	free(text);
	return r;
}

static int parse_embedded(struct opening *o)
{
	struct sparse_header header;
	uint64_t at, len;
	int r = sparse_header_read(o->top, &header, o->err);

	if (r < 0)
		return r;
	if (!header.descriptor_at) {
		err_set(o->err, EINVAL, o->args->path, "is one extent of a split disk, not the disk");
		err_remedy(o->err, "Name the descriptor, the small .vmdk without -s001 in its name");
		return -EINVAL;
	}
	o->embedded = true;
	at = header.descriptor_at * 512;
	len = header.descriptor_size * 512;
	if (len > o->top->size - MIN(at, o->top->size))
		return err_set(o->err, EINVAL, o->args->path, "ends within its descriptor");
	return parse_text(o, at, len);
}

static int read_descriptor(struct opening *o)
{
	uint8_t head[8] = { 0 };
	int r = image_file_read(o->top, 0, head, MIN(sizeof(head), o->top->size), o->err);

	if (r < 0)
		return r;
	switch (vmdk_magic(head, sizeof(head))) {
	case VMDK_MAGIC_SPARSE: return parse_embedded(o);
	case VMDK_MAGIC_COWD: return unsupported(o, "vmfsSparse", find_type("vmfsSparse")->refusal);
	case VMDK_MAGIC_SESPARSE: return unsupported(o, "seSparse", find_type("seSparse")->refusal);
	default: return parse_text(o, 0, o->top->size);
	}
}

// --- extents ---------------------------------------------------------------------------------------------

static int shared_file(struct opening *o, const struct image_file *file)
{
	return err_set(o->err, EINVAL, o->args->path, "two of its parts lie in one file, \"%s\"", file->name);
}

static int open_extent_file(struct opening *o, const struct vmdk_extent *x, struct image_file **out)
{
	struct image_file_want want = { .writable = !o->args->readonly && x->access == VMDK_RW,
					.unlocked = o->args->unlocked };
	int r;

	if (!x->name)
		return err_set(o->err, EINVAL, o->args->path, "descriptor line %u: the extent has no file",
			       x->line);
	r = image_file_open_in(&o->folder, x->name, want, o->img->files, out, o->err);
	if (r < 0)
		return r;
	// The guest must not be able to write the descriptor, or one extent's tables through another.
	if (*out == o->top || (*out)->sparse)
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
	return extent_flat_new(&args, out) < 0 ?
		err_set(o->err, ENOMEM, args.file->name, "no memory to open it") : 0;
}

static int new_sparse(struct opening *o, const struct vmdk_extent *x, struct extent **out)
{
	struct sparse_args args = { .file = o->top, .sectors = x->sectors, .readonly = x->access != VMDK_RW };
	int r;

	// The text in a monolithic file names that file, or what it was called before it was renamed.
	if (!o->embedded) {
		struct image_file *before = o->img->files;

		r = open_extent_file(o, x, &args.file);
		if (r < 0)
			return r;
		image_add_file(o->img, args.file);
		if (o->img->files == before)
			return shared_file(o, args.file);
	}
	args.file->sparse = true;
	return extent_sparse_new(&args, out, o->err);
}

static int new_zero(struct opening *o, const struct vmdk_extent *x, struct extent **out)
{
	return extent_zero_new(x->access == VMDK_NOACCESS, out) < 0 ?
		err_set(o->err, ENOMEM, o->args->path, "no memory to open it") : 0;
}

static int new_extent(struct opening *o, const struct vmdk_extent *x, struct extent **out)
{
	if (x->access == VMDK_NOACCESS || x->type == VMDK_ZERO)
		return new_zero(o, x, out);
	switch (x->type) {
	case VMDK_FLAT:
	case VMDK_VMFS:
		return new_flat(o, x, out);
	case VMDK_SPARSE:
		return new_sparse(o, x, out);
	default:
		return unsupported(o, vmdk_extent_type_name(x->type),
				   "extents of this type are not supported yet");
	}
}

static int add_extents(struct opening *o)
{
	const struct vmdk_desc *d = &o->desc;

	if (o->embedded && (d->count != 1 || d->extents[0].type != VMDK_SPARSE))
		return err_set(o->err, EINVAL, o->args->path,
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

// --- the disk --------------------------------------------------------------------------------------------

static void describe(struct opening *o, const struct create_type *type)
{
	const struct vmdk_desc *d = &o->desc;
	struct disk *disk = &o->img->disk;
	struct content_id *c = &o->img->content;

	disk->kind = type->name;
	disk->geometry = (struct disk_geometry){ d->cylinders, d->heads, d->track_sectors };
	memcpy(disk->uuid, d->uuid, sizeof(disk->uuid));
	disk->has_uuid = d->has_uuid;
	if (!d->cid_digits.len || disk->readonly)
		return;
	c->file = o->top;
	c->at = o->text_at + d->cid_digits.at;
	c->digits = (unsigned)d->cid_digits.len;
	c->long_at = d->long_cid_tail.len ? o->text_at + d->long_cid_tail.at : 0;
	c->value = d->cid;
}

static int open_all(struct opening *o)
{
	struct image_file_want want = { .writable = !o->args->readonly, .unlocked = o->args->unlocked };
	const struct create_type *type;
	int r = image_file_open(o->args->path, want, &o->top, o->err);

	if (r < 0)
		return r;
	image_add_file(o->img, o->top);
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

int vmdk_open(struct loop *loop, const struct disk_open_args *args, struct disk **out, struct err *err)
{
	struct opening o = { .args = args, .err = err };
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
