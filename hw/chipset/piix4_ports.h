// piix4_ports.h: core of the PIIX4's small ports: APM control and status, port 92h, reset control.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CHIPSET_PIIX4_PORTS_H
#define BERTH_CHIPSET_PIIX4_PORTS_H

#include <stdint.h>

// What the machine must do after a write; the register is updated already.
enum piix4_action {
	PIIX4_NOTHING,
	PIIX4_HARD_RESET,
	PIIX4_INIT,             // INIT to the CPUs
	PIIX4_ACPI_ON,
	PIIX4_ACPI_OFF,
};

enum piix4_apm_command {
	APM_ACPI_DISABLE = 0xf0,        // the FADT names both
	APM_ACPI_ENABLE = 0xf1,
};

struct piix4_port_regs { uint8_t apmc, apms, port92, rc; };

// The caller serialises. Reads never change anything: take the register's field.
void piix4_ports_reset(struct piix4_port_regs *r);
enum piix4_action piix4_apmc_write(struct piix4_port_regs *r, uint8_t value);
enum piix4_action piix4_port92_write(struct piix4_port_regs *r, uint8_t value);
enum piix4_action piix4_rc_write(struct piix4_port_regs *r, uint8_t value);

#endif
