// redo.c: making, finding, committing and dropping redo logs.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/redo.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "block/tool.h"
#include "block/vmdk_create.h"

#define NAME_TRIES 32u

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

// --- names -------------------------------------------------------------------------------------------------

bool redo_is_name(const char *name, const char *disk)
{
	size_t n = strlen(last_part(disk));
	const char *tail = name + n;

	if (strncmp(name, last_part(disk), n) || strncmp(tail, "." REDO_SUFFIX, 1 + strlen(REDO_SUFFIX)))
		return false;
	tail += 1 + strlen(REDO_SUFFIX);
	for (unsigned i = 0; i < REDO_DIGITS; i++) {
		if (!isascii(tail[i]) || !isalnum((unsigned char)tail[i]))
			return false;
	}
	return !tail[REDO_DIGITS];
}

char *redo_path(const struct vm_config *config, const char *disk, const char *name)
{
	char *path;
	int n;

	if (config->working_dir)
		n = asprintf(&path, "%s/%s", config->working_dir, name);
	else
		n = asprintf(&path, "%.*s%s", (int)(last_part(disk) - disk), disk, name);
	return n < 0 ? NULL : path;
}

static int random_name(const char *disk, char *buf, size_t size)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	unsigned char raw[REDO_DIGITS];
	char tail[REDO_DIGITS + 1] = "";

	if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
		return -EAGAIN;
	for (unsigned i = 0; i < REDO_DIGITS; i++)
		tail[i] = digits[raw[i] % (sizeof(digits) - 1)];
	return (size_t)snprintf(buf, size, "%s." REDO_SUFFIX "%s", last_part(disk), tail) < size ? 0 : -ENAMETOOLONG;
}

// --- making ------------------------------------------------------------------------------------------------

static int make(const struct vm_config *config, const struct vm_drive *d, struct redo *r, struct err *err)
{
	struct vmdk_create_args args = { .kind = VMDK_KIND_MONOLITHIC_SPARSE, .parent = d->path };
	char name[NAME_MAX + 1];
	int code = -EEXIST;

	for (unsigned i = 0; i < NAME_TRIES && code == -EEXIST; i++) {
		code = random_name(d->path, name, sizeof(name));
		if (code < 0)
			return err_set(err, -code, d->path, "no name for a redo log could be made");
		free(r->path);
		r->path = redo_path(config, d->path, name);
		if (!r->path)
			return err_set(err, ENOMEM, d->path, "no memory for its redo log");
		args.path = r->path;
		code = vmdk_create(&args, err);
	}
	if (code < 0) {
		err_exit(err, EXIT_DISK);
		redo_forget(r);
		return code;
	}
	r->fresh = true;
	return 0;
}

// --- what an earlier run left --------------------------------------------------------------------------------

static int not_ours(const struct vm_drive *d, const char *path, const char *why, struct err *err)
{
	err_set(err, EINVAL, path, "%s.redo names it, but %s", d->node, why);
	err_remedy(err, "Look what the file is; empty the key to start without it");
	err_exit(err, EXIT_CONFIG);
	return -EINVAL;
}

// The key decides what is opened or deleted: only a delta of this very disk, under such a name, in the one folder.
static int examine(const struct vm_drive *d, const char *path, struct err *err)
{
	struct tool_meta meta;
	const char *why = NULL;
	int r;

	if (!redo_is_name(last_part(path), d->path))
		return not_ours(d, path, "a redo log of this disk is called otherwise", err);
	r = tool_meta_read(path, &meta, err);
	if (!r && !meta.desc.parent_hint)
		why = "it is no delta of another disk";
	else if (!r && strcmp(last_part(meta.desc.parent_hint), last_part(d->path)))
		why = "it is the delta of another disk";
	else if (!r && !meta.embedded)
		why = "it is not a disk of one file";
	tool_meta_free(&meta);
	return r < 0 ? r : why ? not_ours(d, path, why, err) : 0;
}

// The lock tells whether it is in use.
static int drop_left_over(const struct vm_config *config, const struct vm_drive *d, const char *path, struct err *err)
{
	struct image_file_want want = { .writable = true, .unlocked = config->disk_unlocked };
	struct image_file *file;
	int r = image_file_open(path, want, &file, err);

	if (r < 0)
		return r;
	log_info("%s: what an earlier run wrote is dropped: the disk is not persistent (%s)", d->path, last_part(path));
	if (unlink(path) < 0)
		r = err_set(err, errno, path, "cannot be deleted: %s", strerror(errno));
	image_file_close(file);
	return r;
}

static int take_up(const struct vm_config *config, const struct vm_drive *d, struct redo *r, struct err *err)
{
	char *path = redo_path(config, d->path, last_part(d->redo));
	int code;

	if (!path)
		return err_set(err, ENOMEM, d->path, "no memory for its redo log");
	if (access(path, F_OK) < 0) {
		free(path);
		return 0;
	}
	code = examine(d, path, err);
	if (!code && d->mode == VM_DISK_NONPERSISTENT) {
		code = drop_left_over(config, d, path, err);
	} else if (!code) {
		log_info("%s: goes on with what lies in its redo log %s", d->path, last_part(path));
		r->path = path;
		return 0;
	}
	free(path);
	return code;
}

int redo_prepare(const struct vm_config *config, const struct vm_drive *d, struct redo *r, struct err *err)
{
	int code = d->redo ? take_up(config, d, r, err) : 0;

	if (!code && !r->path)
		code = make(config, d, r, err);
	if (code < 0 && r->fresh)
		unlink(r->path);
	if (code < 0)
		redo_forget(r);
	return code;
}

// --- the end -------------------------------------------------------------------------------------------------

void redo_forget(struct redo *r)
{
	free(r->path);
	*r = (struct redo){ 0 };
}

static int discard(const struct redo *r, struct err *err)
{
	if (unlink(r->path) == 0 || errno == ENOENT)
		return 0;
	err_set(err, errno, r->path, "the redo log cannot be deleted: %s", strerror(errno));
	err_remedy(err, "Delete it by hand; nothing needs it any more");
	return -err->code;
}

static int commit(struct loop *loop, const struct vm_config *config, struct redo *r, struct err *err)
{
	struct tool tool = { .loop = loop };
	struct tool_commit_args args = { .path = r->path, .allow_outside = config->disk_allow_outside, .remove = true };
	struct tool_commit_result result = { 0 };

	return tool_commit(&tool, &args, &result, err);
}

int redo_finish(struct loop *loop, const struct vm_config *config, struct redo *r, enum redo_fate fate, struct err *err)
{
	int code = 0;

	if (!r->path)
		return 0;
	if (fate == REDO_COMMIT)
		code = commit(loop, config, r, err);
	else if (fate == REDO_DISCARD)
		code = discard(r, err);
	if (!code && fate != REDO_KEEP)
		redo_forget(r);
	return code;
}
