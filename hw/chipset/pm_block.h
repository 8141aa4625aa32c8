// pm_block.h: core of the PIIX4's power management ports (PMBA block): PM1, PM timer, GPE0, sleep.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CHIPSET_PM_BLOCK_H
#define BERTH_CHIPSET_PM_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define PM_TIMER_HZ 3579545u

enum pm_block_reg {
	PM_PMSTS = 0x00,
	PM_PMEN = 0x02,
	PM_PMCNTRL = 0x04,
	PM_PMTMR = 0x08,
	PM_GPSTS = 0x0c,
	PM_GPEN = 0x0e,
	PM_PCNTRL = 0x10,
	PM_PLVL2 = 0x14,
	PM_PLVL3 = 0x15,
	PM_GLBSTS = 0x18,
	PM_DEVSTS = 0x1c,
	PM_GLBEN = 0x20,
	PM_GLBCTL = 0x28,
	PM_DEVCTL = 0x2c,
	PM_GPIREG = 0x30,
	PM_GPOREG = 0x34,
	PM_BLOCK_SIZE = 0x40,
};

// The same places in PMSTS and PMEN.
enum pm_event {
	PM_TMR = 1 << 0,
	PM_BM = 1 << 4,                 // status only
	PM_GBL = 1 << 5,
	PM_PWRBTN = 1 << 8,
	PM_SLPBTN = 1 << 9,
	PM_RTC = 1 << 10,
	PM_WAK = 1 << 15,               // status only
};

enum pm_control_bit {
	PM_SCI_EN = 1 << 0,
	PM_BM_RLD = 1 << 1,
	PM_GBL_RLS = 1 << 2,            // reads as 0
	PM_SLP_TYP = 7 << 10,
	PM_SLP_EN = 1 << 13,            // reads as 0
};

enum pm_sleep_type {
	PM_SLP_OFF = 0,                 // S4 and S5
	PM_SLP_S1 = 4,
	PM_SLP_S0 = 5,
};

struct pm_block_host {
	uint64_t (*now)(void *arg);                     // virtual nanoseconds
	void (*alarm)(void *arg, uint64_t deadline);    // call pm_block_alarm() then; UINT64_MAX: not needed
	void (*sci)(void *arg, bool level);
	void (*power_off)(void *arg);
	void *arg;
};

struct pm_block_regs {
	uint16_t pmsts, pmen, pmcntrl;
	uint16_t gpsts, gpen;
	uint16_t glbsts, glben;
	uint32_t pcntrl, devsts, glbctl, devctl, gporeg;
	uint64_t tmr_halves;    // periods of 2^23 ticks whose TMR_STS is accounted for
	uint8_t sleeping;       // in S1
};

struct pm_block {
	struct pm_block_regs regs;
	struct pm_block_host host;
};

// Brings registers that came from outside into their limits.
void pm_block_sanitize(struct pm_block_regs *regs);

// The caller serialises all of these. HOST is copied; its functions are called from inside.
void pm_block_init(struct pm_block *pm, const struct pm_block_host *host);
void pm_block_reset(struct pm_block *pm);
// OFF 0..3Fh, SIZE 1, 2 or 4, any alignment; what lies beyond the block reads as ones.
uint32_t pm_block_read(struct pm_block *pm, unsigned off, unsigned size);
void pm_block_write(struct pm_block *pm, unsigned off, unsigned size, uint32_t value);
// The PM timer, 24 bits.
uint32_t pm_block_timer(const struct pm_block *pm);
// The alarm's time has come (or not: it looks).
void pm_block_alarm(struct pm_block *pm);
// A button, the RTC: sets the status bit, raises SCI, wakes.
void pm_block_event(struct pm_block *pm, enum pm_event event);
// General purpose event N (0..15).
void pm_block_gpe(struct pm_block *pm, unsigned n);
// What the firmware's SMI handler does for ACPI_ENABLE and ACPI_DISABLE.
void pm_block_acpi(struct pm_block *pm, bool enable);
// Levels and alarm as the registers say; after they were restored.
void pm_block_update(struct pm_block *pm);

#endif
