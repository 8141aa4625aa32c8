// level3.c: the smallest user of /dev/kvm: runs a few instructions of real-mode code in a VM of its own.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runs inside a guest, where /dev/kvm exists only when nested virtualization works. Prints "level3: ok" and ends
// with 0 when the code's output arrived and it halted. The code asks VMware's backdoor for a number: the answer must be
// ours, not that of whoever runs the guest that we are in. "level3 spin" runs a loop without end instead.
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

enum { GUEST_SIZE = 0x1000, GUEST_BASE = 0x1000, OUT_PORT = 0xe9, BACKDOOR = 0x5658 };

static const uint8_t code[] = {
	0x66, 0xb8, 0x68, 0x58, 0x4d, 0x56,     // mov eax, 564d5868h
	0xba, 0x58, 0x56,       // mov dx, BACKDOOR
	0x66, 0xed,             // in eax, dx
	0x00, 0xd8,             // add al, bl
	0xe6, OUT_PORT,         // out OUT_PORT, al
	0xf4,                   // hlt
};

static const uint8_t spin[] = { 0xeb, 0xfe };      // jmp $

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int prepare(int cpu)
{
	struct kvm_sregs sregs;
	// With IF: Bochs 2.7 holds back even the host's interrupts from an inner guest without it.
	struct kvm_regs regs = { .rip = GUEST_BASE, .rbx = 3, .rflags = 2 | 1 << 9 };

	if (ioctl(cpu, KVM_GET_SREGS, &sregs) < 0)
		return -1;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(cpu, KVM_SET_SREGS, &sregs) < 0)
		return -1;
	return ioctl(cpu, KVM_SET_REGS, &regs);
}

static int run(int cpu, struct kvm_run *state)
{
	int sum = -1;

	for (int exits = 0; exits < 100; exits++) {
		if (ioctl(cpu, KVM_RUN, 0) < 0)
			return fail("KVM_RUN");
		if (state->exit_reason == KVM_EXIT_HLT) {
			printf("level3: %s, sum %d\n", sum == 5 ? "ok" : "wrong", sum);
			return sum != 5;
		}
		if (state->exit_reason == KVM_EXIT_IO && state->io.port == BACKDOOR && state->io.size == 4) {
			memcpy((uint8_t *)state + state->io.data_offset, &(uint32_t){ 2 }, 4);
			continue;
		}
		if (state->exit_reason != KVM_EXIT_IO || state->io.port != OUT_PORT) {
			printf("level3: exit reason %u\n", state->exit_reason);
			return 1;
		}
		sum = *((uint8_t *)state + state->io.data_offset);
	}
	printf("level3: no end\n");
	return 1;
}

int main(int argc, char **argv)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, cpu, size;
	struct kvm_userspace_memory_region region = { .guest_phys_addr = GUEST_BASE, .memory_size = GUEST_SIZE };
	struct kvm_run *state;
	void *memory;

	if (kvm < 0)
		return fail("/dev/kvm");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		return fail("KVM_CREATE_VM");
	memory = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return fail("mmap");
	memcpy(memory, code, sizeof(code));
	if (argc > 1 && !strcmp(argv[1], "spin"))
		memcpy(memory, spin, sizeof(spin));
	region.userspace_addr = (uintptr_t)memory;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return fail("KVM_SET_USER_MEMORY_REGION");
	cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (cpu < 0)
		return fail("KVM_CREATE_VCPU");
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	state = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	if (size < 0 || state == MAP_FAILED)
		return fail("mmap of the vCPU");
	if (prepare(cpu) < 0)
		return fail("setting registers");
	return run(cpu, state);
}
