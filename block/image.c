// image.c: building an image out of files and extents, and taking it down again.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

static struct image *image_of(struct disk *disk)
{
	return CONTAINER_OF(disk, struct image, disk);
}

static void host_dirtied(void *arg, struct extent *x, bool metadata)
{
	struct image *img = arg;

	flusher_dirtied(&img->flusher, x, metadata);
}

static void host_sync_soon(void *arg)
{
	struct image *img = arg;

	flusher_kick(&img->flusher);
}

int image_new(struct loop *loop, const struct disk_open_args *args, const char *kind, struct image **out,
	      struct err *err)
{
	struct image *img = calloc(1, sizeof(*img));

	if (!img)
		return err_set(err, ENOMEM, args->path, "no memory to open it");
	img->disk.loop = loop;
	img->disk.kind = kind;
	img->disk.readonly = args->readonly;
	snprintf(img->disk.name, sizeof(img->disk.name), "%s", args->path);
	img->write_through = args->write_through;
	img->direct = args->direct;
	img->layer_count = 1;
	img->tables.limit = IMAGE_TABLES_MAX;
	img->host = (struct extent_host){ .loop = loop,
					  .dirtied = host_dirtied,
					  .sync_soon = host_sync_soon,
					  .settle = image_settle,
					  .arg = img,
					  .tables = &img->tables,
					  .background = &img->background };
	img->content.loop = loop;
	img->starved_tail = &img->starved;
	flusher_init(&img->flusher, &img->disk);
	*out = img;
	return 0;
}

void image_add_file(struct image *img, struct image_file *file)
{
	for (struct image_file *f = img->files; f; f = f->next) {
		if (f == file)
			return;
	}
	file->next = img->files;
	img->files = file;
}

int image_add_layer(struct image *img, struct err *err)
{
	if (img->layer_count < IMAGE_MAX_LAYERS) {
		img->layer_count++;
		return 0;
	}
	err_set(err, EMLINK, img->disk.name, "is a chain of more than %u disks", IMAGE_MAX_LAYERS);
	err_remedy(err, "Delete snapshots in VMware, which merges them, or make a full clone");
	return -EMLINK;
}

static int make_room(struct layer *layer)
{
	size_t room = layer->room ? layer->room * 2 : 4;
	struct extent **extents;

	if (layer->count < layer->room)
		return 0;
	extents = realloc(layer->extents, room * sizeof(extents[0]));
	if (!extents)
		return -ENOMEM;
	layer->extents = extents;
	layer->room = room;
	return 0;
}

int image_add_extent(struct image *img, struct extent *x, uint64_t length, struct err *err)
{
	struct layer *layer = &img->layers[img->layer_count - 1];
	int r = 0;

	if (!length || length > IMAGE_MAX_SIZE - layer->size || layer->count >= IMAGE_MAX_EXTENTS)
		r = err_set(err, EFBIG, img->disk.name,
			    "has an extent of an impossible size, or too many of them");
	else if (make_room(layer) < 0)
		r = err_set(err, ENOMEM, img->disk.name, "no memory for its extents");
	if (r < 0) {
		x->ops->free(x);
		return r;
	}
	x->host = &img->host;
	x->start = layer->size;
	x->length = length;
	layer->extents[layer->count++] = x;
	layer->size += length;
	if (layer == img->layers)
		img->disk.discard |= x->discard;
	return 0;
}

void image_free(struct image *img)
{
	for (unsigned l = 0; l < img->layer_count; l++) {
		for (size_t i = 0; i < img->layers[l].count; i++)
			img->layers[l].extents[i]->ops->free(img->layers[l].extents[i]);
		free(img->layers[l].extents);
	}
	while (img->files) {
		struct image_file *file = img->files;

		img->files = file->next;
		loop_file_remove(img->disk.loop, file->slot);
		image_file_close(file);
	}
	image_free_pools(img);
	free(img->shortcuts);
	free(img);
}

static int close_extents(struct image *img, bool clean, struct err *err)
{
	struct layer *layer = &img->layers[0];
	int result = 0;

	for (size_t i = 0; i < layer->count; i++) {
		struct extent *x = layer->extents[i];
		int r = x->ops->close(x, clean, result < 0 ? NULL : err);

		if (r < 0 && !result)
			result = r;
	}
	return result;
}

static int image_close(struct disk *disk, struct err *err)
{
	struct image *img = image_of(disk);
	int r = flusher_drain(&img->flusher), closed;

	while (img->background && loop_turn(disk->loop) >= 0)
		;
	// The ring itself failed: the kernel may still hold our buffers, so they stay.
	if (img->flusher.active || img->background)
		return err_set(err, -r, disk->name, "cannot be closed: %s", strerror(-r));
	if (r < 0) {
		err_set(err, -r, disk->name, "what was written last could not be made durable: %s",
			strerror(-r));
		err_exit(err, EXIT_DISK);
	}
	closed = close_extents(img, !r, r < 0 ? NULL : err);
	image_free(img);
	return r < 0 ? r : closed;
}

static bool image_flush_lost(const struct disk *disk)
{
	const struct image *img = CONTAINER_OF(disk, struct image, disk);

	for (const struct image_file *f = img->files; f; f = f->next) {
		if (f->failed)
			return true;
	}
	return false;
}

static const struct disk_ops image_ops = {
	.submit = image_submit,
	.close = image_close,
	.flush_lost = image_flush_lost,
};

void image_ready(struct image *img, struct disk **out)
{
	for (size_t i = 0; i < img->layers[0].count; i++)
		img->layers[0].extents[i]->below = img->layer_count > 1;
	for (struct image_file *f = img->files; f; f = f->next)
		f->slot = loop_file_add(img->disk.loop, f->fd);
	if (img->layer_count > 2)
		img->shortcuts = calloc(IMAGE_SHORTCUTS, sizeof(img->shortcuts[0]));
	img->disk.ops = &image_ops;
	img->disk.size = img->layers[0].size;
	*out = &img->disk;
}
