// interrupt.c: INTx with its gates, MSI and MSI-X with masks and pending bits.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/pci/internal.h"

#include <string.h>

#include "base/bytes.h"

enum msi_cap {
	MSI_LENGTH = 24,        // room for the mask bits also without them: VMware's devices leave it
	MSI_CONTROL = 2,
	MSI_ADDRESS = 4,
	MSI_ADDRESS_HIGH = 8,
	MSI_DATA = 12,
	MSI_MASK = 16,
	MSI_PENDING = 20,
	MSI_ENABLE = 1 << 0,
	MSI_64BIT = 1 << 7,
	MSI_MASKABLE = 1 << 8,
};

enum msix_cap {
	MSIX_LENGTH = 12,
	MSIX_CONTROL = 2,
	MSIX_TABLE = 4,
	MSIX_PBA = 8,
	MSIX_FUNCTION_MASK = 1 << 14,
	MSIX_ENABLE = 1 << 15,
	MSIX_ENTRY = 16,
	MSIX_ENTRY_DATA = 8,
	MSIX_ENTRY_CONTROL = 12,
	MSIX_ENTRY_MASKED = 1 << 0,
};

static uint16_t msi_control(const struct pci_dev *dev)
{
	return dev->msi_cap ? get_le16(&dev->config[dev->msi_cap + MSI_CONTROL]) : 0;
}

static uint16_t msix_control(const struct pci_dev *dev)
{
	return dev->msix_cap ? get_le16(&dev->config[dev->msix_cap + MSIX_CONTROL]) : 0;
}

// A message is a memory write of the function's own, so it needs the bus-master bit.
static void send(struct pci_dev *dev, uint64_t address, uint32_t data)
{
	const struct msi_sink *sink = &dev->bus->root->host.msi;

	if (pci_bus_master(dev) && sink->send)
		sink->send(sink->arg, address, data);
}

// --- MSI -----------------------------------------------------------------------------------------

uint8_t pci_add_msi(struct pci_dev *dev, uint8_t at, bool maskable)
{
	uint8_t off = pci_add_cap(dev, PCI_CAP_MSI, at, MSI_LENGTH);

	if (!off)
		return 0;
	dev->msi_cap = off;
	put_le16(&dev->config[off + MSI_CONTROL], (uint16_t)(MSI_64BIT | (maskable ? MSI_MASKABLE : 0)));
	put_le16(&dev->wmask[off + MSI_CONTROL], MSI_ENABLE);
	put_le32(&dev->wmask[off + MSI_ADDRESS], 0xfffffffc);
	put_le32(&dev->wmask[off + MSI_ADDRESS_HIGH], 0xffffffff);
	put_le16(&dev->wmask[off + MSI_DATA], 0xffff);
	if (maskable)
		dev->wmask[off + MSI_MASK] = 1;
	return off;
}

static void msi_fire(struct pci_dev *dev)
{
	const uint8_t *cap = &dev->config[dev->msi_cap];

	send(dev, get_le64(cap + MSI_ADDRESS), get_le16(cap + MSI_DATA));
}

static void msi_raise(struct pci_dev *dev)
{
	uint8_t *cap = &dev->config[dev->msi_cap];

	if (cap[MSI_MASK] & 1)
		cap[MSI_PENDING] |= 1;
	else
		msi_fire(dev);
}

static void msi_flush(struct pci_dev *dev)
{
	uint8_t *cap = &dev->config[dev->msi_cap];

	if (!(cap[MSI_PENDING] & 1) || (cap[MSI_MASK] & 1))
		return;
	cap[MSI_PENDING] = 0;
	msi_fire(dev);
}

// --- MSI-X ---------------------------------------------------------------------------------------

uint8_t pci_add_msix(struct pci_dev *dev, uint8_t at, unsigned vectors, int bar, uint32_t table, uint32_t pba)
{
	uint8_t off = 0;

	if (vectors >= 1 && vectors <= PCI_MSIX_MAX && bar >= 0 && bar < PCI_BARS)
		off = pci_add_cap(dev, PCI_CAP_MSIX, at, MSIX_LENGTH);
	if (!off)
		return 0;
	dev->msix_cap = off;
	dev->msix.vectors = vectors;
	put_le16(&dev->config[off + MSIX_CONTROL], (uint16_t)(vectors - 1));
	put_le16(&dev->wmask[off + MSIX_CONTROL], MSIX_ENABLE | MSIX_FUNCTION_MASK);
	put_le32(&dev->config[off + MSIX_TABLE], (table & ~7u) | (unsigned)bar);
	put_le32(&dev->config[off + MSIX_PBA], (pba & ~7u) | (unsigned)bar);
	pci_msix_clear(dev);
	return off;
}

void pci_msix_clear(struct pci_dev *dev)
{
	memset(&dev->msix.table, 0, sizeof(dev->msix.table));
	memset(&dev->msix.pba, 0, sizeof(dev->msix.pba));
	for (unsigned v = 0; v < dev->msix.vectors; v++)
		dev->msix.table[v * MSIX_ENTRY + MSIX_ENTRY_CONTROL] = MSIX_ENTRY_MASKED;
}

static bool msix_masked(const struct pci_dev *dev, unsigned vector)
{
	return (msix_control(dev) & MSIX_FUNCTION_MASK) ||
	       (dev->msix.table[vector * MSIX_ENTRY + MSIX_ENTRY_CONTROL] & MSIX_ENTRY_MASKED);
}

static void msix_raise(struct pci_dev *dev, unsigned vector)
{
	const uint8_t *entry = &dev->msix.table[vector * MSIX_ENTRY];

	if (msix_masked(dev, vector))
		dev->msix.pba[vector / 8] |= (uint8_t)(1u << (vector % 8));
	else
		send(dev, get_le64(entry), get_le32(entry + MSIX_ENTRY_DATA));
}

static void msix_flush(struct pci_dev *dev)
{
	for (unsigned v = 0; v < dev->msix.vectors; v++) {
		uint8_t bit = (uint8_t)(1u << (v % 8));

		if (!(dev->msix.pba[v / 8] & bit) || msix_masked(dev, v))
			continue;
		dev->msix.pba[v / 8] &= (uint8_t)~bit;
		msix_raise(dev, v);
	}
}

// Copies the part of [offset, offset + size) that lies in MEM; the rest reads as 0.
static uint64_t read_memory(struct pci_dev *dev, const uint8_t *mem, size_t len, uint64_t offset,
			    unsigned size)
{
	uint8_t bytes[8] = { 0 };

	pthread_mutex_lock(&dev->irq_lock);
	for (unsigned i = 0; i < size && i < sizeof(bytes); i++) {
		if (offset < len && i < len - offset)
			bytes[i] = mem[offset + i];
	}
	pthread_mutex_unlock(&dev->irq_lock);
	return get_le64(bytes);
}

uint64_t pci_msix_table_read(struct pci_dev *dev, uint64_t offset, unsigned size)
{
	return read_memory(dev, dev->msix.table, (size_t)dev->msix.vectors * MSIX_ENTRY, offset, size);
}

uint64_t pci_msix_pba_read(struct pci_dev *dev, uint64_t offset, unsigned size)
{
	return read_memory(dev, dev->msix.pba, (dev->msix.vectors + 63) / 64 * 8, offset, size);
}

static void table_write_dword(struct pci_dev *dev, uint64_t offset, uint32_t value)
{
	if (offset % 4 || offset >= (uint64_t)dev->msix.vectors * MSIX_ENTRY)
		return;
	if (offset % MSIX_ENTRY == 0)
		value &= ~3u;
	else if (offset % MSIX_ENTRY == MSIX_ENTRY_CONTROL)
		value &= MSIX_ENTRY_MASKED;
	put_le32(&dev->msix.table[offset], value);
}

// Software may use dwords and qwords only (PCI 3.0, 6.8.2); anything else is dropped.
void pci_msix_table_write(struct pci_dev *dev, uint64_t offset, unsigned size, uint64_t value)
{
	pthread_mutex_lock(&dev->irq_lock);
	if (size == 4 || size == 8)
		table_write_dword(dev, offset, (uint32_t)value);
	if (size == 8 && offset < UINT64_MAX - 4)
		table_write_dword(dev, offset + 4, (uint32_t)(value >> 32));
	pci_intr_update(dev);
	pthread_mutex_unlock(&dev->irq_lock);
}

// --- both, and INTx ------------------------------------------------------------------------------

bool pci_msi_send(struct pci_dev *dev, unsigned vector)
{
	bool sent = true;

	pthread_mutex_lock(&dev->irq_lock);
	if (msix_control(dev) & MSIX_ENABLE) {
		if (vector < dev->msix.vectors)
			msix_raise(dev, vector);
	} else if (msi_control(dev) & MSI_ENABLE) {
		msi_raise(dev);
	} else {
		sent = false;
	}
	pthread_mutex_unlock(&dev->irq_lock);
	return sent;
}

static bool intx_allowed(const struct pci_dev *dev)
{
	bool off = get_le16(&dev->config[PCI_COMMAND]) & PCI_COMMAND_INTX_OFF;

	return !off && !(msi_control(dev) & MSI_ENABLE) && !(msix_control(dev) & MSIX_ENABLE);
}

void pci_intr_update(struct pci_dev *dev)
{
	irq_line_set(&dev->intx, atomic_load(&dev->intx_level) && intx_allowed(dev));
	if (msix_control(dev) & MSIX_ENABLE)
		msix_flush(dev);
	else if (msi_control(dev) & MSI_ENABLE)
		msi_flush(dev);
}

void pci_irq_set(struct pci_dev *dev, bool level)
{
	pthread_mutex_lock(&dev->irq_lock);
	atomic_store(&dev->intx_level, level);
	irq_line_set(&dev->intx, level && intx_allowed(dev));
	pthread_mutex_unlock(&dev->irq_lock);
}
