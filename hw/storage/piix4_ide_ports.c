// piix4_ide_ports.c: the ports of the IDE function: task file, control and bus master registers.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/storage/piix4_ide_dev.h"

#include "base/bytes.h"

// --- ports -------------------------------------------------------------------------------------------

// The data port takes 16 bits at a time; a byte access still moves a whole item.
static uint64_t data_read(struct channel *c, unsigned size)
{
	uint8_t raw[8];

	ata_data_read(&c->ata, raw, size < 2 ? 2 : size);
	return get_le(raw, size);
}

static uint64_t command_read(void *dev, uint64_t offset, unsigned size)
{
	struct channel *c = dev;
	uint64_t value = 0;

	if (offset == ATA_REG_DATA)
		return data_read(c, size);
	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)ata_read(&c->ata, (unsigned)offset + i) << i * 8;
	return value;
}

static void command_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct channel *c = dev;
	uint8_t raw[8] = { 0 };

	if (offset == ATA_REG_DATA) {
		put_le(raw, size, value);
		ata_data_write(&c->ata, raw, size < 2 ? 2 : size);
		return;
	}
	for (unsigned i = 0; i < size; i++)
		ata_write(&c->ata, (unsigned)offset + i, (uint8_t)(value >> i * 8));
}

static void command_read_string(void *dev, uint64_t offset, unsigned size, void *buf, size_t count)
{
	struct channel *c = dev;
	uint8_t *to = buf;

	if (offset == ATA_REG_DATA && size > 1) {
		ata_data_read(&c->ata, to, count * size);
		return;
	}
	for (size_t i = 0; i < count; i++)
		put_le(to + i * size, size, command_read(dev, offset, size));
}

static void command_write_string(void *dev, uint64_t offset, unsigned size, const void *buf, size_t count)
{
	struct channel *c = dev;
	const uint8_t *from = buf;

	if (offset == ATA_REG_DATA && size > 1) {
		ata_data_write(&c->ata, from, count * size);
		return;
	}
	for (size_t i = 0; i < count; i++)
		command_write(dev, offset, size, get_le(from + i * size, size));
}

const struct bus_ops ide_command_ops = {
	.read = command_read,
	.write = command_write,
	.max_size = 4,
	.read_string = command_read_string,
	.write_string = command_write_string,
};

static uint64_t control_read(void *dev, uint64_t offset, unsigned size)
{
	struct channel *c = dev;

	(void)offset;
	(void)size;
	return ata_alt_status(&c->ata);
}

static void control_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct channel *c = dev;

	(void)offset;
	(void)size;
	ata_control_write(&c->ata, (uint8_t)value);
}

const struct bus_ops ide_control_ops = { .read = control_read, .write = control_write, .max_size = 1 };

// The bus master registers of both channels, 8 bytes each.
static uint64_t master_port_read(void *dev, uint64_t offset, unsigned size)
{
	struct piix4_ide *ide = dev;
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++) {
		unsigned at = (unsigned)(offset + i) & 15;

		value |= (uint64_t)bmide_read(&ide->channel[at / BMIDE_SIZE].bm, at % BMIDE_SIZE) << i * 8;
	}
	return value;
}

static void master_port_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct piix4_ide *ide = dev;
	unsigned at = (unsigned)offset & 15;

	bmide_write(&ide->channel[at / BMIDE_SIZE].bm, at % BMIDE_SIZE, size, (uint32_t)value);
}

const struct bus_ops ide_master_ops = { .read = master_port_read, .write = master_port_write, .max_size = 4 };
