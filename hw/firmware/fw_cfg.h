// fw_cfg.h: the firmware configuration device on its ports: 510h selector, 511h data, 514h DMA.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_FIRMWARE_FW_CFG_H
#define BERTH_FIRMWARE_FW_CFG_H

#include <stdint.h>

#include "bus/platform.h"
#include "hw/firmware/fw_cfg_core.h"

struct fw_cfg;

// reset, destroy and the saved registers; the device argument is the struct fw_cfg.
extern const struct device_class fw_cfg_class;

// Claims the ports. The platform must outlive the device.
int fw_cfg_create(const struct platform *platform, struct fw_cfg **out, struct err *err);

// Copies LEN bytes of DATA into a file or an item. Before the machine starts, any one thread. 0, or -errno as
// fw_cfg_core_add_file() and fw_cfg_core_add_item() give.
int fw_cfg_add_file(struct fw_cfg *fw, const char *name, const void *data, size_t len);
int fw_cfg_add_item(struct fw_cfg *fw, uint16_t selector, const void *data, size_t len);
// The same with an integer of SIZE bytes (1, 2, 4 or 8), little endian.
int fw_cfg_add_file_int(struct fw_cfg *fw, const char *name, unsigned size, uint64_t value);
int fw_cfg_add_item_int(struct fw_cfg *fw, uint16_t selector, unsigned size, uint64_t value);

// What the items that are older than files tell of the machine. (The boot menu is boot_build()'s,
// bootorder.h.)
struct fw_cfg_machine {
	uint64_t ram_size;              // bytes, low and high together
	unsigned cpus;
	unsigned apic_id_limit;         // highest APIC ID + 1
	const uint8_t *uuid;            // 16 bytes, or NULL
};
int fw_cfg_add_machine(struct fw_cfg *fw, const struct fw_cfg_machine *machine, struct err *err);

#endif
