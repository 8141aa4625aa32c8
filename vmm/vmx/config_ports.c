// config_ports.c: serial ports and the VNC server.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "vmx/load.h"
#include "vmx/paths.h"
#include "vmx/value.h"

// --- serial ports --------------------------------------------------------------------------------------

static void unconnected(struct loader *l, struct vm_serial *s, const char *key, const char *what)
{
	s->kind = VM_SERIAL_NULL;
	problem(l, VMX_WARNING, key, "%s; the port is there and unconnected", what);
}

static void load_end_point(struct loader *l, const char *node, const char *kind, struct vm_serial *s)
{
	char suffix[32], key[KEY_SIZE];
	const char *end;

	snprintf(suffix, sizeof(suffix), "%s.endPoint", kind);
	end = get_text(l, key_of(key, node, suffix));
	s->server = !end || strcasecmp(end, "client");
	if (end && strcasecmp(end, "client") && strcasecmp(end, "server"))
		problem(l, VMX_ERROR, key, "\"%.60s\" is neither server nor client", end);
}

static void load_serial_file(struct loader *l, const char *node, struct vm_serial *s, const char *name)
{
	const char *answer = get_text(l, "answer.msg.serial.file.open");

	(void)node;
	s->kind = VM_SERIAL_FILE;
	s->path = path_output(l->c->dir, name);
	s->append = !answer || strcasecmp(answer, "Replace");
}

// \\.\pipe\com_1 of a Windows host becomes a socket com_1 beside the .vmx.
static void load_serial_pipe(struct loader *l, const char *node, struct vm_serial *s, const char *name)
{
	char key[KEY_SIZE];

	s->kind = VM_SERIAL_PIPE;
	load_end_point(l, node, "pipe", s);
	s->path = path_output(l->c->dir, name);
	if (s->path && path_is_windows(name))
		problem(l, VMX_NOTE, key_of(key, node, "fileName"),
			"the pipe of a Windows host is the socket %s here", s->path);
}

// scheme://[host]:port; host and port may be followed by nothing.
static bool uri_ok(const char *text, const char **scheme_end)
{
	const char *colon = strstr(text, "://"), *port;
	long number = 0;

	if (!colon)
		return false;
	*scheme_end = colon;
	port = strrchr(colon + 3, ':');
	if (!port || !isdigit((unsigned char)port[1]))
		return false;
	for (port++; isdigit((unsigned char)*port) && number <= UINT16_MAX; port++)
		number = number * 10 + (*port - '0');
	return !*port && number >= 1 && number <= UINT16_MAX;
}

static bool scheme_is(const char *text, const char *end, const char *words)
{
	char scheme[24];

	snprintf(scheme, sizeof(scheme), "%.*s", (int)MIN(end - text, (ptrdiff_t)sizeof(scheme)), text);
	return vmx_pattern_match(words, scheme, NULL, NULL);
}

static void load_serial_network(struct loader *l, const char *node, struct vm_serial *s, const char *name)
{
	const char *end = name;
	char key[KEY_SIZE];

	s->kind = VM_SERIAL_NETWORK;
	load_end_point(l, node, "network", s);
	key_of(key, node, "fileName");
	if (!uri_ok(name, &end)) {
		s->kind = VM_SERIAL_NULL;
		problem(l, VMX_ERROR, key,
			"\"%.100s\" is not an address like tcp://host:port or telnet://:port", name);
		return;
	}
	if (scheme_is(name, end, "{telnets|ssl|tcp+ssl|tcp4+ssl|tcp6+ssl}")) {
		unconnected(l, s, key, "encrypted serial connections are not supported");
		return;
	}
	if (!scheme_is(name, end, "{tcp|tcp4|tcp6|telnet}"))
		problem(l, VMX_ERROR, key, "\"%.100s\": the protocol must be tcp, tcp4, tcp6 or telnet",
			name);
	s->path = dup_text(l, name);
}

typedef void serial_fn(struct loader *l, const char *node, struct vm_serial *s, const char *name);

static const struct { const char *type; serial_fn *load; } serial_types[] = {
	{ "file", load_serial_file },
	{ "pipe", load_serial_pipe },
	{ "network", load_serial_network },
};

static void load_serial_type(struct loader *l, const char *node, struct vm_serial *s)
{
	char type_key[KEY_SIZE], name_key[KEY_SIZE];
	const char *type = get_text(l, key_of(type_key, node, "fileType"));
	const char *name = get_written(l, key_of(name_key, node, "fileName"));

	for (size_t i = 0; type && i < ARRAY_SIZE(serial_types); i++) {
		if (strcasecmp(type, serial_types[i].type))
			continue;
		if (!name) {
			problem(l, VMX_ERROR, name_key, "is missing: a serial port of type %s needs it",
				type);
			return;
		}
		serial_types[i].load(l, node, s, name);
		return;
	}
	if (!type || !strcasecmp(type, "device"))
		unconnected(l, s, vmx_file_find(l->file, type_key) ? type_key : NULL,
			    "serial ports of the host are not passed through");
	else if (!strcasecmp(type, "thinprint"))
		s->kind = VM_SERIAL_NULL;
	else
		problem(l, VMX_ERROR, type_key, "\"%.60s\" is not file, pipe, network or device", type);
}

static void load_serial(struct loader *l, unsigned i)
{
	struct vm_serial *s = &l->c->serial[i];
	char node[16], key[KEY_SIZE];

	snprintf(node, sizeof(node), "serial%u", i);
	if (!get_bool(l, key_of(key, node, "present")))
		return;
	s->no_rx_loss = get_bool(l, key_of(key, node, "tryNoRxLoss"));
	if (!get_bool(l, key_of(key, node, "startConnected"))) {
		s->kind = VM_SERIAL_NULL;
		return;
	}
	if (get_written(l, key_of(key, node, "vspc"))) {
		unconnected(l, s, key, "serial port concentrators are not supported yet");
		return;
	}
	load_serial_type(l, node, s);
	if (s->kind != VM_SERIAL_NONE && s->kind != VM_SERIAL_NULL && !s->path)
		problem(l, VMX_ERROR, key_of(key, node, "fileName"), "the path cannot be used");
}

// --- VNC -----------------------------------------------------------------------------------------------

static bool is_loopback(const char *ip)
{
	return !strncmp(ip, "127.", 4) || !strcmp(ip, "::1");
}

static void load_vnc_address(struct loader *l, struct vm_vnc *v)
{
	const char *ip = get_text(l, "RemoteDisplay.vnc.ip");
	uint8_t address[16];

	if (!ip || !strcasecmp(ip, "localhost"))
		ip = "127.0.0.1";
	if (inet_pton(AF_INET, ip, address) != 1 && inet_pton(AF_INET6, ip, address) != 1) {
		problem(l, VMX_ERROR, "RemoteDisplay.vnc.ip", "\"%.60s\" is not an IP address", ip);
		ip = "127.0.0.1";
	}
	v->ip = dup_text(l, ip);
	v->port = (uint16_t)get_int(l, "RemoteDisplay.vnc.port", 1, UINT16_MAX);
}

static void load_vnc_secret(struct loader *l, struct vm_vnc *v)
{
	const char *key = get_written(l, "RemoteDisplay.vnc.key");

	v->password = dup_text(l, get_written(l, "RemoteDisplay.vnc.password"));
	if (v->password && strlen(v->password) > 8)
		problem(l, VMX_NOTE, "RemoteDisplay.vnc.password", "only the first 8 characters count");
	if (!key)
		return;
	v->has_key = value_base64(key, v->key, sizeof(v->key)) == 0;
	if (!v->has_key)
		problem(l, VMX_ERROR, "RemoteDisplay.vnc.key",
			"is not the key that VMware writes (base64 of 128 bytes); "
			"delete it and set RemoteDisplay.vnc.password");
}

static void load_vnc(struct loader *l)
{
	struct vm_vnc *v = &l->c->vnc;

	v->enabled = get_bool(l, "RemoteDisplay.vnc.enabled");
	if (!v->enabled) {
		v->ip = dup_text(l, vmx_key_default("RemoteDisplay.vnc.ip", &l->base));
		v->max_connections = -1;
		return;
	}
	load_vnc_address(l, v);
	load_vnc_secret(l, v);
	v->max_connections = (int)get_int(l, "RemoteDisplay.maxConnections", -1, 1000);
	if (v->max_connections == 0)
		problem(l, VMX_WARNING, "RemoteDisplay.maxConnections", "0 lets nobody see the screen");
	if (v->ip && !is_loopback(v->ip) && !v->password && !v->has_key)
		problem(l, VMX_WARNING, "RemoteDisplay.vnc.ip",
			"anybody who reaches %s can use the VM: there is no "
			"RemoteDisplay.vnc.password",
			v->ip);
}

void load_ports(struct loader *l)
{
	for (unsigned i = 0; i < VM_SERIALS; i++)
		load_serial(l, i);
	load_vnc(l);
}
