// ps2_mouse.c: commands and packets of the PS/2 mouse.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/input/ps2_mouse.h"

#include <string.h>

#include "base/compiler.h"

enum mouse_command {
	MOUSE_SCALING_1 = 0xe6, MOUSE_SCALING_2 = 0xe7, MOUSE_RESOLUTION = 0xe8, MOUSE_STATUS = 0xe9,
	MOUSE_STREAM = 0xea, MOUSE_READ = 0xeb, MOUSE_UNWRAP = 0xec, MOUSE_WRAP = 0xee, MOUSE_REMOTE = 0xf0,
	MOUSE_IDENTIFY = 0xf2, MOUSE_RATE = 0xf3, MOUSE_ENABLE = 0xf4, MOUSE_DISABLE = 0xf5,
	MOUSE_DEFAULTS = 0xf6, MOUSE_RESEND = 0xfe, MOUSE_RESET = 0xff,
};
enum mouse_answer { MOUSE_ACK = 0xfa, MOUSE_BAT_OK = 0xaa, MOUSE_REFUSE = 0xfe };
enum mouse_packet { PACKET_ONE = 0x08, PACKET_X_SIGN = 0x10, PACKET_Y_SIGN = 0x20 };
enum mouse_status { STATUS_SCALING = 0x10, STATUS_ENABLED = 0x20, STATUS_REMOTE = 0x40 };

#define ID_PLAIN 0
#define ID_WHEEL 3
#define ID_EXPLORER 4
#define MOTION_LIMIT 0x7fff     // of what is added up in one direction

// --- queues --------------------------------------------------------------------------------------------

static void reply(struct ps2_mouse *mouse, uint8_t byte)
{
	fifo8_put(&mouse->regs->reply, byte);
	mouse->host.ready(mouse->host.arg);
}

static int32_t clamp(int32_t v, int32_t low, int32_t high)
{
	return MIN(MAX(v, low), high);
}

static struct ps2_motion *motion_at(struct ps2_mouse *mouse, unsigned n)
{
	return &mouse->motions[(mouse->head + n) % PS2_MOUSE_MOTIONS];
}

static void add_motion(struct ps2_motion *to, const struct ps2_motion *m)
{
	to->dx = clamp(to->dx + clamp(m->dx, -MOTION_LIMIT, MOTION_LIMIT), -MOTION_LIMIT, MOTION_LIMIT);
	to->dy = clamp(to->dy + clamp(m->dy, -MOTION_LIMIT, MOTION_LIMIT), -MOTION_LIMIT, MOTION_LIMIT);
	to->dz = clamp(to->dz + clamp(m->dz, -MOTION_LIMIT, MOTION_LIMIT), -MOTION_LIMIT, MOTION_LIMIT);
}

static void forget_motion(struct ps2_mouse *mouse)
{
	fifo8_clear(&mouse->regs->packets);
	mouse->head = mouse->count = 0;
}

// --- packets -------------------------------------------------------------------------------------------

// 2:1 scaling flattens small steps and doubles large ones; only movement that is streamed goes through it.
static int32_t scale(int32_t v)
{
	static const uint8_t small[6] = { 0, 1, 1, 3, 6, 9 };
	int32_t size = v < 0 ? -v : v;

	size = size < 6 ? small[size] : size * 2;
	return v < 0 ? -size : size;
}

static unsigned packet_size(const struct ps2_mouse_regs *r)
{
	return r->id == ID_PLAIN ? 3 : 4;
}

// The fourth byte: a signed wheel count; for the Explorer four bits of it and the two side buttons.
static uint8_t wheel_byte(const struct ps2_mouse_regs *r, int32_t dz, uint8_t buttons)
{
	if (r->id == ID_WHEEL)
		return (uint8_t)dz;
	return (uint8_t)((dz & 15) | (buttons & MOUSE_SIDE ? 0x10 : 0) | (buttons & MOUSE_EXTRA ? 0x20 : 0));
}

// Takes from M as much as one packet can carry. DOUBLED: a step leaves room for 2:1 scaling.
static unsigned build_packet(const struct ps2_mouse_regs *r, struct ps2_motion *m, bool doubled,
			     uint8_t packet[4])
{
	int32_t limit = doubled ? 127 : 255;
	int32_t dx = clamp(m->dx, -limit, limit), dy = clamp(m->dy, -limit, limit);
	int32_t dz = clamp(m->dz, -8, 7);

	m->dx -= dx;
	m->dy -= dy;
	m->dz = r->id == ID_PLAIN ? 0 : m->dz - dz;
	if (doubled) {
		dx = scale(dx);
		dy = scale(dy);
	}
	packet[0] = (uint8_t)(PACKET_ONE | (m->buttons & 7) | (dx < 0 ? PACKET_X_SIGN : 0) |
			      (dy < 0 ? PACKET_Y_SIGN : 0));
	packet[1] = (uint8_t)dx;
	packet[2] = (uint8_t)dy;
	packet[3] = wheel_byte(r, dz, m->buttons);
	return packet_size(r);
}

static bool streaming(const struct ps2_mouse_regs *r)
{
	return r->enabled && !r->remote && !r->wrap;
}

static bool still(const struct ps2_mouse_regs *r, const struct ps2_motion *m)
{
	return !m->dx && !m->dy && (!m->dz || r->id == ID_PLAIN) && m->buttons == r->buttons;
}

// Turns waiting motions into packets while there is room for whole ones.
static void fill_packets(struct ps2_mouse *mouse)
{
	struct ps2_mouse_regs *r = mouse->regs;
	bool doubled = r->scaling;

	while (streaming(r) && mouse->count && fifo8_room(&r->packets) >= packet_size(r)) {
		struct ps2_motion *m = motion_at(mouse, 0);
		uint8_t packet[4];
		unsigned len;

		if (!still(r, m)) {
			len = build_packet(r, m, doubled, packet);
			r->buttons = m->buttons;
			for (unsigned i = 0; i < len; i++)
				fifo8_put(&r->packets, packet[i]);
		}
		if (still(r, m)) {
			mouse->head = (mouse->head + 1) % PS2_MOUSE_MOTIONS;
			mouse->count--;
		}
	}
	if (!fifo8_empty(&r->packets))
		mouse->host.ready(mouse->host.arg);
}

void ps2_mouse_move(struct ps2_mouse *mouse, struct ps2_motion motion)
{
	struct ps2_motion *tail = mouse->count ? motion_at(mouse, mouse->count - 1) : NULL;

	motion.buttons &= MOUSE_BUTTONS;
	if (!mouse->regs->enabled && !mouse->regs->remote)
		return;
	if (!tail || (tail->buttons != motion.buttons && mouse->count < PS2_MOUSE_MOTIONS)) {
		tail = motion_at(mouse, mouse->count++);
		*tail = (struct ps2_motion){ 0, 0, 0, motion.buttons };
	}
	add_motion(tail, &motion);
	tail->buttons = motion.buttons;
	fill_packets(mouse);
}

void ps2_mouse_poke(struct ps2_mouse *mouse)
{
	struct ps2_mouse_regs *r = mouse->regs;
	struct ps2_motion none = { 0, 0, 0, r->buttons };
	uint8_t packet[4];
	unsigned len;

	if (!streaming(r) || !fifo8_empty(&r->packets))
		return;
	len = build_packet(r, &none, false, packet);
	for (unsigned i = 0; i < len; i++)
		fifo8_put(&r->packets, packet[i]);
	mouse->host.ready(mouse->host.arg);
}

// --- commands ------------------------------------------------------------------------------------------

static void defaults(struct ps2_mouse *mouse)
{
	struct ps2_mouse_regs *r = mouse->regs;

	forget_motion(mouse);
	r->enabled = 0;
	r->remote = 0;
	r->wrap = 0;
	r->rate = 100;
	r->resolution = 2;
	r->scaling = 0;
	r->command = 0;
}

static void status(struct ps2_mouse *mouse)
{
	const struct ps2_mouse_regs *r = mouse->regs;
	uint8_t b = r->buttons;
	uint8_t first = (uint8_t)((b & MOUSE_LEFT ? 4 : 0) | (b & MOUSE_MIDDLE ? 2 : 0) |
				  (b & MOUSE_RIGHT ? 1 : 0));

	if (r->scaling)
		first |= STATUS_SCALING;
	if (r->enabled)
		first |= STATUS_ENABLED;
	if (r->remote)
		first |= STATUS_REMOTE;
	reply(mouse, MOUSE_ACK);
	reply(mouse, first);
	reply(mouse, r->resolution);
	reply(mouse, r->rate);
}

// EBh: the movement so far, in one packet; more stays for the next.
static void read_data(struct ps2_mouse *mouse)
{
	struct ps2_mouse_regs *r = mouse->regs;
	struct ps2_motion none = { 0, 0, 0, r->buttons };
	struct ps2_motion *m = mouse->count ? motion_at(mouse, 0) : &none;
	uint8_t packet[4];
	unsigned len = build_packet(r, m, false, packet);

	r->buttons = m->buttons;
	reply(mouse, MOUSE_ACK);
	for (unsigned i = 0; i < len; i++)
		reply(mouse, packet[i]);
	if (mouse->count && still(r, m)) {
		mouse->head = (mouse->head + 1) % PS2_MOUSE_MOTIONS;
		mouse->count--;
	}
}

static void reset_command(struct ps2_mouse *mouse)
{
	defaults(mouse);
	fifo8_clear(&mouse->regs->reply);
	mouse->regs->id = ID_PLAIN;
	reply(mouse, MOUSE_ACK);
	reply(mouse, MOUSE_BAT_OK);
	reply(mouse, ID_PLAIN);
}

// Three rates in a row tell a mouse with a wheel to show it: 200, 100, 80, then for five buttons 200, 200,
// 80.
static void set_rate(struct ps2_mouse *mouse, uint8_t rate)
{
	struct ps2_mouse_regs *r = mouse->regs;

	r->rate = rate;
	r->rates[0] = r->rates[1];
	r->rates[1] = r->rates[2];
	r->rates[2] = rate;
	if (r->rates[0] == 200 && r->rates[1] == 100 && rate == 80)
		r->id = ID_WHEEL;
	else if (r->id == ID_WHEEL && r->rates[0] == 200 && r->rates[1] == 200 && rate == 80)
		r->id = ID_EXPLORER;
}

static void argument(struct ps2_mouse *mouse, uint8_t byte)
{
	struct ps2_mouse_regs *r = mouse->regs;
	uint8_t command = r->command;

	r->command = 0;
	if (command == MOUSE_RESOLUTION && byte > 3) {
		reply(mouse, MOUSE_REFUSE);
		return;
	}
	if (command == MOUSE_RESOLUTION)
		r->resolution = byte;
	else
		set_rate(mouse, byte);
	reply(mouse, MOUSE_ACK);
}

// Commands that answer more than an ACK. True when BYTE was one.
static bool long_command(struct ps2_mouse *mouse, uint8_t byte)
{
	switch (byte) {
	case MOUSE_STATUS: status(mouse); return true;
	case MOUSE_READ: read_data(mouse); return true;
	case MOUSE_RESET: reset_command(mouse); return true;
	case MOUSE_RESEND: reply(mouse, mouse->regs->last); return true;
	case MOUSE_IDENTIFY:
		reply(mouse, MOUSE_ACK);
		reply(mouse, mouse->regs->id);
		return true;
	default: return false;
	}
}

static void set_mode(struct ps2_mouse *mouse, uint8_t *flag, bool value)
{
	forget_motion(mouse);
	*flag = value;
}

static void short_command(struct ps2_mouse *mouse, uint8_t byte)
{
	struct ps2_mouse_regs *r = mouse->regs;

	switch (byte) {
	case MOUSE_SCALING_1: r->scaling = 0; break;
	case MOUSE_SCALING_2: r->scaling = 1; break;
	case MOUSE_RESOLUTION: case MOUSE_RATE: r->command = byte; break;
	case MOUSE_STREAM: set_mode(mouse, &r->remote, false); break;
	case MOUSE_REMOTE: set_mode(mouse, &r->remote, true); break;
	case MOUSE_WRAP: set_mode(mouse, &r->wrap, true); break;
	case MOUSE_UNWRAP: set_mode(mouse, &r->wrap, false); break;
	case MOUSE_ENABLE: set_mode(mouse, &r->enabled, true); break;
	case MOUSE_DISABLE: set_mode(mouse, &r->enabled, false); break;
	case MOUSE_DEFAULTS: defaults(mouse); break;
	default:
		reply(mouse, MOUSE_REFUSE);
		return;
	}
	reply(mouse, MOUSE_ACK);
}

void ps2_mouse_put(struct ps2_mouse *mouse, uint8_t byte)
{
	struct ps2_mouse_regs *r = mouse->regs;

	if (r->wrap && byte != MOUSE_UNWRAP && byte != MOUSE_RESET) {
		reply(mouse, byte);
		return;
	}
	// A command cuts off the packets that have not gone out.
	fifo8_clear(&r->packets);
	if (r->command && byte < MOUSE_SCALING_1) {
		argument(mouse, byte);
		return;
	}
	r->command = 0;
	if (!long_command(mouse, byte))
		short_command(mouse, byte);
}

bool ps2_mouse_has(const struct ps2_mouse *mouse)
{
	return !fifo8_empty(&mouse->regs->reply) || !fifo8_empty(&mouse->regs->packets);
}

uint8_t ps2_mouse_get(struct ps2_mouse *mouse)
{
	struct ps2_mouse_regs *r = mouse->regs;

	if (!ps2_mouse_has(mouse))
		return 0;
	r->last = !fifo8_empty(&r->reply) ? fifo8_get(&r->reply) : fifo8_get(&r->packets);
	if (mouse->count)
		fill_packets(mouse);
	return r->last;
}

// --- life ----------------------------------------------------------------------------------------------

void ps2_mouse_init(struct ps2_mouse *mouse, struct ps2_mouse_regs *regs, const struct ps2_mouse_host *host)
{
	memset(mouse, 0, sizeof(*mouse));
	mouse->regs = regs;
	mouse->host = *host;
	fifo8_init(&regs->reply, PS2_MOUSE_REPLY);
	fifo8_init(&regs->packets, PS2_MOUSE_PACKETS);
	ps2_mouse_reset(mouse);
}

void ps2_mouse_reset(struct ps2_mouse *mouse)
{
	defaults(mouse);
	fifo8_clear(&mouse->regs->reply);
	memset(mouse->regs->rates, 0, sizeof(mouse->regs->rates));
	mouse->regs->id = ID_PLAIN;
	mouse->regs->last = 0;
	mouse->regs->buttons = 0;
}

void ps2_mouse_sanitize(struct ps2_mouse_regs *r)
{
	r->reply.size = PS2_MOUSE_REPLY;
	r->packets.size = PS2_MOUSE_PACKETS;
	fifo8_sane(&r->reply);
	fifo8_sane(&r->packets);
	if (r->id != ID_WHEEL && r->id != ID_EXPLORER)
		r->id = ID_PLAIN;
	r->resolution &= 3;
	r->scaling &= 1;
	r->buttons &= MOUSE_BUTTONS;
	if (r->command != MOUSE_RESOLUTION && r->command != MOUSE_RATE)
		r->command = 0;
}

void ps2_mouse_loaded(struct ps2_mouse *mouse)
{
	mouse->head = mouse->count = 0;
	if (ps2_mouse_has(mouse))
		mouse->host.ready(mouse->host.arg);
}
