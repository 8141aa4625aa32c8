// unit_cmd.h: `berth enable` and `berth disable`: a systemd unit for a VM.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CLI_UNIT_CMD_H
#define BERTH_CLI_UNIT_CMD_H

int enable_main(int argc, char **argv);
int disable_main(int argc, char **argv);

#endif
