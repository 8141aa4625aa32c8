// nested_host.h: whether guests of this host can be hypervisors: one list, for `berth host --nested` and for a start.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_KVM_NESTED_HOST_H
#define BERTH_KVM_NESTED_HOST_H

#include "kvm/host.h"
#include "vmx/config.h"
#include "vmx/host_config.h"

struct cpuid_table;

// What the VM, or the host's configuration, says beside the facts.
struct nested_wish {
	enum vm_said vhv_allow;         // /etc/berth/config
	enum vm_said allow_nested;      // vmx.allowNested, of the VM or else of the host
};

// Every check with its verdict and remedy. HOST_NO: vhv.enable cannot work; HOST_LIMITED: some hypervisors will refuse.
void nested_report_make(const struct host_probe *probe, const struct nested_wish *wish, struct host_report *out);
// The part of it that concerns every VM: whether this host is a VM itself, and may run others.
void nested_report_inside(const struct host_probe *probe, const struct nested_wish *wish, struct host_report *out);
// The check that stops vhv.enable, NULL when none does. The first one: the others may be its consequences.
const struct host_check *nested_report_obstacle(const struct host_report *report);
// Whether KVM has performance counters for guests; FD is /dev/kvm.
bool nested_host_has_pmu(const struct host_probe *probe, int fd);

// What a start on this host would make of VM: turns VM->nested on where the host's owner gives it to every VM, and off where
// it was only a wish that the host cannot fulfil. OUT: the whole list when nesting is in question, else what forbids any VM.
// Returns what stands in the way, NULL when nothing does; with VM->nested still on, the VM demands it and would not start.
const struct host_check *nested_settle(const struct host_probe *probe, const struct host_config *host, struct vm_config *vm,
				       struct host_report *out);
// The last word before a start, HOST being /etc/berth/config: refuses (-ENOTSUP, ERR with EXIT_HOST) what the VM demands
// and this host cannot give, turns VM->nested off where it was only a wish, and logs what the user should know.
int nested_start(const struct host_probe *probe, const struct host_config *host, struct vm_config *vm, struct err *err);
// Logs which controls a new vCPU (FD, with the COUNT entries of CPUID) lacks. Once a VM.
void nested_tell_gaps(int fd, const struct kvm_cpuid_entry2 *entries, uint32_t count);
// Logs what a guest's CPUID (SHOWN) has of SVM and the host's KVM (HOST) cannot do. Once a VM.
void nested_tell_forced(const struct cpuid_table *shown, const struct kvm_cpuid_entry2 *host, uint32_t count);

#endif
