// commands.h: the table of subcommands.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CLI_COMMANDS_H
#define BERTH_CLI_COMMANDS_H

struct cli_command {
	const char *name;
	int (*main)(int argc, char **argv);     // argv[0] is the name; returns an enum exit_code
	const char *summary;                    // one line for --help
};

// Ends with a row of NULLs.
extern const struct cli_command cli_commands[];

#endif
