// config_reg.c: laying a table of configuration registers over a PCI function.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/config_reg.h"

#include "base/bytes.h"

void config_regs_apply(struct pci_dev *dev, const struct config_reg *regs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct config_reg *r = &regs[i];

		pci_config_set(dev, r->off, r->size, r->reset);
		put_le(&dev->wmask[r->off], r->size, r->writable);
		put_le(&dev->w1cmask[r->off], r->size, r->clear);
	}
}
