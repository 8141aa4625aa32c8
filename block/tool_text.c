// tool_text.c: storing a changed descriptor.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/tool_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/file.h"

bool tool_text_copy(const struct tool_meta *meta, struct desc_text *text)
{
	*text = (struct desc_text){ .len = meta->len, .room = meta->len + 1, .data = malloc(meta->len + 1) };
	if (!text->data)
		return false;
	memcpy(text->data, meta->text, meta->len + 1);
	return true;
}

static bool assigns(const char *line, const char *key, const char **value)
{
	size_t n = strlen(key);

	line += strspn(line, " \t");
	if (strncasecmp(line, key, n))
		return false;
	line += n + strspn(line + n, " \t");
	if (*line != '=')
		return false;
	*value = line + 1 + strspn(line + 1, " \t");
	return true;
}

bool tool_text_get(const struct tool_meta *meta, const char *key, char *value, size_t size)
{
	for (const char *line = meta->text; line && *line; line += strspn(line, "\r\n")) {
		const char *v;

		if (assigns(line, key, &v)) {
			bool quoted = *v == '"';
			size_t n = strcspn(v + quoted, quoted ? "\"\r\n" : "\r\n");

			if (n >= size)
				return false;
			memcpy(value, v + quoted, n);
			value[n] = '\0';
			return true;
		}
		line += strcspn(line, "\r\n");
	}
	return false;
}

static int reload(struct tool_link *link, const struct desc_text *text, struct err *err)
{
	struct vmdk_desc desc;
	char *copy = strdup(text->data);
	int r = copy ? vmdk_desc_parse(copy, text->len, link->path, &desc, err) : -ENOMEM;

	if (r < 0) {
		free(copy);
		return r == -ENOMEM ? err_set(err, ENOMEM, link->path, "no memory for its descriptor") : r;
	}
	free(link->meta.text);
	vmdk_desc_free(&link->meta.desc);
	link->meta.text = copy;
	link->meta.len = text->len;
	link->meta.desc = desc;
	for (size_t i = 0; i < link->count; i++)
		link->extents[i].desc = i < desc.count ? &desc.extents[i] : NULL;
	return 0;
}

static int sync_top(struct tool_link *link, struct err *err)
{
	return fdatasync(link->top->fd) == 0 ? 0 :
		err_set(err, errno, link->path, "its descriptor cannot be synced: %s", strerror(errno));
}

// From the first byte that differs to the last one.
static int write_difference(struct tool_link *link, const struct desc_text *text, struct err *err)
{
	size_t first = 0, end = text->len;
	int r;

	while (first < end && text->data[first] == link->meta.text[first])
		first++;
	while (end > first && text->data[end - 1] == link->meta.text[end - 1])
		end--;
	if (first == end)
		return 0;
	r = image_file_write(link->top, link->meta.text_at + first, text->data + first, end - first, err);
	return r < 0 ? r : sync_top(link, err);
}

static int write_embedded(struct tool_link *link, const struct desc_text *text, struct err *err)
{
	char *padded;
	int r;

	if (text->len > link->meta.room) {
		err_set(err, ENOSPC, link->path, "its embedded descriptor has no room for the change");
		err_remedy(err, "Use shorter names, or convert the disk to a split one");
		return -ENOSPC;
	}
	padded = calloc(1, link->meta.room);
	if (!padded)
		return err_set(err, ENOMEM, link->path, "no memory for its descriptor");
	memcpy(padded, text->data, text->len);
	r = image_file_write(link->top, link->meta.text_at, padded, link->meta.room, err);
	free(padded);
	return r < 0 ? r : sync_top(link, err);
}

// The new file is opened and locked in the place of the old one.
static int replace(struct tool_link *link, const struct desc_text *text, struct err *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat st;
	int fd, r = file_replace(link->path, text->data, text->len, err);

	if (r < 0)
		return r;
	fd = open(link->path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, link->path, "cannot be opened again: %s", strerror(errno));
	fcntl(fd, F_OFD_SETLK, &lock);
	close(link->top->fd);
	link->top->fd = fd;
	link->top->dev = st.st_dev;
	link->top->ino = st.st_ino;
	link->top->size = (uint64_t)st.st_size;
	link->meta.room = text->len;
	return 0;
}

int tool_text_store(struct tool_link *link, const struct desc_text *text, struct err *err)
{
	int r;

	if (text->failed)
		return err_set(err, ENOMEM, link->path, "no memory for its descriptor");
	if (text->len == link->meta.len)
		r = write_difference(link, text, err);
	else if (link->meta.embedded)
		r = write_embedded(link, text, err);
	else
		r = replace(link, text, err);
	return r < 0 ? r : reload(link, text, err);
}

int tool_text_new_cid(struct tool_link *link, struct err *err)
{
	const struct vmdk_desc *d = &link->meta.desc;
	struct desc_text text;
	char digits[9];
	uint32_t cid;
	int r;

	if (!d->cid_digits.len)
		return 0;
	if (getrandom(&cid, sizeof(cid), 0) != (ssize_t)sizeof(cid))
		return err_set(err, EIO, link->path, "no random numbers for its content id");
	cid &= 0x7fffffffu;             // neither of the two values with a meaning of their own
	cid += cid == d->cid;
	if (!tool_text_copy(&link->meta, &text))
		return err_set(err, ENOMEM, link->path, "no memory for its descriptor");
	snprintf(digits, sizeof(digits), "%08x", cid);
	if (d->long_cid_tail.len)
		memcpy(text.data + d->long_cid_tail.at, digits, 8);
	desc_text_set(&text, "CID", digits);
	r = tool_text_store(link, &text, err);
	desc_text_free(&text);
	return r;
}
