// check_text.c: `berth check` for people.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "cli/check_priv.h"
#include "vmx/charset.h"

// Names out of the file must not move the terminal's cursor.
static void put_clean(FILE *out, const char *text)
{
	char *clean = utf8_clean(text, strlen(text));

	fputs(clean ? clean : "?", out);
	free(clean);
}

static void label(FILE *out, const char *name)
{
	fprintf(out, "  %-14s", name);
}

// --- the machine ---------------------------------------------------------------------------------------

static void put_size(FILE *out, uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	unsigned unit = 0;
	double v = (double)bytes;

	while (v >= 1024 && unit + 1 < ARRAY_SIZE(units)) {
		v /= 1024;
		unit++;
	}
	fprintf(out, unit ? "%.1f %s" : "%.0f %s", v, units[unit]);
}

static void print_identity(const struct vm_config *c, FILE *out)
{
	label(out, "Name");
	put_clean(out, c->name);
	fputc('\n', out);
	label(out, "Hardware");
	fprintf(out, "version %d; guest ", c->hw_version);
	put_clean(out, c->guest_os);
	fprintf(out, " (%s)\n", c->guest_64 ? "64-bit" : "32-bit");
	label(out, "UUID");
	put_clean(out, c->has_uuid_bios ? c->uuid_bios_text : "made at the first start");
	fputc('\n', out);
}

static void print_cpus(const struct vm_config *c, FILE *out)
{
	unsigned sockets = c->cpus / c->cores_per_socket;

	label(out, "Processors");
	fprintf(out, "%u: %u socket%s with %u core%s each%s%s\n", c->cpus, sockets, sockets == 1 ? "" : "s",
		c->cores_per_socket, c->cores_per_socket == 1 ? "" : "s",
		c->nested ? "; nested virtualization" : "",
		c->hypervisor_leaves ? "" : "; hypervisor hidden");
	if (c->cpuid_mask_count) {
		label(out, "CPUID masks");
		fprintf(out, "%zu\n", c->cpuid_mask_count);
	}
	label(out, "Memory");
	fprintf(out, "%" PRIu64 " MB\n", c->mem_mb);
}

static void print_platform(const struct vm_config *c, FILE *out)
{
	label(out, "Firmware");
	fputs(c->firmware == VM_FIRMWARE_EFI ? "EFI" : "BIOS", out);
	if (c->boot_order) {
		fputs(", boot order ", out);
		put_clean(out, c->boot_order);
	}
	fputc('\n', out);
	label(out, "Chipset");
	fprintf(out, "Intel 440BX and PIIX4; PS/2 keyboard and mouse%s\n", c->hpet ? "; HPET" : "");
	label(out, "Display");
	fprintf(out, "VMware SVGA, %" PRIu64 " MiB\n", c->svga_vram >> 20);
	label(out, "VNC");
	if (!c->vnc.enabled)
		fputs("off\n", out);
	else
		fprintf(out, "%s port %u, %s\n", c->vnc.ip, c->vnc.port,
			c->vnc.has_key || c->vnc.password ? "with password" : "no password");
}

static void print_drive(const struct check *check, unsigned i, FILE *out)
{
	const struct vm_drive *v = &check->config->ide[i / 2][i % 2];
	const struct check_drive *d = &check->drive[i];
	char name[16];

	if (v->kind == VM_DRIVE_NONE)
		return;
	snprintf(name, sizeof(name), "IDE %u:%u", i / 2, i % 2);
	label(out, name);
	fputs(v->kind == VM_DRIVE_CDROM ? "CD    " : "disk  ", out);
	put_clean(out, v->path ? v->path : v->kind == VM_DRIVE_CDROM ? "empty" : "no file");
	if (d->opened) {
		fputs("  ", out);
		put_size(out, d->size);
		fprintf(out, "  %s", v->kind == VM_DRIVE_CDROM ? "image" : d->kind);
	}
	fprintf(out, "%s%s%s%s\n", d->problem[0] ? "  cannot be opened" : "",
		v->write_through ? "  write-through" : "", v->ssd ? "  SSD" : "",
		v->path && !v->connected ? "  not connected" : "");
}

static void print_drives(const struct check *check, FILE *out)
{
	unsigned drives = 0;

	for (unsigned i = 0; i < CHECK_DRIVES; i++) {
		drives += check->config->ide[i / 2][i % 2].kind != VM_DRIVE_NONE;
		print_drive(check, i, out);
	}
	if (!drives) {
		label(out, "IDE");
		fputs("PIIX4, no drives\n", out);
	}
}

static void print_serial(const struct vm_config *c, FILE *out)
{
	static const char *const kinds[] = {
		[VM_SERIAL_NULL] = "unconnected", [VM_SERIAL_FILE] = "file", [VM_SERIAL_PIPE] = "pipe",
		[VM_SERIAL_NETWORK] = "network",
	};

	for (unsigned i = 0; i < VM_SERIALS; i++) {
		const struct vm_serial *s = &c->serial[i];
		char name[16];

		if (s->kind == VM_SERIAL_NONE)
			continue;
		snprintf(name, sizeof(name), "COM%u", i + 1);
		label(out, name);
		fputs(kinds[s->kind], out);
		if (s->kind == VM_SERIAL_PIPE || s->kind == VM_SERIAL_NETWORK)
			fputs(s->server ? " (server)" : " (client)", out);
		fputs("  ", out);
		put_clean(out, s->path ? s->path : "");
		fputc('\n', out);
	}
}

static void print_place(const struct pci_plan_entry *e, FILE *out)
{
	fprintf(out, "slot %d, %02x:%02x.%x\n", e->number, e->bus, e->devfn >> 3, e->devfn & 7);
}

static void print_nics(const struct check *check, FILE *out)
{
	static const char *const kinds[] = {
		[VM_NIC_VLANCE] = "vlance", [VM_NIC_VMXNET] = "vmxnet", [VM_NIC_VMXNET3] = "vmxnet3",
		[VM_NIC_E1000] = "e1000", [VM_NIC_E1000E] = "e1000e",
	};

	for (unsigned n = 0; n < VM_NICS; n++) {
		char node[VM_PCI_NODE];
		const struct pci_plan_entry *e;
		uint8_t m[6];

		snprintf(node, sizeof(node), "ethernet%u", n);
		e = pci_plan_find(&check->pci, node);
		if (!e || check->config->nic[n].kind == VM_NIC_NONE)
			continue;
		label(out, node);
		vm_nic_mac(check->config, n, m);
		fprintf(out, "%s, ", kinds[check->config->nic[n].kind]);
		if (check->config->nic[n].has_mac || check->config->has_uuid_bios)
			fprintf(out, "%02x:%02x:%02x:%02x:%02x:%02x, ", m[0], m[1], m[2], m[3], m[4], m[5]);
		print_place(e, out);
	}
}

static void print_usb(const struct check *check, FILE *out)
{
	static const char *const nodes[] = { "usb", "ehci" };

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		const struct pci_plan_entry *e = pci_plan_find(&check->pci, nodes[i]);

		if (!e)
			continue;
		label(out, i ? "USB 2" : "USB 1.1");
		fputs("controller, no devices, ", out);
		print_place(e, out);
	}
}

// Whether this host can give what the VM asks for: what stands in the way, else that nothing does.
static void print_nesting(const struct check *check, FILE *out)
{
	const struct host_report *r = &check->nesting;
	bool good = true;

	if (!r->count)
		return;
	for (size_t i = 0; i < r->count; i++) {
		if (r->check[i].verdict < HOST_LIMITED)
			continue;
		good = false;
		label(out, "Nesting");
		fprintf(out, "%s: %s\n", r->check[i].verdict == HOST_NO ? "not on this host" : "limited", r->check[i].text);
		if (r->check[i].remedy[0])
			fprintf(out, "  %-14s-> %s\n", "", r->check[i].remedy);
	}
	if (good) {
		label(out, "Nesting");
		fputs("this host gives guests every control that hypervisors ask for\n", out);
	}
}

static void print_machine(const struct check *check, FILE *out)
{
	fputs("\nMachine\n", out);
	print_identity(check->config, out);
	print_cpus(check->config, out);
	print_nesting(check, out);
	print_platform(check->config, out);
	print_drives(check, out);
	print_serial(check->config, out);
	print_usb(check, out);
	print_nics(check, out);
	if (!check->disks_looked_at)
		fputs("  Disks were not opened: this host refuses io_uring; see `berth host`.\n", out);
}

// --- problems ------------------------------------------------------------------------------------------

// The name that was given, or the one that was found in the folder that was given.
static void put_file(const struct check *check, FILE *out)
{
	const char *found = check->file ? vmx_file_path(check->file) : NULL;
	size_t n = strlen(check->path);
	bool folder = n < 4 || strcasecmp(check->path + n - 4, ".vmx");

	if (found && folder && strrchr(found, '/'))
		put_clean(out, strrchr(found, '/') + 1);
	else
		put_clean(out, check->path);
}

static void print_problem(const struct check *check, const struct vmx_problem *p, FILE *out)
{
	static const char *const severity[] = {
		[VMX_NOTE] = "note", [VMX_WARNING] = "warning", [VMX_ERROR] = "error",
	};

	fputs("  ", out);
	put_file(check, out);
	if (p->line)
		fprintf(out, ":%u", p->line);
	fprintf(out, ": %s: %s%s%s.\n", severity[p->severity], p->key ? p->key : "", p->key ? ": " : "",
		p->text);
}

static void print_disk_problems(const struct check *check, FILE *out)
{
	for (unsigned i = 0; i < CHECK_DRIVES; i++) {
		if (check->drive[i].problem[0]) {
			fprintf(out, "  %s: error: ", check->config->ide[i / 2][i % 2].node);
			put_clean(out, check->drive[i].problem);
			fputc('\n', out);
		}
	}
}

static void print_problems(const struct check *check, FILE *out)
{
	if (!check->report.count && !check_errors(check))
		return;
	fputs("\nProblems\n", out);
	for (int severity = VMX_ERROR; severity >= VMX_NOTE; severity--) {
		for (size_t i = 0; i < check->report.count; i++) {
			if ((int)check->report.list[i].severity == severity)
				print_problem(check, &check->report.list[i], out);
		}
		if (severity == VMX_ERROR)
			print_disk_problems(check, out);
	}
}

// --- keys ----------------------------------------------------------------------------------------------

struct key_group {
	enum vmx_fate fate;
	const char *title;
	bool always;            // also without --all
};

static const struct key_group groups[] = {
	{ VMX_REFUSED, "Refused", true },
	{ VMX_UNKNOWN, "Unknown; kept when the file is rewritten", true },
	{ VMX_NOT_YET, "Not honoured yet", true },
	{ VMX_INACTIVE, "Inactive", true },
	{ VMX_HONOURED, "Honoured", false },
	{ VMX_HARMLESS, "Harmless: accepted, without meaning here", false },
};

static void print_key(const struct vmx_entry *e, const struct vmx_verdict *v, FILE *out)
{
	size_t len = strlen(e->name);

	fprintf(out, "    %4u  ", e->line);
	put_clean(out, e->name);
	if (v->fate != VMX_UNKNOWN)
		fprintf(out, "%*s  %s", (int)(len < 34 ? 34 - len : 0), "", v->why);
	fputc('\n', out);
}

// Returns how many keys have that fate; PRINT prints them.
static size_t walk_group(const struct check *check, enum vmx_fate fate, bool print, FILE *out)
{
	size_t n = 0;

	for (size_t i = 0; i < vmx_file_count(check->file); i++) {
		const struct vmx_entry *e = vmx_file_at(check->file, i);
		struct vmx_verdict v;

		vmx_key_judge(check->file, e, &v);
		if (v.fate != fate)
			continue;
		n++;
		if (print)
			print_key(e, &v, out);
	}
	return n;
}

static void print_keys(const struct check *check, bool all, FILE *out)
{
	if (!check->file)
		return;
	fprintf(out, "\nKeys (%zu)\n", vmx_file_count(check->file));
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		size_t n = walk_group(check, groups[i].fate, false, out);

		if (!n || !(groups[i].always || all))
			continue;
		fprintf(out, "  %s (%zu)\n", groups[i].title, n);
		walk_group(check, groups[i].fate, true, out);
	}
	fprintf(out, "  %zu honoured, %zu harmless%s\n", walk_group(check, VMX_HONOURED, false, out),
		walk_group(check, VMX_HARMLESS, false, out), all ? "" : " (--all lists them)");
}

// --- all of it -----------------------------------------------------------------------------------------

static void print_verdict(const struct check *check, FILE *out)
{
	size_t errors = check_errors(check);

	if (errors)
		fprintf(out, "\nA start would stop: %zu error%s, exit code %d.\n", errors,
			errors == 1 ? "" : "s", (int)check_exit(check));
	else
		fputs("\nNothing in the file stops a start.\n", out);
}

void check_print(const struct check *check, bool all, FILE *out)
{
	put_clean(out, check->config ? check->config->vmx_path : check->path);
	fputc('\n', out);
	if (check->config)
		print_machine(check, out);
	print_problems(check, out);
	print_keys(check, all, out);
	print_verdict(check, out);
}
