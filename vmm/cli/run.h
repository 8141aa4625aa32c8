// run.h: `berth run`: one VM in the foreground.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CLI_RUN_H
#define BERTH_CLI_RUN_H

// ARGV[0] is "run". Returns the exit code (enum exit_code).
int run_main(int argc, char **argv);

#endif
