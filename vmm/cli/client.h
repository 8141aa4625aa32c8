// client.h: finding a running VM and talking to its control socket.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CLI_CLIENT_H
#define BERTH_CLI_CLIENT_H

#include <jansson.h>

#include "base/err.h"
#include "machine/rundir.h"

// A VM that answered its `status`.
struct vm_found {
	char socket[RUNDIR_PATH];
	json_t *status;                 // owned
};

struct vm_list { struct vm_found *vm; size_t count; };

// Asks every socket that this user can see. Sockets that nobody serves are left out. Free with vm_list_free().
int client_list(struct vm_list *list, struct err *err);
void vm_list_free(struct vm_list *list);

// The VM that NAME means: path of its .vmx, display name, name it was enabled under (the unit's folder), or the
// beginning of one of those names when only one VM fits. -ENOENT or -EBUSY (several) with words and EXIT_CONFIG.
int client_find(const char *name, struct vm_found *out, struct err *err);
void vm_found_free(struct vm_found *vm);

// Connects to SOCKET_PATH; a descriptor, or -errno.
int client_connect(const char *socket_path, struct err *err);
// Sends one request and waits for its answer. ARGUMENTS is taken over, NULL = none. *RESULT is the "return" object
// (may be NULL if not wanted). An error answer becomes ERR.
int client_request(int fd, const char *command, json_t *arguments, json_t **result, struct err *err);
// Waits until the other side closes, or TIMEOUT_MS (-1 = for ever) is over: 0 or -ETIMEDOUT.
int client_wait_end(int fd, int timeout_ms);

#endif
