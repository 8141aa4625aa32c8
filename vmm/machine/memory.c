// memory.c: the mapping of the guest's RAM.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <linux/mman.h>
#include <sys/mman.h>


#define HUGE (2ull << 20)

static int refuse(struct err *err, int code, uint64_t size, const char *how)
{
	err_set(err, code, "guest memory", "this host does not give %llu MiB%s: %s", (unsigned long long)(size >> 20), how,
		strerror(code));
	err_exit(err, EXIT_HOST);
	return -code;
}

static int map_hugetlb(uint64_t size, struct memory *out, struct err *err)
{
	int r;

	out->size = (size + HUGE - 1) / HUGE * HUGE;
	out->ram = mmap(NULL, out->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0);
	if (out->ram != MAP_FAILED)
		return 0;
	out->ram = NULL;
	r = refuse(err, errno, size, " in pages of 2 MiB from its pool");
	err_remedy(err, "Set vm.nr_hugepages to at least %llu with sysctl, or take berth.memory.backing = \"thp\"",
		   (unsigned long long)(out->size / HUGE));
	return r;
}

static int map_pages(uint64_t size, bool huge, struct memory *out, struct err *err)
{
	int r;

	out->size = size;
	out->ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (out->ram == MAP_FAILED) {
		out->ram = NULL;
		r = refuse(err, errno, size, "");
		err_remedy(err, "Lower memsize, or give the service more address space");
		return r;
	}
	madvise(out->ram, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return 0;
}

static int lock(struct memory *m, struct err *err)
{
	int r;

	if (mlock(m->ram, m->size) == 0)
		return 0;
	r = refuse(err, errno, m->size, " that stay in memory (sched.mem.pin)");
	err_remedy(err, "Raise LimitMEMLOCK= of the service or `ulimit -l`, free memory, or set sched.mem.pin = \"FALSE\"");
	return r;
}

int memory_map(uint64_t size, enum vm_memory_backing backing, bool locked, struct memory *out, struct err *err)
{
	int r = backing == VM_MEMORY_HUGETLB ? map_hugetlb(size, out, err) :
					       map_pages(size, backing == VM_MEMORY_THP, out, err);

	if (r < 0)
		return r;
	// Guest RAM is not for core files: it is large and holds the guest's secrets.
	madvise(out->ram, out->size, MADV_DONTDUMP);
	r = locked ? lock(out, err) : 0;
	if (r < 0)
		memory_unmap(out);
	return r;
}

void memory_unmap(struct memory *m)
{
	if (m->ram)
		munmap(m->ram, m->size);
	m->ram = NULL;
}

// --- how much is there -----------------------------------------------------------------------------------

// Sums up the mappings that lie inside the RAM; the kernel may have split it.
uint64_t memory_resident(const struct memory *m)
{
	uintptr_t first = (uintptr_t)m->ram, end = first + m->size;
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long long from, to, kb, sum = 0;
	bool inside = false;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx-%llx ", &from, &to) == 2)
			inside = from >= first && to <= end;
		else if (inside && (sscanf(line, "Rss: %llu kB", &kb) == 1 || sscanf(line, "Private_Hugetlb: %llu kB", &kb) == 1))
			sum += kb;
	}
	if (f)
		fclose(f);
	return (uint64_t)sum << 10;
}
