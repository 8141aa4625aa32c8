// rundir.h: where the control sockets of running VMs are, and which VM a person means.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A VM's socket is <folder>/<slug of its name>-<16 hex digits of a hash of its .vmx path>.sock. Folders, in order:
// $RUNTIME_DIRECTORY (a systemd unit), /run/berth for root, $XDG_RUNTIME_DIR/berth, /tmp/berth-<uid>.
#ifndef BERTH_MACHINE_RUNDIR_H
#define BERTH_MACHINE_RUNDIR_H

#include <limits.h>
#include <stddef.h>

#include "base/err.h"

#define RUNDIR_PATH 108u        // what a UNIX socket address holds

// The socket path for a VM of this user, in BUF of RUNDIR_PATH bytes; makes the folder (0700, /run/berth 0755) if
// needed. A folder that belongs to somebody else, that others may write, or a symbolic link is refused. Any thread.
int rundir_socket(const char *vmx_path, const char *name, char *buf, struct err *err);

// All sockets that this user can see: /run/berth, this user's folder (if it is safe), and one level of folders below
// both (units). FN returns non-zero to stop. Whether anybody listens is for FN to find out.
void rundir_each(int (*fn)(void *arg, const char *socket_path), void *arg);

// 64-bit FNV-1a.
uint64_t rundir_hash(const char *text);

#endif
