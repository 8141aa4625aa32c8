// acpi_genid.c: AML of the VM generation ID device. vmware-hardware 4.3.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/firmware/acpi_genid.h"

#include "hw/firmware/aml.h"

enum { NOTIFY_CHANGED = 0x80 };

#define DEVICE "\\_SB_.PCI0.VMGC"

// ADDR gives the address in two halves: integers of an old system have 32 bits.
static void put_device(struct blob *b, uint64_t address)
{
	struct aml_mark scope = aml_open_scope(b, "\\_SB_.PCI0"), device = aml_open_device(b, "VMGC"), inner, package;

	aml_name(b, "_HID");
	aml_string(b, "VMW0001");
	aml_name(b, "_CID");
	aml_string(b, "VM_Gen_Counter");
	aml_name(b, "_DDN");
	aml_string(b, "VM_Gen_Counter");
	inner = aml_open_method(b, "ADDR", 0);
	aml_return(b);
	package = aml_open_package(b, 2);
	aml_int(b, (uint32_t)address);
	aml_int(b, address >> 32);
	aml_close(b, package);
	aml_close(b, inner);
	aml_close(b, device);
	aml_close(b, scope);
}

static void put_event(struct blob *b)
{
	struct aml_mark scope = aml_open_scope(b, "\\_GPE"), method = aml_open_method(b, "_E02", 0);

	aml_notify(b, DEVICE);
	aml_int(b, NOTIFY_CHANGED);
	aml_close(b, method);
	aml_close(b, scope);
}

void acpi_put_genid(struct blob *b, const struct acpi_args *args)
{
	if (!args->genid)
		return;
	put_device(b, args->genid);
	put_event(b);
}
