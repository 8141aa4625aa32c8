// keymap.c: keys as clients name them become key codes, with shift where the key needs it.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "vnc/keymap.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "bus/console.h"
#include "vnc/keymap_tables.h"

enum key_code {
	KEY_BACKSPACE = 0x0e, KEY_TAB = 0x0f, KEY_ENTER = 0x1c, KEY_ESCAPE = 0x01,
	KEY_CTRL = 0x1d, KEY_LSHIFT = 0x2a, KEY_RSHIFT = 0x36, KEY_ALT = 0x38,
	KEY_RCTRL = CONSOLE_KEY_E0 | KEY_CTRL, KEY_ALTGR = CONSOLE_KEY_E0 | KEY_ALT,
	KEY_WIN = CONSOLE_KEY_E0 | 0x5b, KEY_RWIN = CONSOLE_KEY_E0 | 0x5c,
};

enum keysym_range {
	SYM_UNICODE = 0x01000000,
	SYM_DEAD_FIRST = 0xfe50,
	SYM_DEAD_LAST = 0xfe57,
	SYM_KP_NAV_FIRST = 0xff95,
	SYM_KP_NAV_LAST = 0xff9f,
	SYM_KP_BEGIN = 0xff9d,
	SYM_LEVEL3_SHIFT = 0xfe03,
	SYM_MODE_SWITCH = 0xff7e,
	SYM_KP_DECIMAL = 0xffae,
	SYM_KP_0 = 0xffb0,
	SYM_KP_9 = 0xffb9,
};

#define MAX_COMBINATION 8u

struct key {
	uint16_t code;          // 0 = no key
	bool text;              // `shift` says how it must be held
	bool shift;
};

struct events {
	struct keymap_event *out;
	size_t max, count;
};

static void emit(struct events *ev, uint16_t code, bool down)
{
	if (ev->count < ev->max)
		ev->out[ev->count] = (struct keymap_event){ code, down };
	ev->count++;
}

// --- finding the key ---------------------------------------------------------------------------------------

static struct key char_key(uint32_t c)
{
	const struct keymap_char *k;

	if (c < KEYMAP_FIRST_CHAR || c > KEYMAP_LAST_CHAR)
		return (struct key){ 0 };
	k = &keymap_chars[c - KEYMAP_FIRST_CHAR];
	return (struct key){ k->code, c != ' ', k->shift };
}

static uint16_t sym_code(uint32_t keysym)
{
	size_t low = 0, high = keymap_sym_count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (keymap_syms[mid].keysym == keysym)
			return keymap_syms[mid].code;
		if (keymap_syms[mid].keysym < keysym)
			low = mid + 1;
		else
			high = mid;
	}
	return 0;
}

// Dead accents are typed as the characters they look like; a US keyboard has no others.
static uint32_t undead(uint32_t keysym)
{
	static const char plain[SYM_DEAD_LAST - SYM_DEAD_FIRST + 1] = { '`', '\'', '^', '~', '-', 0, 0, '"' };

	if (keysym < SYM_DEAD_FIRST || keysym > SYM_DEAD_LAST || !plain[keysym - SYM_DEAD_FIRST])
		return keysym;
	return (uint32_t)plain[keysym - SYM_DEAD_FIRST];
}

// The keypad means digits or movement depending on the guest's num lock; a client that says which one it
// wants gets it from the keys that mean nothing else.
static struct key keypad_key(uint32_t keysym, uint16_t code, unsigned leds)
{
	if (!(leds & KEYMAP_NUM) && keysym >= SYM_KP_0 && keysym <= SYM_KP_9)
		return char_key('0' + (keysym - SYM_KP_0));
	if (!(leds & KEYMAP_NUM) && keysym == SYM_KP_DECIMAL)
		return char_key('.');
	if ((leds & KEYMAP_NUM) && keysym >= SYM_KP_NAV_FIRST && keysym <= SYM_KP_NAV_LAST &&
	    keysym != SYM_KP_BEGIN)
		code |= CONSOLE_KEY_E0;
	return (struct key){ code, false, false };
}

static struct key find_key(uint32_t keysym, unsigned leds)
{
	struct key k;

	if ((keysym & 0xff000000) == SYM_UNICODE && (keysym & 0x00ffffff) < 0x100)
		keysym &= 0xff;
	keysym = undead(keysym);
	k = char_key(keysym);
	if (k.code) {
		// Caps lock turns letters, and only letters, over.
		if (isalpha((int)keysym) && (leds & KEYMAP_CAPS))
			k.shift = !k.shift;
		return k;
	}
	return keypad_key(keysym, sym_code(keysym), leds);
}

// --- what a client holds ---------------------------------------------------------------------------------

static bool holds(const struct keymap *km, uint16_t code)
{
	for (unsigned i = 0; i < km->count; i++)
		if (km->pressed[i].code == code)
			return true;
	return false;
}

// AltGr chose the character; it is not a shortcut as Alt is.
static bool is_level3(uint32_t keysym)
{
	return keysym == SYM_LEVEL3_SHIFT || keysym == SYM_MODE_SWITCH;
}

static bool holds_level3(const struct keymap *km)
{
	for (unsigned i = 0; i < km->count; i++)
		if (is_level3(km->pressed[i].keysym))
			return true;
	return false;
}

static bool holds_command(const struct keymap *km)
{
	static const uint16_t commands[] = { KEY_CTRL, KEY_RCTRL, KEY_ALT, KEY_ALTGR, KEY_WIN, KEY_RWIN };

	for (unsigned i = 0; i < km->count; i++)
		for (unsigned c = 0; c < ARRAY_SIZE(commands); c++)
			if (km->pressed[i].code == commands[c] && !is_level3(km->pressed[i].keysym))
				return true;
	return false;
}

static int find_pressed(const struct keymap *km, uint32_t keysym, uint16_t code)
{
	for (unsigned i = 0; i < km->count; i++)
		if (km->pressed[i].keysym == keysym)
			return (int)i;
	// Shift may have been let go of first, so that the release has the other keysym of the key.
	for (unsigned i = 0; i < km->count; i++)
		if (code && km->pressed[i].code == code)
			return (int)i;
	return -1;
}

// --- events ----------------------------------------------------------------------------------------------

// Modifiers that the character does not want on this keyboard are lifted for the moment of the key press.
static void press_text(const struct keymap *km, const struct key *k, struct events *ev)
{
	bool left = holds(km, KEY_LSHIFT), right = holds(km, KEY_RSHIFT);
	bool add = k->shift && !left && !right;
	uint16_t lifted[3];
	unsigned n = 0;

	if (left && !k->shift)
		lifted[n++] = KEY_LSHIFT;
	if (right && !k->shift)
		lifted[n++] = KEY_RSHIFT;
	if (holds_level3(km))
		lifted[n++] = KEY_ALTGR;
	for (unsigned i = 0; i < n; i++)
		emit(ev, lifted[i], false);
	if (add)
		emit(ev, KEY_LSHIFT, true);
	emit(ev, k->code, true);
	if (add)
		emit(ev, KEY_LSHIFT, false);
	for (unsigned i = 0; i < n; i++)
		emit(ev, lifted[i], true);
}

static void press(struct keymap *km, uint32_t keysym, struct key k, struct events *ev)
{
	int i = find_pressed(km, keysym, k.code);

	if (i < 0) {
		if (km->count == KEYMAP_PRESSED)
			return;
		km->pressed[km->count].keysym = keysym;
		km->pressed[km->count].code = k.code;
		km->count++;
	} else {
		k.code = km->pressed[i].code;   // a repeat
	}
	if (k.text && !holds_command(km))
		press_text(km, &k, ev);
	else
		emit(ev, k.code, true);
}

static void release(struct keymap *km, uint32_t keysym, uint16_t code, struct events *ev)
{
	int i = find_pressed(km, keysym, code);

	if (i < 0)
		return;
	emit(ev, km->pressed[i].code, false);
	km->pressed[i] = km->pressed[--km->count];
}

unsigned keymap_keysym(struct keymap *km, uint32_t keysym, bool down, unsigned leds,
		       struct keymap_event out[KEYMAP_EVENTS])
{
	struct events ev = { .out = out, .max = KEYMAP_EVENTS };
	struct key k = find_key(keysym, leds);

	if (!down)
		release(km, keysym, k.code, &ev);
	else if (k.code)
		press(km, keysym, k, &ev);
	return (unsigned)ev.count;
}

unsigned keymap_scancode(struct keymap *km, uint32_t xt, bool down, struct keymap_event out[KEYMAP_EVENTS])
{
	struct events ev = { .out = out, .max = KEYMAP_EVENTS };
	uint16_t code = (uint16_t)(xt & 0x80 ? CONSOLE_KEY_E0 | (xt & 0x7f) : xt);
	// Not a keysym that exists, so that the two kinds of events cannot be taken for each other.
	uint32_t tag = 0x80000000u | xt;

	if (!(xt & 0x7f) || xt > 0xff)
		return 0;
	if (xt == 0xc6)
		code = CONSOLE_KEY_PAUSE;
	else if (xt == 0x54)
		code = CONSOLE_KEY_E0 | 0x37;
	if (down)
		press(km, tag, (struct key){ code, false, false }, &ev);
	else
		release(km, tag, code, &ev);
	return (unsigned)ev.count;
}

unsigned keymap_release_all(struct keymap *km, struct keymap_event out[KEYMAP_PRESSED])
{
	struct events ev = { .out = out, .max = KEYMAP_PRESSED };

	while (km->count)
		emit(&ev, km->pressed[--km->count].code, false);
	return (unsigned)ev.count;
}

// --- text and names --------------------------------------------------------------------------------------

static struct key typed_key(char c)
{
	switch (c) {
	case '\n':
	case '\r': return (struct key){ KEY_ENTER, false, false };
	case '\t': return (struct key){ KEY_TAB, false, false };
	case '\b': return (struct key){ KEY_BACKSPACE, false, false };
	case '\033': return (struct key){ KEY_ESCAPE, false, false };
	default: return char_key((unsigned char)c);
	}
}

int keymap_text(const char *text, struct keymap_event *out, size_t max, size_t *bad)
{
	struct events ev = { .out = out, .max = max };

	for (const char *p = text; *p; p++) {
		struct key k = typed_key(*p);

		if (!k.code) {
			if (bad)
				*bad = (size_t)(p - text);
			return -EINVAL;
		}
		if (k.shift)
			emit(&ev, KEY_LSHIFT, true);
		emit(&ev, k.code, true);
		emit(&ev, k.code, false);
		if (k.shift)
			emit(&ev, KEY_LSHIFT, false);
		if (ev.count > max)
			return -E2BIG;
	}
	return (int)ev.count;
}

// One part of a combination: a name, or the character itself.
static uint16_t named_code(const char *name, size_t len)
{
	for (size_t i = 0; i < keymap_name_count; i++)
		if (strlen(keymap_names[i].name) == len && !strncasecmp(keymap_names[i].name, name, len))
			return keymap_names[i].code;
	return len == 1 ? char_key((unsigned char)*name).code : 0;
}

int keymap_name(const char *name, struct keymap_event *out, size_t max)
{
	struct events ev = { .out = out, .max = max };
	uint16_t codes[MAX_COMBINATION];
	unsigned n = 0;

	for (;;) {
		size_t len = 1 + strcspn(*name ? name + 1 : "", "-+");  // "-" and "+" themselves are keys too

		if (!*name || n == MAX_COMBINATION)
			return -EINVAL;
		codes[n] = named_code(name, len);
		if (!codes[n++])
			return -EINVAL;
		if (!name[len])
			break;
		name += len + 1;
	}
	for (unsigned i = 0; i < n; i++)
		emit(&ev, codes[i], true);
	while (n)
		emit(&ev, codes[--n], false);
	return ev.count > max ? -E2BIG : (int)ev.count;
}
