// gmem.h: guest memory. The one door from a guest-physical address to bytes.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// RAM lies from 0 to 3 GiB and from 4 GiB up (vmware-hardware 1.6); 640 KiB to 768 KiB belongs to VGA,
// 768 KiB to 1 MiB is DRAM behind the host bridge's PAM registers. Besides RAM there are regions: ROMs and
// video memory, mapped where firmware or guest put them. Devices reach RAM and mapped regions through the
// functions below, never another device's registers.
#ifndef BERTH_BUS_GMEM_H
#define BERTH_BUS_GMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "gpa.h"

#define GMEM_LOW_LIMIT  0xc0000000ull   // RAM below the hole ends here at the latest
#define GMEM_HIGH_BASE  0x100000000ull  // the rest of RAM starts here

struct gmem;
struct gmem_region;

// Who maps slots for the CPU: KVM in the product, a recorder in unit tests. Called under gmem's lock.
struct gmem_host {
	// Maps LEN bytes at HVA to GPA as slot SLOT. 0 or -errno.
	int (*map)(void *arg, unsigned slot, uint64_t gpa, uint64_t len, void *hva, bool readonly, bool log_dirty);
	void (*unmap)(void *arg, unsigned slot);
	// Fetches and clears the dirty bits of a slot, one bit for each 4 KiB page. 0 or -errno.
	int (*dirty)(void *arg, unsigned slot, uint64_t *bitmap, size_t words);
	void *arg;
	// RAM that the caller mapped, at least as many bytes as gmem_create() is told, zeroed; gmem unmaps all RAM_SIZE
	// bytes in the end, also when gmem_create() fails. NULL: gmem maps its own.
	void *ram;
	uint64_t ram_size;
};

// RAM of SIZE bytes (multiple of 4 KiB), zeroed, not yet touched. HOST is copied.
int gmem_create(struct gmem **out, uint64_t size, const struct gmem_host *host, struct err *err);
void gmem_destroy(struct gmem *mem);
uint64_t gmem_low_size(const struct gmem *mem);         // bytes of RAM below the hole
uint64_t gmem_high_size(const struct gmem *mem);        // bytes of RAM from 4 GiB

// --- access: any thread, no lock needed ----------------------------------------------------------------
// The whole of [addr, addr + len) must be RAM (or a mapped region of memory); otherwise -EFAULT and nothing
// is transferred. A read-only region refuses writes with -EFAULT.
int gmem_read(struct gmem *mem, gpa_t addr, void *buf, size_t len);
int gmem_write(struct gmem *mem, gpa_t addr, const void *buf, size_t len);
// Appends the host pieces of the range to IOV (at most MAX entries in all). Returns the number of pieces,
// -EFAULT as above, -E2BIG when MAX does not suffice. WRITABLE: the device will write there. The pieces
// stay valid until the machine stops: RAM never moves, and region memory is freed only with the machine.
int gmem_iov(struct gmem *mem, gpa_t addr, size_t len, bool writable, struct iovec *iov, int max);

// --- regions: ROM and video memory -----------------------------------------------------------------------
struct gmem_region_args {
	const char *name;       // static string
	uint64_t size;          // multiple of 4 KiB
	bool readonly;          // guest writes are dropped (they go to the MMIO bus and are unclaimed there)
	bool log_dirty;
	void *backing;          // page-aligned memory the caller owns, or NULL to allocate
};
int gmem_region_create(struct gmem *mem, const struct gmem_region_args *args, struct gmem_region **out, struct err *err);
void *gmem_region_data(struct gmem_region *region);
uint64_t gmem_region_size(const struct gmem_region *region);
// Maps at ADDR (4 KiB aligned), moving it if it was mapped. -EEXIST when RAM or another region is there.
int gmem_region_map(struct gmem_region *region, gpa_t addr);
void gmem_region_unmap(struct gmem_region *region);
bool gmem_region_mapped(const struct gmem_region *region, gpa_t *addr);
// Sets bits of pages written since the last call (by CPU, or by gmem_write); BITMAP has one bit a page.
// Returns true when any bit was set. Unmapped: nothing is set.
bool gmem_region_dirty(struct gmem_region *region, uint64_t *bitmap, size_t words);
// Turns write access off and on while mapped: with it off, a CPU's first write arrives on the MMIO bus.
// That is how an idle screen costs no wake-up.
int gmem_region_protect(struct gmem_region *region, bool readonly);

// --- PAM: 768 KiB to 1 MiB, 440BX 59h..5Fh -----------------------------------------------------------------
// Segments: 0..11 are 16 KiB each from C0000h to EFFFFh, 12 is the 64 KiB from F0000h.
#define GMEM_PAM_SEGMENTS 13
enum gmem_pam { GMEM_PAM_RE = 1, GMEM_PAM_WE = 2 };     // read from DRAM, write to DRAM
// ROM is what reads give where RE is clear (256 KiB image of C0000h..FFFFFh, page aligned, caller owned).
void gmem_pam_rom(struct gmem *mem, const void *rom256k);
// Sets all segments at once from an array of flag bytes; remaps only what changed.
void gmem_pam_set(struct gmem *mem, const uint8_t flags[GMEM_PAM_SEGMENTS]);
// A CPU write that reached the MMIO bus in C0000h..FFFFFh: stored in DRAM when WE is set without RE.
void gmem_pam_write(struct gmem *mem, gpa_t addr, const void *buf, size_t len);

#endif
