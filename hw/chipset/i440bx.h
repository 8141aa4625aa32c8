// i440bx.h: the 440BX host bridge at 00:00.0 and its AGP bridge at 00:01.0; the root of PCI.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CHIPSET_I440BX_H
#define BERTH_CHIPSET_I440BX_H

#include "bus/device.h"
#include "bus/platform.h"
#include "hw/chipset/pirq.h"
#include "hw/pci/pci.h"

struct i440bx;

struct i440bx_args {
	bool post_identity;     // the firmware is SeaBIOS: see post_identity.h
	bool ecam;              // memory-mapped configuration space, see hw/pci/ecam.h
};

extern const struct device_class i440bx_class;

// Makes the PCI root and sets P->pci, claims CF8h-CFFh, puts both bridges on bus 0. P must have ports,
// mmio, the interrupt pins and msi; mem may be NULL in tests. Freed by i440bx_class.destroy, after every
// PCI device.
int i440bx_create(struct platform *p, const struct i440bx_args *args, struct i440bx **out, struct err *err);
// The bus behind the AGP bridge.
struct pci_bus *i440bx_agp_bus(struct i440bx *bx);
struct pirq *i440bx_pirq(struct i440bx *bx);
// Whether memory-mapped configuration space is there.
bool i440bx_has_ecam(const struct i440bx *bx);

// FN is called when the identity changes, and at once with the present one, with the root's lock held. One
// listener; before the machine starts.
void i440bx_on_identity(struct i440bx *bx, void (*fn)(void *arg, bool final), void *arg);
// The OS enabled ACPI: ends POST if nothing else did. vCPU threads; takes the root's lock.
void i440bx_acpi_enabled(struct i440bx *bx);
// Whether POST is over. Takes the root's lock; any thread.
bool i440bx_identity_final(struct i440bx *bx);
// Applies PAM, SMRAM lock and identity after configuration space and registers were restored. Loop thread.
void i440bx_restored(struct i440bx *bx);

#endif
