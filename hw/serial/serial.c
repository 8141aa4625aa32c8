// serial.c: joins the 16550A core with ports, interrupt line, timer and chardev.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/serial/serial.h"

#include <errno.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "hw/serial/uart16550.h"

struct serial {
	// Guards the core. Taken on vCPU threads by the bus and on the loop thread; above the chardev's, the
	// clock's and the loop's locks and the interrupt pin's.
	pthread_mutex_t lock;
	struct uart16550 uart;
	struct bus *ports;
	struct bus_range range;
	struct irq_line irq;
	struct vclock *clock;
	struct vtimer timeout;
	struct chardev *chardev;        // NULL only while chardev_open() runs
};

struct com_port {
	uint16_t port;
	uint8_t irq;
	const char *name;
};

static const struct com_port com[SERIAL_PORTS] = {
	{ 0x3f8, 4, "serial0" }, { 0x2f8, 3, "serial1" }, { 0x3e8, 4, "serial2" }, { 0x2e8, 3, "serial3" },
};

// --- what the core asks for; the device lock is held ---------------------------------------------------

static void host_irq(void *arg, bool level)
{
	struct serial *s = arg;

	irq_line_set(&s->irq, level);
}

static void host_transmit(void *arg, const uint8_t *buf, size_t len)
{
	struct serial *s = arg;

	if (s->chardev)
		chardev_write(s->chardev, buf, len);
}

static void host_rx_room(void *arg)
{
	struct serial *s = arg;

	if (s->chardev)
		chardev_can_receive(s->chardev);
}

static void host_timer(void *arg, uint64_t ns)
{
	struct serial *s = arg;

	if (ns)
		vtimer_set(&s->timeout, vclock_now(s->clock) + ns);
	else
		vtimer_cancel(&s->timeout);
}

// --- what the host side brings; loop thread ------------------------------------------------------------

static void on_timeout(void *arg)
{
	struct serial *s = arg;

	pthread_mutex_lock(&s->lock);
	uart16550_timeout(&s->uart);
	pthread_mutex_unlock(&s->lock);
}

static size_t on_receive(void *arg, const uint8_t *buf, size_t len)
{
	struct serial *s = arg;
	size_t n;

	pthread_mutex_lock(&s->lock);
	n = uart16550_receive(&s->uart, buf, len);
	pthread_mutex_unlock(&s->lock);
	return n;
}

// CTS and DSR stay up so that a guest's flow control never waits for a peer who is not there; DCD says
// whether one is.
static void on_connected(void *arg, bool connected)
{
	struct serial *s = arg;

	pthread_mutex_lock(&s->lock);
	uart16550_set_inputs(&s->uart, (uint8_t)(MSR_CTS | MSR_DSR | (connected ? MSR_DCD : 0)));
	pthread_mutex_unlock(&s->lock);
}

static void on_break(void *arg)
{
	struct serial *s = arg;

	pthread_mutex_lock(&s->lock);
	uart16550_receive_break(&s->uart);
	pthread_mutex_unlock(&s->lock);
}

static void on_lost(void *arg)
{
	struct serial *s = arg;

	pthread_mutex_lock(&s->lock);
	uart16550_overrun(&s->uart);
	pthread_mutex_unlock(&s->lock);
}

// --- ports ---------------------------------------------------------------------------------------------

static uint64_t port_read(void *dev, uint64_t offset, unsigned size)
{
	struct serial *s = dev;

	(void)size;
	return uart16550_read(&s->uart, (unsigned)offset);
}

static void port_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct serial *s = dev;

	(void)size;
	uart16550_write(&s->uart, (unsigned)offset, (uint8_t)value);
}

static void port_write_string(void *dev, uint64_t offset, unsigned size, const void *buf, size_t count)
{
	struct serial *s = dev;

	(void)size;             // max_size is 1
	uart16550_write_string(&s->uart, (unsigned)offset, buf, count);
}

static const struct bus_ops port_ops = {
	.read = port_read,
	.write = port_write,
	.max_size = 1,
	.write_string = port_write_string,
};

// --- life ----------------------------------------------------------------------------------------------

static int open_chardev(struct serial *s, const struct platform *platform, const struct serial_args *args,
			struct err *err)
{
	const struct chardev_client client = {
		.receive = on_receive,
		.connected = on_connected,
		.break_received = on_break,
		.lost = on_lost,
		.arg = s,
	};
	struct chardev_args chardev = args->chardev;
	int r;

	if (!chardev.name)
		chardev.name = com[args->index].name;
	r = chardev_open(platform->loop, &chardev, &client, &s->chardev, err);
	if (!r)
		on_connected(s, chardev_connected(s->chardev));
	return r;
}

int serial_create(const struct platform *platform, const struct serial_args *args, struct serial **out,
		  struct err *err)
{
	struct uart16550_host host = { host_irq, host_transmit, host_rx_room, host_timer, NULL };
	struct serial *s;
	int r;

	if (args->index >= SERIAL_PORTS)
		return err_set(err, EINVAL, "serial", "there is no serial port %u", args->index);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(err, ENOMEM, com[args->index].name, "no memory for the port");
	pthread_mutex_init(&s->lock, NULL);
	host.arg = s;
	s->ports = platform->ports;
	s->clock = platform->clock;
	s->range = (struct bus_range){
		.first = com[args->index].port,
		.last = com[args->index].port + UART16550_PORTS - 1u,
		.name = com[args->index].name,
		.ops = &port_ops,
		.dev = s,
		.lock = &s->lock,
	};
	irq_line_connect(&s->irq, &platform->isa_irq[com[args->index].irq]);
	vtimer_init(&s->timeout, platform->clock, on_timeout, s);
	uart16550_init(&s->uart, &host);
	r = open_chardev(s, platform, args, err);
	if (!r) {
		r = bus_insert(s->ports, &s->range, err);
		if (r)
			chardev_close(s->chardev);
	}
	if (r) {
		vtimer_destroy(&s->timeout);
		pthread_mutex_destroy(&s->lock);
		free(s);
		return r;
	}
	*out = s;
	return 0;
}

struct chardev *serial_chardev(struct serial *serial)
{
	return serial->chardev;
}

static void serial_reset(void *dev)
{
	struct serial *s = dev;

	pthread_mutex_lock(&s->lock);
	uart16550_reset(&s->uart);
	pthread_mutex_unlock(&s->lock);
}

static void serial_destroy(void *dev)
{
	struct serial *s = dev;

	bus_remove(s->ports, &s->range);
	chardev_close(s->chardev);
	vtimer_destroy(&s->timeout);
	irq_line_set(&s->irq, false);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static void *serial_regs(void *dev)
{
	struct serial *s = dev;

	return &s->uart.regs;
}

// What the other end looks like now is not the snapshot's business: DCD follows the chardev.
static void serial_loaded(void *dev)
{
	struct serial *s = dev;

	pthread_mutex_lock(&s->lock);
	uart16550_loaded(&s->uart);
	pthread_mutex_unlock(&s->lock);
	on_connected(s, chardev_connected(s->chardev));
	chardev_can_receive(s->chardev);
}

const struct device_class serial_class = {
	.name = "serial",
	.reset = serial_reset,
	.destroy = serial_destroy,
	.fields = &uart16550_fields,
	.regs = serial_regs,
	.loaded = serial_loaded,
};
