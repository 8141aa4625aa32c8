// config_drives.c: the drives on the two IDE channels.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "vmx/load.h"
#include "vmx/paths.h"

// What .deviceType says.
enum backing { BACKING_DISK, BACKING_IMAGE, BACKING_HOST, BACKING_UNKNOWN };

static const struct { const char *word; enum backing backing; } device_types[] = {
	{ "ata-hardDisk", BACKING_DISK }, { "disk", BACKING_DISK }, { "rawDisk", BACKING_DISK },
	{ "plainDisk", BACKING_DISK }, { "cdrom-image", BACKING_IMAGE }, { "cdrom-raw", BACKING_HOST },
	{ "atapi-cdrom", BACKING_HOST },
};

static bool ends_with(const char *name, const char *tail)
{
	size_t n = strlen(name), t = strlen(tail);

	return n >= t && !strcasecmp(name + n - t, tail);
}

static bool is_no_medium(const char *name)
{
	return !name || !strcasecmp(name, "emptyBackingString") || !strcasecmp(name, "auto detect");
}

// Without a type the file decides, and a disk is what VMware takes a file for that says nothing.
static enum backing backing_of_file(const char *name)
{
	if (is_no_medium(name))
		return name ? BACKING_HOST : BACKING_DISK;
	if (ends_with(name, ".iso") || ends_with(name, ".cdr"))
		return BACKING_IMAGE;
	if (!strncmp(name, "/dev/sr", 7) || !strncmp(name, "/dev/cd", 7) || !strncmp(name, "/dev/dvd", 8) ||
	    !strncmp(name, "/dev/scd", 8))
		return BACKING_HOST;
	return BACKING_DISK;
}

static enum backing load_type(struct loader *l, const char *node, const char *file)
{
	char key[KEY_SIZE];
	const char *type = get_written(l, key_of(key, node, "deviceType"));

	if (!type)
		return backing_of_file(file);
	for (size_t i = 0; i < ARRAY_SIZE(device_types); i++) {
		if (!strcasecmp(type, device_types[i].word))
			return device_types[i].backing;
	}
	problem(l, VMX_ERROR, key,
		"\"%.60s\" is not a type of drive: ata-hardDisk, disk, rawDisk, cdrom-image, cdrom-raw, "
		"atapi-cdrom",
		type);
	return BACKING_UNKNOWN;
}

static const struct { const char *word; enum vm_disk_mode mode; } modes[] = {
	{ "persistent", VM_DISK_PERSISTENT }, { "independent-persistent", VM_DISK_PERSISTENT },
	{ "nonpersistent", VM_DISK_NONPERSISTENT }, { "independent-nonpersistent", VM_DISK_NONPERSISTENT },
	{ "undoable", VM_DISK_UNDOABLE }, { "append", VM_DISK_APPEND },
};

static void load_mode(struct loader *l, const char *node, struct vm_drive *d)
{
	char key[KEY_SIZE];
	const char *mode = get_text(l, key_of(key, node, "mode"));

	d->independent = mode && !strncasecmp(mode, "independent-", 12);
	for (size_t i = 0; mode && i < ARRAY_SIZE(modes); i++) {
		if (strcasecmp(mode, modes[i].word))
			continue;
		d->mode = modes[i].mode;
		return;
	}
	if (mode)
		problem(l, VMX_ERROR, key,
			"\"%.60s\" is not a mode of a disk: persistent, independent-persistent, nonpersistent, "
			"independent-nonpersistent, undoable, append", mode);
}

// A mode without a redo log would hide from the guest what it wrote last, and make the log unusable with its first write.
static void load_redo(struct loader *l, const char *node, struct vm_drive *d)
{
	char key[KEY_SIZE];
	const char *redo = get_written(l, key_of(key, node, "redo"));
	const char *slash = d->path ? strrchr(d->path, '/') : NULL;
	char *beside = slash ? strndup(d->path, (size_t)(slash - d->path)) : NULL;
	enum path_how how;
	char *path = redo && beside ? path_resolve(l->c->working_dir ? l->c->working_dir : beside, redo, &how) : NULL;

	if (path && d->mode == VM_DISK_PERSISTENT)
		problem(l, VMX_ERROR, key,
			"the newest data of the disk are in the redo log %.100s; commit it with `berth disk commit "
			"--delete`, or delete it, and empty this key",
			redo);
	else if (path && how == PATH_MISSING)
		problem(l, d->mode == VM_DISK_NONPERSISTENT ? VMX_NOTE : VMX_WARNING, key,
			"the redo log %.100s is gone, and with it what was written to it; a new one is made", redo);
	else if (path)
		d->redo = dup_text(l, redo);
	free(beside);
	free(path);
}

static void load_disk(struct loader *l, const char *node, struct vm_drive *d, const char *file)
{
	char key[KEY_SIZE];
	enum path_how how;

	d->kind = VM_DRIVE_DISK;
	load_mode(l, node, d);
	d->write_through = get_bool(l, key_of(key, node, "writeThrough"));
	d->ssd = get_bool(l, key_of(key, node, "virtualSSD"));
	key_of(key, node, "fileName");
	if (!file) {
		problem(l, VMX_ERROR, key, "is missing: %s is a hard disk without a file", node);
		return;
	}
	d->path = path_resolve(l->c->dir, file, &how);
	if (!d->path)
		problem(l, VMX_ERROR, key, "the path is too long");
	else if (how == PATH_MISSING)
		problem(l, VMX_ERROR, key, "the disk %s does not exist; put it there or correct the path",
			d->path);
	else if (how == PATH_BESIDE)
		problem(l, VMX_NOTE, key, "%.200s is not on this host; %s beside the .vmx is used", file,
			d->path);
	load_redo(l, node, d);
}

static void load_image(struct loader *l, const char *node, struct vm_drive *d, const char *file)
{
	char key[KEY_SIZE];
	enum path_how how;

	key_of(key, node, "fileName");
	if (is_no_medium(file))
		return;
	d->path = path_resolve(l->c->dir, file, &how);
	if (d->path && how != PATH_MISSING) {
		if (how == PATH_BESIDE)
			problem(l, VMX_NOTE, key, "%.200s is not on this host; %s beside the .vmx is used",
				file, d->path);
		return;
	}
	problem(l, d->connected ? VMX_WARNING : VMX_NOTE, key,
		"the CD image %.200s does not exist; the drive is empty", file);
	free(d->path);
	d->path = NULL;
}

static void load_cdrom(struct loader *l, struct vm_drive *d, const char *file, bool host)
{
	char key[KEY_SIZE];
	bool client = get_bool(l, key_of(key, d->node, "clientDevice"));

	d->kind = VM_DRIVE_CDROM;
	if (!client && !vmx_file_find(l->file, key_of(key, d->node, "deviceType")))
		key_of(key, d->node, "fileName");
	if (client)
		problem(l, VMX_NOTE, key, "the medium of a remote console is not used; the drive is empty");
	else if (host)
		problem(l, VMX_NOTE, key, "the drive of the host is not used; the guest has an empty drive");
	else
		load_image(l, d->node, d, file);
	if (!d->path)
		d->connected = false;
}

static void load_drive(struct loader *l, unsigned channel, unsigned unit)
{
	struct vm_drive *d = &l->c->ide[channel][unit];
	char node[16], key[KEY_SIZE];
	const char *file;
	enum backing backing;

	snprintf(node, sizeof(node), "ide%u:%u", channel, unit);
	if (!get_bool(l, key_of(key, node, "present")))
		return;
	d->node = dup_text(l, node);
	if (!d->node)
		return;
	d->connected = get_bool(l, key_of(key, node, "startConnected"));
	file = get_written(l, key_of(key, node, "fileName"));
	backing = load_type(l, node, file);
	if (backing == BACKING_IMAGE && get_bool(l, key_of(key, node, "autodetect")))
		backing = BACKING_HOST;
	if (backing == BACKING_DISK)
		load_disk(l, node, d, file);
	else if (backing != BACKING_UNKNOWN)
		load_cdrom(l, d, file, backing == BACKING_HOST);
	if (d->kind == VM_DRIVE_DISK)
		d->connected = true;    // a hard disk cannot be taken out
}

// --- all of them ---------------------------------------------------------------------------------------

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void check_twice(struct loader *l)
{
	struct vm_drive *all = &l->c->ide[0][0];
	char key[KEY_SIZE];

	for (unsigned i = 0; i < VM_IDE_CHANNELS * 2; i++) {
		for (unsigned k = 0; k < i; k++) {
			if (all[i].kind != VM_DRIVE_DISK || all[k].kind != VM_DRIVE_DISK || !all[i].path ||
			    !all[k].path || !same_file(all[i].path, all[k].path))
				continue;
			problem(l, VMX_ERROR, key_of(key, all[i].node, "fileName"),
				"%s has the same disk as %s", all[i].node, all[k].node);
		}
	}
}

static void load_read_errors(struct loader *l)
{
	const char *what = get_text(l, "berth.disk.onReadError");

	l->c->disk_hold_reads = what && !strcasecmp(what, "stop");
	if (what && !l->c->disk_hold_reads && strcasecmp(what, "report"))
		problem(l, VMX_ERROR, "berth.disk.onReadError", "\"%.60s\" is neither report nor stop", what);
}

static void load_working_dir(struct loader *l)
{
	const char *dir = get_written(l, "workingDir");
	struct stat st;

	if (!dir || !strcmp(dir, "."))
		return;
	l->c->working_dir = path_output(l->c->dir, dir);
	if (l->c->working_dir && stat(l->c->working_dir, &st) == 0 && S_ISDIR(st.st_mode))
		return;
	problem(l, VMX_WARNING, "workingDir", "%.200s is not a folder here; the VM's own is used", dir);
	free(l->c->working_dir);
	l->c->working_dir = NULL;
}

void load_drives(struct loader *l)
{
	load_read_errors(l);
	l->c->disk_unlocked = !get_bool(l, "disk.locking");
	load_working_dir(l);
	for (unsigned i = 0; i < VM_IDE_CHANNELS * 2; i++)
		load_drive(l, i / 2, i % 2);
	check_twice(l);
}
