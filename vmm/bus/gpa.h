// gpa.h: a guest-physical address is a type of its own and cannot be dereferenced.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BUS_GPA_H
#define BERTH_BUS_GPA_H

#include <stdint.h>

typedef struct { uint64_t raw; } gpa_t;

static inline gpa_t gpa(uint64_t raw) { return (gpa_t){ raw }; }

#endif
