// gmem_region.c: ROM and video memory: mapped where firmware or guest put them, with a log of what was written.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/compiler.h"
#include "bus/gmem_impl.h"

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
		gmem_unmap_slot(mem, &r->slot);
		r->addr = addr.raw;
		ret = gmem_map_slot(mem, &r->slot, r->addr, r->size, r->data, slot_flags(r));
		r->mapped = ret == 0;
	}
	pthread_rwlock_unlock(&mem->lock);
	return ret;
}

void gmem_region_unmap(struct gmem_region *r)
{
	pthread_rwlock_wrlock(&r->mem->lock);
	gmem_unmap_slot(r->mem, &r->slot);
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
			gmem_unmap_slot(r->mem, &r->slot);
			ret = gmem_map_slot(r->mem, &r->slot, r->addr, r->size, r->data, slot_flags(r));
			// A slot's log goes away with the slot, and with it the last writes.
			if (readonly)
				gmem_mark_dirty(r, r->data, r->size);
		}
	}
	pthread_rwlock_unlock(&r->mem->lock);
	return ret;
}
