// paths.c: file names of a .vmx on this host.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmx/paths.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

bool path_is_windows(const char *name)
{
	if (isalpha((unsigned char)name[0]) && name[1] == ':' && (name[2] == '\\' || name[2] == '/'))
		return true;
	return name[0] == '\\' && name[1] == '\\';
}

static char *join(const char *dir, const char *name)
{
	char buf[PATH_MAX];
	int n;

	// "./" in front says nothing.
	while (name[0] == '.' && name[1] == '/')
		name += 2;
	n = snprintf(buf, sizeof(buf), "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", name);
	return n < 0 || (size_t)n >= sizeof(buf) ? NULL : strdup(buf);
}

static char *slashes(const char *name)
{
	char *copy = strdup(name);

	for (char *p = copy; p && *p; p++) {
		if (*p == '\\')
			*p = '/';
	}
	return copy;
}

static const char *last_part(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

static bool exists(const char *path) { return access(path, F_OK) == 0; }

// The entry of DIR that is NAME in another case; of several the first in byte order, so that it is always the
// same.
static bool other_case(const char *dir, const char *name, char found[NAME_MAX + 1])
{
	struct dirent *e;
	DIR *d = opendir(dir);

	*found = '\0';
	if (!d)
		return false;
	while ((e = readdir(d))) {
		if (!strcasecmp(e->d_name, name) && (!*found || strcmp(e->d_name, found) < 0))
			snprintf(found, NAME_MAX + 1, "%s", e->d_name);
	}
	closedir(d);
	return *found != '\0';
}

// Walks NAME (relative, forward slashes) from DIR, taking each part as written or else in another case.
static char *walk(const char *dir, const char *name)
{
	char at[PATH_MAX], found[NAME_MAX + 1];
	size_t len = (size_t)snprintf(at, sizeof(at), "%s", dir);

	if (len >= sizeof(at))
		return NULL;
	while (*name) {
		size_t n = strcspn(name, "/");
		int added;

		if (n > NAME_MAX)
			return NULL;
		if (n) {
			added = snprintf(at + len, sizeof(at) - len, "/%.*s", (int)n, name);
			if (added < 0 || (size_t)added >= sizeof(at) - len)
				return NULL;
			if (!exists(at)) {
				char part[NAME_MAX + 1];

				memcpy(part, name, n);
				part[n] = '\0';
				at[len] = '\0';
				if (!other_case(at, part, found))
					return NULL;
				snprintf(at + len, sizeof(at) - len, "/%s", found);
			}
			len += strlen(at + len);
		}
		name += n + (name[n] == '/');
	}
	return strdup(at);
}

// DIR/NAME if it is there, in whatever case; else NULL.
static char *find_in(const char *dir, const char *name, enum path_how *how)
{
	char *path = join(dir, name);

	*how = PATH_AS_WRITTEN;
	if (path && exists(path))
		return path;
	free(path);
	*how = PATH_OTHER_CASE;
	return walk(dir, name);
}

static char *find_beside(const char *dir, const char *name, enum path_how *how)
{
	const char *part = last_part(name);
	char *path = *part ? find_in(dir, part, how) : NULL;

	if (path)
		*how = PATH_BESIDE;
	return path;
}

static char *find(const char *dir, const char *name, const char *turned, enum path_how *how)
{
	char *path;

	*how = PATH_AS_WRITTEN;
	if (name[0] == '/' && exists(name))
		return strdup(name);
	if (name[0] == '/' || path_is_windows(name))
		return find_beside(dir, turned, how);
	// A backslash may be an ordinary character of a name made here.
	path = strchr(name, '\\') ? find_in(dir, name, how) : NULL;
	return path ? path : find_in(dir, turned, how);
}

char *path_resolve(const char *dir, const char *name, enum path_how *how)
{
	char *turned = slashes(name), *path;

	if (!turned)
		return NULL;
	path = strlen(name) < PATH_MAX ? find(dir, name, turned, how) : NULL;
	if (!path) {
		*how = PATH_MISSING;
		path = name[0] == '/' ? strdup(name)
				      : join(dir, path_is_windows(name) ? last_part(turned) : turned);
	}
	free(turned);
	return path;
}

// A folder of an ESXi host that does not exist here.
static bool is_datastore(const char *name)
{
	char folder[PATH_MAX];

	if (strncmp(name, "/vmfs/", 6) || strlen(name) >= sizeof(folder))
		return false;
	snprintf(folder, sizeof(folder), "%.*s", (int)(last_part(name) - name), name);
	return !exists(folder);
}

char *path_output(const char *dir, const char *name)
{
	char *turned = slashes(name), *path;

	if (!turned)
		return NULL;
	if (path_is_windows(name) || is_datastore(name))
		path = join(dir, last_part(turned));
	else if (name[0] == '/')
		path = strlen(name) < PATH_MAX ? strdup(name) : NULL;
	else
		path = join(dir, turned);
	free(turned);
	return path;
}
