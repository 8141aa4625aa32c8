// uart16550.c: the 16550A core.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/serial/uart16550.h"

#include <string.h>

#include "base/compiler.h"

// 1.8432 MHz / 16: what divisor 1 gives.
#define BAUD_BASE 115200u

static bool fifo_on(const struct uart16550_regs *r) { return r->fcr & FCR_ENABLE; }
static bool looped(const struct uart16550_regs *r) { return r->mcr & MCR_LOOP; }
static bool dlab(const struct uart16550_regs *r) { return r->lcr & LCR_DLAB; }

static unsigned rx_capacity(const struct uart16550_regs *r)
{
	return fifo_on(r) ? UART16550_FIFO : 1;
}

static unsigned rx_trigger(const struct uart16550_regs *r)
{
	static const uint8_t levels[4] = { 1, 4, 8, 14 };

	return fifo_on(r) ? levels[r->fcr >> 6] : 1;
}

static uint8_t word_mask(const struct uart16550_regs *r)
{
	return (uint8_t)(0xffu >> (3 - (r->lcr & LCR_WORD)));
}

// Start, data, parity and stop bits of a character; one and a half stop bits count as two.
static unsigned char_bits(const struct uart16550_regs *r)
{
	unsigned bits = 1 + 5 + (r->lcr & LCR_WORD) + 1;

	if (r->lcr & LCR_PARITY)
		bits++;
	if (r->lcr & LCR_STOP)
		bits++;
	return bits;
}

// Divisor 0 counts 65536 on the real chip's 16-bit counter.
static uint64_t char_ns(const struct uart16550_regs *r)
{
	uint64_t divisor = (uint64_t)(r->dlm << 8 | r->dll);

	return char_bits(r) * (divisor ? divisor : 0x10000u) * 1000000000ull / BAUD_BASE;
}

// --- interrupts --------------------------------------------------------------------------------------

// The source that IIR shows: the data sheet's four priorities, line status first.
static uint8_t interrupt_source(const struct uart16550_regs *r)
{
	if ((r->ier & IER_ELSI) && (r->errors & LSR_ERRORS))
		return IIR_LINE;
	if ((r->ier & IER_ERBFI) && r->rx_count >= rx_trigger(r))
		return IIR_DATA;
	if ((r->ier & IER_ERBFI) && r->timeout_pending)
		return IIR_TIMEOUT;
	if ((r->ier & IER_ETBEI) && r->thre_pending)
		return IIR_THRE;
	if ((r->ier & IER_EDSSI) && (r->deltas & MSR_DELTAS))
		return IIR_MODEM;
	return IIR_NONE;
}

static void update_irq(struct uart16550 *u)
{
	// The PC wires OUT2 as the gate between the chip and the interrupt controller.
	u->host.irq(u->host.arg, interrupt_source(&u->regs) != IIR_NONE && (u->regs.mcr & MCR_OUT2));
}

// Four character times without traffic while the FIFO holds less than the trigger level: tell the guest.
static void restart_timeout(struct uart16550 *u)
{
	struct uart16550_regs *r = &u->regs;

	r->timeout_pending = 0;
	if (fifo_on(r) && (r->ier & IER_ERBFI) && r->rx_count && r->rx_count < rx_trigger(r))
		u->host.timer(u->host.arg, 4 * char_ns(r));
	else
		u->host.timer(u->host.arg, 0);
}

void uart16550_timeout(struct uart16550 *u)
{
	struct uart16550_regs *r = &u->regs;

	if (!fifo_on(r) || !r->rx_count || r->rx_count >= rx_trigger(r))
		return;
	r->timeout_pending = 1;
	update_irq(u);
}

// --- receiver ----------------------------------------------------------------------------------------

// Error bits belong to the character at the head of the FIFO and show when it gets there.
static void reveal_head(struct uart16550_regs *r)
{
	if (r->rx_count)
		r->errors |= r->rx_errors[r->rx_head % UART16550_FIFO] & LSR_CHAR_ERRORS;
}

static void rx_clear(struct uart16550_regs *r)
{
	r->rx_head = 0;
	r->rx_count = 0;
	r->timeout_pending = 0;
	memset(r->rx_errors, 0, sizeof(r->rx_errors));
}

// False when there was no room: the character is lost and OE set (the FIFO's content stays).
static bool rx_push(struct uart16550_regs *r, uint8_t value, uint8_t errors)
{
	unsigned slot = (r->rx_head + r->rx_count) % UART16550_FIFO;

	if (r->rx_count >= rx_capacity(r)) {
		r->errors |= LSR_OE;
		// Without FIFO the new character takes the old one's place.
		if (!fifo_on(r))
			r->rx[r->rx_head % UART16550_FIFO] = value & word_mask(r);
		return false;
	}
	r->rx[slot] = value & word_mask(r);
	r->rx_errors[slot] = errors;
	r->rx_count++;
	if (r->rx_count == 1)
		reveal_head(r);
	return true;
}

static uint8_t rx_pop(struct uart16550_regs *r)
{
	uint8_t value = r->rx[r->rx_head % UART16550_FIFO];

	// Reading an empty receiver gives the last character again.
	if (!r->rx_count)
		return r->rx[(r->rx_head + UART16550_FIFO - 1) % UART16550_FIFO];
	r->rx_errors[r->rx_head % UART16550_FIFO] = 0;
	r->rx_head = (uint8_t)((r->rx_head + 1) % UART16550_FIFO);
	r->rx_count--;
	reveal_head(r);
	return value;
}

size_t uart16550_receive(struct uart16550 *u, const uint8_t *buf, size_t len)
{
	size_t n = 0;

	if (looped(&u->regs))
		return 0;
	while (n < len && u->regs.rx_count < rx_capacity(&u->regs))
		rx_push(&u->regs, buf[n++], 0);
	if (n) {
		restart_timeout(u);
		update_irq(u);
	}
	return n;
}

void uart16550_overrun(struct uart16550 *u)
{
	u->regs.errors |= LSR_OE;
	update_irq(u);
}

static void push_break(struct uart16550 *u)
{
	// A break is a character of zeros whose stop bit is missing.
	rx_push(&u->regs, 0, LSR_BI | LSR_FE);
	restart_timeout(u);
	update_irq(u);
}

void uart16550_receive_break(struct uart16550 *u)
{
	if (!looped(&u->regs))
		push_break(u);
}

// --- registers: one function each ----------------------------------------------------------------------

static uint8_t read_rbr(struct uart16550 *u)
{
	bool had = u->regs.rx_count != 0;
	uint8_t value = rx_pop(&u->regs);

	if (had) {
		restart_timeout(u);
		update_irq(u);
		u->host.rx_room(u->host.arg);
	}
	return value;
}

static void transmit(struct uart16550 *u, const uint8_t *buf, size_t len)
{
	uint8_t chunk[64];
	uint8_t mask = word_mask(&u->regs);

	if (mask == 0xff) {
		u->host.transmit(u->host.arg, buf, len);
		return;
	}
	while (len) {
		size_t n = MIN(len, sizeof(chunk));

		for (size_t i = 0; i < n; i++)
			chunk[i] = buf[i] & mask;
		u->host.transmit(u->host.arg, chunk, n);
		buf += n;
		len -= n;
	}
}

static void loop_back(struct uart16550 *u, const uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		rx_push(&u->regs, buf[i], 0);
	restart_timeout(u);
}

// The holding register fills and empties at once: the interrupt output falls and rises, which is the edge
// that an ISA interrupt input needs.
static void write_thr(struct uart16550 *u, const uint8_t *buf, size_t len)
{
	u->regs.thre_pending = 0;
	update_irq(u);
	if (looped(&u->regs))
		loop_back(u, buf, len);
	else
		transmit(u, buf, len);
	u->regs.thre_pending = 1;
	update_irq(u);
}

static void write_ier(struct uart16550 *u, uint8_t value)
{
	struct uart16550_regs *r = &u->regs;
	uint8_t changed = (uint8_t)((r->ier ^ value) & IER_MASK);

	r->ier = value & IER_MASK;
	// Turning ETBEI on while the holding register is empty (it always is) interrupts at once.
	if (changed & IER_ETBEI)
		r->thre_pending = (r->ier & IER_ETBEI) != 0;
	if (changed & IER_ERBFI)
		restart_timeout(u);
	update_irq(u);
}

static uint8_t read_iir(struct uart16550 *u)
{
	uint8_t source = interrupt_source(&u->regs);

	if (source == IIR_THRE) {
		u->regs.thre_pending = 0;
		update_irq(u);
	}
	return (uint8_t)(source | (fifo_on(&u->regs) ? IIR_FIFOS : 0));
}

static void write_fcr(struct uart16550 *u, uint8_t value)
{
	struct uart16550_regs *r = &u->regs;
	bool switched = (r->fcr ^ value) & FCR_ENABLE;

	// The other bits are programmed only while bit 0 is written as one.
	r->fcr = value & FCR_ENABLE ? value & (FCR_ENABLE | FCR_DMA | FCR_TRIGGER) : 0;
	if (switched || (value & (FCR_ENABLE | FCR_CLEAR_RX)) == (FCR_ENABLE | FCR_CLEAR_RX))
		rx_clear(r);
	restart_timeout(u);
	update_irq(u);
	u->host.rx_room(u->host.arg);
}

static void write_lcr(struct uart16550 *u, uint8_t value)
{
	bool break_begins = (value & ~u->regs.lcr) & LCR_BREAK;

	u->regs.lcr = value;
	if (break_begins && looped(&u->regs))
		push_break(u);
}

// In loopback the modem outputs drive the inputs: DTR-DSR, RTS-CTS, OUT1-RI, OUT2-DCD.
static uint8_t modem_lines(const struct uart16550_regs *r)
{
	uint8_t lines = 0;

	if (!looped(r))
		return r->inputs;
	if (r->mcr & MCR_RTS)
		lines |= MSR_CTS;
	if (r->mcr & MCR_DTR)
		lines |= MSR_DSR;
	if (r->mcr & MCR_OUT1)
		lines |= MSR_RI;
	if (r->mcr & MCR_OUT2)
		lines |= MSR_DCD;
	return lines;
}

// RI gives its delta on the trailing edge only.
static void note_deltas(struct uart16550_regs *r, uint8_t before)
{
	uint8_t after = modem_lines(r);
	uint8_t changed = before ^ after;

	if (changed & MSR_CTS)
		r->deltas |= MSR_DCTS;
	if (changed & MSR_DSR)
		r->deltas |= MSR_DDSR;
	if (before & ~after & MSR_RI)
		r->deltas |= MSR_TERI;
	if (changed & MSR_DCD)
		r->deltas |= MSR_DDCD;
}

static void write_mcr(struct uart16550 *u, uint8_t value)
{
	uint8_t before = modem_lines(&u->regs);
	bool leaves_loop = (u->regs.mcr & ~value) & MCR_LOOP;

	u->regs.mcr = value & MCR_MASK;
	note_deltas(&u->regs, before);
	update_irq(u);
	if (leaves_loop)
		u->host.rx_room(u->host.arg);
}

static bool error_in_fifo(const struct uart16550_regs *r)
{
	uint8_t any = 0;

	for (unsigned i = 0; i < r->rx_count; i++)
		any |= r->rx_errors[(r->rx_head + i) % UART16550_FIFO];
	return fifo_on(r) && any;
}

static uint8_t read_lsr(struct uart16550 *u)
{
	struct uart16550_regs *r = &u->regs;
	uint8_t value = LSR_THRE | LSR_TEMT | (r->errors & LSR_ERRORS);

	if (r->rx_count)
		value |= LSR_DR;
	if (error_in_fifo(r))
		value |= LSR_FIFO_ERROR;
	if (r->errors) {
		r->errors = 0;
		// What was just reported no longer counts for bit 7; later characters still do.
		if (r->rx_count)
			r->rx_errors[r->rx_head % UART16550_FIFO] = 0;
		update_irq(u);
	}
	return value;
}

static uint8_t read_msr(struct uart16550 *u)
{
	uint8_t value = modem_lines(&u->regs) | (u->regs.deltas & MSR_DELTAS);

	if (u->regs.deltas) {
		u->regs.deltas = 0;
		update_irq(u);
	}
	return value;
}

void uart16550_set_inputs(struct uart16550 *u, uint8_t lines)
{
	uint8_t before = modem_lines(&u->regs);

	u->regs.inputs = lines & MSR_LINES;
	note_deltas(&u->regs, before);
	update_irq(u);
}

uint8_t uart16550_read(struct uart16550 *u, unsigned offset)
{
	struct uart16550_regs *r = &u->regs;

	switch (offset % UART16550_PORTS) {
	case UART_RBR_THR_DLL: return dlab(r) ? r->dll : read_rbr(u);
	case UART_IER_DLM: return dlab(r) ? r->dlm : r->ier;
	case UART_IIR_FCR: return read_iir(u);
	case UART_LCR: return r->lcr;
	case UART_MCR: return r->mcr;
	case UART_LSR: return read_lsr(u);
	case UART_MSR: return read_msr(u);
	default: return r->scr;
	}
}

void uart16550_write(struct uart16550 *u, unsigned offset, uint8_t value)
{
	struct uart16550_regs *r = &u->regs;

	switch (offset % UART16550_PORTS) {
	case UART_RBR_THR_DLL:
		if (dlab(r))
			r->dll = value;
		else
			write_thr(u, &value, 1);
		break;
	case UART_IER_DLM:
		if (dlab(r))
			r->dlm = value;
		else
			write_ier(u, value);
		break;
	case UART_IIR_FCR: write_fcr(u, value); break;
	case UART_LCR: write_lcr(u, value); break;
	case UART_MCR: write_mcr(u, value); break;
	case UART_SCR: r->scr = value; break;
	default: break;         // LSR and MSR: writes are for factory tests
	}
}

void uart16550_write_string(struct uart16550 *u, unsigned offset, const uint8_t *buf, size_t len)
{
	if (offset % UART16550_PORTS == UART_RBR_THR_DLL && !dlab(&u->regs)) {
		if (len)
			write_thr(u, buf, len);
		return;
	}
	for (size_t i = 0; i < len; i++)
		uart16550_write(u, offset, buf[i]);
}

// --- life ----------------------------------------------------------------------------------------------

void uart16550_init(struct uart16550 *u, const struct uart16550_host *host)
{
	memset(u, 0, sizeof(*u));
	u->host = *host;
}

void uart16550_reset(struct uart16550 *u)
{
	struct uart16550_regs *r = &u->regs;

	r->ier = 0;
	r->fcr = 0;
	r->lcr = 0;
	r->mcr = 0;
	r->errors = 0;
	r->deltas = 0;
	r->thre_pending = 0;
	rx_clear(r);
	restart_timeout(u);
	update_irq(u);
	u->host.rx_room(u->host.arg);
}

void uart16550_loaded(struct uart16550 *u)
{
	uint8_t pending = u->regs.timeout_pending;

	restart_timeout(u);
	u->regs.timeout_pending = pending;
	update_irq(u);
}

static void sanitize(void *regs)
{
	struct uart16550_regs *r = regs;

	r->ier &= IER_MASK;
	r->fcr = r->fcr & FCR_ENABLE ? r->fcr & (FCR_ENABLE | FCR_DMA | FCR_TRIGGER) : 0;
	r->mcr &= MCR_MASK;
	r->errors &= LSR_ERRORS;
	r->deltas &= MSR_DELTAS;
	r->inputs &= MSR_LINES;
	r->rx_head %= UART16550_FIFO;
	r->rx_count = (uint8_t)MIN(r->rx_count, rx_capacity(r));
}

static const struct field field_list[] = {
	FIELD(struct uart16550_regs, ier),
	FIELD(struct uart16550_regs, fcr),
	FIELD(struct uart16550_regs, lcr),
	FIELD(struct uart16550_regs, mcr),
	FIELD(struct uart16550_regs, scr),
	FIELD(struct uart16550_regs, dll),
	FIELD(struct uart16550_regs, dlm),
	FIELD(struct uart16550_regs, errors),
	FIELD(struct uart16550_regs, deltas),
	FIELD(struct uart16550_regs, inputs),
	FIELD(struct uart16550_regs, thre_pending),
	FIELD(struct uart16550_regs, timeout_pending),
	FIELD(struct uart16550_regs, rx_head),
	FIELD(struct uart16550_regs, rx_count),
	FIELD_ARRAY(struct uart16550_regs, rx),
	FIELD_ARRAY(struct uart16550_regs, rx_errors),
};

const struct fields uart16550_fields = {
	.name = "uart16550",
	.version = 1,
	.struct_size = sizeof(struct uart16550_regs),
	.list = field_list,
	.count = ARRAY_SIZE(field_list),
	.sanitize = sanitize,
};
