// test_host.c: what `berth host` says about hosts that only exist as a folder.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "host_fixture.h"

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
	svm_host();
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
	raw_vmx = false;
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

START_TEST(nesting_fails_at_the_first_thing_missing)
{
	put("/sys/module/kvm_intel/parameters/nested", "N\n");
	says("nested", HOST_LIMITED, "kvm_intel.nested = 0");
	says("nested", HOST_LIMITED, "echo options kvm_intel nested=1 > /etc/modprobe.d/berth-nested.conf");
	cpu("svm");
	says("nested", HOST_LIMITED, "kvm_amd is not loaded");
	cpu("");
	says("nested", HOST_LIMITED, "firmware");
}
END_TEST

START_TEST(owner_forbids_nesting)
{
	const struct host_probe probe = fake_probe();

	host_report_make(&probe, &(struct nested_wish){ .vhv_allow = VM_SAID_FALSE }, &report);
	ck_assert_int_eq(host_report_find(&report, "nested")->verdict, HOST_LIMITED);
	ck_assert_ptr_nonnull(strstr(host_report_find(&report, "nested")->text, "vhv.allow"));
}
END_TEST

// Whatever this host is, looking at it works.
START_TEST(real)
{
	struct host_probe probe = host_probe_real();

	host_report_make(&probe, &(struct nested_wish){ 0 }, &report);
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
	tcase_add_test(t, owner_forbids_nesting);
	tcase_add_test(t, real);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
