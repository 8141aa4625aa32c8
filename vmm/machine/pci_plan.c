// pci_plan.c: which function goes where on PCI.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/pci_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

enum plan_numbers {
	FIRST_HW_WITH_BRIDGE = 6,
	FIRST_HW_WITH_ROOT_PORTS = 7,
	LAST_HW_WITH_UHCI_ON_BUS_0 = 6,
	FIRST_ROOT_PORT = 4,            // pciBridge4
	LAST_ROOT_PORT = 7,
	SCSI_DEVICE = 16,               // parallel scsi0 on bus 0
	BRIDGE0_DEVICE = 17,
	ROOT_PORT_DEVICE = 21,
	DEVICES = 32,
	FUNCTIONS = 8,
};

// Device numbers of bus 0 that the chipset and the display take.
#define FIXED_DEVICES (1u << 0 | 1u << 1 | 1u << 7 | 1u << 15)

struct planner {
	const struct vm_config *config;
	struct pci_plan *plan;
	struct vmx_report *report;
	// Devices taken, one bit each; [0] is bus 0, [n + 1][f] behind function f of pciBridgeN.
	uint32_t taken[PCI_PLAN_BRIDGES + 1][FUNCTIONS];
};

bool pci_plan_is_bridge(const struct pci_plan_entry *e)
{
	return e->kind == VM_PCI_BRIDGE || e->kind == VM_PCI_ROOT_PORT;
}

static int bridge_index(const struct pci_plan_entry *e) { return atoi(e->node + strlen("pciBridge")); }

static struct pci_plan_entry *bridge(struct pci_plan *plan, int n)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct pci_plan_entry *e = &plan->entry[i];

		if (pci_plan_is_bridge(e) && bridge_index(e) == n)
			return e;
	}
	return NULL;
}

const struct pci_plan_entry *pci_plan_bridge(const struct pci_plan *plan, int n)
{
	const struct pci_plan_entry *e = bridge((struct pci_plan *)plan, n);

	return e && e->number >= 0 ? e : NULL;
}

const struct pci_plan_entry *pci_plan_find(const struct pci_plan *plan, const char *node)
{
	for (size_t i = 0; i < plan->count; i++) {
		if (!strcmp(plan->entry[i].node, node) && plan->entry[i].number >= 0)
			return &plan->entry[i];
	}
	return NULL;
}

uint32_t pci_plan_label_index(const struct pci_plan_entry *e)
{
	static const char nic[] = "ethernet";
	unsigned instance = strncmp(e->node, nic, strlen(nic)) ? 0 : (unsigned)atoi(e->node + strlen(nic));

	return (instance + 1) << 24 | e->bus << 8 | e->devfn;
}

// --- what there is -------------------------------------------------------------------------------------

static struct pci_plan_entry *append(struct planner *p, const char *node, enum vm_pci_kind kind)
{
	struct pci_plan_entry *e;

	if (p->plan->count == PCI_PLAN_MAX)
		return NULL;
	e = &p->plan->entry[p->plan->count++];
	*e = (struct pci_plan_entry){ .kind = kind, .functions = 1, .asked = -1, .number = -1 };
	snprintf(e->node, sizeof(e->node), "%s", node);
	return e;
}

static void append_own(struct planner *p, int n, enum vm_pci_kind kind, unsigned functions)
{
	char node[VM_PCI_NODE];
	struct pci_plan_entry *e;

	snprintf(node, sizeof(node), "pciBridge%d", n);
	e = append(p, node, kind);
	if (e)
		e->functions = functions;
}

static bool bridge_exists(const struct vm_config *c, enum vm_pci_kind kind)
{
	return c->hw_version >= (kind == VM_PCI_ROOT_PORT ? FIRST_HW_WITH_ROOT_PORTS : FIRST_HW_WITH_BRIDGE);
}

static void append_from_file(struct planner *p, bool bridges)
{
	for (size_t i = 0; i < p->config->pci_count; i++) {
		const struct vm_pci *f = &p->config->pci[i];
		bool is_bridge = f->kind == VM_PCI_BRIDGE || f->kind == VM_PCI_ROOT_PORT;
		struct pci_plan_entry *e;

		if (is_bridge != bridges || (is_bridge && !bridge_exists(p->config, f->kind)))
			continue;
		e = append(p, f->node, f->kind);
		if (!e)
			return;
		e->in_file = true;
		e->line = f->line;
		e->asked = f->slot;
		e->functions = f->kind == VM_PCI_ROOT_PORT ? MAX(f->functions, 1u) : 1;
	}
}

// A file put together by hand or by a tool often has no bridges; its devices need them all the same.
static void append_missing_bridges(struct planner *p)
{
	bool any = false;

	if (bridge_exists(p->config, VM_PCI_BRIDGE) && !bridge(p->plan, 0))
		append_own(p, 0, VM_PCI_BRIDGE, 1);
	for (int n = FIRST_ROOT_PORT; n <= LAST_ROOT_PORT; n++)
		any |= bridge(p->plan, n) != NULL;
	for (int n = FIRST_ROOT_PORT; n <= LAST_ROOT_PORT && !any && bridge_exists(p->config, VM_PCI_ROOT_PORT); n++)
		append_own(p, n, VM_PCI_ROOT_PORT, FUNCTIONS);
}

// --- places --------------------------------------------------------------------------------------------

// Why SLOT cannot be, or NULL. Says nothing about who is there.
static const char *impossible(const struct planner *p, const struct pci_slot *s)
{
	const struct pci_plan_entry *b;

	if (s->bridge == PCI_SLOT_BUS0)
		return FIXED_DEVICES >> s->device & 1 ? "a place of the chipset" : NULL;
	b = pci_plan_bridge(p->plan, s->bridge);
	if (!b)
		return "behind a bridge that is not there";
	if (s->function >= b->functions)
		return "behind a function that its bridge lacks";
	return b->kind == VM_PCI_ROOT_PORT && s->device ? "not the first device of a root port" : NULL;
}

static uint32_t *taken(struct planner *p, const struct pci_slot *s) { return &p->taken[s->bridge + 1][s->function]; }

static bool try_number(struct planner *p, struct pci_plan_entry *e, int number)
{
	struct pci_slot s;

	if (!pci_slot_decode(number, &s) || impossible(p, &s) || (*taken(p, &s) >> s.device & 1))
		return false;
	*taken(p, &s) |= 1u << s.device;
	e->number = number;
	e->slot = s;
	return true;
}

static bool try_slot(struct planner *p, struct pci_plan_entry *e, int bridge_n, unsigned function, unsigned device)
{
	return try_number(p, e, pci_slot_encode(&(struct pci_slot){ bridge_n, function, device }));
}

static bool first_on_bus0(struct planner *p, struct pci_plan_entry *e, unsigned from)
{
	for (unsigned device = from; device < DEVICES; device++) {
		if (try_slot(p, e, PCI_SLOT_BUS0, 0, device))
			return true;
	}
	return false;
}

static bool first_legacy(struct planner *p, struct pci_plan_entry *e)
{
	for (int n = 0; n < (int)PCI_PLAN_BRIDGES; n++) {
		const struct pci_plan_entry *b = pci_plan_bridge(p->plan, n);

		for (unsigned device = 0; b && b->kind == VM_PCI_BRIDGE && device < DEVICES; device++) {
			if (try_slot(p, e, n, 0, device))
				return true;
		}
	}
	return first_on_bus0(p, e, BRIDGE0_DEVICE);
}

// Function 0 of each bridge, then function 1: 160, 192, 224, 256, 1184, ...
static bool first_express(struct planner *p, struct pci_plan_entry *e)
{
	for (unsigned function = 0; function < FUNCTIONS; function++) {
		for (int n = 0; n < (int)PCI_PLAN_BRIDGES; n++) {
			const struct pci_plan_entry *b = pci_plan_bridge(p->plan, n);

			if (b && b->kind == VM_PCI_ROOT_PORT && try_slot(p, e, n, function, 0))
				return true;
		}
	}
	return false;
}

static bool first_for_bridge(struct planner *p, struct pci_plan_entry *e)
{
	int n = bridge_index(e);
	unsigned usual = n >= FIRST_ROOT_PORT ? (unsigned)(ROOT_PORT_DEVICE + n - FIRST_ROOT_PORT) : BRIDGE0_DEVICE;

	return try_slot(p, e, PCI_SLOT_BUS0, 0, usual) || first_on_bus0(p, e, BRIDGE0_DEVICE + 1);
}

static void give(struct planner *p, struct pci_plan_entry *e)
{
	switch (e->kind) {
	case VM_PCI_BRIDGE: case VM_PCI_ROOT_PORT: first_for_bridge(p, e); break;
	case VM_PCI_BUS0:
		if (!try_slot(p, e, PCI_SLOT_BUS0, 0, SCSI_DEVICE))
			first_legacy(p, e);
		break;
	case VM_PCI_EXPRESS:
		if (!first_express(p, e))
			first_legacy(p, e);
		break;
	default: first_legacy(p, e); break;
	}
}

// The PIIX4 has the UHCI of old hardware, so it needs no number.
static bool wants_place(const struct planner *p, const struct pci_plan_entry *e)
{
	return strcmp(e->node, "usb") || p->config->hw_version > LAST_HW_WITH_UHCI_ON_BUS_0;
}

// A bridge sits on bus 0.
static bool keep(struct planner *p, struct pci_plan_entry *e)
{
	struct pci_slot s;

	if (pci_plan_is_bridge(e) && (!pci_slot_decode(e->asked, &s) || s.bridge != PCI_SLOT_BUS0))
		return false;
	return try_number(p, e, e->asked);
}

// --- what is said about it -----------------------------------------------------------------------------

static const struct pci_plan_entry *holder(const struct planner *p, const struct pci_plan_entry *not, int number)
{
	for (size_t i = 0; i < p->plan->count; i++) {
		const struct pci_plan_entry *e = &p->plan->entry[i];

		if (e != not && e->number == number)
			return e;
	}
	return NULL;
}

static void tell(const struct planner *p, const struct pci_plan_entry *e)
{
	const struct pci_plan_entry *other = holder(p, e, e->asked);
	char key[VM_PCI_NODE + 16], now[64];
	struct pci_slot s;
	const char *why = pci_slot_decode(e->asked, &s) ? impossible(p, &s) : "no slot number";

	if (!p->report || e->asked < 0 || e->number == e->asked)
		return;
	snprintf(key, sizeof(key), "%s.pciSlotNumber", e->node);
	snprintf(now, sizeof(now), e->number < 0 ? "no place is left for it" : "it gets %d instead", e->number);
	if (other && other->line)
		vmx_report_add(p->report, VMX_WARNING, e->line, key, "%d is the slot of %s already (line %u); %s", e->asked,
			       other->node, other->line, now);
	else if (other)
		vmx_report_add(p->report, VMX_WARNING, e->line, key, "%d is the slot of %s already; %s", e->asked,
			       other->node, now);
	else
		vmx_report_add(p->report, VMX_WARNING, e->line, key, "%d is %s; %s", e->asked,
			       why ? why : "not a place for a bridge", now);
}

static void tell_lost(const struct planner *p, const struct pci_plan_entry *e)
{
	if (p->report && e->asked < 0 && e->number < 0 && wants_place(p, e))
		vmx_report_add(p->report, VMX_WARNING, 0, e->node, "no PCI slot is left for it; the VM runs without it");
}

// --- buses ---------------------------------------------------------------------------------------------

// The firmware numbers buses in the order of the bridges on bus 0; 1 is behind the AGP bridge.
static void number_buses(struct pci_plan *plan)
{
	unsigned next = 2;

	for (unsigned device = 0; device < DEVICES; device++) {
		for (size_t i = 0; i < plan->count; i++) {
			struct pci_plan_entry *e = &plan->entry[i];

			if (!pci_plan_is_bridge(e) || e->number < 0 || e->slot.device != device)
				continue;
			e->first_bus = next;
			next += e->functions;
		}
	}
}

static void place(const struct pci_plan *plan, struct pci_plan_entry *e)
{
	const struct pci_plan_entry *b = e->number < 0 ? NULL : pci_plan_bridge(plan, e->slot.bridge);

	e->devfn = (uint8_t)(e->slot.device << 3);
	if (!b)
		return;
	e->bus = b->first_bus + e->slot.function;
	e->bridge_devfn = (uint8_t)(b->slot.device << 3 | e->slot.function);
}

// --- all of it -----------------------------------------------------------------------------------------

// Those of the file that can be kept, in the order of the file's devices, then the rest.
static void give_places(struct planner *p, bool bridges)
{
	for (size_t i = 0; i < p->plan->count; i++) {
		struct pci_plan_entry *e = &p->plan->entry[i];

		if (pci_plan_is_bridge(e) == bridges && e->asked >= 0 && wants_place(p, e))
			keep(p, e);
	}
	for (size_t i = 0; i < p->plan->count; i++) {
		struct pci_plan_entry *e = &p->plan->entry[i];

		if (pci_plan_is_bridge(e) == bridges && e->number < 0 && wants_place(p, e))
			give(p, e);
	}
}

void pci_plan_make(const struct vm_config *config, struct pci_plan *plan, struct vmx_report *report)
{
	struct planner p = { .config = config, .plan = plan, .report = report };

	*plan = (struct pci_plan){ .count = 0 };
	append_from_file(&p, true);
	append_missing_bridges(&p);
	give_places(&p, true);
	append_from_file(&p, false);
	give_places(&p, false);
	number_buses(plan);
	for (size_t i = 0; i < plan->count; i++) {
		place(plan, &plan->entry[i]);
		if (wants_place(&p, &plan->entry[i]))
			tell(&p, &plan->entry[i]);
		tell_lost(&p, &plan->entry[i]);
	}
}
