// piix4.h: the PIIX4 at 00:07: all functions but IDE, which hw/storage makes.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CHIPSET_PIIX4_H
#define BERTH_CHIPSET_PIIX4_H

#include "hw/chipset/i440bx.h"
#include "hw/chipset/piix4_isa.h"
#include "hw/chipset/piix4_pm.h"
#include "hw/chipset/uhci.h"

// Each function is a line of its own in the machine's table, with its own class.
struct piix4 {
	struct piix4_isa *isa;          // piix4_isa_class
	struct piix4_pm *pm;            // piix4_pm_class
	struct uhci *uhci;              // uhci_class; NULL when not asked for
};

struct piix4_args {
	struct i440bx *bx;
	bool uhci;                      // function 2: hardware versions up to 6
};

// Requires P->pci. On failure nothing is left behind.
int piix4_create(const struct platform *p, const struct piix4_args *args, struct piix4 **out,
		 struct err *err);
// Frees the bundle only; the functions go by their classes, before the host bridge.
void piix4_free(struct piix4 *piix4);

#endif
