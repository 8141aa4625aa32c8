// console.c: the switchboard between display adapters, viewers, keyboards and pointers.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "bus/console.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

#define FIRST_WIDTH  720u
#define FIRST_HEIGHT 400u

int console_init(struct console *con)
{
	int rc;

	memset(con, 0, sizeof(*con));
	pthread_mutex_init(&con->lock, NULL);
	pthread_mutex_init(&con->watch_lock, NULL);
	pthread_mutex_init(&con->input_lock, NULL);
	con->last_x = con->last_y = -1;
	pthread_mutex_lock(&con->lock);
	rc = console_resize(con, FIRST_WIDTH, FIRST_HEIGHT);
	pthread_mutex_unlock(&con->lock);
	return rc;
}

void console_destroy(struct console *con)
{
	free(con->surface.pixels);
	con->surface.pixels = NULL;
	pthread_mutex_destroy(&con->lock);
	pthread_mutex_destroy(&con->watch_lock);
	pthread_mutex_destroy(&con->input_lock);
}

static const struct console_source *current_source(struct console *con)
{
	const struct console_source *source;

	pthread_mutex_lock(&con->lock);
	source = con->source;
	pthread_mutex_unlock(&con->lock);
	return source;
}

void console_set_source(struct console *con, const struct console_source *source)
{
	bool watched;

	pthread_mutex_lock(&con->watch_lock);
	pthread_mutex_lock(&con->lock);
	con->source = source;
	watched = con->watchers > 0;
	pthread_mutex_unlock(&con->lock);
	if (source && watched)
		source->watch(source->arg, true);
	pthread_mutex_unlock(&con->watch_lock);
}

int console_resize(struct console *con, uint32_t width, uint32_t height)
{
	uint32_t *pixels;

	width = MIN(MAX(width, 1u), CONSOLE_MAX_WIDTH);
	height = MIN(MAX(height, 1u), CONSOLE_MAX_HEIGHT);
	pixels = calloc((size_t)width * height, sizeof(*pixels));
	if (!pixels)
		return -ENOMEM;
	free(con->surface.pixels);
	con->surface =
		(struct console_surface){.width = width, .height = height, .stride = width, .pixels = pixels};
	for (struct console_viewer *v = con->viewers; v; v = v->next)
		v->resized(v->arg, &con->surface);
	return 0;
}

void console_changed(struct console *con, struct console_rect rect)
{
	const struct console_surface *s = &con->surface;

	if (rect.x >= s->width || rect.y >= s->height)
		return;
	rect.w = MIN(rect.w, s->width - rect.x);
	rect.h = MIN(rect.h, s->height - rect.y);
	if (!rect.w || !rect.h)
		return;
	for (struct console_viewer *v = con->viewers; v; v = v->next)
		v->changed(v->arg, rect);
}

void console_add_viewer(struct console *con, struct console_viewer *viewer)
{
	pthread_mutex_lock(&con->lock);
	viewer->next = con->viewers;
	con->viewers = viewer;
	pthread_mutex_unlock(&con->lock);
}

void console_remove_viewer(struct console *con, struct console_viewer *viewer)
{
	pthread_mutex_lock(&con->lock);
	for (struct console_viewer **p = &con->viewers; *p; p = &(*p)->next) {
		if (*p == viewer) {
			*p = viewer->next;
			break;
		}
	}
	pthread_mutex_unlock(&con->lock);
}

void console_watch(struct console *con, bool on)
{
	const struct console_source *source;
	bool edge;

	pthread_mutex_lock(&con->watch_lock);
	pthread_mutex_lock(&con->lock);
	source = con->source;
	if (on) {
		edge = con->watchers++ == 0;
	} else {
		edge = con->watchers == 1;
		con->watchers -= con->watchers > 0;
	}
	pthread_mutex_unlock(&con->lock);
	if (edge && source)
		source->watch(source->arg, on);
	pthread_mutex_unlock(&con->watch_lock);
}

void console_refresh(struct console *con)
{
	const struct console_source *source = current_source(con);

	if (source)
		source->refresh(source->arg);
}

void console_set_keyboard(struct console *con, const struct console_keyboard *keyboard)
{
	pthread_mutex_lock(&con->input_lock);
	con->keyboard = keyboard;
	pthread_mutex_unlock(&con->input_lock);
}

void console_set_pointer(struct console *con, const struct console_pointer *pointer)
{
	pthread_mutex_lock(&con->input_lock);
	con->pointer = pointer;
	con->last_x = con->last_y = -1;
	pthread_mutex_unlock(&con->input_lock);
}

void console_key(struct console *con, unsigned code, bool down)
{
	const struct console_keyboard *keyboard;

	pthread_mutex_lock(&con->input_lock);
	keyboard = con->keyboard;
	pthread_mutex_unlock(&con->input_lock);
	if (keyboard)
		keyboard->key(keyboard->arg, code, down);
}

static unsigned to_absolute(int v, uint32_t extent)
{
	if (extent < 2 || v <= 0)
		return 0;
	if ((uint32_t)v >= extent)
		return 65535;
	return (unsigned)((uint64_t)v * 65535 / (extent - 1));
}

void console_pointer_at(struct console *con, int x, int y, int wheel, unsigned buttons)
{
	const struct console_pointer *pointer;
	uint32_t width, height;
	int dx = 0, dy = 0;

	pthread_mutex_lock(&con->lock);
	width = con->surface.width;
	height = con->surface.height;
	pthread_mutex_unlock(&con->lock);
	x = MIN(MAX(x, 0), (int)width - 1);
	y = MIN(MAX(y, 0), (int)height - 1);

	pthread_mutex_lock(&con->input_lock);
	pointer = con->pointer;
	if (con->last_x >= 0) {         // the first position is only where movement starts from
		dx = x - con->last_x;
		dy = y - con->last_y;
	}
	con->last_x = x;
	con->last_y = y;
	pthread_mutex_unlock(&con->input_lock);
	if (!pointer)
		return;
	if (pointer->absolute)
		pointer->absolute_move(pointer->arg, to_absolute(x, width), to_absolute(y, height), wheel,
				       buttons);
	else
		pointer->relative(pointer->arg, dx, dy, wheel, buttons);
}

void console_set_leds(struct console *con, unsigned leds)
{
	pthread_mutex_lock(&con->lock);
	if (con->leds != leds) {
		con->leds = leds;
		for (struct console_viewer *v = con->viewers; v; v = v->next)
			if (v->leds)
				v->leds(v->arg, leds);
	}
	pthread_mutex_unlock(&con->lock);
}

unsigned console_leds(struct console *con)
{
	unsigned leds;

	pthread_mutex_lock(&con->lock);
	leds = con->leds;
	pthread_mutex_unlock(&con->lock);
	return leds;
}
