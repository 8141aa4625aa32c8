// dma8237_core.c: registers and transfers of the two 8237A.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/dma8237_core.h"

#include <string.h>

#include "base/compiler.h"

#define CASCADE 4u

static unsigned bit_of(unsigned channel) { return 1u << (channel & 3); }

// --- registers -----------------------------------------------------------------------------------------

// Low byte, then high byte; the flip-flop is shared by all address and count registers of a controller.
static bool flip(struct dma8237_regs *r, unsigned which)
{
	bool high = r->high_byte[which] & 1;

	r->high_byte[which] = !high;
	return high;
}

static uint8_t read_half(struct dma8237_regs *r, unsigned which, uint16_t value)
{
	return (uint8_t)(flip(r, which) ? value >> 8 : value);
}

// Writes go to base and current register together.
static void write_half(struct dma8237_regs *r, unsigned which, uint16_t *base, uint16_t *current,
		       uint8_t value)
{
	if (flip(r, which))
		*base = (uint16_t)((*base & 0x00ff) | value << 8);
	else
		*base = (uint16_t)((*base & 0xff00) | value);
	*current = *base;
}

static uint8_t read_status(struct dma8237_regs *r, unsigned which)
{
	unsigned requests = (r->dreq[which] | r->request[which]) & 15u;
	uint8_t value = (uint8_t)(requests << 4 | (r->reached[which] & 15u));

	r->reached[which] = 0;
	return value;
}

static void set_bit(uint8_t *bits, uint8_t value)
{
	uint8_t bit = (uint8_t)bit_of(value & 3);

	if (value & 4)
		*bits |= bit;
	else
		*bits &= (uint8_t)~bit;
}

static void master_clear(struct dma8237_regs *r, unsigned which)
{
	r->command[which] = 0;
	r->request[which] = 0;
	r->reached[which] = 0;
	r->high_byte[which] = 0;
	r->mask[which] = 15;
}

uint8_t dma8237_core_read(struct dma8237_core *dma, unsigned which, unsigned reg)
{
	struct dma8237_regs *r = &dma->regs;
	unsigned channel;

	which &= 1;
	reg &= 15;
	channel = which * 4 + reg / 2;
	if (reg < 8)
		return read_half(r, which, reg & 1 ? r->count[channel] : r->address[channel]);
	switch (reg) {
	case DMA_COMMAND: return read_status(r, which);
	case DMA_MASTER_CLEAR: return 0; // the temporary register: no memory-to-memory transfers on a PC
	case DMA_MASK_ALL: return (uint8_t)(0xf0 | r->mask[which]);
	default: return 0xff;                   // write only
	}
}

static void write_control(struct dma8237_regs *r, unsigned which, unsigned reg, uint8_t value)
{
	switch (reg) {
	case DMA_COMMAND: r->command[which] = value; break;
	case DMA_REQUEST: set_bit(&r->request[which], value); break;
	case DMA_MASK_ONE: set_bit(&r->mask[which], value); break;
	case DMA_MODE: r->mode[which * 4 + (value & 3)] = value & 0xfc; break;
	case DMA_CLEAR_POINTER: r->high_byte[which] = 0; break;
	case DMA_MASTER_CLEAR: master_clear(r, which); break;
	case DMA_CLEAR_MASK: r->mask[which] = 0; break;
	default: r->mask[which] = value & 15; break;
	}
}

void dma8237_core_write(struct dma8237_core *dma, unsigned which, unsigned reg, uint8_t value)
{
	struct dma8237_regs *r = &dma->regs;
	unsigned channel;

	which &= 1;
	reg &= 15;
	channel = which * 4 + reg / 2;
	if (reg >= 8)
		write_control(r, which, reg, value);
	else if (reg & 1)
		write_half(r, which, &r->base_count[channel], &r->count[channel], value);
	else
		write_half(r, which, &r->base_address[channel], &r->address[channel], value);
}

uint8_t dma8237_page_read(const struct dma8237_core *dma, unsigned offset)
{
	return dma->regs.page[offset % DMA_PAGES];
}

void dma8237_page_write(struct dma8237_core *dma, unsigned offset, uint8_t value)
{
	dma->regs.page[offset % DMA_PAGES] = value;
}

// --- transfers -----------------------------------------------------------------------------------------

// The AT's wiring of page registers 80h..8Fh to channels.
static uint32_t page_of(const struct dma8237_regs *r, unsigned channel)
{
	static const uint8_t wired[DMA_CHANNELS] = { 7, 3, 1, 2, 15, 11, 9, 10 };

	return r->page[wired[channel]];
}

// Word channels address words: the page's bit 0 is not wired and the address is shifted up.
static uint32_t bus_address(const struct dma8237_regs *r, unsigned channel)
{
	if (channel < CASCADE)
		return page_of(r, channel) << 16 | r->address[channel];
	return (page_of(r, channel) & 0xfe) << 16 | (uint32_t)r->address[channel] << 1;
}

static bool allowed(const struct dma8237_regs *r, unsigned channel, enum dma_direction direction)
{
	unsigned which = channel / 4;
	uint8_t mode = r->mode[channel], type = mode & DMA_MODE_TYPE;

	if (channel == CASCADE || (mode & DMA_MODE_KIND) == DMA_MODE_CASCADE)
		return false;
	if ((r->mask[which] & bit_of(channel)) || (r->command[which] & DMA_COMMAND_DISABLE))
		return false;
	// The first controller reaches the bus through channel 4 of the second.
	if (which == 0 && ((r->mask[1] & 1) || (r->command[1] & DMA_COMMAND_DISABLE)))
		return false;
	return type == DMA_MODE_VERIFY ||
	       type == (direction == DMA_TO_DEVICE ? DMA_MODE_READ : DMA_MODE_WRITE);
}

static void move(struct dma8237_core *dma, uint32_t addr, uint8_t type, void *buf, size_t len)
{
	if (type == DMA_MODE_READ && !dma->host.read(dma->host.arg, addr, buf, len))
		memset(buf, 0xff, len);
	if (type == DMA_MODE_WRITE)
		dma->host.write(dma->host.arg, addr, buf, len);
}

// Units that can move in one piece: up to the end of the count, of the request, and of the 64K that the
// address counter spans; downwards one by one.
static uint32_t run_length(const struct dma8237_regs *r, unsigned channel, size_t units)
{
	uint32_t run = (uint32_t)MIN(units, (size_t)r->count[channel] + 1);

	if (r->mode[channel] & DMA_MODE_DOWN)
		return 1;
	return MIN(run, 0x10000u - r->address[channel]);
}

static void finish(struct dma8237_regs *r, unsigned channel)
{
	unsigned which = channel / 4;
	uint8_t bit = (uint8_t)bit_of(channel);

	r->reached[which] |= bit;
	r->request[which] &= (uint8_t)~bit;
	if (r->mode[channel] & DMA_MODE_AUTO) {
		r->address[channel] = r->base_address[channel];
		r->count[channel] = r->base_count[channel];
	} else {
		r->mask[which] |= bit;
	}
}

static bool step(struct dma8237_regs *r, unsigned channel, uint32_t run)
{
	bool last = run > r->count[channel];

	if (r->mode[channel] & DMA_MODE_DOWN)
		r->address[channel] = (uint16_t)(r->address[channel] - run);
	else
		r->address[channel] = (uint16_t)(r->address[channel] + run);
	r->count[channel] = (uint16_t)(r->count[channel] - run);
	if (last)
		finish(r, channel);
	return last;
}

struct dma_result dma8237_core_transfer(struct dma8237_core *dma, unsigned channel,
					enum dma_direction direction, void *buf, size_t len)
{
	struct dma8237_regs *r = &dma->regs;
	struct dma_result result = { 0, false };
	unsigned width = channel < CASCADE ? 1 : 2;

	if (channel >= DMA_CHANNELS || !allowed(r, channel, direction))
		return result;
	while (len - result.bytes >= width && !result.terminal_count) {
		uint32_t run = run_length(r, channel, (len - result.bytes) / width);

		move(dma, bus_address(r, channel), r->mode[channel] & DMA_MODE_TYPE,
		     (uint8_t *)buf + result.bytes, (size_t)run * width);
		result.bytes += (size_t)run * width;
		result.terminal_count = step(r, channel, run);
	}
	return result;
}

void dma8237_core_request(struct dma8237_core *dma, unsigned channel, bool up)
{
	channel %= DMA_CHANNELS;
	set_bit(&dma->regs.dreq[channel / 4], (uint8_t)((channel & 3) | (up ? 4 : 0)));
}

// --- life ----------------------------------------------------------------------------------------------

void dma8237_core_init(struct dma8237_core *dma, const struct dma8237_host *host)
{
	memset(dma, 0, sizeof(*dma));
	dma->host = *host;
	dma8237_core_reset(dma);
}

void dma8237_core_reset(struct dma8237_core *dma)
{
	memset(&dma->regs, 0, sizeof(dma->regs));
	master_clear(&dma->regs, 0);
	master_clear(&dma->regs, 1);
}

static void sanitize(void *regs)
{
	struct dma8237_regs *r = regs;

	for (unsigned i = 0; i < DMA_CHANNELS; i++)
		r->mode[i] &= 0xfc;
	for (unsigned i = 0; i < DMA_CONTROLLERS; i++) {
		r->mask[i] &= 15;
		r->request[i] &= 15;
		r->dreq[i] &= 15;
		r->reached[i] &= 15;
		r->high_byte[i] &= 1;
	}
}

static const struct field field_list[] = {
	FIELD_ARRAY(struct dma8237_regs, base_address),
	FIELD_ARRAY(struct dma8237_regs, base_count),
	FIELD_ARRAY(struct dma8237_regs, address),
	FIELD_ARRAY(struct dma8237_regs, count),
	FIELD_ARRAY(struct dma8237_regs, mode),
	FIELD_ARRAY(struct dma8237_regs, command),
	FIELD_ARRAY(struct dma8237_regs, mask),
	FIELD_ARRAY(struct dma8237_regs, request),
	FIELD_ARRAY(struct dma8237_regs, dreq),
	FIELD_ARRAY(struct dma8237_regs, reached),
	FIELD_ARRAY(struct dma8237_regs, high_byte),
	FIELD_ARRAY(struct dma8237_regs, page),
};

const struct fields dma8237_fields = {
	.name = "dma8237",
	.version = 1,
	.struct_size = sizeof(struct dma8237_regs),
	.list = field_list,
	.count = ARRAY_SIZE(field_list),
	.sanitize = sanitize,
};
