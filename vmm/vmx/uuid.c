// uuid.c: UUIDs: text, making, location, derived numbers.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmx/uuid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "base/file.h"
#include "vmx/value.h"

static void print_bytes(const uint8_t *bytes, unsigned count, unsigned dash, char *out, size_t size)
{
	size_t n = 0;

	for (unsigned i = 0; i < count && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%02x", i == 0 ? "" : i == dash ? "-" : " ", bytes[i]);
}

void uuid_format(const uint8_t uuid[16], char out[UUID_TEXT]) { print_bytes(uuid, 16, 8, out, UUID_TEXT); }

int uuid_generate(uint8_t out[16], struct err *err)
{
	if (getrandom(out, 16, 0) != 16)
		return err_set(err, errno, "uuid.bios", "the kernel gives no random numbers: %s", strerror(errno));
	out[0] = 0x56;
	out[1] = 0x4d;
	return 0;
}

void uuid_host_id(uint8_t out[16])
{
	char *text;
	size_t len;

	memset(out, 0, 16);
	if (file_read("/etc/machine-id", 256, &text, &len, NULL) < 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	if (value_uuid(text, out) < 0)
		memset(out, 0, 16);
	free(text);
}

// FNV-1a of 64 bits, with a start value of its own for each half.
static uint64_t digest(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}

void uuid_location(const uint8_t host[16], const char *vmx_path, uint8_t out[16])
{
	static const uint64_t start[2] = { 0xcbf29ce484222325ull, 0x6c62272e07bb0142ull };

	for (unsigned i = 0; i < 2; i++)
		put_be64(out + 8 * i, digest(digest(start[i], host, 16), vmx_path, strlen(vmx_path)));
	out[0] = 0x56;
	out[1] = 0x4d;
}

int32_t uuid_vmci_id(const uint8_t uuid[16]) { return (int32_t)get_be32(uuid + 12); }

// 5, VMware's 005056, nine hex digits of the UUID's middle, one for the controller.
void uuid_sas_wwn(const uint8_t uuid[16], unsigned controller, char out[SAS_WWN_TEXT])
{
	uint8_t wwn[8] = { 0x50, 0x05, 0x05, (uint8_t)(0x60 | (uuid[3] & 0x0f)), uuid[4], uuid[5], uuid[6],
			   (uint8_t)((uuid[7] & 0xf0) | (controller & 0x0f)) };

	print_bytes(wwn, sizeof(wwn), sizeof(wwn), out, SAS_WWN_TEXT);
}
