// rtc.h: the PC's real-time clock and CMOS memory at ports 70h to 73h.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CHIPSET_RTC_H
#define BERTH_CHIPSET_RTC_H

#include "bus/platform.h"

struct rtc;

struct rtc_args {
	uint64_t low_ram, high_ram;     // bytes of RAM below the hole and from 4 GiB up
	unsigned cpus;
	int64_t diff;                   // seconds that the clock is ahead of UTC
	bool has_start;
	int64_t start;                  // has_start: what it shows at power-on, seconds since 1970
	// ACPI RTC_STS; called with the RTC's lock held, on any thread. Optional.
	void (*alarm)(void *arg);
	// The guest wrote a byte of the CMOS or set the clock; called like alarm(). Optional.
	void (*written)(void *arg);
	void *arg;
};

// Fills the CMOS as firmware reads it (memory sizes, CPU count, equipment), sets the clock, claims the ports,
// drives ISA IRQ 8. Time is virtual time from then on. Loop thread, before the machine starts; *OUT is
// destroyed through rtc_class.destroy().
int rtc_create(const struct platform *platform, const struct rtc_args *args, struct rtc **out,
	       struct err *err);

// A CMOS byte past the ports: INDEX 0..127 is the first bank, 128..255 the second; clock registers behave as
// for the guest. Any thread.
uint8_t rtc_cmos_read(struct rtc *rtc, unsigned index);
void rtc_cmos_write(struct rtc *rtc, unsigned index, uint8_t value);
// Recomputes the checksum of bytes 10h..2Dh after rtc_cmos_write(). Any thread.
void rtc_cmos_checksum(struct rtc *rtc);
// CLOSED: the HPET has replaced the RTC's interrupt line. Any thread.
void rtc_irq_gate(struct rtc *rtc, bool closed);
// Port 70h bit 7: the guest masks NMI. Any thread.
bool rtc_nmi_masked(struct rtc *rtc);

extern const struct device_class rtc_class;

#endif
