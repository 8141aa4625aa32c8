// hpet.c: the HPET's lock, range, lines and timer.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/hpet.h"

#include <errno.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "hw/chipset/hpet_core.h"

#define IOAPIC_ISA_PINS 16u
#define IOAPIC_PINS     24u

struct hpet {
	pthread_mutex_t lock;           // core, lines, deadline
	struct hpet_core core;
	struct irq_line lines[HPET_TIMERS];
	struct vtimer timer;
	uint64_t deadline;              // what the timer is set to
	struct bus_range range;
	const struct platform *platform;
	struct hpet_args args;
};

static uint64_t regs_read(void *dev, uint64_t offset, unsigned size)
{
	return hpet_core_read(&((struct hpet *)dev)->core, offset, size);
}

static void regs_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	hpet_core_write(&((struct hpet *)dev)->core, offset, size, value);
}

static const struct bus_ops ops = { .read = regs_read, .write = regs_write, .max_size = 8 };

// --- the core's surroundings ---------------------------------------------------------------------

static uint64_t now(void *arg) { return vclock_now(((struct hpet *)arg)->platform->clock); }

static void alarm_at(void *arg, uint64_t deadline)
{
	struct hpet *h = arg;

	if (deadline == h->deadline)
		return;
	h->deadline = deadline;
	if (deadline == UINT64_MAX)
		vtimer_cancel(&h->timer);
	else
		vtimer_set(&h->timer, deadline);
}

static struct irq_pin *pin_of(const struct platform *p, struct hpet_route route)
{
	if (route.isa || route.pin < IOAPIC_ISA_PINS)
		return p->isa_irq ? &p->isa_irq[route.pin] : NULL;
	return route.pin < IOAPIC_PINS && p->ioapic_irq ? &p->ioapic_irq[route.pin - IOAPIC_ISA_PINS] : NULL;
}

// The line moves with the route: it leaves the old input low.
static void level(void *arg, unsigned timer, struct hpet_route route, bool level)
{
	struct hpet *h = arg;
	struct irq_line *line = &h->lines[timer];
	struct irq_pin *pin = pin_of(h->platform, route);

	if (line->pin != pin) {
		irq_line_set(line, false);
		irq_line_connect(line, pin);
	}
	irq_line_set(line, level);
}

static void msi(void *arg, uint64_t address, uint32_t data)
{
	const struct msi_sink *sink = &((struct hpet *)arg)->platform->msi;

	if (sink->send)
		sink->send(sink->arg, address, data);
}

static void legacy(void *arg, bool on)
{
	struct hpet *h = arg;

	if (h->args.legacy)
		h->args.legacy(h->args.arg, on);
}

static void timer_fired(void *arg)
{
	struct hpet *h = arg;

	pthread_mutex_lock(&h->lock);
	h->deadline = UINT64_MAX;
	hpet_core_alarm(&h->core);
	pthread_mutex_unlock(&h->lock);
}

// --- life ----------------------------------------------------------------------------------------

int hpet_create(const struct platform *p, const struct hpet_args *args, struct hpet **out, struct err *err)
{
	struct hpet *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return err_set(err, ENOMEM, "hpet", "no memory for it");
	h->platform = p;
	h->args = *args;
	h->deadline = UINT64_MAX;
	pthread_mutex_init(&h->lock, NULL);
	hpet_core_init(&h->core, &(struct hpet_host){ now, alarm_at, level, msi, legacy, h });
	h->range = (struct bus_range){ HPET_BASE, HPET_BASE + HPET_SIZE - 1, "hpet", &ops, h, &h->lock };
	r = bus_insert(p->mmio, &h->range, err);
	if (r < 0) {
		free(h);
		return r;
	}
	vtimer_init(&h->timer, p->clock, timer_fired, h);
	*out = h;
	return 0;
}

void hpet_restored(struct hpet *h)
{
	pthread_mutex_lock(&h->lock);
	hpet_core_restored(&h->core);
	pthread_mutex_unlock(&h->lock);
}

static void reset(void *dev)
{
	struct hpet *h = dev;

	pthread_mutex_lock(&h->lock);
	hpet_core_reset(&h->core);
	pthread_mutex_unlock(&h->lock);
}

static void destroy(void *dev)
{
	struct hpet *h = dev;

	vtimer_destroy(&h->timer);
	bus_remove(h->platform->mmio, &h->range);
	free(h);
}

#define TIMER_FIELDS(n) \
	FIELD(struct hpet_regs, timer[n].config), FIELD(struct hpet_regs, timer[n].cmp), \
	FIELD(struct hpet_regs, timer[n].period), FIELD(struct hpet_regs, timer[n].fsb), \
	FIELD(struct hpet_regs, timer[n].next), FIELD(struct hpet_regs, timer[n].armed)

static const struct field list[] = {
	FIELD(struct hpet_regs, config), FIELD(struct hpet_regs, status), FIELD(struct hpet_regs, counter),
	TIMER_FIELDS(0), TIMER_FIELDS(1), TIMER_FIELDS(2), TIMER_FIELDS(3),
	TIMER_FIELDS(4), TIMER_FIELDS(5), TIMER_FIELDS(6), TIMER_FIELDS(7),
	TIMER_FIELDS(8), TIMER_FIELDS(9), TIMER_FIELDS(10), TIMER_FIELDS(11),
	TIMER_FIELDS(12), TIMER_FIELDS(13), TIMER_FIELDS(14), TIMER_FIELDS(15),
};

static void sanitize(void *regs) { hpet_sanitize(regs); }

static const struct fields hpet_fields = {
	.name = "hpet",
	.version = 1,
	.struct_size = sizeof(struct hpet_regs),
	.list = list,
	.count = ARRAY_SIZE(list),
	.sanitize = sanitize,
};

static void *regs(void *dev) { return &((struct hpet *)dev)->core.regs; }

const struct device_class hpet_class = {
	.name = "hpet",
	.reset = reset,
	.destroy = destroy,
	.fields = &hpet_fields,
	.regs = regs,
};
