// net_uri.c: parsing of serial network addresses.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "chardev/net_uri.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/compiler.h"

struct scheme {
	const char *name;
	int family;
	bool telnet, tls;
};

static const struct scheme schemes[] = {
	{ "tcp", AF_UNSPEC, false, false },
	{ "tcp4", AF_INET, false, false },
	{ "tcp6", AF_INET6, false, false },
	{ "telnet", AF_UNSPEC, true, false },
	{ "telnets", AF_UNSPEC, true, true },
	{ "ssl", AF_UNSPEC, false, true },
	{ "tcp+ssl", AF_UNSPEC, false, true },
	{ "tcp4+ssl", AF_INET, false, true },
	{ "tcp6+ssl", AF_INET6, false, true },
};

static int malformed(const char *text, const char *name, struct err *err)
{
	err_set(err, EINVAL, name, "\"%s\" is not the address of a network serial port", text);
	err_remedy(err, "Write it as tcp://host:port or telnet://host:port, an IPv6 address in brackets");
	err_exit(err, EXIT_CONFIG);
	return -EINVAL;
}

static int parse_scheme(const char *text, size_t len, const char *name, struct net_uri *uri, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		if (strlen(schemes[i].name) != len || strncasecmp(schemes[i].name, text, len))
			continue;
		if (schemes[i].tls) {
			err_set(err, ENOTSUP, name, "%s needs TLS, which serial ports do not speak here",
				schemes[i].name);
			err_remedy(err, "Use tcp:// or telnet://, behind a TLS proxy where needed");
			err_exit(err, EXIT_CONFIG);
			return -ENOTSUP;
		}
		uri->family = schemes[i].family;
		uri->telnet = schemes[i].telnet;
		return 0;
	}
	return -EINVAL;
}

// [0, 65535] as decimal digits only; -1 otherwise.
static int parse_port(const char *s)
{
	int port = 0;

	if (!*s)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		port = port * 10 + (*s - '0');
		if (port > 65535)
			return -1;
	}
	return port;
}

// Splits "host:port" or "[v6]:port"; REST is modified.
static int parse_authority(char *rest, struct net_uri *uri)
{
	char *host = rest, *colon;
	size_t len = strlen(rest);
	int port;

	if (len && rest[len - 1] == '/')
		rest[len - 1] = '\0';
	if (*rest == '[') {
		char *close = strchr(rest, ']');

		if (!close || close[1] != ':')
			return -EINVAL;
		*close = '\0';
		host = rest + 1;
		colon = close + 1;
	} else {
		colon = strrchr(rest, ':');
		// A second colon would be an IPv6 address without brackets: nobody can tell its port.
		if (!colon || strchr(rest, ':') != colon)
			return -EINVAL;
		*colon = '\0';
	}
	port = parse_port(colon + 1);
	if (port < 1 || strlen(host) >= sizeof(uri->host) || strpbrk(host, "/@?# "))
		return -EINVAL;
	memcpy(uri->host, host, strlen(host) + 1);
	snprintf(uri->port, sizeof(uri->port), "%d", port);
	return 0;
}

int net_uri_parse(const char *text, const char *name, struct net_uri *uri, struct err *err)
{
	const char *sep = text ? strstr(text, "://") : NULL;
	char rest[300];
	int r;

	memset(uri, 0, sizeof(*uri));
	if (!sep || strlen(sep + 3) >= sizeof(rest))
		return malformed(text ? text : "", name, err);
	r = parse_scheme(text, (size_t)(sep - text), name, uri, err);
	if (r == -ENOTSUP)
		return r;
	memcpy(rest, sep + 3, strlen(sep + 3) + 1);
	if (r || parse_authority(rest, uri))
		return malformed(text, name, err);
	return 0;
}
