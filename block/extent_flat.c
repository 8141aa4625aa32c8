// extent_flat.c: extents without a map: plain bytes in a file, and no file at all.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "block/extent.h"

struct flat {
	struct extent x;
	struct image_file *file;
	uint64_t offset;
	bool readonly;
	struct file_op op;
	struct waiter *syncing;
};

static struct flat *flat_of(struct extent *x)
{
	return CONTAINER_OF(x, struct flat, x);
}

static int flat_map(struct extent *x, const struct map_want *want, struct run *run)
{
	struct flat *f = flat_of(x);

	if (want->write && f->readonly)
		return -EROFS;
	*run = (struct run){ .kind = RUN_DATA, .length = want->length, .file = f->file,
			     .file_offset = f->offset + want->offset };
	return 0;
}

static void flat_written(struct extent *x, const struct run *run, int result)
{
	(void)run;
	(void)result;   // a failed write may have changed a part: that needs the next flush as well
	x->host->dirtied(x->host->arg, x, false);
}

static void flat_synced(struct file_op *op, int result)
{
	struct flat *f = CONTAINER_OF(op, struct flat, op);

	f->syncing->fn(f->syncing, result);
}

static void flat_sync(struct extent *x, struct waiter *waiter)
{
	struct flat *f = flat_of(x);

	if (f->file->failed) {
		waiter->fn(waiter, f->file->failed);
		return;
	}
	f->syncing = waiter;
	f->op = (struct file_op){
		.loop = x->host->loop, .file = f->file, .kind = FILE_SYNC, .done = flat_synced };
	file_op_start(&f->op);
}

static int nothing_to_close(struct extent *x, bool clean, struct err *err)
{
	(void)x;
	(void)clean;
	(void)err;
	return 0;
}

static void flat_free(struct extent *x)
{
	free(flat_of(x));
}

static const struct extent_ops flat_ops = {
	.map = flat_map,
	.written = flat_written,
	.sync = flat_sync,
	.close = nothing_to_close,
	.free = flat_free,
};

int extent_flat_new(const struct flat_args *args, struct extent **out)
{
	struct flat *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->x.ops = &flat_ops;
	f->x.discard = !args->readonly && args->file->writable;
	f->file = args->file;
	f->offset = args->offset;
	f->readonly = args->readonly || !args->file->writable;
	*out = &f->x;
	return 0;
}

// --- no file -------------------------------------------------------------------------------------------

struct zero {
	struct extent x;
	bool noaccess;
};

static int zero_map(struct extent *x, const struct map_want *want, struct run *run)
{
	if (CONTAINER_OF(x, struct zero, x)->noaccess)
		return -EACCES;
	if (want->write)
		return -EROFS;
	*run = (struct run){ .kind = RUN_ZERO, .length = want->length };
	return 0;
}

static void zero_written(struct extent *x, const struct run *run, int result)
{
	(void)x;
	(void)run;
	(void)result;
}

static void zero_sync(struct extent *x, struct waiter *waiter)
{
	(void)x;
	waiter->fn(waiter, 0);
}

static void zero_free(struct extent *x)
{
	free(CONTAINER_OF(x, struct zero, x));
}

static const struct extent_ops zero_ops = {
	.map = zero_map,
	.written = zero_written,
	.sync = zero_sync,
	.close = nothing_to_close,
	.free = zero_free,
};

int extent_zero_new(bool noaccess, struct extent **out)
{
	struct zero *z = calloc(1, sizeof(*z));

	if (!z)
		return -ENOMEM;
	z->x.ops = &zero_ops;
	z->noaccess = noaccess;
	*out = &z->x;
	return 0;
}
