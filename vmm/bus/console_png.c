// console_png.c: the console's surface as a PNG in memory.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "bus/console.h"

#define PNG_FIRST_CAPACITY 65536u

struct png_job {
	uint32_t width, height;
	uint32_t *pixels;       // a copy: nobody waits for the compressor
	uint8_t *row;
	uint8_t *out;
	size_t len, capacity;
};

static void png_append(png_structp png, png_bytep data, png_size_t len)
{
	struct png_job *job = png_get_io_ptr(png);

	if (len > job->capacity - job->len) {
		size_t capacity = job->capacity ? job->capacity : PNG_FIRST_CAPACITY;
		uint8_t *out;

		while (capacity - job->len < len)
			capacity *= 2;
		out = realloc(job->out, capacity);
		if (!out)
			png_error(png, "out of memory");
		job->out = out;
		job->capacity = capacity;
	}
	memcpy(job->out + job->len, data, len);
	job->len += len;
}

static void png_no_flush(png_structp png)
{
}

// The result code tells enough; nothing is printed in the middle.
static void png_on_error(png_structp png, png_const_charp text)
{
	png_longjmp(png, 1);
}

static void png_on_warning(png_structp png, png_const_charp text)
{
}

static void unpack_row(const struct png_job *job, uint32_t y)
{
	const uint32_t *p = job->pixels + (size_t)y * job->width;

	for (uint32_t x = 0; x < job->width; x++) {
		job->row[3 * x] = (uint8_t)(p[x] >> 16);
		job->row[3 * x + 1] = (uint8_t)(p[x] >> 8);
		job->row[3 * x + 2] = (uint8_t)p[x];
	}
}

static int encode(struct png_job *job)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, png_on_error, png_on_warning);
	png_infop info = png ? png_create_info_struct(png) : NULL;

	if (!info || setjmp(png_jmpbuf(png))) {
		png_destroy_write_struct(&png, &info);
		return -ENOMEM;
	}
	png_set_write_fn(png, job, png_append, png_no_flush);
	png_set_IHDR(png, info, job->width, job->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
		     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	for (uint32_t y = 0; y < job->height; y++) {
		unpack_row(job, y);
		png_write_row(png, job->row);
	}
	png_write_end(png, NULL);
	png_destroy_write_struct(&png, &info);
	return 0;
}

static int copy_surface(struct console *con, struct png_job *job)
{
	const struct console_surface *s = &con->surface;
	int rc = -ENOMEM;

	pthread_mutex_lock(&con->lock);
	job->width = s->width;
	job->height = s->height;
	job->pixels = malloc((size_t)s->width * s->height * sizeof(*job->pixels));
	if (job->pixels) {
		for (uint32_t y = 0; y < s->height; y++)
			memcpy(job->pixels + (size_t)y * s->width, s->pixels + (size_t)y * s->stride,
			       s->width * sizeof(*job->pixels));
		rc = 0;
	}
	pthread_mutex_unlock(&con->lock);
	return rc;
}

int console_png(struct console *con, uint8_t **png, size_t *len)
{
	struct png_job job = { 0 };
	int rc;

	console_refresh(con);
	rc = copy_surface(con, &job);
	if (!rc) {
		job.row = malloc((size_t)job.width * 3);
		rc = job.row ? encode(&job) : -ENOMEM;
	}
	free(job.row);
	free(job.pixels);
	if (rc) {
		free(job.out);
		return rc;
	}
	*png = job.out;
	*len = job.len;
	return 0;
}
