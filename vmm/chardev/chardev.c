// chardev.c: the part that all chardevs share: the output queue, the input buffer, streams on the loop.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "chardev/chardev.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"
#include "chardev/chardev_impl.h"

#define FLUSH_ROUNDS 32u        // pieces of wire in one go, so that a busy guest cannot keep the loop

// --- waking the loop -----------------------------------------------------------------------------------

static void kick(struct chardev *cd)
{
	if (!atomic_exchange(&cd->kicked, true))
		loop_timer_set(&cd->kick, loop_now());
}

// --- output --------------------------------------------------------------------------------------------

// Copies into the ring; CD's lock is held and LEN bytes fit.
static void queue_put(struct chardev *cd, const uint8_t *buf, size_t len)
{
	size_t tail = (cd->head + cd->count) & (CHARDEV_QUEUE - 1);
	size_t first = MIN(len, CHARDEV_QUEUE - tail);

	memcpy(cd->queue + tail, buf, first);
	memcpy(cd->queue, buf + first, len - first);
	cd->count += len;
}

// Up to LEN bytes that lie in one piece; CD's lock is held.
static size_t queue_get(struct chardev *cd, uint8_t *buf, size_t len)
{
	size_t n = MIN(MIN(len, cd->count), CHARDEV_QUEUE - cd->head);

	if (n)
		memcpy(buf, cd->queue + cd->head, n);
	cd->head = (cd->head + n) & (CHARDEV_QUEUE - 1);
	cd->count -= n;
	return n;
}

size_t chardev_write(struct chardev *cd, const uint8_t *buf, size_t len)
{
	size_t taken = len;
	bool wake;

	pthread_mutex_lock(&cd->lock);
	if (!cd->accepting) {
		pthread_mutex_unlock(&cd->lock);
		return len;
	}
	if (!cd->queue)
		cd->queue = malloc(CHARDEV_QUEUE);
	taken = cd->queue ? MIN(len, CHARDEV_QUEUE - cd->count) : 0;
	if (taken)
		queue_put(cd, buf, taken);
	cd->dropped += len - taken;
	wake = !cd->waiting;
	pthread_mutex_unlock(&cd->lock);
	if (taken < len)
		log_guest("%s: the host side does not take the output; %zu bytes dropped", cd->name,
			  len - taken);
	if (wake)
		kick(cd);
	return taken;
}

static void set_waiting(struct chardev *cd, bool waiting)
{
	pthread_mutex_lock(&cd->lock);
	cd->waiting = waiting;
	pthread_mutex_unlock(&cd->lock);
}

// Moves queued bytes to the wire. False when there is nothing to send.
static bool fill_wire(struct chardev *cd)
{
	uint8_t raw[CHARDEV_WIRE / 2 - 1];
	size_t n;

	if (cd->wire_off == cd->wire_len)
		cd->wire_off = cd->wire_len = 0;
	if (cd->wire_len)
		return true;
	pthread_mutex_lock(&cd->lock);
	n = queue_get(cd, raw, sizeof(raw));
	pthread_mutex_unlock(&cd->lock);
	if (!n)
		return false;
	if (cd->ops->encode) {
		cd->wire_len = cd->ops->encode(cd, raw, n, cd->wire);
	} else {
		memcpy(cd->wire, raw, n);
		cd->wire_len = n;
	}
	return true;
}

// write() to a pipe without readers would raise SIGPIPE: held back on this thread and taken out again.
static ssize_t write_quietly(int fd, const void *buf, size_t len)
{
	const struct timespec now = { 0, 0 };
	sigset_t pipe_only, old, pending;
	ssize_t n;
	int code;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe_only, &old);
	n = write(fd, buf, len);
	code = errno;
	if (n < 0 && code == EPIPE && !sigismember(&pending, SIGPIPE))
		sigtimedwait(&pipe_only, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = code;
	return n;
}

static ssize_t write_wire(struct chardev *cd)
{
	const uint8_t *p = cd->wire + cd->wire_off;
	size_t len = cd->wire_len - cd->wire_off;
	ssize_t n = cd->out_socket ? send(cd->out_fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT) :
				     write_quietly(cd->out_fd, p, len);

	return n < 0 ? -errno : n;
}

static void out_ready(void *arg, uint32_t revents)
{
	struct chardev *cd = arg;

	(void)revents;          // an error shows itself at the next write
	loop_fd_events(cd->out_source, 0);
	set_waiting(cd, false);
	chardev_flush(cd);
}

static void wait_for_room(struct chardev *cd)
{
	if (cd->out_source)
		loop_fd_events(cd->out_source, POLLOUT);
	else
		cd->out_source = loop_fd_add(cd->loop, cd->out_fd, POLLOUT, out_ready, cd);
	// Without memory for a source the next write tries again.
	if (cd->out_source)
		set_waiting(cd, true);
}

void chardev_flush(struct chardev *cd)
{
	for (unsigned i = 0; i < FLUSH_ROUNDS; i++) {
		ssize_t n;

		if (cd->out_fd < 0 || !fill_wire(cd))
			return;
		n = write_wire(cd);
		if (n == -EAGAIN || n == -EWOULDBLOCK) {
			wait_for_room(cd);
			return;
		}
		if (n < 0 && n != -EINTR) {
			cd->ops->hangup(cd, false, (int)-n);
			break;
		}
		if (n > 0)
			cd->wire_off += (size_t)n;
	}
	if (cd->out_fd >= 0)
		kick(cd);
}

void chardev_send_now(struct chardev *cd, const uint8_t *buf, size_t len)
{
	if (len > CHARDEV_WIRE - cd->wire_len)
		return;
	memcpy(cd->wire + cd->wire_len, buf, len);
	cd->wire_len += len;
	kick(cd);
}

void chardev_accept(struct chardev *cd, bool accepting)
{
	pthread_mutex_lock(&cd->lock);
	cd->accepting = accepting;
	cd->waiting = false;
	if (!accepting)
		cd->head = cd->count = 0;
	pthread_mutex_unlock(&cd->lock);
}

// --- input ---------------------------------------------------------------------------------------------

static void watch_input(struct chardev *cd)
{
	bool full = cd->lossless && cd->in_len;

	// While the port is full only the end of the stream is of interest.
	if (cd->in_source)
		loop_fd_events(cd->in_source, full ? POLLHUP : POLLIN);
}

// Offers what has arrived. The flag goes up before the client is asked: a guest that makes room between the
// client's answer and ours finds it set and kicks us.
static void deliver(struct chardev *cd)
{
	size_t taken = 0;

	if (!cd->in_len)
		return;
	atomic_store(&cd->in_blocked, true);
	while (taken < cd->in_len) {
		size_t n = cd->client.receive(cd->client.arg, cd->in + taken, cd->in_len - taken);

		if (!n)
			break;
		taken += MIN(n, cd->in_len - taken);
	}
	memmove(cd->in, cd->in + taken, cd->in_len - taken);
	cd->in_len -= taken;
	if (!cd->in_len)
		atomic_store(&cd->in_blocked, false);
	watch_input(cd);
}

// BUF holds at most CHARDEV_INPUT bytes.
static void append_input(struct chardev *cd, const uint8_t *buf, size_t len)
{
	size_t room = sizeof(cd->in) - cd->in_len;

	if (len > room) {
		size_t lost = len - room;

		memmove(cd->in, cd->in + lost, cd->in_len - lost);
		cd->in_len -= lost;
		if (cd->client.lost)
			cd->client.lost(cd->client.arg);
	}
	memcpy(cd->in + cd->in_len, buf, len);
	cd->in_len += len;
}

static void in_ready(void *arg, uint32_t revents)
{
	struct chardev *cd = arg;
	uint8_t buf[1024];
	ssize_t n;

	if (cd->lossless && cd->in_len) {
		if (revents & (POLLHUP | POLLERR))
			cd->ops->hangup(cd, true, 0);
		return;
	}
	n = read(cd->in_fd, buf, sizeof(buf));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		cd->ops->hangup(cd, true, n < 0 ? errno : 0);
		return;
	}
	if (cd->ops->decode)
		n = (ssize_t)cd->ops->decode(cd, buf, (size_t)n);
	append_input(cd, buf, (size_t)n);
	deliver(cd);
}

void chardev_can_receive(struct chardev *cd)
{
	if (atomic_load(&cd->in_blocked))
		kick(cd);
}

static void on_kick(void *arg)
{
	struct chardev *cd = arg;

	atomic_store(&cd->kicked, false);
	deliver(cd);
	if (!cd->waiting)       // only this thread sets it
		chardev_flush(cd);
}

// --- streams -------------------------------------------------------------------------------------------

int chardev_attach(struct chardev *cd, int in_fd, int out_fd, bool socket)
{
	if (in_fd >= 0) {
		cd->in_source = loop_fd_add(cd->loop, in_fd, POLLIN, in_ready, cd);
		if (!cd->in_source)
			return -ENOMEM;
	}
	cd->in_fd = in_fd;
	cd->out_fd = out_fd;
	cd->out_socket = socket;
	watch_input(cd);
	kick(cd);               // output may have queued up while the connection was made
	return 0;
}

void chardev_detach_input(struct chardev *cd)
{
	loop_fd_remove(cd->in_source);
	cd->in_source = NULL;
	cd->in_fd = -1;
}

void chardev_detach(struct chardev *cd)
{
	chardev_detach_input(cd);
	loop_fd_remove(cd->out_source);
	cd->out_source = NULL;
	cd->out_fd = -1;
	cd->wire_len = cd->wire_off = 0;
	set_waiting(cd, false);
}

void chardev_set_connected(struct chardev *cd, bool connected)
{
	if (atomic_exchange(&cd->connected, connected) == connected)
		return;
	if (cd->opened && cd->client.connected)
		cd->client.connected(cd->client.arg, connected);
}

bool chardev_connected(const struct chardev *cd)
{
	return atomic_load(&cd->connected);
}

// --- life ----------------------------------------------------------------------------------------------

int chardev_setup(struct chardev *cd, struct loop *loop, const struct chardev_args *args,
		  const struct chardev_client *client, const struct chardev_kind_ops *ops)
{
	cd->ops = ops;
	cd->loop = loop;
	cd->client = *client;
	snprintf(cd->name, sizeof(cd->name), "%s", args->name ? args->name : "serial");
	cd->lossless = args->no_rx_loss;
	cd->in_fd = cd->out_fd = -1;
	loop_timer_init(&cd->kick, loop, on_kick, cd);
	return pthread_mutex_init(&cd->lock, NULL) ? -ENOMEM : 0;
}

void chardev_teardown(struct chardev *cd)
{
	loop_timer_cancel(&cd->kick);
	pthread_mutex_destroy(&cd->lock);
	free(cd->queue);
}

void chardev_restore_terminal(const struct chardev *cd)
{
	if (cd && cd->is_terminal)
		chardev_terminal_restore(cd);
}

static void null_hangup(struct chardev *cd, bool input, int code)
{
	(void)cd;
	(void)input;
	(void)code;
}

static void null_close(struct chardev *cd)
{
	chardev_teardown(cd);
	free(cd);
}

static const struct chardev_kind_ops null_ops = { .hangup = null_hangup, .close = null_close };

static int null_open(struct loop *loop, const struct chardev_args *args, const struct chardev_client *client,
		     struct chardev **out, struct err *err)
{
	struct chardev *cd = calloc(1, sizeof(*cd));

	if (!cd || chardev_setup(cd, loop, args, client, &null_ops)) {
		free(cd);
		return err_set(err, ENOMEM, args->name, "no memory for the port");
	}
	chardev_set_connected(cd, true);
	*out = cd;
	return 0;
}

int chardev_open(struct loop *loop, const struct chardev_args *args, const struct chardev_client *client,
		 struct chardev **out, struct err *err)
{
	int r = -EINVAL;

	switch (args->kind) {
	case CHARDEV_NULL: r = null_open(loop, args, client, out, err); break;
	case CHARDEV_FILE: r = chardev_file_open(loop, args, client, out, err); break;
	case CHARDEV_PIPE_SERVER:
	case CHARDEV_PIPE_CLIENT:
	case CHARDEV_NET_SERVER:
	case CHARDEV_NET_CLIENT: r = chardev_socket_open(loop, args, client, out, err); break;
	case CHARDEV_TERMINAL: r = chardev_terminal_open(loop, args, client, out, err); break;
	default: err_set(err, EINVAL, args->name, "unknown kind of serial port backing"); break;
	}
	if (!r)
		(*out)->opened = true;
	return r;
}

void chardev_close(struct chardev *cd)
{
	if (!cd)
		return;
	cd->opened = false;
	if (cd->out_fd >= 0)
		chardev_flush(cd);
	if (cd->dropped)
		log_info("%s: %llu bytes of output were dropped in all", cd->name,
			 (unsigned long long)cd->dropped);
	cd->ops->close(cd);
}
