// answer_cmd.c: `berth answer`: the answer to a question of a running VM, or to one that stops a VM's start.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/answer_cmd.h"

#include "cli/answer_moved.h"
#include "cli/options.h"
#include "cli/vm_commands.h"
#include "vmx/moved.h"

int answer_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth answer VM ANSWER\n"
		"       berth answer VM.vmx moved|copied\n"
		"Answers the question of a VM that waits for somebody; `berth status` shows it and its answers. VM is the path\n"
		"of its .vmx, its display name, or the name it was enabled under.\n"
		"moved or copied tells whether a VM that has run in another place was moved (it keeps its identity) or copied\n"
		"(it gets a new UUID and new generated MAC addresses). Its next start obeys.\n"
		"Exit codes: 0 done, 2 no such answer, 3 no such VM or file, 8 the VM is running, 1 anything else.\n", 2, 2 };
	struct err err = { 0 };
	int r = cli_parse(argc, argv, &usage, (struct cli_flag[]){ { 0 } });

	if (r >= 0)
		return r;
	if (moved_word(argv[optind + 1]) == MOVED_ASK)
		return answer_running(argv[optind], argv[optind + 1]);
	return answer_moved(argv[optind], argv[optind + 1], &err) < 0 ? cli_fail(&err) : 0;
}
