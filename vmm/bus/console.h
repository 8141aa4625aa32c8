// console.h: where screens and input meet: a surface (pixels) and sinks (keys, pointer). No device, no VNC.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The display adapter owns a source and fills the surface; viewers (VNC, screenshots) look at it. The console
// lock guards surface geometry and pixels: the adapter holds it while it renders, a viewer while it copies.
// Nothing polls: a viewer says that it looks, the adapter renders when the guest changed something.
#ifndef BERTH_BUS_CONSOLE_H
#define BERTH_BUS_CONSOLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define CONSOLE_MAX_WIDTH  2560u
#define CONSOLE_MAX_HEIGHT 1600u

struct console_rect { uint32_t x, y, w, h; };

// Pixels are 32-bit xRGB in host order (0x00RRGGBB), stride in pixels.
struct console_surface {
	uint32_t width, height, stride;
	uint32_t *pixels;
};

struct console_viewer {
	// The surface has a new size or buffer. Console lock held; any thread.
	void (*resized)(void *arg, const struct console_surface *surface);
	// The rectangle changed. Console lock held; any thread. Must be quick: note it and wake your own
	// thread.
	void (*changed)(void *arg, struct console_rect rect);
	// Keyboard lights: bit 0 scroll, 1 num, 2 caps. Optional. Console lock held; any thread.
	void (*leds)(void *arg, unsigned leds);
	void *arg;
	struct console_viewer *next;
};

struct console_source {
	// Brings the surface up to date now, marking what changed with console_changed(). Any thread, no lock
	// held.
	void (*refresh)(void *arg);
	// WATCHED: at least one viewer wants updates; call console_changed() soon after the guest draws. When
	// false, the adapter does nothing until refresh() is called. Any thread, no lock held.
	void (*watch)(void *arg, bool watched);
	void *arg;
};

// Keys arrive as XT set 1 scan codes without prefix bit tricks: 0x01..0x7f, plus CONSOLE_KEY_E0 for the
// extended ones (0xe0 prefix); pause is CONSOLE_KEY_PAUSE, print screen CONSOLE_KEY_E0 | 0x37.
#define CONSOLE_KEY_E0    0x100u
#define CONSOLE_KEY_PAUSE 0x200u

struct console_keyboard {
	void (*key)(void *arg, unsigned code, bool down);       // any thread, no lock held
	void *arg;
};

#define CONSOLE_BUTTON_LEFT   1u
#define CONSOLE_BUTTON_MIDDLE 2u
#define CONSOLE_BUTTON_RIGHT  4u

struct console_pointer {
	bool absolute;          // takes x, y in 0..65535 over the whole screen
	// DX/DY relative in pixels (right and down positive), WHEEL positive away from the user.
	void (*relative)(void *arg, int dx, int dy, int wheel, unsigned buttons);
	void (*absolute_move)(void *arg, unsigned x, unsigned y, int wheel, unsigned buttons);
	void *arg;
};

struct console {
	pthread_mutex_t lock;                   // surface, viewers; taken after device locks
	struct console_surface surface;
	struct console_viewer *viewers;
	unsigned watchers;
	const struct console_source *source;
	const struct console_keyboard *keyboard;
	const struct console_pointer *pointer;
	pthread_mutex_t watch_lock;             // orders calls of source->watch(); taken before all others
	pthread_mutex_t input_lock;             // keyboard, pointer, last position
	int last_x, last_y; // viewer's last absolute position, for relative pointers; -1 = none
	unsigned leds;
};

// A black surface of 720x400, the size of a PC's first text screen. 0 or -ENOMEM.
int console_init(struct console *con);
// Nobody may use CON any more.
void console_destroy(struct console *con);

// --- the display adapter's side ---
// SOURCE must stay until it is replaced (NULL = none). Told to watch at once when somebody already looks.
// Any thread, no lock held.
void console_set_source(struct console *con, const struct console_source *source);
// Gives the surface this size (clamped to the limits), black; viewers are told. Lock must be held.
// 0, or -ENOMEM with the surface unchanged.
int console_resize(struct console *con, uint32_t width, uint32_t height);
// Clipped to the surface. Lock must be held.
void console_changed(struct console *con, struct console_rect rect);

// --- the viewers' side ---
void console_add_viewer(struct console *con, struct console_viewer *viewer);
void console_remove_viewer(struct console *con, struct console_viewer *viewer);
// Counts those who want updates as they happen (connected VNC clients).
void console_watch(struct console *con, bool on);
// Makes the surface current now; for screenshots and for a viewer's full request.
void console_refresh(struct console *con);
// Writes the current screen as PNG into malloc'ed *PNG. 0 or -errno. Any thread.
int console_png(struct console *con, uint8_t **png, size_t *len);

// --- input: any thread ---
void console_set_keyboard(struct console *con, const struct console_keyboard *keyboard);
void console_set_pointer(struct console *con, const struct console_pointer *pointer);
void console_key(struct console *con, unsigned code, bool down);
// X, Y in surface pixels; becomes a relative movement where the pointer device is relative.
void console_pointer_at(struct console *con, int x, int y, int wheel, unsigned buttons);
// Told by the keyboard device; bits as in console_viewer.leds. The caller may hold its device lock.
void console_set_leds(struct console *con, unsigned leds);
unsigned console_leds(struct console *con);

#endif
