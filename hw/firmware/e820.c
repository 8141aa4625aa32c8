// e820.c: the memory map that the firmware starts from.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/firmware/e820.h"

#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "hw/firmware/fw_cfg.h"

#define HIGH_BASE 0x100000000ull

// As VMware's BIOS reserves them.
static const struct e820_range chipset[] = {
	{ 0xfec00000, 0x10000 },        // IOAPIC
	{ 0xfee00000, 0x1000 },         // local APICs
	{ 0xfffe0000, 0x20000 },        // BIOS
};

static void put(struct blob *b, struct e820_range range, enum e820_type type)
{
	if (!range.size || range.first > UINT64_MAX - range.size)
		return;
	blob_u64(b, range.first);
	blob_u64(b, range.size);
	blob_u32(b, type);
}

void e820_write(const struct e820_args *args, struct blob *b)
{
	put(b, (struct e820_range){ 0, args->low_size }, E820_RAM);
	put(b, (struct e820_range){ HIGH_BASE, args->high_size }, E820_RAM);
	for (size_t i = 0; i < ARRAY_SIZE(chipset); i++)
		put(b, chipset[i], E820_RESERVED);
	for (size_t i = 0; i < args->reserved_count; i++)
		put(b, args->reserved[i], E820_RESERVED);
}

int e820_build(const struct e820_args *args, struct fw_cfg *fw, struct err *err)
{
	struct blob b = { 0 };
	int r;

	e820_write(args, &b);
	r = b.failed ? -ENOMEM : fw_cfg_add_file(fw, "etc/e820", b.data, b.len);
	blob_free(&b);
	return r < 0 ? err_set(err, -r, "e820", "the memory map cannot be stored: %s", strerror(-r)) : 0;
}
