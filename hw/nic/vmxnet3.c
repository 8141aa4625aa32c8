// vmxnet3.c: vmxnet3 on PCI Express: lock, BARs, capabilities, MSI-X memory.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/nic/vmxnet3.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "hw/nic/nic_rom.h"
#include "hw/nic/vmxnet3_core.h"
#include "hw/pci/regs.h"

enum vmxnet3_config {
	BAR_MSIX = 2,
	BAR_IO = 3,
	MSIX_SIZE = 8192,
	MSIX_PBA = 4096,
	IO_SIZE = 16,
	PM_CAP = 0x40,
	PM_CAPS = 0xfe03,       // version 3, D1 and D2, PME from all states
	EXPRESS_CAP = 0x48,
	MSI_CAP = 0x84,
	MSIX_CAP = 0x9c,
	FIRST_HW_WITH_PLAIN_SERIAL = 15,
};

struct vmxnet3 {
	struct pci_dev dev;
	pthread_mutex_t lock;
	struct vmxnet3_core core;       // lock
};

static uint64_t bar0_read(void *dev, uint64_t offset, unsigned size)
{
	return size == 4 ? vmxnet3_read(&((struct vmxnet3 *)dev)->core, 0, (uint32_t)offset) : 0;
}

static void bar0_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	if (size == 4)
		vmxnet3_write(&((struct vmxnet3 *)dev)->core, 0, (uint32_t)offset, (uint32_t)value);
}

static uint64_t bar1_read(void *dev, uint64_t offset, unsigned size)
{
	return size == 4 ? vmxnet3_read(&((struct vmxnet3 *)dev)->core, 1, (uint32_t)offset) : 0;
}

static void bar1_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	if (size == 4)
		vmxnet3_write(&((struct vmxnet3 *)dev)->core, 1, (uint32_t)offset, (uint32_t)value);
}

static uint64_t msix_read(void *dev, uint64_t offset, unsigned size)
{
	struct vmxnet3 *v = dev;

	return offset < MSIX_PBA ? pci_msix_table_read(&v->dev, offset, size)
				 : pci_msix_pba_read(&v->dev, offset - MSIX_PBA, size);
}

static void msix_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	if (offset < MSIX_PBA)
		pci_msix_table_write(&((struct vmxnet3 *)dev)->dev, offset, size, value);
}

static uint64_t io_read(void *dev, uint64_t offset, unsigned size)
{
	return size == 4 ? vmxnet3_io_read(&((struct vmxnet3 *)dev)->core, (unsigned)offset) : 0;
}

static void io_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	if (size == 4)
		vmxnet3_io_write(&((struct vmxnet3 *)dev)->core, (unsigned)offset, (uint32_t)value);
}

static const struct bus_ops bar0_ops = { .read = bar0_read, .write = bar0_write, .max_size = 4 };
static const struct bus_ops bar1_ops = { .read = bar1_read, .write = bar1_write, .max_size = 4 };
static const struct bus_ops msix_ops = { .read = msix_read, .write = msix_write, .max_size = 8 };
static const struct bus_ops io_ops = { .read = io_read, .write = io_write, .max_size = 4 };

static void bus_reset(struct pci_dev *dev)
{
	struct vmxnet3 *v = dev->owner;

	pthread_mutex_lock(&v->lock);
	vmxnet3_core_reset(&v->core);
	pthread_mutex_unlock(&v->lock);
}

static const struct pci_ops vmxnet3_ops = { .bus_reset = bus_reset };

// The address as an EUI-64. Up to ESXi 6.5 both halves were turned and FE stood in place of the second FF.
static void add_serial(struct pci_dev *dev, const uint8_t m[6], int hw_version)
{
	if (hw_version >= FIRST_HW_WITH_PLAIN_SERIAL)
		pci_add_serial_number(dev, 0xffu << 24 | (uint32_t)m[3] << 16 | (uint32_t)m[4] << 8 | m[5],
				      (uint32_t)m[0] << 24 | (uint32_t)m[1] << 16 | (uint32_t)m[2] << 8 | 0xff);
	else
		pci_add_serial_number(dev, (uint32_t)m[5] << 24 | (uint32_t)m[4] << 16 | (uint32_t)m[3] << 8 | 0xfe,
				      0xffu << 24 | (uint32_t)m[2] << 16 | (uint32_t)m[1] << 8 | m[0]);
}

static void describe(struct vmxnet3 *v, const uint8_t mac[6], int hw_version)
{
	static const struct pci_id id = {
		.vendor = 0x15ad, .device = 0x07b0, .revision = 0x01, .class_code = 0x020000,
		.subsystem_vendor = 0x15ad, .subsystem_device = 0x07b0, .interrupt_pin = 1,
	};

	pci_dev_init(&v->dev, "vmxnet3", &id, &vmxnet3_ops, v);
	put_le16(&v->dev.config[PCI_STATUS], 0);        // DEVSEL timing means nothing on PCI Express
	pci_bar_registers(&v->dev, 0, PCI_BAR_MEM32, VMXNET3_BAR_SIZE, &bar0_ops, v, &v->lock);
	pci_bar_registers(&v->dev, 1, PCI_BAR_MEM32, VMXNET3_BAR_SIZE, &bar1_ops, v, &v->lock);
	pci_bar_registers(&v->dev, BAR_MSIX, PCI_BAR_MEM32, MSIX_SIZE, &msix_ops, v, NULL);
	pci_bar_registers(&v->dev, BAR_IO, PCI_BAR_IO, IO_SIZE, &io_ops, v, &v->lock);
	v->dev.late_io = true;
	nic_rom_add(&v->dev);
	pci_add_pm(&v->dev, PM_CAP, PM_CAPS);
	pci_add_express(&v->dev, EXPRESS_CAP, PCI_EXPRESS_ENDPOINT, 0);
	pci_add_msi(&v->dev, MSI_CAP, false);
	pci_add_msix(&v->dev, MSIX_CAP, VMXNET3_VECTORS, BAR_MSIX, 0, MSIX_PBA);
	add_serial(&v->dev, mac, hw_version);
}

int vmxnet3_create(struct pci_bus *bus, uint8_t devfn, const uint8_t mac[6], int hw_version, struct vmxnet3 **out,
		   struct err *err)
{
	struct vmxnet3 *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return err_set(err, ENOMEM, "vmxnet3", "no memory for it");
	pthread_mutex_init(&v->lock, NULL);
	describe(v, mac, hw_version);
	vmxnet3_core_init(&v->core, mac, vmxnet3_revisions_of(hw_version));
	r = pci_attach(bus, &v->dev, devfn, err);
	if (r < 0) {
		free(v);
		return r;
	}
	*out = v;
	return 0;
}

static void reset(void *dev)
{
	pci_dev_reset(&((struct vmxnet3 *)dev)->dev);
	bus_reset(&((struct vmxnet3 *)dev)->dev);
}

static void destroy(void *dev)
{
	pci_detach(&((struct vmxnet3 *)dev)->dev);
	free(dev);
}

static void sanitize(void *regs) { vmxnet3_sanitize(regs); }

static const struct field list[] = {
	FIELD(struct vmxnet3_regs, revision), FIELD(struct vmxnet3_regs, shared_low),
	FIELD(struct vmxnet3_regs, shared_high), FIELD(struct vmxnet3_regs, mac_low),
	FIELD(struct vmxnet3_regs, mac_high), FIELD(struct vmxnet3_regs, result),
	FIELD(struct vmxnet3_regs, io_address), FIELD(struct vmxnet3_regs, active),
	FIELD_ARRAY(struct vmxnet3_regs, masked),
};

static const struct fields vmxnet3_fields = {
	.name = "vmxnet3",
	.version = 1,
	.struct_size = sizeof(struct vmxnet3_regs),
	.list = list,
	.count = ARRAY_SIZE(list),
	.sanitize = sanitize,
};

static void *regs(void *dev) { return &((struct vmxnet3 *)dev)->core.regs; }

const struct device_class vmxnet3_class = {
	.name = "vmxnet3",
	.reset = reset,
	.destroy = destroy,
	.fields = &vmxnet3_fields,
	.regs = regs,
};
