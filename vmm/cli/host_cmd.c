// host_cmd.c: `berth host`: whether this host can run VMs.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/host_cmd.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/options.h"
#include "kvm/host.h"
#include "kvm/nested_host.h"

static const char *const verdict_words[] = {
	[HOST_OK] = "yes", [HOST_NOTE] = "note", [HOST_LIMITED] = "limited", [HOST_NO] = "no" };

static void print_table(const struct host_report *r)
{
	for (size_t i = 0; i < r->count; i++) {
		printf("%-9s %-8s %s\n", r->check[i].name, verdict_words[r->check[i].verdict], r->check[i].text);
		if (r->check[i].remedy[0])
			printf("%18s   -> %s\n", "", r->check[i].remedy);
	}
}

static void print_json(const struct host_report *r)
{
	json_t *list = json_array();
	char *text;

	for (size_t i = 0; i < r->count; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "name", r->check[i].name, "verdict",
						      verdict_words[r->check[i].verdict], "text", r->check[i].text,
						      "remedy", r->check[i].remedy));
	text = json_dumps(list, JSON_INDENT(2));
	if (text)
		puts(text);
	free(text);
	json_decref(list);
}

static struct nested_wish load_wish(void)
{
	struct host_config config;
	struct err err = { 0 };
	char text[1200];

	if (host_config_load(HOST_CONFIG_PATH, &config, &err) < 0)
		fprintf(stderr, "berth host: %s\n", err_sentence(&err, text, sizeof(text)));
	return (struct nested_wish){ config.vhv_allow, config.allow_nested };
}

int host_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth host [--nested] [--json]\n"
		"Tells whether this host can run VMs: KVM, nesting (vhv.enable), the backdoor for programs in guests, io_uring,\n"
		"firmware; and what to do about each no. Exit codes: 0 VMs run, 4 they do not.\n"
		"  --nested   everything that vhv.enable needs, one by one. Exit codes: 0 it works, 4 it does not.\n"
		"  --json     the same as a list of {name, verdict, text, remedy}\n", 0, 0 };
	struct host_probe probe = host_probe_real();
	struct host_report report;
	struct nested_wish wish;
	bool json = false, nested = false;
	int r = cli_parse(argc, argv, &usage, (struct cli_flag[]){ { "json", &json, NULL }, { "nested", &nested, NULL }, { 0 } });

	if (r >= 0)
		return r;
	wish = load_wish();
	(nested ? nested_report_make : host_report_make)(&probe, &wish, &report);
	if (json)
		print_json(&report);
	else
		print_table(&report);
	return host_report_verdict(&report) == HOST_NO ? EXIT_HOST : 0;
}
