// smbios_writer.h: writing SMBIOS structures one after another. Inside hw/firmware only.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// smb_begin(), the fields in their order, smb_end(). smb_string() writes a string's number into the structure
// and the text behind it; the text must stay until smb_end().
#ifndef BERTH_FIRMWARE_SMBIOS_WRITER_H
#define BERTH_FIRMWARE_SMBIOS_WRITER_H

#include "hw/firmware/smbios.h"

#define SMB_STRINGS     8u
#define SMB_STRING_MAX  64u
#define SMB_MEMORY_SLOTS 64u
#define SMB_MODULES     15u     // the older kind of memory description
#define SMB_NO_HANDLE   0xffffu

struct smb {
	struct blob b;
	const struct smbios_args *args;
	bool v27;
	size_t start;                   // of the open structure
	const char *strings[SMB_STRINGS];
	unsigned string_count;
	unsigned structures;
	size_t largest;
};

// Opens a structure and returns its handle.
unsigned smb_begin(struct smb *s, unsigned type);
// NULL and "" become "not specified".
void smb_string(struct smb *s, const char *text);
void smb_end(struct smb *s);
// The handle that the structure after AHEAD others will get.
unsigned smb_handle_ahead(const struct smb *s, unsigned ahead);

// In smbios_system.c: BIOS, system, board, chassis (0 to 3), and what is plugged in (8 to 15); those at the
// end (23, 24, 30, 32, 126, 127).
void smb_put_system(struct smb *s);
void smb_put_connections(struct smb *s);
void smb_put_end(struct smb *s);
// In smbios_cpu.c: processors and their caches (4, 7).
void smb_put_cpus(struct smb *s);
// In smbios_memory.c: 5 and 6; 16 to 20 and 33.
void smb_put_memory_modules(struct smb *s);
void smb_put_memory_array(struct smb *s);
// How MB megabytes are spread over the slots: powers of two, largest first; the rest are 0.
void smb_memory_slots(uint64_t mb, uint64_t slots[SMB_MEMORY_SLOTS]);

#endif
