// vnc_impl.h: the server's own structures, for its files, its tests and its fuzzer.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Everything runs on the encoder thread but the console's callbacks, which only note what changed (struct
// vnc_damage, console lock) and kick the thread's eventfd.
#ifndef BERTH_VNC_VNC_IMPL_H
#define BERTH_VNC_VNC_IMPL_H

#include <pthread.h>
#include <rfb/rfb.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vnc/keymap.h"
#include "vnc/vnc.h"
#include "vnc/vnc_auth.h"

#define VNC_DAMAGE_RECTS 32u
#define VNC_MAX_CLIENTS  64u
#define VNC_MAX_GREETING 8u             // clients at a time that have not passed authentication
#define VNC_GREETING_NS  10000000000ull // and how long they may take

struct vnc_damage {                     // console lock
	bool resized, full, leds;
	bool kicked;                    // the eventfd was written, nobody looked yet
	bool connected, watching;       // is there anybody to kick for
	unsigned count;
	struct console_rect rects[VNC_DAMAGE_RECTS];
};

struct vnc_client {
	struct vnc_server *server;
	rfbClientPtr cl;
	char address[46];
	uint64_t deadline;              // the handshake must be over; 0 = it is
	uint64_t discard;               // bytes of a message that nobody wants
	bool more;                      // there may be input left from the last round
	bool wants_updates, extended_keys, leds;
	unsigned buttons;
	int x, y;
	struct keymap keys;
	struct vnc_client *next;
};

struct vnc_server {
	struct console *con;
	rfbScreenInfoPtr screen;
	struct console_viewer viewer;
	struct vnc_damage damage;
	uint32_t *pixels;               // what libvncserver encodes from
	bool watching;                  // console_watch() is on
	int epoll_fd, listen_fd, event_fd;
	uint64_t listen_again;          // out of descriptors: when to accept again; 0 = listening
	uint16_t port;
	unsigned max_clients;
	char password[VNC_PASSWORD_MAX + 1];
	char *name;
	struct vnc_auth auth;
	struct vnc_client *clients;
	pthread_t thread;
	_Atomic bool stop;
	_Atomic unsigned authenticated;
};

// --- vnc_screen.c ---
// Everything but sockets and thread; SERVER is zeroed. 0 or -errno.
int vnc_screen_create(struct vnc_server *server, struct console *con, const char *name);
void vnc_screen_destroy(struct vnc_server *server);
// Brings libvncserver's picture up to date with the console and marks what changed.
void vnc_screen_update(struct vnc_server *server);
// Starts or stops watching the console, as the clients want it.
void vnc_screen_watch(struct vnc_server *server, bool on);
// Sees to it that vnc_screen_update() runs soon. Console lock held.
void vnc_screen_kick(struct vnc_server *server);
// Tells the callbacks whether there is any client.
void vnc_screen_connected(struct vnc_server *server, bool connected);

// --- vnc_client.c ---
// Takes over FD (a connected stream socket) and greets; NULL when that failed, FD is closed then.
struct vnc_client *vnc_client_adopt(struct vnc_server *server, int fd, const char *address);
// Takes what has arrived. False when the client is gone (vnc_clients_reap() removes it).
bool vnc_client_input(struct vnc_client *client);
void vnc_client_send_leds(struct vnc_client *client, unsigned leds);
void vnc_client_close(struct vnc_client *client, const char *why);
// Brings the picture up to date, sends what is due, drops clients that are gone or late, settles watching.
void vnc_clients_serve(struct vnc_server *server, uint64_t now);
void vnc_clients_close_all(struct vnc_server *server);
// How many there are, and how many of them are still in the handshake.
unsigned vnc_clients_count(const struct vnc_server *server, unsigned *greeting);
rfbBool vnc_client_password(rfbClientPtr cl, const char *response, int len);
void vnc_client_key(rfbBool down, rfbKeySym keysym, rfbClientPtr cl);
void vnc_client_pointer(int mask, int x, int y, rfbClientPtr cl);

#endif
