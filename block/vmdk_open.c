// vmdk_open.c: from a .vmdk to a disk: what kind it is, whether it is supported, its extents.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "block/cowd_extent.h"
#include "block/device_open.h"
#include "block/image.h"
#include "block/sesparse_extent.h"
#include "block/sparse.h"
#include "block/stream_extent.h"
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
		return err_set(o->err, EINVAL, o->args->path, "has the unknown createType \"%s\"",
			       d->create_type);
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
	int r = stream_file_is(o->top) ? stream_header_read(o->top, &header, o->err) :
					 sparse_header_read(o->top, &header, o->err);

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

// The data of an ESX delta disk; its text is a file of its own.
static int only_data(struct opening *o)
{
	err_set(o->err, EINVAL, o->args->path, "is the data of an ESXi delta disk (COWD or seSparse), not the disk");
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
	return err_set(o->err, EINVAL, o->args->path, "two of its parts lie in one file, \"%s\"", file->name);
}

static int open_extent_file(struct opening *o, const struct vmdk_extent *x, struct image_file **out)
{
	struct device_want want = { .descriptor = o->args->path, .line = x->line,
				    .writable = !o->args->readonly && x->access == VMDK_RW,
				    .allow = o->args->allow_device && (x->type == VMDK_FLAT || x->type == VMDK_VMFS) };
	int r;

	if (!x->name)
		return err_set(o->err, EINVAL, o->args->path, "descriptor line %u: the extent has no file",
			       x->line);
	r = device_open_in(&o->folder, x->name, &want, o->img->files, out, o->err);
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
		struct stream_args stream = { args.file, args.sectors, args.readonly };

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
	struct sesparse_args args = { .sectors = x->sectors, .readonly = x->access != VMDK_RW };
	int r = open_own_file(o, x, &args.file);

	return r < 0 ? r : extent_sesparse_new(&args, out, o->err);
}

static int refuse_mapping(struct opening *o, const struct vmdk_extent *x)
{
	err_set(o->err, ENOTSUP, o->args->path,
		"descriptor line %u: the %s extent \"%s\" maps a LUN of an ESXi host, which does not exist here",
		x->line, vmdk_extent_type_name(x->type), x->name ? x->name : "");
	err_remedy(o->err, "Clone the disk on the ESXi host (vmkfstools -i DISK.vmdk NEW.vmdk), or attach the LUN to "
			   "this host and make a descriptor with a FLAT extent that names its device");
	return -ENOTSUP;
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
	case VMDK_VMFSSPARSE:
		return new_cowd(o, x, out);
	case VMDK_SESPARSE:
		return new_sesparse(o, x, out);
	default:
		return refuse_mapping(o, x);
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

static void describe(struct opening *o, const char *type)
{
	const struct vmdk_desc *d = &o->desc;
	struct disk *disk = &o->img->disk;
	struct content_id *c = &o->img->content;

	disk->kind = type;
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
	struct image_file_want want = { .writable = !o->args->readonly };
	const char *type;
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
