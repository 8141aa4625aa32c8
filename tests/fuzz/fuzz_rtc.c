// fuzz_rtc.c: bytes become CMOS accesses, steps of time and restored registers of the real-time clock.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hw/chipset/mc146818.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum op {
	OP_READ, OP_WRITE, OP_PORT_READ, OP_PORT_WRITE, OP_STEP, OP_JUMP, OP_NEXT, OP_SET_TIME, OP_RESET,
	OP_LOAD, OP_COUNT,
};

static void ignore(void *arg) { }

static uint64_t number(const uint8_t *data, size_t size)
{
	uint64_t v = 0;

	memcpy(&v, data, size < sizeof(v) ? size : sizeof(v));
	return v;
}

// Goes where the device's timer would: the next event is never in the past.
static uint64_t follow(struct mc146818 *rtc, uint64_t now)
{
	uint64_t next = mc146818_next(rtc);

	if (next == MC146818_NEVER)
		return now;
	if (next <= rtc->regs.checked)
		abort();
	mc146818_run(rtc, next);
	return next > now ? next : now;
}

static void load(struct mc146818 *rtc, const uint8_t *data, size_t size, uint64_t now)
{
	memcpy(&rtc->regs, data, size < sizeof(rtc->regs) ? size : sizeof(rtc->regs));
	mc146818_fields.sanitize(&rtc->regs);
	mc146818_loaded(rtc, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct mc146818_host host = { ignore, ignore, ignore, NULL };
	struct mc146818 rtc;
	uint64_t now = 0;

	mc146818_init(&rtc, &host, now);
	for (; size >= 3; data += 3, size -= 3) {
		uint64_t n = number(data + 1, size - 1);

		switch (data[0] % OP_COUNT) {
		case OP_READ: mc146818_read(&rtc, data[1] & 0x8f, now); break;
		case OP_WRITE: mc146818_write(&rtc, data[1] & 0x3f, data[2], now); break;
		case OP_PORT_READ: mc146818_port_read(&rtc, data[1], now); break;
		case OP_PORT_WRITE: mc146818_port_write(&rtc, data[1], data[2], now); break;
		case OP_STEP: now += n % 3000000; break;
		case OP_JUMP: now += n % (400ull * 86400 * 1000000000); break;
		case OP_NEXT: now = follow(&rtc, now); break;
		case OP_SET_TIME: mc146818_set_time(&rtc, now, (int64_t)n); break;
		case OP_RESET: mc146818_reset(&rtc, now); break;
		default: load(&rtc, data + 3, size - 3, now); break;
		}
		mc146818_run(&rtc, now);
		if (now > UINT64_MAX / 4)
			return 0;
	}
	return 0;
}
