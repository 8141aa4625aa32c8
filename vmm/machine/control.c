// control.c: the control socket: clients, lines, answers, typing that takes time.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "machine/control_cmds.h"
#include "machine/rundir.h"

#define LINES_A_TURN 16u
#define NO_EVENT     POLLMSG    // never happens on a socket: errors and hang-ups alone are reported

struct client {
	struct control *control;
	struct client *next, **link;
	int fd;
	struct loop_fd *source;
	bool subscribed;
	bool closing;                   // nothing more is read; it goes when its output is out
	bool half_closed;               // it sends no more but still listens
	char *in;                       // CONTROL_LINE_MAX bytes
	size_t in_len;
	char *out;
	size_t out_len, out_sent, out_room;
	// Keys that are being typed; one such request a client at a time, its next lines wait.
	struct keymap_event *keys;
	size_t key_count, key_next;
	unsigned delay_ms;
	json_t *typing_id;
	struct loop_timer timer;
};

struct control {
	struct machine *machine;
	struct loop *loop;
	int fd;
	struct loop_fd *source;
	char path[RUNDIR_PATH];
	struct client *clients;
	unsigned client_count;
};

const char *control_path(const struct control *control) { return control->path; }

// --- output ----------------------------------------------------------------------------------------

// A client that goes in the middle of ctrl-alt-delete must not leave ctrl and alt down.
static void let_go_of_keys(struct client *c)
{
	struct console *console = machine_console(c->control->machine);
	bool down[KEYMAP_CODES] = { false };

	for (size_t i = 0; i < c->key_next; i++)
		down[c->keys[i].code % KEYMAP_CODES] = c->keys[i].down;
	for (unsigned code = 0; code < KEYMAP_CODES; code++) {
		if (down[code])
			console_key(console, (uint16_t)code, false);
	}
}

static void drop(struct client *c)
{
	if (c->keys)
		let_go_of_keys(c);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->control->client_count--;
	loop_timer_cancel(&c->timer);
	loop_fd_remove(c->source);
	close(c->fd);
	json_decref(c->typing_id);
	free(c->keys);
	free(c->in);
	free(c->out);
	free(c);
}

static bool has_line(const struct client *c) { return memchr(c->in, '\n', c->in_len) != NULL; }

// A client that does not read its answers gets no new ones.
static bool wants_input(const struct client *c)
{
	return !c->closing && !c->half_closed && !c->keys && c->in_len < CONTROL_LINE_MAX && c->out_len == c->out_sent;
}

static bool is_done(const struct client *c)
{
	return c->half_closed && !c->subscribed && !c->keys && !has_line(c) && c->out_len == c->out_sent;
}

static void update_events(struct client *c)
{
	uint32_t events = NO_EVENT;

	if (wants_input(c))
		events = POLLIN;
	// With a line that waits, or nothing left to send, the next turn takes it up.
	if (c->out_len > c->out_sent || c->closing || (!c->keys && has_line(c)) || is_done(c))
		events |= POLLOUT;
	loop_fd_events(c->source, events);
}

// False when the client is to be dropped: it has gone, or got its last answer.
static bool flush(struct client *c)
{
	while (c->out_sent < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n < 0)
			return false;
		c->out_sent += (size_t)n;
	}
	c->out_len = c->out_sent = 0;
	return !c->closing && !is_done(c);
}

static void give_up(struct client *c)
{
	c->closing = true;
	shutdown(c->fd, SHUT_RDWR);     // the hang-up brings the loop back to it
}

// A client that subscribed and does not read is let go when its output grows too long.
static void queue(struct client *c, json_t *answer)
{
	char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	size_t n = text ? strlen(text) : 0;

	json_decref(answer);
	if (!text || c->out_len + n + 1 > CONTROL_OUTPUT_MAX) {
		give_up(c);
		free(text);
		return;
	}
	if (c->out_len + n + 1 > c->out_room) {
		size_t room = (c->out_len + n + 1) * 2;
		char *grown = realloc(c->out, room);

		if (!grown) {
			give_up(c);
			free(text);
			return;
		}
		c->out = grown;
		c->out_room = room;
	}
	memcpy(c->out + c->out_len, text, n);
	c->out[c->out_len + n] = '\n';
	c->out_len += n + 1;
	free(text);
}

void control_event(struct control *control, const char *name)
{
	if (!control)
		return;
	// Nobody is dropped here: the change may come from a request of this very client.
	for (struct client *c = control->clients; c; c = c->next) {
		if (!c->subscribed)
			continue;
		queue(c, json_pack("{s:s}", "event", name));
		flush(c);
		update_events(c);
	}
}

// --- input -----------------------------------------------------------------------------------------

static void start_typing(struct client *c, struct control_call *call)
{
	c->keys = call->keys;
	c->key_count = call->key_count;
	c->key_next = 0;
	c->delay_ms = call->delay_ms;
	c->typing_id = call->id;
	loop_timer_set(&c->timer, loop_now());
}

static void handle_line(struct client *c, const char *line, size_t len)
{
	struct control_call call = { .machine = c->control->machine };
	json_t *answer = control_handle(&call, line, len);

	c->subscribed |= call.subscribe;
	if (answer)
		queue(c, answer);
	else
		start_typing(c, &call);
}

// Lines wait while keys are typed: answers come in the order of the requests. They wait, too, while answers have not
// been read, and for the loop's other work after a few.
static void handle_input(struct client *c)
{
	for (unsigned n = 0; n < LINES_A_TURN && !c->keys && !c->closing && c->out_len == c->out_sent; n++) {
		char *end = memchr(c->in, '\n', c->in_len);
		size_t len = end ? (size_t)(end - c->in) : 0;

		if (!end)
			break;
		if (len && !(len == 1 && c->in[0] == '\r'))
			handle_line(c, c->in, len);
		c->in_len -= len + 1;
		memmove(c->in, end + 1, c->in_len);
		flush(c);
	}
	if (c->in_len == CONTROL_LINE_MAX && !has_line(c) && !c->closing) {
		struct err err = { 0 };

		err_set(&err, EINVAL, "request", "is longer than %u bytes", CONTROL_LINE_MAX);
		queue(c, control_error(NULL, &err));
		c->closing = true;
	}
}

// False when the client has gone.
static bool receive(struct client *c)
{
	ssize_t n;

	if (!wants_input(c))
		return true;
	n = recv(c->fd, c->in + c->in_len, CONTROL_LINE_MAX - c->in_len, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		c->half_closed = true;
	c->in_len += (size_t)n;
	return true;
}

static void on_client(void *arg, uint32_t revents)
{
	struct client *c = arg;

	if ((revents & (POLLERR | POLLHUP | POLLNVAL)) || ((revents & POLLIN) && !receive(c)) || !flush(c)) {
		drop(c);
		return;
	}
	handle_input(c);
	if (flush(c))
		update_events(c);
	else
		drop(c);
}

static void type_next(void *arg)
{
	struct client *c = arg;
	struct console *console = machine_console(c->control->machine);

	if (c->key_next < c->key_count) {
		console_key(console, c->keys[c->key_next].code, c->keys[c->key_next].down);
		c->key_next++;
		loop_timer_set(&c->timer, loop_now() + c->delay_ms * 1000000ull);
		return;
	}
	free(c->keys);
	c->keys = NULL;
	queue(c, control_answer(c->typing_id, NULL));
	json_decref(c->typing_id);
	c->typing_id = NULL;
	handle_input(c);
	if (flush(c))
		update_events(c);
	else
		drop(c);
}

// --- connections -----------------------------------------------------------------------------------

static bool may_enter(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && (cred.uid == geteuid() || cred.uid == 0);
}

static void add_client(struct control *control, int fd)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c)
		c->in = malloc(CONTROL_LINE_MAX);
	if (c && c->in)
		c->source = loop_fd_add(control->loop, fd, POLLIN, on_client, c);
	if (!c || !c->source) {
		if (c)
			free(c->in);
		free(c);
		close(fd);
		return;
	}
	c->control = control;
	c->fd = fd;
	loop_timer_init(&c->timer, control->loop, type_next, c);
	c->next = control->clients;
	c->link = &control->clients;
	if (c->next)
		c->next->link = &c->next;
	control->clients = c;
	control->client_count++;
}

static void on_connect(void *arg, uint32_t revents)
{
	struct control *control = arg;
	int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)revents;
	if (fd < 0)
		return;
	if (control->client_count >= CONTROL_CLIENTS_MAX || !may_enter(fd)) {
		log_guest("control socket: a client was turned away");
		close(fd);
		return;
	}
	add_client(control, fd);
}

// A process that was killed leaves its socket behind; one that is served belongs to a VM whose folder cannot be
// written, and so could not be locked.
static bool somebody_listens(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool yes = fd >= 0 && (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return yes;
}

static int listen_at(struct control *control, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	mode_t mask;
	int r;

	memcpy(addr.sun_path, control->path, strlen(control->path) + 1);
	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (control->fd < 0)
		return err_set(err, errno, control->path, "no socket: %s", strerror(errno));
	if (somebody_listens(&addr)) {
		err_set(err, EBUSY, control->path, "this VM is already running");
		err_remedy(err, "`berth list` shows it; `berth stop` ends it");
		err_exit(err, EXIT_BUSY);
		return -EBUSY;
	}
	unlink(control->path);
	mask = umask(0177);
	r = bind(control->fd, (struct sockaddr *)&addr, sizeof(addr));
	umask(mask);
	if (r < 0 || listen(control->fd, 16) < 0) {
		r = err_set(err, errno, control->path, "the control socket cannot be made: %s", strerror(errno));
		err_exit(err, EXIT_HOST);
		return r;
	}
	return 0;
}

int control_create(struct machine *machine, struct control **out, struct err *err)
{
	const struct vm_config *config = machine_config(machine);
	struct control *control = calloc(1, sizeof(*control));
	int r;

	if (!control)
		return err_set(err, ENOMEM, config->name, "no memory for the control socket");
	control->machine = machine;
	control->loop = machine_loop(machine);
	control->fd = -1;
	r = rundir_socket(config->vmx_path, config->name, control->path, err);
	if (!r)
		r = listen_at(control, err);
	if (!r) {
		control->source = loop_fd_add(control->loop, control->fd, POLLIN, on_connect, control);
		if (!control->source)
			r = err_set(err, ENOMEM, control->path, "no memory to serve it");
	}
	if (r < 0) {
		if (control->fd >= 0)
			close(control->fd);
		free(control);
		return r;
	}
	*out = control;
	return 0;
}

// A key may end the machine: only the release is missing then, and what was asked for was done.
static void end_typing(struct client *c)
{
	bool typed = true;
	struct err err = { 0 };

	if (!c->keys)
		return;
	for (size_t i = c->key_next; i < c->key_count; i++)
		typed &= !c->keys[i].down;
	err_set(&err, EIO, "keyboard", "the VM ended before all keys were typed");
	queue(c, typed ? control_answer(c->typing_id, NULL) : control_error(c->typing_id, &err));
	free(c->keys);
	c->keys = NULL;
}

void control_destroy(struct control *control)
{
	if (!control)
		return;
	while (control->clients) {
		end_typing(control->clients);
		flush(control->clients);        // its last answer, or the news of the end
		drop(control->clients);
	}
	loop_fd_remove(control->source);
	close(control->fd);
	unlink(control->path);
	free(control);
}
