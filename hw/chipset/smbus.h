// smbus.h: core of the PIIX4's SMBus host controller with nothing on the bus.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CHIPSET_SMBUS_H
#define BERTH_CHIPSET_SMBUS_H

#include <stdint.h>

enum smbus_reg {
	SMBHSTSTS = 0x00,
	SMBSLVSTS = 0x01,
	SMBHSTCNT = 0x02,
	SMBHSTCMD = 0x03,
	SMBHSTADD = 0x04,
	SMBHSTDAT0 = 0x05,
	SMBHSTDAT1 = 0x06,
	SMBBLKDAT = 0x07,
	SMBSLVCNT = 0x08,
	SMBSHDWCMD = 0x09,
	SMBSLVEVT = 0x0a,
	SMBSLVDAT = 0x0c,
	SMBUS_SIZE = 0x10,
};

#define SMBUS_BLOCK 32u

struct smbus_regs {
	uint8_t reg[SMBUS_SIZE];
	uint8_t block[SMBUS_BLOCK];
	uint8_t block_index;
};

// The caller serialises. OFF below SMBUS_SIZE; one byte each.
void smbus_reset(struct smbus_regs *s);
uint8_t smbus_read(struct smbus_regs *s, unsigned off);
void smbus_write(struct smbus_regs *s, unsigned off, uint8_t value);
// Brings registers that came from outside into their limits.
void smbus_sanitize(struct smbus_regs *s);

#endif
