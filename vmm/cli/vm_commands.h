// vm_commands.h: subcommands that talk to running VMs. Each returns an exit code (enum exit_code).
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CLI_VM_COMMANDS_H
#define BERTH_CLI_VM_COMMANDS_H

#include <jansson.h>

#define WHICH_VM "VM is the path of its .vmx, its display name, or the name it was enabled under.\n"

// Finds the VM, sends one command, waits for the answer. ARGUMENTS is taken over; *RESULT (may be NULL) is the caller's.
// An exit code; what went wrong was said.
int run_on(const char *name, const char *command, json_t *arguments, json_t **result);

int list_main(int argc, char **argv);
int status_main(int argc, char **argv);
int stop_main(int argc, char **argv);
int reset_main(int argc, char **argv);
int pause_main(int argc, char **argv);
int resume_main(int argc, char **argv);
// Answers the question that the running VM waits with. An exit code.
int answer_running(const char *vm, const char *word);
int screenshot_main(int argc, char **argv);
int sendkey_main(int argc, char **argv);
int type_main(int argc, char **argv);
int cd_main(int argc, char **argv);

#endif
