// vcpu.c: vCPU threads and their state machine.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/vcpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"
#include "kvm/hyperv.h"
#include "kvm/nested.h"
#include "kvm/nested_host.h"
#include "kvm/port_rights.h"
#include "kvm/posted.h"
#include "kvm/smm.h"
#include "kvm/vcpu_state.h"
#include "vmx/config.h"

enum want { WANT_PAUSED, WANT_RUNNING, WANT_END };

// Something to be done with a vCPU while it is out of the guest.
struct errand {
	void (*fn)(int fd, void *arg);
	void *arg;
};

struct vcpu {
	struct vcpus *all;
	unsigned index;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool has_thread;
	struct exit_env env;
	struct vcpu_state power_on;

	// Guarded by all->lock.
	enum want want;
	bool is_paused;
	const struct errand *errand;    // done before the CPU enters the guest again, then NULL
};

struct vcpus {
	struct vcpus_args args;
	struct cpuid_args cpuid;
	struct cpuid_table *table;      // common to all CPUs
	unsigned count;
	struct vcpu *cpu;
	pthread_mutex_t lock;           // want, is_paused; taken after device locks
	pthread_cond_t cond;            // a want or an is_paused changed
	_Atomic bool started, crashed;
};

// Its only purpose is to end KVM_RUN with EINTR.
static void on_kick(int sig) { (void)sig; }

#define KICK_SIGNAL SIGUSR1
#define LAST_SMALL_APIC_ID 254u

static int install_kick(void)
{
	struct sigaction sa = { .sa_handler = on_kick };

	sigemptyset(&sa.sa_mask);
	return sigaction(KICK_SIGNAL, &sa, NULL) < 0 ? -errno : 0;
}

// Lock held. immediate_exit covers the moment between the thread's look at `want` and KVM_RUN; the signal covers
// KVM_RUN itself.
static void kick(struct vcpu *c)
{
	__atomic_store_n(&c->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (c->has_thread)
		pthread_kill(c->thread, KICK_SIGNAL);
}

static void want_all(struct vcpus *v, enum want want)
{
	pthread_mutex_lock(&v->lock);
	for (unsigned i = 0; i < v->count; i++) {
		if (v->cpu[i].want == WANT_END)
			continue;
		v->cpu[i].want = want;
		if (want != WANT_RUNNING)
			kick(&v->cpu[i]);
	}
	pthread_cond_broadcast(&v->cond);
	pthread_mutex_unlock(&v->lock);
}

void vcpus_pause_async(struct vcpus *v) { want_all(v, WANT_PAUSED); }
void vcpus_resume(struct vcpus *v) { want_all(v, WANT_RUNNING); }

void vcpus_pause(struct vcpus *v)
{
	want_all(v, WANT_PAUSED);
	pthread_mutex_lock(&v->lock);
	for (unsigned i = 0; i < v->count; i++) {
		while (!v->cpu[i].is_paused)
			pthread_cond_wait(&v->cond, &v->lock);
	}
	pthread_mutex_unlock(&v->lock);
}

// --- out of the guest --------------------------------------------------------------------------------

static int get_gp(void *arg, struct gp_regs *out)
{
	struct vcpu *c = arg;
	struct kvm_regs r;
	struct kvm_sregs s;

	if (ioctl(c->fd, KVM_GET_REGS, &r) < 0 || ioctl(c->fd, KVM_GET_SREGS, &s) < 0)
		return -errno;
	*out = (struct gp_regs){ r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp,
				 .cpl = s.ss.dpl, .iopl = r.rflags >> 12 & 3 };
	if (r.rflags & 1u << 17)
		out->iopl = 0;          // virtual-8086: the bitmap alone decides
	if (!(s.cr0 & 1))
		out->cpl = 0;
	return 0;
}

static int set_gp(void *arg, const struct gp_regs *in)
{
	struct vcpu *c = arg;
	struct kvm_regs r;

	if (ioctl(c->fd, KVM_GET_REGS, &r) < 0)
		return -errno;
	r.rax = in->rax;
	r.rbx = in->rbx;
	r.rcx = in->rcx;
	r.rdx = in->rdx;
	r.rsi = in->rsi;
	r.rdi = in->rdi;
	r.rbp = in->rbp;
	return ioctl(c->fd, KVM_SET_REGS, &r) < 0 ? -errno : 0;
}

static bool port_allowed_here(void *arg, uint16_t port, unsigned size)
{
	struct vcpu *c = arg;

	return vcpu_port_allowed(c->fd, c->env.mem, port, size);
}

static bool port_fault(void *arg)
{
	struct vcpu *c = arg;

	return vcpu_port_fault(c->fd, c->env.mem, c->run);
}

static void report_crash(struct vcpu *c, bool triple_fault, const char *why)
{
	char regs[1024];

	if (atomic_exchange(&c->all->crashed, true))
		return;
	vcpu_describe(c->fd, regs, sizeof(regs));
	vcpus_pause_async(c->all);
	c->all->args.events.crashed(c->all->args.events.arg, c->index, triple_fault, why, regs);
}

// What the guest wrote before comes first.
static void apply_posted(struct vcpu *c)
{
	if (posted_waiting(c->all->args.posted))
		posted_drain(c->all->args.posted);
}

// KVM finishes a port or MMIO access when the CPU is entered again: before the registers are looked at or
// replaced, enter once with immediate_exit set.
static void finish_access(struct vcpu *c)
{
	__atomic_store_n(&c->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	ioctl(c->fd, KVM_RUN, 0);
	apply_posted(c);
}

// --- errands -----------------------------------------------------------------------------------------

// Lock held, the CPU out of the guest.
static void do_errand(struct vcpu *c)
{
	if (!c->errand)
		return;
	c->errand->fn(c->fd, c->errand->arg);
	c->errand = NULL;
	pthread_cond_broadcast(&c->all->cond);
}

// The thread does it between two instructions of the guest; a CPU that is paused, or about to be, stays where it is,
// and it is done here.
static void send(struct vcpu *c, const struct errand *errand)
{
	struct vcpus *v = c->all;

	pthread_mutex_lock(&v->lock);
	c->errand = errand;
	kick(c);
	while (c->errand && !c->is_paused)
		pthread_cond_wait(&v->cond, &v->lock);
	do_errand(c);
	pthread_mutex_unlock(&v->lock);
}

static void look_inside(int fd, void *arg)
{
	int *inner = arg;

	*inner = nested_inner_active(fd);
}

int vcpus_inner_active(struct vcpus *v)
{
	int any = 0;

	for (unsigned i = 0; i < v->count && any >= 0; i++) {
		int inner;

		send(&v->cpu[i], &(struct errand){ look_inside, &inner });
		if (inner)
			any = inner;
	}
	return any;
}

struct text { char *buf; size_t size; };

static void describe(int fd, void *arg)
{
	const struct text *text = arg;

	vcpu_describe(fd, text->buf, text->size);
}

void vcpus_describe(struct vcpus *v, unsigned cpu, char *buf, size_t size)
{
	send(&v->cpu[cpu], &(struct errand){ describe, &(struct text){ buf, size } });
}

// --- the thread's life ---------------------------------------------------------------------------------

// Returns false when the thread shall end.
static bool obey(struct vcpu *c)
{
	struct vcpus *v = c->all;
	bool go;

	pthread_mutex_lock(&v->lock);
	while (c->want == WANT_PAUSED) {
		if (!c->is_paused) {
			pthread_mutex_unlock(&v->lock);
			finish_access(c);
			pthread_mutex_lock(&v->lock);
			c->is_paused = true;
			pthread_cond_broadcast(&v->cond);
			continue;       // the want may have changed meanwhile
		}
		pthread_cond_wait(&v->cond, &v->lock);
	}
	do_errand(c);
	go = c->want == WANT_RUNNING;
	c->is_paused = !go;
	// Under the lock: a kick that comes later sets it again.
	__atomic_store_n(&c->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	if (!go)
		pthread_cond_broadcast(&v->cond);
	pthread_mutex_unlock(&v->lock);
	return go;
}

static bool wants_running(struct vcpu *c)
{
	return __atomic_load_n(&c->run->immediate_exit, __ATOMIC_SEQ_CST) == 0;
}

static void run_failed(struct vcpu *c, int error)
{
	char why[128];

	snprintf(why, sizeof(why), "KVM_RUN failed: %s", strerror(error));
	report_crash(c, false, why);
}

static void run_guest(struct vcpu *c)
{
	char why[512] = "";

	while (wants_running(c)) {
		int r = ioctl(c->fd, KVM_RUN, 0) < 0 ? errno : 0;

		apply_posted(c);
		if (r == EINTR || r == EAGAIN)
			continue;
		if (r) {
			run_failed(c, r);
			return;
		}
		switch (exit_handle(&c->env, c->run, why, sizeof(why))) {
		case EXITED_CONTINUE: break;
		case EXITED_TRIPLE_FAULT: report_crash(c, true, why); return;
		case EXITED_UNHANDLED: report_crash(c, false, why); return;
		}
	}
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *c = arg;
	sigset_t kick_only;

	sigfillset(&kick_only);
	sigdelset(&kick_only, KICK_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &kick_only, NULL);
	while (obey(c)) {
		atomic_store(&c->all->started, true);
		run_guest(c);
	}
	return NULL;
}

// --- creation --------------------------------------------------------------------------------------

static int fail(struct err *err, unsigned cpu, const char *step)
{
	int code = errno;

	err_set(err, code, "/dev/kvm", "vCPU %u: %s failed: %s", cpu, step, strerror(code));
	err_exit(err, EXIT_HOST);
	return -code;
}

// As VMware does: a guest that was promised a feature does not start without it.
static int refuse_mask(const struct vm_cpuid_mask *mask, struct err *err)
{
	err_set(err, ENOTSUP, mask->key, "demands a processor feature that this host's KVM does not give");
	err_remedy(err, "`berth cpuid VM.vmx` shows the leaf; run the VM on another host, or change the mask");
	err_exit(err, EXIT_HOST);
	return -ENOTSUP;
}

// Once for all CPUs: what they have in common.
static int build_cpuid(struct vcpus *v, struct err *err)
{
	struct kvm_cpuid2 *host = kvm_supported_cpuid(v->args.kvm);
	const struct vm_cpuid_mask *unmet;

	v->table = calloc(1, sizeof(*v->table));
	if (!host || !v->table) {
		free(host);
		err_set(err, ENOMEM, "/dev/kvm", "its CPUID cannot be read");
		err_exit(err, EXIT_HOST);
		return -ENOMEM;
	}
	unmet = cpuid_unmet(&v->cpuid, host->entries, host->nent);
	cpuid_build(&v->cpuid, host->entries, host->nent, v->table);
	nested_tell_forced(v->table, host->entries, host->nent);
	free(host);
	return unmet ? refuse_mask(unmet, err) : 0;
}

static int set_cpuid(struct vcpu *c, struct err *err)
{
	struct { struct kvm_cpuid2 head; struct kvm_cpuid_entry2 e[CPUID_MAX_ENTRIES]; } *set = calloc(1, sizeof(*set));
	struct cpuid_table *table = malloc(sizeof(*table));
	int r;

	if (!table || !set) {
		r = err_set(err, ENOMEM, "vCPU", "no memory for its CPUID");
		goto out;
	}
	*table = *c->all->table;
	cpuid_for_cpu(&c->all->cpuid, c->index, table);
	set->head.nent = table->count;
	memcpy(set->e, table->entries, table->count * sizeof(table->entries[0]));
	r = ioctl(c->fd, KVM_SET_CPUID2, &set->head) < 0 ? fail(err, c->index, "KVM_SET_CPUID2") : 0;
out:
	free(table);
	free(set);
	return r;
}

static int create_cpu(struct vcpu *c, struct err *err)
{
	struct kvm *kvm = c->all->args.kvm;
	uint32_t apic_id = topology_apic_id(&c->all->cpuid.topology, c->index);
	int r;

	c->fd = ioctl(kvm_vm_fd(kvm), KVM_CREATE_VCPU, (unsigned long)apic_id);
	if (c->fd < 0) {
		r = fail(err, c->index, "KVM_CREATE_VCPU");
		err_remedy(err, "This host's KVM takes at most %d vCPUs a VM", kvm_cap(kvm, KVM_CAP_MAX_VCPUS));
		return r;
	}
	c->run = mmap(NULL, (size_t)kvm_run_size(kvm), PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (c->run == MAP_FAILED) {
		c->run = NULL;
		return fail(err, c->index, "mmap");
	}
	c->env = c->all->args.env;
	c->env.cpu = c->index;
	c->env.vcpu = c;
	c->env.get_regs = get_gp;
	c->env.set_regs = set_gp;
	c->env.port_allowed = port_allowed_here;
	c->env.port_fault = port_fault;
	return 0;
}

// The TSC runs at the host's rate; where KVM can scale it, it is pinned, so that a later move to another host
// keeps the number the guest was told.
static void find_frequencies(struct vcpus *v)
{
	int khz = ioctl(v->cpu[0].fd, KVM_GET_TSC_KHZ, 0);

	v->cpuid.tsc_khz = khz > 0 ? (uint32_t)khz : 0;
	if (khz > 0 && kvm_cap(v->args.kvm, KVM_CAP_TSC_CONTROL)) {
		for (unsigned i = 0; i < v->count; i++) {
			if (ioctl(v->cpu[i].fd, KVM_SET_TSC_KHZ, (unsigned long)khz) < 0)
				log_warn("vCPU %u: the TSC rate cannot be pinned: %s", i, strerror(errno));
		}
	}
	v->cpuid.apic_khz = 1000000;    // KVM's LAPIC timer counts nanoseconds
}

static int prepare_cpu(struct vcpu *c, struct err *err)
{
	const struct cpuid_args *a = &c->all->cpuid;
	bool hyperv = a->hyperv || a->hyperv_spinlocks;
	int r = hyperv ? hyperv_enable(c->fd, a->hyperv, err) : 0;

	if (!r)
		r = set_cpuid(c, err);
	if (r < 0)
		return r;
	if (c->all->args.set_feature_control) {
		vcpu_set_feature_control(c->fd);
		if (c->index == 0)
			nested_tell_gaps(c->fd, c->all->table->entries, c->all->table->count);
	}
	smm_set_base(c->fd, c->index);
	r = vcpu_state_save(c->fd, hyperv, &c->power_on);
	if (r < 0) {
		errno = -r;
		return fail(err, c->index, "reading the power-on registers");
	}
	return 0;
}

// sched.cpu.affinity, as far as this host has these CPUs.
static int bind_thread(struct vcpu *c, struct err *err)
{
	const struct vcpus_args *a = &c->all->args;
	cpu_set_t *set = a->affinity ? CPU_ALLOC(a->affinity_cpus) : NULL;
	size_t size = CPU_ALLOC_SIZE(a->affinity_cpus);
	int r;

	if (!set)
		return a->affinity ? err_set(err, ENOMEM, "vCPU", "no memory for its affinity") : 0;
	CPU_ZERO_S(size, set);
	for (unsigned i = 0; i < a->affinity_cpus; i++) {
		if (a->affinity[i / 64] >> (i % 64) & 1)
			CPU_SET_S(i, size, set);
	}
	r = pthread_setaffinity_np(c->thread, size, set);
	CPU_FREE(set);
	if (!r)
		return 0;
	err_set(err, r, "sched.cpu.affinity", "no CPU of the list can run vCPU %u: %s", c->index, strerror(r));
	err_remedy(err, "Name CPUs that this host has and the service may use, or all");
	err_exit(err, EXIT_HOST);
	return -r;
}

static int start_thread(struct vcpu *c, struct err *err)
{
	char name[16];
	int r = pthread_create(&c->thread, NULL, vcpu_thread, c);

	if (r)
		return err_set(err, r, "vCPU", "no thread for it: %s", strerror(r));
	c->has_thread = true;
	r = bind_thread(c, err);
	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "vcpu%u", c->index);
	pthread_setname_np(c->thread, name);
	return 0;
}

int vcpus_create(const struct vcpus_args *args, struct vcpus **out, struct err *err)
{
	struct vcpus *v = calloc(1, sizeof(*v));
	int r = install_kick();

	if (!v || r < 0) {
		free(v);
		return err_set(err, ENOMEM, "vCPUs", "no memory or signal for them");
	}
	v->args = *args;
	v->cpuid = args->cpuid;
	v->count = args->cpuid.topology.cpus;
	v->cpu = calloc(v->count, sizeof(*v->cpu));
	pthread_mutex_init(&v->lock, NULL);
	pthread_cond_init(&v->cond, NULL);
	if (!v->cpu) {
		v->count = 0;
		r = err_set(err, ENOMEM, "vCPUs", "no memory for them");
	}
	for (unsigned i = 0; i < v->count; i++) {
		v->cpu[i].all = v;
		v->cpu[i].index = i;
		v->cpu[i].fd = -1;
	}
	if (!r && topology_apic_id(&v->cpuid.topology, v->count - 1) > LAST_SMALL_APIC_ID)
		r = kvm_wide_apic_ids(args->kvm, err);
	if (!v->cpuid.pmu)
		kvm_without_counters(args->kvm);
	for (unsigned i = 0; !r && i < v->count; i++)
		r = create_cpu(&v->cpu[i], err);
	if (!r && args->posted)
		posted_attach(args->posted, v->cpu[0].run);
	if (!r) {
		find_frequencies(v);
		r = build_cpuid(v, err);
	}
	for (unsigned i = 0; !r && i < v->count; i++)
		r = prepare_cpu(&v->cpu[i], err);
	for (unsigned i = 0; !r && i < v->count; i++)
		r = start_thread(&v->cpu[i], err);
	if (r < 0) {
		vcpus_destroy(v);
		return r;
	}
	*out = v;
	return 0;
}

void vcpus_destroy(struct vcpus *v)
{
	if (!v)
		return;
	want_all(v, WANT_END);
	for (unsigned i = 0; i < v->count; i++) {
		if (v->cpu[i].has_thread)
			pthread_join(v->cpu[i].thread, NULL);
	}
	if (v->args.posted)
		posted_attach(v->args.posted, NULL);
	for (unsigned i = 0; i < v->count; i++) {
		struct vcpu *c = &v->cpu[i];

		vcpu_state_free(&c->power_on);
		if (c->run)
			munmap(c->run, (size_t)kvm_run_size(v->args.kvm));
		if (c->fd >= 0)
			close(c->fd);
	}
	pthread_mutex_destroy(&v->lock);
	pthread_cond_destroy(&v->cond);
	free(v->table);
	free(v->cpu);
	free(v);
}

void vcpus_reset(struct vcpus *v)
{
	for (unsigned i = 0; i < v->count; i++) {
		int r = vcpu_state_load(v->cpu[i].fd, &v->cpu[i].power_on);

		if (r < 0)
			log_error("vCPU %u cannot be reset: %s", i, strerror(-r));
	}
	atomic_store(&v->crashed, false);
}

void vcpus_init_boot_cpu(struct vcpus *v)
{
	int r = v->count ? vcpu_state_init(v->cpu[0].fd, &v->cpu[0].power_on) : 0;

	if (r < 0)
		log_error("the boot CPU cannot be initialised: %s", strerror(-r));
}

struct cpuid_table *vcpus_cpuid(struct vcpus *v) { return v->table; }
unsigned vcpus_count(const struct vcpus *v) { return v->count; }
uint32_t vcpus_tsc_khz(const struct vcpus *v) { return v->cpuid.tsc_khz; }
uint32_t vcpus_apic_khz(const struct vcpus *v) { return v->cpuid.apic_khz; }
bool vcpus_started(const struct vcpus *v) { return atomic_load(&v->started); }
