// vmxnet3_core.h: core of VMware's vmxnet3: registers and commands. The cable is out: no packets.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Two register files: BAR 0 for masks and producer indices, BAR 1 for everything else. The caller serialises.
#ifndef BERTH_NIC_VMXNET3_CORE_H
#define BERTH_NIC_VMXNET3_CORE_H

#include <stdbool.h>
#include <stdint.h>

#define VMXNET3_BAR_SIZE 4096u
#define VMXNET3_VECTORS  25u

// What a snapshot saves.
struct vmxnet3_regs {
	uint32_t revision;              // that the driver chose, as a bit; 0 = none yet
	uint32_t shared_low, shared_high;
	uint32_t mac_low, mac_high;
	uint32_t result;                // of the last command
	uint32_t io_address;
	uint8_t active;
	uint8_t masked[VMXNET3_VECTORS];
};

struct vmxnet3_core {
	struct vmxnet3_regs regs;
	uint32_t revisions;             // bit n: revision n + 1 is there
	uint8_t mac[6];
};

// REVISIONS as struct vmxnet3_core has them; at least revision 1.
void vmxnet3_core_init(struct vmxnet3_core *v, const uint8_t mac[6], uint32_t revisions);
void vmxnet3_core_reset(struct vmxnet3_core *v);
// Accesses of 4 bytes, offsets below VMXNET3_BAR_SIZE. Others read 0 and write nothing.
uint32_t vmxnet3_read(struct vmxnet3_core *v, unsigned bar, uint32_t off);
void vmxnet3_write(struct vmxnet3_core *v, unsigned bar, uint32_t off, uint32_t value);
// The window in I/O space: address (BAR in the top byte) at 0, data at 4.
uint32_t vmxnet3_io_read(struct vmxnet3_core *v, unsigned off);
void vmxnet3_io_write(struct vmxnet3_core *v, unsigned off, uint32_t value);
// Brings registers that came from outside into their limits.
void vmxnet3_sanitize(struct vmxnet3_regs *r);
// The revisions that hardware version HW offers.
uint32_t vmxnet3_revisions_of(int hw);

#endif
