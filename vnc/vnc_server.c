// vnc_server.c: listening, and the encoder thread, which waits in one place and only there.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/loop.h"
#include "vnc/vnc_impl.h"

#define EVENTS_A_ROUND 32
#define BACKLOG        16
#define NS_PER_MS      1000000ull
#define ACCEPT_PAUSE   1000000000ull    // when descriptors ran out
#define STACK_SIZE     (512u << 10)

// --- accepting -------------------------------------------------------------------------------------------

static int watch_fd(struct vnc_server *s, int fd, uint32_t events, void *who)
{
	struct epoll_event ev = { .events = events, .data.ptr = who };

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

static void listen_events(struct vnc_server *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = &s->listen_fd };

	epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, s->listen_fd, &ev);
}

static void address_text(const struct sockaddr_storage *sa, char *buf, size_t size)
{
	const void *addr = sa->ss_family == AF_INET6
				   ? (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr
				   : (const void *)&((const struct sockaddr_in *)sa)->sin_addr;

	if (!inet_ntop(sa->ss_family, addr, buf, (socklen_t)size))
		snprintf(buf, size, "local");
}

static const char *refusal(const struct vnc_server *s, const char *address, uint64_t now)
{
	unsigned greeting, count = vnc_clients_count(s, &greeting);

	if (count >= s->max_clients)
		return "as many viewers as are allowed are connected";
	if (greeting >= VNC_MAX_GREETING)
		return "too many connections that do not get on with the handshake";
	if (!vnc_auth_allowed(&s->auth, address, now))
		return "too many wrong passwords from there";
	return NULL;
}

static void welcome(struct vnc_server *s, int fd, const struct sockaddr_storage *sa)
{
	char address[INET6_ADDRSTRLEN];
	struct vnc_client *c;
	const char *why;

	address_text(sa, address, sizeof(address));
	why = refusal(s, address, loop_now());
	if (why) {
		log_guest("vnc: refused %s: %s", address, why);
		close(fd);
		return;
	}
	vnc_screen_update(s);           // the greeting tells the size
	c = vnc_client_adopt(s, fd, address);
	if (c && watch_fd(s, c->cl->sock, EPOLLIN | EPOLLRDHUP | EPOLLET, c) < 0)
		vnc_client_close(c, "no memory to watch it");
}

static void accept_all(struct vnc_server *s)
{
	for (;;) {
		struct sockaddr_storage sa = { 0 };
		socklen_t len = sizeof(sa);
		int fd = accept4(s->listen_fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			welcome(s, fd, &sa);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN) {
			// A listener that stays readable would keep the thread busy.
			log_guest("vnc: cannot accept a connection: %s", strerror(errno));
			listen_events(s, 0);
			s->listen_again = loop_now() + ACCEPT_PAUSE;
		}
		return;
	}
}

// --- the thread ------------------------------------------------------------------------------------------

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return b && b < a ? b : a;
}

// Milliseconds until something is due without an event; -1 when nothing is.
static int patience(const struct vnc_server *s, uint64_t now)
{
	uint64_t due = earlier(UINT64_MAX, s->listen_again);

	for (const struct vnc_client *c = s->clients; c; c = c->next) {
		if (c->more)
			return 0;
		due = earlier(due, c->deadline);
	}
	if (due == UINT64_MAX)
		return -1;
	return due <= now ? 0 : (int)((due - now) / NS_PER_MS + 1);
}

static void handle(struct vnc_server *s, const struct epoll_event *ev)
{
	struct vnc_client *c = ev->data.ptr;
	eventfd_t count;

	if (ev->data.ptr == &s->listen_fd)
		accept_all(s);
	else if (ev->data.ptr == &s->event_fd)
		eventfd_read(s->event_fd, &count);
	else
		c->more = true;
}

static void serve(struct vnc_server *s)
{
	uint64_t now = loop_now();

	if (s->listen_again && now >= s->listen_again) {
		s->listen_again = 0;
		listen_events(s, EPOLLIN);
	}
	for (struct vnc_client *c = s->clients; c; c = c->next)
		if (c->more)
			vnc_client_input(c);
	vnc_clients_serve(s, now);
}

static void *run(void *arg)
{
	struct epoll_event events[EVENTS_A_ROUND];
	struct vnc_server *s = arg;

	pthread_setname_np(pthread_self(), "vnc");
	while (!atomic_load(&s->stop)) {
		int n = epoll_wait(s->epoll_fd, events, EVENTS_A_ROUND, patience(s, loop_now()));

		// Clients are freed in serve() only, after all events of the batch.
		for (int i = 0; i < n; i++)
			handle(s, &events[i]);
		serve(s);
	}
	vnc_clients_close_all(s);
	return NULL;
}

// Signals are the main thread's, and a viewer that hangs up must not raise SIGPIPE.
static int start_thread(struct vnc_server *s)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&s->thread, &attr, run, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -rc;
}

// --- set-up ----------------------------------------------------------------------------------------------

static int bind_error(struct err *err, const char *ip, uint16_t port, int code)
{
	if (code == EADDRINUSE) {
		err_set(err, code, "VNC", "port %u of %s is in use", port, ip);
		err_remedy(err, "Set another RemoteDisplay.vnc.port, or stop the program that listens there "
				"(ss -ltnp names it)");
	} else if (code == EACCES) {
		err_set(err, code, "VNC", "no permission to listen on port %u of %s", port, ip);
		err_remedy(err, "Set RemoteDisplay.vnc.port to 1024 or more; 5900 to 5999 are usual");
	} else {
		err_set(err, code, "VNC", "cannot listen on port %u of %s: %s", port, ip, strerror(code));
		err_remedy(err, "Set RemoteDisplay.vnc.ip to an address of this host");
	}
	err_exit(err, EXIT_HOST);
	return -code;
}

static int resolve(const char *ip, uint16_t port, struct addrinfo **out, struct err *err)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				 .ai_socktype = SOCK_STREAM};
	char service[8];
	int rc;

	snprintf(service, sizeof(service), "%u", port);
	rc = getaddrinfo(ip, service, &hints, out);
	if (!rc)
		return 0;
	err_set(err, EINVAL, "VNC", "\"%s\" is not an IP address", ip);
	err_remedy(err, "Set RemoteDisplay.vnc.ip to an address like 127.0.0.1 or 0.0.0.0");
	err_exit(err, EXIT_CONFIG);
	return -EINVAL;
}

static int open_listener(struct vnc_server *s, const struct vnc_args *args, struct err *err)
{
	const char *ip = args->ip && *args->ip ? args->ip : "127.0.0.1";
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);
	struct addrinfo *ai;
	int one = 1, rc = resolve(ip, args->port, &ai, err);

	if (rc)
		return rc;
	s->listen_fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->listen_fd >= 0)
		setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (s->listen_fd < 0 || bind(s->listen_fd, ai->ai_addr, ai->ai_addrlen) < 0 ||
	    listen(s->listen_fd, BACKLOG) < 0)
		rc = bind_error(err, ip, args->port, errno);
	freeaddrinfo(ai);
	if (!rc && getsockname(s->listen_fd, (struct sockaddr *)&sa, &len) == 0)
		s->port = ntohs(sa.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&sa)->sin6_port :
							   ((struct sockaddr_in *)&sa)->sin_port);
	return rc;
}

static int take_password(struct vnc_server *s, const struct vnc_args *args, struct err *err)
{
	if (args->has_key) {
		if (vnc_key_password(args->key, s->password) == 0)
			return 0;
		err_set(err, EINVAL, "RemoteDisplay.vnc.key", "it is not the key of a VNC password");
		err_remedy(err, "Remove the key and set RemoteDisplay.vnc.password");
		err_exit(err, EXIT_CONFIG);
		return -EINVAL;
	}
	if (!args->password)
		return 0;
	if (strlen(args->password) > VNC_PASSWORD_MAX)
		log_warn("vnc: only the first %u characters of the password count", VNC_PASSWORD_MAX);
	snprintf(s->password, sizeof(s->password), "%s", args->password);
	return 0;
}

static int open_wait(struct vnc_server *s, struct err *err)
{
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->epoll_fd < 0 || s->event_fd < 0 || watch_fd(s, s->listen_fd, EPOLLIN, &s->listen_fd) < 0 ||
	    watch_fd(s, s->event_fd, EPOLLIN, &s->event_fd) < 0)
		return err_set(err, errno, "VNC", "cannot set up the encoder thread: %s", strerror(errno));
	return 0;
}

static void free_server(struct vnc_server *s)
{
	if (s->screen)
		vnc_screen_destroy(s);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	if (s->event_fd >= 0)
		close(s->event_fd);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	explicit_bzero(s->password, sizeof(s->password));
	free(s);
}

static int set_up(struct vnc_server *s, struct console *con, const struct vnc_args *args, struct err *err)
{
	int rc = take_password(s, args, err);

	if (!rc)
		rc = open_listener(s, args, err);
	if (!rc)
		rc = open_wait(s, err);
	if (rc)
		return rc;
	if (vnc_screen_create(s, con, args->name) < 0)
		return err_set(err, ENOMEM, "VNC", "no memory for the screen");
	rc = start_thread(s);
	return rc ? err_set(err, -rc, "VNC", "cannot start the encoder thread: %s", strerror(-rc)) : 0;
}

int vnc_server_create(struct console *con, const struct vnc_args *args, struct vnc_server **out,
		      struct err *err)
{
	struct vnc_server *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return err_set(err, ENOMEM, "VNC", "no memory");
	s->listen_fd = s->event_fd = s->epoll_fd = -1;
	s->max_clients = args->max_connections < 0 ? VNC_MAX_CLIENTS
						   : MIN((unsigned)args->max_connections, VNC_MAX_CLIENTS);
	rc = set_up(s, con, args, err);
	if (rc) {
		free_server(s);
		return rc;
	}
	*out = s;
	return 0;
}

void vnc_server_stop(struct vnc_server *s)
{
	if (!s)
		return;
	atomic_store(&s->stop, true);
	eventfd_write(s->event_fd, 1);
	pthread_join(s->thread, NULL);
	free_server(s);
}

uint16_t vnc_server_port(const struct vnc_server *s) { return s->port; }
unsigned vnc_server_clients(const struct vnc_server *s) { return atomic_load(&s->authenticated); }
