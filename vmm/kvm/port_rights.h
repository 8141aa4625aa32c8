// port_rights.h: what a CPU itself would say to a port access: IOPL and the I/O bitmap of the task.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// With kvm.enable_vmware_backdoor KVM hands over accesses to VMware's ports that the CPU would have refused. Whoever does
// not answer them as VMware would must refuse in the CPU's place: with #GP.
#ifndef BERTH_KVM_PORT_RIGHTS_H
#define BERTH_KVM_PORT_RIGHTS_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/gmem.h"

struct port_caller {
	unsigned cpl, iopl;
	bool v86;                       // virtual-8086: IOPL does not count
	uint8_t tss_type;               // of TR's descriptor: 9 and 11 have a bitmap
	uint64_t tss;                   // linear address
	uint32_t tss_limit;
	// Copies LEN bytes from a linear address; false when any of it is not memory.
	bool (*read)(void *arg, uint64_t linear, void *buf, size_t len);
	void *arg;
};

// Pure. SIZE is 1, 2 or 4.
bool port_allowed(const struct port_caller *caller, uint16_t port, unsigned size);
// How many bytes the OUT of SIZE took in code of CODE bits (16, 32, 64): 1, or 2 with an operand size prefix.
unsigned port_out_length(unsigned size, unsigned code);

// The same for the vCPU behind FD, in its thread, at a KVM_EXIT_IO.
bool vcpu_port_allowed(int fd, struct gmem *mem, uint16_t port, unsigned size);
// Makes the port access in RUN fault: no register changes, the instruction is the one that faults. Leaves
// RUN->immediate_exit set, so that the thread looks whether it shall go on. What a REP INS had as its target is written.
// False when the instruction cannot be found (OUTS): the access is then one to an empty port.
bool vcpu_port_fault(int fd, struct gmem *mem, struct kvm_run *run);

#endif
