// atapi.h: the packet device: what its files share among them and with the channel. Not for other folders.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_STORAGE_ATAPI_H
#define BERTH_STORAGE_ATAPI_H

#include "hw/storage/ata_dev.h"

#define CD_BLOCK 2048u
#define CD_BLOCK_SECTORS (CD_BLOCK / ATA_SECTOR)
#define CD_RAW_MAX 2352u
#define CD_MAX_BLOCKS 420000u           // more than fits on any CD: it must be a DVD

enum sense_key {
	SENSE_NONE = 0,
	SENSE_NOT_READY = 2,
	SENSE_MEDIUM_ERROR = 3,
	SENSE_HARDWARE_ERROR = 4,
	SENSE_ILLEGAL_REQUEST = 5,
	SENSE_UNIT_ATTENTION = 6,
	SENSE_ABORTED = 11,
};

// Additional sense code and qualifier, as one number.
enum sense_code {
	ASC_NONE = 0x0000,
	ASC_READ_ERROR = 0x1100,
	ASC_INVALID_OPCODE = 0x2000,
	ASC_BLOCK_OUT_OF_RANGE = 0x2100,
	ASC_INVALID_FIELD = 0x2400,
	ASC_INVALID_PARAMETER = 0x2600,
	ASC_PARAMETER_LENGTH = 0x1a00,
	ASC_MEDIUM_CHANGED = 0x2800,
	ASC_POWER_ON = 0x2900,
	ASC_SEQUENCE_ERROR = 0x2c00,
	ASC_INCOMPATIBLE_MEDIUM = 0x3002,
	ASC_SAVING_UNSUPPORTED = 0x3900,
	ASC_NO_MEDIUM_CLOSED = 0x3a01,
	ASC_NO_MEDIUM_OPEN = 0x3a02,
	ASC_INTERNAL_FAILURE = 0x4400,
	ASC_REMOVAL_PREVENTED = 0x5302,
	ASC_ILLEGAL_TRACK_MODE = 0x6400,
};

enum media_event { MEDIA_NO_CHANGE, MEDIA_EJECT_REQUEST, MEDIA_NEW, MEDIA_REMOVAL, MEDIA_CHANGED };

struct atapi_command {
	void (*run)(struct ata_dev *d, const uint8_t *cdb);
	bool medium;                    // needs a medium
	bool attention;                 // is carried out although a unit attention waits
};
extern const struct atapi_command atapi_commands[256];

// --- for the channel ---
void atapi_reset(struct ata_dev *d, bool power_on);
void atapi_medium(struct ata_dev *d, bool medium, uint64_t sectors);
void atapi_eject_request(struct ata_dev *d);
void atapi_sanitize(struct atapi_regs *p);

// --- outcomes ---
void atapi_good(struct ata_dev *d);
void atapi_check(struct ata_dev *d, enum sense_key key, enum sense_code code);
static inline void atapi_illegal(struct ata_dev *d, enum sense_code code)
{
	atapi_check(d, SENSE_ILLEGAL_REQUEST, code);
}
void atapi_no_medium(struct ata_dev *d);
void atapi_memory_fault(struct ata_dev *d);             // the bus master could not reach memory
// Sends the first LEN bytes of buf, at most ALLOCATION; 0 bytes end the command at once.
void atapi_reply(struct ata_dev *d, uint32_t len, uint32_t allocation);
// Asks the host for LEN bytes of parameters; atapi_mode_select() gets them.
void atapi_parameters(struct ata_dev *d, uint32_t len);
// Offers the next block of buf to the host, as long as the byte count limit allows.
void atapi_offer_in(struct ata_dev *d);
// Zeroes LEN bytes of buf and returns it.
uint8_t *atapi_blank(struct ata_dev *d, uint32_t len);

// --- the medium ---
bool atapi_ready(const struct ata_dev *d);              // a medium is in and the tray closed
uint32_t atapi_blocks(const struct ata_dev *d);
bool atapi_is_dvd(const struct ata_dev *d);
void atapi_msf(uint32_t block, uint8_t out[3]);         // minute, second, frame of a block address

// --- commands of the other files ---
void atapi_cmd_read10(struct ata_dev *d, const uint8_t *cdb);
void atapi_cmd_read12(struct ata_dev *d, const uint8_t *cdb);
void atapi_cmd_read_cd(struct ata_dev *d, const uint8_t *cdb);
void atapi_cmd_read_cd_msf(struct ata_dev *d, const uint8_t *cdb);
void atapi_cmd_seek(struct ata_dev *d, const uint8_t *cdb);
void atapi_cmd_verify(struct ata_dev *d, const uint8_t *cdb);
void atapi_cmd_mode_sense6(struct ata_dev *d, const uint8_t *cdb);
void atapi_cmd_mode_sense10(struct ata_dev *d, const uint8_t *cdb);
void atapi_cmd_mode_select6(struct ata_dev *d, const uint8_t *cdb);
void atapi_cmd_mode_select10(struct ata_dev *d, const uint8_t *cdb);
void atapi_mode_select(struct ata_dev *d);
void atapi_cmd_read_toc(struct ata_dev *d, const uint8_t *cdb);
void atapi_cmd_read_subchannel(struct ata_dev *d, const uint8_t *cdb);
void atapi_cmd_disc_information(struct ata_dev *d, const uint8_t *cdb);
void atapi_cmd_track_information(struct ata_dev *d, const uint8_t *cdb);
void atapi_cmd_get_configuration(struct ata_dev *d, const uint8_t *cdb);
void atapi_cmd_dvd_structure(struct ata_dev *d, const uint8_t *cdb);
void atapi_cmd_mechanism_status(struct ata_dev *d, const uint8_t *cdb);
void atapi_cmd_event_status(struct ata_dev *d, const uint8_t *cdb);
void atapi_cmd_start_stop(struct ata_dev *d, const uint8_t *cdb);
void atapi_cmd_prevent_allow(struct ata_dev *d, const uint8_t *cdb);

#endif
