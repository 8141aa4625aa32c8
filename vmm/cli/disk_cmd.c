// disk_cmd.c: `berth disk`: picks the subcommand.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/disk_cmd.h"

#include <stdio.h>
#include <string.h>

const struct disk_command disk_commands[] = {
	{ "info", disk_info_main, "what a disk is: type, size, chain, extents, space" },
	{ "create", disk_create_main, "make a new disk" },
	{ "delta", disk_delta_main, "make a child of a disk" },
	{ "check", disk_check_main, "look for damage; --repair mends what loses nothing" },
	{ "convert", disk_convert_main, "copy a disk into a new one of another type, or from and to raw" },
	{ "flatten", disk_flatten_main, "copy a chain of disks into one" },
	{ "compare", disk_compare_main, "tell whether two disks hold the same" },
	{ "commit", disk_commit_main, "merge a child down into its parent" },
	{ "grow", disk_grow_main, "make a disk larger" },
	{ "shrink", disk_shrink_main, "give back the space of zeros" },
	{ "defragment", disk_defragment_main, "put grains in order" },
	{ "rename", disk_rename_main, "rename a disk with all its extents" },
	{ "map", disk_map_main, "where the bytes of a disk lie" },
	{ "wipe", disk_wipe_main, "overwrite a disk, or the space that nothing refers to" },
	{ NULL, NULL, NULL },
};

static void print_help(FILE *to)
{
	fputs("Usage: berth disk COMMAND [options] DISK ...\n"
	      "Works on virtual disks that no running VM has open. DISK is the .vmdk that the .vmx names, or a raw image\n"
	      "(--raw, or a name that ends in .raw, .img or .iso).\n\n", to);
	for (const struct disk_command *c = disk_commands; c->name; c++)
		fprintf(to, "  %-12s %s\n", c->name, c->summary);
	fputs("\n`berth disk COMMAND --help` tells more; berth-disk(1) tells all.\n"
	      "Exit codes: 0 done, 2 usage, 3 a file is missing or the request does not fit the disk, 5 disk error, 7 stopped\n"
	      "by a signal, 8 in use by another program, 9 and 10 answers of check and compare, 1 anything else.\n", to);
}

int disk_main(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return 0;
	}
	for (const struct disk_command *c = disk_commands; c->name; c++) {
		if (!strcmp(argv[1], c->name))
			return c->main(argc - 1, argv + 1);
	}
	fprintf(stderr, "berth disk: there is no command `%s`. Try `berth disk --help`.\n", argv[1]);
	return EXIT_USAGE;
}
