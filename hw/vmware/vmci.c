// vmci.c: the VMCI core on PCI: configuration, lock, ports, interrupts, the bitmap in guest memory.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/vmware/vmci.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "hw/pci/regs.h"
#include "hw/vmware/vmci_core.h"

enum vmci_config {
	BAR_REGISTERS = 0, BAR_VECTORS = 1,
	VECTORS_SIZE = 0x2000, PENDING = 0x1000, VECTORS = 2,
	MSI_CAP = 0x40, MSIX_CAP = 0x58,
	MIN_GNT = 0x3e, MAX_LAT = 0x3f,
	MIN_GNT_1500_NS = 6, MAX_LAT_63750_NS = 255,
};

struct vmci {
	struct pci_dev dev;
	pthread_mutex_t lock;           // core; above gmem's and the interrupt's locks
	struct vmci_core core;
	struct gmem *mem;
};

// --- the core's host; the lock is held -------------------------------------------------------------------

static void on_event(void *arg, enum vmci_cause cause)
{
	struct vmci *v = arg;

	pci_msi_send(&v->dev, cause == VMCI_CAUSE_DATAGRAM ? 0 : 1);
}

static void on_level(void *arg, bool up) { pci_irq_set(&((struct vmci *)arg)->dev, up); }

static bool page_there(void *arg, uint64_t ppn)
{
	struct iovec iov[2];

	return gmem_iov(((struct vmci *)arg)->mem, gpa(ppn * 4096), 4096, true, iov, 2) > 0;
}

static void mark(void *arg, uint64_t ppn, unsigned offset)
{
	static const uint8_t set = 1;

	(void)gmem_write(((struct vmci *)arg)->mem, gpa(ppn * 4096 + offset), &set, 1);
}

// --- BARs ------------------------------------------------------------------------------------------------

static uint64_t io_read(void *dev, uint64_t offset, unsigned size)
{
	return vmci_core_read(&((struct vmci *)dev)->core, (unsigned)offset, size);
}

static void io_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	vmci_core_write(&((struct vmci *)dev)->core, (unsigned)offset, size, (uint32_t)value);
}

static void io_read_string(void *dev, uint64_t offset, unsigned size, void *buf, size_t count)
{
	struct vmci *v = dev;
	uint8_t *to = buf;

	if ((offset & ~3ull) == VMCI_DATA_IN) {
		vmci_core_data_in(&v->core, buf, size * count);
		return;
	}
	for (; count; count--, to += size) {
		uint32_t value = vmci_core_read(&v->core, (unsigned)offset, size);

		for (unsigned i = 0; i < size; i++)
			to[i] = (uint8_t)(value >> 8 * i);
	}
}

static void io_write_string(void *dev, uint64_t offset, unsigned size, const void *buf, size_t count)
{
	struct vmci *v = dev;
	const uint8_t *from = buf;

	if ((offset & ~3ull) == VMCI_DATA_OUT) {
		vmci_core_data_out(&v->core, buf, size * count);
		return;
	}
	for (; count; count--, from += size) {
		uint32_t value = 0;

		for (unsigned i = 0; i < size; i++)
			value |= (uint32_t)from[i] << 8 * i;
		vmci_core_write(&v->core, (unsigned)offset, size, value);
	}
}

static const struct bus_ops io_ops = { .read = io_read, .write = io_write, .max_size = 4,
				       .read_string = io_read_string, .write_string = io_write_string };

static uint64_t vectors_read(void *dev, uint64_t offset, unsigned size)
{
	struct vmci *v = dev;

	return offset >= PENDING ? pci_msix_pba_read(&v->dev, offset - PENDING, size) :
				   pci_msix_table_read(&v->dev, offset, size);
}

static void vectors_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	if (offset < PENDING)
		pci_msix_table_write(&((struct vmci *)dev)->dev, offset, size, value);
}

static const struct bus_ops vectors_ops = { .read = vectors_read, .write = vectors_write, .max_size = 8 };

// --- life ------------------------------------------------------------------------------------------------

static void bus_reset(struct pci_dev *dev)
{
	struct vmci *v = dev->owner;

	pthread_mutex_lock(&v->lock);
	vmci_core_reset(&v->core);
	pthread_mutex_unlock(&v->lock);
}

static const struct pci_ops vmci_ops = { .bus_reset = bus_reset };

static void set_up_pci(struct vmci *v)
{
	static const struct pci_id id = {
		.vendor = 0x15ad, .device = 0x0740, .revision = 0x10, .class_code = 0x088000,
		.subsystem_vendor = 0x15ad, .subsystem_device = 0x0740, .interrupt_pin = 1,
	};

	pci_dev_init(&v->dev, "vmci", &id, &vmci_ops, v);
	put_le16(&v->dev.config[PCI_STATUS], PCI_STATUS_FAST_B2B | PCI_STATUS_DEVSEL_MEDIUM);
	v->dev.config[MIN_GNT] = MIN_GNT_1500_NS;
	v->dev.config[MAX_LAT] = MAX_LAT_63750_NS;
	pci_bar_registers(&v->dev, BAR_REGISTERS, PCI_BAR_IO, VMCI_PORTS, &io_ops, v, &v->lock);
	pci_bar_registers(&v->dev, BAR_VECTORS, PCI_BAR_MEM64, VECTORS_SIZE, &vectors_ops, v, NULL);
	pci_add_msi(&v->dev, MSI_CAP, false);
	pci_add_msix(&v->dev, MSIX_CAP, VECTORS, BAR_VECTORS, 0, PENDING);
}

int vmci_create(const struct platform *p, const struct vmci_args *args, struct vmci **out, struct err *err)
{
	struct vmci *v = calloc(1, sizeof(*v));
	const struct vmci_host host = { on_event, on_level, page_there, mark, v };
	int r;

	if (!v)
		return err_set(err, ENOMEM, "vmci0", "no memory for it");
	pthread_mutex_init(&v->lock, NULL);
	v->mem = p->mem;
	set_up_pci(v);
	r = pci_attach(args->bus, &v->dev, args->devfn, err);
	if (r < 0) {
		pthread_mutex_destroy(&v->lock);
		free(v);
		return r;
	}
	vmci_core_init(&v->core, args->context,
		       VMCI_CAP_DATAGRAM | VMCI_CAP_NOTIFY | (args->ppn64 ? VMCI_CAP_PPN64 : 0), &host);
	*out = v;
	return 0;
}

static void reset(void *dev)
{
	struct vmci *v = dev;

	pci_dev_reset(&v->dev);
	bus_reset(&v->dev);
}

static void destroy(void *dev)
{
	struct vmci *v = dev;

	pci_detach(&v->dev);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

static void *regs(void *dev) { return &((struct vmci *)dev)->core.regs; }

static void loaded(void *dev)
{
	struct vmci *v = dev;

	pthread_mutex_lock(&v->lock);
	vmci_core_loaded(&v->core);
	pthread_mutex_unlock(&v->lock);
}

const struct device_class vmci_class = {
	.name = "vmci",
	.reset = reset,
	.destroy = destroy,
	.fields = &vmci_fields,
	.regs = regs,
	.loaded = loaded,
};
