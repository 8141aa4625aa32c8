// options.h: what all subcommands do alike: options, usage, errors.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CLI_OPTIONS_H
#define BERTH_CLI_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>

#include "base/err.h"

struct cli_usage {
	const char *text;               // the whole of --help
	int min_args, max_args;         // operands; max -1 = any number
	bool options_first;             // operands may begin with '-': no options behind the first of them
};

// A long option with its letter or number; SEEN is set when it was given.
struct cli_flag { const char *name; bool *seen; const char **value; };

// Parses ARGV by FLAGS (ends with a NULL name); a VALUE pointer makes it an option with an argument. --help prints and
// returns 0, mistakes print and return EXIT_USAGE; -1 = go on with operands from optind.
int cli_parse(int argc, char **argv, const struct cli_usage *usage, const struct cli_flag *flags);
// Prints the sentence of ERR to stderr and gives its exit code.
int cli_fail(const struct err *err);

#endif
