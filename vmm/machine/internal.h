// internal.h: the machine's struct, for the files of this folder alone.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_MACHINE_INTERNAL_H
#define BERTH_MACHINE_INTERNAL_H

#include <stdatomic.h>
#include <stdio.h>

#include "block/disk.h"
#include "bus/platform.h"
#include "hw/firmware/romfile.h"
#include "hw/vmware/backdoor.h"
#include "kvm/kvm.h"
#include "kvm/posted.h"
#include "kvm/smm.h"
#include "kvm/vcpu.h"
#include "machine/machine.h"
#include "machine/question.h"
#include "machine/redo.h"
#include "machine/pci_plan.h"
#include "machine/memory.h"
#include "machine/nvram.h"

// Device numbers on bus 0, vmware-hardware 1.2.
#define DEVFN_PIIX4_IDE (7u << 3 | 1)
#define DEVFN_SVGA      (15u << 3)
#define DEVFN_VMCI      (7u << 3 | 7)

#define MACHINE_DEVICES 64u
#define MACHINE_DRIVES  (VM_IDE_CHANNELS * 2u)

struct fw_cfg;
struct gauge;
struct genid;
struct i440bx;
struct hpc;
struct i8042;
struct piix4;
struct piix4_ide;
struct root_port;
struct root_port_args;
struct vmware_bridge;
struct rtc;
struct serial;
struct vnc_server;

// One row of the table that reset, stop and destruction walk, in the order of creation.
struct machine_device {
	const struct device_class *cls;
	void *dev;
	// What can leave while the machine runs (hotplug.c); empty for the others.
	char node[VM_PCI_NODE];
	unsigned slot;                  // as the guest numbers it; 0 on bus 0
	struct root_port *port;         // the slot is FUNCTION's; NULL behind a PCI bridge
	unsigned function;
	bool leaving;                   // the guest was asked to let go of it
};

// The questions that wait, apart from the machine (question.c).
struct questions {
	struct loop *loop;
	const struct vm_config *config;
	void (*wait)(void *arg);        // the first question is there: let the guest stand still
	void (*clear)(void *arg);       // the last one has gone
	void *arg;
	struct question *first;         // the one that is shown
	struct loop_timer timer;        // the .vmx answers
	uint64_t last_auto;             // when it did last
};

// A disk whose host has trouble, and the question about that.
struct drive_stall {
	struct machine *m;
	struct question question;
	unsigned drive;
};

struct machine {
	struct machine_args args;
	const struct vm_config *config;
	struct loop *loop;
	enum machine_state state;

	struct kvm *kvm;
	struct smm *smm;
	struct vclock clock;
	struct bus *ports, *mmio;
	struct gmem *mem;
	struct memory ram;              // what mem is made of; mem's to release
	struct gauge *resident;         // how much of it is in the host's memory
	struct irq_pin isa_irq[16], ioapic_irq[KVM_GSIS - 16];
	struct console console;
	struct platform platform;

	struct machine_device devices[MACHINE_DEVICES];
	size_t device_count;
	struct i440bx *i440bx;
	struct piix4 *piix4;
	struct piix4_ide *ide;
	struct pci_plan pci;
	// pciBridgeN: one of the two, or neither.
	struct vmware_bridge *bridge[PCI_PLAN_BRIDGES];
	struct root_port *root_ports[PCI_PLAN_BRIDGES];
	struct rtc *rtc;
	struct i8042 *i8042;
	struct fw_cfg *fw_cfg;
	struct hpc *hpc;                // NULL without bridges
	struct genid *genid;            // NULL before hardware version 10
	struct serial *terminal;        // the port that is joined to the terminal, or NULL
	struct disk *drive[MACHINE_DRIVES];     // by channel * 2 + unit; NULL = none or empty
	struct disk *leaving;           // a medium that was taken out and still has requests under way
	struct loop_timer leave_timer;
	struct drive_stall stall[MACHINE_DRIVES];
	struct redo redo[MACHINE_DRIVES];
	struct question redo_question;
	int redo_answer;                // to redo_question; -1 = none yet
	bool end_now;                   // asked to stop while the end waits for an answer
	struct questions questions;
	enum machine_state behind_question;     // what the VM does when no question waits any more
	struct vnc_server *vnc;

	struct nvram nvram;             // as it was at the start, or written last
	uint64_t nvram_saved;           // when it was written last
	struct loop_timer nvram_timer;
	struct loop_call nvram_call;    // the guest wrote something
	bool nvram_waits;               // the timer is set
	bool nvram_failed;              // it could not be written last time; that was said
	int64_t clock_base;             // what the clock showed at virtual time 0 if nobody had ever set it
	struct firmware_roms roms;
	FILE *debugcon;                 // what the firmware says, or NULL

	struct backdoor_args backdoor;
	_Atomic bool backdoor_restricted;       // by the guest's kernel
	struct vcpus *vcpus;
	struct posted *posted;          // MMIO writes that KVM gathers

	// What devices and vCPUs ask for, from their threads.
	struct loop_call reset_call, off_call, crash_call, init_call;
	_Atomic(const char *) reset_why;
	struct loop_call let_go_call;
	_Atomic uint64_t let_go[5];     // slots whose devices the guest let go of, by the number it sees
	struct loop_timer drain_timer;  // a reset waits for the disks
	uint64_t drain_deadline;
	bool reset_draining;
	char crash_text[1600];          // written by the vCPU that crashed, before it posts crash_call
	bool crash_triple_fault;

	struct loop_timer stop_timer;
	bool stop_asked;                // the guest was told to power off and has not yet
	uint64_t resets;
	enum exit_code exit;
	struct err exit_err;
};

// Adds a row to the table. The table is large enough for every device there is; a full one is a bug: NULL.
struct machine_device *machine_add_device(struct machine *m, const struct device_class *cls, void *dev);

// build.c: every device, top to bottom.
int machine_build(struct machine *m, struct err *err);
// build_pci.c: bridges and what the plan puts behind them. The chipset must be there.
int machine_build_pci_bridges(struct machine *m, struct err *err);
int machine_build_nics(struct machine *m, struct err *err);
// Adapter N of CONFIG, where PLAN has it; nothing for a kind that does not exist yet.
int machine_build_nic(struct machine *m, const struct vm_config *config, const struct pci_plan *plan, unsigned n,
		      struct err *err);
int machine_build_usb(struct machine *m, struct err *err);
// hotplug.c: its registers; what a root port tells it; a reset, at which what shall leave leaves.
int machine_build_hotplug(struct machine *m, struct err *err);
void machine_hotplug_port(struct machine *m, struct root_port_args *args);
void machine_hotplug_reset(struct machine *m);
// build.c: writes what survives power-off, if it changed. Trouble is logged.
void machine_save_nvram(struct machine *m);
// firmware.c: ROM images and the tables the firmware hands to the guest.
int machine_load_roms(struct machine *m, struct err *err);
int machine_build_firmware(struct machine *m, struct err *err);
// drives.c: disks and CDs of the .vmx, opened and locked.
int machine_open_drives(struct machine *m, struct err *err);
int machine_close_drives(struct machine *m, struct err *err);
// After machine_close_drives(): what the guest wrote to redo logs is committed, dropped or kept. STARTED: the guest ran.
int machine_finish_redo(struct machine *m, bool started, struct err *err);
// A reset: what the disks hold is given up, and its questions with it.
void machine_cancel_stalls(struct machine *m);
// machine.c: whether vCPUs execute when nothing holds them up.
bool machine_guest_runs(const struct machine *m);
// machine.c: the VM ends with CODE; the reason is in exit_err.
void machine_end(struct machine *m, enum exit_code code);

// ask_backdoor.c: what the backdoor tells, when vCPUs exist; a guest's IN or OUT, on a vCPU thread.
void machine_set_up_backdoor(struct machine *m);
bool machine_on_backdoor(void *arg, unsigned cpu, uint16_t port, bool out, struct gp_regs *regs);

// question.c. Everything of LIKE but the questions is copied.
void questions_init(struct questions *qs, const struct questions *like);
void questions_add(struct questions *qs, struct question *q);
void questions_remove(struct questions *qs, struct question *q);
int questions_answer(struct questions *qs, const char *word, struct err *err);
void questions_answer_automatically(void *questions);
// The .vmx holds the answer to Q.
bool questions_will_answer(const struct questions *qs, const struct question *q);

#endif
