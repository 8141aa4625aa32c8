// device_open.h: the file or host device behind an extent that a descriptor names.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A descriptor is not to be trusted: whoever wrote it could name the host's own disk. A device is opened only when
// the .vmx allows it, and what a name leads to is looked at before it is opened.
#ifndef BERTH_BLOCK_DEVICE_OPEN_H
#define BERTH_BLOCK_DEVICE_OPEN_H

#include "block/image_file.h"

struct device_want {
	const char *descriptor;         // for messages
	unsigned line;                  // of the extent in it
	bool writable;
	bool unlocked;                  // VMware's locks are neither looked at nor taken
	bool allow;                     // berth.disk.allowDevice
};

// The file NAME under the rules of image_file_open_in(); a block device (a name under /dev, or what a name in the
// folder is) when it is allowed: locked, and claimed against mounting while it is open for writing. KNOWN as there. 0
// or -errno. Any thread.
int device_open_in(const struct image_folder *folder, const char *name, const struct device_want *want,
		   struct image_file *known, struct image_file **out, struct err *err);

#endif
