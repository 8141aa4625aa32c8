// vmci_core.c: VMCI registers, the parser of outgoing datagrams, the hypervisor's resources.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/vmware/vmci_core.h"

#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"

#define PAGE            4096u
#define CAUSES          (VMCI_CAUSE_DATAGRAM | VMCI_CAUSE_NOTIFICATION)
#define QUERY_MAX       31u     // resources of one query: a bit each of a positive result

enum datagram { DG_TO = 0, DG_TO_RESOURCE = 4, DG_FROM = 8, DG_FROM_RESOURCE = 12, DG_SIZE = 16 };

// --- interrupts ----------------------------------------------------------------------------------------

static uint32_t pending(const struct vmci_regs *r) { return r->int_on ? r->icr & r->imr : 0; }

static void update_level(struct vmci_core *v) { v->host.level(v->host.arg, pending(&v->regs) != 0); }

// An event for each, also when the cause is set still: a driver with a vector for each cause never reads the ICR.
static void raise(struct vmci_core *v, enum vmci_cause cause)
{
	v->regs.icr |= cause;
	if (pending(&v->regs) & cause)
		v->host.event(v->host.arg, cause);
	update_level(v);
}

// What became visible by enabling or unmasking.
static void unveil(struct vmci_core *v, uint32_t before)
{
	uint32_t fresh = pending(&v->regs) & ~before;

	for (uint32_t cause = 1; cause <= VMCI_CAUSE_NOTIFICATION; cause <<= 1) {
		if (fresh & cause)
			v->host.event(v->host.arg, (enum vmci_cause)cause);
	}
	update_level(v);
}

// --- the guest's queue ---------------------------------------------------------------------------------

static size_t aligned(size_t len) { return (len + 7) & ~(size_t)7; }

// What was read makes room. Datagrams lie one behind the other, each on a multiple of 8.
static void compact(struct vmci_regs *r)
{
	memmove(r->in, r->in + r->in_at, r->in_len - r->in_at);
	r->in_len -= r->in_at;
	r->in_at = 0;
}

bool vmci_core_deliver(struct vmci_core *v, const uint8_t *datagram, size_t len)
{
	struct vmci_regs *r = &v->regs;
	size_t room = aligned(len);

	if (len < VMCI_DG_HEADER || len > VMCI_DG_MAX)
		return false;
	compact(r);
	if (room > VMCI_QUEUE_MAX - r->in_len)
		return false;
	memcpy(r->in + r->in_len, datagram, len);
	memset(r->in + r->in_len + len, 0, room - len);
	r->in_len += (uint32_t)room;
	raise(v, VMCI_CAUSE_DATAGRAM);
	return true;
}

void vmci_core_data_in(struct vmci_core *v, uint8_t *data, size_t len)
{
	struct vmci_regs *r = &v->regs;
	size_t n = MIN(len, (size_t)(r->in_len - r->in_at));

	memcpy(data, r->in + r->in_at, n);
	memset(data + n, 0xff, len - n);
	r->in_at += (uint32_t)n;
}

// --- the hypervisor's resources --------------------------------------------------------------------------

struct call { struct vmci_core *v; const uint8_t *payload; uint32_t size; };

static int32_t get_context_id(const struct call *c) { return (int32_t)c->v->cid; }

static int32_t set_notify_bitmap(const struct call *c)
{
	struct vmci_regs *r = &c->v->regs;
	uint64_t ppn = r->caps_in_use & VMCI_CAP_PPN64 ? get_le64(c->payload) : get_le32(c->payload);

	if (!(c->v->caps & VMCI_CAP_NOTIFY))
		return VMCI_UNAVAILABLE;
	if (ppn > UINT64_MAX / PAGE || !c->v->host.page_there(c->v->host.arg, ppn))
		return VMCI_INVALID_ARGS;
	r->bitmap_ppn = ppn;
	r->has_bitmap = 1;
	return VMCI_OK;
}

// The doorbell with this resource, or doorbell_count.
static uint32_t find_doorbell(const struct vmci_regs *r, uint32_t resource)
{
	uint32_t i = 0;

	while (i < r->doorbell_count && r->doorbell[i] != resource)
		i++;
	return i;
}

// Payload: the handle, the index of its byte in the bitmap.
static int32_t doorbell_link(const struct call *c)
{
	struct vmci_regs *r = &c->v->regs;
	uint32_t resource = get_le32(c->payload + 4);

	if (get_le32(c->payload) != c->v->cid)
		return VMCI_NO_ACCESS;
	if (get_le64(c->payload + 8) >= PAGE)
		return VMCI_INVALID_ARGS;
	if (find_doorbell(r, resource) < r->doorbell_count)
		return VMCI_EXISTS;
	if (r->doorbell_count == VMCI_DOORBELLS)
		return VMCI_NO_RESOURCES;
	r->doorbell[r->doorbell_count] = resource;
	r->doorbell_index[r->doorbell_count++] = get_le64(c->payload + 8);
	return VMCI_OK;
}

static int32_t doorbell_unlink(const struct call *c)
{
	struct vmci_regs *r = &c->v->regs;
	uint32_t i = find_doorbell(r, get_le32(c->payload + 4));

	if (get_le32(c->payload) != c->v->cid || i == r->doorbell_count)
		return VMCI_NOT_FOUND;
	r->doorbell[i] = r->doorbell[--r->doorbell_count];
	r->doorbell_index[i] = r->doorbell_index[r->doorbell_count];
	return VMCI_OK;
}

static int32_t doorbell_notify(const struct call *c)
{
	struct vmci_regs *r = &c->v->regs;
	uint32_t i = find_doorbell(r, get_le32(c->payload + 4));

	if (get_le32(c->payload) != c->v->cid)
		return VMCI_UNREACHABLE;
	if (i == r->doorbell_count)
		return VMCI_NOT_FOUND;
	if (r->has_bitmap)
		c->v->host.mark(c->v->host.arg, r->bitmap_ppn, (unsigned)r->doorbell_index[i]);
	raise(c->v, VMCI_CAUSE_NOTIFICATION);
	return VMCI_OK;
}

// Events 5 and 6 are the monitor's own. None ever happens: the context ID stays, there are no peers.
static int32_t subscribe(const struct call *c)
{
	enum { EVENTS = 7, MEMORY_ON = 5, MEMORY_OFF = 6 };
	uint32_t event = get_le32(c->payload);

	return event < EVENTS && event != MEMORY_ON && event != MEMORY_OFF ? VMCI_OK : VMCI_EVENT_UNKNOWN;
}

static int32_t queuepair_alloc(const struct call *c) { return VMCI_UNAVAILABLE; }
static int32_t queuepair_detach(const struct call *c) { return VMCI_NOT_FOUND; }
static int32_t query(const struct call *c);

// SIZE: bytes of payload that a call needs.
static const struct { int32_t (*fn)(const struct call *c); uint32_t size; } resources[] = {
	[VMCI_RESOURCES_QUERY] = { query, 8 },
	[VMCI_GET_CONTEXT_ID] = { get_context_id, 0 },
	[VMCI_SET_NOTIFY_BITMAP] = { set_notify_bitmap, 8 },
	[VMCI_DOORBELL_LINK] = { doorbell_link, 16 },
	[VMCI_DOORBELL_UNLINK] = { doorbell_unlink, 8 },
	[VMCI_DOORBELL_NOTIFY] = { doorbell_notify, 8 },
	[VMCI_EVENT_SUBSCRIBE] = { subscribe, 4 },
	[VMCI_EVENT_UNSUBSCRIBE] = { subscribe, 4 },
	[VMCI_QUEUEPAIR_ALLOC] = { queuepair_alloc, 0 },
	[VMCI_QUEUEPAIR_DETACH] = { queuepair_detach, 0 },
};

static bool offers(uint32_t resource) { return resource < ARRAY_SIZE(resources) && resources[resource].fn; }

// Payload: a count, a gap, the resources asked for. The answer has a bit for each that there is.
static int32_t query(const struct call *c)
{
	uint32_t count = get_le32(c->payload), found = 0;

	if (count > QUERY_MAX || count > (c->size - 8) / 4)
		return VMCI_INVALID_ARGS;
	for (uint32_t i = 0; i < count; i++)
		found |= (uint32_t)offers(get_le32(c->payload + 8 + 4 * i)) << i;
	return (int32_t)found;
}

static int32_t call_hypervisor(struct vmci_core *v, const uint8_t *dg, uint32_t size)
{
	struct call c = { v, dg + VMCI_DG_HEADER, size - VMCI_DG_HEADER };
	uint32_t resource = get_le32(dg + DG_TO_RESOURCE);

	if (!offers(resource))
		return VMCI_INVALID_RESOURCE;
	return c.size < resources[resource].size ? VMCI_INVALID_ARGS : resources[resource].fn(&c);
}

// --- outgoing datagrams ----------------------------------------------------------------------------------

static int32_t route(struct vmci_core *v, const uint8_t *dg, uint32_t size)
{
	uint32_t to = get_le32(dg + DG_TO), from = get_le32(dg + DG_FROM);

	if (from != v->cid && from != VMCI_ANYBODY)
		return VMCI_NO_ACCESS;
	if (to == VMCI_HYPERVISOR)
		return call_hypervisor(v, dg, size);
	if (to == v->cid)
		return vmci_core_deliver(v, dg, size) ? VMCI_OK : VMCI_NO_RESOURCES;
	return to == VMCI_HOST ? VMCI_INVALID_RESOURCE : VMCI_UNREACHABLE;
}

static void finish(struct vmci_core *v, int32_t result)
{
	v->regs.out_len = 0;
	v->regs.out_skip = 0;
	v->regs.result = (uint32_t)result;
}

// Bytes of the whole datagram, known once its header is there. What does not fit is swallowed.
static size_t wanted(struct vmci_core *v)
{
	struct vmci_regs *r = &v->regs;
	uint64_t payload;

	if (r->out_len < VMCI_DG_HEADER)
		return VMCI_DG_HEADER;
	payload = get_le64(r->out + DG_SIZE);
	if (payload <= VMCI_DG_MAX - VMCI_DG_HEADER)
		return VMCI_DG_HEADER + (size_t)payload;
	r->out_len = 0;
	r->out_skip = payload;
	r->result = (uint32_t)VMCI_TOO_LARGE;
	return 0;
}

static size_t take(struct vmci_core *v, const uint8_t *data, size_t len)
{
	struct vmci_regs *r = &v->regs;
	size_t n, need = wanted(v);

	n = MIN(len, need - r->out_len);
	memcpy(r->out + r->out_len, data, n);
	r->out_len += (uint32_t)n;
	need = wanted(v);
	if (need && r->out_len == need)
		finish(v, route(v, r->out, r->out_len));
	return n;
}

void vmci_core_data_out(struct vmci_core *v, const uint8_t *data, size_t len)
{
	struct vmci_regs *r = &v->regs;

	while (len) {
		size_t n;

		if (r->out_skip) {
			n = (size_t)MIN((uint64_t)len, r->out_skip);
			r->out_skip -= n;
		} else {
			n = take(v, data, len);
		}
		data += n;
		len -= n;
	}
}

// A driver reads the result when it has written everything: a datagram that is not complete by then never will be.
static uint32_t read_result(struct vmci_core *v)
{
	if (v->regs.out_skip)
		finish(v, VMCI_TOO_LARGE);
	else if (v->regs.out_len)
		finish(v, VMCI_INCOMPLETE);
	return v->regs.result;
}

// --- registers -------------------------------------------------------------------------------------------

static uint32_t read_icr(struct vmci_core *v)
{
	uint32_t icr = v->regs.icr;

	v->regs.icr = 0;
	update_level(v);
	return icr;
}

static uint32_t read_register(struct vmci_core *v, unsigned offset)
{
	switch (offset) {
	case VMCI_STATUS: return v->regs.int_on;
	case VMCI_ICR: return read_icr(v);
	case VMCI_IMR: return v->regs.imr;
	case VMCI_CAPS: return v->caps;
	case VMCI_RESULT_LOW: return read_result(v);
	case VMCI_RESULT_HIGH: return (int32_t)read_result(v) < 0 ? UINT32_MAX : 0;
	default: return 0;
	}
}

uint32_t vmci_core_read(struct vmci_core *v, unsigned offset, unsigned size)
{
	unsigned shift = 8 * (offset & 3);
	uint8_t data[4] = { 0 };

	if ((offset & ~3u) == VMCI_DATA_IN) {
		vmci_core_data_in(v, data, MIN(size, sizeof(data)));
		return get_le32(data);
	}
	return read_register(v, offset & ~3u) >> shift & (size < 4 ? (1u << 8 * size) - 1 : UINT32_MAX);
}

static void write_control(struct vmci_core *v, uint32_t value)
{
	uint32_t before = pending(&v->regs);

	if (value & VMCI_CONTROL_RESET) {
		vmci_core_reset(v);
		return;
	}
	if (value & VMCI_CONTROL_INT_ENABLE)
		v->regs.int_on = 1;
	if (value & VMCI_CONTROL_INT_DISABLE)
		v->regs.int_on = 0;
	unveil(v, before);
}

static void write_imr(struct vmci_core *v, uint32_t value)
{
	uint32_t before = pending(&v->regs);

	v->regs.imr = value & CAUSES;
	unveil(v, before);
}

// Registers take whole dwords only; the data port takes anything.
void vmci_core_write(struct vmci_core *v, unsigned offset, unsigned size, uint32_t value)
{
	uint8_t data[4];

	if ((offset & ~3u) == VMCI_DATA_OUT) {
		put_le32(data, value);
		vmci_core_data_out(v, data, MIN(size, sizeof(data)));
		return;
	}
	if (size != 4)
		return;
	switch (offset) {
	case VMCI_CONTROL: write_control(v, value); break;
	case VMCI_IMR: write_imr(v, value); break;
	case VMCI_CAPS: v->regs.caps_in_use = value & v->caps; break;
	default: break;
	}
}

// --- life ------------------------------------------------------------------------------------------------

void vmci_core_reset(struct vmci_core *v)
{
	memset(&v->regs, 0, sizeof(v->regs));
	update_level(v);
}

void vmci_core_init(struct vmci_core *v, uint32_t cid, uint32_t caps, const struct vmci_host *host)
{
	v->cid = cid;
	v->caps = caps;
	v->host = *host;
	vmci_core_reset(v);
}

void vmci_core_loaded(struct vmci_core *v)
{
	v->regs.caps_in_use &= v->caps;
	if (v->regs.has_bitmap && !v->host.page_there(v->host.arg, v->regs.bitmap_ppn))
		v->regs.has_bitmap = 0;
	update_level(v);
}

static void sanitize(void *regs)
{
	struct vmci_regs *r = regs;

	r->icr &= CAUSES;
	r->imr &= CAUSES;
	r->int_on &= 1;
	r->has_bitmap &= 1;
	r->bitmap_ppn = MIN(r->bitmap_ppn, UINT64_MAX / PAGE);
	// A header that is there may ask for no more than the buffer holds.
	if (r->out_len >= VMCI_DG_MAX ||
	    (r->out_len >= VMCI_DG_HEADER && get_le64(r->out + DG_SIZE) <= VMCI_DG_MAX - VMCI_DG_HEADER &&
	     r->out_len >= VMCI_DG_HEADER + get_le64(r->out + DG_SIZE)))
		r->out_len = 0;
	r->in_len = MIN(r->in_len, VMCI_QUEUE_MAX);
	r->in_at = MIN(r->in_at, r->in_len);
	r->doorbell_count = MIN(r->doorbell_count, VMCI_DOORBELLS);
	for (uint32_t i = 0; i < VMCI_DOORBELLS; i++)
		r->doorbell_index[i] %= PAGE;
}

static const struct field list[] = {
	FIELD(struct vmci_regs, icr), FIELD(struct vmci_regs, imr), FIELD(struct vmci_regs, caps_in_use),
	FIELD(struct vmci_regs, result), FIELD(struct vmci_regs, int_on), FIELD(struct vmci_regs, has_bitmap),
	FIELD(struct vmci_regs, bitmap_ppn), FIELD(struct vmci_regs, out_len), FIELD(struct vmci_regs, out_skip),
	FIELD_ARRAY(struct vmci_regs, out), FIELD(struct vmci_regs, in_len), FIELD(struct vmci_regs, in_at),
	FIELD_ARRAY(struct vmci_regs, in), FIELD(struct vmci_regs, doorbell_count),
	FIELD_ARRAY(struct vmci_regs, doorbell), FIELD_ARRAY(struct vmci_regs, doorbell_index),
};

const struct fields vmci_fields = {
	.name = "vmci",
	.version = 1,
	.struct_size = sizeof(struct vmci_regs),
	.list = list,
	.count = ARRAY_SIZE(list),
	.sanitize = sanitize,
};
