// fuzz_piix4pm.c: bytes become port and configuration accesses, time and events on the whole chipset.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "hw/chipset/i440bx.h"
#include "hw/chipset/piix4.h"
#include "hw/chipset/pm_block.h"

struct world {
	struct platform p;
	struct vclock clock;            // never started: base is the time
	struct irq_pin isa[16], ioapic[8];
	bool isa_up[16], ioapic_up[8];
	struct i440bx *bx;
	struct piix4 *piix4;
	unsigned resets;
};

struct script { const uint8_t *p; size_t left; };

static uint64_t take(struct script *s, unsigned bytes)
{
	uint8_t v[8] = { 0 };

	for (unsigned i = 0; i < bytes && s->left; i++, s->left--)
		v[i] = *s->p++;
	return get_le64(v);
}

static void change(bool *up, bool level)
{
	if (*up == level)
		abort();
	*up = level;
}

static void isa_set(void *arg, unsigned n, bool level) { change(&((struct world *)arg)->isa_up[n], level); }

static void ioapic_set(void *arg, unsigned n, bool level)
{
	change(&((struct world *)arg)->ioapic_up[n], level);
}

static void on_reset(void *arg, const char *why) { ((struct world *)arg)->resets++; }
static void on_event(void *arg) { ((struct world *)arg)->resets++; }

static int slot_map(void *arg, unsigned slot, uint64_t at, uint64_t len, void *hva, bool ro, bool log)
{
	return 0;
}

static void slot_unmap(void *arg, unsigned slot) { }
static int slot_dirty(void *arg, unsigned slot, uint64_t *bitmap, size_t words) { return 0; }

// The timers are never armed, but a loop they must have; one for all runs.
static struct loop *the_loop(void)
{
	static struct loop *loop;

	if (!loop && loop_create(&loop, "fuzz", 8, NULL))
		abort();
	return loop;
}

static struct world *build(bool post)
{
	struct gmem_host gh = { slot_map, slot_unmap, slot_dirty, NULL };
	struct world *w = calloc(1, sizeof(*w));
	struct piix4_args args = { .uhci = true };

	if (bus_create(&w->p.ports, "port", 0xffff, NULL) ||
	    bus_create(&w->p.mmio, "mmio", UINT64_MAX, NULL) ||
	    gmem_create(&w->p.mem, 2 << 20, &gh, NULL))
		abort();
	vclock_init(&w->clock, the_loop());
	for (unsigned i = 0; i < 16; i++)
		irq_pin_init(&w->isa[i], isa_set, w, i);
	for (unsigned i = 0; i < 8; i++)
		irq_pin_init(&w->ioapic[i], ioapic_set, w, i);
	w->p.clock = &w->clock;
	w->p.isa_irq = w->isa;
	w->p.ioapic_irq = w->ioapic;
	w->p.events = (struct platform_events){ on_reset, on_event, on_event, w };
	if (i440bx_create(&w->p, &(struct i440bx_args){ .post_identity = post }, &w->bx, NULL))
		abort();
	args.bx = w->bx;
	if (piix4_create(&w->p, &args, &w->piix4, NULL))
		abort();
	return w;
}

static void reset(struct world *w)
{
	piix4_isa_class.reset(w->piix4->isa);
	piix4_pm_class.reset(w->piix4->pm);
	uhci_class.reset(w->piix4->uhci);
	i440bx_class.reset(w->bx);
}

static void take_down(struct world *w)
{
	reset(w);
	for (unsigned i = 0; i < 16; i++) {
		if (w->isa_up[i])
			abort();
	}
	uhci_class.destroy(w->piix4->uhci);
	piix4_isa_class.destroy(w->piix4->isa);
	piix4_pm_class.destroy(w->piix4->pm);
	piix4_free(w->piix4);
	i440bx_class.destroy(w->bx);
	bus_destroy(w->p.ports);
	bus_destroy(w->p.mmio);
	gmem_destroy(w->p.mem);
	free(w);
}

static void access_port(struct world *w, uint64_t port, struct script *s)
{
	unsigned size = 1u << (take(s, 1) % 3);
	uint8_t bytes[8];

	put_le64(bytes, take(s, 4));
	if (s->left & 1)
		bus_write(w->p.ports, port, bytes, size);
	else
		bus_read(w->p.ports, port, bytes, size);
}

// The saved registers of the PM function, damaged.
static void load(struct world *w, struct script *s)
{
	const struct fields *f = piix4_pm_class.fields;
	uint8_t buf[1024];
	size_t n = fields_save(f, piix4_pm_class.regs(w->piix4->pm), buf, sizeof(buf));

	for (unsigned i = 0; i < 8 && n; i++)
		buf[take(s, 2) % n] = (uint8_t)take(s, 1);
	if (fields_load(f, piix4_pm_class.regs(w->piix4->pm), buf, n, NULL) == 0)
		piix4_pm_restored(w->piix4->pm);
}

// The SCI is what the registers say, and the timer never runs away.
static void check(struct world *w)
{
	uint32_t pm1 = 0, control = 0, gpe = 0;
	uint8_t b[4];

	if (!bus_read(w->p.ports, 0x1000, b, 4))
		return;                 // moved away
	pm1 = get_le32(b);
	bus_read(w->p.ports, 0x100c, b, 4);
	gpe = get_le32(b);
	bus_read(w->p.ports, 0x1004, b, 4);
	control = get_le32(b);
	if ((control & PM_SCI_EN) && ((pm1 & pm1 >> 16 & 0x720) || (gpe & gpe >> 16)) && !w->isa_up[9])
		abort();
	bus_read(w->p.ports, 0x1008, b, 4);
	if (get_le32(b) > 0xffffff)
		abort();
}

static void step(struct world *w, struct script *s)
{
	static const uint16_t bases[] = { 0x1000, 0x1040, 0x92, 0xb2, 0xcf8, 0x600, 0x700, 0x2000 };
	unsigned op = (unsigned)take(s, 1), which = (unsigned)take(s, 1);

	switch (op % 8) {
	case 0: case 1: access_port(w, bases[which % 8] + take(s, 1) % 64, s); break;
	case 2: pci_config_write(w->p.pci, 0, 7 << 3 | (which & 3), (unsigned)take(s, 1), 1u << op / 8 % 3,
				 (uint32_t)take(s, 4)); break;
	case 3: pci_config_write(w->p.pci, 0, which & 8, (unsigned)take(s, 1), 1u << op / 8 % 3,
				 (uint32_t)take(s, 4)); break;
	case 4: w->clock.base += take(s, which % 6); break;
	case 5:
		piix4_pm_gpe(w->piix4->pm, which);
		if (which & 1)
			piix4_pm_power_button(w->piix4->pm);
		if (which & 2)
			piix4_pm_sleep_button(w->piix4->pm);
		if (which & 4)
			piix4_pm_rtc_alarm(w->piix4->pm);
		break;
	case 6: load(w, s); break;
	case 7:
		if (which % 8 == 0)
			reset(w);
		break;
	default: break;
	}
	check(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = { data, size };
	struct world *w = build(take(&s, 1) & 1);

	log_set_level(LOG_ERROR);
	while (s.left)
		step(w, &s);
	take_down(w);
	return 0;
}
