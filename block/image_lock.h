// image_lock.h: the kernel's lock on a file of an image, and who has it when we cannot get it.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_IMAGE_LOCK_H
#define BERTH_BLOCK_IMAGE_LOCK_H

#include <stdbool.h>

#include "base/err.h"

struct image_lock_want {
	bool writable; // a write lock; else a read lock
	bool at_once;  // never wait: the caller is the loop of a running VM
};

// Takes an OFD lock on the whole file FD; NAME is for messages. It goes with the last close() of the open
// file (fcntl(2)). -EBUSY names the program that has it where /proc shows that. When no process has it, it is
// that of one that was killed, whose io_uring the kernel has not taken down yet: that is waited for, up to
// IMAGE_LOCK_PATIENCE ms. A file system without locks is a warning. Any thread; it may sleep unless at_once
// is set.
#define IMAGE_LOCK_PATIENCE 10000
int image_lock(int fd, const char *name, struct image_lock_want want, struct err *err);

#endif
