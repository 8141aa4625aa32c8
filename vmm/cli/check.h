// check.h: `berth check`: the machine a .vmx describes, what is wrong with it, and what becomes of every key.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CLI_CHECK_H
#define BERTH_CLI_CHECK_H

// The subcommand; argv[0] is its name. Returns an enum exit_code: EXIT_GUEST_OFF (0) when nothing stops a
// start.
int check_main(int argc, char **argv);

#endif
