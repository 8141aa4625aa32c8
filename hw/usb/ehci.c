// ehci.c: VMware's EHCI controller: configuration, lock and registers of the core.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/usb/ehci.h"

#include <errno.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "hw/chipset/config_reg.h"
#include "hw/pci/regs.h"
#include "hw/usb/ehci_core.h"

enum ehci_config {
	MIN_GNT = 0x3e,
	MAX_LAT = 0x3f,
	AF_CAP = 0x40,
	SBRN = 0x60,
	FLADJ = 0x61,
	SBRN_2_0 = 0x20,
	FLADJ_60000 = 0x20,     // bit times of a frame
};

static const struct config_reg ehci_config[] = {
	{ PCI_STATUS, 2, PCI_STATUS_FAST_B2B | PCI_STATUS_DEVSEL_MEDIUM, 0, PCI_STATUS_ERRORS },
	{ MIN_GNT, 1, 0x06, 0, 0 },
	{ MAX_LAT, 1, 0xff, 0, 0 },
	{ SBRN, 1, SBRN_2_0, 0, 0 },
	{ FLADJ, 1, FLADJ_60000, 0x3f, 0 },
};

struct ehci {
	struct pci_dev dev;
	pthread_mutex_t lock;
	struct ehci_regs regs;          // lock
	struct vclock *clock;
};

static uint64_t mmio_read(void *dev, uint64_t offset, unsigned size)
{
	struct ehci *e = dev;

	return ehci_read(&e->regs, (unsigned)offset, size, vclock_now(e->clock));
}

static void mmio_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct ehci *e = dev;

	if (size != 4)
		return;
	ehci_write(&e->regs, (unsigned)offset, (uint32_t)value, vclock_now(e->clock));
	pci_irq_set(&e->dev, ehci_irq(&e->regs));
}

static const struct bus_ops mmio_ops = { .read = mmio_read, .write = mmio_write, .max_size = 4 };

static void bus_reset(struct pci_dev *dev)
{
	struct ehci *e = dev->owner;

	pthread_mutex_lock(&e->lock);
	ehci_reset(&e->regs);
	pthread_mutex_unlock(&e->lock);
}

static const struct pci_ops ehci_ops = { .bus_reset = bus_reset };

static void describe(struct ehci *e)
{
	static const struct pci_id id = {
		.vendor = 0x15ad, .device = 0x0770, .revision = 0x00, .class_code = 0x0c0320,
		.subsystem_vendor = 0x15ad, .subsystem_device = 0x0770, .interrupt_pin = 1,
	};

	pci_dev_init(&e->dev, "ehci", &id, &ehci_ops, e);
	config_regs_apply(&e->dev, ehci_config, ARRAY_SIZE(ehci_config));
	pci_add_af(&e->dev, AF_CAP);
	pci_bar_registers(&e->dev, 0, PCI_BAR_MEM32, EHCI_SIZE, &mmio_ops, e, &e->lock);
}

int ehci_create(const struct platform *p, struct pci_bus *bus, uint8_t devfn, struct ehci **out, struct err *err)
{
	struct ehci *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return err_set(err, ENOMEM, "ehci", "no memory for it");
	e->clock = p->clock;
	pthread_mutex_init(&e->lock, NULL);
	ehci_reset(&e->regs);
	describe(e);
	r = pci_attach(bus, &e->dev, devfn, err);
	if (r < 0) {
		free(e);
		return r;
	}
	*out = e;
	return 0;
}

static void reset(void *dev)
{
	struct ehci *e = dev;

	pci_dev_reset(&e->dev);
	bus_reset(&e->dev);
}

static void destroy(void *dev)
{
	pci_detach(&((struct ehci *)dev)->dev);
	free(dev);
}

static void sanitize(void *regs) { ehci_sanitize(regs); }

static const struct field list[] = {
	FIELD(struct ehci_regs, usbcmd), FIELD(struct ehci_regs, usbsts), FIELD(struct ehci_regs, usbintr),
	FIELD(struct ehci_regs, frindex), FIELD(struct ehci_regs, periodic), FIELD(struct ehci_regs, async),
	FIELD(struct ehci_regs, configflag), FIELD_ARRAY(struct ehci_regs, portsc), FIELD(struct ehci_regs, started),
};

static const struct fields ehci_fields = {
	.name = "ehci",
	.version = 1,
	.struct_size = sizeof(struct ehci_regs),
	.list = list,
	.count = ARRAY_SIZE(list),
	.sanitize = sanitize,
};

static void *regs(void *dev) { return &((struct ehci *)dev)->regs; }

static void loaded(void *dev)
{
	struct ehci *e = dev;

	pthread_mutex_lock(&e->lock);
	pci_irq_set(&e->dev, ehci_irq(&e->regs));
	pthread_mutex_unlock(&e->lock);
}

const struct device_class ehci_class = {
	.name = "ehci",
	.reset = reset,
	.destroy = destroy,
	.fields = &ehci_fields,
	.regs = regs,
	.loaded = loaded,
};
