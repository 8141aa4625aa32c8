// keymap_tables.c: which key has which keysym, character or name.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "vnc/keymap_tables.h"

#include "base/compiler.h"
#include "bus/console.h"

#define E0(code) (CONSOLE_KEY_E0 | (code))
#define PLAIN(c, code) [(c) - KEYMAP_FIRST_CHAR] = { code, false }
#define SHIFT(c, code) [(c) - KEYMAP_FIRST_CHAR] = { code, true }
#define PAIR(plain, shifted, code) PLAIN(plain, code), SHIFT(shifted, code)

const struct keymap_char keymap_chars[KEYMAP_LAST_CHAR - KEYMAP_FIRST_CHAR + 1] = {
	PLAIN(' ', 0x39),
	PAIR('1', '!', 0x02), PAIR('2', '@', 0x03), PAIR('3', '#', 0x04),
	PAIR('4', '$', 0x05), PAIR('5', '%', 0x06),
	PAIR('6', '^', 0x07), PAIR('7', '&', 0x08), PAIR('8', '*', 0x09),
	PAIR('9', '(', 0x0a), PAIR('0', ')', 0x0b),
	PAIR('-', '_', 0x0c), PAIR('=', '+', 0x0d),
	PAIR('q', 'Q', 0x10), PAIR('w', 'W', 0x11), PAIR('e', 'E', 0x12),
	PAIR('r', 'R', 0x13), PAIR('t', 'T', 0x14),
	PAIR('y', 'Y', 0x15), PAIR('u', 'U', 0x16), PAIR('i', 'I', 0x17),
	PAIR('o', 'O', 0x18), PAIR('p', 'P', 0x19),
	PAIR('[', '{', 0x1a), PAIR(']', '}', 0x1b), PAIR('\\', '|', 0x2b),
	PAIR('a', 'A', 0x1e), PAIR('s', 'S', 0x1f), PAIR('d', 'D', 0x20),
	PAIR('f', 'F', 0x21), PAIR('g', 'G', 0x22),
	PAIR('h', 'H', 0x23), PAIR('j', 'J', 0x24), PAIR('k', 'K', 0x25),
	PAIR('l', 'L', 0x26), PAIR(';', ':', 0x27),
	PAIR('\'', '"', 0x28), PAIR('`', '~', 0x29),
	PAIR('z', 'Z', 0x2c), PAIR('x', 'X', 0x2d), PAIR('c', 'C', 0x2e),
	PAIR('v', 'V', 0x2f), PAIR('b', 'B', 0x30),
	PAIR('n', 'N', 0x31), PAIR('m', 'M', 0x32), PAIR(',', '<', 0x33),
	PAIR('.', '>', 0x34), PAIR('/', '?', 0x35),
};

// Sorted by keysym. The numbers are X11's.
const struct keymap_sym keymap_syms[] = {
	{ 0xa0, 0x39 },                 // no-break space
	{ 0xa5, 0x7d },                 // yen
	{ 0xfe03, E0(0x38) },           // ISO_Level3_Shift: AltGr
	{ 0xfe20, 0x0f },               // ISO_Left_Tab
	{ 0xff08, 0x0e },               // BackSpace
	{ 0xff09, 0x0f },               // Tab
	{ 0xff0a, 0x1c },               // Linefeed
	{ 0xff0d, 0x1c },               // Return
	{ 0xff13, CONSOLE_KEY_PAUSE },
	{ 0xff14, 0x46 },               // Scroll_Lock
	{ 0xff15, E0(0x37) },           // Sys_Req
	{ 0xff1b, 0x01 },               // Escape
	{ 0xff20, E0(0x38) },           // Multi_key
	{ 0xff21, 0x29 },               // Kanji
	{ 0xff22, 0x7b },               // Muhenkan
	{ 0xff23, 0x79 },               // Henkan
	{ 0xff24, 0x70 },               // Romaji
	{ 0xff25, 0x70 },               // Hiragana
	{ 0xff26, 0x70 },               // Katakana
	{ 0xff27, 0x70 },               // Hiragana_Katakana
	{ 0xff2a, 0x29 },               // Zenkaku_Hankaku
	{ 0xff30, 0x3a },               // Eisu_toggle
	{ 0xff31, 0x72 },               // Hangul
	{ 0xff34, 0x71 },               // Hangul_Hanja
	{ 0xff50, E0(0x47) },           // Home
	{ 0xff51, E0(0x4b) },           // Left
	{ 0xff52, E0(0x48) },           // Up
	{ 0xff53, E0(0x4d) },           // Right
	{ 0xff54, E0(0x50) },           // Down
	{ 0xff55, E0(0x49) },           // Page_Up
	{ 0xff56, E0(0x51) },           // Page_Down
	{ 0xff57, E0(0x4f) },           // End
	{ 0xff58, 0x4c },               // Begin
	{ 0xff61, E0(0x37) },           // Print
	{ 0xff63, E0(0x52) },           // Insert
	{ 0xff67, E0(0x5d) },           // Menu
	{ 0xff6b, E0(0x46) },           // Break
	{ 0xff7e, E0(0x38) },           // Mode_switch
	{ 0xff7f, 0x45 },               // Num_Lock
	{ 0xff80, 0x39 },               // KP_Space
	{ 0xff89, 0x0f },               // KP_Tab
	{ 0xff8d, E0(0x1c) },           // KP_Enter
	{ 0xff91, 0x3b }, { 0xff92, 0x3c }, { 0xff93, 0x3d }, { 0xff94, 0x3e },                 // KP_F1..F4
	{ 0xff95, 0x47 }, { 0xff96, 0x4b }, { 0xff97, 0x48 },
	{ 0xff98, 0x4d }, { 0xff99, 0x50 }, // KP_Home..Down
	{ 0xff9a, 0x49 }, { 0xff9b, 0x51 }, { 0xff9c, 0x4f }, { 0xff9d, 0x4c }, // KP_Prior..Begin
	{ 0xff9e, 0x52 }, { 0xff9f, 0x53 }, // KP_Insert, Delete
	{ 0xffaa, 0x37 },               // KP_Multiply
	{ 0xffab, 0x4e },               // KP_Add
	{ 0xffac, 0x53 },               // KP_Separator
	{ 0xffad, 0x4a },               // KP_Subtract
	{ 0xffae, 0x53 },               // KP_Decimal
	{ 0xffaf, E0(0x35) },           // KP_Divide
	{ 0xffb0, 0x52 }, { 0xffb1, 0x4f }, { 0xffb2, 0x50 }, { 0xffb3, 0x51 }, { 0xffb4, 0x4b }, // KP_0..4
	{ 0xffb5, 0x4c }, { 0xffb6, 0x4d }, { 0xffb7, 0x47 }, { 0xffb8, 0x48 }, { 0xffb9, 0x49 }, // KP_5..9
	{ 0xffbd, 0x59 },               // KP_Equal
	{ 0xffbe, 0x3b }, { 0xffbf, 0x3c }, { 0xffc0, 0x3d }, { 0xffc1, 0x3e }, { 0xffc2, 0x3f }, // F1..F5
	{ 0xffc3, 0x40 }, { 0xffc4, 0x41 }, { 0xffc5, 0x42 }, { 0xffc6, 0x43 }, { 0xffc7, 0x44 }, // F6..F10
	{ 0xffc8, 0x57 }, { 0xffc9, 0x58 }, { 0xffca, 0x64 }, { 0xffcb, 0x65 }, { 0xffcc, 0x66 }, // F11..F15
	{ 0xffcd, 0x67 }, { 0xffce, 0x68 }, { 0xffcf, 0x69 }, { 0xffd0, 0x6a }, { 0xffd1, 0x6b }, // F16..F20
	{ 0xffd2, 0x6c }, { 0xffd3, 0x6d }, { 0xffd4, 0x6e }, { 0xffd5, 0x76 },                 // F21..F24
	{ 0xffe1, 0x2a },               // Shift_L
	{ 0xffe2, 0x36 },               // Shift_R
	{ 0xffe3, 0x1d },               // Control_L
	{ 0xffe4, E0(0x1d) },           // Control_R
	{ 0xffe5, 0x3a },               // Caps_Lock
	{ 0xffe6, 0x3a },               // Shift_Lock
	{ 0xffe7, E0(0x5b) },           // Meta_L
	{ 0xffe8, E0(0x5c) },           // Meta_R
	{ 0xffe9, 0x38 },               // Alt_L
	{ 0xffea, E0(0x38) },           // Alt_R
	{ 0xffeb, E0(0x5b) },           // Super_L
	{ 0xffec, E0(0x5c) },           // Super_R
	{ 0xffed, E0(0x5b) },           // Hyper_L
	{ 0xffee, E0(0x5c) },           // Hyper_R
	{ 0xffff, E0(0x53) },           // Delete
	{ 0x1008ff11, E0(0x2e) },       // XF86AudioLowerVolume
	{ 0x1008ff12, E0(0x20) },       // XF86AudioMute
	{ 0x1008ff13, E0(0x30) },       // XF86AudioRaiseVolume
	{ 0x1008ff14, E0(0x22) },       // XF86AudioPlay
	{ 0x1008ff15, E0(0x24) },       // XF86AudioStop
	{ 0x1008ff16, E0(0x10) },       // XF86AudioPrev
	{ 0x1008ff17, E0(0x19) },       // XF86AudioNext
	{ 0x1008ff18, E0(0x32) },       // XF86HomePage
	{ 0x1008ff19, E0(0x6c) },       // XF86Mail
	{ 0x1008ff1b, E0(0x65) },       // XF86Search
	{ 0x1008ff1d, E0(0x21) },       // XF86Calculator
	{ 0x1008ff26, E0(0x6a) },       // XF86Back
	{ 0x1008ff27, E0(0x69) },       // XF86Forward
	{ 0x1008ff28, E0(0x68) },       // XF86Stop
	{ 0x1008ff29, E0(0x67) },       // XF86Refresh
	{ 0x1008ff2a, E0(0x5e) },       // XF86PowerOff
	{ 0x1008ff2b, E0(0x63) },       // XF86WakeUp
	{ 0x1008ff2f, E0(0x5f) },       // XF86Sleep
	{ 0x1008ff30, E0(0x66) },       // XF86Favorites
	{ 0x1008ff33, E0(0x6b) },       // XF86MyComputer
};
const size_t keymap_sym_count = ARRAY_SIZE(keymap_syms);

const struct keymap_named keymap_names[] = {
	{ "ctrl", 0x1d }, { "control", 0x1d }, { "lctrl", 0x1d }, { "rctrl", E0(0x1d) },
	{ "alt", 0x38 }, { "lalt", 0x38 }, { "ralt", E0(0x38) }, { "altgr", E0(0x38) },
	{ "shift", 0x2a }, { "lshift", 0x2a }, { "rshift", 0x36 },
	{ "win", E0(0x5b) }, { "super", E0(0x5b) }, { "meta", E0(0x5b) },
	{ "lwin", E0(0x5b) }, { "rwin", E0(0x5c) },
	{ "esc", 0x01 }, { "escape", 0x01 }, { "enter", 0x1c },
	{ "return", 0x1c }, { "tab", 0x0f }, { "space", 0x39 },
	{ "backspace", 0x0e }, { "delete", E0(0x53) }, { "del", E0(0x53) },
	{ "insert", E0(0x52) }, { "ins", E0(0x52) },
	{ "home", E0(0x47) }, { "end", E0(0x4f) }, { "pageup", E0(0x49) }, { "pgup", E0(0x49) },
	{ "pagedown", E0(0x51) }, { "pgdn", E0(0x51) },
	{ "up", E0(0x48) }, { "down", E0(0x50) }, { "left", E0(0x4b) }, { "right", E0(0x4d) },
	{ "f1", 0x3b }, { "f2", 0x3c }, { "f3", 0x3d }, { "f4", 0x3e }, { "f5", 0x3f }, { "f6", 0x40 },
	{ "f7", 0x41 }, { "f8", 0x42 }, { "f9", 0x43 }, { "f10", 0x44 }, { "f11", 0x57 }, { "f12", 0x58 },
	{ "f13", 0x64 }, { "f14", 0x65 }, { "f15", 0x66 }, { "f16", 0x67 }, { "f17", 0x68 }, { "f18", 0x69 },
	{ "f19", 0x6a }, { "f20", 0x6b }, { "f21", 0x6c }, { "f22", 0x6d }, { "f23", 0x6e }, { "f24", 0x76 },
	{ "capslock", 0x3a }, { "numlock", 0x45 }, { "scrolllock", 0x46 },
	{ "print", E0(0x37) }, { "prtsc", E0(0x37) }, { "sysrq", E0(0x37) }, { "printscreen", E0(0x37) },
	{ "pause", CONSOLE_KEY_PAUSE }, { "break", E0(0x46) }, { "menu", E0(0x5d) },
	{ "kp0", 0x52 }, { "kp1", 0x4f }, { "kp2", 0x50 }, { "kp3", 0x51 }, { "kp4", 0x4b }, { "kp5", 0x4c },
	{ "kp6", 0x4d }, { "kp7", 0x47 }, { "kp8", 0x48 },
	{ "kp9", 0x49 }, { "kpdot", 0x53 }, { "kpenter", E0(0x1c) },
	{ "kpplus", 0x4e }, { "kpminus", 0x4a }, { "kpmultiply", 0x37 }, { "kpdivide", E0(0x35) },
	{ "minus", 0x0c }, { "plus", 0x0d }, { "less", 0x56 },
	{ "henkan", 0x79 }, { "muhenkan", 0x7b }, { "hiragana", 0x70 }, { "yen", 0x7d }, { "ro", 0x73 },
	{ "power", E0(0x5e) }, { "sleep", E0(0x5f) }, { "wake", E0(0x63) },
};
const size_t keymap_name_count = ARRAY_SIZE(keymap_names);
