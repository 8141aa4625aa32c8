// config.c: from a .vmx to a vm_config: reading, checks of the file as a whole, the order of the parts.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmx/config.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "vmx/load.h"

#define FAULTS_SHOWN 20u

// --- the file as a whole -------------------------------------------------------------------------------

static void check_lines(struct loader *l)
{
	size_t n = vmx_file_fault_count(l->file);

	for (size_t i = 0; i < n && i < FAULTS_SHOWN; i++) {
		const struct vmx_fault *fault = vmx_file_fault(l->file, i);

		problem_at(l, VMX_ERROR, fault->line, NULL, "this line is not `name = \"value\"`: %s",
			   fault->why);
	}
	if (n > FAULTS_SHOWN)
		problem(l, VMX_ERROR, NULL, "%zu more lines are malformed; check that this is a .vmx",
			n - FAULTS_SHOWN);
}

static void check_entry(struct loader *l, const struct vmx_entry *e)
{
	if (e->first_line)
		problem_at(l, VMX_ERROR, e->line, e->name,
			   "stands in line %u and in line %u; delete one of them", e->first_line, e->line);
	if (e->unterminated)
		problem_at(l, VMX_WARNING, e->line, e->name,
			   "the closing quote is missing; read as \"%.100s\"", e->value);
	if (e->bad_text)
		problem_at(l, VMX_WARNING, e->line, e->name,
			   "has bytes that are no text in the file's encoding; they are used as they are");
	if (memchr(e->value, '\0', e->value_len))
		problem_at(l, VMX_WARNING, e->line, e->name, "holds |00; only what is before it counts");
	if (!strncasecmp(e->name, "berth.", 6) && !vmx_key_find(e->name, NULL))
		problem_at(l, VMX_WARNING, e->line, e->name, "is no key of Berth; check its spelling");
}

static void check_text(struct loader *l)
{
	const char *encoding = vmx_file_unknown_encoding(l->file);

	if (encoding)
		problem(l, VMX_WARNING, ".encoding",
			"this host does not know the encoding \"%.60s\"; UTF-8 is assumed", encoding);
	if (vmx_file_bom_conflict(l->file))
		problem(l, VMX_WARNING, ".encoding",
			"the file begins with a UTF-8 mark; it is read as UTF-8");
	check_lines(l);
	for (size_t i = 0; i < vmx_file_count(l->file); i++)
		check_entry(l, vmx_file_at(l->file, i));
}

static void refuse_encrypted(struct loader *l, bool full)
{
	const char *key =
		vmx_file_find(l->file, "encryption.keySafe") ? "encryption.keySafe" : "encryption.data";

	problem(l, VMX_ERROR, key,
		"the VM is encrypted by VMware%s; Berth has no key to it: remove the encryption in "
		"VMware (VM Settings, Options, Access Control)",
		full ? "" : ", in part (for a TPM)");
}

static void check_suspended(struct loader *l)
{
	const char *state = get_written(l, "checkpoint.vmState");

	if (state)
		problem_busy(l, "checkpoint.vmState",
			     "the VM is suspended in %.100s and its disks belong to that state; resume "
			     "it in VMware and shut it down, or give the state up by deleting this line and "
			     "that file",
			     state);
}

static void check_locks(struct loader *l)
{
	struct err err = { 0 };

	if (vmx_lock_check(l->c->vmx_path, &err) < 0)
		problem_busy(l, NULL, "%s. %s", err.what, err.remedy);
}

// --- one configuration ---------------------------------------------------------------------------------

static void set_paths(struct loader *l, const char *vmx_path)
{
	const char *slash = strrchr(vmx_path, '/');

	l->c->vmx_path = dup_text(l, vmx_path);
	l->c->dir =
		slash && slash > vmx_path ? strndup(vmx_path, (size_t)(slash - vmx_path)) : dup_text(l, "/");
	l->no_memory |= !l->c->dir;
}

static void load_all(struct loader *l)
{
	bool full;

	check_text(l);
	if (vmx_file_encrypted(l->file, &full))
		refuse_encrypted(l, full);
	load_identity(l);
	check_suspended(l);
	check_locks(l);
	load_cpus(l);
	load_platform(l);
	load_drives(l);
	load_ports(l);
	load_answers(l);
	load_pci(l);
	load_missing(l);
}

// Nothing of a sealed VM can be read, so nothing else is worth a message.
static bool is_sealed(struct loader *l)
{
	bool full;

	if (!vmx_file_encrypted(l->file, &full) || !full)
		return false;
	refuse_encrypted(l, true);
	return true;
}

int vm_config_from(const struct vmx_file *file, const char *vmx_path, struct vm_config **out,
		   struct vmx_report *report)
{
	struct loader l = { .file = file, .report = report };

	*out = NULL;
	l.c = calloc(1, sizeof(*l.c));
	if (!l.c)
		return -ENOMEM;
	set_paths(&l, vmx_path);
	if (!l.no_memory && is_sealed(&l)) {
		vm_config_free(l.c);
		return -EINVAL;
	}
	if (!l.no_memory)
		load_all(&l);
	if (l.no_memory) {
		vm_config_free(l.c);
		return -ENOMEM;
	}
	*out = l.c;
	return report->errors ? -EINVAL : 0;
}

// --- from the disk -------------------------------------------------------------------------------------

static bool is_vmx_name(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && name[0] != '.' && !strcasecmp(name + n - 4, ".vmx");
}

// A folder stands for the one .vmx in it: that is how VMs are copied around, and what a Fusion bundle is.
static int vmx_in_folder(char path[PATH_MAX], struct err *err)
{
	char found[NAME_MAX + 1] = "";
	struct dirent *e;
	DIR *d = opendir(path);
	unsigned n = 0;
	size_t len = strlen(path);

	if (!d)
		return err_set(err, errno, path, "cannot be opened: %s", strerror(errno));
	while ((e = readdir(d))) {
		if (is_vmx_name(e->d_name) && n++ == 0)
			snprintf(found, sizeof(found), "%s", e->d_name);
	}
	closedir(d);
	if (n != 1) {
		err_set(err, ENOENT, path, n ? "has %u .vmx files" : "is a folder without a .vmx file", n);
		err_remedy(err, "Give the path of the VM's .vmx file");
		return -ENOENT;
	}
	if (len + strlen(found) + 2 > PATH_MAX)
		return err_set(err, ENAMETOOLONG, path, "the path is too long");
	snprintf(path + len, PATH_MAX - len, "/%s", found);
	return 0;
}

static int find_vmx(const char *given, char path[PATH_MAX], struct err *err)
{
	struct stat st;

	if (!realpath(given, path)) {
		err_set(err, errno, given, "cannot be opened: %s", strerror(errno));
		err_remedy(err, "Give the path of the VM's .vmx file");
		return -err->code;
	}
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return vmx_in_folder(path, err);
	return 0;
}

int vm_config_load(const char *path, struct vm_config **out, struct vmx_file **file,
		   struct vmx_report *report, struct err *err)
{
	char real[PATH_MAX];
	struct err own = { 0 };
	int r;

	*out = NULL;
	*file = NULL;
	*report = (struct vmx_report){ 0 };
	if (!err)
		err = &own;
	r = find_vmx(path, real, err);
	if (!r)
		r = vmx_file_load(real, file, err);
	if (r < 0) {
		err_exit(err, EXIT_CONFIG);
		report->exit = err->exit;
		return r;
	}
	r = vm_config_from(*file, real, out, report);
	if (r == -ENOMEM)
		err_set(err, ENOMEM, path, "no memory for its configuration");
	return r;
}

static void free_drives(struct vm_config *c)
{
	for (unsigned i = 0; i < VM_IDE_CHANNELS * 2; i++) {
		free(c->ide[i / 2][i % 2].node);
		free(c->ide[i / 2][i % 2].path);
		free(c->ide[i / 2][i % 2].redo);
	}
}

void vm_config_free(struct vm_config *c)
{
	if (!c)
		return;
	free_drives(c);
	for (unsigned i = 0; i < VM_SERIALS; i++)
		free(c->serial[i].path);
	free(c->vmx_path);
	free(c->dir);
	free(c->name);
	free(c->guest_os);
	free(c->uuid_bios_text);
	free(c->cpuid_masks);
	free(c->hw_model);
	free(c->board_id);
	free(c->serial_number);
	free(c->vnc.ip);
	free(c->vnc.password);
	free(c->boot_order);
	free(c->hdd_order);
	free(c->log_path);
	free(c->working_dir);
	free(c->nvram_path);
	free(c->bios_path);
	free(c->vgabios_path);
	for (size_t i = 0; i < c->answer_count; i++) {
		free(c->answers[i].id);
		free(c->answers[i].text);
	}
	free(c->answers);
	free(c);
}
