// nested.h: what a guest hypervisor finds in its CPU: the controls there are, and whether they fit what CPUID shows.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Pure but for nested_inner_active(): tables in, words out, so a unit test can show it any CPU.
#ifndef BERTH_KVM_NESTED_H
#define BERTH_KVM_NESTED_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NESTED_VMX_MSR_FIRST 0x480u     // IA32_VMX_BASIC
#define NESTED_VMX_MSRS      0x12u      // to IA32_VMX_VMFUNC

struct nested_caps {
	bool vmx, svm;                          // CPUID shows them
	uint64_t vmx_msr[NESTED_VMX_MSRS];      // from NESTED_VMX_MSR_FIRST on; 0 = there is none
	uint32_t svm_revision, svm_asids, svm_features;         // 8000000Ah EAX, EBX, EDX
	bool rdtscp, invpcid, xsaves;           // CPUID shows them
};

// How much a missing control matters.
enum nested_weight {
	NESTED_SLOWER,          // inner guests run, slower
	NESTED_SOME_REFUSE,     // the hypervisors named refuse or leave guests out
	NESTED_USELESS,         // no hypervisor starts
};

struct nested_gap {
	const char *control;    // "EPT", "NPT", "MSR bitmaps"; static
	const char *needed_by;  // who misses it; static
	enum nested_weight weight;
	const char *remedy;     // what could give it; static
};

#define NESTED_REMEDY "A newer host CPU or kernel, or the hypervisor below, would have to give it"

#define NESTED_GAPS_MAX 32u

// Takes over what CPUID shows (COUNT entries, as a guest has them or as KVM supports them). The MSRs are the caller's.
void nested_caps_cpuid(struct nested_caps *caps, const struct kvm_cpuid_entry2 *entries, uint32_t count);
// Which controls are missing or contradict CPUID, the heaviest first. Returns how many; 0 when CPUID shows neither.
size_t nested_gaps(const struct nested_caps *caps, struct nested_gap gaps[NESTED_GAPS_MAX]);
// "EPT, MSR bitmaps": the controls of GAPS of at least WEIGHT. Returns BUF.
const char *nested_gap_names(const struct nested_gap *gaps, size_t count, enum nested_weight weight, char *buf, size_t size);
// The SVM features that SHOWN has and HOST has not: a mask forced them, and an inner hypervisor that uses one fails. "decode
// assists, bit 13"; empty when there are none. Returns BUF.
const char *nested_forced_names(const struct nested_caps *shown, const struct nested_caps *host, char *buf, size_t size);

// Whether the CPU behind vCPU FD runs a guest of its guest at this moment: 1, 0, or -ENOTSUP where KVM cannot tell
// (no KVM_CAP_NESTED_STATE), -errno. Its state then lies in the inner hypervisor's structures too: a suspend or a snapshot
// must save KVM's nested state with the registers or refuse. The vCPU is paused.
int nested_inner_active(int fd);
// Fills the MSRs of CAPS from vCPU FD; those it has not stay 0.
void nested_caps_vcpu(struct nested_caps *caps, int fd);

#endif
