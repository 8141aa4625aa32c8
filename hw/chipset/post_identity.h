// post_identity.h: what the chipset claims to be while SeaBIOS runs its POST, and from then on.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// SeaBIOS unlocks shadow RAM on an i440FX only and trusts its platform by a subsystem ID. So the host
// bridge starts as that. When the firmware has opened the BIOS segment for writing (PAM0 = 30h) and closes
// it again (PAM0 = 10h), POST is over; the OS that enables ACPI is the second sign. From then on it is
// VMware's 440BX, with the PM and SMBus blocks at VMware's ports. A reset goes back.
#ifndef BERTH_CHIPSET_POST_IDENTITY_H
#define BERTH_CHIPSET_POST_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "bus/fields.h"
#include "hw/pci/pci.h"

enum post_identity_ports {
	VMWARE_PM_BASE = 0x1000,
	VMWARE_SMBUS_BASE = 0x1040,
};

struct post_identity_host {
	// The identity to show changed. Same thread and locks as the call that caused it.
	void (*present)(void *arg, bool final);
	void *arg;
};

struct post_identity_regs {
	uint8_t opened;         // the firmware has had the BIOS segment writable
	uint8_t final;          // POST is over
};

// No lock of its own: the owner calls everything under the PCI root's lock.
struct post_identity {
	struct post_identity_regs regs;
	bool enabled;           // false: firmware that needs no disguise, final from the start
	struct post_identity_host host;
};

extern const struct fields post_identity_fields;

// HOST is copied. Nothing is presented before the first post_identity_reset().
void post_identity_init(struct post_identity *p, bool enabled, const struct post_identity_host *host);
// Back to the identity of power-on, and presents it.
void post_identity_reset(struct post_identity *p);
// Presents the identity that the registers hold; after they were restored.
void post_identity_restored(struct post_identity *p);
// PAM0 was written and now holds VALUE.
void post_identity_pam0(struct post_identity *p, uint8_t value);
// The OS enabled ACPI.
void post_identity_acpi_enabled(struct post_identity *p);
bool post_identity_final(const struct post_identity *p);
// The IDs of the host bridge, 00:00.0.
const struct pci_id *post_identity_ids(bool final);

#endif
