// chardev_endpoint.h: where a socket chardev's connections come from: addresses, listeners, attempts.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CHARDEV_CHARDEV_ENDPOINT_H
#define BERTH_CHARDEV_CHARDEV_ENDPOINT_H

#include <netdb.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "chardev/chardev.h"

#define ENDPOINT_LISTENERS 4u

struct endpoint {
	bool local;                     // a UNIX socket, else TCP
	bool telnet;
	struct sockaddr_un path;        // local
	struct addrinfo *addresses;     // TCP; resolved once
	struct addrinfo *next;          // TCP client: the one to try next
	int listeners[ENDPOINT_LISTENERS];
	unsigned listener_count;
	bool made_file;                 // our socket file, to be removed if it is still ours
	dev_t file_dev;
	ino_t file_ino;
};

// Parses and resolves ARGS' path. May wait for the resolver: only before the machine runs. endpoint_close()
// is due also after an error.
int endpoint_init(struct endpoint *e, const struct chardev_args *args, struct err *err);
// Opens the listening sockets (nonblocking). NAME is the port's, for messages.
int endpoint_listen(struct endpoint *e, const char *name, struct err *err);
// One attempt to connect; sets *FD (the caller's from then on) to a nonblocking socket, -1 when there is
// none. 0 connected, -EINPROGRESS pending, other -errno failed. TCP goes through the addresses in turn.
int endpoint_connect(struct endpoint *e, int *fd);
// Closes listeners, removes the socket file it made, frees addresses.
void endpoint_close(struct endpoint *e);

#endif
