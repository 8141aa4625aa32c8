// gmem.c: RAM, the PAM window, ROM and video memory regions; the door for devices.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "bus/gmem.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/compiler.h"

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

// --- slots -----------------------------------------------------------------------------------------

static unsigned take_slot(struct gmem *mem)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		if (!(mem->slots_used[i / 64] >> (i % 64) & 1)) {
			mem->slots_used[i / 64] |= 1ull << (i % 64);
			return i;
		}
	}
	return NO_SLOT;
}

static int map_slot(struct gmem *mem, unsigned *slot, uint64_t addr, uint64_t len, void *hva, unsigned flags)
{
	unsigned n = take_slot(mem);
	int r;

	*slot = NO_SLOT;
	if (n == NO_SLOT)
		return -ENOSPC;
	r = mem->host.map ? mem->host.map(mem->host.arg, n, addr, len, hva, flags & 1, flags & 2) : 0;
	if (r < 0) {
		mem->slots_used[n / 64] &= ~(1ull << (n % 64));
		return r;
	}
	*slot = n;
	return 0;
}

static void unmap_slot(struct gmem *mem, unsigned *slot)
{
	if (*slot == NO_SLOT)
		return;
	if (mem->host.unmap)
		mem->host.unmap(mem->host.arg, *slot);
	mem->slots_used[*slot / 64] &= ~(1ull << (*slot % 64));
	*slot = NO_SLOT;
}

// --- RAM -------------------------------------------------------------------------------------------

static int map_ram(struct gmem *mem, struct err *err)
{
	struct { uint64_t addr, len; void *hva; } part[] = {
		{ 0, VGA_FIRST, mem->ram },
		{ PAM_END, mem->low - PAM_END, mem->ram + PAM_END },
		{ GMEM_HIGH_BASE, mem->high, mem->ram + mem->low },
	};
	unsigned slot;

	for (size_t i = 0; i < ARRAY_SIZE(part); i++) {
		int r = part[i].len ? map_slot(mem, &slot, part[i].addr, part[i].len, part[i].hva, 0) : 0;

		if (r < 0)
			return err_set(err, -r, "guest memory", "KVM does not take %llu MiB at %#llx: %s",
				       (unsigned long long)(part[i].len >> 20), (unsigned long long)part[i].addr,
				       strerror(-r));
	}
	return 0;
}

static void *map_own(uint64_t size, struct err *err)
{
	void *ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (ram != MAP_FAILED)
		return ram;
	err_set(err, errno, "guest memory", "this host does not give %llu MiB: %s", (unsigned long long)(size >> 20),
		strerror(errno));
	err_exit(err, EXIT_HOST);
	return NULL;
}

int gmem_create(struct gmem **out, uint64_t size, const struct gmem_host *host, struct err *err)
{
	struct gmem *mem;
	void *ram;
	int r;

	if (size % PAGE || size < 2 * PAM_END || (host->ram && host->ram_size < size)) {
		if (host->ram)
			munmap(host->ram, host->ram_size);
		return err_set(err, EINVAL, "guest memory", "%llu bytes are not a RAM size", (unsigned long long)size);
	}
	ram = host->ram ? host->ram : map_own(size, err);
	if (!ram)
		return -ENOMEM;
	mem = calloc(1, sizeof(*mem));
	if (!mem) {
		munmap(ram, host->ram ? host->ram_size : size);
		return err_set(err, ENOMEM, "guest memory", "no memory for its tables");
	}
	mem->ram = ram;
	mem->ram_map_len = host->ram ? host->ram_size : size;
	mem->low = MIN(size, GMEM_LOW_LIMIT);
	mem->high = size - mem->low;
	mem->host = *host;
	pthread_rwlock_init(&mem->lock, NULL);
	for (unsigned i = 0; i < GMEM_PAM_SEGMENTS; i++)
		mem->pam_slot[i] = NO_SLOT;
	r = map_ram(mem, err);
	if (r < 0) {
		gmem_destroy(mem);
		return r;
	}
	*out = mem;
	return 0;
}

void gmem_destroy(struct gmem *mem)
{
	if (!mem)
		return;
	while (mem->regions) {
		struct gmem_region *r = mem->regions;

		mem->regions = r->next;
		if (r->owned)
			munmap(r->data, r->size);
		free((void *)r->host_dirty);
		free(r);
	}
	munmap(mem->ram, mem->ram_map_len);
	pthread_rwlock_destroy(&mem->lock);
	free(mem);
}

uint64_t gmem_low_size(const struct gmem *mem) { return mem->low; }
uint64_t gmem_high_size(const struct gmem *mem) { return mem->high; }

// --- PAM -------------------------------------------------------------------------------------------

static unsigned pam_segment(uint64_t addr)
{
	return addr >= PAM_LAST_SEG ? GMEM_PAM_SEGMENTS - 1 : (unsigned)((addr - PAM_FIRST) / PAM_STEP);
}

static uint64_t pam_base(unsigned seg) { return PAM_FIRST + seg * PAM_STEP; }

static uint64_t pam_size(unsigned seg)
{
	return seg == GMEM_PAM_SEGMENTS - 1 ? PAM_END - PAM_LAST_SEG : PAM_STEP;
}

// A run is a series of segments with equal flags; it has one slot, kept at its first segment.
static void map_pam_run(struct gmem *mem, unsigned first, unsigned last)
{
	uint8_t flags = atomic_load(&mem->pam[first]);
	uint64_t base = pam_base(first), len = pam_base(last) + pam_size(last) - base;
	void *hva = mem->ram + base;

	if (!(flags & GMEM_PAM_RE)) {
		if (!mem->pam_rom)
			return;
		hva = (uint8_t *)(uintptr_t)mem->pam_rom + (base - PAM_FIRST);
	}
	// A slot that cannot be had leaves the run on the MMIO bus: slow and unclaimed, but defined.
	(void)map_slot(mem, &mem->pam_slot[first], base, len, hva, flags == (GMEM_PAM_RE | GMEM_PAM_WE) ? 0 : 1);
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
			unmap_slot(mem, &mem->pam_slot[i]);
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

		if (a >= PAM_FIRST && a < PAM_END && (atomic_load(&mem->pam[pam_segment(a)]) & GMEM_PAM_WE))
			mem->ram[a] = p[i];
	}
}

// --- finding bytes ---------------------------------------------------------------------------------

struct piece {
	uint8_t *host;
	uint64_t len;                   // contiguous bytes from the address on
	struct gmem_region *region;     // or NULL for RAM
};

static bool find_pam(struct gmem *mem, uint64_t addr, bool write, struct piece *p)
{
	unsigned seg = pam_segment(addr);
	uint8_t flags = atomic_load(&mem->pam[seg]);

	p->len = pam_base(seg) + pam_size(seg) - addr;
	p->host = mem->ram + addr;
	if (write)
		return flags & GMEM_PAM_WE;
	if (!(flags & GMEM_PAM_RE)) {
		if (!mem->pam_rom)
			return false;
		p->host = (uint8_t *)(uintptr_t)mem->pam_rom + (addr - PAM_FIRST);
	}
	return true;
}

static bool find_ram(struct gmem *mem, uint64_t addr, bool write, struct piece *p)
{
	p->region = NULL;
	if (addr < VGA_FIRST) {
		*p = (struct piece){ mem->ram + addr, VGA_FIRST - addr, NULL };
		return true;
	}
	if (addr >= PAM_FIRST && addr < PAM_END)
		return find_pam(mem, addr, write, p);
	if (addr >= PAM_END && addr < mem->low) {
		*p = (struct piece){ mem->ram + addr, mem->low - addr, NULL };
		return true;
	}
	if (addr >= GMEM_HIGH_BASE && addr - GMEM_HIGH_BASE < mem->high) {
		uint64_t off = addr - GMEM_HIGH_BASE;

		*p = (struct piece){ mem->ram + mem->low + off, mem->high - off, NULL };
		return true;
	}
	return false;
}

static bool find_region(struct gmem *mem, uint64_t addr, bool write, struct piece *p)
{
	bool found = false;

	pthread_rwlock_rdlock(&mem->lock);
	for (struct gmem_region *r = mem->regions; r && !found; r = r->next) {
		if (!r->mapped || addr < r->addr || addr - r->addr >= r->size || (write && r->readonly))
			continue;
		*p = (struct piece){ r->data + (addr - r->addr), r->size - (addr - r->addr), r };
		found = true;
	}
	pthread_rwlock_unlock(&mem->lock);
	return found;
}

static bool find(struct gmem *mem, uint64_t addr, bool write, struct piece *p)
{
	return find_ram(mem, addr, write, p) || find_region(mem, addr, write, p);
}

static void mark_dirty(struct gmem_region *region, const uint8_t *host, uint64_t len)
{
	uint64_t first, last;

	if (!region || !region->host_dirty || !len)
		return;
	first = (uint64_t)(host - region->data) / PAGE;
	last = (uint64_t)(host - region->data + (int64_t)len - 1) / PAGE;
	for (uint64_t i = first; i <= last; i++)
		atomic_fetch_or(&region->host_dirty[i / 64], 1ull << (i % 64));
}

int gmem_iov(struct gmem *mem, gpa_t addr, size_t len, bool writable, struct iovec *iov, int max)
{
	uint64_t a = addr.raw;
	struct piece p;
	int n = 0;

	if (a + len < a)
		return -EFAULT;
	while (len) {
		size_t take;

		if (!find(mem, a, writable, &p))
			return -EFAULT;
		take = (size_t)MIN((uint64_t)len, p.len);
		if (n && (uint8_t *)iov[n - 1].iov_base + iov[n - 1].iov_len == p.host) {
			iov[n - 1].iov_len += take;
		} else {
			if (n == max)
				return -E2BIG;
			iov[n++] = (struct iovec){ p.host, take };
		}
		if (writable)
			mark_dirty(p.region, p.host, take);
		a += take;
		len -= take;
	}
	return n;
}

// All of it or nothing: the range is walked once to check and once to copy.
static int check(struct gmem *mem, uint64_t a, size_t len, bool write)
{
	struct piece p;

	if (a + len < a)
		return -EFAULT;
	while (len) {
		uint64_t take;

		if (!find(mem, a, write, &p))
			return -EFAULT;
		take = MIN((uint64_t)len, p.len);
		a += take;
		len -= (size_t)take;
	}
	return 0;
}

int gmem_read(struct gmem *mem, gpa_t addr, void *buf, size_t len)
{
	uint64_t a = addr.raw;
	uint8_t *to = buf;
	struct piece p;

	if (check(mem, a, len, false) < 0)
		return -EFAULT;
	while (len) {
		size_t take;

		if (!find(mem, a, false, &p))
			return -EFAULT;         // a region moved away between the two walks
		take = (size_t)MIN((uint64_t)len, p.len);
		memcpy(to, p.host, take);
		to += take;
		a += take;
		len -= take;
	}
	return 0;
}

int gmem_write(struct gmem *mem, gpa_t addr, const void *buf, size_t len)
{
	uint64_t a = addr.raw;
	const uint8_t *from = buf;
	struct piece p;

	if (check(mem, a, len, true) < 0)
		return -EFAULT;
	while (len) {
		size_t take;

		if (!find(mem, a, true, &p))
			return -EFAULT;
		take = (size_t)MIN((uint64_t)len, p.len);
		memcpy(p.host, from, take);
		mark_dirty(p.region, p.host, take);
		from += take;
		a += take;
		len -= take;
	}
	return 0;
}

// --- regions ---------------------------------------------------------------------------------------

int gmem_region_create(struct gmem *mem, const struct gmem_region_args *args, struct gmem_region **out, struct err *err)
{
	struct gmem_region *r;

	if (!args->size || args->size % PAGE)
		return err_set(err, EINVAL, args->name, "%llu bytes are not a region size", (unsigned long long)args->size);
	r = calloc(1, sizeof(*r));
	if (r && args->log_dirty)
		r->host_dirty = calloc((args->size / PAGE + 63) / 64, sizeof(*r->host_dirty));
	if (!r || (args->log_dirty && !r->host_dirty)) {
		free(r);
		return err_set(err, ENOMEM, args->name, "no memory for its tables");
	}
	r->data = args->backing;
	if (!r->data) {
		r->data = mmap(NULL, args->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		r->owned = true;
	}
	if (r->data == MAP_FAILED) {
		free((void *)r->host_dirty);
		free(r);
		return err_set(err, ENOMEM, args->name, "no %llu KiB of memory for it", (unsigned long long)(args->size >> 10));
	}
	r->mem = mem;
	r->name = args->name;
	r->size = args->size;
	r->readonly = args->readonly;
	r->log_dirty = args->log_dirty;
	r->slot = NO_SLOT;
	pthread_rwlock_wrlock(&mem->lock);
	r->next = mem->regions;
	mem->regions = r;
	pthread_rwlock_unlock(&mem->lock);
	*out = r;
	return 0;
}

void *gmem_region_data(struct gmem_region *region) { return region->data; }
uint64_t gmem_region_size(const struct gmem_region *region) { return region->size; }

static bool overlaps(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
	return a < b + blen && b < a + alen;
}

static bool taken(const struct gmem *mem, const struct gmem_region *self, uint64_t addr)
{
	if (addr < mem->low || overlaps(addr, self->size, 0, PAM_END))
		return true;
	if (mem->high && overlaps(addr, self->size, GMEM_HIGH_BASE, mem->high))
		return true;
	for (const struct gmem_region *r = mem->regions; r; r = r->next) {
		if (r != self && r->mapped && overlaps(addr, self->size, r->addr, r->size))
			return true;
	}
	return false;
}

static unsigned slot_flags(const struct gmem_region *r)
{
	return (r->readonly || r->protected ? 1u : 0) | (r->log_dirty ? 2u : 0);
}

int gmem_region_map(struct gmem_region *r, gpa_t addr)
{
	struct gmem *mem = r->mem;
	int ret = 0;

	if (addr.raw % PAGE || addr.raw + r->size < addr.raw)
		return -EINVAL;
	pthread_rwlock_wrlock(&mem->lock);
	if (taken(mem, r, addr.raw)) {
		ret = -EEXIST;
	} else if (!r->mapped || r->addr != addr.raw) {
		unmap_slot(mem, &r->slot);
		r->addr = addr.raw;
		ret = map_slot(mem, &r->slot, r->addr, r->size, r->data, slot_flags(r));
		r->mapped = ret == 0;
	}
	pthread_rwlock_unlock(&mem->lock);
	return ret;
}

void gmem_region_unmap(struct gmem_region *r)
{
	pthread_rwlock_wrlock(&r->mem->lock);
	unmap_slot(r->mem, &r->slot);
	r->mapped = false;
	pthread_rwlock_unlock(&r->mem->lock);
}

bool gmem_region_mapped(const struct gmem_region *r, gpa_t *addr)
{
	bool mapped;

	pthread_rwlock_rdlock(&r->mem->lock);
	mapped = r->mapped;
	if (mapped && addr)
		*addr = gpa(r->addr);
	pthread_rwlock_unlock(&r->mem->lock);
	return mapped;
}

// Pages the CPU wrote, from the host's log, joined into region->host_dirty. Lock held.
static void collect_dirty(struct gmem_region *r)
{
	size_t words = (size_t)((r->size / PAGE + 63) / 64);
	uint64_t *bits;

	if (!r->mapped || r->slot == NO_SLOT || !r->host_dirty || !r->mem->host.dirty)
		return;
	bits = calloc(words, sizeof(*bits));
	if (bits && r->mem->host.dirty(r->mem->host.arg, r->slot, bits, words) == 0) {
		for (size_t i = 0; i < words; i++) {
			if (bits[i])
				atomic_fetch_or(&r->host_dirty[i], bits[i]);
		}
	}
	free(bits);
}

bool gmem_region_dirty(struct gmem_region *r, uint64_t *bitmap, size_t words)
{
	size_t have = (size_t)((r->size / PAGE + 63) / 64);
	bool any = false;

	if (!r->host_dirty)
		return false;
	pthread_rwlock_wrlock(&r->mem->lock);
	collect_dirty(r);
	for (size_t i = 0; i < have && i < words; i++) {
		uint64_t bits = atomic_exchange(&r->host_dirty[i], 0);

		bitmap[i] |= bits;
		any |= bits != 0;
	}
	pthread_rwlock_unlock(&r->mem->lock);
	return any;
}

int gmem_region_protect(struct gmem_region *r, bool readonly)
{
	int ret = 0;

	pthread_rwlock_wrlock(&r->mem->lock);
	if (r->protected != readonly) {
		r->protected = readonly;
		if (r->mapped) {
			collect_dirty(r);       // a slot's log goes away with the slot
			unmap_slot(r->mem, &r->slot);
			ret = map_slot(r->mem, &r->slot, r->addr, r->size, r->data, slot_flags(r));
		}
	}
	pthread_rwlock_unlock(&r->mem->lock);
	return ret;
}
