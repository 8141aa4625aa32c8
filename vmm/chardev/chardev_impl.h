// chardev_impl.h: what the kinds of chardev share: queue, stream input and output. Not for users of chardevs.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CHARDEV_CHARDEV_IMPL_H
#define BERTH_CHARDEV_CHARDEV_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "chardev/chardev.h"
#include "chardev/telnet.h"

#define CHARDEV_QUEUE   65536u  // output waiting for the host side; power of two
#define CHARDEV_WIRE    8192u   // output as it goes out, protocol included
#define CHARDEV_INPUT   4096u

struct chardev_kind_ops {
	// Input gave N data bytes into BUF; returns how many stay (in place). Optional.
	size_t (*decode)(struct chardev *cd, uint8_t *buf, size_t len);
	// Writes the data as it goes out; OUT holds 2 * LEN + 1 bytes. Optional.
	size_t (*encode)(struct chardev *cd, const uint8_t *buf, size_t len, uint8_t *out);
	// Input ended (CODE 0) or failed, or output failed (errno). Must detach what is broken.
	void (*hangup)(struct chardev *cd, bool input, int code);
	// Closes what is open and frees CD.
	void (*close)(struct chardev *cd);
};

struct chardev {
	const struct chardev_kind_ops *ops;
	struct loop *loop;
	struct chardev_client client;
	char name[32];
	bool lossless;                  // stop reading while the port is full, else drop the oldest
	bool is_terminal;
	bool opened;                    // chardev_open() has returned: callbacks may be made
	_Atomic bool connected;

	// Leaf but for the loop's own lock: guards the members of this block. Taken below device locks; never
	// held while the client is called.
	pthread_mutex_t lock;
	uint8_t *queue;                 // CHARDEV_QUEUE bytes, allocated at the first write
	size_t head, count;
	uint64_t dropped;
	bool accepting;                 // somebody is there to take output
	bool waiting;                   // output is blocked: POLLOUT will come, no kick needed

	// Wakes the loop thread from any thread; a timer, since that can be taken back when the chardev
	// closes.
	struct loop_timer kick;
	_Atomic bool kicked;

	// Loop thread only.
	int in_fd, out_fd;              // -1 = none
	bool out_socket;
	struct loop_fd *in_source, *out_source;
	uint8_t wire[CHARDEV_WIRE];
	size_t wire_len, wire_off;
	uint8_t in[CHARDEV_INPUT];      // arrived, not yet taken by the port
	size_t in_len;
	_Atomic bool in_blocked;        // the port was full; set before the client is asked, see deliver()
};

// Fills the shared part. OPS may be changed later; fds are none. 0 or -ENOMEM.
int chardev_setup(struct chardev *cd, struct loop *loop, const struct chardev_args *args,
		  const struct chardev_client *client, const struct chardev_kind_ops *ops);
// Undoes chardev_setup(); the streams must be detached.
void chardev_teardown(struct chardev *cd);

// Starts input and output on descriptors that stay the caller's; either may be -1. 0 or -ENOMEM.
int chardev_attach(struct chardev *cd, int in_fd, int out_fd, bool socket);
// Stops both (or only input) and forgets output that did not go out. Input that has arrived stays.
void chardev_detach(struct chardev *cd);
void chardev_detach_input(struct chardev *cd);
// Tells the client, unless chardev_open() is still running.
void chardev_set_connected(struct chardev *cd, bool connected);
// Opens or closes the queue for writers; closing empties it.
void chardev_accept(struct chardev *cd, bool accepting);
// Sends protocol bytes ahead of queued data; dropped when the wire is full.
void chardev_send_now(struct chardev *cd, const uint8_t *buf, size_t len);
// One attempt to write what is queued, for close.
void chardev_flush(struct chardev *cd);

int chardev_file_open(struct loop *loop, const struct chardev_args *args, const struct chardev_client *client,
		      struct chardev **out, struct err *err);
int chardev_socket_open(struct loop *loop, const struct chardev_args *args,
			const struct chardev_client *client, struct chardev **out, struct err *err);
int chardev_terminal_open(struct loop *loop, const struct chardev_args *args,
			  const struct chardev_client *client, struct chardev **out, struct err *err);
// The part of chardev_restore_terminal() that knows terminals; CD must be of that kind.
void chardev_terminal_restore(const struct chardev *cd);

#endif
