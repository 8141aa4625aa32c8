// image_parent.h: from the hint of a delta disk to the folder and the name of its parent.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_IMAGE_PARENT_H
#define BERTH_BLOCK_IMAGE_PARENT_H

#include <limits.h>

#include "block/image_file.h"

struct parent_want {
	const struct image_folder *child;       // where the child lies; its allow_outside and encoding count
	const struct image_file *file;          // the child itself, which is never its own parent
	const char *home;                       // the .vmx's folder, or NULL
	const char *hint;                       // as in the descriptor
};

struct parent_place {
	struct image_folder folder;     // to be closed; allow_outside as the child's
	char name[PATH_MAX];            // in that folder
	bool elsewhere;                 // nothing is where the hint points; this one lies beside the child or the .vmx
};

// The hint is tried as it stands (absolute, or from the child's folder); when nothing is there, as on another machine or
// after a move, the file of that name beside the child, then beside the .vmx. What the hint finds must lie in the
// child's folder, below it, or in the .vmx's, unless allow_outside is set: -EXDEV. -ENOENT when there is none. Any thread.
int image_parent_find(const struct parent_want *want, struct parent_place *out, struct err *err);

#endif
