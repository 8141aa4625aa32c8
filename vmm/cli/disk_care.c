// disk_care.c: `berth disk check`, `shrink`, `defragment`, `wipe`.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/disk_cmd.h"
#include "cli/text.h"

static const char *const finding_words[FINDING_COUNT] = {
	[FINDING_NOTE] = "note", [FINDING_LOST] = "lost", [FINDING_MENDABLE] = "mendable", [FINDING_DAMAGE] = "damage",
	[FINDING_MENDED] = "mended" };

// --- check -----------------------------------------------------------------------------------------------

struct check_view { bool json; json_t *list; };

static void found(void *arg, enum tool_finding kind, const char *file, const char *text)
{
	struct check_view *v = arg;
	char name[512], line[1024];

	if (v->json) {
		json_array_append_new(v->list, json_pack("{s:s, s:s, s:s}", "kind", finding_words[kind], "file",
							 disk_utf8(file ? file : "", name, sizeof(name)), "text",
							 disk_utf8(text, line, sizeof(line))));
		return;
	}
	printf("%-9s %s: %s\n", finding_words[kind], text_printable(file ? file : "", name, sizeof(name)),
	       text_printable(text, line, sizeof(line)));
}

static int check_code(const struct tool_check_result *r, bool repair)
{
	if (r->findings[FINDING_DAMAGE])
		return EXIT_DISK;
	if (r->findings[FINDING_MENDABLE] && !(repair && r->findings[FINDING_MENDED]))
		return DISK_NO;
	return r->findings[FINDING_LOST] ? DISK_LOST_SPACE : 0;
}

static void print_verdict(const char *path, const struct tool_check_result *r, bool repair, int code)
{
	char lost[32];

	printf("%s: ", path);
	if (r->findings[FINDING_DAMAGE])
		printf("damaged (%u). Restore what is damaged from a backup%s.\n", r->findings[FINDING_DAMAGE],
		       repair ? "" : "; --repair mends what can be mended without loss");
	else if (code == DISK_NO)
		printf("%u thing%s to be mended: `berth disk check --repair %s`.\n", r->findings[FINDING_MENDABLE],
		       r->findings[FINDING_MENDABLE] == 1 ? "" : "s", path);
	else
		printf("%s; %u disk%s in the chain, %llu grains in use%s%s.\n",
		       r->findings[FINDING_MENDED] ? "mended" : "clean", r->links, r->links == 1 ? "" : "s",
		       (unsigned long long)r->grains, r->lost ? ", lost space: " : "",
		       r->lost ? disk_bytes(r->lost, lost, sizeof(lost)) : "");
}

static void print_json(json_t *list, const struct tool_check_result *r, int code)
{
	json_t *o = json_pack("{s:i, s:i, s:I, s:I, s:o}", "code", code, "links", (int)r->links, "grains",
			      (json_int_t)r->grains, "lostBytes", (json_int_t)r->lost, "findings", list);
	char *text = json_dumps(o, JSON_INDENT(2));

	if (text)
		puts(text);
	free(text);
	json_decref(o);
}

int disk_check_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth disk check [--repair] [--json] DISK\n"
		"Looks at descriptor, headers, grain directories, grain tables and their copies, and at the chain. Parents are only\n"
		"looked at.\n"
		"      --repair           make tables and their copies equal from the good one, clear the mark \"not closed\"\n"
		"      --json             for programs\n"
		"      --allow-outside    extents may lie outside the folders of their disks\n"
		"Exit codes: 0 clean or mended, 9 clean but for lost space (`berth disk shrink` gives it back), 10 --repair has\n"
		"something to do, 5 damaged, 2 usage, 3 no such file, 8 in use, 1 could not be checked.\n", 1, 1 };
	struct check_view view = { 0 };
	struct tool_check_args args = { .found = found, .arg = &view };
	struct tool_check_result result;
	struct disk_session s = { 0 };
	struct err err = { 0 };
	int r = disk_parse(argc, argv, &usage,
			   (struct disk_option[]){ { "repair", 0, &args.repair, NULL },
						   { "json", 0, &view.json, NULL },
						   { "allow-outside", 0, &args.allow_outside, NULL },
						   { 0 } }),
	    code;

	if (r >= 0)
		return r;
	args.path = argv[optind];
	view.list = json_array();
	r = disk_begin(&s, "Check", false, &err);
	if (!r)
		r = tool_check(&s.tool, &args, &result, &err);
	r = disk_end(&s, r, &err);
	if (r) {
		json_decref(view.list);
		return r;
	}
	code = check_code(&result, args.repair);
	if (view.json) {
		print_json(view.list, &result, code);
	} else {
		json_decref(view.list);
		print_verdict(args.path, &result, args.repair, code);
	}
	return code;
}

// --- shrink, defragment ----------------------------------------------------------------------------------

typedef int space_fn(const struct tool *tool, const char *path, struct tool_shrink_result *result, struct err *err);

static int give_back(const char *path, const char *verb, bool quiet, space_fn *work)
{
	struct tool_shrink_result result;
	struct disk_session s = { 0 };
	struct err err = { 0 };
	char before[32], after[32];
	int r = disk_begin(&s, verb, quiet, &err);

	if (!r)
		r = work(&s.tool, path, &result, &err);
	r = disk_end(&s, r, &err);
	if (!r && !quiet)
		printf("%s took %s on the host, and takes %s now.\n", path,
		       disk_bytes(result.before, before, sizeof(before)),
		       disk_bytes(result.after, after, sizeof(after)));
	return r;
}

int disk_shrink_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth disk shrink DISK\n"
		"Gives back to the host what holds zeros alone and what nothing refers to. Fill free space in the guest with zeros,\n"
		"or let it discard (fstrim), before. Parents are not touched.\n"
		"  -q, --quiet            no progress\n"
		"Exit codes: 0 done, 2 usage, 3 no such file, 5 disk error, 7 stopped, 8 in use, 1 anything else.\n", 1, 1 };
	bool quiet = false;
	int r = disk_parse(argc, argv, &usage, (struct disk_option[]){ { "quiet", 'q', &quiet, NULL }, { 0 } });

	return r >= 0 ? r : give_back(argv[optind], "Shrink", quiet, tool_shrink);
}

int disk_defragment_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth disk defragment DISK\n"
		"Writes each sparse extent anew, its grains in order and without gaps. Needs as much room as the largest extent.\n"
		"  -q, --quiet            no progress\n"
		"Exit codes: 0 done, 2 usage, 3 no such file, 5 disk error, 7 stopped, 8 in use, 1 anything else.\n", 1, 1 };
	bool quiet = false;
	int r = disk_parse(argc, argv, &usage, (struct disk_option[]){ { "quiet", 'q', &quiet, NULL }, { 0 } });

	return r >= 0 ? r : give_back(argv[optind], "Defragment", quiet, tool_defragment);
}

// --- wipe ------------------------------------------------------------------------------------------------

static bool agreed(const char *path, bool all)
{
	char line[16] = "";

	if (!isatty(0)) {
		fprintf(stderr, "berth: %s: nobody is there to be asked. Say --yes.\n", path);
		return false;
	}
	fprintf(stderr, "%s of %s will be overwritten with zeros. There is no way back. Type yes: ",
		all ? "The whole content" : "The unused space", path);
	return fgets(line, sizeof(line), stdin) && !strcmp(line, "yes\n");
}

int disk_wipe_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth disk wipe --free|--all [--yes] DISK\n"
		"Overwrites with zeros.\n"
		"      --free             space in the disk's files that nothing refers to any more\n"
		"      --all              the whole content of the disk; refused for children and parents\n"
		"      --yes              do not ask\n"
		"      --raw              the disk is a plain image, whatever its name\n"
		"What a solid state disk, a snapshot of the host's file system or a backup keeps is out of its reach.\n"
		"Exit codes: 0 done, 2 usage, 3 refused, 5 disk error, 7 stopped or not agreed to, 8 in use, 1 anything else.\n", 1, 1 };
	struct tool_wipe_args args = { 0 };
	bool free_space = false, yes = false, quiet = false;
	struct disk_session s = { 0 };
	struct err err = { 0 };
	uint64_t wiped;
	char text[32];
	int r = disk_parse(argc, argv, &usage,
			   (struct disk_option[]){ { "free", 0, &free_space, NULL },
						   { "all", 0, &args.all, NULL },
						   { "yes", 0, &yes, NULL },
						   { "raw", 0, &args.raw, NULL },
						   { "quiet", 'q', &quiet, NULL },
						   { 0 } });

	if (r >= 0)
		return r;
	if (free_space == args.all)
		return disk_usage_error(argv[0], "say --free or --all");
	args.path = argv[optind];
	args.raw = disk_is_raw(args.path, args.raw);
	if (!yes && !agreed(args.path, args.all))
		return EXIT_KILLED;
	r = disk_begin(&s, "Wipe", quiet, &err);
	if (!r)
		r = tool_wipe(&s.tool, &args, &wiped, &err);
	r = disk_end(&s, r, &err);
	if (!r && !quiet)
		printf("%s: %s were overwritten.\n", args.path, disk_bytes(wiped, text, sizeof(text)));
	return r;
}
