// host.h: whether this host can run VMs: what is there, what is not, and what to do about each no.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Everything is looked at below ROOT ("/" in the product), so that a unit test can show it another host.
#ifndef BERTH_KVM_HOST_H
#define BERTH_KVM_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum host_verdict {
	HOST_OK,                // there
	HOST_NOTE,              // worth knowing
	HOST_LIMITED,           // VMs run, something is missing
	HOST_NO,                // VMs do not run
};

struct host_check {
	const char *name;       // static: "kvm", "nested", ...
	enum host_verdict verdict;
	char text[256];         // what was found
	char remedy[320];       // what to do, or empty
};

#define HOST_CHECKS_MAX 32u

struct kvm_cpuid_entry2;
struct nested_wish;

struct host_report {
	struct host_check check[HOST_CHECKS_MAX];
	size_t count;
};

// What a CPUID and a few system calls tell, injected so that tests need no such host.
struct host_probe {
	const char *root;
	// Opens /dev/kvm below root: the descriptor or -errno.
	int (*open_kvm)(const struct host_probe *p);
	// KVM_CHECK_EXTENSION; negative = the device is no KVM.
	int (*kvm_cap)(int fd, int cap);
	int (*kvm_version)(int fd);
	// 0 or -errno of io_uring_queue_init().
	int (*try_uring)(void);
	// Leaf 40000000h's name when the hypervisor bit is set, else "".
	void (*hypervisor)(char name[13]);
	// The CPU's own words: EAX, EBX, ECX, EDX of LEAF, zeros where there is none.
	void (*cpuid)(uint32_t leaf, uint32_t out[4]);
	// KVM_GET_SUPPORTED_CPUID: how many entries (at most MAX), or -errno.
	int (*supported_cpuid)(int fd, struct kvm_cpuid_entry2 *entries, uint32_t max);
	// A feature MSR of KVM's (KVM_GET_MSRS on the device): 0 or -errno.
	int (*feature_msr)(int fd, uint32_t index, uint64_t *value);
};

struct host_probe host_probe_real(void);
// WISH: what the host's configuration says.
void host_report_make(const struct host_probe *probe, const struct nested_wish *wish, struct host_report *out);
// The worst verdict.
enum host_verdict host_report_verdict(const struct host_report *report);
const struct host_check *host_report_find(const struct host_report *report, const char *name);

#endif
