// cpuid_explain.h: why the guest's CPUID differs from the host's; tables as text, in the form of `cpuid -r`.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Pure; any thread.
#ifndef BERTH_KVM_CPUID_EXPLAIN_H
#define BERTH_KVM_CPUID_EXPLAIN_H

#include <stdio.h>

#include "kvm/cpuid.h"

// One register that one step changed.
struct cpuid_change {
	uint32_t leaf, index;
	unsigned reg;                   // 0 eax .. 3 edx
	enum cpuid_step step;
	size_t mask;                    // CPUID_STEP_MASK: index in args->masks
};

struct cpuid_story {
	struct cpuid_table host;        // KVM's, with its own hypervisor leaves
	struct cpuid_table guest;       // of one CPU, sorted by leaf and index
	struct cpuid_change *changes;   // in the order in which they were made
	size_t count;
	bool failed;                    // no memory: some are missing
};

// Builds the table of CPU and notes every change. Free with cpuid_story_free(), also when FAILED.
void cpuid_explain(const struct cpuid_args *args, const struct kvm_cpuid_entry2 *host, uint32_t count, unsigned cpu,
		   struct cpuid_story *out);
void cpuid_story_free(struct cpuid_story *story);
// What a change is due to, for people: a key of the .vmx, the hypervisor leaves, ...
const char *cpuid_reason(const struct cpuid_args *args, const struct cpuid_change *change);
uint32_t cpuid_register(const struct kvm_cpuid_entry2 *e, unsigned reg);

// "CPU N:" and a line a leaf. cpuid_raw_parse() reads the first CPU of such a text (LEN bytes) and gives the number of
// leaves, at most MAX.
void cpuid_raw_print(FILE *to, unsigned cpu, const struct cpuid_table *table);
uint32_t cpuid_raw_parse(const char *text, size_t len, struct kvm_cpuid_entry2 *out, uint32_t max);

#endif
