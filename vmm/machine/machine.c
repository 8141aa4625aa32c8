// machine.c: the life of a VM: start, pause, reset, stop, and what threads ask of it.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/machine.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "hw/chipset/piix4.h"
#include "hw/chipset/piix4_pm.h"
#include "hw/chipset/rtc.h"
#include "hw/serial/serial.h"
#include "hw/storage/piix4_ide.h"
#include "machine/gauge.h"
#include "machine/internal.h"
#include "vnc/vnc.h"

#define DRAIN_STEP_NS  1000000ull
#define DRAIN_LIMIT_NS 30000000000ull
#define NS_PER_SECOND  1000000000ull

struct machine_device *machine_add_device(struct machine *m, const struct device_class *cls, void *dev)
{
	if (m->device_count == MACHINE_DEVICES) {
		log_error("the device table is full: %s will not be reset", cls->name);
		return NULL;
	}
	m->devices[m->device_count] = (struct machine_device){ .cls = cls, .dev = dev };
	return &m->devices[m->device_count++];
}

const char *machine_state_name(enum machine_state state)
{
	static const char *const names[] = {
		[MACHINE_CREATED] = "created", [MACHINE_RUNNING] = "running", [MACHINE_PAUSED] = "paused",
		[MACHINE_STOPPING] = "stopping", [MACHINE_STOPPED] = "stopped",
		[MACHINE_QUESTION] = "question",
	};

	return names[state];
}

enum machine_state machine_state(const struct machine *m) { return m->state; }
bool machine_stop_asked(const struct machine *m) { return m->stop_asked; }

void machine_restore_terminal(const struct machine *m)
{
	if (m->terminal)
		chardev_restore_terminal(serial_chardev(m->terminal));
}

struct console *machine_console(struct machine *m) { return &m->console; }
const struct vm_config *machine_config(const struct machine *m) { return m->config; }
struct loop *machine_loop(struct machine *m) { return m->loop; }

static void tell_event(struct machine *m, const char *event)
{
	if (m->args.on_event)
		m->args.on_event(m->args.event_arg, event);
}

static void set_state(struct machine *m, enum machine_state state)
{
	if (m->state == state)
		return;
	m->state = state;
	tell_event(m, machine_state_name(state));
}

// --- ends ------------------------------------------------------------------------------------------

static void finish(struct machine *m, enum exit_code code)
{
	if (m->state == MACHINE_STOPPED)
		return;
	if (!m->vcpus) {
		m->end_now = true;      // the guest has gone; what keeps the process is a question
		return;
	}
	vcpus_pause_async(m->vcpus);
	m->exit = code;
	set_state(m, MACHINE_STOPPED);
	loop_stop(m->loop);
}

void machine_end(struct machine *m, enum exit_code code)
{
	finish(m, code);
}

static void on_power_off(void *arg)
{
	struct machine *m = arg;

	log_info("%s: the guest powered off", m->config->name);
	finish(m, EXIT_GUEST_OFF);
}

static void on_crash(void *arg)
{
	struct machine *m = arg;

	if (m->state == MACHINE_STOPPED)
		return;
	err_set(&m->exit_err, EFAULT, m->config->name, "%s", m->crash_text);
	if (m->crash_triple_fault)
		err_remedy(&m->exit_err, "The guest's kernel has crashed; its console or logs may tell why");
	else
		err_remedy(&m->exit_err, "`berth host` tells what this host's KVM can run");
	finish(m, EXIT_GUEST_CRASH);
}

static void on_stop_timeout(void *arg)
{
	struct machine *m = arg;

	if (m->state == MACHINE_STOPPED)
		return;
	log_warn("%s: the guest did not power off in time and is stopped", m->config->name);
	finish(m, EXIT_KILLED);
}

void machine_stop_hard(struct machine *m)
{
	if (m->state == MACHINE_STOPPED)
		return;
	log_info("%s: stopped hard", m->config->name);
	finish(m, EXIT_KILLED);
}

// Without an operating system that listens for the button, the power switch of a PC simply cuts the power.
void machine_stop_politely(struct machine *m, unsigned seconds)
{
	if (m->state == MACHINE_STOPPED)
		return;
	if (!m->vcpus) {
		finish(m, m->exit);
		return;
	}
	if (!seconds)
		seconds = m->config->stop_timeout;
	if (m->state == MACHINE_PAUSED || m->state == MACHINE_QUESTION)
		machine_resume(m);
	if (!piix4_pm_acpi_on(m->piix4->pm)) {
		log_info("%s: no operating system with ACPI is running; powered off", m->config->name);
		finish(m, EXIT_GUEST_OFF);
		return;
	}
	log_info("%s: power button pressed, the guest has %u s", m->config->name, seconds);
	m->stop_asked = true;
	if (m->state == MACHINE_QUESTION)
		m->behind_question = MACHINE_STOPPING;  // it sees the button when the question is answered
	else
		set_state(m, MACHINE_STOPPING);
	piix4_pm_power_button(m->piix4->pm);
	loop_timer_set(&m->stop_timer, loop_now() + seconds * NS_PER_SECOND);
}

// --- questions -----------------------------------------------------------------------------------------

static bool guest_runs_in(enum machine_state state)
{
	return state == MACHINE_RUNNING || state == MACHINE_STOPPING;
}

bool machine_guest_runs(const struct machine *m)
{
	return guest_runs_in(m->state);
}

static void question_waits(void *arg)
{
	struct machine *m = arg;

	m->behind_question = m->state;
	if (guest_runs_in(m->state)) {
		vcpus_pause(m->vcpus);
		vclock_stop(&m->clock);
	}
	set_state(m, MACHINE_QUESTION);
}

static void question_gone(void *arg)
{
	struct machine *m = arg;

	if (m->state != MACHINE_QUESTION)
		return;                 // the answer was to end the VM
	if (guest_runs_in(m->behind_question)) {
		vclock_start(&m->clock);
		if (!m->reset_draining)
			vcpus_resume(m->vcpus);
	}
	set_state(m, m->behind_question);
}

// --- pause and resume --------------------------------------------------------------------------------

void machine_pause(struct machine *m)
{
	if (m->state == MACHINE_QUESTION && guest_runs_in(m->behind_question))
		m->behind_question = MACHINE_PAUSED;
	if (m->state != MACHINE_RUNNING && m->state != MACHINE_STOPPING)
		return;
	vcpus_pause(m->vcpus);
	vclock_stop(&m->clock);
	log_info("%s: paused", m->config->name);
	set_state(m, MACHINE_PAUSED);
}

void machine_resume(struct machine *m)
{
	if (m->state == MACHINE_QUESTION && m->behind_question == MACHINE_PAUSED)
		m->behind_question = m->stop_asked ? MACHINE_STOPPING : MACHINE_RUNNING;
	if (m->state != MACHINE_PAUSED)
		return;
	vclock_start(&m->clock);
	if (!m->reset_draining)
		vcpus_resume(m->vcpus);
	log_info("%s: resumed", m->config->name);
	set_state(m, m->stop_asked ? MACHINE_STOPPING : MACHINE_RUNNING);
}

void machine_start(struct machine *m)
{
	vclock_start(&m->clock);
	vcpus_resume(m->vcpus);
	set_state(m, MACHINE_RUNNING);
}

// --- reset -------------------------------------------------------------------------------------------

static bool disks_busy(const struct machine *m)
{
	for (size_t i = 0; i < MACHINE_DRIVES; i++) {
		if (m->drive[i] && m->drive[i]->in_flight)
			return true;
	}
	return !piix4_ide_idle(m->ide);
}

// A read that is still under way would write into the memory of the system that boots next, so the disks are let
// come to rest first.
static void reset_now(void *arg)
{
	struct machine *m = arg;
	const char *why = atomic_exchange(&m->reset_why, NULL);

	if (m->state == MACHINE_STOPPED || !m->reset_draining)
		return;
	if (disks_busy(m) && loop_now() < m->drain_deadline) {
		atomic_store(&m->reset_why, why);
		loop_timer_set(&m->drain_timer, loop_now() + DRAIN_STEP_NS);
		return;
	}
	m->reset_draining = false;
	machine_hotplug_reset(m);
	for (size_t i = 0; i < m->device_count; i++) {
		if (m->devices[i].cls->reset)
			m->devices[i].cls->reset(m->devices[i].dev);
	}
	kvm_reset(m->kvm);
	vcpus_reset(m->vcpus);
	atomic_store(&m->backdoor_restricted, false);
	m->resets++;
	log_info("%s: reset (%s)", m->config->name, why ? why : "asked for");
	if (guest_runs_in(m->state))
		vcpus_resume(m->vcpus);
	tell_event(m, "reset");
}

static void begin_reset(void *arg)
{
	struct machine *m = arg;

	if (m->state == MACHINE_STOPPED || m->reset_draining || !m->vcpus)
		return;
	vcpus_pause(m->vcpus);
	m->reset_draining = true;
	machine_cancel_stalls(m);
	m->drain_deadline = loop_now() + DRAIN_LIMIT_NS;
	reset_now(m);
}

void machine_reset(struct machine *m, const char *why)
{
	atomic_store(&m->reset_why, why);
	begin_reset(m);
}

// The CMOS shutdown byte tells why a processor is being reset: with a code that names a way back, a program of
// the 286's kind wants to leave protected mode and go on; only then is it the processor alone.
static bool wants_to_go_on(uint8_t shutdown_code)
{
	return shutdown_code == 0x05 || shutdown_code == 0x09 || shutdown_code == 0x0a;
}

static void on_init(void *arg)
{
	struct machine *m = arg;

	if (m->state == MACHINE_STOPPED || m->reset_draining || !m->vcpus)
		return;
	if (!wants_to_go_on(rtc_cmos_read(m->rtc, 0x0f))) {
		begin_reset(m);
		return;
	}
	vcpus_pause(m->vcpus);
	vcpus_init_boot_cpu(m->vcpus);
	if (guest_runs_in(m->state))
		vcpus_resume(m->vcpus);
}

// --- what other threads ask for ------------------------------------------------------------------------
// The guest must not execute what stands behind the access that asked: all vCPUs stop at once, the rest follows
// on the loop.

static void ask_reset(void *arg, const char *why)
{
	struct machine *m = arg;

	if (m->vcpus)
		vcpus_pause_async(m->vcpus);
	atomic_store(&m->reset_why, why);
	loop_post(m->loop, &m->reset_call);
}

static void ask_power_off(void *arg)
{
	struct machine *m = arg;

	if (m->vcpus)
		vcpus_pause_async(m->vcpus);
	loop_post(m->loop, &m->off_call);
}

static void ask_init(void *arg)
{
	struct machine *m = arg;

	if (m->vcpus)
		vcpus_pause_async(m->vcpus);
	atomic_store(&m->reset_why, "the keyboard controller's or port 92h's reset line");
	loop_post(m->loop, &m->init_call);
}

static void tell_crash(void *arg, unsigned cpu, bool triple_fault, const char *why, const char *registers)
{
	struct machine *m = arg;

	m->crash_triple_fault = triple_fault;
	snprintf(m->crash_text, sizeof(m->crash_text), "vCPU %u stopped: %s. Registers: %s", cpu, why, registers);
	loop_post(m->loop, &m->crash_call);
}

// --- creation ----------------------------------------------------------------------------------------------

static void set_up_calls(struct machine *m)
{
	m->reset_call = (struct loop_call){ .fn = begin_reset, .arg = m };
	m->off_call = (struct loop_call){ .fn = on_power_off, .arg = m };
	m->crash_call = (struct loop_call){ .fn = on_crash, .arg = m };
	m->init_call = (struct loop_call){ .fn = on_init, .arg = m };
	questions_init(&m->questions, &(struct questions){ .loop = m->loop, .config = m->config,
							   .wait = question_waits, .clear = question_gone, .arg = m });
	loop_timer_init(&m->drain_timer, m->loop, reset_now, m);
	loop_timer_init(&m->stop_timer, m->loop, on_stop_timeout, m);
}

// Where the ring of gathered writes lies in a run structure that is large enough to hold it.
static unsigned posted_page(const struct kvm *kvm)
{
	int page = kvm_cap(kvm, KVM_CAP_COALESCED_MMIO);

	return page > 0 && (page + 1) * 4096 <= kvm_run_size(kvm) ? (unsigned)page : 0;
}

static int set_up_platform(struct machine *m, struct err *err)
{
	int r = console_init(&m->console);

	if (r < 0)
		return err_set(err, -r, "console", "no memory for the screen");
	vclock_init(&m->clock, m->loop);
	for (unsigned i = 0; i < 16; i++)
		irq_pin_init(&m->isa_irq[i], kvm_irq_set, m->kvm, i);
	for (unsigned i = 16; i < KVM_GSIS; i++)
		irq_pin_init(&m->ioapic_irq[i - 16], kvm_irq_set, m->kvm, i);
	r = bus_create(&m->ports, "port", 0xffff, err);
	if (!r)
		r = bus_create(&m->mmio, "memory", UINT64_MAX, err);
	if (!r) {
		m->posted = posted_create(kvm_vm_fd(m->kvm), posted_page(m->kvm), &(struct exit_env){ .mmio = m->mmio, .mem = m->mem });
		if (!m->posted)
			r = err_set(err, ENOMEM, "KVM", "no memory");
	}
	m->platform = (struct platform){
		.loop = m->loop, .clock = &m->clock, .ports = m->ports, .mmio = m->mmio, .mem = m->mem,
		.isa_irq = m->isa_irq, .ioapic_irq = m->ioapic_irq,
		.msi = { .send = kvm_msi_send, .arg = m->kvm }, .console = &m->console,
		.events = { .reset = ask_reset, .power_off = ask_power_off, .init_cpus = ask_init, .arg = m },
	};
	if (m->posted)
		m->platform.posted = posted_platform(m->posted);
	return r;
}

static int create_smm(struct machine *m, struct err *err)
{
	int r = smm_create(m->kvm, m->config->cpus, &m->smm);

	return r < 0 ? err_set(err, -r, "/dev/kvm", "no memory for system management mode: %s", strerror(-r)) : 0;
}

static int create_cpus(struct machine *m, struct err *err)
{
	const struct vm_config *c = m->config;
	struct vcpus_args args = {
		.kvm = m->kvm,
		.cpuid = { .topology = { c->cpus, c->cores_per_socket }, .hypervisor = c->hypervisor_leaves,
			   .nested = c->nested, .pmu = c->pmu, .hyperv = c->hyperv, .hyperv_spinlocks = c->hyperv_spinlocks,
			   .phys_bits = c->phys_bits, .masks = c->cpuid_masks, .mask_count = c->cpuid_mask_count },
		.env = { .ports = m->ports, .mmio = m->mmio, .mem = m->mem, .backdoor = machine_on_backdoor, .backdoor_arg = m,
			 .reset = ask_reset, .reset_arg = m },
		.events = { .crashed = tell_crash, .arg = m },
		.set_feature_control = c->nested, .posted = m->posted, .affinity = c->has_affinity ? c->affinity : NULL,
		.affinity_cpus = VM_AFFINITY_CPUS,
	};

	return vcpus_create(&args, &m->vcpus, err);
}

static uint64_t measure_memory(void *arg)
{
	return memory_resident(arg);
}

static int create_memory(struct machine *m, struct gmem_host *host, struct err *err)
{
	uint64_t size = m->config->mem_mb << 20;
	int r = memory_map(size, m->config->mem_backing, m->config->mem_locked, &m->ram, err);

	if (r < 0)
		return r;
	m->resident = gauge_create(measure_memory, &m->ram);
	host->ram = m->ram.ram;
	host->ram_size = m->ram.size;
	return gmem_create(&m->mem, size, host, err);
}

int machine_create(const struct machine_args *args, struct machine **out, struct err *err)
{
	struct machine *m = calloc(1, sizeof(*m));
	struct gmem_host host;
	int r;

	if (!m)
		return err_set(err, ENOMEM, args->config->name, "no memory for the machine");
	m->args = *args;
	m->config = args->config;
	m->loop = args->loop;
	set_up_calls(m);
	r = kvm_create(&m->kvm, err);
	if (!r) {
		host = kvm_gmem_host(m->kvm);
		r = create_memory(m, &host, err);
	}
	if (!r)
		r = set_up_platform(m, err);
	if (!r)
		r = machine_load_roms(m, err);
	if (!r)
		r = machine_open_drives(m, err);
	if (!r)
		r = machine_build(m, err);
	if (!r)
		r = create_smm(m, err);
	if (!r)
		r = kvm_create_chips(m->kvm, err);
	if (!r)
		r = create_cpus(m, err);
	if (!r) {
		machine_set_up_backdoor(m);
		r = machine_build_firmware(m, err);
	}
	if (r < 0) {
		machine_destroy(m);
		return r;
	}
	*out = m;
	return 0;
}

// --- the end -------------------------------------------------------------------------------------------------

static void finish_redo(struct machine *m)
{
	struct err redo_err = { 0 };

	if (machine_finish_redo(m, true, &redo_err) == 0 || m->exit_err.code)
		return;
	m->exit_err = redo_err;
	if (m->exit == EXIT_GUEST_OFF || m->exit == EXIT_KILLED)
		m->exit = EXIT_DISK;
}

enum exit_code machine_run(struct machine *m, struct err *err)
{
	struct err close_err = { 0 };
	int r = loop_run(m->loop);

	if (r < 0)
		err_set(&m->exit_err, -r, m->config->name, "the I/O loop failed: %s", strerror(-r));
	set_state(m, MACHINE_STOPPED);
	loop_timer_cancel(&m->stop_timer);
	loop_timer_cancel(&m->drain_timer);
	vcpus_destroy(m->vcpus);        // joins: no register access after this
	m->vcpus = NULL;
	vclock_stop(&m->clock);
	for (size_t i = m->device_count; i-- > 0;) {
		if (m->devices[i].cls->stop)
			m->devices[i].cls->stop(m->devices[i].dev);
	}
	machine_save_nvram(m);
	if (machine_close_drives(m, &close_err) < 0 && !m->exit_err.code) {
		m->exit_err = close_err;
		if (m->exit == EXIT_GUEST_OFF || m->exit == EXIT_KILLED)
			m->exit = EXIT_DISK;
	}
	if (r < 0)
		m->exit = EXIT_INTERNAL;
	finish_redo(m);
	if (err)
		*err = m->exit_err;
	return m->exit;
}

void machine_destroy(struct machine *m)
{
	if (!m)
		return;
	vcpus_destroy(m->vcpus);
	if (m->state == MACHINE_CREATED) {
		machine_close_drives(m, NULL);
		machine_finish_redo(m, false, NULL);
	}
	gauge_destroy(m->resident);
	if (m->vnc)
		vnc_server_stop(m->vnc);
	if (m->loop)
		loop_timer_cancel(&m->stop_timer);
	for (size_t i = m->device_count; i-- > 0;) {
		if (m->devices[i].cls->destroy)
			m->devices[i].cls->destroy(m->devices[i].dev);
	}
	if (m->ports)
		console_destroy(&m->console);
	bus_destroy(m->ports);
	bus_destroy(m->mmio);
	gmem_destroy(m->mem);
	posted_destroy(m->posted);
	kvm_destroy(m->kvm);
	smm_destroy(m->smm);
	for (size_t i = 0; i < MACHINE_DRIVES; i++)
		redo_forget(&m->redo[i]);
	firmware_roms_free(&m->roms);
	piix4_free(m->piix4);
	if (m->debugcon)
		fclose(m->debugcon);
	free(m);
}
