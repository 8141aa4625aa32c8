// vcpu_state.h: a vCPU's registers as a whole: power-on state, reset, and words about them.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The power-on state is what KVM gives a new vCPU, read back and kept: it is right for every CPU model without
// a list of ours. The thread of the vCPU must be paused or not started.
#ifndef BERTH_KVM_VCPU_STATE_H
#define BERTH_KVM_VCPU_STATE_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>

struct vcpu_state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debug;
	struct kvm_xcrs xcrs;
	struct kvm_nested_state nested; // without an inner guest there is nothing behind the head
	bool has_debug, has_xcrs, has_events, has_fpu, has_nested;
	struct kvm_msrs *msrs;          // those that can be written; NULL = none
};

// Reads it from a new vCPU; HYPERV: one with Hyper-V's enlightenments.
int vcpu_state_save(int fd, bool hyperv, struct vcpu_state *s);
int vcpu_state_load(int fd, const struct vcpu_state *s);
// What INIT does: registers and segments to the reset vector; FPU, MSRs and memory types stay.
int vcpu_state_init(int fd, const struct vcpu_state *s);
void vcpu_state_free(struct vcpu_state *s);
// IA32_FEATURE_CONTROL locked with VMX enabled outside SMX, as firmware leaves it. Harmless where there is none.
void vcpu_set_feature_control(int fd);
// One line of registers and the bytes at CS:IP are out of reach here; text for a crash report.
void vcpu_describe(int fd, char *buf, size_t size);

#endif
