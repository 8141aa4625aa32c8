// commands.c: the table of subcommands.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/commands.h"

#include <stddef.h>

#include "cli/answer_cmd.h"
#include "cli/check.h"
#include "cli/cpuid_cmd.h"
#include "cli/device_cmd.h"
#include "cli/disk_cmd.h"
#include "cli/host_cmd.h"
#include "cli/run.h"
#include "cli/unit_cmd.h"
#include "cli/vm_commands.h"

const struct cli_command cli_commands[] = {
	{ "run", run_main, "run a VM in the foreground" },
	{ "check", check_main, "show the machine a .vmx describes, and what is wrong with it" },
	{ "host", host_main, "tell whether this host can run VMs, and what to do if not" },
	{ "disk", disk_main, "make, convert, check, grow and merge virtual disks" },
	{ "cpuid", cpuid_main, "show what CPUID tells the guest, and why" },
	{ "list", list_main, "show the VMs that run" },
	{ "status", status_main, "show one VM" },
	{ "stop", stop_main, "press the power button, then wait; --hard pulls the plug" },
	{ "reset", reset_main, "reset a VM" },
	{ "pause", pause_main, "pause a VM" },
	{ "resume", resume_main, "let a paused VM go on" },
	{ "answer", answer_main, "answer a VM's question: retry, fail, off; moved, copied" },
	{ "screenshot", screenshot_main, "write the VM's screen as a PNG" },
	{ "sendkey", sendkey_main, "press keys: ctrl-alt-delete, f2, enter" },
	{ "type", type_main, "type text on the VM's keyboard" },
	{ "cd", cd_main, "change or eject a CD" },
	{ "device", device_main, "put a network adapter into a running VM, or take one out" },
	{ "enable", enable_main, "start a VM with the system: berth@NAME.service" },
	{ "disable", disable_main, "undo that" },
	{ NULL, NULL, NULL },
};
