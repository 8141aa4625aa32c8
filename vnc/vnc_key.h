// vnc_key.h: RemoteDisplay.vnc.key: a password stored as its DES encryption key schedule.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_VNC_VNC_KEY_H
#define BERTH_VNC_VNC_KEY_H

#include <stdint.h>

#define VNC_KEY_BYTES    128u   // 32 little-endian words, two for each round
#define VNC_PASSWORD_MAX 8u

// The password that KEY was made from. DES uses seven bits of a byte, which is all of an ASCII password; the
// schedule holds each of them several times. Returns 0, or -EINVAL when KEY is not such a schedule.
int vnc_key_password(const uint8_t key[VNC_KEY_BYTES], char password[VNC_PASSWORD_MAX + 1]);
// The schedule of the first eight characters of PASSWORD.
void vnc_key_schedule(const char *password, uint8_t key[VNC_KEY_BYTES]);

#endif
