// places.h: a list of stretches of a file, for space that is given back.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_PLACES_H
#define BERTH_BLOCK_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLACES_MAX 65536u       // stretches in one list; what comes beyond is lost space, not lost data

struct place { uint64_t first, count; };        // in the owner's unit

struct places {
	struct place *list;
	size_t count, room;
};

// Adds; joins to the last stretch where it continues that one. False when it was not kept.
bool places_add(struct places *p, struct place place);
// Takes the last stretch. False when there is none.
bool places_take(struct places *p, struct place *out);
// Moves all of FROM to TO.
void places_move(struct places *to, struct places *from);
void places_free(struct places *p);

#endif
