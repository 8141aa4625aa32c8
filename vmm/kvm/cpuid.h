// cpuid.h: what the guest's CPUID says: KVM's features, VMware's hypervisor leaves, topology, the .vmx masks.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Pure: turns one table into another, so a unit test runs it without KVM. vmware-hardware section 6.
#ifndef BERTH_KVM_CPUID_H
#define BERTH_KVM_CPUID_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPUID_MAX_ENTRIES 256u

struct vm_cpuid_mask;

// Where a vCPU sits: APIC IDs leave room for the next power of two of cores, and at least one bit below the
// socket, as VMware numbers them (0, 2, 4 with one core a socket).
struct cpu_topology { unsigned cpus, cores_per_socket; };

uint32_t topology_apic_id(const struct cpu_topology *t, unsigned cpu);
unsigned topology_socket_shift(const struct cpu_topology *t);

struct cpuid_args {
	struct cpu_topology topology;
	bool hypervisor;                // hypervisor.cpuid.v0
	bool nested;                    // vhv.enable: keep VMX or SVM
	bool pmu;                       // vpmc.enable: keep the performance counters
	uint32_t hyperv, hyperv_spinlocks;      // berth.hyperv.*: bits of enum vm_hyperv; VMware's leaves move up
	uint32_t tsc_khz, apic_khz;
	const struct vm_cpuid_mask *masks;
	size_t mask_count;
};

struct cpuid_table {
	uint32_t count;
	struct kvm_cpuid_entry2 entries[CPUID_MAX_ENTRIES];
};

// Makes the table common to all vCPUs from what the host's KVM supports (COUNT entries).
void cpuid_build(const struct cpuid_args *args, const struct kvm_cpuid_entry2 *host, uint32_t count, struct cpuid_table *out);
// Fills in what differs by CPU: APIC IDs.
void cpuid_for_cpu(const struct cpuid_args *args, unsigned cpu, struct cpuid_table *table);
// The entry, made when there is none; NULL when the table is full.
struct kvm_cpuid_entry2 *cpuid_add(struct cpuid_table *table, uint32_t leaf, uint32_t index, bool indexed);
struct kvm_cpuid_entry2 *cpuid_find(struct cpuid_table *table, uint32_t leaf, uint32_t index);
// Applies one mask (32 characters, most significant bit first, vmx-keys 2.2) to VALUE; HOST is the host's value.
uint32_t cpuid_mask_apply(const char *bits, uint32_t value, uint32_t host);

#endif
