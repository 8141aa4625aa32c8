// e1000_core.h: core of an Intel 82545EM: registers, EEPROM, PHY, interrupts. The cable is out: no packets.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Intel's PCI/PCI-X family software manual. Registers without an effect of their own keep what is written. The
// caller serialises.
#ifndef BERTH_NIC_E1000_CORE_H
#define BERTH_NIC_E1000_CORE_H

#include <stdbool.h>
#include <stdint.h>

#define E1000_MMIO_SIZE 0x20000u
#define E1000_PLAIN     352u            // dwords of registers that only keep what is written
#define E1000_EEPROM    64u             // words
#define E1000_PHY       32u

// What a snapshot saves.
struct e1000_regs {
	uint32_t ctrl, eecd, eerd, mdic;
	uint32_t icr, ims;
	uint32_t io_address;                    // of the window in I/O space
	uint32_t plain[E1000_PLAIN];
	uint16_t phy[E1000_PHY];
	uint16_t ee_in, ee_out;                 // bits shifted in since chip select; word being shifted out
	uint8_t ee_in_bits, ee_out_bits;        // how many there are; how many are left
	uint8_t ee_address, ee_reading;
};

struct e1000_core {
	struct e1000_regs regs;
	uint16_t eeprom[E1000_EEPROM];
	uint8_t mac[6];
	void (*irq)(void *arg, bool level);     // INTx
	void *arg;
};

void e1000_core_init(struct e1000_core *e, const uint8_t mac[6], void (*irq)(void *arg, bool level), void *arg);
// Power-on values; the address comes out of the EEPROM again.
void e1000_core_reset(struct e1000_core *e);
// Offsets below E1000_MMIO_SIZE; accesses are dwords, others read 0 and write nothing.
uint32_t e1000_read(struct e1000_core *e, uint32_t off);
void e1000_write(struct e1000_core *e, uint32_t off, uint32_t value);
// The window in I/O space: address at 0, data at 4.
uint32_t e1000_io_read(struct e1000_core *e, unsigned off);
void e1000_io_write(struct e1000_core *e, unsigned off, uint32_t value);
// Brings registers that came from outside into their limits, and the interrupt to what they say.
void e1000_core_loaded(struct e1000_core *e);
void e1000_sanitize(struct e1000_regs *r);

#endif
