// uhci_core.c: UHCI registers (Universal Host Controller Interface 1.1).
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/uhci_core.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"

enum uhci_reg {
	USBCMD = 0x00,
	USBSTS = 0x02,
	USBINTR = 0x04,
	FRNUM = 0x06,
	FRBASEADD = 0x08,
	SOFMOD = 0x0c,
	PORTSC = 0x10,
};

enum usbcmd_bit {
	CMD_RS = 1 << 0,
	CMD_HCRESET = 1 << 1,
	CMD_GRESET = 1 << 2,
	CMD_KEPT = 0xf9,        // all but the two resets, which are over at once
};

enum usbsts_bit {
	STS_HCHALTED = 1 << 5,
	STS_CLEAR = 0x1f,
};

enum portsc_bit {
	PORT_CLEAR = 0x000a,            // connect and enable changes
	PORT_ALWAYS = 0x0080,
	PORT_WRITABLE = 0x1240,         // suspend, reset, resume detect; an empty port cannot be enabled
};

#define FRNUM_MASK  0x7ffu
#define FRAME_NS    1000000u
#define SOFMOD_64   0x40u

void uhci_reset(struct uhci_regs *r)
{
	*r = (struct uhci_regs){ .usbsts = STS_HCHALTED, .sofmod = SOFMOD_64 };
	for (unsigned i = 0; i < UHCI_PORTS; i++)
		r->portsc[i] = PORT_ALWAYS;
}

void uhci_sanitize(struct uhci_regs *r)
{
	r->usbcmd &= CMD_KEPT;
	r->usbsts &= STS_CLEAR | STS_HCHALTED;
	r->usbintr &= 0xf;
	r->frnum &= FRNUM_MASK;
	for (unsigned i = 0; i < UHCI_PORTS; i++)
		r->portsc[i] = (uint16_t)((r->portsc[i] & PORT_WRITABLE) | PORT_ALWAYS);
}

static uint16_t frame(const struct uhci_regs *r, uint64_t now)
{
	if (!(r->usbcmd & CMD_RS))
		return r->frnum;
	return (uint16_t)((r->frnum + (now - r->started) / FRAME_NS) & FRNUM_MASK);
}

// The register file as the guest sees it.
static void show(const struct uhci_regs *r, uint64_t now, uint8_t image[UHCI_SIZE])
{
	memset(image, 0, UHCI_SIZE);
	put_le16(image + USBCMD, r->usbcmd);
	put_le16(image + USBSTS, r->usbsts);
	put_le16(image + USBINTR, r->usbintr);
	put_le16(image + FRNUM, frame(r, now));
	put_le32(image + FRBASEADD, r->frbaseadd);
	image[SOFMOD] = r->sofmod;
	for (unsigned i = 0; i < UHCI_PORTS; i++)
		put_le16(image + PORTSC + 2 * i, r->portsc[i]);
}

uint32_t uhci_read(const struct uhci_regs *r, unsigned off, unsigned size, uint64_t now)
{
	uint8_t image[UHCI_SIZE];

	if (off >= UHCI_SIZE || size > UHCI_SIZE - off)
		return UINT32_MAX;
	show(r, now, image);
	return (uint32_t)get_le(image + off, size);
}

static void command(struct uhci_regs *r, uint16_t value, uint64_t now)
{
	if (value & (CMD_HCRESET | CMD_GRESET)) {
		uhci_reset(r);
		return;
	}
	r->frnum = frame(r, now);
	r->started = now;
	r->usbcmd = value & CMD_KEPT;
	r->usbsts = (uint16_t)((r->usbsts & ~STS_HCHALTED) | (value & CMD_RS ? 0 : STS_HCHALTED));
}

static void write_word(struct uhci_regs *r, unsigned off, uint16_t value, uint64_t now)
{
	switch (off) {
	case USBCMD: command(r, value, now); break;
	case USBSTS: r->usbsts &= (uint16_t)~(value & STS_CLEAR); break;
	case USBINTR: r->usbintr = value & 0xf; break;
	case FRNUM:
		if (!(r->usbcmd & CMD_RS))
			r->frnum = value & FRNUM_MASK;
		break;
	case FRBASEADD: r->frbaseadd = (r->frbaseadd & 0xffff0000) | (value & 0xf000u); break;
	case FRBASEADD + 2: r->frbaseadd = (r->frbaseadd & 0xffff) | (uint32_t)value << 16; break;
	case SOFMOD: r->sofmod = value & 0x7f; break;
	case PORTSC: case PORTSC + 2:
		r->portsc[(off - PORTSC) / 2] = (uint16_t)((value & PORT_WRITABLE) | PORT_ALWAYS);
		break;
	default: break;
	}
}

// Narrow writes act on the word they lie in: the other half is written with what it shows, except where
// that would clear status bits.
void uhci_write(struct uhci_regs *r, unsigned off, unsigned size, uint32_t value, uint64_t now)
{
	uint8_t image[UHCI_SIZE];

	if (off >= UHCI_SIZE || size > UHCI_SIZE - off)
		return;
	show(r, now, image);
	put_le16(image + USBSTS, 0);
	put_le(image + off, size, value);
	for (unsigned word = off & ~1u; word < off + size; word += 2)
		write_word(r, word, get_le16(image + word), now);
}
