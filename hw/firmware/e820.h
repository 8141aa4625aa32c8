// e820.h: the memory map that the firmware starts from (etc/e820).
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_FIRMWARE_E820_H
#define BERTH_FIRMWARE_E820_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "hw/firmware/blob.h"

struct fw_cfg;

enum e820_type { E820_RAM = 1, E820_RESERVED = 2 };
#define E820_ENTRY 20u          // u64 address, u64 length, u32 type

struct e820_range { uint64_t first, size; };

struct e820_args {
	uint64_t low_size;              // RAM from 0, at most 3 GiB
	uint64_t high_size;             // RAM from 4 GiB, may be 0
	const struct e820_range *reserved;      // what the host side needs besides the chipset's ranges
	size_t reserved_count;
};

// Appends the entries: RAM first, then IOAPIC, local APIC and BIOS, then ARGS->reserved. Empty ranges and
// such that wrap are left out.
void e820_write(const struct e820_args *args, struct blob *b);
// The same as file etc/e820. Before the machine starts.
int e820_build(const struct e820_args *args, struct fw_cfg *fw, struct err *err);

#endif
