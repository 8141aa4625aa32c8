// fuzz_uart.c: bytes become accesses, received characters, timeouts and restored registers of a 16550A.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hw/serial/uart16550.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum op {
	OP_READ, OP_WRITE, OP_STRING, OP_RECEIVE, OP_BREAK, OP_OVERRUN, OP_INPUTS, OP_TIMEOUT, OP_RESET,
	OP_LOAD, OP_COUNT,
};

static void ignore_irq(void *arg, bool level) { }
static void ignore_tx(void *arg, const uint8_t *buf, size_t len)
{
	*(uint8_t *)arg ^= len ? buf[len - 1] : 0;
}
static void ignore_room(void *arg) { }
static void ignore_timer(void *arg, uint64_t ns) { }

static void check(const struct uart16550 *u)
{
	if (u->regs.rx_count > UART16550_FIFO || u->regs.rx_head >= UART16550_FIFO)
		abort();
}

static void load(struct uart16550 *u, const uint8_t *data, size_t size)
{
	memcpy(&u->regs, data, size < sizeof(u->regs) ? size : sizeof(u->regs));
	uart16550_fields.sanitize(&u->regs);
	uart16550_loaded(u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t sum = 0;
	const struct uart16550_host host = { ignore_irq, ignore_tx, ignore_room, ignore_timer, &sum };
	struct uart16550 u;

	uart16550_init(&u, &host);
	for (; size >= 2; data += 2, size -= 2) {
		size_t rest = size - 2 < 32 ? size - 2 : 32;

		switch (data[0] % OP_COUNT) {
		case OP_READ: sum ^= uart16550_read(&u, data[1]); break;
		case OP_WRITE: uart16550_write(&u, data[0] / OP_COUNT, data[1]); break;
		case OP_STRING: uart16550_write_string(&u, data[1], data + 2, rest); break;
		case OP_RECEIVE: uart16550_receive(&u, data + 2, rest); break;
		case OP_BREAK: uart16550_receive_break(&u); break;
		case OP_OVERRUN: uart16550_overrun(&u); break;
		case OP_INPUTS: uart16550_set_inputs(&u, data[1]); break;
		case OP_TIMEOUT: uart16550_timeout(&u); break;
		case OP_RESET: uart16550_reset(&u); break;
		default: load(&u, data + 2, size - 2); break;
		}
		check(&u);
	}
	return 0;
}
