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

// --- pieces of that, for image_parent.c -------------------------------------------------------------------

// Backslashes become slashes, "./" in front goes.
void image_path_normalise(char *path);
// Also with a Windows drive letter.
bool image_path_is_absolute(const char *path);
bool image_path_climbs(const char *path);       // holds a ".."
const char *image_path_last(const char *path);  // behind the last slash
// From ENCODING, in place. False when there is nothing to do or it fails.
bool image_path_to_utf8(const char *encoding, char path[PATH_MAX]);
// Opens PATH, which may not lead out of DIR by any way. A descriptor or -errno.
int image_path_beneath(int dir, const char *path, int flags);

#endif
