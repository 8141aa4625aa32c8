// test_vmci.c: the VMCI device as Linux's driver drives it: registers, datagrams, interrupts, damage; the generation ID.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/loop.h"
#include "hw/pci/regs.h"
#include "hw/vmware/genid.h"
#include "hw/vmware/vmci.h"
#include "hw/vmware/vmci_core.h"

#define CID 0xf0000001u

static struct vmci_core core;
static unsigned events[3];
static bool line;
static uint64_t marked_ppn;
static unsigned marked_at;

static void on_event(void *arg, enum vmci_cause cause) { events[cause]++; }
static void on_level(void *arg, bool up) { line = up; }
static bool page_there(void *arg, uint64_t ppn) { return ppn < 0x1000; }

static void mark(void *arg, uint64_t ppn, unsigned offset)
{
	marked_ppn = ppn;
	marked_at = offset;
}

static void start(void)
{
	const struct vmci_host host = { on_event, on_level, page_there, mark, NULL };

	memset(events, 0, sizeof(events));
	vmci_core_init(&core, CID, VMCI_CAP_DATAGRAM | VMCI_CAP_NOTIFY | VMCI_CAP_PPN64, &host);
	vmci_core_write(&core, VMCI_CAPS, 4, 0x1c);
	vmci_core_write(&core, VMCI_IMR, 4, 3);
	vmci_core_write(&core, VMCI_CONTROL, 4, VMCI_CONTROL_INT_ENABLE);
}

static uint8_t dg[VMCI_DG_MAX + 64];

// Writes a datagram to CONTEXT:RESOURCE with LEN bytes of PAYLOAD, as the driver does; the result.
static int32_t send(uint32_t context, uint32_t resource, const void *payload, uint32_t len)
{
	put_le32(dg, context);
	put_le32(dg + 4, resource);
	put_le32(dg + 8, VMCI_ANYBODY);
	put_le32(dg + 12, VMCI_ANYBODY);
	put_le64(dg + 16, len);
	if (len)
		memcpy(dg + 24, payload, len);
	for (uint32_t i = 0; i < 24 + len; i++)
		vmci_core_write(&core, VMCI_DATA_OUT, 1, dg[i]);
	return (int32_t)vmci_core_read(&core, VMCI_RESULT_LOW, 4);
}

static int32_t call(uint32_t resource, uint32_t a, uint32_t b, uint64_t c)
{
	uint8_t payload[16];

	put_le32(payload, a);
	put_le32(payload + 4, b);
	put_le64(payload + 8, c);
	return send(VMCI_HYPERVISOR, resource, payload, sizeof(payload));
}

START_TEST(power_on_values)
{
	const struct vmci_host host = { on_event, on_level, page_there, mark, NULL };

	vmci_core_init(&core, CID, 0x0c, &host);
	ck_assert_uint_eq(vmci_core_read(&core, VMCI_STATUS, 4), 0);
	ck_assert_uint_eq(vmci_core_read(&core, VMCI_CAPS, 4), 0x0c);
	ck_assert_uint_eq(vmci_core_read(&core, VMCI_CAPS, 1), 0x0c);
	ck_assert_uint_eq(vmci_core_read(&core, VMCI_ICR, 4), 0);
	ck_assert_uint_eq(vmci_core_read(&core, VMCI_IMR, 4), 0);
	ck_assert_uint_eq(vmci_core_read(&core, VMCI_DATA_IN, 4), 0xffffffff);
	ck_assert_uint_eq(vmci_core_read(&core, 0x3c, 4), 0);
}
END_TEST

// What the driver's probe does, in its order.
START_TEST(linux_probe)
{
	uint8_t query[12] = { 1, 0, 0, 0, 0, 0, 0, 0, VMCI_GET_CONTEXT_ID };

	start();
	ck_assert_uint_eq(vmci_core_read(&core, VMCI_CAPS, 4), 0x1c);
	ck_assert_int_eq(call(VMCI_SET_NOTIFY_BITMAP, 0x123, 0, 0), VMCI_OK);
	ck_assert_uint_eq(core.regs.bitmap_ppn, 0x123);
	ck_assert_int_eq(send(VMCI_HYPERVISOR, VMCI_RESOURCES_QUERY, query, sizeof(query)), 1);
	ck_assert_uint_eq((uint32_t)send(VMCI_HYPERVISOR, VMCI_GET_CONTEXT_ID, NULL, 0), CID);
	ck_assert_uint_eq(vmci_core_read(&core, VMCI_STATUS, 4), 1);
	vmci_core_write(&core, VMCI_CONTROL, 4, VMCI_CONTROL_RESET);
	ck_assert_uint_eq(vmci_core_read(&core, VMCI_STATUS, 4), 0);
	ck_assert(!core.regs.has_bitmap);
}
END_TEST

START_TEST(queries)
{
	uint8_t query[8 + 31 * 4 + 4] = { 0 };

	start();
	put_le32(query, 4);
	put_le32(query + 8, VMCI_QUEUEPAIR_ALLOC);
	put_le32(query + 12, 13);
	put_le32(query + 16, 0xffffffff);
	put_le32(query + 20, VMCI_DOORBELL_LINK);
	ck_assert_int_eq(send(0, VMCI_RESOURCES_QUERY, query, 24), 9);
	ck_assert_int_eq(send(0, VMCI_RESOURCES_QUERY, query, 23), VMCI_INVALID_ARGS);
	ck_assert_int_eq(send(0, VMCI_RESOURCES_QUERY, query, 4), VMCI_INVALID_ARGS);
	put_le32(query, 32);
	ck_assert_int_eq(send(0, VMCI_RESOURCES_QUERY, query, sizeof(query)), VMCI_INVALID_ARGS);
	put_le32(query, 0xffffffff);
	ck_assert_int_eq(send(0, VMCI_RESOURCES_QUERY, query, sizeof(query)), VMCI_INVALID_ARGS);
}
END_TEST

START_TEST(nobody_else_is_there)
{
	start();
	ck_assert_int_eq(call(6, 0, 0, 0), VMCI_INVALID_RESOURCE);
	ck_assert_int_eq(call(12, 0, 0, 0), VMCI_INVALID_RESOURCE);
	ck_assert_int_eq(call(0xfffffff0, 0, 0, 0), VMCI_INVALID_RESOURCE);
	ck_assert_int_eq(call(VMCI_QUEUEPAIR_ALLOC, 0, 0, 0), VMCI_UNAVAILABLE);
	ck_assert_int_eq(call(VMCI_QUEUEPAIR_DETACH, 0, 0, 0), VMCI_NOT_FOUND);
	ck_assert_int_eq(call(VMCI_EVENT_SUBSCRIBE, 0, 0, 0), VMCI_OK);
	ck_assert_int_eq(call(VMCI_EVENT_SUBSCRIBE, 5, 0, 0), VMCI_EVENT_UNKNOWN);
	ck_assert_int_eq(send(VMCI_HOST, 2, "x", 1), VMCI_INVALID_RESOURCE);
	ck_assert_int_eq(send(77, 2, "x", 1), VMCI_UNREACHABLE);
	ck_assert_uint_eq(vmci_core_read(&core, VMCI_RESULT_HIGH, 4), 0xffffffff);
}
END_TEST

START_TEST(somebody_elses_name)
{
	start();
	put_le32(dg, 0);
	put_le32(dg + 4, VMCI_GET_CONTEXT_ID);
	put_le32(dg + 8, 5);
	put_le64(dg + 16, 0);
	vmci_core_data_out(&core, dg, 24);
	ck_assert_int_eq((int32_t)vmci_core_read(&core, VMCI_RESULT_LOW, 4), VMCI_NO_ACCESS);
}
END_TEST

START_TEST(doorbells)
{
	start();
	ck_assert_int_eq(call(VMCI_DOORBELL_NOTIFY, CID, 9, 0), VMCI_NOT_FOUND);
	ck_assert_int_eq(call(VMCI_DOORBELL_LINK, CID, 9, 5), VMCI_OK);
	ck_assert_int_eq(call(VMCI_DOORBELL_LINK, CID, 9, 5), VMCI_EXISTS);
	ck_assert_int_eq(call(VMCI_DOORBELL_LINK, 3, 10, 5), VMCI_NO_ACCESS);
	ck_assert_int_eq(call(VMCI_DOORBELL_LINK, CID, 10, 4096), VMCI_INVALID_ARGS);
	ck_assert_int_eq(call(VMCI_SET_NOTIFY_BITMAP, 0x20, 0, 0), VMCI_OK);
	ck_assert_int_eq(call(VMCI_DOORBELL_NOTIFY, CID, 9, 0), VMCI_OK);
	ck_assert_uint_eq(marked_ppn, 0x20);
	ck_assert_uint_eq(marked_at, 5);
	ck_assert_uint_eq(events[VMCI_CAUSE_NOTIFICATION], 1);
	ck_assert(line);
	ck_assert_uint_eq(vmci_core_read(&core, VMCI_ICR, 4), VMCI_CAUSE_NOTIFICATION);
	ck_assert(!line);
	ck_assert_int_eq(call(VMCI_DOORBELL_NOTIFY, 3, 9, 0), VMCI_UNREACHABLE);
	ck_assert_int_eq(call(VMCI_DOORBELL_UNLINK, CID, 9, 0), VMCI_OK);
	ck_assert_int_eq(call(VMCI_DOORBELL_UNLINK, CID, 9, 0), VMCI_NOT_FOUND);
	for (uint32_t i = 0; i < VMCI_DOORBELLS; i++)
		ck_assert_int_eq(call(VMCI_DOORBELL_LINK, CID, i, i), VMCI_OK);
	ck_assert_int_eq(call(VMCI_DOORBELL_LINK, CID, VMCI_DOORBELLS, 0), VMCI_NO_RESOURCES);
}
END_TEST

START_TEST(bitmap_outside_of_ram)
{
	start();
	ck_assert_int_eq(call(VMCI_SET_NOTIFY_BITMAP, 0x2000, 0, 0), VMCI_INVALID_ARGS);
	ck_assert_int_eq(call(VMCI_SET_NOTIFY_BITMAP, 0xffffffff, 0xffffffff, 0), VMCI_INVALID_ARGS);
	// A driver of 32-bit page numbers leaves garbage above.
	vmci_core_write(&core, VMCI_CAPS, 4, 0x0c);
	ck_assert_int_eq(call(VMCI_SET_NOTIFY_BITMAP, 0x20, 0xffffffff, 0), VMCI_OK);
	ck_assert_uint_eq(core.regs.bitmap_ppn, 0x20);
}
END_TEST

START_TEST(a_datagram_to_oneself)
{
	uint8_t got[64];

	start();
	ck_assert_int_eq(send(CID, 1234, "hello", 5), VMCI_OK);
	ck_assert_uint_eq(events[VMCI_CAUSE_DATAGRAM], 1);
	vmci_core_data_in(&core, got, sizeof(got));
	ck_assert_uint_eq(get_le32(got), CID);
	ck_assert_uint_eq(get_le32(got + 4), 1234);
	ck_assert_uint_eq(get_le64(got + 16), 5);
	ck_assert_mem_eq(got + 24, "hello\0\0\0", 8);
	ck_assert_uint_eq(get_le32(got + 32), 0xffffffff);
	ck_assert_uint_eq(get_le32(got + 36), 0xffffffff);
}
END_TEST

START_TEST(the_queue_is_bounded)
{
	static uint8_t big[VMCI_DG_MAX - VMCI_DG_HEADER];
	unsigned sent = 0;

	start();
	while (send(CID, 1, big, sizeof(big)) == VMCI_OK)
		sent++;
	ck_assert_uint_eq(sent, 2);
	vmci_core_data_in(&core, dg, VMCI_DG_MAX);
	ck_assert_int_eq(send(CID, 1, big, sizeof(big)), VMCI_OK);
	ck_assert_int_eq(send(CID, 1, big, 0), VMCI_NO_RESOURCES);
}
END_TEST

START_TEST(damaged_datagrams)
{
	start();
	// Cut off: the result says so, and the next one is whole again.
	put_le32(dg, 0);
	put_le64(dg + 16, 100);
	vmci_core_data_out(&core, dg, 60);
	ck_assert_int_eq((int32_t)vmci_core_read(&core, VMCI_RESULT_LOW, 4), VMCI_INCOMPLETE);
	ck_assert_uint_eq((uint32_t)send(0, VMCI_GET_CONTEXT_ID, NULL, 0), CID);
	// Too large by one, and larger than anything.
	put_le64(dg + 16, VMCI_DG_MAX - VMCI_DG_HEADER + 1);
	vmci_core_data_out(&core, dg, VMCI_DG_MAX + 1);
	ck_assert_int_eq((int32_t)vmci_core_read(&core, VMCI_RESULT_LOW, 4), VMCI_TOO_LARGE);
	ck_assert_uint_eq((uint32_t)send(0, VMCI_GET_CONTEXT_ID, NULL, 0), CID);
	put_le64(dg + 16, UINT64_MAX);
	for (unsigned i = 0; i < 10; i++)
		vmci_core_data_out(&core, dg, VMCI_DG_MAX);
	ck_assert_int_eq((int32_t)vmci_core_read(&core, VMCI_RESULT_LOW, 4), VMCI_TOO_LARGE);
	ck_assert_uint_eq((uint32_t)send(0, VMCI_GET_CONTEXT_ID, NULL, 0), CID);
	// Two in one go.
	memset(dg, 0, 48);
	put_le32(dg + 4, VMCI_GET_CONTEXT_ID);
	put_le32(dg + 28, 99);
	put_le32(dg + 8, VMCI_ANYBODY);
	put_le32(dg + 32, VMCI_ANYBODY);
	vmci_core_data_out(&core, dg, 48);
	ck_assert_int_eq((int32_t)vmci_core_read(&core, VMCI_RESULT_LOW, 4), VMCI_INVALID_RESOURCE);
}
END_TEST

START_TEST(interrupts_wait_for_their_masks)
{
	start();
	vmci_core_write(&core, VMCI_IMR, 4, 0);
	ck_assert_int_eq(send(CID, 1, NULL, 0), VMCI_OK);
	ck_assert_uint_eq(events[VMCI_CAUSE_DATAGRAM], 0);
	ck_assert(!line);
	vmci_core_write(&core, VMCI_IMR, 4, VMCI_CAUSE_DATAGRAM);
	ck_assert_uint_eq(events[VMCI_CAUSE_DATAGRAM], 1);
	ck_assert(line);
	vmci_core_write(&core, VMCI_CONTROL, 4, VMCI_CONTROL_INT_DISABLE);
	ck_assert(!line);
	ck_assert_int_eq(send(CID, 1, NULL, 0), VMCI_OK);
	ck_assert_uint_eq(events[VMCI_CAUSE_DATAGRAM], 1);
	vmci_core_write(&core, VMCI_IMR, 2, 0);
	ck_assert_uint_eq(vmci_core_read(&core, VMCI_IMR, 4), VMCI_CAUSE_DATAGRAM);
}
END_TEST

START_TEST(saved_and_restored)
{
	static struct vmci_regs before;
	size_t size = fields_size(&vmci_fields);
	uint8_t *saved = malloc(size);

	start();
	ck_assert_int_eq(call(VMCI_DOORBELL_LINK, CID, 9, 5), VMCI_OK);
	ck_assert_int_eq(send(CID, 1, "abc", 3), VMCI_OK);
	vmci_core_data_out(&core, dg, 10);
	before = core.regs;
	ck_assert_uint_eq(fields_save(&vmci_fields, &core.regs, saved, size), size);
	vmci_core_reset(&core);
	ck_assert_int_eq(fields_load(&vmci_fields, &core.regs, saved, size, NULL), 0);
	vmci_core_loaded(&core);
	ck_assert_mem_eq(&before, &core.regs, sizeof(before));
	ck_assert(line);
	memset(&core.regs, 0xff, sizeof(core.regs));
	vmci_fields.sanitize(&core.regs);
	vmci_core_loaded(&core);
	ck_assert_uint_le(core.regs.in_len, VMCI_QUEUE_MAX);
	ck_assert(!core.regs.has_bitmap);
	ck_assert_int_eq((int32_t)vmci_core_read(&core, VMCI_RESULT_LOW, 4), VMCI_TOO_LARGE);
	ck_assert_uint_eq((uint32_t)send(0, VMCI_GET_CONTEXT_ID, NULL, 0), CID);
	free(saved);
}
END_TEST

// --- on a bus --------------------------------------------------------------------------------------------

static struct platform p;
static struct pci_root *root;
static unsigned messages;
static uint32_t message;

static struct irq_pin *no_link(void *arg, unsigned link) { return NULL; }

static void on_msi(void *arg, uint64_t address, uint32_t data)
{
	messages++;
	message = data;
}

static void build(void)
{
	struct pci_root_host host = { .link = no_link, .rotation = 1, .msi = { on_msi, NULL } };
	const struct gmem_host none = { 0 };

	p = (struct platform){ 0 };
	ck_assert_int_eq(bus_create(&p.ports, "port", 0xffff, NULL), 0);
	ck_assert_int_eq(bus_create(&p.mmio, "mmio", UINT64_MAX, NULL), 0);
	ck_assert_int_eq(gmem_create(&p.mem, 16 << 20, &none, NULL), 0);
	host.ports = p.ports;
	host.mmio = p.mmio;
	host.mem = p.mem;
	ck_assert_int_eq(pci_root_create(&root, &host, NULL), 0);
}

static void release(void)
{
	pci_root_destroy(root);
	bus_destroy(p.ports);
	bus_destroy(p.mmio);
	gmem_destroy(p.mem);
}

#define DEVFN (7u << 3 | 7)
static uint32_t cfg(unsigned off, unsigned size) { return pci_config_read(root, 0, DEVFN, off, size); }
static void set(unsigned off, unsigned size, uint32_t v) { pci_config_write(root, 0, DEVFN, off, size, v); }

static void out32(unsigned port, uint32_t value)
{
	uint8_t b[4];

	put_le32(b, value);
	bus_write(p.ports, port, b, 4);
}

START_TEST(on_pci)
{
	struct vmci_args args = { .devfn = DEVFN, .context = CID, .ppn64 = true };
	uint8_t vector[16] = { 0 }, bit, result[4];
	struct vmci *v;

	build();
	args.bus = pci_root_bus(root);
	ck_assert_int_eq(vmci_create(&p, &args, &v, NULL), 0);
	ck_assert_uint_eq(cfg(PCI_VENDOR, 4), 0x074015ad);
	ck_assert_uint_eq(cfg(PCI_REVISION, 4), 0x08800010);
	ck_assert_uint_eq(cfg(PCI_SUBSYSTEM_VENDOR, 4), 0x074015ad);
	ck_assert_uint_eq(cfg(PCI_CAPABILITIES, 1), 0x40);
	ck_assert_uint_eq(cfg(0x40, 2), 0x5805);
	ck_assert_uint_eq(cfg(0x58, 4), 0x00010011);
	ck_assert_uint_eq(cfg(0x5c, 4), 1);
	ck_assert_uint_eq(cfg(0x60, 4), 0x1001);
	ck_assert_uint_eq(cfg(0x3c, 4), 0xff060100);
	set(0x10, 4, 0x1080);
	set(0x14, 4, 0xfebfe000);
	set(PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	set(0x5a, 2, 0x8000);
	vector[0] = 0x00, vector[1] = 0xf0, vector[2] = 0xe0, vector[3] = 0xfe;
	for (unsigned i = 0; i < 2; i++) {
		vector[8] = (uint8_t)(0x50 + i);
		for (unsigned k = 0; k < 16; k += 4)
			bus_write(p.mmio, 0xfebfe000 + 16 * i + k, vector + k, 4);
	}
	out32(0x1080 + VMCI_IMR, 3);
	out32(0x1080 + VMCI_CONTROL, VMCI_CONTROL_INT_ENABLE);
	// The bitmap at page 300h, a doorbell, and the bell: all by string I/O.
	memset(dg, 0, 48);
	put_le32(dg + 4, VMCI_SET_NOTIFY_BITMAP);
	put_le32(dg + 8, VMCI_ANYBODY);
	put_le64(dg + 16, 16);
	put_le32(dg + 24, 0x300);
	bus_write_string(p.ports, 0x1080 + VMCI_DATA_OUT, 1, dg, 40);
	bus_read(p.ports, 0x1080 + VMCI_RESULT_LOW, result, 4);
	ck_assert_uint_eq(get_le32(result), 0);
	put_le32(dg + 4, VMCI_DOORBELL_LINK);
	put_le32(dg + 24, CID);
	put_le32(dg + 28, 7);
	put_le32(dg + 32, 17);
	bus_write_string(p.ports, 0x1080 + VMCI_DATA_OUT, 1, dg, 40);
	put_le32(dg + 4, VMCI_DOORBELL_NOTIFY);
	bus_write_string(p.ports, 0x1080 + VMCI_DATA_OUT, 1, dg, 40);
	ck_assert_int_eq(gmem_read(p.mem, gpa(0x300000 + 17), &bit, 1), 0);
	ck_assert_uint_eq(bit, 1);
	ck_assert_uint_eq(messages, 1);
	ck_assert_uint_eq(message, 0x51);
	put_le32(dg, CID);
	bus_write_string(p.ports, 0x1080 + VMCI_DATA_OUT, 1, dg, 40);
	ck_assert_uint_eq(messages, 2);
	ck_assert_uint_eq(message, 0x50);
	bus_read_string(p.ports, 0x1080 + VMCI_DATA_IN, 1, dg, 48);
	ck_assert_uint_eq(get_le32(dg), CID);
	ck_assert_uint_eq(get_le32(dg + 40), 0xffffffff);
	vmci_class.reset(v);
	ck_assert_uint_eq(cfg(PCI_COMMAND, 2), 0);
	vmci_class.destroy(v);
	release();
}
END_TEST

// --- the generation ID -----------------------------------------------------------------------------------

static unsigned changes;
static void on_change(void *arg) { changes++; }

START_TEST(generation)
{
	struct genid_args args = { .guid = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 }, .changed = on_change };
	uint8_t fresh[16] = { 0xaa }, seen[16];
	struct genid *g;

	build();
	ck_assert_int_eq(genid_create(&p, &args, &g, NULL), 0);
	ck_assert_int_eq(gmem_read(p.mem, gpa(GENID_ADDRESS), seen, 16), 0);
	ck_assert_mem_eq(seen, args.guid, 16);
	ck_assert_int_lt(gmem_write(p.mem, gpa(GENID_ADDRESS), fresh, 16), 0);
	genid_set(g, args.guid);
	ck_assert_uint_eq(changes, 0);
	genid_set(g, fresh);
	ck_assert_uint_eq(changes, 1);
	ck_assert_int_eq(gmem_read(p.mem, gpa(GENID_ADDRESS), seen, 16), 0);
	ck_assert_mem_eq(seen, fresh, 16);
	memcpy(genid_class.regs(g), args.guid, 16);
	genid_class.loaded(g);
	ck_assert_int_eq(gmem_read(p.mem, gpa(GENID_ADDRESS), seen, 16), 0);
	ck_assert_mem_eq(seen, args.guid, 16);
	genid_class.destroy(g);
	release();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vmci");
	TCase *tc = tcase_create("vmci");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, power_on_values);
	tcase_add_test(tc, linux_probe);
	tcase_add_test(tc, queries);
	tcase_add_test(tc, nobody_else_is_there);
	tcase_add_test(tc, somebody_elses_name);
	tcase_add_test(tc, doorbells);
	tcase_add_test(tc, bitmap_outside_of_ram);
	tcase_add_test(tc, a_datagram_to_oneself);
	tcase_add_test(tc, the_queue_is_bounded);
	tcase_add_test(tc, damaged_datagrams);
	tcase_add_test(tc, interrupts_wait_for_their_masks);
	tcase_add_test(tc, saved_and_restored);
	tcase_add_test(tc, on_pci);
	tcase_add_test(tc, generation);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
