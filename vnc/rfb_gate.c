// rfb_gate.c: lengths and limits of client messages. RFC 6143, section 7.5, and the rfbproto register.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "vnc/rfb_gate.h"

#include "base/bytes.h"
#include "base/compiler.h"

enum rfb_message {
	MSG_SET_PIXEL_FORMAT = 0, MSG_SET_ENCODINGS = 2, MSG_UPDATE_REQUEST = 3, MSG_KEY = 4, MSG_POINTER = 5,
	MSG_CUT_TEXT = 6, MSG_SET_DESKTOP_SIZE = 251, MSG_QEMU = 255,
};
enum { QEMU_EXTENDED_KEY = 0, QEMU_EXTENDED_KEY_LEN = 12 };

#define MAX_ENCODINGS 512u
#define MAX_CUT_TEXT  (16u << 20)

enum rfb_encoding { ENC_EXTENDED_KEYS = -258, ENC_LED_STATE = -261 };

static struct gate_verdict verdict(enum gate_action action, size_t len)
{
	return (struct gate_verdict){ action, len, NULL };
}

static struct gate_verdict refuse(const char *why)
{
	return (struct gate_verdict){ GATE_REFUSE, 0, why };
}

static struct gate_verdict pass(size_t want, size_t have)
{
	return verdict(have < want ? GATE_MORE : GATE_PASS, want);
}

// Shifts and sizes go into shift operations and table sizes: take only formats that exist.
static struct gate_verdict pixel_format(const uint8_t *buf, size_t len)
{
	const uint8_t *f = buf + 4;

	if (len < 20)
		return verdict(GATE_MORE, 20);
	if (f[0] != 8 && f[0] != 16 && f[0] != 32)
		return refuse("a pixel format that is not 8, 16 or 32 bits wide");
	if (!f[3])                      // a colour map: libvncserver makes one for 8 bits only
		return f[0] == 8 ? verdict(GATE_PASS, 20) : refuse("a colour map with wide pixels");
	for (unsigned c = 0; c < 3; c++) {
		uint32_t max = get_be16(f + 4 + 2 * c), shift = f[10 + c];

		if (!max || (max & (max + 1)) || shift >= f[0] || (uint64_t)max << shift >> f[0])
			return refuse("a pixel format whose colours do not fit");
	}
	return verdict(GATE_PASS, 20);
}

static struct gate_verdict encodings(const uint8_t *buf, size_t len)
{
	if (len < 4)
		return verdict(GATE_MORE, 4);
	if (get_be16(buf + 2) > MAX_ENCODINGS)
		return refuse("too many encodings");
	return pass(4 + 4 * (size_t)get_be16(buf + 2), len);
}

// The clipboard is not ours; the length is negative for the extended one.
static struct gate_verdict cut_text(const uint8_t *buf, size_t len)
{
	uint32_t n;

	if (len < 8)
		return verdict(GATE_MORE, 8);
	n = get_be32(buf + 4);
	if (n & 0x80000000u)
		n = 0u - n;
	if (n > MAX_CUT_TEXT)
		return refuse("a cut text beyond all measure");
	return verdict(GATE_DISCARD, 8 + (size_t)n);
}

static struct gate_verdict desktop_size(const uint8_t *buf, size_t len)
{
	if (len < 8)
		return verdict(GATE_MORE, 8);
	if (!buf[6])
		return refuse("a desktop without screens");
	return pass(8 + 16 * (size_t)buf[6], len);
}

static struct gate_verdict qemu_message(const uint8_t *buf, size_t len)
{
	if (len < 2)
		return verdict(GATE_MORE, 2);
	if (buf[1] != QEMU_EXTENDED_KEY)
		return refuse("an audio request");
	return verdict(len < QEMU_EXTENDED_KEY_LEN ? GATE_MORE : GATE_SCANCODE, QEMU_EXTENDED_KEY_LEN);
}

static struct gate_verdict normal(const uint8_t *buf, size_t len)
{
	switch (buf[0]) {
	case MSG_SET_PIXEL_FORMAT: return pixel_format(buf, len);
	case MSG_SET_ENCODINGS: return encodings(buf, len);
	case MSG_UPDATE_REQUEST: return pass(10, len);
	case MSG_KEY: return pass(8, len);
	case MSG_POINTER: return pass(6, len);
	case MSG_CUT_TEXT: return cut_text(buf, len);
	case MSG_SET_DESKTOP_SIZE: return desktop_size(buf, len);
	case MSG_QEMU: return qemu_message(buf, len);
	default: return refuse("a message that this server does not take");
	}
}

struct gate_verdict rfb_gate(enum gate_phase phase, const uint8_t *buf, size_t len)
{
	static const size_t handshake[] = {
		[GATE_VERSION] = 12, [GATE_SECURITY] = 1, [GATE_AUTH] = 16, [GATE_INIT] = 1,
	};

	if (phase < ARRAY_SIZE(handshake))
		return pass(handshake[phase], len);
	return len ? normal(buf, len) : verdict(GATE_MORE, 1);
}

struct gate_scancode rfb_gate_scancode(const uint8_t *buf)
{
	return (struct gate_scancode){ .xt = get_be32(buf + 8), .down = get_be16(buf + 2) != 0 };
}

struct gate_encodings rfb_gate_encodings(const uint8_t *buf, size_t len)
{
	struct gate_encodings e = { 0 };

	if (!len || buf[0] != MSG_SET_ENCODINGS)
		return e;
	for (size_t at = 4; at + 4 <= len; at += 4) {
		e.extended_keys |= (int32_t)get_be32(buf + at) == ENC_EXTENDED_KEYS;
		e.leds |= (int32_t)get_be32(buf + at) == ENC_LED_STATE;
	}
	return e;
}
