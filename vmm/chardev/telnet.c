// telnet.c: the telnet filter: negotiation, escapes, breaks.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "chardev/telnet.h"

#include <string.h>

enum { SE = 240, BRK = 243, SB = 250, WILL = 251, WONT = 252, DO = 253, DONT = 254, IAC = 255 };
enum { OPT_BINARY = 0, OPT_ECHO = 1, OPT_SGA = 3 };
enum telnet_state { DATA, COMMAND, OPTION, SUB, SUB_COMMAND };

// An answer that does not fit is left out: a peer that floods us with questions needs no answers.
static void answer(struct telnet_reply *reply, uint8_t verb, uint8_t option)
{
	if (reply->len + 3 > sizeof(reply->data))
		return;
	reply->data[reply->len++] = IAC;
	reply->data[reply->len++] = verb;
	reply->data[reply->len++] = option;
}

static bool we_can(uint8_t option)
{
	return option == OPT_BINARY || option == OPT_ECHO || option == OPT_SGA;
}

static bool he_may(uint8_t option)
{
	return option == OPT_BINARY || option == OPT_SGA;
}

void telnet_start(struct telnet *t, struct telnet_reply *reply)
{
	memset(t, 0, sizeof(*t));
	memset(reply, 0, sizeof(*reply));
	t->us[OPT_ECHO] = t->us[OPT_SGA] = t->us[OPT_BINARY] = true;
	t->him[OPT_BINARY] = true;
	answer(reply, WILL, OPT_ECHO);
	answer(reply, WILL, OPT_SGA);
	answer(reply, WILL, OPT_BINARY);
	answer(reply, DO, OPT_BINARY);
}

// Only a change of state is answered, or the two sides would agree for ever.
static void negotiate(struct telnet *t, uint8_t verb, uint8_t option, struct telnet_reply *reply)
{
	bool wanted = verb == WILL || verb == DO;
	bool *state = verb == DO || verb == DONT ? &t->us[option] : &t->him[option];
	bool allowed = verb == DO || verb == DONT ? we_can(option) : he_may(option);
	uint8_t yes = verb == DO || verb == DONT ? WILL : DO;
	uint8_t no = verb == DO || verb == DONT ? WONT : DONT;

	if (wanted && !allowed) {
		answer(reply, no, option);
	} else if (wanted != *state) {
		*state = wanted;
		answer(reply, wanted ? yes : no, option);
	}
}

// What follows IAC outside a subnegotiation. True when it is a data byte FFh.
static bool command(struct telnet *t, uint8_t byte, struct telnet_reply *reply)
{
	t->state = DATA;
	switch (byte) {
	case IAC: return true;
	case WILL: case WONT: case DO: case DONT:
		t->verb = byte;
		t->state = OPTION;
		break;
	case SB: t->state = SUB; break;
	case BRK: reply->breaks++; break;
	default: break;         // NOP, GA, AYT and the like ask for nothing
	}
	return false;
}

// True when BYTE is data.
static bool take(struct telnet *t, uint8_t byte, struct telnet_reply *reply)
{
	switch (t->state) {
	case COMMAND:
		return command(t, byte, reply);
	case OPTION:
		t->state = DATA;
		negotiate(t, t->verb, byte, reply);
		return false;
	case SUB:
		if (byte == IAC)
			t->state = SUB_COMMAND;
		return false;
	case SUB_COMMAND:
		t->state = byte == SE ? DATA : SUB;
		return false;
	default:
		if (byte != IAC)
			return true;
		t->state = COMMAND;
		return false;
	}
}

size_t telnet_decode(struct telnet *t, uint8_t *buf, size_t len, struct telnet_reply *reply)
{
	size_t n = 0;

	reply->len = 0;
	reply->breaks = 0;
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = buf[i];
		bool padding;

		if (!take(t, byte, reply))
			continue;
		// Outside binary mode a lone carriage return is sent as CR NUL.
		padding = t->in_cr && byte == 0 && !t->him[OPT_BINARY];
		t->in_cr = byte == '\r';
		if (!padding)
			buf[n++] = byte;
	}
	return n;
}

size_t telnet_encode(struct telnet *t, const uint8_t *buf, size_t len, uint8_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (t->out_cr && buf[i] != '\n' && buf[i] != 0)
			out[n++] = 0;
		t->out_cr = buf[i] == '\r' && !t->us[OPT_BINARY];
		if (buf[i] == IAC)
			out[n++] = IAC;
		out[n++] = buf[i];
	}
	return n;
}
