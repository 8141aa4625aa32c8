// moved.h: whose identity a VM has: was the folder moved or copied, and what follows from the answer.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// VMware keeps in uuid.location where a VM last ran; how it computes that is not known. Berth keeps its own in
// berth.location and leaves VMware's alone, so that VMware asks nothing when it gets the folder back where it was. A VM
// that Berth never ran keeps its identity unless the file says otherwise; one that Berth ran elsewhere (another path,
// another host) was moved or copied, and only a person knows which.
//
// Everything changes the dictionary alone; the caller makes the vm_config anew and saves the file. One thread.
#ifndef BERTH_VMX_MOVED_H
#define BERTH_VMX_MOVED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vmx/config.h"
#include "vmx/vmx_file.h"

#define MOVED_ANSWER_KEY "berth.location.answer"        // what `berth answer` leaves for the next start

enum moved_place {
	MOVED_NEVER_RAN,        // by Berth
	MOVED_SAME,
	MOVED_ELSEWHERE,        // it ran at another path or on another host
};

enum moved_answer {
	MOVED_NOTHING,          // nothing is to be done but to note where it runs
	MOVED_ASK,              // a person must say
	MOVED_MOVED,            // "I moved it": the identity stays
	MOVED_COPIED,           // "I copied it": a new identity
};

// Where F last ran, seen from HERE (uuid_location()).
enum moved_place moved_place(const struct vmx_file *f, const uint8_t here[16]);
// What F itself decides, strongest first: the answer that `berth answer` left, answer.msg.uuid.altered, uuid.action,
// and for a VM that ran elsewhere msg.autoAnswer (which takes VMware's default button, "I copied it").
enum moved_answer moved_decide(const struct vmx_file *f, enum moved_place place);
// "copied", "moved" and VMware's "I copied it", "I moved it", in any case; MOVED_ASK for anything else.
enum moved_answer moved_word(const char *text);

// Carries ANSWER (not MOVED_ASK) out. Copied: new uuid.bios and uuid.location (equal, as in a VM that VMware makes), new
// generated MACs, vmci0.id, scsiN.sasWWID and vm.genid. Moved: uuid.location and berth.location only. The recorded
// answer is taken away.
int moved_apply(struct vmx_file *f, enum moved_answer answer, const uint8_t here[16], struct err *err);

// For `berth check`: adds the problem that a start of VMX_PATH (absolute) without a terminal would be refused for.
void moved_check(const struct vmx_file *f, const char *vmx_path, struct vmx_report *report);

// Generates what is absent, as a first power-on does: uuid.bios, generatedAddress and generatedAddressOffset of network
// adapters, vmci0.id, sasWWID of SAS controllers, vm.genid (GENID: the machine has the device). What is there stays.
int identity_complete(struct vmx_file *f, bool genid, struct err *err);
// A new generation: vm.genid and vm.genidX, for a copy, a revert or a clone.
int identity_new_generation(struct vmx_file *f, struct err *err);

#endif
