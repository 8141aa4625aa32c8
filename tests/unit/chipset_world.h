// chipset_world.h: a platform without KVM for the chipset's tests: recorded interrupts, time moved by hand.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_TESTS_CHIPSET_WORLD_H
#define BERTH_TESTS_CHIPSET_WORLD_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "hw/chipset/hpet.h"
#include "hw/chipset/i440bx.h"
#include "hw/chipset/piix4.h"
#include "hw/pci/pci.h"

struct chipset_world {
	struct platform p;
	struct loop *loop;
	struct vclock clock;            // never started: base is the time
	struct irq_pin isa[16], ioapic[8];
	bool isa_level[16], ioapic_level[8];
	unsigned isa_edges[16], ioapic_edges[8];
	struct i440bx *bx;
	struct piix4 *piix4;
	unsigned resets, power_offs, inits;
	unsigned messages;
	uint64_t msi_address;
	uint32_t msi_data;
	uint8_t rom[256 << 10] __attribute__((aligned(4096)));
};

static inline void world_isa(void *arg, unsigned n, bool level)
{
	struct chipset_world *w = arg;

	w->isa_level[n] = level;
	w->isa_edges[n] += level;
}

static inline void world_ioapic(void *arg, unsigned n, bool level)
{
	struct chipset_world *w = arg;

	w->ioapic_level[n] = level;
	w->ioapic_edges[n] += level;
}

static inline void world_msi(void *arg, uint64_t address, uint32_t data)
{
	struct chipset_world *w = arg;

	w->messages++;
	w->msi_address = address;
	w->msi_data = data;
}

static inline void world_reset(void *arg, const char *why)
{
	((struct chipset_world *)arg)->resets += why != NULL;
}

static inline void world_off(void *arg) { ((struct chipset_world *)arg)->power_offs++; }
static inline void world_init(void *arg) { ((struct chipset_world *)arg)->inits++; }

static inline int world_map(void *arg, unsigned slot, uint64_t at, uint64_t len, void *hva, bool ro, bool log)
{
	return 0;
}
static inline void world_unmap(void *arg, unsigned slot) { }
static inline int world_dirty(void *arg, unsigned slot, uint64_t *bitmap, size_t words) { return 0; }

// The platform alone, 64 MiB of RAM.
static inline struct chipset_world *world_new(void)
{
	struct chipset_world *w = aligned_alloc(4096, (sizeof(*w) + 4095) & ~4095ul);
	struct gmem_host gh = { world_map, world_unmap, world_dirty, NULL };

	ck_assert_ptr_nonnull(w);
	memset(w, 0, sizeof(*w));
	memset(w->rom, 0xee, sizeof(w->rom));
	ck_assert_int_eq(loop_create(&w->loop, "test", 8, NULL), 0);
	vclock_init(&w->clock, w->loop);
	for (unsigned i = 0; i < 16; i++)
		irq_pin_init(&w->isa[i], world_isa, w, i);
	for (unsigned i = 0; i < 8; i++)
		irq_pin_init(&w->ioapic[i], world_ioapic, w, i);
	w->p.loop = w->loop;
	w->p.clock = &w->clock;
	ck_assert_int_eq(bus_create(&w->p.ports, "port", 0xffff, NULL), 0);
	ck_assert_int_eq(bus_create(&w->p.mmio, "mmio", UINT64_MAX, NULL), 0);
	ck_assert_int_eq(gmem_create(&w->p.mem, 64 << 20, &gh, NULL), 0);
	gmem_pam_rom(w->p.mem, w->rom);
	w->p.isa_irq = w->isa;
	w->p.ioapic_irq = w->ioapic;
	w->p.msi = (struct msi_sink){ world_msi, w };
	w->p.events = (struct platform_events){ world_reset, world_off, world_init, w };
	return w;
}

static inline struct chipset_world *world_chipset(bool post_identity, bool uhci)
{
	struct chipset_world *w = world_new();
	struct i440bx_args bx = { .post_identity = post_identity };
	struct piix4_args args = { .uhci = uhci };

	ck_assert_int_eq(i440bx_create(&w->p, &bx, &w->bx, NULL), 0);
	args.bx = w->bx;
	ck_assert_int_eq(piix4_create(&w->p, &args, &w->piix4, NULL), 0);
	return w;
}

static inline void world_reset_all(struct chipset_world *w)
{
	i440bx_class.reset(w->bx);
	piix4_isa_class.reset(w->piix4->isa);
	piix4_pm_class.reset(w->piix4->pm);
	if (w->piix4->uhci)
		uhci_class.reset(w->piix4->uhci);
}

static inline void world_free(struct chipset_world *w)
{
	if (w->piix4) {
		if (w->piix4->uhci)
			uhci_class.destroy(w->piix4->uhci);
		piix4_isa_class.destroy(w->piix4->isa);
		piix4_pm_class.destroy(w->piix4->pm);
		piix4_free(w->piix4);
	}
	if (w->bx)
		i440bx_class.destroy(w->bx);
	bus_destroy(w->p.ports);
	bus_destroy(w->p.mmio);
	gmem_destroy(w->p.mem);
	loop_destroy(w->loop);
	free(w);
}

static inline uint32_t world_in(struct chipset_world *w, unsigned port, unsigned size)
{
	uint8_t b[4] = { 0 };

	bus_read(w->p.ports, port, b, size);
	return (uint32_t)get_le(b, size);
}

static inline void world_out(struct chipset_world *w, unsigned port, unsigned size, uint32_t value)
{
	uint8_t b[4];

	put_le32(b, value);
	bus_write(w->p.ports, port, b, size);
}

static inline uint32_t world_cfg(struct chipset_world *w, unsigned dev, unsigned fn, unsigned off,
				 unsigned size)
{
	return pci_config_read(w->p.pci, 0, dev << 3 | fn, off, size);
}

static inline void world_set(struct chipset_world *w, unsigned devfn, unsigned off, unsigned size,
			     uint32_t value)
{
	pci_config_write(w->p.pci, 0, devfn, off, size, value);
}

#define DEVFN(dev, fn) ((dev) << 3 | (fn))

static inline int world_run(Suite *s)
{
	SRunner *r = srunner_create(s);
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
