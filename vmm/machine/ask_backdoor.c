// ask_backdoor.c: the VMware backdoor's way from a vCPU's registers to its commands and back.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include <time.h>

#include "machine/internal.h"

// A register that the command did not change keeps its upper half: a 64-bit caller may have a pointer in it.
static void put_reg(uint64_t *reg, uint32_t value)
{
	if ((uint32_t)*reg != value)
		*reg = value;
}

bool machine_on_backdoor(void *arg, unsigned cpu, uint16_t port, bool out, struct gp_regs *regs)
{
	struct machine *m = arg;
	struct backdoor_regs r = {
		.eax = (uint32_t)regs->rax, .ebx = (uint32_t)regs->rbx, .ecx = (uint32_t)regs->rcx,
		.edx = (uint32_t)regs->rdx, .esi = (uint32_t)regs->rsi, .edi = (uint32_t)regs->rdi,
		.ebp = (uint32_t)regs->rbp, .cpl = regs->cpl, .iopl = regs->iopl,
	};

	(void)cpu;
	if (port != 0x5658 || out || !backdoor_command(&m->backdoor, &r))
		return false;
	put_reg(&regs->rax, r.eax);
	put_reg(&regs->rbx, r.ebx);
	put_reg(&regs->rcx, r.ecx);
	put_reg(&regs->rdx, r.edx);
	put_reg(&regs->rsi, r.esi);
	put_reg(&regs->rdi, r.edi);
	put_reg(&regs->rbp, r.ebp);
	return true;
}

static void backdoor_now(void *arg, uint64_t *seconds, uint32_t *us)
{
	struct timespec ts;

	(void)arg;
	clock_gettime(CLOCK_REALTIME, &ts);
	*seconds = (uint64_t)ts.tv_sec;
	*us = (uint32_t)(ts.tv_nsec / 1000);
}

void machine_set_up_backdoor(struct machine *m)
{
	const struct vm_config *c = m->config;

	m->backdoor = (struct backdoor_args){
		.hw_version = (unsigned)c->hw_version, .mem_mb = c->mem_mb, .restricted = c->restrict_backdoor,
		.tsc_hz = vcpus_tsc_khz(m->vcpus) * 1000ull, .apic_hz = vcpus_apic_khz(m->vcpus) * 1000u,
		.now = backdoor_now, .arg = m, .guest_restricts = &m->backdoor_restricted,
	};
	memcpy(m->backdoor.uuid, c->uuid_bios, sizeof(m->backdoor.uuid));
}
