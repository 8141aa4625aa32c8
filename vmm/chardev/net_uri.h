// net_uri.h: the address of a network serial port: tcp://host:port and its relatives.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CHARDEV_NET_URI_H
#define BERTH_CHARDEV_NET_URI_H

#include <stdbool.h>

#include "base/err.h"

struct net_uri {
	int family;             // AF_UNSPEC, AF_INET or AF_INET6
	bool telnet;
	char host[256];         // without brackets; empty = every interface (servers)
	char port[8];           // decimal, 1..65535
};

// TEXT is what the .vmx holds; NAME is the port's, for messages. -EINVAL or -ENOTSUP with what to write
// instead. Any thread.
int net_uri_parse(const char *text, const char *name, struct net_uri *uri, struct err *err);

#endif
