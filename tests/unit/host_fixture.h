// host_fixture.h: hosts that only exist as a folder and a few numbers.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_HOST_FIXTURE_H
#define BERTH_HOST_FIXTURE_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kvm/host.h"
#include "kvm/nested.h"
#include "kvm/nested_host.h"

static char root[64];
static int open_result, uring_result, version, tsc_control, nested_state;
static uint32_t pmu_version;
static const char *hypervisor_name;
static struct host_report report;

static int fake_open(const struct host_probe *p)
{
	(void)p;
	return open_result < 0 ? open_result : open("/dev/null", O_RDWR | O_CLOEXEC);
}

static int fake_cap(int fd, int cap)
{
	(void)fd;
	return cap == KVM_CAP_NR_VCPUS ? 8 : cap == KVM_CAP_MAX_VCPUS ? 255 : cap == KVM_CAP_TSC_CONTROL ? tsc_control :
	       cap == KVM_CAP_NESTED_STATE ? nested_state : 0;
}

static int fake_version(int fd)
{
	(void)fd;
	return version;
}

static bool raw_vmx, raw_svm, kvm_gives;
static uint64_t vmx_msr[NESTED_VMX_MSRS];
static uint32_t svm_features;

static void fake_cpuid(uint32_t leaf, uint32_t out[4])
{
	memset(out, 0, 16);
	if (leaf == 1 && raw_vmx)
		out[2] = 1u << 5;
	if (leaf == 0x80000001u && raw_svm)
		out[2] = 1u << 2;
}

// What KVM supports: one vendor's bit, and AMD's leaf.
static int fake_supported(int fd, struct kvm_cpuid_entry2 *e, uint32_t max)
{
	(void)fd;
	ck_assert_uint_ge(max, 4);
	memset(e, 0, 4 * sizeof(*e));
	e[0].function = 1;
	e[0].ecx = kvm_gives && raw_vmx ? 1u << 5 : 0;
	e[1].function = 0xa;
	e[1].eax = pmu_version;
	e[2].function = 0x80000001u;
	e[2].ecx = kvm_gives && raw_svm ? 1u << 2 : 0;
	e[3] = (struct kvm_cpuid_entry2){ .function = 0x8000000au, .eax = 1, .ebx = 16, .edx = svm_features };
	return 4;
}

static int fake_msr(int fd, uint32_t index, uint64_t *value)
{
	(void)fd;
	ck_assert_uint_ge(index, NESTED_VMX_MSR_FIRST);
	ck_assert_uint_lt(index, NESTED_VMX_MSR_FIRST + NESTED_VMX_MSRS);
	*value = vmx_msr[index - NESTED_VMX_MSR_FIRST];
	return 0;
}

static int fake_uring(void) { return uring_result; }
static void fake_hypervisor(char name[13]) { strcpy(name, hypervisor_name); }

static void put(const char *path, const char *text)
{
	char full[256];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(full, 0755);
		*p = '/';
	}
	f = fopen(full, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void cpu(const char *flags)
{
	char text[512];

	snprintf(text, sizeof(text), "processor\t: 0\nmodel name\t: vmx svm\nflags\t\t: fpu %s sse2\nvmx flags\t: ept\n"
		 "processor\t: 1\nflags\t\t: fpu vmx svm\n", flags);
	put("/proc/cpuinfo", text);
}

static void good_host(void)
{
	strcpy(root, "/tmp/berth-host-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	open_result = uring_result = 0;
	version = KVM_API_VERSION;
	tsc_control = 1;
	hypervisor_name = "";
	cpu("vmx");
	raw_vmx = kvm_gives = true;
	raw_svm = false;
	pmu_version = 2;
	nested_state = 1;
	svm_features = 0x4fb;
	memset(vmx_msr, 0xff, sizeof(vmx_msr));
	put("/sys/module/kvm_intel/parameters/nested", "Y\n");
	put("/sys/module/kvm_intel/parameters/ept", "Y\n");
	put("/sys/module/kvm/parameters/enable_vmware_backdoor", "Y\n");
	put("/usr/share/seabios/bios-256k.bin", "x");
	put("/usr/share/seabios/vgabios-vmware.bin", "x");
}

static void remove_host(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	ck_assert_int_eq(system(command), 0);
}

static inline void svm_host(void)
{
	cpu("svm");
	raw_vmx = false;
	raw_svm = true;
}

static struct host_probe fake_probe(void)
{
	return (struct host_probe){
		.root = root, .open_kvm = fake_open, .kvm_cap = fake_cap, .kvm_version = fake_version, .try_uring = fake_uring,
		.hypervisor = fake_hypervisor, .cpuid = fake_cpuid, .supported_cpuid = fake_supported, .feature_msr = fake_msr };
}

static inline const struct host_check *look(const char *name)
{
	const struct host_probe probe = fake_probe();

	host_report_make(&probe, &(struct nested_wish){ 0 }, &report);
	return host_report_find(&report, name);
}

#endif
