// fuzz_vmx.c: bytes as a .vmx: parsed, made into a machine, judged, changed, written and read again.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmx/keys.h"
#include "vmx/load.h"
#include "vmx/vmx_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

// An unchanged file is what was read.
static void check_round_trip(const struct vmx_file *f, const uint8_t *data, size_t size)
{
	size_t len;
	char *text = vmx_file_text(f, &len);

	require(text && len == size && (!size || !memcmp(text, data, size)));
	free(text);
}

static void judge_all(const struct vmx_file *f)
{
	for (size_t i = 0; i < vmx_file_count(f); i++) {
		const struct vmx_entry *e = vmx_file_at(f, i);
		struct vmx_verdict v;

		vmx_key_judge(f, e, &v);
		require(vmx_file_find(f, e->name) != NULL);
		require(v.why[0] != '\0');
	}
}

static void make_machine(const struct vmx_file *f)
{
	struct vmx_report report = { 0 };
	struct vm_config *c;
	int r = vm_config_from(f, "/nonexistent/fuzz.vmx", &c, &report);

	require((r == 0) == (report.errors == 0));
	require(r < 0 || (c->cpus >= 1 && c->cpus % c->cores_per_socket == 0 && c->mem_mb >= 32 && c->name &&
			  c->vnc.ip));
	vm_config_free(c);
	vmx_report_free(&report);
}

// What was set is what a reader of the new text finds.
static void change(struct vmx_file *f, const char *name, const char *value)
{
	struct vmx_file *again;
	const char *got;
	size_t len;
	char *text;

	if (vmx_file_set(f, name, value, NULL) < 0)
		return;
	text = vmx_file_text(f, &len);
	require(text != NULL);
	if (vmx_file_parse(text, len, &again, NULL) == 0) {
		got = vmx_file_get(again, name);
		require(got && !strcmp(got, value));
		vmx_file_free(again);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmx_file *f;

	if (vmx_file_parse((const char *)data, size, &f, NULL) < 0)
		return 0;
	check_round_trip(f, data, size);
	judge_all(f);
	make_machine(f);
	change(f, "uuid.bios", "56 4d 6f ca 63 a5 a8 3e-13 ec 73 89 1d 94 89 23");
	change(f, "displayName", "a\"b|c\x01#");
	vmx_file_remove(f, "displayName", NULL);
	change(f, "memsize", "64");
	judge_all(f);
	vmx_file_free(f);
	return 0;
}
