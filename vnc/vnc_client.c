// vnc_client.c: one viewer: greeting, messages through the gate, keys and pointer, farewell.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/loop.h"
#include "vnc/rfb_gate.h"
#include "vnc/vnc_impl.h"

#define MESSAGES_A_ROUND 64u            // then the other clients have their turn
#define GREETING_BYTES   12u

enum { ENC_EXTENDED_KEYS = -258, ENC_LED_STATE = -261 };
enum { MASK_WHEEL_UP = 0x08, MASK_WHEEL_DOWN = 0x10 };

// A client can cause these as often as it likes.
#define log_coming_and_going(...) \
	do { \
		static struct log_limit limit_here; \
		log_limited(&limit_here, LOG_INFO, __VA_ARGS__); \
	} while (0)

// --- coming and going ------------------------------------------------------------------------------------

static bool alive(const struct vnc_client *c)
{
	return c->cl->sock >= 0;
}

void vnc_client_close(struct vnc_client *c, const char *why)
{
	if (!alive(c))
		return;
	if (why)
		log_guest("vnc: closed the connection from %s: %s", c->address, why);
	rfbCloseClient(c->cl);
}

static void tune(int fd)
{
	int one = 1;

	// Not a TCP socket in tests; then neither matters.
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

// libvncserver looks for a WebSocket handshake first, for 100 ms in which nobody is served, and then speaks
// TLS or HTTP with whoever asks. So it greets a socket of ours that already says "RFB "; the real one takes
// its place.
static rfbClientPtr greet(rfbScreenInfoPtr screen, int fd)
{
	char hello[GREETING_BYTES];
	rfbClientPtr cl;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return NULL;
	// select() inside libvncserver ends there.
	if (pair[0] >= FD_SETSIZE || write(pair[1], "RFB ", 4) != 4) {
		close(pair[0]);
		close(pair[1]);
		return NULL;
	}
	cl = rfbNewClient(screen, pair[0]);     // closes pair[0] when it fails
	if (cl && (read(pair[1], hello, sizeof(hello)) != (ssize_t)sizeof(hello) ||
		   dup3(fd, pair[0], O_CLOEXEC) < 0 ||
		   send(pair[0], hello, sizeof(hello), MSG_NOSIGNAL) != (ssize_t)sizeof(hello))) {
		rfbCloseClient(cl);
		rfbClientConnectionGone(cl);
		cl = NULL;
	}
	close(pair[1]);
	return cl;
}

struct vnc_client *vnc_client_adopt(struct vnc_server *s, int fd, const char *address)
{
	struct vnc_client *c = calloc(1, sizeof(*c));

	tune(fd);
	if (c)
		c->cl = greet(s->screen, fd);
	close(fd);                      // libvncserver's client has its own descriptor now
	if (!c || !c->cl) {
		free(c);
		return NULL;
	}
	c->server = s;
	snprintf(c->address, sizeof(c->address), "%s", address);
	c->deadline = loop_now() + VNC_GREETING_NS;
	c->cl->clientData = c;
	c->next = s->clients;
	s->clients = c;
	vnc_screen_connected(s, true);
	return c;
}

static void send_keys(struct vnc_client *c, const struct keymap_event *events, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		console_key(c->server->con, events[i].code, events[i].down);
}

// A viewer that goes away takes its fingers off.
static void let_go(struct vnc_client *c)
{
	struct keymap_event events[KEYMAP_PRESSED];

	send_keys(c, events, keymap_release_all(&c->keys, events));
	if (c->buttons & 7)
		console_pointer_at(c->server->con, c->x, c->y, 0, 0);
}

static void forget(struct vnc_client *c)
{
	let_go(c);
	if (!c->deadline) {
		atomic_fetch_sub(&c->server->authenticated, 1);
		log_coming_and_going("vnc: %s disconnected", c->address);
	}
	rfbClientConnectionGone(c->cl);
	free(c);
}

static void reap(struct vnc_server *s)
{
	for (struct vnc_client **p = &s->clients; *p;) {
		struct vnc_client *c = *p;

		if (alive(c)) {
			p = &c->next;
			continue;
		}
		*p = c->next;
		forget(c);
	}
	if (!s->clients)
		vnc_screen_connected(s, false);
}

void vnc_clients_close_all(struct vnc_server *s)
{
	for (struct vnc_client *c = s->clients; c; c = c->next)
		vnc_client_close(c, NULL);
	reap(s);
	vnc_screen_watch(s, false);
}

unsigned vnc_clients_count(const struct vnc_server *s, unsigned *greeting)
{
	unsigned n = 0;

	*greeting = 0;
	for (const struct vnc_client *c = s->clients; c; c = c->next) {
		n++;
		*greeting += c->deadline != 0;
	}
	return n;
}

// --- messages --------------------------------------------------------------------------------------------

static enum gate_phase phase(const struct vnc_client *c)
{
	switch (c->cl->state) {
	case RFB_PROTOCOL_VERSION: return GATE_VERSION;
	case RFB_SECURITY_TYPE: return GATE_SECURITY;
	case RFB_AUTHENTICATION: return GATE_AUTH;
	case RFB_NORMAL: return GATE_NORMAL;
	default: return GATE_INIT;
	}
}

// One rectangle of a pseudo-encoding, with LEN (at most 1) bytes behind it.
static void send_pseudo(struct vnc_client *c, int32_t encoding, const uint8_t *data, size_t len)
{
	uint8_t msg[17] = { [3] = 1 };

	if (!alive(c))
		return;
	put_be16(msg + 8, (uint16_t)c->cl->screen->width);
	put_be16(msg + 10, (uint16_t)c->cl->screen->height);
	put_be32(msg + 12, (uint32_t)encoding);
	memcpy(msg + 16, data, MIN(len, 1));
	if (rfbWriteExact(c->cl, (const char *)msg, (int)(16 + MIN(len, 1))) < 0)
		vnc_client_close(c, NULL);
}

void vnc_client_send_leds(struct vnc_client *c, unsigned leds)
{
	uint8_t state = (uint8_t)leds;  // scroll, num, caps from bit 0, as QEMU's encoding has them

	if (c->leds)
		send_pseudo(c, ENC_LED_STATE, &state, 1);
}

static void note(struct vnc_client *c, const uint8_t *buf, size_t len)
{
	struct gate_encodings e;
	uint8_t none = 0;

	if (buf[0] == rfbFramebufferUpdateRequest)
		c->wants_updates = true;
	if (buf[0] != rfbSetEncodings)
		return;
	e = rfb_gate_encodings(buf, len);
	if (e.extended_keys && !c->extended_keys)
		send_pseudo(c, ENC_EXTENDED_KEYS, &none, 0);
	c->extended_keys = e.extended_keys;
	if (e.leds && !c->leds) {
		c->leds = true;
		vnc_client_send_leds(c, console_leds(c->server->con));
	}
	c->leds = e.leds;
}

static void pass(struct vnc_client *c, const uint8_t *buf, size_t len)
{
	bool normal = c->cl->state == RFB_NORMAL;

	rfbProcessClientMessage(c->cl);
	if (!alive(c))
		return;
	if (normal)
		note(c, buf, len);
	if (c->deadline && c->cl->state == RFB_NORMAL) {
		c->deadline = 0;
		atomic_fetch_add(&c->server->authenticated, 1);
		log_coming_and_going("vnc: %s connected", c->address);
	}
}

static void scancode(struct vnc_client *c, uint8_t *buf, size_t len)
{
	struct keymap_event events[KEYMAP_EVENTS];
	struct gate_scancode sc = rfb_gate_scancode(buf);

	if (recv(c->cl->sock, buf, len, 0) == (ssize_t)len)
		send_keys(c, events, keymap_scancode(&c->keys, sc.xt, sc.down, events));
}

// One message. False when there is nothing more to do now.
static bool take_message(struct vnc_client *c, uint8_t *buf)
{
	bool dropping = c->discard > 0;
	size_t want = dropping ? MIN(c->discard, RFB_GATE_MAX) : RFB_GATE_MAX;
	ssize_t n = recv(c->cl->sock, buf, want, dropping ? 0 : MSG_PEEK);
	struct gate_verdict v;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		vnc_client_close(c, NULL);
		return false;
	}
	if (dropping) {
		c->discard -= (size_t)n;
		return true;
	}
	v = rfb_gate(phase(c), buf, (size_t)n);
	switch (v.action) {
	case GATE_MORE: return false;
	case GATE_PASS: pass(c, buf, v.len); break;
	case GATE_DISCARD: c->discard = v.len; break;
	case GATE_SCANCODE: scancode(c, buf, v.len); break;
	case GATE_REFUSE: vnc_client_close(c, v.why); break;
	}
	return alive(c);
}

bool vnc_client_input(struct vnc_client *c)
{
	uint8_t buf[RFB_GATE_MAX];
	unsigned left = MESSAGES_A_ROUND;

	c->more = false;
	while (alive(c) && take_message(c, buf)) {
		if (--left == 0) {
			c->more = true;
			break;
		}
	}
	return alive(c);
}

static void settle_watching(struct vnc_server *s)
{
	bool wanted = false;

	for (struct vnc_client *c = s->clients; c; c = c->next)
		wanted |= alive(c) && c->wants_updates;
	vnc_screen_watch(s, wanted);
}

void vnc_clients_serve(struct vnc_server *s, uint64_t now)
{
	settle_watching(s);             // first: a new viewer's first picture must be the present one
	if (s->clients)
		vnc_screen_update(s);
	for (struct vnc_client *c = s->clients; c; c = c->next) {
		if (c->deadline && now >= c->deadline)
			vnc_client_close(c, "the handshake took too long");
		if (alive(c) && !c->deadline)
			rfbUpdateClient(c->cl);
	}
	reap(s);
	settle_watching(s);
}

// --- libvncserver's calls --------------------------------------------------------------------------------

rfbBool vnc_client_password(rfbClientPtr cl, const char *response, int len)
{
	struct vnc_client *c = cl->clientData;
	struct vnc_server *s = c->server;
	unsigned char want[CHALLENGESIZE];
	unsigned differ = 0;

	if (len != CHALLENGESIZE)
		return FALSE;
	memcpy(want, cl->authChallenge, sizeof(want));
	rfbEncryptBytes(want, s->password);
	for (unsigned i = 0; i < CHALLENGESIZE; i++)
		differ |= want[i] ^ (unsigned char)response[i];
	if (differ) {
		vnc_auth_failed(&s->auth, c->address, loop_now());
		log_guest("vnc: wrong password from %s", c->address);
		return FALSE;
	}
	vnc_auth_passed(&s->auth, c->address);
	return TRUE;
}

void vnc_client_key(rfbBool down, rfbKeySym keysym, rfbClientPtr cl)
{
	struct keymap_event events[KEYMAP_EVENTS];
	struct vnc_client *c = cl->clientData;
	unsigned leds = console_leds(c->server->con);

	send_keys(c, events, keymap_keysym(&c->keys, (uint32_t)keysym, down, leds, events));
}

void vnc_client_pointer(int mask, int x, int y, rfbClientPtr cl)
{
	struct vnc_client *c = cl->clientData;
	unsigned pressed = (unsigned)mask & ~c->buttons;
	int wheel = (pressed & MASK_WHEEL_UP ? 1 : 0) - (pressed & MASK_WHEEL_DOWN ? 1 : 0);

	c->buttons = (unsigned)mask;
	c->x = x;
	c->y = y;
	console_pointer_at(c->server->con, x, y, wheel, (unsigned)mask & 7);
}
