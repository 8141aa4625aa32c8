// check_priv.h: what the files of `berth check` share.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CLI_CHECK_PRIV_H
#define BERTH_CLI_CHECK_PRIV_H

#include <stdbool.h>
#include <stdio.h>

#include "kvm/host.h"
#include "machine/pci_plan.h"
#include "vmx/config.h"
#include "vmx/keys.h"
#include "vmx/vmx_file.h"

#define CHECK_DRIVES (VM_IDE_CHANNELS * 2u)

// What opening a drive's file showed.
struct check_drive {
	bool opened;
	uint64_t size;          // bytes
	char kind[40];          // "twoGbMaxExtentSparse", "raw", ...
	char problem[1200];     // why it could not be opened, or empty
	enum exit_code exit;    // with .problem
};

struct check {
	const char *path;                       // as given
	struct vm_config *config;               // NULL when there is none
	struct vmx_file *file;                  // NULL when it could not be parsed
	struct vmx_report report;
	struct err err;                         // .code != 0: the file could not be read at all
	struct pci_plan pci;
	struct check_drive drive[CHECK_DRIVES]; // channel * 2 + unit
	struct host_report nesting;             // of this host, when the VM asks for it
	bool disks_looked_at; // false: this host has no io_uring, sizes and types are not known
};

// Everything about PATH; check_free() afterwards. Opens the disks for reading, one after the other, as a
// start would.
void check_load(struct check *check, const char *path);
// What this host can do for a VM that asks for nesting; a separate step, so that a file can be looked at without a host.
void check_host(struct check *check);
void check_free(struct check *check);
// What a start would exit with; EXIT_GUEST_OFF when it would not be stopped.
enum exit_code check_exit(const struct check *check);
// Errors of the file and of the disks.
size_t check_errors(const struct check *check);

// For people. ALL lists every key, else only those that are not simply fine.
void check_print(const struct check *check, bool all, FILE *out);
// {"machine":{}, "problems":[], "keys":[], "exit":N}. 0, -ENOMEM or -EIO.
int check_print_json(const struct check *check, FILE *out);

#endif
