// run_identity.h: before a start: whose identity the VM has, and what of it must be generated.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CLI_RUN_IDENTITY_H
#define BERTH_CLI_RUN_IDENTITY_H

#include <stdbool.h>

#include "base/err.h"
#include "vmx/config.h"
#include "vmx/vmx_file.h"

// Asks the moved-or-copied question where it is due (on the terminal when ASK; else a start without an answer is
// refused with -EAGAIN and EXIT_CONFIG) and completes the identity in FILE. *CONFIG is made anew when that changed
// something. Nothing is saved.
int run_identity(struct vm_config **config, struct vmx_file *file, bool ask, struct err *err);
// The second half alone, for a file that was read again while the VM runs.
int run_identity_complete(struct vm_config **config, struct vmx_file *file, struct err *err);

#endif
