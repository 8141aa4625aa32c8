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
	unsigned phys_bits;             // monitor.phys_bits_used: width of physical addresses, 0 = the host's
	const struct vm_cpuid_mask *masks;
	size_t mask_count;
};

struct cpuid_table {
	uint32_t count;
	struct kvm_cpuid_entry2 entries[CPUID_MAX_ENTRIES];
};

// The steps by which the guest's table is made of the host's, in their order.
enum cpuid_step {
	CPUID_STEP_HOST,                // what KVM supports, without other hypervisors' leaves
	CPUID_STEP_HYPERVISOR,          // hypervisor.cpuid.v0
	CPUID_STEP_PMU,                 // vpmc.enable
	CPUID_STEP_TOPOLOGY,            // numvcpus, cpuid.coresPerSocket
	CPUID_STEP_WIDTH,               // monitor.phys_bits_used
	CPUID_STEP_MASK,                // one of args->masks
	CPUID_STEP_NESTING,             // vhv.enable and what stands for it
};
// For whoever wants to know why the guest's table is as it is: called behind each step with the table so far. MASK is
// the index in args->masks, with CPUID_STEP_MASK alone.
struct cpuid_watch {
	void (*step)(void *arg, enum cpuid_step step, size_t mask, const struct cpuid_table *table);
	void *arg;
};

// Makes the table common to all vCPUs from what the host's KVM supports (COUNT entries).
void cpuid_build(const struct cpuid_args *args, const struct kvm_cpuid_entry2 *host, uint32_t count, struct cpuid_table *out);
void cpuid_build_watched(const struct cpuid_args *args, const struct kvm_cpuid_entry2 *host, uint32_t count,
			 struct cpuid_table *out, const struct cpuid_watch *watch);
// The first mask that demands of the host what it has not (T: a bit that is clear, F: one that is set), or NULL.
const struct vm_cpuid_mask *cpuid_unmet(const struct cpuid_args *args, const struct kvm_cpuid_entry2 *host, uint32_t count);
// Fills in what differs by CPU: APIC IDs.
void cpuid_for_cpu(const struct cpuid_args *args, unsigned cpu, struct cpuid_table *table);
// The entry, made when there is none; NULL when the table is full.
struct kvm_cpuid_entry2 *cpuid_add(struct cpuid_table *table, uint32_t leaf, uint32_t index, bool indexed);
struct kvm_cpuid_entry2 *cpuid_find(struct cpuid_table *table, uint32_t leaf, uint32_t index);
// Applies one mask (32 characters, most significant bit first, vmx-keys 2.2) to VALUE: 0, 1 and R force a bit, H, T and
// F pass that of HOST, the host's value, - and x leave it.
uint32_t cpuid_mask_apply(const char *bits, uint32_t value, uint32_t host);

#endif
