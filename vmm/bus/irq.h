// irq.h: interrupt lines. A device raises and lowers its line; a pin joins the lines that share it.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BUS_IRQ_H
#define BERTH_BUS_IRQ_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

// An input of an interrupt controller or router. Wired-OR: it is up while any line on it is up. `set` is
// called on each change, under the pin's lock, on whatever thread moved the line; it must not call back.
struct irq_pin {
	pthread_mutex_t lock;           // innermost of all locks
	unsigned count;                 // lines that are up
	void (*set)(void *arg, unsigned number, bool level);
	void *arg;
	unsigned number;
};

void irq_pin_init(struct irq_pin *pin, void (*set)(void *arg, unsigned number, bool level), void *arg, unsigned number);

// A device's output. Zeroed = not connected, which is harmless.
struct irq_line {
	struct irq_pin *pin;
	bool level;                     // pin's lock
};

void irq_line_connect(struct irq_line *line, struct irq_pin *pin);
// Idempotent. Any thread.
void irq_line_set(struct irq_line *line, bool level);
// Low, then high: an edge for edge-triggered inputs.
void irq_line_pulse(struct irq_line *line);

// Where message-signalled interrupts go: address and data as the device's MSI capability holds them.
struct msi_sink {
	void (*send)(void *arg, uint64_t address, uint32_t data);       // any thread
	void *arg;
};

#endif
