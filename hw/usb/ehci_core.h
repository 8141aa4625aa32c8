// ehci_core.h: core of an EHCI host controller with six empty ports.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Enhanced Host Controller Interface 1.0. With nothing plugged in no transfer can complete, so the schedules are
// never fetched and show no effect but their status bits and the frame counter. The rollover of the frame list is
// seen when registers are read; it interrupts nobody, so that an idle controller needs no timer.
#ifndef BERTH_USB_EHCI_CORE_H
#define BERTH_USB_EHCI_CORE_H

#include <stdbool.h>
#include <stdint.h>

#define EHCI_SIZE  0x1000u
#define EHCI_PORTS 6u

struct ehci_regs {
	uint32_t usbcmd, usbsts, usbintr;
	uint32_t frindex;       // while halted; while running, its value at `started`
	uint32_t periodic, async;
	uint32_t configflag;
	uint32_t portsc[EHCI_PORTS];
	uint64_t started;       // virtual nanoseconds
};

// The caller serialises. NOW is virtual time in nanoseconds and does not go back.
void ehci_reset(struct ehci_regs *r);
// OFF below EHCI_SIZE; accesses of 1, 2 or 4 bytes inside one dword read, dwords write.
uint32_t ehci_read(const struct ehci_regs *r, unsigned off, unsigned size, uint64_t now);
void ehci_write(struct ehci_regs *r, unsigned off, uint32_t value, uint64_t now);
// Level of the interrupt.
bool ehci_irq(const struct ehci_regs *r);
// Brings registers that came from outside into their limits.
void ehci_sanitize(struct ehci_regs *r);

#endif
