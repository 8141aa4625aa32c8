// fuzz_ehci.c: bytes become register accesses to the EHCI core, time that passes, and states that were restored.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "hw/usb/ehci_core.h"

struct script { const uint8_t *p; size_t left; };

static uint64_t take(struct script *s, unsigned bytes)
{
	uint8_t v[8] = { 0 };

	for (unsigned i = 0; i < bytes && s->left; i++, s->left--)
		v[i] = *s->p++;
	return get_le64(v);
}

static void check(const struct ehci_regs *r, uint64_t now)
{
	uint32_t run = ehci_read(r, 0x20, 4, now) & 1, halted = ehci_read(r, 0x24, 4, now) >> 12 & 1;

	if (run == halted)
		abort();
	for (unsigned i = 0; i < EHCI_PORTS; i++) {
		if (ehci_read(r, 0x64 + 4 * i, 4, now) & 0xfff)
			abort();        // an empty port that has something to say
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = { data, size };
	struct ehci_regs r;
	uint64_t now = 0;

	ehci_reset(&r);
	while (s.left) {
		unsigned op = (unsigned)take(&s, 1), off = op & 0x40 ? (unsigned)take(&s, 2) : (unsigned)take(&s, 1) % 0x80;

		now += take(&s, 1) * 1000;
		if (op & 0x80)
			ehci_write(&r, off % EHCI_SIZE, (uint32_t)take(&s, 4), now);
		else
			ehci_read(&r, off, 1u << op % 3, now);
		if (op % 61 == 0) {
			((uint8_t *)&r)[take(&s, 1) % sizeof(r)] = (uint8_t)take(&s, 1);
			r.started = now;
			ehci_sanitize(&r);
		}
		check(&r, now);
	}
	return 0;
}
