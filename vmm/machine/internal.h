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
#include "kvm/vcpu.h"
#include "machine/machine.h"
#include "machine/memory.h"
#include "machine/nvram.h"

// Device numbers on bus 0, vmware-hardware 1.2.
#define DEVFN_PIIX4_IDE (7u << 3 | 1)
#define DEVFN_SVGA      (15u << 3)
#define DEVFN_VMCI      (7u << 3 | 7)

#define MACHINE_DEVICES 40u
#define MACHINE_DRIVES  (VM_IDE_CHANNELS * 2u)

struct fw_cfg;
struct genid;
struct i440bx;
struct i8042;
struct piix4;
struct piix4_ide;
struct rtc;
struct serial;
struct vnc_server;

// One row of the table that reset, stop and destruction walk, in the order of creation.
struct machine_device {
	const struct device_class *cls;
	void *dev;
};

struct machine {
	struct machine_args args;
	const struct vm_config *config;
	struct loop *loop;
	enum machine_state state;

	struct kvm *kvm;
	struct vclock clock;
	struct bus *ports, *mmio;
	struct gmem *mem;
	struct memory ram;              // what mem is made of; mem's to release
	struct irq_pin isa_irq[16], ioapic_irq[KVM_GSIS - 16];
	struct console console;
	struct platform platform;

	struct machine_device devices[MACHINE_DEVICES];
	size_t device_count;
	struct i440bx *i440bx;
	struct piix4 *piix4;
	struct piix4_ide *ide;
	struct rtc *rtc;
	struct i8042 *i8042;
	struct fw_cfg *fw_cfg;
	struct genid *genid;            // NULL before hardware version 10
	struct serial *terminal;        // the port that is joined to the terminal, or NULL
	struct disk *drive[MACHINE_DRIVES];     // by channel * 2 + unit; NULL = none or empty
	struct disk *leaving;           // a medium that was taken out and still has requests under way
	struct loop_timer leave_timer;
	struct vnc_server *vnc;

	struct nvram nvram;             // as it was at the start
	int64_t clock_base;             // what the clock showed at virtual time 0 if nobody had ever set it
	struct firmware_roms roms;
	FILE *debugcon;                 // what the firmware says, or NULL

	struct backdoor_args backdoor;
	struct vcpus *vcpus;
	struct posted *posted;          // MMIO writes that KVM gathers

	// What devices and vCPUs ask for, from their threads.
	struct loop_call reset_call, off_call, crash_call, init_call;
	_Atomic(const char *) reset_why;
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

// Adds a row to the table. The table is large enough for every device there is; a full one is a bug.
void machine_add_device(struct machine *m, const struct device_class *cls, void *dev);

// build.c: every device, top to bottom.
int machine_build(struct machine *m, struct err *err);
// build.c: what survives power-off, written when the machine has stopped. Trouble is logged.
void machine_save_nvram(struct machine *m);
// firmware.c: ROM images and the tables the firmware hands to the guest.
int machine_load_roms(struct machine *m, struct err *err);
int machine_build_firmware(struct machine *m, struct err *err);
// drives.c: disks and CDs of the .vmx, opened and locked.
int machine_open_drives(struct machine *m, struct err *err);
int machine_close_drives(struct machine *m, struct err *err);

#endif
