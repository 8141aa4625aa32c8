// vnc_screen.c: libvncserver's screen as a copy of the console's surface.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/compiler.h"
#include "base/log.h"
#include "vnc/vnc_impl.h"

#define CLIENT_WAIT_MS 5000

// --- the console's callbacks: console lock held, any thread ----------------------------------------------

void vnc_screen_kick(struct vnc_server *server)
{
	if (server->damage.kicked || !server->damage.connected)
		return;
	server->damage.kicked = true;
	eventfd_write(server->event_fd, 1);
}

static void on_resized(void *arg, const struct console_surface *surface)
{
	struct vnc_server *s = arg;

	s->damage.resized = true;
	vnc_screen_kick(s);
}

static void unite(struct console_rect *a, const struct console_rect *b)
{
	uint32_t x1 = MAX(a->x + a->w, b->x + b->w), y1 = MAX(a->y + a->h, b->y + b->h);

	a->x = MIN(a->x, b->x);
	a->y = MIN(a->y, b->y);
	a->w = x1 - a->x;
	a->h = y1 - a->y;
}

static void on_changed(void *arg, struct console_rect rect)
{
	struct vnc_server *s = arg;
	struct vnc_damage *d = &s->damage;

	if (!d->watching) {
		d->full = true;
		return;
	}
	if (d->count == VNC_DAMAGE_RECTS)
		unite(&d->rects[VNC_DAMAGE_RECTS - 1], &rect);
	else
		d->rects[d->count++] = rect;
	vnc_screen_kick(s);
}

static void on_leds(void *arg, unsigned leds)
{
	struct vnc_server *s = arg;

	s->damage.leds = true;
	vnc_screen_kick(s);
}

// --- copying ---------------------------------------------------------------------------------------------

// Pixels of RECT that both have; console lock held.
static void copy_rect(struct vnc_server *s, const struct console_rect *r)
{
	const struct console_surface *from = &s->con->surface;
	uint32_t width = MIN((uint32_t)s->screen->width, from->width),
		 height = MIN((uint32_t)s->screen->height, from->height);
	uint32_t x1 = MIN(r->x + r->w, width), y1 = MIN(r->y + r->h, height);

	if (r->x >= x1)
		return;
	for (uint32_t y = r->y; y < y1; y++)
		memcpy(s->pixels + (size_t)y * (uint32_t)s->screen->width + r->x,
		       from->pixels + (size_t)y * from->stride + r->x, (x1 - r->x) * sizeof(*s->pixels));
}

// xRGB with blue lowest, as the console has it; libvncserver's own idea is the other way round.
static void set_format(rfbScreenInfoPtr screen)
{
	screen->serverFormat.redShift = 16;
	screen->serverFormat.greenShift = 8;
	screen->serverFormat.blueShift = 0;
}

static void new_framebuffer(struct vnc_server *s, uint32_t *pixels, int width, int height)
{
	uint32_t *old = s->pixels;

	s->pixels = pixels;
	rfbNewFramebuffer(s->screen, (char *)pixels, width, height, 8, 3, 4);
	set_format(s->screen);
	for (struct vnc_client *c = s->clients; c; c = c->next)
		s->screen->setTranslateFunction(c->cl);
	free(old);
}

// Console lock held. Without memory for the new size the old one stays and shows what fits.
static void fit(struct vnc_server *s)
{
	const struct console_surface *from = &s->con->surface;
	uint32_t *pixels;

	if ((uint32_t)s->screen->width == from->width && (uint32_t)s->screen->height == from->height)
		return;
	pixels = calloc((size_t)from->width * from->height, sizeof(*pixels));
	if (!pixels)
		log_error("vnc: no memory for a screen of %ux%u", from->width, from->height);
	else
		new_framebuffer(s, pixels, (int)from->width, (int)from->height);
}

void vnc_screen_update(struct vnc_server *s)
{
	struct console *con = s->con;
	struct vnc_damage d;
	unsigned leds;

	pthread_mutex_lock(&con->lock);
	d = s->damage;
	s->damage.resized = s->damage.full = s->damage.leds = s->damage.kicked = false;
	s->damage.count = 0;
	leds = con->leds;
	if (d.resized)
		fit(s);
	if (d.resized || d.full) {
		d.rects[0] =
			(struct console_rect){0, 0, (uint32_t)s->screen->width, (uint32_t)s->screen->height};
		d.count = 1;
	}
	for (unsigned i = 0; i < d.count; i++)
		copy_rect(s, &d.rects[i]);
	pthread_mutex_unlock(&con->lock);

	for (unsigned i = 0; i < d.count; i++) {
		const struct console_rect *r = &d.rects[i];

		rfbMarkRectAsModified(s->screen, (int)r->x, (int)r->y, (int)(r->x + r->w),
				      (int)(r->y + r->h));
	}
	for (struct vnc_client *c = s->clients; c && d.leds; c = c->next)
		vnc_client_send_leds(c, leds);
}

void vnc_screen_watch(struct vnc_server *s, bool on)
{
	if (s->watching == on)
		return;
	s->watching = on;
	pthread_mutex_lock(&s->con->lock);
	s->damage.watching = on;
	if (on)
		s->damage.full = true;
	else
		s->damage.count = 0;
	pthread_mutex_unlock(&s->con->lock);
	console_watch(s->con, on);
	if (on)
		vnc_screen_update(s);
}

void vnc_screen_connected(struct vnc_server *s, bool connected)
{
	pthread_mutex_lock(&s->con->lock);
	s->damage.connected = connected;
	pthread_mutex_unlock(&s->con->lock);
}

// --- life ------------------------------------------------------------------------------------------------

// What libvncserver wants to tell is for us; clients can cause it and put text into it.
static void library_log(const char *fmt, ...) PRINTF(1, 2);
static void library_log(const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
			*p = p[1] ? '?' : '\0';
	log_debug("vnc: %s", line);
}

static void ignore_cut_text(char *text, int len, rfbClientPtr cl) { }

static void configure(struct vnc_server *s)
{
	rfbScreenInfoPtr screen = s->screen;

	screen->desktopName = s->name;
	screen->screenData = s;
	screen->frameBuffer = (char *)s->pixels;
	screen->alwaysShared = TRUE;    // a second viewer does not put out the first
	screen->neverShared = FALSE;
	screen->deferUpdateTime = 0;    // the display adapter has collected already
	screen->deferPtrUpdateTime = 0;
	screen->maxClientWait = CLIENT_WAIT_MS;
	screen->cursor = NULL;          // the guest draws its own
	screen->permitFileTransfer = FALSE;
	screen->kbdAddEvent = vnc_client_key;
	screen->ptrAddEvent = vnc_client_pointer;
	screen->setXCutText = ignore_cut_text;
	if (s->password[0]) {
		screen->authPasswdData = s;
		screen->passwordCheck = vnc_client_password;
	}
	set_format(screen);
}

int vnc_screen_create(struct vnc_server *s, struct console *con, const char *name)
{
	uint32_t width, height;

	s->con = con;
	rfbLog = library_log;
	rfbErr = library_log;
	pthread_mutex_lock(&con->lock);
	width = con->surface.width;
	height = con->surface.height;
	pthread_mutex_unlock(&con->lock);
	s->name = strdup(name ? name : "Berth");
	s->pixels = calloc((size_t)width * height, sizeof(*s->pixels));
	s->screen = s->name && s->pixels ? rfbGetScreen(NULL, NULL, (int)width, (int)height, 8, 3, 4) : NULL;
	if (!s->screen) {
		free(s->name);
		free(s->pixels);
		return -ENOMEM;
	}
	configure(s);
	s->damage.full = s->damage.resized = true;
	s->viewer = (struct console_viewer){
		.resized = on_resized, .changed = on_changed, .leds = on_leds, .arg = s,
	};
	console_add_viewer(con, &s->viewer);
	return 0;
}

void vnc_screen_destroy(struct vnc_server *s)
{
	console_remove_viewer(s->con, &s->viewer);
	rfbScreenCleanup(s->screen);
	free(s->pixels);
	free(s->name);
}
