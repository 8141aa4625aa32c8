// machine.h: the assembled machine: one table of devices, power states, the life of a VM.
// SPDX-License-Identifier: GPL-2.0-or-later
//
//   created --start--> running <--> paused      any --stop--> stopped (machine_run() returns)
//   any --machine_ask()--> question --answer--> what it was before
//
// All functions run on the loop thread (the one in machine_run()) unless they say otherwise.
#ifndef BERTH_MACHINE_MACHINE_H
#define BERTH_MACHINE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "bus/console.h"
#include "vmx/config.h"

struct machine;

enum machine_state { MACHINE_CREATED, MACHINE_RUNNING, MACHINE_PAUSED, MACHINE_STOPPING, MACHINE_QUESTION, MACHINE_STOPPED };

// Words for what happened to a machine: the name of the state it is in now (machine_state_name()), "reset", "device-added"
// or "device-removed". On the
// loop thread, in the middle of the change: take note, do not call the machine.
typedef void machine_event_fn(void *arg, const char *event);

// Reads the .vmx again, for a device that comes while the machine runs. *CONFIG stays the caller's, until the next call.
typedef int machine_reload_fn(void *arg, const struct vm_config **config, struct err *err);
// NODE came, its pciSlotNumber is NUMBER; or it left: -1.
typedef void machine_plugged_fn(void *arg, const char *node, int number);

struct machine_args {
	const struct vm_config *config;         // stays the caller's, must outlive the machine
	struct loop *loop;
	bool console;                           // join the first serial port to the terminal
	const char *debugcon_path;              // file for what the firmware says on port 402h, or NULL
	machine_event_fn *on_event;             // may be NULL
	machine_reload_fn *reload;              // may be NULL: no devices come or go then
	machine_plugged_fn *plugged;            // may be NULL
	void *event_arg;                        // for all three
};

// Builds everything: /dev/kvm, memory, devices, disks opened and locked. Nothing runs yet.
int machine_create(const struct machine_args *args, struct machine **out, struct err *err);
// Starts the vCPUs. Console and control must answer by then.
void machine_start(struct machine *m);
// Runs the loop until the machine has stopped; closes the disks. The exit code for the process; ERR is filled when
// something went wrong.
enum exit_code machine_run(struct machine *m, struct err *err);
// After machine_run(), or after machine_create() when a later step failed.
void machine_destroy(struct machine *m);

// --- what control commands and signals ask for ---
enum machine_state machine_state(const struct machine *m);
// The guest was asked to power off and has not yet.
bool machine_stop_asked(const struct machine *m);
const char *machine_state_name(enum machine_state state);        // "running", "paused", ...
void machine_pause(struct machine *m);
void machine_resume(struct machine *m);
void machine_reset(struct machine *m, const char *why);
// ACPI power button; after SECONDS (0 = config's stop_timeout) without success the machine is stopped hard. A paused
// machine is resumed first.
void machine_stop_politely(struct machine *m, unsigned seconds);
// At once: EXIT_KILLED. Disks are flushed and closed.
void machine_stop_hard(struct machine *m);

// Gives the terminal back its modes. Async-signal-safe; any thread.
void machine_restore_terminal(const struct machine *m);
struct console *machine_console(struct machine *m);
const struct vm_config *machine_config(const struct machine *m);
struct loop *machine_loop(struct machine *m);

struct machine_info {
	uint64_t uptime_ns;             // virtual time since the start
	uint64_t resets;
	uint64_t port_accesses, mmio_accesses, unclaimed;
	uint64_t mem_bytes;
	uint64_t mem_resident;          // of these, in the host's memory; 0 = not known
	unsigned cpus;
	unsigned vnc_clients;
	uint16_t vnc_port;              // 0 = no VNC
	bool nested;                    // the guest may run guests of its own
	int inner_guest;                // at this moment a CPU runs one: 1, 0, -ENOTSUP where KVM cannot tell
};
void machine_info(struct machine *m, struct machine_info *out);
// The registers of CPU as text for a person; it is held up for a moment.
void machine_registers(struct machine *m, unsigned cpu, char *buf, size_t size);
// NODE is "ide0:0", PATH that of its redo log, "" when there is none any more; KEPT: it holds what must not be lost.
typedef void machine_redo_fn(void *arg, const char *node, const char *path, bool kept);
// Calls FN for every disk that is not persistent.
void machine_each_redo(const struct machine *m, machine_redo_fn *fn, void *arg);
// Puts medium PATH (NULL = empty the tray) into CD drive NODE ("ide1:0"). The old one is closed.
int machine_change_cd(struct machine *m, const char *node, const char *path, struct err *err);

#endif
