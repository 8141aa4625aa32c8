// pirq.h: the PIIX4's PCI interrupt router: links A to D, to ISA interrupts and to the IOAPIC.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CHIPSET_PIRQ_H
#define BERTH_CHIPSET_PIRQ_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "bus/irq.h"

#define PIRQ_LINKS 4u

struct platform;

struct pirq {
	pthread_mutex_t lock;           // after a link pin's lock, before the pins of the controllers
	struct irq_pin in[PIRQ_LINKS];
	bool level[PIRQ_LINKS];
	struct irq_pin *isa_pins;
	struct irq_line isa[PIRQ_LINKS];        // where PIRQRC sends the link; unconnected = nowhere
	struct irq_line ioapic[PIRQ_LINKS];     // always inputs 16 to 19
};

// All links off. P's interrupt pins must exist; arrays that are NULL are not connected.
void pirq_init(struct pirq *r, const struct platform *p);
void pirq_destroy(struct pirq *r);
// Input of LINK (0..3).
struct irq_pin *pirq_link(struct pirq *r, unsigned link);
// RC is the value of a PIRQRC register: bits 3:0 the interrupt, bit 7 off. Reserved interrupts count as off.
void pirq_route(struct pirq *r, unsigned link, uint8_t rc);

#endif
