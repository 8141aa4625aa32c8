// dma8237.c: joins the DMA controllers with their ports and guest memory.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/dma8237.h"

#include <errno.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "hw/chipset/dma8237_core.h"

#define DMA_RANGES 3u

struct dma8237 {
	pthread_mutex_t lock;           // guards the core; gmem needs no lock below it
	struct dma8237_core core;
	struct bus *ports;
	struct bus_range ranges[DMA_RANGES];
	struct gmem *mem;
};

static bool host_read(void *arg, uint32_t addr, void *buf, size_t len)
{
	struct dma8237 *dma = arg;

	return gmem_read(dma->mem, gpa(addr), buf, len) == 0;
}

static bool host_write(void *arg, uint32_t addr, const void *buf, size_t len)
{
	struct dma8237 *dma = arg;

	return gmem_write(dma->mem, gpa(addr), buf, len) == 0;
}

// --- ports ---------------------------------------------------------------------------------------------

static uint64_t first_read(void *dev, uint64_t offset, unsigned size)
{
	(void)size;
	return dma8237_core_read(&((struct dma8237 *)dev)->core, 0, (unsigned)offset);
}

static void first_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	(void)size;
	dma8237_core_write(&((struct dma8237 *)dev)->core, 0, (unsigned)offset, (uint8_t)value);
}

// The second controller sits on the bus shifted by one address line.
static uint64_t second_read(void *dev, uint64_t offset, unsigned size)
{
	(void)size;
	return dma8237_core_read(&((struct dma8237 *)dev)->core, 1, (unsigned)offset >> 1);
}

static void second_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	(void)size;
	dma8237_core_write(&((struct dma8237 *)dev)->core, 1, (unsigned)offset >> 1, (uint8_t)value);
}

static uint64_t page_read(void *dev, uint64_t offset, unsigned size)
{
	(void)size;
	return dma8237_page_read(&((struct dma8237 *)dev)->core, (unsigned)offset);
}

static void page_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	(void)size;
	dma8237_page_write(&((struct dma8237 *)dev)->core, (unsigned)offset, (uint8_t)value);
}

static const struct bus_ops first_ops = { .read = first_read, .write = first_write, .max_size = 1 };
static const struct bus_ops second_ops = { .read = second_read, .write = second_write, .max_size = 1 };
static const struct bus_ops page_ops = { .read = page_read, .write = page_write, .max_size = 1 };

struct dma_ports {
	uint16_t first, last;
	const char *name;
	const struct bus_ops *ops;
};

static const struct dma_ports ports[DMA_RANGES] = {
	{ 0x00, 0x0f, "dma1", &first_ops },
	{ 0xc0, 0xdf, "dma2", &second_ops },
	{ 0x80, 0x8f, "dma-page", &page_ops },
};

static int claim_ports(struct dma8237 *dma, struct err *err)
{
	for (unsigned i = 0; i < DMA_RANGES; i++) {
		int r;

		dma->ranges[i] = (struct bus_range){
			.first = ports[i].first, .last = ports[i].last, .name = ports[i].name,
			.ops = ports[i].ops, .dev = dma, .lock = &dma->lock,
		};
		r = bus_insert(dma->ports, &dma->ranges[i], err);
		if (r) {
			while (i--)
				bus_remove(dma->ports, &dma->ranges[i]);
			return r;
		}
	}
	return 0;
}

// --- for devices ---------------------------------------------------------------------------------------

struct dma_result dma8237_transfer(struct dma8237 *dma, unsigned channel, enum dma_direction direction,
				   void *buf, size_t len)
{
	struct dma_result result;

	pthread_mutex_lock(&dma->lock);
	result = dma8237_core_transfer(&dma->core, channel, direction, buf, len);
	pthread_mutex_unlock(&dma->lock);
	return result;
}

void dma8237_request(struct dma8237 *dma, unsigned channel, bool up)
{
	pthread_mutex_lock(&dma->lock);
	dma8237_core_request(&dma->core, channel, up);
	pthread_mutex_unlock(&dma->lock);
}

uint8_t dma8237_post_code(struct dma8237 *dma)
{
	uint8_t code;

	pthread_mutex_lock(&dma->lock);
	code = dma8237_page_read(&dma->core, 0);
	pthread_mutex_unlock(&dma->lock);
	return code;
}

// --- life ----------------------------------------------------------------------------------------------

int dma8237_create(const struct platform *platform, struct dma8237 **out, struct err *err)
{
	const struct dma8237_host host = { host_read, host_write, NULL };
	struct dma8237 *dma = calloc(1, sizeof(*dma));
	int r;

	if (!dma)
		return err_set(err, ENOMEM, "dma8237", "no memory for the device");
	pthread_mutex_init(&dma->lock, NULL);
	dma->ports = platform->ports;
	dma->mem = platform->mem;
	dma8237_core_init(&dma->core, &host);
	dma->core.host.arg = dma;
	r = claim_ports(dma, err);
	if (r) {
		pthread_mutex_destroy(&dma->lock);
		free(dma);
		return r;
	}
	*out = dma;
	return 0;
}

static void dma_reset(void *dev)
{
	struct dma8237 *dma = dev;

	pthread_mutex_lock(&dma->lock);
	dma8237_core_reset(&dma->core);
	pthread_mutex_unlock(&dma->lock);
}

static void dma_destroy(void *dev)
{
	struct dma8237 *dma = dev;

	for (unsigned i = 0; i < DMA_RANGES; i++)
		bus_remove(dma->ports, &dma->ranges[i]);
	pthread_mutex_destroy(&dma->lock);
	free(dma);
}

static void *dma_regs(void *dev)
{
	return &((struct dma8237 *)dev)->core.regs;
}

const struct device_class dma8237_class = {
	.name = "dma8237",
	.reset = dma_reset,
	.destroy = dma_destroy,
	.fields = &dma8237_fields,
	.regs = dma_regs,
};
