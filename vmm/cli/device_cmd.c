// device_cmd.c: `berth device add`, `remove` and `list`.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/device_cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/compiler.h"
#include "cli/options.h"
#include "cli/text.h"
#include "cli/vm_commands.h"

#define DEFAULT_SECONDS 60
#define POLL_MS         200

static const char usage_text[] =
	"Usage: berth device add VM NODE\n"
	"       berth device remove [--hard] [--timeout SECONDS] VM NODE\n"
	"       berth device list [--json] VM\n"
	"Puts a device into a running VM, as its .vmx describes it now, or takes one out. NODE is a network adapter behind\n"
	"a bridge: ethernet1. What is taken out is set to present = \"FALSE\" in the .vmx.\n"
	"  --hard             take it out at once, without asking the guest to let go of it\n"
	"  --timeout SECONDS  how long to wait for the guest, 60 by default; the request stands all the same\n" WHICH_VM
	"Exit codes: 0 done, 2 usage, 3 no such VM or more than one fits, 1 anything else.\n";

static int add(int argc, char **argv)
{
	static const struct cli_usage usage = { usage_text, 2, 2, false };
	int r = cli_parse(argc, argv, &usage, (struct cli_flag[]){ { 0 } });

	return r >= 0 ? r : run_on(argv[optind], "device-add", json_pack("{s:s}", "node", argv[optind + 1]), NULL);
}

// --- remove ----------------------------------------------------------------------------------------

// 1 while it is there, 0 when it has gone, -1 when the VM did not answer (and its exit code in *CODE).
static int still_there(const char *vm, const char *node, int *code)
{
	const json_t *device;
	json_t *status = NULL;
	size_t i;
	int there = 0;

	*code = run_on(vm, "status", NULL, &status);
	if (*code)
		return -1;
	json_array_foreach(json_object_get(status, "devices"), i, device) {
		const char *name = json_string_value(json_object_get(device, "node"));

		there |= name && !strcasecmp(name, node);
	}
	json_decref(status);
	return there;
}

static int wait_until_gone(const char *vm, const char *node, long seconds)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000l };
	struct timespec now, end;
	int code, there;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	while ((there = still_there(vm, node, &code)) > 0) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec)) {
			fprintf(stderr, "berth: %s: the guest has not let go of it. It leaves when the guest does, or at the next reset; "
					"--hard takes it out at once.\n", node);
			return EXIT_INTERNAL;
		}
		nanosleep(&pause, NULL);
	}
	return there < 0 ? code : 0;
}

static int take_out(int argc, char **argv)
{
	static const struct cli_usage usage = { usage_text, 2, 2, false };
	bool hard = false;
	const char *timeout = NULL;
	long seconds = DEFAULT_SECONDS;
	int r = cli_parse(argc, argv, &usage, (struct cli_flag[]){
		{ "hard", &hard, NULL }, { "timeout", NULL, &timeout }, { 0 } });

	if (r >= 0)
		return r;
	if (timeout && !text_number(timeout, 86400, &seconds)) {
		fputs("berth device: --timeout takes seconds, 0 to 86400. Try `berth device --help`.\n", stderr);
		return EXIT_USAGE;
	}
	r = run_on(argv[optind], "device-remove", json_pack("{s:s, s:b}", "node", argv[optind + 1], "hard", hard), NULL);
	return r ? r : wait_until_gone(argv[optind], argv[optind + 1], seconds);
}

// --- list ------------------------------------------------------------------------------------------

static void print_devices(const json_t *list)
{
	const json_t *d;
	size_t i;

	json_array_foreach(list, i, d)
		printf("%-10s %-8s %4lld%s\n", json_string_value(json_object_get(d, "node")),
		       json_string_value(json_object_get(d, "type")), (long long)json_integer_value(json_object_get(d, "slot")),
		       json_is_true(json_object_get(d, "leaving")) ? "  leaving" : "");
}

static int show(int argc, char **argv)
{
	static const struct cli_usage usage = { usage_text, 1, 1, false };
	bool json = false;
	json_t *status = NULL, *list;
	int r = cli_parse(argc, argv, &usage, (struct cli_flag[]){ { "json", &json, NULL }, { 0 } });

	if (r >= 0)
		return r;
	r = run_on(argv[optind], "status", NULL, &status);
	if (r)
		return r;
	list = json_object_get(status, "devices");
	if (json) {
		json_dumpf(list, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		print_devices(list);
	}
	json_decref(status);
	return 0;
}

int device_main(int argc, char **argv)
{
	static const struct { const char *word; int (*fn)(int argc, char **argv); } verbs[] = {
		{ "add", add }, { "remove", take_out }, { "list", show },
	};

	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++) {
		if (!strcmp(argv[1], verbs[i].word))
			return verbs[i].fn(argc - 1, argv + 1);
	}
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(usage_text, stdout);
		return 0;
	}
	fputs("berth device: say add, remove or list. Try `berth device --help`.\n", stderr);
	return EXIT_USAGE;
}
