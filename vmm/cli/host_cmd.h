// host_cmd.h: `berth host`.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CLI_HOST_CMD_H
#define BERTH_CLI_HOST_CMD_H

// 0 when VMs run here, EXIT_HOST when not, EXIT_USAGE.
int host_main(int argc, char **argv);

#endif
