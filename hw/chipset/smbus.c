// smbus.c: the PIIX4's SMBus host controller: every transaction finds nobody.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/smbus.h"

#include <string.h>

enum hststs_bit {
	HSTSTS_DEV_ERR = 1 << 2,
	HSTSTS_FAILED = 1 << 4,
	HSTSTS_CLEAR = 0x1e,
};

enum hstcnt_bit {
	HSTCNT_KILL = 1 << 1,
	HSTCNT_START = 1 << 6,
	HSTCNT_KEPT = 0x1d,             // interrupt enable and protocol
};

void smbus_sanitize(struct smbus_regs *s)
{
	s->block_index %= SMBUS_BLOCK;
}

void smbus_reset(struct smbus_regs *s)
{
	memset(s, 0, sizeof(*s));
}

static uint8_t next_block_index(struct smbus_regs *s)
{
	uint8_t at = s->block_index % SMBUS_BLOCK;

	s->block_index = (uint8_t)((at + 1) % SMBUS_BLOCK);
	return at;
}

uint8_t smbus_read(struct smbus_regs *s, unsigned off)
{
	if (off == SMBBLKDAT)
		return s->block[next_block_index(s)];
	if (off == SMBHSTCNT)
		s->block_index = 0;
	return off < SMBUS_SIZE ? s->reg[off] : 0xff;
}

static void control(struct smbus_regs *s, uint8_t value)
{
	s->reg[SMBHSTCNT] = value & HSTCNT_KEPT;
	if (value & HSTCNT_KILL)
		s->reg[SMBHSTSTS] |= HSTSTS_FAILED;
	else if (value & HSTCNT_START)
		s->reg[SMBHSTSTS] |= HSTSTS_DEV_ERR;    // no acknowledge
}

void smbus_write(struct smbus_regs *s, unsigned off, uint8_t value)
{
	switch (off) {
	case SMBHSTSTS: s->reg[off] &= (uint8_t)~(value & HSTSTS_CLEAR); break;
	case SMBSLVSTS: s->reg[off] &= (uint8_t)~value; break;
	case SMBHSTCNT: control(s, value); break;
	case SMBBLKDAT: s->block[next_block_index(s)] = value; break;
	case SMBHSTCMD: case SMBHSTADD: case SMBHSTDAT0: case SMBHSTDAT1:
	case SMBSLVCNT: case SMBSLVEVT: case SMBSLVEVT + 1:
		s->reg[off] = value;
		break;
	default: break;         // shadow command and slave data come from the bus
	}
}
