// e1000.c: the 82545EM on PCI: lock, BARs, capabilities, interrupt line.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/nic/e1000.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "hw/nic/e1000_core.h"
#include "hw/nic/nic_rom.h"
#include "hw/pci/regs.h"

enum e1000_config {
	BAR_MMIO = 0,
	BAR_FLASH = 2,
	BAR_IO = 4,
	FLASH_SIZE = 0x10000,
	IO_SIZE = 64,
	PM_CAP = 0xdc,
	PM_CAPS = 0xc802,               // version 2; PME from D0, D3hot, D3cold
	PM_DSI = 1 << 5,
	PM_DATA_SCALE = 1 << 13,        // of PMCSR
	PCIX_CAP = 0xe4,
	PCIX_CAP_ID = 0x07,
	PCIX_LENGTH = 8,
	PCIX_COMMAND = 2,
	PCIX_COMMAND_WRITABLE = 0x7f,
	PCIX_STATUS = 4,
	MIN_GNT = 0x3e,
	MIN_GNT_64US = 0xff,
};

// 64 bits, 133 MHz, device ff:1f.0 as long as no configuration write has told it.
#define PCIX_STATUS_VALUE 0x0003fff8u

struct e1000 {
	struct pci_dev dev;
	pthread_mutex_t lock;
	struct e1000_core core;         // lock
};

static uint64_t mmio_read(void *dev, uint64_t offset, unsigned size)
{
	return size == 4 ? e1000_read(&((struct e1000 *)dev)->core, (uint32_t)offset) : 0;
}

static void mmio_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	if (size == 4)
		e1000_write(&((struct e1000 *)dev)->core, (uint32_t)offset, (uint32_t)value);
}

static uint64_t io_read(void *dev, uint64_t offset, unsigned size)
{
	return size == 4 ? e1000_io_read(&((struct e1000 *)dev)->core, (unsigned)offset) : 0;
}

static void io_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	if (size == 4)
		e1000_io_write(&((struct e1000 *)dev)->core, (unsigned)offset, (uint32_t)value);
}

// No flash chip behind the window.
static uint64_t flash_read(void *dev, uint64_t offset, unsigned size) { return UINT64_MAX; }
static void flash_write(void *dev, uint64_t offset, unsigned size, uint64_t value) { }

static const struct bus_ops mmio_ops = { .read = mmio_read, .write = mmio_write, .max_size = 4 };
static const struct bus_ops io_ops = { .read = io_read, .write = io_write, .max_size = 4 };
static const struct bus_ops flash_ops = { .read = flash_read, .write = flash_write, .max_size = 8 };

static void irq(void *arg, bool level) { pci_irq_set(&((struct e1000 *)arg)->dev, level); }

static void bus_reset(struct pci_dev *dev)
{
	struct e1000 *e = dev->owner;

	pthread_mutex_lock(&e->lock);
	e->core.regs.io_address = 0;
	e1000_core_reset(&e->core);
	pthread_mutex_unlock(&e->lock);
}

static const struct pci_ops e1000_ops = { .bus_reset = bus_reset };

static void add_caps(struct pci_dev *dev)
{
	uint8_t pm = pci_add_pm(dev, PM_CAP, PM_CAPS | PM_DSI), pcix;

	put_le16(&dev->config[pm + 4], (uint16_t)(get_le16(&dev->config[pm + 4]) | PM_DATA_SCALE));
	pcix = pci_add_cap(dev, PCIX_CAP_ID, PCIX_CAP, PCIX_LENGTH);
	put_le16(&dev->wmask[pcix + PCIX_COMMAND], PCIX_COMMAND_WRITABLE);
	put_le32(&dev->config[pcix + PCIX_STATUS], PCIX_STATUS_VALUE);
	put_le16(&dev->config[PCI_STATUS], (uint16_t)(get_le16(&dev->config[PCI_STATUS]) | PCI_STATUS_66MHZ));
	dev->config[MIN_GNT] = MIN_GNT_64US;
}

static void describe(struct e1000 *e)
{
	static const struct pci_id id = {
		.vendor = 0x8086, .device = 0x100f, .revision = 0x01, .class_code = 0x020000,
		.subsystem_vendor = 0x15ad, .subsystem_device = 0x0750, .interrupt_pin = 1,
	};

	pci_dev_init(&e->dev, "e1000", &id, &e1000_ops, e);
	pci_bar_registers(&e->dev, BAR_MMIO, PCI_BAR_MEM64, E1000_MMIO_SIZE, &mmio_ops, e, &e->lock);
	pci_bar_registers(&e->dev, BAR_FLASH, PCI_BAR_MEM64, FLASH_SIZE, &flash_ops, e, NULL);
	pci_bar_registers(&e->dev, BAR_IO, PCI_BAR_IO, IO_SIZE, &io_ops, e, &e->lock);
	nic_rom_add(&e->dev);
	add_caps(&e->dev);
}

int e1000_create(struct pci_bus *bus, uint8_t devfn, const uint8_t mac[6], struct e1000 **out, struct err *err)
{
	struct e1000 *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return err_set(err, ENOMEM, "e1000", "no memory for it");
	pthread_mutex_init(&e->lock, NULL);
	describe(e);
	e1000_core_init(&e->core, mac, irq, e);
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
	pci_dev_reset(&((struct e1000 *)dev)->dev);
	bus_reset(&((struct e1000 *)dev)->dev);
}

static void destroy(void *dev)
{
	pci_detach(&((struct e1000 *)dev)->dev);
	free(dev);
}

static void sanitize(void *regs) { e1000_sanitize(regs); }

static const struct field list[] = {
	FIELD(struct e1000_regs, ctrl), FIELD(struct e1000_regs, eecd), FIELD(struct e1000_regs, eerd),
	FIELD(struct e1000_regs, mdic), FIELD(struct e1000_regs, icr), FIELD(struct e1000_regs, ims),
	FIELD(struct e1000_regs, io_address), FIELD_ARRAY(struct e1000_regs, plain),
	FIELD_ARRAY(struct e1000_regs, phy), FIELD(struct e1000_regs, ee_in), FIELD(struct e1000_regs, ee_out),
	FIELD(struct e1000_regs, ee_in_bits), FIELD(struct e1000_regs, ee_out_bits),
	FIELD(struct e1000_regs, ee_address), FIELD(struct e1000_regs, ee_reading),
};

static const struct fields e1000_fields = {
	.name = "e1000",
	.version = 1,
	.struct_size = sizeof(struct e1000_regs),
	.list = list,
	.count = ARRAY_SIZE(list),
	.sanitize = sanitize,
};

static void *regs(void *dev) { return &((struct e1000 *)dev)->core.regs; }

static void loaded(void *dev)
{
	struct e1000 *e = dev;

	pthread_mutex_lock(&e->lock);
	e1000_core_loaded(&e->core);
	pthread_mutex_unlock(&e->lock);
}

const struct device_class e1000_class = {
	.name = "e1000",
	.reset = reset,
	.destroy = destroy,
	.fields = &e1000_fields,
	.regs = regs,
	.loaded = loaded,
};
