// cowd_sync.c: tables of an ESX sparse extent go to disk behind their data; the order is explained in cowd_extent.h.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block/cowd_extent.h"

// One dirty table as it was when the sync began; its table is pinned.
struct cowd_snapshot {
	struct cowd_table *table;
	bool fresh;                     // its directory entry is not on the disk yet
	uint8_t *data;
	struct cowd_write content, link;
};

static void free_snapshots(struct cowd *c)
{
	for (size_t i = 0; i < c->snapshot_count; i++)
		free(c->snapshots[i].data);
	free(c->snapshots);
	c->snapshots = NULL;
	c->snapshot_count = 0;
}

// What did not reach the disk stays dirty. Those who wait for room hear of a failure: there will be none.
static void finish(struct cowd *c, int result)
{
	struct waiter *w = c->syncing;

	for (size_t i = 0; i < c->snapshot_count; i++) {
		struct cowd_snapshot *shot = &c->snapshots[i];

		if (result < 0)
			cowd_table_dirty(shot->table);
		else if (shot->fresh)
			shot->table->fresh = false;
		shot->table->e.pins--;
	}
	free_snapshots(c);
	c->syncing = NULL;
	c->sync_result = result;
	w->fn(w, result);
	grain_cache_wake(&c->cache, result < 0 ? result : 0);
}

static void start_sync(struct cowd *c, void (*done)(struct file_op *op, int result))
{
	c->op = (struct file_op){ .loop = c->x.host->loop, .file = c->file, .kind = FILE_SYNC, .done = done };
	file_op_start(&c->op);
}

// --- writes of one step: counted, and all awaited before the next step -----------------------------------

static void begin_step(struct cowd *c, void (*then)(struct cowd *c))
{
	c->writes = 1;
	c->result = 0;
	c->then = then;
}

static void drop_write(struct cowd *c, int result)
{
	if (result < 0 && !c->result)
		c->result = result;
	if (--c->writes)
		return;
	if (c->result < 0)
		finish(c, c->result);
	else
		c->then(c);
}

static void write_done(struct file_op *op, int result)
{
	drop_write(CONTAINER_OF(op, struct cowd_write, op)->c, result);
}

static void start_write(struct cowd *c, struct cowd_write *w, uint64_t offset, struct iovec iov)
{
	w->c = c;
	w->iov = iov;
	w->op = (struct file_op){ .loop = c->x.host->loop, .file = c->file, .kind = FILE_WRITE, .offset = offset,
				 .left = iov.iov_len, .iov = &w->iov, .iovcnt = 1, .done = write_done };
	c->writes++;
	file_op_start(&w->op);
}

static void write_value(struct cowd *c, struct cowd_write *w, uint64_t offset, uint32_t value)
{
	w->value = htole32(value);
	start_write(c, w, offset, (struct iovec){ &w->value, sizeof(w->value) });
}

static void write_content(struct cowd *c, struct cowd_snapshot *shot)
{
	start_write(c, &shot->content, c->directory[shot->table->e.number] * 512ull,
		    (struct iovec){ shot->data, COWD_TABLE_BYTES });
}

static void write_link(struct cowd *c, struct cowd_snapshot *shot)
{
	uint64_t index = shot->table->e.number;

	write_value(c, &shot->link, c->h.directory_at * 512ull + 4 * index, c->directory[index]);
}

// --- the steps, last one first -----------------------------------------------------------------------------

static void tables_synced(struct file_op *op, int result)
{
	finish(CONTAINER_OF(op, struct cowd, op), result);
}

static void sync_tables(struct cowd *c)
{
	start_sync(c, tables_synced);
}

static void data_synced(struct file_op *op, int result)
{
	struct cowd *c = CONTAINER_OF(op, struct cowd, op);

	if (result < 0 || !c->snapshot_count) {
		finish(c, result);
		return;
	}
	c->marked = true;
	c->free_on_disk = le32toh(c->free_write.value);
	begin_step(c, sync_tables);
	for (size_t i = 0; i < c->snapshot_count; i++) {
		if (c->snapshots[i].fresh)
			write_link(c, &c->snapshots[i]);
		else
			write_content(c, &c->snapshots[i]);
	}
	drop_write(c, 0);
}

static void sync_data(struct cowd *c)
{
	start_sync(c, data_synced);
}

static bool copy_tables(struct cowd *c)
{
	for (struct cowd_table *t = c->dirty_tables; t; t = t->next_dirty) {
		struct cowd_snapshot *shot = &c->snapshots[c->snapshot_count];

		shot->data = malloc(COWD_TABLE_BYTES);
		if (!shot->data)
			return false;
		memcpy(shot->data, t->gte, COWD_TABLE_BYTES);
		shot->table = t;
		shot->fresh = t->fresh;
		c->snapshot_count++;
	}
	return true;
}

// Moves the dirty tables into snapshots. On -ENOMEM all of them are still dirty.
static int take_snapshots(struct cowd *c)
{
	if (!c->dirty_count)
		return 0;
	c->snapshots = calloc(c->dirty_count, sizeof(c->snapshots[0]));
	if (!c->snapshots || !copy_tables(c)) {
		free_snapshots(c);
		return -ENOMEM;
	}
	// The pin of the dirty table becomes the snapshot's.
	for (size_t i = 0; i < c->snapshot_count; i++)
		c->snapshots[i].table->dirty = false;
	c->dirty_tables = NULL;
	c->dirty_count = 0;
	return 0;
}

static void write_marks(struct cowd *c)
{
	if (!c->marked)
		write_value(c, &c->mark_write, COWD_UNCLEAN_AT, 1);
	c->free_write.value = htole32((uint32_t)c->next);
	if (c->free_on_disk != c->next)
		write_value(c, &c->free_write, COWD_FREE_AT, (uint32_t)c->next);
}

void cowd_sync(struct extent *x, struct waiter *waiter)
{
	struct cowd *c = cowd_of(x);
	int r = c->file->failed ? c->file->failed : take_snapshots(c);

	c->syncing = waiter;
	if (r < 0) {
		finish(c, r);
		return;
	}
	begin_step(c, sync_data);
	if (c->snapshot_count)
		write_marks(c);
	for (size_t i = 0; i < c->snapshot_count; i++) {
		if (c->snapshots[i].fresh)
			write_content(c, &c->snapshots[i]);
	}
	drop_write(c, 0);
}

// --- closing -------------------------------------------------------------------------------------------

static int write_closing(struct cowd *c, uint64_t at, uint32_t value, struct err *err)
{
	value = htole32(value);
	return image_file_write(c->file, at, &value, sizeof(value), err);
}

static int sync_closing(struct cowd *c, struct err *err)
{
	if (fdatasync(c->file->fd) == 0)
		return 0;
	return err_set(err, errno, c->file->name, "cannot be synced while it is closed: %s", strerror(errno));
}

// The length that was taken in advance goes back; failing to is no harm. A sector more stays: VMware's specification
// has the start of free space before the end of the file.
static void give_length_back(struct cowd *c)
{
	uint64_t end = (c->next + 1) * 512;

	if (c->file->size > c->open_sectors * 512 && ftruncate(c->file->fd, (off_t)end) == 0)
		c->file->size = end;
}

int cowd_close(struct extent *x, bool clean, struct err *err)
{
	struct cowd *c = cowd_of(x);
	int r;

	if (!c->written || c->readonly || !clean)
		return 0;
	give_length_back(c);
	if (!c->marked)
		return 0;
	// The start of free space must be right before anybody is told that the file is.
	r = write_closing(c, COWD_FREE_AT, (uint32_t)c->next, err);
	if (!r)
		r = sync_closing(c, err);
	if (!r)
		r = write_closing(c, COWD_UNCLEAN_AT, 0, err);
	if (!r)
		r = sync_closing(c, err);
	c->marked = r < 0;
	return r;
}
