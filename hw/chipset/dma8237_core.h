// dma8237_core.h: two cascaded 8237A and the page registers, without ports and memory.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The caller serialises all calls (its device lock).
#ifndef BERTH_CHIPSET_DMA8237_CORE_H
#define BERTH_CHIPSET_DMA8237_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/fields.h"
#include "hw/chipset/dma8237.h"

#define DMA_CONTROLLERS 2u
#define DMA_CHANNELS 8u
#define DMA_PAGES 16u

// Register offsets of a controller, in units of its port stride; 0..7 are address and count of the channels.
enum dma8237_reg {
	DMA_COMMAND = 8, DMA_REQUEST = 9, DMA_MASK_ONE = 10, DMA_MODE = 11, DMA_CLEAR_POINTER = 12,
	DMA_MASTER_CLEAR = 13, DMA_CLEAR_MASK = 14, DMA_MASK_ALL = 15,
};

enum dma8237_mode {
	DMA_MODE_TYPE = 0x0c, DMA_MODE_VERIFY = 0x00, DMA_MODE_WRITE = 0x04, DMA_MODE_READ = 0x08,
	DMA_MODE_AUTO = 0x10, DMA_MODE_DOWN = 0x20, DMA_MODE_KIND = 0xc0, DMA_MODE_CASCADE = 0xc0,
};

#define DMA_COMMAND_DISABLE 0x04u

struct dma8237_host {
	// LEN bytes at ADDR below 16 MiB, in one piece. False when there is no memory.
	bool (*read)(void *arg, uint32_t addr, void *buf, size_t len);
	bool (*write)(void *arg, uint32_t addr, const void *buf, size_t len);
	void *arg;
};

// All that a snapshot saves. Channels 0..3 are the first controller, 4..7 the second (4 is the cascade).
struct dma8237_regs {
	uint16_t base_address[DMA_CHANNELS], base_count[DMA_CHANNELS];
	uint16_t address[DMA_CHANNELS], count[DMA_CHANNELS];
	uint8_t mode[DMA_CHANNELS];             // bits 2..7 as written
	uint8_t command[DMA_CONTROLLERS];
	uint8_t mask[DMA_CONTROLLERS];          // bits 0..3
	uint8_t request[DMA_CONTROLLERS];       // software requests, bits 0..3
	uint8_t dreq[DMA_CONTROLLERS];          // lines, bits 0..3
	uint8_t reached[DMA_CONTROLLERS];       // terminal count, bits 0..3; cleared when status is read
	uint8_t high_byte[DMA_CONTROLLERS];     // the flip-flop: next access is to the high byte
	uint8_t page[DMA_PAGES];                // ports 80h..8Fh
};

struct dma8237_core {
	struct dma8237_regs regs;
	struct dma8237_host host;
};

extern const struct fields dma8237_fields;

void dma8237_core_init(struct dma8237_core *dma, const struct dma8237_host *host);
// Both controllers as after RESET; page registers become 0, as this machine powers on.
void dma8237_core_reset(struct dma8237_core *dma);
// REG is 0..15 of controller WHICH (0 or 1); both are masked.
uint8_t dma8237_core_read(struct dma8237_core *dma, unsigned which, unsigned reg);
void dma8237_core_write(struct dma8237_core *dma, unsigned which, unsigned reg, uint8_t value);
uint8_t dma8237_page_read(const struct dma8237_core *dma, unsigned offset);
void dma8237_page_write(struct dma8237_core *dma, unsigned offset, uint8_t value);
// As dma8237_transfer() and dma8237_request().
struct dma_result dma8237_core_transfer(struct dma8237_core *dma, unsigned channel,
					enum dma_direction direction, void *buf, size_t len);
void dma8237_core_request(struct dma8237_core *dma, unsigned channel, bool up);

#endif
