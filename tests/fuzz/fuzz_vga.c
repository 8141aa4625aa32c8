// fuzz_vga.c: bytes become port, memory and VBE accesses on the VGA core, with renders between them.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hw/display/vga_core.h"

#define VRAM_SIZE VGA_MIN_VRAM
#define MAX_RENDERS 6u                  // a render is much slower than an access

struct script {
	const uint8_t *data;
	size_t len;
	uint64_t now;
};

enum op {
	OP_PORT,
	OP_PORT_READ,
	OP_INDEXED,
	OP_WINDOW,
	OP_WINDOW_READ,
	OP_LINEAR,
	OP_VBE,
	OP_VBE_READ,
	OP_TIME,
	OP_RENDER,
	OP_FILL,
	OP_RESET,
	OP_LOAD,
	OP_COUNT
};

static uint64_t fake_now(void *arg) { return ((struct script *)arg)->now; }
static void ignore_touched(void *arg) { }
static void ignore_resized(void *arg, const struct console_surface *s) { }

// Every reported rectangle lies on the surface.
static void check_changed(void *arg, struct console_rect r)
{
	const struct console_surface *s = &((struct console *)arg)->surface;

	if (r.x + r.w > s->width || r.y + r.h > s->height || !r.w || !r.h)
		abort();
}

static uint32_t take(struct script *s, unsigned n)
{
	uint32_t v = 0;

	while (n-- && s->len) {
		v = v << 8 | *s->data++;
		s->len--;
	}
	return v;
}

static void indexed(struct vga_core *vga, struct script *s)
{
	static const uint16_t index_ports[] = { 0x3c4, 0x3ce, 0x3d4, 0x3b4 };
	uint16_t port = index_ports[take(s, 1) & 3];

	vga_port_write(vga, port, (uint8_t)take(s, 1));
	vga_port_write(vga, (uint16_t)(port + 1), (uint8_t)take(s, 1));
}

static void vbe(struct vga_core *vga, struct script *s)
{
	vga->regs.vbe_index = (uint16_t)(take(s, 1) % (VBE_COUNT + 1));
	vbe_write(vga, (uint16_t)take(s, 2));
}

static void load(struct vga_core *vga, struct script *s)
{
	uint8_t raw[sizeof(vga->regs)];

	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (uint8_t)take(s, 1);
	memcpy(&vga->regs, raw, sizeof(raw));
	vga_fields.sanitize(&vga->regs);
	vga_touch_all(vga);
}

static void fill(struct vga_core *vga, struct script *s)
{
	uint32_t offset = take(s, 3);

	for (unsigned i = 0; i < 512; i++)
		vga_window_write(vga, (offset + i) % VGA_WINDOW_SIZE, (uint8_t)(offset + i * 7));
}

static void step(struct vga_core *vga, struct console *con, struct script *s, unsigned *renders)
{
	switch (take(s, 1) % OP_COUNT) {
	case OP_PORT: vga_port_write(vga, (uint16_t)(0x3b0 + take(s, 1) % 0x30), (uint8_t)take(s, 1)); break;
	case OP_PORT_READ: vga_port_read(vga, (uint16_t)(0x3b0 + take(s, 1) % 0x30)); break;
	case OP_INDEXED: indexed(vga, s); break;
	case OP_WINDOW: vga_window_write(vga, take(s, 3) % VGA_WINDOW_SIZE, (uint8_t)take(s, 1)); break;
	case OP_WINDOW_READ: vga_window_read(vga, take(s, 3) % VGA_WINDOW_SIZE); break;
	case OP_LINEAR:
		vga_linear_write(vga, (uint64_t)take(s, 4) << (take(s, 1) & 31), 1u << (take(s, 1) & 3),
				 take(s, 4));
		break;
	case OP_VBE: vbe(vga, s); break;
	case OP_VBE_READ:
		vga->regs.vbe_index = (uint16_t)take(s, 1);
		vbe_read(vga);
		break;
	case OP_TIME: s->now += (uint64_t)take(s, 4) << (take(s, 1) & 31); break;
	case OP_RENDER:
		if (++*renders <= MAX_RENDERS)
			vga_render(vga, con);
		break;
	case OP_FILL: fill(vga, s); break;
	case OP_RESET: vga_core_reset(vga); break;
	case OP_LOAD: load(vga, s); break;
	default: break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script script = { .data = data, .len = size };
	struct vga_setup setup = { .host = { fake_now, ignore_touched, &script }, .vram_size = VRAM_SIZE };
	struct console con;
	struct console_viewer viewer = { .resized = ignore_resized, .changed = check_changed, .arg = &con };
	struct vga_core vga;
	unsigned renders = 0;

	setup.vram = calloc(1, VRAM_SIZE);
	if (!setup.vram || console_init(&con) || vga_core_init(&vga, &setup))
		abort();
	console_add_viewer(&con, &viewer);
	while (script.len)
		step(&vga, &con, &script, &renders);
	vga_render(&vga, &con);
	vga_core_destroy(&vga);
	console_destroy(&con);
	free(setup.vram);
	return 0;
}
