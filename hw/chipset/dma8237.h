// dma8237.h: the PC's two 8237A DMA controllers and their page registers.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CHIPSET_DMA8237_H
#define BERTH_CHIPSET_DMA8237_H

#include "bus/platform.h"

struct dma8237;

enum dma_direction { DMA_TO_DEVICE, DMA_FROM_DEVICE };

struct dma_result {
	size_t bytes;           // moved (or verified), at most what was asked
	bool terminal_count;    // the channel's count ran out
};

// Ports 00h-0Fh, C0h-DFh and 80h-8Fh (80h holds POST codes). Before the machine starts.
int dma8237_create(const struct platform *platform, struct dma8237 **out, struct err *err);

// The device on CHANNEL (0..3 bytes, 5..7 words) has DREQ up and moves up to LEN bytes between BUF and memory
// below 16 MiB, as the channel is programmed. Nothing moves when the channel is masked, the controller
// disabled, the channel in cascade mode, or programmed for the other direction. Memory that does not exist
// reads as FFh and swallows writes. Any thread that does not hold the DMA's lock.
struct dma_result dma8237_transfer(struct dma8237 *dma, unsigned channel, enum dma_direction direction,
				   void *buf, size_t len);
// DREQ as the status register shows it. Any thread.
void dma8237_request(struct dma8237 *dma, unsigned channel, bool up);
// The last byte written to port 80h. Any thread.
uint8_t dma8237_post_code(struct dma8237 *dma);

extern const struct device_class dma8237_class;

#endif
