// answer_cmd.h: `berth answer`.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CLI_ANSWER_CMD_H
#define BERTH_CLI_ANSWER_CMD_H

int answer_main(int argc, char **argv);

#endif
