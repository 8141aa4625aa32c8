// legacy_rig.h: a platform without CPUs for tests of ISA devices: ports, interrupt pins that count, time.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_TESTS_UNIT_LEGACY_RIG_H
#define BERTH_TESTS_UNIT_LEGACY_RIG_H

#include <check.h>
#include <string.h>

#include "bus/platform.h"

#define RIG_RAM (64u << 20)

struct rig {
	struct platform platform;
	struct vclock clock;
	struct irq_pin pins[16];
	struct { bool level; unsigned edges; } irq[16];
	unsigned inits, resets;
};

static void rig_pin(void *arg, unsigned number, bool level)
{
	struct rig *rig = arg;

	if (level && !rig->irq[number].level)
		rig->irq[number].edges++;
	rig->irq[number].level = level;
}

static void rig_init_cpus(void *arg) { ((struct rig *)arg)->inits++; }
static void rig_reset_machine(void *arg, const char *why) { ((struct rig *)arg)->resets += why != NULL; }

static int rig_map(void *arg, unsigned slot, uint64_t gpa, uint64_t len, void *hva, bool readonly,
		   bool log_dirty)
{
	return 0;
}

static void rig_unmap(void *arg, unsigned slot) { }

static void rig_open(struct rig *rig)
{
	const struct gmem_host host = { .map = rig_map, .unmap = rig_unmap };
	struct platform *p = &rig->platform;

	memset(rig, 0, sizeof(*rig));
	ck_assert_int_eq(loop_create(&p->loop, "test", 64, NULL), 0);
	vclock_init(&rig->clock, p->loop);
	p->clock = &rig->clock;
	ck_assert_int_eq(bus_create(&p->ports, "ports", 0xffff, NULL), 0);
	ck_assert_int_eq(gmem_create(&p->mem, RIG_RAM, &host, NULL), 0);
	for (unsigned i = 0; i < 16; i++)
		irq_pin_init(&rig->pins[i], rig_pin, rig, i);
	p->isa_irq = rig->pins;
	p->events =
		(struct platform_events){.reset = rig_reset_machine, .init_cpus = rig_init_cpus, .arg = rig};
	vclock_start(&rig->clock);
}

static void rig_close(struct rig *rig)
{
	gmem_destroy(rig->platform.mem);
	bus_destroy(rig->platform.ports);
	loop_destroy(rig->platform.loop);
}

static inline uint8_t rig_in(struct rig *rig, uint16_t port)
{
	uint8_t v = 0;

	ck_assert(bus_read(rig->platform.ports, port, &v, 1));
	return v;
}

static inline void rig_out(struct rig *rig, uint16_t port, uint8_t v)
{
	ck_assert(bus_write(rig->platform.ports, port, &v, 1));
}

static inline void rig_stop(void *arg)
{
	loop_stop(((struct rig *)arg)->platform.loop);
}

// Runs the loop for MS milliseconds.
static inline void rig_run(struct rig *rig, unsigned ms)
{
	struct loop_timer timer;

	loop_timer_init(&timer, rig->platform.loop, rig_stop, rig);
	loop_timer_set(&timer, loop_now() + ms * 1000000ull);
	ck_assert_int_eq(loop_run(rig->platform.loop), 0);
}

#endif
