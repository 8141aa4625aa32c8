// bus.h: an address space of registers; one type for ports and for MMIO.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A range is inclusive and embedded in its device. The whole access must lie in one range; an access wider
// than the range's widest register is split, low address first, as the ISA and PCI bridges do. Unclaimed
// reads give all ones; unclaimed accesses are counted and the first few logged.
#ifndef BERTH_BUS_BUS_H
#define BERTH_BUS_BUS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

// OFFSET is relative to the first address of the range; SIZE is 1, 2, 4 or 8 and at most max_size. Total:
// they cannot fail. Called with range->lock held (when there is one), on a vCPU thread.
struct bus_ops {
	uint64_t (*read)(void *dev, uint64_t offset, unsigned size);
	void (*write)(void *dev, uint64_t offset, unsigned size, uint64_t value);
	unsigned max_size;      // widest access the registers take: 1, 2, 4 or 8
	// Optional, for string I/O: COUNT items of SIZE bytes at one offset. NULL = read or write item by item.
	void (*read_string)(void *dev, uint64_t offset, unsigned size, void *buf, size_t count);
	void (*write_string)(void *dev, uint64_t offset, unsigned size, const void *buf, size_t count);
};

// Embedded in the device, must live as long as the bus: an access that was looked up before bus_remove() may
// still arrive once after it.
struct bus_range {
	uint64_t first, last;           // inclusive
	const char *name;               // static string, for logs
	const struct bus_ops *ops;
	void *dev;
	pthread_mutex_t *lock;          // the device's lock, or NULL when ops lock for themselves
};

struct bus_stats { _Atomic uint64_t reads, writes, unclaimed_reads, unclaimed_writes; };

struct bus;

int bus_create(struct bus **out, const char *name, uint64_t last, struct err *err);
void bus_destroy(struct bus *bus);
// -EEXIST names the other range, -EINVAL for first > last or beyond the bus. Any thread; may be called from
// a bus handler.
int bus_insert(struct bus *bus, struct bus_range *range, struct err *err);
void bus_remove(struct bus *bus, struct bus_range *range);
// LEN 1, 2, 4 or 8 (others are carried out byte by byte). True when a device answered. vCPU threads.
bool bus_read(struct bus *bus, uint64_t addr, void *buf, size_t len);
bool bus_write(struct bus *bus, uint64_t addr, const void *buf, size_t len);
// COUNT items of SIZE bytes, all at ADDR (rep ins / rep outs).
bool bus_read_string(struct bus *bus, uint64_t addr, unsigned size, void *buf, size_t count);
bool bus_write_string(struct bus *bus, uint64_t addr, unsigned size, const void *buf, size_t count);
const struct bus_stats *bus_stats(const struct bus *bus);

#endif
