// host_real.c: the probe that looks at the host this process runs on.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kvm/host.h"

// --- the real host ---------------------------------------------------------------------------------

static int real_open(const struct host_probe *p)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	(void)p;
	return fd < 0 ? -errno : fd;
}

static int real_cap(int fd, int cap) { return ioctl(fd, KVM_CHECK_EXTENSION, cap); }
static int real_version(int fd) { return ioctl(fd, KVM_GET_API_VERSION, 0); }

static int real_uring(void)
{
	struct io_uring ring;
	int r = io_uring_queue_init(8, &ring, 0);

	if (r == 0)
		io_uring_queue_exit(&ring);
	return r;
}

static void real_hypervisor(char name[13])
{
	unsigned a, b, c, d;

	*name = '\0';
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 31))
		return;
	__cpuid(0x40000000, a, b, c, d);
	memcpy(name, &b, 4);
	memcpy(name + 4, &c, 4);
	memcpy(name + 8, &d, 4);
	name[12] = '\0';
	for (char *p = name; *p; p++) {
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	}
	if (!*name)
		strcpy(name, "unnamed");
}

static void real_cpuid(uint32_t leaf, uint32_t out[4])
{
	unsigned a = 0, b = 0, c = 0, d = 0;

	__get_cpuid(leaf, &a, &b, &c, &d);
	out[0] = a;
	out[1] = b;
	out[2] = c;
	out[3] = d;
}

static int real_supported(int fd, struct kvm_cpuid_entry2 *entries, uint32_t max)
{
	struct kvm_cpuid2 *set = calloc(1, sizeof(*set) + max * sizeof(*entries));
	int r;

	if (!set)
		return -ENOMEM;
	set->nent = max;
	r = ioctl(fd, KVM_GET_SUPPORTED_CPUID, set) < 0 ? -errno : (int)set->nent;
	if (r > 0)
		memcpy(entries, set->entries, (size_t)r * sizeof(*entries));
	free(set);
	return r;
}

static int real_feature_msr(int fd, uint32_t index, uint64_t *value)
{
	struct { struct kvm_msrs head; struct kvm_msr_entry e; } one = { .head.nmsrs = 1, .e.index = index };

	if (ioctl(fd, KVM_GET_MSRS, &one) != 1)
		return -ENOENT;
	*value = one.e.data;
	return 0;
}

struct host_probe host_probe_real(void)
{
	return (struct host_probe){
		.root = "/", .open_kvm = real_open, .kvm_cap = real_cap, .kvm_version = real_version, .try_uring = real_uring,
		.hypervisor = real_hypervisor, .cpuid = real_cpuid, .supported_cpuid = real_supported,
		.feature_msr = real_feature_msr,
	};
}
