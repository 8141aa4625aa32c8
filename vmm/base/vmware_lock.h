// vmware_lock.h: VMware's locks: a folder FILE.lck beside a file, with one member for each process that has it open.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Ours have the form that VMware's programs read, under a machine id of our own: VMware takes them for those of another
// host, so it respects them and never removes them. What others wrote is never removed here. A lock of a Berth of
// this host whose process has gone is. None of this replaces the kernel's locks: whoever takes a lock has those first.
// Any thread.
#ifndef BERTH_BASE_VMWARE_LOCK_H
#define BERTH_BASE_VMWARE_LOCK_H

#include <stdbool.h>

#include "base/err.h"

struct vmware_lock;

// 0 when nobody else's lock forbids to use the file: for writing (EXCLUSIVE) any does, else exclusive ones do. PATH is
// relative to the folder AT (a descriptor or AT_FDCWD). -EBUSY with ERR (EXIT_BUSY): who, where, since when, what to do.
// What this process holds, and what Berths of this host that have gone left behind, does not count. Changes nothing.
int vmware_lock_check(int at, const char *path, bool exclusive, struct err *err);
// Checks, then takes the lock of PATH and removes what Berths of this host that have gone left behind (the log says
// so). *OUT is NULL when the folder cannot be written by this user: the log says that, too. -EBUSY as above, or
// another -errno when the lock cannot be made (no space).
int vmware_lock_take(const char *path, bool exclusive, struct vmware_lock **out, struct err *err);
// Removes the lock, and its folder when it is empty. NULL is fine.
void vmware_lock_release(struct vmware_lock *lock);

#endif
