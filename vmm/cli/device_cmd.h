// device_cmd.h: `berth device`: devices that come and go while a VM runs.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CLI_DEVICE_CMD_H
#define BERTH_CLI_DEVICE_CMD_H

// An exit code.
int device_main(int argc, char **argv);

#endif
