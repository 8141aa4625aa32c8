// firmware.c: ROM images in their places, and what the firmware is told: tables, memory map, boot order.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/firmware/acpi.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/firmware/smbios.h"
#include "machine/internal.h"

static unsigned serial_bitmap(const struct machine *m)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < VM_SERIALS; i++) {
		if (m->config->serial[i].kind != VM_SERIAL_NONE)
			bits |= 1u << i;
	}
	return m->args.console ? bits | 1u : bits;
}

static int add_acpi(struct machine *m, struct err *err)
{
	const struct vm_config *c = m->config;
	struct cpu_topology topology = { c->cpus, c->cores_per_socket };
	uint32_t *ids = calloc(c->cpus, sizeof(*ids));
	struct acpi_args args = {
		.hw_version = c->hw_version, .cpus = c->cpus, .apic_ids = ids, .hpet = c->hpet, .ps2 = true,
		.serial_ports = serial_bitmap(m),
	};
	int r;

	if (!ids)
		return err_set(err, ENOMEM, c->name, "no memory for the ACPI tables");
	for (unsigned i = 0; i < c->cpus; i++)
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

static int add_smbios(struct machine *m, struct err *err)
{
	const struct vm_config *c = m->config;
	struct smbios_args args = {
		.hw_version = c->hw_version, .uuid = c->uuid_bios, .uuid_text = c->uuid_bios_text, .cpus = c->cpus,
		.cores_per_socket = c->cores_per_socket, .mem_mb = c->mem_mb, .no_oem_strings = c->smbios_no_oem_strings,
	};
	struct smbios_host host;

	describe_cpu(m, &args.cpu);
	if (c->smbios_reflect_host) {
		smbios_host_read(&host);
		args.manufacturer = host.manufacturer[0] ? host.manufacturer : NULL;
		args.product = host.product[0] ? host.product : NULL;
	}
	return smbios_build(&args, m->fw_cfg, err);
}
