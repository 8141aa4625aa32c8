// telnet.h: the telnet protocol (RFC 854, 856, 857, 858) as a filter on byte buffers. Knows no socket.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CHARDEV_TELNET_H
#define BERTH_CHARDEV_TELNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TELNET_REPLY 256u       // what one telnet_decode() may want to send back; more is not answered

struct telnet {
	uint8_t state;          // enum telnet_state
	uint8_t verb;           // WILL, WONT, DO or DONT whose option byte is awaited
	bool in_cr;             // a CR arrived: its NUL is dropped
	bool out_cr;            // a CR was sent: NUL follows unless LF does
	bool us[256];           // options that we perform
	bool him[256];          // options that the peer performs
};

struct telnet_reply {
	uint8_t data[TELNET_REPLY];
	size_t len;
	unsigned breaks;        // IAC BRK seen
};

// Starts a connection and writes the opening offers (we echo, both sides go character by character, binary).
void telnet_start(struct telnet *t, struct telnet_reply *reply);
// Takes protocol out of BUF in place; returns how many bytes of data remain. REPLY is overwritten.
size_t telnet_decode(struct telnet *t, uint8_t *buf, size_t len, struct telnet_reply *reply);
// Writes LEN bytes of data as protocol to OUT, which holds 2 * LEN + 1 bytes. Returns the length.
size_t telnet_encode(struct telnet *t, const uint8_t *buf, size_t len, uint8_t *out);

#endif
