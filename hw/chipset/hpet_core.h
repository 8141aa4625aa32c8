// hpet_core.h: core of the HPET: 64-bit counter at 14.318180 MHz, 16 timers.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// IA-PC HPET 1.0a. A comparator that is written with a value the counter has just passed fires at once: a
// guest that was interrupted between reading the counter and writing would else wait for a wrap-around.
#ifndef BERTH_CHIPSET_HPET_CORE_H
#define BERTH_CHIPSET_HPET_CORE_H

#include <stdbool.h>
#include <stdint.h>

#define HPET_TIMERS  16u
#define HPET_SIZE    0x400u
#define HPET_ID      0x8086af01u
#define HPET_PERIOD  69841279u          // femtoseconds
#define HPET_ROUTES  0x00f00000u        // IOAPIC inputs 20 to 23: no PCI link uses them
// A periodic timer wakes the process no more often than this; what falls between is one interrupt.
#define HPET_MIN_INTERVAL_NS 50000u

enum hpet_reg {
	HPET_CAP = 0x000,
	HPET_CONFIG = 0x010,
	HPET_STATUS = 0x020,
	HPET_COUNTER = 0x0f0,
	HPET_TIMER0 = 0x100,    // 20h each
	HPET_TN_CONFIG = 0x00,
	HPET_TN_CMP = 0x08,
	HPET_TN_FSB = 0x10,
	HPET_TN_SIZE = 0x20,
};

enum hpet_config_bit {
	HPET_ENABLE = 1 << 0,
	HPET_LEGACY = 1 << 1,
};

enum hpet_timer_bit {
	HPET_TN_LEVEL = 1 << 1,
	HPET_TN_INT_ENB = 1 << 2,
	HPET_TN_PERIODIC = 1 << 3,
	HPET_TN_PERIODIC_CAP = 1 << 4,
	HPET_TN_SIZE_CAP = 1 << 5,
	HPET_TN_VAL_SET = 1 << 6,
	HPET_TN_32BIT = 1 << 8,
	HPET_TN_ROUTE = 0x1f << 9,
	HPET_TN_FSB_EN = 1 << 14,
	HPET_TN_FSB_CAP = 1 << 15,
};

// Where an interrupt goes: input PIN of the IOAPIC, or of the PICs when ISA is set (legacy replacement).
struct hpet_route { unsigned pin; bool isa; };

struct hpet_host {
	uint64_t (*now)(void *arg);                             // virtual nanoseconds
	void (*alarm)(void *arg, uint64_t deadline);    // call hpet_core_alarm() then; UINT64_MAX: none
	void (*level)(void *arg, unsigned timer, struct hpet_route route, bool level);
	void (*msi)(void *arg, uint64_t address, uint32_t data);
	void (*legacy)(void *arg, bool on);                     // PIT and RTC interrupts are replaced
	void *arg;
};

struct hpet_timer_regs {
	uint32_t config;
	uint64_t cmp, period, fsb;
	uint64_t next;          // counter value of the next match, while armed
	uint8_t armed;
};

struct hpet_regs {
	uint32_t config;
	uint32_t status;
	uint64_t counter;       // while halted; while running, counter minus ticks of virtual time
	struct hpet_timer_regs timer[HPET_TIMERS];
};

struct hpet_core {
	struct hpet_regs regs;
	struct hpet_host host;
};

// The caller serialises all of these. HOST is copied and called from inside.
void hpet_core_init(struct hpet_core *h, const struct hpet_host *host);
void hpet_core_reset(struct hpet_core *h);
// OFF 0..3FFh. Registers take naturally aligned 4 and 8 byte accesses; narrower reads give the part, other
// writes are dropped.
uint64_t hpet_core_read(struct hpet_core *h, uint64_t off, unsigned size);
void hpet_core_write(struct hpet_core *h, uint64_t off, unsigned size, uint64_t value);
// The alarm's time has come (or not: it looks).
void hpet_core_alarm(struct hpet_core *h);
// Brings registers that came from outside into their limits.
void hpet_sanitize(struct hpet_regs *regs);
// Levels, alarm and legacy gate as the registers say; after they were restored.
void hpet_core_restored(struct hpet_core *h);

#endif
