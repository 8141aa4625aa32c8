// vmxnet3_core.c: core of VMware's vmxnet3.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/nic/vmxnet3_core.h"

#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"

enum bar1_reg {
	VRRS = 0x00,
	UVRS = 0x08,
	DSAL = 0x10,
	DSAH = 0x18,
	CMD = 0x20,
	MACL = 0x28,
	MACH = 0x30,
	ICR = 0x38,
	ECR = 0x40,
};

enum bar0_reg { IMR = 0x000, IMR_STEP = 8 };

// Those that ask and those that tell; what is not here gives NO_COMMAND.
enum command {
	CMD_ACTIVATE = 0xcafe0000,
	CMD_QUIESCE = 0xcafe0001,
	CMD_RESET = 0xcafe0002,
	CMD_LAST_SET = 0xcafe0010,
	CMD_GET_QUEUE_STATUS = 0xf00d0000,
	CMD_GET_STATS = 0xf00d0001,
	CMD_GET_LINK = 0xf00d0002,
	CMD_GET_MAC_LOW = 0xf00d0003,
	CMD_GET_MAC_HIGH = 0xf00d0004,
	CMD_GET_EXTRA_INFO = 0xf00d0007,
	CMD_GET_INTERRUPTS = 0xf00d0008,
	CMD_GET_TX_DATA_SIZE = 0xf00d000a,
};

#define NO_COMMAND       UINT32_MAX
#define FAILED           1u
#define TX_DATA_SIZE     128u
#define IO_BAR_SHIFT     24u

uint32_t vmxnet3_revisions_of(int hw)
{
	return hw >= 13 ? 0x7 : hw >= 11 ? 0x3 : 0x1;
}

static uint32_t mac_low(const struct vmxnet3_core *v) { return get_le32(v->mac); }
static uint32_t mac_high(const struct vmxnet3_core *v) { return get_le16(v->mac + 4); }

static void quiesce(struct vmxnet3_regs *r)
{
	r->active = 0;
	memset(r->masked, 1, sizeof(r->masked));
}

void vmxnet3_core_reset(struct vmxnet3_core *v)
{
	v->regs = (struct vmxnet3_regs){ .mac_low = mac_low(v), .mac_high = mac_high(v) };
	quiesce(&v->regs);
}

void vmxnet3_core_init(struct vmxnet3_core *v, const uint8_t mac[6], uint32_t revisions)
{
	*v = (struct vmxnet3_core){ .revisions = revisions | 1 };
	memcpy(v->mac, mac, sizeof(v->mac));
	vmxnet3_core_reset(v);
}

// --- commands ------------------------------------------------------------------------------------

// Without a shared area there is nothing to work with.
static uint32_t activate(struct vmxnet3_regs *r)
{
	if (!r->shared_low && !r->shared_high)
		return FAILED;
	r->active = 1;
	return 0;
}

static uint32_t reset_command(struct vmxnet3_core *v)
{
	quiesce(&v->regs);
	v->regs.shared_low = v->regs.shared_high = 0;
	return 0;
}

static uint32_t set_command(struct vmxnet3_core *v, uint32_t command)
{
	switch (command) {
	case CMD_ACTIVATE: return activate(&v->regs);
	case CMD_QUIESCE: quiesce(&v->regs); return 0;
	case CMD_RESET: return reset_command(v);
	default: return command > CMD_RESET && command <= CMD_LAST_SET ? 0 : NO_COMMAND;
	}
}

static uint32_t get_command(const struct vmxnet3_core *v, uint32_t command)
{
	switch (command) {
	case CMD_GET_QUEUE_STATUS: case CMD_GET_STATS: return 0;
	case CMD_GET_LINK: return 0;                    // down
	case CMD_GET_MAC_LOW: return mac_low(v);
	case CMD_GET_MAC_HIGH: return mac_high(v);
	case CMD_GET_EXTRA_INFO: return 0;
	case CMD_GET_INTERRUPTS: return 0;              // the driver chooses the kind, masks by itself
	case CMD_GET_TX_DATA_SIZE: return v->revisions & 4 ? TX_DATA_SIZE : NO_COMMAND;
	default: return NO_COMMAND;
	}
}

static uint32_t run_command(struct vmxnet3_core *v, uint32_t command)
{
	return command >> 16 == CMD_ACTIVATE >> 16 ? set_command(v, command) : get_command(v, command);
}

// --- registers -----------------------------------------------------------------------------------

static uint8_t *mask_of(struct vmxnet3_regs *r, uint32_t off)
{
	return off % IMR_STEP == 0 && off / IMR_STEP < VMXNET3_VECTORS ? &r->masked[off / IMR_STEP] : NULL;
}

static uint32_t read_bar1(struct vmxnet3_core *v, uint32_t off)
{
	switch (off) {
	case VRRS: return v->revisions;
	case UVRS: return 1;
	case DSAL: return v->regs.shared_low;
	case DSAH: return v->regs.shared_high;
	case CMD: return v->regs.result;
	case MACL: return v->regs.mac_low;
	case MACH: return v->regs.mac_high;
	default: return 0;              // ICR, ECR: nothing happens
	}
}

static void write_bar1(struct vmxnet3_core *v, uint32_t off, uint32_t value)
{
	switch (off) {
	case VRRS: v->regs.revision = value & v->revisions; break;
	case DSAL: v->regs.shared_low = value; break;
	case DSAH: v->regs.shared_high = value; break;
	case CMD: v->regs.result = run_command(v, value); break;
	case MACL: v->regs.mac_low = value; break;
	case MACH: v->regs.mac_high = value & 0xffff; break;
	default: break;
	}
}

uint32_t vmxnet3_read(struct vmxnet3_core *v, unsigned bar, uint32_t off)
{
	const uint8_t *mask = bar == 0 ? mask_of(&v->regs, off) : NULL;

	if (bar == 0)
		return mask ? *mask : 0;
	return bar == 1 ? read_bar1(v, off) : 0;
}

void vmxnet3_write(struct vmxnet3_core *v, unsigned bar, uint32_t off, uint32_t value)
{
	uint8_t *mask = bar == 0 ? mask_of(&v->regs, off) : NULL;

	if (mask)
		*mask = value & 1;
	else if (bar == 1)
		write_bar1(v, off, value);
}

uint32_t vmxnet3_io_read(struct vmxnet3_core *v, unsigned off)
{
	uint32_t a = v->regs.io_address;

	if (off == 0)
		return a;
	return off == 4 ? vmxnet3_read(v, a >> IO_BAR_SHIFT, a & (VMXNET3_BAR_SIZE - 1)) : 0;
}

void vmxnet3_io_write(struct vmxnet3_core *v, unsigned off, uint32_t value)
{
	uint32_t a = v->regs.io_address;

	if (off == 0)
		v->regs.io_address = value;
	else if (off == 4)
		vmxnet3_write(v, a >> IO_BAR_SHIFT, a & (VMXNET3_BAR_SIZE - 1), value);
}

void vmxnet3_sanitize(struct vmxnet3_regs *r)
{
	r->mac_high &= 0xffff;
	r->active = r->active != 0;
	for (unsigned i = 0; i < VMXNET3_VECTORS; i++)
		r->masked[i] = r->masked[i] != 0;
}
