// nested_host.c: the list of what nesting needs, from the CPU to the last control, each with its remedy.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/nested_host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm/host_priv.h"
#include "kvm/nested.h"

#define CPUID_MAX 256u

#define MSR_FEATURE_CONTROL 0x3au
#define FC_LOCKED           1u
#define FC_VMX_OUTSIDE_SMX  (1u << 2)
#define MSR_VM_CR           0xc0010114u
#define VM_CR_SVMDIS        (1u << 4)

// What looking at /dev/kvm gave; made once for the whole list.
struct look {
	const struct host_probe *probe;
	const struct nested_wish *wish;
	struct host_report *report;
	char hypervisor[13];
	enum cpu_kind kind;             // what the kernel uses
	enum cpu_kind raw;              // what the CPU says
	int fd;                         // /dev/kvm, or -errno
};

// --- inside another hypervisor ---------------------------------------------------------------------

#define PARALLELS "In this VM's settings, Hardware, CPU & Memory, Advanced: Enable nested virtualization"

static const struct { const char *signature, *name, *setting; } hypervisors[] = {
	{ "KVMKVMKVM", "KVM", "On the outer host load kvm_intel or kvm_amd with nested=1 and give this VM the host's CPU model "
	  "(QEMU: -cpu host; libvirt: <cpu mode='host-passthrough'/>; Proxmox: CPU type host); cloud VMs need a size that offers it" },
	{ "VMwareVMware", "VMware, or Berth", "With this VM switched off tick \"Virtualize Intel VT-x/EPT or AMD-V/RVI\", which is "
	  "vhv.enable = \"TRUE\" in its .vmx; hardware version 9 or newer" },
	{ "Microsoft Hv", "Hyper-V", "With this VM switched off run on the outer host: Set-VMProcessor -VMName NAME "
	  "-ExposeVirtualizationExtensions $true; Azure VMs need a size that offers nesting" },
	{ "XenVMMXenVMM", "Xen", "In this VM's configuration on the outer host set type = \"hvm\", hap = 1 and nestedhvm = 1" },
	{ "TCGTCGTCGTCG", "QEMU without KVM", "Start that QEMU with -cpu max, which emulates SVM; it has no VMX" },
	{ "VBoxVBoxVBox", "VirtualBox", "With this VM switched off run on the outer host: VBoxManage modifyvm NAME --nested-hw-virt on" },
	{ " lrpepyh  vr", "Parallels", PARALLELS },
	{ "prl hyperv  ", "Parallels", PARALLELS },
	{ "bhyve bhyve ", "bhyve", "bhyve gives its guests no nesting: run Berth on another host" },
	{ "ACRNACRNACRN", "ACRN", "Give this VM the flag for nested virtualization in ACRN's scenario file" },
	{ "___ NVMM ___", "NVMM", "NVMM gives its guests no nesting: run Berth on another host" },
};

static const char *outer_setting(const char *signature)
{
	for (size_t i = 0; i < ARRAY_SIZE(hypervisors); i++) {
		if (!strcmp(hypervisors[i].signature, signature))
			return hypervisors[i].setting;
	}
	return "Allow nested virtualization for this VM in the hypervisor that runs it";
}

static const char *outer_name(const char *signature)
{
	for (size_t i = 0; i < ARRAY_SIZE(hypervisors); i++) {
		if (!strcmp(hypervisors[i].signature, signature))
			return hypervisors[i].name;
	}
	return signature;
}

static void check_inside(const struct look *l)
{
	if (!*l->hypervisor)
		host_add(l->report, "inside", HOST_OK, "", "no hypervisor below: this looks like the machine itself");
	else if (l->wish->allow_nested == VM_SAID_FALSE)
		host_add(l->report, "inside", HOST_NO, "Set vmx.allowNested to TRUE in the .vmx or in " HOST_CONFIG_PATH,
			 "this host is itself a virtual machine (%s), and vmx.allowNested is FALSE", outer_name(l->hypervisor));
	else
		host_add(l->report, "inside", HOST_NOTE, "", "this host is itself a virtual machine (%s): what a guest nests is one level "
			 "deeper and slower", outer_name(l->hypervisor));
}

static void check_allowed(const struct look *l)
{
	if (l->wish->vhv_allow == VM_SAID_FALSE)
		host_add(l->report, "allowed", HOST_NO, "Remove vhv.allow from that file, or set it to TRUE",
			 "this host's owner forbids nesting: vhv.allow is FALSE in " HOST_CONFIG_PATH);
}

// --- the CPU and its firmware ----------------------------------------------------------------------

static enum cpu_kind raw_kind(const struct host_probe *p)
{
	uint32_t r[4];

	p->cpuid(1, r);
	if (r[2] >> 5 & 1)
		return CPU_VMX;
	p->cpuid(0x80000001u, r);
	return r[2] >> 2 & 1 ? CPU_SVM : CPU_NONE;
}

static void check_cpu(const struct look *l)
{
	enum cpu_kind any = l->kind ? l->kind : l->raw;

	if (any != CPU_NONE)
		host_add(l->report, "cpu", HOST_OK, "", "the CPU has %s", any == CPU_VMX ? "VT-x (vmx)" : "AMD-V (svm)");
	else if (*l->hypervisor)
		host_add(l->report, "cpu", HOST_NO, outer_setting(l->hypervisor),
			 "the CPU shows neither vmx nor svm: the hypervisor below (%s) does not pass them on",
			 outer_name(l->hypervisor));
	else
		host_add(l->report, "cpu", HOST_NO,
			 "Enable VT-x or AMD-V (\"Virtualization Technology\", \"SVM mode\") in the firmware's setup, if the CPU has it",
			 "the CPU shows neither vmx nor svm, so there is nothing to pass on");
}

// A register of the first CPU through the msr module's file, which root may read. False when it cannot be read.
static bool read_msr(const char *root, uint32_t index, uint64_t *value)
{
	char path[PATH_MAX];
	bool good;
	int fd;

	snprintf(path, sizeof(path), "%s/dev/cpu/0/msr", strcmp(root, "/") ? root : "");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	good = pread(fd, value, sizeof(*value), index) == sizeof(*value);
	close(fd);
	return good;
}

static bool module_loaded(const char *root, const char *module)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/sys/module/%s", strcmp(root, "/") ? root : "", module);
	return access(path, F_OK) == 0;
}

static bool msr_forbids(enum cpu_kind kind, uint64_t value)
{
	if (kind == CPU_VMX)
		return (value & FC_LOCKED) && !(value & FC_VMX_OUTSIDE_SMX);
	return value & VM_CR_SVMDIS;
}

// Without the right to read MSRs, Linux tells when its module works. It also takes the flag out of /proc/cpuinfo when the
// firmware locked the feature away, while CPUID keeps showing it; of SVM only newer kernels do.
static void check_firmware(const struct look *l)
{
	static const char remedy[] = "Enable VT-x or AMD-V (\"Virtualization Technology\", \"SVM mode\") in the firmware's setup, then "
				     "switch the machine off and on";
	enum cpu_kind kind = l->kind ? l->kind : l->raw;
	uint32_t index = kind == CPU_VMX ? MSR_FEATURE_CONTROL : MSR_VM_CR;
	uint64_t value = 0;
	bool known = kind != CPU_NONE && read_msr(l->probe->root, index, &value);

	if (kind == CPU_NONE)
		return;
	if (known && msr_forbids(kind, value))
		host_add(l->report, "firmware", HOST_NO, remedy, "the firmware has locked %s away (MSR %Xh = %llx)",
			 kind == CPU_VMX ? "VT-x" : "AMD-V", index, (unsigned long long)value);
	else if (l->kind == CPU_NONE)
		host_add(l->report, "firmware", HOST_NO, remedy, "the CPU has %s, and the kernel does not use it: the firmware has locked "
			 "it away", kind == CPU_VMX ? "VT-x" : "AMD-V");
	else if (known)
		host_add(l->report, "firmware", HOST_OK, "", "the firmware allows it (MSR %Xh = %llx)", index, (unsigned long long)value);
	else if (module_loaded(l->probe->root, host_module(kind)))
		host_add(l->report, "firmware", HOST_OK, "", "the kernel uses it, so the firmware allows it (MSR %Xh is for root)", index);
	else
		host_add(l->report, "firmware", HOST_NOTE, "As root: modprobe msr, then this list again. Or look in the firmware's setup for "
			 "VT-x or AMD-V (\"Virtualization Technology\", \"SVM mode\")",
			 "whether the firmware allows it cannot be told (MSR %Xh)", index);
}

// --- the modules -----------------------------------------------------------------------------------

static void check_module(const struct look *l)
{
	const char *module = host_module(l->kind);
	char remedy[256];

	if (l->kind == CPU_NONE)
		return;
	if (module_loaded(l->probe->root, module)) {
		host_add(l->report, "module", HOST_OK, "", "%s is loaded", module);
		return;
	}
	snprintf(remedy, sizeof(remedy), "modprobe %s nested=1; the kernel's log says why when that fails", module);
	host_add(l->report, "module", HOST_NO, remedy, "the module %s is not loaded", module);
}

static void check_parameter(const struct look *l)
{
	const char *module = host_module(l->kind);
	int on = l->kind == CPU_NONE ? -1 : host_parameter(l->probe->root, module, "nested");
	char remedy[320];

	if (l->kind == CPU_NONE || !module_loaded(l->probe->root, module))
		return;
	if (on > 0) {
		host_add(l->report, "nested", HOST_OK, "", "%s.nested is on", module);
		return;
	}
	snprintf(remedy, sizeof(remedy),
		 "Now: stop all VMs, then modprobe -r %s && modprobe %s nested=1. For good: echo options %s nested=1 > "
		 "/etc/modprobe.d/berth-nested.conf", module, module, module);
	host_add(l->report, "nested", HOST_NO, remedy, on == 0 ? "nesting is off in KVM (%s.nested = 0)" :
		 "this %s knows no nesting: it has no parameter of that name", module);
}

// Settings that make nesting slow or take something from it; none of them stops it.
static void check_features(const struct look *l)
{
	static const struct { const char *module, *name; int value; const char *text; } settings[] = {
		{ "kvm_intel", "enlightened_vmcs", 1, "kvm_intel.enlightened_vmcs is on: KVM uses Hyper-V's VMCS and gives guests fewer "
		  "controls" },
		{ "kvm_intel", "enable_shadow_vmcs", 0, "kvm_intel.enable_shadow_vmcs is off: every access of an inner hypervisor to its "
		  "VMCS leaves the guest" },
		{ "kvm_intel", "unrestricted_guest", 0, "kvm_intel.unrestricted_guest is off: inner guests in real mode do not run" },
		{ "kvm", "nx_huge_pages", 1, "kvm.nx_huge_pages is on: inner guests' code runs from small pages" },
		{ "kvm_amd", "avic", 1, "kvm_amd.avic is on: KVM does without it while a guest runs a guest of its own" },
		{ "kvm_amd", "vgif", 0, "kvm_amd.vgif is off: an inner hypervisor's STGI and CLGI leave the guest" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if (host_parameter(l->probe->root, settings[i].module, settings[i].name) == settings[i].value)
			host_add(l->report, "feature", HOST_NOTE, "", "%s", settings[i].text);
	}
}

static void check_backdoor(const struct look *l)
{
	if (host_parameter(l->probe->root, "kvm", "enable_vmware_backdoor") > 0)
		host_add(l->report, "backdoor", HOST_NOTE, "", "kvm.enable_vmware_backdoor is on: programs of a guest reach the backdoor "
			 "without port rights; programs of an inner guest reach the inner hypervisor's");
	else
		host_add(l->report, "backdoor", HOST_NOTE, "", "kvm.enable_vmware_backdoor is off: only programs with port rights reach the "
			 "backdoor, which is what monitor_control.restrict_backdoor asks for");
}

// --- what KVM gives --------------------------------------------------------------------------------

static void read_caps(const struct look *l, struct nested_caps *caps)
{
	struct kvm_cpuid_entry2 *entries = calloc(CPUID_MAX, sizeof(*entries));
	int n = entries ? l->probe->supported_cpuid(l->fd, entries, CPUID_MAX) : -ENOMEM;

	memset(caps, 0, sizeof(*caps));
	if (n > 0)
		nested_caps_cpuid(caps, entries, (uint32_t)n);
	free(entries);
	for (uint32_t i = 0; caps->vmx && i < NESTED_VMX_MSRS; i++)
		l->probe->feature_msr(l->fd, NESTED_VMX_MSR_FIRST + i, &caps->vmx_msr[i]);
}

static enum host_verdict gap_verdict(enum nested_weight weight)
{
	static const enum host_verdict of[] = {
		[NESTED_SLOWER] = HOST_NOTE, [NESTED_SOME_REFUSE] = HOST_LIMITED, [NESTED_USELESS] = HOST_NO };

	return of[weight];
}

static void check_controls(const struct look *l)
{
	struct nested_caps caps;
	struct nested_gap gaps[NESTED_GAPS_MAX];
	size_t n;

	read_caps(l, &caps);
	if (!caps.vmx && !caps.svm) {
		host_add(l->report, "controls", HOST_NO, "Use a kernel and a module that support nesting; see the items above",
			 "KVM offers guests neither VMX nor SVM");
		return;
	}
	n = nested_gaps(&caps, gaps);
	if (!n)
		host_add(l->report, "controls", HOST_OK, "", "guests get every control of %s that hypervisors ask for",
			 caps.vmx ? "VMX" : "SVM");
	for (size_t i = 0; i < n; i++)
		host_add(l->report, "controls", gap_verdict(gaps[i].weight),
			 gaps[i].weight == NESTED_SLOWER ? "" : gaps[i].remedy,
			 "missing: %s (%s)", gaps[i].control, gaps[i].needed_by);
}

static void check_state(const struct look *l)
{
	if (l->probe->kvm_cap(l->fd, KVM_CAP_NESTED_STATE) > 0)
		host_add(l->report, "state", HOST_OK, "", "KVM can tell and save the state of inner guests");
	else
		host_add(l->report, "state", HOST_NOTE, "", "KVM cannot save the state of inner guests: no suspend or snapshot while one runs");
}

bool nested_host_has_pmu(const struct host_probe *probe, int fd)
{
	struct kvm_cpuid_entry2 *entries = calloc(CPUID_MAX, sizeof(*entries));
	int n = entries ? probe->supported_cpuid(fd, entries, CPUID_MAX) : 0;
	bool has = probe->kvm_cap(fd, KVM_CAP_PMU_CAPABILITY) > 0 && host_cpu_kind(probe->root) == CPU_SVM;

	if (host_parameter(probe->root, "kvm", "enable_pmu") == 0)
		n = has = 0;
	for (int i = 0; i < n; i++)
		has |= entries[i].function == 0xa && (entries[i].eax & 0xff);
	free(entries);
	return has;
}

static void check_pmu(const struct look *l)
{
	if (nested_host_has_pmu(l->probe, l->fd))
		host_add(l->report, "pmu", HOST_OK, "", "vpmc.enable works: KVM has performance counters for guests");
	else
		host_add(l->report, "pmu", HOST_NOTE, "", "vpmc.enable does nothing: KVM has no performance counters for guests");
}

// --- the list --------------------------------------------------------------------------------------

static void look_at_kvm(struct look *l)
{
	l->fd = l->probe->open_kvm(l->probe);
	host_check_kvm(l->probe, l->report);
	if (l->fd < 0)
		return;
	if (l->probe->kvm_version(l->fd) == KVM_API_VERSION) {
		check_controls(l);
		check_state(l);
		check_pmu(l);
	}
	close(l->fd);
}

void nested_report_make(const struct host_probe *probe, const struct nested_wish *wish, struct host_report *out)
{
	struct look l = { .probe = probe, .wish = wish, .report = out, .kind = host_cpu_kind(probe->root), .raw = raw_kind(probe) };

	memset(out, 0, sizeof(*out));
	probe->hypervisor(l.hypervisor);
	check_inside(&l);
	check_allowed(&l);
	check_cpu(&l);
	check_firmware(&l);
	check_module(&l);
	check_parameter(&l);
	host_check_paging(probe, out);
	look_at_kvm(&l);
	check_features(&l);
	check_backdoor(&l);
}

void nested_report_inside(const struct host_probe *probe, const struct nested_wish *wish, struct host_report *out)
{
	struct look l = { .probe = probe, .wish = wish, .report = out };

	memset(out, 0, sizeof(*out));
	probe->hypervisor(l.hypervisor);
	check_inside(&l);
}

const struct host_check *nested_report_obstacle(const struct host_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		if (report->check[i].verdict == HOST_NO)
			return &report->check[i];
	}
	return NULL;
}
