// check_json.c: `berth check --json`.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "cli/check_priv.h"
#include "vmx/charset.h"

// NULL becomes null; what is no UTF-8 becomes question marks.
static json_t *text(const char *s)
{
	char *clean = s ? utf8_clean(s, strlen(s)) : NULL;
	json_t *j = clean ? json_string(clean) : json_null();

	free(clean);
	return j;
}

// Takes VALUE over.
static void put(json_t *object, const char *name, json_t *value)
{
	json_object_set_new(object, name, value);
}

static json_t *drive_json(const struct check *check, unsigned i)
{
	const struct vm_drive *v = &check->config->ide[i / 2][i % 2];
	const struct check_drive *d = &check->drive[i];
	json_t *j = json_object();

	put(j, "node", text(v->node));
	put(j, "type", text(v->kind == VM_DRIVE_CDROM ? "cdrom" : "disk"));
	put(j, "path", text(v->path));
	put(j, "connected", json_boolean(v->connected));
	put(j, "size", d->opened ? json_integer((json_int_t)d->size) : json_null());
	put(j, "format", d->opened ? text(d->kind) : json_null());
	put(j, "writeThrough", json_boolean(v->write_through));
	put(j, "ssd", json_boolean(v->ssd));
	return j;
}

static json_t *drives_json(const struct check *check)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < CHECK_DRIVES; i++) {
		if (check->config->ide[i / 2][i % 2].kind != VM_DRIVE_NONE)
			json_array_append_new(list, drive_json(check, i));
	}
	return list;
}

static json_t *serial_json(const struct vm_config *c)
{
	static const char *const kinds[] = {
		[VM_SERIAL_NONE] = "none", [VM_SERIAL_NULL] = "unconnected", [VM_SERIAL_FILE] = "file",
		[VM_SERIAL_PIPE] = "pipe", [VM_SERIAL_NETWORK] = "network",
	};
	json_t *list = json_array();

	for (unsigned i = 0; i < VM_SERIALS; i++) {
		json_t *j;

		if (c->serial[i].kind == VM_SERIAL_NONE)
			continue;
		j = json_object();
		put(j, "port", json_integer(i));
		put(j, "type", text(kinds[c->serial[i].kind]));
		put(j, "path", text(c->serial[i].path));
		put(j, "server", json_boolean(c->serial[i].server));
		json_array_append_new(list, j);
	}
	return list;
}

// Everything that has a place: node, slot number, address as the firmware will number the buses.
static json_t *pci_json(const struct pci_plan *plan)
{
	json_t *list = json_array();

	for (size_t i = 0; i < plan->count; i++) {
		const struct pci_plan_entry *e = &plan->entry[i];
		char address[16];
		json_t *j;

		if (e->number < 0 || e->kind == VM_PCI_NUMBER)
			continue;
		snprintf(address, sizeof(address), "%02x:%02x.%x", e->bus, e->devfn >> 3, e->devfn & 7);
		j = json_object();
		put(j, "node", text(e->node));
		put(j, "slot", json_integer(e->number));
		put(j, "address", text(address));
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *vnc_json(const struct vm_vnc *v)
{
	json_t *j = json_object();

	put(j, "enabled", json_boolean(v->enabled));
	put(j, "ip", text(v->ip));
	put(j, "port", json_integer(v->port));
	put(j, "password", json_boolean(v->has_key || v->password));
	return j;
}

static json_t *machine_json(const struct check *check)
{
	const struct vm_config *c = check->config;
	json_t *j;

	if (!c)
		return json_null();
	j = json_object();
	put(j, "name", text(c->name));
	put(j, "vmx", text(c->vmx_path));
	put(j, "hardwareVersion", json_integer(c->hw_version));
	put(j, "guestOS", text(c->guest_os));
	put(j, "guest64", json_boolean(c->guest_64));
	put(j, "uuid", text(c->uuid_bios_text));
	put(j, "cpus", json_integer(c->cpus));
	put(j, "coresPerSocket", json_integer(c->cores_per_socket));
	put(j, "nested", json_boolean(c->nested));
	put(j, "memoryMB", json_integer((json_int_t)c->mem_mb));
	put(j, "firmware", text(c->firmware == VM_FIRMWARE_EFI ? "efi" : "bios"));
	put(j, "bootOrder", text(c->boot_order));
	put(j, "hpet", json_boolean(c->hpet));
	put(j, "vramBytes", json_integer((json_int_t)c->svga_vram));
	put(j, "drives", drives_json(check));
	put(j, "serial", serial_json(c));
	put(j, "pci", pci_json(&check->pci));
	put(j, "vnc", vnc_json(&c->vnc));
	return j;
}

static json_t *nesting_json(const struct check *check)
{
	static const char *const verdicts[] = {
		[HOST_OK] = "yes", [HOST_NOTE] = "note", [HOST_LIMITED] = "limited", [HOST_NO] = "no" };
	json_t *list = json_array();

	for (size_t i = 0; i < check->nesting.count; i++) {
		const struct host_check *c = &check->nesting.check[i];
		json_t *j = json_object();

		put(j, "name", text(c->name));
		put(j, "verdict", text(verdicts[c->verdict]));
		put(j, "text", text(c->text));
		put(j, "remedy", text(c->remedy));
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *problem_json(enum vmx_severity severity, unsigned line, const char *key, const char *what)
{
	static const char *const names[] = {
		[VMX_NOTE] = "note", [VMX_WARNING] = "warning", [VMX_ERROR] = "error",
	};
	json_t *j = json_object();

	put(j, "severity", text(names[severity]));
	put(j, "line", json_integer(line));
	put(j, "key", text(key));
	put(j, "text", text(what));
	return j;
}

static json_t *problems_json(const struct check *check)
{
	json_t *list = json_array();
	char sentence[1200];

	if (check->err.code) {
		err_sentence(&check->err, sentence, sizeof(sentence));
		json_array_append_new(list, problem_json(VMX_ERROR, 0, NULL, sentence));
	}
	for (size_t i = 0; i < check->report.count; i++) {
		const struct vmx_problem *p = &check->report.list[i];

		json_array_append_new(list, problem_json(p->severity, p->line, p->key, p->text));
	}
	for (unsigned i = 0; i < CHECK_DRIVES; i++) {
		const struct check_drive *d = &check->drive[i];
		const char *node = check->config ? check->config->ide[i / 2][i % 2].node : NULL;

		if (d->problem[0])
			json_array_append_new(list, problem_json(VMX_ERROR, 0, node, d->problem));
	}
	return list;
}

static json_t *keys_json(const struct check *check)
{
	json_t *list = json_array();

	for (size_t i = 0; check->file && i < vmx_file_count(check->file); i++) {
		const struct vmx_entry *e = vmx_file_at(check->file, i);
		struct vmx_verdict v;
		json_t *j = json_object();

		vmx_key_judge(check->file, e, &v);
		put(j, "key", text(e->name));
		put(j, "line", json_integer(e->line));
		put(j, "fate", text(vmx_fate_name(v.fate)));
		put(j, "why", text(v.why));
		json_array_append_new(list, j);
	}
	return list;
}

int check_print_json(const struct check *check, FILE *out)
{
	json_t *root = json_object();
	int r;

	if (!root)
		return -ENOMEM;
	put(root, "machine", machine_json(check));
	if (check->nesting.count)
		put(root, "nesting", nesting_json(check));
	put(root, "problems", problems_json(check));
	put(root, "keys", keys_json(check));
	put(root, "exit", json_integer((json_int_t)check_exit(check)));
	r = json_dumpf(root, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER) < 0 ? -EIO : 0;
	if (fputc('\n', out) == EOF)
		r = -EIO;
	json_decref(root);
	return r;
}
