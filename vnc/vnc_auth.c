// vnc_auth.c: addresses that guess passwords have to wait.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "vnc/vnc_auth.h"

#include <stdio.h>
#include <string.h>

#include "base/compiler.h"

#define SECOND        1000000000ull
#define MAX_DOUBLINGS 6u
#define MAX_FAILURES  1000u

static const struct vnc_auth_host *find(const struct vnc_auth *auth, const char *address)
{
	for (unsigned i = 0; i < VNC_AUTH_HOSTS; i++)
		if (auth->hosts[i].failures && !strcmp(auth->hosts[i].address, address))
			return &auth->hosts[i];
	return NULL;
}

static struct vnc_auth_host *place_for(struct vnc_auth *auth, const char *address)
{
	struct vnc_auth_host *oldest = &auth->hosts[0];

	for (unsigned i = 0; i < VNC_AUTH_HOSTS; i++) {
		struct vnc_auth_host *h = &auth->hosts[i];

		if (h->failures && !strcmp(h->address, address))
			return h;
		if (h->last < oldest->last)
			oldest = h;
	}
	memset(oldest, 0, sizeof(*oldest));
	snprintf(oldest->address, sizeof(oldest->address), "%s", address);
	return oldest;
}

bool vnc_auth_allowed(const struct vnc_auth *auth, const char *address, uint64_t now)
{
	const struct vnc_auth_host *h = find(auth, address);

	return !h || now >= h->until;
}

void vnc_auth_failed(struct vnc_auth *auth, const char *address, uint64_t now)
{
	struct vnc_auth_host *h = place_for(auth, address);

	h->last = now;
	if (h->failures < MAX_FAILURES)
		h->failures++;
	if (h->failures > VNC_AUTH_FREE)
		h->until = now + (SECOND << MIN(h->failures - VNC_AUTH_FREE - 1, MAX_DOUBLINGS));
}

void vnc_auth_passed(struct vnc_auth *auth, const char *address)
{
	for (unsigned i = 0; i < VNC_AUTH_HOSTS; i++)
		if (auth->hosts[i].failures && !strcmp(auth->hosts[i].address, address))
			memset(&auth->hosts[i], 0, sizeof(auth->hosts[i]));
}
