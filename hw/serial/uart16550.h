// uart16550.h: the 16550A core: registers, FIFOs and interrupt rules. Knows no port address and no host.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Characters are transmitted the moment they are written, so the transmitter is always empty; the THRE
// interrupt still follows the data sheet (PC16550D): raised when the holding register becomes empty or ETBEI
// is turned on while it is, cleared by reading IIR as its source or by writing THR. The caller serialises all
// calls (its device lock).
#ifndef BERTH_SERIAL_UART16550_H
#define BERTH_SERIAL_UART16550_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/fields.h"

#define UART16550_FIFO 16u
#define UART16550_PORTS 8u

// Register offsets; the second name of a pair is the write side or DLAB = 1.
enum uart16550_reg {
	UART_RBR_THR_DLL = 0, UART_IER_DLM = 1, UART_IIR_FCR = 2, UART_LCR = 3, UART_MCR = 4, UART_LSR = 5,
	UART_MSR = 6, UART_SCR = 7,
};

enum uart16550_ier { IER_ERBFI = 0x01, IER_ETBEI = 0x02, IER_ELSI = 0x04, IER_EDSSI = 0x08, IER_MASK = 0x0f };
enum uart16550_iir {
	IIR_MODEM = 0x00, IIR_NONE = 0x01, IIR_THRE = 0x02, IIR_DATA = 0x04, IIR_LINE = 0x06,
	IIR_TIMEOUT = 0x0c, IIR_FIFOS = 0xc0,
};
enum uart16550_fcr {
	FCR_ENABLE = 0x01, FCR_CLEAR_RX = 0x02, FCR_CLEAR_TX = 0x04, FCR_DMA = 0x08, FCR_TRIGGER = 0xc0,
};
enum uart16550_lcr {
	LCR_WORD = 0x03, LCR_STOP = 0x04, LCR_PARITY = 0x08, LCR_BREAK = 0x40, LCR_DLAB = 0x80,
};
enum uart16550_mcr {
	MCR_DTR = 0x01, MCR_RTS = 0x02, MCR_OUT1 = 0x04, MCR_OUT2 = 0x08, MCR_LOOP = 0x10, MCR_MASK = 0x1f,
};
enum uart16550_lsr {
	LSR_DR = 0x01, LSR_OE = 0x02, LSR_PE = 0x04, LSR_FE = 0x08, LSR_BI = 0x10, LSR_THRE = 0x20,
	LSR_TEMT = 0x40, LSR_FIFO_ERROR = 0x80, LSR_CHAR_ERRORS = LSR_PE | LSR_FE | LSR_BI,
	LSR_ERRORS = LSR_OE | LSR_CHAR_ERRORS,
};
enum uart16550_msr {
	MSR_DCTS = 0x01, MSR_DDSR = 0x02, MSR_TERI = 0x04, MSR_DDCD = 0x08, MSR_CTS = 0x10, MSR_DSR = 0x20,
	MSR_RI = 0x40, MSR_DCD = 0x80, MSR_DELTAS = 0x0f, MSR_LINES = 0xf0,
};

struct uart16550_host {
	// The port's interrupt output, already gated by OUT2. Called on every re-evaluation; idempotent.
	void (*irq)(void *arg, bool level);
	// Characters leave; one call for what one access wrote.
	void (*transmit)(void *arg, const uint8_t *buf, size_t len);
	// The receiver has room again.
	void (*rx_room)(void *arg);
	// Call uart16550_timeout() NS nanoseconds from now (virtual time); 0 takes back what was asked for.
	void (*timer)(void *arg, uint64_t ns);
	void *arg;
};

// All that a snapshot saves.
struct uart16550_regs {
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	uint8_t errors;                         // LSR bits 1..4 that were not read yet
	uint8_t deltas;                         // MSR bits 0..3
	uint8_t inputs;                         // modem inputs of the connector, as MSR bits 4..7
	uint8_t thre_pending;                   // THRE interrupt not yet acknowledged
	uint8_t timeout_pending;                // character timeout interrupt
	uint8_t rx_head, rx_count;
	uint8_t rx[UART16550_FIFO];
	uint8_t rx_errors[UART16550_FIFO];      // LSR bits 2..4 that came with the character
};

struct uart16550 {
	struct uart16550_regs regs;
	struct uart16550_host host;             // copied by uart16550_init()
};

extern const struct fields uart16550_fields;

// Power-on state with all modem inputs inactive. HOST is copied; every callback must be set.
void uart16550_init(struct uart16550 *u, const struct uart16550_host *host);
// Master reset: registers to their reset values, FIFOs empty; scratch, divisor and modem inputs stay.
void uart16550_reset(struct uart16550 *u);
// After registers were loaded: brings interrupt output and timer in line with them.
void uart16550_loaded(struct uart16550 *u);

// Guest accesses; only the low three bits of OFFSET count.
uint8_t uart16550_read(struct uart16550 *u, unsigned offset);
void uart16550_write(struct uart16550 *u, unsigned offset, uint8_t value);
// LEN bytes to one offset, as `rep outsb` writes them; characters leave in one transmit call.
void uart16550_write_string(struct uart16550 *u, unsigned offset, const uint8_t *buf, size_t len);

// Characters from the line. Returns how many were taken: as many as there is room (none in loopback).
size_t uart16550_receive(struct uart16550 *u, const uint8_t *buf, size_t len);
// A character arrived although there is no room: OE, as on a line without flow control.
void uart16550_overrun(struct uart16550 *u);
// A break from the line.
void uart16550_receive_break(struct uart16550 *u);
// LINES: the modem inputs as MSR bits 4..7; changes become deltas.
void uart16550_set_inputs(struct uart16550 *u, uint8_t lines);
// The time asked for with host.timer has passed. Harmless when it is stale.
void uart16550_timeout(struct uart16550 *u);

#endif
