// acpi_genid.h: the ACPI device by which a guest finds its VM generation ID. Inside hw/firmware only.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_FIRMWARE_ACPI_GENID_H
#define BERTH_FIRMWARE_ACPI_GENID_H

#include "hw/firmware/acpi.h"
#include "hw/firmware/blob.h"

// Appends \_SB.PCI0.VMGC and its event to the open SSDT; nothing when args->genid is 0.
void acpi_put_genid(struct blob *b, const struct acpi_args *args);

#endif
