// posted.c: KVM's ring of gathered MMIO writes.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/posted.h"

#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/compiler.h"
#include "base/log.h"

#define PAGE_SIZE 4096u         // KVM_COALESCED_MMIO_MAX is made of it
#define RING_SIZE ((uint32_t)KVM_COALESCED_MMIO_MAX)

struct posted {
	int vm_fd;
	struct exit_env env;
	unsigned page;                  // of the run structure where the ring is; 0 = KVM has none
	pthread_mutex_t lock;           // who empties the ring; taken before device locks
	struct kvm_coalesced_mmio_ring *ring;   // lock; stable while vCPU threads exist
};

struct posted *posted_create(int vm_fd, unsigned page, const struct exit_env *env)
{
	struct posted *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->vm_fd = vm_fd;
	p->env = *env;
	p->page = page;
	pthread_mutex_init(&p->lock, NULL);
	return p;
}

void posted_destroy(struct posted *p)
{
	if (!p)
		return;
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void posted_attach(struct posted *p, void *run)
{
	pthread_mutex_lock(&p->lock);
	p->ring = run && p->page ? (void *)((uint8_t *)run + (size_t)p->page * PAGE_SIZE) : NULL;
	pthread_mutex_unlock(&p->lock);
}

bool posted_waiting(const struct posted *p)
{
	const struct kvm_coalesced_mmio_ring *ring = p ? p->ring : NULL;

	return ring && __atomic_load_n(&ring->first, __ATOMIC_ACQUIRE) != __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE);
}

// An entry leaves the ring when it has been applied, so that a vCPU that finds the ring empty may rely on it.
void posted_drain(struct posted *p)
{
	pthread_mutex_lock(&p->lock);
	while (posted_waiting(p)) {
		struct kvm_coalesced_mmio_ring *ring = p->ring;
		uint32_t first = ring->first % RING_SIZE;
		const struct kvm_coalesced_mmio *e = &ring->coalesced_mmio[first];

		exit_mmio_write(&p->env, e->phys_addr, e->data, MIN(e->len, (uint32_t)sizeof(e->data)));
		__atomic_store_n(&ring->first, (uint32_t)((first + 1) % RING_SIZE), __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&p->lock);
}

static void set_range(void *arg, uint64_t first, uint64_t length, bool on)
{
	struct posted *p = arg;
	struct kvm_coalesced_mmio_zone zone = { .addr = first, .size = (uint32_t)length };

	if (!p->page)
		return;
	if (ioctl(p->vm_fd, on ? KVM_REGISTER_COALESCED_MMIO : KVM_UNREGISTER_COALESCED_MMIO, &zone) < 0)
		log_debug("gathering of writes at %#llx: %s", (unsigned long long)first, strerror(errno));
}

static void drain(void *arg) { posted_drain(arg); }

struct posted_writes posted_platform(struct posted *p)
{
	return (struct posted_writes){ .range = set_range, .drain = drain, .arg = p };
}
