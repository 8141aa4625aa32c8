// sparse_sync.c: tables go to disk behind their data; the order is explained in sparse.h.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "block/sparse.h"

// One dirty table as it was when the sync began. [0] goes to the directory and its tables, [1] to their
// copies.
struct snapshot {
	struct table *table;
	bool fresh;                     // its directory entries are not on the disk yet
	uint32_t entry[2];              // little endian
	uint8_t *data;
	struct sparse_write content[2], link[2];
};

static void free_snapshots(struct sparse *s)
{
	for (size_t i = 0; i < s->snapshot_count; i++)
		free(s->snapshots[i].data);
	free(s->snapshots);
	s->snapshots = NULL;
	s->snapshot_count = 0;
}

// What did not reach the disk stays dirty.
static void finish(struct sparse *s, int result)
{
	struct waiter *w = s->syncing;

	for (size_t i = 0; i < s->snapshot_count; i++) {
		struct snapshot *shot = &s->snapshots[i];

		shot->table->syncing = false;
		if (result < 0)
			sparse_table_dirty(shot->table);
		else if (shot->fresh)
			shot->table->fresh = false;
		if (!shot->table->cached.next)
			cache_add(s->x.host->tables, &shot->table->cached);
	}
	free_snapshots(s);
	cache_trim(s->x.host->tables);
	if (result < 0)
		places_move(&s->dropped, &s->leaving);
	else
		sparse_places_left(s);
	s->syncing = NULL;
	w->fn(w, result);
}

static void start_sync(struct sparse *s, void (*done)(struct file_op *op, int result))
{
	s->op = (struct file_op){ .loop = s->x.host->loop, .file = s->file, .kind = FILE_SYNC, .done = done };
	file_op_start(&s->op);
}

// --- writes of one step: counted, and all awaited before the next step -----------------------------------

static void begin_step(struct sparse *s, void (*then)(struct sparse *s))
{
	s->writes = 1;
	s->result = 0;
	s->then = then;
}

static void drop_write(struct sparse *s, int result)
{
	if (result < 0 && !s->result)
		s->result = result;
	if (--s->writes)
		return;
	if (s->result < 0)
		finish(s, s->result);
	else
		s->then(s);
}

static void write_done(struct file_op *op, int result)
{
	drop_write(CONTAINER_OF(op, struct sparse_write, op)->s, result);
}

static void start_write(struct sparse *s, struct sparse_write *w, uint64_t offset, struct iovec iov)
{
	w->s = s;
	w->iov = iov;
	w->op = (struct file_op){ .loop = s->x.host->loop,
				 .file = s->file,
				 .kind = FILE_WRITE,
				 .offset = offset,
				 .left = iov.iov_len,
				 .iov = &w->iov,
				 .iovcnt = 1,
				 .done = write_done };
	s->writes++;
	file_op_start(&w->op);
}

static bool has_side(const struct sparse *s, const struct snapshot *shot, unsigned side)
{
	return side ? s->redundant && s->redundant[shot->table->index]
		    : s->directory[shot->table->index] != 0;
}

static void write_content(struct sparse *s, struct snapshot *shot)
{
	for (unsigned side = 0; side < 2; side++) {
		const uint32_t *directory = side ? s->redundant : s->directory;

		if (has_side(s, shot, side))
			start_write(s, &shot->content[side], (uint64_t)directory[shot->table->index] * 512,
				    (struct iovec){ shot->data, s->table_bytes });
	}
}

// The directory entries of a new table.
static void write_links(struct sparse *s, struct snapshot *shot)
{
	for (unsigned side = 0; side < 2; side++) {
		const uint32_t *directory = side ? s->redundant : s->directory;
		uint64_t base = (side ? s->h.redundant_at : s->h.directory_at) * 512;
		uint32_t index = shot->table->index;

		if (!has_side(s, shot, side))
			continue;
		shot->entry[side] = htole32(directory[index]);
		start_write(s, &shot->link[side], base + 4ull * index, (struct iovec){ &shot->entry[side], 4 });
	}
}

// --- the steps, last one first -----------------------------------------------------------------------------

static void tables_synced(struct file_op *op, int result)
{
	finish(CONTAINER_OF(op, struct sparse, op), result);
}

static void sync_tables(struct sparse *s)
{
	start_sync(s, tables_synced);
}

static void data_synced(struct file_op *op, int result)
{
	struct sparse *s = CONTAINER_OF(op, struct sparse, op);

	if (result < 0 || !s->snapshot_count) {
		finish(s, result);
		return;
	}
	begin_step(s, sync_tables);
	for (size_t i = 0; i < s->snapshot_count; i++) {
		if (s->snapshots[i].fresh)
			write_links(s, &s->snapshots[i]);
		else
			write_content(s, &s->snapshots[i]);
	}
	drop_write(s, 0);
}

static void sync_data(struct sparse *s)
{
	if (s->snapshot_count)
		s->marked = true;
	start_sync(s, data_synced);
}

static void write_mark(struct sparse *s)
{
	s->mark = 1;
	start_write(s, &s->mark_write, SPARSE_UNCLEAN_AT, (struct iovec){ &s->mark, 1 });
}

// Moves the dirty tables into snapshots. On -ENOMEM all of them are still dirty.
static int take_snapshots(struct sparse *s)
{
	if (!s->dirty_count)
		return 0;
	s->snapshots = calloc(s->dirty_count, sizeof(s->snapshots[0]));
	if (!s->snapshots)
		return -ENOMEM;
	for (struct table *t = s->dirty_tables; t; t = t->next_dirty) {
		struct snapshot *shot = &s->snapshots[s->snapshot_count];

		shot->data = malloc(s->table_bytes);
		if (!shot->data) {
			free_snapshots(s);
			return -ENOMEM;
		}
		memcpy(shot->data, t->gte, s->table_bytes);
		shot->table = t;
		shot->fresh = t->fresh;
		s->snapshot_count++;
	}
	for (size_t i = 0; i < s->snapshot_count; i++) {
		s->snapshots[i].table->dirty = false;
		s->snapshots[i].table->syncing = true;
	}
	places_move(&s->leaving, &s->dropped);
	s->dirty_tables = NULL;
	s->dirty_count = 0;
	return 0;
}

void sparse_sync(struct extent *x, struct waiter *waiter)
{
	struct sparse *s = sparse_of(x);
	int r = s->file->failed ? s->file->failed : take_snapshots(s);

	s->syncing = waiter;
	if (r < 0) {
		finish(s, r);
		return;
	}
	begin_step(s, sync_data);
	if (s->snapshot_count && !s->marked)
		write_mark(s);
	for (size_t i = 0; i < s->snapshot_count; i++) {
		if (s->snapshots[i].fresh)
			write_content(s, &s->snapshots[i]);
	}
	drop_write(s, 0);
}

// --- closing -------------------------------------------------------------------------------------------

int sparse_close(struct extent *x, bool clean, struct err *err)
{
	struct sparse *s = sparse_of(x);
	static const uint8_t closed = 0;
	int r;

	if (!s->written || s->readonly || !clean)
		return 0;
	// The length that was taken in advance goes back; failing to is no harm.
	if (s->next * 512 < s->file->size && ftruncate(s->file->fd, (off_t)s->next * 512) == 0)
		s->file->size = s->next * 512;
	if (!s->marked || s->keep_mark)
		return 0;
	r = image_file_write(s->file, SPARSE_UNCLEAN_AT, &closed, 1, err);
	if (r < 0)
		return r;
	if (fdatasync(s->file->fd) < 0)
		return err_set(err, errno, s->file->name, "cannot be synced while it is closed: %s",
			       strerror(errno));
	s->marked = false;
	return 0;
}
