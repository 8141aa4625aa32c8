// keymap_tables.h: the tables behind keymap.h. Internal to vnc/.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_VNC_KEYMAP_TABLES_H
#define BERTH_VNC_KEYMAP_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYMAP_FIRST_CHAR 0x20
#define KEYMAP_LAST_CHAR  0x7e

struct keymap_char { uint16_t code; bool shift; };
struct keymap_sym { uint32_t keysym; uint16_t code; };
struct keymap_named { const char *name; uint16_t code; };

extern const struct keymap_char keymap_chars[KEYMAP_LAST_CHAR - KEYMAP_FIRST_CHAR + 1];
extern const struct keymap_sym keymap_syms[];           // sorted by keysym
extern const size_t keymap_sym_count;
extern const struct keymap_named keymap_names[];
extern const size_t keymap_name_count;

#endif
