// paths.h: file names of a .vmx on this host: written on other systems, for other folders.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Looks at the file system, changes nothing. Any thread. Results are absolute, malloc'ed, the caller frees.
#ifndef BERTH_VMX_PATHS_H
#define BERTH_VMX_PATHS_H

#include <stdbool.h>

enum path_how {
	PATH_MISSING,           // no such file; the result is where it was looked for first
	PATH_AS_WRITTEN,
	PATH_OTHER_CASE,        // found under another spelling, upper and lower case
	PATH_BESIDE,            // not where it says; a file of that name lies beside the .vmx
};

// Finds the existing file that NAME means in folder DIR (absolute). NULL = no memory or a name beyond
// PATH_MAX.
char *path_resolve(const char *dir, const char *name, enum path_how *how);
// Where a file that is to be written goes: backslashes turned; of a path on Windows or on a datastore that is
// not here only the last part counts. NULL as above.
char *path_output(const char *dir, const char *name);
// "E:\x", "\\server\x"
bool path_is_windows(const char *name);

#endif
