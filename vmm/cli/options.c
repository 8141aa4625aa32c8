// options.c: options, usage and errors of subcommands.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/options.h"

#include <stdio.h>
#include <string.h>

#define FLAGS_MAX  12
#define FLAG_BASE  256

int cli_fail(const struct err *err)
{
	char text[1200];

	fprintf(stderr, "berth: %s\n", err_sentence(err, text, sizeof(text)));
	return err->exit ? (int)err->exit : EXIT_INTERNAL;
}

static int usage_error(const char *name, const char *what)
{
	fprintf(stderr, "berth %s: %s. Try `berth %s --help`.\n", name, what, name);
	return EXIT_USAGE;
}

static void fill(struct option *options, const struct cli_flag *flags)
{
	int n = 0;

	for (; flags[n].name && n < FLAGS_MAX; n++)
		options[n] = (struct option){ flags[n].name, flags[n].value ? required_argument : no_argument, NULL,
					      FLAG_BASE + n };
	options[n++] = (struct option){ "help", no_argument, NULL, 'h' };
	options[n] = (struct option){ 0 };
}

int cli_parse(int argc, char **argv, const struct cli_usage *usage, const struct cli_flag *flags)
{
	struct option options[FLAGS_MAX + 2];
	int c, operands;

	fill(options, flags);
	optind = 1;
	while ((c = getopt_long(argc, argv, usage->options_first ? "+h" : "h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage->text, stdout);
			return 0;
		}
		if (c < FLAG_BASE)
			return usage_error(argv[0], "see above");
		if (flags[c - FLAG_BASE].seen)
			*flags[c - FLAG_BASE].seen = true;
		if (flags[c - FLAG_BASE].value)
			*flags[c - FLAG_BASE].value = optarg;
	}
	operands = argc - optind;
	if (operands < usage->min_args)
		return usage_error(argv[0], "something is missing");
	if (usage->max_args >= 0 && operands > usage->max_args)
		return usage_error(argv[0], "too many arguments");
	return -1;
}
