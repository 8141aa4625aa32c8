// mc146818_time.h: the RTC's time registers as numbers: BCD and binary, 12 and 24 hours, the calendar.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CHIPSET_MC146818_TIME_H
#define BERTH_CHIPSET_MC146818_TIME_H

#include <stdbool.h>
#include <stdint.h>

// Pure functions on the 128 register bytes; the data mode comes from register B among them.

// Counts the clock SECONDS forward with all carries. Registers that hold no valid value are taken as their
// nearest valid one, but only when a carry reaches them.
void mc146818_advance(uint8_t *bytes, uint64_t seconds);
// Writes the date and time of UNIX (seconds since 1970).
void mc146818_store_time(uint8_t *bytes, int64_t unix_seconds);
// Seconds from the time shown to the next match of the alarm registers, 1..86400; 0 = it never matches.
uint32_t mc146818_alarm_in(const uint8_t *bytes);

#endif
