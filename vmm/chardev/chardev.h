// chardev.h: the host side of a serial port: a file, a pipe (UNIX socket), a network stream or the terminal.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// All functions run on the loop thread unless they say otherwise. A chardev never blocks the guest: what the
// host side cannot take is queued up to a limit, then dropped and counted.
#ifndef BERTH_CHARDEV_CHARDEV_H
#define BERTH_CHARDEV_CHARDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"

struct chardev;

// What the port wants to know. Called on the loop thread.
struct chardev_client {
	// Bytes arrived; returns how many were taken. The rest is kept and offered again after
	// chardev_can_receive().
	size_t (*receive)(void *arg, const uint8_t *buf, size_t len);
	// The other side came or went (pipe and network). Not called from inside chardev_open(): ask
	// chardev_connected() behind it. Optional.
	void (*connected)(void *arg, bool connected);
	// The other side sent a break (telnet). Optional.
	void (*break_received)(void *arg);
	// Input was dropped because the port took nothing for long (pipe without no_rx_loss). Optional.
	void (*lost)(void *arg);
	void *arg;
};

enum chardev_kind { CHARDEV_NULL, CHARDEV_FILE, CHARDEV_PIPE_SERVER, CHARDEV_PIPE_CLIENT,
		    CHARDEV_NET_SERVER, CHARDEV_NET_CLIENT, CHARDEV_TERMINAL };

struct chardev_args {
	enum chardev_kind kind;
	// file or socket path; tcp://host:port, telnet://host:port for the network kinds
	const char *path;
	bool append;            // file: keep what is there
	// pipe: stop reading from the host while the port is full (else drop the oldest)
	bool no_rx_loss;
	const char *name;       // "serial0", for messages
	// Terminal: Ctrl-] and then KEY were typed (Ctrl-] twice sends one Ctrl-] to the guest). `berth run
	// --console` leaves on 'q'. NULL = Ctrl-] goes to the guest like any key.
	void (*escape)(void *arg, char key);
	void *escape_arg;
};

// A server whose peer is absent, and a client whose server is absent, are fine: the client tries again, with
// pauses of 0.1 to 5 seconds. Host names are looked up here, once. A pipe server replaces a socket file that
// nobody listens on when it belongs to this user; any other file at PATH is an error. Output while nobody is
// connected is discarded, as on a cable without a peer. Strings of ARGS are needed only during the call.
int chardev_open(struct loop *loop, const struct chardev_args *args, const struct chardev_client *client,
		 struct chardev **out, struct err *err);
// Any thread. Returns how many bytes were taken (all of them, unless the queue is full).
size_t chardev_write(struct chardev *cd, const uint8_t *buf, size_t len);
// The port has room again. Any thread.
void chardev_can_receive(struct chardev *cd);
bool chardev_connected(const struct chardev *cd);
// Gives the terminal back its modes. Async-signal-safe: for the caller's handlers of fatal signals. Harmless
// for other kinds and when called twice.
void chardev_restore_terminal(const struct chardev *cd);
// Restores the terminal, unlinks a socket it made, closes. Queued output is written if that does not block.
void chardev_close(struct chardev *cd);

#endif
