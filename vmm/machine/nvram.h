// nvram.h: what the firmware's battery keeps while the VM is off: the CMOS and the clock's distance to the host's.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// In a file of Berth's own beside VMware's: the layout of a .nvram is not established, and it is never touched. What
// describes the machine (memory sizes, CPUs) is made anew at every start; the rest survives. Loop thread.
#ifndef BERTH_MACHINE_NVRAM_H
#define BERTH_MACHINE_NVRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define NVRAM_CMOS 256u         // both banks

struct rtc;

struct nvram {
	int64_t clock_diff;     // seconds that the guest set its clock ahead of the host's
	uint8_t cmos[NVRAM_CMOS];
};

// 0; -ENOENT when there is no file; -EINVAL when it is damaged or of another version. OUT is then untouched.
int nvram_load(const char *path, struct nvram *out, struct err *err);
int nvram_save(const char *path, const struct nvram *nvram, struct err *err);
// True when a save would bring nothing new; a clock that is two seconds off has not been set.
bool nvram_equal(const struct nvram *a, const struct nvram *b);

// Puts the bytes that survive into the clock chip. Before the machine starts.
void nvram_apply(const struct nvram *nvram, struct rtc *rtc);
// The other way. UNSET is what the clock would show if nobody had set it, in seconds since 1970.
void nvram_take(struct nvram *nvram, struct rtc *rtc, int64_t unset);
// What the clock chip shows, in seconds since 1970; false when its registers hold no date.
bool nvram_clock(struct rtc *rtc, int64_t *seconds);

#endif
