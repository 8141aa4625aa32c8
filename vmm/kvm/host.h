// host.h: whether this host can run VMs: what is there, what is not, and what to do about each no.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Everything is looked at below ROOT ("/" in the product), so that a unit test can show it another host.
#ifndef BERTH_KVM_HOST_H
#define BERTH_KVM_HOST_H

#include <stdbool.h>
#include <stddef.h>

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

#define HOST_CHECKS_MAX 16u

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
};

struct host_probe host_probe_real(void);
void host_report_make(const struct host_probe *probe, struct host_report *out);
// The worst verdict.
enum host_verdict host_report_verdict(const struct host_report *report);
const struct host_check *host_report_find(const struct host_report *report, const char *name);

// For vhv.enable: 0, or -ENOTSUP with the first thing that is missing and how to mend it (EXIT_HOST). Any thread.
int host_check_nested(const char *root, struct err *err);

#endif
