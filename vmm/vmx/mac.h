// mac.h: MAC addresses: text, and the ones that VMware generates from uuid.bios.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// vmx-keys 2.9. Pure; any thread.
#ifndef BERTH_VMX_MAC_H
#define BERTH_VMX_MAC_H

#include <stdint.h>

#define MAC_TEXT        18u     // "00:0c:29:3b:58:0e"
#define MAC_OFFSET_STEP 10u     // generatedAddressOffset of adapter N is N times this

// 00:0c:29 and the last three bytes of the UUID plus OFFSET; a carry stays inside these three.
void mac_generate(const uint8_t uuid[16], uint32_t offset, uint8_t out[6]);
void mac_format(const uint8_t mac[6], char out[MAC_TEXT]);
// Six hex bytes with colons or dashes. 0 or -EINVAL.
int mac_parse(const char *text, uint8_t out[6]);

#endif
