// pm_block.c: the PIIX4's power management registers.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/pm_block.h"

#include <string.h>

#include "base/compiler.h"
#include "base/log.h"

#define NS_PER_SECOND  1000000000u
#define TMR_MASK       0xffffffu
#define TMR_HALF_BITS  23u             // TMR_STS is set when bit 23 changes
#define SLP_TYP_SHIFT  10u
#define GPIREG_PULLED  0x003fffffu     // 22 inputs, nothing pulls them down
#define GPOREG_RESET   0x7fffbfffu
#define PMSTS_CLEAR    ((uint32_t)(PM_TMR | PM_BM | PM_GBL | PM_PWRBTN | PM_SLPBTN | PM_RTC | PM_WAK))
#define PMEN_WRITABLE  ((uint32_t)(PM_TMR | PM_GBL | PM_PWRBTN | PM_SLPBTN | PM_RTC))

enum glb_bit {
	GLBSTS_BIOS_STS = 1 << 0,
	GLBCTL_BIOS_RLS = 1 << 1,
};

// --- PM timer ------------------------------------------------------------------------------------

static uint64_t ticks(const struct pm_block *pm)
{
	return (uint64_t)((unsigned __int128)pm->host.now(pm->host.arg) * PM_TIMER_HZ / NS_PER_SECOND);
}

// First nanosecond at which ticks() gives COUNT or more.
static uint64_t time_of(uint64_t count)
{
	unsigned __int128 ns = ((unsigned __int128)count * NS_PER_SECOND + PM_TIMER_HZ - 1) / PM_TIMER_HZ;

	return ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

uint32_t pm_block_timer(const struct pm_block *pm)
{
	return (uint32_t)ticks(pm) & TMR_MASK;
}

// TMR_STS is worked out when somebody looks, so that a timer without TMR_EN costs no wake-up.
static void catch_up(struct pm_block *pm)
{
	uint64_t halves = ticks(pm) >> TMR_HALF_BITS;

	if (halves != pm->regs.tmr_halves)
		pm->regs.pmsts |= PM_TMR;
	pm->regs.tmr_halves = halves;
}

// --- SCI and wake --------------------------------------------------------------------------------

static bool event_pending(const struct pm_block *pm)
{
	return (pm->regs.pmsts & pm->regs.pmen & PMEN_WRITABLE) || (pm->regs.gpsts & pm->regs.gpen);
}

static void wake(struct pm_block *pm)
{
	if (!pm->regs.sleeping)
		return;
	pm->regs.sleeping = 0;
	pm->regs.pmsts |= PM_WAK;
}

void pm_block_update(struct pm_block *pm)
{
	const struct pm_block_host *h = &pm->host;
	bool waiting = (pm->regs.pmen & PM_TMR) && !(pm->regs.pmsts & PM_TMR);

	if (event_pending(pm))
		wake(pm);
	h->sci(h->arg, (pm->regs.pmcntrl & PM_SCI_EN) && event_pending(pm));
	h->alarm(h->arg, waiting ? time_of((pm->regs.tmr_halves + 1) << TMR_HALF_BITS) : UINT64_MAX);
}

void pm_block_alarm(struct pm_block *pm)
{
	catch_up(pm);
	pm_block_update(pm);
}

void pm_block_event(struct pm_block *pm, enum pm_event event)
{
	pm->regs.pmsts |= (uint16_t)(event & PMSTS_CLEAR);
	// The buttons wake whether or not they may interrupt.
	if (event & (PM_PWRBTN | PM_SLPBTN))
		wake(pm);
	pm_block_update(pm);
}

void pm_block_gpe(struct pm_block *pm, unsigned n)
{
	if (n >= 16)
		return;
	pm->regs.gpsts |= (uint16_t)(1u << n);
	pm_block_update(pm);
}

void pm_block_acpi(struct pm_block *pm, bool enable)
{
	pm->regs.pmcntrl = (uint16_t)(enable ? pm->regs.pmcntrl | PM_SCI_EN : pm->regs.pmcntrl & ~PM_SCI_EN);
	pm_block_update(pm);
}

// --- registers, one dword each -------------------------------------------------------------------

static uint32_t merge(uint32_t old, uint32_t value, uint32_t mask) { return (old & ~mask) | (value & mask); }
static uint32_t pair(uint16_t low, uint16_t high) { return low | (uint32_t)high << 16; }

static uint32_t pm1_read(struct pm_block *pm) { return pair(pm->regs.pmsts, pm->regs.pmen); }

static void pm1_write(struct pm_block *pm, uint32_t value, uint32_t mask)
{
	pm->regs.pmsts &= (uint16_t)~(value & mask & PMSTS_CLEAR);
	pm->regs.pmen = (uint16_t)merge(pm->regs.pmen, value >> 16 & PMEN_WRITABLE, mask >> 16);
}

static void enter_sleep(struct pm_block *pm, unsigned type)
{
	switch (type) {
	case PM_SLP_OFF:
		pm->host.power_off(pm->host.arg);
		break;
	case PM_SLP_S1:
		pm->regs.sleeping = 1;
		break;
	case PM_SLP_S0:
		break;
	default:
		log_guest("piix4-pm: the guest asked for sleep type %u, which does not exist here", type);
		break;
	}
}

static uint32_t control_read(struct pm_block *pm) { return pm->regs.pmcntrl; }

static void control_write(struct pm_block *pm, uint32_t value, uint32_t mask)
{
	const uint16_t kept = PM_SCI_EN | PM_BM_RLD | PM_SLP_TYP;

	value &= mask;
	pm->regs.pmcntrl = (uint16_t)(merge(pm->regs.pmcntrl, value, mask) & kept);
	if (value & PM_GBL_RLS)
		pm->regs.glbsts |= GLBSTS_BIOS_STS;
	if (value & PM_SLP_EN)
		enter_sleep(pm, (pm->regs.pmcntrl & PM_SLP_TYP) >> SLP_TYP_SHIFT);
}

static uint32_t timer_read(struct pm_block *pm) { return pm_block_timer(pm); }
static uint32_t gpe_read(struct pm_block *pm) { return pair(pm->regs.gpsts, pm->regs.gpen); }

static void gpe_write(struct pm_block *pm, uint32_t value, uint32_t mask)
{
	pm->regs.gpsts &= (uint16_t)~(value & mask);
	pm->regs.gpen = (uint16_t)merge(pm->regs.gpen, value >> 16, mask >> 16);
}

static uint32_t pcntrl_read(struct pm_block *pm) { return pm->regs.pcntrl; }

static void pcntrl_write(struct pm_block *pm, uint32_t value, uint32_t mask)
{
	pm->regs.pcntrl = merge(pm->regs.pcntrl, value, mask);
}

static uint32_t glbsts_read(struct pm_block *pm) { return pm->regs.glbsts; }

static void glbsts_write(struct pm_block *pm, uint32_t value, uint32_t mask)
{
	pm->regs.glbsts &= (uint16_t)~(value & mask);
}

static uint32_t devsts_read(struct pm_block *pm) { return pm->regs.devsts; }

static void devsts_write(struct pm_block *pm, uint32_t value, uint32_t mask)
{
	pm->regs.devsts &= ~(value & mask);
}

static uint32_t glben_read(struct pm_block *pm) { return pm->regs.glben; }

static void glben_write(struct pm_block *pm, uint32_t value, uint32_t mask)
{
	pm->regs.glben = (uint16_t)merge(pm->regs.glben, value, mask);
}

static uint32_t glbctl_read(struct pm_block *pm) { return pm->regs.glbctl; }

// BIOS_RLS: the firmware gives the global lock back and tells the OS so.
static void glbctl_write(struct pm_block *pm, uint32_t value, uint32_t mask)
{
	pm->regs.glbctl = merge(pm->regs.glbctl, value & ~(uint32_t)GLBCTL_BIOS_RLS, mask);
	if (value & mask & GLBCTL_BIOS_RLS)
		pm->regs.pmsts |= PM_GBL;
}

static uint32_t devctl_read(struct pm_block *pm) { return pm->regs.devctl; }

static void devctl_write(struct pm_block *pm, uint32_t value, uint32_t mask)
{
	pm->regs.devctl = merge(pm->regs.devctl, value, mask);
}

static uint32_t gpi_read(struct pm_block *pm) { return GPIREG_PULLED; }
static uint32_t gpo_read(struct pm_block *pm) { return pm->regs.gporeg; }

static void gpo_write(struct pm_block *pm, uint32_t value, uint32_t mask)
{
	pm->regs.gporeg = merge(pm->regs.gporeg, value, mask);
}

// Absent entries, PLVL2 and PLVL3 among them, read as 0 and ignore writes: reading a PLVL register asks for
// C2 or C3, which the tables do not offer.
static const struct {
	uint32_t (*read)(struct pm_block *pm);
	void (*write)(struct pm_block *pm, uint32_t value, uint32_t mask);
} dwords[PM_BLOCK_SIZE / 4] = {
	[PM_PMSTS / 4] = { pm1_read, pm1_write },
	[PM_PMCNTRL / 4] = { control_read, control_write },
	[PM_PMTMR / 4] = { timer_read, NULL },
	[PM_GPSTS / 4] = { gpe_read, gpe_write },
	[PM_PCNTRL / 4] = { pcntrl_read, pcntrl_write },
	[PM_GLBSTS / 4] = { glbsts_read, glbsts_write },
	[PM_DEVSTS / 4] = { devsts_read, devsts_write },
	[PM_GLBEN / 4] = { glben_read, glben_write },
	[PM_GLBCTL / 4] = { glbctl_read, glbctl_write },
	[PM_DEVCTL / 4] = { devctl_read, devctl_write },
	[PM_GPIREG / 4] = { gpi_read, NULL },
	[PM_GPOREG / 4] = { gpo_read, gpo_write },
};

// --- access --------------------------------------------------------------------------------------

static uint64_t read_dword(struct pm_block *pm, unsigned index)
{
	if (index >= ARRAY_SIZE(dwords))
		return UINT32_MAX;
	return dwords[index].read ? dwords[index].read(pm) : 0;
}

static void write_dword(struct pm_block *pm, unsigned index, uint32_t value, uint32_t mask)
{
	if (mask && index < ARRAY_SIZE(dwords) && dwords[index].write)
		dwords[index].write(pm, value, mask);
}

static uint32_t size_mask(unsigned size) { return size >= 4 ? UINT32_MAX : (1u << (8 * size)) - 1; }

uint32_t pm_block_read(struct pm_block *pm, unsigned off, unsigned size)
{
	unsigned shift = off % 4 * 8;
	uint64_t both;

	catch_up(pm);
	both = read_dword(pm, off / 4);
	if (shift + 8 * size > 32)
		both |= read_dword(pm, off / 4 + 1) << 32;
	return (uint32_t)(both >> shift) & size_mask(size);
}

void pm_block_write(struct pm_block *pm, unsigned off, unsigned size, uint32_t value)
{
	unsigned shift = off % 4 * 8;
	uint64_t mask = (uint64_t)size_mask(size) << shift, both = (uint64_t)value << shift;

	catch_up(pm);
	write_dword(pm, off / 4, (uint32_t)both, (uint32_t)mask);
	write_dword(pm, off / 4 + 1, (uint32_t)(both >> 32), (uint32_t)(mask >> 32));
	pm_block_update(pm);
}

// --- life ----------------------------------------------------------------------------------------

void pm_block_sanitize(struct pm_block_regs *r)
{
	r->pmsts &= (uint16_t)PMSTS_CLEAR;
	r->pmen &= (uint16_t)PMEN_WRITABLE;
	r->pmcntrl &= PM_SCI_EN | PM_BM_RLD | PM_SLP_TYP;
	r->tmr_halves &= UINT64_MAX >> (TMR_HALF_BITS + 1);
	r->sleeping = r->sleeping != 0;
}

void pm_block_init(struct pm_block *pm, const struct pm_block_host *host)
{
	pm->host = *host;
	pm->regs = (struct pm_block_regs){ .gporeg = GPOREG_RESET };
}

void pm_block_reset(struct pm_block *pm)
{
	pm->regs = (struct pm_block_regs){ .gporeg = GPOREG_RESET, .tmr_halves = ticks(pm) >> TMR_HALF_BITS };
	pm_block_update(pm);
}
