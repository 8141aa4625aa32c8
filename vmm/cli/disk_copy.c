// disk_copy.c: `berth disk convert`, `flatten`, `compare`.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/disk_cmd.h"

#define CONVERT_OPTIONS \
	"  -t, --type TYPE        monolithicSparse (default), monolithicFlat, twoGbMaxExtentSparse, twoGbMaxExtentFlat,\n" \
	"                         vmfs, vmfsSparse, streamOptimized, raw; or sparse, flat, split-sparse, split-flat,\n" \
	"                         thick, stream\n" \
	"  -a, --adapter NAME     ddb.adapterType of the new disk (default: that of the old one)\n" \
	"      --preallocate      take the blocks of a flat disk now\n" \
	"      --allow-outside    extents of the source may lie outside its folder\n" \
	"  -q, --quiet            no progress\n" \
	"Ranges of zeros are not written. What it says is done is on the disk.\n" \
	"Exit codes: 0 done, 2 usage, 3 no source, 5 disk error, 7 stopped, 8 in use, 1 anything else; then nothing is left behind.\n"

// The two that copy differ in what they promise about the source alone.
static int copy(const char *command, struct tool_convert_args *args, const char *type, bool quiet)
{
	struct tool_convert_result result;
	struct disk_session s = { 0 };
	char size[32], moved[32];
	struct err err = { 0 };
	int r;

	if (type && !disk_kind(type, &args->kind, &args->to_raw))
		return disk_usage_error(command, "there is no type `%s`", type);
	r = disk_begin(&s, "Convert", quiet, &err);
	if (!r)
		r = tool_convert(&s.tool, args, &result, &err);
	r = disk_end(&s, r, &err);
	if (!r && !quiet)
		printf("Made %s: %s, %s, of which %s were written.\n", args->to,
		       args->to_raw ? "raw" : vmdk_kind_name(args->kind), disk_bytes(result.size, size, sizeof(size)),
		       disk_bytes(result.moved, moved, sizeof(moved)));
	return r;
}

int disk_convert_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth disk convert [-t TYPE] [options] SOURCE NEW\n"
		"Copies a disk, with its parents, into a new one.\n"
		"      --raw              the source is a plain image, whatever its name\n" CONVERT_OPTIONS, 2, 2 };
	struct tool_convert_args args = { .kind = VMDK_KIND_MONOLITHIC_SPARSE };
	const char *type = NULL;
	bool quiet = false, raw = false;
	int r = disk_parse(argc, argv, &usage, (struct disk_option[]){
		{ "type", 't', NULL, &type }, { "adapter", 'a', NULL, &args.adapter }, { "raw", 0, &raw, NULL },
		{ "preallocate", 0, &args.preallocate, NULL }, { "allow-outside", 0, &args.from.allow_outside, NULL },
		{ "quiet", 'q', &quiet, NULL }, { 0 } });

	if (r >= 0)
		return r;
	args.from.path = argv[optind];
	args.from.raw = disk_is_raw(args.from.path, raw);
	args.to = argv[optind + 1];
	args.to_raw = !type && disk_is_raw(args.to, false);
	return copy(argv[0], &args, type, quiet);
}

int disk_flatten_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth disk flatten [-t TYPE] [options] CHILD.vmdk NEW.vmdk\n"
		"Makes one disk of a chain: the new disk holds what the child shows, and has no parent. The chain stays.\n"
		CONVERT_OPTIONS, 2, 2 };
	struct tool_convert_args args = { .kind = VMDK_KIND_MONOLITHIC_SPARSE };
	const char *type = NULL;
	bool quiet = false;
	int r = disk_parse(argc, argv, &usage,
			   (struct disk_option[]){ { "type", 't', NULL, &type },
						   { "adapter", 'a', NULL, &args.adapter },
						   { "preallocate", 0, &args.preallocate, NULL },
						   { "allow-outside", 0, &args.from.allow_outside, NULL },
						   { "quiet", 'q', &quiet, NULL },
						   { 0 } });

	if (r >= 0)
		return r;
	args.from.path = argv[optind];
	args.to = argv[optind + 1];
	return copy(argv[0], &args, type, quiet);
}

// --- compare ---------------------------------------------------------------------------------------------

static int tell(const struct tool_source *a, const struct tool_source *b, const struct tool_compare_result *r,
		bool json)
{
	bool content = r->difference == UINT64_MAX, same = content && r->size[0] == r->size[1];

	if (json) {
		json_t *o = json_pack("{s:b, s:I, s:I, s:I}", "same", same, "size1", (json_int_t)r->size[0], "size2",
				      (json_int_t)r->size[1], "compared", (json_int_t)r->compared);
		char *text;

		if (!content)
			json_object_set_new(o, "firstDifference", json_integer((json_int_t)r->difference));
		text = json_dumps(o, JSON_INDENT(2));
		if (text)
			puts(text);
		free(text);
		json_decref(o);
	} else if (!content) {
		printf("%s and %s differ: the first difference is at byte %llu (sector %llu).\n", a->path, b->path,
		       (unsigned long long)r->difference, (unsigned long long)r->difference / 512);
	} else if (!same) {
		printf("%s and %s differ in size: %llu and %llu bytes. As far as both go, they hold the same.\n",
		       a->path, b->path, (unsigned long long)r->size[0], (unsigned long long)r->size[1]);
	} else {
		printf("%s and %s hold the same.\n", a->path, b->path);
	}
	return same ? 0 : DISK_NO;
}

int disk_compare_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth disk compare [--raw1] [--raw2] [--json] DISK1 DISK2\n"
		"Tells whether two disks, of any types, hold the same, and if not, where they differ first.\n"
		"      --raw1, --raw2     the first, the second is a plain image, whatever its name\n"
		"      --json             for programs\n"
		"      --allow-outside    extents may lie outside the folders of their disks\n"
		"  -q, --quiet            no progress\n"
		"Exit codes: 0 the same, 10 not, 2 usage, 3 a file is missing, 5 disk error, 8 in use, 1 anything else.\n", 2, 2 };
	bool raw[2] = { 0 }, json = false, quiet = false, outside = false;
	struct tool_compare_result result;
	struct disk_session s = { 0 };
	struct tool_source a, b;
	struct err err = { 0 };
	int r = disk_parse(argc, argv, &usage, (struct disk_option[]){
		{ "raw1", 0, &raw[0], NULL }, { "raw2", 0, &raw[1], NULL }, { "json", 0, &json, NULL },
		{ "allow-outside", 0, &outside, NULL }, { "quiet", 'q', &quiet, NULL }, { 0 } });

	if (r >= 0)
		return r;
	a = (struct tool_source){ argv[optind], disk_is_raw(argv[optind], raw[0]), outside };
	b = (struct tool_source){ argv[optind + 1], disk_is_raw(argv[optind + 1], raw[1]), outside };
	r = disk_begin(&s, "Compare", quiet, &err);
	if (!r)
		r = tool_compare(&s.tool, &a, &b, &result, &err);
	r = disk_end(&s, r, &err);
	return r ? r : tell(&a, &b, &result, json);
}
