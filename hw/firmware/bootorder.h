// bootorder.h: what the firmware boots from, in which order, and how long it waits.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_FIRMWARE_BOOTORDER_H
#define BERTH_FIRMWARE_BOOTORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "hw/firmware/blob.h"

struct fw_cfg;

#define BOOT_DEVICES_MAX 512u
#define BOOT_PATH_SIZE   96u
#define BOOT_WAIT_MAX_MS 600000u
#define BOOT_NO_RETRY    UINT32_MAX

// In the order that holds when bios.bootOrder says nothing.
enum boot_class { BOOT_FLOPPY, BOOT_DISK, BOOT_CDROM, BOOT_NET, BOOT_CLASSES };

struct boot_device {
	const char *node;               // as .vmx keys begin: "ide0:0", "ethernet0"
	enum boot_class class;
	const char *path;               // as SeaBIOS names it, from boot_path_*()
};

struct boot_args {
	const char *order;              // bios.bootOrder: "cdrom,hdd,ethernet0", or NULL
	const char *disk_order;         // bios.hddOrder: "scsi0:0,ide0:0", or NULL
	const struct boot_device *devices;      // those present, in the order of the controllers
	size_t count;
	unsigned delay_ms; // bios.bootDelay: how long the boot menu can be asked for; 0 = not at all
	bool setup_once;                // bios.forceSetupOnce: offer the boot menu for half a minute
	uint32_t retry_ms;              // what to do when nothing boots; BOOT_NO_RETRY = stay there
};

// Where a controller sits: a function of bus 0, or of the bus behind the bridge BRIDGE of bus 0.
#define BOOT_NO_BRIDGE (-1)
struct boot_place {
	int bridge;             // device << 3 | function, or BOOT_NO_BRIDGE
	unsigned devfn;
};

// The names that SeaBIOS compares with. DEVFN of the controller on bus 0; BUF has BOOT_PATH_SIZE bytes.
void boot_path_ide(char *buf, unsigned devfn, unsigned channel, unsigned unit);
void boot_path_scsi(char *buf, const struct boot_place *at, unsigned target, unsigned lun);
void boot_path_nic(char *buf, const struct boot_place *at);

// Appends the device paths, one a line, no line end behind the last. Names in the two orders that no device
// has and words that mean nothing are passed over (the .vmx check reports them); devices that no order names
// follow in the usual order.
void boot_order_write(const struct boot_args *args, struct blob *b);
// The file bootorder, and with it the boot menu's, the retry's and the feature control's settings. Before the
// machine starts.
int boot_build(const struct boot_args *args, struct fw_cfg *fw, struct err *err);

#endif
