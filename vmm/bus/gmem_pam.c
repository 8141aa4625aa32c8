// gmem_pam.c: 768 KiB to 1 MiB: DRAM or ROM, segment by segment, as the host bridge's PAM registers say.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "bus/gmem_impl.h"

// A run is a series of segments with equal flags; it has one slot, kept at its first segment.
static void map_pam_run(struct gmem *mem, unsigned first, unsigned last)
{
	uint8_t flags = atomic_load(&mem->pam[first]);
	uint64_t base = gmem_pam_base(first), len = gmem_pam_base(last) + gmem_pam_size(last) - base;
	void *hva = mem->ram + base;

	if (!(flags & GMEM_PAM_RE)) {
		if (!mem->pam_rom)
			return;
		hva = (uint8_t *)(uintptr_t)mem->pam_rom + (base - PAM_FIRST);
	}
	// A slot that cannot be had leaves the run on the MMIO bus: slow and unclaimed, but defined.
	(void)gmem_map_slot(mem, &mem->pam_slot[first], base, len, hva, flags == (GMEM_PAM_RE | GMEM_PAM_WE) ? 0 : 1);
}

// The runs that FLAGS make: for each segment the first of its run.
static void find_runs(const uint8_t flags[GMEM_PAM_SEGMENTS], unsigned first[GMEM_PAM_SEGMENTS])
{
	for (unsigned i = 0; i < GMEM_PAM_SEGMENTS; i++)
		first[i] = i && flags[i] == flags[i - 1] ? first[i - 1] : i;
}

static bool same_run(const uint8_t *was, const unsigned *was_first, const uint8_t *now, const unsigned *now_first, unsigned seg)
{
	unsigned f = now_first[seg];

	if (was_first[seg] != f || was[f] != now[f])
		return false;
	for (unsigned i = f; i < GMEM_PAM_SEGMENTS && (was_first[i] == f || now_first[i] == f); i++) {
		if (was_first[i] != now_first[i])
			return false;
	}
	return true;
}

static unsigned last_of(const unsigned first[GMEM_PAM_SEGMENTS], unsigned seg)
{
	while (seg + 1 < GMEM_PAM_SEGMENTS && first[seg + 1] == first[seg])
		seg++;
	return seg;
}

// Only runs that changed are touched: another CPU may be executing in one that did not. Old runs go before new
// ones come, since slots must not overlap.
static void remap_pam(struct gmem *mem, const uint8_t was[GMEM_PAM_SEGMENTS], bool all)
{
	uint8_t now[GMEM_PAM_SEGMENTS];
	unsigned was_first[GMEM_PAM_SEGMENTS], now_first[GMEM_PAM_SEGMENTS];
	bool keep[GMEM_PAM_SEGMENTS];

	for (unsigned i = 0; i < GMEM_PAM_SEGMENTS; i++)
		now[i] = atomic_load(&mem->pam[i]);
	find_runs(was, was_first);
	find_runs(now, now_first);
	for (unsigned i = 0; i < GMEM_PAM_SEGMENTS; i++)
		keep[i] = !all && same_run(was, was_first, now, now_first, i);
	for (unsigned i = 0; i < GMEM_PAM_SEGMENTS; i++) {
		if (was_first[i] == i && !keep[i])
			gmem_unmap_slot(mem, &mem->pam_slot[i]);
	}
	for (unsigned i = 0; i < GMEM_PAM_SEGMENTS; i++) {
		if (now_first[i] == i && !keep[i])
			map_pam_run(mem, i, last_of(now_first, i));
	}
}

void gmem_pam_rom(struct gmem *mem, const void *rom256k)
{
	uint8_t was[GMEM_PAM_SEGMENTS];

	pthread_rwlock_wrlock(&mem->lock);
	mem->pam_rom = rom256k;
	for (unsigned i = 0; i < GMEM_PAM_SEGMENTS; i++)
		was[i] = atomic_load(&mem->pam[i]);
	remap_pam(mem, was, true);
	pthread_rwlock_unlock(&mem->lock);
}

void gmem_pam_set(struct gmem *mem, const uint8_t flags[GMEM_PAM_SEGMENTS])
{
	uint8_t was[GMEM_PAM_SEGMENTS];

	pthread_rwlock_wrlock(&mem->lock);
	for (unsigned i = 0; i < GMEM_PAM_SEGMENTS; i++)
		was[i] = atomic_exchange(&mem->pam[i], flags[i] & (GMEM_PAM_RE | GMEM_PAM_WE));
	remap_pam(mem, was, false);
	pthread_rwlock_unlock(&mem->lock);
}

void gmem_pam_write(struct gmem *mem, gpa_t addr, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	for (size_t i = 0; i < len; i++) {
		uint64_t a = addr.raw + i;

		if (a >= PAM_FIRST && a < PAM_END && (atomic_load(&mem->pam[gmem_pam_segment(a)]) & GMEM_PAM_WE))
			mem->ram[a] = p[i];
	}
}
