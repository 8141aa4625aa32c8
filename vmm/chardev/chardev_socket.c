// chardev_socket.c: serial ports on UNIX and TCP sockets: connections, retries, telnet.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// One peer at a time. A server stops accepting while it has one, so the next caller waits in the kernel's
// backlog; a client calls again with growing pauses. Where sockets come from is in chardev_endpoint.c.
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"
#include "chardev/chardev_endpoint.h"
#include "chardev/chardev_impl.h"

#define RETRY_FIRST_NS 100000000ull
#define RETRY_LAST_NS  5000000000ull

struct socket_dev {
	struct chardev cd;
	struct endpoint endpoint;
	bool server;
	struct telnet telnet;
	int fd;                                 // the connection, or the attempt; -1 = none
	struct loop_fd *connecting;             // client: waits for the attempt's end
	struct loop_fd *listeners[ENDPOINT_LISTENERS];
	struct loop_timer retry;
	uint64_t pause;                         // the next wait of a client
};

static struct socket_dev *socket_of(struct chardev *cd)
{
	return CONTAINER_OF(cd, struct socket_dev, cd);
}

static void listen_again(struct socket_dev *s, bool on)
{
	for (unsigned i = 0; i < s->endpoint.listener_count; i++)
		if (s->listeners[i])
			loop_fd_events(s->listeners[i], on ? POLLIN : 0);
}

static void retry_later(struct socket_dev *s)
{
	loop_timer_set(&s->retry, loop_now() + s->pause);
	s->pause = MIN(s->pause * 2, RETRY_LAST_NS);
}

// --- a connection begins and ends ----------------------------------------------------------------------

static void drop_connection(struct socket_dev *s)
{
	loop_fd_remove(s->connecting);
	s->connecting = NULL;
	chardev_accept(&s->cd, false);
	chardev_detach(&s->cd);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static void peer_gone(struct socket_dev *s)
{
	drop_connection(s);
	chardev_set_connected(&s->cd, false);
	if (s->server)
		listen_again(s, true);
	else
		retry_later(s);
}

static void established(struct socket_dev *s)
{
	struct telnet_reply hello;
	int one = 1;

	// Small pieces should go out at once, and a peer that vanished should be noticed some day.
	if (!s->endpoint.local) {
		setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		setsockopt(s->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	}
	if (chardev_attach(&s->cd, s->fd, s->fd, true)) {
		peer_gone(s);
		return;
	}
	s->pause = RETRY_FIRST_NS;
	if (s->endpoint.telnet) {
		telnet_start(&s->telnet, &hello);
		if (s->server)
			chardev_send_now(&s->cd, hello.data, hello.len);
	}
	chardev_accept(&s->cd, true);
	if (s->server)
		listen_again(s, false);
	chardev_set_connected(&s->cd, true);
}

static void socket_hangup(struct chardev *cd, bool input, int code)
{
	(void)input;
	if (code && code != ECONNRESET && code != EPIPE)
		log_guest("%s: the connection failed: %s", cd->name, strerror(code));
	peer_gone(socket_of(cd));
}

// --- server --------------------------------------------------------------------------------------------

static void on_accept(void *arg, uint32_t revents)
{
	struct socket_dev *s = arg;
	int fd;

	(void)revents;
	if (s->fd >= 0)         // both listeners were ready in one batch
		return;
	for (unsigned i = 0; i < s->endpoint.listener_count && s->fd < 0; i++) {
		fd = accept4(s->endpoint.listeners[i], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			s->fd = fd;
			established(s);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			// The caller stays in the backlog and would wake us without end.
			log_guest("%s: cannot accept a connection: %s", s->cd.name, strerror(errno));
			listen_again(s, false);
			loop_timer_set(&s->retry, loop_now() + RETRY_LAST_NS);
			return;
		}
	}
}

static int start_server(struct socket_dev *s, struct err *err)
{
	int r = endpoint_listen(&s->endpoint, s->cd.name, err);

	if (r)
		return r;
	for (unsigned i = 0; i < s->endpoint.listener_count; i++) {
		s->listeners[i] = loop_fd_add(s->cd.loop, s->endpoint.listeners[i], POLLIN, on_accept, s);
		if (!s->listeners[i])
			return err_set(err, ENOMEM, s->cd.name, "no memory for the port");
	}
	return 0;
}

// --- client --------------------------------------------------------------------------------------------

static void attempt_failed(struct socket_dev *s, int code)
{
	log_debug("%s: no connection yet: %s", s->cd.name, strerror(code));
	drop_connection(s);
	retry_later(s);
}

static void on_connected(void *arg, uint32_t revents)
{
	struct socket_dev *s = arg;
	int code = 0;
	socklen_t len = sizeof(code);

	(void)revents;
	loop_fd_remove(s->connecting);
	s->connecting = NULL;
	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		code = errno;
	if (code)
		attempt_failed(s, code);
	else
		established(s);
}

static void try_connect(struct socket_dev *s)
{
	int r = endpoint_connect(&s->endpoint, &s->fd);

	if (r == 0) {
		established(s);
		return;
	}
	if (r != -EINPROGRESS) {
		attempt_failed(s, -r);
		return;
	}
	s->connecting = loop_fd_add(s->cd.loop, s->fd, POLLOUT, on_connected, s);
	if (!s->connecting) {
		attempt_failed(s, ENOMEM);
		return;
	}
	// The peer is likely there: what the guest says now waits for it.
	chardev_accept(&s->cd, true);
}

static void on_retry(void *arg)
{
	struct socket_dev *s = arg;

	if (s->fd >= 0)
		return;
	if (s->server)
		listen_again(s, true);
	else
		try_connect(s);
}

// --- telnet --------------------------------------------------------------------------------------------

static size_t telnet_in(struct chardev *cd, uint8_t *buf, size_t len)
{
	struct telnet_reply reply;
	size_t n = telnet_decode(&socket_of(cd)->telnet, buf, len, &reply);

	if (reply.len)
		chardev_send_now(cd, reply.data, reply.len);
	if (reply.breaks && cd->client.break_received)
		cd->client.break_received(cd->client.arg);
	return n;
}

static size_t telnet_out(struct chardev *cd, const uint8_t *buf, size_t len, uint8_t *out)
{
	return telnet_encode(&socket_of(cd)->telnet, buf, len, out);
}

// --- life ----------------------------------------------------------------------------------------------

static void socket_close(struct chardev *cd)
{
	struct socket_dev *s = socket_of(cd);

	loop_timer_cancel(&s->retry);
	drop_connection(s);
	for (unsigned i = 0; i < ENDPOINT_LISTENERS; i++)
		loop_fd_remove(s->listeners[i]);
	endpoint_close(&s->endpoint);
	chardev_teardown(cd);
	free(s);
}

static const struct chardev_kind_ops stream_ops = { .hangup = socket_hangup, .close = socket_close };
static const struct chardev_kind_ops telnet_ops = {
	.decode = telnet_in,
	.encode = telnet_out,
	.hangup = socket_hangup,
	.close = socket_close,
};

int chardev_socket_open(struct loop *loop, const struct chardev_args *args,
			const struct chardev_client *client, struct chardev **out, struct err *err)
{
	struct socket_dev *s = calloc(1, sizeof(*s));
	int r;

	if (!s || chardev_setup(&s->cd, loop, args, client, &stream_ops)) {
		free(s);
		return err_set(err, ENOMEM, args->name, "no memory for the port");
	}
	s->fd = -1;
	s->server = args->kind == CHARDEV_PIPE_SERVER || args->kind == CHARDEV_NET_SERVER;
	s->pause = RETRY_FIRST_NS;
	// Only a pipe may lose input; a network peer is slowed down by TCP itself.
	if (args->kind == CHARDEV_NET_SERVER || args->kind == CHARDEV_NET_CLIENT)
		s->cd.lossless = true;
	loop_timer_init(&s->retry, loop, on_retry, s);
	r = endpoint_init(&s->endpoint, args, err);
	if (!r && s->endpoint.telnet)
		s->cd.ops = &telnet_ops;
	if (!r && s->server)
		r = start_server(s, err);
	if (r) {
		err_exit(err, r == -EADDRINUSE || r == -EACCES ? EXIT_HOST : EXIT_CONFIG);
		socket_close(&s->cd);
		return r;
	}
	if (!s->server)
		try_connect(s);
	*out = &s->cd;
	return 0;
}
