// cpuid.c: building the guest's CPUID.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/cpuid.h"

#include <string.h>

#include "base/compiler.h"
#include "kvm/hyperv.h"
#include "vmx/config.h"

#define LEAF_HV          0x40000000u
#define LEAF_HV_SECOND   0x40000100u     // a second hypervisor's, behind Hyper-V's
#define LEAF_TIMING      0x10u           // from VMware's first leaf on
#define LEAF_HV_END      0x4fffffffu

#define L1_ECX_VMX       (1u << 5)
#define L1_ECX_PDCM      (1u << 15)
#define L1_ECX_X2APIC    (1u << 21)
#define L1_ECX_HV        (1u << 31)
#define L1_EDX_HTT       (1u << 28)
#define LX1_ECX_CMPLEGACY (1u << 1)
#define LX1_ECX_SVM      (1u << 2)
#define LX1_ECX_PERFCTR  (3u << 23)      // of the core, of the northbridge

static unsigned bits_for(unsigned n)
{
	unsigned bits = 0;

	while (bits < 31 && (1u << bits) < n)
		bits++;
	return bits;
}

unsigned topology_socket_shift(const struct cpu_topology *t)
{
	return MAX(bits_for(t->cores_per_socket), 1u);
}

uint32_t topology_apic_id(const struct cpu_topology *t, unsigned cpu)
{
	unsigned cores = MAX(t->cores_per_socket, 1u);

	return (cpu / cores) << topology_socket_shift(t) | cpu % cores;
}

struct kvm_cpuid_entry2 *cpuid_find(struct cpuid_table *table, uint32_t leaf, uint32_t index)
{
	for (uint32_t i = 0; i < table->count; i++) {
		struct kvm_cpuid_entry2 *e = &table->entries[i];

		if (e->function == leaf && (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == index))
			return e;
	}
	return NULL;
}

struct kvm_cpuid_entry2 *cpuid_add(struct cpuid_table *t, uint32_t leaf, uint32_t index, bool indexed)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(t, leaf, index);

	if (e)
		return e;
	if (t->count == CPUID_MAX_ENTRIES)
		return NULL;
	e = &t->entries[t->count++];
	memset(e, 0, sizeof(*e));
	e->function = leaf;
	e->index = index;
	e->flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0;
	return e;
}

static bool is_amd(struct cpuid_table *t)
{
	const struct kvm_cpuid_entry2 *e = cpuid_find(t, 0, 0);

	// "AuthenticAMD", "HygonGenuine": the leaves AMD defined.
	return e && (e->ebx == 0x68747541u || e->ebx == 0x6f677948u);
}

// Everything but the other hypervisor's own leaves: a KVM signature would outrank VMware's in a guest's eyes.
static void copy_host(struct cpuid_table *t, const struct kvm_cpuid_entry2 *host, uint32_t count)
{
	t->count = 0;
	for (uint32_t i = 0; i < count && t->count < CPUID_MAX_ENTRIES; i++) {
		if (host[i].function >= LEAF_HV && host[i].function <= LEAF_HV_END)
			continue;
		t->entries[t->count++] = host[i];
	}
}

static void set_hypervisor(const struct cpuid_args *a, struct cpuid_table *t)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(t, 1, 0);
	uint32_t base = a->hyperv || a->hyperv_spinlocks ? LEAF_HV_SECOND : LEAF_HV;

	if (e)
		e->ecx = a->hypervisor ? e->ecx | L1_ECX_HV : e->ecx & ~L1_ECX_HV;
	if (!a->hypervisor)
		return;
	if (base != LEAF_HV)
		hyperv_leaves(a->hyperv, a->hyperv_spinlocks, t);
	e = cpuid_add(t, base, 0, false);
	if (e) {
		e->eax = base + LEAF_TIMING;
		memcpy(&e->ebx, "VMwa", 4);
		memcpy(&e->ecx, "reVM", 4);
		memcpy(&e->edx, "ware", 4);
	}
	e = cpuid_add(t, base + LEAF_TIMING, 0, false);
	if (e) {
		e->eax = a->tsc_khz;
		e->ebx = a->apic_khz;
		// ECX and EDX stay clear: KVM refuses the backdoor's hypercall form above CPL 0.
	}
}

// Behind the masks: a mask asks for nesting (config_cpu.c), it does not give it.
static void set_nesting(const struct cpuid_args *a, struct cpuid_table *t)
{
	struct kvm_cpuid_entry2 *e;

	if (a->nested)
		return;
	e = cpuid_find(t, 1, 0);
	if (e)
		e->ecx &= ~L1_ECX_VMX;
	e = cpuid_find(t, 0x80000001u, 0);
	if (e)
		e->ecx &= ~LX1_ECX_SVM;
	e = cpuid_find(t, 0x8000000au, 0);
	if (e)
		e->eax = e->ebx = e->ecx = e->edx = 0;
}

// The architectural counters of Intel (leaf Ah, PDCM) and the extended ones of AMD.
static void set_pmu(const struct cpuid_args *a, struct cpuid_table *t)
{
	struct kvm_cpuid_entry2 *e;

	if (a->pmu)
		return;
	e = cpuid_find(t, 1, 0);
	if (e)
		e->ecx &= ~L1_ECX_PDCM;
	e = cpuid_find(t, 0xa, 0);
	if (e)
		e->eax = e->ebx = e->ecx = e->edx = 0;
	e = cpuid_find(t, 0x80000001u, 0);
	if (e)
		e->ecx &= ~LX1_ECX_PERFCTR;
	e = cpuid_find(t, 0x80000022u, 0);
	if (e)
		e->eax = e->ebx = e->ecx = e->edx = 0;
}

// How many CPUs share a cache: all cores of a socket share the last level, the others are private.
static void set_cache(const struct cpuid_args *a, struct cpuid_table *t, uint32_t leaf)
{
	uint32_t cores = MAX(a->topology.cores_per_socket, 1u);

	for (uint32_t i = 0; i < t->count; i++) {
		struct kvm_cpuid_entry2 *e = &t->entries[i];
		uint32_t level = e->eax >> 5 & 7, sharing = level >= 3 ? cores : 1;

		if (e->function != leaf || !(e->eax & 0x1f))
			continue;
		e->eax &= ~(0xfffu << 14);
		e->eax |= MIN(sharing - 1, 0xfffu) << 14;
		if (leaf == 4) {
			e->eax &= ~(0x3fu << 26);
			e->eax |= MIN((1u << bits_for(cores)) - 1, 0x3fu) << 26;
		}
	}
}

static void set_levels(const struct cpuid_args *a, struct cpuid_table *t)
{
	uint32_t cores = MAX(a->topology.cores_per_socket, 1u);
	struct kvm_cpuid_entry2 *e;

	for (uint32_t i = 0; i < t->count; i++) {
		if (t->entries[i].function == 0xb || t->entries[i].function == 0x1f) {
			t->entries[i--] = t->entries[--t->count];
		}
	}
	e = cpuid_find(t, 0, 0);
	if (!e || e->eax < 0xb)
		return;
	if (e->eax >= 0x1f)
		e->eax = 0x1e;          // leaf Bh says all there is to say
	e = cpuid_add(t, 0xb, 0, true);
	if (e) {
		e->eax = 0;
		e->ebx = 1;
		e->ecx = 0x100;         // level 0: threads
	}
	e = cpuid_add(t, 0xb, 1, true);
	if (e) {
		e->eax = topology_socket_shift(&a->topology);
		e->ebx = cores;
		e->ecx = 0x201;         // level 1: cores
	}
	e = cpuid_add(t, 0xb, 2, true);
	if (e)
		e->ecx = 2;             // level 2: the end of the list
}

static void set_amd_topology(const struct cpuid_args *a, struct cpuid_table *t)
{
	uint32_t cores = MAX(a->topology.cores_per_socket, 1u);
	struct kvm_cpuid_entry2 *e = cpuid_find(t, 0x80000008u, 0);

	if (e)
		e->ecx = (e->ecx & ~0xf0ffu) | MIN(cores - 1, 0xffu) |
			 topology_socket_shift(&a->topology) << 12;
	e = cpuid_find(t, 0x80000001u, 0);
	if (e)
		e->ecx = cores > 1 ? e->ecx | LX1_ECX_CMPLEGACY : e->ecx & ~LX1_ECX_CMPLEGACY;
	set_cache(a, t, 0x8000001du);
}

static void set_topology(const struct cpuid_args *a, struct cpuid_table *t)
{
	uint32_t cores = MAX(a->topology.cores_per_socket, 1u);
	struct kvm_cpuid_entry2 *e = cpuid_find(t, 1, 0);

	if (e) {
		e->ebx = (e->ebx & ~0x00ff0000u) | MIN(cores, 255u) << 16;
		e->edx = cores > 1 ? e->edx | L1_EDX_HTT : e->edx & ~L1_EDX_HTT;
		e->ecx |= L1_ECX_X2APIC;        // KVM's LAPIC always can
	}
	if (is_amd(t))
		set_amd_topology(a, t);
	else
		set_cache(a, t, 4);
	set_levels(a, t);
}

uint32_t cpuid_mask_apply(const char *bits, uint32_t value, uint32_t host)
{
	for (unsigned i = 0; i < 32 && bits[i]; i++) {
		uint32_t bit = 1u << (31 - i);

		switch (bits[i]) {
		case '0': case 'R': case 'r': value &= ~bit; break;
		case '1': value |= bit; break;
		case 'H': case 'T': case 'F': case 'h': case 't': case 'f': value = (value & ~bit) | (host & bit); break;
		default: break;         // '-', 'x', 'X': as it is
		}
	}
	return value;
}

static uint32_t *reg_of(struct kvm_cpuid_entry2 *e, unsigned reg)
{
	switch (reg) {
	case 0: return &e->eax;
	case 1: return &e->ebx;
	case 2: return &e->ecx;
	default: return &e->edx;
	}
}

static uint32_t host_register(const struct vm_cpuid_mask *m, const struct kvm_cpuid_entry2 *host, uint32_t count)
{
	for (uint32_t k = 0; k < count; k++) {
		struct kvm_cpuid_entry2 h = host[k];

		if (h.function == m->leaf && h.index == 0)
			return *reg_of(&h, m->reg);
	}
	return 0;
}

static bool mask_counts(const struct vm_cpuid_mask *m, bool amd)
{
	return !m->vendor || (m->vendor == 'a') == amd;
}

const struct vm_cpuid_mask *cpuid_unmet(const struct cpuid_args *args, const struct kvm_cpuid_entry2 *host, uint32_t count)
{
	struct cpuid_table t;
	bool amd;

	copy_host(&t, host, count);
	amd = is_amd(&t);
	for (size_t i = 0; i < args->mask_count; i++) {
		const struct vm_cpuid_mask *m = &args->masks[i];
		uint32_t value = host_register(m, host, count);

		for (unsigned bit = 0; bit < 32 && m->bits[bit] && mask_counts(m, amd); bit++) {
			bool set = value >> (31 - bit) & 1;

			if ((m->bits[bit] == 'T' && !set) || (m->bits[bit] == 'F' && set))
				return m;
		}
	}
	return NULL;
}

static void watch_step(const struct cpuid_watch *w, enum cpuid_step step, size_t mask, const struct cpuid_table *t)
{
	if (w)
		w->step(w->arg, step, mask, t);
}

static void apply_masks(const struct cpuid_args *a, struct cpuid_table *t, const struct kvm_cpuid_entry2 *host,
			uint32_t count, const struct cpuid_watch *watch)
{
	bool amd = is_amd(t);

	for (size_t i = 0; i < a->mask_count; i++) {
		const struct vm_cpuid_mask *m = &a->masks[i];
		struct kvm_cpuid_entry2 *e = cpuid_find(t, m->leaf, 0);

		if (!e || !mask_counts(m, amd))
			continue;
		*reg_of(e, m->reg) = cpuid_mask_apply(m->bits, *reg_of(e, m->reg), host_register(m, host, count));
		watch_step(watch, CPUID_STEP_MASK, i, t);
	}
}

// The width that the guest had under VMware, so that what it derived from it (page tables, MTRR masks) still fits. A
// wider one than the host's cannot be given.
static void set_width(const struct cpuid_args *a, struct cpuid_table *t)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(t, 0x80000008u, 0);

	if (e && a->phys_bits && a->phys_bits < (e->eax & 0xff))
		e->eax = (e->eax & ~0xffu) | a->phys_bits;
}

void cpuid_build_watched(const struct cpuid_args *args, const struct kvm_cpuid_entry2 *host, uint32_t count,
			 struct cpuid_table *out, const struct cpuid_watch *watch)
{
	copy_host(out, host, count);
	watch_step(watch, CPUID_STEP_HOST, 0, out);
	set_hypervisor(args, out);
	watch_step(watch, CPUID_STEP_HYPERVISOR, 0, out);
	set_pmu(args, out);
	watch_step(watch, CPUID_STEP_PMU, 0, out);
	set_topology(args, out);
	watch_step(watch, CPUID_STEP_TOPOLOGY, 0, out);
	set_width(args, out);
	watch_step(watch, CPUID_STEP_WIDTH, 0, out);
	apply_masks(args, out, host, count, watch);
	set_nesting(args, out);
	watch_step(watch, CPUID_STEP_NESTING, 0, out);
}

void cpuid_build(const struct cpuid_args *args, const struct kvm_cpuid_entry2 *host, uint32_t count, struct cpuid_table *out)
{
	cpuid_build_watched(args, host, count, out, NULL);
}

void cpuid_for_cpu(const struct cpuid_args *args, unsigned cpu, struct cpuid_table *table)
{
	uint32_t id = topology_apic_id(&args->topology, cpu);

	for (uint32_t i = 0; i < table->count; i++) {
		struct kvm_cpuid_entry2 *e = &table->entries[i];

		switch (e->function) {
		case 1: e->ebx = (e->ebx & 0x00ffffffu) | (id & 0xff) << 24; break;
		case 0xb: e->edx = id; break;
		case 0x8000001eu:
			e->eax = id;
			e->ebx = id & ((1u << topology_socket_shift(&args->topology)) - 1);     // core, one thread
			e->ecx = 0;     // one node a package; node 0 of the first
			break;
		default: break;
		}
	}
}
