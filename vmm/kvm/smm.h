// smm.h: what a CPU finds in system management mode: a handler that goes back at once, as a firmware's does that has nothing to do.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The machine raises no SMI and SeaBIOS brings no handler (its PM device says that there is one). A guest can send one to
// itself; without memory there, KVM ends the whole VM. SDM volume 3, chapter 32.
#ifndef BERTH_KVM_SMM_H
#define BERTH_KVM_SMM_H

#include "kvm/kvm.h"

struct smm;

// Memory for CPUS vCPUs, with the other slots: before the first vCPU. *OUT is NULL where KVM has no such mode. -errno.
int smm_create(struct kvm *kvm, unsigned cpus, struct smm **out);
// Gives vCPU CPU (FD) a place of its own there. Before its power-on state is saved.
void smm_set_base(int fd, unsigned cpu);
// After the VM is gone. NULL is fine.
void smm_destroy(struct smm *smm);

#endif
