// config_cpu.c: processors, memory, CPUID masks, nesting.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "vmx/load.h"
#include "vmx/value.h"

#define MEM_LEAST_MB    32
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

	l->c->mem_mb = MEM_LEAST_MB;
	if (!get_written(l, "memsize"))
		problem(l, VMX_NOTE, "memsize", "is missing; as in VMware the VM has 32 MB");
	if (mb < MEM_LEAST_MB || mb > MEM_MOST_MB) {
		problem(l, VMX_ERROR, "memsize",
			"%" PRId64 " MB is out of range: a VM has 32 MB to 1048576 MB (1 TiB)", mb);
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
	if (l->c->cpuid_mask_count == MASKS_MAX)
		problem(l, VMX_ERROR, e->name, "there are more than %u CPUID masks", MASKS_MAX);
	add_mask(l, &mask);
}

void load_cpus(struct loader *l)
{
	load_topology(l);
	load_memory(l);
	l->c->hypervisor_leaves = get_bool(l, "hypervisor.cpuid.v0");
	l->c->nested = get_bool(l, "vhv.enable");
	for (size_t i = 0; i < vmx_file_count(l->file); i++)
		load_mask(l, vmx_file_at(l->file, i));
}
