// rtc.c: joins the MC146818 core with ports, IRQ 8 and virtual time, and fills the CMOS.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/rtc.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/compiler.h"
#include "hw/chipset/mc146818.h"

#define RTC_PORT 0x70
#define RTC_PORTS 4
#define RTC_IRQ 8
#define SECOND_NS 1000000000ll

// CMOS bytes as AT firmware and SeaBIOS know them.
enum cmos {
	CMOS_EQUIPMENT = 0x14, CMOS_BASE_KIB = 0x15, CMOS_EXT_KIB = 0x17, CMOS_CHECKSUM = 0x2e,
	CMOS_EXT2_KIB = 0x30, CMOS_ABOVE_16M = 0x34, CMOS_BOOT_FLAG = 0x36, CMOS_TRANSLATION = 0x39, CMOS_ABOVE_4G = 0x5b,
	CMOS_CPUS = 0x5f,
};
// The simple boot flag, valid: odd parity and nothing said.
enum { BOOT_FLAG_PARITY = 0x80 };
enum equipment { EQUIPMENT_FPU = 1 << 1, EQUIPMENT_MOUSE = 1 << 2 };

struct rtc {
	// Guards the core, the gate and `level`. Above the clock's and loop's locks and the interrupt pin's;
	// the PM block's lock is taken under it (alarm).
	pthread_mutex_t lock;
	struct mc146818 core;
	struct bus *ports;
	struct bus_range range;
	struct irq_line irq;
	bool gated;                     // the HPET owns IRQ 8
	bool level;                     // what the line is, or would be
	struct vclock *clock;
	struct vtimer timer;
	uint64_t armed;                 // deadline of the timer, MC146818_NEVER = none
	void (*alarm)(void *arg);
	void (*written)(void *arg);
	void *host_arg;                 // for both
};

// --- the core's host; the lock is held -----------------------------------------------------------------

// An edge for every event: with the WAET flag that VMware sets, Windows does not read register C in between.
static void host_interrupt(void *arg)
{
	struct rtc *rtc = arg;

	rtc->level = true;
	if (!rtc->gated)
		irq_line_pulse(&rtc->irq);
}

static void host_quiet(void *arg)
{
	struct rtc *rtc = arg;

	rtc->level = false;
	irq_line_set(&rtc->irq, false);
}

static void host_alarm(void *arg)
{
	struct rtc *rtc = arg;

	if (rtc->alarm)
		rtc->alarm(rtc->host_arg);
}

// --- time ----------------------------------------------------------------------------------------------

static void arm(struct rtc *rtc)
{
	uint64_t next = mc146818_next(&rtc->core);

	if (next == rtc->armed)
		return;
	rtc->armed = next;
	if (next == MC146818_NEVER)
		vtimer_cancel(&rtc->timer);
	else
		vtimer_set(&rtc->timer, next);
}

static void on_timer(void *arg)
{
	struct rtc *rtc = arg;

	pthread_mutex_lock(&rtc->lock);
	mc146818_run(&rtc->core, vclock_now(rtc->clock));
	rtc->armed = MC146818_NEVER;    // it has fired; whatever comes next is set anew
	arm(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

static int64_t host_time_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * SECOND_NS + ts.tv_nsec;
}

// Bounded so that seconds times a billion fit; the calendar ends long before.
static int64_t seconds_to_ns(int64_t seconds)
{
	return MIN(MAX(seconds, -4000000000ll), 4000000000ll) * SECOND_NS;
}

static void set_clock(struct rtc *rtc, const struct rtc_args *args)
{
	int64_t now = args->has_start ? seconds_to_ns(args->start) : host_time_ns();

	mc146818_set_time(&rtc->core, vclock_now(rtc->clock), now + seconds_to_ns(args->diff));
}

// --- ports ---------------------------------------------------------------------------------------------

static uint64_t port_read(void *dev, uint64_t offset, unsigned size)
{
	struct rtc *rtc = dev;
	uint8_t value = mc146818_port_read(&rtc->core, (unsigned)offset, vclock_now(rtc->clock));

	(void)size;
	arm(rtc);
	return value;
}

static void port_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct rtc *rtc = dev;

	(void)size;
	mc146818_port_write(&rtc->core, (unsigned)offset, (uint8_t)value, vclock_now(rtc->clock));
	arm(rtc);
	if (rtc->written && (offset & 1))       // 71h and 73h hold data, 70h and 72h say which
		rtc->written(rtc->host_arg);
}

static const struct bus_ops port_ops = { .read = port_read, .write = port_write, .max_size = 1 };

uint8_t rtc_cmos_read(struct rtc *rtc, unsigned index)
{
	uint8_t value;

	pthread_mutex_lock(&rtc->lock);
	if (index & MC146818_BYTES)
		value = rtc->core.regs.extended[index % MC146818_BYTES];
	else
		value = mc146818_read(&rtc->core, (uint8_t)index, vclock_now(rtc->clock));
	arm(rtc);
	pthread_mutex_unlock(&rtc->lock);
	return value;
}

void rtc_cmos_write(struct rtc *rtc, unsigned index, uint8_t value)
{
	pthread_mutex_lock(&rtc->lock);
	if (index & MC146818_BYTES)
		rtc->core.regs.extended[index % MC146818_BYTES] = value;
	else
		mc146818_write(&rtc->core, (uint8_t)index, value, vclock_now(rtc->clock));
	arm(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

void rtc_irq_gate(struct rtc *rtc, bool closed)
{
	pthread_mutex_lock(&rtc->lock);
	rtc->gated = closed;
	irq_line_set(&rtc->irq, rtc->level && !closed);
	pthread_mutex_unlock(&rtc->lock);
}

bool rtc_nmi_masked(struct rtc *rtc)
{
	bool masked;

	pthread_mutex_lock(&rtc->lock);
	masked = rtc->core.regs.index & 0x80;
	pthread_mutex_unlock(&rtc->lock);
	return masked;
}

// --- CMOS contents -------------------------------------------------------------------------------------

static void put16(uint8_t *cmos, unsigned index, uint64_t value)
{
	value = MIN(value, 0xffffu);
	cmos[index] = (uint8_t)value;
	cmos[index + 1] = (uint8_t)(value >> 8);
}

static void fill_memory(uint8_t *cmos, uint64_t low, uint64_t high)
{
	uint64_t units = MIN(high >> 16, 0xffffffu);

	put16(cmos, CMOS_BASE_KIB, 640);
	put16(cmos, CMOS_EXT_KIB, low > 1 << 20 ? (low - (1 << 20)) >> 10 : 0);
	put16(cmos, CMOS_EXT2_KIB, low > 1 << 20 ? (low - (1 << 20)) >> 10 : 0);
	put16(cmos, CMOS_ABOVE_16M, low > 16 << 20 ? (low - (16 << 20)) >> 16 : 0);
	cmos[CMOS_ABOVE_4G] = (uint8_t)units;
	cmos[CMOS_ABOVE_4G + 1] = (uint8_t)(units >> 8);
	cmos[CMOS_ABOVE_4G + 2] = (uint8_t)(units >> 16);
}

// The sum is stored high byte first, as AT firmware has it.
static void fill_checksum(uint8_t *cmos)
{
	unsigned sum = 0;

	for (unsigned i = 0x10; i < CMOS_CHECKSUM; i++)
		sum += cmos[i];
	cmos[CMOS_CHECKSUM] = (uint8_t)(sum >> 8);
	cmos[CMOS_CHECKSUM + 1] = (uint8_t)sum;
}

void rtc_cmos_checksum(struct rtc *rtc)
{
	pthread_mutex_lock(&rtc->lock);
	fill_checksum(rtc->core.regs.bytes);
	pthread_mutex_unlock(&rtc->lock);
}

// No floppy drives and no boot order: the latter comes through fw_cfg. LBA translation for the four IDE
// disks, as VMware's BIOS does it (two bits a disk, 1 = LBA).
static void fill_cmos(uint8_t *cmos, const struct rtc_args *args)
{
	fill_memory(cmos, args->low_ram, args->high_ram);
	cmos[CMOS_EQUIPMENT] = EQUIPMENT_FPU | EQUIPMENT_MOUSE;
	cmos[CMOS_CPUS] = (uint8_t)(args->cpus ? MIN(args->cpus, 256u) - 1 : 0);
	cmos[CMOS_TRANSLATION] = 0x55;
	cmos[CMOS_BOOT_FLAG] = BOOT_FLAG_PARITY;
	fill_checksum(cmos);
}

// --- life ----------------------------------------------------------------------------------------------

int rtc_create(const struct platform *platform, const struct rtc_args *args, struct rtc **out,
	       struct err *err)
{
	const struct mc146818_host host = { host_interrupt, host_quiet, host_alarm, NULL };
	struct rtc *rtc = calloc(1, sizeof(*rtc));
	int r;

	if (!rtc)
		return err_set(err, ENOMEM, "rtc", "no memory for the device");
	pthread_mutex_init(&rtc->lock, NULL);
	rtc->ports = platform->ports;
	rtc->clock = platform->clock;
	rtc->alarm = args->alarm;
	rtc->written = args->written;
	rtc->host_arg = args->arg;
	rtc->armed = MC146818_NEVER;
	irq_line_connect(&rtc->irq, &platform->isa_irq[RTC_IRQ]);
	mc146818_init(&rtc->core, &host, vclock_now(rtc->clock));
	rtc->core.host.arg = rtc;
	fill_cmos(rtc->core.regs.bytes, args);
	set_clock(rtc, args);
	rtc->range = (struct bus_range){
		.first = RTC_PORT, .last = RTC_PORT + RTC_PORTS - 1, .name = "rtc",
		.ops = &port_ops, .dev = rtc, .lock = &rtc->lock,
	};
	r = bus_insert(rtc->ports, &rtc->range, err);
	if (r) {
		pthread_mutex_destroy(&rtc->lock);
		free(rtc);
		return r;
	}
	vtimer_init(&rtc->timer, rtc->clock, on_timer, rtc);
	*out = rtc;
	return 0;
}

static void rtc_reset(void *dev)
{
	struct rtc *rtc = dev;

	pthread_mutex_lock(&rtc->lock);
	mc146818_reset(&rtc->core, vclock_now(rtc->clock));
	arm(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

static void rtc_destroy(void *dev)
{
	struct rtc *rtc = dev;

	bus_remove(rtc->ports, &rtc->range);
	vtimer_destroy(&rtc->timer);
	irq_line_set(&rtc->irq, false);
	pthread_mutex_destroy(&rtc->lock);
	free(rtc);
}

static void *rtc_regs(void *dev)
{
	return &((struct rtc *)dev)->core.regs;
}

static void rtc_loaded(void *dev)
{
	struct rtc *rtc = dev;

	pthread_mutex_lock(&rtc->lock);
	mc146818_loaded(&rtc->core, vclock_now(rtc->clock));
	rtc->armed = MC146818_NEVER;
	vtimer_cancel(&rtc->timer);
	arm(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

const struct device_class rtc_class = {
	.name = "rtc",
	.reset = rtc_reset,
	.destroy = rtc_destroy,
	.fields = &mc146818_fields,
	.regs = rtc_regs,
	.loaded = rtc_loaded,
};
