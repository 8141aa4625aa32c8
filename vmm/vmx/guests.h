// guests.h: the guestOS identifiers of VMware.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_VMX_GUESTS_H
#define BERTH_VMX_GUESTS_H

#include <stdbool.h>

struct guest_traits {
	bool known;     // VMware has this identifier
	bool is_64;     // can run 64-bit code
	bool arm;       // made for ARM machines
};

// NAME in any case; pure.
struct guest_traits guest_lookup(const char *name);

#endif
