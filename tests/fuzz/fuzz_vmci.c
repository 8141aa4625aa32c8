// fuzz_vmci.c: bytes become register accesses, datagrams and damaged restores of the VMCI core.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hw/vmware/vmci_core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum op { OP_READ, OP_WRITE, OP_OUT, OP_IN, OP_DATAGRAM, OP_LOAD, OP_RESET, OP_COUNT };

static void on_event(void *arg, enum vmci_cause cause)
{
	if (cause != VMCI_CAUSE_DATAGRAM && cause != VMCI_CAUSE_NOTIFICATION)
		abort();
}

static void on_level(void *arg, bool up) { *(bool *)arg = up; }
static bool page_there(void *arg, uint64_t ppn) { return ppn % 3 == 0; }

static void mark(void *arg, uint64_t ppn, unsigned offset)
{
	if (ppn % 3 || offset >= 4096)
		abort();
}

// A whole header to somewhere near, with SIZE bytes of payload that may or may not be there.
static void datagram(struct vmci_core *v, const uint8_t *data, size_t size)
{
	uint8_t dg[24 + 255] = { 0 };

	memcpy(dg, data, size < sizeof(dg) ? size : sizeof(dg));
	memset(dg + 8, 0xff, 4);
	if (dg[0] % 4)
		memset(dg, 0, 4);
	memset(dg + 5, 0, 3);
	memset(dg + 17, 0, 7);
	vmci_core_data_out(v, dg, 24 + dg[16]);
}

static void load(struct vmci_core *v, const uint8_t *data, size_t size)
{
	memcpy(&v->regs, data, size < sizeof(v->regs) ? size : sizeof(v->regs));
	vmci_fields.sanitize(&v->regs);
	vmci_core_loaded(v);
}

static void check(const struct vmci_core *v, bool line)
{
	const struct vmci_regs *r = &v->regs;

	if (r->in_at > r->in_len || r->in_len > VMCI_QUEUE_MAX || r->out_len >= VMCI_DG_MAX ||
	    r->doorbell_count > VMCI_DOORBELLS || line != (r->int_on && (r->icr & r->imr)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vmci_core v;
	static uint8_t in[VMCI_DG_MAX];
	bool line = false;
	const struct vmci_host host = { on_event, on_level, page_there, mark, &line };

	vmci_core_init(&v, 77, 0x1c, &host);
	for (; size >= 3; data += 3, size -= 3) {
		unsigned width = 1u << data[1] % 3;

		switch (data[0] % OP_COUNT) {
		case OP_READ: vmci_core_read(&v, (data[1] >> 2) & ~(width - 1), width); break;
		case OP_WRITE: vmci_core_write(&v, (data[1] >> 2) & ~(width - 1), width, data[2] * 0x01010101u); break;
		case OP_OUT: vmci_core_data_out(&v, data + 3, size - 3 < data[1] ? size - 3 : data[1]); break;
		case OP_IN: vmci_core_data_in(&v, in, (size_t)data[1] * data[2]); break;
		case OP_DATAGRAM: datagram(&v, data + 3, size - 3); break;
		case OP_LOAD: load(&v, data + 3, size - 3); break;
		default: vmci_core_write(&v, VMCI_CONTROL, 4, VMCI_CONTROL_RESET); break;
		}
		check(&v, line);
	}
	return 0;
}
