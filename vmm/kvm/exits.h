// exits.h: what a vCPU's exit means: decoding apart from KVM_RUN, so that a unit test can call it without KVM.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_KVM_EXITS_H
#define BERTH_KVM_EXITS_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/bus.h"
#include "bus/gmem.h"

enum exit_result {
	EXITED_CONTINUE,        // handled; run on
	EXITED_TRIPLE_FAULT,    // the CPU shut down
	EXITED_UNHANDLED,       // KVM could not go on, and neither can we
};

// General registers as the backdoor exchanges them; the privilege of the caller is read only.
struct gp_regs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp;
	unsigned cpl, iopl;
};

struct exit_env {
	struct bus *ports, *mmio;
	struct gmem *mem;
	// VMware's port 5658h/5659h: FILL reads the CPU's registers, STORE writes all but RAX. Returns false when it
	// does not answer (wrong magic), the access then goes to the bus. NULL = no backdoor.
	bool (*backdoor)(void *arg, unsigned cpu, uint16_t port, bool out, struct gp_regs *regs);
	void *backdoor_arg;
	unsigned cpu;
	void *vcpu;
	int (*get_regs)(void *vcpu, struct gp_regs *regs);
	int (*set_regs)(void *vcpu, const struct gp_regs *regs);
	// What IOPL and the task's I/O bitmap say; and a fault instead of the access in RUN (false: it cannot be made
	// to). NULL = KVM hands over nothing that the CPU would refuse.
	bool (*port_allowed)(void *vcpu, uint16_t port, unsigned size);
	bool (*port_fault)(void *vcpu);
	// The guest asked KVM itself to reset the machine (Hyper-V's MSR). Any thread; NULL = it cannot.
	void (*reset)(void *arg, const char *why);
	void *reset_arg;
};

// A write to guest-physical memory that is not RAM. vCPU thread, or who empties KVM's ring (posted.h).
void exit_mmio_write(const struct exit_env *env, uint64_t addr, const void *data, uint32_t len);
// Handles the exit in RUN. vCPU thread. WHY (SIZE bytes) receives words for EXITED_UNHANDLED.
enum exit_result exit_handle(const struct exit_env *env, struct kvm_run *run, char *why, size_t size);
// "KVM_EXIT_MMIO" or "exit reason 99".
const char *exit_name(uint32_t reason, char *buf, size_t size);

#endif
