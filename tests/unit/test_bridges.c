// test_bridges.c: what passes a bridge: configuration cycles, memory, I/O; root ports and their slots; ECAM.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "chipset_world.h"

#include "hw/pci/ecam.h"
#include "hw/pci/regs.h"
#include "hw/pci/root_port.h"
#include "hw/pci/vmware_bridge.h"

#define BRIDGE_DEVFN DEVFN(0x11, 0)
#define PORT_DEVFN   DEVFN(0x15, 0)
#define EXP 0x50u               // PCIe capability of a root port
#define MEM_AT 0xfd000000u
#define IO_AT  0x4000u

struct rig {
	unsigned slot_let_go;           // the slot that was, 0 = none yet
	struct chipset_world *w;
	struct vmware_bridge *bridge;
	struct root_port *ports;
	struct pci_dev legacy, express;
	unsigned resets;
};

static uint64_t reg_read(void *dev, uint64_t offset, unsigned size) { return 0x5a; }
static void reg_write(void *dev, uint64_t offset, unsigned size, uint64_t value) { }
static const struct bus_ops reg_ops = { .read = reg_read, .write = reg_write, .max_size = 4 };
static void on_reset(struct pci_dev *dev) { ((struct rig *)dev->owner)->resets++; }
static const struct pci_ops ops = { .bus_reset = on_reset };

static void add_function(struct rig *r, struct pci_dev *dev, struct pci_bus *bus, unsigned devfn, unsigned flags)
{
	static const struct pci_id id = {
		.vendor = 0x15ad, .device = 0x1234, .class_code = 0x020000, .interrupt_pin = 1,
	};

	pci_dev_init(dev, "f", &id, &ops, r);
	pci_bar_registers(dev, 0, PCI_BAR_MEM32, 4096, &reg_ops, r, NULL);
	pci_bar_registers(dev, 1, PCI_BAR_IO, 16, &reg_ops, r, NULL);
	if (flags) {
		pci_add_express(dev, 0, PCI_EXPRESS_ENDPOINT, PCI_EXPRESS_FLR);
		ck_assert_uint_eq(pci_add_serial_number(dev, 0x11223344, 0x55667788), 0x100);
		ck_assert_uint_eq(pci_add_ext_cap(dev, 0x0b, 1, 16), 0x10c);
		ck_assert_uint_eq(pci_add_ext_cap(dev, 0x0b, 1, 64), 0);        // no room
	}
	ck_assert_int_eq(pci_attach(bus, dev, (uint8_t)devfn, NULL), 0);
}

static void let_go(void *arg, unsigned slot) { ((struct rig *)arg)->slot_let_go = slot; }

static struct rig *rig_new(void)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct root_port_args args = { .device = 0x15, .functions = 8, .slot = 160, .let_go = let_go, .arg = r };

	r->w = world_new();
	ck_assert_int_eq(i440bx_create(&r->w->p, &(struct i440bx_args){ .ecam = true }, &r->w->bx, NULL), 0);
	ck_assert_int_eq(vmware_bridge_create(pci_root_bus(r->w->p.pci), BRIDGE_DEVFN, 19, &r->bridge, NULL), 0);
	ck_assert_int_eq(root_port_create(pci_root_bus(r->w->p.pci), &args, &r->ports, NULL), 0);
	add_function(r, &r->legacy, vmware_bridge_bus(r->bridge), DEVFN(1, 0), 0);
	add_function(r, &r->express, root_port_bus(r->ports, 0), DEVFN(0, 0), 1);
	vmware_bridge_class.reset(r->bridge);
	root_port_class.reset(r->ports);
	return r;
}

static void rig_free(struct rig *r)
{
	pci_detach(&r->legacy);
	pci_detach(&r->express);
	root_port_class.destroy(r->ports);
	vmware_bridge_class.destroy(r->bridge);
	world_free(r->w);
	free(r);
}

static void set(struct rig *r, unsigned bus, unsigned devfn, unsigned off, unsigned size, uint32_t value)
{
	pci_config_write(r->w->p.pci, bus, devfn, off, size, value);
}

static uint32_t get(struct rig *r, unsigned bus, unsigned devfn, unsigned off, unsigned size)
{
	return pci_config_read(r->w->p.pci, bus, devfn, off, size);
}

// Buses 2 and 3; the function's BARs and the bridge's windows on MEM_AT and IO_AT, all enabled.
static void open_all(struct rig *r, unsigned bridge, unsigned bus, unsigned devfn)
{
	set(r, 0, bridge, PCI_PRIMARY, 4, 0x010100 * bus);
	set(r, bus, devfn, 0x10, 4, MEM_AT);
	set(r, bus, devfn, 0x14, 4, IO_AT);
	set(r, bus, devfn, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	set(r, 0, bridge, PCI_MEMORY_BASE, 4, MEM_AT | MEM_AT >> 16);
	set(r, 0, bridge, PCI_IO_BASE, 2, 0x4040);
	set(r, 0, bridge, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
}

static bool mem_answers(struct rig *r)
{
	uint8_t b[4];

	return bus_read(r->w->p.mmio, MEM_AT, b, 4);
}

static bool io_answers(struct rig *r)
{
	uint8_t b[4];

	return bus_read(r->w->p.ports, IO_AT, b, 4);
}

// --- windows -----------------------------------------------------------------------------------------

START_TEST(windows_open_and_close)
{
	struct rig *r = rig_new();

	open_all(r, PORT_DEVFN, 3, 0);
	ck_assert(mem_answers(r) && io_answers(r));
	// Each gate by itself.
	set(r, 0, PORT_DEVFN, PCI_COMMAND, 2, PCI_COMMAND_IO);
	ck_assert(!mem_answers(r) && io_answers(r));
	set(r, 0, PORT_DEVFN, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	ck_assert(mem_answers(r) && !io_answers(r));
	set(r, 0, PORT_DEVFN, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	set(r, 0, PORT_DEVFN, PCI_MEMORY_BASE, 4, 0x0000fff0);
	ck_assert(!mem_answers(r) && io_answers(r));
	// Through the prefetchable window, also far above 4 GiB when the function is there.
	set(r, 0, PORT_DEVFN, PCI_PREFETCH_BASE, 4, MEM_AT | MEM_AT >> 16);
	ck_assert(mem_answers(r));
	set(r, 0, PORT_DEVFN, PCI_PREFETCH_BASE_UPPER, 4, 1);
	set(r, 0, PORT_DEVFN, PCI_PREFETCH_LIMIT_UPPER, 4, 1);
	ck_assert(!mem_answers(r));
	set(r, 0, PORT_DEVFN, PCI_IO_BASE, 2, 0x3030);
	ck_assert(!io_answers(r));
	set(r, 0, PORT_DEVFN, PCI_IO_BASE, 2, 0x5030);
	ck_assert(io_answers(r));
	rig_free(r);
}
END_TEST

START_TEST(isa_bit)
{
	struct rig *r = rig_new();

	open_all(r, PORT_DEVFN, 3, 0);
	set(r, 3, 0, 0x14, 4, IO_AT + 0x100);
	set(r, 3, 0, PCI_COMMAND, 2, 0);
	set(r, 3, 0, PCI_COMMAND, 2, PCI_COMMAND_IO);
	ck_assert(r->express.bars[1].mapped);
	set(r, 0, PORT_DEVFN, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_ISA);
	ck_assert(!r->express.bars[1].mapped);
	set(r, 3, 0, 0x14, 4, IO_AT);
	ck_assert(r->express.bars[1].mapped);
	rig_free(r);
}
END_TEST

START_TEST(subtractive)
{
	struct rig *r = rig_new();

	open_all(r, BRIDGE_DEVFN, 2, DEVFN(1, 0));
	set(r, 0, BRIDGE_DEVFN, PCI_MEMORY_BASE, 4, 0x0000fff0);
	set(r, 0, BRIDGE_DEVFN, PCI_IO_BASE, 2, 0x00f0);
	ck_assert(mem_answers(r) && io_answers(r));
	set(r, 0, BRIDGE_DEVFN, PCI_COMMAND, 2, 0);
	ck_assert(!mem_answers(r) && !io_answers(r));
	rig_free(r);
}
END_TEST

START_TEST(power_state_of_the_bridge)
{
	struct rig *r = rig_new();

	open_all(r, PORT_DEVFN, 3, 0);
	set(r, 0, PORT_DEVFN, 0x4c, 2, 3);
	ck_assert(!mem_answers(r));
	set(r, 0, PORT_DEVFN, 0x4c, 2, 0);
	ck_assert(mem_answers(r));
	rig_free(r);
}
END_TEST

START_TEST(reset_closes)
{
	struct rig *r = rig_new();

	open_all(r, PORT_DEVFN, 3, 0);
	r->resets = 0;
	set(r, 0, PORT_DEVFN, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_BUS_RESET);
	ck_assert_uint_eq(r->resets, 1);
	ck_assert_uint_eq(get(r, 3, 0, PCI_COMMAND, 2), 0);
	ck_assert(!mem_answers(r));
	open_all(r, PORT_DEVFN, 3, 0);
	ck_assert(mem_answers(r));
	root_port_class.reset(r->ports);
	ck_assert(!mem_answers(r));
	ck_assert_uint_eq(get(r, 3, 0, PCI_VENDOR, 2), 0xffff);         // bus numbers are gone as well
	rig_free(r);
}
END_TEST

// --- root ports --------------------------------------------------------------------------------------

START_TEST(port_configuration)
{
	static const struct { unsigned off, size; uint32_t value; } regs[] = {
		{ 0x00, 4, 0x07a015ad }, { 0x06, 2, 0x0010 }, { 0x08, 4, 0x06040001 }, { 0x0e, 1, 0x81 },
		{ 0x34, 1, 0x40 }, { 0x3d, 1, 0 }, { 0x40, 4, 0x0000480d }, { 0x44, 4, 0x07a015ad },
		{ 0x48, 4, 0xc8035001 }, { 0x50, 4, 0x01428c10 }, { 0x8c, 4, 0x01800005 }, { 0x24, 4, 0x00010001 },
		{ EXP + 0x04, 4, 0 }, { EXP + 0x0c, 4, 0x00100602 },
	};
	struct rig *r = rig_new();

	for (unsigned f = 0; f < 8; f++) {
		uint32_t slot = get(r, 0, PORT_DEVFN + f, EXP + EXPRESS_SLTCAP, 4);

		for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
			ck_assert_msg(get(r, 0, PORT_DEVFN + f, regs[i].off, regs[i].size) == regs[i].value, "%02x: %08x",
				      regs[i].off, get(r, 0, PORT_DEVFN + f, regs[i].off, regs[i].size));
		ck_assert_uint_eq(slot >> 19, 160 + f);
		ck_assert_uint_eq(slot & 0x7ffff, 1 | 2 | 1 << 6 | 240 << 7 | 1 << 18);
		ck_assert_uint_eq(get(r, 0, PORT_DEVFN + f, EXP + EXPRESS_SLTSTA, 2), f ? 0 : 1 << 6);
		ck_assert_uint_eq(get(r, 0, PORT_DEVFN + f, EXP + EXPRESS_LNKSTA, 2), f ? 0x0202 : 0x2202);
		ck_assert_uint_eq(get(r, 0, PORT_DEVFN + f, EXP + EXPRESS_SLTCTL, 2), f ? 1 << 10 : 0);
	}
	rig_free(r);
}
END_TEST

START_TEST(slot_power)
{
	struct rig *r = rig_new();

	open_all(r, PORT_DEVFN, 3, 0);
	set(r, 0, PORT_DEVFN, 0x90, 4, 0xfee00000);
	set(r, 0, PORT_DEVFN, 0x98, 2, 0x0031);
	set(r, 0, PORT_DEVFN, 0x8e, 2, 1);
	set(r, 0, PORT_DEVFN, PCI_COMMAND, 2, 7);
	// Link change enabled, hot-plug interrupt on; then power off.
	set(r, 0, PORT_DEVFN, EXP + EXPRESS_SLTCTL, 2, 1 << 12 | 1 << 5 | 1 << 10);
	ck_assert_uint_eq(r->w->messages, 1);
	ck_assert_uint_eq(r->w->msi_data, 0x31);
	ck_assert(!mem_answers(r));
	ck_assert_uint_eq(get(r, 3, 0, PCI_VENDOR, 2), 0xffff);
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN, EXP + EXPRESS_LNKSTA, 2), 0x0202);
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN, EXP + EXPRESS_SLTSTA, 2), 1 << 6 | 1 << 8);
	// The event is still pending: no second message for the same.
	r->resets = 0;
	set(r, 0, PORT_DEVFN, EXP + EXPRESS_SLTCTL, 2, 1 << 12 | 1 << 5);
	ck_assert_uint_eq(r->w->messages, 1);
	ck_assert_uint_eq(r->resets, 1);
	ck_assert_uint_eq(get(r, 3, 0, PCI_VENDOR, 2), 0x15ad);
	ck_assert(!mem_answers(r));                             // the function was reset
	set(r, 0, PORT_DEVFN, EXP + EXPRESS_SLTSTA, 2, 1 << 8);
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN, EXP + EXPRESS_SLTSTA, 2), 1 << 6);
	set(r, 0, PORT_DEVFN, EXP + EXPRESS_LNKCTL, 2, 1 << 4); // link disable does the same
	ck_assert_uint_eq(r->w->messages, 2);
	ck_assert_uint_eq(get(r, 3, 0, PCI_VENDOR, 2), 0xffff);
	// Power for an empty slot brings no link.
	set(r, 0, PORT_DEVFN + 1, EXP + EXPRESS_SLTCTL, 2, 0);
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN + 1, EXP + EXPRESS_SLTSTA, 2), 0);
	rig_free(r);
}
END_TEST

// Messages for what happens in the slot of FUNCTION; everything that a slot can tell is enabled.
static void listen(struct rig *r, unsigned function, unsigned control)
{
	set(r, 0, PORT_DEVFN + function, 0x90, 4, 0xfee00000);
	set(r, 0, PORT_DEVFN + function, 0x98, 2, 0x0031 + function);
	set(r, 0, PORT_DEVFN + function, 0x8e, 2, 1);
	set(r, 0, PORT_DEVFN + function, PCI_COMMAND, 2, 7);
	set(r, 0, PORT_DEVFN + function, EXP + EXPRESS_SLTCTL, 2, 1 << 12 | 1 << 5 | 1 << 3 | 1 | control);
}

START_TEST(card_comes)
{
	struct rig *r = rig_new();
	struct pci_dev card;
	unsigned status = EXP + EXPRESS_SLTSTA;

	listen(r, 1, 1 << 10);
	set(r, 0, PORT_DEVFN + 1, PCI_PRIMARY, 4, 0x040400);
	r->w->messages = 0;
	pci_root_hot(r->w->p.pci, true);
	add_function(r, &card, root_port_bus(r->ports, 1), 0, 0);
	pci_root_hot(r->w->p.pci, false);
	ck_assert_uint_eq(r->w->messages, 1);
	ck_assert_uint_eq(r->w->msi_data, 0x32);
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN + 1, status, 2), 1 << 6 | 1 << 3 | 1);
	// The guest's settings are as they were: the slot is dark until it switches it on.
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN + 1, EXP + EXPRESS_SLTCTL, 2), 1 << 12 | 1 << 5 | 1 << 3 | 1 | 1 << 10);
	ck_assert_uint_eq(get(r, 4, 0, PCI_VENDOR, 2), 0xffff);
	set(r, 0, PORT_DEVFN + 1, status, 2, 1 << 3 | 1);
	listen(r, 1, 0);
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN + 1, status, 2), 1 << 6 | 1 << 8);
	ck_assert_uint_eq(r->w->messages, 2);
	ck_assert_uint_eq(get(r, 4, 0, PCI_VENDOR, 2), 0x15ad);
	// At the next power-on it is there from the start.
	root_port_class.reset(r->ports);
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN + 1, status, 2), 1 << 6);
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN + 1, EXP + EXPRESS_SLTCTL, 2), 0);
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN + 1, EXP + EXPRESS_LNKSTA, 2), 0x2202);
	pci_detach(&card);
	// Into a slot that is on: no button, the link comes up.
	listen(r, 1, 0);
	set(r, 0, PORT_DEVFN + 1, status, 2, 0x10f);
	set(r, 0, PORT_DEVFN + 1, PCI_PRIMARY, 4, 0x040400);
	pci_root_hot(r->w->p.pci, true);
	add_function(r, &card, root_port_bus(r->ports, 1), 0, 0);
	pci_root_hot(r->w->p.pci, false);
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN + 1, status, 2), 1 << 6 | 1 << 3 | 1 << 8);
	ck_assert_uint_eq(get(r, 4, 0, PCI_VENDOR, 2), 0x15ad);
	pci_detach(&card);
	rig_free(r);
}
END_TEST

START_TEST(card_goes)
{
	struct rig *r = rig_new();
	unsigned status = EXP + EXPRESS_SLTSTA;

	open_all(r, PORT_DEVFN, 3, 0);
	listen(r, 0, 1 << 10);                          // by itself, switching off means nothing
	ck_assert_uint_eq(r->slot_let_go, 0);
	listen(r, 0, 0);
	set(r, 0, PORT_DEVFN, status, 2, 0x10f);
	r->w->messages = 0;
	ck_assert(root_port_press_button(r->ports, 0));
	ck_assert_uint_eq(r->w->messages, 1);
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN, status, 2), 1 << 6 | 1);
	ck_assert_uint_eq(get(r, 3, 0, PCI_VENDOR, 2), 0x15ad);
	set(r, 0, PORT_DEVFN, status, 2, 1);
	ck_assert_uint_eq(r->slot_let_go, 0);
	listen(r, 0, 1 << 10);
	ck_assert_uint_eq(r->slot_let_go, 160);
	set(r, 0, PORT_DEVFN, status, 2, 0x10f);
	pci_detach(&r->express);
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN, status, 2), 1 << 3);
	root_port_class.reset(r->ports);
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN, status, 2), 0);
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN, EXP + EXPRESS_SLTCTL, 2), 1 << 10);
	// Nobody listens, and nothing is in the slot.
	ck_assert(!root_port_press_button(r->ports, 0));
	r->slot_let_go = 0;
	set(r, 0, PORT_DEVFN, EXP + EXPRESS_SLTCTL, 2, 1 << 10);
	ck_assert_uint_eq(r->slot_let_go, 0);
	rig_free(r);
}
END_TEST

// Pulled out without a word: the link goes with it.
START_TEST(card_is_pulled)
{
	struct rig *r = rig_new();

	open_all(r, PORT_DEVFN, 3, 0);
	listen(r, 0, 0);
	r->w->messages = 0;
	pci_detach(&r->express);
	ck_assert_uint_eq(r->w->messages, 1);
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN, EXP + EXPRESS_SLTSTA, 2), 1 << 3 | 1 << 8);
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN, EXP + EXPRESS_LNKSTA, 2), 0x0202);
	ck_assert(!mem_answers(r));
	rig_free(r);
}
END_TEST

START_TEST(port_saved)
{
	struct rig *r = rig_new();
	struct pci_dev *port = root_port_dev(r->ports, 0);
	struct pci_saved saved;

	open_all(r, PORT_DEVFN, 3, 0);
	set(r, 0, PORT_DEVFN, EXP + EXPRESS_SLTCTL, 2, 1 << 10);
	pci_dev_save(port, &saved);
	root_port_class.reset(r->ports);
	pci_dev_restore(port, &saved);
	root_port_class.loaded(r->ports);
	ck_assert_uint_eq(get(r, 3, 0, PCI_VENDOR, 2), 0xffff);
	set(r, 0, PORT_DEVFN, EXP + EXPRESS_SLTCTL, 2, 0);
	ck_assert_uint_eq(get(r, 3, 0, PCI_VENDOR, 2), 0x15ad);
	rig_free(r);
}
END_TEST

START_TEST(port_arguments)
{
	struct rig *r = rig_new();
	struct root_port *other;

	ck_assert_int_lt(root_port_create(pci_root_bus(r->w->p.pci), &(struct root_port_args){ .device = 3 }, &other,
					  NULL), 0);
	ck_assert_int_lt(root_port_create(pci_root_bus(r->w->p.pci),
					  &(struct root_port_args){ .device = 0x15, .functions = 2 }, &other, NULL), 0);
	ck_assert_ptr_null(root_port_bus(r->ports, 8));
	ck_assert_ptr_null(root_port_dev(r->ports, 8));
	rig_free(r);
}
END_TEST

// While the firmware is at work the I/O BAR is not there; then it has an address, and the port a window.
START_TEST(late_io)
{
	struct rig *r = rig_new();
	pthread_mutex_t *lock = pci_root_lock(r->w->p.pci);

	r->express.late_io = r->legacy.late_io = true;
	open_all(r, PORT_DEVFN, 3, 0);
	open_all(r, BRIDGE_DEVFN, 2, DEVFN(1, 0));
	set(r, 0, PORT_DEVFN, PCI_IO_BASE, 2, 0x40f0);
	set(r, 3, 0, 0x14, 4, 0);
	pthread_mutex_lock(lock);
	pci_root_set_post(r->w->p.pci, true);
	pthread_mutex_unlock(lock);
	set(r, 3, 0, 0x14, 4, UINT32_MAX);
	ck_assert_uint_eq(get(r, 3, 0, 0x14, 4), 0);
	ck_assert_uint_eq(get(r, 3, 0, 0x12, 4), MEM_AT >> 16);         // only the BAR's own bytes
	ck_assert_uint_eq(get(r, 3, 0, 0x10, 4), MEM_AT);
	ck_assert_uint_eq(get(r, 2, DEVFN(1, 0), 0x14, 4), IO_AT | 1);  // conventional: not hidden
	set(r, 2, DEVFN(1, 0), 0x14, 4, 0xc000);
	// A restored machine keeps what it had.
	pthread_mutex_lock(lock);
	pci_root_restore_post(r->w->p.pci, false);
	pthread_mutex_unlock(lock);
	ck_assert_uint_eq(get(r, 3, 0, 0x14, 4), 1);
	pthread_mutex_lock(lock);
	pci_root_restore_post(r->w->p.pci, true);
	pci_root_set_post(r->w->p.pci, false);
	pthread_mutex_unlock(lock);
	ck_assert_uint_eq(get(r, 3, 0, 0x14, 4), 0x4001);
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN, PCI_IO_BASE, 2), 0x4040);
	ck_assert_uint_eq(get(r, 0, PORT_DEVFN + 1, PCI_IO_BASE, 2), 0);
	ck_assert_uint_eq(get(r, 2, DEVFN(1, 0), 0x14, 4), 0xc001);
	ck_assert(io_answers(r));
	rig_free(r);
}
END_TEST

// --- the PCI bridge ----------------------------------------------------------------------------------

START_TEST(bridge_configuration)
{
	struct rig *r = rig_new();

	ck_assert_uint_eq(get(r, 0, BRIDGE_DEVFN, 0, 4), 0x079015ad);
	ck_assert_uint_eq(get(r, 0, BRIDGE_DEVFN, 8, 4), 0x06040102);
	ck_assert_uint_eq(get(r, 0, BRIDGE_DEVFN, PCI_SECONDARY_LATENCY, 1), 68);
	ck_assert_uint_eq(get(r, 0, BRIDGE_DEVFN, 0x34, 1), 0x40);
	ck_assert_uint_eq(get(r, 0, BRIDGE_DEVFN, 0x40, 4), 0x0000000d);
	ck_assert_uint_eq(get(r, 0, BRIDGE_DEVFN, 0x44, 4), 0x079015ad);
	set(r, 0, BRIDGE_DEVFN, 0x10, 4, UINT32_MAX);
	ck_assert_uint_eq(get(r, 0, BRIDGE_DEVFN, 0x10, 4), 0);
	rig_free(r);
}
END_TEST

START_TEST(bridge_of_version_6)
{
	struct chipset_world *w = world_chipset(false, true);
	struct vmware_bridge *b;

	ck_assert_int_eq(vmware_bridge_create(pci_root_bus(w->p.pci), BRIDGE_DEVFN, 6, &b, NULL), 0);
	world_set(w, BRIDGE_DEVFN, 0x10, 4, UINT32_MAX);
	ck_assert_uint_eq(world_cfg(w, 0x11, 0, 0x10, 4), 0xfffff004);
	ck_assert_uint_eq(world_cfg(w, 0x11, 0, PCI_INTERRUPT_PIN, 1), 1);
	vmware_bridge_class.destroy(b);
	world_free(w);
}
END_TEST

// --- configuration space -----------------------------------------------------------------------------

static uint32_t ecam(struct rig *r, unsigned bus, unsigned devfn, unsigned off, unsigned size)
{
	uint8_t b[8] = { 0 };

	bus_read(r->w->p.mmio, ECAM_BASE + (bus << 20 | devfn << 12 | off), b, size);
	return (uint32_t)get_le(b, size);
}

START_TEST(extended_space)
{
	struct rig *r = rig_new();
	uint8_t b[4] = { 0xff, 0xff, 0xff, 0xff };

	open_all(r, PORT_DEVFN, 3, 0);
	open_all(r, BRIDGE_DEVFN, 2, DEVFN(1, 0));
	ck_assert_uint_eq(ecam(r, 0, 0, 0, 4), 0x71908086);
	ck_assert_uint_eq(ecam(r, 3, 0, 0, 2), 0x15ad);
	ck_assert_uint_eq(ecam(r, 3, 0, 0x100, 4), 0x10c10003);
	ck_assert_uint_eq(ecam(r, 3, 0, 0x104, 4), 0x11223344);
	ck_assert_uint_eq(ecam(r, 3, 0, 0x108, 4), 0x55667788);
	ck_assert_uint_eq(ecam(r, 3, 0, 0x10c, 4), 0x0001000b);
	ck_assert_uint_eq(ecam(r, 3, 0, 0xffc, 4), 0);
	ck_assert_uint_eq(ecam(r, 0, PORT_DEVFN, 0x100, 4), 0);
	// Conventional functions have none, and nobody is nobody.
	ck_assert_uint_eq(ecam(r, 2, DEVFN(1, 0), 0x100, 4), UINT32_MAX);
	ck_assert_uint_eq(ecam(r, 2, DEVFN(1, 0), 0xfc, 4), 0);
	ck_assert_uint_eq(ecam(r, 0x7f, 0, 0, 4), UINT32_MAX);
	bus_write(r->w->p.mmio, ECAM_BASE + (3 << 20) + 0x104, b, 4);
	ck_assert_uint_eq(ecam(r, 3, 0, 0x104, 4), 0x11223344);
	b[0] = 0x12;
	bus_write(r->w->p.mmio, ECAM_BASE + (3 << 20) + PCI_INTERRUPT_LINE, b, 1);
	ck_assert_uint_eq(get(r, 3, 0, PCI_INTERRUPT_LINE, 1), 0x12);
	// The host bridge says where the window is.
	ck_assert_uint_eq(get(r, 0, 0, 0xc4, 4), 0xe0000003);
	rig_free(r);
}
END_TEST

START_TEST(function_level_reset)
{
	struct rig *r = rig_new();

	open_all(r, PORT_DEVFN, 3, 0);
	r->resets = 0;
	set(r, 3, 0, 0x40 + EXPRESS_DEVCTL, 2, 0x2810);
	ck_assert_uint_eq(r->resets, 0);
	ck_assert_uint_eq(get(r, 3, 0, 0x40 + EXPRESS_DEVCTL, 2), 0x2810);
	set(r, 3, 0, 0x40 + EXPRESS_DEVCTL + 1, 1, 0x80);
	ck_assert_uint_eq(r->resets, 1);
	ck_assert_uint_eq(get(r, 3, 0, 0x40 + EXPRESS_DEVCTL, 2), 0);
	ck_assert(!mem_answers(r));
	rig_free(r);
}
END_TEST

START_TEST(no_ecam_unasked)
{
	struct chipset_world *w = world_chipset(false, true);
	uint8_t b[4];

	ck_assert(!bus_read(w->p.mmio, ECAM_BASE, b, 4));
	ck_assert(!i440bx_has_ecam(w->bx));
	ck_assert_uint_eq(world_cfg(w, 0, 0, 0xc4, 4), 0);
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bridges");
	TCase *tc = tcase_create("bridges");

	tcase_add_test(tc, windows_open_and_close);
	tcase_add_test(tc, isa_bit);
	tcase_add_test(tc, subtractive);
	tcase_add_test(tc, power_state_of_the_bridge);
	tcase_add_test(tc, reset_closes);
	tcase_add_test(tc, port_configuration);
	tcase_add_test(tc, slot_power);
	tcase_add_test(tc, card_comes);
	tcase_add_test(tc, card_goes);
	tcase_add_test(tc, card_is_pulled);
	tcase_add_test(tc, port_saved);
	tcase_add_test(tc, port_arguments);
	tcase_add_test(tc, late_io);
	tcase_add_test(tc, bridge_configuration);
	tcase_add_test(tc, bridge_of_version_6);
	tcase_add_test(tc, extended_space);
	tcase_add_test(tc, function_level_reset);
	tcase_add_test(tc, no_ecam_unasked);
	suite_add_tcase(s, tc);
	return world_run(s);
}
