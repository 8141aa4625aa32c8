// bus.c: finding the device of an address and carrying out an access of any width.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "bus/bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"

struct bus {
	char name[16];
	uint64_t last;
	pthread_rwlock_t lock;          // ranges; never held while a device runs
	struct bus_range **ranges;      // sorted by first
	size_t count, room;
	struct bus_stats stats;
};

int bus_create(struct bus **out, const char *name, uint64_t last, struct err *err)
{
	struct bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return err_set(err, ENOMEM, name, "no memory for the bus");
	strncpy(bus->name, name, sizeof(bus->name) - 1);
	bus->last = last;
	pthread_rwlock_init(&bus->lock, NULL);
	*out = bus;
	return 0;
}

void bus_destroy(struct bus *bus)
{
	if (!bus)
		return;
	pthread_rwlock_destroy(&bus->lock);
	free(bus->ranges);
	free(bus);
}

const struct bus_stats *bus_stats(const struct bus *bus)
{
	return &bus->stats;
}

// Index of the first range whose last address is at or above ADDR.
static size_t lower_bound(const struct bus *bus, uint64_t addr)
{
	size_t lo = 0, hi = bus->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (bus->ranges[mid]->last < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int insert_locked(struct bus *bus, struct bus_range *range, struct err *err)
{
	size_t at = lower_bound(bus, range->first);
	struct bus_range **grown;

	if (at < bus->count && bus->ranges[at]->first <= range->last)
		return err_set(err, EEXIST, range->name, "%s %#llx-%#llx overlaps %s", bus->name,
			       (unsigned long long)range->first, (unsigned long long)range->last,
			       bus->ranges[at]->name);
	if (bus->count == bus->room) {
		grown = realloc(bus->ranges, (bus->room + 32) * sizeof(*grown));
		if (!grown)
			return err_set(err, ENOMEM, range->name, "no memory for its range");
		bus->ranges = grown;
		bus->room += 32;
	}
	memmove(&bus->ranges[at + 1], &bus->ranges[at], (bus->count - at) * sizeof(*bus->ranges));
	bus->ranges[at] = range;
	bus->count++;
	return 0;
}

int bus_insert(struct bus *bus, struct bus_range *range, struct err *err)
{
	int r;

	if (range->first > range->last || range->last > bus->last)
		return err_set(err, EINVAL, range->name, "%s %#llx-%#llx is not a range of this bus", bus->name,
			       (unsigned long long)range->first, (unsigned long long)range->last);
	pthread_rwlock_wrlock(&bus->lock);
	r = insert_locked(bus, range, err);
	pthread_rwlock_unlock(&bus->lock);
	return r;
}

void bus_remove(struct bus *bus, struct bus_range *range)
{
	pthread_rwlock_wrlock(&bus->lock);
	for (size_t i = 0; i < bus->count; i++) {
		if (bus->ranges[i] != range)
			continue;
		memmove(&bus->ranges[i], &bus->ranges[i + 1], (bus->count - i - 1) * sizeof(*bus->ranges));
		bus->count--;
		break;
	}
	pthread_rwlock_unlock(&bus->lock);
}

// What an access needs of its range, copied while the bus was locked: a range that is removed and inserted
// elsewhere meanwhile cannot give an offset outside the device.
struct target {
	const struct bus_ops *ops;
	void *dev;
	pthread_mutex_t *lock;
	uint64_t offset;
};

static bool look_up(struct bus *bus, uint64_t addr, size_t len, struct target *t)
{
	bool found = false;
	size_t at;

	pthread_rwlock_rdlock(&bus->lock);
	at = lower_bound(bus, addr);
	if (at < bus->count) {
		const struct bus_range *r = bus->ranges[at];

		found = r->first <= addr && len - 1 <= r->last - addr;
		if (found)
			*t = (struct target){ r->ops, r->dev, r->lock, addr - r->first };
	}
	pthread_rwlock_unlock(&bus->lock);
	return found;
}

static void lock(const struct target *t)
{
	if (t->lock)
		pthread_mutex_lock(t->lock);
}

static void unlock(const struct target *t)
{
	if (t->lock)
		pthread_mutex_unlock(t->lock);
}

// Widest access at OFFSET with LEFT bytes to go: a power of two that the device takes.
static unsigned piece(const struct bus_ops *ops, size_t left)
{
	unsigned size = 8;

	while (size > 1 && (size > left || size > ops->max_size))
		size /= 2;
	return size;
}

bool bus_read(struct bus *bus, uint64_t addr, void *buf, size_t len)
{
	struct target t;
	uint8_t *p = buf;

	atomic_fetch_add_explicit(&bus->stats.reads, 1, memory_order_relaxed);
	if (!len || !look_up(bus, addr, len, &t)) {
		memset(buf, 0xff, len);
		atomic_fetch_add_explicit(&bus->stats.unclaimed_reads, 1, memory_order_relaxed);
		return false;
	}
	lock(&t);
	while (len) {
		unsigned size = piece(t.ops, len);

		put_le(p, size, t.ops->read ? t.ops->read(t.dev, t.offset, size) : UINT64_MAX);
		p += size;
		t.offset += size;
		len -= size;
	}
	unlock(&t);
	return true;
}

bool bus_write(struct bus *bus, uint64_t addr, const void *buf, size_t len)
{
	struct target t;
	const uint8_t *p = buf;

	atomic_fetch_add_explicit(&bus->stats.writes, 1, memory_order_relaxed);
	if (!len || !look_up(bus, addr, len, &t)) {
		atomic_fetch_add_explicit(&bus->stats.unclaimed_writes, 1, memory_order_relaxed);
		return false;
	}
	lock(&t);
	while (len) {
		unsigned size = piece(t.ops, len);

		if (t.ops->write)
			t.ops->write(t.dev, t.offset, size, get_le(p, size));
		p += size;
		t.offset += size;
		len -= size;
	}
	unlock(&t);
	return true;
}

bool bus_read_string(struct bus *bus, uint64_t addr, unsigned size, void *buf, size_t count)
{
	struct target t;
	bool ok = true;

	if (look_up(bus, addr, size, &t) && t.ops->read_string && size <= t.ops->max_size) {
		atomic_fetch_add_explicit(&bus->stats.reads, count, memory_order_relaxed);
		lock(&t);
		t.ops->read_string(t.dev, t.offset, size, buf, count);
		unlock(&t);
		return true;
	}
	for (size_t i = 0; i < count; i++)
		ok &= bus_read(bus, addr, (uint8_t *)buf + i * size, size);
	return ok;
}

bool bus_write_string(struct bus *bus, uint64_t addr, unsigned size, const void *buf, size_t count)
{
	struct target t;
	bool ok = true;

	if (look_up(bus, addr, size, &t) && t.ops->write_string && size <= t.ops->max_size) {
		atomic_fetch_add_explicit(&bus->stats.writes, count, memory_order_relaxed);
		lock(&t);
		t.ops->write_string(t.dev, t.offset, size, buf, count);
		unlock(&t);
		return true;
	}
	for (size_t i = 0; i < count; i++)
		ok &= bus_write(bus, addr, (const uint8_t *)buf + i * size, size);
	return ok;
}
