// backdoor.c: the table of backdoor commands.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/vmware/backdoor.h"

#include <stdatomic.h>

#include "base/bytes.h"
#include "base/compiler.h"

#define PROTOCOL_VERSION    6u
#define PRODUCT_WORKSTATION 4u
#define MAX_TIME_LAG_US     1000000u
#define NO_SUCH_COMMAND     0xffffffffu

// GET_VCPU_INFO
#define VCPU_SYNCED_TSCS   (1u << 1)
#define VCPU_LEGACY_X2APIC (1u << 3)

enum {
	CMD_GETMHZ = 1,
	CMD_GETVERSION = 10,
	CMD_GETHWVERSION = 17,
	CMD_GETUUID = 19,
	CMD_GETMEMSIZE = 20,
	CMD_GETTIME = 23,
	CMD_ISACPIDISABLED = 34,
	CMD_GETHZ = 45,
	CMD_GETTIMEFULL = 46,
	CMD_GETTIMEFULL_WITH_LAG = 55,
	CMD_NESTING_CONTROL = 63,
	CMD_GET_VCPU_INFO = 68,
	CMD_LAST = 105,
};

// NESTING_CONTROL, in the upper half of ECX
enum {
	NESTING_RESTRICT = 0,
	NESTING_OPEN = 1,
	NESTING_QUERY = 2,      // answers with the highest of these that is known
};

typedef void command_fn(const struct backdoor_args *b, struct backdoor_regs *r);

static void get_mhz(const struct backdoor_args *b, struct backdoor_regs *r)
{
	r->eax = (uint32_t)(b->tsc_hz / 1000000u);
}

static void get_version(const struct backdoor_args *b, struct backdoor_regs *r)
{
	(void)b;
	r->eax = PROTOCOL_VERSION;
	r->ebx = BACKDOOR_MAGIC;
	r->ecx = PRODUCT_WORKSTATION;
}

static void get_hw_version(const struct backdoor_args *b, struct backdoor_regs *r)
{
	r->eax = b->hw_version;
	r->ebx = BACKDOOR_MAGIC;
}

static void get_uuid(const struct backdoor_args *b, struct backdoor_regs *r)
{
	r->eax = get_le32(b->uuid);
	r->ebx = get_le32(b->uuid + 4);
	r->ecx = get_le32(b->uuid + 8);
	r->edx = get_le32(b->uuid + 12);
}

static void get_mem_size(const struct backdoor_args *b, struct backdoor_regs *r)
{
	r->eax = (uint32_t)b->mem_mb;
}

static void get_time(const struct backdoor_args *b, struct backdoor_regs *r)
{
	uint64_t seconds;
	uint32_t us;

	b->now(b->arg, &seconds, &us);
	r->eax = (uint32_t)seconds;
	r->ebx = us;
	r->ecx = MAX_TIME_LAG_US;
}

static void get_time_full(const struct backdoor_args *b, struct backdoor_regs *r)
{
	uint64_t seconds;
	uint32_t us;

	b->now(b->arg, &seconds, &us);
	r->eax = BACKDOOR_MAGIC;
	r->esi = (uint32_t)(seconds >> 32);
	r->edx = (uint32_t)seconds;
	r->ebx = us;
	r->ecx = MAX_TIME_LAG_US;
}

// Interrupts are not delayed on purpose here: no lag.
static void get_time_full_with_lag(const struct backdoor_args *b, struct backdoor_regs *r)
{
	get_time_full(b, r);
	r->edi = 0;
}

static void is_acpi_disabled(const struct backdoor_args *b, struct backdoor_regs *r)
{
	(void)b;
	r->eax = 0;
}

static void get_hz(const struct backdoor_args *b, struct backdoor_regs *r)
{
	r->eax = (uint32_t)b->tsc_hz;
	r->ebx = (uint32_t)(b->tsc_hz >> 32);
	r->ecx = b->apic_hz;
}

// Bit 31 must stay clear: it says that the command does not exist.
static void get_vcpu_info(const struct backdoor_args *b, struct backdoor_regs *r)
{
	(void)b;
	r->eax = VCPU_SYNCED_TSCS | VCPU_LEGACY_X2APIC;
}

// An inner hypervisor that emulates a backdoor of its own closes this one for the programs of its guests' side. Only a
// kernel may; and what the .vmx restricts no guest opens.
static void nesting_control(const struct backdoor_args *b, struct backdoor_regs *r)
{
	uint32_t op = r->ecx >> 16;

	if (op == NESTING_QUERY) {
		r->eax = NESTING_QUERY;
	} else if (op > NESTING_QUERY || r->cpl > 0 || !b->guest_restricts || (op == NESTING_OPEN && b->restricted)) {
		r->eax = NO_SUCH_COMMAND;
	} else {
		atomic_store(b->guest_restricts, op == NESTING_RESTRICT);
		r->eax = 0;
	}
}

static bool is_restricted(const struct backdoor_args *b)
{
	return b->restricted || (b->guest_restricts && atomic_load(b->guest_restricts));
}

static command_fn *const commands[CMD_LAST + 1] = {
	[CMD_GETMHZ] = get_mhz,
	[CMD_GETVERSION] = get_version,
	[CMD_GETHWVERSION] = get_hw_version,
	[CMD_GETUUID] = get_uuid,
	[CMD_GETMEMSIZE] = get_mem_size,
	[CMD_GETTIME] = get_time,
	[CMD_ISACPIDISABLED] = is_acpi_disabled,
	[CMD_GETHZ] = get_hz,
	[CMD_GETTIMEFULL] = get_time_full,
	[CMD_GETTIMEFULL_WITH_LAG] = get_time_full_with_lag,
	[CMD_NESTING_CONTROL] = nesting_control,
	[CMD_GET_VCPU_INFO] = get_vcpu_info,
};

bool backdoor_command(const struct backdoor_args *b, struct backdoor_regs *regs)
{
	uint32_t command = regs->ecx & 0xffff;

	if (regs->eax != BACKDOOR_MAGIC)
		return false;
	if (is_restricted(b) && regs->cpl > regs->iopl)
		return false;
	if (command <= CMD_LAST && commands[command])
		commands[command](b, regs);
	else
		regs->eax = NO_SUCH_COMMAND;    // EBX stays what the caller preloaded: not the magic
	return true;
}
