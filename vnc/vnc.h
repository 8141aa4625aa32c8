// vnc.h: the VNC server: one thread that shows the console to RFB clients and takes their input.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_VNC_VNC_H
#define BERTH_VNC_VNC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bus/console.h"
#include "vnc/vnc_key.h"

struct vnc_server;

struct vnc_args {
	const char *ip;                 // address to listen on; NULL or "" = loopback (127.0.0.1)
	uint16_t port;                  // 0 = any free one, see vnc_server_port()
	const char *password;           // eight characters count; NULL or "" = none
	uint8_t key[VNC_KEY_BYTES];     // RemoteDisplay.vnc.key, decoded; taken rather than the password
	bool has_key;
	int max_connections;            // clients at a time; negative = as many as the server takes
	const char *name;               // what viewers show as title
};

// Listens, adds itself to CON's viewers and starts the encoder thread. ARGS are copied. CON must outlive the
// server. A port in use, an address that is not this host's or a key that is none fail with a remedy
// (EXIT_HOST or EXIT_CONFIG). Any thread.
int vnc_server_create(struct console *con, const struct vnc_args *args, struct vnc_server **out,
		      struct err *err);
// Closes all connections, lets go of every key, ends the thread, frees. Any thread but the encoder's; no lock
// held.
void vnc_server_stop(struct vnc_server *server);
// The port that it listens on. Any thread.
uint16_t vnc_server_port(const struct vnc_server *server);
// Clients that passed authentication. Any thread.
unsigned vnc_server_clients(const struct vnc_server *server);

#endif
