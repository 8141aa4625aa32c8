// debugcon.c: port 402h, where SeaBIOS writes what it does.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/firmware/debugcon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

// --- core --------------------------------------------------------------------------------------------

void debugcon_core_init(struct debugcon_core *con, void (*emit)(void *arg, const char *line), void *arg)
{
	*con = (struct debugcon_core){ .emit = emit, .arg = arg };
}

void debugcon_core_flush(struct debugcon_core *con)
{
	if (!con->len)
		return;
	con->line[con->len] = '\0';
	con->len = 0;
	con->emit(con->arg, con->line);
}

static void put(struct debugcon_core *con, uint8_t byte)
{
	if (byte == '\n') {
		debugcon_core_flush(con);
		return;
	}
	if (byte == '\r')
		return;
	con->line[con->len++] = (char)(byte >= ' ' && byte < 0x7f ? byte : byte == '\t' ? ' ' : '?');
	if (con->len == DEBUGCON_LINE_MAX)
		debugcon_core_flush(con);
}

void debugcon_core_write(struct debugcon_core *con, const uint8_t *bytes, size_t count)
{
	while (count--)
		put(con, *bytes++);
}

// --- attachment --------------------------------------------------------------------------------------

struct debugcon {
	pthread_mutex_t lock;           // the line
	struct debugcon_core core;
	struct debugcon_args args;
	struct bus *ports;
	struct bus_range range;
};

static uint64_t port_read(void *dev, uint64_t offset, unsigned size)
{
	(void)dev, (void)offset, (void)size;
	return DEBUGCON_PRESENT;
}

static void port_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct debugcon *con = dev;
	uint8_t byte = (uint8_t)value;

	(void)offset, (void)size;
	debugcon_core_write(&con->core, &byte, 1);
}

static void port_write_string(void *dev, uint64_t offset, unsigned size, const void *buf, size_t count)
{
	struct debugcon *con = dev;

	(void)offset, (void)size;       // 1: the port takes no other
	debugcon_core_write(&con->core, buf, count);
}

static const struct bus_ops port_ops = {
	.read = port_read,
	.write = port_write,
	.max_size = 1,
	.write_string = port_write_string,
};

static void emit(void *arg, const char *line)
{
	struct debugcon *con = arg;

	log_debug("firmware: %s", line);
	if (con->args.line)
		con->args.line(con->args.arg, line);
}

static void reset(void *dev)
{
	struct debugcon *con = dev;

	pthread_mutex_lock(&con->lock);
	debugcon_core_flush(&con->core);
	pthread_mutex_unlock(&con->lock);
}

static void destroy(void *dev)
{
	struct debugcon *con = dev;

	if (!con)
		return;
	bus_remove(con->ports, &con->range);
	debugcon_core_flush(&con->core);
	pthread_mutex_destroy(&con->lock);
	free(con);
}

const struct device_class debugcon_class = { .name = "debugcon", .reset = reset, .destroy = destroy };

int debugcon_create(const struct platform *platform, const struct debugcon_args *args, struct debugcon **out,
		    struct err *err)
{
	struct debugcon *con = calloc(1, sizeof(*con));
	int r;

	if (!con)
		return err_set(err, ENOMEM, "debugcon", "no memory for the device");
	if (args)
		con->args = *args;
	pthread_mutex_init(&con->lock, NULL);
	debugcon_core_init(&con->core, emit, con);
	con->ports = platform->ports;
	con->range = (struct bus_range){
		.first = DEBUGCON_PORT, .last = DEBUGCON_PORT, .name = "debugcon",
		.ops = &port_ops, .dev = con, .lock = &con->lock,
	};
	r = bus_insert(con->ports, &con->range, err);
	if (r < 0) {
		destroy(con);
		return r;
	}
	*out = con;
	return 0;
}
