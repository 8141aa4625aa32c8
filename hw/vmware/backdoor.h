// backdoor.h: VMware's port 5658h: commands a guest gives with a 32-bit IN and all its registers.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Pure: registers in, registers out. vmware-hardware section 7.1 and 7.2.
#ifndef BERTH_VMWARE_BACKDOOR_H
#define BERTH_VMWARE_BACKDOOR_H

#include <stdbool.h>
#include <stdint.h>

#define BACKDOOR_MAGIC 0x564d5868u      // "VMXh"

struct backdoor_regs {
	uint32_t eax, ebx, ecx, edx, esi, edi, ebp;
	unsigned cpl, iopl;     // of the caller
};

struct backdoor_args {
	unsigned hw_version;
	uint64_t mem_mb;
	uint8_t uuid[16];
	uint64_t tsc_hz;
	uint32_t apic_hz;
	bool restricted;        // monitor_control.restrict_backdoor
	_Atomic bool *guest_restricts;  // the same, asked for by the guest's kernel (NESTING_CONTROL); a reset clears it
	// Wall-clock time of the guest: seconds since 1970 UTC and microseconds. Any thread.
	void (*now)(void *arg, uint64_t *seconds, uint32_t *microseconds);
	void *arg;
};

// Carries out the command in REGS. False when there is no backdoor for this caller: wrong magic, or a caller that
// port permissions would have stopped (restricted, CPL above IOPL); the access is then one to an empty port.
// Any thread.
bool backdoor_command(const struct backdoor_args *b, struct backdoor_regs *regs);

#endif
