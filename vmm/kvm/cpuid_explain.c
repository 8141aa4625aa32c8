// cpuid_explain.c: noting what each step of the CPUID builder changed; `cpuid -r` text.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/cpuid_explain.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "vmx/config.h"

struct recorder {
	struct cpuid_story *story;
	struct cpuid_table last;
};

uint32_t cpuid_register(const struct kvm_cpuid_entry2 *e, unsigned reg)
{
	const uint32_t regs[4] = { e->eax, e->ebx, e->ecx, e->edx };

	return regs[reg & 3];
}

// --- changes -------------------------------------------------------------------------------------------

static void note(struct cpuid_story *s, const struct cpuid_change *change)
{
	struct cpuid_change *list;

	if ((s->count & (s->count - 1)) == 0) {         // full: its size is always a power of two
		list = realloc(s->changes, MAX(s->count * 2, 1u) * sizeof(*list));
		if (!list) {
			s->failed = true;
			return;
		}
		s->changes = list;
	}
	s->changes[s->count++] = *change;
}

// The entry of exactly this leaf and index.
static const struct kvm_cpuid_entry2 *exact(const struct cpuid_table *t, uint32_t leaf, uint32_t index)
{
	for (uint32_t i = 0; i < t->count; i++) {
		if (t->entries[i].function == leaf && t->entries[i].index == index)
			return &t->entries[i];
	}
	return NULL;
}

static void compare(struct recorder *r, const struct kvm_cpuid_entry2 *before, const struct kvm_cpuid_entry2 *after,
		    struct cpuid_change change)
{
	static const struct kvm_cpuid_entry2 nothing;

	for (change.reg = 0; change.reg < 4; change.reg++) {
		if (cpuid_register(before ? before : &nothing, change.reg) !=
		    cpuid_register(after ? after : &nothing, change.reg))
			note(r->story, &change);
	}
}

static void on_step(void *arg, enum cpuid_step step, size_t mask, const struct cpuid_table *t)
{
	struct recorder *r = arg;

	for (uint32_t i = 0; i < t->count; i++) {
		const struct kvm_cpuid_entry2 *e = &t->entries[i];

		compare(r, exact(&r->last, e->function, e->index), e,
			(struct cpuid_change){ e->function, e->index, 0, step, mask });
	}
	for (uint32_t i = 0; i < r->last.count; i++) {
		const struct kvm_cpuid_entry2 *e = &r->last.entries[i];

		if (!exact(t, e->function, e->index))
			compare(r, e, NULL, (struct cpuid_change){ e->function, e->index, 0, step, mask });
	}
	r->last = *t;
}

static int by_leaf(const void *a, const void *b)
{
	const struct kvm_cpuid_entry2 *x = a, *y = b;

	if (x->function != y->function)
		return x->function < y->function ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static void sort(struct cpuid_table *t) { qsort(t->entries, t->count, sizeof(t->entries[0]), by_leaf); }

void cpuid_explain(const struct cpuid_args *args, const struct kvm_cpuid_entry2 *host, uint32_t count, unsigned cpu,
		   struct cpuid_story *out)
{
	struct recorder r = { .story = out };
	const struct cpuid_watch watch = { on_step, &r };

	*out = (struct cpuid_story){ 0 };
	out->host.count = MIN(count, CPUID_MAX_ENTRIES);
	memcpy(out->host.entries, host, out->host.count * sizeof(*host));
	r.last = out->host;
	cpuid_build_watched(args, host, count, &out->guest, &watch);
	cpuid_for_cpu(args, cpu, &out->guest);
	on_step(&r, CPUID_STEP_TOPOLOGY, 0, &out->guest);
	sort(&out->host);
	sort(&out->guest);
}

void cpuid_story_free(struct cpuid_story *story)
{
	free(story->changes);
	story->changes = NULL;
	story->count = 0;
}

const char *cpuid_reason(const struct cpuid_args *args, const struct cpuid_change *change)
{
	static const char *const texts[] = {
		[CPUID_STEP_HOST] = "another hypervisor's leaf", [CPUID_STEP_HYPERVISOR] = "hypervisor.cpuid.v0",
		[CPUID_STEP_NESTING] = "vhv.enable", [CPUID_STEP_PMU] = "vpmc.enable", [CPUID_STEP_TOPOLOGY] = "numvcpus, cpuid.coresPerSocket",
		[CPUID_STEP_WIDTH] = "monitor.phys_bits_used",
	};

	if (change->step == CPUID_STEP_MASK)
		return change->mask < args->mask_count ? args->masks[change->mask].key : "a mask";
	return texts[change->step];
}

// --- text ----------------------------------------------------------------------------------------------

void cpuid_raw_print(FILE *to, unsigned cpu, const struct cpuid_table *table)
{
	fprintf(to, "CPU %u:\n", cpu);
	for (uint32_t i = 0; i < table->count; i++) {
		const struct kvm_cpuid_entry2 *e = &table->entries[i];

		fprintf(to, "   0x%08x 0x%02x: eax=0x%08x ebx=0x%08x ecx=0x%08x edx=0x%08x\n", e->function, e->index, e->eax,
			e->ebx, e->ecx, e->edx);
	}
}

// Leaves whose answer depends on ECX.
static bool has_index(uint32_t leaf)
{
	static const uint32_t leaves[] = { 4, 7, 0xb, 0xd, 0xf, 0x10, 0x12, 0x14, 0x17, 0x18, 0x1d, 0x1e, 0x1f, 0x20, 0x24,
					   0x8000001d, 0x80000020, 0x80000026 };

	for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
		if (leaves[i] == leaf)
			return true;
	}
	return false;
}

static bool parse_line(const char *line, struct kvm_cpuid_entry2 *e)
{
	*e = (struct kvm_cpuid_entry2){ 0 };
	if (sscanf(line, " 0x%8x 0x%8x: eax=0x%8x ebx=0x%8x ecx=0x%8x edx=0x%8x", &e->function, &e->index, &e->eax, &e->ebx,
		   &e->ecx, &e->edx) != 6)
		return false;
	e->flags = has_index(e->function) ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0;
	return true;
}

uint32_t cpuid_raw_parse(const char *text, size_t len, struct kvm_cpuid_entry2 *out, uint32_t max)
{
	uint32_t n = 0;

	for (size_t at = 0; at < len && n < max;) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t length = end ? (size_t)(end - text) - at : len - at;
		char line[160];

		snprintf(line, sizeof(line), "%.*s", (int)MIN(length, sizeof(line) - 1), text + at);
		if (!strncmp(line, "CPU", 3) && n)
			break;
		n += parse_line(line, &out[n]);
		at += length + 1;
	}
	return n;
}
