// uhci.c: a UHCI controller on PCI: configuration, lock and ports of the core.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/uhci.h"

#include <errno.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "hw/chipset/config_reg.h"
#include "hw/chipset/uhci_core.h"
#include "hw/pci/regs.h"

enum uhci_config {
	SBRNUM = 0x60,
	LEGSUP = 0xc0,
	LEGSUP_PIRQ = 0x2000,   // interrupts go to the PCI pin, not to SMI
	SBRNUM_1_0 = 0x10,
	BAR_IO = 4,
	PIN_A = 1,
	PIN_D = 4,
	AF_CAP = 0x40,
};

static const struct config_reg uhci_config[] = {
	{ PCI_STATUS, 2, PCI_STATUS_FAST_B2B | PCI_STATUS_DEVSEL_MEDIUM, 0, PCI_STATUS_ERRORS },
	{ SBRNUM, 1, SBRNUM_1_0, 0, 0 },
	{ LEGSUP, 2, LEGSUP_PIRQ, 0x20bf, 0x8f00 },
};

struct uhci {
	struct pci_dev dev;
	pthread_mutex_t lock;
	struct uhci_regs regs;          // lock
	struct vclock *clock;
};

static uint64_t io_read(void *dev, uint64_t offset, unsigned size)
{
	struct uhci *u = dev;

	return uhci_read(&u->regs, (unsigned)offset, size, vclock_now(u->clock));
}

static void io_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct uhci *u = dev;

	uhci_write(&u->regs, (unsigned)offset, size, (uint32_t)value, vclock_now(u->clock));
}

static const struct bus_ops io_ops = { .read = io_read, .write = io_write, .max_size = 4 };

static void bus_reset(struct pci_dev *dev)
{
	struct uhci *u = dev->owner;

	pthread_mutex_lock(&u->lock);
	uhci_reset(&u->regs);
	pthread_mutex_unlock(&u->lock);
}

static const struct pci_ops uhci_ops = { .bus_reset = bus_reset };

static const struct pci_id ids[] = {
	[UHCI_PIIX4] = {
		.vendor = 0x8086, .device = 0x7112, .revision = 0x00, .class_code = 0x0c0300,
		.subsystem_vendor = 0x15ad, .subsystem_device = 0x1976, .interrupt_pin = PIN_D,
	},
	[UHCI_VMWARE] = {
		.vendor = 0x15ad, .device = 0x0774, .revision = 0x00, .class_code = 0x0c0300,
		.subsystem_vendor = 0x15ad, .subsystem_device = 0x1976, .interrupt_pin = PIN_A,
	},
};

int uhci_create(const struct platform *p, struct pci_bus *bus, uint8_t devfn, enum uhci_model model,
		struct uhci **out, struct err *err)
{
	struct uhci *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return err_set(err, ENOMEM, "piix4-uhci", "no memory for it");
	u->clock = p->clock;
	pthread_mutex_init(&u->lock, NULL);
	uhci_reset(&u->regs);
	pci_dev_init(&u->dev, model == UHCI_PIIX4 ? "piix4-uhci" : "uhci", &ids[model], &uhci_ops, u);
	config_regs_apply(&u->dev, uhci_config, ARRAY_SIZE(uhci_config));
	if (model == UHCI_VMWARE)
		pci_add_af(&u->dev, AF_CAP);
	pci_bar_registers(&u->dev, BAR_IO, PCI_BAR_IO, UHCI_SIZE, &io_ops, u, &u->lock);
	r = pci_attach(bus, &u->dev, devfn, err);
	if (r < 0) {
		free(u);
		return r;
	}
	*out = u;
	return 0;
}

static void reset(void *dev)
{
	struct uhci *u = dev;

	pci_dev_reset(&u->dev);
	bus_reset(&u->dev);
}

static void destroy(void *dev)
{
	pci_detach(&((struct uhci *)dev)->dev);
	free(dev);
}

static void sanitize(void *regs) { uhci_sanitize(regs); }

static const struct field list[] = {
	FIELD(struct uhci_regs, usbcmd), FIELD(struct uhci_regs, usbsts), FIELD(struct uhci_regs, usbintr),
	FIELD(struct uhci_regs, frnum), FIELD(struct uhci_regs, frbaseadd), FIELD(struct uhci_regs, sofmod),
	FIELD_ARRAY(struct uhci_regs, portsc), FIELD(struct uhci_regs, started),
};

static const struct fields uhci_fields = {
	.name = "piix4-uhci",
	.version = 1,
	.struct_size = sizeof(struct uhci_regs),
	.list = list,
	.count = ARRAY_SIZE(list),
	.sanitize = sanitize,
};

static void *regs(void *dev) { return &((struct uhci *)dev)->regs; }

const struct device_class uhci_class = {
	.name = "piix4-uhci",
	.reset = reset,
	.destroy = destroy,
	.fields = &uhci_fields,
	.regs = regs,
};
