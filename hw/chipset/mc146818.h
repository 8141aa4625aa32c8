// mc146818.h: the MC146818 real-time clock core: time of day, alarm, periodic interrupt, CMOS bytes.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The clock registers are true registers: they hold what was written and are counted forward, second by
// second, from virtual time. So a guest that sets them keeps its setting across resets, odd values stay as
// they are until the next carry, and a change of the data mode does not convert them, as on the chip. NOW is
// virtual time in nanoseconds and never goes back. The caller serialises all calls (its device lock).
#ifndef BERTH_CHIPSET_MC146818_H
#define BERTH_CHIPSET_MC146818_H

#include <stdbool.h>
#include <stdint.h>

#include "bus/fields.h"

#define MC146818_BYTES 128u
#define MC146818_NEVER UINT64_MAX

enum mc146818_reg {
	RTC_SECONDS = 0x00, RTC_SECONDS_ALARM = 0x01, RTC_MINUTES = 0x02, RTC_MINUTES_ALARM = 0x03,
	RTC_HOURS = 0x04, RTC_HOURS_ALARM = 0x05, RTC_WEEKDAY = 0x06, RTC_DAY = 0x07, RTC_MONTH = 0x08,
	RTC_YEAR = 0x09, RTC_A = 0x0a, RTC_B = 0x0b, RTC_C = 0x0c, RTC_D = 0x0d, RTC_CENTURY = 0x32,
};

enum mc146818_a { RTC_A_RATE = 0x0f, RTC_A_DIVIDER = 0x70, RTC_A_32KHZ = 0x20, RTC_A_UIP = 0x80 };
enum mc146818_b {
	RTC_B_24H = 0x02, RTC_B_BINARY = 0x04, RTC_B_SQWE = 0x08, RTC_B_UIE = 0x10, RTC_B_AIE = 0x20,
	RTC_B_PIE = 0x40, RTC_B_SET = 0x80,
};
enum mc146818_c { RTC_C_UF = 0x10, RTC_C_AF = 0x20, RTC_C_PF = 0x40, RTC_C_IRQF = 0x80, RTC_C_FLAGS = 0x70 };
enum mc146818_d { RTC_D_VRT = 0x80 };

struct mc146818_host {
	// An enabled event happened, whether or not the one before was acknowledged: make an edge, leave the
	// line up.
	void (*interrupt)(void *arg);
	// Register C was read, or the last enabled flag went away: the line falls.
	void (*quiet)(void *arg);
	// The alarm matched while its interrupt is enabled (ACPI RTC_STS).
	void (*alarm)(void *arg);
	void *arg;
};

// All that a snapshot saves.
struct mc146818_regs {
	uint8_t bytes[MC146818_BYTES];  // clock, A, B, C (flags without IRQF) and the general-purpose bytes
	uint8_t extended[MC146818_BYTES];       // the second bank
	uint8_t index;                  // port 70h: bit 7 masks NMI
	uint8_t extended_index;         // port 72h
	// virtual time of the next carry; meaningless while the divider is held
	uint64_t next_second;
	uint64_t checked;               // events up to this virtual time are in register C
};

struct mc146818 {
	struct mc146818_regs regs;
	struct mc146818_host host;      // copied by mc146818_init()
};

extern const struct fields mc146818_fields;

// A clock with an empty CMOS that shows 2000-01-01 until mc146818_set_time(). HOST is copied, all callbacks
// set.
void mc146818_init(struct mc146818 *rtc, const struct mc146818_host *host, uint64_t now);
// RESET# of the chip: interrupt enables and flags are cleared; time, alarm and CMOS stay.
void mc146818_reset(struct mc146818 *rtc, uint64_t now);
// Sets the clock (in the data mode of register B) to UNIX_NS nanoseconds since 1970 in the guest's idea of
// local time, and the divider's phase with it. Years 1 to 9999; others are brought to the nearest.
void mc146818_set_time(struct mc146818 *rtc, uint64_t now, int64_t unix_ns);
// After registers were loaded.
void mc146818_loaded(struct mc146818 *rtc, uint64_t now);

// Ports 70h to 73h as OFFSET 0 to 3: index (write only) and data, extended index and data.
uint8_t mc146818_port_read(struct mc146818 *rtc, unsigned offset, uint64_t now);
void mc146818_port_write(struct mc146818 *rtc, unsigned offset, uint8_t value, uint64_t now);
// One register; INDEX is masked to 7 bits.
uint8_t mc146818_read(struct mc146818 *rtc, uint8_t index, uint64_t now);
void mc146818_write(struct mc146818 *rtc, uint8_t index, uint8_t value, uint64_t now);

// Carries the clock forward to NOW and raises what is due. Ticks that were missed count as one.
void mc146818_run(struct mc146818 *rtc, uint64_t now);
// Virtual time of the next event whose interrupt is enabled, later than the last NOW; MC146818_NEVER = none.
uint64_t mc146818_next(const struct mc146818 *rtc);

#endif
