// kvm.c: one VM of /dev/kvm.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"

// KVM on Intel wants four pages of guest-physical space for itself; below the BIOS at the top of 4 GiB there is
// room that neither RAM nor BARs use.
#define IDENTITY_MAP 0xfeffc000ull
#define TSS_ADDRESS  0xfeffd000ull

#define MAX_SLOTS 128u

struct slot { uint64_t addr, len; void *hva; uint32_t flags; };

struct kvm {
	int sys_fd, vm_fd;
	int run_size;
	struct slot slots[MAX_SLOTS];                   // gmem's lock
	struct kvm_irqchip power_on[3];                 // PIC master, slave, IOAPIC
	struct kvm_pit_state2 pit_power_on;
};

int kvm_vm_fd(const struct kvm *kvm) { return kvm->vm_fd; }
int kvm_sys_fd(const struct kvm *kvm) { return kvm->sys_fd; }
int kvm_run_size(const struct kvm *kvm) { return kvm->run_size; }

int kvm_cap(const struct kvm *kvm, int cap)
{
	int r = ioctl(kvm->sys_fd, KVM_CHECK_EXTENSION, cap);

	return r < 0 ? 0 : r;
}

int kvm_wide_apic_ids(struct kvm *kvm, struct err *err)
{
	struct kvm_enable_cap c = {
		.cap = KVM_CAP_X2APIC_API, .args = { KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK },
	};
	int r;

	if (ioctl(kvm->vm_fd, KVM_ENABLE_CAP, &c) == 0)
		return 0;
	r = err_set(err, errno, "KVM", "this host's KVM knows no APIC IDs above 254, and this many CPUs in sockets need them");
	err_remedy(err, "Lower numvcpus, or raise cpuid.coresPerSocket so that fewer numbers stay unused");
	err_exit(err, EXIT_HOST);
	return r;
}

void kvm_without_counters(struct kvm *kvm)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_PMU_CAPABILITY, .args = { KVM_PMU_CAP_DISABLE } };

	if (kvm_cap(kvm, KVM_CAP_PMU_CAPABILITY) & KVM_PMU_CAP_DISABLE)
		ioctl(kvm->vm_fd, KVM_ENABLE_CAP, &c);
}

// --- opening ---------------------------------------------------------------------------------------

static int open_device(struct kvm *kvm, struct err *err)
{
	int version, r;

	kvm->sys_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm->sys_fd < 0) {
		r = err_set(err, errno, "/dev/kvm", "cannot be opened: %s", strerror(errno));
		if (-r == ENOENT)
			err_remedy(err, "Load kvm_intel or kvm_amd (modprobe), and enable VT-x or AMD-V in the firmware "
					"or, inside a VM, nested virtualization; `berth host` tells more");
		else if (-r == EACCES || -r == EPERM)
			err_remedy(err, "Add this user to the group that owns it: usermod -aG kvm USER, then log in again");
		err_exit(err, EXIT_HOST);
		return r;
	}
	version = ioctl(kvm->sys_fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		r = err_set(err, ENOTSUP, "/dev/kvm", "speaks API version %d, %d is needed", version, KVM_API_VERSION);
		err_exit(err, EXIT_HOST);
		return r;
	}
	return 0;
}

static const struct { int cap; const char *name; } needed[] = {
	{ KVM_CAP_USER_MEMORY, "USER_MEMORY" },
	{ KVM_CAP_IRQCHIP, "IRQCHIP" },
	{ KVM_CAP_PIT2, "PIT2" },
	{ KVM_CAP_IRQ_ROUTING, "IRQ_ROUTING" },
	{ KVM_CAP_SIGNAL_MSI, "SIGNAL_MSI" },
	{ KVM_CAP_READONLY_MEM, "READONLY_MEM" },
	{ KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT" },
	{ KVM_CAP_EXT_CPUID, "EXT_CPUID" },
};

static int check_caps(struct kvm *kvm, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (kvm_cap(kvm, needed[i].cap) > 0)
			continue;
		err_set(err, ENOTSUP, "/dev/kvm", "has no KVM_CAP_%s", needed[i].name);
		err_remedy(err, "Linux 5.15 or newer on x86 has it");
		err_exit(err, EXIT_HOST);
		return -ENOTSUP;
	}
	return 0;
}

// IRQ 0 of the PIT is input 2 of the IOAPIC (the MADT says so); 16 to 23 exist at the IOAPIC alone.
static int set_routing(struct kvm *kvm)
{
	struct { struct kvm_irq_routing head; struct kvm_irq_routing_entry e[48]; } t;
	unsigned n = 0;

	memset(&t, 0, sizeof(t));
	for (unsigned gsi = 0; gsi < KVM_GSIS; gsi++) {
		if (gsi < 16 && gsi != 2)
			t.e[n++] = (struct kvm_irq_routing_entry){
				.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP,
				.u.irqchip = { gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, gsi & 7 } };
		if (gsi != 2)
			t.e[n++] = (struct kvm_irq_routing_entry){
				.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP,
				.u.irqchip = { KVM_IRQCHIP_IOAPIC, gsi == 0 ? 2 : gsi } };
	}
	t.head.nr = n;
	return ioctl(kvm->vm_fd, KVM_SET_GSI_ROUTING, &t) < 0 ? -errno : 0;
}

static void save_power_on(struct kvm *kvm)
{
	for (unsigned i = 0; i < 3; i++) {
		kvm->power_on[i].chip_id = i;
		if (ioctl(kvm->vm_fd, KVM_GET_IRQCHIP, &kvm->power_on[i]) < 0)
			log_debug("KVM_GET_IRQCHIP %u: %s", i, strerror(errno));
	}
	if (ioctl(kvm->vm_fd, KVM_GET_PIT2, &kvm->pit_power_on) < 0)
		log_debug("KVM_GET_PIT2: %s", strerror(errno));
}

static int step_failed(const char *step, struct err *err)
{
	int code = errno;

	err_set(err, code, "/dev/kvm", "%s failed: %s", step, strerror(code));
	err_remedy(err, "See `berth host`, and the kernel's log for what KVM says of it");
	err_exit(err, EXIT_HOST);
	return -code;
}

static int create_vm(struct kvm *kvm, struct err *err)
{
	uint64_t identity = IDENTITY_MAP;

	do {
		kvm->vm_fd = ioctl(kvm->sys_fd, KVM_CREATE_VM, 0);
	} while (kvm->vm_fd < 0 && errno == EINTR);
	if (kvm->vm_fd < 0)
		return step_failed("KVM_CREATE_VM", err);
	if (kvm_cap(kvm, KVM_CAP_SET_IDENTITY_MAP_ADDR) && ioctl(kvm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0)
		return step_failed("KVM_SET_IDENTITY_MAP_ADDR", err);
	if (kvm_cap(kvm, KVM_CAP_SET_TSS_ADDR) && ioctl(kvm->vm_fd, KVM_SET_TSS_ADDR, TSS_ADDRESS) < 0)
		return step_failed("KVM_SET_TSS_ADDR", err);
	return 0;
}

int kvm_create_chips(struct kvm *kvm, struct err *err)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	if (ioctl(kvm->vm_fd, KVM_CREATE_IRQCHIP, 0) < 0)
		return step_failed("KVM_CREATE_IRQCHIP", err);
	if (ioctl(kvm->vm_fd, KVM_CREATE_PIT2, &pit) < 0)
		return step_failed("KVM_CREATE_PIT2", err);
	if (set_routing(kvm) < 0)
		return step_failed("KVM_SET_GSI_ROUTING", err);
	save_power_on(kvm);
	return 0;
}

int kvm_create(struct kvm **out, struct err *err)
{
	struct kvm *kvm = calloc(1, sizeof(*kvm));
	int r;

	if (!kvm)
		return err_set(err, ENOMEM, "KVM", "no memory");
	kvm->sys_fd = kvm->vm_fd = -1;
	r = open_device(kvm, err);
	if (!r)
		r = check_caps(kvm, err);
	if (!r)
		r = create_vm(kvm, err);
	if (!r) {
		kvm->run_size = ioctl(kvm->sys_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
		if (kvm->run_size < (int)sizeof(struct kvm_run)) {
			r = err_set(err, ENOTSUP, "/dev/kvm", "gives a run structure of %d bytes", kvm->run_size);
			err_exit(err, EXIT_HOST);
		}
	}
	if (r < 0) {
		kvm_destroy(kvm);
		return r;
	}
	*out = kvm;
	return 0;
}

void kvm_destroy(struct kvm *kvm)
{
	if (!kvm)
		return;
	if (kvm->vm_fd >= 0)
		close(kvm->vm_fd);
	if (kvm->sys_fd >= 0)
		close(kvm->sys_fd);
	free(kvm);
}

// --- memory slots ----------------------------------------------------------------------------------

static int set_slot(struct kvm *kvm, unsigned slot, uint64_t len)
{
	struct slot *s = &kvm->slots[slot];
	struct kvm_userspace_memory_region region = {
		.slot = slot, .flags = s->flags, .guest_phys_addr = s->addr, .memory_size = len,
		.userspace_addr = (uint64_t)(uintptr_t)s->hva,
	};

	return ioctl(kvm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0 ? -errno : 0;
}

static int slot_map(void *arg, unsigned slot, uint64_t gpa, uint64_t len, void *hva, bool readonly, bool log_dirty)
{
	struct kvm *kvm = arg;

	if (slot >= MAX_SLOTS)
		return -ENOSPC;
	kvm->slots[slot] = (struct slot){ gpa, len, hva, (readonly ? KVM_MEM_READONLY : 0u) |
							 (log_dirty ? KVM_MEM_LOG_DIRTY_PAGES : 0u) };
	return set_slot(kvm, slot, len);
}

static void slot_unmap(void *arg, unsigned slot)
{
	struct kvm *kvm = arg;

	if (slot >= MAX_SLOTS)
		return;
	kvm->slots[slot].flags = 0;
	if (set_slot(kvm, slot, 0) < 0)
		log_warn("KVM does not release memory slot %u: %s", slot, strerror(errno));
}

static int slot_dirty(void *arg, unsigned slot, uint64_t *bitmap, size_t words)
{
	struct kvm *kvm = arg;
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = bitmap };

	if (slot >= MAX_SLOTS || words * 64 < kvm->slots[slot].len / 4096)
		return -EINVAL;
	return ioctl(kvm->vm_fd, KVM_GET_DIRTY_LOG, &log) < 0 ? -errno : 0;
}

struct gmem_host kvm_gmem_host(struct kvm *kvm)
{
	return (struct gmem_host){ .map = slot_map, .unmap = slot_unmap, .dirty = slot_dirty, .arg = kvm };
}

// --- interrupts ------------------------------------------------------------------------------------

void kvm_irq_set(void *arg, unsigned gsi, bool level)
{
	struct kvm *kvm = arg;
	struct kvm_irq_level irq = { .irq = gsi, .level = level };

	if (ioctl(kvm->vm_fd, KVM_IRQ_LINE, &irq) < 0)
		log_guest("interrupt input %u: %s", gsi, strerror(errno));
}

void kvm_msi_send(void *arg, uint64_t address, uint32_t data)
{
	struct kvm *kvm = arg;
	struct kvm_msi msi = { .address_lo = (uint32_t)address, .address_hi = (uint32_t)(address >> 32), .data = data };

	// 0 means that the guest masked it at its LAPIC: as on hardware, nothing happens.
	if (ioctl(kvm->vm_fd, KVM_SIGNAL_MSI, &msi) < 0)
		log_guest("MSI %#llx/%#x: %s", (unsigned long long)address, data, strerror(errno));
}

void kvm_pit_gate(struct kvm *kvm, bool hpet_has_irq0)
{
	struct kvm_pit_state2 pit;

	if (ioctl(kvm->vm_fd, KVM_GET_PIT2, &pit) < 0)
		return;
	pit.flags = hpet_has_irq0 ? pit.flags | KVM_PIT_FLAGS_HPET_LEGACY : pit.flags & ~KVM_PIT_FLAGS_HPET_LEGACY;
	if (ioctl(kvm->vm_fd, KVM_SET_PIT2, &pit) < 0)
		log_warn("the PIT cannot be %s: %s", hpet_has_irq0 ? "stopped" : "started", strerror(errno));
}

void kvm_reset(struct kvm *kvm)
{
	for (unsigned i = 0; i < 3; i++) {
		if (ioctl(kvm->vm_fd, KVM_SET_IRQCHIP, &kvm->power_on[i]) < 0)
			log_warn("interrupt controller %u cannot be reset: %s", i, strerror(errno));
	}
	if (ioctl(kvm->vm_fd, KVM_SET_PIT2, &kvm->pit_power_on) < 0)
		log_warn("the PIT cannot be reset: %s", strerror(errno));
}

struct kvm_cpuid2 *kvm_supported_cpuid(const struct kvm *kvm)
{
	for (uint32_t n = 128; n <= 1024; n *= 2) {
		struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + n * sizeof(c->entries[0]));

		if (!c)
			return NULL;
		c->nent = n;
		if (ioctl(kvm->sys_fd, KVM_GET_SUPPORTED_CPUID, c) == 0)
			return c;
		free(c);
		if (errno != E2BIG && errno != ENOMEM)
			return NULL;
	}
	return NULL;
}
