// memory.h: where the guest's RAM comes from: pages of which size, locked or not; how much of it is there.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_MACHINE_MEMORY_H
#define BERTH_MACHINE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vmx/config.h"

struct memory {
	void *ram;
	size_t size;            // mapped: the guest's RAM, rounded up to the size of its pages
};

// Maps SIZE bytes of zeros as BACKING says; LOCKED keeps all of it in the host's memory from now on. EXIT_HOST when
// this host does not give it.
int memory_map(uint64_t size, enum vm_memory_backing backing, bool locked, struct memory *out, struct err *err);
// Before memory was handed to gmem_create(), which owns it then.
void memory_unmap(struct memory *m);
// Bytes that are in the host's memory now; 0 when the kernel does not tell. The kernel walks the page tables for it, which
// takes a while with much memory: not on the loop thread (machine/gauge.h).
uint64_t memory_resident(const struct memory *m);

#endif
