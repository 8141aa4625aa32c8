// test_piix4_ide.c: the IDE function on a real bus: configuration, decoding, DMA to memory, media, resets.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "block/disk.h"
#include "bus/platform.h"
#include "hw/pci/pci.h"
#include "hw/storage/piix4_ide.h"

#define DEVFN (7 << 3 | 1)
#define MASTER 0x1060u
#define TABLE 0x1000u
#define DATA 0x100000u
#define DISK_BYTES (1u << 20)

// A disk in memory whose requests complete in a later turn of the loop, or when it is let go.
struct mock_disk {
	struct disk disk;
	struct loop_call call;
	struct block_req *waiting;
	bool hold;
	unsigned submitted;
	uint8_t *data;
};

struct world {
	struct platform platform;
	struct loop *loop;
	struct irq_pin pins[16];
	bool level[16];
	struct mock_disk disk, cd, other;
	struct piix4_ide *ide;
	struct loop_call stop;
	unsigned turns, trays;
};

static void mock_finish(void *arg)
{
	struct mock_disk *m = arg;
	struct block_req *req = m->waiting;
	uint8_t *at = m->data + req->offset;

	m->waiting = NULL;
	for (int i = 0; i < req->iovcnt; i++) {
		if (req->op == BLOCK_READ)
			memcpy(req->iov[i].iov_base, at, req->iov[i].iov_len);
		else
			memcpy(at, req->iov[i].iov_base, req->iov[i].iov_len);
		at += req->iov[i].iov_len;
	}
	m->disk.in_flight = 0;
	req->done(req, 0);
}

static void mock_submit(struct disk *disk, struct block_req *req)
{
	struct mock_disk *m = CONTAINER_OF(disk, struct mock_disk, disk);

	ck_assert_ptr_null(m->waiting);
	m->waiting = req;
	m->submitted++;
	if (!m->hold)
		loop_post(disk->loop, &m->call);
}

static const struct disk_ops mock_ops = { .submit = mock_submit };

static void mock_init(struct mock_disk *m, struct loop *loop, unsigned seed)
{
	m->disk = (struct disk){ .ops = &mock_ops, .loop = loop, .kind = "mock", .size = DISK_BYTES };
	m->call = (struct loop_call){ .fn = mock_finish, .arg = m };
	m->data = malloc(DISK_BYTES);
	for (unsigned i = 0; i < DISK_BYTES; i++)
		m->data[i] = (uint8_t)(i * 7 + i / 512 + seed);
}

static void pin_set(void *arg, unsigned number, bool level) { ((struct world *)arg)->level[number] = level; }
static void tray_moved(void *arg, unsigned channel, unsigned unit, bool open)
{
	((struct world *)arg)->trays++;
}

// Lets the loop run until no request is left, or for a while.
static void stop_soon(void *arg)
{
	struct world *w = arg;

	if ((w->turns++ < 20 && !piix4_ide_idle(w->ide)) || w->turns < 4)
		loop_post(w->loop, &w->stop);
	else
		loop_stop(w->loop);
}

static void pump(struct world *w)
{
	w->turns = 0;
	w->stop = (struct loop_call){ .fn = stop_soon, .arg = w };
	loop_post(w->loop, &w->stop);
	ck_assert_int_eq(loop_run(w->loop), 0);
}

static int map_nothing(void *arg, unsigned slot, uint64_t gpa, uint64_t len, void *hva, bool ro, bool log)
{
	return 0;
}
static void unmap_nothing(void *arg, unsigned slot) { }
static int no_dirt(void *arg, unsigned slot, uint64_t *bitmap, size_t words) { return 0; }

static void build_platform(struct world *w)
{
	const struct gmem_host gh = { .map = map_nothing, .unmap = unmap_nothing, .dirty = no_dirt };
	struct platform *p = &w->platform;
	struct pci_root_host host = { 0 };

	ck_assert_int_eq(loop_create(&w->loop, "test", 64, NULL), 0);
	p->loop = w->loop;
	ck_assert_int_eq(bus_create(&p->ports, "port", 0xffff, NULL), 0);
	ck_assert_int_eq(bus_create(&p->mmio, "mmio", UINT64_MAX, NULL), 0);
	ck_assert_int_eq(gmem_create(&p->mem, 4 << 20, &gh, NULL), 0);
	for (unsigned i = 0; i < 16; i++)
		irq_pin_init(&w->pins[i], pin_set, w, i);
	p->isa_irq = w->pins;
	host.ports = p->ports;
	host.mmio = p->mmio;
	host.mem = p->mem;
	ck_assert_int_eq(pci_root_create(&p->pci, &host, NULL), 0);
}

static uint32_t config(struct world *w, unsigned off, unsigned size)
{
	return pci_config_read(w->platform.pci, 0, DEVFN, off, size);
}

static void set_config(struct world *w, unsigned off, unsigned size, uint32_t v)
{
	pci_config_write(w->platform.pci, 0, DEVFN, off, size, v);
}

static uint32_t in(struct world *w, unsigned port, unsigned size)
{
	uint8_t b[4] = { 0 };

	bus_read(w->platform.ports, port, b, size);
	return get_le32(b);
}

static void out(struct world *w, unsigned port, unsigned size, uint32_t v)
{
	uint8_t b[4];

	put_le32(b, v);
	bus_write(w->platform.ports, port, b, size);
}

// What the firmware does.
static void enable(struct world *w)
{
	set_config(w, 0x40, 2, 0x8000);
	set_config(w, 0x42, 2, 0x8000);
	set_config(w, 0x20, 4, MASTER);
	set_config(w, 0x04, 2, 5);
}

// A disk as ide0:0 and a CD-ROM as ide1:0.
static struct world *setup(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct piix4_ide_args args = { .devfn = DEVFN, .tray_moved = tray_moved, .arg = w };

	build_platform(w);
	mock_init(&w->disk, w->loop, 1);
	mock_init(&w->cd, w->loop, 2);
	mock_init(&w->other, w->loop, 3);
	args.bus = pci_root_bus(w->platform.pci);
	args.drive[0][0] = (struct piix4_ide_drive){ ATA_KIND_DISK, &w->disk.disk };
	args.drive[1][0] = (struct piix4_ide_drive){ ATA_KIND_CDROM, &w->cd.disk };
	ck_assert_int_eq(piix4_ide_create(&w->platform, &args, &w->ide, NULL), 0);
	return w;
}

static void teardown(struct world *w)
{
	piix4_ide_class.stop(w->ide);
	piix4_ide_class.destroy(w->ide);
	pci_root_destroy(w->platform.pci);
	gmem_destroy(w->platform.mem);
	bus_destroy(w->platform.ports);
	bus_destroy(w->platform.mmio);
	loop_destroy(w->loop);
	free(w->disk.data);
	free(w->cd.data);
	free(w->other.data);
	free(w);
}

static void read_command(struct world *w, uint8_t code, unsigned lba, unsigned count)
{
	out(w, 0x1f6, 1, 0xe0);
	out(w, 0x1f2, 1, count);
	out(w, 0x1f3, 1, lba & 0xff);
	out(w, 0x1f4, 1, lba >> 8);
	out(w, 0x1f5, 1, 0);
	out(w, 0x1f7, 1, code);
}

START_TEST(configuration_space)
{
	struct world *w = setup();

	ck_assert_uint_eq(config(w, 0x00, 4), 0x71118086);
	ck_assert_uint_eq(config(w, 0x08, 4), 0x01018a01);
	ck_assert_uint_eq(config(w, 0x2c, 4), 0x197615ad);
	ck_assert_uint_eq(config(w, 0x3d, 1), 0);
	ck_assert_uint_eq(config(w, 0x40, 4), 0);
	set_config(w, 0x40, 4, 0xffffffff);
	ck_assert_uint_eq(config(w, 0x40, 4), 0xf3fff3ff);
	set_config(w, 0x44, 4, 0xffffffff);
	ck_assert_uint_eq(config(w, 0x44, 4), 0xff);
	set_config(w, 0x48, 4, 0xffffffff);
	ck_assert_uint_eq(config(w, 0x48, 4), 0x3333000f);
	set_config(w, 0x20, 4, 0xffffffff);
	ck_assert_uint_eq(config(w, 0x20, 4), 0xfffffff1);
	piix4_ide_class.reset(w->ide);
	ck_assert_uint_eq(config(w, 0x40, 4), 0);
	teardown(w);
}
END_TEST

START_TEST(decoding_follows_the_bits)
{
	struct world *w = setup();

	ck_assert_uint_eq(in(w, 0x1f7, 1), 0xff);
	set_config(w, 0x40, 2, 0x8000);
	ck_assert_uint_eq(in(w, 0x1f7, 1), 0xff);       // I/O space is still off
	set_config(w, 0x04, 2, 1);
	ck_assert_uint_eq(in(w, 0x1f7, 1), 0x50);
	ck_assert_uint_eq(in(w, 0x3f6, 1), 0x50);
	ck_assert_uint_eq(in(w, 0x177, 1), 0xff);
	set_config(w, 0x42, 2, 0x8000);
	ck_assert_uint_eq(in(w, 0x177, 1), 0x00);       // a CD-ROM before its first command
	ck_assert_uint_eq(in(w, 0x174, 2), 0xeb14);
	set_config(w, 0x41, 1, 0);
	ck_assert_uint_eq(in(w, 0x1f7, 1), 0xff);
	enable(w);
	piix4_ide_class.reset(w->ide);
	ck_assert_uint_eq(in(w, 0x1f7, 1), 0xff);
	ck_assert_uint_eq(in(w, MASTER + 2, 1), 0xff);
	teardown(w);
}
END_TEST

START_TEST(empty_channel_stays_off)
{
	struct world *w = setup();
	struct piix4_ide_args args = { .bus = pci_root_bus(w->platform.pci), .devfn = 9 << 3 };
	struct piix4_ide *second;
	struct err err;

	args.drive[0][1].kind = ATA_KIND_DISK;
	ck_assert_int_eq(piix4_ide_create(&w->platform, &args, &second, &err), -EINVAL);
	args.drive[0][1].kind = ATA_KIND_CDROM;
	args.devfn = DEVFN;
	ck_assert_int_eq(piix4_ide_create(&w->platform, &args, &second, &err), -EEXIST);
	args.devfn = 9 << 3;
	ck_assert_int_eq(piix4_ide_create(&w->platform, &args, &second, &err), 0);
	pci_config_write(w->platform.pci, 0, 9 << 3, 0x40, 4, 0x80008000);
	ck_assert_uint_eq(pci_config_read(w->platform.pci, 0, 9 << 3, 0x40, 4), 0x00008000);
	enable(w);                                      // both want the same ports: the first keeps them
	pci_config_write(w->platform.pci, 0, 9 << 3, 0x04, 2, 1);
	ck_assert_uint_eq(in(w, 0x1f7, 1), 0x50);
	piix4_ide_class.destroy(second);
	ck_assert_uint_eq(in(w, 0x1f7, 1), 0x50);
	teardown(w);
}
END_TEST

START_TEST(pio_with_strings)
{
	struct world *w = setup();
	uint8_t buf[1024];

	enable(w);
	read_command(w, 0x20, 5, 2);
	ck_assert_uint_eq(in(w, 0x1f7, 1) & 0x80, 0x80);
	pump(w);
	ck_assert(w->level[14]);
	ck_assert_uint_eq(in(w, 0x1f7, 1), 0x58);
	ck_assert(!w->level[14]);
	bus_read_string(w->platform.ports, 0x1f0, 2, buf, 256);
	ck_assert(w->level[14]);
	ck_assert_uint_eq(in(w, 0x1f7, 1), 0x58);
	bus_read_string(w->platform.ports, 0x1f0, 4, buf + 512, 128);
	ck_assert_mem_eq(buf, w->disk.data + 5 * 512, 1024);
	ck_assert_uint_eq(in(w, 0x1f7, 1), 0x50);
	read_command(w, 0x30, 9, 1);
	for (unsigned i = 0; i < 512; i++)
		buf[i] = (uint8_t)(i ^ 0x5a);
	bus_write_string(w->platform.ports, 0x1f0, 2, buf, 256);
	pump(w);
	ck_assert_uint_eq(in(w, 0x1f7, 1), 0x50);
	ck_assert_mem_eq(buf, w->disk.data + 9 * 512, 512);
	ck_assert_uint_eq(in(w, 0x1f3, 4), 0xe0000009); // several registers at once
	read_command(w, 0x20, 5, 1);
	pump(w);
	ck_assert_uint_eq(in(w, 0x1f0, 1), w->disk.data[5 * 512]);
	ck_assert_uint_eq(in(w, 0x1f0, 4), get_le32(w->disk.data + 5 * 512 + 2));
	teardown(w);
}
END_TEST

static void start_dma(struct world *w, uint32_t address, unsigned count)
{
	uint8_t prd[8];

	put_le32(prd, address);
	put_le32(prd + 4, 0x80000000u | count);
	gmem_write(w->platform.mem, gpa(TABLE), prd, 8);
	out(w, MASTER + 4, 4, TABLE);
	out(w, MASTER + 2, 1, 0x26);
	out(w, MASTER, 1, 9);
}

START_TEST(dma_to_memory)
{
	struct world *w = setup();
	uint8_t buf[4096];

	enable(w);
	ck_assert_uint_eq(in(w, MASTER + 2, 1), 0x20);          // a drive at unit 0
	read_command(w, 0xc8, 100, 8);
	start_dma(w, DATA, 4096);
	pump(w);
	ck_assert(w->level[14]);
	ck_assert_uint_eq(in(w, MASTER + 2, 1), 0x24);
	gmem_read(w->platform.mem, gpa(DATA), buf, 4096);
	ck_assert_mem_eq(buf, w->disk.data + 100 * 512, 4096);
	ck_assert_uint_eq(in(w, 0x1f7, 1), 0x50);
	out(w, MASTER, 1, 0);
	read_command(w, 0xc8, 100, 8);                          // the hole between low and high memory
	start_dma(w, 0xe0000000, 4096);
	pump(w);
	ck_assert_uint_eq(in(w, MASTER + 2, 1), 0x26);
	ck_assert_uint_eq(in(w, 0x1f7, 1), 0x51);
	out(w, MASTER, 1, 0);
	set_config(w, 0x04, 2, 1);                              // no bus mastering: it waits
	read_command(w, 0xc8, 100, 8);
	start_dma(w, DATA, 4096);
	pump(w);
	ck_assert_uint_eq(in(w, MASTER + 2, 1), 0x21);
	set_config(w, 0x04, 2, 5);
	pump(w);
	ck_assert_uint_eq(in(w, MASTER + 2, 1), 0x24);
	teardown(w);
}
END_TEST

START_TEST(reset_in_flight)
{
	struct world *w = setup();
	uint8_t zero[4096] = { 0 }, buf[4096];

	enable(w);
	w->disk.hold = true;
	read_command(w, 0xc8, 100, 8);
	start_dma(w, DATA, 4096);
	pump(w);
	ck_assert_ptr_nonnull(w->disk.waiting);
	piix4_ide_class.reset(w->ide);
	ck_assert(!piix4_ide_idle(w->ide));
	enable(w);
	ck_assert_uint_eq(in(w, 0x1f7, 1), 0x80);
	w->disk.hold = false;
	mock_finish(&w->disk);
	ck_assert(piix4_ide_idle(w->ide));
	ck_assert_uint_eq(in(w, 0x1f7, 1), 0x50);
	ck_assert(!w->level[14]);
	ck_assert_uint_eq(in(w, MASTER + 2, 1), 0x20);

	gmem_write(w->platform.mem, gpa(DATA), zero, sizeof(zero));
	read_command(w, 0xc8, 100, 8);                          // posted, not yet submitted
	start_dma(w, DATA, 4096);
	piix4_ide_class.reset(w->ide);
	pump(w);
	ck_assert(piix4_ide_idle(w->ide));
	gmem_read(w->platform.mem, gpa(DATA), buf, sizeof(buf));
	ck_assert_mem_eq(buf, zero, sizeof(zero));
	ck_assert_uint_eq(w->disk.submitted, 1);
	teardown(w);
}
END_TEST

static void packet(struct world *w, const uint8_t *cdb)
{
	out(w, 0x171, 1, 0);
	out(w, 0x175, 1, 0xff);
	out(w, 0x177, 1, 0xa0);
	bus_write_string(w->platform.ports, 0x170, 2, cdb, 6);
}

#define CDB(...) ((const uint8_t[12]){ __VA_ARGS__ })

// Empties the queue of unit attentions.
static void attend(struct world *w)
{
	for (unsigned i = 0; i < 4; i++)
		packet(w, CDB(0));
	ck_assert_uint_eq(in(w, 0x177, 1), 0x50);
}

START_TEST(media_change)
{
	struct world *w = setup();
	struct piix4_ide_medium m = { .channel = 1, .disk = &w->other.disk };
	uint8_t buf[2048];
	struct err err;

	enable(w);
	attend(w);
	w->cd.hold = true;
	packet(w, CDB(0x28, 0, 0, 0, 0, 3, 0, 0, 1));
	pump(w);
	ck_assert_int_eq(piix4_ide_cd_change(w->ide, &m, &err), 0);
	ck_assert_ptr_eq(m.old, &w->cd.disk);
	mock_finish(&w->cd);                                    // as disk_close() would
	ck_assert_uint_eq(in(w, 0x177, 1), 0x51);
	attend(w);
	packet(w, CDB(0x28, 0, 0, 0, 0, 3, 0, 0, 1));
	pump(w);
	ck_assert(w->level[15]);
	ck_assert_uint_eq(in(w, 0x177, 1), 0x58);
	bus_read_string(w->platform.ports, 0x170, 4, buf, 512);
	ck_assert_mem_eq(buf, w->other.data + 3 * 2048, 2048);

	packet(w, CDB(0x28, 0, 0, 0, 0, 3, 0, 0, 1));           // taken out before it was submitted
	m.disk = NULL;
	ck_assert_int_eq(piix4_ide_cd_change(w->ide, &m, &err), 0);
	pump(w);
	ck_assert_uint_eq(in(w, 0x177, 1), 0x51);
	ck_assert_uint_eq(w->other.submitted, 1);
	m.disk = &w->cd.disk;
	ck_assert_int_eq(piix4_ide_cd_change(w->ide, &m, &err), 0);
	ck_assert_ptr_null(m.old);
	attend(w);
	packet(w, CDB(0x1e, 0, 0, 0, 1));
	ck_assert_int_eq(piix4_ide_cd_change(w->ide, &m, &err), -EBUSY);
	m.force = true;
	ck_assert_int_eq(piix4_ide_cd_change(w->ide, &m, &err), 0);
	attend(w);
	packet(w, CDB(0x1b, 0, 0, 0, 2));
	ck_assert_uint_eq(w->trays, 1);
	m.channel = 0;
	ck_assert_int_eq(piix4_ide_cd_change(w->ide, &m, &err), -ENODEV);
	m.channel = 2;
	ck_assert_int_eq(piix4_ide_cd_change(w->ide, &m, &err), -ENODEV);
	teardown(w);
}
END_TEST

START_TEST(save_and_load)
{
	struct world *w = setup(), *v = setup();
	const struct fields *f = piix4_ide_class.fields;
	size_t size = fields_size(f);
	uint8_t *blob = malloc(size), buf[512];

	enable(w);
	enable(v);
	read_command(w, 0x20, 5, 1);
	pump(w);
	ck_assert_uint_eq(fields_save(f, piix4_ide_class.regs(w->ide), blob, size), size);
	ck_assert_int_eq(fields_load(f, piix4_ide_class.regs(v->ide), blob, size, NULL), 0);
	piix4_ide_class.loaded(v->ide);
	ck_assert(v->level[14]);
	ck_assert_uint_eq(in(v, 0x1f7, 1), 0x58);
	bus_read_string(v->platform.ports, 0x1f0, 2, buf, 256);
	ck_assert_mem_eq(buf, w->disk.data + 5 * 512, 512);
	free(blob);
	teardown(w);
	teardown(v);
}
END_TEST

START_TEST(destroyed_with_a_posted_call)
{
	struct world *w = setup();

	enable(w);
	read_command(w, 0x20, 5, 1);
	piix4_ide_class.stop(w->ide);
	pump(w);
	ck_assert_uint_eq(w->disk.submitted, 0);
	teardown(w);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		configuration_space, decoding_follows_the_bits, empty_channel_stays_off, pio_with_strings,
		dma_to_memory, reset_in_flight, media_change, save_and_load, destroyed_with_a_posted_call,
	};
	Suite *s = suite_create("piix4_ide");
	TCase *c = tcase_create("device");
	SRunner *r = srunner_create(s);
	int failed;

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(c, tests[i]);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
