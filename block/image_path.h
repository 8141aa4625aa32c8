// image_path.h: from a file name in a descriptor to an open file in the image's folder.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_IMAGE_PATH_H
#define BERTH_BLOCK_IMAGE_PATH_H

#include <limits.h>

#include "block/image_file.h"

// Opens NAME with open(2) FLAGS under the rules of image_file_open_in(); no lock is taken. PATH receives the
// name that was found, relative to the folder or absolute. Returns a descriptor or -errno; -EXDEV (outside)
// and -ENAMETOOLONG have filled ERR, the others leave that to the caller. Any thread.
int image_path_open(const struct image_folder *folder, const char *name, int flags, char path[PATH_MAX],
		    struct err *err);

#endif
