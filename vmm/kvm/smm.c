// smm.c: a system management mode in which nothing happens.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A CPU that takes an SMI saves its state at SMBASE + FE00h and starts at SMBASE + 8000h, in KVM's second address space. With
// SMBASEs 1 KiB apart neither meets another CPU's: entries are in the first half of a block, saved states in the last.
#include "kvm/smm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define SMBASE      0x30000u    // of the first CPU, as after a reset
#define STRIDE      0x400u
#define ENTRY       0x8000u
#define STATE_END   0x10000u
#define PAGE        0x1000u
#define SMM_SPACE   (1u << 16)  // in the number of a memory slot
#define MSR_SMBASE  0x9eu

struct smm {
	uint8_t *memory;
	size_t size;
};

int smm_create(struct kvm *kvm, unsigned cpus, struct smm **out)
{
	static const uint8_t rsm[] = { 0x0f, 0xaa };
	struct smm *s;
	struct kvm_userspace_memory_region region;

	*out = NULL;
	if (kvm_cap(kvm, KVM_CAP_X86_SMM) <= 0 || kvm_cap(kvm, KVM_CAP_MULTI_ADDRESS_SPACE) < 2)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->size = (STATE_END + (size_t)(cpus - 1) * STRIDE + PAGE - 1) / PAGE * PAGE;
	s->memory = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s->memory == MAP_FAILED) {
		free(s);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < cpus; i++)
		memcpy(s->memory + ENTRY + i * STRIDE, rsm, sizeof(rsm));
	region = (struct kvm_userspace_memory_region){ .slot = SMM_SPACE, .guest_phys_addr = SMBASE, .memory_size = s->size,
						       .userspace_addr = (uint64_t)(uintptr_t)s->memory };
	*out = s;
	return ioctl(kvm_vm_fd(kvm), KVM_SET_USER_MEMORY_REGION, &region) < 0 ? -errno : 0;
}

void smm_set_base(int fd, unsigned cpu)
{
	struct { struct kvm_msrs head; struct kvm_msr_entry e; } one = {
		.head.nmsrs = 1, .e = { .index = MSR_SMBASE, .data = SMBASE + (uint64_t)cpu * STRIDE } };

	ioctl(fd, KVM_SET_MSRS, &one);
}

void smm_destroy(struct smm *s)
{
	if (!s)
		return;
	munmap(s->memory, s->size);
	free(s);
}
