// port_rights.c: IOPL, the task's I/O bitmap, and #GP in the CPU's place.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvm/port_rights.h"

#include <string.h>
#include <sys/ioctl.h>

#include "base/bytes.h"
#include "base/compiler.h"

#define TSS_IOMAP   0x66u       // offset of the bitmap's offset
#define FLAG_VM     (1u << 17)
#define FLAG_AC     (1u << 18)
#define VECTOR_GP   13u
#define PAGE        4096u

bool port_allowed(const struct port_caller *c, uint16_t port, unsigned size)
{
	uint8_t word[2];
	uint32_t at, mask = (1u << size) - 1;

	if (!c->v86 && c->cpl <= c->iopl)
		return true;
	if (c->tss_type != 9 && c->tss_type != 11)
		return false;
	if (c->tss_limit < TSS_IOMAP + 1 || !c->read(c->arg, c->tss + TSS_IOMAP, word, sizeof(word)))
		return false;
	// The CPU always reads two bytes of the map, so both must lie within the limit.
	at = get_le16(word) + port / 8u;
	if (at + 1 > c->tss_limit || !c->read(c->arg, c->tss + at, word, sizeof(word)))
		return false;
	return !(get_le16(word) >> port % 8 & mask);
}

unsigned port_out_length(unsigned size, unsigned code)
{
	bool prefix = code == 16 ? size == 4 : size == 2;

	return prefix ? 2 : 1;
}

// --- a vCPU ------------------------------------------------------------------------------------------

struct linear { int fd; struct gmem *mem; };

static bool read_linear(void *arg, uint64_t linear, void *buf, size_t len)
{
	struct linear *l = arg;
	uint8_t *out = buf;

	while (len) {
		struct kvm_translation t = { .linear_address = linear };
		size_t n = MIN(len, (size_t)(PAGE - linear % PAGE));

		if (ioctl(l->fd, KVM_TRANSLATE, &t) < 0 || !t.valid)
			return false;
		if (gmem_read(l->mem, gpa(t.physical_address), out, n) < 0)
			return false;
		linear += n;
		out += n;
		len -= n;
	}
	return true;
}

bool vcpu_port_allowed(int fd, struct gmem *mem, uint16_t port, unsigned size)
{
	struct linear l = { fd, mem };
	struct kvm_regs r;
	struct kvm_sregs s;

	if (ioctl(fd, KVM_GET_REGS, &r) < 0 || ioctl(fd, KVM_GET_SREGS, &s) < 0)
		return true;
	return port_allowed(&(struct port_caller){
		.cpl = s.cr0 & 1 ? s.ss.dpl : 0, .iopl = r.rflags >> 12 & 3, .v86 = r.rflags & FLAG_VM, .tss_type = s.tr.type,
		.tss = s.tr.base, .tss_limit = s.tr.limit, .read = read_linear, .arg = &l }, port, size);
}

// The byte of code at LINEAR. KVM_TRANSLATE reads as the kernel would, which SMAP keeps from a program's pages unless AC is
// set; R, the registers, are back when this returns.
static bool read_code(struct linear *l, const struct kvm_regs *r, uint64_t linear, uint8_t *byte)
{
	struct kvm_regs ac = *r;
	bool good;

	ac.rflags |= FLAG_AC;
	if (ioctl(l->fd, KVM_SET_REGS, &ac) < 0)
		return false;
	good = read_linear(l, linear, byte, 1);
	return ioctl(l->fd, KVM_SET_REGS, r) == 0 && good;
}

// KVM has moved RIP behind an OUT already; behind an IN it does when the access is finished.
static bool rewind_out(struct linear *l, const struct kvm_run *run, struct kvm_regs *r)
{
	struct kvm_sregs s;
	unsigned code;
	uint8_t last;

	if (run->io.direction != KVM_EXIT_IO_OUT)
		return true;
	if (ioctl(l->fd, KVM_GET_SREGS, &s) < 0)
		return false;
	code = s.cs.l ? 64 : s.cs.db ? 32 : 16;
	if (!read_code(l, r, (code == 64 ? 0 : s.cs.base) + r->rip - 1, &last) || (last != 0xee && last != 0xef))
		return false;
	r->rip -= port_out_length(run->io.size, code);
	return true;
}

bool vcpu_port_fault(int fd, struct gmem *mem, struct kvm_run *run)
{
	struct linear l = { fd, mem };
	struct kvm_vcpu_events events;
	struct kvm_regs r;

	if (ioctl(fd, KVM_GET_REGS, &r) < 0 || !rewind_out(&l, run, &r))
		return false;
	if (run->io.direction == KVM_EXIT_IO_IN)
		memset((uint8_t *)run + run->io.data_offset, 0xff, (size_t)run->io.size * run->io.count);
	__atomic_store_n(&run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	ioctl(fd, KVM_RUN, 0);          // finishes the access; its effect on the registers is undone
	if (ioctl(fd, KVM_SET_REGS, &r) < 0 || ioctl(fd, KVM_GET_VCPU_EVENTS, &events) < 0)
		return false;
	events.exception.injected = 1;
	events.exception.pending = 0;
	events.exception.nr = VECTOR_GP;
	events.exception.has_error_code = 1;
	events.exception.error_code = 0;
	return ioctl(fd, KVM_SET_VCPU_EVENTS, &events) == 0;
}
