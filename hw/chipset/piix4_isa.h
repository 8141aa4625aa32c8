// piix4_isa.h: PIIX4 function 0 (00:07.0): ISA bridge, interrupt router, APM and reset ports.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// ELCR (4D0h, 4D1h) belongs to KVM's interrupt controllers and is not claimed.
#ifndef BERTH_CHIPSET_PIIX4_ISA_H
#define BERTH_CHIPSET_PIIX4_ISA_H

#include "bus/device.h"
#include "bus/platform.h"
#include "hw/chipset/i440bx.h"
#include "hw/chipset/piix4_pm.h"

struct piix4_isa;

extern const struct device_class piix4_isa_class;

#define PIIX4_ISA_DEVFN (7u << 3)

// Attaches the function at PIIX4_ISA_DEVFN of bus 0, claims 92h, B2h, B3h and takes CF9h from the PCI root.
// P->events is called on vCPU threads.
int piix4_isa_create(const struct platform *p, struct i440bx *bx, struct piix4_pm *pm, struct piix4_isa **out,
		     struct err *err);
// Routes as the restored configuration says. Loop thread.
void piix4_isa_restored(struct piix4_isa *isa);

#endif
