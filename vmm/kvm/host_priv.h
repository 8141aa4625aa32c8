// host_priv.h: what the files that look at the host share.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_KVM_HOST_PRIV_H
#define BERTH_KVM_HOST_PRIV_H

#include "base/compiler.h"
#include "kvm/host.h"

enum cpu_kind { CPU_NONE, CPU_VMX, CPU_SVM };

// The first SIZE - 1 bytes of a file below root; false when it cannot be read.
bool host_slurp(const char *root, const char *path, char *buf, size_t size);
// By the flags of the first processor in /proc/cpuinfo: what the kernel lets KVM use.
enum cpu_kind host_cpu_kind(const char *root);
// "kvm_intel" or "kvm_amd".
const char *host_module(enum cpu_kind kind);
// A module's switch: 1, 0, or -1 when the module (or the parameter) is not there.
int host_parameter(const char *root, const char *module, const char *name);
void host_add(struct host_report *r, const char *name, enum host_verdict verdict, const char *remedy, const char *fmt, ...)
	PRINTF(5, 6);
// Checks that the list of all and the list of nesting have in common.
void host_check_kvm(const struct host_probe *p, struct host_report *r);
void host_check_paging(const struct host_probe *p, struct host_report *r);

#endif
