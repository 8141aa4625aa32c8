// irq.c: wired-OR interrupt pins and the lines on them.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "bus/irq.h"

#include <string.h>

void irq_pin_init(struct irq_pin *pin, void (*set)(void *arg, unsigned number, bool level), void *arg, unsigned number)
{
	memset(pin, 0, sizeof(*pin));
	pthread_mutex_init(&pin->lock, NULL);
	pin->set = set;
	pin->arg = arg;
	pin->number = number;
}

void irq_line_connect(struct irq_line *line, struct irq_pin *pin)
{
	line->pin = pin;
	line->level = false;
}

void irq_line_set(struct irq_line *line, bool level)
{
	struct irq_pin *pin = line->pin;

	if (!pin)
		return;
	pthread_mutex_lock(&pin->lock);
	if (line->level != level) {
		line->level = level;
		if (level && pin->count++ == 0)
			pin->set(pin->arg, pin->number, true);
		else if (!level && --pin->count == 0)
			pin->set(pin->arg, pin->number, false);
	}
	pthread_mutex_unlock(&pin->lock);
}

void irq_line_pulse(struct irq_line *line)
{
	irq_line_set(line, false);
	irq_line_set(line, true);
}
