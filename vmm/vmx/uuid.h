// uuid.h: the UUIDs of a .vmx, and what VMware derives from uuid.bios.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// vmx-keys 2.1.2. Pure but for uuid_generate() and uuid_host_id(); any thread.
#ifndef BERTH_VMX_UUID_H
#define BERTH_VMX_UUID_H

#include <stdint.h>

#include "base/err.h"

#define UUID_TEXT       48u     // "56 4d .. ..-.. .. ..", with its NUL
#define SAS_WWN_TEXT    24u     // "50 05 05 6a 63 a5 a8 30"

// As VMware prints them: eight bytes, a dash, eight bytes.
void uuid_format(const uint8_t uuid[16], char out[UUID_TEXT]);
// Random, beginning with 56 4d ("VM") as those that a VMware host makes.
int uuid_generate(uint8_t out[16], struct err *err);
// What identifies this host: /etc/machine-id, zeros where there is none.
void uuid_host_id(uint8_t out[16]);
// Where a VM is: a digest of the host and of the .vmx's path (absolute). VMware's own formula for uuid.location is not
// known; this is Berth's, for berth.location.
void uuid_location(const uint8_t host[16], const char *vmx_path, uint8_t out[16]);

// vmci0.id: the last four bytes, read as a signed big-endian number.
int32_t uuid_vmci_id(const uint8_t uuid[16]);
// scsiN.sasWWID of controller N. For 1 to 3 VMware's rule is not known: the last digit is then N.
void uuid_sas_wwn(const uint8_t uuid[16], unsigned controller, char out[SAS_WWN_TEXT]);

#endif
