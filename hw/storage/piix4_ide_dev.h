// piix4_ide_dev.h: the PIIX4 IDE function's own structures, shared by its three files. Not for others.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_STORAGE_PIIX4_IDE_DEV_H
#define BERTH_STORAGE_PIIX4_IDE_DEV_H

#include <pthread.h>

#include "block/disk.h"
#include "bus/platform.h"
#include "hw/pci/pci.h"
#include "hw/storage/ata.h"
#include "hw/storage/bmide.h"
#include "hw/storage/piix4_ide.h"

#define CHANNELS 2u
#define PIECES 512                      // of one scatter list

enum slot_state { SLOT_IDLE, SLOT_POSTED, SLOT_SUBMITTED };

// The one request that a drive may have under way.
struct slot {
	struct piix4_ide *ide;
	unsigned channel, unit;
	struct disk *disk;              // lock
	enum slot_state state;          // lock
	bool cancelled;                 // lock; a machine reset came before it was submitted
	struct loop_call call;
	struct block_req req;           // filled under the lock before it is posted, then the loop's
	struct iovec buffer;            // of a request without DMA
	struct iovec iov[PIECES];
	struct bmide_map map;
};

struct channel {
	struct piix4_ide *ide;
	unsigned number;
	struct ata ata;
	struct bmide bm;
	struct irq_line irq;
	struct bus_range command, control;
	bool decoded;                   // root lock
	bool populated;
	struct slot slot[2];
};

struct piix4_ide_regs {
	struct ata_regs ata[CHANNELS];
	struct bmide_regs bm[CHANNELS];
};

struct piix4_ide {
	pthread_mutex_t lock;           // registers and slots; after pci_root.lock, before irq pin and loop
	const struct platform *platform;
	struct pci_dev pci;
	struct piix4_ide_regs *regs;    // lock
	struct channel channel[CHANNELS];
	void (*tray_moved)(void *arg, unsigned channel, unsigned unit, bool open);
	void *tray_arg;
	bool stopped;                   // lock
	bool destroyed;                 // loop thread: freed when the last posted call has run
};

// --- piix4_ide_io.c: requests and what the cores ask for ---
void ide_init_channel(struct channel *c, const struct piix4_ide_drive drive[2]);
void ide_reset_channel(struct channel *c);
// Device lock held: nothing is posted or submitted.
bool ide_channels_idle(const struct piix4_ide *ide);
// Loop thread. Frees IDE once it was destroyed and its last request has ended.
void ide_release_when_quiet(struct piix4_ide *ide);

// --- piix4_ide_ports.c ---
extern const struct bus_ops ide_command_ops, ide_control_ops;   // dev: struct channel
extern const struct bus_ops ide_master_ops;                     // dev: struct piix4_ide

#endif
