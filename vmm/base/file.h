// file.h: whole files: read with a limit, replace by write-and-rename.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BASE_FILE_H
#define BERTH_BASE_FILE_H

#include <stddef.h>

#include "err.h"

// Reads PATH into malloc'ed *DATA (NUL added behind *LEN bytes, caller frees). More than MAX bytes is an
// error, so is anything but a regular file. Any thread.
int file_read(const char *path, size_t max, char **data, size_t *len, struct err *err);
// Replaces PATH by LEN bytes of DATA: temporary file beside it, fsync, rename, fsync of the folder.
// Mode and owner of an existing file are kept. On failure the old file stands. Any thread.
int file_replace(const char *path, const void *data, size_t len, struct err *err);

#endif
