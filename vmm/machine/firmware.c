// firmware.c: ROM images in their places, and what the firmware is told: tables, memory map, boot order.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "hw/chipset/i440bx.h"
#include "hw/firmware/acpi.h"
#include "hw/firmware/bootorder.h"
#include "hw/firmware/e820.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/firmware/smbios.h"
#include "hw/vmware/genid.h"
#include "hw/pci/ecam.h"
#include "machine/internal.h"

// VMware lists as many processors as there can be, those that are not there as disabled.
#define FIRST_HW_WITH_ALL_CPUS 11
#define ALL_CPUS               128u

static unsigned serial_bitmap(const struct machine *m)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < VM_SERIALS; i++) {
		if (m->config->serial[i].kind != VM_SERIAL_NONE)
			bits |= 1u << i;
	}
	return m->args.console ? bits | 1u : bits;
}

struct acpi_places {
	struct acpi_bridge bridges[ACPI_MAX_BRIDGES];
	struct acpi_label labels[PCI_PLAN_MAX];
	unsigned bridge_count, label_count;
};

static void describe_bridge(struct acpi_places *p, const struct pci_plan_entry *e)
{
	int n = e->node[strlen(e->node) - 1] - '0';
	bool express = e->kind == VM_PCI_ROOT_PORT;

	if (p->bridge_count == ACPI_MAX_BRIDGES)
		return;
	p->bridges[p->bridge_count++] = (struct acpi_bridge){
		.index = (unsigned)n, .device = (uint8_t)e->slot.device, .functions = express ? e->functions : 0,
		.slot = (unsigned)pci_slot_guest_number(&(struct pci_slot){ .bridge = n }, express),
	};
}

static void describe_label(struct acpi_places *p, const struct pci_plan_entry *e)
{
	struct acpi_label *l = &p->labels[p->label_count++];

	*l = (struct acpi_label){ .bridge_devfn = e->bridge_devfn, .device = (uint8_t)e->slot.device,
				  .index = pci_plan_label_index(e) };
	snprintf(l->name, sizeof(l->name), "%s", e->node);
	// VMware writes the adapters' names with a capital.
	if (!strncmp(l->name, "ethernet", 8))
		l->name[0] = 'E';
}

static void describe_places(const struct pci_plan *plan, struct acpi_places *p)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct pci_plan_entry *e = &plan->entry[i];

		if (e->number < 0)
			continue;
		if (pci_plan_is_bridge(e))
			describe_bridge(p, e);
		else if (e->slot.bridge != PCI_SLOT_BUS0 && e->kind != VM_PCI_NUMBER)
			describe_label(p, e);
	}
}

static int add_acpi(struct machine *m, struct err *err)
{
	const struct vm_config *c = m->config;
	struct cpu_topology topology = { c->cpus, c->cores_per_socket };
	unsigned listed = c->hw_version >= FIRST_HW_WITH_ALL_CPUS ? MAX(c->cpus, ALL_CPUS) : c->cpus;
	uint32_t *ids = calloc(listed, sizeof(*ids));
	struct acpi_args args = {
		.hw_version = c->hw_version, .cpus = c->cpus, .listed_cpus = listed, .apic_ids = ids, .hpet = c->hpet, .ps2 = true,
		.serial_ports = serial_bitmap(m), .genid = c->has_genid ? GENID_ADDRESS : 0,
		.ecam = i440bx_has_ecam(m->i440bx), .hot_add = c->hot_add,
		.low_size = gmem_low_size(m->mem), .high_size = gmem_high_size(m->mem),
	};
	struct acpi_places places = { .bridge_count = 0 };
	int r;

	describe_places(&m->pci, &places);
	args.bridges = places.bridges;
	args.bridge_count = places.bridge_count;
	args.labels = places.labels;
	args.label_count = places.label_count;

	if (!ids)
		return err_set(err, ENOMEM, c->name, "no memory for the ACPI tables");
	for (unsigned i = 0; i < listed; i++)
		ids[i] = topology_apic_id(&topology, i);
	r = acpi_build(&args, m->fw_cfg, err);
	free(ids);
	return r;
}

static void describe_cpu(struct machine *m, struct smbios_cpu *cpu)
{
	struct cpuid_table *t = vcpus_cpuid(m->vcpus);
	const struct kvm_cpuid_entry2 *e = cpuid_find(t, 0, 0);

	memset(cpu, 0, sizeof(*cpu));
	if (e) {
		memcpy(cpu->vendor, &e->ebx, 4);
		memcpy(cpu->vendor + 4, &e->edx, 4);
		memcpy(cpu->vendor + 8, &e->ecx, 4);
	}
	for (uint32_t i = 0; i < 3; i++) {
		e = cpuid_find(t, 0x80000002u + i, 0);
		if (e)
			memcpy(cpu->brand + 16 * i, &e->eax, 16);
	}
	e = cpuid_find(t, 1, 0);
	if (e) {
		cpu->signature = e->eax;
		cpu->features = e->edx;
	}
	e = cpuid_find(t, 0x80000001u, 0);
	cpu->long_mode = e && e->edx >> 29 & 1;
	cpu->mhz = vcpus_tsc_khz(m->vcpus) / 1000;
}

static const char *or_null(const char *text) { return *text ? text : NULL; }

// Each name: the host's if asked for and known, else the file's, else VMware's.
static void name_machine(const struct vm_config *c, const struct smbios_host *host, struct smbios_args *args)
{
	args->manufacturer = c->smbios_reflect_host ? or_null(host->manufacturer) : NULL;
	args->product = c->smbios_reflect_host || c->hw_model_host ? or_null(host->product) : NULL;
	args->serial = c->serial_number_host ? or_null(host->serial) : NULL;
	args->board = c->board_id_host ? or_null(host->board) : NULL;
	if (!args->product)
		args->product = c->hw_model;
	if (!args->serial)
		args->serial = c->serial_number;
	if (!args->board)
		args->board = c->board_id;
	args->short_serial = c->smbios_short_serial;
	args->host_vendor = c->smbios_add_host_vendor ? or_null(host->manufacturer) : NULL;
}

static int add_smbios(struct machine *m, struct err *err)
{
	const struct vm_config *c = m->config;
	struct smbios_args args = {
		.hw_version = c->hw_version, .uuid = c->uuid_bios, .uuid_text = c->uuid_bios_text, .cpus = c->cpus,
		.cores_per_socket = c->cores_per_socket, .mem_mb = c->mem_mb, .no_oem_strings = c->smbios_no_oem_strings,
	};
	struct smbios_host host;

	describe_cpu(m, &args.cpu);
	smbios_host_read(&host);
	name_machine(c, &host, &args);
	return smbios_build(&args, m->fw_cfg, err);
}

static int add_map(struct machine *m, struct err *err)
{
	static const struct e820_range ecam = { ECAM_BASE, ECAM_SIZE };
	struct e820_args args = {
		.low_size = gmem_low_size(m->mem), .high_size = gmem_high_size(m->mem),
		.reserved = &ecam, .reserved_count = i440bx_has_ecam(m->i440bx),
	};

	return e820_build(&args, m->fw_cfg, err);
}

// No MSR 3Ah for the firmware: vcpu.c locks it at power-on, and a second write would fault.
static int add_boot_order(struct machine *m, struct err *err)
{
	const struct vm_config *c = m->config;
	char path[MACHINE_DRIVES][BOOT_PATH_SIZE];
	struct boot_device devices[MACHINE_DRIVES];
	struct boot_args args = {
		.order = c->boot_order, .disk_order = c->hdd_order, .devices = devices, .delay_ms = c->boot_delay_ms,
		.setup_once = c->force_setup_once, .retry_ms = BOOT_NO_RETRY,
	};

	for (unsigned i = 0; i < MACHINE_DRIVES; i++) {
		const struct vm_drive *d = &c->ide[i / 2][i % 2];

		if (d->kind == VM_DRIVE_NONE)
			continue;
		boot_path_ide(path[args.count], DEVFN_PIIX4_IDE, i / 2, i % 2);
		devices[args.count] = (struct boot_device){
			.node = d->node, .class = d->kind == VM_DRIVE_DISK ? BOOT_DISK : BOOT_CDROM,
			.path = path[args.count] };
		args.count++;
	}
	return boot_build(&args, m->fw_cfg, err);
}

static int add_machine(struct machine *m, struct err *err)
{
	const struct vm_config *c = m->config;
	struct cpu_topology topology = { c->cpus, c->cores_per_socket };
	struct fw_cfg_machine args = {
		.ram_size = c->mem_mb << 20, .cpus = c->cpus, .uuid = c->uuid_bios,
		.apic_id_limit = topology_apic_id(&topology, c->cpus - 1) + 1,
	};

	return fw_cfg_add_machine(m->fw_cfg, &args, err);
}

int machine_load_roms(struct machine *m, struct err *err)
{
	int r = firmware_roms_load(m->config->bios_path, m->config->vgabios_path, &m->roms, err);

	return r < 0 ? r : firmware_roms_map(&m->roms, m->mem, err);
}

int machine_build_firmware(struct machine *m, struct err *err)
{
	int r = add_machine(m, err);

	if (!r)
		r = firmware_roms_add(&m->roms, m->fw_cfg, err);
	if (!r)
		r = add_map(m, err);
	if (!r)
		r = add_acpi(m, err);
	if (!r)
		r = add_smbios(m, err);
	if (!r)
		r = add_boot_order(m, err);
	return r;
}
