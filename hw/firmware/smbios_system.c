// smbios_system.c: SMBIOS structures of BIOS, system, board, chassis, connectors and slots; the last ones.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include <string.h>

#include "hw/firmware/smbios_writer.h"

// Of the BIOS that current VMware products carry, whatever the hardware version.
#define BIOS_DATE "11/12/2020"

// --- 0 to 3 ------------------------------------------------------------------------------------------

#define BIT(n) (UINT64_C(1) << (n))

enum bios_values {
	BIOS_SEGMENT = 0xea49,
	BIOS_EXT1_ACPI = 1u << 0, BIOS_EXT1_BATTERY = 1u << 7,
	BIOS_EXT2_BBS = 1u << 0, BIOS_EXT2_NETBOOT_KEY = 1u << 1, BIOS_EXT2_TARGETED = 1u << 2,
};

static void put_bios(struct smb *s)
{
	// ISA, PCI, PC Card, PNP, APM, upgradeable, shadowing; ESCD, boot from CD, selectable boot, EDD;
	// print screen, 8042, serial, printer, CGA and mono video services.
	static const uint64_t characteristics =
		BIT(4) | BIT(7) | BIT(8) | BIT(9) | BIT(10) | BIT(11) | BIT(12) |
		BIT(14) | BIT(15) | BIT(16) | BIT(19) |
		BIT(26) | BIT(27) | BIT(28) | BIT(29) | BIT(30);

	smb_begin(s, 0);
	smb_string(s, "Phoenix Technologies LTD");
	smb_string(s, "6.00");
	blob_u16(&s->b, BIOS_SEGMENT);
	smb_string(s, BIOS_DATE);
	blob_u8(&s->b, 0);              // ROM size: 64 KiB
	blob_u64(&s->b, characteristics);
	blob_u8(&s->b, BIOS_EXT1_ACPI | BIOS_EXT1_BATTERY);
	blob_u8(&s->b, BIOS_EXT2_BBS | BIOS_EXT2_NETBOOT_KEY | BIOS_EXT2_TARGETED);
	blob_u8(&s->b, 4);              // BIOS 4.6
	blob_u8(&s->b, 6);
	blob_u16(&s->b, 0);             // embedded controller 0.0
	smb_end(s);
}

// "56 4d .. ..-.. .. .. ..": eight bytes, a dash, eight bytes.
static void format_uuid(char *out, size_t size, const uint8_t *uuid)
{
	size_t n = 0;

	for (unsigned i = 0; i < 16 && n < size; i++) {
		const char *before = i == 0 ? "" : i == 8 ? "-" : " ";

		n += (size_t)snprintf(out + n, size - n, "%s%02x", before, uuid[i]);
	}
}

// The short form's letters behind "VM" are Berth's choice: VMware's are not known.
static void make_serial(const struct smbios_args *args, char *out, size_t size)
{
	const uint8_t *u = args->uuid;
	char text[64];

	if (args->uuid_text)
		snprintf(text, sizeof(text), "%s", args->uuid_text);
	else
		format_uuid(text, sizeof(text), u);
	if (args->serial)
		snprintf(out, size, "%s", args->serial);
	else if (args->short_serial)
		snprintf(out, size, "VM%02X%02X%02X%02X%02X", u[11], u[12], u[13], u[14], u[15]);
	else
		snprintf(out, size, "VMware-%s", text);
}

static void put_system(struct smb *s)
{
	const struct smbios_args *args = s->args;
	char serial[80];

	make_serial(args, serial, sizeof(serial));
	smb_begin(s, 1);
	smb_string(s, args->manufacturer ? args->manufacturer : "VMware, Inc.");
	smb_string(s, args->product ? args->product : "VMware Virtual Platform");
	smb_string(s, "None");
	smb_string(s, serial);
	blob_put(&s->b, args->uuid, 16);
	blob_u8(&s->b, 6);              // woken by the power switch
	blob_u16(&s->b, 0);             // no SKU, no family
	smb_end(s);
}

static void put_board(struct smb *s)
{
	smb_begin(s, 2);
	smb_string(s, "Intel Corporation");
	smb_string(s, s->args->board ? s->args->board : "440BX Desktop Reference Platform");
	smb_string(s, "None");
	smb_string(s, "None");
	blob_u8(&s->b, 0);              // asset tag
	blob_u8(&s->b, 0);              // features
	blob_u8(&s->b, 0);              // location
	blob_u16(&s->b, smb_handle_ahead(s, 1));
	blob_u8(&s->b, 1);              // type unknown
	blob_u8(&s->b, 0);
	smb_end(s);
}

static void put_chassis(struct smb *s)
{
	enum { OTHER = 1, SAFE = 3, NONE = 3 };

	smb_begin(s, 3);
	smb_string(s, "No Enclosure");
	blob_u8(&s->b, OTHER);
	smb_string(s, "N/A");
	smb_string(s, "None");
	smb_string(s, "No Asset Tag");
	blob_u8(&s->b, SAFE);           // boot-up, power supply, thermal
	blob_u8(&s->b, SAFE);
	blob_u8(&s->b, SAFE);
	blob_u8(&s->b, NONE);           // security
	blob_u32(&s->b, 0x1234);        // OEM-defined
	blob_zero(&s->b, 4);            // height, power cords, contained elements
	smb_end(s);
}

void smb_put_system(struct smb *s)
{
	put_bios(s);
	put_system(s);
	put_board(s);
	put_chassis(s);
}

// --- 8 and 9: connectors and slots -------------------------------------------------------------------

enum connector { CONN_NONE = 0x00, CONN_DB25_FEMALE = 0x05, CONN_DB9_MALE = 0x08, CONN_DIN8_MALE = 0x14,
		 CONN_9_INLINE = 0x18, CONN_25_INLINE = 0x19 };
enum port_type { PORT_ECP_EPP = 0x05, PORT_16550A = 0x09, PORT_KEYBOARD = 0x0d, PORT_MOUSE = 0x0e };

static const struct connection {
	const char *inside, *outside;
	uint8_t inside_kind, outside_kind, port;
} connections[] = {
	{ "J19", "COM 1", CONN_9_INLINE, CONN_DB9_MALE, PORT_16550A },
	{ "J23", "Parallel", CONN_25_INLINE, CONN_DB25_FEMALE, PORT_ECP_EPP },
	{ "J11", "Keyboard", CONN_NONE, CONN_DIN8_MALE, PORT_KEYBOARD },
	{ "J12", "PS/2 Mouse", CONN_NONE, CONN_DIN8_MALE, PORT_MOUSE },
};

static void put_connector(struct smb *s, const struct connection *c)
{
	smb_begin(s, 8);
	smb_string(s, c->inside);
	blob_u8(&s->b, c->inside_kind);
	smb_string(s, c->outside);
	blob_u8(&s->b, c->outside_kind);
	blob_u8(&s->b, c->port);
	smb_end(s);
}

enum slot_values {
	SLOT_ISA = 3, SLOT_PCI = 6,
	SLOT_16_BIT = 4, SLOT_32_BIT = 5,
	SLOT_UNKNOWN = 2, SLOT_AVAILABLE = 3, SLOT_IN_USE = 4,
	SLOT_SHORT = 3, SLOT_LONG = 4,
	SLOT_5V = 1u << 1, SLOT_3V3 = 1u << 2,
};

// DEVICE: the PCI device number on bus 0, or 0 for ISA.
static const struct slot { const char *name; uint8_t id, device, usage; } slots[] = {
	{ "ISA Slot J8", 0, 0, SLOT_UNKNOWN },
	{ "ISA Slot J9", 0, 0, SLOT_UNKNOWN },
	{ "ISA Slot J10", 0, 0, SLOT_UNKNOWN },
	{ "PCI Slot J11", 1, 0x0f, SLOT_IN_USE },
	{ "PCI Slot J12", 2, 0x10, SLOT_IN_USE },
	{ "PCI Slot J13", 3, 0x11, SLOT_IN_USE },
	{ "PCI Slot J14", 4, 0x12, SLOT_AVAILABLE },
};

static void put_slot(struct smb *s, const struct slot *slot)
{
	bool pci = slot->device != 0;

	smb_begin(s, 9);
	smb_string(s, slot->name);
	blob_u8(&s->b, pci ? SLOT_PCI : SLOT_ISA);
	blob_u8(&s->b, pci ? SLOT_32_BIT : SLOT_16_BIT);
	blob_u8(&s->b, slot->usage);
	blob_u8(&s->b, pci ? SLOT_LONG : SLOT_SHORT);
	blob_u16(&s->b, slot->id);
	blob_u8(&s->b, pci ? SLOT_5V | SLOT_3V3 : SLOT_5V);
	blob_u8(&s->b, 0);
	if (s->v27) {
		blob_u16(&s->b, pci ? 0 : 0xffff);
		blob_u8(&s->b, pci ? 0 : 0xff);
		blob_u8(&s->b, pci ? slot->device << 3 : 0xff);
	}
	smb_end(s);
}

// --- 10, 11, 15 --------------------------------------------------------------------------------------

static void put_onboard(struct smb *s)
{
	enum { VIDEO = 3, SOUND = 7 };  // bit 7, enabled, is clear

	smb_begin(s, 10);
	blob_u8(&s->b, VIDEO);
	smb_string(s, "VMware SVGA II");
	blob_u8(&s->b, SOUND);
	smb_string(s, "ES1371");
	smb_end(s);
}

// The strings are not numbered inside the structure, only counted.
static void put_oem_strings(struct smb *s)
{
	const char *list[3];
	unsigned n = 0;

	if (!s->args->no_oem_strings) {
		list[n++] = "[MS_VM_CERT/SHA1/27d66596a61c48dd3dc7216fd715126e33f59ae7]";
		list[n++] = "Welcome to the Virtual Machine";
	}
	if (s->args->host_vendor)
		list[n++] = s->args->host_vendor;
	if (!n)
		return;
	smb_begin(s, 11);
	blob_u8(&s->b, n);
	memcpy(s->strings, list, n * sizeof(*list));
	s->string_count = n;
	smb_end(s);
}

static void put_event_log(struct smb *s)
{
	enum { AREA = 16, BY_NV_SERVICE = 4, FULL = 2, TOKEN = 0x36 };
	// What can be logged, and what is then stored with it.
	static const uint8_t kinds[][2] = {
		{ 0x08, 0x04 },         // POST error: bitmap of POST results
		{ 0x01, 0x02 },         // single-bit memory error: events of one kind
		{ 0x02, 0x02 },         // multi-bit memory error: events of one kind
	};

	smb_begin(s, 15);
	blob_u16(&s->b, AREA);
	blob_u16(&s->b, 0);             // header at
	blob_u16(&s->b, AREA);          // data at
	blob_u8(&s->b, BY_NV_SERVICE);
	blob_u8(&s->b, FULL);           // and not valid
	blob_u32(&s->b, TOKEN);
	blob_u32(&s->b, 0);             // access address
	blob_u8(&s->b, 1);              // header format
	blob_u8(&s->b, ARRAY_SIZE(kinds));
	blob_u8(&s->b, sizeof(kinds[0]));
	blob_put(&s->b, kinds, sizeof(kinds));
	smb_end(s);
}

void smb_put_connections(struct smb *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(connections); i++)
		put_connector(s, &connections[i]);
	for (size_t i = 0; i < ARRAY_SIZE(slots); i++)
		put_slot(s, &slots[i]);
	put_onboard(s);
	put_oem_strings(s);
	put_event_log(s);
}

// --- 23, 24, 30, 32, 126, 127 ------------------------------------------------------------------------

static void put_system_reset(struct smb *s)
{
	smb_begin(s, 23);
	blob_u8(&s->b, 0);              // disabled, no watchdog
	blob_u16(&s->b, 0xffff);        // counts and times are not known
	blob_u16(&s->b, 0xffff);
	blob_u16(&s->b, 0xffff);
	blob_u16(&s->b, 0xffff);
	smb_end(s);
}

static void put_hardware_security(struct smb *s)
{
	enum { DISABLED = 0, ENABLED = 1, UNKNOWN = 3 };

	smb_begin(s, 24);
	// Power-on password, keyboard password, administrator password, front panel reset.
	blob_u8(&s->b, DISABLED << 6 | UNKNOWN << 4 | ENABLED << 2 | UNKNOWN);
	smb_end(s);
}

static void put_remote_access(struct smb *s)
{
	smb_begin(s, 30);
	smb_string(s, "Intel");
	blob_u8(&s->b, 1);              // inbound enabled
	smb_end(s);
}

static void put_boot_status(struct smb *s)
{
	smb_begin(s, 32);
	blob_zero(&s->b, 6);
	blob_zero(&s->b, 10);           // no errors detected
	smb_end(s);
}

void smb_put_end(struct smb *s)
{
	put_system_reset(s);
	put_hardware_security(s);
	put_remote_access(s);
	put_boot_status(s);
	smb_begin(s, 126);
	smb_end(s);
	smb_begin(s, 127);
	smb_end(s);
}
