// answer_moved.h: the answer to the moved-or-copied question of a VM that does not run.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CLI_ANSWER_MOVED_H
#define BERTH_CLI_ANSWER_MOVED_H

#include "base/err.h"

// Records WORD ("copied", "moved", or VMware's "I copied it", "I moved it") in the .vmx for its next start. -EINVAL for
// any other word (EXIT_USAGE), -EBUSY while the VM runs or VMware holds it (EXIT_BUSY).
int answer_moved(const char *vmx, const char *word, struct err *err);

#endif
