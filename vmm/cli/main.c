// main.c: the berth command: picks the subcommand.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cli/commands.h"

static void print_help(FILE *to)
{
	fputs("Usage: berth COMMAND [options] ...\n"
	      "Runs VMware virtual machines on KVM, from the folder they are in.\n\n", to);
	for (const struct cli_command *c = cli_commands; c->name; c++)
		fprintf(to, "  %-12s %s\n", c->name, c->summary);
	fputs("\n`berth COMMAND --help` tells more; berth(1) tells all. `berth --version` prints the version.\n", to);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("berth " BERTH_VERSION);
		return 0;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return 0;
	}
	for (const struct cli_command *c = cli_commands; c->name; c++) {
		if (!strcmp(argv[1], c->name))
			return c->main(argc - 1, argv + 1);
	}
	fprintf(stderr, "berth: there is no command `%s`. Try `berth --help`.\n", argv[1]);
	return EXIT_USAGE;
}
