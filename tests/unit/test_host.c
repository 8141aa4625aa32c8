// test_host.c: what `berth host` says about hosts that only exist as a folder.
// SPDX-License-Identifier: GPL-2.0-or-later
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

static char root[64];
static int open_result, uring_result, version, tsc_control;
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
	return cap == KVM_CAP_NR_VCPUS ? 8 : cap == KVM_CAP_MAX_VCPUS ? 255 : cap == KVM_CAP_TSC_CONTROL ? tsc_control : 0;
}

static int fake_version(int fd)
{
	(void)fd;
	return version;
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

static const struct host_check *look(const char *name)
{
	const struct host_probe probe = { root, fake_open, fake_cap, fake_version, fake_uring, fake_hypervisor };

	host_report_make(&probe, &report);
	return host_report_find(&report, name);
}

// The check NAME gives VERDICT, its text holds WORD, and every no says what to do.
static void says(const char *name, enum host_verdict verdict, const char *word)
{
	const struct host_check *c = look(name);

	ck_assert_ptr_nonnull(c);
	ck_assert_msg(c->verdict == verdict, "%s: %d, %s", name, c->verdict, c->text);
	ck_assert_msg(strstr(c->text, word) || strstr(c->remedy, word), "%s: %s -> %s", name, c->text, c->remedy);
	if (verdict == HOST_LIMITED || verdict == HOST_NO)
		ck_assert_msg(*c->remedy, "%s has no remedy", name);
	ck_assert_uint_ge(host_report_verdict(&report), verdict);
}

START_TEST(good)
{
	ck_assert_ptr_null(look("inside"));
	ck_assert_uint_eq(host_report_verdict(&report), HOST_OK);
	ck_assert_uint_eq(report.count, 8);
	ck_assert_ptr_null(host_report_find(&report, "nothing"));
}
END_TEST

START_TEST(amd)
{
	cpu("svm");
	says("nested", HOST_LIMITED, "kvm_amd");
	put("/sys/module/kvm_amd/parameters/nested", "1\n");
	put("/sys/module/kvm_amd/parameters/npt", "0\n");
	says("nested", HOST_OK, "AMD-V");
	says("paging", HOST_LIMITED, "npt");
}
END_TEST

// The model's name, the "vmx flags" line and the second processor do not count; nor do longer words.
START_TEST(no_virtualization)
{
	cpu("vmxish nosvm");
	says("cpu", HOST_LIMITED, "emulator");
	says("nested", HOST_LIMITED, "neither vmx nor svm");
	ck_assert_ptr_null(host_report_find(&report, "paging"));
	ck_assert_uint_eq(host_report_verdict(&report), HOST_LIMITED);
}
END_TEST

START_TEST(no_proc)
{
	put("/proc/cpuinfo", "");
	says("cpu", HOST_LIMITED, "neither");
	put("/proc/cpuinfo", "\nflags");
	says("cpu", HOST_LIMITED, "neither");
}
END_TEST

START_TEST(inside_another)
{
	hypervisor_name = "KVMKVMKVM";
	says("inside", HOST_NOTE, "KVMKVMKVM");
}
END_TEST

START_TEST(no_device)
{
	open_result = -ENOENT;
	says("kvm", HOST_NO, "modprobe");
	ck_assert_uint_eq(host_report_verdict(&report), HOST_NO);
	open_result = -EACCES;
	says("kvm", HOST_NO, "usermod -aG kvm");
	open_result = -EIO;
	ck_assert_uint_eq(look("kvm")->verdict, HOST_NO);
}
END_TEST

START_TEST(other_device)
{
	version = -1;
	says("kvm", HOST_NO, "not KVM");
	version = 11;
	says("kvm", HOST_NO, "11");
}
END_TEST

START_TEST(no_tsc_scaling)
{
	tsc_control = 0;
	says("tsc", HOST_NOTE, "TSC");
}
END_TEST

START_TEST(backdoor)
{
	put("/sys/module/kvm/parameters/enable_vmware_backdoor", "N\n");
	says("backdoor", HOST_LIMITED, "enable_vmware_backdoor=1");
}
END_TEST

START_TEST(io_uring)
{
	uring_result = -EPERM;
	says("io_uring", HOST_NO, "seccomp");
	put("/proc/sys/kernel/io_uring_disabled", "2\n");
	says("io_uring", HOST_NO, "sysctl -w kernel.io_uring_disabled=0");
	uring_result = 0;
	says("io_uring", HOST_OK, "works");
}
END_TEST

START_TEST(firmware)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/usr/share/seabios/vgabios-vmware.bin", root);
	ck_assert_int_eq(unlink(path), 0);
	says("firmware", HOST_LIMITED, "apt install seabios");
}
END_TEST

static void not_nested(const char *what, const char *remedy)
{
	struct err err = { 0 };

	ck_assert_int_eq(host_check_nested(root, &err), -ENOTSUP);
	ck_assert_int_eq(err.exit, EXIT_HOST);
	ck_assert_msg(strstr(err.what, what), "%s", err.what);
	ck_assert_msg(strstr(err.remedy, remedy), "%s", err.remedy);
}

START_TEST(nesting_fails_at_the_first_thing_missing)
{
	ck_assert_int_eq(host_check_nested(root, NULL), 0);
	put("/sys/module/kvm_intel/parameters/nested", "N\n");
	not_nested("kvm_intel.nested = 0", "echo options kvm_intel nested=1 > /etc/modprobe.d/berth.conf");
	cpu("svm");
	not_nested("kvm_amd is not loaded", "modprobe kvm_amd nested=1");
	cpu("");
	not_nested("neither vmx nor svm", "firmware");
}
END_TEST

// Whatever this host is, looking at it works.
START_TEST(real)
{
	struct host_probe probe = host_probe_real();

	host_report_make(&probe, &report);
	ck_assert_uint_gt(report.count, 4);
	ck_assert_uint_lt(report.count, HOST_CHECKS_MAX);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("host");
	TCase *t = tcase_create("host");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, good_host, remove_host);
	tcase_add_test(t, good);
	tcase_add_test(t, amd);
	tcase_add_test(t, no_virtualization);
	tcase_add_test(t, no_proc);
	tcase_add_test(t, inside_another);
	tcase_add_test(t, no_device);
	tcase_add_test(t, other_device);
	tcase_add_test(t, no_tsc_scaling);
	tcase_add_test(t, backdoor);
	tcase_add_test(t, io_uring);
	tcase_add_test(t, firmware);
	tcase_add_test(t, nesting_fails_at_the_first_thing_missing);
	tcase_add_test(t, real);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
