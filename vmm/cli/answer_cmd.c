// answer_cmd.c: `berth answer`: the answer to a question that stops a VM's start.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/answer_cmd.h"

#include "cli/answer_moved.h"
#include "cli/options.h"

int answer_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth answer VM.vmx moved|copied\n"
		"Tells whether a VM that has run in another place was moved (it keeps its identity) or copied (it gets a new\n"
		"UUID and new generated MAC addresses). Its next start obeys.\n"
		"Exit codes: 0 recorded, 2 no such answer, 3 no such file, 8 the VM is running, 1 anything else.\n", 2, 2 };
	struct err err = { 0 };
	int r = cli_parse(argc, argv, &usage, (struct cli_flag[]){ { 0 } });

	if (r >= 0)
		return r;
	return answer_moved(argv[optind], argv[optind + 1], &err) < 0 ? cli_fail(&err) : 0;
}
