// smbios.c: putting the SMBIOS structures together, with the entry point.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/firmware/smbios.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/file.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/firmware/smbios_writer.h"

// --- structures --------------------------------------------------------------------------------------

unsigned smb_begin(struct smb *s, unsigned type)
{
	s->start = s->b.len;
	s->string_count = 0;
	blob_u8(&s->b, type);
	blob_u8(&s->b, 0);
	blob_u16(&s->b, s->structures);
	return s->structures;
}

void smb_string(struct smb *s, const char *text)
{
	if (!text || !*text || s->string_count == SMB_STRINGS) {
		blob_u8(&s->b, 0);
		return;
	}
	s->strings[s->string_count++] = text;
	blob_u8(&s->b, s->string_count);
}

// Texts come from the .vmx, from the host and from CPUID: cut, and without control characters.
static void put_text(struct blob *b, const char *text)
{
	for (size_t i = 0; i < SMB_STRING_MAX && text[i]; i++) {
		unsigned char c = (unsigned char)text[i];

		blob_u8(b, c < ' ' || c == 0x7f ? '?' : c);
	}
	blob_u8(b, 0);
}

void smb_end(struct smb *s)
{
	uint8_t length = (uint8_t)(s->b.len - s->start);

	blob_patch(&s->b, s->start + 1, &length, 1);
	for (unsigned i = 0; i < s->string_count; i++)
		put_text(&s->b, s->strings[i]);
	if (!s->string_count)
		blob_u8(&s->b, 0);
	blob_u8(&s->b, 0);
	s->largest = MAX(s->largest, s->b.len - s->start);
	s->structures++;
}

unsigned smb_handle_ahead(const struct smb *s, unsigned ahead)
{
	return s->structures + ahead;
}

// --- entry point -------------------------------------------------------------------------------------

enum anchor_layout {
	ANCHOR_CHECKSUM = 4,
	ANCHOR_LENGTH = 5,
	ANCHOR_MAJOR = 6,
	ANCHOR_MINOR = 7,
	ANCHOR_LARGEST = 8,
	ANCHOR_DMI = 16,
	ANCHOR_DMI_CHECKSUM = 21,
	ANCHOR_TABLE_LENGTH = 22,
	ANCHOR_TABLE_COUNT = 28,
	ANCHOR_BCD = 30,
};

static void put_anchor(uint8_t anchor[SMBIOS_ANCHOR_SIZE], const struct smb *s)
{
	uint8_t minor = s->v27 ? 7 : 4;

	memset(anchor, 0, SMBIOS_ANCHOR_SIZE);
	memcpy(anchor, "_SM_", 4);
	anchor[ANCHOR_LENGTH] = SMBIOS_ANCHOR_SIZE;
	anchor[ANCHOR_MAJOR] = 2;
	anchor[ANCHOR_MINOR] = minor;
	put_le16(anchor + ANCHOR_LARGEST, (uint16_t)s->largest);
	memcpy(anchor + ANCHOR_DMI, "_DMI_", 5);
	put_le16(anchor + ANCHOR_TABLE_LENGTH, (uint16_t)s->b.len);
	put_le16(anchor + ANCHOR_TABLE_COUNT, (uint16_t)s->structures);
	anchor[ANCHOR_BCD] = (uint8_t)(2 << 4 | minor);
	anchor[ANCHOR_DMI_CHECKSUM] = blob_checksum(anchor + ANCHOR_DMI, SMBIOS_ANCHOR_SIZE - ANCHOR_DMI);
	anchor[ANCHOR_CHECKSUM] = blob_checksum(anchor, SMBIOS_ANCHOR_SIZE);
}

int smbios_files_build(const struct smbios_args *args, struct smbios_files *files, struct err *err)
{
	struct smb s = { .args = args, .v27 = args->hw_version >= SMBIOS_HW_VERSION_2_7 };

	*files = (struct smbios_files){ 0 };
	if (!args->cpus || !args->cores_per_socket || !args->uuid)
		return err_set(err, EINVAL, "smbios", "a machine without CPUs or UUID cannot be described");
	if (args->mem_mb > SMBIOS_MEM_MB_MAX)
		return err_set(err, EINVAL, "smbios", "%llu MB of memory cannot be described",
			       (unsigned long long)args->mem_mb);
	smb_put_system(&s);
	smb_put_cpus(&s);
	smb_put_memory_modules(&s);
	smb_put_connections(&s);
	smb_put_memory_array(&s);
	smb_put_end(&s);
	files->tables = s.b;
	if (s.b.failed)
		return err_set(err, ENOMEM, "smbios", "no memory for the tables");
	if (s.b.len > UINT16_MAX)
		return err_set(err, E2BIG, "smbios", "%u CPU sockets need more than the 64 KiB of SMBIOS 2",
			       args->cpus / args->cores_per_socket);
	put_anchor(files->anchor, &s);
	return 0;
}

int smbios_build(const struct smbios_args *args, struct fw_cfg *fw, struct err *err)
{
	struct smbios_files files;
	int r = smbios_files_build(args, &files, err);

	if (r == 0) {
		r = fw_cfg_add_file(fw, "etc/smbios/smbios-tables", files.tables.data, files.tables.len);
		if (r == 0)
			r = fw_cfg_add_file(fw, "etc/smbios/smbios-anchor", files.anchor,
					    sizeof(files.anchor));
		if (r < 0)
			err_set(err, -r, "smbios", "the tables cannot be stored: %s", strerror(-r));
	}
	blob_free(&files.tables);
	return r;
}

// --- the host's strings ------------------------------------------------------------------------------

static void read_line(const char *path, char *out, size_t size)
{
	char *data;
	size_t len;

	out[0] = '\0';
	if (file_read(path, 4096, &data, &len, NULL) < 0)
		return;
	data[strcspn(data, "\n")] = '\0';
	snprintf(out, size, "%.*s", (int)size - 1, data);
	free(data);
}

void smbios_host_read(struct smbios_host *host)
{
	read_line("/sys/class/dmi/id/sys_vendor", host->manufacturer, sizeof(host->manufacturer));
	read_line("/sys/class/dmi/id/product_name", host->product, sizeof(host->product));
	// For root only: an unprivileged VM keeps its own.
	read_line("/sys/class/dmi/id/product_serial", host->serial, sizeof(host->serial));
	read_line("/sys/class/dmi/id/board_name", host->board, sizeof(host->board));
}
