// load.h: what the files that make a vm_config share: the dictionary, the report, typed values.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_VMX_LOAD_H
#define BERTH_VMX_LOAD_H

#include "base/compiler.h"
#include "vmx/config.h"
#include "vmx/keys.h"
#include "vmx/vmx_file.h"

struct loader {
	const struct vmx_file *file;
	struct vm_config *c;
	struct vmx_report *report;
	struct vmx_base base;           // for defaults; set as soon as it is known
	bool no_memory;
};

// Makes the typed view of FILE, as if it had been read from VMX_PATH (absolute). Adds to REPORT. 0, or
// -EINVAL when REPORT has errors (OUT is set all the same), or -ENOMEM. What `berth run` calls is
// vm_config_load().
int vm_config_from(const struct vmx_file *file, const char *vmx_path, struct vm_config **out,
		   struct vmx_report *report);

// --- report.c ---
// One problem, at the line of KEY when the file has it. KEY may be NULL.
void problem(struct loader *l, enum vmx_severity severity, const char *key, const char *fmt, ...)
	PRINTF(4, 5);
// The same at a given line. Lines beyond the limit of the report are counted, not kept.
void problem_at(struct loader *l, enum vmx_severity severity, unsigned line, const char *key, const char *fmt,
		...) PRINTF(5, 6);
// Errors so far are not worth a change to the file: the VM is in use or suspended.
void problem_busy(struct loader *l, const char *key, const char *fmt, ...) PRINTF(3, 4);

// --- get.c: a value, or the default of the key table, or (after a problem) something harmless. Empty is
// absent. ---
const char *get_text(struct loader *l, const char *key);        // NULL without value and default
const char *get_written(struct loader *l, const char *key);     // NULL when absent or empty
bool get_bool(struct loader *l, const char *key);
int64_t get_int(struct loader *l, const char *key, int64_t min, int64_t max);
// strdup() that remembers failure. NULL gives NULL.
char *dup_text(struct loader *l, const char *text);
// PREFIX.SUFFIX in BUF, which is returned.
#define KEY_SIZE 64u
const char *key_of(char buf[KEY_SIZE], const char *prefix, const char *suffix);

// --- the parts of a machine ---
void load_identity(struct loader *l);   // config_base.c: versions, name, guest, UUID
void load_cpus(struct loader *l);       // config_cpu.c: CPUs, memory, masks, nesting
void load_platform(struct loader *l);   // config_base.c: firmware, boot, clock, display, log, Berth's own
void load_drives(struct loader *l);     // config_drives.c
void load_ports(struct loader *l);      // config_ports.c: serial ports, VNC
void load_answers(struct loader *l);    // config_answers.c: what to answer to questions
void load_pci(struct loader *l);        // config_pci.c: bridges, slot numbers, NICs, USB
void load_missing(struct loader *l);    // config_base.c: devices the guest will not find

#endif
