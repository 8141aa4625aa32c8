// fields.c: saving and loading a register struct by its table.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Format: u32 version, u32 number of fields, then for each: u8 name length, name, u8 element size, u32 count,
// count * size bytes, little endian.
#include "bus/fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define HEAD 8u

static size_t record_size(const struct field *f)
{
	return 1 + strlen(f->name) + 1 + 4 + f->size * f->count;
}

size_t fields_size(const struct fields *f)
{
	size_t n = HEAD;

	for (size_t i = 0; i < f->count; i++)
		n += record_size(&f->list[i]);
	return n;
}

// Registers are kept in host order; copying element by element makes the file independent of it.
static void copy_out(uint8_t *to, const uint8_t *from, const struct field *f)
{
	for (size_t i = 0; i < f->count; i++) {
		uint64_t v = 0;

		switch (f->size) {
		case 1: v = from[i]; break;
		case 2: v = ((const uint16_t *)(const void *)from)[i]; break;
		case 4: v = ((const uint32_t *)(const void *)from)[i]; break;
		case 8: v = ((const uint64_t *)(const void *)from)[i]; break;
		default: break;
		}
		put_le(to + i * f->size, (unsigned)f->size, v);
	}
}

static void copy_in(uint8_t *to, const uint8_t *from, const struct field *f, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t v = get_le(from + i * f->size, (unsigned)f->size);

		switch (f->size) {
		case 1: to[i] = (uint8_t)v; break;
		case 2: ((uint16_t *)(void *)to)[i] = (uint16_t)v; break;
		case 4: ((uint32_t *)(void *)to)[i] = (uint32_t)v; break;
		case 8: ((uint64_t *)(void *)to)[i] = v; break;
		default: break;
		}
	}
}

size_t fields_save(const struct fields *f, const void *regs, void *buf, size_t size)
{
	uint8_t *p = buf;

	if (size < fields_size(f))
		return 0;
	put_le32(p, f->version);
	put_le32(p + 4, (uint32_t)f->count);
	p += HEAD;
	for (size_t i = 0; i < f->count; i++) {
		const struct field *fd = &f->list[i];
		size_t n = strlen(fd->name);

		*p++ = (uint8_t)n;
		memcpy(p, fd->name, n);
		p += n;
		*p++ = (uint8_t)fd->size;
		put_le32(p, (uint32_t)fd->count);
		p += 4;
		copy_out(p, (const uint8_t *)regs + fd->offset, fd);
		p += fd->size * fd->count;
	}
	return (size_t)(p - (uint8_t *)buf);
}

static const struct field *find(const struct fields *f, const uint8_t *name, size_t len)
{
	for (size_t i = 0; i < f->count; i++) {
		if (strlen(f->list[i].name) == len && !memcmp(f->list[i].name, name, len))
			return &f->list[i];
	}
	return NULL;
}

struct cursor { const uint8_t *p; size_t left; };

static const uint8_t *take(struct cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (n > c->left)
		return NULL;
	c->p += n;
	c->left -= n;
	return p;
}

// One record into REGS. Fields of a newer version that we do not know are skipped; a changed element size is not
// a field we know either.
static int load_record(const struct fields *f, uint8_t *regs, struct cursor *c)
{
	const uint8_t *len = take(c, 1), *name, *size, *count, *data;
	const struct field *fd;
	uint64_t bytes;

	if (!len || !(name = take(c, *len)) || !(size = take(c, 1)) || !(count = take(c, 4)))
		return -EINVAL;
	bytes = (uint64_t)*size * get_le32(count);
	if (bytes > c->left)
		return -EINVAL;
	data = take(c, (size_t)bytes);
	fd = find(f, name, *len);
	if (fd && fd->size == *size)
		copy_in(regs + fd->offset, data, fd, get_le32(count) < fd->count ? get_le32(count) : fd->count);
	return 0;
}

int fields_load(const struct fields *f, void *regs, const void *buf, size_t size, struct err *err)
{
	struct cursor c = { buf, size };
	const uint8_t *head = take(&c, HEAD);
	uint8_t *copy;

	if (!head || get_le32(head) > f->version)
		return err_set(err, EINVAL, f->name, "the saved registers are truncated or of a newer version");
	copy = malloc(f->struct_size);
	if (!copy)
		return err_set(err, ENOMEM, f->name, "no memory to restore it");
	memcpy(copy, regs, f->struct_size);
	for (uint32_t i = 0; i < get_le32(head + 4); i++) {
		if (load_record(f, copy, &c) < 0) {
			free(copy);
			return err_set(err, EINVAL, f->name, "the saved registers are damaged");
		}
	}
	if (f->sanitize)
		f->sanitize(copy);
	memcpy(regs, copy, f->struct_size);
	free(copy);
	return 0;
}
