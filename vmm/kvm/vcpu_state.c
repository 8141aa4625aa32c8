// vcpu_state.c: reading, writing and describing a vCPU's registers.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/vcpu_state.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/compiler.h"

#define MSR_TSC             0x10u
#define MSR_FEATURE_CONTROL 0x3au
#define MSR_TSC_DEADLINE    0x6e0u

// MSRs of the architecture that a guest can leave in a state that a rebooted system trips over. KVM gives those a
// CPU lacks no value; such entries are dropped when the state is saved.
static const uint32_t reset_msrs[] = {
	0x174, 0x175, 0x176,                                    // SYSENTER
	0x277,                                                  // PAT
	0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,         // STAR, LSTAR, CSTAR, FMASK
	0xc0000102,                                             // KERNEL_GS_BASE
	0xc0000103,                                             // TSC_AUX
	0x1a0,                                                  // MISC_ENABLE
	0x1d9,                                                  // DEBUGCTL
	0x3a,                                                   // FEATURE_CONTROL
	0x3b,                                                   // TSC_ADJUST
	0x2ff, 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f,     // MTRRs
	0x200, 0x201, 0x202, 0x203, 0x204, 0x205, 0x206, 0x207,
	0x208, 0x209, 0x20a, 0x20b, 0x20c, 0x20d, 0x20e, 0x20f,
	0xc0010117,                                             // VM_HSAVE_PA
	0xc0000104,                                             // TSC ratio of inner guests
	0xda0,                                                  // XSS
	0x9e,                                                   // SMBASE
	// Counters: stopped first, then their events and values. Intel's, AMD's old ones, AMD's extended ones.
	0x38f, 0x38d, 0xc0000301,
	0x186, 0x187, 0x188, 0x189, 0x18a, 0x18b, 0x18c, 0x18d,
	0x309, 0x30a, 0x30b, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8,
	0xc0010000, 0xc0010001, 0xc0010002, 0xc0010003, 0xc0010004, 0xc0010005, 0xc0010006, 0xc0010007,
	0xc0010200, 0xc0010201, 0xc0010202, 0xc0010203, 0xc0010204, 0xc0010205,
	0xc0010206, 0xc0010207, 0xc0010208, 0xc0010209, 0xc001020a, 0xc001020b,
	MSR_TSC_DEADLINE,
	0x48,                                                   // SPEC_CTRL
	MSR_TSC,
};

// Hyper-V's, for CPUs that have its enlightenments: pages that KVM would go on writing to, timers, interrupts. KVM makes a
// Hyper-V of every CPU that is asked for them, so the others are not.
static const uint32_t hyperv_msrs[] = {
	0x40000080, 0x40000082, 0x40000083,                     // SCONTROL, SIEFP, SIMP
	0x40000090, 0x40000091, 0x40000092, 0x40000093, 0x40000094, 0x40000095, 0x40000096, 0x40000097,         // SINTx
	0x40000098, 0x40000099, 0x4000009a, 0x4000009b, 0x4000009c, 0x4000009d, 0x4000009e, 0x4000009f,
	0x400000b0, 0x400000b1, 0x400000b2, 0x400000b3, 0x400000b4, 0x400000b5, 0x400000b6, 0x400000b7,         // STIMERx
	0x40000073,                                             // VP assist page
	0x40000106, 0x40000107, 0x40000108,                     // reenlightenment
	0x40000021, 0x40000001, 0x40000000,                     // reference TSC, hypercall page, guest OS
};

static struct kvm_msrs *alloc_msrs(size_t n)
{
	return calloc(1, sizeof(struct kvm_msrs) + n * sizeof(struct kvm_msr_entry));
}

// KVM stops at the first MSR it does not know: that one is left out, and the rest is asked for again.
static void read_msrs(int fd, const uint32_t *list, size_t all, struct kvm_msrs *ask, struct kvm_msrs *out)
{
	for (size_t i = 0; i < all; i++) {
		int n;

		ask->nmsrs = (uint32_t)(all - i);
		for (size_t k = i; k < all; k++)
			ask->entries[k - i] = (struct kvm_msr_entry){ .index = list[k] };
		n = MAX(ioctl(fd, KVM_GET_MSRS, ask), 0);
		memcpy(out->entries + out->nmsrs, ask->entries, (size_t)n * sizeof(ask->entries[0]));
		out->nmsrs += (uint32_t)n;
		i += (size_t)n;
	}
}

static int save_msrs(int fd, bool hyperv, struct vcpu_state *s)
{
	const size_t own = ARRAY_SIZE(reset_msrs), more = hyperv ? ARRAY_SIZE(hyperv_msrs) : 0;
	struct kvm_msrs *ask = alloc_msrs(MAX(own, more));

	s->msrs = alloc_msrs(own + more);
	if (!s->msrs || !ask) {
		free(ask);
		return -ENOMEM;
	}
	read_msrs(fd, hyperv_msrs, more, ask, s->msrs);
	read_msrs(fd, reset_msrs, own, ask, s->msrs);
	free(ask);
	return 0;
}

static void load_msrs(int fd, const struct vcpu_state *s)
{
	struct { struct kvm_msrs head; struct kvm_msr_entry e; } one;

	for (uint32_t i = 0; s->msrs && i < s->msrs->nmsrs; i++) {
		memset(&one, 0, sizeof(one));
		one.head.nmsrs = 1;
		one.e = s->msrs->entries[i];
		if (one.e.index == MSR_TSC)
			one.e.data = 0;
		ioctl(fd, KVM_SET_MSRS, &one);  // one that cannot be written was not changed by the guest either
	}
}

int vcpu_state_save(int fd, bool hyperv, struct vcpu_state *s)
{
	memset(s, 0, sizeof(*s));
	if (ioctl(fd, KVM_GET_REGS, &s->regs) < 0 || ioctl(fd, KVM_GET_SREGS, &s->sregs) < 0 ||
	    ioctl(fd, KVM_GET_LAPIC, &s->lapic) < 0 || ioctl(fd, KVM_GET_MP_STATE, &s->mp) < 0)
		return -errno;
	s->has_fpu = ioctl(fd, KVM_GET_FPU, &s->fpu) == 0;
	s->has_events = ioctl(fd, KVM_GET_VCPU_EVENTS, &s->events) == 0;
	s->has_debug = ioctl(fd, KVM_GET_DEBUGREGS, &s->debug) == 0;
	s->has_xcrs = ioctl(fd, KVM_GET_XCRS, &s->xcrs) == 0;
	s->nested.size = sizeof(s->nested);
	s->has_nested = ioctl(fd, KVM_GET_NESTED_STATE, &s->nested) == 0;
	// Said in so many words: a value KVM merely reports must count as one that is to be set.
	s->events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR | KVM_VCPUEVENT_VALID_SHADOW;
	return save_msrs(fd, hyperv, s);
}

// A CPU that runs an inner guest, or may run one, must not do so any more before registers are written: they would become
// the inner guest's, and VMX forbids to clear CR4.VMXE.
static void leave_nested(int fd, const struct vcpu_state *s)
{
	if (s->has_nested)
		ioctl(fd, KVM_SET_NESTED_STATE, &s->nested);
}

// sregs carry the APIC base, so they come before the LAPIC; the MP state last, since KVM acts on it.
int vcpu_state_load(int fd, const struct vcpu_state *s)
{
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };

	// A CPU that waits for INIT takes no events; it is made runnable for the moment.
	ioctl(fd, KVM_SET_MP_STATE, &runnable);
	leave_nested(fd, s);
	if (ioctl(fd, KVM_SET_SREGS, &s->sregs) < 0)
		return -errno;
	load_msrs(fd, s);
	if (s->has_fpu)
		ioctl(fd, KVM_SET_FPU, &s->fpu);
	if (s->has_xcrs)
		ioctl(fd, KVM_SET_XCRS, &s->xcrs);
	if (s->has_debug)
		ioctl(fd, KVM_SET_DEBUGREGS, &s->debug);
	if (ioctl(fd, KVM_SET_LAPIC, &s->lapic) < 0 || ioctl(fd, KVM_SET_REGS, &s->regs) < 0)
		return -errno;
	if (s->has_events)
		ioctl(fd, KVM_SET_VCPU_EVENTS, &s->events);
	return ioctl(fd, KVM_SET_MP_STATE, &s->mp) < 0 ? -errno : 0;
}

int vcpu_state_init(int fd, const struct vcpu_state *s)
{
	struct kvm_sregs now, next = s->sregs;

	if (ioctl(fd, KVM_GET_SREGS, &now) < 0)
		return -errno;
	next.apic_base = now.apic_base;
	next.cr8 = now.cr8;
	leave_nested(fd, s);
	if (ioctl(fd, KVM_SET_SREGS, &next) < 0 || ioctl(fd, KVM_SET_REGS, &s->regs) < 0)
		return -errno;
	if (s->has_debug)
		ioctl(fd, KVM_SET_DEBUGREGS, &s->debug);
	if (s->has_events)
		ioctl(fd, KVM_SET_VCPU_EVENTS, &s->events);
	return ioctl(fd, KVM_SET_MP_STATE, &s->mp) < 0 ? -errno : 0;
}

void vcpu_state_free(struct vcpu_state *s)
{
	free(s->msrs);
	s->msrs = NULL;
}

void vcpu_set_feature_control(int fd)
{
	struct { struct kvm_msrs head; struct kvm_msr_entry e; } one = {
		.head.nmsrs = 1, .e = { .index = MSR_FEATURE_CONTROL, .data = 1u | 1u << 2 } };

	ioctl(fd, KVM_SET_MSRS, &one);
}

void vcpu_describe(int fd, char *buf, size_t size)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	if (ioctl(fd, KVM_GET_REGS, &r) < 0 || ioctl(fd, KVM_GET_SREGS, &s) < 0) {
		snprintf(buf, size, "registers cannot be read: %s", strerror(errno));
		return;
	}
	snprintf(buf, size,
		 "rax=%llx rbx=%llx rcx=%llx rdx=%llx rsi=%llx rdi=%llx rsp=%llx rbp=%llx "
		 "r8=%llx r9=%llx r10=%llx r11=%llx r12=%llx r13=%llx r14=%llx r15=%llx "
		 "rip=%llx rflags=%llx cs=%x(%llx) ss=%x(%llx) ds=%x es=%x cr0=%llx cr2=%llx cr3=%llx cr4=%llx efer=%llx "
		 "gdt=%llx/%x idt=%llx/%x",
		 r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rsp, r.rbp, r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14,
		 r.r15, r.rip, r.rflags, s.cs.selector, s.cs.base, s.ss.selector, s.ss.base, s.ds.selector, s.es.selector,
		 s.cr0, s.cr2, s.cr3, s.cr4, s.efer, s.gdt.base, s.gdt.limit, s.idt.base, s.idt.limit);
}
