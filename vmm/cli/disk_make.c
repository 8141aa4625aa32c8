// disk_make.c: `berth disk create`, `delta`, `grow`, `rename`, `commit`.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/disk_cmd.h"

static int make(struct vmdk_create_args *args, bool quiet, const char *verb)
{
	struct disk_session s = { 0 };
	struct err err = { 0 };
	int r = disk_begin(&s, verb, quiet, &err);

	args->progress = s.tool.progress.fn;
	args->arg = s.tool.progress.arg;
	if (!r)
		r = vmdk_create(args, &err);
	return disk_end(&s, r, &err);
}

static bool number(const char *text, unsigned *value)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	*value = (unsigned)v;
	return *text >= '0' && *text <= '9' && !*end && v && v < 1000;
}

int disk_create_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth disk create -s SIZE [-t TYPE] [-a ADAPTER] [options] NEW.vmdk\n"
		"Makes a new, empty disk.\n"
		"  -s, --size SIZE        40G, 512M, 1.5T; a plain number counts bytes\n"
		"  -t, --type TYPE        monolithicSparse (default), monolithicFlat, twoGbMaxExtentSparse, twoGbMaxExtentFlat,\n"
		"                         vmfs, vmfsSparse; or sparse, flat, split-sparse, split-flat, thick\n"
		"  -a, --adapter NAME     lsilogic (default), buslogic, ide, legacyESX\n"
		"      --preallocate      take the blocks of a flat disk now\n"
		"      --hw-version N     ddb.virtualHWVersion (default 4)\n"
		"  -q, --quiet            no progress\n"
		"Exit codes: 0 made, 2 usage, 7 stopped, 1 anything else; then nothing is left behind.\n", 1, 1 };
	const char *size = NULL, *type = NULL, *hw = NULL;
	struct vmdk_create_args args = { .kind = VMDK_KIND_MONOLITHIC_SPARSE };
	bool quiet = false;
	uint64_t bytes;
	char text[32];
	int r = disk_parse(argc, argv, &usage,
			   (struct disk_option[]){ { "size", 's', NULL, &size },
						   { "type", 't', NULL, &type },
						   { "adapter", 'a', NULL, &args.adapter },
						   { "preallocate", 0, &args.preallocate, NULL },
						   { "hw-version", 0, NULL, &hw },
						   { "quiet", 'q', &quiet, NULL },
						   { 0 } });

	if (r >= 0)
		return r;
	if (!size || !disk_size(size, 1, &bytes))
		return disk_usage_error(argv[0],
					size ? "`%s` is no size of whole sectors, from 512 bytes to 64 TiB"
					     : "the size is missing (-s)%s",
					size ? size : "");
	if (type && !disk_kind(type, &args.kind, NULL))
		return disk_usage_error(argv[0], "there is no type `%s`", type);
	if (hw && !number(hw, &args.hw_version))
		return disk_usage_error(argv[0], "`%s` is no hardware version", hw);
	args.path = argv[optind];
	args.sectors = bytes / 512;
	r = make(&args, quiet, "Create");
	if (!r && !quiet)
		printf("Made %s: %s, %s.\n", args.path, vmdk_kind_name(args.kind),
		       disk_bytes(bytes, text, sizeof(text)));
	return r;
}

// Children are of the family of their parents, as VMware makes them.
static enum vmdk_kind child_kind(const char *parent, struct err *err)
{
	struct tool_meta meta;
	enum vmdk_kind kind = VMDK_KIND_MONOLITHIC_SPARSE;

	if (!tool_meta_read(parent, &meta, err)) {
		if (!strncmp(meta.desc.create_type, "twoGb", 5) || meta.desc.sectors > UINT32_MAX / 2)
			kind = VMDK_KIND_SPLIT_SPARSE;
		else if (!strncmp(meta.desc.create_type, "vmfs", 4))
			kind = VMDK_KIND_VMFS_SPARSE;
	}
	tool_meta_free(&meta);
	return kind;
}

int disk_delta_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth disk delta [-t TYPE] PARENT.vmdk CHILD.vmdk\n"
		"Makes a child: it shows what the parent holds and takes the writes. From then on the parent must not change.\n"
		"  -t, --type TYPE        monolithicSparse, twoGbMaxExtentSparse or vmfsSparse (default: as the parent)\n"
		"Exit codes: 0 made, 2 usage, 3 no parent, 5 the parent is damaged, 1 anything else.\n", 2, 2 };
	struct vmdk_create_args args = { 0 };
	const char *type = NULL;
	struct err err = { 0 };
	int r = disk_parse(argc, argv, &usage, (struct disk_option[]){ { "type", 't', NULL, &type }, { 0 } });

	if (r >= 0)
		return r;
	args.parent = argv[optind];
	args.path = argv[optind + 1];
	args.kind = child_kind(args.parent, &err);
	if (err.code)
		return cli_fail(&err);
	if (type && !disk_kind(type, &args.kind, NULL))
		return disk_usage_error(argv[0], "there is no type `%s`", type);
	r = make(&args, false, "Create");
	if (!r)
		printf("Made %s, a child of %s: %s.\n", args.path, args.parent, vmdk_kind_name(args.kind));
	return r;
}

int disk_grow_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth disk grow -s SIZE DISK\n"
		"Makes a disk larger; partitions and file systems in it stay as they are. Refused for children and for parents.\n"
		"  -s, --size SIZE        the new size: 40G, 1.5T; +10G adds to what it has\n"
		"Exit codes: 0 done, 2 usage, 3 refused, 5 disk error, 8 in use, 1 anything else.\n", 1, 1 };
	struct disk_session s = { 0 };
	const char *size = NULL;
	struct err err = { 0 };
	struct tool_meta meta;
	uint64_t bytes;
	char text[32];
	int r = disk_parse(argc, argv, &usage, (struct disk_option[]){ { "size", 's', NULL, &size }, { 0 } });

	if (r >= 0)
		return r;
	if (!size || !disk_size(size + (*size == '+'), 1, &bytes))
		return disk_usage_error(argv[0], "the size is missing, or is none");
	r = tool_meta_read(argv[optind], &meta, &err);
	if (!r && *size == '+')
		bytes += meta.desc.sectors * 512;
	tool_meta_free(&meta);
	if (!r)
		r = disk_begin(&s, "Grow", false, &err);
	if (!r)
		r = tool_grow(&s.tool, argv[optind], bytes / 512, &err);
	r = disk_end(&s, r, &err);
	if (!r)
		printf("%s has %s now. Partitions in it are as they were.\n", argv[optind],
		       disk_bytes(bytes, text, sizeof(text)));
	return r;
}

int disk_rename_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth disk rename OLD.vmdk NEW.vmdk\n"
		"Renames a disk and its extents, within a file system. Children are named, they need the new name in their\n"
		"descriptors; a .vmx that names the disk needs it, too.\n"
		"Exit codes: 0 done, 2 usage, 3 refused, 5 disk error, 8 in use, 1 anything else; then the old name stands.\n", 2, 2 };
	struct disk_session s = { 0 };
	struct err err = { 0 };
	int r = disk_parse(argc, argv, &usage, (struct disk_option[]){ { 0 } });

	if (r >= 0)
		return r;
	r = disk_begin(&s, "Rename", false, &err);
	if (!r)
		r = tool_rename(&s.tool, argv[optind], argv[optind + 1], &err);
	r = disk_end(&s, r, &err);
	if (!r)
		printf("%s is %s now.\n", argv[optind], argv[optind + 1]);
	return r;
}

int disk_commit_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth disk commit [--delete] [--force] CHILD.vmdk\n"
		"Writes what a child holds into its parent. The child stays valid, also when this is interrupted: then run it again.\n"
		"Refused when other disks in the parent's folder are its children.\n"
		"      --delete           remove the child's files afterwards; the .vmx must then name the parent\n"
		"      --force            although others depend on the parent: they will show wrong data\n"
		"      --allow-outside    extents may lie outside the folders of their disks\n"
		"Exit codes: 0 done, 2 usage, 3 refused, 5 disk error, 7 stopped, 8 in use, 1 anything else.\n", 1, 1 };
	struct tool_commit_args args = { 0 };
	struct tool_commit_result result;
	struct disk_session s = { 0 };
	struct err err = { 0 };
	char text[32];
	int r = disk_parse(argc, argv, &usage, (struct disk_option[]){
		{ "delete", 0, &args.remove, NULL }, { "force", 0, &args.force, NULL },
		{ "allow-outside", 0, &args.allow_outside, NULL }, { 0 } });

	if (r >= 0)
		return r;
	args.path = argv[optind];
	r = disk_begin(&s, "Commit", false, &err);
	if (!r)
		r = tool_commit(&s.tool, &args, &result, &err);
	r = disk_end(&s, r, &err);
	if (!r)
		printf("%s went into %s: %s. The child %s.\n", args.path, result.parent,
		       disk_bytes(result.moved, text, sizeof(text)),
		       args.remove
			       ? "is deleted"
			       : "is still there and valid; it holds nothing of its own any more that the parent lacks");
	return r;
}
