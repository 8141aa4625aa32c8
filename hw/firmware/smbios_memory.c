// smbios_memory.c: SMBIOS structures of memory: controller and modules, array and devices, address ranges.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "base/compiler.h"
#include "hw/firmware/smbios_writer.h"

#define SLOT_MB         16384u          // largest module while the slots suffice
#define FULL_SLOTS      40u             // slots of the largest size; the others are for the smaller pieces
#define MODULE_MB_LOG   15u             // the older description: modules up to 2^15 MB

// The largest power of two that is not above V (which is not 0).
static uint64_t power_below(uint64_t v)
{
	return UINT64_C(1) << (63 - __builtin_clzll(v));
}

void smb_memory_slots(uint64_t mb, uint64_t slots[SMB_MEMORY_SLOTS])
{
	uint64_t largest = SLOT_MB;

	while (largest < UINT64_C(1) << 40 && largest * FULL_SLOTS < mb)
		largest *= 2;
	for (unsigned i = 0; i < SMB_MEMORY_SLOTS; i++) {
		uint64_t piece = mb ? MIN(power_below(mb), largest) : 0;

		if (i == SMB_MEMORY_SLOTS - 1)
			piece = mb;
		slots[i] = piece;
		mb -= piece;
	}
}

// --- 5 and 6 -----------------------------------------------------------------------------------------

enum controller_values {
	ERRORS_NONE = 3, CORRECTS_NONE = 1u << 2, ONE_WAY = 3,
	SPEED_70NS = 1u << 2, SPEED_60NS = 1u << 3,
	KIND_FPM = 1u << 3, KIND_EDO = 1u << 4, KIND_DIMM = 1u << 8, KIND_SDRAM = 1u << 10,
	VOLTAGE_3V3 = 1u << 1,
};

static void put_controller(struct smb *s)
{
	smb_begin(s, 5);
	blob_u8(&s->b, ERRORS_NONE);
	blob_u8(&s->b, CORRECTS_NONE);
	blob_u8(&s->b, ONE_WAY);        // supported, current interleave
	blob_u8(&s->b, ONE_WAY);
	blob_u8(&s->b, MODULE_MB_LOG);
	blob_u16(&s->b, SPEED_70NS | SPEED_60NS);
	blob_u16(&s->b, KIND_FPM | KIND_EDO | KIND_DIMM | KIND_SDRAM);
	blob_u8(&s->b, VOLTAGE_3V3);
	blob_u8(&s->b, SMB_MODULES);
	for (unsigned i = 0; i < SMB_MODULES; i++)
		blob_u16(&s->b, smb_handle_ahead(s, 1 + i));
	blob_u8(&s->b, CORRECTS_NONE);
	smb_end(s);
}

// log2 of MB, or "not installed".
static unsigned module_size(uint64_t mb)
{
	enum { NOT_INSTALLED = 0x7f };

	if (!mb)
		return NOT_INSTALLED;
	return MIN((unsigned)(63 - __builtin_clzll(mb)), MODULE_MB_LOG);
}

static void put_module(struct smb *s, unsigned index, uint64_t mb)
{
	enum { NO_BANKS = 0xff };
	char name[24];

	snprintf(name, sizeof(name), "RAM socket #%u", index);
	smb_begin(s, 6);
	smb_string(s, name);
	blob_u8(&s->b, NO_BANKS);
	blob_u8(&s->b, 0);              // speed unknown
	blob_u16(&s->b, mb ? KIND_EDO | KIND_DIMM : 0);
	blob_u8(&s->b, module_size(mb));        // installed, enabled
	blob_u8(&s->b, module_size(mb));
	blob_u8(&s->b, 0);              // no errors
	smb_end(s);
}

void smb_put_memory_modules(struct smb *s)
{
	uint64_t slots[SMB_MEMORY_SLOTS];

	smb_memory_slots(s->args->mem_mb, slots);
	put_controller(s);
	for (unsigned i = 0; i < SMB_MODULES; i++)
		put_module(s, i, slots[i]);
}

// --- 16 and 17 ---------------------------------------------------------------------------------------

enum array_values {
	ARRAY_BOARD = 3, ARRAY_SYSTEM = 3, ARRAY_NO_ECC = 3,
	ARRAY_DEFAULT_GB = 65,
	NO_ERROR_INFO = 0xfffe,
};

#define CAPACITY_EXTENDED 0x80000000u   // the size in KiB is in the wide field instead

static unsigned put_array(struct smb *s)
{
	uint64_t kb = MAX((uint64_t)ARRAY_DEFAULT_GB << 20, s->args->mem_mb << 10);
	unsigned handle = smb_begin(s, 16);
	bool wide = kb >= CAPACITY_EXTENDED;

	blob_u8(&s->b, ARRAY_BOARD);
	blob_u8(&s->b, ARRAY_SYSTEM);
	blob_u8(&s->b, ARRAY_NO_ECC);
	blob_u32(&s->b, wide ? CAPACITY_EXTENDED : (uint32_t)kb);
	blob_u16(&s->b, NO_ERROR_INFO);
	blob_u16(&s->b, SMB_MEMORY_SLOTS);
	if (s->v27)
		blob_u64(&s->b, wide ? kb << 10 : 0);
	smb_end(s);
	return handle;
}

enum device_values {
	DEVICE_DIMM = 9, DEVICE_DRAM = 3, DEVICE_UNKNOWN = 2,
	DETAIL_SYNCHRONOUS = 1u << 7, DETAIL_EDO = 1u << 9,
	SIZE_EXTENDED = 0x7fff,
};

// Hardware version 20 and later describes modules of today.
static bool modern(const struct smb *s)
{
	return s->args->hw_version >= 20;
}

// What SMBIOS 2.6, 2.7 and 2.8 added.
static void put_device_tail(struct smb *s, uint64_t mb)
{
	enum { MT_PER_S = 4800, MILLIVOLTS = 1200 };

	if (!s->v27)
		return;
	blob_u8(&s->b, 0);              // rank
	blob_u32(&s->b, mb >= SIZE_EXTENDED ? (uint32_t)mb : 0);
	blob_u16(&s->b, modern(s) && mb ? MT_PER_S : 0);
	if (modern(s)) {
		blob_u32(&s->b, 0);     // lowest and highest voltage
		blob_u16(&s->b, mb ? MILLIVOLTS : 0);
	}
}

static void put_device(struct smb *s, unsigned array, unsigned index, uint64_t mb)
{
	unsigned width = !mb ? 0 : modern(s) ? 64 : 32;
	char name[24], serial[16], part[40];
	bool named = modern(s) && mb;

	snprintf(name, sizeof(name), "RAM slot #%u", index);
	snprintf(serial, sizeof(serial), "%08u", index + 1);
	snprintf(part, sizeof(part), "VMW-%lluMB", (unsigned long long)mb);
	smb_begin(s, 17);
	blob_u16(&s->b, array);
	blob_u16(&s->b, NO_ERROR_INFO);
	blob_u16(&s->b, width ? width : 0xffff);        // total, data
	blob_u16(&s->b, width ? width : 0xffff);
	blob_u16(&s->b, (unsigned)MIN(mb, (uint64_t)SIZE_EXTENDED));
	blob_u8(&s->b, DEVICE_DIMM);
	blob_u8(&s->b, 0);              // not of a set
	smb_string(s, name);
	smb_string(s, name);
	blob_u8(&s->b, mb ? DEVICE_DRAM : DEVICE_UNKNOWN);
	blob_u16(&s->b, modern(s) ? DETAIL_SYNCHRONOUS : DETAIL_EDO);
	blob_u16(&s->b, 0);             // speed unknown
	smb_string(s, named ? "VMware Virtual RAM" : NULL);
	smb_string(s, named ? serial : NULL);
	smb_string(s, NULL);
	smb_string(s, named ? part : NULL);
	put_device_tail(s, mb);
	smb_end(s);
}

// --- 18, 33, 19, 20 ----------------------------------------------------------------------------------

enum memory_error { ERROR_OK = 3, ERROR_UNKNOWN = 2 };

// The last memory error: none. TYPE 18 has 32-bit addresses, 33 has 64-bit ones.
static void put_memory_error(struct smb *s, unsigned type)
{
	unsigned wide = type == 33 ? 4 : 0;

	smb_begin(s, type);
	blob_u8(&s->b, ERROR_OK);
	blob_u8(&s->b, ERROR_UNKNOWN);  // granularity, operation
	blob_u8(&s->b, ERROR_UNKNOWN);
	blob_u32(&s->b, 0);             // syndrome
	for (unsigned i = 0; i < 2; i++) {      // in the array, in the device
		blob_zero(&s->b, wide);
		blob_u32(&s->b, 0x80000000);
	}
	blob_u32(&s->b, 0x80000000);    // resolution
	smb_end(s);
}

// Addresses are in KiB; 4 TiB and more is told as the last one there is.
static uint32_t last_kb(uint64_t mb)
{
	return (uint32_t)MIN((mb << 10) - 1, (uint64_t)UINT32_MAX - 1);
}

// SMBIOS 2.7: first and last address once more, in 64 bits, for what does not fit; not used here.
static void put_long_range(struct smb *s)
{
	if (s->v27)
		blob_zero(&s->b, 16);
}

static void put_array_range(struct smb *s, unsigned array)
{
	smb_begin(s, 19);
	blob_u32(&s->b, 0);
	blob_u32(&s->b, last_kb(MAX(s->args->mem_mb, 1)));
	blob_u16(&s->b, array);
	blob_u8(&s->b, SMB_MEMORY_SLOTS);       // devices that form one row
	put_long_range(s);
	smb_end(s);
}

// VMware tells the same of every slot, empty or not: what lies behind the memory there is. The range that it is part
// of has always this handle, whatever that is.
static void put_device_range(struct smb *s, unsigned device)
{
	enum { SLOT_RANGE_MB = 64511, RANGE_HANDLE = 0xa7, UNKNOWN = 0xff };
	uint64_t first_mb = MAX(s->args->mem_mb, 1);

	smb_begin(s, 20);
	blob_u32(&s->b, (uint32_t)MIN(first_mb << 10, (uint64_t)UINT32_MAX - 1));
	blob_u32(&s->b, last_kb(first_mb + SLOT_RANGE_MB));
	blob_u16(&s->b, device);
	blob_u16(&s->b, RANGE_HANDLE);
	blob_u8(&s->b, UNKNOWN);        // row, interleave position and depth
	blob_u8(&s->b, UNKNOWN);
	blob_u8(&s->b, UNKNOWN);
	put_long_range(s);
	smb_end(s);
}

void smb_put_memory_array(struct smb *s)
{
	uint64_t slots[SMB_MEMORY_SLOTS];
	unsigned array, first_device;

	smb_memory_slots(s->args->mem_mb, slots);
	array = put_array(s);
	first_device = smb_handle_ahead(s, 0);
	for (unsigned i = 0; i < SMB_MEMORY_SLOTS; i++)
		put_device(s, array, i, slots[i]);
	put_memory_error(s, 18);
	put_array_range(s, array);
	for (unsigned i = 0; i < SMB_MEMORY_SLOTS; i++)
		put_device_range(s, first_device + i);
	put_memory_error(s, 33);
}
