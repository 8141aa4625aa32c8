// tool_meta.c: finding and reading the descriptor of a .vmdk.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/tool_meta.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "block/vmdk_header.h"

#define AT_DESCRIPTOR      28
#define AT_DESCRIPTOR_SIZE 36

static int not_a_disk(const struct image_file *file, const char *what, struct err *err)
{
	err_set(err, EINVAL, file->name, "%s", what);
	err_remedy(err, "Name the descriptor, the small .vmdk that lists the extents");
	err_exit(err, EXIT_DISK);
	return -EINVAL;
}

// The place of the text in a hosted sparse extent. Compressed images have the same two fields.
static int find_embedded(const struct image_file *file, struct tool_meta *meta, struct err *err)
{
	uint8_t raw[SPARSE_HEADER_SIZE];
	uint64_t at, size;
	int r = image_file_read(file, 0, raw, sizeof(raw), err);

	if (r < 0)
		return r;
	at = get_le64(raw + AT_DESCRIPTOR);
	size = get_le64(raw + AT_DESCRIPTOR_SIZE);
	if (!at || !size)
		return not_a_disk(file, "is one extent of a split disk, not the disk", err);
	if (at > file->size / 512 || size > file->size / 512 - at || size > VMDK_DESC_MAX / 512)
		return err_set_at(err, EINVAL, file->name, AT_DESCRIPTOR,
				  "damaged sparse header: the descriptor would lie behind the end of the file");
	meta->embedded = true;
	meta->text_at = at * 512;
	meta->room = size * 512;
	return 0;
}

static int find_text(const struct image_file *file, struct tool_meta *meta, struct err *err)
{
	uint8_t head[8] = { 0 };
	int r = image_file_read(file, 0, head, MIN(sizeof(head), file->size), err);

	if (r < 0)
		return r;
	switch (vmdk_magic(head, sizeof(head))) {
	case VMDK_MAGIC_SPARSE: return find_embedded(file, meta, err);
	case VMDK_MAGIC_COWD:
	case VMDK_MAGIC_SESPARSE: return not_a_disk(file, "is the extent of a delta disk, not the disk", err);
	default: break;
	}
	if (file->size > VMDK_DESC_MAX)
		return not_a_disk(file, "is no VMDK: it neither is a sparse extent nor a descriptor", err);
	meta->room = file->size;
	return 0;
}

int tool_meta_load(const struct image_file *file, struct tool_meta *meta, struct err *err)
{
	struct stat st;
	int r;

	memset(meta, 0, sizeof(*meta));
	if (fstat(file->fd, &st) < 0)
		return err_set(err, errno, file->name, "cannot be examined: %s", strerror(errno));
	meta->mode = st.st_mode & 07777;
	r = find_text(file, meta, err);
	if (r < 0)
		return r;
	meta->text = calloc(1, meta->room + 1);
	if (!meta->text)
		return err_set(err, ENOMEM, file->name, "no memory for its descriptor");
	r = image_file_read(file, meta->text_at, meta->text, meta->room, err);
	meta->len = strlen(meta->text);
	if (!r)
		r = vmdk_desc_parse(meta->text, meta->len, file->name, &meta->desc, err);
	if (r < 0)
		err_exit(err, EXIT_DISK);
	return r;
}

int tool_meta_read(const char *path, struct tool_meta *meta, struct err *err)
{
	struct image_file file = { .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) };
	struct stat st;
	int r;

	memset(meta, 0, sizeof(*meta));
	if (file.fd < 0) {
		r = err_set(err, errno, path, "cannot be opened: %s", strerror(errno));
		err_exit(err, r == -ENOENT ? EXIT_CONFIG : EXIT_DISK);
		return r;
	}
	snprintf(file.name, sizeof(file.name), "%s", path);
	if (fstat(file.fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		r = err_set(err, EINVAL, path, "is not a regular file");
	} else {
		file.size = (uint64_t)st.st_size;
		r = tool_meta_load(&file, meta, err);
	}
	close(file.fd);
	return r;
}

void tool_meta_free(struct tool_meta *meta)
{
	vmdk_desc_free(&meta->desc);
	free(meta->text);
	memset(meta, 0, sizeof(*meta));
}
