// hyperv.c: the table of Hyper-V's enlightenments.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/hyperv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/compiler.h"

#define LEAF_SIGNATURE  0x40000000u
#define LEAF_INTERFACE  0x40000001u
#define LEAF_VERSION    0x40000002u
#define LEAF_FEATURES   0x40000003u
#define LEAF_ADVICE     0x40000004u
#define LEAF_LIMITS     0x40000005u
#define LEAF_NESTED     0x4000000au
#define HYPERCALL_MSRS  (1u << 5)       // always there: the guest's identity
#define BUILD           0x4563u         // of the Hyper-V that is claimed: 10.0, Windows Server 2016
#define HV_LEAVES_MAX   32u

// Which bits say that it is there: partition privileges, features, advice to the guest. Hyper-V's TLFS, chapter 2.
static const struct enlightenment {
	const char *key;
	uint32_t privileges, features, advice;
} table[VM_HV_COUNT] = {
	[VM_HV_RELAXED] = { "berth.hyperv.relaxed", .advice = 1u << 5 },
	[VM_HV_VAPIC] = { "berth.hyperv.vapic", 1u << 4, 0, 1u << 3 },
	[VM_HV_TIME] = { "berth.hyperv.time", 1u << 1 | 1u << 9 },
	[VM_HV_VPINDEX] = { "berth.hyperv.vpindex", 1u << 6 },
	[VM_HV_RUNTIME] = { "berth.hyperv.runtime", 1u << 0 },
	[VM_HV_RESET] = { "berth.hyperv.reset", 1u << 7 },
	[VM_HV_SYNIC] = { "berth.hyperv.synic", 1u << 2 },
	[VM_HV_STIMER] = { "berth.hyperv.stimer", 1u << 3 },
	[VM_HV_FREQUENCIES] = { "berth.hyperv.frequencies", 1u << 11, 1u << 8 },
	[VM_HV_REENLIGHTENMENT] = { "berth.hyperv.reenlightenment", 1u << 13 },
	[VM_HV_TLBFLUSH] = { "berth.hyperv.tlbflush", .advice = 1u << 2 | 1u << 11 },
	[VM_HV_IPI] = { "berth.hyperv.ipi", .advice = 1u << 10 | 1u << 11 },
	[VM_HV_EVMCS] = { "berth.hyperv.evmcs", .advice = 1u << 14 },
};

static struct enlightenment sum(uint32_t bits)
{
	struct enlightenment all = { .privileges = HYPERCALL_MSRS };

	for (unsigned i = 0; i < VM_HV_COUNT; i++) {
		if (!(bits >> i & 1))
			continue;
		all.privileges |= table[i].privileges;
		all.features |= table[i].features;
		all.advice |= table[i].advice;
	}
	return all;
}

static void put(struct cpuid_table *t, uint32_t leaf, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
	struct kvm_cpuid_entry2 *e = cpuid_add(t, leaf, 0, false);

	if (!e)
		return;
	e->eax = eax;
	e->ebx = ebx;
	e->ecx = ecx;
	e->edx = edx;
}

void hyperv_leaves(uint32_t bits, uint32_t spinlocks, struct cpuid_table *t)
{
	const struct enlightenment all = sum(bits);
	bool nested = bits >> VM_HV_EVMCS & 1;
	uint32_t name[3];

	memcpy(name, "Microsoft Hv", sizeof(name));
	put(t, LEAF_SIGNATURE, nested ? LEAF_NESTED : LEAF_LIMITS, name[0], name[1], name[2]);
	put(t, LEAF_INTERFACE, 0x31237648u, 0, 0, 0);           // "Hv#1"
	put(t, LEAF_VERSION, BUILD, 10u << 16, 0, 0);
	put(t, LEAF_FEATURES, all.privileges, 0, 0, all.features);
	put(t, LEAF_ADVICE, all.advice, spinlocks ? spinlocks : UINT32_MAX, 0, 0);
	put(t, LEAF_LIMITS, VM_MAX_CPUS, VM_MAX_CPUS, 0, 0);
	if (nested)
		put(t, LEAF_NESTED, 1u << 8 | 1u, 0, 0, 0);     // enlightened VMCS, version 1 alone
}

static int refuse(struct err *err, const char *keys)
{
	err_set(err, ENOTSUP, "berth.hyperv.*", "this host's KVM cannot give %s", keys);
	err_remedy(err, "Remove these keys, or use a kernel built with CONFIG_KVM_HYPERV on a CPU that has what they need");
	err_exit(err, EXIT_HOST);
	return -ENOTSUP;
}

static const struct kvm_cpuid_entry2 *find(const struct kvm_cpuid_entry2 *e, uint32_t count, uint32_t leaf)
{
	for (uint32_t i = 0; i < count; i++) {
		if (e[i].function == leaf)
			return &e[i];
	}
	return NULL;
}

// What the guest need not ask anybody for: the advice not to watch the clock.
static bool is_given(unsigned i, const struct kvm_cpuid_entry2 *features, const struct kvm_cpuid_entry2 *advice)
{
	const struct enlightenment *e = &table[i];

	if (i == VM_HV_RELAXED)
		return true;
	return !(e->privileges & ~features->eax) && !(e->features & ~features->edx) && !(e->advice & ~advice->eax);
}

int hyperv_check(uint32_t bits, const struct kvm_cpuid_entry2 *supported, uint32_t count, struct err *err)
{
	const struct kvm_cpuid_entry2 *features = find(supported, count, LEAF_FEATURES), *advice = find(supported, count, LEAF_ADVICE);
	char names[300] = "";
	size_t at = 0;

	if (!features || !advice || !(features->eax & HYPERCALL_MSRS))
		return refuse(err, "a guest anything of Hyper-V");
	for (unsigned i = 0; i < VM_HV_COUNT && at < sizeof(names); i++) {
		if (bits >> i & 1 && !is_given(i, features, advice))
			at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", at ? ", " : "", table[i].key);
	}
	return at ? refuse(err, names) : 0;
}

// KVM speaks of a vCPU's Hyper-V leaves before and after SynIC is on; all of it is asked of the same vCPU.
static int check_vcpu(int fd, uint32_t bits, struct err *err)
{
	struct { struct kvm_cpuid2 head; struct kvm_cpuid_entry2 e[HV_LEAVES_MAX]; } *set = calloc(1, sizeof(*set));
	int r;

	if (!set)
		return err_set(err, ENOMEM, "vCPU", "no memory for its CPUID");
	set->head.nent = HV_LEAVES_MAX;
	if (ioctl(fd, KVM_GET_SUPPORTED_HV_CPUID, &set->head) < 0)
		set->head.nent = 0;
	r = hyperv_check(bits, set->e, set->head.nent, err);
	free(set);
	return r;
}

static int enable(int fd, uint32_t cap, void *arg, const char *key, struct err *err)
{
	struct kvm_enable_cap c = { .cap = cap, .args = { (uintptr_t)arg } };
	int code;

	if (ioctl(fd, KVM_ENABLE_CAP, &c) == 0)
		return 0;
	code = errno;
	err_set(err, code, key, "this host's KVM cannot give it: %s", strerror(code));
	err_remedy(err, "Remove the key%s", cap == KVM_CAP_HYPERV_ENLIGHTENED_VMCS ? "; only Intel hosts can" : "");
	err_exit(err, EXIT_HOST);
	return -code;
}

int hyperv_enable(int fd, uint32_t bits, struct err *err)
{
	uint16_t version = 0;
	int r = 0;

	if (bits >> VM_HV_EVMCS & 1)
		r = enable(fd, KVM_CAP_HYPERV_ENLIGHTENED_VMCS, &version, table[VM_HV_EVMCS].key, err);
	if (!r && bits >> VM_HV_SYNIC & 1)
		r = enable(fd, KVM_CAP_HYPERV_SYNIC2, NULL, table[VM_HV_SYNIC].key, err);
	return r ? r : check_vcpu(fd, bits, err);
}
