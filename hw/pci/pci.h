// pci.h: PCI functions, their configuration space, BARs, INTx and MSI; configuration mechanism 1.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A function embeds a struct pci_dev, fills its header with the helpers, and is put on a bus at a device and
// function number. Configuration accesses go through byte masks (writable, write-1-to-clear), so most
// functions need no code for them. One lock, pci_root.lock, guards all configuration spaces and BAR mappings;
// lock order: pci_root.lock, then a device's lock, then the irq pin's. Code that holds a device lock must not
// touch configuration space; pci_irq_set() and pci_msi_send() take no lock but the pin's.
// PCI Local Bus 3.0; PCI-to-PCI Bridge 1.2.
#ifndef BERTH_PCI_PCI_H
#define BERTH_PCI_PCI_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bus/bus.h"
#include "bus/gmem.h"
#include "bus/irq.h"

#define PCI_CONFIG_SIZE 256u    // 4096 with ECAM, later: sized per device by config_size
#define PCI_BARS 6
#define PCI_ROM_BAR 6           // index of the expansion ROM in pci_dev.bars

struct pci_dev;
struct pci_bus;
struct pci_root;

enum pci_bar_kind { PCI_BAR_UNUSED, PCI_BAR_IO, PCI_BAR_MEM32, PCI_BAR_MEM64 };

// Behind a BAR are registers (range.ops set) or memory (mem set). The pci code inserts and removes them as the
// guest programs base and command register; an address that collides stays unmapped until it no longer does.
struct pci_bar {
	enum pci_bar_kind kind;
	bool prefetchable;
	uint64_t size;                  // power of two
	struct bus_range range;         // name, ops, dev, lock filled by the owner; first/last by pci
	struct gmem_region *mem;
	bool mapped;
	uint64_t address;               // where it is mapped
};

struct pci_ops {
	// After a guest's write changed configuration bytes [off, off + size); root lock held. Optional.
	void (*config_written)(struct pci_dev *dev, unsigned off, unsigned size);
	// May replace what a read gives; VALUE is what the bytes hold. Root lock held. Optional.
	uint32_t (*config_read)(struct pci_dev *dev, unsigned off, unsigned size, uint32_t value);
	// A BAR was mapped at a new address or unmapped; root lock held. Optional.
	void (*bar_changed)(struct pci_dev *dev, int bar);
};

#define PCI_MSIX_MAX 65u

struct pci_dev {
	const char *name;               // "piix4-ide"
	const struct pci_ops *ops;      // may be NULL
	void *owner;                    // the device that embeds or owns this function
	struct pci_bus *bus;            // set by pci_attach()
	uint8_t devfn;                  // device << 3 | function
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t reset[PCI_CONFIG_SIZE];         // what pci_dev_reset() restores; taken by pci_attach()
	uint8_t wmask[PCI_CONFIG_SIZE];         // 1 = guest may write
	uint8_t w1cmask[PCI_CONFIG_SIZE];       // 1 = writing 1 clears
	struct pci_bar bars[PCI_BARS + 1];
	struct irq_line intx;
	_Atomic bool intx_level;        // what the device wants; gated by command bit 10 and MSI
	uint8_t msi_cap, msix_cap, pm_cap;      // offsets, 0 = absent
	// MSI-X, in BAR memory of the device; the table is behind its own register range.
	struct {
		unsigned vectors;
		uint8_t table[PCI_MSIX_MAX * 16];
		uint8_t pba[(PCI_MSIX_MAX + 63) / 64 * 8];
	} msix;
};

struct pci_id {
	uint16_t vendor, device, subsystem_vendor, subsystem_device;
	uint32_t class_code;            // 24 bits, e.g. 0x01018a
	uint8_t revision;
	uint8_t header_type;            // 0 or 1; bit 7 (multifunction) is set by pci_attach() where needed
	uint8_t interrupt_pin;          // 0 none, 1 INTA
};

// Fills the header; writable bits of command, latency, cache line, interrupt line are set as PCI asks.
void pci_dev_init(struct pci_dev *dev, const char *name, const struct pci_id *id, const struct pci_ops *ops, void *owner);
// Registers behind BAR INDEX. LOCK may be NULL. SIZE is a power of two (at least 4 for I/O, 16 for memory).
void pci_bar_registers(struct pci_dev *dev, int index, enum pci_bar_kind kind, uint64_t size, const struct bus_ops *ops, void *owner, pthread_mutex_t *lock);
void pci_bar_memory(struct pci_dev *dev, int index, enum pci_bar_kind kind, bool prefetchable, struct gmem_region *mem);
// Adds a capability of LEN bytes at the next free place from 40h (or AT when not 0), returns its offset, 0
// when there is no room. The bytes after id and next are zero and read-only until the caller sets masks.
uint8_t pci_add_cap(struct pci_dev *dev, uint8_t id, uint8_t at, uint8_t len);
// MSI: one vector; 64-bit addresses; MASKABLE adds the mask bits. MSI-X: VECTORS entries, table and PBA at
// offsets of BAR, which must be a register BAR; the device routes accesses there to pci_msix_read/write.
uint8_t pci_add_msi(struct pci_dev *dev, uint8_t at, bool maskable);
uint8_t pci_add_msix(struct pci_dev *dev, uint8_t at, unsigned vectors, int bar, uint32_t table, uint32_t pba);
uint64_t pci_msix_table_read(struct pci_dev *dev, uint64_t offset, unsigned size);
void pci_msix_table_write(struct pci_dev *dev, uint64_t offset, unsigned size, uint64_t value);
uint64_t pci_msix_pba_read(struct pci_dev *dev, uint64_t offset, unsigned size);

// Puts the function on BUS at DEVFN. -EEXIST when taken. Before the machine starts.
int pci_attach(struct pci_bus *bus, struct pci_dev *dev, uint8_t devfn, struct err *err);
// Power-on configuration, BARs unmapped, interrupts down. Takes the root lock.
void pci_dev_reset(struct pci_dev *dev);

// Interrupts. INTx level (ignored while MSI or MSI-X is on, and while command bit 10 is set). Any thread.
void pci_irq_set(struct pci_dev *dev, bool level);
// Sends vector VECTOR by MSI or MSI-X; false when neither is enabled (use INTx then). Masked vectors become
// pending. Any thread.
bool pci_msi_send(struct pci_dev *dev, unsigned vector);

// --- buses ---
// Interrupt routing of the root: (device, pin 0..3) on bus 0 -> PIRQ link 0..3 is the chipset's business.
struct pci_root_host {
	struct bus *ports, *mmio;
	struct gmem *mem;
	// Input of link LINK (0..3 = PIRQA..D).
	struct irq_pin *(*link)(void *arg, unsigned link);
	struct msi_sink msi;
	void *arg;
};

int pci_root_create(struct pci_root **out, const struct pci_root_host *host, struct err *err);
void pci_root_destroy(struct pci_root *root);
struct pci_bus *pci_root_bus(struct pci_root *root);            // bus 0
pthread_mutex_t *pci_root_lock(struct pci_root *root);
struct gmem *pci_root_mem(struct pci_root *root);
// The bus behind a bridge (header type 1), to attach functions to. Secondary number as the bridge's register says.
struct pci_bus *pci_bridge_bus(struct pci_dev *bridge, struct err *err);
// CF8h-CFFh; CF9h (reset control) belongs to the PIIX4 and is not claimed here.
int pci_root_claim_ports(struct pci_root *root, struct err *err);
// Direct access for the firmware tables and tests: (bus, devfn, offset), sizes 1, 2, 4. Takes the root lock.
uint32_t pci_config_read(struct pci_root *root, unsigned bus, unsigned devfn, unsigned off, unsigned size);
void pci_config_write(struct pci_root *root, unsigned bus, unsigned devfn, unsigned off, unsigned size, uint32_t value);
// The function at BUS:DEVFN or NULL.
struct pci_dev *pci_find(struct pci_root *root, unsigned bus, unsigned devfn);
// Resets the root's own registers (CONFIG_ADDRESS).
void pci_root_reset(struct pci_root *root);

// DMA with the function's bus-master bit checked: -EPERM when it is off, else as gmem_read/gmem_write/gmem_iov.
bool pci_bus_master(const struct pci_dev *dev);

#endif
