// sparse_sync.c: tables go to disk behind their data; the order is explained in sparse.h.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "block/sparse.h"

#define MAX_WRITES 4u   // table, its copy, and a directory entry for each

struct table_write {
	struct file_op op;
	struct iovec iov;
	struct sparse *s;
};

// One dirty table as it was when the sync began.
struct snapshot {
	struct table *table;
	bool fresh;
	uint32_t entry[2];              // for the directories, little endian
	uint8_t *data;
	struct table_write writes[MAX_WRITES];
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

		if (result < 0)
			sparse_table_dirty(shot->table);
		else if (shot->fresh)
			shot->table->fresh = false;
	}
	free_snapshots(s);
	s->syncing = NULL;
	w->fn(w, result);
}

static void start(struct sparse *s, enum file_op_kind kind, void (*done)(struct file_op *op, int result))
{
	s->op = (struct file_op){ .loop = s->x.host->loop, .file = s->file, .kind = kind, .done = done };
	if (kind == FILE_WRITE) {
		s->mark = 1;
		s->iov = (struct iovec){ &s->mark, 1 };
		s->op.iov = &s->iov;
		s->op.iovcnt = 1;
		s->op.left = 1;
		s->op.offset = SPARSE_UNCLEAN_AT;
	}
	file_op_start(&s->op);
}

static void tables_synced(struct file_op *op, int result)
{
	finish(CONTAINER_OF(op, struct sparse, op), result);
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
		start(s, FILE_SYNC, tables_synced);
}

static void table_written(struct file_op *op, int result)
{
	drop_write(CONTAINER_OF(op, struct table_write, op)->s, result);
}

static void start_write(struct sparse *s, struct table_write *w, uint64_t offset, struct iovec iov)
{
	w->s = s;
	w->iov = iov;
	w->op = (struct file_op){ .loop = s->x.host->loop, .file = s->file, .kind = FILE_WRITE, .offset = offset,
				  .left = iov.iov_len, .iov = &w->iov, .iovcnt = 1, .done = table_written };
	s->writes++;
	file_op_start(&w->op);
}

// A table into one of the two directories: its content, and its entry when it is new.
static void write_side(struct sparse *s, struct snapshot *shot, unsigned side)
{
	const uint32_t *directory = side ? s->redundant : s->directory;
	uint64_t base = side ? s->h.redundant_at : s->h.directory_at;
	uint32_t index = shot->table->index;

	if (!directory || !directory[index])
		return;
	start_write(s, &shot->writes[side], (uint64_t)directory[index] * 512,
		    (struct iovec){ shot->data, s->table_bytes });
	if (!shot->fresh)
		return;
	shot->entry[side] = htole32(directory[index]);
	start_write(s, &shot->writes[2 + side], base * 512 + 4ull * index, (struct iovec){ &shot->entry[side], 4 });
}

static void data_synced(struct file_op *op, int result)
{
	struct sparse *s = CONTAINER_OF(op, struct sparse, op);

	if (result < 0 || !s->snapshot_count) {
		finish(s, result);
		return;
	}
	s->writes = 1;
	s->result = 0;
	for (size_t i = 0; i < s->snapshot_count; i++) {
		write_side(s, &s->snapshots[i], 0);
		write_side(s, &s->snapshots[i], 1);
	}
	drop_write(s, 0);
}

static void mark_written(struct file_op *op, int result)
{
	struct sparse *s = CONTAINER_OF(op, struct sparse, op);

	if (result < 0) {
		finish(s, result);
		return;
	}
	s->marked = true;
	start(s, FILE_SYNC, data_synced);
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
	for (size_t i = 0; i < s->snapshot_count; i++)
		s->snapshots[i].table->dirty = false;
	s->dirty_tables = NULL;
	s->dirty_count = 0;
	return 0;
}

void sparse_sync(struct extent *x, struct waiter *waiter)
{
	struct sparse *s = sparse_of(x);
	int r = s->file->failed ? s->file->failed : take_snapshots(s);

	s->syncing = waiter;
	if (r < 0)
		finish(s, r);
	else if (s->snapshot_count && !s->marked)
		start(s, FILE_WRITE, mark_written);
	else
		start(s, FILE_SYNC, data_synced);
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
	if (!s->marked)
		return 0;
	r = image_file_write(s->file, SPARSE_UNCLEAN_AT, &closed, 1, err);
	if (r < 0)
		return r;
	if (fdatasync(s->file->fd) < 0)
		return err_set(err, errno, s->file->name, "cannot be synced while it is closed: %s", strerror(errno));
	s->marked = false;
	return 0;
}
