// cpuid_cmd.h: `berth cpuid`.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CLI_CPUID_CMD_H
#define BERTH_CLI_CPUID_CMD_H

int cpuid_main(int argc, char **argv);

#endif
