// hpet.h: the HPET at FED00000h.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CHIPSET_HPET_H
#define BERTH_CHIPSET_HPET_H

#include "bus/device.h"
#include "bus/platform.h"

#define HPET_BASE 0xfed00000u

struct hpet;

struct hpet_args {
	// Legacy replacement went on or off: with it on, the PIT's IRQ 0 and the RTC's IRQ 8 must not reach
	// the interrupt controllers. Called on vCPU threads and the loop thread, with the HPET's lock held,
	// also with the present value on reset. May be NULL.
	void (*legacy)(void *arg, bool on);
	void *arg;
};

extern const struct device_class hpet_class;

// Claims 1 KiB at HPET_BASE of P->mmio. P must have clock, mmio, the interrupt pins and msi.
int hpet_create(const struct platform *p, const struct hpet_args *args, struct hpet **out, struct err *err);
// Lines, timer and legacy gate as the restored registers say. Loop thread.
void hpet_restored(struct hpet *hpet);

#endif
