// places.c: stretches of a file.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/places.h"

#include <stdlib.h>

static bool make_room(struct places *p)
{
	size_t room = p->room ? p->room * 2 : 16;
	struct place *list;

	if (p->count < p->room)
		return true;
	if (p->count >= PLACES_MAX)
		return false;
	list = realloc(p->list, room * sizeof(list[0]));
	if (!list)
		return false;
	p->list = list;
	p->room = room;
	return true;
}

bool places_add(struct places *p, struct place place)
{
	struct place *last = p->count ? &p->list[p->count - 1] : NULL;

	if (last && last->first + last->count == place.first) {
		last->count += place.count;
		return true;
	}
	if (!make_room(p))
		return false;
	p->list[p->count++] = place;
	return true;
}

bool places_take(struct places *p, struct place *out)
{
	if (!p->count)
		return false;
	*out = p->list[--p->count];
	return true;
}

void places_move(struct places *to, struct places *from)
{
	if (!to->count) {
		struct places empty = *to;

		*to = *from;
		*from = empty;
		return;
	}
	for (size_t i = 0; i < from->count; i++)
		places_add(to, from->list[i]);
	from->count = 0;
}

void places_free(struct places *p)
{
	free(p->list);
	*p = (struct places){ 0 };
}
