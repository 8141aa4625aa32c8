// tool_defrag.c: a sparse extent written anew, its grains in the order of the disk.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The new file is made beside the old one and takes its name when all of it is durable: a crash leaves the old extent,
// and perhaps a file NAME.XXXXXX that nothing refers to.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "block/tool.h"

#define STEP (4u << 20)

struct defrag {
	const struct tool *tool;
	struct tool_link *link;
	struct tool_extent *x;
	struct image_file out;
	char path[PATH_MAX], tmp[PATH_MAX];
	uint64_t redundant, directory, data;    // sectors, in the new file
	uint64_t next;                          // of the next grain
	uint32_t directory_sectors, table_sectors;
	struct tool_pace pace;
	char *buf;
	bool no_range;                          // the kernel cannot copy between these files
	struct err *err;
};

static void lay_out(struct defrag *d)
{
	const struct sparse_header *h = &d->x->h;
	uint64_t at = h->descriptor_at ? h->descriptor_at + h->descriptor_size : 1, side;

	d->directory_sectors = sparse_directory_sectors(h);
	d->table_sectors = sparse_table_sectors(h);
	side = d->directory_sectors + (uint64_t)h->tables * d->table_sectors;
	if (h->redundant) {
		d->redundant = at;
		at += side;
	}
	d->directory = at;
	d->data = (at + side + h->grain - 1) / h->grain * h->grain;
	d->next = d->data;
}

static int write_head(struct defrag *d)
{
	const struct sparse_header *h = &d->x->h;
	size_t len = (size_t)(h->descriptor_at ? (h->descriptor_at + h->descriptor_size) * 512 : 512);
	uint8_t *raw = malloc(len);
	int r;

	if (!raw)
		return err_set(d->err, ENOMEM, d->path, "no memory for its header");
	r = image_file_read(d->x->file, 0, raw, len, d->err);
	put_le64(raw + 48, d->redundant);
	put_le64(raw + 56, d->directory);
	put_le64(raw + 64, d->data);
	raw[SPARSE_UNCLEAN_AT] = 0;
	if (!r)
		r = image_file_write(&d->out, 0, raw, len, d->err);
	free(raw);
	return r;
}

static int write_directory(struct defrag *d, uint64_t at)
{
	uint8_t *raw = calloc(d->directory_sectors, 512);
	int r;

	if (!at || !raw) {
		free(raw);
		return at ? err_set(d->err, ENOMEM, d->path, "no memory for its directory") : 0;
	}
	for (uint32_t i = 0; i < d->x->h.tables; i++)
		put_le32(raw + 4ull * i, (uint32_t)(at + d->directory_sectors + (uint64_t)i * d->table_sectors));
	r = image_file_write(&d->out, at * 512, raw, d->directory_sectors * 512ull, d->err);
	free(raw);
	return r;
}

// --- grains ----------------------------------------------------------------------------------------------

static int copy_by_hand(struct defrag *d, uint64_t from, uint64_t to, size_t len)
{
	int r = image_file_read(d->x->file, from, d->buf, len, d->err);

	return r < 0 ? r : image_file_write(&d->out, to, d->buf, len, d->err);
}

static int copy(struct defrag *d, uint64_t from, uint64_t to, uint64_t len)
{
	// A last grain may be cut; its rest is a hole of the new file.
	len = from >= d->x->file->size ? 0 : MIN(len, d->x->file->size - from);
	while (len) {
		off_t in = (off_t)from, out = (off_t)to;
		size_t want = (size_t)MIN(len, (uint64_t)STEP);
		ssize_t n = d->no_range ? -1 : copy_file_range(d->x->file->fd, &in, d->out.fd, &out, want, 0);

		if (n <= 0) {
			int r = copy_by_hand(d, from, to, want);

			if (r < 0)
				return r;
			d->no_range = true;
			n = (ssize_t)want;
		}
		from += (uint64_t)n;
		to += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

static bool is_data(const struct defrag *d, uint32_t entry)
{
	return entry && !(entry == SPARSE_GTE_ZEROED && d->x->zeroed);
}

// The grains of one table, in runs that lie together in the old file.
static int move_grains(struct defrag *d, uint8_t *raw)
{
	struct tool_extent *x = d->x;
	uint32_t n;

	for (uint32_t i = 0; i < x->table_entries; i += n) {
		uint32_t entry = x->table[i];
		int r;

		n = 1;
		if (!is_data(d, entry)) {
			put_le32(raw + 4ull * i, entry);
			continue;
		}
		while (i + n < x->table_entries && x->table[i + n] == entry + n * x->h.grain)
			n++;
		r = copy(d, entry * 512ull, d->next * 512, n * x->grain_bytes);
		if (r < 0)
			return r;
		for (uint32_t k = 0; k < n; k++)
			put_le32(raw + 4ull * (i + k), (uint32_t)(d->next + (uint64_t)k * x->h.grain));
		d->next += (uint64_t)n * x->h.grain;
	}
	return 0;
}

static int move_table(struct defrag *d, uint32_t t)
{
	uint64_t size = d->x->table_entries * 4ull, place = d->directory_sectors + (uint64_t)t * d->table_sectors;
	uint8_t *raw;
	int r = tool_load_table(d->x, t, d->err);

	if (r < 0 || !d->x->directory[t])
		return r;
	raw = calloc(1, size);
	if (!raw)
		return err_set(d->err, ENOMEM, d->path, "no memory for a grain table");
	r = move_grains(d, raw);
	if (!r && d->redundant)
		r = image_file_write(&d->out, (d->redundant + place) * 512, raw, size, d->err);
	if (!r)
		r = image_file_write(&d->out, (d->directory + place) * 512, raw, size, d->err);
	free(raw);
	return r;
}

// --- one extent ------------------------------------------------------------------------------------------

static int make_file(struct defrag *d)
{
	char fd[64];
	struct stat st;
	ssize_t n;

	// The name that it has, whatever the descriptor calls it.
	snprintf(fd, sizeof(fd), "/proc/self/fd/%d", d->x->file->fd);
	n = readlink(fd, d->path, sizeof(d->path) - 1);
	if (n < 0 || fstat(d->x->file->fd, &st) < 0)
		return err_set(d->err, errno, d->x->file->name, "cannot be found: %s", strerror(errno));
	d->path[n] = '\0';
	if ((size_t)snprintf(d->tmp, sizeof(d->tmp), "%s.XXXXXX", d->path) >= sizeof(d->tmp))
		return err_set(d->err, ENAMETOOLONG, d->path, "the name is too long");
	d->out.fd = mkostemp(d->tmp, O_CLOEXEC);
	if (d->out.fd < 0) {
		d->tmp[0] = '\0';
		return err_set(d->err, errno, d->path, "no file can be made beside it: %s", strerror(errno));
	}
	snprintf(d->out.name, sizeof(d->out.name), "%.255s", d->path);
	if (fchown(d->out.fd, st.st_uid, st.st_gid) < 0 && errno != EPERM)
		return err_set(d->err, errno, d->path, "its owner cannot be kept: %s", strerror(errno));
	return fchmod(d->out.fd, st.st_mode & 07777) == 0 ? 0 :
		err_set(d->err, errno, d->path, "its mode cannot be kept: %s", strerror(errno));
}

static int fill(struct defrag *d)
{
	uint64_t cover = d->x->grain_bytes * d->x->table_entries;
	int r = write_head(d);

	if (!r)
		r = write_directory(d, d->redundant);
	if (!r)
		r = write_directory(d, d->directory);
	for (uint32_t t = 0; !r && t < d->x->tables; t++) {
		r = move_table(d, t);
		if (!r && tool_report(&d->tool->progress, &d->pace, d->x->start + MIN(cover * (t + 1), d->x->length),
				      d->link->size) < 0)
			r = err_set(d->err, ECANCELED, d->link->path, "stopped half way; the disk is as it was");
	}
	if (!r && ftruncate(d->out.fd, (off_t)(d->next * 512)) < 0)
		r = err_set(d->err, errno, d->path, "cannot be made that long: %s", strerror(errno));
	return r;
}

static int take_place(struct defrag *d)
{
	if (fsync(d->out.fd) < 0)
		return err_set(d->err, errno, d->path, "cannot be synced: %s", strerror(errno));
	if (rename(d->tmp, d->path) < 0)
		return err_set(d->err, errno, d->path, "cannot be replaced: %s", strerror(errno));
	d->tmp[0] = '\0';
	return tool_sync_folder(d->path, d->err);
}

static int defragment(struct defrag *d)
{
	int r;

	lay_out(d);
	d->out.fd = -1;
	r = make_file(d);
	if (!r)
		r = fill(d);
	if (!r)
		r = take_place(d);
	if (d->out.fd >= 0)
		close(d->out.fd);
	if (d->tmp[0])
		unlink(d->tmp);
	return r;
}

static int all_extents(struct defrag *d)
{
	int r = 0;

	for (size_t i = 0; !r && i < d->link->count; i++) {
		d->x = &d->link->extents[i];
		if (d->x->kind == TOOL_SPARSE && d->x->file->writable)
			r = defragment(d);
		else if (d->x->kind == TOOL_COWD || d->x->kind == TOOL_OPAQUE)
			tool_say(d->tool, "%s: extents of this format stay as they are", d->x->file->name);
	}
	return r;
}

static uint64_t space_now(const char *path)
{
	struct tool_link *link;
	uint64_t space;

	if (tool_link_open(path, (struct tool_open){ .alone = true }, &link, NULL) < 0)
		return 0;
	space = tool_space(link);
	tool_link_close(link);
	return space;
}

int tool_defragment(const struct tool *tool, const char *path, struct tool_shrink_result *result, struct err *err)
{
	struct defrag d = { .tool = tool, .err = err };
	int r = tool_need_clean(tool, path, err);

	memset(result, 0, sizeof(*result));
	if (!r)
		r = tool_link_open(path, (struct tool_open){ .writable = true }, &d.link, err);
	if (r < 0)
		return r;
	result->before = tool_space(d.link);
	d.buf = malloc(STEP);
	r = d.buf ? all_extents(&d) : err_set(err, ENOMEM, path, "no memory to work on it");
	free(d.buf);
	tool_link_close(d.link);
	if (!r)
		result->after = space_now(path);
	return r;
}
