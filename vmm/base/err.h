// err.h: why an operation failed, carried up to the one place that tells a person.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A function that can fail returns 0 or a negative errno and fills a struct err. Nobody prints on the
// way; the top prints err_sentence() once. A NULL struct err is accepted everywhere.
#ifndef BERTH_BASE_ERR_H
#define BERTH_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

// The exit codes of `berth run`; docs/exit-codes.md and berth(1) promise them to scripts and systemd.
enum exit_code {
	EXIT_GUEST_OFF = 0,     // the guest powered itself off, or a polite stop worked
	EXIT_INTERNAL = 1,      // anything that has no code of its own
	EXIT_USAGE = 2,         // wrong command line
	EXIT_CONFIG = 3,        // the .vmx or what it names is wrong or missing
	EXIT_HOST = 4,          // this host cannot run it: no /dev/kvm, no permission, no nesting, port in use
	EXIT_DISK = 5,          // a disk image cannot be opened, or failed while running
	EXIT_GUEST_CRASH = 6,   // triple fault that does not reset, or an exit KVM could not handle
	EXIT_KILLED = 7,        // stopped hard: a second SIGTERM, `stop --hard`
	EXIT_BUSY = 8,          // the VM is already running, locked by somebody else, or suspended
};

struct err {
	int code;                   // positive errno; 0 = nothing failed
	enum exit_code exit;        // what the process should exit with; 0 = not chosen, take EXIT_INTERNAL
	bool has_offset;
	uint64_t offset;            // where in the object, in bytes
	char object[256];           // file, device or key
	char what[384];             // what was attempted and what went wrong, no trailing period
	char remedy[384];           // what to do about it, or empty
};

// Fills E (may be NULL) and returns -CODE. CODE is a positive errno. OBJECT may be NULL. Earlier
// content is overwritten: the innermost cause is set first, callers add with err_remedy() or err_exit().
int err_set(struct err *e, int code, const char *object, const char *fmt, ...) PRINTF(4, 5);
// The same, with the place in the object.
int err_set_at(struct err *e, int code, const char *object, uint64_t offset, const char *fmt, ...) PRINTF(5, 6);
// Adds what the reader should do; a full sentence without the period.
void err_remedy(struct err *e, const char *fmt, ...) PRINTF(2, 3);
// Chooses the exit code unless one was chosen already.
void err_exit(struct err *e, enum exit_code code);
// Writes "object: what (at byte N). Remedy." into BUF, always terminated, one line, control characters
// replaced by '?'. Returns BUF.
const char *err_sentence(const struct err *e, char *buf, size_t size);
void err_clear(struct err *e);

#endif
