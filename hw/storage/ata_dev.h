// ata_dev.h: what the files of the ATA core share: jobs, outcomes, data blocks. Not for other folders.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_STORAGE_ATA_DEV_H
#define BERTH_STORAGE_ATA_DEV_H

#include "hw/storage/ata.h"

#define ATA_READY (ATA_DRDY | ATA_DSC)

// What a command does over time. Saved, so append only.
enum ata_job {
	ATA_JOB_NONE,
	ATA_JOB_DATA_IN,        // one block from buf, then done
	ATA_JOB_WRITE_BUFFER,
	ATA_JOB_READ,
	ATA_JOB_WRITE,
	ATA_JOB_VERIFY,
	ATA_JOB_FLUSH,
	ATA_JOB_TRIM,
	ATA_JOB_PACKET,         // the host writes the 12 command bytes
	ATA_JOB_CD_REPLY,       // data from buf
	ATA_JOB_CD_PARAMETERS,  // data to buf
	ATA_JOB_CD_READ,        // user data of the medium
	ATA_JOB_CD_RAW,         // sectors with sync, header or check bytes around them
	ATA_JOB_COUNT
};

// How a job goes on. Each may be NULL where it cannot happen.
struct ata_job_ops {
	void (*block)(struct ata_dev *d);               // the host has moved the whole DRQ block
	void (*dma)(struct ata_dev *d);                 // the bus master may be ready
	void (*done)(struct ata_dev *d, int result);    // the backend request has ended
};

extern const struct ata_job_ops ata_rw_read_ops, ata_rw_write_ops, ata_rw_verify_ops;
extern const struct ata_job_ops ata_flush_ops, ata_trim_ops;
extern const struct ata_job_ops ata_data_in_ops, ata_write_buffer_ops;
extern const struct ata_job_ops atapi_packet_ops, atapi_reply_ops, atapi_parameters_ops;
extern const struct ata_job_ops atapi_read_ops, atapi_raw_ops;

// Kinds of READ and WRITE, or'ed; kept in ata_dev_regs.rw.
enum ata_rw {
	ATA_RW_WRITE = 1,
	ATA_RW_MULTIPLE = 2,
	ATA_RW_DMA = 4,
	ATA_RW_EXT = 8,
	ATA_RW_FUA = 16,
	ATA_RW_VERIFY = 32,
};

// --- ata.c: outcomes and interrupts ---
void ata_intrq(struct ata_dev *d, bool level);
void ata_busy(struct ata_dev *d);
// Ends the command without error; with an interrupt, or without.
void ata_finish(struct ata_dev *d);
void ata_finish_quiet(struct ata_dev *d);
// Ends the command with ERR (and MORE status bits), error register ERROR, and an interrupt.
void ata_fail(struct ata_dev *d, unsigned error, unsigned more);
static inline void ata_abort(struct ata_dev *d) { ata_fail(d, ATA_ABRT, 0); }
// Offers buf[pos, pos + len) to the host (or asks it to fill it): DRQ, with an interrupt when INTERRUPT.
void ata_offer(struct ata_dev *d, uint32_t len, bool in, bool interrupt);
// One block of LEN bytes from buf and then the end of the command.
void ata_reply(struct ata_dev *d, uint32_t len);
void ata_start_io(struct ata_dev *d, const struct ata_io *io);
void ata_wait_dma(struct ata_dev *d);
// Moves buf[pos, fill) through the bus master. True when all of it has moved; ends the command with FAULT()
// when memory could not be reached.
bool ata_dma_buf(struct ata_dev *d, bool to_memory, void (*fault)(struct ata_dev *d));
void ata_signature(struct ata_dev *d);
void ata_device_reset(struct ata_dev *d);

// --- commands ---
struct ata_command {
	void (*run)(struct ata_dev *d, unsigned arg);
	uint8_t arg;
};
extern const struct ata_command ata_disk_commands[256], ata_packet_commands[256];

void ata_run(struct ata_dev *d, uint8_t command);
void ata_settings_reset(struct ata_dev *d, bool power_on);
void ata_cmd_rw(struct ata_dev *d, unsigned arg);
void ata_cmd_seek(struct ata_dev *d, unsigned arg);
void ata_cmd_trim(struct ata_dev *d, unsigned arg);
void ata_cmd_smart(struct ata_dev *d, unsigned arg);
void ata_cmd_set_features(struct ata_dev *d, unsigned arg);
void ata_cmd_packet(struct ata_dev *d, unsigned arg);
void ata_flush(struct ata_dev *d);
void ata_store_lba(struct ata_dev *d, bool ext, uint64_t lba);

// --- ata_identify.c ---
struct ata_geometry { uint32_t cylinders, heads, sectors; };
// The default translation: the image's where IDE can express it, else computed from the size.
struct ata_geometry ata_default_geometry(const struct ata_drive *drive);
// Fills 512 bytes.
void ata_identify_disk(const struct ata_dev *d, uint8_t *out);
void ata_identify_packet(const struct ata_dev *d, uint8_t *out);
// Writes TEXT into LEN bytes, padded with spaces, bytes of each word swapped as ATA strings are.
void ata_string(uint8_t *out, const char *text, size_t len);

#endif
