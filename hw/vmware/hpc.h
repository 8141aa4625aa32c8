// hpc.h: ACPI hot plug of the slots behind the PCI bridge: what GPE 1 hands to the guest, and what it takes out.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Two 32-bit registers in VMware's extended configuration ports. What VMware has there is known by name (HPCM, HPSL) and
// place alone; the meaning is this machine's own, and only its own tables (dsdt.asl) use them:
//   +0  HPCM  reading takes the next request: 0 = none, 1 = something came (device check), 3 = let go of it (eject)
//   +4  HPSL  reading: the slot of the request taken last; writing: the guest has let go of what is in that slot
// Slots are the numbers that guests see (_SUN), 32 and up.
#ifndef BERTH_VMWARE_HPC_H
#define BERTH_VMWARE_HPC_H

#include "bus/device.h"
#include "bus/platform.h"

#define HPC_PORT       0xfce0u
#define HPC_GPE        1u
#define HPC_FIRST_SLOT 32u
#define HPC_SLOTS      256u     // behind eight bridges

enum hpc_request { HPC_CHECK = 1, HPC_EJECT = 3 };

struct hpc;

struct hpc_args {
	void (*event)(void *arg);                       // raise GPE 1
	// The guest let go of SLOT, which may be any number. On a vCPU thread, the device's lock held.
	void (*ejected)(void *arg, unsigned slot);
	void *arg;
};

extern const struct device_class hpc_class;

int hpc_create(const struct platform *p, const struct hpc_args *args, struct hpc **out, struct err *err);
// Puts a request before the guest. A slot has one at a time: the newer one replaces the older. Any thread.
void hpc_ask(struct hpc *h, unsigned slot, enum hpc_request what);

#endif
