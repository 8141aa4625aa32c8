// rfb_gate.h: looks at what an RFB client sent before libvncserver does.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// libvncserver reads a message with blocking reads and speaks many extensions. The gate lets a message
// through only when all of it has arrived, so that nobody waits for a client that stops in the middle, and
// only when it is one that this server wants: no file transfer, chat, scaling, UltraVNC extensions or
// clipboard. Pure functions.
#ifndef BERTH_VNC_RFB_GATE_H
#define BERTH_VNC_RFB_GATE_H

#include <stddef.h>
#include <stdint.h>

// The longest message that is let through: SetDesktopSize with 255 screens.
#define RFB_GATE_MAX 4096u

enum gate_phase { GATE_VERSION, GATE_SECURITY, GATE_AUTH, GATE_INIT, GATE_NORMAL };

enum gate_action {
	GATE_MORE,     // not all of the message is there
	GATE_PASS,     // LEN bytes are a message for libvncserver
	GATE_DISCARD,  // LEN bytes, from the first on, are nobody's business; they may not all be there yet
	GATE_SCANCODE, // LEN bytes are an extended key event
	GATE_REFUSE,   // close the connection; WHY says why
};

struct gate_verdict {
	enum gate_action action;
	size_t len;
	const char *why;
};

// BUF holds LEN bytes, the beginning of what the client sent and nobody read yet. With RFB_GATE_MAX bytes the
// answer is never GATE_MORE.
struct gate_verdict rfb_gate(enum gate_phase phase, const uint8_t *buf, size_t len);

struct gate_scancode { uint32_t xt; int down; };
// Takes apart what GATE_SCANCODE announced.
struct gate_scancode rfb_gate_scancode(const uint8_t *buf);

// What a SetEncodings message asks for, of what concerns us.
struct gate_encodings { int extended_keys, leds; };
struct gate_encodings rfb_gate_encodings(const uint8_t *buf, size_t len);

#endif
