// kvm.h: one VM of /dev/kvm: memory slots, in-kernel interrupt controllers and PIT, MSI, capabilities.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_KVM_KVM_H
#define BERTH_KVM_KVM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bus/gmem.h"
#include "bus/irq.h"

struct kvm_cpuid2;

#define KVM_GSIS 24u            // IOAPIC inputs

struct kvm;

// Opens /dev/kvm and makes an empty VM. Each failure says what is missing and how to mend it (EXIT_HOST).
int kvm_create(struct kvm **out, struct err *err);
// PIC, IOAPIC and PIT in the kernel: before the first vCPU and the first interrupt, and best behind the memory slots:
// where a change of slots follows on new ports or gathered ranges, KVM waits for some milliseconds.
int kvm_create_chips(struct kvm *kvm, struct err *err);
// After all vCPU threads have ended.
void kvm_destroy(struct kvm *kvm);

// Memory slots for gmem_create().
struct gmem_host kvm_gmem_host(struct kvm *kvm);
// Moves interrupt input GSI (0..23). Any thread. For irq_pin_init(): ARG is the struct kvm.
void kvm_irq_set(void *arg, unsigned gsi, bool level);
// Delivers a message-signalled interrupt. Any thread. For struct msi_sink: ARG is the struct kvm.
void kvm_msi_send(void *arg, uint64_t address, uint32_t data);
// PIT channel 0 off and on, for the HPET's legacy replacement. Any thread.
void kvm_pit_gate(struct kvm *kvm, bool hpet_has_irq0);
// Power-on state of PIC, IOAPIC and PIT. All vCPUs paused.
void kvm_reset(struct kvm *kvm);

// From now on APIC IDs above 254 mean what they say: KVM takes 255 for all CPUs otherwise, and keeps 8 bits of an ID in
// saved state and messages. Before the first vCPU. EXIT_HOST when KVM has no means.
int kvm_wide_apic_ids(struct kvm *kvm, struct err *err);
// vpmc.enable is FALSE: no counters, not even those that every AMD CPU has. Before the first vCPU; where KVM cannot do without
// them (Linux before 5.18), they stay.
void kvm_without_counters(struct kvm *kvm);
int kvm_vm_fd(const struct kvm *kvm);
int kvm_sys_fd(const struct kvm *kvm);
// KVM_CHECK_EXTENSION, 0 when absent.
int kvm_cap(const struct kvm *kvm, int cap);
// What KVM can give a guest; freed by the caller. NULL when out of memory or refused.
struct kvm_cpuid2 *kvm_supported_cpuid(const struct kvm *kvm);
// Size of the shared run structure of a vCPU.
int kvm_run_size(const struct kvm *kvm);

#endif
