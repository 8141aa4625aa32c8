// host.c: looking at /dev, /proc and /sys for what VMs need.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "kvm/host_priv.h"
#include "kvm/nested_host.h"

// --- reading ---------------------------------------------------------------------------------------

// The first SIZE - 1 bytes of a file below root; false when it cannot be read.
bool host_slurp(const char *root, const char *path, char *buf, size_t size)
{
	char full[PATH_MAX];
	size_t have = 0;
	ssize_t n;
	int fd;

	snprintf(full, sizeof(full), "%s%s", strcmp(root, "/") ? root : "", path);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (have < size - 1 && (n = read(fd, buf + have, size - 1 - have)) > 0)
		have += (size_t)n;
	buf[have] = '\0';
	close(fd);
	return true;
}

static bool has_word(const char *line, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = line; (p = strstr(p, word)); p += n) {
		if ((p == line || p[-1] == ' ' || p[-1] == '\t') && (p[n] == ' ' || p[n] == '\n' || !p[n]))
			return true;
	}
	return false;
}

// The flags line of the first processor.
static bool cpu_flag(const char *root, const char *flag)
{
	char *text = malloc(65536), *line, *end;
	bool found = false;

	if (text && host_slurp(root, "/proc/cpuinfo", text, 65536) && (line = strstr(text, "\nflags"))) {
		end = strchr(line + 1, '\n');
		if (end)
			*end = '\0';
		found = has_word(line, flag);
	}
	free(text);
	return found;
}

enum cpu_kind host_cpu_kind(const char *root)
{
	if (cpu_flag(root, "vmx"))
		return CPU_VMX;
	return cpu_flag(root, "svm") ? CPU_SVM : CPU_NONE;
}

// 1, 0, or -1 when the module (or the parameter) is not there.
int host_parameter(const char *root, const char *module, const char *name)
{
	char path[256], text[16];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module, name);
	if (!host_slurp(root, path, text, sizeof(text)))
		return -1;
	return *text == 'Y' || *text == 'y' || (*text >= '1' && *text <= '9');
}

const char *host_module(enum cpu_kind kind) { return kind == CPU_VMX ? "kvm_intel" : "kvm_amd"; }

// --- writing the report ----------------------------------------------------------------------------

void host_add(struct host_report *r, const char *name, enum host_verdict verdict, const char *remedy, const char *fmt, ...)
{
	struct host_check *c;
	va_list ap;

	if (r->count == HOST_CHECKS_MAX)
		return;
	c = &r->check[r->count++];
	c->name = name;
	c->verdict = verdict;
	va_start(ap, fmt);
	vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
	snprintf(c->remedy, sizeof(c->remedy), "%s", remedy);
}

static void check_cpu(const struct host_probe *p, struct host_report *r)
{
	char name[13] = "";
	enum cpu_kind kind = host_cpu_kind(p->root);

	p->hypervisor(name);
	if (*name)
		host_add(r, "inside", HOST_NOTE, "", "this host is itself a virtual machine (%s)", name);
	if (kind == CPU_NONE)
		host_add(r, "cpu", HOST_LIMITED,
		    "On bare metal enable VT-x or AMD-V in the firmware's setup; in a VM enable nested virtualization for it",
		    "the CPU shows neither vmx nor svm: if /dev/kvm exists, guest kernels go through an instruction emulator; "
		    "firmware, boot loaders and real-mode systems run, an unmodified Linux or Windows does not");
	else
		host_add(r, "cpu", HOST_OK, "", "hardware virtualization: %s", kind == CPU_VMX ? "VT-x (vmx)" : "AMD-V (svm)");
}

static void check_caps(const struct host_probe *p, struct host_report *r, int fd)
{
	int cpus = p->kvm_cap(fd, KVM_CAP_NR_VCPUS), most = p->kvm_cap(fd, KVM_CAP_MAX_VCPUS);

	if (p->kvm_version(fd) < 0) {
		host_add(r, "kvm", HOST_NO, "Find out what made it: the device of KVM is character device 10:232",
		    "/dev/kvm is not KVM");
		return;
	}
	if (p->kvm_version(fd) != KVM_API_VERSION) {
		host_add(r, "kvm", HOST_NO, "Use a kernel whose KVM speaks API version 12", "/dev/kvm speaks API version %d",
		    p->kvm_version(fd));
		return;
	}
	host_add(r, "kvm", HOST_OK, "", "/dev/kvm opens; up to %d vCPUs a VM (%d recommended)", most > 0 ? most : cpus, cpus);
	if (p->kvm_cap(fd, KVM_CAP_TSC_CONTROL) > 0)
		host_add(r, "tsc", HOST_OK, "", "KVM can pin the guest's TSC rate");
	else
		host_add(r, "tsc", HOST_NOTE, "", "KVM cannot scale the TSC: a guest's clock rate is this host's");
}

void host_check_kvm(const struct host_probe *p, struct host_report *r)
{
	int fd = p->open_kvm(p);

	if (fd >= 0) {
		check_caps(p, r, fd);
		close(fd);
	} else if (fd == -ENOENT || fd == -ENODEV || fd == -ENXIO) {
		host_add(r, "kvm", HOST_NO, "modprobe kvm_intel, or modprobe kvm_amd; the kernel's log says why when that fails",
		    "there is no /dev/kvm");
	} else if (fd == -EACCES || fd == -EPERM) {
		host_add(r, "kvm", HOST_NO, "usermod -aG kvm USER, then log in again; in a container give it the device",
		    "/dev/kvm may not be opened by this user");
	} else {
		host_add(r, "kvm", HOST_NO, "", "/dev/kvm cannot be opened: %s", strerror(-fd));
	}
}

// The first thing that keeps nesting from working; `berth host --nested` tells them all.
static void check_nested(const struct host_probe *p, const struct nested_wish *wish, struct host_report *r)
{
	struct host_report nested;
	const struct host_check *no;

	nested_report_make(p, wish, &nested);
	no = nested_report_obstacle(&nested);
	if (!no)
		host_add(r, "nested", HOST_OK, "", "vhv.enable works: KVM passes %s on to guests",
			 host_cpu_kind(p->root) == CPU_VMX ? "VT-x" : "AMD-V");
	else
		host_add(r, "nested", HOST_LIMITED, no->remedy, "vhv.enable does not work: %s", no->text);
}

void host_check_paging(const struct host_probe *p, struct host_report *r)
{
	enum cpu_kind kind = host_cpu_kind(p->root);
	const char *name = kind == CPU_VMX ? "ept" : "npt";
	int on = kind == CPU_NONE ? -1 : host_parameter(p->root, host_module(kind), name);

	if (on == 0)
		host_add(r, "paging", HOST_LIMITED, "Remove the module option that turns it off",
		    "%s is off: guests run with shadow page tables, slowly", name);
	else if (on > 0)
		host_add(r, "paging", HOST_OK, "", "second-level paging (%s) is on", name);
}

static void check_backdoor(const struct host_probe *p, struct host_report *r)
{
	int on = host_parameter(p->root, "kvm", "enable_vmware_backdoor");

	if (on > 0)
		host_add(r, "backdoor", HOST_OK, "", "programs in guests reach VMware's backdoor");
	else
		host_add(r, "backdoor", HOST_LIMITED,
		    "echo options kvm enable_vmware_backdoor=1 > /etc/modprobe.d/berth-backdoor.conf, then reload the kvm modules or reboot",
		    "only guest kernels reach VMware's backdoor: open-vm-tools does not start%s",
		    on < 0 ? " (this kernel has no kvm.enable_vmware_backdoor)" : "");
}

static void check_uring(const struct host_probe *p, struct host_report *r)
{
	char text[16] = "";
	int e = p->try_uring();

	if (e == 0) {
		host_add(r, "io_uring", HOST_OK, "", "io_uring works");
		return;
	}
	host_slurp(p->root, "/proc/sys/kernel/io_uring_disabled", text, sizeof(text));
	if (*text == '1' || *text == '2')
		host_add(r, "io_uring", HOST_NO, "sysctl -w kernel.io_uring_disabled=0, and the same in /etc/sysctl.d",
		    "io_uring is turned off (kernel.io_uring_disabled = %c)", *text);
	else
		host_add(r, "io_uring", HOST_NO, "Linux 5.15 or newer is needed; a container's seccomp filter may forbid it",
		    "io_uring cannot be used: %s", strerror(-e));
}

static bool exists(const char *root, const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", strcmp(root, "/") ? root : "", path);
	return access(full, R_OK) == 0;
}

static void check_firmware(const struct host_probe *p, struct host_report *r)
{
	if (exists(p->root, "/usr/share/seabios/bios-256k.bin") && exists(p->root, "/usr/share/seabios/vgabios-vmware.bin"))
		host_add(r, "firmware", HOST_OK, "", "SeaBIOS and its VGA BIOS are installed");
	else
		host_add(r, "firmware", HOST_LIMITED, "apt install seabios, or name the images by berth.bios and berth.vgabios",
		    "SeaBIOS is not in /usr/share/seabios");
}

void host_report_make(const struct host_probe *probe, const struct nested_wish *wish, struct host_report *out)
{
	memset(out, 0, sizeof(*out));
	check_cpu(probe, out);
	host_check_kvm(probe, out);
	host_check_paging(probe, out);
	check_nested(probe, wish, out);
	check_backdoor(probe, out);
	check_uring(probe, out);
	check_firmware(probe, out);
}

enum host_verdict host_report_verdict(const struct host_report *report)
{
	enum host_verdict worst = HOST_OK;

	for (size_t i = 0; i < report->count; i++)
		worst = MAX(worst, report->check[i].verdict);
	return worst;
}

const struct host_check *host_report_find(const struct host_report *report, const char *name)
{
	for (size_t i = 0; i < report->count; i++) {
		if (!strcmp(report->check[i].name, name))
			return &report->check[i];
	}
	return NULL;
}
