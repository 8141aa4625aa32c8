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
	MSR_TSC_DEADLINE,
	0x48,                                                   // SPEC_CTRL
	MSR_TSC,
};

static struct kvm_msrs *alloc_msrs(size_t n)
{
	return calloc(1, sizeof(struct kvm_msrs) + n * sizeof(struct kvm_msr_entry));
}

// KVM stops at the first MSR it does not know: that one is left out, and the rest is asked for again.
static int save_msrs(int fd, struct vcpu_state *s)
{
	const size_t all = ARRAY_SIZE(reset_msrs);
	struct kvm_msrs *ask = alloc_msrs(all);

	s->msrs = alloc_msrs(all);
	if (!s->msrs || !ask) {
		free(ask);
		return -ENOMEM;
	}
	for (size_t i = 0; i < all; i++) {
		int n;

		ask->nmsrs = (uint32_t)(all - i);
		for (size_t k = i; k < all; k++)
			ask->entries[k - i] = (struct kvm_msr_entry){ .index = reset_msrs[k] };
		n = MAX(ioctl(fd, KVM_GET_MSRS, ask), 0);
		memcpy(s->msrs->entries + s->msrs->nmsrs, ask->entries, (size_t)n * sizeof(ask->entries[0]));
		s->msrs->nmsrs += (uint32_t)n;
		i += (size_t)n;
	}
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

int vcpu_state_save(int fd, struct vcpu_state *s)
{
	memset(s, 0, sizeof(*s));
	if (ioctl(fd, KVM_GET_REGS, &s->regs) < 0 || ioctl(fd, KVM_GET_SREGS, &s->sregs) < 0 ||
	    ioctl(fd, KVM_GET_LAPIC, &s->lapic) < 0 || ioctl(fd, KVM_GET_MP_STATE, &s->mp) < 0)
		return -errno;
	s->has_fpu = ioctl(fd, KVM_GET_FPU, &s->fpu) == 0;
	s->has_events = ioctl(fd, KVM_GET_VCPU_EVENTS, &s->events) == 0;
	s->has_debug = ioctl(fd, KVM_GET_DEBUGREGS, &s->debug) == 0;
	s->has_xcrs = ioctl(fd, KVM_GET_XCRS, &s->xcrs) == 0;
	// Said in so many words: a value KVM merely reports must count as one that is to be set.
	s->events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR | KVM_VCPUEVENT_VALID_SHADOW;
	return save_msrs(fd, s);
}

// sregs carry the APIC base, so they come before the LAPIC; the MP state last, since KVM acts on it.
int vcpu_state_load(int fd, const struct vcpu_state *s)
{
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };

	// A CPU that waits for INIT takes no events; it is made runnable for the moment.
	ioctl(fd, KVM_SET_MP_STATE, &runnable);
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
