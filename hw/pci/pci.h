// pci.h: PCI functions, their configuration space, BARs, INTx and MSI; configuration mechanism 1.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A function embeds a struct pci_dev, fills its header with the helpers, and is put on a bus at a device
// and function number. Configuration accesses go through byte masks (writable, write-1-to-clear), so most
// functions need no code for them. One lock, pci_root.lock, guards all configuration spaces and BAR
// mappings; lock order: pci_root.lock, then a device's lock, then pci_dev.irq_lock, then the irq pin's.
// Code that holds a device lock must not touch configuration space; pci_irq_set() and pci_msi_send() may be
// called with it held. PCI Local Bus 3.0; PCI-to-PCI Bridge 1.2.
#ifndef BERTH_PCI_PCI_H
#define BERTH_PCI_PCI_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bus/bus.h"
#include "bus/fields.h"
#include "bus/gmem.h"
#include "bus/irq.h"

#define PCI_CONFIG_SIZE 256u    // what mechanism 1 reaches
#define PCI_EXPRESS_CONFIG_SIZE 4096u
#define PCI_EXT_SIZE    64u     // bytes from 100h that a function can hold; the rest of 4096 reads as 0
#define PCI_BARS 6
#define PCI_ROM_BAR 6           // index of the expansion ROM in pci_dev.bars

struct pci_dev;
struct pci_bus;
struct pci_root;

enum pci_bar_kind { PCI_BAR_UNUSED, PCI_BAR_IO, PCI_BAR_MEM32, PCI_BAR_MEM64 };

// Behind a BAR are registers (range.ops set), memory (mem set), or both: then what the memory does not take
// (the part of the window beyond it, writes while it is read-only) arrives at the registers. The pci code
// inserts and removes them as the guest programs base and command register; an address that collides stays
// unmapped until it no longer does. Address 0 and the all-ones pattern of sizing are never mapped.
struct pci_bar {
	enum pci_bar_kind kind;
	bool prefetchable;
	uint64_t size;                  // power of two
	struct bus_range range;         // name, ops, dev, lock filled by the owner; first/last by pci
	struct gmem_region *mem;
	bool mapped;
	bool waiting;                   // wants its address, something else is there
	uint64_t address;               // where it is mapped
};

struct pci_ops {
	// After a guest's write changed configuration bytes [off, off + size); root lock held. Optional.
	void (*config_written)(struct pci_dev *dev, unsigned off, unsigned size);
	// May replace what a read gives; VALUE is what the bytes hold. Root lock held. Optional.
	uint32_t (*config_read)(struct pci_dev *dev, unsigned off, unsigned size, uint32_t value);
	// A BAR was mapped at a new address or unmapped; root lock held. Optional.
	void (*bar_changed)(struct pci_dev *dev, int bar);
	// The bridge above resets its bus, or the guest this function (FLR); configuration was already restored.
	// Root lock held. Optional.
	void (*bus_reset)(struct pci_dev *dev);
	// Bridges: a function came onto the bus behind it, HOT: while the machine ran; or it left. Root lock held.
	// Optional.
	void (*child_attached)(struct pci_dev *bridge, struct pci_dev *child, bool hot);
	void (*child_detached)(struct pci_dev *bridge, struct pci_dev *child);
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
	struct pci_bus *secondary;      // the bus behind a bridge, see pci_bridge_bus()
	pthread_mutex_t irq_lock;       // intx, intx_level, msix, the bytes of config that steer interrupts
	struct irq_line intx;
	_Atomic bool intx_level;        // what the device wants; gated by command bit 10 and MSI
	uint8_t msi_cap, msix_cap, pm_cap, express_cap, af_cap; // offsets, 0 = absent
	uint64_t cap_dwords;            // dwords of config taken by capabilities, one bit each
	bool express_flr;               // with express_cap: bit 15 of device control resets the function
	uint16_t config_size;           // 256, or 4096: then what is beyond 255 answers through ECAM
	uint8_t ext[PCI_EXT_SIZE];      // from 100h, read-only: extended capabilities
	unsigned ext_len;
	// Bridges. Subtractive: what nobody claims passes, whatever the windows say. Closed: nothing passes.
	bool subtractive, closed;
	bool late_io;                   // see pci_root_set_post()
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
void pci_dev_init(struct pci_dev *dev, const char *name, const struct pci_id *id, const struct pci_ops *ops,
		  void *owner);
// Registers behind BAR INDEX. LOCK may be NULL. SIZE is a power of two (at least 4 for I/O, 16 for memory;
// others are rounded up). PCI_BAR_MEM64 also takes index + 1. Before pci_attach(), as are all functions up
// to there.
void pci_bar_registers(struct pci_dev *dev, int index, enum pci_bar_kind kind, uint64_t size,
		       const struct bus_ops *ops, void *owner, pthread_mutex_t *lock);
// Memory behind BAR INDEX; the window is the region's size rounded up to a power of two, or what
// pci_bar_registers() made of this BAR before when that is larger.
void pci_bar_memory(struct pci_dev *dev, int index, enum pci_bar_kind kind, bool prefetchable,
		    struct gmem_region *mem);
// Adds a capability of LEN bytes at the next free place from 40h (or AT when not 0), returns its offset, 0
// when there is no room. The bytes after id and next are zero and read-only until the caller sets masks.
uint8_t pci_add_cap(struct pci_dev *dev, uint8_t id, uint8_t at, uint8_t len);
// MSI: one vector; 64-bit addresses; MASKABLE adds the mask bits. MSI-X: VECTORS entries, table and PBA at
// offsets of BAR, which must be a register BAR; the device routes accesses there to pci_msix_read/write.
uint8_t pci_add_msi(struct pci_dev *dev, uint8_t at, bool maskable);
uint8_t pci_add_msix(struct pci_dev *dev, uint8_t at, unsigned vectors, int bar, uint32_t table,
		     uint32_t pba);
// Power management (8 bytes) with the PMC word given; states D0, D3hot, and D1, D2 where PMC says so. Out
// of D0 the BARs are not decoded. The return to D0 keeps the registers, though as on VMware the
// guest is not told so (No_Soft_Reset is clear).
uint8_t pci_add_pm(struct pci_dev *dev, uint8_t at, uint16_t pmc);
// PCI Express, version 2 of the capability (60 bytes), one lane configuration for all of VMware's devices: 5 GT/s,
// x32. The function gets the extended configuration space.
enum pci_express_type { PCI_EXPRESS_ENDPOINT = 0, PCI_EXPRESS_ROOT_PORT = 4 };
enum pci_express_flag {
	PCI_EXPRESS_FLR = 1 << 0,       // function level reset
	PCI_EXPRESS_SLOT = 1 << 1,      // root port with a slot
};
uint8_t pci_add_express(struct pci_dev *dev, uint8_t at, enum pci_express_type type, unsigned flags);
// Extended capability of LEN bytes (a multiple of 4, header included) at the next free place from 100h; returns
// its offset, 0 when there is no room or no extended space. Read-only; pci_config_set() fills it.
uint16_t pci_add_ext_cap(struct pci_dev *dev, uint16_t id, unsigned version, unsigned len);
// Device serial number: the two dwords as they stand in the capability.
uint16_t pci_add_serial_number(struct pci_dev *dev, uint32_t low, uint32_t high);
// Advanced features, 8 bytes: conventional PCI's function level reset.
uint8_t pci_add_af(struct pci_dev *dev, uint8_t at);
// OFFSET is relative to the table (or PBA); outside reads give 0. Under the device's lock or none.
uint64_t pci_msix_table_read(struct pci_dev *dev, uint64_t offset, unsigned size);
void pci_msix_table_write(struct pci_dev *dev, uint64_t offset, unsigned size, uint64_t value);
uint64_t pci_msix_pba_read(struct pci_dev *dev, uint64_t offset, unsigned size);

// Stores configuration bytes without regard to the masks, by a device that changes a register itself. SIZE
// 1, 2 or 4. Root lock held, or before pci_attach(). Does not move BARs.
void pci_config_set(struct pci_dev *dev, unsigned off, unsigned size, uint32_t value);
// The bytes as they are, without ops. Same locks.
uint32_t pci_config_get(const struct pci_dev *dev, unsigned off, unsigned size);

// Puts the function on BUS at DEVFN. -EEXIST when taken. Before the machine starts. What config holds now
// is what a reset restores.
int pci_attach(struct pci_bus *bus, struct pci_dev *dev, uint8_t devfn, struct err *err);
// What is attached from now on comes while the machine runs (HOT), or as part of it. While no vCPU runs.
void pci_root_hot(struct pci_root *root, bool hot);
// Takes the function off its bus: BARs unmapped, INTx down. The root must still exist. While no vCPU runs.
void pci_detach(struct pci_dev *dev);
// Power-on configuration, BARs unmapped, interrupts down. Takes the root lock.
void pci_dev_reset(struct pci_dev *dev);

// Interrupts. INTx level (ignored while MSI or MSI-X is on, and while command bit 10 is set). Any thread.
void pci_irq_set(struct pci_dev *dev, bool level);
// Sends vector VECTOR by MSI or MSI-X; false when neither is enabled (use INTx then). Masked vectors become
// pending. Any thread.
bool pci_msi_send(struct pci_dev *dev, unsigned vector);

// --- buses ---------------------------------------------------------------------------------------
// Interrupt routing of the root: (device, pin 0..3) on bus 0 -> PIRQ link 0..3 is the chipset's business.
struct pci_root_host {
	struct bus *ports, *mmio;       // either may be NULL in tests: such BARs then stay unmapped
	struct gmem *mem;
	// Input of link LINK (0..3 = PIRQA..D). NULL, or NULL returned: not connected.
	struct irq_pin *(*link)(void *arg, unsigned link);
	unsigned rotation;              // link of (device, pin) on bus 0 = (device + pin + rotation) & 3
	struct msi_sink msi;
	void *arg;
};

int pci_root_create(struct pci_root **out, const struct pci_root_host *host, struct err *err);
void pci_root_destroy(struct pci_root *root);
struct pci_bus *pci_root_bus(struct pci_root *root);            // bus 0
pthread_mutex_t *pci_root_lock(struct pci_root *root);
struct gmem *pci_root_mem(struct pci_root *root);
// The bus behind a bridge (header type 1, already attached), to attach functions to; made on the first
// call. Its number is what the bridge's secondary register says at the moment. NULL with ERR filled on
// failure.
struct pci_bus *pci_bridge_bus(struct pci_dev *bridge, struct err *err);
// Claims CF8h-CFFh. A dword access at CF8h covers CF9h, the PIIX4's reset control register, so one range
// holds both: byte accesses at CF9h go to the functions of pci_root_set_cf9().
int pci_root_claim_ports(struct pci_root *root, struct err *err);
// Before the machine starts. Called without any lock, on vCPU threads.
void pci_root_set_cf9(struct pci_root *root, uint8_t (*read)(void *arg),
		      void (*write)(void *arg, uint8_t value), void *arg);
// Direct access for the firmware tables and tests: (bus, devfn, offset), sizes 1, 2, 4. Takes the root lock.
uint32_t pci_config_read(struct pci_root *root, unsigned bus, unsigned devfn, unsigned off, unsigned size);
void pci_config_write(struct pci_root *root, unsigned bus, unsigned devfn, unsigned off, unsigned size,
		      uint32_t value);
// The function at BUS:DEVFN or NULL.
struct pci_dev *pci_find(struct pci_root *root, unsigned bus, unsigned devfn);
// SeaBIOS gives each bridge with an I/O BAR behind it 4 KiB, from C000h while that is enough; for more it takes the
// range from 1000h, where the PM block is, and with nine it gives up. So the I/O BARs of functions behind root ports
// that say `late_io` (which no firmware drives) are not there while POST is set. When it ends they get addresses
// below C000h, in the order in which VMware's BIOS gives them. Root lock held.
void pci_root_set_post(struct pci_root *root, bool post);
// The same after registers were restored: what is in them holds, nothing gets an address.
void pci_root_restore_post(struct pci_root *root, bool post);
// Resets the root's own registers (CONFIG_ADDRESS).
void pci_root_reset(struct pci_root *root);

// Whether the function may start DMA now (command bit 2). Any thread, no lock.
bool pci_bus_master(const struct pci_dev *dev);

// --- saving --------------------------------------------------------------------------------------
// All that a snapshot needs of one function: configuration space and MSI-X memory.
struct pci_saved {
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t msix_table[PCI_MSIX_MAX * 16];
	uint8_t msix_pba[(PCI_MSIX_MAX + 63) / 64 * 8];
	uint8_t intx_level;
};
extern const struct fields pci_saved_fields;
// Root lock taken inside. Restoring takes over the bits that a guest can write or clear, and maps the BARs
// anew; hostile content is fine. A device that changes other bits itself restores those from its own
// registers.
void pci_dev_save(struct pci_dev *dev, struct pci_saved *out);
void pci_dev_restore(struct pci_dev *dev, const struct pci_saved *in);
// Calls FN for every function of every bus, bus 0 first. No lock held; before the machine starts or while
// it is stopped, since attaching meanwhile is not allowed.
void pci_root_each(struct pci_root *root, void (*fn)(void *arg, struct pci_dev *dev), void *arg);

#endif
