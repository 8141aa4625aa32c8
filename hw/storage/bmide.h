// bmide.h: one channel of the bus master IDE function: command, status, descriptor table, scatter lists.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Facts: Programming Interface for Bus Master IDE Controller 1.0; 82371AB (PIIX4) data sheet. Registers and
// descriptor rules only; memory is reached through struct bmide_host. The owner serialises all calls.
#ifndef BERTH_STORAGE_BMIDE_H
#define BERTH_STORAGE_BMIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "bus/fields.h"
#include "bus/gpa.h"

#define BMIDE_SIZE 8u                   // bytes of registers of a channel

enum bmide_reg { BMIDE_COMMAND = 0, BMIDE_STATUS = 2, BMIDE_TABLE = 4 };
enum bmide_command { BMIDE_START = 0x01, BMIDE_TO_MEMORY = 0x08 };
enum bmide_status {
	BMIDE_ACTIVE = 0x01,
	BMIDE_ERROR = 0x02,
	BMIDE_INTERRUPT = 0x04,
	BMIDE_CAPABLE_0 = 0x20,
	BMIDE_CAPABLE_1 = 0x40,
};

// Where the walk through the descriptor table stands.
struct bmide_cursor {
	uint32_t next;                  // address of the next descriptor
	uint32_t base, left;            // what remains of the current one
	uint32_t taken;                 // descriptors so far
	uint8_t last;                   // the current one carries the end mark
};

struct bmide_regs {
	uint8_t command, status;
	uint32_t table;
	struct bmide_cursor cursor;
	uint8_t intrq;                  // as last seen
};

struct bmide_host {
	// 0, or -errno when the range is not memory. All as gmem.h has them.
	int (*read)(void *arg, gpa_t addr, void *buf, size_t len);
	int (*write)(void *arg, gpa_t addr, const void *buf, size_t len);
	int (*iov)(void *arg, gpa_t addr, size_t len, bool writable, struct iovec *iov, int max);
	// False while the function may not master the bus. Transfers then wait.
	bool (*granted)(void *arg);
	// The guest has started the bus master.
	void (*started)(void *arg);
	void *arg;
};

struct bmide {
	struct bmide_regs *r;
	struct bmide_host host;
};

// A scatter list that the caller lends for one transfer.
struct bmide_map {
	struct iovec *iov;
	int max, count;                 // max: at least 258, so that one sector always fits
};

void bmide_init(struct bmide *bm, struct bmide_regs *regs, const struct bmide_host *host);
// CAPABLE: the drive bits of the status register.
void bmide_reset(struct bmide *bm, uint8_t capable);
uint8_t bmide_read(const struct bmide *bm, unsigned reg);
// Writes SIZE bytes (1, 2 or 4) at REG.
void bmide_write(struct bmide *bm, unsigned reg, unsigned size, uint32_t value);
// The channel's INTRQ has this level now.
void bmide_irq(struct bmide *bm, bool level);
// Maps at most WANT bytes (multiple of 512) for a transfer. Returns the bytes, a multiple of 512; 0 when
// stopped or at the end of the table; -EFAULT for memory that is not there, with the error bit set.
int64_t bmide_map(struct bmide *bm, uint64_t want, bool to_memory, struct bmide_map *map);
// Moves LEN bytes now; returns how many, or as bmide_map().
int64_t bmide_copy(struct bmide *bm, void *buf, size_t len, bool to_memory);
// The mapped transfer is over: at the end of the table the bus master goes inactive.
void bmide_end(struct bmide *bm);
void bmide_regs_sanitize(struct bmide_regs *regs);

#define BMIDE_FIELDS(T, m) \
	FIELD(T, m.command), FIELD(T, m.status), FIELD(T, m.table), FIELD(T, m.cursor.next), \
	FIELD(T, m.cursor.base), FIELD(T, m.cursor.left), FIELD(T, m.cursor.taken), \
	FIELD(T, m.cursor.last), FIELD(T, m.intrq)

#endif
