// config_reg.h: configuration registers as a table: reset value, writable and write-1-to-clear bits.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CHIPSET_CONFIG_REG_H
#define BERTH_CHIPSET_CONFIG_REG_H

#include <stddef.h>
#include <stdint.h>

#include "hw/pci/pci.h"

struct config_reg {
	uint8_t off, size;              // size 1, 2 or 4
	uint32_t reset, writable, clear;
};

// Before pci_attach(): lays the table over what pci_dev_init() made.
void config_regs_apply(struct pci_dev *dev, const struct config_reg *regs, size_t count);

#endif
