// cpuid_cmd.c: `berth cpuid`: what the guest's CPUID says, beside the host's, and why they differ.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/cpuid_cmd.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/options.h"
#include "kvm/cpuid_explain.h"
#include "kvm/kvm.h"
#include "kvm/nested_host.h"
#include "vmx/config.h"
#include "vmx/vmx_file.h"

#define DUMP_MAX (4u << 20)
#define APIC_KHZ 1000000u       // KVM's LAPIC timer counts nanoseconds

struct options { const char *vmx, *host_file; bool json, raw; };

static const char *const register_names[4] = { "eax", "ebx", "ecx", "edx" };

// --- where the host's values come from -----------------------------------------------------------------

// The rate is a property of a CPU; one is made for the question.
static uint32_t tsc_khz(const struct kvm *kvm)
{
	int fd = ioctl(kvm_vm_fd(kvm), KVM_CREATE_VCPU, 0ul);
	int khz = fd < 0 ? 0 : ioctl(fd, KVM_GET_TSC_KHZ, 0);

	if (fd >= 0)
		close(fd);
	return khz > 0 ? (uint32_t)khz : 0;
}

static int from_kvm(struct cpuid_table *host, uint32_t *khz, struct err *err)
{
	struct kvm *kvm;
	struct kvm_cpuid2 *supported;
	int r = kvm_create(&kvm, err);

	if (r < 0)
		return r;
	supported = kvm_supported_cpuid(kvm);
	if (supported) {
		host->count = supported->nent < CPUID_MAX_ENTRIES ? supported->nent : CPUID_MAX_ENTRIES;
		memcpy(host->entries, supported->entries, host->count * sizeof(host->entries[0]));
	}
	*khz = tsc_khz(kvm);
	kvm_destroy(kvm);
	if (supported) {
		free(supported);
		return 0;
	}
	err_set(err, EIO, "/dev/kvm", "its CPUID cannot be read");
	err_exit(err, EXIT_HOST);
	return -EIO;
}

static int from_file(const char *path, struct cpuid_table *host, struct err *err)
{
	char *text;
	size_t len;
	int r = file_read(path, DUMP_MAX, &text, &len, err);

	if (r < 0)
		return r;
	host->count = cpuid_raw_parse(text, len, host->entries, CPUID_MAX_ENTRIES);
	free(text);
	if (host->count)
		return 0;
	err_set(err, EINVAL, path, "holds no leaf in the form of `cpuid -r`");
	err_exit(err, EXIT_CONFIG);
	return -EINVAL;
}

// --- for people and programs -----------------------------------------------------------------------------

static const struct kvm_cpuid_entry2 *find(const struct cpuid_table *t, uint32_t leaf, uint32_t index)
{
	for (uint32_t i = 0; i < t->count; i++) {
		if (t->entries[i].function == leaf && t->entries[i].index == index)
			return &t->entries[i];
	}
	return NULL;
}

static bool is_of(const struct cpuid_change *c, uint32_t leaf, uint32_t index, unsigned reg)
{
	return c->leaf == leaf && c->index == index && c->reg == reg;
}

// Once each, in the order of the steps.
static bool told_before(const struct cpuid_args *args, const struct cpuid_story *s, size_t n)
{
	const struct cpuid_change *c = &s->changes[n];

	for (size_t i = 0; i < n; i++) {
		if (is_of(&s->changes[i], c->leaf, c->index, c->reg) &&
		    !strcmp(cpuid_reason(args, &s->changes[i]), cpuid_reason(args, c)))
			return true;
	}
	return false;
}

static void print_reasons(const struct cpuid_args *args, const struct cpuid_story *s, const struct kvm_cpuid_entry2 *e,
			  unsigned reg)
{
	const char *before = "  ";

	for (size_t i = 0; i < s->count; i++) {
		if (!is_of(&s->changes[i], e->function, e->index, reg) || told_before(args, s, i))
			continue;
		printf("%s%s", before, cpuid_reason(args, &s->changes[i]));
		before = "; ";
	}
}

static void print_entry(const struct cpuid_args *args, const struct cpuid_story *s, const struct kvm_cpuid_entry2 *e,
			bool in_guest)
{
	const struct kvm_cpuid_entry2 *host = find(&s->host, e->function, e->index);

	for (unsigned reg = 0; reg < 4; reg++) {
		uint32_t h = host ? cpuid_register(host, reg) : 0, g = in_guest ? cpuid_register(e, reg) : 0;

		printf("%08x %3x %s  ", e->function, e->index, register_names[reg]);
		printf(host ? "%08x  " : "-         ", h);
		printf(in_guest ? "%08x" : "-       ", g);
		if (h != g) {
			printf("  %08x", h ^ g);
			print_reasons(args, s, e, reg);
		}
		putchar('\n');
	}
}

static void print_table(const struct cpuid_args *args, const struct cpuid_story *s)
{
	puts("LEAF     SUB REG  HOST      GUEST     DIFFERENCE");
	for (uint32_t i = 0; i < s->guest.count; i++)
		print_entry(args, s, &s->guest.entries[i], true);
	for (uint32_t i = 0; i < s->host.count; i++) {
		const struct kvm_cpuid_entry2 *e = &s->host.entries[i];

		if (!find(&s->guest, e->function, e->index))
			print_entry(args, s, e, false);
	}
}

static json_t *register_json(const struct cpuid_args *args, const struct cpuid_story *s,
			     const struct kvm_cpuid_entry2 *e, unsigned reg)
{
	const struct kvm_cpuid_entry2 *host = find(&s->host, e->function, e->index);
	json_t *reasons = json_array();

	for (size_t i = 0; i < s->count; i++) {
		if (is_of(&s->changes[i], e->function, e->index, reg) && !told_before(args, s, i))
			json_array_append_new(reasons, json_string(cpuid_reason(args, &s->changes[i])));
	}
	return json_pack("{s:o?, s:I, s:o}", "host", host ? json_integer(cpuid_register(host, reg)) : NULL, "guest",
			 (json_int_t)cpuid_register(e, reg), "reasons", reasons);
}

static int print_json(const struct cpuid_args *args, const struct cpuid_story *s)
{
	json_t *list = json_array();
	char *text;

	for (uint32_t i = 0; i < s->guest.count; i++) {
		const struct kvm_cpuid_entry2 *e = &s->guest.entries[i];
		json_t *leaf = json_pack("{s:I, s:I}", "leaf", (json_int_t)e->function, "index", (json_int_t)e->index);

		for (unsigned reg = 0; reg < 4; reg++)
			json_object_set_new(leaf, register_names[reg], register_json(args, s, e, reg));
		json_array_append_new(list, leaf);
	}
	text = json_dumps(list, JSON_INDENT(2));
	json_decref(list);
	if (!text)
		return EXIT_INTERNAL;
	puts(text);
	free(text);
	return 0;
}

// Each CPU has APIC IDs of its own.
static void print_raw(const struct cpuid_args *args, const struct cpuid_table *host)
{
	for (unsigned cpu = 0; cpu < args->topology.cpus; cpu++) {
		struct cpuid_story s;

		cpuid_explain(args, host->entries, host->count, cpu, &s);
		cpuid_raw_print(stdout, cpu, &s.guest);
		cpuid_story_free(&s);
	}
}

static int print(const struct options *o, const struct cpuid_args *args, const struct cpuid_table *host)
{
	const struct vm_cpuid_mask *unmet = cpuid_unmet(args, host->entries, host->count);
	struct cpuid_story s;
	int code = 0;

	if (unmet)
		fprintf(stderr, "berth cpuid: %s demands what the host does not have; the VM would not start.\n", unmet->key);
	if (o->raw) {
		print_raw(args, host);
		return unmet ? EXIT_HOST : 0;
	}
	cpuid_explain(args, host->entries, host->count, 0, &s);
	if (o->json)
		code = print_json(args, &s);
	else
		print_table(args, &s);
	cpuid_story_free(&s);
	return code ? code : unmet ? EXIT_HOST : 0;
}

static int load_host(const struct options *o, struct cpuid_args *args, struct cpuid_table *host, struct err *err)
{
	args->apic_khz = APIC_KHZ;
	return o->host_file ? from_file(o->host_file, host, err) : from_kvm(host, &args->tsc_khz, err);
}

// Whether the guest gets VMX or SVM is this host's to decide, too; another host's is not known.
static void settle_nesting(const struct options *o, struct vm_config *c)
{
	struct host_probe probe = host_probe_real();
	struct host_config host = { 0 };
	struct host_report report;

	if (o->host_file)
		return;
	host_config_load(HOST_CONFIG_PATH, &host, NULL);
	nested_settle(&probe, &host, c, &report);
}

static int explain(const struct options *o, const struct vm_config *c, struct err *err)
{
	struct cpuid_args args = {
		.topology = { c->cpus, c->cores_per_socket }, .hypervisor = c->hypervisor_leaves, .nested = c->nested,
		.pmu = c->pmu, .hyperv = c->hyperv, .hyperv_spinlocks = c->hyperv_spinlocks, .phys_bits = c->phys_bits, .masks = c->cpuid_masks, .mask_count = c->cpuid_mask_count,
	};
	struct cpuid_table *host = calloc(1, sizeof(*host));
	int r;

	if (!host)
		return err_set(err, ENOMEM, o->vmx, "no memory for its CPUID");
	r = load_host(o, &args, host, err);
	if (!r)
		r = print(o, &args, host);
	free(host);
	return r;
}

int cpuid_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth cpuid [--json | --raw] [--host FILE] VM.vmx\n"
		"Shows what CPUID tells the guest, register by register: the host's value (what KVM supports), the guest's, the\n"
		"bits that differ, and which key of the .vmx or which rule is the reason.\n"
		"\n"
		"  --json        for programs\n"
		"  --raw         every CPU's table as `cpuid -r` prints it\n"
		"  --host FILE   a host's table in that form instead of this host's KVM\n"
		"\n"
		"Exit codes: 0 shown, 2 usage, 3 configuration, 4 no KVM, or a mask demands what the host has not.\n", 1, 1 };
	struct options o = { 0 };
	struct vm_config *config = NULL;
	struct vmx_file *file = NULL;
	struct vmx_report report = { 0 };
	struct err err = { 0 };
	int r = cli_parse(argc, argv, &usage, (struct cli_flag[]){ { "json", &o.json, NULL }, { "raw", &o.raw, NULL },
								   { "host", NULL, &o.host_file }, { 0 } });

	if (r >= 0)
		return r;
	o.vmx = argv[optind];
	vm_config_load(o.vmx, &config, &file, &report, &err);
	// What is wrong elsewhere in the file is `berth check`'s to tell; the processors are known.
	if (config) {
		err_clear(&err);
		settle_nesting(&o, config);
		r = explain(&o, config, &err);
	} else if (!err.code) {
		err_set(&err, EINVAL, o.vmx, "its processors are not known; `berth check` tells why");
		err_exit(&err, EXIT_CONFIG);
	}
	vmx_file_free(file);
	vmx_report_free(&report);
	vm_config_free(config);
	return err.code ? cli_fail(&err) : r;
}
