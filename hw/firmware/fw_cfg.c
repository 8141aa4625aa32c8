// fw_cfg.c: the firmware configuration device on its ports.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/firmware/fw_cfg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define PORT_SELECT     0x510u
#define PORT_DATA       0x511u
#define PORT_DMA        0x514u

struct fw_cfg {
	pthread_mutex_t lock;           // registers; taken before gmem's
	struct fw_cfg_core core;
	struct bus *ports;
	struct gmem *mem;
	struct bus_range select_range, dma_range;
};

static int mem_read(void *arg, uint64_t addr, void *buf, size_t len)
{
	struct fw_cfg *fw = arg;

	return gmem_read(fw->mem, gpa(addr), buf, len);
}

static int mem_write(void *arg, uint64_t addr, const void *buf, size_t len)
{
	struct fw_cfg *fw = arg;

	return gmem_write(fw->mem, gpa(addr), buf, len);
}

// --- 510h and 511h -----------------------------------------------------------------------------------

static bool is_data(uint64_t offset, unsigned size)
{
	return offset == PORT_DATA - PORT_SELECT && size == 1;
}

static uint64_t select_read(void *dev, uint64_t offset, unsigned size)
{
	struct fw_cfg *fw = dev;
	uint8_t byte;

	if (!is_data(offset, size))
		return UINT64_MAX;
	fw_cfg_core_data(&fw->core, &byte, 1);
	return byte;
}

static void select_read_string(void *dev, uint64_t offset, unsigned size, void *buf, size_t count)
{
	struct fw_cfg *fw = dev;

	if (is_data(offset, size))
		fw_cfg_core_data(&fw->core, buf, count);
	else
		memset(buf, 0xff, size * count);
}

// Items are read-only, so bytes written to the data port go nowhere.
static void select_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct fw_cfg *fw = dev;

	if (offset == 0 && size == 2)
		fw_cfg_core_select(&fw->core, (uint16_t)value);
}

static const struct bus_ops select_ops = {
	.read = select_read,
	.write = select_write,
	.max_size = 2,
	.read_string = select_read_string,
};

// --- 514h --------------------------------------------------------------------------------------------

static uint64_t dma_read(void *dev, uint64_t offset, unsigned size)
{
	struct fw_cfg *fw = dev;

	return fw_cfg_core_dma_read(&fw->core, offset, size);
}

static void dma_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct fw_cfg *fw = dev;

	fw_cfg_core_dma_write(&fw->core, offset, size, value);
}

static const struct bus_ops dma_ops = { .read = dma_read, .write = dma_write, .max_size = 8 };

// --- device ------------------------------------------------------------------------------------------

static void reset(void *dev)
{
	struct fw_cfg *fw = dev;

	pthread_mutex_lock(&fw->lock);
	fw_cfg_core_reset(&fw->core);
	pthread_mutex_unlock(&fw->lock);
}

static void destroy(void *dev)
{
	struct fw_cfg *fw = dev;

	if (!fw)
		return;
	bus_remove(fw->ports, &fw->select_range);
	bus_remove(fw->ports, &fw->dma_range);
	fw_cfg_core_free(&fw->core);
	pthread_mutex_destroy(&fw->lock);
	free(fw);
}

static void *regs(void *dev)
{
	struct fw_cfg *fw = dev;

	return &fw->core.regs;
}

const struct device_class fw_cfg_class = {
	.name = "fw_cfg",
	.reset = reset,
	.destroy = destroy,
	.fields = &fw_cfg_fields,
	.regs = regs,
};

static int claim_ports(struct fw_cfg *fw, struct err *err)
{
	int r;

	fw->select_range = (struct bus_range){
		.first = PORT_SELECT, .last = PORT_DATA, .name = "fw_cfg",
		.ops = &select_ops, .dev = fw, .lock = &fw->lock,
	};
	fw->dma_range = (struct bus_range){
		.first = PORT_DMA, .last = PORT_DMA + 7, .name = "fw_cfg-dma",
		.ops = &dma_ops, .dev = fw, .lock = &fw->lock,
	};
	r = bus_insert(fw->ports, &fw->select_range, err);
	return r < 0 ? r : bus_insert(fw->ports, &fw->dma_range, err);
}

int fw_cfg_create(const struct platform *platform, struct fw_cfg **out, struct err *err)
{
	struct fw_cfg *fw = calloc(1, sizeof(*fw));
	const struct fw_cfg_host host = { mem_read, mem_write, fw };
	int r;

	if (!fw || fw_cfg_core_init(&fw->core, &host) < 0) {
		free(fw);
		return err_set(err, ENOMEM, "fw_cfg", "no memory for the device");
	}
	pthread_mutex_init(&fw->lock, NULL);
	fw->ports = platform->ports;
	fw->mem = platform->mem;
	r = claim_ports(fw, err);
	if (r < 0) {
		destroy(fw);
		return r;
	}
	*out = fw;
	return 0;
}

// --- content -----------------------------------------------------------------------------------------

int fw_cfg_add_file(struct fw_cfg *fw, const char *name, const void *data, size_t len)
{
	int r;

	pthread_mutex_lock(&fw->lock);
	r = fw_cfg_core_add_file(&fw->core, name, data, len);
	pthread_mutex_unlock(&fw->lock);
	return r;
}

int fw_cfg_add_item(struct fw_cfg *fw, uint16_t selector, const void *data, size_t len)
{
	int r;

	pthread_mutex_lock(&fw->lock);
	r = fw_cfg_core_add_item(&fw->core, selector, data, len);
	pthread_mutex_unlock(&fw->lock);
	return r;
}

int fw_cfg_add_file_int(struct fw_cfg *fw, const char *name, unsigned size, uint64_t value)
{
	uint8_t bytes[8] = { 0 };

	if (size > sizeof(bytes))
		return -EINVAL;
	put_le(bytes, size, value);
	return fw_cfg_add_file(fw, name, bytes, size);
}

int fw_cfg_add_item_int(struct fw_cfg *fw, uint16_t selector, unsigned size, uint64_t value)
{
	uint8_t bytes[8] = { 0 };

	if (size > sizeof(bytes))
		return -EINVAL;
	put_le(bytes, size, value);
	return fw_cfg_add_item(fw, selector, bytes, size);
}

int fw_cfg_add_machine(struct fw_cfg *fw, const struct fw_cfg_machine *machine, struct err *err)
{
	static const uint8_t no_uuid[16];
	const struct { uint16_t key; unsigned size; uint64_t value; } items[] = {
		{ FW_CFG_RAM_SIZE, 8, machine->ram_size },
		{ FW_CFG_NOGRAPHIC, 2, 0 },
		{ FW_CFG_NB_CPUS, 2, machine->cpus },
		{ FW_CFG_NUMA, 8, 0 },
		{ FW_CFG_MAX_CPUS, 2, machine->apic_id_limit },
		{ FW_CFG_IRQ0_OVERRIDE, 1, 1 },
	};
	int r = fw_cfg_add_item(fw, FW_CFG_UUID, machine->uuid ? machine->uuid : no_uuid, 16);

	for (size_t i = 0; i < ARRAY_SIZE(items) && r == 0; i++)
		r = fw_cfg_add_item_int(fw, items[i].key, items[i].size, items[i].value);
	return r < 0 ? err_set(err, -r, "fw_cfg", "the description of the machine cannot be stored: %s",
			       strerror(-r)) : 0;
}
