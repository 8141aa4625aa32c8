// acpi_pci.c: bridges of bus 0 and the slots behind them, for the SSDT.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// As VMware's name space has them: P2P0 with S1F0..S32F behind the PCI bridge, PE40..PE77 with one S1F0 each behind
// the root ports. Guests make interface names of the slots' _SUN, so every number is there once.
#include <stdio.h>
#include <string.h>

#include "hw/firmware/acpi_tables.h"
#include "hw/firmware/aml.h"

enum {
	BUS_DEVICES = 32,
	PINS = 4,
	FIRST_GSI = 16,
	WAKE_GPE = 3,
	WAKE_STATE = 3,
	LABEL_MAX = 16,
};

// --- interrupts ----------------------------------------------------------------------------------------

// One row: pin PIN of device DEVICE reaches link or input number LINK.
static void put_route(struct blob *b, unsigned device, unsigned pin, unsigned link, bool apic)
{
	static const char *const links[PINS] = {
		"\\_SB.PCI0.LNKA", "\\_SB.PCI0.LNKB", "\\_SB.PCI0.LNKC", "\\_SB.PCI0.LNKD",
	};
	struct aml_mark row = aml_open_package(b, PINS);

	aml_int(b, device << 16 | 0xffff);
	aml_int(b, pin);
	if (apic)
		aml_int(b, 0);
	else
		aml_path(b, links[link]);
	aml_int(b, apic ? FIRST_GSI + link : 0);
	aml_close(b, row);
}

// Pins behind a bridge turn with the device, then the bridge's own place turns them on.
static void put_routes(struct blob *b, unsigned bridge_device, unsigned devices, bool apic)
{
	struct aml_mark list = aml_open_package(b, devices * PINS);

	for (unsigned device = 0; device < devices; device++) {
		for (unsigned pin = 0; pin < PINS; pin++)
			put_route(b, device, pin, (bridge_device + (device + pin) % PINS + 1) % PINS, apic);
	}
	aml_close(b, list);
}

// DEVICES devices behind the bridge; the tables are names, so that no method makes them anew.
static void put_prt(struct blob *b, unsigned bridge_device, unsigned devices)
{
	struct aml_mark method, apic;

	aml_name(b, "PRTP");
	put_routes(b, bridge_device, devices, false);
	aml_name(b, "PRTA");
	put_routes(b, bridge_device, devices, true);
	method = aml_open_method(b, "_PRT", 0);
	apic = aml_open_if(b);
	aml_path(b, "\\PICM");
	aml_return(b);
	aml_path(b, "PRTA");
	aml_close(b, apic);
	aml_return(b);
	aml_path(b, "PRTP");
	aml_close(b, method);
}

// --- slots ---------------------------------------------------------------------------------------------

static const struct acpi_label *find_label(const struct acpi_args *args, unsigned bridge_devfn, unsigned device)
{
	for (unsigned i = 0; i < args->label_count; i++) {
		const struct acpi_label *l = &args->labels[i];

		if (l->bridge_devfn == bridge_devfn && l->device == device)
			return l;
	}
	return NULL;
}

// Index and name, the name in UTF-16 with its NUL.
static void put_label(struct blob *b, const struct acpi_label *l)
{
	uint8_t text[2 * LABEL_MAX] = { 0 };
	size_t n = strnlen(l->name, LABEL_MAX - 1);
	struct aml_mark package;

	for (size_t i = 0; i < n; i++)
		text[2 * i] = (uint8_t)l->name[i];
	package = aml_open_package(b, 2);
	aml_int(b, l->index);
	aml_buffer(b, text, 2 * (n + 1));
	aml_close(b, package);
}

static void put_dsm(struct blob *b, const struct acpi_label *l)
{
	struct aml_mark method = aml_open_method(b, "_DSM", 4);

	aml_return(b);
	aml_path(b, "\\_SB.PCI0.SDSM");
	for (unsigned i = 0; i < 3; i++)
		aml_arg(b, i);
	if (l)
		put_label(b, l);
	else
		aml_int(b, 0);
	aml_close(b, method);
}

// Whoever answers for the function is there.
static void put_sta(struct blob *b)
{
	struct aml_mark method, nobody;

	aml_pci_region(b, "REGS", 0, 4);
	aml_word_field(b, "REGS", "VEND", 16);
	method = aml_open_method(b, "_STA", 0);
	nobody = aml_open_if(b);
	aml_equal(b);
	aml_path(b, "VEND");
	aml_int(b, 0xffff);
	aml_return(b);
	aml_int(b, 0);
	aml_close(b, nobody);
	aml_return(b);
	aml_int(b, 0x0f);
	aml_close(b, method);
}

static void put_prw(struct blob *b)
{
	struct aml_mark package;

	aml_name(b, "_PRW");
	package = aml_open_package(b, 2);
	aml_int(b, WAKE_GPE);
	aml_int(b, WAKE_STATE);
	aml_close(b, package);
}

static void put_adr(struct blob *b, unsigned device, unsigned function)
{
	aml_name(b, "_ADR");
	aml_int(b, device << 16 | function);
}

static void slot_name(char name[8], unsigned device)
{
	snprintf(name, 8, device < 9 ? "S%uF0" : "S%uF", device % BUS_DEVICES + 1);
}

// Tells the machine that the guest has let go of what is in the slot. A root port hears it from its slot control as
// well; the method is what makes older guests list the slot.
static void put_eject(struct blob *b, unsigned number)
{
	struct aml_mark method = aml_open_method(b, "_EJ0", 1);

	aml_store(b);
	aml_int(b, number);
	aml_path(b, "\\_SB.PCI0.HPSL");
	aml_close(b, method);
}

static void put_slot(struct blob *b, unsigned device, unsigned number, const struct acpi_label *l)
{
	struct aml_mark slot;
	char name[8];

	slot_name(name, device);
	slot = aml_open_device(b, name);
	put_adr(b, device, 0);
	aml_name(b, "_SUN");
	aml_int(b, number);
	put_sta(b);
	put_eject(b, number);
	put_dsm(b, l);
	put_prw(b);
	aml_close(b, slot);
}

// --- bridges -------------------------------------------------------------------------------------------

// What cards that are plugged in get: cache line, latency, SERR, parity.
static void put_hpp(struct blob *b)
{
	static const uint8_t values[] = { 8, 0x40, 1, 0 };
	struct aml_mark package;

	aml_name(b, "_HPP");
	package = aml_open_package(b, sizeof(values));
	for (size_t i = 0; i < sizeof(values); i++)
		aml_int(b, values[i]);
	aml_close(b, package);
}

// HPNT(slot number, what): notifies the slot's device.
static void put_notify(struct blob *b, unsigned first)
{
	struct aml_mark method = aml_open_method(b, "HPNT", 2), this_one;
	char name[8];

	for (unsigned i = 0; i < BUS_DEVICES; i++) {
		this_one = aml_open_if(b);
		aml_equal(b);
		aml_arg(b, 0);
		aml_int(b, first + i);
		slot_name(name, i);
		aml_notify(b, name);
		aml_arg(b, 1);
		aml_close(b, this_one);
	}
	aml_close(b, method);
}

static void put_pci_bridge(struct blob *b, const struct acpi_args *args, const struct acpi_bridge *bridge)
{
	struct aml_mark device;
	char name[8];

	snprintf(name, sizeof(name), "P2P%u", bridge->index % 10);
	device = aml_open_device(b, name);
	put_adr(b, bridge->device, 0);
	put_hpp(b);
	aml_close(b, aml_open_method(b, "OSHP", 0));
	put_prw(b);
	put_prt(b, bridge->device, BUS_DEVICES);
	for (unsigned i = 0; i < BUS_DEVICES; i++)
		put_slot(b, i, bridge->slot + i, find_label(args, (unsigned)bridge->device << 3, i));
	put_notify(b, bridge->slot);
	aml_close(b, device);
}

static void put_root_port(struct blob *b, const struct acpi_args *args, const struct acpi_bridge *bridge,
			  unsigned function)
{
	struct aml_mark device;
	char name[8];

	snprintf(name, sizeof(name), "PE%u%u", bridge->index % 10, function % 10);
	device = aml_open_device(b, name);
	put_adr(b, bridge->device, function);
	put_prt(b, bridge->device, 1);
	put_slot(b, 0, bridge->slot + function, find_label(args, (unsigned)bridge->device << 3 | function, 0));
	aml_close(b, device);
}

// General purpose event 1: hands the requests out until there are no more.
static void put_event(struct blob *b, const struct acpi_args *args)
{
	struct aml_mark scope = aml_open_scope(b, "\\_GPE"), method = aml_open_method(b, "_L01", 0), loop;

	loop = aml_open_while(b);
	aml_store(b);
	aml_path(b, "\\_SB.PCI0.HPCM");
	aml_local(b, 0);
	for (unsigned i = 0; i < args->bridge_count; i++) {
		char path[32];

		if (args->bridges[i].functions)
			continue;
		snprintf(path, sizeof(path), "\\_SB.PCI0.P2P%u.HPNT", args->bridges[i].index % 10);
		aml_path(b, path);
		aml_path(b, "\\_SB.PCI0.HPSL");
		aml_local(b, 0);
	}
	aml_close(b, loop);
	aml_close(b, method);
	aml_close(b, scope);
}

void acpi_put_bridges(struct blob *b, const struct acpi_args *args)
{
	struct aml_mark scope;

	if (!args->bridge_count)
		return;
	put_event(b, args);
	scope = aml_open_scope(b, "\\_SB.PCI0");
	for (unsigned i = 0; i < args->bridge_count; i++) {
		const struct acpi_bridge *bridge = &args->bridges[i];

		if (!bridge->functions)
			put_pci_bridge(b, args, bridge);
		for (unsigned f = 0; f < bridge->functions; f++)
			put_root_port(b, args, bridge, f);
	}
	aml_close(b, scope);
}
