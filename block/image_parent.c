// image_parent.c: where the parent of a delta disk lies, and whether it may lie there.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block/image_parent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/image_path.h"

#define DIR_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)

static bool same_folder(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

// Is there a file NAME in FOLDER that is not the child? -EXDEV: a link of that name leads out of it.
static int has(const struct parent_want *want, const struct image_folder *folder, const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	bool other;
	int fd = image_path_open(folder, name, O_PATH | O_CLOEXEC, path, NULL);

	if (fd < 0)
		return fd == -EXDEV ? fd : 0;
	other = fstat(fd, &st) == 0 && (st.st_dev != want->file->dev || st.st_ino != want->file->ino);
	close(fd);
	return other;
}

static struct image_folder folder_at(const struct parent_want *want, int fd)
{
	struct image_folder folder = *want->child;

	folder.fd = fd;
	return folder;
}

static bool is_home(const struct parent_want *want, int fd)
{
	int home = want->home ? open(want->home, DIR_FLAGS) : -1;
	bool same = home >= 0 && same_folder(home, fd);

	if (home >= 0)
		close(home);
	return same;
}

// The folder part of the hint: a descriptor, or -1 when there is no such place here. INSIDE: it cannot be outside.
static int hinted_folder(const struct parent_want *want, const char *dir, bool *inside)
{
	int fd;

	*inside = !image_path_is_absolute(dir) && !image_path_climbs(dir);
	if (*inside) {
		fd = image_path_beneath(want->child->fd, *dir ? dir : ".", DIR_FLAGS);
		if (fd >= 0 || !want->child->allow_outside)
			return fd;
	}
	if (image_path_is_absolute(dir) && *dir != '/')
		return -1;
	return openat(want->child->fd, dir, DIR_FLAGS);
}

// 1 found, 0 nothing there, -EXDEV it is there and may not be used.
static int try_hint(const struct parent_want *want, const char *dir, const char *name, struct parent_place *out)
{
	bool inside;
	int fd = hinted_folder(want, dir, &inside), r;

	if (fd < 0)
		return 0;
	out->folder = folder_at(want, fd);
	r = has(want, &out->folder, name);
	if (r <= 0) {
		image_folder_close(&out->folder);
		return r;
	}
	if (inside || want->child->allow_outside || same_folder(fd, want->child->fd) || is_home(want, fd))
		return 1;
	image_folder_close(&out->folder);
	return -EXDEV;
}

static bool try_folder(const struct parent_want *want, const char *path, const char *name, struct parent_place *out)
{
	int fd = openat(want->child->fd, path, DIR_FLAGS);

	if (fd < 0)
		return false;
	out->folder = folder_at(want, fd);
	if (has(want, &out->folder, name) > 0) {
		out->elsewhere = true;
		return true;
	}
	image_folder_close(&out->folder);
	return false;
}

static int refuse(const struct parent_want *want, struct err *err)
{
	err_set(err, EXDEV, want->file->name, "its parent \"%s\" lies outside the folders of the disk and of the VM",
		want->hint);
	err_remedy(err, "Allow it with berth.disk.allowOutside = \"TRUE\" if you trust the disk to name it");
	err_exit(err, EXIT_CONFIG);
	return -EXDEV;
}

static int missing(const struct parent_want *want, const char *name, struct err *err)
{
	err_set(err, ENOENT, want->file->name, "its parent \"%s\" is missing", want->hint);
	err_remedy(err, "Copy %.100s and all of its files beside it; a delta disk is nothing without its parent", name);
	return -ENOENT;
}

// Splits PATH at its last slash; DIR is "" when there is none, "/" for a file of the root.
static const char *split(char *path, char **dir)
{
	char *slash = strrchr(path, '/');

	*dir = slash ? path : path + strlen(path);
	if (!slash)
		return path;
	if (slash == path) {
		*dir = (char *)"/";
		return path + 1;
	}
	*slash = '\0';
	return slash + 1;
}

int image_parent_find(const struct parent_want *want, struct parent_place *out, struct err *err)
{
	char path[PATH_MAX], *dir;
	const char *name;
	int r;

	memset(out, 0, sizeof(*out));
	out->folder.fd = -1;
	if ((size_t)snprintf(path, sizeof(path), "%s", want->hint) >= sizeof(path))
		return err_set(err, ENAMETOOLONG, want->file->name, "the name of its parent is too long");
	image_path_normalise(path);
	name = split(path, &dir);
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return err_set(err, EINVAL, want->file->name, "the name of its parent, \"%s\", is no file",
			       want->hint);
	snprintf(out->name, sizeof(out->name), "%s", name);
	r = try_hint(want, dir, name, out);
	// The folders of the hint may be spelt in the descriptor's encoding.
	if (!r && dir == path && image_path_to_utf8(want->child->encoding, path))
		r = try_hint(want, dir, out->name, out);
	if (r == -EXDEV)
		return refuse(want, err);
	if (r > 0 || try_folder(want, ".", out->name, out) || (want->home && try_folder(want, want->home, out->name, out)))
		return 0;
	return missing(want, out->name, err);
}
