// hotplug.c: network adapters that come and go while the machine runs.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/hotplug.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "hw/chipset/piix4.h"
#include "hw/chipset/piix4_pm.h"
#include "hw/pci/root_port.h"
#include "hw/vmware/hpc.h"
#include "machine/internal.h"

static struct machine_device *find(struct machine *m, const char *node)
{
	for (size_t i = 0; i < m->device_count; i++) {
		if (*m->devices[i].node && !strcasecmp(m->devices[i].node, node))
			return &m->devices[i];
	}
	return NULL;
}

bool machine_plugged(const struct machine *m, unsigned n, struct machine_plugged *out)
{
	for (size_t i = 0; i < m->device_count; i++) {
		const struct machine_device *d = &m->devices[i];

		if (!*d->node || n--)
			continue;
		*out = (struct machine_plugged){ .node = d->node, .type = d->cls->name, .slot = d->slot, .leaving = d->leaving };
		return true;
	}
	return false;
}

// Vcpus stand still between these two, whatever state the machine is in.
static void hold(struct machine *m)
{
	if (machine_guest_runs(m))
		vcpus_pause(m->vcpus);
}

static void let_run(struct machine *m)
{
	if (machine_guest_runs(m) && !m->reset_draining)
		vcpus_resume(m->vcpus);
}

static void tell(struct machine *m, const char *node, int number, const char *event)
{
	if (m->args.plugged)
		m->args.plugged(m->args.event_arg, node, number);
	if (m->args.on_event)
		m->args.on_event(m->args.event_arg, event);
}

// --- coming --------------------------------------------------------------------------------------------

// The number of a network adapter: "ethernet1" gives 1; -1 for anything else.
static int nic_number(const char *node)
{
	static const char name[] = "ethernet";
	size_t len = strlen(name);

	if (strncasecmp(node, name, len) || node[len] < '0' || node[len] > '9' || node[len + 1])
		return -1;
	return node[len] - '0' < (int)VM_NICS ? node[len] - '0' : -1;
}

static int check_allowed(const struct machine *m, const char *node, struct err *err)
{
	if (m->config->hot_plug)
		return 0;
	err_set(err, EPERM, node, "devices.hotplug is FALSE: no device comes or goes while this VM runs");
	err_remedy(err, "Set it to TRUE and start the VM anew");
	return -EPERM;
}

static int check_new(struct machine *m, const char *node, int n, struct err *err)
{
	const struct machine_device *there = find(m, node);

	if (n < 0) {
		err_set(err, EINVAL, node, "is no device that can come while the VM runs");
		err_remedy(err, "Network adapters can: ethernet0 to ethernet%u", VM_NICS - 1);
		return -EINVAL;
	}
	if (there && there->leaving) {
		err_set(err, EEXIST, node, "has been asked to leave and is still there");
		err_remedy(err, "Wait until the guest has let go of it, or take it out with `berth device remove --hard`");
		return -EEXIST;
	}
	if (there)
		return err_set(err, EEXIST, node, "is there already, in slot %u", there->slot);
	if (m->device_count == MACHINE_DEVICES)
		return err_set(err, EBUSY, node, "the machine has no room for another device");
	if (check_allowed(m, node, err) < 0)
		return -EPERM;
	if (!m->args.reload || !m->vcpus || !m->hpc)
		return err_set(err, ENOSYS, node, "this machine takes no devices while it runs");
	return 0;
}

static int build(struct machine *m, const struct vm_config *now, int n, struct pci_plan *plan, struct err *err)
{
	char node[VM_PCI_NODE];
	const struct pci_plan_entry *e;

	if (now->nic[n].kind != VM_NIC_E1000 && now->nic[n].kind != VM_NIC_VMXNET3) {
		snprintf(node, sizeof(node), "ethernet%d", n);
		err_set(err, EINVAL, node, "the .vmx describes no network adapter that can be added");
		err_remedy(err, "Write %s.present = \"TRUE\" and %s.virtualDev = \"vmxnet3\" or \"e1000\" into it", node, node);
		return -EINVAL;
	}
	snprintf(node, sizeof(node), "ethernet%d", n);
	pci_plan_make(now, plan, NULL);
	e = pci_plan_find(plan, node);
	if (!e || e->slot.bridge == PCI_SLOT_BUS0)
		return err_set(err, EINVAL, node, "a device can come behind a bridge only, and no such slot is free for it");
	return machine_build_nic(m, now, plan, (unsigned)n, err);
}

int machine_plug(struct machine *m, const char *node, struct err *err)
{
	int n = nic_number(node), r = check_new(m, node, n, err);
	const struct vm_config *now;
	struct pci_plan plan;
	const struct machine_device *d;

	if (!r)
		r = m->args.reload(m->args.event_arg, &now, err);
	if (r < 0)
		return r;
	hold(m);
	pci_root_hot(m->platform.pci, true);
	r = build(m, now, n, &plan, err);
	pci_root_hot(m->platform.pci, false);
	let_run(m);
	if (r < 0)
		return r;
	d = &m->devices[m->device_count - 1];
	if (!d->port)
		hpc_ask(m->hpc, d->slot, HPC_CHECK);
	log_info("%s: %s (%s) was put into slot %u", m->config->name, d->node, d->cls->name, d->slot);
	tell(m, d->node, pci_plan_find(&plan, d->node)->number, "device-added");
	return 0;
}

// --- going ---------------------------------------------------------------------------------------------

// While no vCPU runs.
static void take_out(struct machine *m, struct machine_device *d)
{
	struct machine_device gone = *d;
	size_t index = (size_t)(d - m->devices);

	if (gone.cls->stop)
		gone.cls->stop(gone.dev);
	gone.cls->destroy(gone.dev);
	m->device_count--;
	memmove(d, d + 1, (m->device_count - index) * sizeof(*d));
	log_info("%s: %s was taken out of slot %u", m->config->name, gone.node, gone.slot);
	tell(m, gone.node, -1, "device-removed");
}

// A guest may name slots that are empty: that is forgotten.
static void on_let_go(void *arg)
{
	struct machine *m = arg;
	uint64_t slots[ARRAY_SIZE(m->let_go)];

	if (m->state == MACHINE_STOPPED || !m->vcpus)
		return;
	vcpus_pause(m->vcpus);
	for (size_t i = 0; i < ARRAY_SIZE(slots); i++)
		slots[i] = atomic_exchange(&m->let_go[i], 0);
	for (size_t i = m->device_count; i-- > 0;) {
		unsigned slot = m->devices[i].slot;

		if (m->config->hot_plug && slot && slots[slot / 64] >> slot % 64 & 1)
			take_out(m, &m->devices[i]);
	}
	let_run(m);
}

// From a vCPU thread. The guest executes nothing more until the device is gone.
static void let_go(void *arg, unsigned slot)
{
	struct machine *m = arg;

	if (!slot || slot / 64 >= ARRAY_SIZE(m->let_go))
		return;
	atomic_fetch_or(&m->let_go[slot / 64], 1ull << slot % 64);
	if (m->vcpus)
		vcpus_pause_async(m->vcpus);
	loop_post(m->loop, &m->let_go_call);
}

int machine_unplug(struct machine *m, const char *node, bool hard, struct err *err)
{
	struct machine_device *d = find(m, node);

	if (!d)
		return err_set(err, ENOENT, node, "no device of this name is there that could be taken out");
	if (check_allowed(m, node, err) < 0)
		return -EPERM;
	if (!d->slot)
		return err_set(err, EINVAL, node, "sits on bus 0, where nothing can be taken out");
	if (hard) {
		unsigned slot = d->slot;
		bool port = d->port;

		hold(m);
		take_out(m, d);
		let_run(m);
		if (!port)
			hpc_ask(m->hpc, slot, HPC_CHECK);
		return 0;
	}
	if (d->leaving) {
		err_set(err, EBUSY, node, "the guest has been asked to let go of it already");
		err_remedy(err, "`berth device remove --hard` takes it out all the same");
		return -EBUSY;
	}
	d->leaving = true;
	if (d->port)
		root_port_press_button(d->port, d->function);
	else
		hpc_ask(m->hpc, d->slot, HPC_EJECT);
	log_info("%s: the guest is asked to let go of %s in slot %u", m->config->name, d->node, d->slot);
	return 0;
}

void machine_hotplug_reset(struct machine *m)
{
	for (size_t i = m->device_count; i-- > 0;) {
		if (m->devices[i].leaving)
			take_out(m, &m->devices[i]);
	}
}

// --- what the machine needs for it ----------------------------------------------------------------------

static void raise_event(void *arg)
{
	struct machine *m = arg;

	piix4_pm_gpe(m->piix4->pm, HPC_GPE);
}

int machine_build_hotplug(struct machine *m, struct err *err)
{
	struct hpc_args args = { .event = raise_event, .ejected = let_go, .arg = m };
	int r = hpc_create(&m->platform, &args, &m->hpc, err);

	m->let_go_call = (struct loop_call){ .fn = on_let_go, .arg = m };
	if (!r)
		machine_add_device(m, &hpc_class, m->hpc);
	return r;
}

void machine_hotplug_port(struct machine *m, struct root_port_args *args)
{
	args->let_go = let_go;
	args->arg = m;
}
