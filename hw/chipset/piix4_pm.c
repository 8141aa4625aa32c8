// piix4_pm.c: PIIX4 function 3: configuration, where its ports lie, lock, SCI and timer.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/piix4_pm.h"

#include <errno.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/log.h"
#include "hw/chipset/config_reg.h"
#include "hw/chipset/pm_block.h"
#include "hw/chipset/post_identity.h"
#include "hw/chipset/smbus.h"
#include "hw/pci/regs.h"

enum piix4_pm_reg {
	PMBA = 0x40,
	CNTA = 0x44,
	CNTB = 0x48,
	GPICTL = 0x4c,
	DEVRESD = 0x50,
	DEVACTA = 0x54,
	DEVACTB = 0x58,
	DEVRESA = 0x5c,
	DEVRESB = 0x60,
	DEVRESC = 0x64,
	DEVRESE = 0x68,
	DEVRESF = 0x6c,
	DEVRESG = 0x70,
	DEVRESH = 0x74,
	DEVRESI = 0x78,
	DEVRESJ = 0x7c,
	PMREGMISC = 0x80,
	SMBBA = 0x90,
	SMBHSTCFG = 0xd2,
	SMBSLVC = 0xd3,
	SMBSHDW1 = 0xd4,
	SMBSHDW2 = 0xd5,
	SMBREV = 0xd6,
};

enum {
	SCI_IRQ = 9,
	PMBA_WRITABLE = 0xffc0,
	SMBBA_WRITABLE = 0xfff0,
	BASE_IO = 1 << 0,               // bit 0 of both base registers: these are ports
	PMREGMISC_PMIOSE = 1 << 0,
	SMBHSTCFG_HST_EN = 1 << 0,
	DEVACTB_APMC_EN = 1 << 25,      // set: SeaBIOS then leaves SMM alone
};

// VMware shows interrupt line 9 and no pin: the SCI is not a PCI interrupt.
static const struct config_reg pm_regs[] = {
	{ PCI_STATUS, 2, PCI_STATUS_FAST_B2B | PCI_STATUS_DEVSEL_MEDIUM, 0, PCI_STATUS_ERRORS },
	{ PCI_INTERRUPT_LINE, 1, SCI_IRQ, 0xff, 0 },
	{ PMBA, 4, BASE_IO, PMBA_WRITABLE, 0 },
	{ CNTA, 4, 0, 0xffffffff, 0 },
	{ CNTB, 4, 0, 0xffffffff, 0 },
	{ GPICTL, 4, 0, 0xffffffff, 0 },
	{ DEVRESD, 4, 0, 0x00ffffff, 0 },
	{ DEVACTA, 4, 0, 0xffffffff, 0 },
	{ DEVACTB, 4, DEVACTB_APMC_EN, 0xffffffff, 0 },
	{ DEVRESA, 4, 0, 0xffffffff, 0 },
	{ DEVRESB, 4, 0, 0xffffffff, 0 },
	{ DEVRESC, 4, 0, 0xffffffff, 0 },
	{ DEVRESE, 4, 0, 0x00ffffff, 0 },
	{ DEVRESF, 4, 0, 0xffffffff, 0 },
	{ DEVRESG, 4, 0, 0x00ffffff, 0 },
	{ DEVRESH, 4, 0, 0xffffffff, 0 },
	{ DEVRESI, 4, 0, 0xffffffff, 0 },
	{ DEVRESJ, 4, 0, 0xffffffff, 0 },
	{ PMREGMISC, 1, 0, PMREGMISC_PMIOSE, 0 },
	{ SMBBA, 4, BASE_IO, SMBBA_WRITABLE, 0 },
	{ SMBHSTCFG, 1, 0, 0x0f, 0 },
	{ SMBSLVC, 1, 0, 0x0f, 0 },
	{ SMBSHDW1, 1, 0, 0xff, 0 },
	{ SMBSHDW2, 1, 0, 0xff, 0 },
	{ SMBREV, 1, 0, 0x00, 0 },
};

struct window {
	struct bus_range range;
	bool present;
	uint16_t wanted;                // base, 0 = nowhere
};

// Ports that the function answers at.
enum window_id {
	WINDOW_PM,              // where PMBA says
	WINDOW_PM_VMWARE,       // 1000h during POST as well: the ACPI tables hold from the start, and no BAR
				// can take the place
	WINDOW_TIMER,           // the timer alone where it was in POST: SeaBIOS's INT 13h code still reads it
	WINDOW_SMBUS,
	WINDOW_SMBUS_VMWARE,
	WINDOWS,
};

struct piix4_pm_state {
	struct pm_block block;          // lock
	struct smbus_regs smbus;        // lock
	uint16_t post_timer;            // root's lock; port of WINDOW_TIMER, 0 = none
};

struct piix4_pm {
	struct pci_dev dev;
	pthread_mutex_t lock;           // taken after the root's
	struct piix4_pm_state s;
	const struct platform *platform;
	struct i440bx *bx;
	struct vtimer timer;
	uint64_t deadline;              // what the timer is set to; lock
	struct irq_line sci;
	// root's lock:
	bool final;
	struct window windows[WINDOWS];
};

// --- ports ---------------------------------------------------------------------------------------

static uint64_t pm_read(void *dev, uint64_t offset, unsigned size)
{
	return pm_block_read(&((struct piix4_pm *)dev)->s.block, (unsigned)offset, size);
}

static void pm_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	pm_block_write(&((struct piix4_pm *)dev)->s.block, (unsigned)offset, size, (uint32_t)value);
}

static uint64_t timer_read(void *dev, uint64_t offset, unsigned size)
{
	return (uint64_t)pm_block_timer(&((struct piix4_pm *)dev)->s.block) >> (8 * offset);
}

static uint64_t smb_read(void *dev, uint64_t offset, unsigned size)
{
	return smbus_read(&((struct piix4_pm *)dev)->s.smbus, (unsigned)offset);
}

static void smb_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	smbus_write(&((struct piix4_pm *)dev)->s.smbus, (unsigned)offset, (uint8_t)value);
}

static const struct bus_ops pm_ops = { .read = pm_read, .write = pm_write, .max_size = 4 };
static const struct bus_ops timer_ops = { .read = timer_read, .max_size = 4 };
static const struct bus_ops smb_ops = { .read = smb_read, .write = smb_write, .max_size = 1 };

static const struct { const char *name; const struct bus_ops *ops; uint16_t size; } window_kinds[WINDOWS] = {
	[WINDOW_PM] = { "piix4-pm", &pm_ops, PM_BLOCK_SIZE },
	[WINDOW_PM_VMWARE] = { "piix4-pm", &pm_ops, PM_BLOCK_SIZE },
	[WINDOW_TIMER] = { "piix4-pm timer of POST", &timer_ops, 4 },
	[WINDOW_SMBUS] = { "piix4-smbus", &smb_ops, SMBUS_SIZE },
	[WINDOW_SMBUS_VMWARE] = { "piix4-smbus", &smb_ops, SMBUS_SIZE },
};

static uint16_t pm_base(const struct piix4_pm *pm)
{
	bool on = pci_config_get(&pm->dev, PMREGMISC, 1) & PMREGMISC_PMIOSE;

	return on ? (uint16_t)(pci_config_get(&pm->dev, PMBA, 2) & PMBA_WRITABLE) : 0;
}

static uint16_t smbus_base(const struct piix4_pm *pm)
{
	bool on = pci_config_get(&pm->dev, SMBHSTCFG, 1) & SMBHSTCFG_HST_EN;

	return on ? (uint16_t)(pci_config_get(&pm->dev, SMBBA, 2) & SMBBA_WRITABLE) : 0;
}

static void decide_windows(struct piix4_pm *pm)
{
	uint16_t smb = (uint16_t)(pci_config_get(&pm->dev, SMBBA, 2) & SMBBA_WRITABLE);
	struct window *w = pm->windows;

	w[WINDOW_PM].wanted = pm_base(pm);
	w[WINDOW_PM_VMWARE].wanted = !pm->final && pm_base(pm) != VMWARE_PM_BASE ? VMWARE_PM_BASE : 0;
	w[WINDOW_TIMER].wanted = pm->final ? pm->s.post_timer : 0;
	w[WINDOW_SMBUS].wanted = smbus_base(pm) == VMWARE_SMBUS_BASE ? 0 : smbus_base(pm);
	// VMware leaves the host controller disabled and its ports reserved: they answer either way.
	w[WINDOW_SMBUS_VMWARE].wanted = !pm->final || smb == VMWARE_SMBUS_BASE ? VMWARE_SMBUS_BASE : 0;
}

static void place(struct piix4_pm *pm, struct window *w, uint16_t size)
{
	struct err err = { 0 };
	char sentence[256];

	if (w->present || !w->wanted)
		return;
	w->range.first = w->wanted;
	w->range.last = w->wanted + size - 1u;
	w->present = bus_insert(pm->platform->ports, &w->range, &err) == 0;
	if (!w->present)
		log_guest("%s", err_sentence(&err, sentence, sizeof(sentence)));
}

// Root's lock held, or before the machine starts. Takes away first, so that one window can take another's
// place.
static void update_windows(struct piix4_pm *pm)
{
	decide_windows(pm);
	for (unsigned i = 0; i < WINDOWS; i++) {
		struct window *w = &pm->windows[i];

		if (w->present && w->wanted != w->range.first) {
			bus_remove(pm->platform->ports, &w->range);
			w->present = false;
		}
	}
	for (unsigned i = 0; i < WINDOWS; i++)
		place(pm, &pm->windows[i], window_kinds[i].size);
}

// --- configuration -------------------------------------------------------------------------------

static void pm_config_written(struct pci_dev *dev, unsigned off, unsigned size)
{
	update_windows(dev->owner);
}

static const struct pci_ops pm_pci_ops = { .config_written = pm_config_written };

static void set_bases(struct piix4_pm *pm, bool final)
{
	pci_config_set(&pm->dev, PMBA, 4, (final ? VMWARE_PM_BASE : 0) | BASE_IO);
	pci_config_set(&pm->dev, PMREGMISC, 1, final ? PMREGMISC_PMIOSE : 0);
	pci_config_set(&pm->dev, SMBBA, 4, (final ? VMWARE_SMBUS_BASE : 0) | BASE_IO);
	pci_config_set(&pm->dev, SMBHSTCFG, 1, 0);
}

// Root's lock held.
static void identity_changed(void *arg, bool final)
{
	struct piix4_pm *pm = arg;
	uint16_t base = pm_base(pm);

	if (final != pm->final) {
		pm->s.post_timer = final && base && base != VMWARE_PM_BASE ? (uint16_t)(base + PM_PMTMR) : 0;
		pm->final = final;
		set_bases(pm, final);
	}
	update_windows(pm);
}

// --- the core's surroundings ---------------------------------------------------------------------

static uint64_t now(void *arg) { return vclock_now(((struct piix4_pm *)arg)->platform->clock); }
static void set_sci(void *arg, bool level) { irq_line_set(&((struct piix4_pm *)arg)->sci, level); }

static void set_alarm(void *arg, uint64_t deadline)
{
	struct piix4_pm *pm = arg;

	if (deadline == pm->deadline)
		return;
	pm->deadline = deadline;
	if (deadline == UINT64_MAX)
		vtimer_cancel(&pm->timer);
	else
		vtimer_set(&pm->timer, deadline);
}

static void power_off(void *arg)
{
	const struct platform_events *events = &((struct piix4_pm *)arg)->platform->events;

	if (events->power_off)
		events->power_off(events->arg);
}

static void timer_fired(void *arg)
{
	struct piix4_pm *pm = arg;

	pthread_mutex_lock(&pm->lock);
	pm->deadline = UINT64_MAX;
	pm_block_alarm(&pm->s.block);
	pthread_mutex_unlock(&pm->lock);
}

// --- what others ask for -------------------------------------------------------------------------

static bool button(struct piix4_pm *pm, enum pm_event event)
{
	bool heard;

	pthread_mutex_lock(&pm->lock);
	heard = (pm->s.block.regs.pmcntrl & PM_SCI_EN) && (pm->s.block.regs.pmen & event);
	pm_block_event(&pm->s.block, event);
	pthread_mutex_unlock(&pm->lock);
	return heard;
}

bool piix4_pm_power_button(struct piix4_pm *pm) { return button(pm, PM_PWRBTN); }
bool piix4_pm_sleep_button(struct piix4_pm *pm) { return button(pm, PM_SLPBTN); }
void piix4_pm_rtc_alarm(struct piix4_pm *pm) { button(pm, PM_RTC); }

void piix4_pm_gpe(struct piix4_pm *pm, unsigned n)
{
	pthread_mutex_lock(&pm->lock);
	pm_block_gpe(&pm->s.block, n);
	pthread_mutex_unlock(&pm->lock);
}

void piix4_pm_acpi(struct piix4_pm *pm, bool enable)
{
	pthread_mutex_lock(&pm->lock);
	pm_block_acpi(&pm->s.block, enable);
	pthread_mutex_unlock(&pm->lock);
}

bool piix4_pm_acpi_on(struct piix4_pm *pm)
{
	bool on;

	pthread_mutex_lock(&pm->lock);
	on = pm->s.block.regs.pmcntrl & PM_SCI_EN;
	pthread_mutex_unlock(&pm->lock);
	return on;
}

// --- life ----------------------------------------------------------------------------------------

int piix4_pm_create(const struct platform *p, struct i440bx *bx, uint8_t devfn, struct piix4_pm **out,
		    struct err *err)
{
	static const struct pci_id id = {
		.vendor = 0x8086, .device = 0x7113, .revision = 0x08, .class_code = 0x068000,
		.subsystem_vendor = 0x15ad, .subsystem_device = 0x1976,
	};
	struct piix4_pm *pm = calloc(1, sizeof(*pm));
	int r;

	if (!pm)
		return err_set(err, ENOMEM, "piix4-pm", "no memory for it");
	pm->platform = p;
	pm->bx = bx;
	pm->deadline = UINT64_MAX;
	pthread_mutex_init(&pm->lock, NULL);
	pm_block_init(&pm->s.block, &(struct pm_block_host){ now, set_alarm, set_sci, power_off, pm });
	irq_line_connect(&pm->sci, p->isa_irq ? &p->isa_irq[SCI_IRQ] : NULL);
	for (unsigned i = 0; i < WINDOWS; i++)
		pm->windows[i].range = (struct bus_range){ .name = window_kinds[i].name,
			.ops = window_kinds[i].ops, .dev = pm, .lock = &pm->lock };
	pci_dev_init(&pm->dev, "piix4-pm", &id, &pm_pci_ops, pm);
	config_regs_apply(&pm->dev, pm_regs, ARRAY_SIZE(pm_regs));
	r = pci_attach(pci_root_bus(p->pci), &pm->dev, devfn, err);
	if (r < 0) {
		free(pm);
		return r;
	}
	vtimer_init(&pm->timer, p->clock, timer_fired, pm);
	i440bx_on_identity(bx, identity_changed, pm);
	*out = pm;
	return 0;
}

static void reset(void *dev)
{
	struct piix4_pm *pm = dev;

	// Right whichever of this and the host bridge is reset first: the latch's change comes through
	// identity_changed().
	pci_dev_reset(&pm->dev);
	pthread_mutex_lock(pci_root_lock(pm->platform->pci));
	pm->s.post_timer = 0;
	set_bases(pm, pm->final);
	update_windows(pm);
	pthread_mutex_unlock(pci_root_lock(pm->platform->pci));
	pthread_mutex_lock(&pm->lock);
	pm_block_reset(&pm->s.block);
	smbus_reset(&pm->s.smbus);
	pthread_mutex_unlock(&pm->lock);
}

static void destroy(void *dev)
{
	struct piix4_pm *pm = dev;

	i440bx_on_identity(pm->bx, NULL, NULL);
	pci_detach(&pm->dev);
	vtimer_destroy(&pm->timer);
	for (unsigned i = 0; i < WINDOWS; i++) {
		if (pm->windows[i].present)
			bus_remove(pm->platform->ports, &pm->windows[i].range);
	}
	free(pm);
}

void piix4_pm_restored(struct piix4_pm *pm)
{
	pthread_mutex_lock(pci_root_lock(pm->platform->pci));
	update_windows(pm);
	pthread_mutex_unlock(pci_root_lock(pm->platform->pci));
	pthread_mutex_lock(&pm->lock);
	pm_block_update(&pm->s.block);
	pthread_mutex_unlock(&pm->lock);
}

static void sanitize(void *regs)
{
	struct piix4_pm_state *s = regs;

	pm_block_sanitize(&s->block.regs);
	smbus_sanitize(&s->smbus);
}

static const struct field list[] = {
	FIELD(struct piix4_pm_state, block.regs.pmsts), FIELD(struct piix4_pm_state, block.regs.pmen),
	FIELD(struct piix4_pm_state, block.regs.pmcntrl), FIELD(struct piix4_pm_state, block.regs.gpsts),
	FIELD(struct piix4_pm_state, block.regs.gpen), FIELD(struct piix4_pm_state, block.regs.glbsts),
	FIELD(struct piix4_pm_state, block.regs.glben), FIELD(struct piix4_pm_state, block.regs.pcntrl),
	FIELD(struct piix4_pm_state, block.regs.devsts), FIELD(struct piix4_pm_state, block.regs.glbctl),
	FIELD(struct piix4_pm_state, block.regs.devctl), FIELD(struct piix4_pm_state, block.regs.gporeg),
	FIELD(struct piix4_pm_state, block.regs.tmr_halves),
	FIELD(struct piix4_pm_state, block.regs.sleeping),
	FIELD_ARRAY(struct piix4_pm_state, smbus.reg), FIELD_ARRAY(struct piix4_pm_state, smbus.block),
	FIELD(struct piix4_pm_state, smbus.block_index), FIELD(struct piix4_pm_state, post_timer),
};

static const struct fields pm_fields = {
	.name = "piix4-pm",
	.version = 1,
	.struct_size = sizeof(struct piix4_pm_state),
	.list = list,
	.count = ARRAY_SIZE(list),
	.sanitize = sanitize,
};

static void *regs(void *dev) { return &((struct piix4_pm *)dev)->s; }

const struct device_class piix4_pm_class = {
	.name = "piix4-pm",
	.reset = reset,
	.destroy = destroy,
	.fields = &pm_fields,
	.regs = regs,
};
