// test_nested.c: the list of what nesting needs on hosts of every kind, what a start does about it, rights to a port.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "host_fixture.h"

#include "kvm/cpuid.h"
#include "kvm/hyperv.h"
#include "kvm/port_rights.h"

static struct nested_wish wish;

static const struct host_check *item(const char *name)
{
	const struct host_probe probe = fake_probe();

	nested_report_make(&probe, &wish, &report);
	return host_report_find(&report, name);
}

// The item says VERDICT and WORD; a no has a remedy that holds REMEDY.
static void says(const char *name, enum host_verdict verdict, const char *word, const char *remedy)
{
	const struct host_check *c = item(name);

	ck_assert_msg(c, "%s is not in the list", name);
	ck_assert_msg(c->verdict == verdict, "%s: %d, %s", name, c->verdict, c->text);
	ck_assert_msg(strstr(c->text, word), "%s: %s", name, c->text);
	ck_assert_msg(strstr(c->remedy, remedy), "%s -> %s", name, c->remedy);
	if (verdict == HOST_NO) {
		ck_assert_msg(*c->remedy, "%s has no remedy", name);
		ck_assert_ptr_nonnull(nested_report_obstacle(&report));
	}
}

static void setup(void)
{
	good_host();
	wish = (struct nested_wish){ VM_SAID_NOTHING, VM_SAID_NOTHING };
}

// --- the list ---

START_TEST(good_intel)
{
	static const char *const items[] = { "inside", "cpu", "firmware", "module", "nested", "paging", "kvm", "controls", "state", "pmu" };

	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
		says(items[i], HOST_OK, "", "");
	ck_assert_ptr_null(nested_report_obstacle(&report));
	ck_assert_uint_lt(host_report_verdict(&report), HOST_LIMITED);
}
END_TEST

START_TEST(good_amd)
{
	svm_host();
	put("/sys/module/kvm_amd/parameters/nested", "1\n");
	put("/sys/module/kvm_amd/parameters/npt", "1\n");
	says("controls", HOST_OK, "SVM", "");
	ck_assert_ptr_null(nested_report_obstacle(&report));
	svm_features = 0x4fa;
	says("controls", HOST_LIMITED, "missing: NPT", "newer");
	svm_features = 0x4db;
	says("controls", HOST_NOTE, "VMCB clean bits", "");
	svm_features = 0x1943b;         // Zen with Linux 6.1
	says("controls", HOST_LIMITED, "missing: flush by ASID", "Linux 6.8");
	svm_features = 0x1947b;         // with Linux 6.8
	says("controls", HOST_NOTE, "missing: decode assists", "");
	ck_assert_uint_lt(host_report_verdict(&report), HOST_LIMITED);
}
END_TEST

START_TEST(no_cpu)
{
	cpu("");
	raw_vmx = false;
	says("cpu", HOST_NO, "neither vmx nor svm", "firmware's setup");
	ck_assert_ptr_null(host_report_find(&report, "firmware"));
	ck_assert_ptr_null(host_report_find(&report, "module"));
}
END_TEST

START_TEST(every_outer_hypervisor_has_its_setting)
{
	static const struct { const char *signature, *name, *setting; } outer[] = {
		{ "KVMKVMKVM", "KVM", "nested=1" }, { "VMwareVMware", "VMware", "vhv.enable = \"TRUE\"" },
		{ "Microsoft Hv", "Hyper-V", "-ExposeVirtualizationExtensions $true" }, { "XenVMMXenVMM", "Xen", "nestedhvm = 1" },
		{ "TCGTCGTCGTCG", "QEMU", "-cpu max" }, { "VBoxVBoxVBox", "VirtualBox", "--nested-hw-virt on" },
		{ "bhyve bhyve ", "bhyve", "another host" }, { " lrpepyh  vr", "Parallels", "Enable nested" },
		{ "prl hyperv  ", "Parallels", "Enable nested" }, { "ACRNACRNACRN", "ACRN", "scenario file" },
		{ "___ NVMM ___", "NVMM", "another host" }, { "SomeOtherOne", "SomeOtherOne", "Allow nested" },
	};

	cpu("");
	raw_vmx = false;
	for (size_t i = 0; i < sizeof(outer) / sizeof(outer[0]); i++) {
		hypervisor_name = outer[i].signature;
		says("inside", HOST_NOTE, outer[i].name, "");
		says("cpu", HOST_NO, outer[i].name, outer[i].setting);
	}
}
END_TEST

START_TEST(firmware_locked_it_and_linux_hides_the_flag)
{
	cpu("");
	says("firmware", HOST_NO, "locked it away", "switch the machine off");
	raw_vmx = false;
	raw_svm = true;
	says("firmware", HOST_NO, "AMD-V", "SVM mode");
}
END_TEST

static void put_msr(uint32_t index, uint64_t value)
{
	char path[128];
	int fd;

	put("/dev/cpu/0/msr", "");
	snprintf(path, sizeof(path), "%s/dev/cpu/0/msr", root);
	fd = open(path, O_WRONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, &value, sizeof(value), index), sizeof(value));
	close(fd);
}

START_TEST(firmware_by_its_register)
{
	put_msr(0x3a, 5);
	says("firmware", HOST_OK, "MSR 3Ah = 5", "");
	put_msr(0x3a, 1);
	says("firmware", HOST_NO, "MSR 3Ah = 1", "Virtualization Technology");
	put_msr(0x3a, 0);
	says("firmware", HOST_OK, "allows", "");
	svm_host();
	put("/sys/module/kvm_amd/parameters/nested", "1\n");
	put_msr(0xc0010114u, 0x10);
	says("firmware", HOST_NO, "C0010114h = 10", "SVM mode");
}
END_TEST

// The kernel shows the flag, its module has not tried, and the register cannot be read.
START_TEST(firmware_unknown)
{
	svm_host();
	says("firmware", HOST_NOTE, "cannot be told", "modprobe msr");
	put("/sys/module/kvm_amd/parameters/nested", "1\n");
	says("firmware", HOST_OK, "the kernel uses it", "");
}
END_TEST

START_TEST(module_and_its_parameter)
{
	svm_host();
	says("module", HOST_NO, "kvm_amd is not loaded", "modprobe kvm_amd nested=1");
	ck_assert_ptr_null(host_report_find(&report, "nested"));
	put("/sys/module/kvm_amd/parameters/npt", "1\n");
	says("nested", HOST_NO, "no parameter of that name", "modprobe");
	put("/sys/module/kvm_amd/parameters/nested", "0\n");
	says("nested", HOST_NO, "kvm_amd.nested = 0", "modprobe -r kvm_amd && modprobe kvm_amd nested=1");
	says("nested", HOST_NO, "kvm_amd.nested = 0", "echo options kvm_amd nested=1 > /etc/modprobe.d/berth-nested.conf");
}
END_TEST

START_TEST(second_level_paging)
{
	put("/sys/module/kvm_intel/parameters/ept", "N\n");
	says("paging", HOST_LIMITED, "ept is off", "module option");
}
END_TEST

START_TEST(kvm_itself)
{
	open_result = -EACCES;
	says("kvm", HOST_NO, "may not be opened", "usermod");
	open_result = 0;
	kvm_gives = false;
	says("controls", HOST_NO, "neither VMX nor SVM", "items above");
	kvm_gives = true;
	nested_state = 0;
	says("state", HOST_NOTE, "no suspend", "");
}
END_TEST

START_TEST(counters)
{
	pmu_version = 0;
	says("pmu", HOST_NOTE, "does nothing", "");
	pmu_version = 2;
	put("/sys/module/kvm/parameters/enable_pmu", "N\n");
	says("pmu", HOST_NOTE, "does nothing", "");
}
END_TEST

START_TEST(owner_forbids)
{
	wish.vhv_allow = VM_SAID_FALSE;
	says("allowed", HOST_NO, "/etc/berth/config", "vhv.allow");
	wish = (struct nested_wish){ .allow_nested = VM_SAID_FALSE };
	says("inside", HOST_OK, "", "");
	hypervisor_name = "KVMKVMKVM";
	says("inside", HOST_NO, "vmx.allowNested is FALSE", "TRUE");
}
END_TEST

START_TEST(settings_that_cost)
{
	static const struct { const char *module, *name, *value, *good; } settings[] = {
		{ "kvm_intel", "enlightened_vmcs", "Y", "N" }, { "kvm_intel", "enable_shadow_vmcs", "N", "Y" },
		{ "kvm_intel", "unrestricted_guest", "N", "Y" }, { "kvm", "nx_huge_pages", "Y", "N" },
		{ "kvm_amd", "avic", "Y", "N" }, { "kvm_amd", "vgif", "0", "1" },
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		char path[128];

		snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", settings[i].module, settings[i].name);
		put(path, settings[i].good);
		ck_assert_ptr_null(item("feature"));
		put(path, settings[i].value);
		says("feature", HOST_NOTE, settings[i].name, "");
		put(path, settings[i].good);
	}
	says("backdoor", HOST_NOTE, "is on", "");
	put("/sys/module/kvm/parameters/enable_vmware_backdoor", "N\n");
	says("backdoor", HOST_NOTE, "is off", "");
}
END_TEST

// --- controls ---

static struct nested_gap gaps[NESTED_GAPS_MAX];

static size_t gaps_of(const struct nested_caps *caps) { return nested_gaps(caps, gaps); }

static void full_vmx(struct nested_caps *c)
{
	memset(c, 0, sizeof(*c));
	c->vmx = true;
	memset(c->vmx_msr, 0xff, sizeof(c->vmx_msr));
}

// Each control alone, taken away, is the one that is named.
START_TEST(each_missing_control_is_named)
{
	static const struct { uint32_t msr; unsigned bit; const char *name; } controls[] = {
		{ 0x48b, 33, "EPT" }, { 0x48b, 39, "unrestricted guest" }, { 0x48b, 37, "VPID" }, { 0x482, 60, "MSR bitmaps" },
		{ 0x483, 50, "save PAT on exit" }, { 0x483, 51, "load PAT on exit" }, { 0x484, 46, "load PAT on entry" },
		{ 0x481, 38, "preemption timer" }, { 0x48c, 20, "INVEPT" }, { 0x489, 13, "CR4.VMXE" }, { 0x482, 63, "secondary controls" },
		{ 0x484, 47, "load EFER on entry" }, { 0x48c, 6, "EPT with four levels" }, { 0x483, 52, "save EFER on exit" },
		{ 0x483, 53, "load EFER on exit" }, { 0x48c, 14, "EPT tables in write-back memory" }, { 0x48c, 16, "EPT pages of 2 MiB" },
		{ 0x48c, 32, "INVVPID" }, { 0x482, 53, "TPR shadow" }, { 0x48b, 32, "virtual APIC accesses" },
	};
	struct nested_caps c;

	full_vmx(&c);
	ck_assert_uint_eq(gaps_of(&c), 0);
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		full_vmx(&c);
		c.vmx_msr[controls[i].msr - 0x480] &= ~(1ull << controls[i].bit);
		ck_assert_msg(gaps_of(&c) == 1, "%s: %zu gaps", controls[i].name, gaps_of(&c));
		ck_assert_str_eq(gaps[0].control, controls[i].name);
	}
	memset(c.vmx_msr, 0, sizeof(c.vmx_msr));
	c.vmx_msr[0] = 1;
	ck_assert_uint_eq(gaps_of(&c), sizeof(controls) / sizeof(controls[0]));         // none is left out above
}
END_TEST

START_TEST(cpuid_must_fit_the_controls)
{
	struct nested_caps c;

	full_vmx(&c);
	c.rdtscp = c.invpcid = c.xsaves = true;
	ck_assert_uint_eq(gaps_of(&c), 0);
	c.vmx_msr[0xb] &= ~(1ull << 35 | 1ull << 44 | 1ull << 52);
	ck_assert_uint_eq(gaps_of(&c), 3);
	c.rdtscp = c.invpcid = c.xsaves = false;
	ck_assert_uint_eq(gaps_of(&c), 0);
	memset(c.vmx_msr, 0, sizeof(c.vmx_msr));
	ck_assert_uint_eq(gaps_of(&c), 1);
	ck_assert_int_eq(gaps[0].weight, NESTED_USELESS);
	c = (struct nested_caps){ 0 };
	ck_assert_uint_eq(gaps_of(&c), 0);
}
END_TEST

START_TEST(each_missing_feature_is_named)
{
	static const struct { unsigned bit; const char *name; } features[] = {
		{ 0, "NPT" }, { 3, "NRIPS" }, { 4, "TSC ratio" }, { 5, "clean bits" }, { 6, "flush by ASID" }, { 7, "decode assists" },
		{ 10, "pause filter" },
	};

	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		struct nested_caps c = { .svm = true, .svm_revision = 1, .svm_asids = 16, .svm_features = ~(1u << features[i].bit) };

		ck_assert_uint_eq(gaps_of(&c), 1);
		ck_assert_msg(strstr(gaps[0].control, features[i].name), "%s: %s", features[i].name, gaps[0].control);
	}
}
END_TEST

START_TEST(svm_features_are_named_heaviest_first)
{
	struct nested_caps c = { .svm = true, .svm_revision = 1, .svm_asids = 16, .svm_features = 0x4fb };
	char names[128];

	ck_assert_uint_eq(gaps_of(&c), 0);
	c.svm_features = 0;
	ck_assert_uint_eq(gaps_of(&c), 7);
	ck_assert_int_eq(gaps[0].weight, NESTED_SOME_REFUSE);
	ck_assert_int_eq(gaps[6].weight, NESTED_SLOWER);
	ck_assert_ptr_nonnull(strstr(nested_gap_names(gaps, 7, NESTED_SOME_REFUSE, names, sizeof(names)), "NPT"));
	ck_assert_ptr_null(strstr(names, "pause filter"));
	nested_gap_names(gaps, 7, NESTED_SLOWER, names, 8);
	ck_assert_uint_lt(strlen(names), 8);
	c.svm_asids = 1;
	ck_assert_uint_eq(gaps_of(&c), 8);
	ck_assert_int_eq(gaps[0].weight, NESTED_USELESS);
	c.vmx = true;
	ck_assert_uint_gt(gaps_of(&c), 8);
}
END_TEST

START_TEST(forced_features_are_named)
{
	const struct nested_caps host = { .svm = true, .svm_features = 0x9 };
	struct nested_caps shown = { .svm = true, .svm_features = 0x9 };
	char names[64];

	ck_assert_str_eq(nested_forced_names(&shown, &host, names, sizeof(names)), "");
	shown.svm_features = 0x1;
	ck_assert_str_eq(nested_forced_names(&shown, &host, names, sizeof(names)), "");
	shown.svm_features = 0x208b;
	ck_assert_str_eq(nested_forced_names(&shown, &host, names, sizeof(names)), "bit 1, decode assists, bit 13");
	nested_forced_names(&shown, &host, names, 10);
	ck_assert_uint_eq(strlen(names), 9);
	shown.svm = false;
	ck_assert_str_eq(nested_forced_names(&shown, &host, names, sizeof(names)), "");
}
END_TEST

// --- a start ---

static struct err err;

static int start(struct vm_config *vm, struct host_config host)
{
	const struct host_probe probe = fake_probe();

	err = (struct err){ 0 };
	return nested_start(&probe, &host, vm, &err);
}

static void nesting_off(void) { put("/sys/module/kvm_intel/parameters/nested", "0\n"); }

START_TEST(demanded_and_impossible_is_refused)
{
	struct vm_config vm = { .hw_version = 20, .nested = true, .nesting = { .said = VM_SAID_TRUE, .by = "vhv.enable" } };

	ck_assert_int_eq(start(&vm, (struct host_config){ 0 }), 0);
	ck_assert(vm.nested);
	nesting_off();
	ck_assert_int_eq(start(&vm, (struct host_config){ 0 }), -ENOTSUP);
	ck_assert_int_eq(err.exit, EXIT_HOST);
	ck_assert_str_eq(err.object, "vhv.enable");
	ck_assert_ptr_nonnull(strstr(err.what, "kvm_intel.nested = 0"));
	ck_assert_ptr_nonnull(strstr(err.remedy, "modprobe.d"));
	ck_assert_ptr_nonnull(strstr(err.remedy, "berth host --nested"));
}
END_TEST

START_TEST(wished_for_and_impossible_starts_without)
{
	struct vm_config vm = { .hw_version = 20, .nested = true, .nesting = { .if_possible = true, .by = "guestOS" } };

	nesting_off();
	ck_assert_int_eq(start(&vm, (struct host_config){ 0 }), 0);
	ck_assert(!vm.nested);
}
END_TEST

START_TEST(host_allows_and_forbids)
{
	struct host_config yes = { .vhv_allow = VM_SAID_TRUE }, no = { .vhv_allow = VM_SAID_FALSE };
	struct vm_config vm = { .hw_version = 8, .guest_64 = true }, old = { .hw_version = 7, .guest_64 = true };
	struct vm_config against = { .hw_version = 20, .guest_64 = true, .nesting = { .said = VM_SAID_FALSE, .by = "vhv.enable" } };
	struct vm_config asks = { .hw_version = 20, .nested = true, .nesting = { .said = VM_SAID_TRUE, .by = "vhv.enable" } };

	ck_assert_int_eq(start(&vm, yes), 0);
	ck_assert(vm.nested);
	ck_assert_int_eq(start(&old, yes), 0);
	ck_assert_int_eq(start(&against, yes), 0);
	ck_assert(!old.nested && !against.nested);
	ck_assert_int_eq(start(&asks, no), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(err.what, "forbids"));
}
END_TEST

START_TEST(host_that_is_a_vm)
{
	struct vm_config vm = { .hw_version = 20, .nesting = { .allow_nested = VM_SAID_FALSE } };

	ck_assert_int_eq(start(&vm, (struct host_config){ 0 }), 0);
	hypervisor_name = "KVMKVMKVM";
	ck_assert_int_eq(start(&vm, (struct host_config){ 0 }), -ENOTSUP);
	ck_assert_int_eq(err.exit, EXIT_HOST);
	ck_assert_str_eq(err.object, "vmx.allowNested");
	vm.nesting.allow_nested = VM_SAID_TRUE;
	ck_assert_int_eq(start(&vm, (struct host_config){ .allow_nested = VM_SAID_FALSE }), 0);
	vm.nesting.allow_nested = VM_SAID_NOTHING;
	ck_assert_int_eq(start(&vm, (struct host_config){ .allow_nested = VM_SAID_FALSE }), -ENOTSUP);
	ck_assert_int_eq(start(&vm, (struct host_config){ 0 }), 0);
}
END_TEST

// What `berth check` and `berth cpuid` show is what a start does.
START_TEST(settled_without_a_start)
{
	const struct host_probe probe = fake_probe();
	struct host_config none = { 0 }, yes = { .vhv_allow = VM_SAID_TRUE }, not_inside = { .allow_nested = VM_SAID_FALSE };
	struct vm_config plain = { .hw_version = 20, .guest_64 = true }, wishes = { .hw_version = 20, .nested = true };
	struct vm_config demands = { .hw_version = 20, .nested = true, .nesting = { .said = VM_SAID_TRUE, .by = "vhv.enable" } };

	ck_assert_ptr_null(nested_settle(&probe, &none, &plain, &report));
	ck_assert(!plain.nested && !report.count);
	ck_assert_ptr_null(nested_settle(&probe, &yes, &plain, &report));
	ck_assert(plain.nested && report.count);
	nesting_off();
	ck_assert_ptr_nonnull(nested_settle(&probe, &none, &wishes, &report));
	ck_assert(!wishes.nested);
	ck_assert_ptr_nonnull(nested_settle(&probe, &none, &demands, &report));
	ck_assert(demands.nested);
	plain = (struct vm_config){ .hw_version = 20 };
	ck_assert_ptr_null(nested_settle(&probe, &not_inside, &plain, &report));
	ck_assert_uint_eq(report.count, 0);
	hypervisor_name = "KVMKVMKVM";
	ck_assert_ptr_nonnull(nested_settle(&probe, &not_inside, &plain, &report));
	ck_assert_uint_eq(report.count, 1);
	plain.nesting.allow_nested = VM_SAID_TRUE;
	ck_assert_ptr_null(nested_settle(&probe, &not_inside, &plain, &report));
}
END_TEST

START_TEST(counters_that_are_not_there_do_not_stop_a_start)
{
	struct vm_config vm = { .hw_version = 20, .pmu = true };

	pmu_version = 0;
	ck_assert_int_eq(start(&vm, (struct host_config){ 0 }), 0);
	open_result = -ENOENT;
	ck_assert_int_eq(start(&vm, (struct host_config){ 0 }), 0);
}
END_TEST

START_TEST(host_file)
{
	struct host_config c;
	char path[128];

	snprintf(path, sizeof(path), "%s/etc/berth/config", root);
	ck_assert_int_eq(host_config_load(path, &c, &err), 0);
	ck_assert(c.vhv_allow == VM_SAID_NOTHING && c.allow_nested == VM_SAID_NOTHING);
	put("/etc/berth/config", "# of this host\nVHV.allow = \"true\"\nvmx.allowNested = FALSE\nlibdir = \"/usr/lib\"\n");
	ck_assert_int_eq(host_config_load(path, &c, &err), 0);
	ck_assert(c.vhv_allow == VM_SAID_TRUE && c.allow_nested == VM_SAID_FALSE);
	put("/etc/berth/config", "vhv.allow = \"perhaps\"\n");
	ck_assert_int_eq(host_config_load(path, &c, &err), -EINVAL);
	ck_assert_int_eq(err.exit, EXIT_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.what, "vhv.allow"));
}
END_TEST

// --- CPUID ---

static struct cpuid_table table;

START_TEST(a_mask_does_not_give_what_is_not_allowed)
{
	const struct kvm_cpuid_entry2 host[] = { { .function = 0 }, { .function = 1, .ecx = 1u << 5 },
						 { .function = 0x80000001u, .ecx = 1u << 2 } };
	struct vm_cpuid_mask masks[] = { { 1, 2, 0, "--------------------------H-----" },
					 { 0x80000001u, 2, 0, "-----------------------------1--" } };
	struct cpuid_args a = { .topology = { 1, 1 }, .masks = masks, .mask_count = 2 };

	cpuid_build(&a, host, 3, &table);
	ck_assert(!(cpuid_find(&table, 1, 0)->ecx & 1u << 5));
	ck_assert(!(cpuid_find(&table, 0x80000001u, 0)->ecx & 1u << 2));
	a.nested = true;
	cpuid_build(&a, host, 3, &table);
	ck_assert(cpuid_find(&table, 1, 0)->ecx & 1u << 5);
	ck_assert(cpuid_find(&table, 0x80000001u, 0)->ecx & 1u << 2);
}
END_TEST

START_TEST(counters_are_shown_when_asked_for)
{
	const struct kvm_cpuid_entry2 host[] = { { .function = 1, .ecx = 1u << 15 }, { .function = 0xa, .eax = 0x07300402, .edx = 3 } };
	struct cpuid_args a = { .topology = { 1, 1 } };

	cpuid_build(&a, host, 2, &table);
	ck_assert_uint_eq(cpuid_find(&table, 0xa, 0)->eax, 0);
	ck_assert(!(cpuid_find(&table, 1, 0)->ecx & 1u << 15));
	a.pmu = true;
	cpuid_build(&a, host, 2, &table);
	ck_assert_uint_eq(cpuid_find(&table, 0xa, 0)->eax, 0x07300402);
	ck_assert(cpuid_find(&table, 1, 0)->ecx & 1u << 15);
}
END_TEST

// --- Hyper-V ---

static const struct kvm_cpuid_entry2 amd_hv[] = { { .function = 0, .eax = 0xd }, { .function = 1 } };

START_TEST(enlightenments_stand_before_vmwares_leaves)
{
	struct cpuid_args a = { .topology = { 1, 1 }, .hypervisor = true, .tsc_khz = 2000000,
				.hyperv = 1u << VM_HV_RELAXED | 1u << VM_HV_TIME, .hyperv_spinlocks = 8191 };

	cpuid_build(&a, amd_hv, 2, &table);
	ck_assert_mem_eq(&cpuid_find(&table, 0x40000000, 0)->ebx, "Micr", 4);
	ck_assert_uint_eq(cpuid_find(&table, 0x40000000, 0)->eax, 0x40000005);
	ck_assert_uint_eq(cpuid_find(&table, 0x40000003, 0)->eax, 0x222);
	ck_assert_uint_eq(cpuid_find(&table, 0x40000004, 0)->eax, 0x20);
	ck_assert_uint_eq(cpuid_find(&table, 0x40000004, 0)->ebx, 8191);
	ck_assert_mem_eq(&cpuid_find(&table, 0x40000100, 0)->ebx, "VMwa", 4);
	ck_assert_uint_eq(cpuid_find(&table, 0x40000100, 0)->eax, 0x40000110);
	ck_assert_uint_eq(cpuid_find(&table, 0x40000110, 0)->eax, 2000000);
	ck_assert_ptr_null(cpuid_find(&table, 0x40000010, 0));
	a.hyperv = 1u << VM_HV_EVMCS | 1u << VM_HV_VAPIC;
	cpuid_build(&a, amd_hv, 2, &table);
	ck_assert_uint_eq(cpuid_find(&table, 0x4000000a, 0)->eax, 0x101);
}
END_TEST

START_TEST(enlightenments_that_kvm_lacks_are_named)
{
	const struct kvm_cpuid_entry2 kvm[] = { { .function = 0x40000003, .eax = 0xe7f, .edx = 0x100 },
						{ .function = 0x40000004, .eax = 0xc2c } };

	ck_assert_int_eq(hyperv_check(1u << VM_HV_RELAXED | 1u << VM_HV_SYNIC | 1u << VM_HV_IPI, kvm, 2, &err), 0);
	ck_assert_int_eq(hyperv_check(1u << VM_HV_EVMCS | 1u << VM_HV_TIME | 1u << VM_HV_REENLIGHTENMENT, kvm, 2, &err), -ENOTSUP);
	ck_assert_int_eq(err.exit, EXIT_HOST);
	ck_assert_ptr_nonnull(strstr(err.what, "berth.hyperv.evmcs"));
	ck_assert_ptr_nonnull(strstr(err.what, "berth.hyperv.reenlightenment"));
	ck_assert_ptr_null(strstr(err.what, "time,"));
	ck_assert_int_eq(hyperv_check(0, kvm, 2, &err), 0);
	ck_assert_int_eq(hyperv_check(0, NULL, 0, &err), -ENOTSUP);
}
END_TEST

// --- rights to a port ---

#define TSS_AT   0x7000u
static uint8_t tss[0x2100];

static bool read_tss(void *arg, uint64_t linear, void *buf, size_t len)
{
	(void)arg;
	if (linear < TSS_AT || linear + len > TSS_AT + sizeof(tss))
		return false;
	memcpy(buf, tss + (linear - TSS_AT), len);
	return true;
}

static struct port_caller caller(void)
{
	memset(tss, 0xff, sizeof(tss));
	tss[0x66] = 0x68;
	tss[0x67] = 0;
	return (struct port_caller){ .cpl = 3, .tss_type = 11, .tss = TSS_AT, .tss_limit = 0x206b, .read = read_tss };
}

START_TEST(privilege_and_bitmap)
{
	struct port_caller c = caller();

	ck_assert(!port_allowed(&c, 0x5658, 4));
	c.iopl = 3;
	ck_assert(port_allowed(&c, 0x5658, 4));
	c.v86 = true;
	ck_assert(!port_allowed(&c, 0x5658, 4));
	c = caller();
	c.cpl = 0;
	ck_assert(port_allowed(&c, 0x5658, 4));
	c = caller();
	tss[0x68 + 0x5658 / 8] = 0xf0;
	ck_assert(port_allowed(&c, 0x5658, 4));
	ck_assert(!port_allowed(&c, 0x5659, 4));
	ck_assert(port_allowed(&c, 0x565b, 1));
	ck_assert(!port_allowed(&c, 0x565c, 1));
}
END_TEST

START_TEST(no_bitmap_no_right)
{
	struct port_caller c = caller();

	memset(tss + 0x68, 0, sizeof(tss) - 0x68);
	ck_assert(port_allowed(&c, 0x5658, 4));
	c.tss_type = 3;         // a 16-bit TSS has none
	ck_assert(!port_allowed(&c, 0x5658, 4));
	c = caller();
	memset(tss + 0x68, 0, sizeof(tss) - 0x68);
	c.tss_limit = 0x67;     // no room for one
	ck_assert(!port_allowed(&c, 0x5658, 4));
	c.tss_limit = 0x68 + 0x5658 / 8;        // the second byte lies outside
	ck_assert(!port_allowed(&c, 0x5658, 4));
	c.tss_limit++;
	ck_assert(port_allowed(&c, 0x5658, 4));
	c.tss = 0x100000;       // not memory
	ck_assert(!port_allowed(&c, 0x5658, 4));
}
END_TEST

START_TEST(length_of_an_out)
{
	ck_assert_uint_eq(port_out_length(4, 64), 1);
	ck_assert_uint_eq(port_out_length(2, 32), 2);
	ck_assert_uint_eq(port_out_length(4, 16), 2);
	ck_assert_uint_eq(port_out_length(2, 16), 1);
	ck_assert_uint_eq(port_out_length(1, 16), 1);
}
END_TEST

static void add_list_tests(TCase *t)
{
	tcase_add_test(t, good_intel);
	tcase_add_test(t, good_amd);
	tcase_add_test(t, no_cpu);
	tcase_add_test(t, every_outer_hypervisor_has_its_setting);
	tcase_add_test(t, firmware_locked_it_and_linux_hides_the_flag);
	tcase_add_test(t, firmware_by_its_register);
	tcase_add_test(t, firmware_unknown);
	tcase_add_test(t, module_and_its_parameter);
	tcase_add_test(t, second_level_paging);
	tcase_add_test(t, kvm_itself);
	tcase_add_test(t, counters);
	tcase_add_test(t, owner_forbids);
	tcase_add_test(t, settings_that_cost);
}

static void add_start_tests(TCase *t)
{
	tcase_add_test(t, demanded_and_impossible_is_refused);
	tcase_add_test(t, wished_for_and_impossible_starts_without);
	tcase_add_test(t, host_allows_and_forbids);
	tcase_add_test(t, host_that_is_a_vm);
	tcase_add_test(t, settled_without_a_start);
	tcase_add_test(t, counters_that_are_not_there_do_not_stop_a_start);
	tcase_add_test(t, host_file);
}

int main(void)
{
	Suite *s = suite_create("nested");
	TCase *list = tcase_create("list"), *begin = tcase_create("start"), *pure = tcase_create("pure");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(list, setup, remove_host);
	tcase_add_checked_fixture(begin, setup, remove_host);
	add_list_tests(list);
	add_start_tests(begin);
	tcase_add_test(pure, each_missing_control_is_named);
	tcase_add_test(pure, cpuid_must_fit_the_controls);
	tcase_add_test(pure, svm_features_are_named_heaviest_first);
	tcase_add_test(pure, forced_features_are_named);
	tcase_add_test(pure, each_missing_feature_is_named);
	tcase_add_test(pure, a_mask_does_not_give_what_is_not_allowed);
	tcase_add_test(pure, counters_are_shown_when_asked_for);
	tcase_add_test(pure, enlightenments_stand_before_vmwares_leaves);
	tcase_add_test(pure, enlightenments_that_kvm_lacks_are_named);
	tcase_add_test(pure, privilege_and_bitmap);
	tcase_add_test(pure, no_bitmap_no_right);
	tcase_add_test(pure, length_of_an_out);
	suite_add_tcase(s, list);
	suite_add_tcase(s, begin);
	suite_add_tcase(s, pure);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
