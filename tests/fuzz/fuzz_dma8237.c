// fuzz_dma8237.c: bytes become register accesses, transfers and restored registers of the DMA controllers.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hw/chipset/dma8237_core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum op {
	OP_READ, OP_WRITE, OP_PAGE_READ, OP_PAGE_WRITE, OP_TO_DEVICE, OP_FROM_DEVICE, OP_REQUEST, OP_RESET,
	OP_LOAD, OP_COUNT,
};

// No transfer leaves the 16 MiB that the chips can address, nor the buffer.
static bool check_read(void *arg, uint32_t addr, void *buf, size_t len)
{
	if (addr + len > 1u << 24)
		abort();
	memset(buf, 0xa5, len);
	return addr & 1;
}

static bool check_write(void *arg, uint32_t addr, const void *buf, size_t len)
{
	uint8_t sum = 0;

	if (addr + len > 1u << 24)
		abort();
	for (size_t i = 0; i < len; i++)
		sum ^= ((const uint8_t *)buf)[i];
	return sum & 1;
}

static void transfer(struct dma8237_core *dma, unsigned channel, enum dma_direction direction, size_t len)
{
	uint8_t *buf = calloc(1, len ? len : 1);
	struct dma_result r = dma8237_core_transfer(dma, channel, direction, buf, len);

	if (r.bytes > len)
		abort();
	free(buf);
}

static void load(struct dma8237_core *dma, const uint8_t *data, size_t size)
{
	memcpy(&dma->regs, data, size < sizeof(dma->regs) ? size : sizeof(dma->regs));
	dma8237_fields.sanitize(&dma->regs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct dma8237_host host = { check_read, check_write, NULL };
	struct dma8237_core dma;

	dma8237_core_init(&dma, &host);
	for (; size >= 3; data += 3, size -= 3) {
		size_t len = (size_t)data[2] << (data[1] >> 5);

		switch (data[0] % OP_COUNT) {
		case OP_READ: dma8237_core_read(&dma, data[1] >> 4, data[1]); break;
		case OP_WRITE: dma8237_core_write(&dma, data[1] >> 4, data[1], data[2]); break;
		case OP_PAGE_READ: dma8237_page_read(&dma, data[1]); break;
		case OP_PAGE_WRITE: dma8237_page_write(&dma, data[1], data[2]); break;
		case OP_TO_DEVICE: transfer(&dma, data[1] & 15, DMA_TO_DEVICE, len); break;
		case OP_FROM_DEVICE: transfer(&dma, data[1] & 15, DMA_FROM_DEVICE, len); break;
		case OP_REQUEST: dma8237_core_request(&dma, data[1], data[2] & 1); break;
		case OP_RESET: dma8237_core_reset(&dma); break;
		default: load(&dma, data + 3, size - 3); break;
		}
	}
	return 0;
}
