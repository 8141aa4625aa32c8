// posted.h: writes to MMIO that KVM gathers instead of leaving the guest for each (coalesced MMIO).
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The kernel appends such writes of all vCPUs to one ring and leaves the guest only when it is full. They are applied
// before any other access of any vCPU is, so that devices see what the guest did in its order. Documentation/virt/kvm
// calls it KVM_CAP_COALESCED_MMIO.
#ifndef BERTH_KVM_POSTED_H
#define BERTH_KVM_POSTED_H

#include "bus/bus.h"
#include "bus/platform.h"
#include "kvm/exits.h"

struct posted;

// PAGE: of a vCPU's run structure, where the ring lies (what KVM_CAP_COALESCED_MMIO says); 0 = KVM cannot gather, and
// all of this does nothing. ENV says where writes go (mmio, mem); copied. NULL when out of memory.
struct posted *posted_create(int vm_fd, unsigned page, const struct exit_env *env);
void posted_destroy(struct posted *posted);
// RUN is the mapped run structure of any vCPU: the ring lies behind it. NULL: the mapping goes away.
void posted_attach(struct posted *posted, void *run);
// Whether anything has been gathered. vCPU threads.
bool posted_waiting(const struct posted *posted);
// Applies what has been gathered. Any thread that holds no device lock.
void posted_drain(struct posted *posted);
// For struct platform.
struct posted_writes posted_platform(struct posted *posted);

#endif
