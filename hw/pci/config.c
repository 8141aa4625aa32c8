// config.c: the configuration space of one function: header, capabilities, masked writes, reset.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/pci/internal.h"

#include <string.h>

#include "base/bytes.h"

#define CAP_FIRST 0x40u

// Bytes are stored one by one, atomically: pci_bus_master() reads the command register without a lock.
static void store(struct pci_dev *dev, unsigned off, uint8_t value)
{
	__atomic_store_n(&dev->config[off], value, __ATOMIC_RELAXED);
}

static bool inside(unsigned off, unsigned size)
{
	return (size == 1 || size == 2 || size == 4) && off < PCI_CONFIG_SIZE &&
	       size <= PCI_CONFIG_SIZE - off;
}

// Beyond what the function holds the extended space is empty.
static uint32_t ext_get(const struct pci_dev *dev, unsigned off, unsigned size)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < size; i++) {
		if (off + i < dev->ext_len)
			value |= (uint32_t)dev->ext[off + i] << (8 * i);
	}
	return value;
}

static void ext_set(struct pci_dev *dev, unsigned off, unsigned size, uint32_t value)
{
	for (unsigned i = 0; i < size && off + i < dev->ext_len; i++)
		dev->ext[off + i] = (uint8_t)(value >> (8 * i));
}

uint32_t pci_config_get(const struct pci_dev *dev, unsigned off, unsigned size)
{
	if (inside(off, size))
		return (uint32_t)get_le(&dev->config[off], size);
	return off >= PCI_CONFIG_SIZE && off + size <= dev->config_size ? ext_get(dev, off - PCI_CONFIG_SIZE, size)
									: UINT32_MAX;
}

void pci_config_set(struct pci_dev *dev, unsigned off, unsigned size, uint32_t value)
{
	if (off >= PCI_CONFIG_SIZE)
		ext_set(dev, off - PCI_CONFIG_SIZE, size, value);
	if (!inside(off, size))
		return;
	pthread_mutex_lock(&dev->irq_lock);
	for (unsigned i = 0; i < size; i++)
		store(dev, off + i, (uint8_t)(value >> (8 * i)));
	pthread_mutex_unlock(&dev->irq_lock);
}

bool pci_bus_master(const struct pci_dev *dev)
{
	return __atomic_load_n(&dev->config[PCI_COMMAND], __ATOMIC_RELAXED) & PCI_COMMAND_MASTER;
}

// --- header --------------------------------------------------------------------------------------

static void init_type0(struct pci_dev *dev, const struct pci_id *id)
{
	put_le16(&dev->config[PCI_SUBSYSTEM_VENDOR], id->subsystem_vendor);
	put_le16(&dev->config[PCI_SUBSYSTEM_DEVICE], id->subsystem_device);
}

// 16-bit I/O and 32-bit prefetchable windows; a bridge with wider ones adds the masks of the upper registers.
static void init_type1(struct pci_dev *dev)
{
	memset(&dev->wmask[PCI_PRIMARY], 0xff, 4);
	dev->wmask[PCI_IO_BASE] = dev->wmask[PCI_IO_LIMIT] = 0xf0;
	for (unsigned reg = PCI_MEMORY_BASE; reg <= PCI_PREFETCH_LIMIT; reg += 2)
		put_le16(&dev->wmask[reg], 0xfff0);
	put_le16(&dev->config[PCI_SECONDARY_STATUS], PCI_STATUS_DEVSEL_MEDIUM);
	put_le16(&dev->w1cmask[PCI_SECONDARY_STATUS], PCI_STATUS_ERRORS);
	put_le16(&dev->wmask[PCI_BRIDGE_CONTROL], PCI_BRIDGE_WRITABLE);
	put_le16(&dev->w1cmask[PCI_BRIDGE_CONTROL], PCI_BRIDGE_DISCARD_STATUS);
}

void pci_dev_init(struct pci_dev *dev, const char *name, const struct pci_id *id, const struct pci_ops *ops,
		  void *owner)
{
	memset(dev, 0, sizeof(*dev));
	pthread_mutex_init(&dev->irq_lock, NULL);
	dev->name = name;
	dev->ops = ops;
	dev->owner = owner;
	dev->config_size = PCI_CONFIG_SIZE;
	put_le16(&dev->config[PCI_VENDOR], id->vendor);
	put_le16(&dev->config[PCI_DEVICE], id->device);
	put_le16(&dev->config[PCI_STATUS], PCI_STATUS_DEVSEL_MEDIUM);
	// The class code is the upper three bytes of the dword that starts with the revision.
	put_le32(&dev->config[PCI_REVISION], id->class_code << 8 | id->revision);
	dev->config[PCI_HEADER] = id->header_type;
	dev->config[PCI_INTERRUPT_PIN] = id->interrupt_pin;
	put_le16(&dev->wmask[PCI_COMMAND],
		 PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_MWI |
			 PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_OFF);
	put_le16(&dev->w1cmask[PCI_STATUS], PCI_STATUS_ERRORS);
	dev->wmask[PCI_CACHE_LINE] = dev->wmask[PCI_LATENCY] = dev->wmask[PCI_INTERRUPT_LINE] = 0xff;
	if (pci_is_bridge(dev))
		init_type1(dev);
	else
		init_type0(dev, id);
}

// --- capabilities --------------------------------------------------------------------------------

// The bits of cap_dwords that LEN bytes at AT take; 0 when they do not fit.
static uint64_t cap_bits(unsigned at, unsigned len)
{
	unsigned n = (len + 3) / 4;

	if (at < CAP_FIRST || at % 4 || n == 0 || at + 4 * n > PCI_CONFIG_SIZE)
		return 0;
	return ((1ull << n) - 1) << (at / 4);
}

static uint8_t cap_place(const struct pci_dev *dev, uint8_t at, uint8_t len)
{
	if (at)
		return cap_bits(at, len) && !(cap_bits(at, len) & dev->cap_dwords) ? at : 0;
	for (unsigned off = CAP_FIRST; off < PCI_CONFIG_SIZE; off += 4) {
		if (cap_bits(off, len) && !(cap_bits(off, len) & dev->cap_dwords))
			return (uint8_t)off;
	}
	return 0;
}

uint8_t pci_add_cap(struct pci_dev *dev, uint8_t id, uint8_t at, uint8_t len)
{
	uint8_t off = cap_place(dev, at, len);
	unsigned link = PCI_CAPABILITIES;

	if (!off)
		return 0;
	dev->cap_dwords |= cap_bits(off, len);
	// Appended, so that software lists capabilities in the order in which they were added.
	while (dev->config[link])
		link = dev->config[link] + 1u;
	dev->config[link] = off;
	dev->config[off] = id;
	dev->config[off + 1] = 0;
	dev->config[PCI_STATUS] |= PCI_STATUS_CAPS;
	return off;
}

enum pm_cap {
	PM_LENGTH = 8,
	PM_PMC = 2,
	PM_PMCSR = 4,
	PMC_D1 = 1 << 9,
	PMC_D2 = 1 << 10,
	PMC_PME_SUPPORT = 0xf800,
	PMCSR_STATE = 3,
	PMCSR_PME_EN = 1 << 8,
	PMCSR_PME_STATUS = 1 << 15,
};

uint8_t pci_add_pm(struct pci_dev *dev, uint8_t at, uint16_t pmc)
{
	uint8_t off = pci_add_cap(dev, PCI_CAP_PM, at, PM_LENGTH);

	if (!off)
		return 0;
	dev->pm_cap = off;
	put_le16(&dev->config[off + PM_PMC], pmc);
	put_le16(&dev->wmask[off + PM_PMCSR], PMCSR_STATE | (pmc & PMC_PME_SUPPORT ? PMCSR_PME_EN : 0));
	put_le16(&dev->w1cmask[off + PM_PMCSR], pmc & PMC_PME_SUPPORT ? PMCSR_PME_STATUS : 0);
	return off;
}

// A state the function does not have is not entered: the bits keep their value.
static uint32_t pm_filter(const struct pci_dev *dev, unsigned off, uint8_t value)
{
	uint16_t pmc = get_le16(&dev->config[dev->pm_cap + PM_PMC]);
	unsigned state = value & PMCSR_STATE;
	bool refused = (state == 1 && !(pmc & PMC_D1)) || (state == 2 && !(pmc & PMC_D2));

	return refused ? (value & ~(uint32_t)PMCSR_STATE) | (dev->config[off] & PMCSR_STATE) : value;
}

// --- access --------------------------------------------------------------------------------------

uint32_t pci_guest_read(struct pci_dev *dev, unsigned off, unsigned size)
{
	uint32_t value = pci_config_get(dev, off, size);

	if (off <= PCI_STATUS && PCI_STATUS < off + size && atomic_load(&dev->intx_level))
		value |= (uint32_t)PCI_STATUS_INTX << (8 * (PCI_STATUS - off));
	for (unsigned i = 0; dev->late_io && i < size; i++) {
		if (pci_late_io_hides(dev, off + i))
			value &= ~(0xffu << (8 * i));
	}
	if (dev->ops && dev->ops->config_read)
		value = dev->ops->config_read(dev, off, size, value);
	return size == 4 ? value : value & ((1u << (8 * size)) - 1);
}

static void write_byte(struct pci_dev *dev, unsigned off, uint8_t value)
{
	uint8_t w = dev->wmask[off], now = dev->config[off];

	if (pci_late_io_hides(dev, off))
		return;
	if (dev->pm_cap && off == (unsigned)dev->pm_cap + PM_PMCSR)
		value = (uint8_t)pm_filter(dev, off, value);
	now = (uint8_t)((now & ~w) | (value & w));
	store(dev, off, (uint8_t)(now & ~(value & dev->w1cmask[off])));
}

static bool overlaps(unsigned off, unsigned size, unsigned reg, unsigned len)
{
	return off < reg + len && reg < off + size;
}

static bool moves_windows(const struct pci_dev *dev, unsigned off, unsigned size)
{
	return overlaps(off, size, PCI_COMMAND, 2) || overlaps(off, size, PCI_IO_BASE, 2) ||
	       overlaps(off, size, PCI_MEMORY_BASE, PCI_IO_LIMIT_UPPER + 2 - PCI_MEMORY_BASE) ||
	       overlaps(off, size, PCI_BRIDGE_CONTROL, 2) ||
	       (dev->pm_cap && overlaps(off, size, dev->pm_cap + PM_PMCSR, 1));
}

static bool moves_bars(const struct pci_dev *dev, unsigned off, unsigned size)
{
	return overlaps(off, size, PCI_COMMAND, 2) ||
	       overlaps(off, size, PCI_BAR0, pci_is_bridge(dev) ? 8 : 4 * PCI_BARS) ||
	       overlaps(off, size, pci_is_bridge(dev) ? PCI_BRIDGE_ROM : PCI_ROM, 4) ||
	       (dev->pm_cap && overlaps(off, size, dev->pm_cap + PM_PMCSR, 1));
}

// The bits read as 0, so they are not among the writable ones.
static bool asks_for_flr(const struct pci_dev *dev, unsigned off, unsigned size, uint32_t value)
{
	unsigned high = dev->express_cap + EXPRESS_DEVCTL + 1u, af = dev->af_cap + AF_CONTROL;

	if (dev->express_cap && dev->express_flr && off <= high && high < off + size)
		return value >> (8 * (high - off)) & EXPRESS_DEVCTL_FLR >> 8;
	return dev->af_cap && off <= af && af < off + size && (value >> (8 * (af - off)) & AF_CONTROL_FLR);
}

static void reset_function(struct pci_dev *dev)
{
	pci_reset_locked(dev);
	if (dev->ops && dev->ops->bus_reset)
		dev->ops->bus_reset(dev);
}

void pci_guest_write(struct pci_dev *dev, unsigned off, unsigned size, uint32_t value)
{
	bool was_reset = dev->config[PCI_BRIDGE_CONTROL] & PCI_BRIDGE_BUS_RESET;

	if (off >= PCI_CONFIG_SIZE)
		return;
	if (asks_for_flr(dev, off, size, value)) {
		reset_function(dev);
		return;
	}
	pthread_mutex_lock(&dev->irq_lock);
	for (unsigned i = 0; i < size; i++)
		write_byte(dev, off + i, (uint8_t)(value >> (8 * i)));
	pci_intr_update(dev);
	pthread_mutex_unlock(&dev->irq_lock);

	if (moves_bars(dev, off, size))
		pci_bars_update(dev);
	if (dev->secondary && moves_windows(dev, off, size))
		pci_bus_bars_update(dev->secondary);
	if (dev->secondary && !was_reset && (dev->config[PCI_BRIDGE_CONTROL] & PCI_BRIDGE_BUS_RESET))
		pci_bus_reset_locked(dev->secondary);
	if (dev->ops && dev->ops->config_written)
		dev->ops->config_written(dev, off, size);
}

// --- reset and saving ----------------------------------------------------------------------------

void pci_reset_locked(struct pci_dev *dev)
{
	pthread_mutex_lock(&dev->irq_lock);
	for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++)
		store(dev, i, dev->reset[i]);
	pci_msix_clear(dev);
	atomic_store(&dev->intx_level, false);
	pci_intr_update(dev);
	pthread_mutex_unlock(&dev->irq_lock);
	pci_bars_update(dev);
	if (dev->secondary)
		pci_bus_bars_update(dev->secondary);
}

void pci_dev_reset(struct pci_dev *dev)
{
	pthread_mutex_t *lock = pci_root_lock(dev->bus->root);

	pthread_mutex_lock(lock);
	pci_reset_locked(dev);
	pthread_mutex_unlock(lock);
}

static const struct field saved_list[] = {
	FIELD_ARRAY(struct pci_saved, config),
	FIELD_ARRAY(struct pci_saved, msix_table),
	FIELD_ARRAY(struct pci_saved, msix_pba),
	FIELD(struct pci_saved, intx_level),
};

const struct fields pci_saved_fields = {
	.name = "pci-function",
	.version = 1,
	.struct_size = sizeof(struct pci_saved),
	.list = saved_list,
	.count = sizeof(saved_list) / sizeof(saved_list[0]),
};

void pci_dev_save(struct pci_dev *dev, struct pci_saved *out)
{
	pthread_mutex_t *lock = pci_root_lock(dev->bus->root);

	pthread_mutex_lock(lock);
	pthread_mutex_lock(&dev->irq_lock);
	memcpy(out->config, dev->config, sizeof(out->config));
	memcpy(out->msix_table, dev->msix.table, sizeof(out->msix_table));
	memcpy(out->msix_pba, dev->msix.pba, sizeof(out->msix_pba));
	out->intx_level = atomic_load(&dev->intx_level);
	pthread_mutex_unlock(&dev->irq_lock);
	pthread_mutex_unlock(lock);
}

static void restore_msix(struct pci_dev *dev, const struct pci_saved *in)
{
	pci_msix_clear(dev);
	for (unsigned v = 0; v < dev->msix.vectors; v++) {
		memcpy(&dev->msix.table[v * 16], &in->msix_table[v * 16], 12);
		dev->msix.table[v * 16] &= 0xfc;
		dev->msix.table[v * 16 + 12] = in->msix_table[v * 16 + 12] & 1;
		if (in->msix_pba[v / 8] & (1u << (v % 8)))
			dev->msix.pba[v / 8] |= (uint8_t)(1u << (v % 8));
	}
}

void pci_dev_restore(struct pci_dev *dev, const struct pci_saved *in)
{
	pthread_mutex_t *lock = pci_root_lock(dev->bus->root);

	pthread_mutex_lock(lock);
	pthread_mutex_lock(&dev->irq_lock);
	for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++) {
		uint8_t mask = dev->wmask[i] | dev->w1cmask[i];

		store(dev, i, (uint8_t)((dev->config[i] & ~mask) | (in->config[i] & mask)));
	}
	restore_msix(dev, in);
	atomic_store(&dev->intx_level, in->intx_level != 0);
	pci_intr_update(dev);
	pthread_mutex_unlock(&dev->irq_lock);
	pci_bars_update(dev);
	if (dev->secondary)
		pci_bus_bars_update(dev->secondary);
	pthread_mutex_unlock(lock);
}
