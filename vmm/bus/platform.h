// platform.h: what a device attaches to. One per machine, filled before the first device is created.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BUS_PLATFORM_H
#define BERTH_BUS_PLATFORM_H

#include "bus.h"
#include "console.h"
#include "device.h"
#include "gmem.h"
#include "irq.h"
#include "vclock.h"

struct pci_root;

// What devices ask of the machine. Any thread; the machine acts later, on its own thread.
struct platform_events {
	void (*reset)(void *arg, const char *why);              // hard reset of the whole machine; WHY is a static string
	void (*power_off)(void *arg);                           // ACPI S5
	void (*init_cpus)(void *arg);                           // INIT to all CPUs (keyboard controller, port 92h)
	void *arg;
};

// Writes to MMIO that need not arrive at once: they may be gathered and applied before the next access of any other
// kind. For memory-like ranges, of which a text screen is the example. All members may be NULL: nothing is gathered.
struct posted_writes {
	void (*range)(void *arg, uint64_t first, uint64_t length, bool on);     // any thread
	void (*drain)(void *arg);               // applies what was gathered; any thread that holds no device lock
	void *arg;
};

struct platform {
	struct loop *loop;                      // the machine's I/O loop
	struct vclock *clock;
	struct bus *ports, *mmio;
	struct gmem *mem;
	struct irq_pin *isa_irq;                // array of 16: PIC inputs, with their IOAPIC pins
	struct irq_pin *ioapic_irq;             // array of 24 - 16: IOAPIC inputs 16..23
	struct pci_root *pci;                   // NULL until the chipset made it
	struct msi_sink msi;
	struct console *console;
	struct posted_writes posted;
	struct platform_events events;
};

#endif
