// piix4_pm.h: PIIX4 function 3 (00:07.3): power management and SMBus, with their ports and the SCI.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CHIPSET_PIIX4_PM_H
#define BERTH_CHIPSET_PIIX4_PM_H

#include "bus/device.h"
#include "bus/platform.h"
#include "hw/chipset/i440bx.h"

struct piix4_pm;

extern const struct device_class piix4_pm_class;

// Attaches the function at DEVFN of bus 0 and follows BX's identity. P must have ports, clock, isa_irq and
// events.
int piix4_pm_create(const struct platform *p, struct i440bx *bx, uint8_t devfn, struct piix4_pm **out,
		    struct err *err);

// Any thread, no lock of the PCI root or this device held. True when the guest has ACPI on and listens to the
// button; otherwise pressing it has no effect that anybody sees.
bool piix4_pm_power_button(struct piix4_pm *pm);
bool piix4_pm_sleep_button(struct piix4_pm *pm);
// The RTC's alarm went off: RTC_STS. Any thread; also under the RTC's lock.
void piix4_pm_rtc_alarm(struct piix4_pm *pm);
// General purpose event N, 0..15. Any thread.
void piix4_pm_gpe(struct piix4_pm *pm, unsigned n);
// What ACPI_ENABLE and ACPI_DISABLE through the SMI command port do: SCI_EN. Any thread.
void piix4_pm_acpi(struct piix4_pm *pm, bool enable);
// Whether the guest has ACPI on (SCI_EN). Any thread.
bool piix4_pm_acpi_on(struct piix4_pm *pm);
// Ports, SCI and alarm as the registers say, after they were restored. Loop thread.
void piix4_pm_restored(struct piix4_pm *pm);

#endif
