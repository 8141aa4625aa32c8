// drives.c: the disks and CDs of the .vmx: opened and locked at the start, closed at the end, media changed.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"
#include "hw/storage/piix4_ide.h"
#include "machine/internal.h"
#include "machine/question.h"

#define LEAVE_STEP_NS 10000000ull       // how often a busy old medium is looked at

static const struct vm_drive *drive_config(const struct machine *m, size_t i)
{
	return &m->config->ide[i / 2][i % 2];
}

static int open_one(struct machine *m, const struct vm_drive *d, const char *path, struct disk **out, struct err *err)
{
	struct disk_open_args args = {
		.path = path, .raw = d->kind == VM_DRIVE_CDROM, .readonly = d->kind == VM_DRIVE_CDROM,
		.allow_outside = m->config->disk_allow_outside, .write_through = d->write_through,
		.unlocked = m->config->disk_unlocked,
		.direct = m->config->disk_direct, .ignore_parent_cid = m->config->disk_ignore_parent_cid,
		.allow_device = m->config->disk_allow_device, .home = m->config->dir,
	};
	int r = disk_open(m->loop, &args, out, err);

	if (r < 0)
		err_exit(err, EXIT_DISK);
	return r;
}

// --- a host that cannot do what a disk asks ------------------------------------------------------------

static bool is_space(int code) { return code == ENOSPC || code == EDQUOT || code == EFBIG; }

static const char *op_name(const struct disk_stall *s)
{
	static const char *const names[] = { "read", "write", "flush", "discard" };

	return names[s->op];
}

static void describe(struct question *q, const struct disk *disk, const struct disk_stall *s)
{
	const char *remedy = is_space(s->code) ? "Make room for the file, then answer retry." :
						 "Mend the storage, then answer retry.";

	if (s->lost)
		remedy = "The host has lost data that was written to this file since its last flush, and no flush of "
			 "it can succeed any more: answer fail or off; a retry cannot help.";
	q->id = is_space(s->code) ? "hbacommon.outofspace" : "hbacommon.ioerror";
	q->standard = s->lost ? 1 : 0;
	snprintf(q->text, sizeof(q->text), "%.200s: a %s failed: %s; %u request%s of the guest wait%s. %s", disk->name,
		 op_name(s), strerror(s->code), s->failed + s->waiting, s->failed + s->waiting == 1 ? "" : "s",
		 s->failed + s->waiting == 1 ? "s" : "", remedy);
}

static void end_with(struct machine *m, const struct disk *disk, const struct disk_stall *s)
{
	err_set(&m->exit_err, s->code, disk->name, "a %s failed, and the VM was powered off: %s", op_name(s),
		strerror(s->code));
	err_remedy(&m->exit_err, "%s; the guest will find its disk as after a power failure",
		   is_space(s->code) ? "Make room for the file" : "Mend the storage");
	machine_end(m, EXIT_DISK);
}

// The disk may have gone on, or gone, since the question was asked.
static void answered(struct question *q, unsigned choice)
{
	struct drive_stall *s = q->owner;
	struct disk *disk = s->m->drive[s->drive];
	struct disk_stall stall;

	if (!disk || s->m->state == MACHINE_STOPPED || !disk_stalled(disk, &stall))
		return;
	if (choice == 2)
		end_with(s->m, disk, &stall);
	else
		disk_answer(disk, choice == 1 ? DISK_FAIL : DISK_RETRY);
}

static void on_stall(void *arg, struct disk *disk)
{
	struct drive_stall *s = arg;
	struct disk_stall stall;

	if (!disk_stalled(disk, &stall))
		return;
	if (s->m->reset_draining || s->m->state == MACHINE_STOPPED || s->m->drive[s->drive] != disk) {
		disk_answer(disk, DISK_CANCEL);
		return;
	}
	s->question.choices[0] = (struct question_choice){ "retry", "Try it again" };
	s->question.choices[1] = (struct question_choice){ "fail", "Report an error to the guest" };
	s->question.choices[2] = (struct question_choice){ "off", "Power the VM off" };
	s->question.count = 3;
	s->question.answered = answered;
	s->question.owner = s;
	describe(&s->question, disk, &stall);
	machine_ask(s->m, &s->question);
}

static void watch(struct machine *m, size_t i)
{
	struct drive_stall *s = &m->stall[i];

	s->m = m;
	s->drive = (unsigned)i;
	disk_on_stall(m->drive[i], &(struct disk_stall_args){ .fn = on_stall, .arg = s, .reads = m->config->disk_hold_reads });
}

static void unwatch(struct machine *m, size_t i, struct disk *disk)
{
	disk_on_stall(disk, &(struct disk_stall_args){ 0 });
	machine_withdraw(m, &m->stall[i].question);
}

void machine_cancel_stalls(struct machine *m)
{
	for (size_t i = 0; i < MACHINE_DRIVES; i++) {
		if (!m->drive[i])
			continue;
		disk_answer(m->drive[i], DISK_CANCEL);
		machine_withdraw(m, &m->stall[i].question);
	}
}

// --- open and close ------------------------------------------------------------------------------------

int machine_open_drives(struct machine *m, struct err *err)
{
	for (size_t i = 0; i < MACHINE_DRIVES; i++) {
		const struct vm_drive *d = drive_config(m, i);
		int r;

		if (d->kind == VM_DRIVE_NONE || !d->path || (d->kind == VM_DRIVE_CDROM && !d->connected))
			continue;
		r = d->mode == VM_DISK_PERSISTENT ? 0 : redo_prepare(m->config, d, &m->redo[i], err);
		if (!r)
			r = open_one(m, d, m->redo[i].path ? m->redo[i].path : d->path, &m->drive[i], err);
		if (r < 0)
			return r;
		watch(m, i);
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
		machine_withdraw(m, &m->stall[i].question);
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
	if (m->leaving->in_flight || m->leaving->telling) {
		loop_timer_set(&m->leave_timer, loop_now() + LEAVE_STEP_NS);
		return;
	}
	if (disk_close(m->leaving, &err) < 0)
		log_warn("%s", err_sentence(&err, text, sizeof(text)));
	m->leaving = NULL;
}

// --- redo logs at the end ------------------------------------------------------------------------------------

static void note_answer(struct question *q, unsigned choice)
{
	struct machine *m = q->owner;

	m->redo_answer = (int)choice;
}

// Somebody must be there to answer: the .vmx, or whoever started the VM at a terminal. The loop still serves everything.
static enum redo_fate ask_fate(struct machine *m, const char *disk)
{
	static const enum redo_fate fates[] = { REDO_COMMIT, REDO_DISCARD, REDO_KEEP };
	struct question *q = &m->redo_question;

	*q = (struct question){ .id = "disk.undoable", .count = 3, .standard = 2, .answered = note_answer, .owner = m,
				.choices = { { "commit", "Write the changes to the disk" }, { "discard", "Drop the changes" },
					     { "keep", "Keep them beside the disk, for the next start" } } };
	snprintf(q->text, sizeof(q->text), "%.300s is undoable: what becomes of the changes since they were last committed?",
		 disk);
	if (!questions_will_answer(&m->questions, q) && !isatty(STDERR_FILENO))
		return REDO_KEEP;
	m->redo_answer = -1;
	machine_ask(m, q);
	while (m->redo_answer < 0 && !m->end_now && loop_turn(m->loop) == 0)
		continue;
	machine_withdraw(m, q);
	return m->redo_answer < 0 ? REDO_KEEP : fates[m->redo_answer];
}

static enum redo_fate fate_of(struct machine *m, const struct vm_drive *d, const struct redo *r, bool started)
{
	if (!started)
		return r->fresh ? REDO_DISCARD : REDO_KEEP;
	if (d->mode == VM_DISK_NONPERSISTENT)
		return REDO_DISCARD;
	// After a failure of the host nothing is decided.
	if (d->mode == VM_DISK_APPEND || m->end_now || m->exit == EXIT_DISK || m->exit == EXIT_INTERNAL)
		return REDO_KEEP;
	return ask_fate(m, d->path);
}

int machine_finish_redo(struct machine *m, bool started, struct err *err)
{
	int first = 0;

	for (size_t i = 0; i < MACHINE_DRIVES; i++) {
		const struct vm_drive *d = drive_config(m, i);
		struct redo *r = &m->redo[i];
		enum redo_fate fate;
		struct err e = { 0 };
		char text[1200];
		int code;

		if (!r->path)
			continue;
		fate = fate_of(m, d, r, started);
		code = redo_finish(m->loop, m->config, r, fate, &e);
		if (code < 0 && first)
			log_error("%s", err_sentence(&e, text, sizeof(text)));
		else if (code < 0 && err)
			*err = e;
		if (!first)
			first = code;
		if (!code && started && fate == REDO_KEEP)
			log_info("%s: the changes are kept in %s; `berth disk commit --delete` writes them to the disk",
				 d->path, r->path);
	}
	return first;
}

void machine_each_redo(const struct machine *m, machine_redo_fn *fn, void *arg)
{
	for (size_t i = 0; i < MACHINE_DRIVES; i++) {
		const struct vm_drive *d = drive_config(m, i);

		const char *path = m->redo[i].path;

		if (d->kind == VM_DRIVE_DISK && d->mode != VM_DISK_PERSISTENT)
			fn(arg, d->node, path ? path : "", path && d->mode != VM_DISK_NONPERSISTENT);
	}
}

// --- media ---------------------------------------------------------------------------------------------------

int machine_change_cd(struct machine *m, const char *node, const char *path, struct err *err)
{
	struct piix4_ide_medium medium = { .force = true };
	int i = find_drive(m, node), r;

	if (i < 0) {
		err_set(err, ENOENT, node, "is not a CD drive of this VM");
		err_remedy(err, "`berth status` lists the drives");
		return -ENOENT;
	}
	if (!m->vcpus)
		return err_set(err, EBUSY, node, "the VM has ended");
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
	if (medium.disk)
		watch(m, (size_t)i);
	m->leaving = medium.old;
	if (m->leaving)
		unwatch(m, (size_t)i, m->leaving);
	loop_timer_init(&m->leave_timer, m->loop, close_leaving, m);
	close_leaving(m);
	return 0;
}
