// vcpu.h: virtual CPUs: one thread each, a small state machine driven by messages.
// SPDX-License-Identifier: GPL-2.0-or-later
//
//   paused --resume--> running --pause--> paused        any --stop--> ended
//
// A vCPU starts paused. vCPU threads never wait for the loop thread, so the loop thread may wait for them.
#ifndef BERTH_KVM_VCPU_H
#define BERTH_KVM_VCPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kvm/cpuid.h"
#include "kvm/exits.h"
#include "kvm/kvm.h"

struct vcpus;

// Why the machine must stop; told once, from a vCPU thread. WHY and REGISTERS are text for a person.
struct vcpus_events {
	void (*crashed)(void *arg, unsigned cpu, bool triple_fault, const char *why, const char *registers);
	void *arg;
};

struct vcpus_args {
	struct kvm *kvm;
	struct cpuid_args cpuid;        // tsc_khz and apic_khz are filled in by vcpus_create()
	struct exit_env env;            // cpu, vcpu, get_regs, set_regs are filled in for each CPU
	struct vcpus_events events;
	struct posted *posted;          // emptied before each exit is handled; may be NULL
	const uint64_t *affinity;       // host CPUs that may run the threads, a bit each; NULL = all
	unsigned affinity_cpus;         // bits there
	bool set_feature_control;       // nested on Intel: IA32_FEATURE_CONTROL locked with VMX on
};

// Creates all vCPUs in their power-on state, with their threads, paused.
int vcpus_create(const struct vcpus_args *args, struct vcpus **out, struct err *err);
// Ends the threads and frees. Loop thread (or the thread that created them).
void vcpus_destroy(struct vcpus *v);

// Waits until every vCPU is out of the guest and its last access is complete. Loop thread.
void vcpus_pause(struct vcpus *v);
// Asks for a pause without waiting: from a device on a vCPU thread, so that the guest executes nothing behind the
// access that asked for a reset or power-off. Any thread.
void vcpus_pause_async(struct vcpus *v);
void vcpus_resume(struct vcpus *v);
// Power-on state of all CPUs; paused.
void vcpus_reset(struct vcpus *v);
// INIT of the boot CPU alone: it starts at the reset vector, everything else stays. Paused.
void vcpus_init_boot_cpu(struct vcpus *v);

// The CPUID that all CPUs have in common; belongs to V.
struct cpuid_table *vcpus_cpuid(struct vcpus *v);
// Whether any vCPU runs a guest of the guest at this moment: 1, 0, or -ENOTSUP where KVM cannot tell. Each is held up for
// the look, paused or running; waits for that. Loop thread.
int vcpus_inner_active(struct vcpus *v);
unsigned vcpus_count(const struct vcpus *v);
uint32_t vcpus_tsc_khz(const struct vcpus *v);
uint32_t vcpus_apic_khz(const struct vcpus *v);
// The registers of vCPU CPU as text, as they are when it comes out of the guest for that; it goes on. Loop thread.
void vcpus_describe(struct vcpus *v, unsigned cpu, char *buf, size_t size);
// True once any vCPU has entered the guest.
bool vcpus_started(const struct vcpus *v);

#endif
