// mac.c: MAC addresses: text, and generated ones.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmx/mac.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mac_generate(const uint8_t uuid[16], uint32_t offset, uint8_t out[6])
{
	uint32_t low = ((uint32_t)uuid[13] << 16 | (uint32_t)uuid[14] << 8 | uuid[15]) + offset;

	out[0] = 0x00;
	out[1] = 0x0c;
	out[2] = 0x29;
	out[3] = (uint8_t)(low >> 16);
	out[4] = (uint8_t)(low >> 8);
	out[5] = (uint8_t)low;
}

void mac_format(const uint8_t mac[6], char out[MAC_TEXT])
{
	snprintf(out, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

int mac_parse(const char *text, uint8_t out[6])
{
	uint8_t bytes[6];

	for (unsigned i = 0; i < 6; i++, text += 3) {
		char digits[3] = { text[0], text[0] ? text[1] : '\0' };

		if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1]))
			return -EINVAL;
		bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
		if (i < 5 ? text[2] != ':' && text[2] != '-' : text[2] != '\0')
			return -EINVAL;
	}
	memcpy(out, bytes, sizeof(bytes));
	return 0;
}
