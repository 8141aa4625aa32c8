// hyperv.h: enlightenments of Hyper-V for Windows guests: what CPUID says of them, and what KVM must be told.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Off unless berth.hyperv.* asks. With any of them leaf 40000000h says "Microsoft Hv" and VMware's leaves begin at
// 40000100h: Windows then believes in Hyper-V, and Linux too.
#ifndef BERTH_KVM_HYPERV_H
#define BERTH_KVM_HYPERV_H

#include "base/err.h"
#include "kvm/cpuid.h"
#include "vmx/config.h"

// Adds Hyper-V's leaves for BITS (of enum vm_hyperv) and SPINLOCKS to T. Pure.
void hyperv_leaves(uint32_t bits, uint32_t spinlocks, struct cpuid_table *t);
// 0, or -ENOTSUP with the keys that KVM cannot give (EXIT_HOST): SUPPORTED are KVM's Hyper-V leaves. BITS may be 0: the
// leaves themselves need something too. Pure.
int hyperv_check(uint32_t bits, const struct kvm_cpuid_entry2 *supported, uint32_t count, struct err *err);
// Turns on what vCPU FD must be told of, then the same against what KVM says of it. Before its CPUID is set.
int hyperv_enable(int fd, uint32_t bits, struct err *err);

#endif
