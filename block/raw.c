// raw.c: a file that is the disk: CD images and plain disks. Told by the caller, never guessed.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "block/image.h"

// An image for reading may end inside its last sector (some CD burners write such): the rest reads as zeros.
static uint64_t usable_size(const struct image_file *file)
{
	uint64_t tail = file->size % BLOCK_SECTOR;

	return file->size - tail + (tail && !file->writable ? BLOCK_SECTOR : 0);
}

static int add_file(struct image *img, struct image_file *file, struct err *err)
{
	struct flat_args args = { .file = file };
	struct extent *x;

	image_add_file(img, file);
	if (img->direct)
		image_file_direct(file);
	if (!usable_size(file))
		return err_set(err, EINVAL, file->name, "is empty");
	if (extent_flat_new(&args, &x) < 0)
		return err_set(err, ENOMEM, file->name, "no memory to open it");
	return image_add_extent(img, x, usable_size(file), err);
}

int raw_open(struct loop *loop, const struct disk_open_args *args, struct disk **out, struct err *err)
{
	// A CD is put in while the VM runs.
	struct image_file_want want = { .writable = !args->readonly, .device = true, .unlocked = args->unlocked,
					.at_once = args->readonly };
	struct image_file *file;
	struct image *img;
	int r;

	r = image_new(loop, args, "raw", &img, err);
	if (r < 0)
		return r;
	r = image_file_open(args->path, want, &file, err);
	if (!r)
		r = add_file(img, file, err);
	if (r < 0) {
		image_free(img);
		return r;
	}
	image_ready(img, out);
	return 0;
}
