// vga.c: attaches the VGA core to ports, memory, PCI and console, and keeps viewers up to date.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// While nobody looks, nothing happens. While somebody does, a timer renders every 30 ms as long as the guest
// draws; after some quiet rounds video memory becomes read-only for the CPU and the timer stops. The next
// write arrives at the MMIO range under BAR1, which stores it, opens the memory again and starts the timer: a
// quiet screen causes no wake-up at all. Ports and A0000h arrive here and start the timer themselves; writes to
// A0000h may be gathered while the timer runs, or while nobody looks, since somebody comes for them then.
#include "hw/display/vga.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/log.h"
#include "hw/display/vga_core.h"
#include "hw/pci/regs.h"

#define REFRESH_NS   30000000ull        // between two renders
#define FIRST_NS     8000000ull         // from the first change after a pause: the rest of it comes too
#define QUIET_ROUNDS 10u                // renders without a write before video memory is closed

#define LFB_WINDOW   (128ull << 20)     // BAR1, however much memory is behind it
#define FIFO_SIZE    (8ull << 20)       // BAR2
#define DEFAULT_VRAM (16ull << 20)

enum vga_bar { BAR_IO, BAR_LFB, BAR_FIFO };
#define SVGA_IO_SIZE 16u
enum { CAP_ID_VENDOR = 0x09, CAP_VENDOR_AT = 0x40, CAP_AF_AT = 0x44 };

// VBE ports: an odd data port behind the index port; also at the next even one. 1CDh takes the lower half of
// an access that straddles the index port.
enum { VBE_PORT_FIRST = 0x1cd, VBE_PORT_LAST = 0x1d1 };
enum vbe_offset { VBE_OFF_BELOW, VBE_OFF_INDEX, VBE_OFF_DATA, VBE_OFF_DATA_EVEN };

#define PORT_RANGES 5

struct vga_ports {
	struct bus_range range;
	struct vga *vga;
};

struct vga {
	pthread_mutex_t lock;           // all below; after pci_root.lock, before the console's and gmem's
	struct vga_core core;
	const struct platform *platform;
	struct pci_dev pci;
	struct vga_ports ports[PORT_RANGES];
	struct bus_range vbe, window;
	struct gmem_region *vram, *fifo;
	struct console_source source;
	struct loop_timer timer;
	bool watched;
	bool armed;
	bool closed;                    // video memory is read-only for the CPU
	bool posting;                   // writes to the window may be gathered
	unsigned quiet;                 // renders in a row without a write
	uint64_t rendered;              // when, loop_now()
};

// --- keeping viewers up to date: lock held ---------------------------------------------------------------

static void post_writes(struct vga *v, bool on)
{
	const struct posted_writes *p = &v->platform->posted;

	if (v->posting == on || !p->range)
		return;
	v->posting = on;
	p->range(p->arg, VGA_WINDOW_BASE, VGA_WINDOW_SIZE, on);
}

// Without a lock: the writes come to window_write().
static void drain_posted(const struct vga *v)
{
	const struct posted_writes *p = &v->platform->posted;

	if (p->drain)
		p->drain(p->arg);
}

static void arm(struct vga *v)
{
	uint64_t soon = loop_now() + FIRST_NS, next = v->rendered + REFRESH_NS;

	if (!v->watched || v->armed)
		return;
	v->armed = true;
	post_writes(v, true);
	loop_timer_set(&v->timer, MAX(soon, next));
}

static void disarm(struct vga *v)
{
	loop_timer_cancel(&v->timer);
	v->armed = false;
}

static void open_memory(struct vga *v)
{
	if (v->closed)
		gmem_region_protect(v->vram, false);
	v->closed = false;
}

static bool collect(struct vga *v)
{
	bool wrote = gmem_region_dirty(v->vram, v->core.dirty, v->core.dirty_words);

	if (wrote)
		vga_linear_written(&v->core);
	return wrote;
}

static void draw(struct vga *v)
{
	struct console *con = v->platform->console;

	v->rendered = loop_now();
	pthread_mutex_lock(&con->lock);
	vga_render(&v->core, con);
	pthread_mutex_unlock(&con->lock);
}

// Nothing was drawn for a while: the next write has to knock.
static void close_memory(struct vga *v)
{
	if (gmem_region_protect(v->vram, true) < 0) {
		gmem_region_protect(v->vram, false);
		arm(v);
		return;
	}
	v->closed = true;
	// What came between the last look and now; nothing more can come unnoticed, so the timer is not needed for it.
	if (collect(v))
		draw(v);
	disarm(v);
}

// After some rounds without a change the timer stops, and everything that the guest may write knocks first.
static void rest(struct vga *v)
{
	if (!v->closed && gmem_region_mapped(v->vram, NULL))
		close_memory(v);
	if (!v->armed)
		post_writes(v, false);
}

static void refresh_due(void *arg)
{
	struct vga *v = arg;

	drain_posted(v);
	pthread_mutex_lock(&v->lock);
	v->armed = false;
	if (v->watched) {
		bool busy = v->core.touched;

		busy |= collect(v);
		draw(v);
		v->quiet = busy ? 0 : v->quiet + 1;
		if (v->quiet < QUIET_ROUNDS)
			arm(v);
		else
			rest(v);
	}
	pthread_mutex_unlock(&v->lock);
	drain_posted(v);                // what came between the first look and the end of the gathering
}

static void touched(void *arg)
{
	arm(arg);
}

static uint64_t clock_now(void *arg)
{
	struct vga *v = arg;

	return vclock_now(v->platform->clock);
}

// --- the console's calls ---------------------------------------------------------------------------------

static void source_refresh(void *arg)
{
	struct vga *v = arg;

	drain_posted(v);
	pthread_mutex_lock(&v->lock);
	collect(v);
	draw(v);
	pthread_mutex_unlock(&v->lock);
}

static void source_watch(void *arg, bool watched)
{
	struct vga *v = arg;

	drain_posted(v);
	pthread_mutex_lock(&v->lock);
	v->watched = watched;
	v->quiet = 0;
	if (watched) {
		collect(v);
		vga_touch_all(&v->core);
		draw(v);
		arm(v);
	} else {
		disarm(v);
		open_memory(v);
		post_writes(v, true);
	}
	pthread_mutex_unlock(&v->lock);
}

// --- ports and memory: the bus holds the lock ------------------------------------------------------------

static uint64_t ports_read(void *dev, uint64_t offset, unsigned size)
{
	struct vga_ports *p = dev;

	return vga_port_read(&p->vga->core, (uint16_t)(p->range.first + offset));
}

static void ports_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct vga_ports *p = dev;

	vga_port_write(&p->vga->core, (uint16_t)(p->range.first + offset), (uint8_t)value);
}

static uint64_t vbe_port_read(void *dev, uint64_t offset, unsigned size)
{
	struct vga *v = dev;

	switch (offset) {
	case VBE_OFF_BELOW:
		return 0xff | (uint64_t)(v->core.regs.vbe_index & 0xff) << 8;
	case VBE_OFF_INDEX:
		return v->core.regs.vbe_index;
	case VBE_OFF_DATA:
	case VBE_OFF_DATA_EVEN:
		return vbe_read(&v->core);
	default:
		return UINT64_MAX;
	}
}

static void vbe_port_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct vga *v = dev;

	if (offset == VBE_OFF_INDEX)
		v->core.regs.vbe_index = (uint16_t)value;
	else if (size == 2 && (offset == VBE_OFF_DATA || offset == VBE_OFF_DATA_EVEN))
		vbe_write(&v->core, (uint16_t)value);
}

static uint64_t window_read(void *dev, uint64_t offset, unsigned size)
{
	struct vga *v = dev;
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)vga_window_read(&v->core, (uint32_t)offset + i) << (8 * i);
	return value;
}

static void window_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct vga *v = dev;

	for (unsigned i = 0; i < size; i++)
		vga_window_write(&v->core, (uint32_t)offset + i, (uint8_t)(value >> (8 * i)));
}

static uint64_t lfb_read(void *dev, uint64_t offset, unsigned size)
{
	struct vga *v = dev;

	return vga_linear_read(&v->core, offset, size);
}

static void lfb_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct vga *v = dev;

	vga_linear_write(&v->core, offset, size, value);
	v->quiet = 0;
	open_memory(v);
	arm(v);
}

// SVGA II's register pair. No register answers yet, SVGA_REG_ID among them: drivers then leave the device
// alone.
enum { SVGA_INDEX, SVGA_VALUE };

static uint64_t svga_read(void *dev, uint64_t offset, unsigned size)
{
	struct vga *v = dev;

	return offset == SVGA_INDEX ? v->core.regs.svga_index : 0;
}

static void svga_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct vga *v = dev;

	if (offset == SVGA_INDEX && size == 4)
		v->core.regs.svga_index = (uint32_t)value;
}

static const struct bus_ops ports_ops = { .read = ports_read, .write = ports_write, .max_size = 1 };
static const struct bus_ops vbe_ops = { .read = vbe_port_read, .write = vbe_port_write, .max_size = 2 };
static const struct bus_ops window_ops = { .read = window_read, .write = window_write, .max_size = 8 };
static const struct bus_ops lfb_ops = { .read = lfb_read, .write = lfb_write, .max_size = 8 };
static const struct bus_ops svga_ops = { .read = svga_read, .write = svga_write, .max_size = 4 };

static void bar_changed(struct pci_dev *dev, int bar)
{
	struct vga *v = dev->owner;

	if (bar != BAR_LFB)
		return;
	pthread_mutex_lock(&v->lock);
	v->quiet = 0;
	open_memory(v);
	arm(v);
	pthread_mutex_unlock(&v->lock);
}

// The guest resets the function. Root lock held.
static void function_reset(struct pci_dev *dev)
{
	struct vga *v = dev->owner;

	pthread_mutex_lock(&v->lock);
	vga_core_reset(&v->core);
	pthread_mutex_unlock(&v->lock);
}

static const struct pci_ops vga_pci_ops = { .bar_changed = bar_changed, .bus_reset = function_reset };

// --- the device's life -----------------------------------------------------------------------------------

static int make_memory(struct vga *v, const struct vga_args *args, struct err *err)
{
	uint64_t size = args->vram ? args->vram : DEFAULT_VRAM;
	struct gmem_region_args vram = { .name = "vga-vram", .log_dirty = true };
	struct gmem_region_args fifo = { .name = "svga-fifo", .size = FIFO_SIZE };
	struct vga_setup setup = {
		.host = { .now = clock_now, .touched = touched, .arg = v },
		.max_width = args->max_width, .max_height = args->max_height,
	};
	int rc;

	size = MIN(MAX(size, VGA_MIN_VRAM), VGA_MAX_VRAM);
	vram.size = (size + 0xffff) & ~0xffffull;
	rc = gmem_region_create(v->platform->mem, &vram, &v->vram, err);
	if (!rc)
		rc = gmem_region_create(v->platform->mem, &fifo, &v->fifo, err);
	if (rc)
		return rc;
	setup.vram = gmem_region_data(v->vram);
	setup.vram_size = (uint32_t)vram.size;
	rc = vga_core_init(&v->core, &setup);
	return rc ? err_set(err, -rc, "vga", "no memory for the display adapter") : 0;
}

static int make_pci(struct vga *v, const struct vga_args *args, struct err *err)
{
	static const struct pci_id id = {
		.vendor = 0x15ad, .device = 0x0405, .subsystem_vendor = 0x15ad, .subsystem_device = 0x0405,
		.class_code = 0x030000, .interrupt_pin = 1,
	};

	pci_dev_init(&v->pci, "vga", &id, &vga_pci_ops, v);
	put_le16(&v->pci.config[PCI_STATUS], PCI_STATUS_FAST_B2B | PCI_STATUS_DEVSEL_MEDIUM);
	pci_bar_registers(&v->pci, BAR_IO, PCI_BAR_IO, SVGA_IO_SIZE, &svga_ops, v, &v->lock);
	pci_bar_registers(&v->pci, BAR_LFB, PCI_BAR_MEM32, LFB_WINDOW, &lfb_ops, v, &v->lock);
	pci_bar_memory(&v->pci, BAR_LFB, PCI_BAR_MEM32, true, v->vram);
	pci_bar_memory(&v->pci, BAR_FIFO, PCI_BAR_MEM32, false, v->fifo);
	pci_add_cap(&v->pci, CAP_ID_VENDOR, CAP_VENDOR_AT, 4);
	pci_add_af(&v->pci, CAP_AF_AT);
	return pci_attach(args->bus, &v->pci, args->devfn, err);
}

static void release_ranges(struct vga *v)
{
	const struct platform *p = v->platform;

	for (unsigned i = 0; i < PORT_RANGES; i++)
		if (v->ports[i].range.ops)
			bus_remove(p->ports, &v->ports[i].range);
	if (v->vbe.ops)
		bus_remove(p->ports, &v->vbe);
	if (v->window.ops)
		bus_remove(p->mmio, &v->window);
}

// A range with ops is one that was inserted.
static int claim(struct bus *bus, struct bus_range *range, const struct bus_range *want, struct err *err)
{
	int rc;

	*range = *want;
	rc = bus_insert(bus, range, err);
	if (rc)
		range->ops = NULL;
	return rc;
}

static int claim_ranges(struct vga *v, struct err *err)
{
	static const struct { uint16_t first, last; } ports[PORT_RANGES] = {
		{ 0x3b4, 0x3b5 }, { 0x3ba, 0x3ba }, { 0x3c0, 0x3cf }, { 0x3d4, 0x3d5 }, { 0x3da, 0x3da },
	};
	const struct platform *p = v->platform;
	struct bus_range vbe = { VBE_PORT_FIRST, VBE_PORT_LAST, "vbe", &vbe_ops, v, &v->lock };
	struct bus_range window = {
		VGA_WINDOW_BASE, VGA_WINDOW_BASE + VGA_WINDOW_SIZE - 1, "vga-window", &window_ops, v,
		&v->lock,
	};
	int rc = 0;

	for (unsigned i = 0; i < PORT_RANGES && !rc; i++) {
		struct bus_range r = {
			ports[i].first, ports[i].last, "vga", &ports_ops, &v->ports[i], &v->lock,
		};

		v->ports[i].vga = v;
		rc = claim(p->ports, &v->ports[i].range, &r, err);
	}
	if (!rc)
		rc = claim(p->ports, &v->vbe, &vbe, err);
	if (!rc)
		rc = claim(p->mmio, &v->window, &window, err);
	return rc;
}

static void vga_free(struct vga *v)
{
	post_writes(v, false);
	pci_detach(&v->pci);
	release_ranges(v);
	vga_core_destroy(&v->core);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

int vga_create(const struct platform *platform, const struct vga_args *args, struct vga **out,
	       struct err *err)
{
	struct vga *v = calloc(1, sizeof(*v));
	int rc;

	if (!v)
		return err_set(err, ENOMEM, "vga", "no memory for the display adapter");
	v->platform = platform;
	pthread_mutex_init(&v->lock, NULL);
	loop_timer_init(&v->timer, platform->loop, refresh_due, v);
	v->source = (struct console_source){ .refresh = source_refresh, .watch = source_watch, .arg = v };
	rc = make_memory(v, args, err);
	if (!rc)
		rc = claim_ranges(v, err);
	if (!rc)
		rc = make_pci(v, args, err);
	if (rc) {
		vga_free(v);
		return rc;
	}
	post_writes(v, true);
	console_set_source(platform->console, &v->source);
	*out = v;
	return 0;
}

static void vga_reset(void *dev)
{
	struct vga *v = dev;

	drain_posted(v);
	pci_dev_reset(&v->pci);
	pthread_mutex_lock(&v->lock);
	vga_core_reset(&v->core);
	pthread_mutex_unlock(&v->lock);
}

static void vga_stop(void *dev)
{
	source_watch(dev, false);
}

// The machine is gone: no CPU, no loop callback, no viewer.
static void vga_destroy(void *dev)
{
	struct vga *v = dev;

	console_set_source(v->platform->console, NULL);
	loop_timer_cancel(&v->timer);
	vga_free(v);
}

static void *vga_saved(void *dev)
{
	return &((struct vga *)dev)->core.regs;
}

const struct device_class vga_class = {
	.name = "vga",
	.reset = vga_reset,
	.stop = vga_stop,
	.destroy = vga_destroy,
	.fields = &vga_fields,
	.regs = vga_saved,
};
