// test_kvm.c: CPUID tables and exit decoding, without KVM.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "kvm/cpuid.h"
#include "kvm/exits.h"
#include "kvm/posted.h"
#include "vmx/config.h"

#define PAGE_SIZE 4096u

// --- CPUID ---

static struct cpuid_table table;

// A host of the AMD kind with every leaf that the builder touches.
static const struct kvm_cpuid_entry2 amd_host[] = {
	{ .function = 0, .eax = 0x10, .ebx = 0x68747541, .edx = 0x69746e65, .ecx = 0x444d4163 },
	{ .function = 1, .eax = 0x800f12, .ebx = 0x05100800, .ecx = 1u << 5, .edx = 1u << 28 },
	{ .function = 0xb, .index = 0, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = 1, .ebx = 2, .ecx = 0x100 },
	{ .function = 0xb, .index = 1, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = 6, .ebx = 48, .ecx = 0x201 },
	{ .function = 0x40000000, .ebx = 0x4b4d564b, .ecx = 0x564b4d56, .edx = 0x4d },
	{ .function = 0x40000001, .eax = 0x1007efb },
	{ .function = 0x80000001, .ecx = 1u << 2 | 1u << 1 },
	{ .function = 0x80000008, .eax = 0x3030, .ecx = 0x7007 },
	{ .function = 0x8000000a, .eax = 1, .ebx = 8, .edx = 0xff },
	{ .function = 0x8000001d, .index = 0, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = 0x121 },
	{ .function = 0x8000001d, .index = 3, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = 0x14163 },
	{ .function = 0x8000001e, .eax = 77, .ebx = 0x105, .ecx = 0x303 },
};

static void build(struct cpuid_args *a)
{
	if (!a->topology.cpus)
		a->topology = (struct cpu_topology){ 1, 1 };
	cpuid_build(a, amd_host, sizeof(amd_host) / sizeof(amd_host[0]), &table);
}

START_TEST(apic_ids_leave_room_below_the_socket)
{
	struct cpu_topology one = { 4, 1 }, two = { 4, 2 }, three = { 6, 3 };

	ck_assert_uint_eq(topology_apic_id(&one, 3), 6);
	ck_assert_uint_eq(topology_apic_id(&two, 3), 3);
	ck_assert_uint_eq(topology_apic_id(&three, 3), 4);
	ck_assert_uint_eq(topology_apic_id(&three, 5), 6);
}
END_TEST

START_TEST(hypervisor_leaves_are_vmwares_alone)
{
	struct cpuid_args a = { .hypervisor = true, .tsc_khz = 2500000, .apic_khz = 1000000 };
	const struct kvm_cpuid_entry2 *e;

	build(&a);
	e = cpuid_find(&table, 0x40000000, 0);
	ck_assert_ptr_nonnull(e);
	ck_assert_mem_eq(&e->ebx, "VMwa", 4);
	ck_assert_mem_eq(&e->ecx, "reVM", 4);
	ck_assert_mem_eq(&e->edx, "ware", 4);
	ck_assert_uint_eq(e->eax, 0x40000010);
	ck_assert_ptr_null(cpuid_find(&table, 0x40000001, 0));
	e = cpuid_find(&table, 0x40000010, 0);
	ck_assert_uint_eq(e->eax, 2500000);
	ck_assert_uint_eq(e->ebx, 1000000);
	ck_assert_uint_eq(e->ecx, 0);
	ck_assert(cpuid_find(&table, 1, 0)->ecx >> 31);
}
END_TEST

START_TEST(hidden_hypervisor_leaves_no_trace)
{
	struct cpuid_args a = { .hypervisor = false };

	build(&a);
	ck_assert_ptr_null(cpuid_find(&table, 0x40000000, 0));
	ck_assert_ptr_null(cpuid_find(&table, 0x40000010, 0));
	ck_assert(!(cpuid_find(&table, 1, 0)->ecx >> 31));
}
END_TEST

START_TEST(nesting_is_off_unless_asked_for)
{
	struct cpuid_args off = { .nested = false }, on = { .nested = true };

	build(&off);
	ck_assert(!(cpuid_find(&table, 0x80000001, 0)->ecx & 4));
	ck_assert(!(cpuid_find(&table, 1, 0)->ecx & 1u << 5));
	ck_assert_uint_eq(cpuid_find(&table, 0x8000000a, 0)->ebx, 0);
	build(&on);
	ck_assert(cpuid_find(&table, 0x80000001, 0)->ecx & 4);
	ck_assert_uint_eq(cpuid_find(&table, 0x8000000a, 0)->ebx, 8);
}
END_TEST

START_TEST(topology_says_cores_and_sockets)
{
	struct cpuid_args a = { .topology = { 4, 2 } };

	build(&a);
	cpuid_for_cpu(&a, 3, &table);
	ck_assert_uint_eq(cpuid_find(&table, 1, 0)->ebx >> 24, 3);
	ck_assert_uint_eq(cpuid_find(&table, 1, 0)->ebx >> 16 & 0xff, 2);
	ck_assert(cpuid_find(&table, 1, 0)->edx & 1u << 28);
	ck_assert_uint_eq(cpuid_find(&table, 0xb, 0)->ebx, 1);
	ck_assert_uint_eq(cpuid_find(&table, 0xb, 1)->eax, 1);
	ck_assert_uint_eq(cpuid_find(&table, 0xb, 1)->ebx, 2);
	ck_assert_uint_eq(cpuid_find(&table, 0xb, 1)->edx, 3);
	ck_assert_uint_eq(cpuid_find(&table, 0x80000008, 0)->ecx, 0x1001);
	ck_assert_uint_eq(cpuid_find(&table, 0x8000001d, 3)->eax >> 14 & 0xfff, 1);
	ck_assert_uint_eq(cpuid_find(&table, 0x8000001d, 0)->eax >> 14 & 0xfff, 0);
	ck_assert_uint_eq(cpuid_find(&table, 0x8000001e, 0)->eax, 3);
	ck_assert_uint_eq(cpuid_find(&table, 0x8000001e, 0)->ecx, 0);
}
END_TEST

START_TEST(mask_characters)
{
	ck_assert_uint_eq(cpuid_mask_apply("--------------------------------", 0x1234, 0), 0x1234);
	ck_assert_uint_eq(cpuid_mask_apply("1-------------------------------", 0, 0), 0x80000000u);
	ck_assert_uint_eq(cpuid_mask_apply("-------------------------------0", 0xff, 0), 0xfe);
	ck_assert_uint_eq(cpuid_mask_apply("------------------------HHHHRRxT", 0x0e, 0xa1), 0xa3);
	ck_assert_uint_eq(cpuid_mask_apply("------------------------HHHHTTxF", 0x0f, 0xa5), 0xa7);
	ck_assert_uint_eq(cpuid_mask_apply("1", 0, 0), 0x80000000u);
}
END_TEST

START_TEST(masks_apply_to_their_vendor)
{
	struct vm_cpuid_mask masks[] = {
		{ 0x80000001, 2, 'i', "11111111111111111111111111111111" },
		{ 0x80000001, 3, 'a', "1-------------------------------" },
		{ 0x99999999, 3, 0, "1-------------------------------" },
	};
	struct cpuid_args a = { .masks = masks, .mask_count = 3 };

	build(&a);
	ck_assert_uint_ne(cpuid_find(&table, 0x80000001, 0)->ecx, 0xffffffffu);
	ck_assert_uint_eq(cpuid_find(&table, 0x80000001, 0)->edx, 0x80000000u);
}
END_TEST

// --- exits ---

static struct { struct kvm_run run; uint8_t data[4096]; } page;
static struct exit_env env;
static uint8_t seen[16];
static unsigned seen_count;
static struct gp_regs cpu_regs;

static uint64_t dev_read(void *dev, uint64_t offset, unsigned size)
{
	(void)dev;
	(void)offset;
	(void)size;
	return 0x40 + seen_count++;
}

static void dev_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	(void)dev;
	(void)offset;
	(void)size;
	if (seen_count < sizeof(seen))
		seen[seen_count++] = (uint8_t)value;
}

static const struct bus_ops ops = { .read = dev_read, .write = dev_write, .max_size = 4 };
static struct bus_range com = { .first = 0x3f8, .last = 0x3ff, .name = "com1", .ops = &ops };

static void make_env(void)
{
	memset(&page, 0, sizeof(page));
	memset(&env, 0, sizeof(env));
	seen_count = 0;
	ck_assert_int_eq(bus_create(&env.ports, "ports", 0xffff, NULL), 0);
	ck_assert_int_eq(bus_create(&env.mmio, "mmio", UINT64_MAX, NULL), 0);
	ck_assert_int_eq(gmem_create(&env.mem, 16 << 20, &(struct gmem_host){ 0 }, NULL), 0);
	ck_assert_int_eq(bus_insert(env.ports, &com, NULL), 0);
}

static void free_env(void)
{
	bus_destroy(env.ports);
	bus_destroy(env.mmio);
	gmem_destroy(env.mem);
}

static enum exit_result io(unsigned direction, uint16_t port, unsigned size, unsigned count)
{
	char why[64];

	page.run.exit_reason = KVM_EXIT_IO;
	page.run.io.direction = (uint8_t)direction;
	page.run.io.port = port;
	page.run.io.size = (uint8_t)size;
	page.run.io.count = count;
	page.run.io.data_offset = sizeof(page.run);
	return exit_handle(&env, &page.run, why, sizeof(why));
}

START_TEST(string_output_reaches_the_device_in_full)
{
	memcpy(page.data, "hello", 5);
	ck_assert_int_eq(io(KVM_EXIT_IO_OUT, 0x3f8, 1, 5), EXITED_CONTINUE);
	ck_assert_mem_eq(seen, "hello", 5);
}
END_TEST

START_TEST(string_input_fills_every_item)
{
	ck_assert_int_eq(io(KVM_EXIT_IO_IN, 0x3f8, 2, 3), EXITED_CONTINUE);
	ck_assert_mem_eq(page.data, "\x40\0\x41\0\x42\0", 6);
}
END_TEST

START_TEST(empty_port_reads_all_ones)
{
	ck_assert_int_eq(io(KVM_EXIT_IO_IN, 0x999, 4, 1), EXITED_CONTINUE);
	ck_assert_uint_eq(get_le32(page.data), 0xffffffffu);
}
END_TEST

static bool backdoor(void *arg, unsigned cpu, uint16_t port, bool out, struct gp_regs *r)
{
	(void)arg;
	(void)cpu;
	(void)port;
	(void)out;
	if (r->rax != 0x564d5868)
		return false;
	r->rax = 6;
	r->rbx = 0x564d5868;
	return true;
}

static int get_regs(void *vcpu, struct gp_regs *r)
{
	(void)vcpu;
	*r = cpu_regs;
	return 0;
}

static int set_regs(void *vcpu, const struct gp_regs *r)
{
	(void)vcpu;
	cpu_regs = *r;
	return 0;
}

START_TEST(backdoor_answers_in_registers_and_in_the_port_data)
{
	env.backdoor = backdoor;
	env.get_regs = get_regs;
	env.set_regs = set_regs;
	cpu_regs = (struct gp_regs){ .rax = 0x564d5868 };
	io(KVM_EXIT_IO_IN, 0x5658, 4, 1);
	ck_assert_uint_eq(get_le32(page.data), 6);
	ck_assert_uint_eq(cpu_regs.rbx, 0x564d5868);
	cpu_regs = (struct gp_regs){ .rax = 1 };
	io(KVM_EXIT_IO_IN, 0x5658, 4, 1);
	ck_assert_uint_eq(get_le32(page.data), 0xffffffffu);
}
END_TEST

static bool bitmap_allows, fault_works;
static unsigned faults;

static bool allowed(void *vcpu, uint16_t port, unsigned size)
{
	(void)vcpu;
	ck_assert_uint_ge(port, 0x5658);
	ck_assert_uint_le(size, 4);
	return bitmap_allows;
}

static bool fault(void *vcpu)
{
	(void)vcpu;
	faults++;
	return fault_works;
}

// The backdoor of a VM that restricts it.
static bool strict_backdoor(void *arg, unsigned cpu, uint16_t port, bool out, struct gp_regs *r)
{
	return r->cpl <= r->iopl && backdoor(arg, cpu, port, out, r);
}

START_TEST(callers_without_rights_fault)
{
	static const struct gp_regs program = { .rax = 0x564d5868, .cpl = 3 };

	env.backdoor = strict_backdoor;
	env.get_regs = get_regs;
	env.set_regs = set_regs;
	env.port_allowed = allowed;
	env.port_fault = fault;
	fault_works = true;
	faults = bitmap_allows = 0;
	cpu_regs = program;
	io(KVM_EXIT_IO_IN, 0x5658, 4, 1);
	ck_assert_uint_eq(faults, 1);
	io(KVM_EXIT_IO_OUT, 0x5658, 4, 1);
	io(KVM_EXIT_IO_IN, 0x5659, 1, 5);
	ck_assert_uint_eq(faults, 3);
	bitmap_allows = true;
	io(KVM_EXIT_IO_IN, 0x5658, 4, 1);
	ck_assert_uint_eq(get_le32(page.data), 6);
	cpu_regs = program;
	cpu_regs.rax = 1;               // rights, and not the magic: an empty port
	io(KVM_EXIT_IO_IN, 0x5658, 4, 1);
	ck_assert_uint_eq(get_le32(page.data), 0xffffffffu);
	cpu_regs.cpl = 0;
	bitmap_allows = false;
	io(KVM_EXIT_IO_IN, 0x5658, 4, 1);
	ck_assert_uint_eq(faults, 3);
	cpu_regs = program;
	fault_works = false;            // cannot be made to fault: an empty port then
	io(KVM_EXIT_IO_IN, 0x5658, 4, 1);
	ck_assert_uint_eq(get_le32(page.data), 0xffffffffu);
}
END_TEST

START_TEST(endings_are_told_in_words)
{
	char why[256], name[32];

	page.run.exit_reason = KVM_EXIT_SHUTDOWN;
	ck_assert_int_eq(exit_handle(&env, &page.run, why, sizeof(why)), EXITED_TRIPLE_FAULT);
	ck_assert_ptr_nonnull(strstr(why, "triple fault"));
	page.run.exit_reason = KVM_EXIT_INTERNAL_ERROR;
	page.run.emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	page.run.emulation_failure.ndata = 4;
	page.run.emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	page.run.emulation_failure.insn_size = 200;     // more than there is room for
	memcpy(page.run.emulation_failure.insn_bytes, "\x0f\xc7\x0f", 3);
	ck_assert_int_eq(exit_handle(&env, &page.run, why, sizeof(why)), EXITED_UNHANDLED);
	ck_assert_ptr_nonnull(strstr(why, "0f c7 0f"));
	page.run.exit_reason = 4711;
	ck_assert_int_eq(exit_handle(&env, &page.run, why, sizeof(why)), EXITED_UNHANDLED);
	ck_assert_ptr_nonnull(strstr(why, "4711"));
	ck_assert_str_eq(exit_name(KVM_EXIT_MMIO, name, sizeof(name)), "KVM_EXIT_MMIO");
}
END_TEST

static const char *reset_why;

static void on_reset(void *arg, const char *why)
{
	ck_assert_ptr_eq(arg, &env);
	reset_why = why;
}

// What KVM asks when berth.hyperv.synic and berth.hyperv.reset are on.
START_TEST(hyperv_exits)
{
	char why[256];

	page.run.exit_reason = KVM_EXIT_HYPERV;
	page.run.hyperv.type = KVM_EXIT_HYPERV_SYNIC;
	ck_assert_int_eq(exit_handle(&env, &page.run, why, sizeof(why)), EXITED_CONTINUE);
	page.run.hyperv.type = KVM_EXIT_HYPERV_HCALL;
	ck_assert_int_eq(exit_handle(&env, &page.run, why, sizeof(why)), EXITED_CONTINUE);
	ck_assert_uint_eq(page.run.hyperv.u.hcall.result, 2);
	page.run.hyperv.type = 77;
	ck_assert_int_eq(exit_handle(&env, &page.run, why, sizeof(why)), EXITED_UNHANDLED);
	ck_assert_ptr_nonnull(strstr(why, "77"));
	page.run.exit_reason = KVM_EXIT_SYSTEM_EVENT;
	page.run.system_event.type = KVM_SYSTEM_EVENT_RESET;
	ck_assert_int_eq(exit_handle(&env, &page.run, why, sizeof(why)), EXITED_UNHANDLED);
	env.reset = on_reset;
	env.reset_arg = &env;
	ck_assert_int_eq(exit_handle(&env, &page.run, why, sizeof(why)), EXITED_CONTINUE);
	ck_assert_ptr_nonnull(reset_why);
	page.run.system_event.type = KVM_SYSTEM_EVENT_CRASH;
	ck_assert_int_eq(exit_handle(&env, &page.run, why, sizeof(why)), EXITED_UNHANDLED);
}
END_TEST

// A run structure's neighbour page with writes that the kernel would have gathered.
static union {
	struct kvm_coalesced_mmio_ring ring;
	uint8_t bytes[2 * 4096];
} gathered;

static void gather(uint64_t addr, const char *text)
{
	struct kvm_coalesced_mmio_ring *r = (void *)(gathered.bytes + 4096);
	struct kvm_coalesced_mmio *e = &r->coalesced_mmio[r->last];

	e->phys_addr = addr;
	e->len = (uint32_t)strlen(text);
	memcpy(e->data, text, strlen(text));
	r->last = (uint32_t)((r->last + 1) % KVM_COALESCED_MMIO_MAX);
}

START_TEST(gathered_writes_arrive_in_their_order)
{
	static struct bus_range window = { .first = 0xa0000, .last = 0xbffff, .name = "window", .ops = &ops };
	struct kvm_coalesced_mmio_ring *r = (void *)(gathered.bytes + 4096);
	struct posted *p = posted_create(-1, 1, &env), *none = posted_create(-1, 0, &env);
	uint64_t unclaimed = atomic_load(&bus_stats(env.mmio)->unclaimed_writes);

	ck_assert_int_eq(bus_insert(env.mmio, &window, NULL), 0);
	memset(&gathered, 0, sizeof(gathered));
	r->first = r->last = KVM_COALESCED_MMIO_MAX - 1;        // round the end
	ck_assert(!posted_waiting(p));
	gather(0xb8000, "b");
	gather(0xb8001, "e");
	gather(0xdead0000, "x");
	gather(0xb8002, "r");
	ck_assert(!posted_waiting(p));
	posted_drain(p);
	posted_attach(p, &gathered);
	posted_attach(none, &gathered);
	ck_assert(posted_waiting(p) && !posted_waiting(none));
	posted_drain(p);
	ck_assert(!posted_waiting(p));
	ck_assert_mem_eq(seen, "ber", 3);
	ck_assert_uint_eq(seen_count, 3);
	ck_assert_uint_eq(atomic_load(&bus_stats(env.mmio)->unclaimed_writes), unclaimed + 1);
	r->first = 0xfffffff0;                                  // a number that no ring has
	r->last = 3;
	posted_drain(p);
	posted_attach(p, NULL);
	ck_assert(!posted_waiting(p));
	posted_destroy(p);
	posted_destroy(none);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kvm");
	TCase *c = tcase_create("cpuid"), *e = tcase_create("exits");
	SRunner *r;
	int failed;

	tcase_add_test(c, apic_ids_leave_room_below_the_socket);
	tcase_add_test(c, hypervisor_leaves_are_vmwares_alone);
	tcase_add_test(c, hidden_hypervisor_leaves_no_trace);
	tcase_add_test(c, nesting_is_off_unless_asked_for);
	tcase_add_test(c, topology_says_cores_and_sockets);
	tcase_add_test(c, mask_characters);
	tcase_add_test(c, masks_apply_to_their_vendor);
	tcase_add_checked_fixture(e, make_env, free_env);
	tcase_add_test(e, string_output_reaches_the_device_in_full);
	tcase_add_test(e, string_input_fills_every_item);
	tcase_add_test(e, empty_port_reads_all_ones);
	tcase_add_test(e, backdoor_answers_in_registers_and_in_the_port_data);
	tcase_add_test(e, callers_without_rights_fault);
	tcase_add_test(e, endings_are_told_in_words);
	tcase_add_test(e, hyperv_exits);
	tcase_add_test(e, gathered_writes_arrive_in_their_order);
	suite_add_tcase(s, c);
	suite_add_tcase(s, e);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
