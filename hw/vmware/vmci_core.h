// vmci_core.h: core of VMware's VMCI device: registers, datagrams to the hypervisor, doorbells.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The flavour of the port registers (64 bytes of I/O space): a datagram is written byte by byte to the data-out port;
// the answer of the hypervisor is the result register. What arrives for the guest waits in a queue that the data-in port
// empties; behind its end are bytes of all ones. vmware-hardware 7.7; Linux drivers/misc/vmw_vmci.
//
// The hypervisor (context 0) answers what needs no second party: resource query, context ID, notification bitmap,
// doorbells of the guest itself, event subscription. Queue pairs are refused, and nobody listens at the host (context
// 2) or in other VMs. A datagram to the guest's own context comes back to it. The caller serialises all calls.
#ifndef BERTH_VMWARE_VMCI_CORE_H
#define BERTH_VMWARE_VMCI_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/fields.h"

#define VMCI_PORTS      64u
#define VMCI_DG_HEADER  24u             // destination, source, payload size
#define VMCI_DG_MAX     (17u * 4096)    // of a datagram, with its header
#define VMCI_QUEUE_MAX  (2u * VMCI_DG_MAX)
#define VMCI_DOORBELLS  256u

enum vmci_reg {
	VMCI_STATUS = 0x00, VMCI_CONTROL = 0x04, VMCI_ICR = 0x08, VMCI_IMR = 0x0c, VMCI_DATA_OUT = 0x10,
	VMCI_DATA_IN = 0x14, VMCI_CAPS = 0x18, VMCI_RESULT_LOW = 0x1c, VMCI_RESULT_HIGH = 0x20,
};

enum vmci_control { VMCI_CONTROL_RESET = 1, VMCI_CONTROL_INT_ENABLE = 2, VMCI_CONTROL_INT_DISABLE = 4 };
// Bits of ICR and IMR; the vector is the bit's number.
enum vmci_cause { VMCI_CAUSE_DATAGRAM = 1, VMCI_CAUSE_NOTIFICATION = 2 };
enum vmci_cap { VMCI_CAP_DATAGRAM = 1 << 2, VMCI_CAP_NOTIFY = 1 << 3, VMCI_CAP_PPN64 = 1 << 4 };

enum vmci_context { VMCI_HYPERVISOR = 0, VMCI_HOST = 2 };
#define VMCI_ANYBODY UINT32_MAX         // a source that wants no answer

enum vmci_resource {
	VMCI_RESOURCES_QUERY = 0, VMCI_GET_CONTEXT_ID = 1, VMCI_SET_NOTIFY_BITMAP = 2, VMCI_DOORBELL_LINK = 3,
	VMCI_DOORBELL_UNLINK = 4, VMCI_DOORBELL_NOTIFY = 5, VMCI_EVENT_SUBSCRIBE = 8, VMCI_EVENT_UNSUBSCRIBE = 9,
	VMCI_QUEUEPAIR_ALLOC = 10, VMCI_QUEUEPAIR_DETACH = 11,
};

enum vmci_result {
	VMCI_OK = 0, VMCI_INVALID_RESOURCE = -1, VMCI_INVALID_ARGS = -2, VMCI_NO_ACCESS = -7, VMCI_UNREACHABLE = -10,
	VMCI_TOO_LARGE = -11, VMCI_NO_RESOURCES = -19, VMCI_UNAVAILABLE = -20, VMCI_NOT_FOUND = -21,
	VMCI_EXISTS = -22, VMCI_INCOMPLETE = -27, VMCI_EVENT_UNKNOWN = -29,
};

// All that a snapshot saves.
struct vmci_regs {
	uint32_t icr, imr, caps_in_use, result;
	uint8_t int_on;
	uint8_t has_bitmap;
	uint64_t bitmap_ppn;
	uint32_t out_len;               // bytes of the datagram that is being written
	uint64_t out_skip;              // bytes of one that is too large and is thrown away
	uint8_t out[VMCI_DG_MAX];
	uint32_t in_len, in_at;         // the queue: bytes in it, bytes the guest has read of them
	uint8_t in[VMCI_QUEUE_MAX];
	uint32_t doorbell_count;
	uint32_t doorbell[VMCI_DOORBELLS];      // resources
	uint64_t doorbell_index[VMCI_DOORBELLS];        // their bytes in the bitmap
};

struct vmci_host {
	// CAUSE became set while it is unmasked and interrupts are on. Vectors are sent for it.
	void (*event)(void *arg, enum vmci_cause cause);
	// What an interrupt line would be now.
	void (*level)(void *arg, bool up);
	// Whether the page is RAM; setting one byte of it.
	bool (*page_there)(void *arg, uint64_t ppn);
	void (*mark)(void *arg, uint64_t ppn, unsigned offset);
	void *arg;
};

struct vmci_core {
	struct vmci_regs regs;
	uint32_t cid;                   // the guest's context
	uint32_t caps;                  // offered
	struct vmci_host host;
};

extern const struct fields vmci_fields;

void vmci_core_init(struct vmci_core *v, uint32_t cid, uint32_t caps, const struct vmci_host *host);
void vmci_core_reset(struct vmci_core *v);
// SIZE 1, 2 or 4 at OFFSET of the ports. Total.
uint32_t vmci_core_read(struct vmci_core *v, unsigned offset, unsigned size);
void vmci_core_write(struct vmci_core *v, unsigned offset, unsigned size, uint32_t value);
// String I/O at the data ports.
void vmci_core_data_out(struct vmci_core *v, const uint8_t *data, size_t len);
void vmci_core_data_in(struct vmci_core *v, uint8_t *data, size_t len);
// Puts a whole datagram (LEN bytes with its header) into the guest's queue. False when there is no room.
bool vmci_core_deliver(struct vmci_core *v, const uint8_t *datagram, size_t len);
// After registers were loaded.
void vmci_core_loaded(struct vmci_core *v);

#endif
