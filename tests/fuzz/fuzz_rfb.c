// fuzz_rfb.c: bytes of an RFB client, in pieces, before and after authentication, while the screen changes.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "vnc/vnc_impl.h"

#define SMALL 64u               // screens whose updates fit into a socket's buffer
#define MAX_ROUNDS 256u

struct script {
	const uint8_t *data;
	size_t len;
};

enum flag { FLAG_PASSWORD = 1, FLAG_GREETED = 2 };
enum op {
	OP_DRAW = 0xf0,
	OP_RESIZE = 0xf1,
	OP_LEDS = 0xf2,
	OP_LATE = 0xf3
}; // less: so many bytes from the client

static uint8_t take(struct script *s)
{
	if (!s->len)
		return 0;
	s->len--;
	return *s->data++;
}

static void ignore_key(void *arg, unsigned code, bool down)
{
	if (code >= KEYMAP_CODES)
		abort();
}

static void ignore_relative(void *arg, int dx, int dy, int wheel, unsigned buttons) { }
static void ignore_refresh(void *arg) { }
static void ignore_watch(void *arg, bool on) { }

static void drain(int fd)
{
	uint8_t buf[65536];

	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

static void serve(struct vnc_server *s, int peer, uint64_t now)
{
	for (unsigned i = 0; i < MAX_ROUNDS && s->clients; i++) {
		vnc_client_input(s->clients);
		bool more = s->clients->more;

		vnc_clients_serve(s, now);
		drain(peer);
		if (!more)
			break;
	}
}

static void resize(struct console *con, uint32_t w, uint32_t h)
{
	pthread_mutex_lock(&con->lock);
	console_resize(con, w % SMALL + 1, h % SMALL + 1);
	pthread_mutex_unlock(&con->lock);
}

static void draw(struct console *con, struct script *s)
{
	struct console_rect r = { take(s), take(s), take(s), take(s) };

	pthread_mutex_lock(&con->lock);
	con->surface.pixels[0] ^= 0x010203;
	console_changed(con, r);
	pthread_mutex_unlock(&con->lock);
}

static void step(struct console *con, struct vnc_server *server, struct script *s, int peer)
{
	uint8_t op = take(s);
	uint64_t now = loop_now();

	switch (op) {
	case OP_DRAW: draw(con, s); break;
	case OP_RESIZE: resize(con, take(s), take(s)); break;
	case OP_LEDS: console_set_leds(con, take(s) & 7); break;
	case OP_LATE: now += 2 * VNC_GREETING_NS; break;
	default: {
		size_t n = op < s->len ? op : s->len;

		if (send(peer, s->data, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			s->len = n;
		s->data += n;
		s->len -= n;
	}
	}
	serve(server, peer, now);
}

static void greet(struct vnc_server *server, int peer)
{
	send(peer, "RFB 003.008\n", 12, MSG_NOSIGNAL);
	serve(server, peer, loop_now());
	send(peer, "\1\1", 2, MSG_NOSIGNAL);
	serve(server, peer, loop_now());
}

static void run(struct script *s)
{
	static const struct console_keyboard keyboard = { .key = ignore_key };
	static const struct console_pointer pointer = { .relative = ignore_relative };
	static const struct console_source source = { .refresh = ignore_refresh, .watch = ignore_watch };
	struct vnc_server server = { .epoll_fd = -1, .listen_fd = -1, .event_fd = -1 };
	struct console con;
	uint8_t flags = take(s);
	int pair[2];

	if (console_init(&con) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		abort();
	console_set_keyboard(&con, &keyboard);
	console_set_pointer(&con, &pointer);
	console_set_source(&con, &source);
	resize(&con, 47, 31);
	if (flags & FLAG_PASSWORD)
		strcpy(server.password, "secret");
	if (vnc_screen_create(&server, &con, "fuzz"))
		abort();
	vnc_screen_update(&server);
	if (vnc_client_adopt(&server, pair[0], "fuzz")) {
		if (flags & FLAG_GREETED)
			greet(&server, pair[1]);
		while (s->len && server.clients)
			step(&con, &server, s, pair[1]);
	}
	vnc_clients_close_all(&server);
	close(pair[1]);
	vnc_screen_destroy(&server);
	console_destroy(&con);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script script = { .data = data, .len = size };

	log_set_level(LOG_ERROR);
	run(&script);
	return 0;
}
