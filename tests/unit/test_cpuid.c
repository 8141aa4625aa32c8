// test_cpuid.c: reasons for what differs in CPUID, demands on the host, width, `cpuid -r` text.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kvm/cpuid_explain.h"
#include "vmx/config.h"

static const struct kvm_cpuid_entry2 host[] = {
	{ .function = 0, .eax = 0xd, .ebx = 0x756e6547, .edx = 0x49656e69, .ecx = 0x6c65746e },
	{ .function = 1, .eax = 0x306a9, .ebx = 0x00100800, .ecx = 0x02000021, .edx = 0x0fabfbff },
	{ .function = 0x40000000, .ebx = 0x4b4d564b, .ecx = 0x564b4d56, .edx = 0x4d },
	{ .function = 0x80000008, .eax = 0x3030 },
};
#define HOST host, sizeof(host) / sizeof(host[0])

static struct cpuid_story story;

static const char *reason(const struct cpuid_args *a, uint32_t leaf, unsigned reg)
{
	const char *found = NULL;

	for (size_t i = 0; i < story.count; i++) {
		const struct cpuid_change *c = &story.changes[i];

		if (c->leaf == leaf && c->reg == reg)
			found = cpuid_reason(a, c);
	}
	return found ? found : "(none)";
}

static bool has_reason(const struct cpuid_args *a, uint32_t leaf, unsigned reg, const char *text)
{
	for (size_t i = 0; i < story.count; i++) {
		const struct cpuid_change *c = &story.changes[i];

		if (c->leaf == leaf && c->reg == reg && !strcmp(cpuid_reason(a, c), text))
			return true;
	}
	return false;
}

START_TEST(every_difference_has_a_reason)
{
	struct vm_cpuid_mask masks[] = { { 1, 2, 0, "------0-------------------------", "cpuid.1.ecx" } };
	struct cpuid_args a = { .topology = { 4, 2 }, .hypervisor = true, .tsc_khz = 5, .phys_bits = 40,
				.masks = masks, .mask_count = 1 };

	cpuid_explain(&a, HOST, 3, &story);
	ck_assert_str_eq(reason(&a, 0x40000000, 1), "hypervisor.cpuid.v0");
	ck_assert_str_eq(reason(&a, 0x40000010, 0), "hypervisor.cpuid.v0");
	ck_assert(has_reason(&a, 1, 2, "cpuid.1.ecx"));
	ck_assert(has_reason(&a, 1, 2, "vhv.enable"));
	ck_assert_str_eq(reason(&a, 1, 1), "numvcpus, cpuid.coresPerSocket");
	ck_assert_str_eq(reason(&a, 0x80000008, 0), "monitor.phys_bits_used");
	ck_assert_str_eq(reason(&a, 1, 0), "(none)");
	for (uint32_t i = 0; i < story.guest.count; i++) {
		const struct kvm_cpuid_entry2 *e = &story.guest.entries[i];
		struct kvm_cpuid_entry2 *h = cpuid_find(&story.host, e->function, e->index);

		for (unsigned reg = 0; reg < 4; reg++) {
			if (cpuid_register(e, reg) != (h ? cpuid_register(h, reg) : 0))
				ck_assert_str_ne(reason(&a, e->function, reg), "(none)");
		}
		ck_assert(i == 0 || story.guest.entries[i - 1].function <= e->function);
	}
	cpuid_story_free(&story);
}
END_TEST

START_TEST(demands_on_the_host)
{
	struct vm_cpuid_mask masks[] = {
		{ 1, 2, 'a', "TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT", "amd" },
		{ 1, 2, 0, "-------------------------------T", "there" },
		{ 1, 2, 0, "------------------------------F-", "not there" },
		{ 1, 2, 0, "------------------------------T-", "missing" },
	};
	struct cpuid_args a = { .topology = { 1, 1 }, .masks = masks, .mask_count = 3 };

	ck_assert_ptr_null(cpuid_unmet(&a, HOST));
	a.mask_count = 4;
	ck_assert_str_eq(cpuid_unmet(&a, HOST)->key, "missing");
	masks[3].bits[30] = '-';
	masks[3].bits[31] = 'F';
	ck_assert_str_eq(cpuid_unmet(&a, HOST)->key, "missing");
}
END_TEST

START_TEST(width_is_never_more_than_the_hosts)
{
	static const struct { unsigned asked, given; } cases[] = { { 0, 48 }, { 40, 40 }, { 48, 48 }, { 52, 48 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cpuid_args a = { .topology = { 1, 1 }, .phys_bits = cases[i].asked };
		struct cpuid_table t;

		cpuid_build(&a, HOST, &t);
		ck_assert_uint_eq(cpuid_find(&t, 0x80000008, 0)->eax, 0x3000 | cases[i].given);
	}
}
END_TEST

START_TEST(raw_text_comes_back)
{
	struct cpuid_args a = { .topology = { 2, 1 }, .hypervisor = true };
	struct kvm_cpuid_entry2 back[8];
	struct cpuid_table t;
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	cpuid_build(&a, HOST, &t);
	cpuid_raw_print(to, 0, &t);
	cpuid_raw_print(to, 1, &t);
	fclose(to);
	ck_assert_ptr_nonnull(strstr(text, "   0x00000001 0x00: eax=0x000306a9 ebx=0x00010800"));
	ck_assert_uint_eq(cpuid_raw_parse(text, len, back, 8), t.count);
	for (uint32_t i = 0; i < t.count; i++)
		ck_assert_uint_eq(back[i].ebx, t.entries[i].ebx);
	ck_assert_uint_eq(cpuid_raw_parse(text, len, back, 2), 2);
	ck_assert_uint_eq(cpuid_raw_parse("nothing of the kind\n\n   0x1 0x0: eax=", 38, back, 8), 0);
	free(text);
}
END_TEST

START_TEST(two_builds_are_equal)
{
	struct cpuid_args a = { .topology = { 4, 2 }, .hypervisor = true, .tsc_khz = 7 };
	struct cpuid_table one, two;

	memset(&one, 0, sizeof(one));
	memset(&two, 0xff, sizeof(two));
	cpuid_build(&a, HOST, &one);
	cpuid_build(&a, HOST, &two);
	ck_assert_uint_eq(one.count, two.count);
	ck_assert_mem_eq(one.entries, two.entries, one.count * sizeof(one.entries[0]));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cpuid");
	TCase *tc = tcase_create("cpuid");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, every_difference_has_a_reason);
	tcase_add_test(tc, demands_on_the_host);
	tcase_add_test(tc, width_is_never_more_than_the_hosts);
	tcase_add_test(tc, raw_text_comes_back);
	tcase_add_test(tc, two_builds_are_equal);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
