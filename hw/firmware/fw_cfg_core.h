// fw_cfg_core.h: the firmware configuration device: selectable items, a data port, a DMA interface.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The device through which SeaBIOS learns of its machine (QEMU's fw_cfg, whose interface its documentation
// fixes). A 16-bit selector chooses an item; its bytes are read one after another from the data port, or many
// at once by DMA. Behind the end of an item, and for a selector that nobody filled, reads give zeros. Items
// are read-only. The core knows neither ports nor lock.
#ifndef BERTH_FIRMWARE_FW_CFG_CORE_H
#define BERTH_FIRMWARE_FW_CFG_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "bus/fields.h"

// Selectors. Files begin at FW_CFG_FILE_FIRST; bit 15 is the name space of the architecture, bit 14 unused.
enum fw_cfg_key {
	FW_CFG_SIGNATURE = 0x00,        // "QEMU"
	FW_CFG_ID = 0x01,               // u32: bit 0 selector and data port, bit 1 DMA
	FW_CFG_UUID = 0x02,             // 16 bytes
	FW_CFG_RAM_SIZE = 0x03,         // u64
	FW_CFG_NOGRAPHIC = 0x04,        // u16
	FW_CFG_NB_CPUS = 0x05,          // u16
	FW_CFG_NUMA = 0x0d,             // u64 number of nodes, then data
	FW_CFG_BOOT_MENU = 0x0e,        // u16; SeaBIOS knows it as etc/show-boot-menu
	FW_CFG_MAX_CPUS = 0x0f,         // u16: highest APIC ID + 1; SeaBIOS knows it as etc/max-cpus
	FW_CFG_FILE_DIR = 0x19,
	FW_CFG_FILE_FIRST = 0x20,
	FW_CFG_IRQ0_OVERRIDE = 0x8002,  // u8: 1 = the PIT arrives on IOAPIC input 2
};

#define FW_CFG_VERSION          0x01u
#define FW_CFG_VERSION_DMA      0x02u
#define FW_CFG_FILE_NAME        56u     // with its NUL
#define FW_CFG_FILES_MAX        256u
#define FW_CFG_ITEM_MAX         (64u << 20)

// The request a guest leaves in memory; all fields big endian.
enum fw_cfg_dma_layout {
	FW_CFG_DMA_CONTROL = 0,
	FW_CFG_DMA_LENGTH = 4,
	FW_CFG_DMA_ADDRESS = 8,
	FW_CFG_DMA_SIZE = 16
};
enum fw_cfg_dma_control {
	FW_CFG_DMA_ERROR = 1u << 0,
	FW_CFG_DMA_READ = 1u << 1,
	FW_CFG_DMA_SKIP = 1u << 2,
	FW_CFG_DMA_SELECT = 1u << 3,    // selector in bits 31:16
	FW_CFG_DMA_WRITE = 1u << 4,     // answered with an error: no item is writable
};
// More than this in one read is answered with an error: it bounds the time one port write can take.
#define FW_CFG_DMA_MAX (64u << 20)

// Guest memory, for DMA. 0 or -errno; nothing is transferred on failure.
struct fw_cfg_host {
	int (*mem_read)(void *arg, uint64_t addr, void *buf, size_t len);
	int (*mem_write)(void *arg, uint64_t addr, const void *buf, size_t len);
	void *arg;
};

struct fw_cfg_regs {
	uint16_t selector;
	uint32_t offset;                // next byte of the item; stops at its end
	uint8_t dma[8];                 // DMA address register as the guest stored it, big endian
};

struct fw_cfg_item {
	uint16_t key;
	uint32_t len;
	uint8_t *data;                  // owned
	char name[FW_CFG_FILE_NAME];    // empty for items that are not files
};

struct fw_cfg_core {
	struct fw_cfg_regs regs;        // the whole of what a snapshot saves
	struct fw_cfg_host host;
	struct fw_cfg_item *items;
	size_t count;
	uint16_t next_file;             // selector of the next file
	size_t cached;                  // index of the item that was selected last
};

extern const struct fields fw_cfg_fields;

// Empty but for signature, version and directory. HOST is copied. 0 or -ENOMEM (then nothing needs freeing).
int fw_cfg_core_init(struct fw_cfg_core *fw, const struct fw_cfg_host *host);
void fw_cfg_core_free(struct fw_cfg_core *fw);
// Registers only; items stay.
void fw_cfg_core_reset(struct fw_cfg_core *fw);

// Stores a copy of LEN bytes under KEY. -EEXIST when it is taken, -EINVAL for a key that means a file,
// -E2BIG, -ENOMEM.
int fw_cfg_core_add_item(struct fw_cfg_core *fw, uint16_t key, const void *data, size_t len);
// The same as a file, put into the directory by its name; the selector is the next free one. -EEXIST for a
// name that exists, -EINVAL for an empty or too long one, -ENOSPC when the directory is full.
int fw_cfg_core_add_file(struct fw_cfg_core *fw, const char *name, const void *data, size_t len);
// NULL when there is none. Valid until the next item is added.
const struct fw_cfg_item *fw_cfg_core_find_file(const struct fw_cfg_core *fw, const char *name);

// --- registers; all are total ------------------------------------------------------------------------
void fw_cfg_core_select(struct fw_cfg_core *fw, uint16_t key);
// COUNT reads of the data port.
void fw_cfg_core_data(struct fw_cfg_core *fw, void *buf, size_t count);
// DMA address register: SIZE bytes at OFFSET (0..7) in bus order. Reads give the signature "QEMU CFG". The
// write that completes the low half starts the request.
uint64_t fw_cfg_core_dma_read(const struct fw_cfg_core *fw, uint64_t offset, unsigned size);
void fw_cfg_core_dma_write(struct fw_cfg_core *fw, uint64_t offset, unsigned size, uint64_t value);

#endif
