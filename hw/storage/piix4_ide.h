// piix4_ide.h: the IDE function of the PIIX4 (00:07.1) with its two channels, as VMware's VMs have it.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_STORAGE_PIIX4_IDE_H
#define BERTH_STORAGE_PIIX4_IDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bus/device.h"
#include "hw/storage/ata.h"

struct disk;
struct pci_bus;
struct platform;

struct piix4_ide;

struct piix4_ide_drive {
	enum ata_kind kind;
	struct disk *disk;              // stays the caller's; NULL = empty tray of a CD-ROM
};

struct piix4_ide_args {
	struct pci_bus *bus;
	uint8_t devfn;
	struct piix4_ide_drive drive[2][2];     // [channel][unit]
	// The guest opened or closed a CD-ROM's tray; the medium stays in it. Called under the device's lock,
	// mostly on a vCPU thread: note it and act later. Optional.
	void (*tray_moved)(void *arg, unsigned channel, unsigned unit, bool open);
	void *arg;
};

// A change of medium.
struct piix4_ide_medium {
	unsigned channel, unit;
	struct disk *disk;              // the new one, NULL = none
	bool force;                     // although the guest has locked the tray
	struct disk *old;               // out: the caller closes it; disk_close() drains it
};

// Before the machine starts. Disks stay the caller's, to be closed after `stop` and before `destroy` (loop
// thread). The legacy ports answer once the guest has set the decode bits (40h, 42h) and I/O space; those of
// a channel without drives never do, which is how VMware's firmware leaves them.
int piix4_ide_create(const struct platform *platform, const struct piix4_ide_args *args,
		     struct piix4_ide **out, struct err *err);
// Loop thread. -EBUSY when the guest has locked the tray (it is told that somebody wants the medium), -ENODEV
// when there is no CD-ROM at that place; nothing has changed then. The old medium's requests end in an error.
int piix4_ide_cd_change(struct piix4_ide *ide, struct piix4_ide_medium *medium, struct err *err);
// True when no request is under way or waits to be submitted. After a reset of the machine, let the loop run
// until then before the vCPUs start: an old read may still reach guest memory before. Any thread.
bool piix4_ide_idle(struct piix4_ide *ide);

// `dev` is the struct piix4_ide.
extern const struct device_class piix4_ide_class;

#endif
