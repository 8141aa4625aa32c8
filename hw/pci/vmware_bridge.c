// vmware_bridge.c: VMware's PCI bridge 15ad:0790.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/pci/vmware_bridge.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "hw/pci/regs.h"

enum vmware_bridge_config {
	SUBSYSTEM_CAP = 0x40,
	SUBSYSTEM_LENGTH = 8,
	SECONDARY_LATENCY = 68,
	FIRST_WITHOUT_BAR = 7,
	HW6_BAR_SIZE = 4096,
};

struct vmware_bridge { struct pci_dev dev; };

// Version 6 had registers of a hot-plug controller there. They are not known; zeros mean no slots.
static uint64_t no_read(void *dev, uint64_t offset, unsigned size) { return 0; }
static void no_write(void *dev, uint64_t offset, unsigned size, uint64_t value) { }
static const struct bus_ops hw6_ops = { .read = no_read, .write = no_write, .max_size = 8 };

static void describe(struct vmware_bridge *b, int hw_version)
{
	const struct pci_id id = {
		.vendor = 0x15ad, .device = 0x0790, .revision = 0x02, .class_code = 0x060401, .header_type = 1,
		.interrupt_pin = hw_version < FIRST_WITHOUT_BAR ? 1 : 0,
	};
	uint8_t cap;

	pci_dev_init(&b->dev, "vmware-bridge", &id, NULL, b);
	b->dev.subtractive = true;
	put_le16(&b->dev.config[PCI_STATUS], PCI_STATUS_FAST_B2B | PCI_STATUS_DEVSEL_MEDIUM);
	put_le16(&b->dev.config[PCI_SECONDARY_STATUS], PCI_STATUS_FAST_B2B | PCI_STATUS_DEVSEL_MEDIUM);
	b->dev.config[PCI_SECONDARY_LATENCY] = SECONDARY_LATENCY;
	// Windows of 16-bit I/O and of 64-bit prefetchable memory.
	put_le16(&b->dev.config[PCI_PREFETCH_BASE], 1);
	put_le16(&b->dev.config[PCI_PREFETCH_LIMIT], 1);
	put_le32(&b->dev.wmask[PCI_PREFETCH_BASE_UPPER], UINT32_MAX);
	put_le32(&b->dev.wmask[PCI_PREFETCH_LIMIT_UPPER], UINT32_MAX);
	cap = pci_add_cap(&b->dev, PCI_CAP_SUBSYSTEM, SUBSYSTEM_CAP, SUBSYSTEM_LENGTH);
	put_le16(&b->dev.config[cap + 4], id.vendor);
	put_le16(&b->dev.config[cap + 6], id.device);
	if (hw_version < FIRST_WITHOUT_BAR)
		pci_bar_registers(&b->dev, 0, PCI_BAR_MEM64, HW6_BAR_SIZE, &hw6_ops, b, NULL);
}

int vmware_bridge_create(struct pci_bus *bus, uint8_t devfn, int hw_version, struct vmware_bridge **out,
			 struct err *err)
{
	struct vmware_bridge *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return err_set(err, ENOMEM, "vmware-bridge", "no memory for it");
	describe(b, hw_version);
	r = pci_attach(bus, &b->dev, devfn, err);
	if (r == 0 && !pci_bridge_bus(&b->dev, err)) {
		pci_detach(&b->dev);
		r = -ENOMEM;
	}
	if (r < 0) {
		free(b);
		return r;
	}
	*out = b;
	return 0;
}

struct pci_bus *vmware_bridge_bus(struct vmware_bridge *b) { return b->dev.secondary; }

static void reset(void *dev) { pci_dev_reset(&((struct vmware_bridge *)dev)->dev); }

static void destroy(void *dev)
{
	pci_detach(&((struct vmware_bridge *)dev)->dev);
	free(dev);
}

// All state is in configuration space.
const struct device_class vmware_bridge_class = { .name = "vmware-bridge", .reset = reset, .destroy = destroy };
