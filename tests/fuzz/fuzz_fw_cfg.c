// fuzz_fw_cfg.c: bytes become a script of accesses to the firmware configuration device.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/log.h"
#include "hw/firmware/fw_cfg_core.h"

#define RAM 0x4000u

struct memory { uint8_t bytes[RAM]; };

static int mem_read(void *arg, uint64_t addr, void *buf, size_t len)
{
	struct memory *m = arg;

	if (addr > RAM || len > RAM - addr)
		return -14;
	memcpy(buf, m->bytes + addr, len);
	return 0;
}

static int mem_write(void *arg, uint64_t addr, const void *buf, size_t len)
{
	struct memory *m = arg;

	if (addr > RAM || len > RAM - addr)
		return -14;
	memcpy(m->bytes + addr, buf, len);
	return 0;
}

struct script { const uint8_t *p; size_t left; };

static uint64_t take(struct script *s, unsigned bytes)
{
	uint8_t v[8] = { 0 };
	size_t n = MIN((size_t)bytes, s->left);

	memcpy(v, s->p, n);
	s->p += n;
	s->left -= n;
	return get_le64(v);
}

static void add_content(struct fw_cfg_core *fw)
{
	static uint8_t big[5000];

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)i;
	fw_cfg_core_add_file(fw, "etc/big", big, sizeof(big));
	fw_cfg_core_add_file(fw, "etc/empty", NULL, 0);
	fw_cfg_core_add_file(fw, "bootorder", "x", 1);
	fw_cfg_core_add_item(fw, FW_CFG_RAM_SIZE, "12345678", 8);
}

// A request the device may find sensible: fields from the script, but mostly small.
static void request(struct fw_cfg_core *fw, struct memory *m, struct script *s)
{
	uint32_t at = (uint32_t)take(s, 2) % (RAM - FW_CFG_DMA_SIZE);

	put_be32(m->bytes + at, (uint32_t)take(s, 1) | (uint32_t)take(s, 2) << 16);
	put_be32(m->bytes + at + 4, (uint32_t)take(s, 2));
	put_be64(m->bytes + at + 8, take(s, 2));
	fw_cfg_core_dma_write(fw, 4, 4, htobe32(at));
}

static void load(struct fw_cfg_core *fw, struct script *s)
{
	size_t wanted = (size_t)take(s, 1), n = MIN(wanted, s->left);

	fields_load(&fw_cfg_fields, &fw->regs, s->p, n, NULL);
	s->p += n;
	s->left -= n;
}

static void step(struct fw_cfg_core *fw, struct memory *m, struct script *s)
{
	uint8_t buf[256];

	switch (take(s, 1) % 10) {
	case 0: fw_cfg_core_select(fw, (uint16_t)take(s, 2)); break;
	case 1: fw_cfg_core_select(fw, (uint16_t)(FW_CFG_FILE_FIRST + take(s, 1) % 4)); break;
	case 2: fw_cfg_core_data(fw, buf, (size_t)take(s, 1)); break;
	case 3: fw_cfg_core_dma_write(fw, take(s, 1) % 9, 1u << take(s, 1) % 4, take(s, 8)); break;
	case 4: fw_cfg_core_dma_read(fw, take(s, 1), 1u << take(s, 1) % 4); break;
	case 5: request(fw, m, s); break;
	case 6:
		mem_write(m, take(s, 2), buf, 0);
		put_be64(m->bytes + take(s, 2) % (RAM - 8), take(s, 8));
		break;
	case 7: load(fw, s); break;
	case 8: fw->regs.offset = (uint32_t)take(s, 4); break;
	default: fw_cfg_core_reset(fw); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory *m = calloc(1, sizeof(*m));
	const struct fw_cfg_host host = { mem_read, mem_write, m };
	struct script s = { data, size };
	struct fw_cfg_core fw;

	log_set_level(LOG_ERROR);
	if (m && fw_cfg_core_init(&fw, &host) == 0) {
		add_content(&fw);
		while (s.left)
			step(&fw, m, &s);
		fw_cfg_core_free(&fw);
	}
	free(m);
	return 0;
}
