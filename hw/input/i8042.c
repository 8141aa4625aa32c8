// i8042.c: joins the keyboard controller with ports, interrupt lines, timer and console.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/input/i8042.h"

#include <errno.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "hw/input/i8042_core.h"

#define DATA_PORT 0x60
#define COMMAND_PORT 0x64
#define KEYBOARD_IRQ 1
#define MOUSE_IRQ 12

struct i8042 {
	// Guards the core. Above the console's lock (lights), the clock's and loop's and the interrupt pins'.
	pthread_mutex_t lock;
	struct i8042_core core;
	struct bus *ports;
	struct bus_range data, command;
	struct irq_line irq1, irq12;
	struct vclock *clock;
	struct vtimer timer;
	struct console *console;
	struct console_keyboard keyboard;
	struct console_pointer pointer;
	struct platform_events events;
};

// --- the core's host; the lock is held -----------------------------------------------------------------

static void host_irq1(void *arg, bool level) { irq_line_set(&((struct i8042 *)arg)->irq1, level); }
static void host_irq12(void *arg, bool level) { irq_line_set(&((struct i8042 *)arg)->irq12, level); }

static void host_leds(void *arg, unsigned leds)
{
	struct i8042 *k = arg;

	if (k->console)
		console_set_leds(k->console, leds);
}

static void host_timer(void *arg, uint64_t ns)
{
	struct i8042 *k = arg;

	if (ns)
		vtimer_set(&k->timer, vclock_now(k->clock) + ns);
	else
		vtimer_cancel(&k->timer);
}

static void host_init_cpus(void *arg)
{
	struct i8042 *k = arg;

	if (k->events.init_cpus)
		k->events.init_cpus(k->events.arg);
}

static void host_reset(void *arg)
{
	struct i8042 *k = arg;

	if (k->events.reset)
		k->events.reset(k->events.arg, "keyboard controller");
}

// --- input: any thread ---------------------------------------------------------------------------------

static void on_timer(void *arg)
{
	struct i8042 *k = arg;

	pthread_mutex_lock(&k->lock);
	i8042_core_timer(&k->core);
	pthread_mutex_unlock(&k->lock);
}

static void on_key(void *arg, unsigned code, bool down)
{
	struct i8042 *k = arg;

	pthread_mutex_lock(&k->lock);
	i8042_core_key(&k->core, code, down);
	pthread_mutex_unlock(&k->lock);
}

static uint8_t mouse_buttons(unsigned buttons)
{
	return (uint8_t)((buttons & CONSOLE_BUTTON_LEFT ? MOUSE_LEFT : 0) |
			 (buttons & CONSOLE_BUTTON_RIGHT ? MOUSE_RIGHT : 0) |
			 (buttons & CONSOLE_BUTTON_MIDDLE ? MOUSE_MIDDLE : 0));
}

// On the screen down is positive and the wheel turns away from the user; the mouse has both the other way
// round.
static void on_relative(void *arg, int dx, int dy, int wheel, unsigned buttons)
{
	struct i8042 *k = arg;
	const int limit = 0x7fff;
	struct ps2_motion motion = {
		.dx = MIN(MAX(dx, -limit), limit),
		.dy = -MIN(MAX(dy, -limit), limit),
		.dz = -MIN(MAX(wheel, -limit), limit),
		.buttons = mouse_buttons(buttons),
	};

	pthread_mutex_lock(&k->lock);
	i8042_core_move(&k->core, motion);
	pthread_mutex_unlock(&k->lock);
}

void i8042_mouse_poke(struct i8042 *i8042)
{
	pthread_mutex_lock(&i8042->lock);
	i8042_core_poke(&i8042->core);
	pthread_mutex_unlock(&i8042->lock);
}

// --- ports ---------------------------------------------------------------------------------------------

static uint64_t data_read(void *dev, uint64_t offset, unsigned size)
{
	(void)offset;
	(void)size;
	return i8042_core_read_data(&((struct i8042 *)dev)->core);
}

static void data_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	(void)offset;
	(void)size;
	i8042_core_write_data(&((struct i8042 *)dev)->core, (uint8_t)value);
}

static uint64_t status_read(void *dev, uint64_t offset, unsigned size)
{
	(void)offset;
	(void)size;
	return i8042_core_read_status(&((struct i8042 *)dev)->core);
}

static void command_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	(void)offset;
	(void)size;
	i8042_core_write_command(&((struct i8042 *)dev)->core, (uint8_t)value);
}

static const struct bus_ops data_ops = { .read = data_read, .write = data_write, .max_size = 1 };
static const struct bus_ops command_ops = { .read = status_read, .write = command_write, .max_size = 1 };

static struct bus_range one_port(struct i8042 *k, uint16_t port, const char *name, const struct bus_ops *ops)
{
	return (struct bus_range){
		.first = port, .last = port, .name = name,
		.ops = ops, .dev = k, .lock = &k->lock,
	};
}

static int claim_ports(struct i8042 *k, struct err *err)
{
	int r;

	k->data = one_port(k, DATA_PORT, "i8042-data", &data_ops);
	k->command = one_port(k, COMMAND_PORT, "i8042-command", &command_ops);
	r = bus_insert(k->ports, &k->data, err);
	if (r)
		return r;
	r = bus_insert(k->ports, &k->command, err);
	if (r)
		bus_remove(k->ports, &k->data);
	return r;
}

// --- life ----------------------------------------------------------------------------------------------

static void join_console(struct i8042 *k)
{
	k->keyboard = (struct console_keyboard){ .key = on_key, .arg = k };
	k->pointer = (struct console_pointer){ .relative = on_relative, .arg = k };
	if (!k->console)
		return;
	console_set_keyboard(k->console, &k->keyboard);
	console_set_pointer(k->console, &k->pointer);
}

int i8042_create(const struct platform *platform, struct i8042 **out, struct err *err)
{
	struct i8042 *k = calloc(1, sizeof(*k));
	const struct i8042_host host = {
		host_irq1, host_irq12, host_leds, host_timer, host_init_cpus, host_reset, k,
	};
	int r;

	if (!k)
		return err_set(err, ENOMEM, "i8042", "no memory for the device");
	pthread_mutex_init(&k->lock, NULL);
	k->ports = platform->ports;
	k->clock = platform->clock;
	k->console = platform->console;
	k->events = platform->events;
	irq_line_connect(&k->irq1, &platform->isa_irq[KEYBOARD_IRQ]);
	irq_line_connect(&k->irq12, &platform->isa_irq[MOUSE_IRQ]);
	vtimer_init(&k->timer, k->clock, on_timer, k);
	i8042_core_init(&k->core, &host);
	r = claim_ports(k, err);
	if (r) {
		vtimer_destroy(&k->timer);
		pthread_mutex_destroy(&k->lock);
		free(k);
		return r;
	}
	join_console(k);
	*out = k;
	return 0;
}

static void i8042_reset(void *dev)
{
	struct i8042 *k = dev;

	pthread_mutex_lock(&k->lock);
	i8042_core_reset(&k->core);
	pthread_mutex_unlock(&k->lock);
}

static void i8042_destroy(void *dev)
{
	struct i8042 *k = dev;

	if (k->console) {
		console_set_keyboard(k->console, NULL);
		console_set_pointer(k->console, NULL);
	}
	bus_remove(k->ports, &k->data);
	bus_remove(k->ports, &k->command);
	vtimer_destroy(&k->timer);
	irq_line_set(&k->irq1, false);
	irq_line_set(&k->irq12, false);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

static void *i8042_regs(void *dev)
{
	return &((struct i8042 *)dev)->core.regs;
}

static void i8042_loaded(void *dev)
{
	struct i8042 *k = dev;

	pthread_mutex_lock(&k->lock);
	i8042_core_loaded(&k->core);
	pthread_mutex_unlock(&k->lock);
}

const struct device_class i8042_class = {
	.name = "i8042",
	.reset = i8042_reset,
	.destroy = i8042_destroy,
	.fields = &i8042_fields,
	.regs = i8042_regs,
	.loaded = i8042_loaded,
};
