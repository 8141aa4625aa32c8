// nested.c: the controls of VMX and SVM that guest hypervisors need, as tables.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/nested.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/compiler.h"

#define MSR_BASIC       0x480u
#define MSR_PINBASED    0x481u
#define MSR_PROCBASED   0x482u
#define MSR_EXIT        0x483u
#define MSR_ENTRY       0x484u
#define MSR_CR4_FIXED1  0x489u
#define MSR_PROCBASED2  0x48bu
#define MSR_EPT_VPID    0x48cu

// A control may be 1 when its bit in the upper half of the capability MSR is.
#define ALLOWED(bit)    (32u + (bit))

#define EVERY           "every hypervisor"
#define MODERN          "ESXi, Hyper-V, VMware Workstation and bhyve do not start"

struct vmx_control {
	uint32_t msr;
	unsigned bit;
	const char *name, *needed_by;
	enum nested_weight weight;
};

// SDM volume 3, appendix A.
static const struct vmx_control vmx_controls[] = {
	{ MSR_PROCBASED, ALLOWED(31), "secondary controls", MODERN, NESTED_SOME_REFUSE },
	{ MSR_PROCBASED2, ALLOWED(1), "EPT", MODERN, NESTED_SOME_REFUSE },
	{ MSR_PROCBASED2, ALLOWED(7), "unrestricted guest", "ESXi, VMware Workstation and bhyve; Hyper-V's guests with a BIOS",
	  NESTED_SOME_REFUSE },
	{ MSR_PROCBASED, ALLOWED(28), "MSR bitmaps", "Hyper-V and ESXi", NESTED_SOME_REFUSE },
	{ MSR_EXIT, ALLOWED(18), "save PAT on exit", "Hyper-V and bhyve", NESTED_SOME_REFUSE },
	{ MSR_EXIT, ALLOWED(19), "load PAT on exit", "Hyper-V and bhyve", NESTED_SOME_REFUSE },
	{ MSR_ENTRY, ALLOWED(14), "load PAT on entry", "Hyper-V and bhyve", NESTED_SOME_REFUSE },
	{ MSR_EXIT, ALLOWED(20), "save EFER on exit", "Hyper-V and bhyve", NESTED_SOME_REFUSE },
	{ MSR_EXIT, ALLOWED(21), "load EFER on exit", "Hyper-V and bhyve", NESTED_SOME_REFUSE },
	{ MSR_ENTRY, ALLOWED(15), "load EFER on entry", "Hyper-V and bhyve", NESTED_SOME_REFUSE },
	{ MSR_EPT_VPID, 6, "EPT with four levels", "every hypervisor that uses EPT", NESTED_SOME_REFUSE },
	{ MSR_EPT_VPID, 14, "EPT tables in write-back memory", "every hypervisor that uses EPT", NESTED_SOME_REFUSE },
	{ MSR_EPT_VPID, 20, "INVEPT", "every hypervisor that uses EPT", NESTED_SOME_REFUSE },
	{ MSR_PROCBASED2, ALLOWED(5), "VPID", "switches between inner guests empty the TLB", NESTED_SLOWER },
	{ MSR_EPT_VPID, 32, "INVVPID", "inner hypervisors then do without VPID", NESTED_SLOWER },
	{ MSR_EPT_VPID, 16, "EPT pages of 2 MiB", "inner memory is mapped page by page", NESTED_SLOWER },
	{ MSR_PINBASED, ALLOWED(6), "preemption timer", "inner timers take the long way", NESTED_SLOWER },
	{ MSR_PROCBASED, ALLOWED(21), "TPR shadow", "inner 32-bit Windows guests exit more often", NESTED_SLOWER },
	{ MSR_PROCBASED2, ALLOWED(0), "virtual APIC accesses", "inner interrupts take the long way", NESTED_SLOWER },
};

// AMD's manual, volume 2, CPUID Fn8000_000A.
static const struct svm_feature {
	unsigned bit;
	const char *name, *needed_by;
	enum nested_weight weight;
	const char *remedy;
} svm_features[] = {
	{ 0, "NPT", MODERN, NESTED_SOME_REFUSE, NULL },
	{ 3, "next RIP saved (NRIPS)", "bhyve, Hyper-V and VMware's hypervisors", NESTED_SOME_REFUSE, NULL },
	{ 6, "flush by ASID", "Hyper-V and newer hypervisors of VMware", NESTED_SOME_REFUSE,
	  "Linux 6.8 or newer gives it to guests; Linux and Xen as guests do without" },
	{ 5, "VMCB clean bits", "every inner entry loads the whole VMCB", NESTED_SLOWER, NULL },
	{ 7, "decode assists", "no KVM so far gives them; inner device accesses are decoded by hand", NESTED_SLOWER, NULL },
	{ 4, "TSC ratio", "inner guests cannot be given another TSC rate", NESTED_SLOWER, NULL },
	{ 10, "pause filter", "inner spinlocks keep their CPU", NESTED_SLOWER, NULL },
};

struct gap_list { struct nested_gap *gap; size_t count; };

static void gap(struct gap_list *l, const char *control, const char *needed_by, enum nested_weight weight)
{
	if (l->count < NESTED_GAPS_MAX)
		l->gap[l->count++] = (struct nested_gap){ control, needed_by, weight, NESTED_REMEDY };
}

static bool msr_bit(const struct nested_caps *c, uint32_t msr, unsigned bit)
{
	return c->vmx_msr[msr - NESTED_VMX_MSR_FIRST] >> bit & 1;
}

// An instruction that CPUID shows faults in an inner guest when its control cannot be set.
static void vmx_instructions(const struct nested_caps *c, struct gap_list *l)
{
	static const char why[] = "CPUID shows the instruction and inner guests fault on it";

	if (c->rdtscp && !msr_bit(c, MSR_PROCBASED2, ALLOWED(3)))
		gap(l, "RDTSCP", why, NESTED_SOME_REFUSE);
	if (c->invpcid && !msr_bit(c, MSR_PROCBASED2, ALLOWED(12)))
		gap(l, "INVPCID", why, NESTED_SOME_REFUSE);
	if (c->xsaves && !msr_bit(c, MSR_PROCBASED2, ALLOWED(20)))
		gap(l, "XSAVES", why, NESTED_SOME_REFUSE);
}

static void vmx_gaps(const struct nested_caps *c, struct gap_list *l)
{
	if (!(uint32_t)c->vmx_msr[MSR_BASIC - NESTED_VMX_MSR_FIRST]) {
		gap(l, "VMX capability MSRs", EVERY, NESTED_USELESS);
		return;
	}
	if (!msr_bit(c, MSR_CR4_FIXED1, 13))
		gap(l, "CR4.VMXE", EVERY, NESTED_USELESS);
	for (size_t i = 0; i < ARRAY_SIZE(vmx_controls); i++) {
		const struct vmx_control *k = &vmx_controls[i];

		if (!msr_bit(c, k->msr, k->bit))
			gap(l, k->name, k->needed_by, k->weight);
	}
	vmx_instructions(c, l);
}

static void svm_gaps(const struct nested_caps *c, struct gap_list *l)
{
	if (!(c->svm_revision & 0xff))
		gap(l, "SVM revision (leaf 8000000Ah)", EVERY, NESTED_USELESS);
	if (c->svm_asids < 2)
		gap(l, "ASIDs", EVERY, NESTED_USELESS);
	for (size_t i = 0; i < ARRAY_SIZE(svm_features); i++) {
		const struct svm_feature *f = &svm_features[i];

		if (c->svm_features >> f->bit & 1)
			continue;
		gap(l, f->name, f->needed_by, f->weight);
		if (f->remedy && l->count)
			l->gap[l->count - 1].remedy = f->remedy;
	}
}

static int heavier(const void *a, const void *b)
{
	const struct nested_gap *x = a, *y = b;

	return (int)y->weight - (int)x->weight;
}

size_t nested_gaps(const struct nested_caps *caps, struct nested_gap gaps[NESTED_GAPS_MAX])
{
	struct gap_list l = { gaps, 0 };

	if (caps->vmx && caps->svm)
		gap(&l, "one vendor", "CPUID shows VMX and SVM at once: no CPU has both", NESTED_SOME_REFUSE);
	if (caps->vmx)
		vmx_gaps(caps, &l);
	if (caps->svm)
		svm_gaps(caps, &l);
	qsort(gaps, l.count, sizeof(*gaps), heavier);
	return l.count;
}

// Adds NAME to the list in BUF, whose text is AT long; the new length, more than SIZE when it was cut.
static size_t list_name(char *buf, size_t size, size_t at, const char *name)
{
	return at < size ? at + (size_t)snprintf(buf + at, size - at, "%s%s", at ? ", " : "", name) : at;
}

const char *nested_gap_names(const struct nested_gap *gaps, size_t count, enum nested_weight weight, char *buf, size_t size)
{
	size_t at = 0;

	*buf = '\0';
	for (size_t i = 0; i < count; i++) {
		if (gaps[i].weight >= weight)
			at = list_name(buf, size, at, gaps[i].control);
	}
	return buf;
}

static const char *svm_feature_name(unsigned bit)
{
	for (size_t i = 0; i < ARRAY_SIZE(svm_features); i++) {
		if (svm_features[i].bit == bit)
			return svm_features[i].name;
	}
	return NULL;
}

const char *nested_forced_names(const struct nested_caps *shown, const struct nested_caps *host, char *buf, size_t size)
{
	uint32_t forced = shown->svm ? shown->svm_features & ~host->svm_features : 0;
	size_t at = 0;

	*buf = '\0';
	for (unsigned bit = 0; bit < 32; bit++) {
		const char *name = svm_feature_name(bit);
		char number[16];

		snprintf(number, sizeof(number), "bit %u", bit);
		if (forced >> bit & 1)
			at = list_name(buf, size, at, name ? name : number);
	}
	return buf;
}

void nested_caps_cpuid(struct nested_caps *caps, const struct kvm_cpuid_entry2 *entries, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct kvm_cpuid_entry2 *e = &entries[i];

		switch (e->function) {
		case 1: caps->vmx = e->ecx >> 5 & 1; break;
		case 7:
			if (e->index == 0)
				caps->invpcid = e->ebx >> 10 & 1;
			break;
		case 0xd:
			if (e->index == 1)
				caps->xsaves = e->eax >> 3 & 1;
			break;
		case 0x80000001u:
			caps->svm = e->ecx >> 2 & 1;
			caps->rdtscp = e->edx >> 27 & 1;
			break;
		case 0x8000000au:
			caps->svm_revision = e->eax;
			caps->svm_asids = e->ebx;
			caps->svm_features = e->edx;
			break;
		default: break;
		}
	}
}

// --- a vCPU ------------------------------------------------------------------------------------------

void nested_caps_vcpu(struct nested_caps *caps, int fd)
{
	for (uint32_t i = 0; i < NESTED_VMX_MSRS; i++) {
		struct { struct kvm_msrs head; struct kvm_msr_entry e; } one = {
			.head.nmsrs = 1, .e.index = NESTED_VMX_MSR_FIRST + i };

		caps->vmx_msr[i] = ioctl(fd, KVM_GET_MSRS, &one) == 1 ? one.e.data : 0;
	}
}

int nested_inner_active(int fd)
{
	union { struct kvm_nested_state head; uint8_t bytes[sizeof(struct kvm_nested_state) + 16384]; } *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->head.size = sizeof(*s);
	if (ioctl(fd, KVM_GET_NESTED_STATE, &s->head) == 0)
		r = (s->head.flags & KVM_STATE_NESTED_GUEST_MODE) != 0;
	else
		r = errno == EINVAL || errno == ENOTTY ? -ENOTSUP : -errno;
	free(s);
	return r;
}
