// post_identity.c: the latch between SeaBIOS's host bridge and VMware's.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/post_identity.h"

#include <stddef.h>

enum pam0_value {
	PAM0_OPEN = 0x30,       // reads and writes of F0000h-FFFFFh go to DRAM
	PAM0_CLOSED = 0x10,     // reads only
};

static const struct pci_id post_ids = {
	.vendor = 0x8086, .device = 0x1237, .revision = 0x02, .class_code = 0x060000,
	.subsystem_vendor = 0x1af4, .subsystem_device = 0x1100,
};

static const struct pci_id final_ids = {
	.vendor = 0x8086, .device = 0x7190, .revision = 0x01, .class_code = 0x060000,
	.subsystem_vendor = 0x15ad, .subsystem_device = 0x1976,
};

static void sanitize(void *regs)
{
	struct post_identity_regs *r = regs;

	r->opened = r->opened != 0;
	r->final = r->final != 0;
}

static const struct field list[] = {
	FIELD(struct post_identity_regs, opened),
	FIELD(struct post_identity_regs, final),
};

const struct fields post_identity_fields = {
	.name = "post-identity",
	.version = 1,
	.struct_size = sizeof(struct post_identity_regs),
	.list = list,
	.count = sizeof(list) / sizeof(list[0]),
	.sanitize = sanitize,
};

const struct pci_id *post_identity_ids(bool final) { return final ? &final_ids : &post_ids; }
bool post_identity_final(const struct post_identity *p) { return p->regs.final; }

void post_identity_init(struct post_identity *p, bool enabled, const struct post_identity_host *host)
{
	p->enabled = enabled;
	p->host = *host;
	p->regs = (struct post_identity_regs){ .final = !enabled };
}

void post_identity_reset(struct post_identity *p)
{
	p->regs = (struct post_identity_regs){ .final = !p->enabled };
	p->host.present(p->host.arg, p->regs.final);
}

void post_identity_restored(struct post_identity *p)
{
	p->host.present(p->host.arg, p->regs.final);
}

static void latch(struct post_identity *p)
{
	if (p->regs.final)
		return;
	p->regs.final = true;
	p->host.present(p->host.arg, true);
}

void post_identity_pam0(struct post_identity *p, uint8_t value)
{
	if (value == PAM0_OPEN)
		p->regs.opened = true;
	else if (value == PAM0_CLOSED && p->regs.opened)
		latch(p);
}

void post_identity_acpi_enabled(struct post_identity *p)
{
	latch(p);
}
