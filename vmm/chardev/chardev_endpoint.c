// chardev_endpoint.c: addresses, listeners and connection attempts of socket chardevs.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "chardev/chardev_endpoint.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chardev/net_uri.h"

#define BACKLOG 4

// --- UNIX sockets --------------------------------------------------------------------------------------

static int init_local(struct endpoint *e, const struct chardev_args *args, struct err *err)
{
	size_t len = strlen(args->path);

	e->local = true;
	e->path.sun_family = AF_UNIX;
	if (!len || len >= sizeof(e->path.sun_path)) {
		err_set(err, ENAMETOOLONG, args->path, "a socket's path has 1 to %zu bytes",
			sizeof(e->path.sun_path) - 1);
		err_remedy(err, "Give %s.fileName a shorter path", args->name ? args->name : "serialN");
		return -ENAMETOOLONG;
	}
	memcpy(e->path.sun_path, args->path, len);
	return 0;
}

// Does anybody accept connections at the path? 0 no, 1 yes, -errno.
static int somebody_listens(const struct endpoint *e)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = 1;

	if (fd < 0)
		return -errno;
	// EAGAIN is a listener with a full backlog.
	if (connect(fd, (const struct sockaddr *)&e->path, sizeof(e->path)) < 0 && errno == ECONNREFUSED)
		r = 0;
	close(fd);
	return r;
}

// Removes a socket file that an earlier run left behind; everything else at the path is somebody's.
static int clear_stale(const struct endpoint *e, struct err *err)
{
	const char *path = e->path.sun_path;
	struct stat st;
	int r;

	if (lstat(path, &st) < 0 && errno == ENOENT)
		return 0;
	if (lstat(path, &st) < 0)
		return err_set(err, errno, path, "cannot look at the path: %s", strerror(errno));
	if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid()) {
		err_set(err, EEXIST, path,
			S_ISSOCK(st.st_mode) ? "the socket belongs to another user" :
					       "the path is taken by something that is no socket");
		err_remedy(err, "Remove it or choose another path");
		return -EEXIST;
	}
	r = somebody_listens(e);
	if (r < 0)
		return err_set(err, -r, path, "cannot make a socket: %s", strerror(-r));
	if (r) {
		err_set(err, EADDRINUSE, path, "another program listens on the socket");
		err_remedy(err, "Stop it or choose another path");
		return -EADDRINUSE;
	}
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(err, errno, path, "cannot remove the stale socket: %s", strerror(errno));
	return 0;
}

static void remember_file(struct endpoint *e)
{
	struct stat st;

	if (lstat(e->path.sun_path, &st) < 0)
		return;
	e->made_file = true;
	e->file_dev = st.st_dev;
	e->file_ino = st.st_ino;
}

static int listen_local(struct endpoint *e, struct err *err)
{
	const char *path = e->path.sun_path;
	int fd, r = clear_stale(e, err);

	if (r)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, errno, path, "cannot make a socket: %s", strerror(errno));
	e->listeners[e->listener_count++] = fd;
	// The mode of the descriptor becomes that of the file: nobody else ever sees it open.
	if (fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *)&e->path, sizeof(e->path)) < 0)
		return err_set(err, errno, path, "cannot make the socket: %s", strerror(errno));
	remember_file(e);
	if (listen(fd, BACKLOG) < 0)
		return err_set(err, errno, path, "cannot listen on the socket: %s", strerror(errno));
	return 0;
}

// --- TCP -----------------------------------------------------------------------------------------------

static int init_tcp(struct endpoint *e, const struct chardev_args *args, struct err *err)
{
	bool server = args->kind == CHARDEV_NET_SERVER;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = server ? AI_PASSIVE : 0 };
	struct net_uri uri;
	int r = net_uri_parse(args->path, args->name, &uri, err);

	if (r)
		return r;
	if (!server && !*uri.host) {
		err_set(err, EINVAL, args->name, "\"%s\" names no host to connect to", args->path);
		err_remedy(err, "Write it as tcp://host:port, or let the port be the server");
		return -EINVAL;
	}
	hints.ai_family = uri.family;
	e->telnet = uri.telnet;
	r = getaddrinfo(*uri.host ? uri.host : NULL, uri.port, &hints, &e->addresses);
	if (r) {
		e->addresses = NULL;
		err_set(err, EADDRNOTAVAIL, args->name, "no address for \"%s\": %s", args->path,
			gai_strerror(r));
		err_remedy(err, "See that the name is right and that this host can resolve it");
		return -EADDRNOTAVAIL;
	}
	e->next = e->addresses;
	return 0;
}

// 0 or -errno; the listener is stored only when all went well.
static int listen_address(struct endpoint *e, const struct addrinfo *ai)
{
	int one = 1, r;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	// Each family has a listener of its own.
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	e->listeners[e->listener_count++] = fd;
	return 0;
}

// A family that the host lacks is left out as long as another one works; a port in use is always an error.
static int listen_tcp(struct endpoint *e, const char *name, struct err *err)
{
	int last = -EADDRNOTAVAIL;

	for (struct addrinfo *ai = e->addresses; ai && e->listener_count < ENDPOINT_LISTENERS;
	     ai = ai->ai_next) {
		int r = listen_address(e, ai);

		if (r)
			last = r;
		if (r == -EADDRINUSE || r == -EACCES)
			break;
	}
	if (e->listener_count && last != -EADDRINUSE && last != -EACCES)
		return 0;
	err_set(err, -last, name, "cannot listen on the port: %s", strerror(-last));
	err_remedy(err, "Choose another port, or stop the program that has it");
	return last;
}

static int connect_to(int family, const struct sockaddr *addr, socklen_t len, int *out)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, addr, len) < 0)
		r = -errno;
	if (r && r != -EINPROGRESS)
		close(fd);
	else
		*out = fd;
	return r;
}

// --- both ----------------------------------------------------------------------------------------------

int endpoint_init(struct endpoint *e, const struct chardev_args *args, struct err *err)
{
	memset(e, 0, sizeof(*e));
	if (!args->path)
		return err_set(err, EINVAL, args->name, "no file name or address for the serial port");
	if (args->kind == CHARDEV_PIPE_SERVER || args->kind == CHARDEV_PIPE_CLIENT)
		return init_local(e, args, err);
	return init_tcp(e, args, err);
}

int endpoint_listen(struct endpoint *e, const char *name, struct err *err)
{
	return e->local ? listen_local(e, err) : listen_tcp(e, name, err);
}

int endpoint_connect(struct endpoint *e, int *fd)
{
	struct addrinfo *ai = e->next ? e->next : e->addresses;

	*fd = -1;
	if (e->local)
		return connect_to(AF_UNIX, (const struct sockaddr *)&e->path, sizeof(e->path), fd);
	e->next = ai->ai_next;
	return connect_to(ai->ai_family, ai->ai_addr, ai->ai_addrlen, fd);
}

void endpoint_close(struct endpoint *e)
{
	struct stat st;

	for (unsigned i = 0; i < e->listener_count; i++)
		close(e->listeners[i]);
	e->listener_count = 0;
	// Somebody may have put his own file there since.
	if (e->made_file && lstat(e->path.sun_path, &st) == 0 && st.st_dev == e->file_dev &&
	    st.st_ino == e->file_ino)
		unlink(e->path.sun_path);
	if (e->addresses)
		freeaddrinfo(e->addresses);
	e->addresses = e->next = NULL;
}
