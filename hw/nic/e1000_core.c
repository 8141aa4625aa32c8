// e1000_core.c: core of an Intel 82545EM.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/nic/e1000_core.h"

#include <stddef.h>
#include <string.h>

#include "base/compiler.h"

enum e1000_reg {
	CTRL = 0x0000,
	CTRL_DUP = 0x0004,
	STATUS = 0x0008,
	EECD = 0x0010,
	EERD = 0x0014,
	MDIC = 0x0020,
	ICR = 0x00c0,
	ICS = 0x00c8,
	IMS = 0x00d0,
	IMC = 0x00d8,
	RA = 0x5400,
};

enum ctrl_bit {
	CTRL_FD = 1 << 0,
	CTRL_SPEED_1000 = 2 << 8,
	CTRL_RST = 1 << 26,
};
#define CTRL_PHY_RST (1u << 31)

enum status_bit { STATUS_FD = 1 << 0, STATUS_SPEED_1000 = 2 << 6, STATUS_PCI66 = 1 << 11 };

enum eecd_bit {
	EECD_SK = 1 << 0,
	EECD_CS = 1 << 1,
	EECD_DI = 1 << 2,
	EECD_DO = 1 << 3,
	EECD_REQ = 1 << 6,
	EECD_GNT = 1 << 7,
	EECD_PRES = 1 << 8,
	EECD_WRITABLE = 0x77,
};

enum eerd_bit { EERD_START = 1 << 0, EERD_DONE = 1 << 4, EERD_ADDRESS_SHIFT = 8, EERD_DATA_SHIFT = 16 };

enum mdic_bit {
	MDIC_REG_SHIFT = 16,
	MDIC_PHY_SHIFT = 21,
	MDIC_WRITE = 1 << 26,
	MDIC_READ = 2 << 26,
	MDIC_READY = 1 << 28,
	MDIC_ERROR = 1 << 30,
	PHY_ADDRESS = 1,
};

// A 93C46: start bit, two bits of opcode, six of address; reads answer with words, most significant bit first.
enum microwire { COMMAND_BITS = 9, OPCODE_READ = 6, WORD_BITS = 16 };

enum eeprom_word {
	EE_SUBSYSTEM = 0x0b,
	EE_SUBSYSTEM_VENDOR = 0x0c,
	EE_DEVICE = 0x0d,
	EE_VENDOR = 0x0e,
	EE_CHECKSUM = 0x3f,
	EE_SUM = 0xbaba,
};

enum phy_reg { PHY_CONTROL = 0 };
enum phy_bit { PHY_RESET = 1 << 15, PHY_RESTART = 1 << 9 };

// Registers that keep what is written: first offset, dwords.
static const struct { uint32_t first, count; } plain[] = {
	{ 0x0018, 1 },  // CTRL_EXT
	{ 0x0028, 3 },  // FCAL, FCAH, FCT
	{ 0x0038, 1 },  // VET
	{ 0x00c4, 1 },  // ITR
	{ 0x0100, 1 },  // RCTL
	{ 0x0170, 1 },  // FCTTV
	{ 0x0178, 1 },  // TXCW
	{ 0x0400, 1 },  // TCTL
	{ 0x0410, 1 },  // TIPG
	{ 0x0458, 1 },  // AIFS
	{ 0x0e00, 1 },  // LEDCTL
	{ 0x1000, 1 },  // PBA
	{ 0x2160, 3 },  // FCRTL, FCRTH
	{ 0x2800, 12 }, // receive ring
	{ 0x2c00, 1 },  // RSRPD
	{ 0x3800, 13 }, // transmit ring
	{ 0x5000, 1 },  // RXCSUM
	{ 0x5200, 128 }, // MTA
	{ RA, 32 },
	{ 0x5600, 128 }, // VFTA
	{ 0x5800, 1 },  // WUC
	{ 0x5808, 1 },  // WUFC
	{ 0x5820, 1 },  // MANC
	{ 0x5838, 1 },  // IPAV
};

// What the PHY shows after its reset, and what may be written: an 88E1011 with the cable out.
static const struct { uint8_t reg; uint16_t reset, writable; } phy_regs[] = {
	{ 0, 0x1140, 0x7fff }, { 1, 0x7949, 0 }, { 2, 0x0141, 0 }, { 3, 0x0c20, 0 }, { 4, 0x01e1, 0xffff },
	{ 7, 0x2001, 0xffff }, { 9, 0x0e00, 0xffff }, { 15, 0x3000, 0 }, { 16, 0x0078, 0xffff },
	{ 18, 0x0000, 0xffff }, { 20, 0x0c60, 0xffff }, { 24, 0x4100, 0xffff }, { 29, 0, 0xffff }, { 30, 0, 0xffff },
};

// --- plain registers -----------------------------------------------------------------------------

static uint32_t *plain_reg(struct e1000_regs *r, uint32_t off)
{
	size_t index = 0;

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		if (off >= plain[i].first && (off - plain[i].first) / 4 < plain[i].count)
			return &r->plain[index + (off - plain[i].first) / 4];
		index += plain[i].count;
	}
	return NULL;
}

// --- EEPROM --------------------------------------------------------------------------------------

static void fill_eeprom(struct e1000_core *e)
{
	uint16_t sum = 0;

	memset(e->eeprom, 0, sizeof(e->eeprom));
	for (unsigned i = 0; i < 3; i++)
		e->eeprom[i] = (uint16_t)(e->mac[2 * i] | e->mac[2 * i + 1] << 8);
	e->eeprom[EE_SUBSYSTEM] = 0x0750;
	e->eeprom[EE_SUBSYSTEM_VENDOR] = 0x15ad;
	e->eeprom[EE_DEVICE] = 0x100f;
	e->eeprom[EE_VENDOR] = 0x8086;
	for (unsigned i = 0; i < EE_CHECKSUM; i++)
		sum = (uint16_t)(sum + e->eeprom[i]);
	e->eeprom[EE_CHECKSUM] = (uint16_t)(EE_SUM - sum);
}

static void shift_out(struct e1000_core *e)
{
	struct e1000_regs *r = &e->regs;

	if (!r->ee_out_bits) {
		r->ee_out = e->eeprom[r->ee_address % E1000_EEPROM];
		r->ee_address = (uint8_t)((r->ee_address + 1u) % E1000_EEPROM);
		r->ee_out_bits = WORD_BITS;
	}
	r->ee_out_bits--;
	r->eecd = (r->eecd & ~(uint32_t)EECD_DO) | (r->ee_out >> r->ee_out_bits & 1 ? EECD_DO : 0);
}

// Commands other than reading are taken and change nothing: the chip is write-protected.
static void shift_in(struct e1000_regs *r, bool bit)
{
	if (r->ee_in_bits >= COMMAND_BITS || (!r->ee_in_bits && !bit))
		return;
	r->ee_in = (uint16_t)(r->ee_in << 1 | bit);
	if (++r->ee_in_bits < COMMAND_BITS || r->ee_in / E1000_EEPROM != OPCODE_READ)
		return;
	r->ee_reading = 1;
	r->ee_address = (uint8_t)(r->ee_in % E1000_EEPROM);
	r->ee_out_bits = 0;
	r->eecd &= ~(uint32_t)EECD_DO;
}

static void deselect(struct e1000_regs *r)
{
	r->ee_in = r->ee_out = 0;
	r->ee_in_bits = r->ee_out_bits = r->ee_reading = 0;
	r->eecd |= EECD_DO;
}

static void write_eecd(struct e1000_core *e, uint32_t value)
{
	struct e1000_regs *r = &e->regs;
	bool rises = (value & EECD_SK) && !(r->eecd & EECD_SK);

	r->eecd = (r->eecd & EECD_DO) | (value & EECD_WRITABLE);
	if (!(value & EECD_CS))
		deselect(r);
	else if (rises && r->ee_reading)
		shift_out(e);
	else if (rises)
		shift_in(r, value & EECD_DI);
}

static uint32_t read_eecd(const struct e1000_regs *r)
{
	return r->eecd | EECD_PRES | (r->eecd & EECD_REQ ? EECD_GNT : 0);
}

static void write_eerd(struct e1000_core *e, uint32_t value)
{
	unsigned address = value >> EERD_ADDRESS_SHIFT & 0xff;
	uint32_t word = address < E1000_EEPROM ? e->eeprom[address] : 0;

	e->regs.eerd = value & 0xff00;
	if (value & EERD_START)
		e->regs.eerd |= EERD_DONE | word << EERD_DATA_SHIFT;
}

// --- PHY -----------------------------------------------------------------------------------------

static void reset_phy(struct e1000_regs *r)
{
	memset(r->phy, 0, sizeof(r->phy));
	for (size_t i = 0; i < ARRAY_SIZE(phy_regs); i++)
		r->phy[phy_regs[i].reg] = phy_regs[i].reset;
}

static void write_phy(struct e1000_regs *r, unsigned reg, uint16_t value)
{
	if (reg == PHY_CONTROL && (value & PHY_RESET)) {
		reset_phy(r);
		return;
	}
	if (reg == PHY_CONTROL)
		value &= (uint16_t)~PHY_RESTART;
	for (size_t i = 0; i < ARRAY_SIZE(phy_regs); i++) {
		uint16_t w = phy_regs[i].writable;

		if (phy_regs[i].reg == reg)
			r->phy[reg] = (uint16_t)((r->phy[reg] & ~w) | (value & w));
	}
}

static void write_mdic(struct e1000_regs *r, uint32_t value)
{
	unsigned reg = value >> MDIC_REG_SHIFT & 31, phy = value >> MDIC_PHY_SHIFT & 31;

	r->mdic = (value & ~(uint32_t)MDIC_ERROR) | MDIC_READY;
	if (phy != PHY_ADDRESS)
		r->mdic |= MDIC_ERROR;
	else if (value & MDIC_WRITE)
		write_phy(r, reg, (uint16_t)value);
	else if (value & MDIC_READ)
		r->mdic = (r->mdic & ~0xffffu) | r->phy[reg];
}

// --- interrupts and control ----------------------------------------------------------------------

static void update_irq(struct e1000_core *e)
{
	if (e->irq)
		e->irq(e->arg, e->regs.icr & e->regs.ims);
}

static uint32_t read_icr(struct e1000_core *e)
{
	uint32_t value = e->regs.icr;

	e->regs.icr = 0;
	update_irq(e);
	return value;
}

static void write_ctrl(struct e1000_core *e, uint32_t value)
{
	if (value & CTRL_RST) {
		e1000_core_reset(e);
		return;
	}
	if (value & CTRL_PHY_RST)
		reset_phy(&e->regs);
	e->regs.ctrl = value & ~(uint32_t)CTRL_PHY_RST;
}

void e1000_core_reset(struct e1000_core *e)
{
	struct e1000_regs *r = &e->regs;
	uint32_t io = r->io_address;

	*r = (struct e1000_regs){ .ctrl = CTRL_FD | CTRL_SPEED_1000, .io_address = io };
	deselect(r);
	reset_phy(r);
	*plain_reg(r, 0x1000) = 0x00100030;     // PBA: 48 KiB for reception
	*plain_reg(r, RA) = (uint32_t)(e->eeprom[0] | (uint32_t)e->eeprom[1] << 16);
	*plain_reg(r, RA + 4) = e->eeprom[2] | 1u << 31;
	update_irq(e);
}

void e1000_core_init(struct e1000_core *e, const uint8_t mac[6], void (*irq)(void *arg, bool level), void *arg)
{
	*e = (struct e1000_core){ .irq = irq, .arg = arg };
	memcpy(e->mac, mac, sizeof(e->mac));
	fill_eeprom(e);
	e1000_core_reset(e);
}

// --- dispatch ------------------------------------------------------------------------------------

uint32_t e1000_read(struct e1000_core *e, uint32_t off)
{
	const uint32_t *reg;

	switch (off) {
	case CTRL: case CTRL_DUP: return e->regs.ctrl;
	case STATUS: return STATUS_FD | STATUS_SPEED_1000 | STATUS_PCI66;
	case EECD: return read_eecd(&e->regs);
	case EERD: return e->regs.eerd;
	case MDIC: return e->regs.mdic;
	case ICR: return read_icr(e);
	case ICS: case IMS: return e->regs.ims;
	default: break;
	}
	reg = off % 4 ? NULL : plain_reg(&e->regs, off);
	return reg ? *reg : 0;          // statistics and packet memory: nothing came, nothing went
}

static void write_interrupts(struct e1000_core *e, uint32_t off, uint32_t value)
{
	switch (off) {
	case ICR: e->regs.icr &= ~value; break;
	case ICS: e->regs.icr |= value; break;
	case IMS: e->regs.ims |= value; break;
	default: e->regs.ims &= ~value; break;
	}
	update_irq(e);
}

void e1000_write(struct e1000_core *e, uint32_t off, uint32_t value)
{
	uint32_t *reg;

	switch (off) {
	case CTRL: case CTRL_DUP: write_ctrl(e, value); return;
	case EECD: write_eecd(e, value); return;
	case EERD: write_eerd(e, value); return;
	case MDIC: write_mdic(&e->regs, value); return;
	case ICR: case ICS: case IMS: case IMC: write_interrupts(e, off, value); return;
	default: break;
	}
	reg = off % 4 ? NULL : plain_reg(&e->regs, off);
	if (reg)
		*reg = value;
}

uint32_t e1000_io_read(struct e1000_core *e, unsigned off)
{
	if (off == 0)
		return e->regs.io_address;
	return off == 4 && e->regs.io_address < E1000_MMIO_SIZE ? e1000_read(e, e->regs.io_address) : 0;
}

void e1000_io_write(struct e1000_core *e, unsigned off, uint32_t value)
{
	if (off == 0)
		e->regs.io_address = value;
	else if (off == 4 && e->regs.io_address < E1000_MMIO_SIZE)
		e1000_write(e, e->regs.io_address, value);
}

void e1000_sanitize(struct e1000_regs *r)
{
	r->eecd &= EECD_WRITABLE | EECD_DO;
	r->ee_in_bits = (uint8_t)MIN(r->ee_in_bits, COMMAND_BITS);
	r->ee_out_bits = (uint8_t)MIN(r->ee_out_bits, WORD_BITS - 1);
	r->ee_address %= E1000_EEPROM;
	r->ee_reading = r->ee_reading != 0;
}

void e1000_core_loaded(struct e1000_core *e)
{
	e1000_sanitize(&e->regs);
	update_irq(e);
}
