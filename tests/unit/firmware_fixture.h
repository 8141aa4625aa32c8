// firmware_fixture.h: a machine with ports and memory only, for the tests of firmware devices.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_TESTS_FIRMWARE_FIXTURE_H
#define BERTH_TESTS_FIRMWARE_FIXTURE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "bus/platform.h"
#include "hw/firmware/fw_cfg.h"

#define FIXTURE_RAM (4u << 20)

struct fixture {
	struct platform platform;
	struct fw_cfg *fw;
};

static int fixture_map(void *arg, unsigned slot, uint64_t addr, uint64_t len, void *hva, bool readonly,
		       bool dirty)
{
	(void)arg, (void)slot, (void)addr, (void)len, (void)hva, (void)readonly, (void)dirty;
	return 0;
}

static void fixture_unmap(void *arg, unsigned slot)
{
	(void)arg, (void)slot;
}

static int fixture_dirty(void *arg, unsigned slot, uint64_t *bitmap, size_t words)
{
	(void)arg, (void)slot;
	memset(bitmap, 0, words * sizeof(*bitmap));
	return 0;
}

static inline void fixture_open(struct fixture *f)
{
	const struct gmem_host host = { fixture_map, fixture_unmap, fixture_dirty, NULL };

	memset(f, 0, sizeof(*f));
	ck_assert_int_eq(bus_create(&f->platform.ports, "ports", 0xffff, NULL), 0);
	ck_assert_int_eq(gmem_create(&f->platform.mem, FIXTURE_RAM, &host, NULL), 0);
	ck_assert_int_eq(fw_cfg_create(&f->platform, &f->fw, NULL), 0);
}

static inline void fixture_close(struct fixture *f)
{
	fw_cfg_class.destroy(f->fw);
	gmem_destroy(f->platform.mem);
	bus_destroy(f->platform.ports);
}

static inline void fixture_out(struct fixture *f, uint16_t port, unsigned size, uint32_t value)
{
	uint8_t bytes[4];

	put_le(bytes, size, value);
	ck_assert(bus_write(f->platform.ports, port, bytes, size));
}

static inline uint32_t fixture_in(struct fixture *f, uint16_t port, unsigned size)
{
	uint8_t bytes[4] = { 0 };

	bus_read(f->platform.ports, port, bytes, size);
	return (uint32_t)get_le(bytes, size);
}

// Reads LEN bytes of the item at SELECTOR by string I/O.
static inline void fixture_item(struct fixture *f, uint16_t selector, void *buf, size_t len)
{
	fixture_out(f, 0x510, 2, selector);
	ck_assert(bus_read_string(f->platform.ports, 0x511, 1, buf, len));
}

// The content of a file found through the directory, as firmware does it; malloc'ed. NULL when there is none.
static inline uint8_t *fixture_file(struct fixture *f, const char *name, size_t *len)
{
	uint8_t count[4], entry[64], *data;

	fixture_item(f, FW_CFG_FILE_DIR, count, sizeof(count));
	for (uint32_t i = 0; i < get_be32(count); i++) {
		ck_assert(bus_read_string(f->platform.ports, 0x511, 1, entry, sizeof(entry)));
		if (strcmp((char *)entry + 8, name))
			continue;
		*len = get_be32(entry);
		data = malloc(*len + 1);
		ck_assert_ptr_nonnull(data);
		fixture_item(f, get_be16(entry + 4), data, *len);
		data[*len] = 0;
		return data;
	}
	return NULL;
}

#endif
