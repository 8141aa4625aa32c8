// ata.h: one ATA channel with two devices: task file, disk commands and ATAPI CD-ROM. Registers only.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Facts: ATA/ATAPI-6 (task file, PIO, DMA, 48-bit, SMART), SFF-8020i and MMC-3 (CD-ROM). The core knows no
// bus, thread, file or lock: the owner serialises all calls and supplies struct ata_host. Each device runs
// one command and has at most one backend request under way. A reset that meets a request under way leaves
// the device busy until that request has ended: no old transfer reaches memory or the medium after the reset.
#ifndef BERTH_STORAGE_ATA_H
#define BERTH_STORAGE_ATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/fields.h"

#define ATA_SECTOR 512u
#define ATA_BUF_SECTORS 64u                     // also the largest block of READ/WRITE MULTIPLE
#define ATA_BUF_SIZE (ATA_BUF_SECTORS * ATA_SECTOR)
#define ATAPI_CDB_SIZE 12u

enum ata_reg {                                  // offsets in the command block
	ATA_REG_DATA,
	ATA_REG_ERROR,                          // features when written
	ATA_REG_COUNT,                          // interrupt reason of packet commands
	ATA_REG_LBA_LOW,
	ATA_REG_LBA_MID,                        // byte count low of packet commands
	ATA_REG_LBA_HIGH,                       // byte count high
	ATA_REG_DEVICE,
	ATA_REG_STATUS,                         // command when written
};

enum ata_status {
	ATA_ERR = 0x01,                         // CHK of packet commands
	ATA_DRQ = 0x08,
	ATA_DSC = 0x10,
	ATA_DF = 0x20,
	ATA_DRDY = 0x40,
	ATA_BSY = 0x80,
};

enum ata_error {
	ATA_ABRT = 0x04,
	ATA_IDNF = 0x10,
	ATA_UNC = 0x40,
};

enum ata_control { ATA_NIEN = 0x02, ATA_SRST = 0x04, ATA_HOB = 0x80 };
enum ata_device_bits { ATA_DEV = 0x10, ATA_LBA = 0x40 };

// What a device waits for while it carries out a command.
enum ata_wait { ATA_WAIT_NONE, ATA_WAIT_HOST, ATA_WAIT_DMA, ATA_WAIT_IO, ATA_WAIT_COUNT };

// Of a packet device.
struct atapi_regs {
	uint8_t sense_key, asc, ascq;
	uint32_t sense_info;                    // block address of the error
	uint8_t sense_info_valid;
	uint8_t ua_power_on, ua_medium;         // unit attentions that wait to be told
	uint8_t swapped;                        // one "no medium" is due before the new one shows
	uint8_t tray_open, locked;
	uint8_t media_event, media_event_next;  // for GET EVENT STATUS NOTIFICATION
	uint8_t dma;                            // the packet command moves its data by DMA
	uint8_t raw_parts;                      // READ CD: byte 9 of the command
	uint8_t error_recovery, read_retries;   // page 01h
	uint8_t audio[8];                       // page 0Eh, bytes 8 to 15
	uint8_t cdb[ATAPI_CDB_SIZE];
	uint32_t limit;                         // byte count limit of a data block, even
};

// [0] is what was written last, [1] what was there before (read with HOB).
struct ata_dev_regs {
	uint8_t status, error;
	uint8_t feature[2], count[2], lba_low[2], lba_mid[2], lba_high[2];
	uint8_t device;
	uint8_t intrq;
	// Settings.
	uint8_t multiple;                       // sectors of a block, 0 = off
	uint8_t transfer_mode;                  // as in SET FEATURES 03h
	uint8_t write_cache, look_ahead, smart, smart_autosave, smart_offline, keep_settings;
	uint8_t power;                          // as CHECK POWER MODE gives it
	uint8_t asleep;
	uint16_t chs_cylinders;                 // of the current translation
	uint8_t chs_heads, chs_sectors;
	// The command under way.
	uint8_t command, job, wait, rw;
	uint8_t data_in;                        // the block in buf goes to the host
	uint8_t reset;                          // kind of reset that waits to be completed
	uint32_t pos, drq_end, fill;            // in buf: next byte, end of this DRQ block, end of data
	uint32_t chunk;                         // sectors in buf or in flight
	uint64_t lba, left;                     // in sectors of 512 bytes, also for CD-ROM
	struct atapi_regs packet;
	uint8_t scratch[ATA_SECTOR];            // WRITE BUFFER, READ BUFFER
	uint8_t buf[ATA_BUF_SIZE];
};

struct ata_regs {
	uint8_t select;                         // 0 or 1
	uint8_t control;
	struct ata_dev_regs dev[2];
};

enum ata_kind { ATA_KIND_NONE, ATA_KIND_DISK, ATA_KIND_CDROM };

// What is plugged in.
struct ata_drive {
	enum ata_kind kind;
	unsigned number;                        // 0..3: channel * 2 + unit
	uint64_t sectors;                       // of 512 bytes: the disk, or the medium in the CD-ROM
	bool medium;                            // CD-ROM: there is one
	bool readonly;
	bool discard;                           // offer TRIM
	uint32_t cylinders, heads, sectors_per_track;   // of the image; 0 or implausible = computed
};

enum ata_io_op { ATA_IO_READ, ATA_IO_WRITE, ATA_IO_FLUSH, ATA_IO_DISCARD };

struct ata_io {
	enum ata_io_op op;
	bool fua;
	bool dma;                               // data is in the pieces of the last dma_map(), else in buf
	uint64_t offset, length;                // bytes, multiples of 512
	uint8_t *buf;                           // stays valid and untouched until ata_io_done()
};

struct ata_host {
	// INTRQ as the host sees it (nIEN applied). Called on every change.
	void (*irq)(void *arg, bool level);
	// Starts a request; ata_io_done() must follow once, never from inside this call.
	void (*io)(void *arg, unsigned unit, const struct ata_io *io);
	// Maps memory for the next request: at most WANT bytes (multiple of 512). Returns the bytes mapped, a
	// multiple of 512; 0 = the bus master is not ready (ata_dma_ready() comes later); negative = fault.
	int64_t (*dma_map)(void *arg, unsigned unit, uint64_t want, bool to_memory);
	// Moves bytes between BUF and memory now. Returns how many (fewer: the table ended), or as above.
	int64_t (*dma_copy)(void *arg, unsigned unit, void *buf, size_t len, bool to_memory);
	// The mapped transfer is over.
	void (*dma_end)(void *arg, unsigned unit);
	// The guest opened or closed the tray. Optional.
	void (*tray)(void *arg, unsigned unit, bool open);
	void *arg;
};

struct ata;

struct ata_dev {
	struct ata *ch;
	struct ata_dev_regs *r;
	unsigned unit;
	struct ata_drive drive;
	bool io_busy;                           // a request is under way
	bool stale;                             // its medium has been taken out meanwhile
};

struct ata {
	struct ata_host host;
	struct ata_regs *r;
	struct ata_dev dev[2];
	bool level;                             // of host.irq
};

// REGS and HOST's arg stay the caller's and must outlive CH; nothing is plugged in afterwards.
void ata_init(struct ata *ch, struct ata_regs *regs, const struct ata_host *host);
// Before ata_power_on(). DRIVE is copied.
void ata_plug(struct ata *ch, unsigned unit, const struct ata_drive *drive);
// Power-on values. Requests under way keep their device busy until they end.
void ata_power_on(struct ata *ch);
// True when no request is under way.
bool ata_idle(const struct ata *ch);

// Command block registers 1 to 7 of the selected device.
uint8_t ata_read(struct ata *ch, unsigned reg);
void ata_write(struct ata *ch, unsigned reg, uint8_t value);
// Data register, LEN bytes (16-bit items in little endian order). Without DRQ reads give all ones.
void ata_data_read(struct ata *ch, uint8_t *buf, size_t len);
void ata_data_write(struct ata *ch, const uint8_t *buf, size_t len);
// Control block.
uint8_t ata_alt_status(const struct ata *ch);
void ata_control_write(struct ata *ch, uint8_t value);

// The bus master can move data now.
void ata_dma_ready(struct ata *ch);
// The device's request has ended with RESULT: 0 or -errno.
void ata_io_done(struct ata *ch, unsigned unit, int result);
// Another medium (or none when !MEDIUM) is in the tray, which is closed. -EBUSY when the guest has locked the
// tray and not FORCE (the guest is then told that somebody wants the medium); -ENODEV when it is no CD-ROM.
int ata_medium_change(struct ata *ch, unsigned unit, bool medium, uint64_t sectors, bool force);

// After registers were loaded: brings INTRQ in line with them and lets a waiting transfer go on.
void ata_loaded(struct ata *ch);
// Brings loaded registers into their limits; a command that waited for the backend ends with an error.
void ata_regs_sanitize(struct ata_regs *regs);

#define ATAPI_FIELDS(T, m) \
	FIELD(T, m.sense_key), FIELD(T, m.asc), FIELD(T, m.ascq), FIELD(T, m.sense_info), \
	FIELD(T, m.sense_info_valid), \
	FIELD(T, m.ua_power_on), FIELD(T, m.ua_medium), FIELD(T, m.swapped), FIELD(T, m.tray_open), \
	FIELD(T, m.locked), FIELD(T, m.media_event), FIELD(T, m.media_event_next), FIELD(T, m.dma), \
	FIELD(T, m.raw_parts), FIELD(T, m.error_recovery), FIELD(T, m.read_retries), \
	FIELD_ARRAY(T, m.audio), FIELD_ARRAY(T, m.cdb), FIELD(T, m.limit)
#define ATA_DEV_FIELDS(T, m) \
	FIELD(T, m.status), FIELD(T, m.error), FIELD_ARRAY(T, m.feature), FIELD_ARRAY(T, m.count), \
	FIELD_ARRAY(T, m.lba_low), FIELD_ARRAY(T, m.lba_mid), FIELD_ARRAY(T, m.lba_high), \
	FIELD(T, m.device), FIELD(T, m.intrq), FIELD(T, m.multiple), FIELD(T, m.transfer_mode), \
	FIELD(T, m.write_cache), FIELD(T, m.look_ahead), FIELD(T, m.smart), FIELD(T, m.smart_autosave), \
	FIELD(T, m.smart_offline), \
	FIELD(T, m.keep_settings), FIELD(T, m.power), FIELD(T, m.asleep), FIELD(T, m.chs_cylinders), \
	FIELD(T, m.chs_heads), FIELD(T, m.chs_sectors), FIELD(T, m.command), FIELD(T, m.job), \
	FIELD(T, m.wait), FIELD(T, m.rw), FIELD(T, m.data_in), FIELD(T, m.reset), FIELD(T, m.pos), \
	FIELD(T, m.drq_end), FIELD(T, m.fill), FIELD(T, m.chunk), FIELD(T, m.lba), FIELD(T, m.left), \
	ATAPI_FIELDS(T, m.packet), FIELD_ARRAY(T, m.scratch), FIELD_ARRAY(T, m.buf)
// The entries of a struct fields list for the struct ata_regs at member M of T.
#define ATA_FIELDS(T, m) \
	FIELD(T, m.select), FIELD(T, m.control), ATA_DEV_FIELDS(T, m.dev[0]), ATA_DEV_FIELDS(T, m.dev[1])

#endif
