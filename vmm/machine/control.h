// control.h: the control socket of a running VM: one JSON object a line. docs/control.md describes it.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Everything runs on the loop thread.
#ifndef BERTH_MACHINE_CONTROL_H
#define BERTH_MACHINE_CONTROL_H

#include <stddef.h>

#include "base/err.h"
#include "machine/machine.h"

struct control;

#define CONTROL_LINE_MAX    65536u
#define CONTROL_OUTPUT_MAX  (64u << 20)         // a screenshot of the largest screen, in base64
#define CONTROL_CLIENTS_MAX 16u

// Listens on the VM's socket (rundir.h), mode 0600; only this user and root are let in.
int control_create(struct machine *machine, struct control **out, struct err *err);
// Closes all clients and removes the socket. NULL is fine.
void control_destroy(struct control *control);
// Where it listens.
const char *control_path(const struct control *control);
// Sends {"event": NAME} to the clients that subscribed.
void control_event(struct control *control, const char *name);

#endif
