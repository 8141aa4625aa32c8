// gmem.c: RAM, the host's memory slots, and the door for devices.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/compiler.h"
#include "bus/gmem_impl.h"

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

int gmem_map_slot(struct gmem *mem, unsigned *slot, uint64_t addr, uint64_t len, void *hva, unsigned flags)
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

void gmem_unmap_slot(struct gmem *mem, unsigned *slot)
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
		int r = part[i].len ? gmem_map_slot(mem, &slot, part[i].addr, part[i].len, part[i].hva, 0) : 0;

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

// --- finding bytes ---------------------------------------------------------------------------------

struct piece {
	uint8_t *host;
	uint64_t len;                   // contiguous bytes from the address on
	struct gmem_region *region;     // or NULL for RAM
};

static bool find_pam(struct gmem *mem, uint64_t addr, bool write, struct piece *p)
{
	unsigned seg = gmem_pam_segment(addr);
	uint8_t flags = atomic_load(&mem->pam[seg]);

	p->len = gmem_pam_base(seg) + gmem_pam_size(seg) - addr;
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

void gmem_mark_dirty(struct gmem_region *region, const uint8_t *host, uint64_t len)
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
			gmem_mark_dirty(p.region, p.host, take);
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
		gmem_mark_dirty(p.region, p.host, take);
		from += take;
		a += take;
		len -= take;
	}
	return 0;
}
