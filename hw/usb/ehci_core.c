// ehci_core.c: EHCI registers.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/usb/ehci_core.h"

enum ehci_reg {
	CAPLENGTH = 0x00,       // with the version in the upper half
	HCSPARAMS = 0x04,
	HCCPARAMS = 0x08,
	OPERATIONAL = 0x20,
	USBCMD = 0x20,
	USBSTS = 0x24,
	USBINTR = 0x28,
	FRINDEX = 0x2c,
	PERIODICLISTBASE = 0x34,
	ASYNCLISTADDR = 0x38,
	CONFIGFLAG = 0x60,
	PORTSC = 0x64,
};

enum ehci_values {
	VERSION_1_0 = 0x01000000,
	HCS_PORT_POWER = 1 << 4,        // the ports' power can be switched
	HCC_FRAME_LIST_SIZES = 1 << 1,
};

enum usbcmd_bit {
	CMD_RUN = 1 << 0,
	CMD_HCRESET = 1 << 1,
	CMD_PERIODIC = 1 << 4,
	CMD_ASYNC = 1 << 5,
	CMD_DOORBELL = 1 << 6,
	CMD_KEPT = 0x00ff003d,          // run, list size, schedules, interrupt threshold
	CMD_RESET_VALUE = 0x00080000,
};

enum usbsts_bit {
	STS_ASYNC_ADVANCE = 1 << 5,
	STS_CLEAR = 0x3f,
	STS_HALTED = 1 << 12,
	STS_PERIODIC = 1 << 14,
	STS_ASYNC = 1 << 15,
};

enum portsc_bit {
	PORT_OWNER = 1 << 13,
	PORT_WRITABLE = 0x007ff000,     // power, owner, indicators, test, wake enables; an empty port has no more
};

#define FRINDEX_MASK 0x3fffu
#define MICROFRAME_NS 125000u

void ehci_reset(struct ehci_regs *r)
{
	*r = (struct ehci_regs){ .usbcmd = CMD_RESET_VALUE, .usbsts = STS_HALTED };
	for (unsigned i = 0; i < EHCI_PORTS; i++)
		r->portsc[i] = PORT_OWNER;
}

bool ehci_irq(const struct ehci_regs *r) { return r->usbsts & r->usbintr & STS_CLEAR; }

static uint32_t frame(const struct ehci_regs *r, uint64_t now)
{
	if (!(r->usbcmd & CMD_RUN))
		return r->frindex;
	return (uint32_t)((r->frindex + (now - r->started) / MICROFRAME_NS) & FRINDEX_MASK);
}

// Status bits that follow the command: running schedules are at once what they were told to be.
static uint32_t status(const struct ehci_regs *r)
{
	uint32_t s = r->usbsts & STS_CLEAR;

	if (!(r->usbcmd & CMD_RUN))
		return s | STS_HALTED;
	return s | (r->usbcmd & CMD_PERIODIC ? STS_PERIODIC : 0) | (r->usbcmd & CMD_ASYNC ? STS_ASYNC : 0);
}

static uint32_t dword(const struct ehci_regs *r, unsigned off, uint64_t now)
{
	switch (off) {
	case CAPLENGTH: return VERSION_1_0 | OPERATIONAL;
	case HCSPARAMS: return HCS_PORT_POWER | EHCI_PORTS;
	case HCCPARAMS: return HCC_FRAME_LIST_SIZES;
	case USBCMD: return r->usbcmd;
	case USBSTS: return status(r);
	case USBINTR: return r->usbintr;
	case FRINDEX: return frame(r, now);
	case PERIODICLISTBASE: return r->periodic;
	case ASYNCLISTADDR: return r->async;
	case CONFIGFLAG: return r->configflag;
	default: break;
	}
	return off >= PORTSC && off < PORTSC + 4 * EHCI_PORTS ? r->portsc[(off - PORTSC) / 4] : 0;
}

uint32_t ehci_read(const struct ehci_regs *r, unsigned off, unsigned size, uint64_t now)
{
	uint32_t value;

	if (off >= EHCI_SIZE || size > 4 - off % 4)
		return UINT32_MAX;
	value = dword(r, off & ~3u, now) >> (8 * (off % 4));
	return size == 4 ? value : value & ((1u << (8 * size)) - 1);
}

static void command(struct ehci_regs *r, uint32_t value, uint64_t now)
{
	if (value & CMD_HCRESET) {
		ehci_reset(r);
		return;
	}
	r->frindex = frame(r, now);
	r->started = now;
	r->usbcmd = value & CMD_KEPT;
	// No transfer is under way, so the schedule has advanced as soon as it is asked to.
	if ((value & CMD_DOORBELL) && (value & CMD_RUN) && (value & CMD_ASYNC))
		r->usbsts |= STS_ASYNC_ADVANCE;
}

// Owned by the companion until the configure flag is set; a write of 1 sends all ports to this controller.
static void configure(struct ehci_regs *r, uint32_t value)
{
	r->configflag = value & 1;
	for (unsigned i = 0; i < EHCI_PORTS; i++)
		r->portsc[i] = (r->portsc[i] & ~(uint32_t)PORT_OWNER) | (r->configflag ? 0 : PORT_OWNER);
}

void ehci_write(struct ehci_regs *r, unsigned off, uint32_t value, uint64_t now)
{
	switch (off) {
	case USBCMD: command(r, value, now); return;
	case USBSTS: r->usbsts &= ~(value & STS_CLEAR); return;
	case USBINTR: r->usbintr = value & STS_CLEAR; return;
	case FRINDEX:
		if (!(r->usbcmd & CMD_RUN))
			r->frindex = value & FRINDEX_MASK;
		return;
	case PERIODICLISTBASE: r->periodic = value & 0xfffff000; return;
	case ASYNCLISTADDR: r->async = value & 0xffffffe0; return;
	case CONFIGFLAG: configure(r, value); return;
	default: break;
	}
	if (off >= PORTSC && off < PORTSC + 4 * EHCI_PORTS && off % 4 == 0)
		r->portsc[(off - PORTSC) / 4] = value & PORT_WRITABLE;
}

void ehci_sanitize(struct ehci_regs *r)
{
	r->usbcmd &= CMD_KEPT;
	r->usbsts &= STS_CLEAR;
	r->usbintr &= STS_CLEAR;
	r->frindex &= FRINDEX_MASK;
	r->configflag &= 1;
	for (unsigned i = 0; i < EHCI_PORTS; i++)
		r->portsc[i] &= PORT_WRITABLE;
}
