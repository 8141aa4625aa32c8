// redo.h: redo logs: where the guest's writes go when a disk is not persistent, and what becomes of them at the end.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A redo log is a monolithic sparse delta of the disk, DISK.vmdk.REDO_xxxxxx, in workingDir or beside the disk. While it
// exists, the key .redo of the drive names it.
#ifndef BERTH_MACHINE_REDO_H
#define BERTH_MACHINE_REDO_H

#include "base/err.h"
#include "base/loop.h"
#include "vmx/config.h"

#define REDO_SUFFIX "REDO_"
#define REDO_DIGITS 6u

struct redo {
	char *path;                     // NULL = the disk has none
	bool fresh;                     // made by this run
};

enum redo_fate { REDO_KEEP, REDO_DISCARD, REDO_COMMIT };

// True when NAME (a last part) is what a redo log of DISK (a path) is called.
bool redo_is_name(const char *name, const char *disk);
// Where a redo log of DISK, called NAME, lies. New string, NULL = no memory.
char *redo_path(const struct vm_config *config, const char *disk, const char *name);
// For a drive that is not persistent: takes up what an earlier run left, or drops it, or makes a new one. 0 with
// R->path, which is to be opened in place of the disk, or -errno.
int redo_prepare(const struct vm_config *config, const struct vm_drive *d, struct redo *r, struct err *err);
// The disk is closed: does FATE, and forgets R unless it is kept. On failure the redo log is there still. Runs the loop.
int redo_finish(struct loop *loop, const struct vm_config *config, struct redo *r, enum redo_fate fate, struct err *err);
// Frees R; the file stays.
void redo_forget(struct redo *r);

#endif
