// nested_start.c: what a start does about vhv.enable, vmx.allowNested and vpmc.enable.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "kvm/cpuid.h"
#include "kvm/nested.h"
#include "kvm/nested_host.h"

#define VHV_LEAST_HW 8

static int refuse(struct err *err, const char *key, const struct host_check *c)
{
	err_set(err, ENOTSUP, key, "%s", c->text);
	err_remedy(err, "%s%s`berth host --nested` shows the whole list", c->remedy, *c->remedy ? ". " : "");
	err_exit(err, EXIT_HOST);
	return -ENOTSUP;
}

static enum vm_said prefer(enum vm_said first, enum vm_said second)
{
	return first == VM_SAID_NOTHING ? second : first;
}

// vmx.allowNested concerns every VM, a hypervisor or not.
static int check_inside(const struct host_probe *probe, enum vm_said allow, struct err *err)
{
	char name[13] = "";

	probe->hypervisor(name);
	if (!*name || allow == VM_SAID_TRUE)
		return 0;
	if (allow == VM_SAID_FALSE) {
		err_set(err, ENOTSUP, "vmx.allowNested", "is FALSE, and this host is itself a virtual machine (%s)", name);
		err_remedy(err, "Set it to TRUE in the .vmx or in " HOST_CONFIG_PATH " to run VMs inside this VM");
		err_exit(err, EXIT_HOST);
		return -ENOTSUP;
	}
	log_warn("this host is itself a virtual machine (%s): VMs in it run slower; "
		 "vmx.allowNested = \"TRUE\" says that this is meant", name);
	return 0;
}

// The host's owner may give nesting to every VM that could have it and does not mind.
static void apply_host(const struct host_config *host, struct vm_config *vm)
{
	if (host->vhv_allow != VM_SAID_TRUE || vm->nesting.said != VM_SAID_NOTHING || vm->nested)
		return;
	if (vm->hw_version < VHV_LEAST_HW || !vm->guest_64)
		return;
	vm->nested = vm->nesting.if_possible = true;
	vm->nesting.by = "vhv.allow";
}

static void tell_limits(const struct host_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		if (report->check[i].verdict == HOST_LIMITED)
			log_warn("nesting: %s", report->check[i].text);
	}
}

static struct nested_wish wish_of(const struct host_config *host, const struct vm_config *vm)
{
	return (struct nested_wish){ host->vhv_allow, prefer(vm->nesting.allow_nested, host->allow_nested) };
}

const struct host_check *nested_settle(const struct host_probe *probe, const struct host_config *host, struct vm_config *vm,
				       struct host_report *out)
{
	const struct nested_wish wish = wish_of(host, vm);
	const struct host_check *no;

	memset(out, 0, sizeof(*out));
	apply_host(host, vm);
	if (vm->nested)
		nested_report_make(probe, &wish, out);
	else
		nested_report_inside(probe, &wish, out);
	no = nested_report_obstacle(out);
	if (!no && !vm->nested)
		out->count = 0;
	if (no && vm->nesting.said != VM_SAID_TRUE)
		vm->nested = false;
	return no;
}

static int check_nesting(const struct host_probe *probe, const struct host_config *host, struct vm_config *vm, struct err *err)
{
	struct host_report report;
	const struct host_check *no = nested_settle(probe, host, vm, &report);

	if (!no)
		tell_limits(&report);
	else if (vm->nested)
		return refuse(err, vm->nesting.by, no);
	else
		log_warn("%s asks for nested virtualization, and the VM runs without: %s; `berth host --nested` tells what to do",
			 vm->nesting.by, no->text);
	return 0;
}

static void check_pmu(const struct host_probe *probe)
{
	int fd = probe->open_kvm(probe);

	if (fd < 0)
		return;         // a start says this better
	if (!nested_host_has_pmu(probe, fd))
		log_warn("vpmc.enable: this host's KVM has no performance counters to give (module parameter kvm.enable_pmu, or a host "
			 "that is a VM without them); the guest runs without");
	close(fd);
}

int nested_start(const struct host_probe *probe, const struct host_config *host, struct vm_config *vm, struct err *err)
{
	int r = check_inside(probe, wish_of(host, vm).allow_nested, err);

	if (!r)
		r = check_nesting(probe, host, vm, err);
	if (!r && vm->pmu)
		check_pmu(probe);
	return r;
}

void nested_tell_gaps(int fd, const struct kvm_cpuid_entry2 *entries, uint32_t count)
{
	struct nested_caps caps = { 0 };
	struct nested_gap gaps[NESTED_GAPS_MAX];
	char names[256];
	size_t n;

	nested_caps_cpuid(&caps, entries, count);
	if (caps.vmx)
		nested_caps_vcpu(&caps, fd);
	n = nested_gaps(&caps, gaps);
	if (n && gaps[0].weight >= NESTED_SOME_REFUSE)
		log_warn("nesting: the guest's CPU lacks %s", nested_gap_names(gaps, n, NESTED_SOME_REFUSE, names, sizeof(names)));
}

void nested_tell_forced(const struct cpuid_table *shown, const struct kvm_cpuid_entry2 *host, uint32_t count)
{
	struct nested_caps guest = { 0 }, possible = { 0 };
	char names[256];

	nested_caps_cpuid(&guest, shown->entries, shown->count);
	nested_caps_cpuid(&possible, host, count);
	if (*nested_forced_names(&guest, &possible, names, sizeof(names)))
		log_warn("nesting: CPUID leaf 8000000Ah shows what this host's KVM does not give (%s), and a hypervisor in the guest that "
			 "uses it fails: set these bits to h instead of 1 in cpuid.8000000a.edx", names);
}
