// drives.c: the disks and CDs of the .vmx: opened and locked at the start, closed at the end, media changed.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "base/log.h"
#include "hw/storage/piix4_ide.h"
#include "machine/internal.h"

#define LEAVE_STEP_NS 10000000ull       // how often a busy old medium is looked at

static const struct vm_drive *drive_config(const struct machine *m, size_t i)
{
	return &m->config->ide[i / 2][i % 2];
}

static int open_one(struct machine *m, const struct vm_drive *d, const char *path, struct disk **out, struct err *err)
{
	struct disk_open_args args = {
		.path = path, .raw = d->kind == VM_DRIVE_CDROM, .readonly = d->kind == VM_DRIVE_CDROM,
		.allow_outside = m->config->disk_allow_outside, .allow_device = m->config->disk_allow_device,
		.write_through = d->write_through,
	};
	int r = disk_open(m->loop, &args, out, err);

	if (r < 0)
		err_exit(err, EXIT_DISK);
	return r;
}

int machine_open_drives(struct machine *m, struct err *err)
{
	for (size_t i = 0; i < MACHINE_DRIVES; i++) {
		const struct vm_drive *d = drive_config(m, i);
		int r;

		if (d->kind == VM_DRIVE_NONE || !d->path || (d->kind == VM_DRIVE_CDROM && !d->connected))
			continue;
		r = open_one(m, d, d->path, &m->drive[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

// Every disk is closed even when one fails: the first failure is the one that is told.
int machine_close_drives(struct machine *m, struct err *err)
{
	int first = 0;

	if (m->leaving) {
		loop_timer_cancel(&m->leave_timer);
		disk_close(m->leaving, NULL);
		m->leaving = NULL;
	}
	for (size_t i = 0; i < MACHINE_DRIVES; i++) {
		struct err e = { 0 };
		char text[1200];
		int r;

		if (!m->drive[i])
			continue;
		r = disk_close(m->drive[i], &e);
		m->drive[i] = NULL;
		if (r < 0 && first)
			log_error("%s", err_sentence(&e, text, sizeof(text)));
		if (r < 0 && !first) {
			first = r;
			if (err)
				*err = e;
		}
	}
	return first;
}

static int find_drive(const struct machine *m, const char *node)
{
	for (size_t i = 0; i < MACHINE_DRIVES; i++) {
		const struct vm_drive *d = drive_config(m, i);

		if (d->kind == VM_DRIVE_CDROM && d->node && !strcasecmp(d->node, node))
			return (int)i;
	}
	return -1;
}

// Reads of the old medium may be under way, and a disk cannot be closed inside a callback while it is busy.
static void close_leaving(void *arg)
{
	struct machine *m = arg;
	struct err err = { 0 };
	char text[1200];

	if (!m->leaving)
		return;
	if (m->leaving->in_flight) {
		loop_timer_set(&m->leave_timer, loop_now() + LEAVE_STEP_NS);
		return;
	}
	if (disk_close(m->leaving, &err) < 0)
		log_warn("%s", err_sentence(&err, text, sizeof(text)));
	m->leaving = NULL;
}

int machine_change_cd(struct machine *m, const char *node, const char *path, struct err *err)
{
	struct piix4_ide_medium medium = { .force = true };
	int i = find_drive(m, node), r;

	if (i < 0) {
		err_set(err, ENOENT, node, "is not a CD drive of this VM");
		err_remedy(err, "`berth status` lists the drives");
		return -ENOENT;
	}
	if (m->leaving) {
		err_set(err, EBUSY, node, "the last change of medium is still under way");
		err_remedy(err, "Try again in a moment");
		return -EBUSY;
	}
	medium.channel = (unsigned)i / 2;
	medium.unit = (unsigned)i % 2;
	if (path) {
		r = open_one(m, drive_config(m, (size_t)i), path, &medium.disk, err);
		if (r < 0)
			return r;
	}
	r = piix4_ide_cd_change(m->ide, &medium, err);
	if (r < 0) {
		if (medium.disk)
			disk_close(medium.disk, NULL);
		return r;
	}
	m->drive[i] = medium.disk;
	m->leaving = medium.old;
	loop_timer_init(&m->leave_timer, m->loop, close_leaving, m);
	close_leaving(m);
	return 0;
}
