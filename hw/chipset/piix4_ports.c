// piix4_ports.c: APM control (B2h, B3h), fast A20 and INIT (92h), reset control (CF9h).
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/piix4_ports.h"

enum port92_bit {
	FAST_INIT = 1 << 0,
	FAST_A20 = 1 << 1,
};

enum rc_bit {
	RC_SRST = 1 << 1,       // 1: reset the system, 0: INIT the CPU
	RC_RCPU = 1 << 2,       // its rising edge does it
	RC_FULL = 1 << 3,       // power cycle, on later chips; kept so that it reads back
};

void piix4_ports_reset(struct piix4_port_regs *r)
{
	// A20 is never masked on this machine, so the register says that it is on.
	*r = (struct piix4_port_regs){ .port92 = FAST_A20 };
}

enum piix4_action piix4_apmc_write(struct piix4_port_regs *r, uint8_t value)
{
	r->apmc = value;
	switch (value) {
	case APM_ACPI_ENABLE: return PIIX4_ACPI_ON;
	case APM_ACPI_DISABLE: return PIIX4_ACPI_OFF;
	default: return PIIX4_NOTHING;
	}
}

enum piix4_action piix4_port92_write(struct piix4_port_regs *r, uint8_t value)
{
	uint8_t old = r->port92;

	r->port92 = value & (FAST_INIT | FAST_A20);
	return (value & FAST_INIT) && !(old & FAST_INIT) ? PIIX4_INIT : PIIX4_NOTHING;
}

// RCPU acts on its rising edge, and the reset it starts takes it back: it never reads as 1.
enum piix4_action piix4_rc_write(struct piix4_port_regs *r, uint8_t value)
{
	r->rc = value & (RC_SRST | RC_FULL);
	if (!(value & RC_RCPU))
		return PIIX4_NOTHING;
	return value & RC_SRST ? PIIX4_HARD_RESET : PIIX4_INIT;
}
