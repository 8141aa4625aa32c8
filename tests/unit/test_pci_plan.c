// test_pci_plan.c: slot numbers given out and kept, conflicts; the PCI topology of each hardware version.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "chipset_world.h"

#include "machine/internal.h"
#include "vmx/load.h"

static struct vm_config config;
static struct pci_plan plan;
static struct vmx_report report;

static void start(int hw)
{
	memset(&config, 0, sizeof(config));
	memset(&report, 0, sizeof(report));
	config.hw_version = hw;
}

static struct vm_pci *add(const char *node, enum vm_pci_kind kind, int slot)
{
	struct vm_pci *p = &config.pci[config.pci_count++];

	*p = (struct vm_pci){ .kind = kind, .slot = slot, .functions = 8, .line = slot < 0 ? 0 : 10 + (unsigned)config.pci_count };
	strcpy(p->node, node);
	return p;
}

static void make(void) { pci_plan_make(&config, &plan, &report); }

static int number(const char *node)
{
	const struct pci_plan_entry *e = pci_plan_find(&plan, node);

	return e ? e->number : -1;
}

static void expect_place(const char *node, unsigned bus, unsigned device)
{
	const struct pci_plan_entry *e = pci_plan_find(&plan, node);

	ck_assert_ptr_nonnull(e);
	ck_assert_msg(e->bus == bus && e->devfn == device << 3, "%s is at %02x:%02x", node, e->bus, e->devfn);
}

// What a Workstation VM has when it is made: all numbers are VMware's.
START_TEST(workstation_numbers)
{
	start(19);
	add("usb", VM_PCI_LEGACY, -1);
	add("ethernet0", VM_PCI_LEGACY, -1);
	add("sound", VM_PCI_LEGACY, -1);
	add("ehci", VM_PCI_LEGACY, -1);
	add("vmci0", VM_PCI_NUMBER, -1);
	add("sata0", VM_PCI_LEGACY, -1);
	make();
	ck_assert_int_eq(number("usb"), 32);
	ck_assert_int_eq(number("ethernet0"), 33);
	ck_assert_int_eq(number("sound"), 34);
	ck_assert_int_eq(number("ehci"), 35);
	ck_assert_int_eq(number("vmci0"), 36);
	ck_assert_int_eq(number("sata0"), 37);
	ck_assert_int_eq(number("pciBridge0"), 17);
	ck_assert_int_eq(number("pciBridge4"), 21);
	ck_assert_int_eq(number("pciBridge7"), 24);
	expect_place("ethernet0", 2, 1);
	ck_assert_uint_eq(pci_plan_label_index(pci_plan_find(&plan, "ethernet0")), 16777736);
	ck_assert_uint_eq(report.count, 0);
}
END_TEST

START_TEST(express_numbers)
{
	static const int expected[] = { 160, 192, 224, 256, 1184, 1216, 1248, 1280, 2208, 2240 };
	char node[16];

	start(19);
	for (unsigned i = 0; i < 10; i++) {
		snprintf(node, sizeof(node), "ethernet%u", i);
		add(node, VM_PCI_EXPRESS, -1);
	}
	make();
	for (unsigned i = 0; i < 10; i++) {
		snprintf(node, sizeof(node), "ethernet%u", i);
		ck_assert_int_eq(number(node), expected[i]);
	}
	expect_place("ethernet0", 3, 0);
	expect_place("ethernet1", 0x0b, 0);
	expect_place("ethernet2", 0x13, 0);
	expect_place("ethernet3", 0x1b, 0);
	expect_place("ethernet4", 4, 0);
	ck_assert_uint_eq(pci_plan_label_index(pci_plan_find(&plan, "ethernet1")), 33557248);
}
END_TEST

// What the file says holds, and the rest takes what is free, whatever stands first.
START_TEST(file_numbers_hold)
{
	start(14);
	add("usb", VM_PCI_LEGACY, -1);
	add("ethernet0", VM_PCI_LEGACY, 32);
	add("ethernet1", VM_PCI_EXPRESS, 1184);
	add("ethernet2", VM_PCI_EXPRESS, 37);           // a PCIe device behind the PCI bridge
	add("scsi0", VM_PCI_BUS0, -1);
	add("scsi1", VM_PCI_LEGACY, -1);
	make();
	ck_assert_int_eq(number("ethernet0"), 32);
	ck_assert_int_eq(number("usb"), 33);
	ck_assert_int_eq(number("ethernet1"), 1184);
	ck_assert_int_eq(number("ethernet2"), 37);
	ck_assert_int_eq(number("scsi0"), 16);
	ck_assert_int_eq(number("scsi1"), 34);
	expect_place("scsi0", 0, 16);
	expect_place("ethernet1", 4, 0);
	ck_assert_uint_eq(report.count, 0);
}
END_TEST

START_TEST(conflicts)
{
	start(19);
	add("ethernet0", VM_PCI_LEGACY, 33);            // line 11
	add("ethernet1", VM_PCI_LEGACY, 33);            // line 12
	add("ethernet2", VM_PCI_EXPRESS, 161);          // device 1 of a root port
	add("ethernet3", VM_PCI_LEGACY, 15);            // the display
	add("ethernet4", VM_PCI_LEGACY, 9000);
	add("ethernet5", VM_PCI_LEGACY, 96);            // pciBridge2
	add("usb", VM_PCI_LEGACY, 17);                  // pciBridge0, which has no line
	make();
	ck_assert_int_eq(number("ethernet0"), 33);
	ck_assert_int_eq(number("ethernet1"), 32);
	ck_assert_int_eq(number("ethernet2"), 160);
	ck_assert_int_eq(number("ethernet3"), 34);
	ck_assert_int_eq(number("ethernet4"), 35);
	ck_assert_int_eq(number("ethernet5"), 36);
	ck_assert_int_eq(number("usb"), 37);
	ck_assert_uint_eq(report.count, 6);
	ck_assert_uint_eq(report.errors, 0);
	ck_assert_uint_eq(report.list[0].line, 12);
	ck_assert_str_eq(report.list[0].key, "ethernet1.pciSlotNumber");
	ck_assert_str_eq(report.list[0].text, "33 is the slot of ethernet0 already (line 11); it gets 32 instead");
	ck_assert_str_eq(report.list[1].text, "161 is not the first device of a root port; it gets 160 instead");
	ck_assert_str_eq(report.list[2].text, "15 is a place of the chipset; it gets 34 instead");
	ck_assert_str_eq(report.list[3].text, "9000 is no slot number; it gets 35 instead");
	ck_assert_str_eq(report.list[4].text, "96 is behind a bridge that is not there; it gets 36 instead");
	ck_assert_str_eq(report.list[5].text, "17 is the slot of pciBridge0 already; it gets 37 instead");
	vmx_report_free(&report);
}
END_TEST

START_TEST(bridges_moved)
{
	start(19);
	add("pciBridge0", VM_PCI_BRIDGE, 18);
	add("pciBridge4", VM_PCI_ROOT_PORT, 17)->functions = 2;
	add("pciBridge5", VM_PCI_ROOT_PORT, 33);        // bridges sit on bus 0
	add("ethernet0", VM_PCI_LEGACY, 33);
	add("ethernet1", VM_PCI_EXPRESS, 1184);
	add("ethernet2", VM_PCI_EXPRESS, 2208);         // function 2, of which there is none
	make();
	ck_assert_int_eq(number("pciBridge0"), 18);
	ck_assert_int_eq(number("pciBridge4"), 17);
	ck_assert_int_eq(number("pciBridge5"), 22);
	ck_assert_int_eq(number("pciBridge6"), -1);     // the file has root ports: no others come
	expect_place("ethernet1", 3, 0);                // 17.1 comes before 18.0
	expect_place("ethernet0", 4, 1);
	ck_assert_int_eq(number("ethernet2"), 160);
	ck_assert_uint_eq(report.count, 2);
	vmx_report_free(&report);
}
END_TEST

// More devices than root ports: the rest goes behind the PCI bridge, then onto bus 0, then nowhere.
START_TEST(full_house)
{
	char node[16];

	start(19);
	add("pciBridge0", VM_PCI_BRIDGE, -1);
	add("pciBridge4", VM_PCI_ROOT_PORT, -1)->functions = 1;
	for (unsigned i = 0; i < 46; i++) {
		snprintf(node, sizeof(node), "x%u", i);
		add(node, VM_PCI_EXPRESS, -1);
	}
	make();
	ck_assert_int_eq(number("x0"), 160);
	ck_assert_int_eq(number("x1"), 32);
	ck_assert_int_eq(number("x32"), 63);
	ck_assert_int_eq(number("x33"), 18);
	ck_assert_int_eq(number("x45"), 31);
	ck_assert_uint_eq(report.count, 0);
	start(4);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(node, sizeof(node), "x%u", i);
		add(node, VM_PCI_LEGACY, -1);
	}
	make();
	ck_assert_int_eq(number("x0"), 17);
	ck_assert_int_eq(number("x14"), 31);
	ck_assert_int_eq(number("x15"), -1);
	ck_assert_uint_eq(report.count, 5);
	vmx_report_free(&report);
}
END_TEST

// Whatever numbers a file holds, no two devices share a place and each is where its number says.
START_TEST(any_numbers)
{
	uint32_t state = 0x1234567;
	char node[16];

	for (unsigned round = 0; round < 200; round++) {
		start(3 + (int)(round % 20));
		for (unsigned i = 0; i < 40; i++) {
			state = state * 1664525 + 1013904223;
			if (i < 8)
				snprintf(node, sizeof(node), "pciBridge%u", i);
			else
				snprintf(node, sizeof(node), "d%u", i);
			add(node, i < 8 ? (state >> 24 & 1 ? VM_PCI_BRIDGE : VM_PCI_ROOT_PORT) : (enum vm_pci_kind)(2 + (state >> 24) % 4),
			    (int)(state >> 8 & 0x1fff) >> (state >> 28))->functions = 1 + (state >> 20) % 8;
		}
		pci_plan_make(&config, &plan, NULL);
		for (size_t i = 0; i < plan.count; i++) {
			struct pci_slot s;

			if (plan.entry[i].number < 0)
				continue;
			ck_assert(pci_slot_decode(plan.entry[i].number, &s));
			ck_assert_int_eq(s.bridge, plan.entry[i].slot.bridge);
			for (size_t j = 0; j < i; j++)
				ck_assert_int_ne(plan.entry[i].number, plan.entry[j].number);
		}
	}
}
END_TEST

// --- topology ----------------------------------------------------------------------------------------

// Buses in the order of the bridges, as the firmware numbers them.
static void number_buses(struct pci_root *root)
{
	unsigned next = 1;

	for (unsigned devfn = 0; devfn < 256; devfn++) {
		if ((pci_config_read(root, 0, devfn, 0x0e, 1) & 0x7f) != 1)
			continue;
		pci_config_write(root, 0, devfn, 0x18, 4, next << 16 | next << 8);
		next++;
	}
}

struct listing { char text[8192]; size_t len; struct pci_root *root; };

static void list_function(struct listing *l, unsigned bus, unsigned devfn)
{
	uint32_t id = pci_config_read(l->root, bus, devfn, 0, 4), class = pci_config_read(l->root, bus, devfn, 8, 4);

	if (id == UINT32_MAX)
		return;
	l->len += (size_t)snprintf(l->text + l->len, sizeof(l->text) - l->len, "%02x:%02x.%x %04x:%04x %06x %02x\n", bus,
				   devfn >> 3, devfn & 7, id & 0xffff, id >> 16, class >> 8, class & 0xff);
}

#define FIXED(usb) \
	"00:00.0 8086:7190 060000 01\n00:01.0 8086:7191 060400 01\n00:07.0 8086:7110 060100 08\n" usb \
	"00:07.3 8086:7113 068000 08\n"
#define PIIX4_USB "00:07.2 8086:7112 0c0300 00\n"
#define PORTS8(d) PORT(d, 0) PORT(d, 1) PORT(d, 2) PORT(d, 3) PORT(d, 4) PORT(d, 5) PORT(d, 6) PORT(d, 7)
#define PORT(d, f) "00:" #d "." #f " 15ad:07a0 060400 01\n"
#define BRIDGES   "00:11.0 15ad:0790 060401 02\n" PORTS8(15) PORTS8(16) PORTS8(17) PORTS8(18)
#define BUS2      "02:00.0 15ad:0774 0c0300 00\n02:01.0 8086:100f 020000 01\n02:02.0 15ad:0770 0c0320 00\n"

static const struct { int hw; const char *expected; } topologies[] = {
	{ 4, FIXED(PIIX4_USB) "00:11.0 8086:100f 020000 01\n" },
	{ 6, FIXED(PIIX4_USB) "00:11.0 15ad:0790 060401 02\n02:00.0 8086:100f 020000 01\n02:01.0 15ad:0770 0c0320 00\n" },
	{ 7, FIXED("") BRIDGES BUS2 "03:00.0 15ad:07b0 020000 01\n" },
	{ 10, FIXED("") BRIDGES BUS2 "03:00.0 15ad:07b0 020000 01\n" },
	{ 14, FIXED("") BRIDGES BUS2 "03:00.0 15ad:07b0 020000 01\n" },
	{ 19, FIXED("") BRIDGES BUS2 "03:00.0 15ad:07b0 020000 01\n" },
	{ 21, FIXED("") BRIDGES BUS2 "03:00.0 15ad:07b0 020000 01\n" },
};

static void describe_machine(int hw)
{
	start(hw);
	config.usb = true;
	add("usb", VM_PCI_LEGACY, -1);
	config.nic[0] = (struct vm_nic){ .kind = VM_NIC_E1000, .has_mac = true, .mac = { 0, 0x50, 0x56, 1, 2, 3 } };
	add("ethernet0", VM_PCI_LEGACY, -1);
	if (hw >= 7) {
		config.nic[1] = (struct vm_nic){ .kind = VM_NIC_VMXNET3 };
		add("ethernet1", VM_PCI_EXPRESS, -1);
	}
	config.ehci = hw >= 6;
	if (config.ehci)
		add("ehci", VM_PCI_LEGACY, -1);
}

START_TEST(topology)
{
	static struct machine m;
	int hw = topologies[_i].hw;
	struct chipset_world *w = world_chipset(false, hw <= 6);
	struct listing l = { .len = 0, .root = w->p.pci };

	memset(&m, 0, sizeof(m));
	describe_machine(hw);
	m.config = &config;
	m.platform = w->p;
	m.piix4 = w->piix4;
	ck_assert_int_eq(machine_build_pci_bridges(&m, NULL), 0);
	ck_assert_int_eq(machine_build_usb(&m, NULL), 0);
	ck_assert_int_eq(machine_build_nics(&m, NULL), 0);
	for (size_t i = 0; i < m.device_count; i++)
		m.devices[i].cls->reset(m.devices[i].dev);
	number_buses(w->p.pci);
	for (unsigned bus = 0; bus < 64; bus++) {
		for (unsigned devfn = 0; devfn < 256; devfn++)
			list_function(&l, bus, devfn);
	}
	ck_assert_str_eq(l.text, topologies[_i].expected);
	while (m.device_count--)
		m.devices[m.device_count].cls->destroy(m.devices[m.device_count].dev);
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pci_plan");
	TCase *tc = tcase_create("plan");

	tcase_add_test(tc, workstation_numbers);
	tcase_add_test(tc, express_numbers);
	tcase_add_test(tc, file_numbers_hold);
	tcase_add_test(tc, conflicts);
	tcase_add_test(tc, bridges_moved);
	tcase_add_test(tc, full_house);
	tcase_add_test(tc, any_numbers);
	tcase_add_loop_test(tc, topology, 0, (int)ARRAY_SIZE(topologies));
	suite_add_tcase(s, tc);
	return world_run(s);
}
