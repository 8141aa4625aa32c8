// config_cpu.c: processors, memory, CPUID masks, nesting.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "vmx/load.h"
#include "vmx/value.h"

#define MEM_LEAST_MB    4
#define MEM_DEFAULT_MB  32
#define MEM_MOST_MB     (1 << 20)
#define MASKS_MAX       256u

// What VMware allows; a file beyond it was made by hand and still runs here.
static const struct { int hw; unsigned cpus; uint64_t mem_mb; } limits[] = {
	{ 4, 4, 65532 }, { 6, 4, 65532 }, { 7, 8, 262144 }, { 8, 32, 1035264 }, { 9, 64, 1035264 },
	{ 10, 64, 1035264 }, { 11, 128, 4177920 }, { 13, 128, 6275072 }, { 15, 256, 6275072 },
	{ 18, 768, 25149440 },
};

static size_t limits_row(int hw)
{
	size_t row = 0;

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		if (limits[i].hw <= hw)
			row = i;
	}
	return row;
}

static void load_topology(struct loader *l)
{
	unsigned cpus = (unsigned)get_int(l, "numvcpus", 1, VM_MAX_CPUS);
	unsigned cores = (unsigned)get_int(l, "cpuid.coresPerSocket", 0, VM_MAX_CPUS);
	unsigned most = limits[limits_row(l->c->hw_version)].cpus;

	if (cores == 0) {
		problem(l, VMX_NOTE, "cpuid.coresPerSocket",
			"0 leaves the choice to VMware; every core gets a socket");
		cores = 1;
	}
	if (cpus % cores) {
		problem(l, VMX_ERROR, "cpuid.coresPerSocket",
			"%u cores a socket do not divide numvcpus, which is %u", cores, cpus);
		cores = 1;
	}
	if (cpus > most)
		problem(l, VMX_NOTE, "numvcpus", "VMware allows %u at hardware version %d", most,
			l->c->hw_version);
	l->c->cpus = cpus;
	l->c->cores_per_socket = cores;
}

static void load_memory(struct loader *l)
{
	int64_t mb = get_int(l, "memsize", INT64_MIN, INT64_MAX);
	uint64_t most = limits[limits_row(l->c->hw_version)].mem_mb;

	l->c->mem_mb = MEM_DEFAULT_MB;
	if (!get_written(l, "memsize"))
		problem(l, VMX_NOTE, "memsize", "is missing; as in VMware the VM has 32 MB");
	if (mb < MEM_LEAST_MB || mb > MEM_MOST_MB) {
		problem(l, VMX_ERROR, "memsize",
			"%" PRId64 " MB is out of range: a VM has 4 MB to 1048576 MB (1 TiB)", mb);
		return;
	}
	if (mb % 4) {
		problem(l, VMX_ERROR, "memsize",
			"%" PRId64 " is not a multiple of 4; take %" PRId64 " or %" PRId64, mb, mb / 4 * 4,
			mb / 4 * 4 + 4);
		return;
	}
	l->c->mem_mb = (uint64_t)mb;
	if (l->c->mem_mb > most)
		problem(l, VMX_NOTE, "memsize", "VMware allows %" PRIu64 " MB at hardware version %d", most,
			l->c->hw_version);
}

static void load_memory_policy(struct loader *l)
{
	static const struct { const char *word; enum vm_memory_backing backing; } words[] = {
		{ "thp", VM_MEMORY_THP }, { "hugetlb", VM_MEMORY_HUGETLB }, { "normal", VM_MEMORY_NORMAL } };
	const char *text = get_text(l, "berth.memory.backing");
	size_t i = 0;

	while (i < ARRAY_SIZE(words) && strcasecmp(text, words[i].word))
		i++;
	if (i == ARRAY_SIZE(words))
		problem(l, VMX_ERROR, "berth.memory.backing", "\"%.60s\" is none of thp, hugetlb, normal", text);
	else
		l->c->mem_backing = words[i].backing;
	l->c->mem_locked = get_bool(l, "sched.mem.pin");
}

// "0,2,5-7": adds FROM to TO. False for what is no list of CPUs.
static bool add_cpus(struct vm_config *c, const char *text)
{
	while (*text) {
		char *end;
		unsigned long from = strtoul(text, &end, 10), to = from;

		if (end == text || !isdigit((unsigned char)*text))
			return false;
		if (*end == '-') {
			text = end + 1;
			to = strtoul(text, &end, 10);
			if (end == text)
				return false;
		}
		if (from > to || to >= VM_AFFINITY_CPUS)
			return false;
		for (; from <= to; from++)
			c->affinity[from / 64] |= UINT64_C(1) << (from % 64);
		text = end + strspn(end, ", ");
		if (*text && text == end)
			return false;
	}
	return true;
}

static void load_affinity(struct loader *l)
{
	const char *text = get_written(l, "sched.cpu.affinity");

	if (!text || !strcasecmp(text, "all"))
		return;
	l->c->has_affinity = add_cpus(l->c, text);
	if (!l->c->has_affinity)
		problem(l, VMX_ERROR, "sched.cpu.affinity",
			"\"%.60s\" is no list of host CPUs: write all, or numbers below %u such as 0,2,4-7", text, VM_AFFINITY_CPUS);
}

// --- CPUID masks ---------------------------------------------------------------------------------------

#define MASK_OF(reg) "cpuid.%x." reg

static const struct { const char *pattern; unsigned reg; char vendor; } mask_keys[] = {
	{ MASK_OF("eax"), 0, 0 }, { MASK_OF("eax.amd"), 0, 'a' }, { MASK_OF("eax.intel"), 0, 'i' },
	{ MASK_OF("ebx"), 1, 0 }, { MASK_OF("ebx.amd"), 1, 'a' }, { MASK_OF("ebx.intel"), 1, 'i' },
	{ MASK_OF("ecx"), 2, 0 }, { MASK_OF("ecx.amd"), 2, 'a' }, { MASK_OF("ecx.intel"), 2, 'i' },
	{ MASK_OF("edx"), 3, 0 }, { MASK_OF("edx.amd"), 3, 'a' }, { MASK_OF("edx.intel"), 3, 'i' },
};

static bool parse_mask_key(const char *name, struct vm_cpuid_mask *mask)
{
	struct vmx_match match;

	for (size_t i = 0; i < ARRAY_SIZE(mask_keys); i++) {
		if (vmx_pattern_match(mask_keys[i].pattern, name, NULL, &match)) {
			mask->leaf = match.index[0];
			mask->reg = mask_keys[i].reg;
			mask->vendor = mask_keys[i].vendor;
			return true;
		}
	}
	return false;
}

static void add_mask(struct loader *l, const struct vm_cpuid_mask *mask)
{
	struct vm_cpuid_mask *list;

	if (l->c->cpuid_mask_count >= MASKS_MAX)
		return;
	list = realloc(l->c->cpuid_masks, (l->c->cpuid_mask_count + 1) * sizeof(*list));
	if (!list) {
		l->no_memory = true;
		return;
	}
	l->c->cpuid_masks = list;
	list[l->c->cpuid_mask_count++] = *mask;
}

static void load_mask(struct loader *l, const struct vmx_entry *e)
{
	struct vm_cpuid_mask mask = { 0 };

	if (strncasecmp(e->name, "cpuid.", 6) || !parse_mask_key(e->name, &mask) || !*e->value ||
	    e->first_line)
		return;
	if (value_cpuid_mask(e->value, mask.bits) < 0) {
		problem(l, VMX_ERROR, e->name,
			"is not a CPUID mask: 32 characters of -, x, 0, 1, T, F, H, R; colons between "
			"them do not count");
		return;
	}
	if (strspn(mask.bits, "-") == 32)
		return;
	snprintf(mask.key, sizeof(mask.key), "%s", e->name);
	if (l->c->cpuid_mask_count == MASKS_MAX)
		problem(l, VMX_ERROR, e->name, "there are more than %u CPUID masks", MASKS_MAX);
	add_mask(l, &mask);
}

// --- features by name -----------------------------------------------------------------------------------

#define FEATURE "featMask.vm.cpuid."

// VMware's names of CPUID bits.
static const struct { const char *name; uint32_t leaf; uint8_t reg, bit; } features[] = {
	{ "SSE3", 1, 2, 0 }, { "PCLMULQDQ", 1, 2, 1 }, { "MWAIT", 1, 2, 3 }, { "VMX", 1, 2, 5 }, { "SSSE3", 1, 2, 9 },
	{ "FMA", 1, 2, 12 }, { "CMPXCHG16B", 1, 2, 13 }, { "PCID", 1, 2, 17 }, { "SSE41", 1, 2, 19 },
	{ "SSE42", 1, 2, 20 }, { "MOVBE", 1, 2, 22 }, { "POPCNT", 1, 2, 23 }, { "AES", 1, 2, 25 },
	{ "XSAVE", 1, 2, 26 }, { "AVX", 1, 2, 28 }, { "F16C", 1, 2, 29 }, { "RDRAND", 1, 2, 30 },
	{ "SS", 1, 3, 27 }, { "HTT", 1, 3, 28 },
	{ "FSGSBASE", 7, 1, 0 }, { "BMI1", 7, 1, 3 }, { "HLE", 7, 1, 4 }, { "AVX2", 7, 1, 5 }, { "SMEP", 7, 1, 7 },
	{ "BMI2", 7, 1, 8 }, { "ENFSTRG", 7, 1, 9 }, { "INVPCID", 7, 1, 10 }, { "RTM", 7, 1, 11 },
	{ "AVX512F", 7, 1, 16 }, { "RDSEED", 7, 1, 18 }, { "ADX", 7, 1, 19 }, { "SMAP", 7, 1, 20 },
	{ "CLFLUSHOPT", 7, 1, 23 }, { "CLWB", 7, 1, 24 }, { "SHA", 7, 1, 29 }, { "UMIP", 7, 2, 2 }, { "PKU", 7, 2, 3 },
	{ "VAES", 7, 2, 9 }, { "IBRS", 7, 3, 26 }, { "STIBP", 7, 3, 27 }, { "SSBD", 7, 3, 31 },
	{ "LAHF64", 0x80000001, 2, 0 }, { "SVM", 0x80000001, 2, 2 }, { "CR8AVAIL", 0x80000001, 2, 4 },
	{ "ABM", 0x80000001, 2, 5 }, { "SSE4A", 0x80000001, 2, 6 }, { "MISALIGNED_SSE", 0x80000001, 2, 7 },
	{ "3DNPREFETCH", 0x80000001, 2, 8 }, { "XOP", 0x80000001, 2, 11 }, { "FMA4", 0x80000001, 2, 16 },
	{ "TBM", 0x80000001, 2, 21 }, { "NX", 0x80000001, 3, 20 }, { "FFXSR", 0x80000001, 3, 25 },
	{ "PDPE1GB", 0x80000001, 3, 26 }, { "RDTSCP", 0x80000001, 3, 27 }, { "LM", 0x80000001, 3, 29 },
	{ "3DNOWPLUS", 0x80000001, 3, 30 }, { "3DNOW", 0x80000001, 3, 31 },
};

// Val:0 and Max:0 take the feature away, Min:1 demands it, Val:1 passes what the host has. 0 = nothing to do.
static char feature_letter(const char *value)
{
	static const struct { const char *word; char letter; } words[] = {
		{ "Val:0", '0' }, { "Max:0", '0' }, { "Val:1", 'H' }, { "Min:1", 'T' } };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcasecmp(value, words[i].word))
			return words[i].letter;
	}
	return 0;
}

static void load_feature(struct loader *l, const struct vmx_entry *e)
{
	char letter = feature_letter(e->value);

	if (strncasecmp(e->name, FEATURE, strlen(FEATURE)) || !letter || e->first_line)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		struct vm_cpuid_mask mask = { .leaf = features[i].leaf, .reg = features[i].reg };

		if (strcasecmp(e->name + strlen(FEATURE), features[i].name))
			continue;
		memset(mask.bits, '-', 32);
		mask.bits[31 - features[i].bit] = letter;
		snprintf(mask.key, sizeof(mask.key), "%s", e->name);
		add_mask(l, &mask);
		return;
	}
	problem(l, VMX_WARNING, e->name, "Berth knows no CPU feature of this name; it is left as the host has it");
}

// A hint of the last run under VMware; what does not fit is nobody's mistake.
static void load_width(struct loader *l)
{
	enum { LEAST = 36, MOST = 52 };
	const char *text = get_written(l, "monitor.phys_bits_used");
	int64_t bits, top = (int64_t)l->c->mem_mb + 1024;

	if (text && value_int(text, &bits) == 0 && bits >= LEAST && bits <= MOST && INT64_C(1) << (bits - 20) > top)
		l->c->phys_bits = (unsigned)bits;
}

// --- nesting -------------------------------------------------------------------------------------------

#define VHV_LEAST_HW    8       // VMware's first version with it, as an experiment
#define VHV_GOOD_HW     9
#define ESXI_LEAST_MB   4096

static enum vm_said get_said(struct loader *l, const char *key)
{
	bool on;

	if (!get_written(l, key))
		return VM_SAID_NOTHING;
	on = get_bool(l, key);
	return on ? VM_SAID_TRUE : VM_SAID_FALSE;
}

// The bits of CPUID that show VMX and SVM; 8000000Ah is there for SVM alone.
static unsigned vhv_bit(const struct vm_cpuid_mask *m)
{
	if (m->leaf == 1 && m->reg == 2)
		return 5;
	return m->leaf == 0x80000001u && m->reg == 2 ? 2 : 32;
}

// What a mask says about it; - when nothing.
static char vhv_letter(const struct vm_cpuid_mask *m)
{
	unsigned bit = vhv_bit(m);

	if (bit < 32)
		return m->bits[31 - bit];
	return m->leaf == 0x8000000au && strspn(m->bits, "-x0RF") < 32 ? 'H' : '-';
}

// The last mask with an opinion counts, as it does in the guest's CPUID. T is a demand, the others are wishes.
static const struct vm_cpuid_mask *ask_masks(struct loader *l)
{
	const struct vm_cpuid_mask *demand = NULL;
	struct vm_nesting *n = &l->c->nesting;

	for (size_t i = 0; i < l->c->cpuid_mask_count; i++) {
		char c = vhv_letter(&l->c->cpuid_masks[i]);

		if (c != '1' && c != 'T' && c != 'H')
			continue;
		n->if_possible = true;
		n->by = l->c->cpuid_masks[i].key;
		if (c == 'T')
			demand = &l->c->cpuid_masks[i];
	}
	return demand;
}

// A mask goes behind everything else, so it can contradict the other keys.
static void compare_masks(struct loader *l, const struct vm_cpuid_mask *demand)
{
	const struct vm_nesting *n = &l->c->nesting;

	if (demand && n->said == VM_SAID_FALSE)
		problem(l, VMX_ERROR, demand->key, "demands VT-x or AMD-V for the guest, and %s forbids it. Remove one of the two", n->by);
	for (size_t i = 0; n->said == VM_SAID_TRUE && i < l->c->cpuid_mask_count; i++) {
		char c = vhv_letter(&l->c->cpuid_masks[i]);

		if (c == '0' || c == 'R')
			problem(l, VMX_WARNING, l->c->cpuid_masks[i].key, "hides the VT-x or AMD-V that %s gives: the guest cannot use it", n->by);
	}
}

// featMask.vm.hv.capable: Min:1 and Val:1 demand it, Val:0 and Max:0 forbid it.
static enum vm_said feature_mask(struct loader *l)
{
	const char *value = get_written(l, "featMask.vm.hv.capable");
	const char *number = value ? strchr(value, ':') : NULL;

	if (!value)
		return VM_SAID_NOTHING;
	if (number && !strncasecmp(value, "max:", 4) && !strcmp(number, ":1"))
		return VM_SAID_NOTHING;
	if (!number || (strncasecmp(value, "min:", 4) && strncasecmp(value, "max:", 4) && strncasecmp(value, "val:", 4)) ||
	    (strcmp(number, ":0") && strcmp(number, ":1"))) {
		problem(l, VMX_ERROR, "featMask.vm.hv.capable", "\"%.60s\" is not Min:, Max: or Val: with 0 or 1", value);
		return VM_SAID_NOTHING;
	}
	if (!strcmp(number, ":0"))
		return strncasecmp(value, "min:", 4) ? VM_SAID_FALSE : VM_SAID_NOTHING;
	return VM_SAID_TRUE;
}

static void check_nesting(struct loader *l)
{
	struct vm_nesting *n = &l->c->nesting;

	if (l->c->hw_version < VHV_LEAST_HW && n->said == VM_SAID_TRUE)
		problem(l, VMX_ERROR, n->by, "needs hardware version 9; the VM has %d, whose virtual CPU VMware never gave "
			"VT-x or AMD-V. Raise virtualHW.version, or remove the key", l->c->hw_version);
	else if (l->c->hw_version < VHV_LEAST_HW && n->if_possible)
		n->if_possible = false;
	else if (l->c->hw_version < VHV_GOOD_HW && n->said == VM_SAID_TRUE)
		problem(l, VMX_WARNING, n->by, "is an experiment of VMware at hardware version 8; version 9 and up have it");
	if (n->said == VM_SAID_TRUE && !l->c->guest_64)
		problem(l, VMX_NOTE, n->by, "guestOS is a 32-bit system; most hypervisors are 64-bit systems");
	if (n->said == VM_SAID_FALSE && n->if_possible)
		problem(l, VMX_NOTE, n->by, "keeps VT-x and AMD-V from a guest that is a hypervisor");
	if (n->said != VM_SAID_FALSE && !strncasecmp(l->c->guest_os, "vmkernel", 8) && l->c->mem_mb < ESXI_LEAST_MB)
		problem(l, VMX_NOTE, "memsize", "ESXi wants 4096 MB or more and two CPUs to install");
}

// vhv.enable decides; without it what the guest is, or what its CPUID is told to show.
static void load_nesting(struct loader *l)
{
	struct vm_nesting *n = &l->c->nesting;

	const struct vm_cpuid_mask *demand = ask_masks(l);

	if (!strncasecmp(l->c->guest_os, "vmkernel", 8) || !strcasecmp(l->c->guest_os, "winhyperv")) {
		n->if_possible = true;
		n->by = "guestOS";
	}
	n->said = feature_mask(l);
	if (n->said)
		n->by = "featMask.vm.hv.capable";
	if (get_written(l, "vhv.enable")) {
		n->said = get_said(l, "vhv.enable");
		n->by = "vhv.enable";
	}
	if (demand && !n->said) {
		n->said = VM_SAID_TRUE;
		n->by = demand->key;
	}
	n->allow_nested = get_said(l, "vmx.allowNested");
	compare_masks(l, demand);
	check_nesting(l);
	l->c->nested = n->said == VM_SAID_TRUE || (n->said == VM_SAID_NOTHING && n->if_possible);
	if (l->c->nested && get_bool(l, "vcpu.hotadd"))
		problem(l, VMX_NOTE, "vcpu.hotadd", "CPUs cannot be added to a guest that may run guests of its own: %s goes before it",
			n->by);
}

static void load_iommu(struct loader *l)
{
	if (get_bool(l, "vvtd.enable"))
		problem(l, VMX_ERROR, "vvtd.enable", "asks for a virtual IOMMU, which Berth does not have; a guest that was "
			"installed with one may not boot without. Set it to FALSE to run the VM without");
}

static const char *const hyperv_keys[VM_HV_COUNT] = {
	[VM_HV_RELAXED] = "berth.hyperv.relaxed", [VM_HV_VAPIC] = "berth.hyperv.vapic", [VM_HV_TIME] = "berth.hyperv.time",
	[VM_HV_VPINDEX] = "berth.hyperv.vpindex", [VM_HV_RUNTIME] = "berth.hyperv.runtime", [VM_HV_RESET] = "berth.hyperv.reset",
	[VM_HV_SYNIC] = "berth.hyperv.synic", [VM_HV_STIMER] = "berth.hyperv.stimer",
	[VM_HV_FREQUENCIES] = "berth.hyperv.frequencies", [VM_HV_REENLIGHTENMENT] = "berth.hyperv.reenlightenment",
	[VM_HV_TLBFLUSH] = "berth.hyperv.tlbflush", [VM_HV_IPI] = "berth.hyperv.ipi", [VM_HV_EVMCS] = "berth.hyperv.evmcs",
};

// What one of them cannot be without.
static const struct { enum vm_hyperv is, needs; } hyperv_needs[] = {
	{ VM_HV_SYNIC, VM_HV_VPINDEX }, { VM_HV_STIMER, VM_HV_SYNIC }, { VM_HV_STIMER, VM_HV_TIME },
	{ VM_HV_TLBFLUSH, VM_HV_VPINDEX }, { VM_HV_IPI, VM_HV_VPINDEX }, { VM_HV_EVMCS, VM_HV_VAPIC },
};

static void check_hyperv(struct loader *l)
{
	for (size_t i = 0; i < ARRAY_SIZE(hyperv_needs); i++) {
		if (l->c->hyperv >> hyperv_needs[i].is & 1 && !(l->c->hyperv >> hyperv_needs[i].needs & 1))
			problem(l, VMX_ERROR, hyperv_keys[hyperv_needs[i].is], "needs %s, which is not TRUE",
				hyperv_keys[hyperv_needs[i].needs]);
	}
	if (l->c->hyperv >> VM_HV_EVMCS & 1 && !l->c->nested)
		problem(l, VMX_ERROR, hyperv_keys[VM_HV_EVMCS], "is for a guest that is a hypervisor: set vhv.enable to TRUE");
	if ((l->c->hyperv || l->c->hyperv_spinlocks) && !l->c->hypervisor_leaves)
		problem(l, VMX_ERROR, "hypervisor.cpuid.v0", "hides the hypervisor, and berth.hyperv.* shows one; decide for one of them");
}

static void load_hyperv(struct loader *l)
{
	for (unsigned i = 0; i < VM_HV_COUNT; i++)
		l->c->hyperv |= get_bool(l, hyperv_keys[i]) ? 1u << i : 0;
	l->c->hyperv_spinlocks = (uint32_t)get_int(l, "berth.hyperv.spinlocks", 0, 0xfffffffe);
	check_hyperv(l);
}

void load_cpus(struct loader *l)
{
	load_topology(l);
	load_memory(l);
	load_memory_policy(l);
	load_affinity(l);
	l->c->hypervisor_leaves = get_bool(l, "hypervisor.cpuid.v0");
	l->c->pmu = get_bool(l, "vpmc.enable");
	for (size_t i = 0; i < vmx_file_count(l->file); i++)
		load_mask(l, vmx_file_at(l->file, i));
	for (size_t i = 0; i < vmx_file_count(l->file); i++)
		load_feature(l, vmx_file_at(l->file, i));
	load_width(l);
	load_nesting(l);
	load_iommu(l);
	load_hyperv(l);
}
