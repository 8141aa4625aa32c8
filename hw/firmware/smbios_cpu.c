// smbios_cpu.c: SMBIOS structures of processors and their caches.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "base/compiler.h"
#include "hw/firmware/smbios_writer.h"

// VMware's BIOS lists all sockets that there could be, from the hardware version on that can have so many CPUs.
#define HW_VERSION_ALL_SOCKETS 11
#define ALL_SOCKETS            128u

enum cpu_values {
	CPU_CENTRAL = 3, CPU_FAMILY_UNKNOWN = 2, CPU_3V3 = 1u << 1, CPU_MAX_MHZ = 30000,
	CPU_ENABLED = 0x41,             // socket populated, enabled
	CPU_DISABLED = 0x43,            // populated, disabled by the BIOS
	CPU_ZIF = 4,
	CPU_64_BIT = 1u << 2,
};

enum cache_values {
	CACHE_ENABLED = 1u << 7, CACHE_WRITE_BACK = 1u << 8,
	CACHE_SRAM_UNKNOWN = 1u << 1, CACHE_UNKNOWN = 2,
};

// Sizes in KiB.
static void put_cache(struct smb *s, unsigned level, unsigned max, unsigned installed)
{
	char name[4];

	snprintf(name, sizeof(name), "L%u", level & 7);
	smb_begin(s, 7);
	smb_string(s, name);
	blob_u16(&s->b, CACHE_ENABLED | CACHE_WRITE_BACK | (level - 1));
	blob_u16(&s->b, max);
	blob_u16(&s->b, installed);
	blob_u16(&s->b, CACHE_SRAM_UNKNOWN);
	blob_u16(&s->b, CACHE_SRAM_UNKNOWN);
	blob_u8(&s->b, 0);              // speed
	blob_u8(&s->b, CACHE_UNKNOWN);  // error correction, type, associativity
	blob_u8(&s->b, CACHE_UNKNOWN);
	blob_u8(&s->b, CACHE_UNKNOWN);
	smb_end(s);
}

// A count that does not fit its byte is told as 255, as the standard has it.
static void put_cores(struct smb *s, unsigned cores)
{
	unsigned told = MIN(cores, 255u);

	blob_u8(&s->b, told);           // cores, enabled cores, threads
	blob_u8(&s->b, told);
	blob_u8(&s->b, told);
}

// SOCKET with CORES cores; 0: none of the VM's. Its caches are the two structures that follow.
static void put_cpu(struct smb *s, unsigned socket, unsigned cores)
{
	const struct smbios_cpu *cpu = &s->args->cpu;
	char name[16];

	snprintf(name, sizeof(name), "CPU #%03u", socket);
	smb_begin(s, 4);
	smb_string(s, name);
	blob_u8(&s->b, CPU_CENTRAL);
	blob_u8(&s->b, CPU_FAMILY_UNKNOWN);
	smb_string(s, cpu->vendor);
	blob_u32(&s->b, cpu->signature);
	blob_u32(&s->b, cpu->features);
	smb_string(s, cpu->brand);
	blob_u8(&s->b, CPU_3V3);
	blob_u16(&s->b, 0);             // external clock
	blob_u16(&s->b, CPU_MAX_MHZ);
	blob_u16(&s->b, MIN(cpu->mhz, 0xffffu));
	blob_u8(&s->b, cores ? CPU_ENABLED : CPU_DISABLED);
	blob_u8(&s->b, CPU_ZIF);
	blob_u16(&s->b, smb_handle_ahead(s, 1));
	blob_u16(&s->b, smb_handle_ahead(s, 2));
	blob_u16(&s->b, SMB_NO_HANDLE);
	blob_zero(&s->b, 3);            // serial number, asset tag, part number
	put_cores(s, cores);
	blob_u16(&s->b, cpu->long_mode ? CPU_64_BIT : 0);
	blob_u16(&s->b, CPU_FAMILY_UNKNOWN);
	smb_end(s);
	put_cache(s, 1, 16, 16);
	put_cache(s, 2, 24 * 1024, 0);
}

void smb_put_cpus(struct smb *s)
{
	unsigned per_socket = s->args->cores_per_socket, left = s->args->cpus;
	unsigned least = s->args->hw_version >= HW_VERSION_ALL_SOCKETS ? ALL_SOCKETS : 0;

	for (unsigned socket = 0; left || socket < least; socket++) {
		unsigned cores = MIN(left, per_socket);

		put_cpu(s, socket, cores);
		left -= cores;
	}
}
