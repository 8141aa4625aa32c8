// keymap.h: from X keysyms, text and key names to the console's key codes, for a US keyboard.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Pure functions: no thread, no lock. Codes are those of console.h (XT set 1, CONSOLE_KEY_E0,
// CONSOLE_KEY_PAUSE).
#ifndef BERTH_VNC_KEYMAP_H
#define BERTH_VNC_KEYMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYMAP_CODES   1024u    // codes are below this
#define KEYMAP_PRESSED 32u      // keys one client may hold at a time
#define KEYMAP_EVENTS  8u       // most that one call of keymap_keysym() or keymap_scancode() gives

// Keyboard lights as in console.h.
enum { KEYMAP_SCROLL = 1, KEYMAP_NUM = 2, KEYMAP_CAPS = 4 };

struct keymap_event {
	uint16_t code;
	bool down;
};

// What one client holds down; zeroed = nothing.
struct keymap {
	struct { uint32_t keysym; uint16_t code; } pressed[KEYMAP_PRESSED];
	unsigned count;
};

// A client's key event. LEDS is the guest's state. Where the keysym needs shift and the client does not hold
// it (or the other way round), shift is moved around the key. Returns how many events are in OUT; 0 for
// keysyms that no key has.
unsigned keymap_keysym(struct keymap *km, uint32_t keysym, bool down, unsigned leds,
		       struct keymap_event out[KEYMAP_EVENTS]);
// An event that names the key itself: XT scan code, 80h added for the extended ones.
unsigned keymap_scancode(struct keymap *km, uint32_t xt, bool down, struct keymap_event out[KEYMAP_EVENTS]);
// Events that let go of everything, at most KEYMAP_PRESSED.
unsigned keymap_release_all(struct keymap *km, struct keymap_event out[KEYMAP_PRESSED]);

// TEXT (ASCII, with \n, \t, \b and ESC) as presses and releases. Returns the number of events, -EINVAL for a
// character that a US keyboard does not have (*BAD, may be NULL, is its offset), -E2BIG when MAX is too
// small. Four events a character suffice.
int keymap_text(const char *text, struct keymap_event *out, size_t max, size_t *bad);
// A key or a combination by name: "f2", "ctrl-alt-delete", "shift+a". Presses in order, releases in reverse.
// Returns the number of events, -EINVAL for an unknown name, -E2BIG.
int keymap_name(const char *name, struct keymap_event *out, size_t max);

#endif
