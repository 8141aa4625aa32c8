// compiler.h: attributes and small macros that every folder uses.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BASE_COMPILER_H
#define BERTH_BASE_COMPILER_H

#include <stddef.h>

#define PRINTF(fmt_index, first_arg) __attribute__((format(printf, fmt_index, first_arg)))
#define NODISCARD __attribute__((warn_unused_result))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
