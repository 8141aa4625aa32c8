// vnc_key.c: from a DES key schedule back to the password: the schedule only permutes the key's bits.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// FIPS 46 for the permutations. VNC counts the bits of each password byte from the lowest. The schedule is
// kept "cooked": the 48 bits of a round are eight groups of six, the odd groups in the first word of a pair
// and the even ones in the second, each group right-aligned in a byte.
#include "vnc/vnc_key.h"

#include <errno.h>
#include <string.h>


#define ROUNDS     16u
#define KEY_BITS   56u
#define ROUND_BITS 48u
#define HALF       28u

// Permuted choices 1 and 2, counted from 0.
static const uint8_t pc1[KEY_BITS] = {
	56, 48, 40, 32, 24, 16, 8, 0, 57, 49, 41, 33, 25, 17,
	9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35,
	62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21,
	13, 5, 60, 52, 44, 36, 28, 20, 12, 4, 27, 19, 11, 3,
};
static const uint8_t pc2[ROUND_BITS] = {
	13, 16, 10, 23, 0, 4, 2, 27, 14, 5, 20, 9, 22, 18, 11, 3, 25, 7, 15, 6, 26, 19, 12, 1,
	40, 51, 30, 36, 46, 54, 29, 39, 50, 44, 32, 47, 43, 48, 38, 55, 33, 52, 45, 41, 49, 35, 28, 31,
};
// How far both halves are turned in each round, from the beginning.
static const uint8_t turns[ROUNDS] = { 1, 2, 4, 6, 8, 10, 12, 14, 15, 17, 19, 21, 23, 25, 27, 28 };

// Which bit of the password is bit BIT of round ROUND's subkey: byte * 8 + bit.
static unsigned source_bit(unsigned round, unsigned bit)
{
	unsigned at = pc2[bit], half = at / HALF * HALF;

	return pc1[half + (at - half + turns[round]) % HALF];
}

// Where that bit lies in the cooked schedule: byte of the key (words are little endian) and bit in it.
static void cooked_place(unsigned round, unsigned bit, unsigned *byte, unsigned *shift)
{
	unsigned group = bit / 6;

	*byte = round * 8 + group % 2 * 4 + (3 - group / 2);
	*shift = 5 - bit % 6;
}

void vnc_key_schedule(const char *password, uint8_t key[VNC_KEY_BYTES])
{
	uint8_t chars[VNC_PASSWORD_MAX] = { 0 };
	unsigned byte, shift;

	memcpy(chars, password, strnlen(password, VNC_PASSWORD_MAX));
	memset(key, 0, VNC_KEY_BYTES);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned bit = 0; bit < ROUND_BITS; bit++) {
			unsigned from = source_bit(round, bit);

			cooked_place(round, bit, &byte, &shift);
			if (chars[from / 8] >> (from % 8) & 1)
				key[byte] |= (uint8_t)(1u << shift);
		}
	}
}

int vnc_key_password(const uint8_t key[VNC_KEY_BYTES], char password[VNC_PASSWORD_MAX + 1])
{
	uint8_t chars[VNC_PASSWORD_MAX + 1] = { 0 }, again[VNC_KEY_BYTES];
	unsigned byte, shift;

	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned bit = 0; bit < ROUND_BITS; bit++) {
			unsigned to = source_bit(round, bit);

			cooked_place(round, bit, &byte, &shift);
			if (key[byte] >> shift & 1)
				chars[to / 8] |= (uint8_t)(1u << (to % 8));
		}
	}
	// A true schedule is what its password gives; this also refuses a byte of zero inside the password.
	vnc_key_schedule((const char *)chars, again);
	if (memcmp(again, key, VNC_KEY_BYTES))
		return -EINVAL;
	memcpy(password, chars, sizeof(chars));
	return 0;
}
