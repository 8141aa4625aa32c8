// fw_cfg_core.c: the firmware configuration device: selectable items, a data port, a DMA interface.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/firmware/fw_cfg_core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/log.h"

#define KEY_ARCH        0x8000u
#define KEY_INDEX       0x3fffu
#define DIR_ENTRY       64u             // be32 size, be16 selector, be16 0, name
#define ZEROS           4096u

static const char dma_signature[8] = { 'Q', 'E', 'M', 'U', ' ', 'C', 'F', 'G' };

static const struct field fields_list[] = {
	FIELD(struct fw_cfg_regs, selector),
	FIELD(struct fw_cfg_regs, offset),
	FIELD_ARRAY(struct fw_cfg_regs, dma),
};

// Any selector and any offset are legal: reads outside of an item give zeros.
const struct fields fw_cfg_fields = {
	.name = "fw_cfg",
	.version = 1,
	.struct_size = sizeof(struct fw_cfg_regs),
	.list = fields_list,
	.count = ARRAY_SIZE(fields_list),
};

// --- items -------------------------------------------------------------------------------------------

static struct fw_cfg_item *find_key(const struct fw_cfg_core *fw, uint16_t key)
{
	for (size_t i = 0; i < fw->count; i++) {
		if (fw->items[i].key == key)
			return &fw->items[i];
	}
	return NULL;
}

const struct fw_cfg_item *fw_cfg_core_find_file(const struct fw_cfg_core *fw, const char *name)
{
	for (size_t i = 0; i < fw->count; i++) {
		if (fw->items[i].name[0] && !strcmp(fw->items[i].name, name))
			return &fw->items[i];
	}
	return NULL;
}

static int append(struct fw_cfg_core *fw, uint16_t key, const void *data, size_t len)
{
	struct fw_cfg_item *grown;
	uint8_t *copy;

	if (len > FW_CFG_ITEM_MAX)
		return -E2BIG;
	if (find_key(fw, key))
		return -EEXIST;
	copy = malloc(len ? len : 1);
	if (!copy)
		return -ENOMEM;
	grown = realloc(fw->items, (fw->count + 1) * sizeof(*grown));
	if (!grown) {
		free(copy);
		return -ENOMEM;
	}
	if (len)
		memcpy(copy, data, len);
	fw->items = grown;
	fw->items[fw->count] = (struct fw_cfg_item){ .key = key, .len = (uint32_t)len, .data = copy };
	fw->count++;
	return 0;
}

int fw_cfg_core_add_item(struct fw_cfg_core *fw, uint16_t key, const void *data, size_t len)
{
	if (!(key & KEY_ARCH) && (key & KEY_INDEX) >= FW_CFG_FILE_FIRST)
		return -EINVAL;
	return append(fw, key, data, len);
}

static int by_name(const void *a, const void *b)
{
	const struct fw_cfg_item *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void put_dir_entry(uint8_t *entry, const struct fw_cfg_item *item)
{
	put_be32(entry, item->len);
	put_be16(entry + 4, item->key);
	put_be16(entry + 6, 0);
	memcpy(entry + 8, item->name, sizeof(item->name));
}

// The directory is written anew with each file: firmware sees it sorted, whatever the order of adding was.
static int rebuild_directory(struct fw_cfg_core *fw)
{
	const struct fw_cfg_item *sorted[FW_CFG_FILES_MAX];
	struct fw_cfg_item *dir = find_key(fw, FW_CFG_FILE_DIR);
	size_t files = 0;
	uint8_t *data;

	for (size_t i = 0; i < fw->count && files < ARRAY_SIZE(sorted); i++) {
		if (fw->items[i].name[0])
			sorted[files++] = &fw->items[i];
	}
	data = malloc(4 + files * DIR_ENTRY);
	if (!data)
		return -ENOMEM;
	if (files)
		qsort(sorted, files, sizeof(sorted[0]), by_name);
	put_be32(data, (uint32_t)files);
	for (size_t i = 0; i < files; i++)
		put_dir_entry(data + 4 + i * DIR_ENTRY, sorted[i]);
	free(dir->data);
	dir->data = data;
	dir->len = (uint32_t)(4 + files * DIR_ENTRY);
	return 0;
}

int fw_cfg_core_add_file(struct fw_cfg_core *fw, const char *name, const void *data, size_t len)
{
	struct fw_cfg_item *item;
	int r;

	if (!name[0] || strlen(name) >= FW_CFG_FILE_NAME)
		return -EINVAL;
	if (fw_cfg_core_find_file(fw, name))
		return -EEXIST;
	if (fw->next_file >= FW_CFG_FILE_FIRST + FW_CFG_FILES_MAX)
		return -ENOSPC;
	r = append(fw, fw->next_file, data, len);
	if (r < 0)
		return r;
	item = &fw->items[fw->count - 1];
	memcpy(item->name, name, strlen(name) + 1);
	r = rebuild_directory(fw);
	if (r < 0) {
		free(item->data);
		fw->count--;
		return r;
	}
	fw->next_file++;
	return 0;
}

int fw_cfg_core_init(struct fw_cfg_core *fw, const struct fw_cfg_host *host)
{
	uint8_t version[4], no_files[4] = { 0 };
	int r;

	*fw = (struct fw_cfg_core){ .host = *host, .next_file = FW_CFG_FILE_FIRST };
	put_le32(version, FW_CFG_VERSION | FW_CFG_VERSION_DMA);
	r = append(fw, FW_CFG_SIGNATURE, dma_signature, 4);
	if (r == 0)
		r = append(fw, FW_CFG_ID, version, sizeof(version));
	if (r == 0)
		r = append(fw, FW_CFG_FILE_DIR, no_files, sizeof(no_files));
	if (r < 0)
		fw_cfg_core_free(fw);
	fw_cfg_core_reset(fw);
	return r;
}

void fw_cfg_core_free(struct fw_cfg_core *fw)
{
	for (size_t i = 0; i < fw->count; i++)
		free(fw->items[i].data);
	free(fw->items);
	fw->items = NULL;
	fw->count = 0;
}

void fw_cfg_core_reset(struct fw_cfg_core *fw)
{
	fw->regs = (struct fw_cfg_regs){ 0 };
}

// --- selector and data -------------------------------------------------------------------------------

// The selected item, or NULL. Looked up again when the selector changed, also by a restore.
static const struct fw_cfg_item *selected(struct fw_cfg_core *fw)
{
	const struct fw_cfg_item *item;

	if (fw->cached < fw->count && fw->items[fw->cached].key == fw->regs.selector)
		return &fw->items[fw->cached];
	item = find_key(fw, fw->regs.selector);
	if (item)
		fw->cached = (size_t)(item - fw->items);
	return item;
}

void fw_cfg_core_select(struct fw_cfg_core *fw, uint16_t key)
{
	fw->regs.selector = key;
	fw->regs.offset = 0;
}

// Up to WANT bytes of the selected item from the current offset on; the offset moves behind them.
static size_t take(struct fw_cfg_core *fw, size_t want, const uint8_t **data)
{
	const struct fw_cfg_item *item = selected(fw);
	size_t left;

	if (!item || fw->regs.offset >= item->len)
		return 0;
	left = item->len - fw->regs.offset;
	*data = item->data + fw->regs.offset;
	want = MIN(want, left);
	fw->regs.offset += (uint32_t)want;
	return want;
}

void fw_cfg_core_data(struct fw_cfg_core *fw, void *buf, size_t count)
{
	const uint8_t *data = NULL;
	size_t n = take(fw, count, &data);

	if (n)
		memcpy(buf, data, n);
	memset((uint8_t *)buf + n, 0, count - n);
}

// --- DMA ---------------------------------------------------------------------------------------------

struct dma_request { uint32_t control, length; uint64_t address; };

static int store_zeros(struct fw_cfg_core *fw, uint64_t addr, size_t len)
{
	static const uint8_t zeros[ZEROS];

	while (len) {
		size_t n = MIN(len, sizeof(zeros));
		int r = fw->host.mem_write(fw->host.arg, addr, zeros, n);

		if (r < 0)
			return r;
		addr += n;
		len -= n;
	}
	return 0;
}

static int dma_read_item(struct fw_cfg_core *fw, const struct dma_request *req)
{
	const uint8_t *data = NULL;
	size_t n;
	int r = 0;

	if (req->length > FW_CFG_DMA_MAX || req->address > UINT64_MAX - req->length)
		return -E2BIG;
	n = take(fw, req->length, &data);
	if (n)
		r = fw->host.mem_write(fw->host.arg, req->address, data, n);
	return r < 0 ? r : store_zeros(fw, req->address + n, req->length - n);
}

static int dma_execute(struct fw_cfg_core *fw, const struct dma_request *req)
{
	const uint8_t *skipped;

	if (req->control & FW_CFG_DMA_SELECT)
		fw_cfg_core_select(fw, (uint16_t)(req->control >> 16));
	if (!(req->control & (FW_CFG_DMA_READ | FW_CFG_DMA_WRITE | FW_CFG_DMA_SKIP)))
		return 0;
	if (req->control & FW_CFG_DMA_READ)
		return dma_read_item(fw, req);
	if (req->control & FW_CFG_DMA_WRITE)
		return -EROFS;
	take(fw, req->length, &skipped);
	return 0;
}

// Runs the request at ADDR. The outcome goes into its control word: 0, or the error bit. Where that word
// cannot be written, nobody can be told.
static void dma_start(struct fw_cfg_core *fw, uint64_t addr)
{
	uint8_t raw[FW_CFG_DMA_SIZE], outcome[4];
	struct dma_request req;
	int r = fw->host.mem_read(fw->host.arg, addr, raw, sizeof(raw));

	if (r == 0) {
		req.control = get_be32(raw + FW_CFG_DMA_CONTROL);
		req.length = get_be32(raw + FW_CFG_DMA_LENGTH);
		req.address = get_be64(raw + FW_CFG_DMA_ADDRESS);
		r = dma_execute(fw, &req);
	}
	put_be32(outcome, r < 0 ? FW_CFG_DMA_ERROR : 0);
	if (addr > UINT64_MAX - FW_CFG_DMA_SIZE ||
	    fw->host.mem_write(fw->host.arg, addr + FW_CFG_DMA_CONTROL, outcome, sizeof(outcome)) < 0)
		log_guest("fw_cfg: no memory at the DMA request's address %#llx", (unsigned long long)addr);
}

uint64_t fw_cfg_core_dma_read(const struct fw_cfg_core *fw, uint64_t offset, unsigned size)
{
	(void)fw;
	if (offset >= sizeof(dma_signature) || size > sizeof(dma_signature) - offset)
		return UINT64_MAX;
	return get_le(dma_signature + offset, size);
}

// The register takes dwords, and a whole qword where the bus has them; the low half is the one that starts.
void fw_cfg_core_dma_write(struct fw_cfg_core *fw, uint64_t offset, unsigned size, uint64_t value)
{
	uint64_t addr;

	if (!(size == 4 && (offset == 0 || offset == 4)) && !(size == 8 && offset == 0))
		return;
	put_le(fw->regs.dma + offset, size, value);
	if (offset + size < sizeof(fw->regs.dma))
		return;
	addr = get_be64(fw->regs.dma);
	memset(fw->regs.dma, 0, sizeof(fw->regs.dma));
	dma_start(fw, addr);
}
