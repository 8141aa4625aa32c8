// hpc.c: hot plug registers: requests for the guest's ACPI, one bit for each slot and kind.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/vmware/hpc.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

enum { SIZE = 8, COMMAND = 0, SLOT = 4, WORDS = HPC_SLOTS / 32 };

struct hpc_regs {
	uint32_t check[WORDS], eject[WORDS];    // requests that wait, by slot
	uint32_t slot;                          // of the request taken last
};

struct hpc {
	pthread_mutex_t lock;
	struct hpc_regs regs;           // lock
	struct hpc_args args;
	struct bus *ports;
	struct bus_range range;
};

static bool take(uint32_t words[WORDS], uint32_t *slot)
{
	for (unsigned i = 0; i < WORDS; i++) {
		if (!words[i])
			continue;
		*slot = HPC_FIRST_SLOT + 32 * i + (unsigned)__builtin_ctz(words[i]);
		words[i] &= words[i] - 1;
		return true;
	}
	return false;
}

static uint64_t reg_read(void *dev, uint64_t offset, unsigned size)
{
	struct hpc *h = dev;

	if (size != 4)
		return 0;
	if (offset == SLOT)
		return h->regs.slot;
	if (offset != COMMAND)
		return 0;
	return take(h->regs.eject, &h->regs.slot) ? HPC_EJECT : take(h->regs.check, &h->regs.slot) ? HPC_CHECK : 0;
}

static void reg_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct hpc *h = dev;

	if (size == 4 && offset == SLOT)
		h->args.ejected(h->args.arg, (unsigned)value);
}

static const struct bus_ops reg_ops = { .read = reg_read, .write = reg_write, .max_size = 4 };

int hpc_create(const struct platform *p, const struct hpc_args *args, struct hpc **out, struct err *err)
{
	struct hpc *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return err_set(err, ENOMEM, "hot plug", "no memory for its registers");
	pthread_mutex_init(&h->lock, NULL);
	h->args = *args;
	h->ports = p->ports;
	h->range = (struct bus_range){ .name = "hot plug", .first = HPC_PORT, .last = HPC_PORT + SIZE - 1, .ops = &reg_ops,
				       .dev = h, .lock = &h->lock };
	r = bus_insert(p->ports, &h->range, err);
	if (r < 0) {
		free(h);
		return r;
	}
	*out = h;
	return 0;
}

void hpc_ask(struct hpc *h, unsigned slot, enum hpc_request what)
{
	unsigned index = slot - HPC_FIRST_SLOT;

	if (index >= HPC_SLOTS)
		return;
	pthread_mutex_lock(&h->lock);
	h->regs.check[index / 32] &= ~(1u << index % 32);
	h->regs.eject[index / 32] &= ~(1u << index % 32);
	(what == HPC_EJECT ? h->regs.eject : h->regs.check)[index / 32] |= 1u << index % 32;
	pthread_mutex_unlock(&h->lock);
	h->args.event(h->args.arg);
}

// Who boots next finds what is there by itself.
static void reset(void *dev)
{
	struct hpc *h = dev;

	pthread_mutex_lock(&h->lock);
	memset(&h->regs, 0, sizeof(h->regs));
	pthread_mutex_unlock(&h->lock);
}

static void destroy(void *dev)
{
	struct hpc *h = dev;

	bus_remove(h->ports, &h->range);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

static const struct field list[] = {
	FIELD_ARRAY(struct hpc_regs, check), FIELD_ARRAY(struct hpc_regs, eject), FIELD(struct hpc_regs, slot),
};

static const struct fields hpc_fields = {
	.name = "hot-plug",
	.version = 1,
	.struct_size = sizeof(struct hpc_regs),
	.list = list,
	.count = ARRAY_SIZE(list),
};

static void *regs(void *dev) { return &((struct hpc *)dev)->regs; }

const struct device_class hpc_class = {
	.name = "hot-plug",
	.reset = reset,
	.destroy = destroy,
	.fields = &hpc_fields,
	.regs = regs,
};
