// fuzz_nic.c: bytes become register accesses to the cores of e1000 and vmxnet3, and states that were restored.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "hw/nic/e1000_core.h"
#include "hw/nic/vmxnet3_core.h"

struct script { const uint8_t *p; size_t left; };

static uint64_t take(struct script *s, unsigned bytes)
{
	uint8_t v[8] = { 0 };

	for (unsigned i = 0; i < bytes && s->left; i++, s->left--)
		v[i] = *s->p++;
	return get_le64(v);
}

struct world { struct e1000_core e; struct vmxnet3_core v; bool level; };

static void irq(void *arg, bool level) { ((struct world *)arg)->level = level; }

static void load(struct world *w, struct script *s)
{
	uint8_t *e = (uint8_t *)&w->e.regs, *v = (uint8_t *)&w->v.regs;

	for (unsigned i = 0; i < 16; i++) {
		e[take(s, 2) % sizeof(w->e.regs)] = (uint8_t)take(s, 1);
		v[take(s, 1) % sizeof(w->v.regs)] = (uint8_t)take(s, 1);
	}
	e1000_core_loaded(&w->e);
	vmxnet3_sanitize(&w->v.regs);
}

// The EEPROM's pins, a bit of the script for each edge.
static void clock_eeprom(struct world *w, uint64_t bits)
{
	for (unsigned i = 0; i < 64; i += 2)
		e1000_write(&w->e, 0x10, 0x40 | (bits >> i & 3) | (bits >> (63 - i) & 1) << 2);
}

static void step(struct world *w, struct script *s)
{
	static const uint16_t common[] = { 0, 8, 0x10, 0x14, 0x20, 0xc0, 0xc8, 0xd0, 0xd8, 0x5400, 0x57fc, 0x2800 };
	unsigned op = (unsigned)take(s, 1);
	uint32_t off = op & 0x80 ? common[take(s, 1) % 12] : (uint32_t)take(s, 3) % E1000_MMIO_SIZE;

	switch (op % 9) {
	case 0: e1000_write(&w->e, off, (uint32_t)take(s, 4)); break;
	case 1: e1000_read(&w->e, off); break;
	case 2: e1000_io_write(&w->e, op >> 4 & 15, (uint32_t)take(s, 4)); break;
	case 3: e1000_io_read(&w->e, op >> 4 & 15); break;
	case 4: vmxnet3_write(&w->v, op >> 4 & 3, off % VMXNET3_BAR_SIZE, (uint32_t)take(s, 4)); break;
	case 5: vmxnet3_read(&w->v, op >> 4 & 3, off % VMXNET3_BAR_SIZE); break;
	case 6: vmxnet3_io_write(&w->v, op >> 4 & 15, (uint32_t)take(s, 4)); vmxnet3_io_read(&w->v, 4); break;
	case 7: clock_eeprom(w, take(s, 8)); break;
	default:
		if (op & 0x40)
			load(w, s);
		break;
	}
	if (w->level != ((w->e.regs.icr & w->e.regs.ims) != 0))
		abort();                // the line says something else than the registers
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mac[6] = { 0, 12, 41, 1, 2, 3 };
	struct script s = { data, size };
	static struct world w;

	memset(&w, 0, sizeof(w));
	e1000_core_init(&w.e, mac, irq, &w);
	vmxnet3_core_init(&w.v, mac, 7);
	while (s.left)
		step(&w, &s);
	return 0;
}
