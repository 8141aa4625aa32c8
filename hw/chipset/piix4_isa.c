// piix4_isa.c: PIIX4 function 0: configuration, PIRQ routing, and the ports that act on the whole machine.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/piix4_isa.h"

#include <errno.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "hw/chipset/config_reg.h"
#include "hw/chipset/piix4_ports.h"
#include "hw/pci/regs.h"

enum piix4_isa_reg {
	IORT = 0x4c,
	XBCS = 0x4e,
	PIRQRCA = 0x60,
	SERIRQC = 0x64,
	TOM = 0x69,
	MSTAT = 0x6a,
	MBDMA0 = 0x76,
	APICBASE = 0x80,
	DLC = 0x82,
	PDMACFG = 0x90,
	DDMABP0 = 0x92,
	DDMABP1 = 0x94,
	GENCFG = 0xb0,
	RTCCFG = 0xcb,
};

enum {
	PORT_92 = 0x92,
	PORT_APMC = 0xb2,
	PORT_APMS = 0xb3,
	COMMAND_FIXED = 0x0007,         // decodes and masters always
	COMMAND_SPECIAL = 1 << 3,
};

static const struct config_reg isa_regs[] = {
	{ PCI_COMMAND, 2, COMMAND_FIXED, COMMAND_SPECIAL | PCI_COMMAND_SERR, 0 },
	{ PCI_STATUS, 2, PCI_STATUS_FAST_B2B | PCI_STATUS_DEVSEL_MEDIUM, 0, PCI_STATUS_ERRORS },
	{ PCI_CACHE_LINE, 2, 0, 0, 0 },
	{ PCI_INTERRUPT_LINE, 1, 0, 0, 0 },
	{ IORT, 1, 0x4d, 0xff, 0 },
	{ XBCS, 2, 0x0003, 0x07ff, 0 },
	{ PIRQRCA, 4, 0x80808080, 0x8f8f8f8f, 0 },
	{ SERIRQC, 1, 0x10, 0xff, 0 },
	{ TOM, 1, 0x02, 0xfe, 0 },
	{ MSTAT, 2, 0x0000, 0x807e, 0 },
	{ MBDMA0, 2, 0x0404, 0x8f8f, 0 },
	{ APICBASE, 1, 0x00, 0x7f, 0 },
	{ DLC, 1, 0x00, 0x0f, 0 },
	{ PDMACFG, 2, 0x0000, 0xffff, 0 },
	{ DDMABP0, 2, 0x0000, 0xffc0, 0 },
	{ DDMABP1, 2, 0x0000, 0xffc0, 0 },
	{ GENCFG, 4, 0x00000000, 0xffffffff, 0 },
	{ RTCCFG, 1, 0x21, 0x3d, 0 },
};

struct piix4_isa {
	struct pci_dev dev;
	pthread_mutex_t lock;           // regs
	struct piix4_port_regs regs;
	struct bus_range port92, apm;
	const struct platform *platform;
	struct i440bx *bx;
	struct piix4_pm *pm;
};

// --- routing -------------------------------------------------------------------------------------

static void route_all(struct piix4_isa *isa)
{
	for (unsigned i = 0; i < PIRQ_LINKS; i++)
		pirq_route(i440bx_pirq(isa->bx), i, (uint8_t)pci_config_get(&isa->dev, PIRQRCA + i, 1));
}

static void config_written(struct pci_dev *dev, unsigned off, unsigned size)
{
	if (off < PIRQRCA + PIRQ_LINKS && PIRQRCA < off + size)
		route_all(dev->owner);
}

static const struct pci_ops isa_ops = { .config_written = config_written };

// --- ports ---------------------------------------------------------------------------------------

// No lock held: the host bridge's latch takes the root's, which comes before this device's.
static void act(struct piix4_isa *isa, enum piix4_action action, const char *why)
{
	const struct platform_events *e = &isa->platform->events;

	switch (action) {
	case PIIX4_HARD_RESET:
		if (e->reset)
			e->reset(e->arg, why);
		break;
	case PIIX4_INIT:
		if (e->init_cpus)
			e->init_cpus(e->arg);
		break;
	case PIIX4_ACPI_ON:
		i440bx_acpi_enabled(isa->bx);
		piix4_pm_acpi(isa->pm, true);
		break;
	case PIIX4_ACPI_OFF:
		piix4_pm_acpi(isa->pm, false);
		break;
	case PIIX4_NOTHING:
		break;
	}
}

static uint8_t get(struct piix4_isa *isa, const uint8_t *reg)
{
	uint8_t value;

	pthread_mutex_lock(&isa->lock);
	value = *reg;
	pthread_mutex_unlock(&isa->lock);
	return value;
}

static void put(struct piix4_isa *isa, enum piix4_action (*write)(struct piix4_port_regs *, uint8_t),
		uint8_t value, const char *why)
{
	enum piix4_action action;

	pthread_mutex_lock(&isa->lock);
	action = write(&isa->regs, value);
	pthread_mutex_unlock(&isa->lock);
	act(isa, action, why);
}

static uint64_t apm_read(void *dev, uint64_t offset, unsigned size)
{
	struct piix4_isa *isa = dev;

	return get(isa, offset == PORT_APMC - PORT_APMC ? &isa->regs.apmc : &isa->regs.apms);
}

static enum piix4_action apms_write(struct piix4_port_regs *r, uint8_t value)
{
	r->apms = value;
	return PIIX4_NOTHING;
}

static void apm_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	put(dev, offset ? apms_write : piix4_apmc_write, (uint8_t)value, NULL);
}

static uint64_t port92_read(void *dev, uint64_t offset, unsigned size)
{
	return get(dev, &((struct piix4_isa *)dev)->regs.port92);
}

static void port92_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	put(dev, piix4_port92_write, (uint8_t)value, NULL);
}

static uint8_t rc_read(void *arg) { return get(arg, &((struct piix4_isa *)arg)->regs.rc); }

static void rc_write(void *arg, uint8_t value)
{
	put(arg, piix4_rc_write, value, "reset control register (CF9h)");
}

static const struct bus_ops apm_ops = { .read = apm_read, .write = apm_write, .max_size = 1 };
static const struct bus_ops port92_ops = { .read = port92_read, .write = port92_write, .max_size = 1 };

// --- life ----------------------------------------------------------------------------------------

static int claim(struct piix4_isa *isa, struct err *err)
{
	struct bus *ports = isa->platform->ports;
	int r;

	isa->apm = (struct bus_range){ PORT_APMC, PORT_APMS, "piix4-apm", &apm_ops, isa, NULL };
	isa->port92 = (struct bus_range){ PORT_92, PORT_92, "piix4-port92", &port92_ops, isa, NULL };
	r = bus_insert(ports, &isa->apm, err);
	if (r < 0)
		return r;
	r = bus_insert(ports, &isa->port92, err);
	if (r < 0)
		bus_remove(ports, &isa->apm);
	return r;
}

int piix4_isa_create(const struct platform *p, struct i440bx *bx, struct piix4_pm *pm, struct piix4_isa **out,
		     struct err *err)
{
	static const struct pci_id id = {
		.vendor = 0x8086, .device = 0x7110, .revision = 0x08, .class_code = 0x060100,
		.subsystem_vendor = 0x15ad, .subsystem_device = 0x1976,
	};
	struct piix4_isa *isa = calloc(1, sizeof(*isa));
	int r;

	if (!isa)
		return err_set(err, ENOMEM, "piix4-isa", "no memory for it");
	isa->platform = p;
	isa->bx = bx;
	isa->pm = pm;
	pthread_mutex_init(&isa->lock, NULL);
	piix4_ports_reset(&isa->regs);
	pci_dev_init(&isa->dev, "piix4-isa", &id, &isa_ops, isa);
	config_regs_apply(&isa->dev, isa_regs, ARRAY_SIZE(isa_regs));
	r = claim(isa, err);
	if (r == 0) {
		r = pci_attach(pci_root_bus(p->pci), &isa->dev, PIIX4_ISA_DEVFN, err);
		if (r < 0) {
			bus_remove(p->ports, &isa->apm);
			bus_remove(p->ports, &isa->port92);
		}
	}
	if (r < 0) {
		free(isa);
		return r;
	}
	pci_root_set_cf9(p->pci, rc_read, rc_write, isa);
	*out = isa;
	return 0;
}

void piix4_isa_restored(struct piix4_isa *isa)
{
	pthread_mutex_lock(pci_root_lock(isa->platform->pci));
	route_all(isa);
	pthread_mutex_unlock(pci_root_lock(isa->platform->pci));
}

static void reset(void *dev)
{
	struct piix4_isa *isa = dev;

	pci_dev_reset(&isa->dev);
	piix4_isa_restored(isa);
	pthread_mutex_lock(&isa->lock);
	piix4_ports_reset(&isa->regs);
	pthread_mutex_unlock(&isa->lock);
}

static void destroy(void *dev)
{
	struct piix4_isa *isa = dev;

	pci_root_set_cf9(isa->platform->pci, NULL, NULL, NULL);
	pci_detach(&isa->dev);
	bus_remove(isa->platform->ports, &isa->apm);
	bus_remove(isa->platform->ports, &isa->port92);
	free(isa);
}

static const struct field list[] = {
	FIELD(struct piix4_port_regs, apmc), FIELD(struct piix4_port_regs, apms),
	FIELD(struct piix4_port_regs, port92), FIELD(struct piix4_port_regs, rc),
};

static const struct fields isa_fields = {
	.name = "piix4-isa",
	.version = 1,
	.struct_size = sizeof(struct piix4_port_regs),
	.list = list,
	.count = ARRAY_SIZE(list),
};

static void *regs(void *dev) { return &((struct piix4_isa *)dev)->regs; }

const struct device_class piix4_isa_class = {
	.name = "piix4-isa",
	.reset = reset,
	.destroy = destroy,
	.fields = &isa_fields,
	.regs = regs,
};
