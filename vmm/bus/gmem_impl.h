// gmem_impl.h: guest memory from inside: what RAM, PAM window and regions share.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BUS_GMEM_IMPL_H
#define BERTH_BUS_GMEM_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "bus/gmem.h"

#define PAGE          4096ull
#define VGA_FIRST     0xa0000ull
#define PAM_FIRST     0xc0000ull
#define PAM_END       0x100000ull
#define PAM_STEP      0x4000ull
#define PAM_LAST_SEG  0xf0000ull        // the 64 KiB segment
#define SLOTS         128u
#define NO_SLOT       UINT32_MAX

struct gmem_region {
	struct gmem *mem;
	const char *name;
	uint64_t size;
	bool readonly, log_dirty, owned;
	bool protected;                 // write access is off for now
	uint8_t *data;
	_Atomic uint64_t *host_dirty;   // pages written through gmem_write(), one bit each
	bool mapped;
	uint64_t addr;
	unsigned slot;
	struct gmem_region *next;
};

struct gmem {
	struct gmem_host host;
	uint8_t *ram;                   // low RAM, then high RAM
	uint64_t low, high;
	size_t ram_map_len;
	pthread_rwlock_t lock;          // regions, slots, PAM; taken after device locks
	struct gmem_region *regions;
	uint64_t slots_used[SLOTS / 64];
	const uint8_t *pam_rom;
	_Atomic uint8_t pam[GMEM_PAM_SEGMENTS];
	unsigned pam_slot[GMEM_PAM_SEGMENTS];
};

// A free slot for LEN bytes of HVA at ADDR; FLAGS: 1 read-only, 2 log dirty pages. 0, -ENOSPC or what the host says;
// *SLOT is NO_SLOT then. Lock held, or before anybody else knows MEM.
int gmem_map_slot(struct gmem *mem, unsigned *slot, uint64_t addr, uint64_t len, void *hva, unsigned flags);
// Nothing happens to NO_SLOT.
void gmem_unmap_slot(struct gmem *mem, unsigned *slot);
// Notes that the device side wrote LEN bytes from HOST on. REGION may be NULL (RAM keeps no log).
void gmem_mark_dirty(struct gmem_region *region, const uint8_t *host, uint64_t len);

static inline unsigned gmem_pam_segment(uint64_t addr)
{
	return addr >= PAM_LAST_SEG ? GMEM_PAM_SEGMENTS - 1 : (unsigned)((addr - PAM_FIRST) / PAM_STEP);
}

static inline uint64_t gmem_pam_base(unsigned seg) { return PAM_FIRST + seg * PAM_STEP; }

static inline uint64_t gmem_pam_size(unsigned seg)
{
	return seg == GMEM_PAM_SEGMENTS - 1 ? PAM_END - PAM_LAST_SEG : PAM_STEP;
}

#endif
