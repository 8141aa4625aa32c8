// vnc_auth.h: who may try a password again, and when. Internal to vnc/.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_VNC_VNC_AUTH_H
#define BERTH_VNC_VNC_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#define VNC_AUTH_HOSTS 32u      // addresses remembered; the one that waited longest makes room
#define VNC_AUTH_FREE  5u       // failures without a penalty

struct vnc_auth_host {
	char address[46];
	unsigned failures;
	uint64_t until;                 // nanoseconds; refused before
	uint64_t last;
};

// Zeroed = nobody failed yet. Encoder thread only. NOW is CLOCK_MONOTONIC in nanoseconds.
struct vnc_auth { struct vnc_auth_host hosts[VNC_AUTH_HOSTS]; };

bool vnc_auth_allowed(const struct vnc_auth *auth, const char *address, uint64_t now);
// From the sixth failure on the address waits: 1 s, doubled up to 64 s.
void vnc_auth_failed(struct vnc_auth *auth, const char *address, uint64_t now);
void vnc_auth_passed(struct vnc_auth *auth, const char *address);

#endif
