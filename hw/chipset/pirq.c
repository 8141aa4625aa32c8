// pirq.c: the PIIX4's PCI interrupt router.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/pirq.h"

#include <string.h>

#include "bus/platform.h"

#define PIRQRC_OFF  0x80u
#define PIRQRC_IRQ  0x0fu
#define ISA_ALLOWED 0xdef8u     // IRQs 3-7, 9-12, 14, 15; 0, 1, 2, 8 and 13 are reserved

static void link_set(void *arg, unsigned number, bool level)
{
	struct pirq *r = arg;

	pthread_mutex_lock(&r->lock);
	r->level[number] = level;
	irq_line_set(&r->ioapic[number], level);
	irq_line_set(&r->isa[number], level);
	pthread_mutex_unlock(&r->lock);
}

void pirq_init(struct pirq *r, const struct platform *p)
{
	memset(r, 0, sizeof(*r));
	pthread_mutex_init(&r->lock, NULL);
	r->isa_pins = p->isa_irq;
	for (unsigned i = 0; i < PIRQ_LINKS; i++) {
		irq_pin_init(&r->in[i], link_set, r, i);
		if (p->ioapic_irq)
			irq_line_connect(&r->ioapic[i], &p->ioapic_irq[i]);
	}
}

void pirq_destroy(struct pirq *r)
{
	pthread_mutex_destroy(&r->lock);
}

struct irq_pin *pirq_link(struct pirq *r, unsigned link)
{
	return link < PIRQ_LINKS ? &r->in[link] : NULL;
}

static struct irq_pin *target(const struct pirq *r, uint8_t rc)
{
	unsigned irq = rc & PIRQRC_IRQ;

	return (rc & PIRQRC_OFF) || !(ISA_ALLOWED >> irq & 1) || !r->isa_pins ? NULL : &r->isa_pins[irq];
}

void pirq_route(struct pirq *r, unsigned link, uint8_t rc)
{
	struct irq_pin *pin = target(r, rc);

	if (link >= PIRQ_LINKS)
		return;
	pthread_mutex_lock(&r->lock);
	if (r->isa[link].pin != pin) {
		irq_line_set(&r->isa[link], false);
		irq_line_connect(&r->isa[link], pin);
		irq_line_set(&r->isa[link], r->level[link]);
	}
	pthread_mutex_unlock(&r->lock);
}
