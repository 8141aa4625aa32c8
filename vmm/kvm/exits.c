// exits.c: one table of exit reasons and their handlers.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/exits.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/log.h"

#define BACKDOOR_PORT    0x5658u
#define BACKDOOR_HB_PORT 0x5659u
#define HV_INVALID_HYPERCALL_CODE 2u    // TLFS, hypercall status codes

struct exit_ctx {
	const struct exit_env *env;
	struct kvm_run *run;
	char *why;
	size_t size;
};

struct exit_kind {
	const char *name;
	enum exit_result (*handle)(const struct exit_ctx *c);
};

// KVM replays a backdoor IN by taking RAX from the port data and the other registers from what we set.
static bool ask_backdoor(const struct exit_ctx *c, struct gp_regs *regs, uint8_t *data)
{
	const struct exit_env *env = c->env;
	bool out = c->run->io.direction == KVM_EXIT_IO_OUT;

	if (c->run->io.size != 4 || c->run->io.count != 1)
		return false;
	if (!env->backdoor(env->backdoor_arg, env->cpu, c->run->io.port, out, regs))
		return false;
	if (env->set_regs(env->vcpu, regs) < 0)
		return false;
	if (!out)
		put_le32(data, (uint32_t)regs->rax);
	return true;
}

// A caller without rights by its privilege may have them by its task's bitmap; one that has none at all came here because
// KVM let it, and what the backdoor does not answer faults as it would on the CPU.
static bool try_backdoor(const struct exit_ctx *c, uint8_t *data)
{
	const struct exit_env *env = c->env;
	struct gp_regs regs;

	if (!env->backdoor || env->get_regs(env->vcpu, &regs) < 0)
		return false;
	if (ask_backdoor(c, &regs, data))
		return true;
	if (regs.cpl <= regs.iopl || !env->port_allowed)
		return false;
	if (!env->port_allowed(env->vcpu, c->run->io.port, c->run->io.size))
		return env->port_fault(env->vcpu);
	regs.iopl = regs.cpl;
	return ask_backdoor(c, &regs, data);
}

static enum exit_result on_io(const struct exit_ctx *c)
{
	struct kvm_run *run = c->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	if ((run->io.port == BACKDOOR_PORT || run->io.port == BACKDOOR_HB_PORT) && try_backdoor(c, data))
		return EXITED_CONTINUE;
	if (run->io.direction == KVM_EXIT_IO_IN) {
		if (run->io.count == 1)
			bus_read(c->env->ports, run->io.port, data, run->io.size);
		else
			bus_read_string(c->env->ports, run->io.port, run->io.size, data, run->io.count);
	} else {
		if (run->io.count == 1)
			bus_write(c->env->ports, run->io.port, data, run->io.size);
		else
			bus_write_string(c->env->ports, run->io.port, run->io.size, data, run->io.count);
	}
	return EXITED_CONTINUE;
}

void exit_mmio_write(const struct exit_env *env, uint64_t addr, const void *data, uint32_t len)
{
	if (!bus_write(env->mmio, addr, data, len))
		gmem_pam_write(env->mem, gpa(addr), data, len);
}

static enum exit_result on_mmio(const struct exit_ctx *c)
{
	struct kvm_run *run = c->run;
	uint32_t len = MIN(run->mmio.len, (uint32_t)sizeof(run->mmio.data));

	if (!run->mmio.is_write) {
		bus_read(c->env->mmio, run->mmio.phys_addr, run->mmio.data, len);
		return EXITED_CONTINUE;
	}
	exit_mmio_write(c->env, run->mmio.phys_addr, run->mmio.data, len);
	return EXITED_CONTINUE;
}

static enum exit_result on_nothing(const struct exit_ctx *c)
{
	(void)c;
	return EXITED_CONTINUE;
}

static enum exit_result on_shutdown(const struct exit_ctx *c)
{
	snprintf(c->why, c->size, "triple fault: the guest faulted while handling a double fault, and the CPU shut down");
	return EXITED_TRIPLE_FAULT;
}

// Only Hyper-V's reset MSR (berth.hyperv.reset) makes such an event here.
static enum exit_result on_system_event(const struct exit_ctx *c)
{
	if (c->run->system_event.type == KVM_SYSTEM_EVENT_RESET && c->env->reset) {
		c->env->reset(c->env->reset_arg, "Hyper-V's reset register");
		return EXITED_CONTINUE;
	}
	snprintf(c->why, c->size, "KVM system event %u", c->run->system_event.type);
	return EXITED_UNHANDLED;
}

// KVM tells every write to SynIC's pages and switches, and asks about hypercalls that post messages. Nobody here has a
// connection: KVM keeps the pages, and the hypercalls find no such call.
static enum exit_result on_hyperv(const struct exit_ctx *c)
{
	struct kvm_hyperv_exit *e = &c->run->hyperv;

	if (e->type == KVM_EXIT_HYPERV_SYNIC)
		return EXITED_CONTINUE;
	if (e->type == KVM_EXIT_HYPERV_HCALL) {
		e->u.hcall.result = HV_INVALID_HYPERCALL_CODE;
		return EXITED_CONTINUE;
	}
	snprintf(c->why, c->size, "KVM asks about Hyper-V (type %u), which nothing here offered", e->type);
	return EXITED_UNHANDLED;
}

static const char *suberror_words(uint32_t suberror)
{
	switch (suberror) {
	case KVM_INTERNAL_ERROR_EMULATION: return "KVM's instruction emulator does not know this instruction";
	case KVM_INTERNAL_ERROR_SIMUL_EX: return "an exception came up while KVM delivered another one";
	case KVM_INTERNAL_ERROR_DELIVERY_EV: return "an exit came up while KVM delivered an event";
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON: return "the CPU left the guest for a reason KVM does not know";
	default: return "KVM could not go on";
	}
}

static size_t append_bytes(char *buf, size_t size, size_t at, const uint8_t *bytes, unsigned n)
{
	for (unsigned i = 0; i < n && at < size; i++)
		at += (size_t)snprintf(buf + at, size - at, " %02x", bytes[i]);
	return at;
}

static enum exit_result on_internal_error(const struct exit_ctx *c)
{
	struct kvm_run *run = c->run;
	size_t n = (size_t)snprintf(c->why, c->size, "KVM internal error, suberror %u: %s",
				    run->internal.suberror, suberror_words(run->internal.suberror));

	if (n >= c->size)
		return EXITED_UNHANDLED;
	if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION && run->emulation_failure.ndata >= 3 &&
	    run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) {
		n += (size_t)snprintf(c->why + n, c->size - n, "; bytes");
		append_bytes(c->why, c->size, MIN(n, c->size), run->emulation_failure.insn_bytes,
			     MIN(run->emulation_failure.insn_size, 15u));
		return EXITED_UNHANDLED;
	}
	for (uint32_t i = 0; i < MIN(run->internal.ndata, 16u) && n < c->size; i++)
		n += (size_t)snprintf(c->why + n, c->size - n, " %#llx", (unsigned long long)run->internal.data[i]);
	return EXITED_UNHANDLED;
}

static enum exit_result on_fail_entry(const struct exit_ctx *c)
{
	snprintf(c->why, c->size, "the CPU refused to enter the guest, hardware reason %#llx on CPU %u",
		 (unsigned long long)c->run->fail_entry.hardware_entry_failure_reason, c->run->fail_entry.cpu);
	return EXITED_UNHANDLED;
}

static const struct exit_kind kinds[] = {
	[KVM_EXIT_UNKNOWN] = { "KVM_EXIT_UNKNOWN", NULL },
	[KVM_EXIT_EXCEPTION] = { "KVM_EXIT_EXCEPTION", NULL },
	[KVM_EXIT_IO] = { "KVM_EXIT_IO", on_io },
	[KVM_EXIT_HYPERCALL] = { "KVM_EXIT_HYPERCALL", NULL },
	[KVM_EXIT_DEBUG] = { "KVM_EXIT_DEBUG", NULL },
	[KVM_EXIT_HLT] = { "KVM_EXIT_HLT", NULL },
	[KVM_EXIT_MMIO] = { "KVM_EXIT_MMIO", on_mmio },
	[KVM_EXIT_IRQ_WINDOW_OPEN] = { "KVM_EXIT_IRQ_WINDOW_OPEN", on_nothing },
	[KVM_EXIT_SHUTDOWN] = { "KVM_EXIT_SHUTDOWN", on_shutdown },
	[KVM_EXIT_FAIL_ENTRY] = { "KVM_EXIT_FAIL_ENTRY", on_fail_entry },
	[KVM_EXIT_INTR] = { "KVM_EXIT_INTR", on_nothing },
	[KVM_EXIT_SET_TPR] = { "KVM_EXIT_SET_TPR", on_nothing },
	[KVM_EXIT_TPR_ACCESS] = { "KVM_EXIT_TPR_ACCESS", on_nothing },
	[KVM_EXIT_NMI] = { "KVM_EXIT_NMI", on_nothing },
	[KVM_EXIT_INTERNAL_ERROR] = { "KVM_EXIT_INTERNAL_ERROR", on_internal_error },
	[KVM_EXIT_SYSTEM_EVENT] = { "KVM_EXIT_SYSTEM_EVENT", on_system_event },
	[KVM_EXIT_HYPERV] = { "KVM_EXIT_HYPERV", on_hyperv },
	[KVM_EXIT_IOAPIC_EOI] = { "KVM_EXIT_IOAPIC_EOI", on_nothing },
	[KVM_EXIT_X86_RDMSR] = { "KVM_EXIT_X86_RDMSR", NULL },
	[KVM_EXIT_X86_WRMSR] = { "KVM_EXIT_X86_WRMSR", NULL },
	[KVM_EXIT_DIRTY_RING_FULL] = { "KVM_EXIT_DIRTY_RING_FULL", on_nothing },
	[KVM_EXIT_X86_BUS_LOCK] = { "KVM_EXIT_X86_BUS_LOCK", on_nothing },
};

const char *exit_name(uint32_t reason, char *buf, size_t size)
{
	if (reason < ARRAY_SIZE(kinds) && kinds[reason].name)
		return kinds[reason].name;
	snprintf(buf, size, "exit reason %u", reason);
	return buf;
}

enum exit_result exit_handle(const struct exit_env *env, struct kvm_run *run, char *why, size_t size)
{
	const struct exit_ctx ctx = { env, run, why, size };
	char name[32];

	if (run->exit_reason < ARRAY_SIZE(kinds) && kinds[run->exit_reason].handle)
		return kinds[run->exit_reason].handle(&ctx);
	snprintf(why, size, "KVM left the guest with %s, which nothing here asked for",
		 exit_name(run->exit_reason, name, sizeof(name)));
	return EXITED_UNHANDLED;
}
