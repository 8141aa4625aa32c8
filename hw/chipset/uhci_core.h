// uhci_core.h: core of a UHCI host controller with two empty ports.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The frame list is never fetched: with nothing plugged in no transfer can complete, so a schedule shows no
// effect but the frame counter.
#ifndef BERTH_CHIPSET_UHCI_CORE_H
#define BERTH_CHIPSET_UHCI_CORE_H

#include <stdint.h>

#define UHCI_SIZE  0x20u
#define UHCI_PORTS 2u

struct uhci_regs {
	uint16_t usbcmd, usbsts, usbintr;
	uint16_t frnum;         // while halted; while running, its value at `started`
	uint32_t frbaseadd;
	uint8_t sofmod;
	uint16_t portsc[UHCI_PORTS];
	uint64_t started;       // virtual nanoseconds
};

// The caller serialises. NOW is virtual time in nanoseconds and does not go back.
void uhci_reset(struct uhci_regs *r);
// OFF below UHCI_SIZE, SIZE 1, 2 or 4.
uint32_t uhci_read(const struct uhci_regs *r, unsigned off, unsigned size, uint64_t now);
void uhci_write(struct uhci_regs *r, unsigned off, unsigned size, uint32_t value, uint64_t now);
// Brings registers that came from outside into their limits.
void uhci_sanitize(struct uhci_regs *r);

#endif
